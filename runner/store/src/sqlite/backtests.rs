//! Backtests that are kept.

use std::sync::Arc;

use async_trait::async_trait;
use domain::Boundary;
use jiff::Timestamp;
use rusqlite::{Connection, OptionalExtension, Row, Transaction, params};

use super::SqliteStore;
use super::fault::Fault;
use crate::cause::about;
use books::{BacktestHead, Backtests, KeptBacktest, StoreError, backtests_kept};

#[async_trait]
impl Backtests for SqliteStore {
    async fn keep_backtest(&self, community: &str, head: &BacktestHead, content: Arc<[u8]>) -> Result<u64, StoreError> {
        let (community, head) = (community.to_owned(), head.clone());
        self.write_for_caller(move |transaction| keep(transaction, &community, &head, &content)).await
    }

    async fn backtests(&self, community: &str) -> Result<Vec<KeptBacktest>, StoreError> {
        let community = community.to_owned();
        self.read_list(move |connection| list(connection, &community)).await
    }

    async fn backtest(&self, community: &str, number: u64) -> Result<Option<Vec<u8>>, StoreError> {
        let community = community.to_owned();
        self.read_list(move |connection| content(connection, &community, number)).await
    }
}

fn keep(
    transaction: &Transaction<'_>,
    community: &str,
    BacktestHead { at, by, span, rules }: &BacktestHead,
    content: &[u8],
) -> Result<u64, Fault> {
    let (first, until) = span.map(|(first, until)| (first.seconds(), until.seconds())).unzip();
    let number = transaction
        .prepare_cached(
            "INSERT INTO backtest (community, at, actor, first, until, rules, content)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7) RETURNING number",
        )?
        .query_row(params![community, at.as_millisecond(), by, first, until, rules.join("\n"), content], |row| {
            row.get(0)
        })?;
    let mut select = transaction
        .prepare_cached("SELECT number, length(content) FROM backtest WHERE community = ?1 ORDER BY number DESC")?;
    let found = select.query_map([community], |row| Ok((row.get::<_, u64>(0)?, row.get::<_, usize>(1)?)))?;
    let found = found.collect::<Result<Vec<_>, _>>()?;
    let kept = backtests_kept(found.iter().map(|(_, bytes)| *bytes));
    for (number, _) in found.iter().skip(kept) {
        transaction.prepare_cached("DELETE FROM backtest WHERE number = ?1")?.execute([number])?;
    }
    Ok(number)
}

fn list(connection: &Connection, community: &str) -> Result<Vec<KeptBacktest>, Fault> {
    let mut select = connection.prepare_cached(
        "SELECT number, at, actor, first, until, rules FROM backtest WHERE community = ?1 ORDER BY number DESC",
    )?;
    let mut rows = select.query([community])?;
    let mut backtests = Vec::new();
    while let Some(row) = rows.next()? {
        backtests.push(read(row)?);
    }
    Ok(backtests)
}

fn read(row: &Row<'_>) -> Result<KeptBacktest, Fault> {
    let at = Timestamp::from_millisecond(row.get(1)?);
    let boundary = |second: Option<u64>| second.map(record::decode_boundary).transpose();
    let span: (Option<Boundary>, Option<Boundary>) = (boundary(row.get(3)?)?, boundary(row.get(4)?)?);
    let rules: String = row.get(5)?;
    let head = BacktestHead {
        at: at.map_err(|error| Fault::Record(about("a backtest's time", error)))?,
        by: row.get(2)?,
        span: span.0.zip(span.1),
        rules: rules.lines().map(str::to_owned).collect(),
    };
    Ok(KeptBacktest { number: row.get(0)?, head })
}

fn content(connection: &Connection, community: &str, number: u64) -> Result<Option<Vec<u8>>, Fault> {
    let mut find = connection.prepare_cached("SELECT content FROM backtest WHERE community = ?1 AND number = ?2")?;
    Ok(find.query_row(params![community, number], |row| row.get(0)).optional()?)
}
