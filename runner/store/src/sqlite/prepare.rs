//! The file: its schema, its version, and how a connection that writes is set up.

use std::time::Duration;

use rusqlite::{Connection, ErrorCode, TransactionBehavior};

use super::fault::Fault;

const SCHEMA: &str = include_str!("../schema.sql");
/// The schema's version, `user_version` in the file's header.
const VERSION: i64 = 6;
/// Distinguishes our files from other programs' databases: "rcmk", `application_id` in the file's header.
const APPLICATION_ID: i64 = 0x7263_6d6b;
/// How long to wait for another process's lock.
pub(super) const BUSY_TIMEOUT: Duration = Duration::from_secs(10);
/// Pause between retries where SQLite's own timeout does not apply.
const BUSY_PAUSE: Duration = Duration::from_millis(5);

/// Page cache of the writer, in KiB (negative, as SQLite expects): enough for every member's part of two indexes.
const CACHE_KIB: i64 = -4 * 1024;
/// Pages in the write-ahead log after which a checkpoint copies them into the file. High, because a backfill changes
/// the same pages again and again.
const CHECKPOINT_PAGES: i64 = 8 * 1024;

/// Makes the schema if there is none, and sets what a connection that writes needs.
pub(super) fn prepare(connection: &mut Connection) -> Result<(), Fault> {
    // SQLite opens a read-only file without an error, and would only fail at the first commit.
    if connection.is_readonly("main")? {
        return Err(Fault::ReadOnly);
    }
    connection.busy_timeout(BUSY_TIMEOUT)?;
    connection.pragma_update(None, "foreign_keys", true)?;
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    if is_empty(&transaction)? {
        transaction.execute_batch(SCHEMA)?;
        transaction.pragma_update(None, "application_id", APPLICATION_ID)?;
        transaction.pragma_update(None, "user_version", VERSION)?;
    }
    check_ours(&transaction)?;
    transaction.commit()?;
    // Every commit reaches the disk before the next interval starts, so a crash at any instant loses nothing.
    use_write_ahead_log(connection)?;
    connection.pragma_update(None, "synchronous", "full")?;
    connection.pragma_update(None, "cache_size", CACHE_KIB)?;
    connection.pragma_update(None, "wal_autocheckpoint", CHECKPOINT_PAGES)?;
    Ok(())
}

/// Switches to the write-ahead log. If two processes switch a new file at the same time, SQLite fails for one of them
/// immediately, whatever its timeout, so that one retries here.
fn use_write_ahead_log(connection: &Connection) -> Result<(), Fault> {
    let mut waited = Duration::ZERO;
    loop {
        match connection.pragma_update(None, "journal_mode", "wal") {
            Err(error) if error.sqlite_error_code() == Some(ErrorCode::DatabaseBusy) && waited < BUSY_TIMEOUT => {
                std::thread::sleep(BUSY_PAUSE);
                waited += BUSY_PAUSE;
            }
            switched => return Ok(switched?),
        }
    }
}

fn is_empty(connection: &Connection) -> rusqlite::Result<bool> {
    connection.query_row("SELECT count(*) = 0 FROM sqlite_schema", (), |row| row.get(0))
}

/// Refuses files of other programs and of other versions.
pub(super) fn check_ours(connection: &Connection) -> Result<(), Fault> {
    let pragma = |name| connection.pragma_query_value(None, name, |row| row.get::<_, i64>(0));
    if is_empty(connection)? {
        return Err(Fault::NotOurs("it is empty (settle first)".to_owned()));
    }
    if pragma("application_id")? != APPLICATION_ID {
        return Err(Fault::NotOurs("it is a database of another program (name another file)".to_owned()));
    }
    match pragma("user_version")? {
        VERSION => Ok(()),
        version if version < VERSION => Err(Fault::NotOurs(format!(
            "it has schema version {version}, from before the first release; this program needs {VERSION} (settle again into a \
             new file; if trades of this one were paid, keep it, and set forward.since to the end of its last interval, so \
             that nothing is paid twice)"
        ))),
        version => Err(Fault::NotOurs(format!(
            "it has schema version {version}, but this program knows only {VERSION} (use a newer rec-market, or name another file)"
        ))),
    }
}
