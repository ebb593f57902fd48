//! Which replicas live.

use jiff::Timestamp;
use rusqlite::Transaction;

use super::fault::Fault;
use books::{LEASE_TERM_MAX, Replica, Standing};

pub(super) fn live(transaction: &Transaction<'_>, replica: &Replica, now: Timestamp) -> Result<Vec<Replica>, Fault> {
    // What is over for longer than any can last is of processes that ended, whatever clocks say.
    let forgotten = now.checked_sub(LEASE_TERM_MAX).unwrap_or(Timestamp::MIN);
    transaction.prepare_cached("DELETE FROM replica WHERE until < ?1")?.execute([forgotten.as_millisecond()])?;
    transaction
        .prepare_cached(
            "INSERT INTO replica (name, until) VALUES (?1, ?2) ON CONFLICT (name) DO UPDATE SET until = excluded.until",
        )?
        .execute((&replica.name, replica.until.as_millisecond()))?;
    let mut select = transaction.prepare_cached("SELECT name, until FROM replica ORDER BY name")?;
    let found = select.query_map((), |row| Ok((row.get::<_, String>(0)?, row.get::<_, i64>(1)?)))?;
    let mut living = Vec::new();
    for found in found {
        let (name, until) = found?;
        let until = Timestamp::from_millisecond(until).unwrap_or(Timestamp::MAX);
        if Standing::of(until, now, LEASE_TERM_MAX) == Standing::Valid {
            living.push(Replica { name, until });
        }
    }
    Ok(living)
}

pub(super) fn leave(transaction: &Transaction<'_>, name: &str) -> Result<(), Fault> {
    transaction.prepare_cached("DELETE FROM replica WHERE name = ?1")?.execute([name])?;
    Ok(())
}
