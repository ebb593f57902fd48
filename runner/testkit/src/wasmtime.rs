//! The real wasmtime CLI, as an author has it on the path.

use std::path::{Path, PathBuf};
use std::process::Command;

use tempfile::TempDir;

use crate::Ran;

/// The CLI: what `REC_MARKET_TEST_WASMTIME` names, or what `make tools` installs.
///
/// # Panics
/// If there is none; tests that call this are marked `#[needs::wasmtime]`.
pub fn wasmtime() -> PathBuf {
    #[allow(clippy::disallowed_methods, reason = "a test's own variables are no configuration")]
    let named = std::env::var("REC_MARKET_TEST_WASMTIME").ok();
    let installed = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../target/tools/bin/wasmtime");
    let path = named.map_or(installed, PathBuf::from);
    path.canonicalize().unwrap_or_else(|error| panic!("{}: {error} (make tools)", path.display()))
}

/// A directory to put in front of the path, in which the CLI is called `wasmtime`.
pub fn directory_with_wasmtime() -> TempDir {
    let directory = tempfile::tempdir().unwrap();
    std::os::unix::fs::symlink(wasmtime(), directory.path().join("wasmtime")).unwrap();
    directory
}

/// Runs what `--print-wasmtime` printed, as a person who pastes it in this folder.
pub fn run_in_shell(printed: &str, folder: &Path) -> Ran {
    let directory = directory_with_wasmtime();
    let mut command = Command::new("/bin/sh");
    command.args(["-c", printed]).current_dir(folder).env_clear().env("PATH", directory.path());
    Ran::of(command)
}
