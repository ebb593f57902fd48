//! Who may set prices may name any meter, any time and any price: what that costs whom.

use testkit::*;
use wire::market_service_client::MarketServiceClient;
use wire::{ListPricesUpdate, PriceUpdate};

/// Sets prices at a service.
async fn set(service: &Service, prices: Vec<PriceUpdate>) {
    let mut client = MarketServiceClient::connect(format!("http://{}", service.plain)).await.unwrap();
    client.update_prices(ListPricesUpdate { prices }).await.unwrap();
}

fn price(meter: &str, timestamp: String, eur: f32) -> PriceUpdate {
    PriceUpdate { timestamp, meter_id: meter.to_owned(), buy_price: eur, sell_price: eur, withdraw: false }
}

#[test]
fn no_price_that_anybody_sets_makes_a_member_pay_more_than_the_grid_unless_the_community_says_so() {
    // A member's own tariff is what counts for it.
    let member = "[community.members.a]\ntariff = { retail = 150000 }\n";
    for (key, traded) in
        [("", 150_000), ("prices = \"bounded\"\n", 150_000), ("prices = \"free\"\n", 9_000_000_000_000_i64)]
    {
        let meters = Meters::telling(&["a 12:00 0 0", "b 12:00 0 0"]);
        let market = Market::serving(&meters, "", &format!("algorithm = \"sellers-price\"\n{key}{member}"));
        let service = Service::start(&market);
        runtime().block_on(set(&service, ["a", "b"].map(|meter| price(meter, date("12:00"), 9e6)).to_vec()));
        meters.tell(&["a 12:15 0 95", "b 12:15 95 0"]);
        eventually("it is settled", || market.intervals() == 2);
        assert_eq!(market.trades(), [format!("12:00 a > b 95 at {traded}, Created")], "{key}");
        service.terminate().ends_with(0);
        // What was used is in the round.
        market.run(&["audit"]).ends_with(0);
        market.run(&["replay", "--interval", &date("12:00")]).ends_with(0);
    }
}

#[test]
fn a_flood_of_prices_costs_neither_memory_nor_a_pass_nor_anybodys_price() {
    let meters = Meters::telling(&["a 12:00 0 0", "b 12:00 0 0"]);
    let keys = "algorithm = \"sellers-price\"\n[community.members.a]\n[community.members.b]\n";
    let market = Market::serving(&meters, "", keys);
    let service = Service::start(&market);
    eventually("the first boundary is there", || market.intervals() == 1);
    let runtime = runtime();
    let second = |second: u32| format!("2023-09-01T{:02}:{:02}:{:02}Z", second / 3600, second / 60 % 60, second % 60);
    runtime.block_on(async {
        set(&service, vec![price("a", date("12:10"), 0.07)]).await;
        for call in 0..30_u32 {
            let stranger = |number| price(&format!("stranger-{call}-{number}"), date("12:00"), 0.1);
            set(&service, (0..2000).map(stranger).collect()).await;
            // And of a meter that is known, for every second of the hours before the price of its owner.
            let own = |number: u32| price("a", second(8 * 3600 + 360 * call + number), 0.1);
            set(&service, (0..360).map(own).collect()).await;
        }
    });
    let memory = service.peak_memory();
    meters.tell(&["a 12:15 0 100", "b 12:15 100 0", "a 12:30 0 200", "b 12:30 200 0"]);
    eventually("it is settled", || market.intervals() == 3);
    assert_eq!(market.trades()[1], "12:15 a > b 100 at 70000, Created");
    let taken = service.peak_memory() - memory;
    assert!(taken < 64, "a pass took {taken} MiB above {memory}");
    let (waiting, kept): (i64, i64) =
        (market.query("SELECT count(*) FROM waiting"), market.query("SELECT count(*) FROM price"));
    assert_eq!((waiting, kept), (1000, 1000 + 3000));
    let metrics = service.get("/metrics").1;
    assert!(metrics.contains("rec_market_price_waiting_meters 1000\n"), "{metrics}");
    assert!(metrics.contains("rec_market_price_dropped_meters_total 59000\n"), "{metrics}");
    let seconds = |operation: &str| {
        let sum = format!("rec_market_store_operation_seconds_sum{{operation=\"{operation}\",outcome=\"ok\"}} ");
        let line = metrics.lines().find_map(|line| line.strip_prefix(&sum));
        line.unwrap_or_else(|| panic!("no {sum} in {metrics}")).parse::<f64>().unwrap()
    };
    let (book, sets) = (seconds("price_book"), seconds("set_prices"));
    println!(
        "a flood of 30 calls: {sets:.3} s to set, {book:.3} s for all passes to ask, {taken} of {memory} MiB more"
    );
    assert!(book < 1.0, "asking for prices took {book} s");
    let log = market.log();
    let lines = log.lines().filter(|line| line.contains("neither configured nor have been read")).count();
    assert!((1..=8).contains(&lines), "{log}");
    service.terminate().ends_with(0);
}
