//! What can go wrong between the store and its file, and which of the store's errors it is.

use std::path::Path;

use rusqlite::ErrorCode;

use crate::record::InvalidRecord;
use books::StoreError;

/// The way out where a file may not be read or written.
const RIGHTS: &str = "check the permissions of the file and its directory";

/// What can go wrong between here and the file.
pub(super) enum Fault {
    Sqlite(rusqlite::Error),
    /// A record says something impossible.
    Record(String),
    /// The file is whole, but not for us.
    NotOurs(String),
    /// The file may only be read.
    ReadOnly,
}

impl Fault {
    /// Tells which record a fault is about. Only values that cannot be read are about a record.
    pub(super) fn of(self, what: impl FnOnce() -> String) -> Fault {
        match self {
            Fault::Record(reason) => Fault::Record(format!("{}: {reason}", what())),
            Fault::Sqlite(error) if is_unreadable(&error) => Fault::Record(format!("{}: {error}", what())),
            other => other,
        }
    }
}

/// Whether a value in the file is not of the kind that we write.
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

/// A store that is not opened.
pub(super) fn refused(path: &Path, reason: impl Into<String>) -> StoreError {
    StoreError::Open { store: path.display().to_string(), reason: reason.into() }
}

/// Whether SQLite may not make its files beside the database.
pub(super) fn is_locked_out(fault: &Fault) -> bool {
    let code = match fault {
        Fault::Sqlite(error) => error.sqlite_error_code(),
        Fault::Record(_) | Fault::NotOurs(_) | Fault::ReadOnly => None,
    };
    matches!(code, Some(ErrorCode::CannotOpen | ErrorCode::ReadOnly))
}

/// Why a file cannot be opened: SQLite says only that it cannot.
fn why_not(path: &Path) -> String {
    match std::fs::File::options().read(true).write(true).open(path) {
        Ok(_) => format!("its directory may not be written ({RIGHTS})"),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => format!("it cannot be made ({RIGHTS})"),
        Err(error) => format!("{error} ({RIGHTS})"),
    }
}

/// Which of our errors a fault is.
pub(super) fn store_error(path: &Path, fault: Fault) -> StoreError {
    let error = match fault {
        Fault::Record(reason) => return StoreError::Corrupt { store: path.display().to_string(), reason },
        Fault::NotOurs(reason) => return refused(path, reason),
        Fault::ReadOnly => {
            return StoreError::ReadOnly {
                store: path.display().to_string(),
                reason: format!("it may only be read ({RIGHTS})"),
            };
        }
        Fault::Sqlite(error) => error,
    };
    let (code, reason, store) = (error.sqlite_error_code(), error.to_string(), path.display().to_string());
    match code {
        Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase) => StoreError::Corrupt { store, reason },
        // Our own tables: if one is not there, somebody took it.
        Some(ErrorCode::Unknown) if reason.starts_with("no such ") => StoreError::Corrupt { store, reason },
        Some(ErrorCode::ReadOnly) => {
            let reason = format!("{reason} ({RIGHTS})");
            StoreError::ReadOnly { store, reason }
        }
        Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => StoreError::Busy { store, reason },
        Some(ErrorCode::DiskFull) => StoreError::ReadOnly { store, reason },
        Some(ErrorCode::CannotOpen) => {
            let reason = why_not(path);
            StoreError::Open { store, reason }
        }
        _ if is_unreadable(&error) => StoreError::Corrupt { store, reason },
        _ => StoreError::Failed { store, reason },
    }
}

/// As [`store_error`], of a file that is being opened.
pub(super) fn open_error(path: &Path, fault: Fault) -> StoreError {
    match store_error(path, fault) {
        StoreError::Failed { store, reason } => StoreError::Open { store, reason },
        other => other,
    }
}
