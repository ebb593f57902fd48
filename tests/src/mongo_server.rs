//! A MongoDB-protocol server for tests: the one named in `REC_MARKET_TEST_MONGODB`, or one that is started for this process.
//!
//! `make tools` builds the latter (tests/ferretdb) where Go is there. Where it is not, tests that need it say that they are
//! skipped; in CI they fail.

#![allow(clippy::expect_used, reason = "a test whose server cannot start has failed")]

use std::hash::{BuildHasher as _, Hasher as _, RandomState};
use std::io::{BufRead as _, BufReader};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering};

/// A server of our own. It ends with its standard input: when this is dropped, and when this process ends in any way.
#[derive(Debug)]
pub struct MongoServer {
    process: Child,
    address: String,
}

impl MongoServer {
    /// Starts a server; it keeps its data in `directory`, or in one that it removes when it ends. `None`, after saying so,
    /// if it was not built.
    ///
    /// # Panics
    /// If it does not start; in CI, if it was not built.
    pub fn start(listen: SocketAddr, directory: Option<&Path>) -> Option<MongoServer> {
        let program = program();
        if !program.is_file() {
            skipped();
            return None;
        }
        let mut command = Command::new(program);
        command.arg(listen.to_string()).args(directory).stdin(Stdio::piped()).stdout(Stdio::piped());
        if let Some(directory) = directory {
            // What it does not remove itself, when it is killed, goes with its data.
            command.env("TMPDIR", directory);
        }
        let mut process = command.spawn().expect("the server can be started");
        let mut address = String::new();
        let stdout = process.stdout.take().expect("its output is a pipe");
        BufReader::new(stdout).read_line(&mut address).expect("it prints its address");
        let address = address.trim().trim_end_matches('/').to_owned();
        assert!(address.starts_with("mongodb://"), "the server did not start: {address:?}");
        Some(MongoServer { process, address })
    }

    /// Where it listens: `mongodb://HOST:PORT`.
    pub fn address(&self) -> &str {
        &self.address
    }

    /// The id of its process.
    pub fn id(&self) -> u32 {
        self.process.id()
    }

    /// Ends it at once, whatever it is doing.
    ///
    /// # Panics
    /// If it has ended before.
    pub fn kill(mut self) {
        self.process.kill().expect("it still runs");
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

/// The address of a database that nobody else has. On a server of somebody else it stays there.
#[derive(Debug)]
pub struct TestDatabase {
    address: String,
}

impl TestDatabase {
    /// `mongodb://HOST:PORT/NAME`.
    pub fn address(&self) -> &str {
        &self.address
    }
}

#[allow(clippy::disallowed_methods, reason = "tests are told by the environment where they run")]
fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|value| !value.is_empty())
}

/// Says that a test is skipped; in CI it fails.
#[allow(clippy::print_stderr, reason = "a test that is skipped says so")]
fn skipped() {
    let way_out = "`make tools` builds one where Go is there, or name one in REC_MARKET_TEST_MONGODB";
    assert!(variable("CI").is_none(), "there is no MongoDB server ({way_out})");
    eprintln!("skipped: there is no MongoDB server ({way_out})");
}

/// A database of its own on the one server of this process; `None`, after saying so, if there is no server.
///
/// # Panics
/// In CI, if there is no server.
pub fn database() -> Option<TestDatabase> {
    static STARTED: OnceLock<Option<MongoServer>> = OnceLock::new();
    static COUNT: AtomicU32 = AtomicU32::new(0);
    let server = variable("REC_MARKET_TEST_MONGODB").or_else(|| {
        let started = STARTED.get_or_init(|| MongoServer::start(SocketAddr::from(([127, 0, 0, 1], 0)), None));
        started.as_ref().map(|server| server.address().to_owned())
    });
    let Some(server) = server else {
        skipped();
        return None;
    };
    let number = COUNT.fetch_add(1, Ordering::Relaxed);
    // Random, because a server of somebody else keeps the databases of earlier runs.
    let random = RandomState::new().build_hasher().finish();
    let name = format!("rec_market_test_{random:016x}_{number}");
    Some(TestDatabase { address: format!("{}/{name}", server.trim_end_matches('/')) })
}
