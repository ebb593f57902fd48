//! Faults between the store and its file, and how they map to the store's errors.

use std::fs::File;
use std::io::ErrorKind;
use std::path::Path;

use rusqlite::ErrorCode;

use books::{Cause, StoreError};

use crate::cause::{about, with_hint};
use record::InvalidRecord;

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
    /// What is to be written can not be kept.
    Refused(Cause),
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
        Fault::Record(_) | Fault::NotOurs(_) | Fault::ReadOnly | Fault::Refused(_) => None,
    };
    matches!(code, Some(ErrorCode::CannotOpen | ErrorCode::ReadOnly))
}

/// What to do about a disk that takes nothing.
const ROOM: &str = "is the disk full, or the size of files limited?";

/// The error for a file that cannot be opened, since SQLite does not tell why not.
fn open_failure(path: &Path, store: String) -> StoreError {
    let source = match File::options().read(true).write(true).open(path) {
        Ok(_) => with_hint("its directory is not writable", RIGHTS),
        Err(error) if error.kind() == ErrorKind::NotFound => with_hint("it cannot be created", RIGHTS),
        Err(error) if File::open(path).is_err() => return StoreError::Open { store, source: with_hint(error, RIGHTS) },
        // It can be read, and not be written.
        Err(error) => with_hint(error, RIGHTS),
    };
    StoreError::ReadOnly { store, source }
}

/// Whether the system takes nothing more, without SQLite calling it a full disk.
fn cannot_write(error: &rusqlite::Error) -> bool {
    use rusqlite::ffi::{
        SQLITE_IOERR_DIR_FSYNC, SQLITE_IOERR_FSYNC, SQLITE_IOERR_SHMMAP, SQLITE_IOERR_SHMOPEN, SQLITE_IOERR_SHMSIZE,
        SQLITE_IOERR_TRUNCATE, SQLITE_IOERR_WRITE,
    };
    const WRITING: [i32; 7] = [
        SQLITE_IOERR_WRITE,
        SQLITE_IOERR_FSYNC,
        SQLITE_IOERR_DIR_FSYNC,
        SQLITE_IOERR_TRUNCATE,
        SQLITE_IOERR_SHMOPEN,
        SQLITE_IOERR_SHMSIZE,
        SQLITE_IOERR_SHMMAP,
    ];
    error.sqlite_error().is_some_and(|error| WRITING.contains(&error.extended_code))
}

/// Maps a fault to the store's error.
pub(super) fn store_error(path: &Path, fault: Fault) -> StoreError {
    let store = path.display().to_string();
    let error = match fault {
        Fault::Record(source) => return StoreError::Corrupt { store, source },
        Fault::NotOurs(reason) => return refused(path, reason),
        Fault::ReadOnly => return StoreError::ReadOnly { store, source: with_hint("it is read-only", RIGHTS) },
        Fault::Refused(source) => return StoreError::Failed { store, source },
        Fault::Sqlite(error) => error,
    };
    let (code, is_unreadable, cannot_write) = (error.sqlite_error_code(), is_unreadable(&error), cannot_write(&error));
    // A missing table or column: the schema was damaged after the file was created.
    let is_incomplete = code == Some(ErrorCode::Unknown) && error.to_string().starts_with("no such ");
    let source = Cause::from(SqliteError(error));
    match code {
        Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase) => StoreError::Corrupt { store, source },
        Some(ErrorCode::ReadOnly) => StoreError::ReadOnly { store, source: with_hint(source, RIGHTS) },
        Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => StoreError::Busy { store, source },
        Some(ErrorCode::DiskFull) => StoreError::ReadOnly { store, source: with_hint(source, ROOM) },
        _ if cannot_write => StoreError::ReadOnly { store, source: with_hint(source, ROOM) },
        Some(ErrorCode::CannotOpen) => open_failure(path, store),
        _ if is_incomplete || is_unreadable => StoreError::Corrupt { store, source },
        _ => StoreError::Failed { store, source },
    }
}

/// Maps a fault while opening a file.
pub(super) fn open_error(path: &Path, fault: Fault) -> StoreError {
    let is_of_system = |error: &rusqlite::Error| error.sqlite_error_code() == Some(ErrorCode::SystemIoFailure);
    let is_of_system = matches!(&fault, Fault::Sqlite(error) if is_of_system(error));
    match store_error(path, fault) {
        StoreError::Failed { store, source } if !is_of_system => StoreError::Open { store, source },
        other => other,
    }
}
