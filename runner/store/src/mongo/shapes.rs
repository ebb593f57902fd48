//! Every kind of document as it is on disk, down to the types of numbers: a database written before must still open.

use domain::trade::State;
use domain::{MeterPrice, OwnPrices, Price};
use mongodb::Collection;
use mongodb::bson::spec::BinarySubtype;
use mongodb::bson::{Binary, Bson, DateTime, Document, doc};

use super::journal::Journal;
use super::*;
use crate::contract::{Database, Shelf, full, interval, new_prices, opening, put};
use books::{Action, BacktestHead, Backtests, Decided, Label, Link, Role, Session, ShadowTotals, Viewers, Visit, Who};
use domain::disputes::MeterDecision;
use domain::netting::LastReads;
use record::Day;

const SECOND: i64 = 1_700_000_000_000;

fn date(millisecond: i64) -> DateTime {
    DateTime::from_millis(millisecond)
}

/// The boundary after so many quarter-hours.
fn quarter(number: i64) -> DateTime {
    date((1_693_569_600 + 900 * number) * 1000)
}

fn binary(bytes: &[u8]) -> Binary {
    Binary { subtype: BinarySubtype::Generic, bytes: bytes.to_vec() }
}

fn now() -> Timestamp {
    Timestamp::from_millisecond(SECOND + 7).unwrap()
}

fn label() -> Label {
    Label { digest: Digest::of(b"own"), name: "o@w%n".to_owned(), version: "1".to_owned() }
}

/// What every try chooses anew: the ids that tell one try from another, and ids of notes.
fn random() -> Bson {
    Bson::Symbol("random".to_owned())
}

/// All documents of a collection, with what is random in them replaced.
async fn documents(store: &MongoStore, name: &str) -> Vec<Document> {
    let collection: Collection<Document> = database(store).collection(name);
    let mut cursor = collection.find(doc! {}).sort(doc! { "number": 1, "start": 1, "_id": 1 }).await.unwrap();
    let mut documents = Vec::new();
    while cursor.advance().await.unwrap() {
        let mut document = cursor.deserialize_current().unwrap();
        let is_id = |name: &str| matches!(document.get(name), Some(Bson::ObjectId(_)));
        let by = is_id("by");
        let note = ["changes", "visits"].contains(&name) && is_id("_id");
        for (name, _) in [("by", by), ("_id", note)].into_iter().filter(|(_, random)| *random) {
            document.insert(name, random());
        }
        documents.push(document);
    }
    documents
}

fn database(store: &MongoStore) -> mongodb::Database {
    store.server.trades.client().database(&store.server.trades.namespace().db)
}

/// Compares documents, and the order of their fields: that of insertions, because updates leave it to the server, and
/// without the `_id`, which the server puts first wherever it was.
async fn check(store: &MongoStore, name: &str, expected: &[Document]) {
    let found = documents(store, name).await;
    assert_eq!(found, expected, "{name}");
    let order = |documents: &[Document]| -> Vec<Vec<String>> {
        let names = |document: &Document| document.keys().filter(|name| *name != "_id").cloned().collect();
        documents.iter().map(names).collect()
    };
    assert_eq!(order(&found), order(expected), "{name}");
}

fn first_trade(number: u64) -> ObjectId {
    field::object_id(&TradeId::derive("aveiro", interval(number), 0))
}

#[needs::mongodb]
#[tokio::test(flavor = "multi_thread")]
async fn a_settled_interval_and_an_opening_keep_their_shapes() {
    let shelf = Database::new();
    let store = shelf.open().await;
    put(&store, Commit { fence: Some(3), ..full("aveiro", 0) }).await.unwrap();
    put(&store, opening("aveiro", 7)).await.unwrap();
    let cleared = full("aveiro", 0).cleared.round.unwrap();
    let mut expected = [
        doc! {
            "_id": "aveiro/1",
            "community": "aveiro",
            "number": 1_i64,
            "after": Bson::Null,
            "start": quarter(0),
            "end": quarter(1),
            "length": 900_i64,
            "basis": "gross",
            "configuration": Digest::of(&0_u64.to_le_bytes()).to_string(),
            "settled_at": date(SECOND),
            "day": quarter(-48),
            "fence": 3_i64,
            "by": random(),
            "first_trade": first_trade(0),
            "trades": 4_i64,
            "paid": 1_i64,
            "fresh": 1_i64,
            "waits": true,
            "digest": "36797ccbd48317d092629ccd168c9694a3aed5201a35aeb45f8ed6921f0d2ea8",
            "whole": Bson::Null,
            "algorithm": Digest::of(b"component").to_string(),
            "name": "own",
            "version": "1.2.3",
            "engine": "none",
            "fuel": 1234_i64,
            "fallback_reason": "the other one failed",
            "round_digest": cleared.settlement.round().digest().to_string(),
            "trades_digest": cleared.settlement.digest().to_string(),
        },
        doc! {
            "_id": "aveiro/2",
            "community": "aveiro",
            "number": 2_i64,
            "after": quarter(1),
            "start": quarter(7),
            "end": quarter(8),
            "length": 900_i64,
            "basis": "net",
            "configuration": Bson::Null,
            "settled_at": date(SECOND),
            "day": quarter(-48),
            "fence": Bson::Null,
            "by": random(),
            "first_trade": first_trade(7),
            "trades": 0_i64,
            "paid": 0_i64,
            "fresh": 0_i64,
            "digest": "6756944987316d91dc9fa05acda4c39163e69f7710f3f6edfbd3c2725aa3a206",
            "whole": Bson::Null,
        },
    ];
    // The records' bytes, by their digests.
    for (expected, found) in expected.iter_mut().zip(documents(&store, "intervals").await) {
        let whole = found.get_binary_generic("whole").unwrap();
        assert_eq!(Digest::of(whole).to_string(), expected.get_str("digest").unwrap());
        expected.insert("whole", binary(whole));
    }
    check(&store, "intervals", &expected).await;
    let parties = ["a", "bob", "carla", "grid"];
    let mark =
        doc! { "_id": "aveiro", "number": 2_i64, "interval": 2_i64, "mark": quarter(8), "parties": parties.as_slice() };
    let mut found = documents(&store, "communities").await.remove(0);
    let mut today = found.remove("today").unwrap();
    assert_eq!(found, mark);
    let day = today.as_document_mut().unwrap();
    let bytes = day.remove("parties");
    let Some(Bson::Binary(bytes)) = bytes else { panic!("{bytes:?}") };
    assert_eq!(Day::decode(&bytes.bytes).unwrap().parties.keys().map(String::as_str).collect::<Vec<_>>(), parties);
    let fields = doc! {
        "first": quarter(0), "last": quarter(7), "until": quarter(8), "day": quarter(-48), "intervals": 2_i64,
        "trades": 4_i64,
    };
    assert_eq!(*day, fields);
    let event = |number: i64, code: &str| {
        let message = format!("it is {code:?}; 'so' \u{1f4a1}");
        let id = format!("aveiro/1/{number}");
        doc! { "_id": id, "community": "aveiro", "start": quarter(0), "code": code, "subject": "b2", "message": message }
    };
    check(&store, "events", &[event(0, "gap"), event(1, "unreadable")]).await;
    let id = format!("{}/0", Digest::of(b"component"));
    check(&store, "chunks", &[doc! { "_id": id, "parts": 1_i64, "bytes": binary(b"component") }]).await;
}

#[needs::mongodb]
#[tokio::test(flavor = "multi_thread")]
async fn a_round_without_a_fallback_keeps_its_shape() {
    let shelf = Database::new();
    let store = shelf.open().await;
    let mut commit = full("aveiro", 0);
    commit.cleared.round.as_mut().unwrap().provenance.fallback_reason = None;
    put(&store, commit).await.unwrap();
    let link = documents(&store, "intervals").await.remove(0);
    assert_eq!(link.get("fallback_reason"), Some(&Bson::Null));
    let keys: Vec<&str> = link.keys().map(String::as_str).collect();
    assert_eq!(keys[keys.len() - 5..], ["engine", "fuel", "fallback_reason", "round_digest", "trades_digest"]);
}

#[needs::mongodb]
#[tokio::test(flavor = "multi_thread")]
async fn trades_and_what_becomes_of_them_keep_their_shapes() {
    let shelf = Database::new();
    let store = shelf.open().await;
    put(&store, full("aveiro", 0)).await.unwrap();
    check(&store, "trades", &[]).await;
    let fallback = "settled with own instead: the other one failed";
    let until = now() + Duration::from_secs(60);
    let claim = Claim { buyer: "bob".into(), since: OfferedSince::default(), now: now(), until };
    assert_eq!(store.claim(&claim, Window::first(9)).await.unwrap().len(), 1);
    let trade = doc! {
        "_id": first_trade(0),
        "timestamp": quarter(1),
        "buyer_id": "bob",
        "seller_id": "a",
        "created_at": date(SECOND),
        "metadata": {
            "transaction_state": 1_i32,
            "message": fallback,
            "updated_at": date(SECOND + 7),
            "revision": 1_i64,
            "claim": { "until": date(SECOND + 60_007), "from": 0_i32 },
        },
        "community": "aveiro",
        "start": quarter(0),
        "number": 0_i64,
        "energy_wh": 100_i64,
        "price_micro_eur": 96_200_i64,
    };
    check(&store, "trades", &[trade]).await;
    let link = documents(&store, "intervals").await.remove(0);
    assert_eq!((link.get_i64("fresh").unwrap(), link.get("waits")), (0, None));
    check(&store, "journal", &[doc! { "_id": "trades", "number": 1_i64, "by": random() }]).await;

    // Nobody reports: the claim lapses, and that stays known until it is claimed again.
    store.outbox_depth(OfferedSince::default(), until).await.unwrap();
    let metadata = doc! {
        "message": fallback,
        "transaction_state": 0_i32,
        "updated_at": date(SECOND + 60_007),
        "revision": 2_i64,
        "lapsed": true,
    };
    assert_eq!(documents(&store, "trades").await[0].get_document("metadata").ok(), Some(&metadata));

    let trade = TradeId::derive("aveiro", interval(0), 0);
    let paid = |state| MatchUpdate { id: trade, state, transaction_id: Some("tx".to_owned()), message: None };
    store.update(&[paid(State::Paid)], now()).await.unwrap();
    let metadata = doc! {
        "message": fallback,
        "transaction_state": 2_i32,
        "updated_at": date(SECOND + 7),
        "revision": 3_i64,
        "transaction_id": "tx",
    };
    assert_eq!(documents(&store, "trades").await[0].get_document("metadata").ok(), Some(&metadata));
    assert!(Journal::Trades.publish(&store.server, 3, b"changes").await.unwrap());
    let entry = doc! { "_id": "trades", "number": 4_i64, "changes": binary(b"changes"), "by": random() };
    assert_eq!(documents(&store, "journal").await, [entry]);
    assert!(Journal::Prices.publish(&store.server, 0, b"first").await.unwrap());
    let entry = doc! { "_id": "prices", "number": 1_i64, "changes": binary(b"first"), "by": random() };
    assert_eq!(documents(&store, "journal").await[0], entry);
}

#[needs::mongodb]
#[tokio::test(flavor = "multi_thread")]
async fn a_trade_that_is_reopened_and_its_record_keep_their_shapes() {
    let shelf = Database::new();
    let store = shelf.open().await;
    put(&store, full("aveiro", 0)).await.unwrap();
    let trade = TradeId::derive("aveiro", interval(0), 0);
    let now = Timestamp::from_millisecond(SECOND).unwrap();
    for state in [State::Sent, State::Paid] {
        let report = MatchUpdate { id: trade, state, transaction_id: Some("tx".to_owned()), message: None };
        store.update(&[report], now).await.unwrap();
    }
    let trades = [trade].into();
    let reopening = Reopening { trades, at: now, by: "ada".to_owned(), why: "it was not".to_owned() };
    store.reopen(&reopening).await.unwrap();
    let id = field::object_id(&trade);
    let metadata = doc! {
        "message": "reopened by ada: it was not",
        "transaction_state": 0_i32,
        "updated_at": date(SECOND),
        "revision": 3_i64,
    };
    let found = documents(&store, "trades").await;
    assert_eq!(found[0].get_document("metadata").ok(), Some(&metadata));
    let mut records = documents(&store, "reopenings").await;
    // That of the try, which is another one each time.
    assert_eq!(records[0].get_str("attempt").unwrap().len(), 24);
    records[0].remove("attempt");
    let record = doc! {
        "_id": format!("3/{trade}"),
        "number": 3_i64,
        "trade": id,
        "at": date(SECOND),
        "actor": "ada",
        "why": "it was not",
        "state": 2_i32,
        "transaction_id": "tx",
        "message": "settled with own instead: the other one failed",
    };
    assert_eq!(records, [record]);
}

#[needs::mongodb]
#[tokio::test(flavor = "multi_thread")]
async fn what_is_decided_and_uploaded_keeps_its_shape() {
    let shelf = Database::new();
    let store = shelf.open().await;
    let change = |community: Option<&str>, action| Change {
        at: now(),
        by: "ops".to_owned(),
        community: community.map(str::to_owned),
        action,
    };
    let shadow = change(Some("aveiro"), Action::EndShadow { candidate: label() });
    let refused = change(None, Action::Refuse { digest: Digest::of(b"own"), reason: "it traps".to_owned() });
    let expected = ExpectedState { open: None, decision: 0 };
    assert_eq!(store.decide("aveiro", &shadow, expected).await.unwrap(), Some(1));
    store.note(&refused).await.unwrap();
    let record = |change: &Change| binary(&record::encode_change(change));
    let link = doc! {
        "_id": "aveiro/1",
        "community": "aveiro",
        "number": 1_i64,
        "change": record(&shadow),
        "by": random(),
    };
    check(&store, "intervals", &[link]).await;
    let mark = doc! { "_id": "aveiro", "number": 1_i64, "course": 1_i64 };
    assert_eq!(documents(&store, "communities").await, [mark]);
    let kept = |id: Bson, community: Option<&str>, action: &str, change: &Change| {
        let (at, record) = (date(SECOND + 7), record(change));
        doc! { "_id": id, "at": at, "actor": "ops", "community": community, "action": action, "record": record }
    };
    let note = kept(random(), None, "refused", &refused);
    let mut decision = kept(Bson::from("aveiro/1"), Some("aveiro"), "shadow-ended", &shadow);
    decision.insert("number", 1_i64);
    check(&store, "changes", &[note, decision]).await;

    let version = Version {
        label: label(),
        summary: "fair".to_owned(),
        component_bytes: 3,
        uploaded_at: now(),
        uploaded_by: "ops".to_owned(),
        report: "{}".to_owned(),
    };
    store.keep_version(&version, b"own".as_slice().into()).await.unwrap();
    let upload = doc! {
        "_id": "o%40w%25n@1",
        "sha256": Digest::of(b"own").to_string(),
        "name": "o@w%n",
        "version": "1",
        "summary": "fair",
        "bytes": 3_i64,
        "uploaded_at": date(SECOND + 7),
        "uploaded_by": "ops",
        "report": "{}",
        "by": random(),
    };
    check(&store, "algorithms", &[upload]).await;
    store.pin("aveiro", "own", Digest::of(b"own")).await.unwrap();
    let id = doc! { "community": "aveiro", "name": "own" };
    check(&store, "pins", &[doc! { "_id": id, "sha256": Digest::of(b"own").to_string() }]).await;
}

#[needs::mongodb]
#[tokio::test(flavor = "multi_thread")]
async fn what_is_added_to_an_interval_keeps_its_shape() {
    let shelf = Database::new();
    let store = shelf.open().await;
    put(&store, full("aveiro", 0)).await.unwrap();
    let decision = MeterDecision::Restart { first: interval(0).start() };
    let action = Action::Meter { meter: "b2".parse().unwrap(), decision, reason: None };
    let change = Change { at: now(), by: "ops".to_owned(), community: Some("aveiro".to_owned()), action };
    let expected = ExpectedState { open: Some(interval(0).end()), decision: 0 };
    assert_eq!(store.decide("aveiro", &change, expected).await.unwrap(), Some(2));
    let addition = Addition {
        community: "aveiro".to_owned(),
        interval: interval(0),
        decision: 2,
        fence: None,
        settled_at: now(),
        decided: vec![Decided { decision: 2, meter: "b2".parse().unwrap(), member: "bob".parse().unwrap() }],
        gaps: Vec::new(),
        trades: Vec::new(),
        events: Vec::new(),
        states: LastReads::new(),
    };
    assert_eq!(store.add(&addition).await.unwrap(), CommitOutcome::Committed);
    let document = doc! {
        "_id": "aveiro/3",
        "community": "aveiro",
        "number": 3_i64,
        "addition_to": quarter(0),
        "length": 900_i64,
        "settled_at": date(SECOND + 7),
        "fence": Bson::Null,
        "by": random(),
        // Number 2 about meter b2 of bob.
        "added": binary(b"\x0a\x0b\x08\x02\x12\x02b2\x1a\x03bob"),
    };
    assert_eq!(documents(&store, "intervals").await[2], document);
    check(&store, "additions", &[document]).await;
    let mark = doc! {
        "_id": "aveiro", "number": 3_i64, "interval": 1_i64, "mark": quarter(1), "course": 2_i64, "addition": 3_i64,
    };
    let mut found = documents(&store, "communities").await.remove(0);
    for derived in ["today", "parties"] {
        assert!(found.remove(derived).is_some(), "{derived}");
    }
    assert_eq!(found, mark);
    assert!(documents(&store, "intervals").await[0].get_bool("added").unwrap());
}

#[needs::mongodb]
#[tokio::test(flavor = "multi_thread")]
async fn tallies_leases_and_prices_keep_their_shapes() {
    let shelf = Database::new();
    let store = shelf.open().await;
    let totals = |intervals| ShadowTotals { intervals, ..ShadowTotals::default() };
    let state = |number: u64| ShadowState { until: interval(number).start(), totals: totals(number) };
    assert!(store.keep_shadow_totals("aveiro", 4, None, &state(1)).await.unwrap());
    let expected = |until, intervals| {
        let sums = binary(&record::encode_shadow_totals(&totals(intervals)));
        doc! { "_id": "aveiro/4", "until": until, "sums": sums, "by": random() }
    };
    check(&store, "tallies", &[expected(quarter(1), 1)]).await;
    assert!(store.keep_shadow_totals("aveiro", 4, Some(interval(1).start()), &state(2)).await.unwrap());
    check(&store, "tallies", &[expected(quarter(2), 2)]).await;

    store.acquire("forward", "me", now(), Duration::from_secs(1)).await.unwrap();
    let lease = doc! { "_id": "forward", "holder": "me", "token": 1_i64, "until": date(SECOND + 1007) };
    check(&store, "leases", &[lease]).await;
    store.release("forward", "me").await.unwrap();
    let lease = doc! { "_id": "forward", "holder": Bson::Null, "token": 1_i64, "until": date(0) };
    check(&store, "leases", &[lease]).await;
    store.acquire("forward", "you", now(), Duration::from_secs(1)).await.unwrap();
    let lease = doc! { "_id": "forward", "holder": "you", "token": 2_i64, "until": date(SECOND + 1007) };
    check(&store, "leases", &[lease]).await;

    let price = |second: i64, own| MeterPrice {
        meter: "a".parse().unwrap(),
        from: Timestamp::from_second(second).unwrap(),
        own,
    };
    let own = Some(OwnPrices { bid: Price::from_micro_eur(5), offer: Price::from_micro_eur(-6) });
    let set = async |second, own| {
        store.set_prices(&new_prices(&[price(second, own)], now())).await.unwrap();
    };
    set(1_693_569_600, own).await;
    set(SECOND / 1000 + 900, own).await;
    // This one voids the one before it.
    set(SECOND / 1000, None).await;
    let document = |second: i64, (bid, offer): (Bson, Bson), revision: i64| {
        doc! {
            "_id": format!("a/{second}"),
            "meter": "a",
            "start": date(second * 1000),
            "bid_micro_eur": bid,
            "offer_micro_eur": offer,
            "set_at": date(SECOND + 7),
            "revision": revision,
        }
    };
    let own = (Bson::Int64(5), Bson::Int64(-6));
    let mut void = document(SECOND / 1000 + 900, own.clone(), 3);
    void.insert("void", true);
    let withdrawn = document(SECOND / 1000, (Bson::Null, Bson::Null), 3);
    assert_eq!(documents(&store, "market_prices").await, [document(1_693_569_600, own, 1), withdrawn, void]);
    assert_eq!(documents(&store, "waiting_meters").await, [doc! { "_id": "a", "turn": 3_i64 }]);
}

#[needs::mongodb]
#[tokio::test(flavor = "multi_thread")]
async fn links_sessions_and_visits_keep_their_shapes() {
    let shelf = Database::new();
    let store = shelf.open().await;
    let link = Link {
        digest: Digest::of(b"token"),
        community: "aveiro".to_owned(),
        member: "a".parse().unwrap(),
        created_at: now(),
        created_by: "ana".to_owned(),
        expires_at: now() + Duration::from_secs(1),
        revoked_at: None,
    };
    store.keep_link(&link).await.unwrap();
    let kept = doc! {
        "_id": link.id(),
        "digest": link.digest.to_string(),
        "community": "aveiro",
        "member": "a",
        "created_at": date(SECOND + 7),
        "created_by": "ana",
        "expires_at": date(SECOND + 1007),
        "revoked_at": Bson::Null,
    };
    check(&store, "links", std::slice::from_ref(&kept)).await;
    store.revoke_link(&link.id(), now()).await.unwrap();
    let mut revoked = kept;
    revoked.insert("revoked_at", date(SECOND + 7));
    check(&store, "links", &[revoked]).await;

    for who in [Who::Viewer("Ana".to_owned()), Who::Link(link.id())] {
        let (digest, bound) = (Digest::of(format!("{who:?}").as_bytes()), Digest::of(b"bound"));
        let session = Session { digest, who: who.clone(), bound, expires_at: now() };
        store.begin_session(&session, Timestamp::UNIX_EPOCH).await.unwrap();
        let (viewer, of_link) = match who {
            Who::Viewer(name) => (Bson::from(name), Bson::Null),
            Who::Link(id) => (Bson::Null, Bson::from(id)),
        };
        let kept = doc! {
            "_id": digest.to_string(),
            "viewer": viewer,
            "link": of_link,
            "bound": bound.to_string(),
            "expires_at": date(SECOND + 7),
        };
        check(&store, "sessions", &[kept]).await;
        store.end_session(&digest).await.unwrap();
    }

    let visit = Visit {
        at: now(),
        viewer: "Ana".to_owned(),
        role: Role::Board,
        page: "/c/aveiro".to_owned(),
        community: Some("aveiro".to_owned()),
        member: None,
        status: 200,
    };
    store.keep_visits(&[visit]).await.unwrap();
    let kept = doc! {
        "_id": random(),
        "at": date(SECOND + 7),
        "viewer": "Ana",
        "role": "board",
        "page": "/c/aveiro",
        "community": "aveiro",
        "member": Bson::Null,
        "status": 200,
    };
    check(&store, "visits", &[kept]).await;
}

#[needs::mongodb]
#[tokio::test(flavor = "multi_thread")]
async fn a_backtest_keeps_its_shape() {
    let shelf = Database::new();
    let store = shelf.open().await;
    let head = BacktestHead {
        at: now(),
        by: "bea".to_owned(),
        span: Some((interval(0).start(), interval(1).start())),
        rules: vec!["uniform".to_owned()],
    };
    assert_eq!(store.keep_backtest("aveiro", &head, b"sums".as_slice().into()).await.unwrap(), 1);
    let expected = doc! {
        "_id": "aveiro/1",
        "community": "aveiro",
        "number": 1_i64,
        "at": date(SECOND + 7),
        "actor": "bea",
        "first": quarter(0),
        "until": quarter(1),
        "rules": ["uniform"],
        "bytes": 4_i64,
        "by": random(),
        "content": binary(b"sums"),
    };
    check(&store, "backtests", &[expected]).await;
}
