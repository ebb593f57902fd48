//! What members say over gRPC, and what is settled by it.

use wire::market_service_client::MarketServiceClient;
use wire::{ListPricesUpdate, MatchesFilter, PriceUpdate};

use crate::payments::Payments;
use testkit::*;

fn price(timestamp: &str, meter: &str, buy: f32, sell: f32) -> PriceUpdate {
    PriceUpdate { timestamp: date(timestamp), meter_id: meter.to_owned(), buy_price: buy, sell_price: sell }
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
        let second = vec![price("12:30", "a", 0.2, 0.08), price("12:30", "b1", 0.2, 0.06)];
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
    ]);
    eventually("everything is settled", || market.intervals() == 6);
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
        ]
    );
    let shown = runtime.block_on(async {
        let mut client = MarketServiceClient::connect(address).await.unwrap();
        let filter = MatchesFilter { buyer_id: Some("a".to_owned()), ..MatchesFilter::default() };
        client.get_matches(filter).await.unwrap().into_inner().matches
    });
    let shown: Vec<_> = shown.iter().map(|shown| (shown.timestamp.as_str(), shown.energy, shown.price)).collect();
    assert_eq!(shown, [("2023-09-01T13:15:00Z", 0.1, 0.06)]);
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
