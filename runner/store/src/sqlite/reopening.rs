//! Trades that a person offers for payment again.

use domain::TradeId;
use domain::trade::State;
use jiff::Timestamp;
use rusqlite::{Connection, OptionalExtension, Row, Transaction, params};

use super::fault::Fault;
use super::payments::state;
use books::{ReopenError, Reopened, Reopening, Reported};

type Stored = (Option<i64>, Option<String>, Option<String>);

pub(super) fn reopen(
    transaction: &Transaction<'_>,
    reopening: &Reopening,
) -> Result<Result<Vec<Reopened>, ReopenError>, Fault> {
    let mut find = transaction.prepare_cached("SELECT state, transaction_id, message FROM trade WHERE id = ?1")?;
    let mut records = Vec::new();
    for id in &reopening.trades {
        let found = find.query_row([id.as_bytes()], |row| Ok::<Stored, _>((row.get(0)?, row.get(1)?, row.get(2)?)));
        let Some((number, transaction_id, message)) = found.optional()? else {
            return Ok(Err(ReopenError::Unknown(*id)));
        };
        let state = number.map(state).transpose()?;
        let stored = Reported { state, transaction_id: transaction_id.as_deref(), message: message.as_deref() };
        match reopening.record(*id, stored) {
            Ok(record) => records.push(record),
            Err(error) => return Ok(Err(error)),
        }
    }
    records.iter().try_for_each(|record| apply(transaction, record, &reopening.message()))?;
    Ok(Ok(records))
}

fn apply(transaction: &Transaction<'_>, record: &Reopened, remark: &str) -> Result<(), Fault> {
    let Reopened { trade, at, by, why, from, transaction_id, message } = record;
    transaction
        .prepare_cached(
            "UPDATE trade SET state = ?2, transaction_id = NULL, message = ?3, updated_at = ?4, claimed_until = NULL,
                 claimed_from = NULL
             WHERE id = ?1",
        )?
        .execute(params![trade.as_bytes(), State::Created as i64, remark, at.as_second()])?;
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
    // A file that was made before there were any, and is opened to read.
    let exists = "SELECT count(*) > 0 FROM sqlite_schema WHERE name = 'reopening'";
    if !connection.query_row(exists, (), |row| row.get::<_, bool>(0))? {
        return Ok(Vec::new());
    }
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
