//! Reads intervals, their trades, and a community's progress.

use std::collections::BTreeSet;

use domain::netting::LastRead;
use domain::reading::Registers;
use domain::trade::State;
use domain::{Boundary, Digest, Energy, MemberId, MeterId, Price, TradeId};
use rusqlite::{Connection, OptionalExtension, Row, params};

use super::fault::Fault;
use crate::record;
use books::{Progress, Provenance, Span, StoredEvent, StoredInterval, StoredTrade};
use domain::NamedParty;

/// Reads a number that was stored from an unsigned one.
pub(super) fn unsigned(row: &Row<'_>, column: usize) -> rusqlite::Result<u64> {
    row.get(column)
}

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
    // A file from before there were disputes, which is opened to read, has none.
    let version: i64 = connection.pragma_query_value(None, "user_version", |row| row.get(0))?;
    let (taken, dispute) = if version < 5 { ("0", "NULL") } else { ("taken", "dispute") };
    let mut find = connection.prepare_cached(&format!("SELECT id, mark, {taken} FROM community WHERE name = ?1"))?;
    let row = |row: &Row<'_>| Ok((row.get::<_, i64>(0)?, row.get::<_, Option<u64>>(1)?, unsigned(row, 2)?));
    let Some((id, mark, taken)) = find.query_row([community], row).optional()? else {
        return Ok(Progress::default());
    };
    let select = format!("SELECT meter, boundary, import_wh, export_wh, {dispute} FROM meter WHERE community = ?1");
    let mut meters = connection.prepare_cached(&select)?;
    let mut rows = meters.query([id])?;
    let mark = mark.map(record::decode_boundary).transpose()?;
    let mut progress = Progress { mark, taken, ..Progress::default() };
    while let Some(row) = rows.next()? {
        let meter: String = row.get(0)?;
        let meter = MeterId::from_stored(&meter).map_err(|error| Fault::Record(error.into()))?;
        let registers = Registers { import_wh: unsigned(row, 2)?, export_wh: unsigned(row, 3)? };
        let boundary = record::decode_boundary(unsigned(row, 1)?)?;
        let dispute: Option<Vec<u8>> = row.get(4)?;
        let dispute = dispute.map(|bytes| record::decode_dispute(&bytes)).transpose()?;
        progress.last_reads.insert(meter, LastRead { boundary, registers, dispute });
    }
    Ok(progress)
}

pub(super) fn read_party(name: String) -> Result<NamedParty, Fault> {
    Ok(record::decode_party(&name)?)
}

/// A span as bounds of a query, in SQLite's signed integers.
pub(super) fn bounds(span: Span) -> (i64, i64) {
    let signed = |second: u64| i64::try_from(second).unwrap_or(i64::MAX);
    (span.from.map_or(0, signed), span.to.map_or(i64::MAX, signed))
}

const TRADE_COLUMNS: &str =
    "trade.start, interval.length, trade.number, trade.id, seller, buyer, energy, price, state, message";

/// Describes the interval of a row whose columns from `start` on are start and length, as far as they are readable.
fn describe_interval(row: &Row<'_>, start: usize) -> String {
    let (second, length) = (row.get::<_, i64>(start).unwrap_or(-1), row.get::<_, u32>(start + 1).unwrap_or(0));
    let interval = u64::try_from(second).ok().and_then(|second| record::decode_interval(second, length).ok());
    interval.map_or_else(|| format!("at Unix second {second}"), |interval| interval.to_string())
}

pub(super) fn trades(
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
        fault.of(|| format!("trade {number} of interval {}", describe_interval(row, 0)))
    })
}

fn read_trade_row(row: &Row<'_>) -> Result<StoredTrade, Fault> {
    let state: Option<i64> = row.get(8)?;
    let unknown = |number: i64| Fault::Record(format!("it has the unknown state {number}").into());
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

pub(super) fn intervals(
    connection: &Connection,
    community: &str,
    span: Span,
    limit: usize,
) -> Result<Vec<StoredInterval>, Fault> {
    let mut select = connection.prepare_cached(
        "SELECT community.id, start, length, basis, inputs, round, trades_digest, algorithm, interval.name, version,
             engine, fuel, fallback_reason, round_digest, configuration
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
            ..read_interval(row).map_err(|fault| fault.of(|| format!("interval {}", describe_interval(row, 1))))?
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
        basis: basis.parse().map_err(|_| Fault::Record(format!("it has the unknown basis {basis:?}").into()))?,
        configuration: digest(14)?,
        readings: inputs.readings,
        rules: inputs.rules,
        decided: inputs.decided,
        round: round.as_deref().map(record::decode_round).transpose()?,
        provenance: read_provenance(row)?,
        round_digest: digest(13)?,
        trades_digest: digest(6)?,
        gaps: inputs.gaps,
        opening: inputs.opening,
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
