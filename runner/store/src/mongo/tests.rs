//! What only the MongoDB store has to promise: that what is half-written is completed, that a database of the original is
//! taken over, and that a server may go away.

use std::net::{SocketAddr, TcpListener};

use domain::text::chain;
use domain::trade::State;
use domain::{Interval, MeterPrice, OwnPrices, Price};
use mongodb::bson::{Bson, DateTime, Document, doc};
use rec_market_tests::mongo_server::MongoServer;

use super::*;
use crate::Secret;
use crate::contract::{
    Database, Shelf, all_intervals, all_trades, boundary, event, full, interval, kept, new_prices, opening, put,
};
use books::Quantity;
use domain::PLATFORM_GRID;

/// Two names with one code.
const SAME_CODE: (&str, &str) = ("c11261", "c53948");

pub(super) const ALL: Window = Window { skip: 0, limit: usize::MAX };

pub(super) fn now() -> Timestamp {
    Timestamp::from_second(1_700_001_000).unwrap()
}

async fn all_matches(store: &MongoStore) -> Vec<Match> {
    store.matches(&MatchFilter::default(), ALL, now()).await.unwrap()
}

/// The trades, whatever they look like.
fn documents_of(store: &MongoStore) -> mongodb::Collection<Document> {
    store.server.trades.clone_with_type()
}

/// Takes away what is made after a community's newest link, as if its process had died there: the mark is as it was before.
async fn forget(store: &MongoStore, before: Option<&Document>, community: &str, interval: Interval) {
    let server = &store.server;
    let marks = server.of::<mark::Mark>().clone_with_type::<Document>();
    marks.delete_one(doc! { "_id": community }).await.unwrap();
    if let Some(before) = before {
        marks.insert_one(before).await.unwrap();
    }
    let events = doc! { "community": community, "start": field::boundary_date(interval.start()) };
    server.of::<events::EventDocument>().delete_many(events).await.unwrap();
}

/// A community's mark, as it is on disk.
async fn mark_of(store: &MongoStore, community: &str) -> Option<Document> {
    let marks = store.server.of::<mark::Mark>().clone_with_type::<Document>();
    marks.find_one(doc! { "_id": community }).await.unwrap()
}

/// Every day that is over, as it is on disk.
async fn days_of(store: &MongoStore) -> Vec<Document> {
    let days = database_of(store).collection::<Document>("days");
    document::all("day", days.find(doc! {}).sort(doc! { "_id": 1 })).await.unwrap()
}

fn database_of(store: &MongoStore) -> mongodb::Database {
    store.server.trades.client().database(&store.server.trades.namespace().db)
}

#[needs::mongodb]
#[tokio::test(flavor = "multi_thread")]
async fn a_half_written_interval_is_not_seen_and_then_completed_once() {
    let shelf = Database::new();
    let store = shelf.open().await;
    // The third is of another day.
    for (done, number) in [0, 1, 48].into_iter().enumerate() {
        let store = shelf.open().await;
        let (before, seen) = (mark_of(&store, "aveiro").await, done);
        put(&store, full("aveiro", number)).await.unwrap();
        let whole = (mark_of(&store, "aveiro").await, days_of(&store).await, all_sums(&store).await);
        let end = before.as_ref().map(|_| boundary(u64::try_from(done).unwrap()));
        // After the link; after its events; after the day that is over by it, too.
        for left in 0..3 {
            forget(&store, before.as_ref(), "aveiro", interval(number)).await;
            if left > 0 {
                let settled = full("aveiro", number);
                let settled = link::Settled::of(&settled, u64::try_from(done).unwrap() + 1);
                let events = events::documents(&settled);
                document::insert_missing(&store.server.of::<events::EventDocument>(), &events).await.unwrap();
            }
            if left < 2 {
                database_of(&store).collection::<Document>("days").drop().await.unwrap();
            }
            let reader = MongoStore::open_to_read(&shelf.config()).await.unwrap();
            for store in [&store, &reader] {
                assert_eq!(all_matches(store).await.len(), 4 * seen);
                assert_eq!(all_trades(store, "aveiro").await.len(), 4 * seen);
                assert_eq!(all_intervals(store, "aveiro").await.len(), seen);
                assert_eq!(store.event_counts("aveiro").await.unwrap().len(), 2 * seen.min(1));
                assert_eq!(store.communities().await.unwrap().len(), seen.min(1));
                assert_eq!(store.waiting("aveiro", OfferedSince::default()).await.unwrap(), seen as u64);
                let due = Due { since: OfferedSince::default(), again: now(), now: now() };
                assert_eq!(store.outbox(due, 9).await.unwrap().len(), seen);
                assert_eq!(store.examine().await.unwrap(), [""; 0]);
            }
            // Who only reads completes nothing.
            assert_eq!(reader.progress("aveiro").await.unwrap().mark, end);
            // A commit that knows nothing of it comes too late, but leaves it complete.
            if left == 1 {
                let commit = Commit { after: end, ..full("aveiro", number + 3) };
                let other = shelf.open().await;
                assert_eq!(other.commit(Arc::new(commit)).await.unwrap(), CommitOutcome::Overtaken);
            } else {
                // Not by who knows that it has completed it.
                let progress = shelf.open().await.progress("aveiro").await.unwrap();
                assert_eq!(progress.mark, Some(boundary(number + 1)));
            }
            assert_eq!(all_intervals(&store, "aveiro").await[seen], kept(&full("aveiro", number)));
            assert_eq!(all_matches(&store).await.len(), 4 * (seen + 1));
            assert_eq!(store.event_counts("aveiro").await.unwrap()[0].1, seen as u64 + 1);
            assert_eq!((mark_of(&store, "aveiro").await, days_of(&store).await, all_sums(&store).await), whole);
            assert_eq!(store.examine().await.unwrap(), [""; 0]);
        }
    }
    assert_eq!(store.progress("aveiro").await.unwrap().mark, Some(boundary(49)));
    assert_eq!(days_of(&store).await.len(), 1);
}

async fn all_sums(store: &MongoStore) -> Vec<DaySums> {
    store.sums("aveiro", Span::default(), None, 9).await.unwrap()
}

#[needs::mongodb]
#[tokio::test(flavor = "multi_thread")]
async fn a_name_whose_trades_would_have_the_ids_of_another_community_is_refused() {
    let shelf = Database::new();
    let store = shelf.open().await;
    let (one, other) = SAME_CODE;
    put(&store, full(one, 0)).await.unwrap();
    let error = put(&store, full(other, 0)).await.unwrap_err();
    assert!(chain(&error).contains("whose name has the same hash"), "{error}");
    assert_eq!(store.communities().await.unwrap(), [one]);
}

#[needs::mongodb]
#[tokio::test(flavor = "multi_thread")]
async fn an_interval_of_a_hundred_members_takes_a_few_bytes_a_trade() {
    let shelf = Database::new();
    let store = shelf.open().await;
    let trade = |number| format!("m{:03} > m{:03} {} 96200", number % 40, 40 + number % 60, 100 + number);
    let trades: Vec<String> = (0..120).map(trade).collect();
    put(&store, rec_market_tests::settled::settled(0, &trades)).await.unwrap();
    let link = link::find(&store.server, "aveiro", 1).await.unwrap().unwrap();
    let bytes = link.as_bytes().len();
    assert!(bytes < 25 * trades.len(), "{bytes} bytes of {} trades", trades.len());
    assert_eq!(documents_of(&store).count_documents(doc! {}).await.unwrap(), 0);
}

#[needs::mongodb]
#[tokio::test(flavor = "multi_thread")]
async fn what_becomes_of_many_trades_at_once_takes_no_more_than_a_server_has() {
    let shelf = Database::new();
    let store = shelf.open().await;
    // As many trades are left in each as it has a number, and more than FerretDB has connections to its own database.
    for number in 0..110_usize {
        let trades: Vec<String> = (0..=number).map(|wh| format!("a > b {} 96200", wh + 1)).collect();
        put(&store, rec_market_tests::settled::settled(number as u64, &trades)).await.unwrap();
    }
    let reports = (0..110).map(|number| MatchUpdate {
        id: TradeId::derive("aveiro", interval(number), 0),
        state: State::Sent,
        transaction_id: Some(format!("payment {number}")),
        message: None,
    });
    store.update(&reports.collect::<Vec<_>>(), now()).await.unwrap();
    let reports = (0..110).map(|number| MatchUpdate {
        id: TradeId::derive("aveiro", interval(number), 0),
        state: State::Paid,
        transaction_id: None,
        message: Some(format!("thanks for {number}")),
    });
    store.update(&reports.collect::<Vec<_>>(), now()).await.unwrap();
    assert_eq!(store.waiting("aveiro", OfferedSince::default()).await.unwrap(), 110 * 109 / 2);
    assert_eq!(store.examine().await.unwrap(), [""; 0]);
}

#[needs::mongodb]
#[tokio::test(flavor = "multi_thread")]
async fn days_that_are_not_there_are_summed_up_of_their_intervals() {
    let shelf = Database::new();
    let store = shelf.open().await;
    for number in [47, 48, 143, 144, 240] {
        put(&store, full("aveiro", number)).await.unwrap();
    }
    let (sums, days) = (all_sums(&store).await, days_of(&store).await);
    assert_eq!((sums.len(), days.len()), (4, 3));
    let collection = database_of(&store).collection::<Document>("days");
    for day in &days {
        collection.delete_one(doc! { "_id": day.get_str("_id").unwrap() }).await.unwrap();
        assert_eq!(all_sums(&store).await, sums);
        let found = store.trades("aveiro", Span::default(), Some(&"bob".parse().unwrap()), None, 99).await.unwrap();
        assert_eq!(found.len(), 5);
        let bob = MatchFilter { buyer: Some("bob".into()), ..MatchFilter::default() };
        assert_eq!(store.matches(&bob, Window { skip: 1, limit: 9 }, now()).await.unwrap().len(), 4);
        collection.insert_one(day).await.unwrap();
    }
    // Days of another time zone are left by somebody who died while everything was summed up again.
    let zone = TimeZone::fixed(jiff::tz::offset(-6));
    assert_eq!(store.sum_again("aveiro", &zone, Arc::new(|| {})).await.unwrap(), 3);
    let of_zone = (all_sums(&store).await, days_of(&store).await);
    assert_ne!(of_zone.1, days);
    collection.delete_many(doc! {}).await.unwrap();
    for day in [&days[0], &of_zone.1[1], &days[2]] {
        // Some end at the same instant: then one stands for the other.
        let id = doc! { "_id": day.get_str("_id").unwrap() };
        collection.replace_one(id, day).upsert(true).await.unwrap();
    }
    let mixed = all_sums(&store).await;
    assert_eq!(mixed.iter().map(|day| day.trades).sum::<u64>(), 5 * 4);
    assert!(mixed.is_sorted_by(|one, next| one.until <= next.first));
    // Whoever settles next, with what it knew before, leaves what is right.
    put(&store, full("aveiro", 241)).await.unwrap();
    let mixed = all_sums(&store).await;
    assert_eq!(mixed.iter().map(|day| day.trades).sum::<u64>(), 6 * 4);
    assert_eq!(store.sum_again("aveiro", &TimeZone::UTC, Arc::new(|| {})).await.unwrap(), 4);
    assert_eq!(all_sums(&store).await[..3], sums[..3]);
    assert_eq!(days_of(&store).await, days);
}

#[needs::mongodb]
#[tokio::test(flavor = "multi_thread")]
async fn what_is_too_large_for_a_document_comes_back() {
    let shelf = Database::new();
    let store = shelf.open().await;
    let mut large = event("large");
    large.message = "0123456789abcdef".repeat((13 << 20) / 16);
    let mut commit = full("aveiro", 0);
    commit.cleared.events = vec![large];
    assert_eq!(put(&store, commit.clone()).await.unwrap(), CommitOutcome::Committed);
    assert_eq!(all_intervals(&shelf.open().await, "aveiro").await, [kept(&commit)]);
    let bytes: Vec<u8> = (0..26_u32 << 20).map(|number| (number % 251).to_le_bytes()[0]).collect();
    let digest = Digest::of(&bytes);
    blobs::put(&store.server, digest, &bytes).await.unwrap();
    let store = shelf.open().await;
    assert_eq!(store.component(&digest).await.unwrap(), Some(bytes));
    store.server.of::<blobs::Chunk>().delete_one(doc! { "_id": format!("{digest}/1") }).await.unwrap();
    let error = store.component(&digest).await.unwrap_err();
    assert!(chain(&error).contains(&format!("chunk {digest}/1 of 3 is missing")), "{error}");
}

#[needs::mongodb]
#[tokio::test(flavor = "multi_thread")]
async fn what_was_touched_by_hand_is_found() {
    let shelf = Database::new();
    let store = shelf.open().await;
    for number in 0..3 {
        put(&store, full("aveiro", number)).await.unwrap();
    }
    let server = &store.server;
    let trade = |number| TradeId::derive("aveiro", interval(number), 0);
    let sent = |number| MatchUpdate { id: trade(number), state: State::Sent, transaction_id: None, message: None };
    store.update(&[sent(0), sent(1)], now()).await.unwrap();
    assert_eq!(store.examine().await.unwrap(), [""; 0]);
    let id = |number| field::object_id(&trade(number));
    server.trades.delete_one(doc! { "_id": id(0) }).await.unwrap();
    let change = doc! { "$set": { "energy_wh": 7_i64, "metadata.message": "paid" } };
    server.trades.update_one(doc! { "_id": id(1) }, change).await.unwrap();
    let change = doc! { "$set": { "trades": 7_i64 } };
    server.intervals.update_one(doc! { "number": 3 }, change).await.unwrap();
    let copy: Document = documents_of(&store).find_one(doc! { "_id": id(1) }).await.unwrap().unwrap();
    for (stray, community, number) in [(1, "aveiro", 2), (2, "aveiro", 8), (3, "nowhere", 0)] {
        let mut stray = doc! { "_id": ObjectId::from_bytes([stray; 12]), "community": community };
        stray.insert("start", field::boundary_date(interval(number).start()));
        stray.insert("timestamp", field::boundary_date(interval(number).end()));
        let fields = copy.iter().filter(|(name, _)| !stray.contains_key(name));
        stray.extend(fields.map(|(name, value)| (name.clone(), value.clone())).collect::<Vec<_>>());
        documents_of(&store).insert_one(stray).await.unwrap();
    }
    let findings = store.examine().await.unwrap().join("\n");
    let place = |number| interval(number).to_string();
    for expected in [
        format!("interval {}: of 1 trades between members nothing has become, but it counts 0", place(0)),
        format!("trade {} of interval {}: field energy_wh is not what was settled", id(1), place(1)),
        format!("interval {}: the numbers of its trades are not those of its record", place(2)),
        format!("trade 010101010101010101010101 is no trade between members of interval {}", place(2)),
        "trade 020202020202020202020202 belongs to no interval".to_owned(),
        "trade 030303030303030303030303 belongs to no community".to_owned(),
    ] {
        assert!(findings.contains(&expected), "{expected} is not in\n{findings}");
    }
    server.intervals.delete_one(doc! { "number": 2 }).await.unwrap();
    let findings = store.examine().await.unwrap().join("\n");
    for expected in ["interval aveiro/2 is missing", "interval aveiro/3 does not follow from the one before"] {
        assert!(findings.contains(expected), "{expected} is not in\n{findings}");
    }
}

#[needs::mongodb]
#[tokio::test(flavor = "multi_thread")]
async fn intervals_of_another_version_are_refused() {
    let shelf = Database::new();
    let store = shelf.open().await;
    put(&store, full("aveiro", 0)).await.unwrap();
    let layouts =
        store.server.trades.client().database(&store.server.trades.namespace().db).collection::<Document>("layouts");
    let older = "has intervals from before the first release (settle again into a new database; if trades of this one were \
                 paid, keep it, and set forward.since to the end of its last interval, so that nothing is paid twice)";
    let newer =
        "has records of version 4, but this program knows only 3 (use a newer rec-market, or name another database)";
    for (change, says) in [(doc! { "$set": { "version": 4 } }, newer), (doc! { "$unset": { "version": "" } }, older)] {
        layouts.update_one(doc! { "_id": "records" }, change).await.unwrap();
        for opened in [MongoStore::open(&shelf.config()).await, MongoStore::open_to_read(&shelf.config()).await] {
            let error = chain(&opened.err().unwrap());
            assert!(error.contains(says), "{error}");
        }
    }
}

/// An instant of the original's, in quarter-hours before the first of the test's.
pub(super) fn before(quarters: i64) -> DateTime {
    DateTime::from_millis((1_693_569_600 - 900 * quarters) * 1000)
}

fn original(id: u8, quarters: i64, seller: impl Into<Bson>, buyer: impl Into<Bson>, state: Option<i32>) -> Document {
    let id = ObjectId::from_bytes([id; 12]);
    let mut metadata = doc! { "match_id": id };
    metadata.extend(state.map(|state| ("transaction_state".to_owned(), Bson::from(state))));
    doc! {
        "_id": id,
        "timestamp": before(quarters),
        "buyer_id": buyer.into(),
        "seller_id": seller.into(),
        "energy": 0.25,
        "price": 0.1624,
        "created_at": before(quarters - 1),
        "metadata": metadata,
    }
}

fn original_price(id: u8, meter: &str, quarters: i64, buy: f64) -> Document {
    let id = ObjectId::from_bytes([id; 12]);
    let metadata = doc! { "meter_id": meter, "sell_price": buy / 2.0, "buy_price": buy, "id": id };
    doc! { "_id": id, "timestamp": before(quarters), "metadata": metadata }
}

/// A database as the original left it.
pub(super) async fn left_by_the_original(shelf: &Database) -> mongodb::Database {
    let client = mongodb::Client::with_uri_str(shelf.config().address).await.unwrap();
    let database = client.default_database().unwrap();
    let mut dust = original(3, 3, 100, "bob", Some(0));
    dust.insert("energy", 1e-17);
    let mut unreadable = original(9, 0, "a", "bob", Some(0));
    unreadable.insert("timestamp", "2023-09-01");
    let matches = [
        original(1, 4, "a", "bob", Some(0)),
        original(2, 4, "a", 100, None),
        dust,
        original(4, 3, "a", "bob", Some(3)),
        original(5, 2, "a", "bob", Some(2)),
        original(6, 1, "a", "carla", Some(0)),
        unreadable,
    ];
    database.collection("matches").insert_many(matches).await.unwrap();
    let prices = [
        original_price(1, "a", 4, 0.1),
        original_price(2, "a", 2, 0.2),
        original_price(3, "a", 2, 0.21),
        original_price(4, "b", 9, 0.3),
        original_price(5, "a", 1, -0.1),
    ];
    database.collection("prices").insert_many(prices).await.unwrap();
    database
}

async fn documents(database: &mongodb::Database, name: &str) -> Vec<Document> {
    let collection = database.collection(name);
    let find = collection.find(doc! {}).sort(doc! { "_id": 1 });
    document::all("document", find).await.unwrap()
}

#[needs::mongodb]
#[tokio::test(flavor = "multi_thread")]
async fn trades_of_the_original_are_served_claimed_and_updated() {
    let shelf = Database::new();
    let database = left_by_the_original(&shelf).await;
    let untouched = documents(&database, "matches").await;
    let store = shelf.open().await;
    let found = all_matches(&store).await;
    let id = |byte| TradeId::from_bytes([byte; 12]);
    let shown: Vec<(TradeId, &str, &str, Option<State>)> =
        found.iter().map(|found| (found.id, found.seller.as_str(), found.buyer.as_str(), found.state)).collect();
    let expected = [
        (id(1), "a", "bob", Some(State::Created)),
        (id(2), "a", "100", None),
        (id(3), "100", "bob", None),
        (id(4), "a", "bob", Some(State::NotPaid)),
        (id(5), "a", "bob", Some(State::Paid)),
        (id(6), "a", "carla", Some(State::Created)),
    ];
    assert_eq!(shown, expected);
    assert_eq!(found[0].quantity, Quantity::Original { kwh: 0.25, eur_per_kwh: 0.1624 });
    assert_eq!(found[2].quantity, Quantity::Original { kwh: 1e-17, eur_per_kwh: 0.1624 });
    assert_eq!((&found[0].of, found[0].created_at), (&None, field::timestamp(before(3)).unwrap()));
    let grid = MatchFilter { buyer: Some(PLATFORM_GRID.into()), ..MatchFilter::default() };
    assert_eq!(store.matches(&grid, ALL, now()).await.unwrap(), found[1..2]);

    // The one that cannot be read is not among them.
    let all = OfferedSince::default();
    assert_eq!(store.outbox_depth(all, now()).await.unwrap().waiting, 3);
    let since = OfferedSince(field::timestamp(before(3)));
    assert_eq!(store.outbox_depth(since, now()).await.unwrap().waiting, 1);
    let until = now() + Duration::from_secs(60);
    let claim = Claim { buyer: "bob".into(), since: all, now: now(), until };
    assert_eq!(store.claim(&claim, ALL).await.unwrap(), [found[0].clone(), found[3].clone()]);
    let paid = MatchUpdate { id: id(1), state: State::Paid, transaction_id: Some("tx".to_owned()), message: None };
    store.update(&[paid], now()).await.unwrap();
    let later = now() + Duration::from_secs(90);
    let states: Vec<Option<State>> =
        store.matches(&MatchFilter::default(), ALL, later).await.unwrap().iter().map(|found| found.state).collect();
    let expected = [Some(State::Paid), None, None, Some(State::NotPaid), Some(State::Paid), Some(State::Created)];
    assert_eq!(states, expected);
    // The device whose claim lapsed had paid after all.
    let sent = MatchFilter { id: Some(id(4)), states: [State::Sent].into(), ..MatchFilter::default() };
    assert_eq!(store.matches(&sent, ALL, later).await.unwrap()[0].state, Some(State::Sent));
    let paid = MatchUpdate { id: id(4), state: State::Paid, transaction_id: Some("late".to_owned()), message: None };
    store.update(&[paid], later).await.unwrap();
    let again = shelf.open().await;
    assert_eq!(again.matches(&sent, ALL, later).await.unwrap(), []);
    assert_eq!(all_matches(&again).await[3].transaction_id.as_deref(), Some("late"));
    // Nothing is rewritten, and nothing of ours is among what the original left.
    assert_eq!(documents(&database, "matches").await, untouched);
    let indexes = database.collection::<Document>("matches").list_index_names().await.unwrap();
    assert_eq!(indexes, ["_id_"]);
}

#[needs::mongodb]
#[tokio::test(flavor = "multi_thread")]
async fn what_the_original_writes_until_the_first_commit_is_taken_over_and_nothing_after_it() {
    let shelf = Database::new();
    let database = left_by_the_original(&shelf).await;
    let store = shelf.open().await;
    let count = async |store: &MongoStore| all_matches(store).await.len();
    assert_eq!(count(&store).await, 6);
    let matches = database.collection::<Document>("matches");
    matches.insert_one(original(10, 0, "a", "bob", Some(0))).await.unwrap();
    assert_eq!(store.progress("aveiro").await.unwrap().original, Some(boundary(0)));
    assert_eq!(count(&store).await, 7);
    put(&store, opening("aveiro", 0)).await.unwrap();
    // Somebody has not stopped it.
    matches.insert_one(original(11, -1, "a", "bob", Some(0))).await.unwrap();
    let store = shelf.open().await;
    assert_eq!((count(&store).await, store.progress("other").await.unwrap().original), (7, Some(boundary(0))));
}

#[needs::mongodb]
#[tokio::test(flavor = "multi_thread")]
async fn settling_goes_on_where_the_original_stopped() {
    let shelf = Database::new();
    let database = left_by_the_original(&shelf).await;
    let untouched = (documents(&database, "matches").await, documents(&database, "prices").await);
    let store = shelf.open().await;
    let progress = store.progress("aveiro").await.unwrap();
    let newest = Boundary::from_seconds(1_693_569_600 - 900);
    assert_eq!(progress, Progress { original: newest, ..Progress::default() });
    assert_eq!(store.communities().await.unwrap(), [""; 0]);
    put(&store, opening("aveiro", 0)).await.unwrap();
    put(&store, full("aveiro", 1)).await.unwrap();
    assert_eq!(store.progress("aveiro").await.unwrap().original, None);
    assert_eq!(store.progress("other").await.unwrap().original, newest);
    assert_eq!(all_matches(&store).await.len(), 6 + 4);
    assert!(all_matches(&store).await.is_sorted_by_key(|found| (found.end, found.id)));
    assert_eq!(all_trades(&store, "aveiro").await.len(), 4);
    assert_eq!(store.examine().await.unwrap(), [""; 0]);
    assert_eq!((documents(&database, "matches").await, documents(&database, "prices").await), untouched);
    // Ours are not copied.
    assert_eq!(documents(&database, "trades").await.len(), 6);
}

#[needs::mongodb]
#[tokio::test(flavor = "multi_thread")]
async fn prices_of_the_original_hold_until_they_are_set_anew() {
    let shelf = Database::new();
    left_by_the_original(&shelf).await;
    let store = shelf.open().await;
    let instant = |quarters| field::timestamp(before(quarters)).unwrap();
    let bid = |price: &MeterPrice| price.own.unwrap().bid.micro_eur();
    let bids = |prices: Vec<MeterPrice>| prices.iter().map(bid).collect::<Vec<_>>();
    let all = store.prices("a", None, None, ALL).await.unwrap();
    assert_eq!((all[0].from, all[0].own.unwrap().offer), (instant(2), Price::from_micro_eur(105_000)));
    assert_eq!(bids(all), [210_000, 100_000]);
    let price = |quarters, bid| MeterPrice {
        meter: "a".parse().unwrap(),
        from: instant(quarters),
        own: Some(OwnPrices { bid: Price::from_micro_eur(bid), offer: Price::from_micro_eur(0) }),
    };
    store.set_prices(&new_prices(&[price(2, 5), price(3, 6)], now())).await.unwrap();
    assert_eq!(bids(store.prices("a", None, None, ALL).await.unwrap()), [5, 6, 100_000]);
    let window = Window { skip: 1, limit: 1 };
    assert_eq!(bids(store.prices("a", None, None, window).await.unwrap()), [6]);
    let meters = ["a", "b"].map(|meter| meter.parse().unwrap()).into();
    let book = store.price_book(&meters, &[4, 3, 2, 0].map(instant).into()).await.unwrap();
    let bid = |meter: &str, quarters| {
        book.at([(&meter.parse().unwrap(), Timestamp::MIN)], instant(quarters)).unwrap().bid.micro_eur()
    };
    assert_eq!([4, 3, 2, 0].map(|quarters| bid("a", quarters)), [100_000, 6, 5, 5]);
    assert_eq!(bid("b", 0), 300_000);
}

#[needs::mongodb]
#[tokio::test(flavor = "multi_thread")]
async fn who_reads_cannot_write_and_finds_no_empty_database() {
    let shelf = Database::new();
    let error = MongoStore::open_to_read(&shelf.config()).await.err().unwrap();
    assert!(matches!(&error, StoreError::Open { .. }), "{error:?}");
    assert!(chain(&error).ends_with("has nothing of ours (settle first)"), "{error}");
    put(&shelf.open().await, full("aveiro", 0)).await.unwrap();
    let reader = MongoStore::open_to_read(&shelf.config()).await.unwrap();
    assert_eq!(all_intervals(&reader, "aveiro").await, [kept(&full("aveiro", 0))]);
    let error = put(&reader, full("aveiro", 1)).await.unwrap_err();
    assert!(matches!(&error, StoreError::ReadOnly { .. }), "{error:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_is_away_is_told_without_the_password() {
    // Nobody listens there: the port was just given back.
    let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let config = MongoAddress {
        address: format!("mongodb://127.0.0.1:{port}/market?serverSelectionTimeoutMS=100"),
        username: Some("market".to_owned()),
        password: Some(Secret::new("p@ss/word".to_owned())),
    };
    let error = MongoStore::open(&config).await.err().unwrap();
    assert!(matches!(&error, StoreError::Unavailable { .. }), "{error:?}");
    let text = format!("{error} {error:?}");
    assert!(text.contains(&format!("127.0.0.1:{port}")), "{text}");
    assert!(!text.contains("ss/word") && !text.contains("ss%2Fword"), "{text}");
}

#[needs::ferretdb]
#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_comes_back_is_used_again() {
    let directory = tempfile::tempdir().unwrap();
    let data = directory.path().to_owned();
    let start = move |port| MongoServer::start(SocketAddr::from(([127, 0, 0, 1], port)), Some(&data));
    let server = start(0).unwrap();
    let port = server.address().rsplit_once(':').unwrap().1.parse().unwrap();
    let address = format!("{}/market?serverSelectionTimeoutMS=500", server.address());
    let store = MongoStore::open(&MongoAddress { address, username: None, password: None }).await.unwrap();
    put(&store, full("aveiro", 0)).await.unwrap();
    drop(server);
    let restart = tokio::task::spawn_blocking(move || start(port));
    assert_eq!(put(&store, full("aveiro", 1)).await.unwrap(), CommitOutcome::Committed);
    assert_eq!(all_intervals(&store, "aveiro").await, [0, 1].map(|number| kept(&full("aveiro", number))));
    drop(restart.await.unwrap());
}
