//! Finds the component that a reference names, in this program, a file or a store, and loads it into a sandbox.

use std::borrow::Cow;
use std::fs::File;
use std::io::{self, Read};
use std::path::PathBuf;

use base::{Reference, base_by_digest, names};
use domain::Digest;
use sandbox::{Algorithm, COMPONENT_BYTES_MAX, Failure, LoadError, Sandbox};

/// An algorithm that cannot be used. With its causes, its text goes into stored records and over the wire.
#[derive(Debug, thiserror::Error)]
pub enum UnusableAlgorithm {
    #[error("cannot read {} (name a component file, or one of {})", path.display(), names())]
    File { path: PathBuf, source: io::Error },
    #[error("no algorithm with digest {0} is known here (give its file, or upload it)")]
    UnknownDigest(Digest),
    #[error(
        "no algorithm {reference} was uploaded here (upload it, or name {}one of {})",
        list_uploaded(.uploaded),
        names()
    )]
    UnknownLabel { reference: String, uploaded: Vec<String> },
    #[error("{reference}: describe failed (rec-market algorithm check shows more)")]
    Describe { reference: String, source: Failure },
    #[error("{reference}")]
    Load { reference: String, source: LoadError },
}

fn list_uploaded(uploaded: &[String]) -> String {
    if uploaded.is_empty() { String::new() } else { format!("{}, or ", uploaded.join(", ")) }
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
            // Limited, because a device has no end and reports no size.
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
        // Callers with a store resolve the label to a digest first.
        Reference::Uploaded { .. } => {
            Err(UnusableAlgorithm::UnknownLabel { reference: reference.to_string(), uploaded: Vec::new() })
        }
    }
}

/// Compiles a component. Base algorithms are trusted and compiled in this process, others in a child process.
///
/// # Errors
/// If it is not an algorithm.
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
