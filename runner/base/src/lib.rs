//! The base algorithms as components embedded in the program, and how configuration and commands name an algorithm.
//!
//! It is a crate of its own because its build script compiles the components: other changes to the program do not
//! rebuild them.

use std::fmt;
use std::path::{Path, PathBuf};

use domain::Digest;

include!(concat!(env!("OUT_DIR"), "/base_algorithms.rs"));

/// A base algorithm, embedded in the program as a component.
#[derive(Debug, PartialEq, Eq)]
pub struct Base {
    /// The name in configurations and commands.
    pub name: &'static str,
    /// The component's bytes.
    pub bytes: &'static [u8],
}

/// Returns the algorithm of a community that configures none, `mid-market-rate`: fair to both sides and easy to
/// explain.
pub fn default_base() -> &'static Base {
    base("mid-market-rate").unwrap_or(&BASE[0])
}

/// Returns the algorithm that settles everything with the grid, `public-grid`. It replaces an algorithm that fails if
/// the community's failure policy is `fallback`.
pub fn public_grid() -> &'static Base {
    base("public-grid").unwrap_or(&BASE[0])
}

/// Finds a base algorithm by its name.
pub fn base(name: &str) -> Option<&'static Base> {
    BASE.iter().find(|base| base.name == name)
}

/// Finds a base algorithm by the digest of its component.
pub fn base_by_digest(digest: &Digest) -> Option<&'static Base> {
    BASE.iter().find(|base| Digest::of(base.bytes) == *digest)
}

/// How a configuration or a command names an algorithm.
#[derive(Clone, Debug, PartialEq)]
pub enum Reference {
    /// A base algorithm.
    Base(&'static Base),
    /// A component file, by its path.
    File(PathBuf),
    /// A base algorithm, an uploaded one, or one that settled a stored interval, by the SHA-256 digest of its
    /// component.
    Digest(Digest),
    /// An uploaded algorithm, by its label.
    Uploaded {
        /// The algorithm's name.
        name: String,
        /// The algorithm's version. `None` means the newest one, to which a community's configuration pins the name
        /// when it first uses it.
        version: Option<String>,
    },
}

/// The error for text that does not refer to an algorithm.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidReference {
    /// The text is neither a known name nor a path.
    #[error("{name:?} is not an algorithm (name a .wasm file, or one of {})", names())]
    Unknown {
        /// The text that was given.
        name: String,
    },
    /// The text after `sha256:` is not a digest.
    #[error(transparent)]
    Digest(#[from] domain::digest::InvalidDigest),
}

/// Lists the names of the base algorithms, for people.
pub fn names() -> String {
    BASE.each_ref().map(|base| base.name).join(", ")
}

impl Reference {
    /// Parses a reference where no store is available: a base algorithm's name, `sha256:…`, or a path relative to
    /// `directory`.
    ///
    /// # Errors
    /// If the text is none of these.
    pub fn parse(text: &str, directory: &Path) -> Result<Reference, InvalidReference> {
        match Reference::parse_stored(text, directory)? {
            Reference::Uploaded { .. } => Err(InvalidReference::Unknown { name: text.to_owned() }),
            reference => Ok(reference),
        }
    }

    /// Parses a reference where a store is available: as [`parse`](Reference::parse), or `NAME` or `NAME@VERSION` of an
    /// uploaded algorithm.
    ///
    /// # Errors
    /// If the text is none of these.
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

    /// Makes a reference from a digest, preferring a base algorithm.
    pub fn of(digest: Digest) -> Reference {
        base_by_digest(&digest).map_or(Reference::Digest(digest), Reference::Base)
    }
}

/// Returns whether a text is a valid name or version: 1 to [`LABEL_CHARS_MAX`] characters, none of them a control
/// character, and no white space around it.
pub fn is_label(text: &str) -> bool {
    let length = text.chars().count();
    (1..=LABEL_CHARS_MAX).contains(&length) && text.trim() == text && !text.chars().any(char::is_control)
}

/// Maximum length of an algorithm's name or version, in characters.
pub const LABEL_CHARS_MAX: usize = 64;

/// Displays the reference in the form that [`Reference::parse_stored`] accepts.
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
    fn a_reference_to_a_store_may_also_be_a_label() {
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
