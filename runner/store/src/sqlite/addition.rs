//! Adds to the newest interval what people decided about meters.

use rusqlite::{Transaction, params};

use super::fault::Fault;
use super::leases;
use super::write::{CommunityRow, community_row, write_events, write_states, write_trades};
use crate::record;
use books::{Addition, Committed};

pub(super) fn add(transaction: &Transaction<'_>, addition: &Addition) -> Result<Committed, Fault> {
    let Addition { community: name, interval, decision, fence, decided, gaps, trades, events, states, .. } = addition;
    let CommunityRow { id: community, mark, decision: last } = community_row(transaction, name)?;
    let select = "SELECT taken FROM community WHERE id = ?1";
    let taken: u64 = transaction.prepare_cached(select)?.query_row([community], |row| row.get(0))?;
    if mark != Some(interval.end().seconds()) || last != *decision || taken >= last {
        return Ok(Committed::Overtaken);
    }
    if leases::is_fenced(transaction, name, *fence)? {
        return Ok(Committed::Fenced);
    }
    let place = params![community, interval.start().seconds()];
    let select = "SELECT inputs, (SELECT count(*) FROM event WHERE event.community = ?1 AND event.start = ?2)
                  FROM interval WHERE community = ?1 AND start = ?2";
    let read = |row: &rusqlite::Row<'_>| Ok((row.get::<_, Vec<u8>>(0)?, row.get::<_, i64>(1)?));
    let (inputs, first_event) = transaction.prepare_cached(select)?.query_row(place, read)?;
    let mut inputs = record::decode_inputs(&inputs)?;
    inputs.gaps.extend_from_slice(gaps);
    inputs.decided.extend_from_slice(decided);
    transaction
        .prepare_cached("UPDATE interval SET inputs = ?3 WHERE community = ?1 AND start = ?2")?
        .execute(params![community, interval.start().seconds(), record::encode_again(&inputs)])?;
    write_trades(transaction, community, trades)?;
    write_events(transaction, (community, interval.start().seconds()), first_event, events)?;
    write_states(transaction, community, states.iter().map(|(meter, state)| (meter, *state)))?;
    transaction
        .prepare_cached("UPDATE community SET taken = ?2 WHERE id = ?1")?
        .execute(params![community, decision])?;
    Ok(Committed::Now)
}
