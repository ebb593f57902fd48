//! Faults between the store and its file, and how they map to the store's errors.

use std::path::Path;

use rusqlite::ErrorCode;

use crate::record::InvalidRecord;
use books::StoreError;

/// The way out for files that cannot be read or written.
const RIGHTS: &str = "check the permissions of the file and its directory";

/// A fault between the store and its file.
pub(super) enum Fault {
    Sqlite(rusqlite::Error),
    /// A stored record is invalid.
    Record(String),
    /// The file is intact, but not a store of this version.
    NotOurs(String),
    /// The file is read-only.
    ReadOnly,
}

impl Fault {
    /// Adds the name of the record to a fault, if the fault is an unreadable value.
    pub(super) fn of(self, what: impl FnOnce() -> String) -> Fault {
        match self {
            Fault::Record(reason) => Fault::Record(format!("{}: {reason}", what())),
            Fault::Sqlite(error) if is_unreadable(&error) => Fault::Record(format!("{}: {error}", what())),
            other => other,
        }
    }
}

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
pub(super) fn refused(path: &Path, reason: impl Into<String>) -> StoreError {
    StoreError::Open { store: path.display().to_string(), reason: reason.into() }
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
fn open_failure(path: &Path) -> String {
    match std::fs::File::options().read(true).write(true).open(path) {
        Ok(_) => format!("its directory is not writable ({RIGHTS})"),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => format!("it cannot be created ({RIGHTS})"),
        Err(error) => format!("{error} ({RIGHTS})"),
    }
}

/// Maps a fault to the store's error.
pub(super) fn store_error(path: &Path, fault: Fault) -> StoreError {
    let error = match fault {
        Fault::Record(reason) => return StoreError::Corrupt { store: path.display().to_string(), reason },
        Fault::NotOurs(reason) => return refused(path, reason),
        Fault::ReadOnly => {
            return StoreError::ReadOnly {
                store: path.display().to_string(),
                reason: format!("it is read-only ({RIGHTS})"),
            };
        }
        Fault::Sqlite(error) => error,
    };
    let (code, reason, store) = (error.sqlite_error_code(), error.to_string(), path.display().to_string());
    match code {
        Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase) => StoreError::Corrupt { store, reason },
        // A missing table or column: the schema was damaged after the file was created.
        Some(ErrorCode::Unknown) if reason.starts_with("no such ") => StoreError::Corrupt { store, reason },
        Some(ErrorCode::ReadOnly) => {
            let reason = format!("{reason} ({RIGHTS})");
            StoreError::ReadOnly { store, reason }
        }
        Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => StoreError::Busy { store, reason },
        Some(ErrorCode::DiskFull) => StoreError::ReadOnly { store, reason },
        Some(ErrorCode::CannotOpen) => {
            let reason = open_failure(path);
            StoreError::Open { store, reason }
        }
        _ if is_unreadable(&error) => StoreError::Corrupt { store, reason },
        _ => StoreError::Failed { store, reason },
    }
}

/// Maps a fault while opening a file.
pub(super) fn open_error(path: &Path, fault: Fault) -> StoreError {
    match store_error(path, fault) {
        StoreError::Failed { store, reason } => StoreError::Open { store, reason },
        other => other,
    }
}
