//! A MongoDB-protocol server for tests: the one at `REC_MARKET_TEST_MONGODB`, or one that is started for this process.
//!
//! `make tools` builds the latter (tests/ferretdb) if Go is installed. Otherwise tests that need it are ignored
//! (`#[needs::mongodb]`); in CI they fail.

#![allow(clippy::expect_used, clippy::panic, reason = "a test whose server cannot start has failed")]

use std::hash::{BuildHasher as _, Hasher as _, RandomState};
use std::io::{BufRead as _, BufReader};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering};

/// A server that was started for tests. It exits when its standard input ends: when this value is dropped, and when
/// this process ends in any way.
#[derive(Debug)]
pub struct MongoServer {
    process: Child,
    address: String,
}

impl MongoServer {
    /// Starts a server that keeps its data in `directory`, or in a temporary one. `None` if it was not built.
    ///
    /// # Panics
    /// If it does not start.
    pub fn start(listen: SocketAddr, directory: Option<&Path>) -> Option<MongoServer> {
        let program = program();
        if !program.is_file() {
            return None;
        }
        let mut command = Command::new(program);
        command.arg(listen.to_string()).args(directory).stdin(Stdio::piped()).stdout(Stdio::piped());
        if let Some(directory) = directory {
            // A killed server cannot remove its temporary files, so they are kept with its data.
            command.env("TMPDIR", directory);
        }
        let mut process = command.spawn().expect("the server starts");
        let mut address = String::new();
        let stdout = process.stdout.take().expect("stdout is a pipe");
        BufReader::new(stdout).read_line(&mut address).expect("the server prints its address");
        let address = address.trim().trim_end_matches('/').to_owned();
        assert!(address.starts_with("mongodb://"), "the server did not start: {address:?}");
        Some(MongoServer { process, address })
    }

    /// Returns its address: `mongodb://HOST:PORT`.
    pub fn address(&self) -> &str {
        &self.address
    }

    /// Returns its process id.
    pub fn id(&self) -> u32 {
        self.process.id()
    }

    /// Kills it (SIGKILL).
    ///
    /// # Panics
    /// If it has already exited.
    pub fn kill(mut self) {
        self.process.kill().expect("the server is still running");
    }
}

impl Drop for MongoServer {
    fn drop(&mut self) {
        drop(self.process.stdin.take());
        let _ = self.process.wait();
    }
}

/// Where `make tools` puts the server.
fn program() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../target/tools/bin/ferretdb")
}

/// The address of an exclusive database. On an external server, the database is not removed.
#[derive(Debug)]
pub struct TestDatabase {
    address: String,
}

impl TestDatabase {
    /// Returns the address: `mongodb://HOST:PORT/NAME`.
    pub fn address(&self) -> &str {
        &self.address
    }
}

/// Returns a new database on this process's server.
///
/// # Panics
/// If there is no server.
pub fn database() -> TestDatabase {
    static STARTED: OnceLock<Option<MongoServer>> = OnceLock::new();
    static COUNT: AtomicU32 = AtomicU32::new(0);
    #[allow(clippy::disallowed_methods, reason = "the environment tells tests where they run")]
    let named = std::env::var("REC_MARKET_TEST_MONGODB").ok().filter(|value| !value.is_empty());
    let server = named.or_else(|| {
        let started = STARTED.get_or_init(|| MongoServer::start(SocketAddr::from(([127, 0, 0, 1], 0)), None));
        started.as_ref().map(|server| server.address().to_owned())
    });
    let way_out = "run `make tools`, which needs Go, or set REC_MARKET_TEST_MONGODB";
    let server = server.unwrap_or_else(|| panic!("no MongoDB server is available ({way_out})"));
    let number = COUNT.fetch_add(1, Ordering::Relaxed);
    // Random, because an external server keeps the databases of earlier runs.
    let random = RandomState::new().build_hasher().finish();
    let name = format!("rec_market_test_{random:016x}_{number}");
    TestDatabase { address: format!("{}/{name}", server.trim_end_matches('/')) }
}
