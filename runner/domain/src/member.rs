//! Names of members and meters.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

/// Longest name of a member or meter, in bytes. Platform ids have some 20; a name is a key in every trade.
const NAME_BYTES_MAX: usize = 128;

/// The grid's id on the platform's wire.
pub const PLATFORM_GRID: &str = "100";

/// Names that mean somebody else: the two other parties of a trade, and the grid on the platform's wire.
const RESERVED: [&str; 3] = ["grid", "operator", PLATFORM_GRID];

/// A name that no member or meter can have.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InvalidName {
    /// The name has no character.
    #[error("a name is empty")]
    Empty,
    /// The name is too long to be a key.
    #[error("name {0:?}… has {1} bytes, at most {NAME_BYTES_MAX} are allowed")]
    TooLong(String, usize),
    /// The name has a character that cannot be shown.
    #[error("name {0:?} has a control character")]
    Control(String),
    /// The name means the grid or the community's own account.
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
/// Not empty, at most 128 bytes, no control characters, and none of `grid`, `operator` and `100`.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct MemberId(Arc<str>);

/// The name of a meter. Same rules as for a member, but that reserved names are allowed.
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
    /// The member that a meter is when nobody else owns it.
    ///
    /// # Errors
    /// If the meter has a name that no member may have.
    pub fn from_meter(meter: &MeterId) -> Result<MemberId, InvalidName> {
        meter.as_str().parse()
    }

    /// The name.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl MeterId {
    /// The name.
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
    fn names_that_mean_somebody_else_are_refused_for_members_only() {
        for name in RESERVED {
            assert_eq!(name.parse::<MemberId>(), Err(InvalidName::Reserved(name.to_owned())));
            assert!(name.parse::<MeterId>().is_ok());
        }
    }

    #[test]
    fn a_name_can_be_shown_and_is_short() {
        assert_eq!("".parse::<MeterId>(), Err(InvalidName::Empty));
        assert_eq!("a\nb".parse::<MemberId>(), Err(InvalidName::Control("a\nb".to_owned())));
        let long = "ü".repeat(65);
        assert_eq!(long.parse::<MeterId>(), Err(InvalidName::TooLong("ü".repeat(32), 130)));
        assert!("ü".repeat(64).parse::<MeterId>().is_ok());
    }
}
