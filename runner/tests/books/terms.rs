//! What the configuration says of members and communities, as far as the trades.

use books::{Books, Span};
use domain::{Price, Tariff};
use store::SqliteStore;

use testkit::*;

#[test]
fn a_member_has_several_meters_and_a_tariff_of_its_own() {
    let meters = Meters::telling(&[
        "s1 12:00 0 0",
        "s1 12:15 0 300",
        "s2 12:00 0 0",
        "s2 12:15 1000 0",
        "b 12:00 0 0",
        "b 12:15 0 200",
        "c 12:00 0 0",
        "c 12:15 0 100",
        // One of the school's meters is silent: the other one trades, and the silent one later with the grid.
        "s1 12:30 0 350",
        "b 12:30 10 200",
        "c 12:30 0 100",
        "s1 12:45 0 350",
        "s2 12:45 1030 0",
        "b 12:45 10 200",
        "c 12:45 0 100",
    ]);
    let keys = "[community.members.school]\nmeters = [\"s1\", \"s2\"]\ntariff = { retail = 171000, feed_in = 42000 }";
    let market = Market::with(&meters, keys);
    assert_eq!(
        market.books(),
        [
            "12:00 b > school 200 at 96200, Created",
            "12:00 c > school 100 at 96200, Created",
            "12:00 grid > school 400 at 171000",
            "12:15 school > b 10 at 96200, Created",
            "12:15 school > grid 40 at 42000",
            "12:30 grid > school 30 at 171000 (Start timestamp: 2023-09-01T12:15:00Z)",
        ]
    );
}

#[test]
fn share_rank_offer_bid_and_tariffs_reach_the_round() {
    let meters = Meters::telling(&["a 12:00 0 0", "a 12:15 0 100", "b 12:00 0 0", "b 12:15 60 0"]);
    let keys = "\
tariff = { retail = 200000, feed_in = -5000 }
limits = { price_floor = 1000, price_ceiling = 190000 }
algorithm = \"static\"
settings = { price = 77000 }
[community.members.a]
share = 250000
rank = 1
offer = 50000
[community.members.b]
bid = 120000
tariff = { retail = 171000 }";
    let market = Market::with(&meters, keys);
    assert_eq!(market.books(), ["12:00 a > b 60 at 77000, Created", "12:00 a > grid 40 at -5000"]);

    let store = SqliteStore::open_to_read(&market.path("market.db")).unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let intervals = runtime.block_on(store.intervals("aveiro", Span::default(), 10)).unwrap();
    let round = intervals[1].round.as_ref().unwrap();
    let price = Price::from_micro_eur;
    let terms = round.terms();
    assert_eq!(terms.tariff, Tariff { retail: price(200_000), feed_in: price(-5000) });
    assert_eq!((terms.limits.floor(), terms.limits.ceiling()), (Some(price(1000)), Some(price(190_000))));
    assert_eq!(terms.settings, [("price".to_owned(), "77000".to_owned())]);
    let [a, b] = round.positions() else { panic!("{round:?}") };
    assert_eq!((a.share, a.rank, a.offer, a.bid), (250_000, 1, price(50_000), price(200_000)));
    assert_eq!((b.share, b.rank, b.offer, b.bid), (0, 0, price(-5000), price(120_000)));
    // What its own tariff leaves out is the community's.
    assert_eq!(b.tariff, Tariff { retail: price(171_000), feed_in: price(-5000) });
}

#[test]
fn offers_and_bids_make_the_price_of_an_auction() {
    let meters = Meters::telling(&["a 12:00 0 0", "a 12:15 0 100", "b 12:00 0 0", "b 12:15 60 0"]);
    let with = |algorithm: &str| {
        let keys = format!(
            "algorithm = \"{algorithm}\"\n[community.members.a]\noffer = 50000\n[community.members.b]\nbid = 120000"
        );
        Market::with(&meters, &keys).books()
    };
    let at = |price: u32| [format!("12:00 a > b 60 at {price}, Created"), "12:00 a > grid 40 at 30000".to_owned()];
    assert_eq!(with("sellers-price"), at(50_000));
    assert_eq!(with("buyers-price"), at(120_000));
    assert_eq!(with("average-market"), at(85_000));
    assert_eq!(with("single-sided"), at(50_000));
}

#[test]
fn gross_keeps_export_as_surplus_and_import_as_deficit() {
    let meters = Meters::telling(&["a 12:00 0 0", "a 12:15 30 100", "b 12:00 0 0", "b 12:15 60 0"]);
    let lines = Market::with(&meters, "basis = \"gross\"").books();
    // Everything that a exports and everything that both import goes through the round.
    let sum = |pattern: &str| -> u64 {
        let energy = |line: &String| line.split(' ').nth(4).unwrap().parse::<u64>().unwrap();
        lines.iter().filter(|line| line.contains(pattern)).map(energy).sum()
    };
    assert_eq!((sum(" a > "), sum(" > a ") + sum(" > b ")), (100, 90), "{lines:?}");
    let netted = Market::of(&meters).books();
    assert_eq!(netted, ["12:00 a > b 60 at 96200, Created", "12:00 a > grid 10 at 30000"]);
}

#[test]
fn meters_with_reserved_names_need_a_member() {
    let rows = [
        "100 12:00 0 0",
        "100 12:15 9 0",
        "grid 12:00 0 0",
        "grid 12:15 0 8",
        "operator 12:00 0 0",
        "operator 12:15 1 0",
        "a 12:00 0 0",
        "a 12:15 3 0",
    ];
    let meters = Meters::telling(&rows);
    let market = Market::of(&meters);
    assert_eq!(market.books(), ["12:00 grid > a 3 at 162400"]);
    let told: Vec<String> = market.events().into_iter().filter(|event| event.starts_with("12:00 ")).collect();
    assert_eq!(told.len(), 3);
    assert_eq!(
        told[0],
        "12:00 100 no-member: belongs to no member and has a reserved name; not settled (give it to a member)"
    );
    let keys = "[community.members.flat-100]\nmeters = [\"100\", \"grid\", \"operator\"]";
    assert_eq!(
        Market::with(&meters, keys).books(),
        ["12:00 grid > a 3 at 162400", "12:00 grid > flat-100 2 at 162400"]
    );
}

#[test]
fn a_meter_may_change_its_member_between_two_intervals() {
    let meters = Meters::telling(&["m 12:00 0 0", "m 12:15 5 0", "m 12:30 11 0"]);
    let market = Market::of(&meters);
    market.run(&["settle", "--until", "2023-09-01T12:15:00Z"]).ends_with(0);
    market.configure(&community("aveiro", meters.address(), "[community.members.school]\nmeters = [\"m\"]"));
    assert_eq!(market.books(), ["12:00 grid > m 5 at 162400", "12:15 grid > school 6 at 162400"]);
}

#[test]
fn two_communities_keep_their_books_apart() {
    let rows = ["a 12:00 0 0", "a 12:15 0 100", "b 12:00 0 0", "b 12:15 60 0"];
    let (one, other) = (Meters::telling(&rows), Meters::telling(&rows));
    let configuration = community("one", one.address(), "")
        + &community("other", other.address(), "algorithm = \"public-grid\"\ntariff = { retail = 9, feed_in = 1 }");
    let market = Market::new(&configuration);
    let all = market.books();
    assert_eq!(
        all,
        [
            "12:00 a > b 60 at 96200, Created",
            "12:00 a > grid 100 at 1",
            "12:00 a > grid 40 at 30000",
            "12:00 grid > b 60 at 9",
        ]
    );
    let ids = |arguments: &[&str]| -> Vec<String> {
        market.json(arguments).iter().map(|trade| trade["id"].as_str().unwrap().to_owned()).collect()
    };
    let mut both = ids(&["trades", "--json", "--community", "one"]);
    both.extend(ids(&["trades", "--json", "--community", "other"]));
    assert_eq!(both, ids(&["trades", "--json"]));
    both.sort();
    both.dedup();
    assert_eq!(both.len(), 4);
    market.run(&["trades", "--community", "third"]).ends_with(2).says("there is no community \"third\"");
}

#[test]
fn trades_are_listed_by_member_and_time() {
    let meters = Meters::telling(&["a 12:00 0 0", "a 12:15 0 100", "b 12:00 0 0", "b 12:15 60 0", "a 12:30 0 110"]);
    let market = Market::of(&meters);
    market.books();
    let count = |arguments: &[&str]| {
        let all: Vec<&str> = ["trades", "--json"].iter().chain(arguments).copied().collect();
        market.json(&all).len()
    };
    assert_eq!(count(&[]), 3);
    assert_eq!(count(&["--member", "b"]), 1);
    assert_eq!(count(&["--member", "a"]), 3);
    assert_eq!(count(&["--member", "nobody"]), 0);
    // By the interval's start, half-open.
    assert_eq!(count(&["--from", "2023-09-01T12:15:00Z"]), 1);
    assert_eq!(count(&["--from", "2023-09-01T12:00:01Z"]), 1);
    assert_eq!(count(&["--to", "2023-09-01T12:15:00Z"]), 2);
    assert_eq!(count(&["--from", "2023-09-01", "--to", "2023-09-02"]), 3);
    assert_eq!(count(&["--from", "2023-09-01T12:00:00Z", "--to", "2023-09-01T12:00:00Z"]), 0);
    market.run(&["trades", "--from", "2023-09-02", "--to", "2023-09-01"]).ends_with(2).says("--from");
    let first = &market.json(&["trades", "--json"])[0];
    let expected = serde_json::json!({
        "id": first["id"], "community": "aveiro", "start": "2023-09-01T12:00:00Z", "seller": "a", "buyer": "grid",
        "energy": 40, "price": 30000, "amount": 1_200_000, "state": null, "message": null,
    });
    assert_eq!(*first, expected);
    assert!(first["id"].as_str().unwrap().chars().all(|digit| digit.is_ascii_hexdigit()));
    assert_eq!(first["id"].as_str().unwrap().len(), 24);
    let csv = market.run(&["trades", "--csv"]).ends_with(0).out;
    assert_eq!(csv.lines().next().unwrap(), "id,community,start,seller,buyer,energy,price,amount,state,message");
    assert_eq!(csv.lines().count(), 4);
}
