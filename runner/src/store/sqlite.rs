//! The embedded store: one SQLite file, one transaction for each interval.

mod fault;

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use domain::netting::{Basis, LastRead};
use domain::reading::Registers;
use domain::settlement::digest_of_trades;
use domain::trade::State;
use domain::{Boundary, Digest, Energy, MemberId, Price, TradeId};
use rusqlite::{Connection, ErrorCode, OpenFlags, OptionalExtension, Row, Transaction, TransactionBehavior, params};

use fault::{Fault, is_locked_out, open_error, refused, store_error};

use super::record;
use super::{
    Cleared, Commit, Committed, Progress, Provenance, Span, Store, StoreError, StoredEvent, StoredInterval,
    StoredParty, StoredTrade,
};

const SCHEMA: &str = include_str!("schema.sql");
/// Version of the schema, in the file's header.
const VERSION: i64 = 1;
/// Tells our files from other programs' databases: "rcmk" in the file's header.
const APPLICATION_ID: i64 = 0x7263_6d6b;
/// How long to wait while another process commits.
const BUSY_TIMEOUT: Duration = Duration::from_secs(10);
/// How long to wait before trying again what SQLite does not wait for itself.
const BUSY_PAUSE: Duration = Duration::from_millis(5);

const IS_DIRECTORY: &str = "it is a directory (name a file in it)";

/// The embedded store.
#[derive(Clone)]
pub struct SqliteStore {
    path: Arc<PathBuf>,
    connection: Arc<Mutex<Connection>>,
}

impl SqliteStore {
    /// Opens a file, making it if it is not there.
    ///
    /// # Errors
    /// If it cannot be opened or written, or is not one of ours.
    pub fn open(path: &Path) -> Result<SqliteStore, StoreError> {
        let parent = path.parent().filter(|parent| !parent.as_os_str().is_empty());
        if let Some(parent) = parent.filter(|parent| matches!(parent.try_exists(), Ok(false))) {
            return Err(refused(path, format!("there is no directory {} (make it first)", parent.display())));
        }
        if path.is_dir() {
            return Err(refused(path, IS_DIRECTORY));
        }
        let opened = Connection::open(path).map_err(Fault::from).and_then(|mut connection| {
            prepare(&mut connection)?;
            Ok(connection)
        });
        SqliteStore::new(path, opened)
    }

    /// Opens a file that is there, to read only.
    ///
    /// # Errors
    /// If it is not there or is not one of ours.
    pub fn open_to_read(path: &Path) -> Result<SqliteStore, StoreError> {
        if path.is_dir() {
            return Err(refused(path, IS_DIRECTORY));
        }
        if !path.is_file() {
            return Err(refused(path, "there is no such file (settle first)"));
        }
        let prepare = |connection: Connection| {
            connection.busy_timeout(BUSY_TIMEOUT)?;
            connection.pragma_update(None, "query_only", true)?;
            check_ours(&connection)?;
            Ok(connection)
        };
        let opened = Connection::open(path).map_err(Fault::from).and_then(prepare).or_else(|fault| {
            // In a directory that may not be written there can be no lock, and nobody who writes either.
            match unchanging(path) {
                Some(uri) if is_locked_out(&fault) => {
                    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_URI;
                    Connection::open_with_flags(uri, flags).map_err(Fault::from).and_then(prepare)
                }
                _ => Err(fault),
            }
        });
        SqliteStore::new(path, opened)
    }

    fn new(path: &Path, opened: Result<Connection, Fault>) -> Result<SqliteStore, StoreError> {
        let connection = opened.map_err(|fault| open_error(path, fault))?;
        Ok(SqliteStore { path: Arc::new(path.to_owned()), connection: Arc::new(Mutex::new(connection)) })
    }

    /// Runs something on the connection where blocking is allowed.
    async fn run<T: Send + 'static>(
        &self,
        work: impl FnOnce(&mut Connection) -> Result<T, Fault> + Send + 'static,
    ) -> Result<T, StoreError> {
        let (connection, path) = (Arc::clone(&self.connection), Arc::clone(&self.path));
        let done = tokio::task::spawn_blocking(move || {
            // A transaction that panicked was rolled back when it was dropped.
            let mut connection = connection.lock().unwrap_or_else(PoisonError::into_inner);
            work(&mut connection)
        });
        match done.await {
            Ok(result) => result.map_err(|fault| store_error(&path, fault)),
            Err(error) => Err(StoreError::Failed { path: path.to_path_buf(), reason: error.to_string() }),
        }
    }
}

/// The address of a file that nobody changes; none if a writer has left something beside it.
fn unchanging(path: &Path) -> Option<String> {
    let text = path.to_str()?;
    if matches!(Path::new(&format!("{text}-wal")).metadata(), Ok(file) if file.len() > 0) {
        return None;
    }
    Some(format!("file:{}?immutable=1", text.replace('%', "%25").replace('?', "%3f").replace('#', "%23")))
}

fn prepare(connection: &mut Connection) -> Result<(), Fault> {
    // SQLite opens what may only be read, and would say so at the first commit.
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
    // Before anything is changed: it may be a file of another program.
    check_ours(&transaction)?;
    transaction.commit()?;
    // Every commit reaches the disk before the next interval starts: a crash at any instant loses nothing.
    use_log(connection)?;
    connection.pragma_update(None, "synchronous", "full")?;
    Ok(())
}

/// Switches to the write-ahead log. Two that switch a new file at once would block each other, so SQLite refuses one of
/// them at once, whatever its timeout: that one waits here until the other is done.
fn use_log(connection: &Connection) -> Result<(), Fault> {
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

fn check_ours(connection: &Connection) -> Result<(), Fault> {
    let pragma = |name| connection.pragma_query_value(None, name, |row| row.get::<_, i64>(0));
    if is_empty(connection)? {
        return Err(Fault::NotOurs("it is empty (settle first)".to_owned()));
    }
    if pragma("application_id")? != APPLICATION_ID {
        return Err(Fault::NotOurs("it is a database of another program (name another file)".to_owned()));
    }
    let version = pragma("user_version")?;
    if version != VERSION {
        return Err(Fault::NotOurs(format!(
            "it has schema version {version}, but this program knows only {VERSION} (use a newer rec-market, or name another file)"
        )));
    }
    Ok(())
}

impl Store for SqliteStore {
    async fn progress(&self, community: &str) -> Result<Progress, StoreError> {
        let name = community.to_owned();
        self.run(move |connection| progress(connection, &name)).await
    }

    async fn commit(&self, commit: Commit) -> Result<Committed, StoreError> {
        self.run(move |connection| {
            let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
            let committed = write(&transaction, &commit)?;
            transaction.commit()?;
            Ok(committed)
        })
        .await
    }

    async fn communities(&self) -> Result<Vec<String>, StoreError> {
        self.run(|connection| {
            let mut names = connection.prepare_cached("SELECT name FROM community ORDER BY name")?;
            let names = names.query_map((), |row| row.get(0))?;
            Ok(names.collect::<rusqlite::Result<_>>()?)
        })
        .await
    }

    async fn intervals(&self, community: &str, span: Span, limit: usize) -> Result<Vec<StoredInterval>, StoreError> {
        let name = community.to_owned();
        self.run(move |connection| {
            // One transaction, so that an interval and its trades are of one moment.
            let transaction = connection.transaction()?;
            intervals(&transaction, &name, span, limit)
        })
        .await
    }

    async fn trades(
        &self,
        community: &str,
        span: Span,
        member: Option<&MemberId>,
        after: Option<(Boundary, u64)>,
        limit: usize,
    ) -> Result<Vec<StoredTrade>, StoreError> {
        let (name, member) = (community.to_owned(), member.cloned());
        self.run(move |connection| trades(connection, &name, span, member.as_ref(), after, limit)).await
    }

    async fn component(&self, digest: &Digest) -> Result<Option<Vec<u8>>, StoreError> {
        let digest = *digest.as_bytes();
        self.run(move |connection| {
            let mut bytes = connection.prepare_cached("SELECT bytes FROM component WHERE digest = ?1")?;
            Ok(bytes.query_row([digest], |row| row.get(0)).optional()?)
        })
        .await
    }

    async fn event_counts(&self, community: &str) -> Result<Vec<(String, u64)>, StoreError> {
        let name = community.to_owned();
        self.run(move |connection| {
            let mut counts = connection.prepare_cached(
                "SELECT code, count(*) FROM event JOIN community ON community.id = event.community
                 WHERE community.name = ?1 GROUP BY code ORDER BY code",
            )?;
            let counts = counts.query_map([name], |row| Ok((row.get(0)?, unsigned(row, 1)?)))?;
            Ok(counts.collect::<rusqlite::Result<_>>()?)
        })
        .await
    }

    async fn examine(&self) -> Result<Vec<String>, StoreError> {
        self.run(|connection| {
            let mut found = texts(connection, "PRAGMA integrity_check(20)")?;
            found.retain(|finding| finding != "ok");
            // Rows that no query for an interval would show.
            found.extend(texts(connection, STRAYS)?);
            Ok(found)
        })
        .await
    }
}

/// Rows that refer to something that is not there, in words.
const STRAYS: &str = "
    SELECT * FROM (SELECT 'a row of ' || \"table\" || ' refers to no row of ' || parent
                   FROM pragma_foreign_key_check() GROUP BY \"table\", parent)
    UNION ALL
    SELECT * FROM (SELECT 'trade ' || number || ' at ' || strftime('%Y-%m-%dT%H:%M:%SZ', trade.start, 'unixepoch')
                       || ' belongs to no interval'
                   FROM trade LEFT JOIN interval USING (community, start) WHERE interval.community IS NULL LIMIT 20)
    UNION ALL
    SELECT * FROM (SELECT 'event ' || number || ' at ' || strftime('%Y-%m-%dT%H:%M:%SZ', event.start, 'unixepoch')
                       || ' belongs to no interval'
                   FROM event LEFT JOIN interval USING (community, start) WHERE interval.community IS NULL LIMIT 20)";

fn texts(connection: &Connection, query: &str) -> rusqlite::Result<Vec<String>> {
    let mut select = connection.prepare(query)?;
    let texts = select.query_map((), |row| row.get(0))?;
    texts.collect()
}

/// Reads a number that was written from an unsigned one.
fn unsigned(row: &Row<'_>, column: usize) -> rusqlite::Result<u64> {
    row.get(column)
}

fn progress(connection: &Connection, community: &str) -> Result<Progress, Fault> {
    let mut find = connection.prepare_cached("SELECT id, mark FROM community WHERE name = ?1")?;
    let found = find.query_row([community], |row| Ok((row.get::<_, i64>(0)?, row.get::<_, Option<u64>>(1)?)));
    let Some((id, mark)) = found.optional()? else {
        return Ok(Progress::default());
    };
    let mut meters =
        connection.prepare_cached("SELECT meter, boundary, import_wh, export_wh FROM meter WHERE community = ?1")?;
    let mut rows = meters.query([id])?;
    let mut progress = Progress { mark: mark.map(record::decode_boundary).transpose()?, ..Progress::default() };
    while let Some(row) = rows.next()? {
        let meter: String = row.get(0)?;
        let meter = meter.parse().map_err(|error| Fault::Record(format!("{error}")))?;
        let registers = Registers { import_wh: unsigned(row, 2)?, export_wh: unsigned(row, 3)? };
        let boundary = record::decode_boundary(unsigned(row, 1)?)?;
        progress.last_reads.insert(meter, LastRead { boundary, registers });
    }
    Ok(progress)
}

fn write(transaction: &Transaction<'_>, commit: &Commit) -> Result<Committed, Fault> {
    transaction
        .prepare_cached("INSERT INTO community (name) VALUES (?1) ON CONFLICT (name) DO NOTHING")?
        .execute([&commit.community])?;
    let (community, mark): (i64, Option<u64>) = transaction
        .prepare_cached("SELECT id, mark FROM community WHERE name = ?1")?
        .query_row([&commit.community], |row| Ok((row.get(0)?, row.get(1)?)))?;
    let end = commit.interval.end().seconds();
    if mark.is_some_and(|mark| mark >= end) {
        return Ok(Committed::Already);
    }
    write_interval(transaction, community, commit)?;
    write_trades(transaction, community, commit)?;
    write_events(transaction, community, commit)?;
    let mut meter = transaction.prepare_cached(
        "INSERT INTO meter (community, meter, boundary, import_wh, export_wh) VALUES (?1, ?2, ?3, ?4, ?5)
         ON CONFLICT (community, meter) DO UPDATE
         SET boundary = excluded.boundary, import_wh = excluded.import_wh, export_wh = excluded.export_wh",
    )?;
    for reading in &commit.readings {
        let Registers { import_wh, export_wh } = reading.registers;
        meter.execute(params![community, reading.meter.as_str(), end, import_wh, export_wh])?;
    }
    transaction.prepare_cached("UPDATE community SET mark = ?2 WHERE id = ?1")?.execute(params![community, end])?;
    Ok(Committed::Now)
}

fn write_interval(transaction: &Transaction<'_>, community: i64, commit: &Commit) -> Result<(), Fault> {
    let cleared = commit.cleared.as_ref();
    if let Some(Cleared { provenance, component, .. }) = cleared {
        transaction
            .prepare_cached("INSERT INTO component (digest, bytes) VALUES (?1, ?2) ON CONFLICT (digest) DO NOTHING")?
            .execute(params![provenance.algorithm.as_bytes(), &component[..]])?;
    }
    let provenance = cleared.map(|cleared| &cleared.provenance);
    transaction
        .prepare_cached(
            "INSERT INTO interval (community, start, length, basis, inputs, round, trades_digest, algorithm, name,
                 version, engine, fuel, fallback_reason, round_digest)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14)",
        )?
        .execute(params![
            community,
            commit.interval.start().seconds(),
            commit.interval.length().seconds(),
            basis_name(commit.basis),
            record::encode_inputs(&commit.readings, &commit.gaps),
            cleared.map(|cleared| record::encode_round(cleared.settlement.round())),
            cleared.map(|cleared| *digest_of_trades(cleared.settlement.trades()).as_bytes()),
            provenance.map(|provenance| *provenance.algorithm.as_bytes()),
            provenance.map(|provenance| &provenance.name),
            provenance.map(|provenance| &provenance.version),
            provenance.map(|provenance| &provenance.engine),
            provenance.map(|provenance| provenance.fuel),
            provenance.and_then(|provenance| provenance.fallback_reason.as_ref()),
            cleared.map(|cleared| *cleared.settlement.round().digest().as_bytes()),
        ])?;
    Ok(())
}

fn write_trades(transaction: &Transaction<'_>, community: i64, commit: &Commit) -> Result<(), Fault> {
    let mut insert = transaction.prepare_cached(
        "INSERT INTO trade (community, start, number, id, seller, buyer, energy, price, state, message)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)",
    )?;
    for trade in commit.trades() {
        insert.execute(params![
            community,
            trade.interval.start().seconds(),
            trade.number,
            trade.id.as_bytes(),
            party_name(&trade.seller),
            party_name(&trade.buyer),
            trade.energy.wh(),
            trade.price.micro_eur(),
            trade.state.map(|state| state as i64),
            trade.message,
        ])?;
    }
    Ok(())
}

fn write_events(transaction: &Transaction<'_>, community: i64, commit: &Commit) -> Result<(), Fault> {
    let mut insert = transaction.prepare_cached(
        "INSERT INTO event (community, start, number, code, subject, message) VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
    )?;
    let start = commit.interval.start().seconds();
    for (event, number) in commit.events.iter().zip(0_i64..) {
        insert.execute(params![community, start, number, event.code, event.subject, event.message])?;
    }
    Ok(())
}

fn basis_name(basis: Basis) -> &'static str {
    match basis {
        Basis::Net => "net",
        Basis::Gross => "gross",
    }
}

fn party_name(party: &StoredParty) -> &str {
    match party {
        StoredParty::Grid => "grid",
        StoredParty::Operator => "operator",
        StoredParty::Member(member) => member.as_str(),
    }
}

fn read_party(name: String) -> Result<StoredParty, Fault> {
    match name.as_str() {
        "grid" => Ok(StoredParty::Grid),
        "operator" => Ok(StoredParty::Operator),
        member => member.parse().map(StoredParty::Member).map_err(|error| Fault::Record(format!("{error}"))),
    }
}

/// A span as the bounds of a query: SQLite's integers are signed.
fn bounds(span: Span) -> (i64, i64) {
    let signed = |second: u64| i64::try_from(second).unwrap_or(i64::MAX);
    (span.from.map_or(0, signed), span.to.map_or(i64::MAX, signed))
}

const TRADE_COLUMNS: &str =
    "trade.start, interval.length, trade.number, trade.id, seller, buyer, energy, price, state, message";

/// The interval of a row that starts with its start and length, as far as it can be told.
fn interval_of(row: &Row<'_>, start: usize) -> String {
    let (second, length) = (row.get::<_, i64>(start).unwrap_or(-1), row.get::<_, u32>(start + 1).unwrap_or(0));
    let interval = u64::try_from(second).ok().and_then(|second| record::decode_interval(second, length).ok());
    interval.map_or_else(|| format!("at Unix second {second}"), |interval| interval.to_string())
}

fn trades(
    connection: &Connection,
    community: &str,
    span: Span,
    member: Option<&MemberId>,
    after: Option<(Boundary, u64)>,
    limit: usize,
) -> Result<Vec<StoredTrade>, Fault> {
    let mut select = connection.prepare_cached(&format!(
        "SELECT {TRADE_COLUMNS} FROM community
         JOIN trade ON trade.community = community.id
         JOIN interval ON interval.community = community.id AND interval.start = trade.start
         WHERE community.name = ?1 AND trade.start >= ?2 AND trade.start < ?3
           AND (trade.start, number) > (?4, ?5) AND (?6 IS NULL OR seller = ?6 OR buyer = ?6)
         ORDER BY trade.start, number LIMIT ?7"
    ))?;
    let (from, to) = bounds(span);
    let (after_start, after_number) = match after {
        Some((start, number)) => {
            (i64::try_from(start.seconds()).unwrap_or(i64::MAX), i64::try_from(number).unwrap_or(i64::MAX))
        }
        None => (-1, -1),
    };
    let limit = i64::try_from(limit).unwrap_or(i64::MAX);
    let member = member.map(MemberId::as_str);
    let mut rows = select.query(params![community, from, to, after_start, after_number, member, limit])?;
    let mut trades = Vec::new();
    while let Some(row) = rows.next()? {
        trades.push(read_trade(row)?);
    }
    Ok(trades)
}

fn read_trade(row: &Row<'_>) -> Result<StoredTrade, Fault> {
    read_trade_row(row).map_err(|fault| {
        let number = row.get::<_, i64>(2).unwrap_or(-1);
        fault.of(|| format!("trade {number} of interval {}", interval_of(row, 0)))
    })
}

fn read_trade_row(row: &Row<'_>) -> Result<StoredTrade, Fault> {
    let state: Option<i64> = row.get(8)?;
    let unknown = |number: i64| Fault::Record(format!("it has the unknown state {number}"));
    Ok(StoredTrade {
        interval: record::decode_interval(unsigned(row, 0)?, row.get(1)?)?,
        number: unsigned(row, 2)?,
        id: TradeId::from_bytes(row.get(3)?),
        seller: read_party(row.get(4)?)?,
        buyer: read_party(row.get(5)?)?,
        energy: Energy::from_wh(unsigned(row, 6)?),
        price: Price::from_micro_eur(row.get(7)?),
        state: state.map(|number| State::from_number(number).ok_or_else(|| unknown(number))).transpose()?,
        message: row.get(9)?,
    })
}

fn intervals(connection: &Connection, community: &str, span: Span, limit: usize) -> Result<Vec<StoredInterval>, Fault> {
    let mut select = connection.prepare_cached(
        "SELECT community.id, start, length, basis, inputs, round, trades_digest, algorithm, interval.name, version,
             engine, fuel, fallback_reason, round_digest
         FROM interval JOIN community ON community.id = interval.community
         WHERE community.name = ?1 AND start >= ?2 AND start < ?3 ORDER BY start LIMIT ?4",
    )?;
    let (from, to) = bounds(span);
    let mut rows = select.query(params![community, from, to, i64::try_from(limit).unwrap_or(i64::MAX)])?;
    let mut intervals = Vec::new();
    while let Some(row) = rows.next()? {
        let (id, start): (i64, i64) = (row.get(0)?, row.get(1)?);
        let interval = StoredInterval {
            trades: interval_trades(connection, id, start)?,
            events: interval_events(connection, id, start)?,
            ..read_interval(row).map_err(|fault| fault.of(|| format!("interval {}", interval_of(row, 1))))?
        };
        intervals.push(interval);
    }
    Ok(intervals)
}

fn read_interval(row: &Row<'_>) -> Result<StoredInterval, Fault> {
    let basis: String = row.get(3)?;
    let inputs = record::decode_inputs(row.get_ref(4)?.as_blob().map_err(rusqlite::Error::from)?)?;
    let round: Option<Vec<u8>> = row.get(5)?;
    let digest = |column| -> rusqlite::Result<Option<Digest>> {
        Ok(row.get::<_, Option<[u8; 32]>>(column)?.map(Digest::from_bytes))
    };
    Ok(StoredInterval {
        interval: record::decode_interval(unsigned(row, 1)?, row.get(2)?)?,
        basis: match basis.as_str() {
            "net" => Basis::Net,
            "gross" => Basis::Gross,
            other => return Err(Fault::Record(format!("it has the unknown basis {other:?}"))),
        },
        readings: inputs.readings,
        round: round.as_deref().map(record::decode_round).transpose()?,
        provenance: read_provenance(row)?,
        round_digest: digest(13)?,
        trades_digest: digest(6)?,
        gaps: inputs.gaps,
        trades: Vec::new(),
        events: Vec::new(),
    })
}

fn read_provenance(row: &Row<'_>) -> Result<Option<Provenance>, Fault> {
    let Some(algorithm) = row.get::<_, Option<[u8; 32]>>(7)? else {
        return Ok(None);
    };
    Ok(Some(Provenance {
        algorithm: Digest::from_bytes(algorithm),
        name: row.get(8)?,
        version: row.get(9)?,
        engine: row.get(10)?,
        fuel: unsigned(row, 11)?,
        fallback_reason: row.get(12)?,
    }))
}

fn interval_trades(connection: &Connection, community: i64, start: i64) -> Result<Vec<StoredTrade>, Fault> {
    let mut select = connection.prepare_cached(&format!(
        "SELECT {TRADE_COLUMNS} FROM trade
         JOIN interval ON interval.community = trade.community AND interval.start = trade.start
         WHERE trade.community = ?1 AND trade.start = ?2 ORDER BY number"
    ))?;
    let mut rows = select.query(params![community, start])?;
    let mut trades = Vec::new();
    while let Some(row) = rows.next()? {
        trades.push(read_trade(row)?);
    }
    Ok(trades)
}

fn interval_events(connection: &Connection, community: i64, start: i64) -> Result<Vec<StoredEvent>, Fault> {
    let mut select = connection.prepare_cached(
        "SELECT code, subject, message FROM event WHERE community = ?1 AND start = ?2 ORDER BY number",
    )?;
    let events = select.query_map(params![community, start], |row| {
        Ok(StoredEvent { code: row.get(0)?, subject: row.get(1)?, message: row.get(2)? })
    })?;
    Ok(events.collect::<rusqlite::Result<_>>()?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn several_may_open_a_new_file_at_once() {
        for _ in 0..100 {
            let directory = tempfile::tempdir().unwrap();
            let path = directory.path().join("market.db");
            let together = std::sync::Barrier::new(4);
            let open = || {
                together.wait();
                SqliteStore::open(&path)
            };
            std::thread::scope(|scope| {
                let opening: Vec<_> = (0..4).map(|_| scope.spawn(open)).collect();
                for thread in opening {
                    thread.join().unwrap().unwrap();
                }
            });
        }
    }
}
