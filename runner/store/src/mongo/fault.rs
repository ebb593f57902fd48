//! What can go wrong between the store and its server, which of the store's errors it is, and what is worth retrying.

use std::fmt;
use std::future::Future;
use std::time::{Duration, Instant};

use backon::{ExponentialBuilder, Retryable};
use mongodb::error::{Error, ErrorKind, WriteFailure};

use books::{Cause, StoreError};
use domain::text::chain;

use crate::cause::{about, with_hint};
use record::InvalidRecord;

/// For how long an operation is retried.
const RETRY_FOR: Duration = Duration::from_secs(10);
/// The pauses before retries. Jitter makes each up to twice as long: those who lost the server together do not come back
/// together.
const PAUSES: ExponentialBuilder = ExponentialBuilder::new()
    .with_min_delay(Duration::from_millis(25))
    .with_max_delay(Duration::from_secs(1))
    .without_max_times()
    .with_jitter();
/// The server's code for a second document with the same `_id`.
pub(super) const DUPLICATE: i32 = 11_000;
/// The server's codes for "not now": it shuts down, starts, or is no primary any more.
const NOT_NOW: [i32; 12] = [6, 7, 89, 91, 189, 262, 9001, 10_107, 11_600, 11_602, 13_435, 13_436];
/// The server's codes for "you may not": Unauthorized, AuthenticationFailed.
const NO_RIGHTS: [i32; 2] = [13, 18];

/// What can go wrong between here and the server.
#[derive(Debug)]
pub(super) enum Fault {
    Driver(Error),
    /// A document says something impossible.
    Record(Cause),
    /// The database is not one for us.
    NotOurs(String),
    /// What should be kept cannot be.
    Refused(Cause),
    /// A write was not acknowledged by as many members as it should be.
    Unsafe(String),
    /// The store was opened to read only.
    ReadOnly,
}

impl From<Error> for Fault {
    fn from(error: Error) -> Fault {
        match error.kind.as_ref() {
            ErrorKind::BsonDeserialization(_) => Fault::Record(DriverError(error).into()),
            _ => Fault::Driver(error),
        }
    }
}

impl From<InvalidRecord> for Fault {
    fn from(error: InvalidRecord) -> Fault {
        Fault::Record(error.0)
    }
}

impl Fault {
    /// Tells which document a fault is about.
    pub(super) fn of(self, what: impl FnOnce() -> String) -> Fault {
        match self {
            Fault::Record(cause) => Fault::Record(about(what(), cause)),
            other => other,
        }
    }

    /// Whether a retry may work.
    fn is_transient(&self) -> bool {
        let error = match self {
            Fault::Driver(error) => error,
            Fault::Unsafe(_) => return true,
            _ => return false,
        };
        let code = match error.kind.as_ref() {
            ErrorKind::Io(_) | ErrorKind::ConnectionPoolCleared { .. } | ErrorKind::ServerSelection { .. } => {
                return true;
            }
            ErrorKind::Command(error) => error.code,
            ErrorKind::Write(WriteFailure::WriteConcernError(error)) => error.code,
            _ => return error.contains_label("RetryableWriteError"),
        };
        NOT_NOW.contains(&code) || error.contains_label("RetryableWriteError")
    }
}

/// Whether the server has a document with that `_id` already.
pub(super) fn is_duplicate(error: &Error) -> bool {
    matches!(error.kind.as_ref(), ErrorKind::Write(WriteFailure::WriteError(error)) if error.code == DUPLICATE)
}

/// A write that the server refused.
pub(super) fn write_failed(message: &str) -> Fault {
    Fault::Refused(format!("a write failed: {message}").into())
}

/// Retries for a while if the server does not answer. The work must come to the same however often it is begun.
pub(super) async fn retry<T, F>(store: &str, work: impl FnMut() -> F) -> Result<T, StoreError>
where
    F: Future<Output = Result<T, Fault>>,
{
    retry_for(RETRY_FOR, store, work).await
}

async fn retry_for<T, F>(limit: Duration, store: &str, mut work: impl FnMut() -> F) -> Result<T, StoreError>
where
    F: Future<Output = Result<T, Fault>>,
{
    let begun = Instant::now();
    let attempt = || {
        let done = work();
        async move { done.await.map_err(|fault| (fault.is_transient(), store_error(store, fault))) }
    };
    attempt
        .retry(PAUSES)
        .when(|(is_transient, _)| *is_transient && begun.elapsed() < limit)
        .notify(|(_, error), wait| tracing::debug!(?wait, "retrying: {}", chain(error)))
        .await
        .map_err(|(_, error)| error)
}

/// An error of the driver, without the labels and wire versions that it prints itself.
#[derive(Debug)]
struct DriverError(Error);

impl fmt::Display for DriverError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.kind.fmt(f)
    }
}

impl std::error::Error for DriverError {}

pub(super) fn store_error(store: &str, fault: Fault) -> StoreError {
    let (store, is_transient) = (store.to_owned(), fault.is_transient());
    let error = match fault {
        Fault::Record(source) => return StoreError::Corrupt { store, source },
        Fault::NotOurs(reason) => return StoreError::Open { store, source: reason.into() },
        Fault::Refused(source) => return StoreError::Failed { store, source },
        Fault::Unsafe(reason) => return StoreError::Unavailable { store, source: reason.into() },
        Fault::ReadOnly => return StoreError::ReadOnly { store, source: "it was opened to read only".into() },
        Fault::Driver(error) => DriverError(error),
    };
    let kind = error.0.kind.clone();
    let source = Cause::from(error);
    match *kind {
        _ if is_transient => StoreError::Unavailable { store, source },
        ErrorKind::DnsResolve { .. } => StoreError::Unavailable { store, source },
        ErrorKind::Authentication { .. } => StoreError::Open {
            store,
            source: with_hint(source, "check the user name and password, and authSource in the address"),
        },
        ErrorKind::InvalidArgument { .. } | ErrorKind::InvalidTlsConfig { .. } => StoreError::Open { store, source },
        ErrorKind::Command(error) if NO_RIGHTS.contains(&error.code) => StoreError::ReadOnly {
            store,
            source: with_hint(source, "give the user the role readWrite on the database"),
        },
        _ => StoreError::Failed { store, source },
    }
}

#[cfg(test)]
mod tests {
    use std::io;
    use std::sync::atomic::{AtomicU32, Ordering};

    use super::*;

    fn away() -> Fault {
        Fault::Driver(Error::from(io::Error::from(io::ErrorKind::ConnectionReset)))
    }

    #[tokio::test]
    async fn a_lost_connection_is_retried_and_a_damaged_document_is_not() {
        let tries = AtomicU32::new(0);
        let done =
            retry("here", || async { if tries.fetch_add(1, Ordering::Relaxed) < 3 { Err(away()) } else { Ok(7) } });
        assert_eq!((done.await.unwrap(), tries.load(Ordering::Relaxed)), (7, 4));
        let wrong = retry("here", || async {
            tries.fetch_add(1, Ordering::Relaxed);
            Err::<(), _>(Fault::Record("no".into()))
        });
        assert!(matches!(wrong.await, Err(StoreError::Corrupt { .. })));
        assert_eq!(tries.load(Ordering::Relaxed), 5);
    }

    #[tokio::test]
    async fn retries_end() {
        let limit = Duration::from_millis(300);
        let tries = AtomicU32::new(0);
        let trying = retry_for(limit, "here", || async {
            tries.fetch_add(1, Ordering::Relaxed);
            Err::<(), _>(away())
        });
        let error = trying.await.unwrap_err();
        assert!(matches!(error, StoreError::Unavailable { .. }), "{error:?}");
        // Pauses of 25, 50, 100, 200 ms to twice that: after the fourth the limit is certainly over.
        let tries = tries.load(Ordering::Relaxed);
        assert!((2..=5).contains(&tries), "{tries}");
    }
}
