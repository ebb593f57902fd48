//! Leases with fencing tokens.

use std::time::Duration;

use jiff::Timestamp;
use rusqlite::{Connection, OptionalExtension, Transaction, params};

use super::fault::Fault;
use books::{Acquired, LEASE_TERM_MAX, Lease, Standing, community_lease};

pub(super) fn acquire(
    transaction: &Transaction<'_>,
    name: &str,
    owner: &str,
    now: Timestamp,
    term: Duration,
) -> Result<Acquired, Fault> {
    let found = transaction
        .prepare_cached("SELECT holder, token, until FROM lease WHERE name = ?1")?
        .query_row([name], |row| Ok((row.get::<_, Option<String>>(0)?, row.get::<_, u64>(1)?, row.get::<_, i64>(2)?)))
        .optional()?;
    let (token, replaced) = match found {
        Some((Some(other), token, until)) if other != owner => {
            let until = Timestamp::from_millisecond(until).unwrap_or(Timestamp::MAX);
            match Standing::of(until, now, LEASE_TERM_MAX) {
                Standing::Valid => return Ok(Acquired::HeldByOther { owner: other, until }),
                standing => (token.saturating_add(1), (standing == Standing::TooFar).then_some(until)),
            }
        }
        Some((Some(_), token, _)) => (token, None),
        Some((None, token, _)) => (token.saturating_add(1), None),
        None => (1, None),
    };
    let until = now.checked_add(term).unwrap_or(Timestamp::MAX);
    transaction
        .prepare_cached(
            "INSERT INTO lease (name, holder, token, until) VALUES (?1, ?2, ?3, ?4)
             ON CONFLICT (name) DO UPDATE SET holder = excluded.holder, token = excluded.token, until = excluded.until",
        )?
        .execute(params![name, owner, token, until.as_millisecond()])?;
    Ok(Acquired::Held(Lease { token, until, replaced }))
}

pub(super) fn release(transaction: &Transaction<'_>, name: &str, owner: &str) -> Result<(), Fault> {
    transaction
        .prepare_cached("UPDATE lease SET holder = NULL, until = 0 WHERE name = ?1 AND holder = ?2")?
        .execute([name, owner])?;
    Ok(())
}

/// Whether another owner acquired the community's lease after the one with this fencing token.
pub(super) fn is_fenced(transaction: &Connection, community: &str, fence: Option<u64>) -> Result<bool, Fault> {
    let Some(fence) = fence else { return Ok(false) };
    let token: Option<u64> = transaction
        .prepare_cached("SELECT token FROM lease WHERE name = ?1")?
        .query_row([community_lease(community)], |row| row.get(0))
        .optional()?;
    Ok(token.is_some_and(|token| token > fence))
}
