//! What members say over gRPC, and what is settled by it.

use demo::transactions::service::Verdict;
use tonic::Code;
use wire::market_service_client::MarketServiceClient;
use wire::{ListPricesUpdate, MatchesFilter, PriceUpdate};

use crate::payments::Payments;
use testkit::*;

fn price(timestamp: &str, meter: &str, buy: f32, sell: f32) -> PriceUpdate {
    let (timestamp, meter_id) = (date(timestamp), meter.to_owned());
    PriceUpdate { timestamp, meter_id, buy_price: buy, sell_price: sell, withdraw: false }
}

#[test]
fn member_prices_are_really_used_from_the_interval_they_are_valid_for() {
    let meters = Meters::telling(&["a 12:00 0 0", "b1 12:00 0 0"]);
    // The seller's price is what is traded at. `b` has a price of its own in the file, below which it buys nothing.
    let keys = "algorithm = \"sellers-price\"\n[community.members.b]\nmeters = [\"b1\"]\noffer = 99000\n";
    let market = Market::serving(&meters, "", keys);
    let service = Service::start(&market);
    eventually("the first boundary is there", || market.intervals() == 1);
    let runtime = runtime();
    let address = format!("http://{}", service.plain);
    runtime.block_on(async {
        let mut client = MarketServiceClient::connect(address.clone()).await.unwrap();
        // From 12:15 on, from 12:30 on (set twice: the later call wins), and in the middle of an interval.
        let first =
            vec![price("12:15", "a", 0.2, 0.05), price("12:30", "a", 0.2, 0.07), price("12:40", "a", 0.2, 0.09)];
        client.update_prices(ListPricesUpdate { prices: first }).await.unwrap();
        // From 13:15 on neither has one: what the file and the tariff say holds again.
        let withdrawn = |meter| PriceUpdate { withdraw: true, ..price("13:15", meter, 0.0, 0.0) };
        let second =
            vec![price("12:30", "a", 0.2, 0.08), price("12:30", "b1", 0.2, 0.06), withdrawn("a"), withdrawn("b1")];
        client.update_prices(ListPricesUpdate { prices: second }).await.unwrap();
    });
    meters.tell(&[
        "a 12:15 0 100",
        "b1 12:15 100 0",
        "a 12:30 0 200",
        "b1 12:30 200 0",
        "a 12:45 0 300",
        "b1 12:45 300 0",
        "a 13:00 0 400",
        "b1 13:00 400 0",
        "a 13:15 100 400",
        "b1 13:15 400 100",
        "a 13:30 100 500",
        "b1 13:30 500 100",
        "a 13:45 200 500",
        "b1 13:45 500 200",
    ]);
    eventually("everything is settled", || market.intervals() == 8);
    assert_eq!(
        market.trades(),
        [
            // At its feed-in tariff, as nothing was set.
            "12:00 a > b 100 at 30000, Created",
            "12:15 a > b 100 at 50000, Created",
            "12:30 a > b 100 at 80000, Created",
            "12:45 a > b 100 at 90000, Created",
            // A price set for a meter holds for its member, above the file's offer of 99000.
            "13:00 b > a 100 at 60000, Created",
            "13:15 a > b 100 at 30000, Created",
            "13:30 b > a 100 at 99000, Created",
        ]
    );
    let shown = runtime.block_on(async {
        let mut client = MarketServiceClient::connect(address).await.unwrap();
        let filter = MatchesFilter { buyer_id: Some("a".to_owned()), ..MatchesFilter::default() };
        client.get_matches(filter).await.unwrap().into_inner().matches
    });
    let shown: Vec<_> = shown.iter().map(|shown| (shown.timestamp.as_str(), shown.energy, shown.price)).collect();
    assert_eq!(shown, [("2023-09-01T13:15:00Z", 0.1, 0.06), ("2023-09-01T13:45:00Z", 0.1, 0.099)]);
    service.terminate().ends_with(0);
    market.run(&["audit"]).ends_with(0);
}

#[test]
fn a_new_member_inherits_no_price_of_the_one_before() {
    let meters = Meters::telling(&["a 21:00 0 0", "m 21:00 0 0"]);
    let keys = "algorithm = \"sellers-price\"\nzone = \"Europe/Brussels\"
[community.members.anna]\nmeters = [\"m\"]\nuntil = \"2023-09-02\"
[community.members.ben]\nmeters = [\"m\"]\nfrom = \"2023-09-02\"\n";
    let market = Market::serving(&meters, "", keys);
    let service = Service::start(&market);
    eventually("the first boundary is there", || market.intervals() == 1);
    let runtime = runtime();
    runtime.block_on(async {
        let mut client = MarketServiceClient::connect(format!("http://{}", service.plain)).await.unwrap();
        let own = |time, sell| price(time, "m", 0.2, sell);
        // Anna's, from 21:15Z on; at 22:00Z it is midnight in Brussels. Ben's own, from 22:30Z on.
        let prices = vec![own("21:15", 0.05), own("22:30", 0.07)];
        client.update_prices(ListPricesUpdate { prices }).await.unwrap();
    });
    let times = ["21:15", "21:30", "21:45", "22:00", "22:15", "22:30", "22:45"];
    let reading =
        |(number, time): (u32, &str)| [format!("m {time} 0 {}", 100 * number), format!("a {time} {} 0", 100 * number)];
    meters.tell(&(1..).zip(times).flat_map(reading).collect::<Vec<_>>());
    eventually("everything is settled", || market.intervals() == 8);
    assert_eq!(
        market.trades(),
        [
            "21:00 anna > a 100 at 30000, Created",
            "21:15 anna > a 100 at 50000, Created",
            "21:30 anna > a 100 at 50000, Created",
            "21:45 anna > a 100 at 50000, Created",
            // At its feed-in tariff: what Anna set is hers.
            "22:00 ben > a 100 at 30000, Created",
            "22:15 ben > a 100 at 30000, Created",
            "22:30 ben > a 100 at 70000, Created",
        ]
    );
    service.terminate().ends_with(0);
    market.run(&["audit"]).ends_with(0);
}

#[test]
fn settle_forwards_what_it_settled_and_says_if_it_cannot() {
    let meters = Meters::telling(&["a 12:00 0 0", "b 12:00 0 0", "a 12:15 0 100", "b 12:15 100 0"]);
    let market = Market::serving(&meters, "", "");
    let payments = Payments::new(&market);
    let aveiro = community("aveiro", meters.address(), "");
    market.configure(&format!("{}{aveiro}", payments.pushed()));
    market.settle().ends_with(0);
    assert_eq!(market.trades(), ["12:00 a > b 100 at 96200, Sent"]);
    assert_eq!(payments.ids().len(), 1);
    // Nobody listens there.
    meters.tell(&["a 12:30 0 200", "b 12:30 200 0"]);
    market.configure(&format!("[forward]\nmode = \"push\"\nto = \"https://127.0.0.1:1\"\n{aveiro}"));
    market.settle().ends_with(3).says("does not answer");
    assert_eq!(market.trades()[1], "12:15 a > b 100 at 96200, Created");
    market.configure(&format!("{}{aveiro}", payments.pushed()));
    market.settle().ends_with(0);
    assert_eq!(payments.ids().len(), 2);
}

#[test]
fn transactions_that_refuses_everything_voids_nothing_and_settle_says_so() {
    let meters = Meters::selling(0..6);
    let market = Market::serving(&meters, "", "");
    let payments = Payments::new(&market);
    let aveiro = community("aveiro", meters.address(), "");
    market.configure(&format!("{}{aveiro}", payments.pushed()));
    for verdict in [Verdict::Refuse("no account".to_owned()), Verdict::RefuseRequest(Code::InvalidArgument)] {
        payments.service.script().judge = Some(Box::new(move |_| verdict.clone()));
        market.settle().ends_with(3).says("refuses every trade").says("forwarding pauses");
        let created = market.trades().iter().filter(|trade| trade.ends_with(", Created")).count();
        assert_eq!(created, 5, "{:?}", market.trades());
    }
    payments.service.script().judge = None;
    market.settle().ends_with(0);
    assert_eq!(payments.ids().len(), 5);
}

#[test]
fn the_service_pauses_while_everything_is_refused_and_goes_on_by_itself() {
    let meters = Meters::selling(0..6);
    let market = Market::serving(&meters, "", "");
    let payments = Payments::new(&market);
    payments.service.script().judge = Some(Box::new(|_| Verdict::Refuse("closed".to_owned())));
    let keys = format!("{SERVICE}{}", payments.pushed());
    market.configure(&format!("{keys}{}", community("aveiro", meters.address(), "")));
    let service = Service::start(&market);
    let forwarding =
        || serde_json::from_str::<serde_json::Value>(&service.get("/status").1).unwrap()["forwarding"].take();
    let paused = |value: u8| service.get("/metrics").1.contains(&format!("rec_market_forwarding_paused {value}\n"));
    eventually("it pauses", || !forwarding().is_null());
    assert!(forwarding()["reason"].as_str().unwrap().contains("closed") && paused(1));
    eventually("a trade is tried now and then", || payments.service.script().requests.len() >= 3);
    let all_are = |state: &str| market.trades().iter().all(|trade| trade.contains("grid") || trade.contains(state));
    assert!(all_are(", Created"), "{:?}", market.trades());
    payments.service.script().judge = None;
    eventually("it goes on", || payments.ids().len() == 5 && forwarding().is_null());
    assert!(paused(0));
    service.terminate().ends_with(0);
    let told = |what: &str| market.log().matches(what).count();
    assert_eq!((told("refuses every trade"), told("accepts trades again")), (1, 1), "{}", market.log());
    // A trade that a person opens again is sent again.
    let first =
        market.json(&["trades", "--json"]).iter().find(|trade| !trade["state"].is_null()).unwrap()["id"].clone();
    let why = ["--by", "ana", "--why", "it never arrived", "--yes"];
    market.run(&[&["trades", "reopen", first.as_str().unwrap()], &why[..]].concat()).ends_with(0);
    let service = Service::start(&market);
    eventually("it is sent again", || payments.service.ledger().totals().duplicates == 1);
    eventually("it is Sent", || all_are(", Sent"));
    service.terminate().ends_with(0);
}
