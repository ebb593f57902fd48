//! Readings of communities whose Meters service is this program.

use std::collections::BTreeMap;

use domain::MeterId;
use domain::metering::{Base, Meter};
use domain::reading::Registers;
use jiff::Timestamp;
use rusqlite::{Connection, OptionalExtension, Row, Transaction, params};

use super::fault::Fault;
use super::value::unsigned;
use books::{Contradictions, DAY_SECONDS, Days, KeptReadings, LateArrival, Merging, MeterDay, MeterSpan, NewReadings};

pub(super) fn keep(
    transaction: &Transaction<'_>,
    new: &NewReadings,
) -> Result<Result<KeptReadings, Contradictions>, Fault> {
    let mut merging = Merging::default();
    for (meter, days) in new.days() {
        let mut before: Option<(i64, Meter)> = None;
        for (day, content) in days {
            let yesterday = match before.take() {
                Some((known, content)) if known == day - 1 => Some(content),
                _ => one_day(transaction, &meter, day - 1)?,
            };
            let tomorrow = one_day(transaction, &meter, day + 1)?;
            merging.add(&meter, day, yesterday.as_ref(), one_day(transaction, &meter, day)?, &content);
            merging.check_next(&meter, &content, tomorrow.as_ref());
            before = Some((day, content));
        }
    }
    let merged = match merging.finish() {
        Ok(merged) => merged,
        Err(contradictions) => return Ok(Err(contradictions)),
    };
    if merged.days.is_empty() {
        return Ok(Ok(merged.kept));
    }
    let select = "SELECT coalesce(max(revision), 0) + 1 FROM meter_day";
    let revision: i64 = transaction.prepare_cached(select)?.query_row((), |row| row.get(0))?;
    let mut write = transaction.prepare_cached(
        "INSERT OR REPLACE INTO meter_day (meter, day, revision, read_import, read_export, import, export, content)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
    )?;
    for ((meter, day), content) in &merged.days {
        let stored = record::encode_day(day * DAY_SECONDS, content);
        let (import, export) = stored.read.map(|read| (read.import_wh, read.export_wh)).unzip();
        let (meter, content) = (meter.as_str(), &stored.content);
        write.execute(params![
            meter,
            day,
            revision,
            import,
            export,
            stored.import.get(),
            stored.export.get(),
            content
        ])?;
    }
    let mark: Option<i64> = transaction.query_row("SELECT max(mark) FROM community", (), |row| row.get(0))?;
    let mut late = transaction.prepare_cached("INSERT INTO late_arrival (meter, start, at) VALUES (?1, ?2, ?3)")?;
    for (meter, from) in merged.first_new.iter().filter(|(_, from)| mark.is_some_and(|mark| **from < mark)) {
        late.execute(params![meter.as_str(), from, new.at.as_millisecond()])?;
    }
    Ok(Ok(merged.kept))
}

fn one_day(connection: &Connection, meter: &MeterId, day: i64) -> Result<Option<Meter>, Fault> {
    let mut select = connection.prepare_cached("SELECT content FROM meter_day WHERE meter = ?1 AND day = ?2")?;
    let content: Option<Vec<u8>> = select.query_row(params![meter.as_str(), day], |row| row.get(0)).optional()?;
    Ok(content.map(|content| record::decode_day(day * DAY_SECONDS, &content)).transpose()?)
}

fn meter_of(row: &Row<'_>) -> Result<MeterId, Fault> {
    let name: String = row.get(0)?;
    MeterId::from_stored(&name).map_err(|error| Fault::Record(error.into()))
}

/// The least and the greatest name that a list is of.
fn names(meter: Option<&MeterId>) -> (String, String) {
    meter.map_or((String::new(), char::MAX.to_string().repeat(129)), |meter| (meter.to_string(), meter.to_string()))
}

pub(super) fn spans(connection: &Connection, meter: Option<&MeterId>) -> Result<Vec<MeterSpan>, Fault> {
    let (first, last) = names(meter);
    let mut select = connection.prepare_cached(
        "SELECT meter, min(day), max(day) FROM meter_day WHERE meter >= ?1 AND meter <= ?2 GROUP BY meter ORDER BY meter",
    )?;
    let mut rows = select.query([first, last])?;
    let mut spans = Vec::new();
    while let Some(row) = rows.next()? {
        spans.push(MeterSpan { meter: meter_of(row)?, first: row.get(1)?, last: row.get(2)? });
    }
    Ok(spans)
}

pub(super) fn days(connection: &Connection, meter: Option<&MeterId>, from: i64, before: i64) -> Result<Days, Fault> {
    let (first, last) = names(meter);
    let mut select = connection.prepare_cached(
        "SELECT meter, day, revision, content FROM meter_day
         WHERE meter >= ?1 AND meter <= ?2 AND day >= ?3 AND day < ?4",
    )?;
    let mut rows = select.query(params![first, last, from, before])?;
    let mut days = Days::new();
    while let Some(row) = rows.next()? {
        let (day, content): (i64, Vec<u8>) = (row.get(1)?, row.get(3)?);
        let content = record::decode_day(day * DAY_SECONDS, &content)?;
        days.insert((meter_of(row)?, day), MeterDay { content, revision: unsigned(row, 2)? });
    }
    Ok(days)
}

pub(super) fn counted_before(
    connection: &Connection,
    meter: Option<&MeterId>,
    day: i64,
) -> Result<BTreeMap<MeterId, Base>, Fault> {
    let (first, last) = names(meter);
    let mut select = connection.prepare_cached(
        "SELECT meter, read_import, read_export, import, export FROM meter_day
         WHERE meter >= ?1 AND meter <= ?2 AND day < ?3 ORDER BY meter, day",
    )?;
    let mut rows = select.query(params![first, last, day])?;
    let mut counted: Vec<(String, Base)> = Vec::new();
    while let Some(row) = rows.next()? {
        let name = row.get_ref(0)?.as_str().map_err(|error| Fault::Record(error.into()))?;
        if counted.last().is_none_or(|(last, _)| last != name) {
            counted.push((name.to_owned(), Base::default()));
        }
        let Some((_, base)) = counted.last_mut() else { continue };
        let (import_wh, export_wh): (Option<u64>, Option<u64>) = (row.get(1)?, row.get(2)?);
        let read = import_wh.zip(export_wh).map(|(import_wh, export_wh)| Registers { import_wh, export_wh });
        *base = record::add_day(*base, read, unsigned(row, 3)?, unsigned(row, 4)?)?;
    }
    let named = |(name, base): (String, Base)| {
        Ok((MeterId::from_stored(&name).map_err(|error| Fault::Record(error.into()))?, base))
    };
    counted.into_iter().map(named).collect()
}

pub(super) fn next_day(connection: &Connection, meter: &MeterId, from: i64) -> Result<Option<i64>, Fault> {
    let mut select = connection.prepare_cached("SELECT min(day) FROM meter_day WHERE meter = ?1 AND day >= ?2")?;
    Ok(select.query_row(params![meter.as_str(), from], |row| row.get(0))?)
}

pub(super) fn late(connection: &mut Connection) -> Result<Vec<LateArrival>, Fault> {
    let mut select = connection.prepare_cached("SELECT meter, start, at FROM late_arrival ORDER BY number")?;
    let mut rows = select.query(())?;
    let mut late = Vec::new();
    while let Some(row) = rows.next()? {
        let at = Timestamp::from_millisecond(row.get(2)?).map_err(|error| Fault::Record(error.into()))?;
        late.push(LateArrival { meter: meter_of(row)?, from: row.get(1)?, at });
    }
    Ok(late)
}
