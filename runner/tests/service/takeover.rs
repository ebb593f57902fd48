//! A database that the Python original filled is taken over: settled on from its end, served with it as one, audited,
//! and never written to where it is the original's.

use mongodb::bson::oid::ObjectId;
use mongodb::bson::{Bson, DateTime, Document, doc};
use mongodb::error::ErrorKind;
use mongodb::{Client, Database};
use rec_market_tests::mongo_server;
use testkit::*;
use wire::{ListUpdateMatch, MatchesFilter, State, UpdateMatch};

use crate::first_start::{claim, plain, tls};

/// How the original's collections are made: as they are on a real server, where the test's can do that.
#[derive(Clone, Copy, PartialEq)]
enum Shape {
    Ordinary,
    TimeSeries,
}

fn at(short: &str) -> DateTime {
    DateTime::from_millis(date(short).parse::<jiff::Timestamp>().unwrap().as_millisecond())
}

fn trade(id: u8, end: &str, seller: impl Into<Bson>, buyer: &str, state: Option<i32>) -> Document {
    let id = ObjectId::from_bytes([id; 12]);
    let mut metadata = doc! { "match_id": id };
    metadata.extend(state.map(|state| ("transaction_state".to_owned(), Bson::from(state))));
    doc! {
        "_id": id, "timestamp": at(end), "buyer_id": buyer, "seller_id": seller.into(), "energy": 0.25, "price": 0.1,
        "created_at": at(end), "metadata": metadata,
    }
}

fn is_not_implemented(error: &mongodb::error::Error) -> bool {
    matches!(error.kind.as_ref(), ErrorKind::Command(error) if error.code == 238)
}

/// What the original left of 12:15 and 12:30; none if the server cannot make collections of this shape.
async fn left_by_the_original(database: &Database, shape: Shape) -> Option<()> {
    for name in ["matches", "prices"] {
        let mut create = doc! { "create": name };
        if shape == Shape::TimeSeries {
            create.insert("timeseries", doc! { "timeField": "timestamp", "metaField": "metadata" });
        }
        match database.run_command(create).await {
            Ok(_) => {}
            // A real server never says so: then the commands' own test, in the store, is all there is.
            Err(error) if shape == Shape::TimeSeries && is_not_implemented(&error) => {
                println!("skipped: this server has no time-series collections ({error})");
                return None;
            }
            Err(error) => panic!("{error}"),
        }
    }
    let trades =
        [trade(1, "12:15", "a", "b", Some(2)), trade(2, "12:30", "a", "b", Some(0)), trade(3, "12:30", 100, "b", None)];
    database.collection("matches").insert_many(trades).await.unwrap();
    let id = ObjectId::from_bytes([9; 12]);
    let metadata = doc! { "meter_id": "b", "sell_price": 0.05, "buy_price": 0.15, "id": id };
    let price = doc! { "_id": id, "timestamp": at("12:00"), "metadata": metadata };
    database.collection("prices").insert_one(price).await.unwrap();
    Some(())
}

/// Everything that is in the original's collections, and their indexes.
async fn theirs(database: &Database) -> Vec<Document> {
    let mut found = Vec::new();
    for name in ["matches", "prices"] {
        let collection = database.collection::<Document>(name);
        let mut cursor = collection.find(doc! {}).sort(doc! { "timestamp": 1, "_id": 1 }).await.unwrap();
        while cursor.advance().await.unwrap() {
            found.push(cursor.deserialize_current().unwrap());
        }
        let indexes = collection.list_index_names().await.unwrap();
        found.push(doc! { "indexes of": name, "are": indexes });
    }
    found
}

/// Meters `a` and `b` to 13:00. Meter `c` was away when the original ended, and comes back at 12:45.
const READINGS: [&str; 13] = [
    "a 12:00 0 5000",
    "a 12:15 0 5300",
    "a 12:30 0 5600",
    "a 12:45 0 5900",
    "a 13:00 0 6200",
    "b 12:00 2000 0",
    "b 12:15 2500 0",
    "b 12:30 3000 0",
    "b 12:45 3500 0",
    "b 13:00 4000 0",
    "c 12:15 100 0",
    "c 12:45 170 0",
    "c 13:00 170 0",
];

fn taken_over(shape: Shape) {
    let runtime = runtime();
    let address = mongo_server::database();
    let database = runtime.block_on(async {
        let client = Client::with_uri_str(address.address()).await.unwrap();
        client.default_database().unwrap()
    });
    if runtime.block_on(left_by_the_original(&database, shape)).is_none() {
        return;
    }
    let before = runtime.block_on(theirs(&database));
    let meters = Meters::telling(&READINGS);
    let market = Market::serving(&meters, &format!("store = {:?}\n", address.address()), "");

    let said = "about to settle up to 2 intervals since 2023-09-01T12:30:00Z; trades since then will be offered";
    market.run(&["settle", "--until", "2023-09-01T13:00:00Z"]).ends_with(0).says(said);
    let expected = [
        "12:30 a > b 300 at 96200, Created",
        "12:30 grid > b 200 at 162400",
        "12:30 grid > c 70 at 162400 (Start timestamp: 2023-09-01T12:15:00Z)",
        "12:45 a > b 300 at 96200, Created",
        "12:45 grid > b 200 at 162400",
    ];
    // The price that the original kept is b's bid, which this algorithm does not heed.
    assert_eq!(market.trades(), expected);
    market.run(&["audit"]).ends_with(0).shows(&["The books are right."]);
    // It runs on.
    meters.tell(&["a 13:15 0 6500", "b 13:15 4400 0", "c 13:15 170 0"]);
    let service = Service::start(&market);
    eventually("it settles on", || service.mark().as_deref() == Some("2023-09-01T13:15:00Z"));
    market.run(&["audit"]).ends_with(0).shows(&["The books are right."]);
    market.run(&["replay"]).ends_with(0);
    runtime.block_on(async {
        let (mut plain, mut tls) = (plain(&service).await, tls(&market, &service).await);
        let all = plain.get_matches(MatchesFilter::default()).await.unwrap().into_inner().matches;
        assert_eq!(all.len(), 3 + 5 + 2);
        assert!(all.is_sorted_by_key(|trade| (trade.timestamp.clone(), trade.id.clone())));
        assert_eq!((all[0].id.as_str(), all[2].seller_id.as_str()), ("010101010101010101010101", "100"));
        // One claim has the original's trades and ours.
        let claimed = tls.retrieve_matches(claim()).await.unwrap().into_inner().matches;
        let ends: Vec<_> = claimed.iter().map(|trade| &trade.timestamp[11..16]).collect();
        assert_eq!(ends, ["12:30", "12:45", "13:00", "13:15"]);
        let paid = |trade: &wire::MatchResponse| UpdateMatch {
            match_id: trade.id.clone(),
            transaction_id: Some("0xa".to_owned()),
            state: State::Paid.into(),
            message: None,
        };
        let reports = [&claimed[0], &claimed[0], &claimed[1]].map(paid).to_vec();
        tls.update_match(ListUpdateMatch { matches: reports }).await.unwrap();
    });
    service.terminate().ends_with(0);
    // What became of it is there after a restart.
    let service = Service::start(&market);
    runtime.block_on(async {
        let all = plain(&service).await.get_matches(MatchesFilter::default()).await.unwrap().into_inner().matches;
        assert_eq!(all.len(), 3 + 5 + 2);
        assert_eq!((all[1].transaction_state, all[1].transaction_id.as_deref()), (Some(2), Some("0xa")));
    });
    service.terminate().ends_with(0);
    market.run(&["audit"]).ends_with(0);
    assert_eq!(runtime.block_on(theirs(&database)), before);
}

#[needs::mongodb]
#[test]
fn a_database_of_the_original_is_taken_over_and_audited() {
    taken_over(Shape::Ordinary);
}

#[needs::mongodb]
#[test]
fn a_database_of_the_original_with_time_series_collections_is_taken_over_and_audited() {
    taken_over(Shape::TimeSeries);
}
