//! The rules of collections that are not ours: on a real server `matches` and `prices` are time-series collections. What
//! the driver sends while a database is taken over and everything is done on it is recorded, and each command checked.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex};

use domain::trade::State;
use domain::{MeterPrice, OwnPrices, Price};
use mongodb::bson::{Bson, Document};
use mongodb::event::EventHandler;
use mongodb::event::command::{CommandEvent, CommandStartedEvent};

use super::tests::{ALL, before, left_by_the_original, now};
use super::*;
use crate::contract::{Database, Shelf, boundary, full, new_prices, opening, put};
use books::community_lease;

/// The collections of the original.
const THEIRS: [&str; 2] = ["matches", "prices"];
/// Commands that a time-series collection answers without being changed, and the fields that they may have. Left out on
/// purpose: `distinct`, which it answers by unpacking everything, and every hint of an index.
const READING: [(&str, &[&str]); 4] = [
    ("find", &["find", "filter", "sort", "limit", "skip", "projection", "batchSize", "singleBatch"]),
    // The driver sends the write concern with every pipeline, for those that write: the stages below do not.
    ("aggregate", &["aggregate", "pipeline", "cursor", "writeConcern"]),
    ("getMore", &["getMore", "collection", "batchSize"]),
    ("listCollections", &["listCollections", "cursor", "nameOnly", "filter"]),
];
/// Stages of a pipeline that only read its own collection.
const STAGES: [&str; 5] = ["$match", "$group", "$sort", "$limit", "$project"];
/// What every command has.
const COMMON: [&str; 6] = ["$db", "lsid", "$readPreference", "$clusterTime", "txnNumber", "readConcern"];

/// The collection that a command names, if it names one.
fn target(command: &CommandStartedEvent) -> Option<&str> {
    let named = command.command.get(&command.command_name).and_then(Bson::as_str);
    named.or_else(|| command.command.get_str("collection").ok())
}

/// What is wrong with a command on a collection that is not ours.
fn wrong(command: &CommandStartedEvent) -> Option<String> {
    let Some((_, fields)) = READING.iter().find(|(name, _)| *name == command.command_name) else {
        return Some("it does not only read".to_owned());
    };
    let unknown = command.command.keys().find(|key| !fields.contains(&key.as_str()) && !COMMON.contains(&key.as_str()));
    if let Some(unknown) = unknown {
        return Some(format!("it has {unknown}"));
    }
    let stages = command.command.get_array("pipeline").into_iter().flatten().filter_map(Bson::as_document);
    let stage = stages.flat_map(Document::keys).find(|stage| !STAGES.contains(&stage.as_str()));
    stage.map(|stage| format!("it has the stage {stage}"))
}

/// Opens a store, and records every command from now on.
async fn watched(shelf: &Database) -> (MongoStore, Arc<Mutex<Vec<CommandStartedEvent>>>) {
    let recorded: Arc<Mutex<Vec<CommandStartedEvent>>> = Arc::default();
    let sent = Arc::clone(&recorded);
    let mut options = Server::options(&shelf.config()).await.unwrap();
    options.command_event_handler = Some(EventHandler::callback(move |event| {
        if let CommandEvent::Started(command) = event {
            sent.lock().unwrap().push(command);
        }
    }));
    let server = Arc::new(MongoStore::prepared(options, true).await.unwrap());
    (MongoStore { server, name: "watched".into() }, recorded)
}

#[needs::mongodb]
#[tokio::test(flavor = "multi_thread")]
async fn an_interval_takes_few_commands_and_indexes_are_made_once() {
    let shelf = Database::new();
    let (store, recorded) = watched(&shelf).await;
    let names = |recorded: &Mutex<Vec<CommandStartedEvent>>| -> Vec<String> {
        recorded.lock().unwrap().drain(..).map(|command| command.command_name).collect()
    };
    assert!(names(&recorded).contains(&"createIndexes".to_owned()));
    let (_again, recorded_again) = watched(&shelf).await;
    assert!(!names(&recorded_again).contains(&"createIndexes".to_owned()));

    let quiet = |number: u64| {
        let mut commit = full("aveiro", number);
        commit.after = (number > 0).then(|| boundary(number));
        commit.cleared.events.clear();
        Arc::new(commit)
    };
    let batch = |numbers: std::ops::Range<u64>| numbers.map(quiet).collect::<Vec<_>>();
    assert_eq!(store.commit_batch(batch(0..1)).await.committed, 1);
    names(&recorded);
    // One interval: the link, and the mark with the sums of the day.
    assert_eq!(store.commit_batch(batch(1..2)).await.committed, 1);
    assert_eq!(names(&recorded), ["insert", "update"]);
    // Under a lease that somebody else has acquired, this is looked at before.
    let leased = |number, fence| Commit { fence: Some(fence), ..Commit::clone(&quiet(number)) };
    assert_eq!(store.commit(Arc::new(leased(2, 1))).await.unwrap(), CommitOutcome::Committed);
    assert_eq!(names(&recorded), ["find", "insert", "update"]);
    // Whoever has just acquired it knows; with events, and the sums of a day that is over by it.
    store.acquire(&community_lease("aveiro"), "me", now(), Duration::from_secs(30)).await.unwrap();
    names(&recorded);
    let mut eventful = leased(48, 1);
    eventful.after = Some(boundary(3));
    eventful.cleared.events = full("aveiro", 48).cleared.events;
    assert_eq!(store.commit(Arc::new(eventful)).await.unwrap(), CommitOutcome::Committed);
    let mut few = names(&recorded);
    // At once, in any order.
    few[1..3].sort_unstable();
    assert_eq!(few, ["insert", "insert", "update", "update"]);
    // Ten intervals take as many as one.
    assert_eq!(store.commit_batch(batch(49..59)).await.committed, 10);
    assert_eq!(names(&recorded), ["insert", "update"]);
}

#[needs::mongodb]
#[tokio::test(flavor = "multi_thread")]
async fn a_live_interval_asks_for_nothing_that_is_known() {
    let shelf = Database::new();
    let (store, recorded) = watched(&shelf).await;
    let names = || -> Vec<String> { recorded.lock().unwrap().drain(..).map(|command| command.command_name).collect() };
    let meters: BTreeSet<MeterId> = ["a", "b1", "b2"].map(|meter| meter.parse().unwrap()).into();
    let lease = community_lease("aveiro");
    // As a pass does that finds one interval; answers which meters have prices then.
    let settle = async |number: u64| {
        let taken = store.acquire(&lease, "me", now(), Duration::from_secs(30)).await.unwrap();
        let Acquired::Held(held) = taken else { panic!("{taken:?}") };
        let progress = store.progress("aveiro").await.unwrap();
        let start = boundary(number).timestamp();
        let book = store.price_book(&meters, &[start].into()).await.unwrap();
        let (after, fence) = (progress.mark, Some(held.token));
        let mut commit = Commit { after, fence, ..full("aveiro", number) };
        commit.cleared.events.clear();
        assert_eq!(store.commit(Arc::new(commit)).await.unwrap(), CommitOutcome::Committed);
        store.release(&lease, "me").await.unwrap();
        let has_price = |meter: &&MeterId| book.at([(*meter, Timestamp::MIN)], start).is_some();
        meters.iter().filter(has_price).map(MeterId::as_str).collect::<Vec<_>>()
    };
    settle(0).await;
    settle(1).await;
    names();
    let few = ["findAndModify", "find", "find", "insert", "update", "findAndModify"];
    assert_eq!(settle(2).await, [""; 0]);
    assert_eq!(names(), few);
    // A price that somebody sets is found at once, and each of its meter from then on.
    let own = Some(OwnPrices { bid: Price::from_micro_eur(5), offer: Price::from_micro_eur(4) });
    let of = |meter: &str, from| MeterPrice { meter: meter.parse().unwrap(), from, own };
    let other = shelf.open().await;
    other.set_prices(&new_prices(&[of("b1", boundary(3).timestamp())], now())).await.unwrap();
    names();
    assert_eq!(settle(3).await, ["b1"]);
    assert_eq!(names(), [&few[..3], &["aggregate", "find"], &few[3..]].concat());
    assert_eq!(settle(4).await, ["b1"]);
    assert_eq!(names(), [&few[..3], &["find"], &few[3..]].concat());
    // Also one that is for later.
    other.set_prices(&new_prices(&[of("a", boundary(6).timestamp())], now())).await.unwrap();
    assert_eq!((settle(5).await, settle(6).await), (vec!["b1"], vec!["a", "b1"]));
}

#[needs::mongodb]
#[tokio::test(flavor = "multi_thread")]
async fn while_nothing_happens_a_service_asks_for_next_to_nothing() {
    let shelf = Database::new();
    let (store, recorded) = watched(&shelf).await;
    for number in 0..3 {
        put(&store, full("aveiro", number)).await.unwrap();
    }
    let all = OfferedSince::default();
    let until = now() + Duration::from_secs(60);
    let claim = Claim { buyer: "bob".into(), since: all, now: now(), until };
    assert_eq!(store.claim(&claim, Window::first(1)).await.unwrap().len(), 1);
    let names = || -> Vec<String> { recorded.lock().unwrap().drain(..).map(|command| command.command_name).collect() };
    let depth = async |at| store.outbox_depth(all, at).await.unwrap().waiting;
    assert_eq!(depth(now()).await, 2);
    names();
    // Every five seconds, for all communities.
    assert_eq!(depth(now() + Duration::from_secs(5)).await, 2);
    assert_eq!(names(), ["find", "aggregate"]);
    // Three times in a lease's term.
    let replica = Replica { name: "me".to_owned(), until };
    store.live(&replica, now()).await.unwrap();
    assert_eq!(names(), ["update", "find"]);
    // When it is due: to take the lease again, to see where it stands, and to release the lease.
    let lease = community_lease("aveiro");
    let take = async || store.acquire(&lease, "me", now(), Duration::from_secs(30)).await.unwrap();
    take().await;
    store.release(&lease, "me").await.unwrap();
    names();
    take().await;
    assert_eq!(store.progress("aveiro").await.unwrap().mark, Some(boundary(3)));
    store.release(&lease, "me").await.unwrap();
    assert_eq!(names(), ["findAndModify", "find", "findAndModify"]);
    // What happens is seen: by this process, by another, and by the clock.
    put(&store, full("aveiro", 3)).await.unwrap();
    assert_eq!(depth(now()).await, 3);
    let other = shelf.open().await;
    put(&other, full("aveiro", 4)).await.unwrap();
    assert_eq!((depth(now()).await, store.progress("aveiro").await.unwrap().mark), (4, Some(boundary(5))));
    assert_eq!(other.claim(&claim, Window::first(1)).await.unwrap().len(), 1);
    assert_eq!((depth(now()).await, depth(until).await), (3, 5));
}

/// Everything that a store can do, on a database that the original left.
async fn do_everything(store: &MongoStore) {
    assert!(store.progress("aveiro").await.unwrap().original.is_some());
    put(store, opening("aveiro", 0)).await.unwrap();
    put(store, full("aveiro", 1)).await.unwrap();
    assert!(store.progress("other").await.unwrap().original.is_some());
    let all = OfferedSince::default();
    assert_eq!(store.outbox_depth(all, now()).await.unwrap().waiting, 4);
    let due = |now| Due { since: all, again: now, now };
    assert_eq!(store.outbox(due(now()), 10).await.unwrap().len(), 4);
    let claim = |at: Timestamp| Claim { buyer: "bob".into(), since: all, now: at, until: at + Duration::from_secs(60) };
    let claimed = store.claim(&claim(now()), ALL).await.unwrap();
    assert_eq!(claimed.len(), 3);
    let later = now() + Duration::from_secs(90);
    assert_eq!(store.matches(&MatchFilter::default(), ALL, later).await.unwrap().len(), 10);
    let report = |trade: &Match, state| MatchUpdate {
        id: trade.id,
        state,
        transaction_id: Some("tx".to_owned()),
        message: Some("thanks".to_owned()),
    };
    store.update(&[report(&claimed[0], State::Paid), report(&claimed[2], State::Paid)], later).await.unwrap();
    store.delivered(&[claimed[1].id], &[], later).await.unwrap();
    for filter in [
        MatchFilter { id: Some(claimed[0].id), states: [State::Sent].into(), ..MatchFilter::default() },
        MatchFilter { seller: Some("100".into()), from: Some(later), to: Some(later), ..MatchFilter::default() },
    ] {
        assert_eq!(store.matches(&filter, ALL, later).await.unwrap(), []);
    }
    let from = field::timestamp(before(2)).unwrap();
    let own = Some(OwnPrices { bid: Price::from_micro_eur(5), offer: Price::from_micro_eur(4) });
    let price = MeterPrice { meter: "a".parse().unwrap(), from, own };
    store.set_prices(&new_prices(&[price], now())).await.unwrap();
    assert_eq!(store.prices("a", None, None, ALL).await.unwrap().len(), 2);
    let meters = ["a", "b"].map(|meter| meter.parse().unwrap());
    assert!(!store.price_book(&meters.into(), &[from, later].into()).await.unwrap().is_empty());
    assert_eq!(store.examine().await.unwrap(), [""; 0]);
}

#[needs::mongodb]
#[tokio::test(flavor = "multi_thread")]
async fn what_the_original_left_is_read_as_a_time_series_collection_allows_and_never_written() {
    let shelf = Database::new();
    left_by_the_original(&shelf).await;
    let (store, recorded) = watched(&shelf).await;
    do_everything(&store).await;
    // Another process, which finds it taken over.
    let (again, recorded_again) = watched(&shelf).await;
    assert_eq!(again.communities().await.unwrap(), ["aveiro"]);
    let commands = [recorded.lock().unwrap().clone(), recorded_again.lock().unwrap().clone()].concat();
    let theirs = commands.iter().filter(|command| target(command).is_some_and(|target| THEIRS.contains(&target)));
    let mut read = BTreeSet::new();
    for command in theirs {
        read.insert((target(command).unwrap(), command.command_name.as_str()));
        if let Some(wrong) = wrong(command) {
            panic!("a command on a collection that is not ours: {wrong}: {}", command.command);
        }
    }
    let expected = [("matches", "find"), ("prices", "aggregate"), ("prices", "find")];
    assert_eq!(read, expected.into());
    // Whatever writes names a collection of ours.
    let written: BTreeSet<&str> = commands
        .iter()
        .filter(|command| !READING.iter().any(|(name, _)| *name == command.command_name))
        .filter_map(target)
        .collect();
    assert!(written.contains("trades") && written.contains("takeovers"), "{written:?}");
    assert!(THEIRS.iter().all(|theirs| !written.contains(theirs)), "{written:?}");
}
