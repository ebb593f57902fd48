//! The base algorithms as components embedded in the program, and how configuration and commands name an algorithm.
//!
//! It is a crate of its own because its build script compiles the components: other changes to the program do not
//! rebuild them.

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::LazyLock;

use domain::Digest;
use semver::Version;

include!(concat!(env!("OUT_DIR"), "/base_algorithms.rs"));

/// A base algorithm, embedded in the program as a component.
#[derive(Debug, PartialEq, Eq)]
pub struct Base {
    /// The name in configurations and commands.
    pub name: &'static str,
    /// The component's bytes.
    pub bytes: &'static [u8],
}

impl Base {
    /// The digest of the component.
    pub fn digest(&self) -> Digest {
        let known = BASE.iter().position(|base| base.name == self.name).and_then(|number| DIGESTS.get(number));
        known.copied().unwrap_or_else(|| Digest::of(self.bytes))
    }
}

/// The digests of all base algorithms, in their order.
static DIGESTS: LazyLock<Vec<Digest>> = LazyLock::new(|| BASE.iter().map(|base| Digest::of(base.bytes)).collect());

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
    DIGESTS.iter().position(|known| known == digest).and_then(|number| BASE.get(number))
}

/// Returns whether a component is part of this program, bit for bit, whatever it calls itself. Only such a component is
/// trusted with prices: any other has [default limits](domain::round::PriceLimits::or_default).
pub fn is_own(component: &Digest) -> bool {
    base_by_digest(component).is_some()
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
    /// The text could not be the name of an uploaded algorithm.
    #[error(
        "{name:?} is not an algorithm (name a .wasm file, one of {}, or an uploaded one by NAME, NAME@VERSION or sha256:DIGEST; {NAME_RULE}, and {VERSION_RULE})",
        names()
    )]
    Label {
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
        if is_name(name) && version.is_none_or(is_version) {
            return Ok(Reference::Uploaded { name: name.to_owned(), version: version.map(str::to_owned) });
        }
        Err(InvalidReference::Label { name: text.to_owned() })
    }

    /// Makes a reference from a digest, preferring a base algorithm.
    pub fn of(digest: Digest) -> Reference {
        base_by_digest(&digest).map_or(Reference::Digest(digest), Reference::Base)
    }
}

/// Returns whether a text may be an algorithm's name; see [`NAME_RULE`].
///
/// People decide by the name whose algorithm settles, so no two names look alike, in any typeface or alphabet.
pub fn is_name(text: &str) -> bool {
    let is_plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
    let may_follow = |byte: u8| is_plain(byte) || b".-".contains(&byte);
    text.len() <= LABEL_CHARS_MAX && text.bytes().next().is_some_and(is_plain) && text.bytes().all(may_follow)
}

/// Returns whether a text may be an algorithm's version: a [semantic](https://semver.org) one; see [`VERSION_RULE`].
pub fn is_version(text: &str) -> bool {
    text.len() <= LABEL_CHARS_MAX && Version::parse(text).is_ok()
}

/// What names of algorithms are, for people.
pub const NAME_RULE: &str =
    "a name has 1 to 64 of the characters a-z, 0-9, '-' and '.', and begins with a letter or a digit";

/// What versions of algorithms are, for people.
pub const VERSION_RULE: &str = "a version is a semantic one of at most 64 characters, such as 1.0.0 or 2.1.0-rc.1";

/// Maximum length of an algorithm's name or version, in characters.
const LABEL_CHARS_MAX: usize = 64;

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
    fn a_component_is_known_by_its_bytes() {
        for base in &BASE {
            assert_eq!(base_by_digest(&Digest::of(base.bytes)), Some(base));
            let mut changed = base.bytes.to_vec();
            *changed.last_mut().unwrap() ^= 1;
            assert!(is_own(&Digest::of(base.bytes)) && !is_own(&Digest::of(&changed)), "{}", base.name);
        }
    }

    #[test]
    fn a_reference_to_a_store_may_also_be_a_label() {
        let here = Path::new("here");
        let uploaded = |name: &str, version: Option<&str>| {
            Ok(Reference::Uploaded { name: name.to_owned(), version: version.map(str::to_owned) })
        };
        let parse = |text: &str| Reference::parse_stored(text, here);
        assert_eq!(parse("own"), uploaded("own", None));
        assert_eq!(parse("own@1.2.0-rc.1"), uploaded("own", Some("1.2.0-rc.1")));
        assert_eq!(parse("own@1.0.0+b7").unwrap().to_string(), "own@1.0.0+b7");
        assert_eq!(parse("3rd-way"), uploaded("3rd-way", None));
        assert_eq!(parse("uniform@1.0.0"), uploaded("uniform", Some("1.0.0")));
        assert_eq!(parse("own.wasm"), Ok(Reference::File("here/own.wasm".into())));
        assert_eq!(parse("./own"), Ok(Reference::File("here/./own".into())));
        for wrong in
            ["", "own@", "@1.0.0", " own", "own@1.0.0 ", "o\nwn", "Own", "öwn", "оwn", "-own", "o_wn", &"x".repeat(65)]
        {
            let error = parse(wrong).unwrap_err().to_string();
            assert!(error.contains(NAME_RULE) && error.contains(VERSION_RULE), "{wrong:?}: {error}");
        }
        for wrong in
            ["1", "1.0", "01.0.0", "1.0.0.0", "v1.0.0", "1.0.0-", "１.0.0", &format!("1.0.0-{}", "x".repeat(60))]
        {
            assert!(parse(&format!("own@{wrong}")).is_err() && !is_version(wrong), "{wrong:?}");
        }
        assert!(Reference::parse("own@1.0.0", here).is_err());
    }
}
