//! What the service logs meanwhile, for tests that ask whether its operator is told.

use std::io;
use std::net::SocketAddr;
use std::sync::{Mutex, Once, PoisonError};

use testkit::eventually_async;

static WRITTEN: Mutex<Vec<u8>> = Mutex::new(Vec::new());

/// Writes for [`told_of`]; tests run in one process, so that it is all in one log.
struct Log;

impl io::Write for Log {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        WRITTEN.lock().unwrap_or_else(PoisonError::into_inner).extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Keeps the log from now on.
pub fn keep() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let subscriber = tracing_subscriber::fmt().with_ansi(false).with_writer(|| Log).finish();
        tracing::subscriber::set_global_default(subscriber).unwrap();
    });
}

/// Waits until the log, which must be kept already, says that of the caller at that address.
pub async fn told_of(peer: SocketAddr, what: &str) {
    let peer = format!("peer={peer}");
    let says = || {
        let log = String::from_utf8(WRITTEN.lock().unwrap_or_else(PoisonError::into_inner).clone()).unwrap();
        log.lines().any(|line| line.contains(&peer) && line.contains(what))
    };
    eventually_async(what, async || says()).await;
}
