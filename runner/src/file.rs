//! Writes files carefully: each is complete or absent, and only those who should can read it.

use std::fs::{DirBuilder, Permissions};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, PermissionsExt};
use std::path::Path;

use rustix::fs::{StatVfsMountFlags, statvfs};
use tempfile::{Builder, NamedTempFile};

/// Who can read a new file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Access {
    /// Only its owner, whatever the umask says.
    Private,
    /// Everybody, whatever the umask says.
    Public,
    /// Whoever the umask lets.
    Umask,
}

/// Writes a file, in place of the one that may be there. Whoever opens it sees the old content or the new, never a part.
///
/// # Errors
/// If the file or its directory cannot be written; then the old content is still there.
pub fn replace(path: &Path, bytes: &[u8], access: Access) -> io::Result<()> {
    written_aside(path, bytes, access)?.persist(path)?;
    Ok(())
}

/// Writes a new file, and is content with one that has these bytes already.
///
/// # Errors
/// [`io::ErrorKind::AlreadyExists`] if a file with other content is there, which is left as it is. Others as for
/// [`replace`].
pub fn create(path: &Path, bytes: &[u8], access: Access) -> io::Result<()> {
    let is_there = || std::fs::read(path).is_ok_and(|content| content == bytes);
    if is_there() {
        return Ok(());
    }
    match written_aside(path, bytes, access)?.persist_noclobber(path) {
        Ok(_) => Ok(()),
        // Another process may have been faster.
        Err(error) if error.error.kind() == io::ErrorKind::AlreadyExists && is_there() => Ok(()),
        Err(error) => Err(error.error),
    }
}

/// Creates a directory, and those above it, into which only its owner can look, whatever the umask says. Leaves one that
/// exists as it is.
///
/// # Errors
/// If it cannot be created.
pub fn create_private_directory(path: &Path) -> io::Result<()> {
    DirBuilder::new().recursive(true).mode(0o700).create(path)
}

/// Where the platform mounts secrets: into this container alone, with whatever mode it was told.
const SECRETS: [&str; 2] = ["/run/secrets", "/var/run/secrets"];

/// Warns of files with something secret in them that others than their owner can read.
///
/// Not where nobody can change that, and somebody else has seen to it: below `/run/secrets`, and on what is mounted to be read
/// only.
pub fn warn_if_exposed<'p>(what: &str, files: impl IntoIterator<Item = &'p Path>) {
    let exposed = files.into_iter().filter(|file| is_exposed(file));
    let exposed: Vec<String> = exposed.map(|file| file.display().to_string()).collect();
    if !exposed.is_empty() {
        tracing::warn!("others than its owner can read {what} (chmod 600 {})", exposed.join(" "));
    }
}

/// Whether others than its owner can do anything with a file.
fn is_exposed(path: &Path) -> bool {
    let is_mounted = SECRETS.iter().any(|secrets| path.starts_with(secrets))
        || statvfs(path).is_ok_and(|mount| mount.f_flag.contains(StatVfsMountFlags::RDONLY));
    // What is not there or cannot be read is told by whoever needs it.
    let is_open = |file: std::fs::Metadata| file.permissions().mode() & 0o077 != 0;
    !is_mounted && std::fs::metadata(path).is_ok_and(is_open)
}

/// Writes a temporary file into the same directory, from where it can be renamed.
fn written_aside(path: &Path, bytes: &[u8], access: Access) -> io::Result<NamedTempFile> {
    let directory = match path.parent() {
        Some(directory) if !directory.as_os_str().is_empty() => directory,
        _ => Path::new("."),
    };
    let created_with = match access {
        Access::Private | Access::Public => 0o600,
        Access::Umask => 0o666,
    };
    let mut file = Builder::new().permissions(Permissions::from_mode(created_with)).tempfile_in(directory)?;
    file.write_all(bytes)?;
    if access == Access::Public {
        file.as_file().set_permissions(Permissions::from_mode(0o644))?;
    }
    Ok(file)
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    /// Returns the names and contents of a directory's files.
    fn files(directory: &Path) -> Vec<(String, String)> {
        let entries = fs::read_dir(directory).unwrap().map(Result::unwrap);
        let text = |path| fs::read_to_string(path).unwrap();
        let mut files: Vec<_> =
            entries.map(|entry| (entry.file_name().into_string().unwrap(), text(entry.path()))).collect();
        files.sort();
        files
    }

    fn mode(path: &Path) -> u32 {
        fs::metadata(path).unwrap().permissions().mode() & 0o777
    }

    #[test]
    fn a_file_is_replaced_with_its_access() {
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("key.pem");
        fs::write(&file, "a longer text").unwrap();
        for (access, expected) in [(Access::Private, 0o600), (Access::Public, 0o644)] {
            replace(&file, b"text", access).unwrap();
            assert_eq!(mode(&file), expected, "{access:?}");
            assert_eq!(files(directory.path()), [("key.pem".to_owned(), "text".to_owned())]);
        }
    }

    #[test]
    fn the_umask_decides_as_it_does_for_any_other_file() {
        let directory = tempfile::tempdir().unwrap();
        let (file, other) = (directory.path().join("file"), directory.path().join("other"));
        create(&file, b"text", Access::Umask).unwrap();
        fs::write(&other, "text").unwrap();
        assert_eq!(mode(&file), mode(&other));
    }

    #[test]
    fn only_a_file_with_the_same_content_may_be_there_already() {
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("x.wasm");
        create(&file, b"one", Access::Umask).unwrap();
        create(&file, b"one", Access::Umask).unwrap();
        let error = create(&file, b"two", Access::Umask).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::AlreadyExists);
        assert_eq!(files(directory.path()), [("x.wasm".to_owned(), "one".to_owned())]);
    }

    #[test]
    fn a_link_to_nowhere_is_not_followed() {
        let directory = tempfile::tempdir().unwrap();
        let (file, elsewhere) = (directory.path().join("file"), directory.path().join("elsewhere"));
        std::os::unix::fs::symlink(&elsewhere, &file).unwrap();
        let error = create(&file, b"text", Access::Private).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::AlreadyExists);
        assert!(!elsewhere.exists());
        replace(&file, b"text", Access::Private).unwrap();
        assert_eq!(files(directory.path()), [("file".to_owned(), "text".to_owned())]);
    }

    #[test]
    fn nothing_is_left_of_a_file_that_cannot_be_put_in_place() {
        let directory = tempfile::tempdir().unwrap();
        let taken = directory.path().join("taken");
        fs::create_dir(&taken).unwrap();
        for write in [replace, create] {
            write(&taken, b"text", Access::Private).unwrap_err();
            write(&directory.path().join("missing/file"), b"text", Access::Private).unwrap_err();
        }
        assert_eq!(fs::read_dir(directory.path()).unwrap().count(), 1);
    }

    #[test]
    fn a_private_directory_is_private_and_so_are_those_above() {
        let parent = tempfile::tempdir().unwrap();
        let directory = parent.path().join("a/b");
        create_private_directory(&directory).unwrap();
        create_private_directory(&directory).unwrap();
        assert_eq!((mode(&directory), mode(&parent.path().join("a"))), (0o700, 0o700));
    }

    #[test]
    fn a_secret_is_exposed_if_others_than_its_owner_can_use_it() {
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("token");
        assert!(!is_exposed(&file), "there is none");
        replace(&file, b"secret", Access::Private).unwrap();
        for (mode, expected) in
            [(0o600, false), (0o400, false), (0o640, true), (0o604, true), (0o620, true), (0o666, true)]
        {
            fs::set_permissions(&file, Permissions::from_mode(mode)).unwrap();
            assert_eq!(is_exposed(&file), expected, "{mode:o}");
        }
    }
}
