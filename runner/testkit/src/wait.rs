//! Waiting, and what serves while a test waits.

use std::time::{Duration, Instant};

use tokio::net::TcpListener;
use tokio::runtime::Runtime;

/// How long anything may take that a test waits for. Far more than it takes, because machines are busy.
const PATIENCE: Duration = Duration::from_secs(300);

/// Waits until something holds.
#[track_caller]
pub fn eventually(what: &str, mut holds: impl FnMut() -> bool) {
    let started = Instant::now();
    while !holds() {
        assert!(started.elapsed() < PATIENCE, "not within {PATIENCE:?}: {what}");
        std::thread::park_timeout(Duration::from_millis(10));
    }
}

/// As [`eventually`], in a test that is asynchronous.
pub async fn eventually_async(what: &str, mut holds: impl AsyncFnMut() -> bool) {
    let started = Instant::now();
    while !holds().await {
        assert!(started.elapsed() < PATIENCE, "not within {PATIENCE:?}: {what}");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

/// A runtime for what serves in this process.
pub fn runtime() -> Runtime {
    tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap()
}

/// A port that the system chose.
pub async fn listener() -> TcpListener {
    TcpListener::bind("127.0.0.1:0").await.unwrap()
}
