//! Details of days that are over: see `books::details`.

use async_trait::async_trait;
use domain::Boundary;
use rusqlite::{Connection, OptionalExtension, Row, params};

use super::SqliteStore;
use super::fault::Fault;
use super::value::{bounds, unsigned};
use books::{DayDetails, Details, Span, StoreError};

/// Days of which the details are kept in one transaction, so that a commit never waits for more.
const TOGETHER_MAX: usize = 4;

#[async_trait]
impl Details for SqliteStore {
    async fn details(
        &self,
        community: &str,
        span: Span,
        after: Option<Boundary>,
        limit: usize,
    ) -> Result<Vec<DayDetails>, StoreError> {
        let name = community.to_owned();
        self.read_list(move |connection| list(connection, &name, span, after, limit)).await
    }

    async fn keep_details(&self, community: &str, details: &[DayDetails]) -> Result<(), StoreError> {
        for part in details.chunks(TOGETHER_MAX) {
            let (name, part) = (community.to_owned(), part.to_vec());
            self.write_for_caller(move |transaction| part.iter().try_for_each(|day| keep(transaction, &name, day)))
                .await?;
        }
        Ok(())
    }

    async fn details_due(&self, community: &str, limit: usize) -> Result<Vec<Span>, StoreError> {
        let name = community.to_owned();
        self.read_list(move |connection| due(connection, &name, limit)).await
    }
}

/// What makes details those of a day as it is summed up.
const OF_DAY: &str = "detail.community = day.community AND detail.until = day.until AND detail.first = day.first
    AND detail.last = day.last AND detail.intervals = day.intervals AND detail.trades = day.trades";

fn list(
    connection: &Connection,
    community: &str,
    span: Span,
    after: Option<Boundary>,
    limit: usize,
) -> Result<Vec<DayDetails>, Fault> {
    let select = format!(
        "SELECT day.first, day.last, day.until, day.intervals, day.trades, content FROM day JOIN detail ON {OF_DAY}
         WHERE day.community = (SELECT id FROM community WHERE name = ?1)
         AND day.until > max(?2, ?4) AND day.last >= ?2 AND day.first < ?3 ORDER BY day.until LIMIT ?5"
    );
    let (from, to) = bounds(span);
    let after = after.map_or(0, |after| i64::try_from(after.seconds()).unwrap_or(i64::MAX));
    let mut select = connection.prepare_cached(&select)?;
    let mut rows = select.query(params![community, from, to, after, i64::try_from(limit).unwrap_or(i64::MAX)])?;
    let mut days = Vec::new();
    while let Some(row) = rows.next()? {
        days.push(read(row)?);
    }
    Ok(days)
}

fn read(row: &Row<'_>) -> Result<DayDetails, Fault> {
    let boundary = |column| -> Result<Boundary, Fault> { Ok(record::decode_boundary(unsigned(row, column)?)?) };
    let first = boundary(0)?;
    let content = row.get_ref(5)?.as_blob().map_err(rusqlite::Error::from)?;
    let told = record::decode_told(first, content)
        .map_err(|error| Fault::from(error).of(|| format!("the details of the day from {first} on")))?;
    Ok(DayDetails {
        first,
        last: boundary(1)?,
        until: boundary(2)?,
        intervals: unsigned(row, 3)?,
        trades: unsigned(row, 4)?,
        told,
    })
}

fn keep(transaction: &Connection, community: &str, day: &DayDetails) -> Result<(), Fault> {
    let find = "SELECT id FROM community WHERE name = ?1";
    let Some(community) = transaction.query_row(find, [community], |row| row.get::<_, i64>(0)).optional()? else {
        return Ok(());
    };
    let (first, last, until) = (day.first.seconds(), day.last.seconds(), day.until.seconds());
    // One that is not over would soon be of other intervals.
    let is_there: bool = transaction
        .prepare_cached(
            "SELECT EXISTS (SELECT 1 FROM day WHERE community = ?1 AND until = ?2 AND first = ?3 AND last = ?4
                 AND intervals = ?5 AND trades = ?6)
                 AND EXISTS (SELECT 1 FROM day WHERE community = ?1 AND until > ?2)",
        )?
        .query_row(params![community, until, first, last, day.intervals, day.trades], |row| row.get(0))?;
    if !is_there {
        return Ok(());
    }
    transaction
        .prepare_cached("DELETE FROM detail WHERE community = ?1 AND until > ?2 AND first < ?3")?
        .execute(params![community, first, until])?;
    transaction
        .prepare_cached(
            "INSERT INTO detail (community, until, first, last, intervals, trades, content)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
        )?
        .execute(params![
            community,
            until,
            first,
            last,
            day.intervals,
            day.trades,
            record::encode_told(day.first, day.told.as_ref()),
        ])?;
    Ok(())
}

fn due(connection: &Connection, community: &str, limit: usize) -> Result<Vec<Span>, Fault> {
    let select = format!(
        "SELECT day.first, day.until FROM day LEFT JOIN detail ON {OF_DAY}
         WHERE day.community = (SELECT id FROM community WHERE name = ?1) AND detail.until IS NULL
         AND day.until < (SELECT max(until) FROM day AS other WHERE other.community = day.community)
         ORDER BY day.until LIMIT ?2"
    );
    let mut select = connection.prepare_cached(&select)?;
    let span = |row: &Row<'_>| Ok(Span { from: Some(unsigned(row, 0)?), to: Some(unsigned(row, 1)?) });
    let days = select.query_map(params![community, i64::try_from(limit).unwrap_or(i64::MAX)], span)?;
    Ok(days.collect::<rusqlite::Result<_>>()?)
}
