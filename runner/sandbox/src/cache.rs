//! A cache of compiled code on disk: private, keyed by component, engine and configuration, and verified when read.
//!
//! Loaded machine code can do anything, so the directory must belong to this user and be writable by nobody else, and
//! each file carries a digest of its code. If anything is wrong with a file, the component is compiled again.
//!
//! The directory has a size. When it is full, what was not used for longest goes: a file's time says when it was last read.

use std::fs;
use std::hash::{Hash, Hasher};
use std::io::Write;
use std::os::unix::fs::{DirBuilderExt, MetadataExt};
use std::path::{Path, PathBuf};

use domain::Digest;
use rustix::fs::{AtFlags, CWD, Timespec, Timestamps, UTIME_NOW, utimensat};
use tempfile::NamedTempFile;
use wasmtime::Engine;
use wasmtime::component::Component;

use crate::compile::deserialize;

/// The error for a directory that cannot be used as a cache.
#[derive(Debug, thiserror::Error)]
pub enum CacheError {
    /// The directory cannot be created or read.
    #[error("cannot use the cache directory {}", path.display())]
    Io {
        /// The configured directory.
        path: PathBuf,
        /// The system's error.
        source: std::io::Error,
    },
    /// The directory belongs to another user, or others can write to it.
    #[error(
        "cache directory {} belongs to user {owner} with mode {mode:o}, but others may not write to it (chmod 700, or name another directory)",
        path.display()
    )]
    NotPrivate {
        /// The configured directory.
        path: PathBuf,
        /// User id of the directory's owner.
        owner: u32,
        /// The directory's permission bits, as for `chmod`.
        mode: u32,
    },
}

const DIGEST_BYTES: usize = 32;

/// How the names of files end that hold code or the functions of a history, and how those begin that are being written, or were
/// when a process was killed.
const CODE: &str = ".code";
const FUNCTIONS: &str = ".functions";
const UNFINISHED: &str = ".tmp";

pub(crate) struct Cache {
    directory: PathBuf,
    /// Maximum size of all files together, in bytes.
    bytes_max: u64,
    /// The engine's own hash of its version and configuration.
    compatibility: u64,
}

impl Cache {
    pub(crate) fn open(directory: &Path, engine: &Engine, bytes_max: u64) -> Result<Cache, CacheError> {
        let io = |source| CacheError::Io { path: directory.to_owned(), source };
        fs::DirBuilder::new().recursive(true).mode(0o700).create(directory).map_err(io)?;
        let metadata = fs::metadata(directory).map_err(io)?;
        let (owner, mode) = (metadata.uid(), metadata.mode() & 0o7777);
        if owner != rustix::process::geteuid().as_raw() || mode & 0o022 != 0 {
            return Err(CacheError::NotPrivate { path: directory.to_owned(), owner, mode });
        }
        // Stable: SipHash with fixed keys over what the engine feeds it.
        #[allow(deprecated, reason = "the successor is randomly keyed or not promised to be stable either")]
        let mut hasher = std::hash::SipHasher::new();
        engine.precompile_compatibility_hash().hash(&mut hasher);
        Ok(Cache { directory: directory.to_owned(), bytes_max, compatibility: hasher.finish() })
    }

    fn path(&self, digest: &Digest) -> PathBuf {
        self.directory.join(format!("{digest}-{:016x}{CODE}", self.compatibility))
    }

    fn path_of_functions(&self, history: &Digest) -> PathBuf {
        self.directory.join(format!("{history}-{:016x}{FUNCTIONS}", self.compatibility))
    }

    /// Returns the component and its code, if that is cached and intact.
    pub(crate) fn read(&self, digest: &Digest, engine: &Engine) -> Option<(Component, Vec<u8>)> {
        let path = self.path(digest);
        let code = intact(&path)?;
        let component = deserialize(engine, &code).ok()?;
        use_now(&path);
        Some((component, code))
    }

    /// Returns the functions that are kept of a history, if they are intact.
    pub(crate) fn read_functions(&self, history: &Digest) -> Option<Vec<u8>> {
        intact(&self.path_of_functions(history))
    }

    /// Stores code. Errors are ignored: a full disk or a missing directory only costs time.
    pub(crate) fn write(&self, digest: &Digest, code: &[u8]) {
        let _ = self.store(&self.path(digest), code);
    }

    /// Stores the functions of a history in the place of those before. Errors are ignored likewise.
    pub(crate) fn write_functions(&self, history: &Digest, kept: &[u8]) {
        let _ = self.store(&self.path_of_functions(history), kept);
    }

    fn store(&self, path: &Path, content: &[u8]) -> std::io::Result<()> {
        // Renamed when it is complete, so that a reader never sees half a file. Only this user can read it.
        let mut file = NamedTempFile::new_in(&self.directory)?;
        file.write_all(Digest::of(content).as_bytes())?;
        file.write_all(content)?;
        file.persist(path)?;
        self.make_room()
    }

    /// Removes what was not used for longest, until the rest is no larger than it may be. The newest always stays.
    fn make_room(&self) -> std::io::Result<()> {
        let mut files = Vec::new();
        for entry in fs::read_dir(&self.directory)? {
            let entry = entry?;
            let is_ours = entry.file_name().to_str().is_some_and(|name| {
                [CODE, FUNCTIONS].iter().any(|end| name.ends_with(end)) || name.starts_with(UNFINISHED)
            });
            // Another process may have removed it.
            let Some(metadata) = entry.metadata().ok().filter(|metadata| is_ours && metadata.is_file()) else {
                continue;
            };
            files.push(((metadata.mtime(), metadata.mtime_nsec()), metadata.len(), entry.path()));
        }
        files.sort_unstable();
        let mut bytes = files.iter().fold(0_u64, |sum, (_, bytes, _)| sum.saturating_add(*bytes));
        files.pop();
        for (_, size, path) in files {
            if bytes <= self.bytes_max {
                break;
            }
            let _ = fs::remove_file(path);
            bytes = bytes.saturating_sub(size);
        }
        Ok(())
    }
}

/// The content of a file, if it has the digest before it.
fn intact(path: &Path) -> Option<Vec<u8>> {
    let mut file = fs::read(path).ok()?;
    let (expected, content) = file.split_at_checked(DIGEST_BYTES)?;
    if Digest::of(content).as_bytes() != expected {
        return None;
    }
    Some(file.split_off(DIGEST_BYTES))
}

/// Says in a file's time that it is in use. Who cannot change the time has a cache that forgets in another order.
fn use_now(path: &Path) {
    let now = Timespec { tv_sec: 0, tv_nsec: UTIME_NOW };
    let _ = utimensat(CWD, path, &Timestamps { last_access: now, last_modification: now }, AtFlags::empty());
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;
    use crate::{Codegen, LoadError, Options, Sandbox, SandboxError};

    /// The smallest component. It is not an algorithm, but it is compiled and cached before that is noticed.
    const COMPONENT: &[u8] = b"\0asm\x0d\0\x01\0";

    fn open(directory: &Path) -> Sandbox {
        Sandbox::new(Options { runs_max: 1, cache: Some(directory.to_owned()), ..Options::default() }).unwrap()
    }

    fn load(sandbox: &Sandbox) {
        assert!(matches!(sandbox.load(COMPONENT), Err(LoadError::WrongWorld(_))));
    }

    /// Returns the only file of a cache.
    fn file(directory: &Path) -> PathBuf {
        let mut files: Vec<_> = fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().path()).collect();
        let file = files.pop().unwrap();
        assert_eq!((files, file.extension().unwrap().to_str()), (Vec::<PathBuf>::new(), Some("code")));
        file
    }

    /// Makes a cache with one file; returns the directory, and that file's path and bytes.
    fn filled() -> (tempfile::TempDir, PathBuf, Vec<u8>) {
        let directory = tempfile::tempdir().unwrap();
        load(&open(directory.path()));
        let file = file(directory.path());
        let bytes = fs::read(&file).unwrap();
        (directory, file, bytes)
    }

    /// Returns whether the cache would accept its file as it is.
    fn is_read(directory: &Path) -> bool {
        let engine = Engine::new(&wasmtime::Config::new()).unwrap();
        let mut cache = Cache::open(directory, &engine, u64::MAX).unwrap();
        // Uses the compatibility hash with which the sandbox named the file.
        let name = file(directory).file_stem().unwrap().to_str().unwrap().to_owned();
        cache.compatibility = u64::from_str_radix(name.rsplit('-').next().unwrap(), 16).unwrap();
        let sandbox_engine = crate::engine::plain_engine(Codegen::Usual).unwrap();
        cache.read(&Digest::of(COMPONENT), &sandbox_engine).is_some()
    }

    #[test]
    fn cached_code_is_read_and_not_compiled_again() {
        let (directory, file, bytes) = filled();
        assert!(is_read(directory.path()));
        let written = fs::metadata(&file).unwrap().ino();
        load(&open(directory.path()));
        // A second compilation would have renamed another file into its place.
        assert_eq!(fs::metadata(&file).unwrap().ino(), written);
        assert_eq!(fs::read(&file).unwrap(), bytes);
    }

    #[test]
    fn only_this_user_can_read_a_file() {
        let (_directory, file, _) = filled();
        assert_eq!(fs::metadata(file).unwrap().mode() & 0o777, 0o600);
    }

    #[test]
    fn a_file_with_a_changed_byte_is_replaced() {
        let (directory, file, bytes) = filled();
        for at in [0, DIGEST_BYTES - 1, DIGEST_BYTES, bytes.len() / 2, bytes.len() - 1] {
            let mut corrupt = bytes.clone();
            corrupt[at] ^= 1;
            fs::write(&file, &corrupt).unwrap();
            assert!(!is_read(directory.path()), "byte {at}");
            load(&open(directory.path()));
            assert_eq!(fs::read(&file).unwrap(), bytes, "byte {at}");
        }
    }

    #[test]
    fn a_truncated_file_is_replaced() {
        let (directory, file, bytes) = filled();
        for length in [0, 1, DIGEST_BYTES - 1, DIGEST_BYTES, DIGEST_BYTES + 1, bytes.len() - 1] {
            fs::write(&file, &bytes[..length]).unwrap();
            assert!(!is_read(directory.path()), "{length} bytes");
            load(&open(directory.path()));
            assert_eq!(fs::read(&file).unwrap(), bytes, "{length} bytes");
        }
    }

    #[test]
    fn garbage_with_a_matching_digest_is_replaced() {
        let (directory, file, bytes) = filled();
        for garbage in [b"".as_slice(), b"garbage", b"\x7fELF", COMPONENT] {
            fs::write(&file, [Digest::of(garbage).as_bytes().as_slice(), garbage].concat()).unwrap();
            load(&open(directory.path()));
            assert_eq!(fs::read(&file).unwrap(), bytes, "{garbage:?}");
        }
    }

    #[test]
    fn another_configuration_has_its_own_files() {
        let directory = tempfile::tempdir().unwrap();
        let ours = Cache::open(directory.path(), &crate::engine::plain_engine(Codegen::Usual).unwrap(), 0).unwrap();
        let other = Engine::new(wasmtime::Config::new().consume_fuel(false)).unwrap();
        let others = Cache::open(directory.path(), &other, 0).unwrap();
        let digest = Digest::of(COMPONENT);
        assert_ne!(ours.path(&digest), others.path(&digest));
    }

    #[test]
    fn the_usual_engine_never_accepts_code_of_the_checking_engine() {
        let directory = tempfile::tempdir().unwrap();
        let [usual, checking] =
            [Codegen::Usual, Codegen::Checking].map(|codegen| crate::engine::plain_engine(codegen).unwrap());
        let caches = [&usual, &checking].map(|engine| Cache::open(directory.path(), engine, u64::MAX).unwrap());
        let digest = Digest::of(COMPONENT);
        assert_ne!(caches[0].path(&digest), caches[1].path(&digest));
        // Not even under the usual engine's file name.
        let code = checking.precompile_component(COMPONENT).unwrap();
        caches[0].write(&digest, &code);
        assert!(caches[0].read(&digest, &usual).is_none());
        assert!(caches[0].read(&digest, &checking).is_some());
    }

    /// Gives a file of the cache a time, and answers its name.
    fn used_at(directory: &Path, name: &str, bytes: usize, seconds: i64) -> String {
        let path = directory.join(name);
        fs::write(&path, vec![0; bytes]).unwrap();
        let time = Timespec { tv_sec: seconds, tv_nsec: 0 };
        utimensat(CWD, &path, &Timestamps { last_access: time, last_modification: time }, AtFlags::empty()).unwrap();
        name.to_owned()
    }

    #[test]
    fn what_was_not_used_for_longest_goes_first() {
        let directory = tempfile::tempdir().unwrap();
        let engine = crate::engine::plain_engine(Codegen::Usual).unwrap();
        let code = engine.precompile_component(COMPONENT).unwrap();
        let size = (code.len() + DIGEST_BYTES) as u64;
        let names = || {
            let names = fs::read_dir(directory.path()).unwrap().map(|entry| entry.unwrap().file_name());
            names.map(|name| name.into_string().unwrap()).collect::<std::collections::BTreeSet<_>>()
        };
        let others = || {
            let file = |name, seconds| used_at(directory.path(), name, 1000, seconds);
            // What else is in a user's directory is not ours.
            [file("old.code", 10), file(".tmpx", 20), file("new.code", 30), file("mine.wasm", 1)]
        };
        for (room, stay) in [
            (3000, ["old.code", ".tmpx", "new.code"].as_slice()),
            (2999, &[".tmpx", "new.code"]),
            (1000, &["new.code"]),
            (0, &[]),
        ] {
            others();
            let cache = Cache::open(directory.path(), &engine, size + room).unwrap();
            cache.write(&Digest::of(COMPONENT), &code);
            let own = cache.path(&Digest::of(COMPONENT)).file_name().unwrap().to_str().unwrap().to_owned();
            let expected = stay.iter().map(|name| (*name).to_owned()).chain([own, "mine.wasm".to_owned()]).collect();
            assert_eq!(names(), expected, "{room}");
        }
        // The newest stays, however large. What is read becomes the newest.
        let cache = Cache::open(directory.path(), &engine, 1).unwrap();
        used_at(directory.path(), "other.code", 1, 1_000_000);
        let path = cache.path(&Digest::of(COMPONENT));
        fs::copy(&path, directory.path().join("spare")).unwrap();
        fs::rename(directory.path().join("spare"), &path).unwrap();
        assert!(cache.read(&Digest::of(COMPONENT), &engine).is_some());
        cache.make_room().unwrap();
        assert!(path.exists() && !directory.path().join("other.code").exists());
    }

    #[test]
    fn a_directory_that_others_can_write_to_is_refused() {
        let directory = tempfile::tempdir().unwrap();
        for mode in [0o770, 0o702, 0o777] {
            fs::set_permissions(directory.path(), fs::Permissions::from_mode(mode)).unwrap();
            let options = Options { cache: Some(directory.path().to_owned()), ..Options::default() };
            let Err(SandboxError::Engine(cause)) = Sandbox::new(options) else { panic!("mode {mode:o} is accepted") };
            let message = cause.to_string();
            assert!(message.contains(&format!("with mode {mode:o}, but others may not write to it")), "{message}");
        }
    }

    #[test]
    fn a_file_in_the_place_of_the_directory_is_refused() {
        let file = NamedTempFile::new().unwrap();
        let options = Options { cache: Some(file.path().to_owned()), ..Options::default() };
        let Err(error) = Sandbox::new(options) else { panic!("a file is accepted") };
        let place = file.path().display();
        let expected =
            format!("the sandbox cannot start: cannot use the cache directory {place}: File exists (os error 17)");
        assert_eq!(domain::text::chain(&error), expected);
    }

    #[test]
    fn a_new_directory_is_private() {
        let parent = tempfile::tempdir().unwrap();
        let directory = parent.path().join("a/b");
        load(&open(&directory));
        assert_eq!(fs::metadata(&directory).unwrap().mode() & 0o777, 0o700);
    }

    #[test]
    fn a_missing_directory_only_costs_time() {
        let parent = tempfile::tempdir().unwrap();
        let directory = parent.path().join("cache");
        let sandbox = open(&directory);
        fs::remove_dir(&directory).unwrap();
        load(&sandbox);
        // Stands in for a directory without write permission, which would not stop root.
        fs::write(&directory, "in the way").unwrap();
        load(&sandbox);
    }

    #[test]
    fn two_sandboxes_share_a_cache() {
        let directory = tempfile::tempdir().unwrap();
        let sandboxes = [open(directory.path()), open(directory.path())];
        std::thread::scope(|scope| {
            for sandbox in sandboxes.iter().cycle().take(8) {
                scope.spawn(move || load(sandbox));
            }
        });
        // There is one complete file, and no temporary one beside it.
        file(directory.path());
        assert!(is_read(directory.path()));
    }
}
