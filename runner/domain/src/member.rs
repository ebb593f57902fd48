//! Names of members and meters.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

/// Maximum length of a member's or meter's name, in bytes. Names are keys in every trade; the platform's have about 20.
const NAME_BYTES_MAX: usize = 128;

/// The grid's name as a party of a trade. No member may have it.
pub const GRID_NAME: &str = "grid";

/// The operator's name as a party of a trade. No member may have it.
pub const OPERATOR_NAME: &str = "operator";

/// The grid's id on the platform's wire.
pub const PLATFORM_GRID: &str = "100";

/// Names that members may not have: the other parties of a trade, and the grid's id on the platform's wire.
const RESERVED: [&str; 3] = [GRID_NAME, OPERATOR_NAME, PLATFORM_GRID];

/// The error for a name that a member or meter may not have.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InvalidName {
    /// The name is empty.
    #[error("a name is empty")]
    Empty,
    /// The name has more than 128 bytes: its first 32 characters, and its length in bytes.
    #[error("name {0:?}… has {1} bytes, at most {NAME_BYTES_MAX} are allowed")]
    TooLong(String, usize),
    /// The name contains a control character, which could disturb tables and logs.
    #[error("name {0:?} has a control character")]
    Control(String),
    /// The name is reserved for the grid or for the operator, the community's own account.
    #[error(
        "no member may be called {0:?}: it means the grid or the operator (give the meter to a member of another name)"
    )]
    Reserved(String),
}

fn check_name(name: &str) -> Result<Arc<str>, InvalidName> {
    if name.is_empty() {
        Err(InvalidName::Empty)
    } else if name.len() > NAME_BYTES_MAX {
        let start = name.chars().take(32).collect();
        Err(InvalidName::TooLong(start, name.len()))
    } else if name.chars().any(char::is_control) {
        Err(InvalidName::Control(name.to_owned()))
    } else {
        Ok(name.into())
    }
}

/// The name of a member of a community: a person or a firm.
///
/// It has 1 to 128 bytes and no control characters, and is not `grid`, `operator` or `100`. Cheap to clone.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct MemberId(Arc<str>);

/// The name of a meter. The rules are those of [`MemberId`], except that reserved names are allowed. Cheap to clone.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct MeterId(Arc<str>);

impl FromStr for MemberId {
    type Err = InvalidName;

    fn from_str(name: &str) -> Result<MemberId, InvalidName> {
        if RESERVED.contains(&name) {
            return Err(InvalidName::Reserved(name.to_owned()));
        }
        check_name(name).map(MemberId)
    }
}

impl FromStr for MeterId {
    type Err = InvalidName;

    fn from_str(name: &str) -> Result<MeterId, InvalidName> {
        check_name(name).map(MeterId)
    }
}

impl MemberId {
    /// Returns the member that stands for a meter without an owner: it has the meter's name.
    ///
    /// # Errors
    /// If the meter's name is reserved, so that no member may have it.
    pub fn from_meter(meter: &MeterId) -> Result<MemberId, InvalidName> {
        meter.as_str().parse()
    }

    /// Returns the name.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl MeterId {
    /// Returns the name.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for MemberId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for MemberId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.0, f)
    }
}

impl fmt::Display for MeterId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for MeterId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.0, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reserved_names_are_refused_for_members_only() {
        for name in RESERVED {
            assert_eq!(name.parse::<MemberId>(), Err(InvalidName::Reserved(name.to_owned())));
            assert!(name.parse::<MeterId>().is_ok());
        }
    }

    #[test]
    fn a_name_is_not_empty_printable_and_short() {
        assert_eq!("".parse::<MeterId>(), Err(InvalidName::Empty));
        assert_eq!("a\nb".parse::<MemberId>(), Err(InvalidName::Control("a\nb".to_owned())));
        let long = "ü".repeat(65);
        assert_eq!(long.parse::<MeterId>(), Err(InvalidName::TooLong("ü".repeat(32), 130)));
        assert!("ü".repeat(64).parse::<MeterId>().is_ok());
    }
}
