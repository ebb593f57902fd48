//! The base algorithms, as components in this program, and how configuration and commands name an algorithm.
//!
//! A crate of its own, because its build script builds the components: a change of the program builds none of them again.

use std::fmt;
use std::path::{Path, PathBuf};

use domain::Digest;

include!(concat!(env!("OUT_DIR"), "/base_algorithms.rs"));

/// A base algorithm, as a component in this program.
#[derive(Debug, PartialEq, Eq)]
pub struct Base {
    /// Its name.
    pub name: &'static str,
    /// The component file.
    pub bytes: &'static [u8],
}

/// The algorithm of a community that names none: fair to both sides and easy to explain.
pub fn default_base() -> &'static Base {
    base("mid-market-rate").unwrap_or(&BASE[0])
}

/// The algorithm that settles everything with the grid: what is used where another one fails and the community's policy
/// says `fallback`.
pub fn public_grid() -> &'static Base {
    base("public-grid").unwrap_or(&BASE[0])
}

/// The base algorithm of that name.
pub fn base(name: &str) -> Option<&'static Base> {
    BASE.iter().find(|base| base.name == name)
}

/// The base algorithm with that digest.
pub fn base_by_digest(digest: &Digest) -> Option<&'static Base> {
    BASE.iter().find(|base| Digest::of(base.bytes) == *digest)
}

/// How a configuration or a command names an algorithm.
#[derive(Clone, Debug, PartialEq)]
pub enum Reference {
    /// One of the nine.
    Base(&'static Base),
    /// A component file.
    File(PathBuf),
    /// One of the nine, one that was uploaded, or one that a stored interval was settled with, by its digest.
    Digest(Digest),
    /// One that was uploaded, by its label.
    Uploaded {
        /// Its name.
        name: String,
        /// Its version; none for the one that the name meant first.
        version: Option<String>,
    },
}

/// A reference to no algorithm.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidReference {
    /// Neither a name nor a file.
    #[error("{name:?} is no algorithm (name a .wasm file, or one of {})", names())]
    Unknown {
        /// The text.
        name: String,
    },
    /// No digest.
    #[error(transparent)]
    Digest(#[from] domain::digest::InvalidDigest),
}

/// The names of the base algorithms, for people.
pub fn names() -> String {
    BASE.each_ref().map(|base| base.name).join(", ")
}

impl Reference {
    /// Reads a reference where only this program is at hand: a base algorithm's name, `sha256:…`, or a path relative to
    /// `directory`.
    ///
    /// # Errors
    /// If it is neither.
    pub fn parse(text: &str, directory: &Path) -> Result<Reference, InvalidReference> {
        match Reference::parse_stored(text, directory)? {
            Reference::Uploaded { .. } => Err(InvalidReference::Unknown { name: text.to_owned() }),
            reference => Ok(reference),
        }
    }

    /// Reads a reference where there is a store as well: the same, or `NAME` or `NAME@VERSION` of what was uploaded.
    ///
    /// # Errors
    /// If it is neither.
    pub fn parse_stored(text: &str, directory: &Path) -> Result<Reference, InvalidReference> {
        if let Some(base) = base(text) {
            return Ok(Reference::Base(base));
        }
        if let Some(digest) = text.strip_prefix("sha256:") {
            return Ok(Reference::Digest(digest.parse::<Digest>()?));
        }
        let path = directory.join(text);
        let labelled = text.contains('@') && !text.contains('/');
        let named = Path::new(text).extension().is_some() && !labelled;
        if named || text.contains('/') || path.is_file() {
            return Ok(Reference::File(path));
        }
        let (name, version) = match text.rsplit_once('@') {
            Some((name, version)) => (name, Some(version)),
            None => (text, None),
        };
        if [Some(name), version].into_iter().flatten().all(is_label) {
            return Ok(Reference::Uploaded { name: name.to_owned(), version: version.map(str::to_owned) });
        }
        Err(InvalidReference::Unknown { name: text.to_owned() })
    }

    /// The algorithm with this digest.
    pub fn of(digest: Digest) -> Reference {
        base_by_digest(&digest).map_or(Reference::Digest(digest), Reference::Base)
    }
}

/// Whether a text can be the name or the version of an algorithm: one that a person can see and type.
pub fn is_label(text: &str) -> bool {
    let length = text.chars().count();
    (1..=LABEL_CHARS_MAX).contains(&length) && text.trim() == text && !text.chars().any(char::is_control)
}

/// Longest name and version of an algorithm, in characters.
pub const LABEL_CHARS_MAX: usize = 64;

/// As a person would name it.
impl fmt::Display for Reference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Reference::Base(base) => f.write_str(base.name),
            Reference::File(path) => write!(f, "{}", path.display()),
            Reference::Digest(digest) => write!(f, "sha256:{digest}"),
            Reference::Uploaded { name, version: None } => f.write_str(name),
            Reference::Uploaded { name, version: Some(version) } => write!(f, "{name}@{version}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reference_is_a_name_a_digest_or_a_file() {
        let here = Path::new("here");
        assert_eq!(Reference::parse("uniform", here).unwrap().to_string(), "uniform");
        assert_eq!(Reference::parse("uniform.wasm", here).unwrap(), Reference::File("here/uniform.wasm".into()));
        let digest = Digest::of(b"x");
        assert_eq!(Reference::parse(&format!("sha256:{digest}"), here).unwrap(), Reference::Digest(digest));
        assert!(Reference::parse("sha256:12", here).is_err());
        let error = Reference::parse("unifrom", here).unwrap_err().to_string();
        assert!(error.contains("\"unifrom\"") && error.contains("uniform"), "{error}");
    }

    #[test]
    fn where_there_is_a_store_a_label_is_one_too() {
        let here = Path::new("here");
        let uploaded = |name: &str, version: Option<&str>| {
            Ok(Reference::Uploaded { name: name.to_owned(), version: version.map(str::to_owned) })
        };
        let parse = |text| Reference::parse_stored(text, here);
        assert_eq!(parse("own"), uploaded("own", None));
        assert_eq!(parse("own@1.2.0-rc.1"), uploaded("own", Some("1.2.0-rc.1")));
        assert_eq!(parse("own@1").unwrap().to_string(), "own@1");
        assert_eq!(parse("uniform@1.0.0"), uploaded("uniform", Some("1.0.0")));
        assert_eq!(parse("own.wasm"), Ok(Reference::File("here/own.wasm".into())));
        assert_eq!(parse("./own"), Ok(Reference::File("here/./own".into())));
        for wrong in ["", "own@", "@1", " own", "own@1 ", "o\nwn", &"x".repeat(65)] {
            assert!(parse(wrong).is_err(), "{wrong:?}");
        }
        assert!(Reference::parse("own@1", here).is_err());
    }
}
