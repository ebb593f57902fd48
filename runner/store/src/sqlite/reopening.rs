//! Trades that a person offers for payment again.

use domain::TradeId;
use domain::trade::State;
use jiff::Timestamp;
use rusqlite::{Connection, Row, Transaction, params};

use super::fault::Fault;
use super::opened::Opening;
use super::payments::{Becomes, change, current};
use super::value::state;
use books::{Match, ReopenError, Reopened, Reopening, Reported};

pub(super) fn reopen(
    transaction: &Transaction<'_>,
    reopening: &Reopening,
) -> Result<Result<Vec<Reopened>, ReopenError>, Fault> {
    let mut records = Vec::new();
    for id in &reopening.trades {
        let Some((found, _)) = current(Opening::writing(transaction), *id)? else {
            return Ok(Err(ReopenError::Unknown(*id)));
        };
        let Match { state, transaction_id, message, .. } = &found;
        let stored = Reported { state: *state, transaction_id: transaction_id.as_deref(), message: message.as_deref() };
        match reopening.record(*id, stored) {
            Ok(record) => records.push(record),
            Err(error) => return Ok(Err(error)),
        }
    }
    let remark = reopening.message();
    let reopened = records.iter().map(|record| Becomes {
        id: record.trade,
        state: State::Created,
        message: Some(&remark),
        transaction_id: None,
        unpaid: true,
        claim: None,
    });
    change(transaction, reopened, reopening.at)?;
    records.iter().try_for_each(|record| keep(transaction, record))?;
    Ok(Ok(records))
}

fn keep(transaction: &Transaction<'_>, record: &Reopened) -> Result<(), Fault> {
    let Reopened { trade, at, by, why, from, transaction_id, message } = record;
    transaction
        .prepare_cached(
            "INSERT INTO reopening (at, actor, why, trade, state, transaction_id, message)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
        )?
        .execute(params![at.as_second(), by, why, trade.as_bytes(), *from as i64, transaction_id, message])?;
    Ok(())
}

/// The newest records.
pub(super) fn list(connection: &Connection, limit: usize) -> Result<Vec<Reopened>, Fault> {
    let mut select = connection.prepare_cached(
        "SELECT trade, at, actor, why, state, transaction_id, message FROM reopening ORDER BY number DESC LIMIT ?1",
    )?;
    let mut rows = select.query([i64::try_from(limit).unwrap_or(i64::MAX)])?;
    let mut records = Vec::new();
    while let Some(row) = rows.next()? {
        let trade = TradeId::from_bytes(row.get(0)?);
        records.push(read(trade, row).map_err(|fault| fault.of(|| format!("the reopening of trade {trade}")))?);
    }
    Ok(records)
}

fn read(trade: TradeId, row: &Row<'_>) -> Result<Reopened, Fault> {
    let second: i64 = row.get(1)?;
    Ok(Reopened {
        trade,
        at: Timestamp::from_second(second)
            .map_err(|_| Fault::Record(format!("Unix second {second} is out of range").into()))?,
        by: row.get(2)?,
        why: row.get(3)?,
        from: state(row.get(4)?)?,
        transaction_id: row.get(5)?,
        message: row.get(6)?,
    })
}
