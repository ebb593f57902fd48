//! Adds to the newest interval what people decided about meters.

use rusqlite::{Transaction, params};

use super::fault::Fault;
use super::read;
use super::write::{CommunityRow, community_row, paid, write_events, write_states};
use super::{days, leases};
use books::{Addition, CommitOutcome};

pub(super) fn add(transaction: &Transaction<'_>, addition: &Addition) -> Result<CommitOutcome, Fault> {
    let Addition { community: name, interval, decision, fence, decided, gaps, trades, events, states, .. } = addition;
    let CommunityRow { id: community, mark, decision: last } = community_row(transaction, name)?;
    let select = "SELECT taken FROM community WHERE id = ?1";
    let taken: u64 = transaction.prepare_cached(select)?.query_row([community], |row| row.get(0))?;
    if mark != Some(interval.end().seconds()) || last != *decision || taken >= last {
        return Ok(CommitOutcome::Overtaken);
    }
    if leases::is_fenced(transaction, name, *fence)? {
        return Ok(CommitOutcome::Fenced);
    }
    let start = interval.start().seconds();
    let place = params![community, start];
    let select = "SELECT block, (SELECT count(*) FROM event WHERE event.community = ?1 AND event.start = ?2)
                  FROM interval WHERE community = ?1 AND start = ?2";
    let read = |row: &rusqlite::Row<'_>| Ok((row.get::<_, Vec<u8>>(0)?, row.get::<_, i64>(1)?));
    let (block, first_event) = transaction.prepare_cached(select)?.query_row(place, read)?;
    let mut block = record::decode_block(&block)?;
    let mut all = record::stored_trades(name, *interval, block.trades);
    all.extend_from_slice(trades);
    block.inputs.gaps.extend_from_slice(gaps);
    block.inputs.decided.extend_from_slice(decided);
    let bytes = record::encode_block(&all, block.inputs.parts(), block.round.as_ref());
    transaction
        .prepare_cached(
            "UPDATE interval SET block = ?3, trades = ?4, paid = paid + ?5, fresh = fresh + ?5
             WHERE community = ?1 AND start = ?2",
        )?
        .execute(params![community, start, bytes, all.len(), paid(trades)])?;
    write_events(transaction, (community, start), first_event, events)?;
    let mut known = read::states(transaction, community)?;
    known.extend(states.iter().map(|(meter, state)| (meter.clone(), *state)));
    write_states(transaction, community, &known)?;
    // A member's trades with the grid are compared with its tariff, which a gap may bring: what was summed is summed again.
    days::sum_again_at(transaction, community, name, interval.start())?;
    transaction
        .prepare_cached("UPDATE community SET taken = ?2 WHERE id = ?1")?
        .execute(params![community, decision])?;
    Ok(CommitOutcome::Committed)
}
