//! The real wasmtime CLI, as an author has it on the path.

use std::io::Write;
use std::path::{Path, PathBuf};

/// Where the CLI is: what `REC_MARKET_TEST_WASMTIME` names, or what `make tools` installs. `None` with a note where
/// there is none; on CI it must be there.
pub fn wasmtime() -> Option<PathBuf> {
    #[allow(clippy::disallowed_methods, reason = "a test's own variables are no configuration")]
    let variable = |name| std::env::var_os(name);
    let installed = Path::new(env!("CARGO_MANIFEST_DIR")).join("../target/tools/bin/wasmtime");
    let path = variable("REC_MARKET_TEST_WASMTIME").map_or(installed, PathBuf::from);
    if path.is_file() {
        return Some(path.canonicalize().unwrap());
    }
    assert!(variable("CI").is_none(), "{} is missing (make tools)", path.display());
    // Past the harness, which keeps the output of tests that pass to itself.
    let note = format!("skipped: {} is missing (make tools)\n", path.display());
    std::io::stderr().write_all(note.as_bytes()).unwrap();
    None
}

/// A directory to put in front of the path, in which the CLI is called `wasmtime`.
pub fn directory_with(wasmtime: &Path) -> tempfile::TempDir {
    let directory = tempfile::tempdir().unwrap();
    std::os::unix::fs::symlink(wasmtime, directory.path().join("wasmtime")).unwrap();
    directory
}
