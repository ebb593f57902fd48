//! Sums by day: what parties traded in intervals that follow each other.

use domain::trade::State;
use domain::{Boundary, Interval};
use jiff::Timestamp;
use jiff::tz::TimeZone;
use rusqlite::{Connection, OptionalExtension, Row, params};

use super::fault::Fault;
use super::value::{bounds, time, unsigned};
use books::statement::Statement;
use books::{Commit, DaySums, Span, StoredTrade, day_of};
use record::{Block, Day};

/// A day as it is kept.
struct DayRow {
    id: Option<i64>,
    first: u64,
    last: u64,
    until: u64,
    day: Timestamp,
    intervals: u64,
    trades: u64,
    fresh: u64,
    parties: Day,
}

const COLUMNS: &str = "id, first, last, until, day, intervals, trades, fresh, parties";

fn read(row: &Row<'_>) -> Result<DayRow, Fault> {
    let parties = row.get_ref(8)?.as_blob().map_err(rusqlite::Error::from)?;
    let parties = Day::decode(parties).map_err(|error| {
        let at = row.get::<_, i64>(4).ok().and_then(|day| time(day).ok());
        Fault::from(error).of(|| at.map_or_else(|| "the sums of a day".to_owned(), |at| format!("the sums of {at}")))
    })?;
    Ok(DayRow {
        id: row.get(0)?,
        first: unsigned(row, 1)?,
        last: unsigned(row, 2)?,
        until: unsigned(row, 3)?,
        day: time(row.get(4)?)?,
        intervals: unsigned(row, 5)?,
        trades: unsigned(row, 6)?,
        fresh: unsigned(row, 7)?,
        parties,
    })
}

impl DayRow {
    fn begin(interval: Interval, day: Timestamp) -> DayRow {
        DayRow {
            id: None,
            first: interval.start().seconds(),
            last: interval.start().seconds(),
            until: interval.end().seconds(),
            day,
            intervals: 0,
            trades: 0,
            fresh: 0,
            parties: Day::default(),
        }
    }

    /// Adds an interval; answers the parties that are new.
    fn add(&mut self, interval: Interval, trades: &[StoredTrade], statement: Option<Statement>) {
        self.last = interval.start().seconds();
        self.until = interval.end().seconds();
        self.intervals += 1;
        self.trades += trades.len() as u64;
        self.fresh += trades.iter().filter(|trade| trade.state == Some(State::Created)).count() as u64;
        self.parties.add(trades, statement);
    }

    fn write(&self, transaction: &Connection, community: i64) -> Result<(), Fault> {
        let mut write = transaction.prepare_cached(
            "INSERT INTO day (id, community, first, last, until, day, intervals, trades, fresh, parties)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)
             ON CONFLICT (id) DO UPDATE SET last = excluded.last, until = excluded.until, intervals = excluded.intervals,
                 trades = excluded.trades, fresh = excluded.fresh, parties = excluded.parties",
        )?;
        write.execute(params![
            self.id,
            community,
            self.first,
            self.last,
            self.until,
            self.day.as_second(),
            self.intervals,
            self.trades,
            self.fresh,
            self.parties.encode(),
        ])?;
        Ok(())
    }
}

/// The newest day of a community while intervals are added to it.
pub(super) struct OpenDay {
    community: i64,
    row: DayRow,
    /// How many parties were noted before.
    noted: usize,
}

impl OpenDay {
    /// The day of what is committed, as it is kept, or as it begins.
    pub(super) fn of(transaction: &Connection, community: i64, commit: &Commit) -> Result<OpenDay, Fault> {
        let newest = format!("SELECT {COLUMNS} FROM day WHERE community = ?1 ORDER BY until DESC LIMIT 1");
        let mut newest = transaction.prepare_cached(&newest)?;
        let newest = newest.query([community])?.next()?.map(read).transpose()?.filter(|row| row.day == commit.day);
        let row = newest.unwrap_or_else(|| DayRow::begin(commit.cleared.interval, commit.day));
        Ok(OpenDay { community, noted: row.parties.parties.len(), row })
    }

    /// Whether this is the day of what is committed.
    pub(super) fn is_of(&self, community: i64, commit: &Commit) -> bool {
        (self.community, self.row.day) == (community, commit.day)
    }

    /// Adds what is committed to the sums.
    pub(super) fn add(&mut self, commit: &Commit) {
        let cleared = &commit.cleared;
        let round = cleared.round.as_ref().map(|round| &**round.settlement.round());
        let statement = Statement::of(round, &cleared.gaps, &cleared.trades);
        self.row.add(cleared.interval, &cleared.trades, statement);
    }

    pub(super) fn write(self, transaction: &Connection) -> Result<(), Fault> {
        self.row.write(transaction, self.community)?;
        if self.row.parties.parties.len() > self.noted {
            note_parties(transaction, self.community, &self.row.parties)?;
        }
        Ok(())
    }
}

/// Notes where the parties of a day trade.
fn note_parties(transaction: &Connection, community: i64, day: &Day) -> Result<(), Fault> {
    let note = "INSERT INTO party (name, community) VALUES (?1, ?2) ON CONFLICT DO NOTHING";
    let mut note = transaction.prepare_cached(note)?;
    for name in day.parties.keys() {
        note.execute(params![name, community])?;
    }
    Ok(())
}

/// Lists the sums of days, see [`books::Books::sums`].
pub(super) fn list(
    connection: &Connection,
    community: &str,
    span: Span,
    after: Option<Boundary>,
    limit: usize,
) -> Result<Vec<DaySums>, Fault> {
    let select = format!(
        "SELECT {COLUMNS} FROM day WHERE community = (SELECT id FROM community WHERE name = ?1)
         AND until > max(?2, ?4) AND last >= ?2 AND first < ?3 ORDER BY until LIMIT ?5"
    );
    let (from, to) = bounds(span);
    let after = after.map_or(0, |after| i64::try_from(after.seconds()).unwrap_or(i64::MAX));
    let mut select = connection.prepare_cached(&select)?;
    let mut rows = select.query(params![community, from, to, after, i64::try_from(limit).unwrap_or(i64::MAX)])?;
    let mut days = Vec::new();
    while let Some(row) = rows.next()? {
        let row = read(row)?;
        days.push(DaySums {
            first: record::decode_boundary(row.first)?,
            last: record::decode_boundary(row.last)?,
            until: record::decode_boundary(row.until)?,
            intervals: row.intervals,
            trades: row.trades,
            members: row.parties.accounts()?,
        });
    }
    Ok(days)
}

/// Takes from a day's trades that wait those of which something has become, by the names of their buyers.
pub(super) fn moved(transaction: &Connection, community: i64, start: u64, buyers: &[String]) -> Result<(), Fault> {
    let Some(mut row) = containing(transaction, community, start)? else { return Ok(()) };
    for buyer in buyers {
        row.fresh = row.fresh.saturating_sub(1);
        if let Some(entry) = row.parties.parties.get_mut(buyer) {
            entry.fresh = entry.fresh.saturating_sub(1);
        }
    }
    row.write(transaction, community)
}

/// The day with the interval of this start.
fn containing(connection: &Connection, community: i64, start: u64) -> Result<Option<DayRow>, Fault> {
    let find =
        format!("SELECT {COLUMNS} FROM day WHERE community = ?1 AND until > ?2 AND first <= ?2 ORDER BY until LIMIT 1");
    let mut find = connection.prepare_cached(&find)?;
    let mut rows = find.query(params![community, start])?;
    rows.next()?.map(read).transpose()
}

/// Sums up the day with an interval again.
pub(super) fn sum_again_at(transaction: &Connection, community: i64, name: &str, start: Boundary) -> Result<(), Fault> {
    let Some(kept) = containing(transaction, community, start.seconds())? else { return Ok(()) };
    let mut row = DayRow { intervals: 0, trades: 0, fresh: 0, parties: Day::default(), ..kept };
    let span = Span { from: Some(row.first), to: Some(row.last.saturating_add(1)) };
    each_block(transaction, community, span, |interval, block, payments| {
        add_block(&mut row, name, interval, block, payments);
        Ok(())
    })?;
    row.write(transaction, community)?;
    note_parties(transaction, community, &row.parties)
}

/// Sums up all intervals of a community again; answers the number of days.
pub(super) fn sum_again(
    transaction: &Connection,
    name: &str,
    zone: &TimeZone,
    told: &(dyn Fn() + Send + Sync),
) -> Result<u64, Fault> {
    let find = "SELECT id FROM community WHERE name = ?1";
    let Some(community) = transaction.query_row(find, [name], |row| row.get::<_, i64>(0)).optional()? else {
        return Ok(0);
    };
    transaction.execute("DELETE FROM day WHERE community = ?1", [community])?;
    // They are made again of these days.
    transaction.execute("DELETE FROM detail WHERE community = ?1", [community])?;
    transaction.execute("DELETE FROM party WHERE community = ?1", [community])?;
    let (mut current, mut days): (Option<DayRow>, u64) = (None, 0);
    let finish = |row: &DayRow| {
        row.write(transaction, community)?;
        note_parties(transaction, community, &row.parties)?;
        told();
        Ok::<(), Fault>(())
    };
    each_block(transaction, community, Span::default(), |interval, block, payments| {
        let day = day_of(interval, zone);
        if let Some(over) = current.take_if(|row| row.day != day) {
            finish(&over)?;
        }
        let row = current.get_or_insert_with(|| {
            days += 1;
            DayRow::begin(interval, day)
        });
        add_block(row, name, interval, block, payments);
        Ok(())
    })?;
    current.as_ref().map_or(Ok(()), finish)?;
    Ok(days)
}

/// Adds an interval that is kept; of the trades with these numbers something has become.
fn add_block(row: &mut DayRow, community: &str, interval: Interval, block: Block, payments: &[u64]) {
    let mut trades = record::stored_trades(community, interval, block.trades);
    let statement = Statement::of(block.round.as_ref(), &block.inputs.gaps, &trades);
    for trade in trades.iter_mut().filter(|trade| payments.contains(&trade.number)) {
        trade.state = None;
    }
    row.add(interval, &trades, statement);
}

/// Reads the blocks of intervals that start within a span, in order, each with the numbers of its trades of which something
/// has become.
fn each_block(
    connection: &Connection,
    community: i64,
    span: Span,
    mut visit: impl FnMut(Interval, Block, &[u64]) -> Result<(), Fault>,
) -> Result<(), Fault> {
    let (from, to) = bounds(span);
    let mut select = connection.prepare_cached(
        "SELECT start, length, block, paid > fresh FROM interval WHERE community = ?1 AND start >= ?2 AND start < ?3
         ORDER BY start",
    )?;
    let mut payments = connection.prepare_cached("SELECT number FROM payment WHERE community = ?1 AND start = ?2")?;
    let mut rows = select.query(params![community, from, to])?;
    while let Some(row) = rows.next()? {
        let start = unsigned(row, 0)?;
        let interval = record::decode_interval(start, row.get(1)?)?;
        let block = record::decode_block(row.get_ref(2)?.as_blob().map_err(rusqlite::Error::from)?);
        let block = block.map_err(|error| Fault::from(error).of(|| format!("interval {interval}")))?;
        let mut numbers: Vec<u64> = Vec::new();
        if row.get(3)? {
            let found = payments.query_map(params![community, start], |row| unsigned(row, 0))?;
            numbers = found.collect::<rusqlite::Result<_>>()?;
        }
        visit(interval, block, &numbers)?;
    }
    Ok(())
}
