//! Trades on their way to payment.

use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, BTreeSet};

use domain::TradeId;
use domain::trade::State;
use jiff::Timestamp;
use rusqlite::{Connection, OptionalExtension, Row, Transaction, params};

use super::fault::Fault;
use super::opened::{Opened, Opening};
use super::value::{second_from, time, unsigned};
use super::{days, find};
use books::{
    Claim, Due, Match, MatchFilter, MatchUpdate, OfferedSince, OutboxDepth, Reported, UpdateError, Window,
    check_agreement,
};

pub(super) fn has_expired(connection: &Connection, now: Timestamp) -> Result<bool, Fault> {
    // Two searches of an index.
    let mut select = connection.prepare_cached(
        "SELECT 1 FROM payment WHERE claimed_until <= ?1 UNION ALL SELECT 1 FROM payment WHERE claimed_until > ?2 LIMIT 1",
    )?;
    let bounds = [now.as_second(), Claim::latest_end(now).as_second()];
    Ok(select.query_row(bounds, |_| Ok(())).optional()?.is_some())
}

/// Releases expired claims: their trades return to their previous states, which stay noted as those before the claim. Warns
/// of those that only a wrong clock can have made.
pub(super) fn release_claims(transaction: &Transaction<'_>, now: Timestamp) -> Result<(), Fault> {
    let latest = Claim::latest_end(now).as_second();
    let mut count = transaction.prepare_cached("SELECT count(*) FROM payment WHERE claimed_until > ?1")?;
    let trades = count.query_row([latest], |row| unsigned(row, 0))?;
    if trades > 0 {
        tracing::warn!(trades, %now, code = "clock", "{}", Claim::TOO_FAR);
    }
    let mut update = transaction.prepare_cached(
        "UPDATE payment SET state = claimed_from, updated_at = min(claimed_until, ?1), claimed_until = NULL
         WHERE claimed_until <= ?1 OR claimed_until > ?2",
    )?;
    update.execute([now.as_second(), latest])?;
    Ok(())
}

/// What a trade is to have from now on.
pub(super) struct Becomes<'b> {
    pub(super) id: TradeId,
    pub(super) state: State,
    /// `None` leaves what is there, here and below.
    pub(super) message: Option<&'b str>,
    pub(super) transaction_id: Option<&'b str>,
    /// Whether it has no payment any more.
    pub(super) unpaid: bool,
    /// Until when it is claimed, and its state before.
    pub(super) claim: Option<(i64, State)>,
}

/// Changes trades between members, each of which is there.
pub(super) fn change<'b>(
    transaction: &Transaction<'_>,
    changes: impl IntoIterator<Item = Becomes<'b>>,
    now: Timestamp,
) -> Result<(), Fault> {
    let mut write = transaction.prepare_cached(
        "UPDATE payment SET state = ?4, message = coalesce(?5, message),
             transaction_id = iif(?7, NULL, coalesce(?6, transaction_id)), updated_at = ?8, claimed_until = ?9,
             claimed_from = ?10
         WHERE community = ?1 AND start = ?2 AND number = ?3",
    )?;
    let mut first = transaction.prepare_cached(
        "INSERT INTO payment (community, start, number, id, buyer, \"end\", state, message, transaction_id, updated_at,
             claimed_until, claimed_from)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12)",
    )?;
    let mut opened: Option<Opened> = None;
    // By interval, the buyers of trades of which something becomes for the first time.
    let mut moved: BTreeMap<(i64, u64), Vec<String>> = BTreeMap::new();
    for Becomes { id, state, message, transaction_id, unpaid, claim } in changes {
        if opened.as_ref().is_none_or(|opened| opened.id(id.number()) != id) {
            opened = Opening::writing(transaction).of(id)?;
        }
        let Some(opened) = &opened else { continue };
        let (community, start, number) = (opened.community, opened.start(), id.number());
        let (until, from) = claim.map_or((None, None), |(until, from)| (Some(until), Some(from as i64)));
        let (state, at) = (state as i64, now.as_second());
        let there = write.execute(params![
            community,
            start,
            number,
            state,
            message,
            transaction_id,
            unpaid,
            at,
            until,
            from
        ])?;
        if there > 0 {
            continue;
        }
        let trade = usize::try_from(number).ok().and_then(|index| opened.trades().get(index));
        let buyer = trade.map_or("", |(_, buyer, ..)| buyer);
        first.execute(params![
            community,
            start,
            number,
            id.as_bytes(),
            buyer,
            opened.end(),
            state,
            message,
            transaction_id,
            at,
            until,
            from
        ])?;
        moved.entry((community, start)).or_default().push(buyer.to_owned());
    }
    let mut less =
        transaction.prepare_cached("UPDATE interval SET fresh = fresh - ?3 WHERE community = ?1 AND start = ?2")?;
    for ((community, start), buyers) in &moved {
        less.execute(params![community, start, buyers.len()])?;
        days::moved(transaction, *community, *start, buyers)?;
    }
    Ok(())
}

pub(super) fn claim(transaction: &Transaction<'_>, claim: &Claim, window: Window) -> Result<Vec<Match>, Fault> {
    let found = find::find(Opening::writing(transaction), &claim.filter(), window)?;
    let claimed = found.iter().map(|found| Becomes {
        id: found.id,
        state: State::Sent,
        message: None,
        transaction_id: None,
        unpaid: false,
        claim: Some((claim.until.as_second(), found.state.unwrap_or(State::Created))),
    });
    change(transaction, claimed, claim.now)?;
    Ok(found)
}

/// A trade as it is shown, and whether its claim has lapsed and nobody has claimed it since.
pub(super) fn current(opening: Opening<'_>, id: TradeId) -> Result<Option<(Match, bool)>, Fault> {
    let Some(mut opened) = opening.of(id)? else { return Ok(None) };
    opened.read_payment(opening.connection, id.number())?;
    let lapsed = opened.payment(id.number()).is_some_and(|payment| payment.lapsed);
    Ok(opened.shown(id.number())?.filter(|found| found.id == id).map(|found| (found, lapsed)))
}

pub(super) fn update(
    transaction: &Transaction<'_>,
    updates: &[MatchUpdate],
    now: Timestamp,
) -> Result<Result<(), UpdateError>, Fault> {
    if let Err(error) = check_agreement(updates) {
        return Ok(Err(error));
    }
    // Each trade as the reports so far leave it, since a list may have several reports on one trade.
    let mut trades: BTreeMap<TradeId, Match> = BTreeMap::new();
    for update in updates {
        let trade = match trades.entry(update.id) {
            Entry::Occupied(entry) => entry.into_mut(),
            Entry::Vacant(entry) => {
                let Some((found, lapsed)) = current(Opening::writing(transaction), update.id)? else {
                    return Ok(Err(UpdateError::Unknown(update.id)));
                };
                entry.insert(if lapsed { Match { state: Some(State::Sent), ..found } } else { found })
            }
        };
        let Match { state, transaction_id, message, .. } = trade;
        let reported =
            Reported { state: *state, transaction_id: transaction_id.as_deref(), message: message.as_deref() };
        if let Err(error) = update.check(reported) {
            return Ok(Err(error));
        }
        *state = Some(update.state);
        *transaction_id = update.transaction_id.clone().or(transaction_id.take());
        *message = update.message.clone().or(message.take());
    }
    let reported = updates.iter().map(|MatchUpdate { id, state, transaction_id, message }| Becomes {
        id: *id,
        state: *state,
        message: message.as_deref(),
        transaction_id: transaction_id.as_deref(),
        unpaid: false,
        claim: None,
    });
    change(transaction, reported, now)?;
    Ok(Ok(()))
}

/// The end of the first interval whose trades are offered.
fn first_end(since: OfferedSince) -> i64 {
    since.first_end().map_or(i64::MIN, second_from)
}

pub(super) fn outbox(opening: Opening<'_>, due: Due, limit: usize) -> Result<Vec<Match>, Fault> {
    let created = MatchFilter { states: [State::Created].into(), ..due.since.waiting(None) };
    let mut found = find::find(opening, &created, Window::first(limit))?;
    // What was not paid and has been so for long enough; what was reported in a far future was reported by a wrong clock, and
    // need not wait until then.
    let mut select = opening.connection.prepare_cached(
        "SELECT id FROM payment
         WHERE state = 3 AND (coalesce(updated_at, 0) <= ?1 OR updated_at > ?4) AND \"end\" >= ?3
         ORDER BY \"end\", id LIMIT ?2",
    )?;
    let mut rows = select.query([
        due.again.as_second(),
        i64::try_from(limit).unwrap_or(i64::MAX),
        first_end(due.since),
        Claim::latest_end(due.now).as_second(),
    ])?;
    while let Some(row) = rows.next()? {
        let again = current(opening, TradeId::from_bytes(row.get(0)?))?;
        found.extend(again.map(|(again, _)| again));
    }
    found.sort_by_key(|found| (found.end, found.id));
    found.truncate(limit);
    Ok(found)
}

pub(super) fn depth(connection: &Connection, since: OfferedSince) -> Result<OutboxDepth, Fault> {
    let read = |row: &Row<'_>| Ok((unsigned(row, 0)?, row.get::<_, Option<i64>>(1)?));
    let mut depth = OutboxDepth::default();
    for sql in [
        "SELECT coalesce(sum(fresh), 0), min(\"end\") FROM interval WHERE fresh > 0 AND \"end\" >= ?1",
        "SELECT count(*), min(\"end\") FROM payment WHERE state = 0 AND \"end\" >= ?1",
        "SELECT count(*), min(\"end\") FROM payment WHERE state = 3 AND \"end\" >= ?1",
    ] {
        let (waiting, oldest) = connection.prepare_cached(sql)?.query_row([first_end(since)], read)?;
        depth.waiting += waiting;
        depth.oldest = oldest.map(time).transpose()?.into_iter().chain(depth.oldest).min();
    }
    Ok(depth)
}

/// How many trades of a community wait: whole days by their sums, and where only a part is offered, its intervals.
pub(super) fn waiting(connection: &Connection, community: &str, since: OfferedSince) -> Result<u64, Fault> {
    let mut waiting = 0;
    for sql in [
        "SELECT coalesce(sum(fresh), 0) FROM day WHERE fresh > 0 AND first >= ?2
             AND community = (SELECT id FROM community WHERE name = ?1)",
        "SELECT coalesce(sum(interval.fresh), 0) FROM day JOIN interval ON interval.community = day.community
             AND start >= first AND start <= last
             WHERE day.fresh > 0 AND first < ?2 AND until >= ?2 AND interval.fresh > 0 AND \"end\" >= ?2
             AND day.community = (SELECT id FROM community WHERE name = ?1)",
        "SELECT count(*) FROM payment WHERE state IN (0, 3) AND \"end\" >= ?2
             AND +community = (SELECT id FROM community WHERE name = ?1)",
    ] {
        waiting +=
            connection.prepare_cached(sql)?.query_row(params![community, first_end(since)], |row| unsigned(row, 0))?;
    }
    Ok(waiting)
}

pub(super) fn delivered(
    transaction: &Transaction<'_>,
    sent: &[TradeId],
    refused: &[(TradeId, String)],
    now: Timestamp,
) -> Result<(), Fault> {
    // Trades of expired claims wait again.
    release_claims(transaction, now)?;
    let sent = sent.iter().map(|id| (*id, State::Sent, None));
    let refused = refused.iter().map(|(id, reason)| (*id, State::Error, Some(reason.as_str())));
    let mut done = BTreeSet::new();
    let mut changes = Vec::new();
    for (id, state, message) in sent.chain(refused) {
        let waits = current(Opening::writing(transaction), id)?
            .is_some_and(|(found, _)| found.state.is_some_and(State::is_waiting));
        // Of an id that is there twice the first counts: then it waits no more.
        if waits && done.insert(id) {
            changes.push(Becomes { id, state, message, transaction_id: None, unpaid: false, claim: None });
        }
    }
    change(transaction, changes, now)
}
