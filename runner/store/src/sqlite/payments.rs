//! Trades on their way to payment.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;

use domain::trade::State;
use domain::{Energy, Price, TradeId};
use jiff::Timestamp;
use rusqlite::types::Value;
use rusqlite::{Connection, OptionalExtension, Row, Transaction, params, params_from_iter};

use super::fault::Fault;
use super::read::{read_party, unsigned};
use crate::record;
use books::{
    Claim, Due, Match, MatchFilter, MatchUpdate, OfferedSince, OutboxDepth, Quantity, Reported, UpdateError, Window,
    WireParty, check_agreement, platform_name,
};
use domain::PLATFORM_GRID;

const SELECT: &str = "SELECT trade.id, \"end\", community.name, trade.start, interval.length, seller, buyer, energy,
        price, state, transaction_id, trade.message, settled_at, updated_at
    FROM trade JOIN community ON community.id = trade.community
    JOIN interval ON interval.community = trade.community AND interval.start = trade.start";

/// A claim that has lapsed, of a trade that nobody has claimed since.
const LAPSED: &str = "claimed_from IS NOT NULL AND claimed_until IS NULL";

/// The first whole second at or after an instant.
pub(super) fn second_from(at: Timestamp) -> i64 {
    at.as_second() + i64::from(at.subsec_nanosecond() > 0)
}

/// A window's `skip` and `limit` as SQLite's signed integers.
pub(super) fn signed(window: Window) -> (i64, i64) {
    (i64::try_from(window.skip).unwrap_or(i64::MAX), i64::try_from(window.limit).unwrap_or(i64::MAX))
}

/// Decodes a stored time.
pub(super) fn time(second: i64) -> Result<Timestamp, Fault> {
    Timestamp::from_second(second).map_err(|_| Fault::Record(format!("Unix second {second} is out of range").into()))
}

/// A platform's name in its stored form; `None` for a name that no party can have.
fn stored_name(platform: &str) -> Option<&str> {
    match platform {
        PLATFORM_GRID => Some("grid"),
        "grid" => None,
        other => Some(other),
    }
}

/// The condition that a column names a party; its values are added to the others.
fn party_condition(column: &str, party: &WireParty, values: &mut Vec<Value>) -> String {
    let mut either = Vec::new();
    if let Some(name) = stored_name(&party.name) {
        values.push(name.to_owned().into());
        values.extend(party.elsewhere.iter().map(|community| Value::from(community.clone())));
        let but = vec!["?"; party.elsewhere.len()].join(", ");
        either.push(match but.as_str() {
            "" => format!("{column} = ?"),
            but => format!("{column} = ? AND community NOT IN (SELECT id FROM community WHERE name IN ({but}))"),
        });
    }
    for (community, member) in &party.members {
        values.extend([member.as_str().to_owned().into(), community.clone().into()]);
        either.push(format!("{column} = ? AND community = (SELECT id FROM community WHERE name = ?)"));
    }
    match either.as_slice() {
        [] => "FALSE".to_owned(),
        either => format!("({})", either.join(" OR ")),
    }
}

pub(super) fn find(connection: &Connection, filter: &MatchFilter, window: Window) -> Result<Vec<Match>, Fault> {
    let mut conditions: Vec<String> = Vec::new();
    let mut values: Vec<Value> = Vec::new();
    for (column, party) in [("buyer", &filter.buyer), ("seller", &filter.seller)] {
        let Some(party) = party else { continue };
        conditions.push(party_condition(column, party, &mut values));
    }
    if !filter.states.is_empty() {
        let states: Vec<String> = filter.states.iter().map(|state| (*state as i64).to_string()).collect();
        let lapsed = if filter.finds_lapsed() { format!(" OR {LAPSED}") } else { String::new() };
        conditions.push(format!("(state IN ({}){lapsed})", states.join(", ")));
    }
    for (condition, at) in [("\"end\" >= ?", filter.from), ("\"end\" < ?", filter.to)] {
        let Some(at) = at else { continue };
        conditions.push(condition.to_owned());
        values.push(second_from(at).into());
    }
    if let Some(id) = filter.id {
        conditions.push("id = ?".to_owned());
        values.push(id.as_bytes().to_vec().into());
    }
    let filtered = if conditions.is_empty() { String::new() } else { format!("WHERE {}", conditions.join(" AND ")) };
    let (skip, limit) = signed(window);
    values.extend([limit.into(), skip.into()]);
    // Indexes alone find the page; only its trades are read.
    let page = format!("SELECT id AS wanted FROM trade {filtered} ORDER BY \"end\", id LIMIT ? OFFSET ?");
    let sql = format!("{SELECT} JOIN ({page}) ON trade.id = wanted ORDER BY \"end\", trade.id");
    let found = read(connection.prepare_cached(&sql)?.query(params_from_iter(values))?)?;
    Ok(found.into_iter().map(|found| filter.show(found)).collect())
}

fn read(mut rows: rusqlite::Rows<'_>) -> Result<Vec<Match>, Fault> {
    let mut matches = Vec::new();
    while let Some(row) = rows.next()? {
        matches.push(one(row)?);
    }
    Ok(matches)
}

fn one(row: &Row<'_>) -> Result<Match, Fault> {
    let id = TradeId::from_bytes(row.get(0)?);
    one_of(id, row).map_err(|fault| fault.of(|| format!("trade {id}")))
}

fn one_of(id: TradeId, row: &Row<'_>) -> Result<Match, Fault> {
    let interval = record::decode_interval(unsigned(row, 3)?, row.get(4)?)?;
    let party =
        |column: usize| -> Result<String, Fault> { Ok(platform_name(&read_party(row.get(column)?)?).to_owned()) };
    Ok(Match {
        id,
        end: time(row.get(1)?)?,
        of: Some((row.get(2)?, interval)),
        seller: party(5)?,
        buyer: party(6)?,
        quantity: Quantity::Exact {
            energy: Energy::from_wh(unsigned(row, 7)?),
            price: Price::from_micro_eur(row.get(8)?),
        },
        state: row.get::<_, Option<i64>>(9)?.map(state).transpose()?,
        transaction_id: row.get(10)?,
        message: row.get(11)?,
        created_at: time(row.get(12)?)?,
        updated_at: row.get::<_, Option<i64>>(13)?.map(time).transpose()?,
    })
}

pub(super) fn state(number: i64) -> Result<State, Fault> {
    State::from_number(number).ok_or_else(|| Fault::Record(format!("it has the unknown state {number}").into()))
}

pub(super) fn has_expired(connection: &Connection, now: Timestamp) -> Result<bool, Fault> {
    // Two searches of an index.
    let mut select = connection.prepare_cached(
        "SELECT 1 FROM trade WHERE claimed_until <= ?1 UNION ALL SELECT 1 FROM trade WHERE claimed_until > ?2 LIMIT 1",
    )?;
    let bounds = [now.as_second(), Claim::latest_end(now).as_second()];
    Ok(select.query_row(bounds, |_| Ok(())).optional()?.is_some())
}

/// Releases expired claims: their trades return to their previous states, which stay noted as those before the claim. Warns
/// of those that only a wrong clock can have made.
pub(super) fn release_claims(transaction: &Transaction<'_>, now: Timestamp) -> Result<(), Fault> {
    let latest = Claim::latest_end(now).as_second();
    let mut count = transaction.prepare_cached("SELECT count(*) FROM trade WHERE claimed_until > ?1")?;
    let trades = count.query_row([latest], |row| unsigned(row, 0))?;
    if trades > 0 {
        tracing::warn!(trades, %now, code = "clock", "{}", Claim::TOO_FAR);
    }
    let mut update = transaction.prepare_cached(
        "UPDATE trade SET state = claimed_from, updated_at = min(claimed_until, ?1), claimed_until = NULL
         WHERE claimed_until <= ?1 OR claimed_until > ?2",
    )?;
    update.execute([now.as_second(), latest])?;
    Ok(())
}

pub(super) fn claim(transaction: &Transaction<'_>, claim: &Claim, window: Window) -> Result<Vec<Match>, Fault> {
    let found = find(transaction, &claim.filter(), window)?;
    let mut update = transaction.prepare_cached(
        "UPDATE trade SET claimed_from = state, state = ?2, claimed_until = ?3, updated_at = ?4 WHERE id = ?1",
    )?;
    for each in &found {
        let (until, now) = (claim.until.as_second(), claim.now.as_second());
        update.execute(params![each.id.as_bytes(), State::Sent as i64, until, now])?;
    }
    Ok(found)
}

/// The values of a trade that a report may change.
struct Payment {
    state: Option<State>,
    transaction_id: Option<String>,
    message: Option<String>,
}

pub(super) fn update(
    transaction: &Transaction<'_>,
    updates: &[MatchUpdate],
    now: Timestamp,
) -> Result<Result<(), UpdateError>, Fault> {
    if let Err(error) = check_agreement(updates) {
        return Ok(Err(error));
    }
    let find = format!(
        "SELECT CASE WHEN {LAPSED} THEN {} ELSE state END, transaction_id, message FROM trade WHERE id = ?1",
        State::Sent as i64
    );
    let mut find = transaction.prepare_cached(&find)?;
    // Each trade as the reports so far leave it, since a list may have several reports on one trade.
    let mut payments: BTreeMap<TradeId, Payment> = BTreeMap::new();
    for update in updates {
        let payment = match payments.entry(update.id) {
            Entry::Occupied(entry) => entry.into_mut(),
            Entry::Vacant(entry) => {
                let found = find.query_row([update.id.as_bytes()], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)));
                let Some((number, transaction_id, message)) = found.optional()? else {
                    return Ok(Err(UpdateError::Unknown(update.id)));
                };
                entry.insert(Payment { state: Option::map(number, state).transpose()?, transaction_id, message })
            }
        };
        let Payment { state, transaction_id, message } = payment;
        let reported =
            Reported { state: *state, transaction_id: transaction_id.as_deref(), message: message.as_deref() };
        if let Err(error) = update.check(reported) {
            return Ok(Err(error));
        }
        *state = Some(update.state);
        *transaction_id = update.transaction_id.clone().or(transaction_id.take());
        *message = update.message.clone().or(message.take());
    }
    let mut apply = transaction.prepare_cached(
        "UPDATE trade SET state = ?2, transaction_id = coalesce(?3, transaction_id), message = coalesce(?4, message),
             updated_at = ?5, claimed_until = NULL, claimed_from = NULL
         WHERE id = ?1",
    )?;
    for MatchUpdate { id, state, transaction_id, message } in updates {
        apply.execute(params![id.as_bytes(), *state as i64, transaction_id, message, now.as_second()])?;
    }
    Ok(Ok(()))
}

/// The end of the first interval whose trades are offered.
fn first_end(since: OfferedSince) -> i64 {
    since.first_end().map_or(i64::MIN, second_from)
}

/// What was not paid and has been so for long enough; what was reported in a far future was reported by a wrong clock, and
/// need not wait until then.
const AGAIN_DUE: &str = "state = 3 AND (coalesce(updated_at, 0) <= ?1 OR updated_at > ?4)";

pub(super) fn outbox(connection: &Connection, due: Due, limit: usize) -> Result<Vec<Match>, Fault> {
    // Each half is read in the order of an index, so that only the needed part of a long outbox is read.
    let half = |condition: &str| {
        format!("SELECT * FROM ({SELECT} WHERE {condition} AND \"end\" >= ?3 ORDER BY \"end\", trade.id LIMIT ?2)")
    };
    let (created, again_due) = (half("state = 0"), half(AGAIN_DUE));
    let sql = format!("{created} UNION ALL {again_due} ORDER BY 2, 1 LIMIT ?2");
    let limit = i64::try_from(limit).unwrap_or(i64::MAX);
    read(connection.prepare_cached(&sql)?.query([
        due.again.as_second(),
        limit,
        first_end(due.since),
        Claim::latest_end(due.now).as_second(),
    ])?)
}

pub(super) fn depth(connection: &Connection, since: OfferedSince) -> Result<OutboxDepth, Fault> {
    let sql = "SELECT count(*), min(\"end\") FROM trade WHERE state IN (0, 3) AND \"end\" >= ?1";
    let read = |row: &Row<'_>| Ok((unsigned(row, 0)?, row.get::<_, Option<i64>>(1)?));
    let (waiting, oldest) = connection.prepare_cached(sql)?.query_row([first_end(since)], read)?;
    Ok(OutboxDepth { waiting, oldest: oldest.map(time).transpose()? })
}

pub(super) fn delivered(
    transaction: &Transaction<'_>,
    sent: &[TradeId],
    refused: &[(TradeId, String)],
    now: Timestamp,
) -> Result<(), Fault> {
    // Trades of expired claims wait again.
    release_claims(transaction, now)?;
    let mut update = transaction.prepare_cached(
        "UPDATE trade SET state = ?2, message = coalesce(?3, message), updated_at = ?4, claimed_from = NULL
         WHERE id = ?1 AND state IN (0, 3)",
    )?;
    let sent = sent.iter().map(|id| (id, State::Sent, None));
    let refused = refused.iter().map(|(id, reason)| (id, State::Error, Some(reason)));
    for (id, state, reason) in sent.chain(refused) {
        update.execute(params![id.as_bytes(), state as i64, reason, now.as_second()])?;
    }
    Ok(())
}
