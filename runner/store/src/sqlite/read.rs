//! Reads intervals, their trades, and a community's progress.

use std::collections::BTreeSet;

use domain::netting::LastReads;
use domain::{Boundary, CommunityCode, Digest, Interval, MemberId};
use rusqlite::{Connection, OptionalExtension, Row, Statement, params};

use super::fault::Fault;
use super::value::{bounds, state, unsigned};
use books::{Progress, Provenance, Span, StoredEvent, StoredInterval, StoredTrade};
use record::Block;

pub(super) fn mark(connection: &Connection, community: &str) -> Result<Option<Boundary>, Fault> {
    let mut find = connection.prepare_cached("SELECT mark FROM community WHERE name = ?1")?;
    let mark: Option<u64> = find.query_row([community], |row| row.get(0)).optional()?.flatten();
    Ok(mark.map(record::decode_boundary).transpose()?)
}

/// The mark of every community that has one.
pub(super) fn marks(connection: &Connection) -> Result<Vec<(String, Boundary)>, Fault> {
    let mut list =
        connection.prepare_cached("SELECT name, mark FROM community WHERE mark IS NOT NULL ORDER BY name")?;
    let marks = list.query_map((), |row| Ok((row.get::<_, String>(0)?, row.get::<_, u64>(1)?)))?;
    marks
        .map(|mark| mark.map_err(Fault::from).and_then(|(name, mark)| Ok((name, record::decode_boundary(mark)?))))
        .collect()
}

pub(super) fn progress(connection: &Connection, community: &str) -> Result<Progress, Fault> {
    let mut find = connection.prepare_cached("SELECT id, mark, course, taken FROM community WHERE name = ?1")?;
    let row = |row: &Row<'_>| {
        Ok((row.get::<_, i64>(0)?, row.get::<_, Option<u64>>(1)?, unsigned(row, 2)?, unsigned(row, 3)?))
    };
    let Some((id, mark, decision, taken)) = find.query_row([community], row).optional()? else {
        return Ok(Progress::default());
    };
    let mark = mark.map(record::decode_boundary).transpose()?;
    Ok(Progress { mark, decision, taken, last_reads: states(connection, id)?, ..Progress::default() })
}

/// The state of every meter of a community.
pub(super) fn states(connection: &Connection, community: i64) -> Result<LastReads, Fault> {
    let mut find = connection.prepare_cached("SELECT states FROM community WHERE id = ?1")?;
    let states: Option<Vec<u8>> = find.query_row([community], |row| row.get(0))?;
    let Some(states) = states else { return Ok(LastReads::new()) };
    record::decode_states(&states).map_err(|error| Fault::from(error).of(|| "the state of meters".to_owned()))
}

/// Describes the interval of a row whose columns from `start` on are start and length, as far as they are readable.
fn describe_interval(row: &Row<'_>, start: usize) -> String {
    let (second, length) = (row.get::<_, i64>(start).unwrap_or(-1), row.get::<_, u32>(start + 1).unwrap_or(0));
    let interval = u64::try_from(second).ok().and_then(|second| record::decode_interval(second, length).ok());
    interval.map_or_else(|| format!("at Unix second {second}"), |interval| interval.to_string())
}

/// Trades in order of time and number, see [`books::Books::trades`]. Intervals are read one by one until there are enough.
pub(super) fn trades(
    connection: &Connection,
    community: &str,
    span: Span,
    member: Option<&MemberId>,
    after: Option<(Boundary, u64)>,
    limit: usize,
) -> Result<Vec<StoredTrade>, Fault> {
    let mut found = Vec::new();
    let Some(id) = community_id(connection, community)? else { return Ok(found) };
    let (from, to) = bounds(span);
    let (after_start, first) = after.map_or((0, 0), |(start, number)| (start.seconds(), number.saturating_add(1)));
    let from = from.max(i64::try_from(after_start).unwrap_or(i64::MAX));
    let mut days = Days::of(connection, id, member.map(MemberId::as_str))?;
    let mut select = connection.prepare_cached(
        "SELECT start, length, block, paid > fresh FROM interval
         WHERE community = ?1 AND start >= ?2 AND start < ?3 ORDER BY start",
    )?;
    let ids = CommunityCode::of(community);
    while let Some((first_start, last_start)) = days.next(from, to)? {
        let last_start = last_start.map_or(to, |last| to.min(last.saturating_add(1)));
        let mut rows = select.query(params![id, from.max(first_start), last_start])?;
        while found.len() < limit
            && let Some(row) = rows.next()?
        {
            let start = unsigned(row, 0)?;
            let skipped = if start == after_start { first } else { 0 };
            let read = interval_trades(connection, (id, ids), row, member, skipped);
            let read = read.map_err(|fault| fault.of(|| format!("interval {}", describe_interval(row, 0))))?;
            found.extend(read);
        }
        if found.len() >= limit {
            break;
        }
    }
    found.truncate(limit);
    Ok(found)
}

fn community_id(connection: &Connection, name: &str) -> Result<Option<i64>, Fault> {
    let mut find = connection.prepare_cached("SELECT id FROM community WHERE name = ?1")?;
    Ok(find.query_row([name], |row| row.get(0)).optional()?)
}

/// The spans in which a member trades, by the starts of intervals: day by day, or all at once if it is about everybody.
enum Days<'c> {
    All,
    Of { days: Statement<'c>, community: i64, member: String, until: i64 },
    End,
}

impl<'c> Days<'c> {
    fn of(connection: &'c Connection, community: i64, member: Option<&str>) -> Result<Days<'c>, Fault> {
        let Some(member) = member else { return Ok(Days::All) };
        let days = connection.prepare(
            "SELECT first, last, until, parties FROM day WHERE community = ?1 AND until > ?2 AND first < ?3
             ORDER BY until LIMIT 1",
        )?;
        Ok(Days::Of { days, community, member: member.to_owned(), until: -1 })
    }

    /// The next span with trades of intervals that start from `from` on and before `to`: its first start, and its last.
    fn next(&mut self, from: i64, to: i64) -> Result<Option<(i64, Option<i64>)>, Fault> {
        loop {
            match self {
                Days::End => return Ok(None),
                Days::All => {
                    *self = Days::End;
                    return Ok(Some((0, None)));
                }
                Days::Of { days, community, member, until } => {
                    let mut rows = days.query(params![*community, from.max(*until), to])?;
                    let Some(row) = rows.next()? else { return Ok(None) };
                    *until = row.get(2)?;
                    let counts =
                        record::decode_counts(row.get_ref(3)?.as_blob().map_err(rusqlite::Error::from)?, member)?;
                    if counts.sold + counts.bought > 0 {
                        return Ok(Some((row.get(0)?, Some(row.get(1)?))));
                    }
                }
            }
        }
    }
}

/// The trades of an interval, a row with its start, length and block, and whether there are payments; those of one member
/// if given, from a number on.
fn interval_trades(
    connection: &Connection,
    (community, code): (i64, CommunityCode),
    row: &Row<'_>,
    member: Option<&MemberId>,
    first: u64,
) -> Result<Vec<StoredTrade>, Fault> {
    let interval = record::decode_interval(unsigned(row, 0)?, row.get(1)?)?;
    let trades = record::decode_trades(row.get_ref(2)?.as_blob().map_err(rusqlite::Error::from)?)?;
    let party = match member {
        Some(member) => match trades.party(member.as_str()) {
            Some(party) => Some(party),
            None => return Ok(Vec::new()),
        },
        None => None,
    };
    let mut found = trades.stored(code.ids(interval), interval, |number, seller, buyer| {
        number >= first && party.is_none_or(|party| party == seller || party == buyer)
    })?;
    if row.get(3)? {
        overlay(connection, community, interval, &mut found)?;
    }
    Ok(found)
}

/// Gives trades of an interval, in order, the state and the message that payments have brought.
fn overlay(
    connection: &Connection,
    community: i64,
    interval: Interval,
    trades: &mut [StoredTrade],
) -> Result<(), Fault> {
    let mut select =
        connection.prepare_cached("SELECT number, state, message FROM payment WHERE community = ?1 AND start = ?2")?;
    let mut rows = select.query(params![community, interval.start().seconds()])?;
    while let Some(row) = rows.next()? {
        let number = unsigned(row, 0)?;
        let Ok(index) = trades.binary_search_by_key(&number, |trade| trade.number) else { continue };
        let Some(trade) = trades.get_mut(index) else { continue };
        let read = || Ok((state(row.get(1)?)?, row.get(2)?));
        let (state, message) = read().map_err(|fault: Fault| fault.of(|| format!("trade {number} of {interval}")))?;
        trade.state = Some(state);
        trade.message = Option::or(message, trade.message.take());
    }
    Ok(())
}

pub(super) fn intervals(
    connection: &Connection,
    community: &str,
    span: Span,
    limit: usize,
) -> Result<Vec<StoredInterval>, Fault> {
    let mut select = connection.prepare_cached(
        "SELECT community.id, start, length, basis, block, paid > fresh, trades_digest, algorithm, interval.name, version,
             engine, fuel, fallback_reason, round_digest, configuration
         FROM interval JOIN community ON community.id = interval.community
         WHERE community.name = ?1 AND start >= ?2 AND start < ?3 ORDER BY start LIMIT ?4",
    )?;
    let (from, to) = bounds(span);
    let mut rows = select.query(params![community, from, to, i64::try_from(limit).unwrap_or(i64::MAX)])?;
    let mut intervals = Vec::new();
    while let Some(row) = rows.next()? {
        let (id, start): (i64, i64) = (row.get(0)?, row.get(1)?);
        let interval = read_interval(connection, community, row);
        intervals.push(StoredInterval {
            events: interval_events(connection, id, start)?,
            ..interval.map_err(|fault| fault.of(|| format!("interval {}", describe_interval(row, 1))))?
        });
    }
    Ok(intervals)
}

fn read_interval(connection: &Connection, community: &str, row: &Row<'_>) -> Result<StoredInterval, Fault> {
    let basis: String = row.get(3)?;
    let block = row.get_ref(4)?.as_blob().map_err(rusqlite::Error::from)?;
    let Block { trades, inputs, round } = record::decode_block(block)?;
    let digest = |column| -> rusqlite::Result<Option<Digest>> {
        Ok(row.get::<_, Option<[u8; 32]>>(column)?.map(Digest::from_bytes))
    };
    let interval = record::decode_interval(unsigned(row, 1)?, row.get(2)?)?;
    let mut trades = record::stored_trades(community, interval, trades);
    if row.get(5)? {
        overlay(connection, row.get(0)?, interval, &mut trades)?;
    }
    Ok(StoredInterval {
        interval,
        basis: basis.parse().map_err(|_| Fault::Record(format!("it has the unknown basis {basis:?}").into()))?,
        configuration: digest(14)?,
        readings: inputs.readings,
        rules: inputs.rules,
        decided: inputs.decided,
        round,
        provenance: read_provenance(row)?,
        round_digest: digest(13)?,
        trades_digest: digest(6)?,
        gaps: inputs.gaps,
        opening: inputs.opening,
        trades,
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

fn interval_events(connection: &Connection, community: i64, start: i64) -> Result<Vec<StoredEvent>, Fault> {
    let mut select = connection.prepare_cached(
        "SELECT code, subject, message FROM event WHERE community = ?1 AND start = ?2 ORDER BY number",
    )?;
    let events = select.query_map(params![community, start], |row| {
        Ok(StoredEvent { code: row.get(0)?, subject: row.get(1)?, message: row.get(2)? })
    })?;
    Ok(events.collect::<rusqlite::Result<_>>()?)
}

/// What was told of a community by events with these codes.
pub(super) fn told(connection: &Connection, community: &str, codes: &[String]) -> Result<BTreeSet<StoredEvent>, Fault> {
    let mut select = connection.prepare_cached(
        "SELECT DISTINCT code, subject, message FROM event JOIN community ON community.id = event.community
         WHERE community.name = ?1 AND code = ?2",
    )?;
    let mut told = BTreeSet::new();
    for code in codes {
        let events = select.query_map(params![community, code], |row| {
            Ok(StoredEvent { code: row.get(0)?, subject: row.get(1)?, message: row.get(2)? })
        })?;
        for event in events {
            told.insert(event?);
        }
    }
    Ok(told)
}
