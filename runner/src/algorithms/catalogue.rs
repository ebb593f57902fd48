//! Gets algorithms: the bytes of a reference, from this program, a file or a store, and made ready to load.

use std::borrow::Cow;
use std::fs::File;
use std::io::Read;
use std::path::PathBuf;

use base::{Reference, base_by_digest, names};
use domain::Digest;
use sandbox::{Algorithm, COMPONENT_BYTES_MAX, Failure, LoadError, Sandbox};

fn others(uploaded: &[String]) -> String {
    if uploaded.is_empty() { String::new() } else { format!("{}, or ", uploaded.join(", ")) }
}

/// An algorithm that cannot be had.
#[derive(Debug, thiserror::Error)]
pub enum UnusableAlgorithm {
    /// The file cannot be read.
    #[error("cannot read {}: {source} (name a component file, or one of {})", path.display(), names())]
    File {
        /// The file.
        path: PathBuf,
        /// The reason.
        source: std::io::Error,
    },
    /// No component has this digest.
    #[error("no algorithm with digest {0} is known here (give its file, or upload it)")]
    UnknownDigest(Digest),
    /// Nothing was uploaded under this label.
    #[error("no algorithm {reference} was uploaded here (upload it, or name {}one of {})", others(.uploaded), names())]
    UnknownLabel {
        /// The label.
        reference: String,
        /// What was uploaded, by label.
        uploaded: Vec<String>,
    },
    /// It does not say what it is.
    #[error("{reference}: describe failed: {failure} (rec-market algorithm check shows more)")]
    Describe {
        /// Which one.
        reference: String,
        /// How it failed.
        failure: Failure,
    },
    /// It is there, but it is no algorithm.
    #[error("{reference}: {source}")]
    Load {
        /// Which one.
        reference: String,
        /// Why not.
        source: LoadError,
    },
}

/// The bytes of a component.
///
/// # Errors
/// If the file cannot be read, or `stored` does not know the digest.
pub fn read(
    reference: &Reference,
    stored: impl FnOnce(&Digest) -> Option<Vec<u8>>,
) -> Result<Cow<'static, [u8]>, UnusableAlgorithm> {
    match reference {
        Reference::Base(base) => Ok(Cow::Borrowed(base.bytes)),
        Reference::File(path) => {
            let unreadable = |source| UnusableAlgorithm::File { path: path.clone(), source };
            let mut file = File::open(path).map_err(unreadable)?;
            let mut component = Vec::new();
            // A device has no size, and no end.
            file.by_ref().take(COMPONENT_BYTES_MAX + 1).read_to_end(&mut component).map_err(unreadable)?;
            let read = component.len() as u64;
            if read > COMPONENT_BYTES_MAX {
                let bytes = file.metadata().map_or(read, |metadata| metadata.len().max(read));
                let source = LoadError::TooLarge { bytes, bytes_max: COMPONENT_BYTES_MAX };
                return Err(UnusableAlgorithm::Load { reference: reference.to_string(), source });
            }
            Ok(Cow::Owned(component))
        }
        Reference::Digest(digest) => match base_by_digest(digest) {
            Some(base) => Ok(Cow::Borrowed(base.bytes)),
            None => stored(digest).map(Cow::Owned).ok_or(UnusableAlgorithm::UnknownDigest(*digest)),
        },
        // Whoever has a store asks it for the digest first.
        Reference::Uploaded { .. } => {
            Err(UnusableAlgorithm::UnknownLabel { reference: reference.to_string(), uploaded: Vec::new() })
        }
    }
}

/// Makes a component ready to run. What was built with this program is compiled in this process.
///
/// # Errors
/// If it is no algorithm.
pub fn load(sandbox: &Sandbox, reference: &Reference, bytes: &[u8]) -> Result<Algorithm, UnusableAlgorithm> {
    let loaded = match reference {
        Reference::Base(_) => sandbox.load_own(bytes),
        Reference::File(_) | Reference::Digest(_) | Reference::Uploaded { .. } => sandbox.load(bytes),
    };
    loaded.map_err(|source| UnusableAlgorithm::Load { reference: reference.to_string(), source })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_base_algorithm_is_found_by_its_digest() {
        let digest = Digest::of(base::default_base().bytes);
        let bytes = read(&Reference::Digest(digest), |_| None).unwrap();
        assert_eq!(bytes, base::default_base().bytes);
    }
}
