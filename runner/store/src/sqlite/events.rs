//! Events of intervals and notices of meters, as people list them.

use domain::MeterId;
use jiff::Timestamp;
use rusqlite::{Connection, Row, Transaction, params};

use super::fault::Fault;
use super::value::{bounds, unsigned};
use super::write::community_row;
use books::event::merge;
use books::{EventFilter, EventPlace, ListedEvent, Notice, Notices, Reception, StoredEvent};

/// A number as SQLite has it: signed.
fn signed(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

/// Lists events in order of their place.
pub(super) fn list(
    connection: &Connection,
    community: &str,
    filter: &EventFilter,
    after: Option<&EventPlace>,
    limit: usize,
) -> Result<Vec<ListedEvent>, Fault> {
    let events = of_intervals(connection, community, filter, after, limit)?;
    let notices = of_meters(connection, community, filter, after, limit)?;
    Ok(merge(events, notices, limit))
}

fn of_intervals(
    connection: &Connection,
    community: &str,
    filter: &EventFilter,
    after: Option<&EventPlace>,
    limit: usize,
) -> Result<Vec<ListedEvent>, Fault> {
    let mut select = connection.prepare_cached(
        "SELECT start, number, code, subject, message FROM community JOIN event ON event.community = community.id
         WHERE community.name = ?1 AND start >= max(?2, ?4) AND start < ?3 AND (start, number) > (?4, ?5)
           AND (?6 IS NULL OR code = ?6) AND (?7 IS NULL OR subject = ?7)
         ORDER BY start, number LIMIT ?8",
    )?;
    let (from, to) = bounds(filter.span);
    let (start, number) = after.map_or((-1, -1), |after| {
        let (start, number) = after.of_events();
        (signed(start), signed(number))
    });
    let (code, subject, limit) = (&filter.code, &filter.subject, i64::try_from(limit).unwrap_or(i64::MAX));
    let mut rows = select.query(params![community, from, to, start, number, code, subject, limit])?;
    let mut events = Vec::new();
    while let Some(row) = rows.next()? {
        let start = record::decode_boundary(unsigned(row, 0)?)?;
        let place = EventPlace { at: start.seconds(), meter: None, number: unsigned(row, 1)? };
        let event = StoredEvent { code: row.get(2)?, subject: row.get(3)?, message: row.get(4)? };
        events.push(ListedEvent { place, start: Some(start), event });
    }
    Ok(events)
}

/// How many events of each code a community has.
pub(super) fn counts(connection: &Connection, community: &str) -> Result<Vec<(String, u64)>, Fault> {
    let mut counts = connection.prepare_cached(
        "SELECT code, count(*) FROM event JOIN community ON community.id = event.community
         WHERE community.name = ?1 GROUP BY code ORDER BY code",
    )?;
    let counts = counts.query_map([community], |row| Ok((row.get(0)?, unsigned(row, 1)?)))?;
    Ok(counts.collect::<rusqlite::Result<_>>()?)
}

fn of_meters(
    connection: &Connection,
    community: &str,
    filter: &EventFilter,
    after: Option<&EventPlace>,
    limit: usize,
) -> Result<Vec<ListedEvent>, Fault> {
    let mut select = connection.prepare_cached(
        "SELECT meter, notice.number, start, told_at, code, off, message
         FROM community JOIN notice ON notice.community = community.id
         WHERE community.name = ?1 AND at >= max(?2, ?4) AND at < ?3 AND (at, meter, notice.number) > (?4, ?5, ?6)
           AND (?7 IS NULL OR code = ?7) AND (?8 IS NULL OR meter = ?8)
         ORDER BY at, meter, notice.number LIMIT ?9",
    )?;
    let (from, to) = bounds(filter.span);
    let (at, meter, number) = after.map_or((-1, "", 0), |after| {
        let (at, meter, number) = after.of_notices();
        (signed(at), meter, signed(number))
    });
    let (code, subject, limit) = (&filter.code, &filter.subject, i64::try_from(limit).unwrap_or(i64::MAX));
    let mut rows = select.query(params![community, from, to, at, meter, number, code, subject, limit])?;
    let mut notices = Vec::new();
    while let Some(row) = rows.next()? {
        notices.push(read(row)?.into());
    }
    Ok(notices)
}

/// The last notice of each meter.
pub(super) fn notices(connection: &Connection, community: &str) -> Result<Notices, Fault> {
    // SQLite takes the other columns from the row with the maximum.
    let mut select = connection.prepare_cached(
        "SELECT meter, max(notice.number), start, told_at, code, off, message
         FROM community JOIN notice ON notice.community = community.id WHERE community.name = ?1 GROUP BY meter",
    )?;
    let mut rows = select.query([community])?;
    let mut notices = Notices::new();
    while let Some(row) = rows.next()? {
        let notice = read(row)?;
        notices.insert(notice.meter.clone(), notice);
    }
    Ok(notices)
}

fn read(row: &Row<'_>) -> Result<Notice, Fault> {
    let meter: String = row.get(0)?;
    read_of(&meter, row).map_err(|fault| fault.of(|| format!("a notice of meter {meter}")))
}

fn read_of(meter: &str, row: &Row<'_>) -> Result<Notice, Fault> {
    let (told_at, code): (i64, String) = (row.get(3)?, row.get(4)?);
    let off: Option<u64> = row.get(5)?;
    let wrong = |what: String| Fault::Record(what.into());
    let start: Option<u64> = row.get(2)?;
    Ok(Notice {
        meter: MeterId::from_stored(meter).map_err(|error| Fault::Record(error.into()))?,
        number: unsigned(row, 1)?,
        start: start.map(record::decode_boundary).transpose()?,
        told_at: Timestamp::from_second(told_at)
            .map_err(|_| wrong(format!("Unix second {told_at} is out of range")))?,
        reception: Reception::from_code(&code, off)
            .ok_or_else(|| wrong(format!("it has the unknown code {code:?}")))?,
        message: row.get(6)?,
    })
}

/// Keeps those notices whose number is free; answers them.
pub(super) fn tell(transaction: &Transaction<'_>, community: &str, notices: &[Notice]) -> Result<Vec<Notice>, Fault> {
    let community = community_row(transaction, community)?.id;
    let mut insert = transaction.prepare_cached(
        "INSERT INTO notice (community, meter, number, at, start, told_at, code, off, message)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9) ON CONFLICT DO NOTHING",
    )?;
    let mut kept = Vec::new();
    for notice in notices {
        let inserted = insert.execute(params![
            community,
            notice.meter.as_str(),
            notice.number,
            notice.at(),
            notice.start.map(domain::Boundary::seconds),
            notice.told_at.as_second(),
            notice.reception.code(),
            notice.reception.off_seconds(),
            notice.message,
        ])?;
        kept.extend((inserted > 0).then(|| notice.clone()));
    }
    Ok(kept)
}
