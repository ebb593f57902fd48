//! What becomes of trades: claims, reports and pushes. Each is applied whole or not at all, by way of the journal.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use domain::TradeId;
use domain::trade::State;
use jiff::Timestamp;
use mongodb::bson::{Bson, DateTime, Document, doc};
use prost::Message;

use super::document::{exists, insert_missing};
use super::fault::Fault;
use super::field::{self, Date, StateNumber};
use super::find;
use super::found::{ClaimFields, Found, Fresh};
use super::journal::Journal;
use super::reopening::{self, Record};
use super::server::Server;
use super::trades::{Metadata, TradeDocument};
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
    /// Intervals that have fewer trades of which nothing has become.
    #[prost(message, repeated, tag = "3")]
    fewer: Vec<Fewer>,
}

/// How many trades of an interval are left of which nothing has become.
#[derive(Clone, PartialEq, Message)]
struct Fewer {
    /// The `_id` of its link.
    #[prost(string, tag = "1")]
    link: String,
    #[prost(uint64, tag = "2")]
    left: u64,
}

impl Changes {
    /// Changes of trades as they were found.
    fn new<'f>(changes: impl IntoIterator<Item = (&'f Found, Change)>) -> Changes {
        let mut of_all = Changes::default();
        let mut left: BTreeMap<&str, u64> = BTreeMap::new();
        for (found, change) in changes {
            if let Some(Fresh { link, left: before }) = &found.fresh {
                let left = left.entry(link).or_insert(*before);
                *left = left.saturating_sub(1);
            }
            of_all.changes.push(change);
        }
        of_all.fewer = left.into_iter().map(|(link, left)| Fewer { link: link.to_owned(), left }).collect();
        of_all
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
    /// Whether it is one of ours of which nothing has become before, so that it has no document yet.
    #[prost(bool, tag = "4")]
    is_first: bool,
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
        let (id, is_first) = (found.shown.id.as_bytes().to_vec(), found.fresh.is_some());
        Change { id, revision: found.revision, becomes, is_first }
    }

    fn id(&self) -> Result<TradeId, Fault> {
        let id = <[u8; 12]>::try_from(self.id.as_slice());
        id.map(TradeId::from_bytes).map_err(|_| Fault::Record("a change of the journal of trades has no id".into()))
    }
}

impl Becomes {
    /// What the document of a trade says of it for the first time.
    fn metadata(self, found: &Found, revision: i64) -> Result<Metadata, Fault> {
        let unreadable = || Fault::Record(format!("entry {revision} of the journal of trades cannot be read").into());
        let state = |number: i32| State::from_number(number.into()).map(StateNumber).ok_or_else(unreadable);
        let at = |ms: i64| Timestamp::from_millisecond(ms).map(Date).map_err(|_| unreadable());
        let claim = self
            .claimed_until
            .map(|until| Ok::<_, Fault>(ClaimFields { until: at(until)?, from: state(self.claimed_from)? }));
        Ok(Metadata {
            transaction_state: state(self.state)?,
            message: self.message.or_else(|| found.shown.message.clone()),
            updated_at: at(self.updated_at)?,
            revision,
            transaction_id: self.transaction_id,
            claim: claim.transpose()?,
            lapsed: self.lapsed.then_some(true),
        })
    }
}

/// The statements that make changes and set this revision. Trades that become the same share a statement.
fn statements(changes: Vec<Change>, revision: i64) -> Result<Vec<Document>, Fault> {
    let mut alike: HashMap<(Option<i64>, Becomes), Vec<Bson>> = HashMap::new();
    for change in changes {
        let id = field::object_id(&change.id()?);
        alike.entry((change.revision, change.becomes)).or_default().push(id.into());
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
    Ok(statements)
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
        let firsts = changes.changes.iter().filter(|change| change.is_first).map(Change::id);
        let found = find::by_ids(server, &firsts.collect::<Result<_, _>>()?).await?;
        make(server, number, changes, &found).await?;
    }
    Ok(number)
}

/// Makes the changes of an entry; `found` are the trades as they were before, those of the first changes at least.
async fn make(
    server: &Server,
    number: i64,
    Changes { changes, reopened, fewer }: Changes,
    found: impl IntoIterator<Item = &Found>,
) -> Result<(), Fault> {
    reopening::keep(server, number, reopened).await?;
    let (firsts, others): (Vec<Change>, Vec<Change>) = changes.into_iter().partition(|change| change.is_first);
    if !firsts.is_empty() {
        insert_missing(&server.trades.clone_with_type(), &documents(firsts, number, found)?).await?;
    }
    server.update(&server.trades, &statements(others, number)?).await?;
    // Last: as long as an interval counts too many, it is looked through, and what has a document is left out.
    server.update(&server.intervals, &fewer_statements(fewer)).await?;
    Journal::Trades.finish(server, number).await
}

/// The statements by which intervals have fewer trades of which nothing has become. Those that have as many left share a statement.
fn fewer_statements(fewer: Vec<Fewer>) -> Vec<Document> {
    let mut alike: BTreeMap<u64, Vec<String>> = BTreeMap::new();
    for Fewer { link, left } in fewer {
        alike.entry(left).or_default().push(link);
    }
    let mut statements = Vec::new();
    for (left, links) in alike {
        let left = i64::try_from(left).unwrap_or(i64::MAX);
        let mut update = doc! { "$set": { "fresh": left } };
        if left == 0 {
            update.insert("$unset", doc! { "waits": "" });
        }
        for links in links.chunks(IDS_MAX) {
            let intervals = doc! { "_id": { "$in": links }, "fresh": { "$gt": left } };
            statements.push(doc! { "q": intervals, "u": update.clone(), "multi": true });
        }
    }
    statements
}

/// The documents of trades of which something becomes for the first time. A trade that has one needs none.
fn documents<'f>(
    firsts: Vec<Change>,
    number: i64,
    found: impl IntoIterator<Item = &'f Found>,
) -> Result<Vec<TradeDocument>, Fault> {
    let fresh = found.into_iter().filter(|found| found.fresh.is_some());
    let fresh: HashMap<&[u8], &Found> = fresh.map(|found| (found.shown.id.as_bytes().as_slice(), found)).collect();
    let mut documents = Vec::new();
    for change in firsts {
        let Some(found) = fresh.get(change.id.as_slice()) else { continue };
        documents.extend(TradeDocument::new(&found.shown, change.becomes.metadata(found, number)?));
    }
    Ok(documents)
}

/// Publishes and makes changes that were decided after an entry, of trades as they were found; answers false if another entry came
/// between.
async fn change<'f>(
    server: &Server,
    after: i64,
    changes: Changes,
    found: impl IntoIterator<Item = &'f Found>,
) -> Result<bool, Fault> {
    if changes.changes.is_empty() {
        return Ok(true);
    }
    server.check_writable()?;
    let bytes = changes.encode_to_vec();
    let published = Journal::Trades.publish(server, after, &bytes).await?;
    if published {
        make(server, after + 1, changes, found).await?;
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
        let mut expired = find::with_documents(server, vec![expired], Window::first(CLAIM_MAX)).await?;
        expired.iter_mut().for_each(|found| found.expire(now));
        let returned = |found: &'_ Found| {
            let (state, at) = (found.shown.state?, found.shown.updated_at?);
            let mut change = Change::new(found, state, at);
            change.becomes.lapsed = found.lapsed;
            Some(change)
        };
        let changes = Changes::new(expired.iter().filter_map(|found| Some((found, returned(found)?))));
        let all = changes.changes.len() < CLAIM_MAX;
        if change(server, after, changes, &expired).await? && all {
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
        let found = find::find(server, &filter, window).await?;
        let claimed = |found: &Found| {
            let mut change = Change::new(found, State::Sent, claim.now);
            change.becomes.claimed_until = Some(claim.until.as_millisecond());
            change.becomes.claimed_from = found.shown.state.map_or(0, |state| state as i32);
            change
        };
        let changes = Changes::new(found.iter().map(|found| (found, claimed(found))));
        if change(server, after, changes, &found).await? {
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
    let mut trades = BTreeMap::new();
    for mut found in find::by_ids(server, &ids.collect()).await? {
        found.expire(now);
        trades.insert(found.shown.id, found);
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
        let changes = changes.into_iter().filter_map(|(id, change)| Some((trades.get(&id)?, change)));
        if change(server, after, Changes::new(changes), trades.values()).await? {
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
        let mut done = BTreeSet::new();
        let outcome = |(id, state, message): (&TradeId, State, Option<String>)| {
            let found = trades.get(id).filter(|_| done.insert(*id))?;
            let mut change = Change::new(found, state, now);
            change.becomes.message = message;
            Some((found, change))
        };
        let changes = Changes::new(sent.chain(refused).filter_map(outcome));
        if change(server, after, changes, trades.values()).await? {
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
            changes.push((found, change));
        }
        let records = reopened.iter().map(|reopened| Record::new(reopened, by)).collect();
        let changes = Changes { reopened: records, ..Changes::new(changes) };
        if change(server, after, changes, trades.values()).await? {
            return Ok(Ok(reopened));
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::contract::{Database, Shelf, full, interval, put};
    use crate::mongo::MongoStore;

    use super::super::journal::Entry;
    use super::*;
    use books::Books;

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
            let changes = Changes::new(found.values().map(|found| (found, Change::new(found, to, at(1)))));
            let bytes = changes.encode_to_vec();
            assert!(Journal::Trades.publish(&store.server, after, &bytes).await.unwrap());
            assert!(!Journal::Trades.publish(&store.server, after, &bytes).await.unwrap());
            let half = Changes { changes: changes.changes[..made].to_vec(), ..Changes::default() };
            // All of it but that it is done.
            make(&store.server, after + 1, half, found.values()).await.unwrap();
            let undone = doc! { "$set": { "changes": field::Bytes(bytes) } };
            store.server.of::<Entry>().update_one(doc! { "_id": "trades" }, undone).await.unwrap();
            assert_eq!(states(&store, &ids).await.iter().filter(|state| **state == from).count(), 2 - made);
            refresh(&shelf.open().await.server, at(2)).await.unwrap();
            assert_eq!(states(&store, &ids).await, [to, to]);
            // It was not dead but slow: by now a trade has gone on, and its changes come to nothing.
            let next = if to == State::Sent { State::NotPaid } else { State::Sent };
            let report = |state| [MatchUpdate { id: ids[0], state, transaction_id: None, message: None }];
            update_all(&store.server, &report(next), at(3)).await.unwrap().unwrap();
            make(&store.server, after + 1, changes, found.values()).await.unwrap();
            assert_eq!(states(&store, &ids).await, [next, to]);
            assert_eq!(store.examine().await.unwrap(), [""; 0]);
            update_all(&store.server, &report(State::Sent), at(4)).await.unwrap().unwrap();
        }
    }
}
