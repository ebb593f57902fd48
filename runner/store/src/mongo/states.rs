//! What becomes of trades: claims, reports and pushes. Each is applied whole or not at all, by way of the journal.

use std::collections::{BTreeMap, HashMap};

use domain::TradeId;
use domain::trade::State;
use jiff::Timestamp;
use mongodb::bson::{Bson, DateTime, Document, doc};
use prost::Message;

use super::document::exists;
use super::fault::Fault;
use super::field;
use super::find::{self, Found};
use super::journal::Journal;
use super::reopening::{self, Record};
use super::server::Server;
use books::{
    Claim, Match, MatchUpdate, ReopenError, Reopened, Reopening, Reported, UpdateError, Window, check_agreement,
};

/// Trades that one claim hands over at most, so that its entry of the journal fits into a document.
const CLAIM_MAX: usize = 100_000;
/// Ids in one condition.
const IDS_MAX: usize = 1000;

/// An entry of the journal of trades.
#[derive(Clone, PartialEq, Message)]
struct Changes {
    #[prost(message, repeated, tag = "1")]
    changes: Vec<Change>,
    /// The records of trades that are reopened with it.
    #[prost(message, repeated, tag = "2")]
    reopened: Vec<Record>,
}

impl Changes {
    fn new(changes: Vec<Change>) -> Changes {
        Changes { changes, reopened: Vec::new() }
    }
}

/// What a trade is to have.
#[derive(Clone, PartialEq, Message)]
struct Change {
    #[prost(bytes = "vec", tag = "1")]
    id: Vec<u8>,
    /// The revision that it is made of; absent if the trade was never changed.
    #[prost(int64, optional, tag = "2")]
    revision: Option<i64>,
    #[prost(message, required, tag = "3")]
    becomes: Becomes,
}

#[derive(Clone, PartialEq, Eq, Hash, Message)]
struct Becomes {
    #[prost(int32, tag = "1")]
    state: i32,
    /// In milliseconds.
    #[prost(int64, tag = "2")]
    updated_at: i64,
    #[prost(string, optional, tag = "3")]
    transaction_id: Option<String>,
    #[prost(string, optional, tag = "4")]
    message: Option<String>,
    /// In milliseconds; absent if it is not claimed.
    #[prost(int64, optional, tag = "5")]
    claimed_until: Option<i64>,
    #[prost(int32, tag = "6")]
    claimed_from: i32,
    /// Whether its claim has lapsed, and nobody has claimed it since.
    #[prost(bool, tag = "7")]
    lapsed: bool,
    /// Whether it has no payment any more.
    #[prost(bool, tag = "8")]
    reopened: bool,
}

impl Change {
    fn new(found: &Found, state: State, at: Timestamp) -> Change {
        let becomes = Becomes { state: state as i32, updated_at: at.as_millisecond(), ..Becomes::default() };
        Change { id: found.shown.id.as_bytes().to_vec(), revision: found.revision, becomes }
    }
}

/// The statements that make changes and set this revision. Trades that become the same share a statement.
fn statements(changes: Vec<Change>, revision: i64) -> Vec<Document> {
    let mut alike: HashMap<(Option<i64>, Becomes), Vec<Bson>> = HashMap::new();
    for Change { id, revision, becomes } in changes {
        let Ok(id) = <[u8; 12]>::try_from(id) else { continue };
        alike.entry((revision, becomes)).or_default().push(field::object_id(&TradeId::from_bytes(id)).into());
    }
    let mut statements = Vec::new();
    for ((before, becomes), ids) in alike {
        let before = before.map_or_else(|| Bson::Document(doc! { "$exists": false }), Bson::Int64);
        let update = update(&becomes, revision);
        for ids in ids.chunks(IDS_MAX) {
            // Most reports are about one trade, which the server finds without a query plan.
            let ids = if let [id] = ids { id.clone() } else { Bson::Document(doc! { "$in": ids }) };
            let trades = doc! { "_id": ids, "metadata.revision": before.clone() };
            statements.push(doc! { "q": trades, "u": update.clone(), "multi": true });
        }
    }
    statements
}

fn update(becomes: &Becomes, revision: i64) -> Document {
    let mut set = doc! {
        "metadata.transaction_state": becomes.state,
        "metadata.updated_at": DateTime::from_millis(becomes.updated_at),
        "metadata.revision": revision,
    };
    for (field, text) in [("metadata.transaction_id", &becomes.transaction_id), ("metadata.message", &becomes.message)]
    {
        if let Some(text) = text {
            set.insert(field, text);
        }
    }
    let mut unset = Document::new();
    match becomes.claimed_until {
        Some(until) => {
            let claim = doc! { "until": DateTime::from_millis(until), "from": becomes.claimed_from };
            set.insert("metadata.claim", claim);
        }
        None => {
            unset.insert("metadata.claim", "");
        }
    }
    if becomes.lapsed {
        set.insert("metadata.lapsed", true);
    } else {
        unset.insert("metadata.lapsed", "");
    }
    if becomes.reopened {
        unset.insert("metadata.transaction_id", "");
    }
    if unset.is_empty() {
        doc! { "$set": set }
    } else {
        doc! { "$set": set, "$unset": unset }
    }
}

/// Completes the newest entry if somebody has left it half-done; answers its number.
pub(super) async fn settle(server: &Server) -> Result<i64, Fault> {
    let (number, entry) = Journal::Trades.newest::<Changes>(server).await?;
    if let Some(changes) = entry.filter(|_| server.is_writable()) {
        make(server, number, changes).await?;
    }
    Ok(number)
}

async fn make(server: &Server, number: i64, Changes { changes, reopened }: Changes) -> Result<(), Fault> {
    reopening::keep(server, number, reopened).await?;
    server.update(&server.trades, &statements(changes, number)).await?;
    Journal::Trades.finish(server, number).await
}

/// Publishes and makes changes that were decided after an entry; answers false if another entry came between.
async fn change(server: &Server, after: i64, changes: Changes) -> Result<bool, Fault> {
    if changes.changes.is_empty() {
        return Ok(true);
    }
    server.check_writable()?;
    let bytes = changes.encode_to_vec();
    let published = Journal::Trades.publish(server, after, &bytes).await?;
    if published {
        make(server, after + 1, changes).await?;
    }
    Ok(published)
}

/// Completes what was left half-done, and gives trades whose claims lapsed their earlier states.
pub(super) async fn refresh(server: &Server, now: Timestamp) -> Result<(), Fault> {
    loop {
        let after = settle(server).await?;
        let too_far = doc! { "metadata.claim.until": { "$gt": field::date(Claim::latest_end(now)) } };
        let expired = doc! { "$or": [{ "metadata.claim.until": { "$lte": field::date(now) } }, too_far.clone()] };
        if !server.is_writable() || !exists(&server.trades, expired.clone()).await? {
            return Ok(());
        }
        if exists(&server.trades, too_far).await? {
            tracing::warn!(%now, code = "clock", "{}", Claim::TOO_FAR);
        }
        let expired = find::find(server, vec![expired], Window::first(CLAIM_MAX)).await?;
        let returned = |mut found: Found| {
            found.expire(now);
            let (state, at) = (found.shown.state?, found.shown.updated_at?);
            let mut change = Change::new(&found, state, at);
            change.becomes.lapsed = found.lapsed;
            Some(change)
        };
        let changes: Vec<Change> = expired.into_iter().filter_map(returned).collect();
        let all = changes.len() < CLAIM_MAX;
        if change(server, after, Changes::new(changes)).await? && all {
            return Ok(());
        }
    }
}

/// Hands a buyer's waiting trades over for payment. If the answer is lost, they wait again when the claim lapses.
pub(super) async fn claim(server: &Server, claim: &Claim, window: Window) -> Result<Vec<Match>, Fault> {
    let filter = claim.filter();
    let window = Window { limit: window.limit.min(CLAIM_MAX), ..window };
    loop {
        refresh(server, claim.now).await?;
        let after = settle(server).await?;
        let found = find::find(server, find::conditions(&filter), window).await?;
        let claimed = |found: &Found| {
            let mut change = Change::new(found, State::Sent, claim.now);
            change.becomes.claimed_until = Some(claim.until.as_millisecond());
            change.becomes.claimed_from = found.shown.state.map_or(0, |state| state as i32);
            change
        };
        if change(server, after, Changes::new(found.iter().map(claimed).collect())).await? {
            return Ok(found.into_iter().map(|found| found.shown).collect());
        }
    }
}

/// The trades with these ids, as they are at an instant.
async fn current(
    server: &Server,
    ids: impl Iterator<Item = TradeId>,
    now: Timestamp,
) -> Result<BTreeMap<TradeId, Found>, Fault> {
    let ids: Vec<Bson> = ids.map(|id| field::object_id(&id).into()).collect();
    let mut trades = BTreeMap::new();
    for ids in ids.chunks(IDS_MAX) {
        let conditions = vec![doc! { "_id": { "$in": ids } }];
        for mut found in find::find(server, conditions, Window::first(usize::MAX)).await? {
            found.expire(now);
            trades.insert(found.shown.id, found);
        }
    }
    Ok(trades)
}

/// Applies reports, all or none.
pub(super) async fn update_all(
    server: &Server,
    updates: &[MatchUpdate],
    now: Timestamp,
) -> Result<Result<(), UpdateError>, Fault> {
    if let Err(error) = check_agreement(updates) {
        return Ok(Err(error));
    }
    loop {
        let after = settle(server).await?;
        let mut trades = current(server, updates.iter().map(|update| update.id), now).await?;
        let mut changes: BTreeMap<TradeId, Change> = BTreeMap::new();
        for update in updates {
            let Some(found) = trades.get_mut(&update.id) else { return Ok(Err(UpdateError::Unknown(update.id))) };
            if let Err(error) = apply(found, update) {
                return Ok(Err(error));
            }
            let mut change = Change::new(found, update.state, now);
            change.becomes.transaction_id = found.shown.transaction_id.clone();
            change.becomes.message = found.shown.message.clone();
            changes.insert(update.id, change);
        }
        if change(server, after, Changes::new(changes.into_values().collect())).await? {
            return Ok(Ok(()));
        }
    }
}

/// Checks a report against the trade's state, after the reports before it in the list, and changes the state.
fn apply(found: &mut Found, update: &MatchUpdate) -> Result<(), UpdateError> {
    let shown = &mut found.shown;
    let state = if std::mem::take(&mut found.lapsed) { Some(State::Sent) } else { shown.state };
    let (transaction_id, message) = (shown.transaction_id.as_deref(), shown.message.as_deref());
    update.check(Reported { state, transaction_id, message })?;
    shown.state = Some(update.state);
    shown.transaction_id = update.transaction_id.clone().or(shown.transaction_id.take());
    shown.message = update.message.clone().or(shown.message.take());
    Ok(())
}

/// Records the outcome of a push for those trades that still wait.
pub(super) async fn delivered(
    server: &Server,
    sent: &[TradeId],
    refused: &[(TradeId, String)],
    now: Timestamp,
) -> Result<(), Fault> {
    loop {
        let after = settle(server).await?;
        let ids = sent.iter().chain(refused.iter().map(|(id, _)| id)).copied();
        let mut trades = current(server, ids, now).await?;
        trades.retain(|_, found| found.shown.state.is_some_and(State::is_waiting));
        let sent = sent.iter().map(|id| (id, State::Sent, None));
        let refused = refused.iter().map(|(id, reason)| (id, State::Error, Some(reason.clone())));
        // Of an id that is there twice the first counts: then it waits no more.
        let outcome = |(id, state, message): (&TradeId, State, Option<String>)| {
            let mut change = Change::new(&trades.remove(id)?, state, now);
            change.becomes.message = message;
            Some(change)
        };
        let changes = sent.chain(refused).filter_map(outcome).collect();
        if change(server, after, Changes::new(changes)).await? {
            return Ok(());
        }
    }
}

/// Offers trades for payment again, all or none. `by` tells this try from any other: the answer to one may be lost.
pub(super) async fn reopen(
    server: &Server,
    reopening: &Reopening,
    by: &str,
) -> Result<Result<Vec<Reopened>, ReopenError>, Fault> {
    loop {
        let after = settle(server).await?;
        let done = reopening::made_by(server, by).await?;
        if !done.is_empty() {
            return Ok(Ok(done));
        }
        let trades = current(server, reopening.trades.iter().copied(), reopening.at).await?;
        let (mut changes, mut reopened) = (Vec::new(), Vec::new());
        for id in &reopening.trades {
            let Some(found) = trades.get(id) else { return Ok(Err(ReopenError::Unknown(*id))) };
            let Match { state, transaction_id, message, .. } = &found.shown;
            let stored =
                Reported { state: *state, transaction_id: transaction_id.as_deref(), message: message.as_deref() };
            match reopening.record(*id, stored) {
                Ok(record) => reopened.push(record),
                Err(error) => return Ok(Err(error)),
            }
            let mut change = Change::new(found, State::Created, reopening.at);
            change.becomes.message = Some(reopening.message());
            change.becomes.reopened = true;
            changes.push(change);
        }
        let records = reopened.iter().map(|reopened| Record::new(reopened, by)).collect();
        if change(server, after, Changes { changes, reopened: records }).await? {
            return Ok(Ok(reopened));
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::contract::{Database, Shelf, full, interval, put};
    use crate::mongo::MongoStore;

    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(1_700_000_000 + second).unwrap()
    }

    async fn states(store: &MongoStore, ids: &[TradeId]) -> Vec<State> {
        let found = current(&store.server, ids.iter().copied(), at(0)).await.unwrap();
        found.values().map(|found| found.shown.state.unwrap()).collect()
    }

    #[needs::mongodb]
    #[tokio::test(flavor = "multi_thread")]
    async fn what_was_published_is_made_by_whoever_comes_next_and_only_once() {
        let shelf = Database::new();
        let store = shelf.open().await;
        for number in 0..2 {
            put(&store, full("aveiro", number)).await.unwrap();
        }
        let ids = [0, 1].map(|number| TradeId::derive("aveiro", interval(number), 0));
        // A process decided on a list, published it, and died before it made any of it, or after half of it.
        for (made, from, to) in [(0, State::Created, State::Sent), (1, State::Sent, State::NotPaid)] {
            let after = settle(&store.server).await.unwrap();
            let found = current(&store.server, ids.iter().copied(), at(0)).await.unwrap();
            let changes: Vec<Change> = found.values().map(|found| Change::new(found, to, at(1))).collect();
            let changes = Changes::new(changes);
            let bytes = changes.encode_to_vec();
            assert!(Journal::Trades.publish(&store.server, after, &bytes).await.unwrap());
            assert!(!Journal::Trades.publish(&store.server, after, &bytes).await.unwrap());
            let half = statements(changes.changes[..made].to_vec(), after + 1);
            store.server.update(&store.server.trades, &half).await.unwrap();
            assert_eq!(states(&store, &ids).await.iter().filter(|state| **state == from).count(), 2 - made);
            refresh(&shelf.open().await.server, at(2)).await.unwrap();
            assert_eq!(states(&store, &ids).await, [to, to]);
            // It was not dead but slow: by now a trade has gone on, and its changes come to nothing.
            let next = if to == State::Sent { State::NotPaid } else { State::Sent };
            let report = |state| [MatchUpdate { id: ids[0], state, transaction_id: None, message: None }];
            update_all(&store.server, &report(next), at(3)).await.unwrap().unwrap();
            make(&store.server, after + 1, changes).await.unwrap();
            assert_eq!(states(&store, &ids).await, [next, to]);
            update_all(&store.server, &report(State::Sent), at(4)).await.unwrap().unwrap();
        }
    }
}
