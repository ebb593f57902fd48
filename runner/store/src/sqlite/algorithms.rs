//! Uploaded algorithms, pinned names, decisions, and shadow totals.

use domain::{Boundary, Digest};
use jiff::Timestamp;
use rusqlite::{Connection, OptionalExtension, Row, params};

use super::fault::Fault;
use super::write::{CommunityRow, community_row, keep_component};
use crate::cause::about;
use books::{Change, ExpectedState, KeptChange, Label, ShadowState, UploadOutcome, Version};

const VERSION_COLUMNS: &str = "digest, name, version, summary, bytes, uploaded_at, uploaded_by, report";

pub(super) fn keep(transaction: &Connection, version: &Version, component: &[u8]) -> Result<UploadOutcome, Fault> {
    let Label { digest, name, version: number } = &version.label;
    let find = format!("SELECT {VERSION_COLUMNS} FROM algorithm WHERE digest = ?1 OR (name = ?2 AND version = ?3)");
    let found = transaction
        .prepare_cached(&find)?
        .query_row(params![digest.as_bytes(), name, number], |row| Ok(read_version(row)))
        .optional()?;
    if let Some(found) = found.transpose()? {
        return Ok(if found.label.digest == *digest {
            UploadOutcome::AlreadyStored(found)
        } else {
            UploadOutcome::NameTaken(found)
        });
    }
    keep_component(transaction, digest, component)?;
    transaction
        .prepare_cached(&format!("INSERT INTO algorithm ({VERSION_COLUMNS}) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)"))?
        .execute(params![
            digest.as_bytes(),
            name,
            number,
            version.summary,
            version.component_bytes,
            version.uploaded_at.as_millisecond(),
            version.uploaded_by,
            version.report,
        ])?;
    Ok(UploadOutcome::Stored)
}

pub(super) fn versions(connection: &Connection) -> Result<Vec<Version>, Fault> {
    let order = "ORDER BY uploaded_at, name, version";
    let mut select = connection.prepare_cached(&format!("SELECT {VERSION_COLUMNS} FROM algorithm {order}"))?;
    let mut rows = select.query(())?;
    let mut versions = Vec::new();
    while let Some(row) = rows.next()? {
        versions.push(read_version(row)?);
    }
    Ok(versions)
}

fn read_version(row: &Row<'_>) -> Result<Version, Fault> {
    Ok(Version {
        label: Label { digest: Digest::from_bytes(row.get(0)?), name: row.get(1)?, version: row.get(2)? },
        summary: row.get(3)?,
        component_bytes: row.get(4)?,
        uploaded_at: instant(row.get(5)?)?,
        uploaded_by: row.get(6)?,
        report: row.get(7)?,
    })
}

fn instant(millisecond: i64) -> Result<Timestamp, Fault> {
    Timestamp::from_millisecond(millisecond).map_err(|error| Fault::Record(about("an upload's time", error)))
}

pub(super) fn pin(transaction: &Connection, community: &str, name: &str, digest: Digest) -> Result<Digest, Fault> {
    transaction
        .prepare_cached("INSERT INTO pin (community, name, digest) VALUES (?1, ?2, ?3) ON CONFLICT DO NOTHING")?
        .execute(params![community, name, digest.as_bytes()])?;
    Ok(pinned(transaction, community, name)?.unwrap_or(digest))
}

pub(super) fn pinned(connection: &Connection, community: &str, name: &str) -> Result<Option<Digest>, Fault> {
    let mut find = connection.prepare_cached("SELECT digest FROM pin WHERE community = ?1 AND name = ?2")?;
    let found = find.query_row([community, name], |row| row.get(0)).optional()?;
    Ok(found.map(Digest::from_bytes))
}

pub(super) fn decide(
    transaction: &Connection,
    community: &str,
    change: &Change,
    expected: ExpectedState,
) -> Result<Option<u64>, Fault> {
    let CommunityRow { id, mark, decision } = community_row(transaction, community)?;
    if !expected.holds(mark.map(record::decode_boundary).transpose()?, decision) {
        return Ok(None);
    }
    let number = insert(transaction, change, true)?;
    transaction.prepare_cached("UPDATE community SET course = ?2 WHERE id = ?1")?.execute(params![id, number])?;
    Ok(Some(number))
}

pub(super) fn note(transaction: &Connection, change: &Change) -> Result<(), Fault> {
    insert(transaction, change, false).map(drop)
}

fn insert(transaction: &Connection, change: &Change, decides: bool) -> Result<u64, Fault> {
    let mut insert = transaction.prepare_cached(
        "INSERT INTO change (at, actor, community, action, decides, record) VALUES (?1, ?2, ?3, ?4, ?5, ?6)
         RETURNING number",
    )?;
    let (at, action) = (change.at.as_millisecond(), change.action.code());
    let record = record::encode_change(change);
    let number = insert
        .query_row(params![at, change.by, change.community, action, decides, record], |row| row.get::<_, u64>(0))?;
    Ok(number)
}

pub(super) fn decisions(connection: &Connection, community: &str) -> Result<Vec<KeptChange>, Fault> {
    let select = "SELECT number, decides, record FROM change WHERE community = ?1 ORDER BY number";
    read_changes(connection, select, params![community])
}

pub(super) fn changes(
    connection: &Connection,
    community: Option<&str>,
    limit: usize,
) -> Result<Vec<KeptChange>, Fault> {
    let limit = i64::try_from(limit).unwrap_or(i64::MAX);
    let select = |only| format!("SELECT number, decides, record FROM change {only} ORDER BY number DESC LIMIT ?1");
    match community {
        Some(community) => read_changes(connection, &select("WHERE community = ?2"), params![limit, community]),
        None => read_changes(connection, &select(""), params![limit]),
    }
}

fn read_changes(
    connection: &Connection,
    select: &str,
    parameters: &[&dyn rusqlite::ToSql],
) -> Result<Vec<KeptChange>, Fault> {
    let mut select = connection.prepare_cached(select)?;
    let mut rows = select.query(parameters)?;
    let mut changes = Vec::new();
    while let Some(row) = rows.next()? {
        let number: u64 = row.get(0)?;
        let decides: bool = row.get(1)?;
        let change = record::decode_change(&row.get::<_, Vec<u8>>(2)?)
            .map_err(|error| Fault::from(error).of(|| format!("change {number}")))?;
        changes.push(KeptChange { number: decides.then_some(number), change });
    }
    Ok(changes)
}

pub(super) fn shadow_totals(connection: &Connection, decision: u64) -> Result<Option<ShadowState>, Fault> {
    let mut find = connection.prepare_cached("SELECT until, sums FROM tally WHERE number = ?1")?;
    let found = find.query_row([decision], |row| Ok((row.get::<_, u64>(0)?, row.get::<_, Vec<u8>>(1)?))).optional()?;
    let read = |(until, totals): (u64, Vec<u8>)| {
        Ok(ShadowState { until: record::decode_boundary(until)?, totals: record::decode_shadow_totals(&totals)? })
    };
    found.map(read).transpose()
}

pub(super) fn keep_shadow_totals(
    transaction: &Connection,
    decision: u64,
    after: Option<Boundary>,
    state: &ShadowState,
) -> Result<bool, Fault> {
    let (until, totals) = (state.until.seconds(), record::encode_shadow_totals(&state.totals));
    let changed = match after {
        None => transaction
            .prepare_cached(
                "INSERT INTO tally (number, until, sums) VALUES (?1, ?2, ?3) ON CONFLICT (number) DO NOTHING",
            )?
            .execute(params![decision, until, totals])?,
        Some(after) => transaction
            .prepare_cached("UPDATE tally SET until = ?2, sums = ?3 WHERE number = ?1 AND until = ?4")?
            .execute(params![decision, until, totals, after.seconds()])?,
    };
    Ok(changed == 1)
}
