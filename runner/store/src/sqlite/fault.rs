//! Faults between the store and its file, and how they map to the store's errors.

use std::path::Path;

use rusqlite::ErrorCode;

use books::{Cause, StoreError};

use crate::cause::{about, with_hint};
use crate::record::InvalidRecord;

/// The way out for files that cannot be read or written.
const RIGHTS: &str = "check the permissions of the file and its directory";

/// A fault between the store and its file.
pub(super) enum Fault {
    Sqlite(rusqlite::Error),
    /// A stored record is invalid.
    Record(Cause),
    /// The file is intact, but not a store of this version.
    NotOurs(String),
    /// The file is read-only.
    ReadOnly,
}

impl Fault {
    /// Adds the name of the record to a fault, if the fault is an unreadable value.
    pub(super) fn of(self, what: impl FnOnce() -> String) -> Fault {
        match self {
            Fault::Record(cause) => Fault::Record(about(what(), cause)),
            Fault::Sqlite(error) if is_unreadable(&error) => Fault::Record(about(what(), SqliteError(error))),
            other => other,
        }
    }
}

/// An error of SQLite. It has no source, because its own text says everything, with the source's words where they help.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
struct SqliteError(rusqlite::Error);

/// Whether a value in the file has another type than we write.
fn is_unreadable(error: &rusqlite::Error) -> bool {
    use rusqlite::Error::{FromSqlConversionFailure, IntegralValueOutOfRange, InvalidColumnType, Utf8Error};
    matches!(error, FromSqlConversionFailure(..) | IntegralValueOutOfRange(..) | InvalidColumnType(..) | Utf8Error(..))
}

impl From<rusqlite::Error> for Fault {
    fn from(error: rusqlite::Error) -> Fault {
        Fault::Sqlite(error)
    }
}

impl From<InvalidRecord> for Fault {
    fn from(error: InvalidRecord) -> Fault {
        Fault::Record(error.0)
    }
}

/// The error for a store that cannot be opened.
pub(super) fn refused(path: &Path, reason: impl Into<Cause>) -> StoreError {
    StoreError::Open { store: path.display().to_string(), source: reason.into() }
}

/// Whether SQLite cannot create its files beside the database.
pub(super) fn is_locked_out(fault: &Fault) -> bool {
    let code = match fault {
        Fault::Sqlite(error) => error.sqlite_error_code(),
        Fault::Record(_) | Fault::NotOurs(_) | Fault::ReadOnly => None,
    };
    matches!(code, Some(ErrorCode::CannotOpen | ErrorCode::ReadOnly))
}

/// Finds out why a file cannot be opened, since SQLite does not tell.
fn open_failure(path: &Path) -> Cause {
    match std::fs::File::options().read(true).write(true).open(path) {
        Ok(_) => with_hint("its directory is not writable", RIGHTS),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => with_hint("it cannot be created", RIGHTS),
        Err(error) => with_hint(error, RIGHTS),
    }
}

/// Maps a fault to the store's error.
pub(super) fn store_error(path: &Path, fault: Fault) -> StoreError {
    let store = path.display().to_string();
    let error = match fault {
        Fault::Record(source) => return StoreError::Corrupt { store, source },
        Fault::NotOurs(reason) => return refused(path, reason),
        Fault::ReadOnly => return StoreError::ReadOnly { store, source: with_hint("it is read-only", RIGHTS) },
        Fault::Sqlite(error) => error,
    };
    let (code, is_unreadable) = (error.sqlite_error_code(), is_unreadable(&error));
    // A missing table or column: the schema was damaged after the file was created.
    let is_incomplete = code == Some(ErrorCode::Unknown) && error.to_string().starts_with("no such ");
    let source = Cause::from(SqliteError(error));
    match code {
        Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase) => StoreError::Corrupt { store, source },
        Some(ErrorCode::ReadOnly) => StoreError::ReadOnly { store, source: with_hint(source, RIGHTS) },
        Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => StoreError::Busy { store, source },
        Some(ErrorCode::DiskFull) => StoreError::ReadOnly { store, source },
        Some(ErrorCode::CannotOpen) => StoreError::Open { store, source: open_failure(path) },
        _ if is_incomplete || is_unreadable => StoreError::Corrupt { store, source },
        _ => StoreError::Failed { store, source },
    }
}

/// Maps a fault while opening a file.
pub(super) fn open_error(path: &Path, fault: Fault) -> StoreError {
    match store_error(path, fault) {
        StoreError::Failed { store, source } => StoreError::Open { store, source },
        other => other,
    }
}
