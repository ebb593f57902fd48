//! Writes intervals, each as a whole or not at all.

use std::sync::Arc;

use domain::netting::LastRead;
use domain::reading::Registers;
use domain::{Boundary, Digest, MeterId};
use rusqlite::{Connection, Row, TransactionBehavior, params};

use super::fault::Fault;
use super::leases;
use crate::record;
use books::{ClearedInterval, ClearedRound, Commit, Committed, StoredEvent, StoredTrade};

/// Writes intervals in order, in one transaction, until one cannot be written. Returns how many were committed, and the
/// result of the last one attempted.
pub(super) fn write_batch(
    connection: &mut Connection,
    batch: &[Arc<Commit>],
) -> Result<(usize, Result<Committed, Fault>), Fault> {
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    let mut stopped = None;
    for (written, commit) in batch.iter().enumerate() {
        match write(&transaction, commit) {
            Ok(Committed::Now) => {}
            ended => {
                stopped = Some((written, ended));
                break;
            }
        }
    }
    let Some((written, ended)) = stopped else {
        transaction.commit()?;
        return Ok((batch.len(), Ok(Committed::Now)));
    };
    // No part of the failed interval may remain, so the intervals before it are written again without it. That is rare;
    // a savepoint before each interval would cost a backfill a quarter of its time.
    transaction.rollback()?;
    match batch.get(..written) {
        Some(before) if written > 0 => {
            let (committed, again) = write_batch(connection, before)?;
            Ok((committed, if committed < written { again } else { ended }))
        }
        _ => Ok((0, ended)),
    }
}

/// Writes an interval if its community's resume mark, last decision and lease are as the commit expects.
fn write(transaction: &Connection, commit: &Commit) -> Result<Committed, Fault> {
    let CommunityRow { id: community, mark, decision } = community_row(transaction, &commit.community)?;
    let end = commit.cleared.interval.end().seconds();
    let moved = mark != commit.after.map(Boundary::seconds) || decision != commit.decision;
    if moved || mark.is_some_and(|mark| mark >= end) {
        return Ok(Committed::Overtaken);
    }
    if leases::is_fenced(transaction, &commit.community, commit.fence)? {
        return Ok(Committed::Fenced);
    }
    write_interval(transaction, community, commit)?;
    write_trades(transaction, community, &commit.cleared.trades)?;
    let start = commit.cleared.interval.start().seconds();
    write_events(transaction, (community, start), 0, &commit.cleared.events)?;
    let opening = commit.cleared.opening.iter().map(|(meter, read)| (meter, *read));
    write_states(transaction, community, opening.chain(commit.cleared.states()))?;
    // Whoever commits knows every decision, and has taken it into account.
    let advance = "UPDATE community SET mark = ?2, taken = course WHERE id = ?1";
    transaction.prepare_cached(advance)?.execute(params![community, end])?;
    Ok(Committed::Now)
}

/// Writes the states of meters.
pub(super) fn write_states<'m>(
    transaction: &Connection,
    community: i64,
    states: impl Iterator<Item = (&'m MeterId, LastRead)>,
) -> Result<(), Fault> {
    let mut meter = transaction.prepare_cached(
        "INSERT INTO meter (community, meter, boundary, import_wh, export_wh, dispute) VALUES (?1, ?2, ?3, ?4, ?5, ?6)
         ON CONFLICT (community, meter) DO UPDATE
         SET boundary = excluded.boundary, import_wh = excluded.import_wh, export_wh = excluded.export_wh,
             dispute = excluded.dispute",
    )?;
    for (name, LastRead { boundary, registers: Registers { import_wh, export_wh }, dispute }) in states {
        let dispute = dispute.as_ref().map(record::encode_dispute);
        meter.execute(params![community, name.as_str(), boundary.seconds(), import_wh, export_wh, dispute])?;
    }
    Ok(())
}

/// A community's row.
pub(super) struct CommunityRow {
    pub(super) id: i64,
    pub(super) mark: Option<u64>,
    /// The number of the community's last decision; 0 for none.
    pub(super) decision: u64,
}

/// Reads a community's row, inserting it if it does not exist.
pub(super) fn community_row(transaction: &Connection, community: &str) -> Result<CommunityRow, Fault> {
    transaction
        .prepare_cached("INSERT INTO community (name) VALUES (?1) ON CONFLICT (name) DO NOTHING")?
        .execute([community])?;
    let mut find = transaction.prepare_cached("SELECT id, mark, course FROM community WHERE name = ?1")?;
    let read = |row: &Row<'_>| Ok(CommunityRow { id: row.get(0)?, mark: row.get(1)?, decision: row.get(2)? });
    Ok(find.query_row([community], read)?)
}

/// Stores a component by its digest, unless it is already stored.
pub(super) fn keep_component(transaction: &Connection, digest: &Digest, bytes: &[u8]) -> Result<(), Fault> {
    transaction
        .prepare_cached("INSERT INTO component (digest, bytes) VALUES (?1, ?2) ON CONFLICT (digest) DO NOTHING")?
        .execute(params![digest.as_bytes(), bytes])?;
    Ok(())
}

fn write_interval(transaction: &Connection, community: i64, commit: &Commit) -> Result<(), Fault> {
    let ClearedInterval { interval, basis, configuration, readings, rules, gaps, opening, round, .. } = &commit.cleared;
    if let Some(ClearedRound { provenance, component, .. }) = round {
        keep_component(transaction, &provenance.algorithm, component)?;
    }
    let provenance = round.as_ref().map(|round| &round.provenance);
    let settlement = round.as_ref().map(|round| &round.settlement);
    transaction
        .prepare_cached(
            "INSERT INTO interval (community, start, length, basis, inputs, round, trades_digest, algorithm, name,
                 version, engine, fuel, fallback_reason, round_digest, settled_at, fence,
                 configuration)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17)",
        )?
        .execute(params![
            community,
            interval.start().seconds(),
            interval.length().seconds(),
            basis.as_str(),
            record::encode_inputs(readings, rules, gaps, opening, &[]),
            settlement.map(|settlement| record::encode_round(settlement.round())),
            settlement.map(|settlement| *settlement.digest().as_bytes()),
            provenance.map(|provenance| *provenance.algorithm.as_bytes()),
            provenance.map(|provenance| &provenance.name),
            provenance.map(|provenance| &provenance.version),
            provenance.map(|provenance| &provenance.engine),
            provenance.map(|provenance| provenance.fuel),
            provenance.and_then(|provenance| provenance.fallback_reason.as_ref()),
            settlement.map(|settlement| *settlement.round().digest().as_bytes()),
            commit.settled_at.as_second(),
            commit.fence,
            configuration.map(|configuration| *configuration.as_bytes()),
        ])?;
    Ok(())
}

pub(super) fn write_trades(transaction: &Connection, community: i64, trades: &[StoredTrade]) -> Result<(), Fault> {
    let mut insert = transaction.prepare_cached(
        "INSERT INTO trade (community, start, number, id, seller, buyer, energy, price, state, message, \"end\")
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11)",
    )?;
    for trade in trades {
        insert.execute(params![
            community,
            trade.interval.start().seconds(),
            trade.number,
            trade.id.as_bytes(),
            trade.seller.to_string(),
            trade.buyer.to_string(),
            trade.energy.wh(),
            trade.price.micro_eur(),
            trade.state.map(|state| state as i64),
            trade.message,
            trade.interval.end().seconds(),
        ])?;
    }
    Ok(())
}

/// Writes events of the interval with this start; their numbers begin with `first`.
pub(super) fn write_events(
    transaction: &Connection,
    (community, start): (i64, u64),
    first: i64,
    events: &[StoredEvent],
) -> Result<(), Fault> {
    let mut insert = transaction.prepare_cached(
        "INSERT INTO event (community, start, number, code, subject, message) VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
    )?;
    for (event, number) in events.iter().zip(first..) {
        insert.execute(params![community, start, number, event.code, event.subject, event.message])?;
    }
    Ok(())
}
