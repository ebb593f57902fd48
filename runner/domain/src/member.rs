//! Names of members and meters.

use std::cmp::Ordering;
use std::collections::{BTreeMap, btree_map};
use std::fmt;
use std::iter::Peekable;
use std::str::FromStr;
use std::sync::Arc;

use crate::text::is_unprintable;

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
    /// The name contains a character that is not printed, with which it could disturb tables and logs or look like another.
    #[error("name {0:?} has the character U+{code:04X}, which nobody sees (leave it out)", code = u32::from(*.1))]
    Unprintable(String, char),
    /// The name has space around it, with which it looks like another.
    #[error("name {0:?} has space around it (leave it out)")]
    Padded(String),
    /// The name is reserved for the grid or for the operator, the community's own account.
    #[error(
        "no member may be called {0:?}: it means the grid or the operator (give the meter to a member of another name)"
    )]
    Reserved(String),
}

fn check_new(name: &str) -> Result<Arc<str>, InvalidName> {
    let kept = check_kept(name)?;
    match name.chars().find(|character| is_unprintable(*character)) {
        Some(character) => Err(InvalidName::Unprintable(name.to_owned(), character)),
        None if name.trim() != name => Err(InvalidName::Padded(name.to_owned())),
        None => Ok(kept),
    }
}

/// What every name that was ever accepted has passed.
fn check_kept(name: &str) -> Result<Arc<str>, InvalidName> {
    if name.is_empty() {
        Err(InvalidName::Empty)
    } else if name.len() > NAME_BYTES_MAX {
        let start = name.chars().take(32).collect();
        Err(InvalidName::TooLong(start, name.len()))
    } else if let Some(control) = name.chars().find(|character| character.is_control()) {
        Err(InvalidName::Unprintable(name.to_owned(), control))
    } else {
        Ok(name.into())
    }
}

/// The name of a member of a community: a person or a firm.
///
/// It has 1 to 128 bytes, no characters that are not printed and no space around it, and is not `grid`, `operator` or
/// `100`. Cheap to clone.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct MemberId(Arc<str>);

/// The name of a meter. The rules are those of [`MemberId`], except that reserved names are allowed. Cheap to clone.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct MeterId(Arc<str>);

impl FromStr for MemberId {
    type Err = InvalidName;

    fn from_str(name: &str) -> Result<MemberId, InvalidName> {
        check_reserved(name)?;
        check_new(name).map(MemberId)
    }
}

impl FromStr for MeterId {
    type Err = InvalidName;

    fn from_str(name: &str) -> Result<MeterId, InvalidName> {
        check_new(name).map(MeterId)
    }
}

fn check_reserved(name: &str) -> Result<(), InvalidName> {
    if RESERVED.contains(&name) { Err(InvalidName::Reserved(name.to_owned())) } else { Ok(()) }
}

impl MemberId {
    /// Reads a name from a store, which may have one from when a name could hold more: format characters, or space around
    /// it.
    ///
    /// # Errors
    /// If no name could ever be that.
    pub fn from_stored(name: &str) -> Result<MemberId, InvalidName> {
        check_reserved(name)?;
        check_kept(name).map(MemberId)
    }

    /// Returns the member that stands for a meter without an owner: it has the meter's name.
    ///
    /// # Errors
    /// If the meter's name is reserved, so that no member may have it.
    pub fn from_meter(meter: &MeterId) -> Result<MemberId, InvalidName> {
        check_reserved(meter.as_str())?;
        Ok(MemberId(Arc::clone(&meter.0)))
    }

    /// Returns the name.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl MeterId {
    /// Reads a name from a store, as [`MemberId::from_stored`].
    ///
    /// # Errors
    /// If no name could ever be that.
    pub fn from_stored(name: &str) -> Result<MeterId, InvalidName> {
        check_kept(name).map(MeterId)
    }

    /// Returns the name.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl MeterId {
    /// Returns the name for a table that is asked with names from outside.
    pub(crate) fn shared(&self) -> Arc<str> {
        Arc::clone(&self.0)
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

/// Looks up meters or members in a map, one after the other in ascending order: all of them in one walk along the map.
pub struct InOrder<'m, K, V>(Peekable<btree_map::Iter<'m, K, V>>);

impl<'m, K: Ord, V> InOrder<'m, K, V> {
    /// Begins a walk.
    pub fn of(map: &'m BTreeMap<K, V>) -> InOrder<'m, K, V> {
        InOrder(map.iter().peekable())
    }

    /// Returns what the map has of a name, which must not come before those that were looked up.
    pub fn find(&mut self, name: &K) -> Option<&'m V> {
        while let Some((next, value)) = self.0.peek() {
            match (*next).cmp(name) {
                Ordering::Less => {
                    self.0.next();
                }
                Ordering::Equal => return Some(*value),
                Ordering::Greater => return None,
            }
        }
        None
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
        assert!("João's Zähler & 太陽 2".parse::<MeterId>().is_ok());
        let long = "ü".repeat(65);
        assert_eq!(long.parse::<MeterId>(), Err(InvalidName::TooLong("ü".repeat(32), 130)));
        assert!("ü".repeat(64).parse::<MeterId>().is_ok());
    }

    #[test]
    fn names_that_look_alike_are_refused() {
        for (name, code) in [
            ("a\nb", "U+000A"),
            ("m\u{202e}01", "U+202E"),
            ("m\u{200b}01", "U+200B"),
            ("m01\u{feff}", "U+FEFF"),
            ("m\u{ad}01", "U+00AD"),
            ("m\u{2028}01", "U+2028"),
            ("m\u{2029}01", "U+2029"),
        ] {
            let error = name.parse::<MemberId>().unwrap_err();
            assert!(error.to_string().contains(&format!("has the character {code}, ")), "{error}");
            assert_eq!(name.parse::<MeterId>(), Err(error.clone()));
            assert!(!error.to_string().contains(is_unprintable), "{error}");
        }
        for name in [" m01", "m01 ", "m01\u{a0}", "\u{3000}m01", " "] {
            assert_eq!(name.parse::<MemberId>(), Err(InvalidName::Padded(name.to_owned())));
            assert_eq!(name.parse::<MeterId>(), Err(InvalidName::Padded(name.to_owned())));
        }
    }

    #[test]
    fn names_that_a_store_has_can_be_read_for_ever() {
        for name in ["m\u{202e}01", " m01", "m01"] {
            assert_eq!(MemberId::from_stored(name).unwrap().as_str(), name);
            assert_eq!(MeterId::from_stored(name).unwrap().as_str(), name);
        }
        assert_eq!(MemberId::from_stored("grid"), Err(InvalidName::Reserved("grid".to_owned())));
        assert_eq!(MeterId::from_stored("a\nb"), Err(InvalidName::Unprintable("a\nb".to_owned(), '\n')));
        assert_eq!(MeterId::from_stored(""), Err(InvalidName::Empty));
    }
}
