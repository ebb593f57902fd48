//! A running service, and what people decide about meters meanwhile.

use testkit::*;

#[test]
fn a_running_service_tells_of_disputed_meters_and_picks_decisions_up() {
    let meters = Meters::telling(&["b 12:00 1000 0", "b 12:15 1100 0", "b 12:30 4001200 0", "b 12:45 4001300 0"]);
    let market = Market::serving(&meters, "", "power_max = \"20kW\"");
    let service = Service::start(&market);
    eventually("the meter is disputed", || service.community()["disputed_meters"] == 1);
    assert_eq!(service.mark().as_deref(), Some("2023-09-01T12:45:00Z"));
    let gauge = |number: u32| format!("rec_market_meters_disputed{{community=\"aveiro\"}} {number}\n");
    assert!(service.get("/metrics").1.contains(&gauge(1)));
    let bought = ["12:00 grid > b 100 at 162400"];
    assert_eq!(market.trades(), bought);
    market.run(&["meter", "restart", "b", "--yes"]).ends_with(0);
    eventually("it is picked up", || service.community()["disputed_meters"] == 0);
    let gap = "12:30 grid > b 100 at 162400 (Start timestamp: 2023-09-01T12:30:00Z)";
    assert_eq!(market.trades(), [bought[0], gap]);
    assert!(service.get("/metrics").1.contains(&gauge(0)));
    // Ahead of time, and beside the service.
    let told = "meter exchange b --yes --at 2023-09-01T12:50:00Z --last-import 4001350 --last-export 0 --first-import 7 --first-export 0";
    market.run(&told.split(' ').collect::<Vec<_>>()).ends_with(0);
    meters.tell(&["b 13:00 27 0"]);
    eventually("it goes on", || service.mark().as_deref() == Some("2023-09-01T13:00:00Z"));
    assert_eq!(market.trades(), [bought[0], gap, "12:45 grid > b 70 at 162400"]);
    service.terminate().ends_with(0);
    market.run(&["audit"]).ends_with(0);
}
