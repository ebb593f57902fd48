//! Writes intervals, each as a whole or not at all.

use std::sync::Arc;

use domain::netting::LastReads;
use domain::{Boundary, CommunityCode, Digest, Interval, MeterId};
use rusqlite::{Connection, OptionalExtension, Row, Transaction, params};

use super::fault::Fault;
use super::{days, leases};
use books::{ClearedInterval, ClearedRound, Commit, CommitOutcome, StoredEvent, StoredTrade};
use record::InputParts;

/// What is kept of a community as a whole while several of its intervals are written: it is written once, after the last.
#[derive(Default)]
struct AtEnd<'b> {
    sums: Option<days::OpenDay>,
    /// The community's last interval.
    latest: Option<(i64, &'b Commit)>,
}

impl<'b> AtEnd<'b> {
    fn add(&mut self, transaction: &Connection, community: i64, commit: &'b Commit) -> Result<(), Fault> {
        if self.latest.is_some_and(|(before, _)| before != community) {
            self.write_states(transaction)?;
        }
        self.latest = Some((community, commit));
        let kept = match self.sums.take() {
            Some(sums) if sums.is_of(community, commit) => Some(sums),
            Some(sums) => {
                sums.write(transaction)?;
                None
            }
            None => None,
        };
        let sums = match kept {
            Some(sums) => sums,
            None => days::OpenDay::of(transaction, community, commit)?,
        };
        self.sums.insert(sums).add(commit);
        Ok(())
    }

    fn write(mut self, transaction: &Connection) -> Result<(), Fault> {
        self.write_states(transaction)?;
        self.sums.map_or(Ok(()), |sums| sums.write(transaction))
    }

    fn write_states(&mut self, transaction: &Connection) -> Result<(), Fault> {
        let Some((community, commit)) = self.latest.take() else { return Ok(()) };
        let ClearedInterval { absent, opening, .. } = &commit.cleared;
        let known = absent.iter().chain(opening).map(|(meter, state)| (meter, *state));
        let states: LastReads =
            known.chain(commit.cleared.states()).map(|(meter, state)| (meter.clone(), state)).collect();
        write_states(transaction, community, &states)
    }
}

/// Writes intervals in order until one cannot be written. Returns how many were written, and the result of the last one
/// attempted.
pub(super) fn write_batch(
    transaction: &Transaction<'_>,
    batch: &[Arc<Commit>],
) -> Result<(usize, Result<CommitOutcome, Fault>), Fault> {
    transaction.execute_batch("SAVEPOINT batch")?;
    let (mut stopped, mut at_end) = (None, AtEnd::default());
    for (written, commit) in batch.iter().enumerate() {
        match write(transaction, commit, &mut at_end) {
            Ok(CommitOutcome::Committed) => {}
            ended => {
                stopped = Some((written, ended));
                break;
            }
        }
    }
    let Some((written, ended)) = stopped else {
        at_end.write(transaction)?;
        transaction.execute_batch("RELEASE batch")?;
        return Ok((batch.len(), Ok(CommitOutcome::Committed)));
    };
    // No part of the failed interval may remain, so the intervals before it are written again without it. That is rare;
    // a savepoint before each interval would cost a backfill a quarter of its time.
    transaction.execute_batch("ROLLBACK TO batch; RELEASE batch")?;
    match batch.get(..written) {
        Some(before) if written > 0 => {
            let (committed, again) = write_batch(transaction, before)?;
            Ok((committed, if committed < written { again } else { ended }))
        }
        _ => Ok((0, ended)),
    }
}

/// Writes an interval if its community's resume mark, last decision and lease are as the commit expects.
fn write<'b>(transaction: &Connection, commit: &'b Commit, at_end: &mut AtEnd<'b>) -> Result<CommitOutcome, Fault> {
    let CommunityRow { id: community, mark, decision } = community_row(transaction, &commit.community)?;
    let cleared = &commit.cleared;
    let (start, end) = (cleared.interval.start().seconds(), cleared.interval.end().seconds());
    let moved = mark != commit.after.map(Boundary::seconds) || decision != commit.decision;
    // What begins before the mark is settled, at least in part.
    if moved || mark.is_some_and(|mark| mark > start) {
        return Ok(CommitOutcome::Overtaken);
    }
    if leases::is_fenced(transaction, &commit.community, commit.fence)? {
        return Ok(CommitOutcome::Fenced);
    }
    check_numbers(cleared)?;
    write_interval(transaction, community, commit)?;
    write_events(transaction, (community, start), 0, &cleared.events)?;
    at_end.add(transaction, community, commit)?;
    // Whoever commits knows every decision, and has taken it into account.
    let advance = "UPDATE community SET mark = ?2, taken = course WHERE id = ?1";
    transaction.prepare_cached(advance)?.execute(params![community, end])?;
    Ok(CommitOutcome::Committed)
}

/// Refuses numbers that others cannot hold: the wire and the other store have signed ones.
fn check_numbers(cleared: &ClearedInterval) -> Result<(), Fault> {
    record::too_large(cleared).map_or(Ok(()), |problem| Err(Fault::Refused(problem.into())))
}

/// Writes the state of every meter, and notes those that are read for the first time.
pub(super) fn write_states(transaction: &Connection, community: i64, states: &LastReads) -> Result<(), Fault> {
    let find = "SELECT states FROM community WHERE id = ?1";
    let before: Option<Vec<u8>> = transaction.prepare_cached(find)?.query_row([community], |row| row.get(0))?;
    let known = before.map(|before| record::meters_of_states(&before)).transpose()?;
    let mut known = known.iter().flat_map(record::Names::iter).peekable();
    for meter in states.keys().map(MeterId::as_str) {
        // Both are in order.
        while known.next_if(|known| *known < meter).is_some() {}
        if known.peek() == Some(&meter) {
            continue;
        }
        let note = "INSERT INTO meter (meter, community) VALUES (?1, ?2) ON CONFLICT DO NOTHING";
        transaction.prepare_cached(note)?.execute(params![meter, community])?;
    }
    let write = "UPDATE community SET states = ?2 WHERE id = ?1";
    transaction.prepare_cached(write)?.execute(params![community, record::encode_states(states)])?;
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
    let mut find = transaction.prepare_cached("SELECT id, mark, course FROM community WHERE name = ?1")?;
    let read = |row: &Row<'_>| Ok(CommunityRow { id: row.get(0)?, mark: row.get(1)?, decision: row.get(2)? });
    if let Some(found) = find.query_row([community], read).optional()? {
        return Ok(found);
    }
    // The names of two communities with one code would give their trades the same ids.
    let code = CommunityCode::of(community).number();
    let taken = transaction
        .prepare_cached("SELECT name FROM community WHERE hash = ?1")?
        .query_row([code], |row| row.get::<_, String>(0))
        .optional()?;
    if let Some(other) = taken {
        let reason = format!(
            "the ids of trades of community {community:?} would be those of {other:?}, whose name has the same hash (give \
             it another name, or a store of its own)"
        );
        return Err(Fault::Refused(reason.into()));
    }
    let insert = "INSERT INTO community (name, hash) VALUES (?1, ?2)";
    transaction.prepare_cached(insert)?.execute(params![community, code])?;
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
    let ClearedInterval { interval, basis, configuration, readings, rules, gaps, opening, round, trades, .. } =
        &commit.cleared;
    if let Some(ClearedRound { provenance, component, .. }) = round {
        keep_component(transaction, &provenance.algorithm, component)?;
    }
    let provenance = round.as_ref().map(|round| &round.provenance);
    let settlement = round.as_ref().map(|round| &round.settlement);
    let parts = InputParts { readings, rules, gaps, opening, decided: &[] };
    let block = record::encode_block(trades, parts, settlement.map(|settlement| &**settlement.round()));
    let paid = paid(trades);
    transaction
        .prepare_cached(
            "INSERT INTO interval (community, start, length, \"end\", minute, hash, basis, trades, paid, fresh, settled_at,
                 round_digest, trades_digest, algorithm, name, version, engine, fuel, fallback_reason, fence,
                 configuration, block)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17, ?18, ?19, ?20, ?21)",
        )?
        .execute(params![
            community,
            interval.start().seconds(),
            interval.length().seconds(),
            interval.end().seconds(),
            minute(*interval),
            CommunityCode::of(&commit.community).number(),
            basis.as_str(),
            trades.len(),
            paid,
            commit.settled_at.as_second(),
            settlement.map(|settlement| *settlement.round().digest().as_bytes()),
            settlement.map(|settlement| *settlement.digest().as_bytes()),
            provenance.map(|provenance| *provenance.algorithm.as_bytes()),
            provenance.map(|provenance| &provenance.name),
            provenance.map(|provenance| &provenance.version),
            provenance.map(|provenance| &provenance.engine),
            provenance.map(|provenance| provenance.fuel),
            provenance.and_then(|provenance| provenance.fallback_reason.as_ref()),
            commit.fence,
            configuration.map(|configuration| *configuration.as_bytes()),
            block,
        ])?;
    Ok(())
}

/// The minute that the ids of an interval's trades begin with.
fn minute(interval: Interval) -> u64 {
    interval.start().seconds() / 60
}

/// How many of the trades are between members.
pub(super) fn paid(trades: &[StoredTrade]) -> usize {
    trades.iter().filter(|trade| trade.state.is_some()).count()
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
