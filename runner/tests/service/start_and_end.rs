//! How the service starts, ends, and says how it is.

use demo::meters::Package;

use testkit::*;

const ROWS: i64 = 200;

#[test]
fn the_service_catches_up_and_ends_at_sigterm() {
    let meters = Meters::recorded(recorded(5, ROWS), Package::Platform);
    let market = Market::serving(&meters, "", "");
    let service = Service::start(&market);
    eventually("everything is settled", || market.intervals() == u64::try_from(ROWS).unwrap());
    assert_eq!(service.get("/live").0, 200);
    eventually("it is ready", || service.get("/ready").0 == 200);
    // The books are open, and can be recomputed.
    let replayed = market.run(&["replay"]).ends_with(0);
    assert!(replayed.out.contains(", all the same ("), "{}", replayed.out);
    service.terminate().ends_with(0);
    // Without being asked to: the log is all that is left of a service.
    let log = market.log();
    for line in ["INFO the service starts version=", "INFO SIGTERM", "INFO the service has stopped"] {
        assert!(log.contains(line), "no {line} in:\n{log}");
    }
    market.run(&["audit"]).ends_with(0);
    // The books are those of `settle`.
    let settled = Market::of(&meters);
    settled.settle().ends_with(0);
    assert_eq!(market.trades_json(), settled.trades_json());
}

#[test]
fn health_is_asked_of_either_port() {
    let meters = Meters::silent();
    let market = Market::serving(&meters, "", "");
    let service = Service::start(&market);
    eventually("it is ready", || service.get("/ready").0 == 200);
    market.run(&["health"]).ends_with(2).says("--address");
    for (asked, address) in [(&["health"][..], service.plain), (&["health", "--live"], service.metrics)] {
        let address = address.to_string();
        market.run(&[asked, &["--address", &address]].concat()).ends_with(0);
    }
}

#[test]
fn what_cannot_start_says_why_and_starts_nothing() {
    let meters = Meters::silent();
    let missing = Market::serving(&meters, "", "");
    std::fs::remove_file(missing.path("market_key.pem")).unwrap();
    missing.run(&["serve"]).ends_with(2).says("market_key.pem").says("make certs");
    let other = Market::serving(&meters, "", "");
    std::fs::copy(other.path("client_key.pem"), other.path("market_key.pem")).unwrap();
    other.run(&["serve"]).ends_with(2).says("market_key.pem");
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let busy = Market::serving(&meters, "", "");
    busy.run_with(&[("REC_MARKET_LISTEN", &address)], &["serve"]).ends_with(2).says(&address);
    assert!(!busy.path("market.db").exists());
}

#[test]
fn a_slow_or_broken_community_delays_no_other() {
    let good = Meters::recorded(recorded(5, ROWS), Package::Platform);
    let looping = Meters::recorded(recorded(5, ROWS), Package::Platform);
    // Accepts, and never answers.
    let silent = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let communities = [
        community("silent", &format!("http://{}", silent.local_addr().unwrap()), ""),
        community("away", "http://127.0.0.1:1", ""),
        community("loops", looping.address(), "limits = { fuel = 1 }"),
        community("aveiro", good.address(), ""),
    ];
    let market = Market::serving_all(&communities.concat(), "");
    let service = Service::start(&market);
    let settled = |name: &str| {
        let query =
            "SELECT count(*) FROM interval JOIN community ON community.id = community WHERE community.name = ?1";
        market.path("market.db").exists()
            && market.database().query_row(query, [name], |row| row.get(0)).unwrap_or(0) == u64::try_from(ROWS).unwrap()
    };
    eventually("the good one is settled", || settled("aveiro"));
    assert!(!settled("silent") && !settled("away") && !settled("loops"));
    eventually("the log tells of the held one", || market.log().contains("on hold"));
    service.terminate().ends_with(0);
    // Each time it is tried it is told once.
    let log = market.log();
    let told = |what: &str| log.lines().filter(|line| line.contains("loops") && line.contains(what)).count();
    assert!(told("is on hold") <= told("the algorithm failed"), "{log}");
}

#[test]
fn a_service_says_at_its_start_what_depends_on_the_machine() {
    let meters = Meters::selling(0..4);
    let market = Market::serving(&meters, "", "");
    // Too little address space for reserved slots, in KiB.
    let log = std::fs::File::create(market.path("log")).unwrap();
    let child = market.command_within(100 << 20, &["serve"]).stderr(log).spawn().unwrap();
    eventually("it settles all the same", || market.path("market.db").exists() && market.intervals() == 4);
    signal(child.id(), "TERM");
    Ran::end_of(child).ends_with(0);
    let log = market.log();
    for said in
        ["no memory is reserved for runs", "the compiler of uploaded algorithms has this memory at most memory_bytes="]
    {
        assert!(log.contains(said), "no {said:?} in:\n{log}");
    }
}
