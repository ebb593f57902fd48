//! Many communities: what they share, what an idle one costs, and how they are watched.

use jiff::Timestamp;
use rec_market::clock::{Clock, SystemClock};
use serde_json::Value;

use testkit::*;

/// As many as make the metrics totals.
const COMMUNITIES: usize = 201;

/// Communities `c000`, `c001`, … of one Meters service, each with a meter that sells and one that buys, by days.
fn communities(address: &str) -> String {
    let one = |number: usize| {
        let members = format!("members = {{ a{number:03} = {{}}, b{number:03} = {{}} }}");
        let keys = format!("interval = \"1d\"\nunlisted = \"ignore\"\n{members}");
        community(&format!("c{number:03}"), address, &keys)
    };
    (0..COMMUNITIES).map(one).collect()
}

/// A service of all their meters, which were read at the last two midnights: nothing else is due until the next.
fn meters() -> Meters {
    // By whatever grace it is over.
    let midnight = (SystemClock.now().as_second() - 600) / 86_400 * 86_400;
    let [before, last] = [midnight - 86_400, midnight].map(|second| Timestamp::from_second(second).unwrap());
    let of = |number: usize| {
        [
            format!("a{number:03} {before} 0 0"),
            format!("b{number:03} {before} 0 0"),
            format!("a{number:03} {last} 0 {}", 100 + number),
            format!("b{number:03} {last} 60 0"),
        ]
    };
    Meters::telling(&(0..COMMUNITIES).flat_map(of).collect::<Vec<_>>())
}

fn port(meters: &Meters) -> u16 {
    meters.address().rsplit_once(':').unwrap().1.parse().unwrap()
}

/// All communities of `/status`, page by page.
fn pages(service: &Service, limit: usize) -> Vec<Vec<Value>> {
    let (mut pages, mut after) = (Vec::new(), String::new());
    loop {
        let (code, text) = service.get(&format!("/status?limit={limit}{after}"));
        assert_eq!(code, 200, "{text}");
        let mut status: Value = serde_json::from_str(&text).unwrap();
        let Value::Array(page) = status["communities"].take() else { panic!("{text}") };
        pages.push(page);
        match status["next"].as_str() {
            Some(next) => after = format!("&after={next}"),
            None => return pages,
        }
    }
}

#[test]
fn many_communities_share_what_they_can_and_cost_nothing_while_they_wait() {
    let meters = meters();
    let market = Market::serving_all(&communities(meters.address()), "[replicas]\nlease = \"1s\"\n");
    // One community needs 212 descriptors, and so do many.
    let service = Service::start_with_descriptors(&market, 256);
    let settled = || market.intervals() == 2 * COMMUNITIES as u64;
    eventually("all are settled", settled);
    assert_eq!(service.connections_to(port(&meters)), 1);
    // They want the same pages, and have them together.
    assert!(meters.asked().len() < 10, "{}", meters.asked().len());
    assert!(service.descriptors() < 64, "{}", service.descriptors());
    assert!(service.threads() < 64, "{}", service.threads());

    // Their series are totals, and their states come in pages.
    let (_, text) = service.get("/metrics");
    assert!(text.len() < 100_000, "{} bytes", text.len());
    let total = format!("rec_market_intervals_settled_total{{by=\"algorithm\",community=\"all\"}} {COMMUNITIES}");
    assert!(text.lines().any(|line| line == total), "no {total} in {text}");
    let listed = pages(&service, 100);
    assert_eq!(listed.iter().map(Vec::len).collect::<Vec<_>>(), [100, 100, 1]);
    let names: Vec<&str> = listed.iter().flatten().map(|community| community["name"].as_str().unwrap()).collect();
    assert!(names.is_sorted() && names.len() == COMMUNITIES);
    assert_eq!(serde_json::from_str::<Value>(&service.get("/status").1).unwrap()["communities_total"], COMMUNITIES);
    assert_eq!(service.get("/status?first=1").0, 400);

    // While nothing is due, only the whole service asks the store: whether it works, and whether others live.
    let watching = ["live", "outbox_depth"];
    eventually("the last turns are over", || {
        let (before, beats) = (service.store_operations(&watching), service.store_operations(&[]));
        eventually("the service says that it lives", || service.store_operations(&[]) > beats + 3);
        service.store_operations(&watching) == before
    });
    let asked = meters.asked().len();
    let (before, beats) = (service.store_operations(&watching), service.store_operations(&[]));
    eventually("it lives on", || service.store_operations(&[]) > beats + 6);
    assert_eq!((service.store_operations(&watching), meters.asked().len()), (before, asked));
    service.terminate().ends_with(0);
    market.run(&["audit"]).ends_with(0);
}

#[test]
fn settle_takes_many_side_by_side_and_tells_them_in_order() {
    let meters = meters();
    let market = Market::new(&communities(meters.address()));
    let told = market.run(&["settle", "--json"]).ends_with(0).objects();
    assert!(told.iter().all(|object| object["intervals"] == 1 && object["error"].is_null()), "{told:#?}");
    let names: Vec<&str> = told.iter().map(|object| object["community"].as_str().unwrap()).collect();
    assert!(names.is_sorted() && names.len() == COMMUNITIES);
    market.run(&["audit"]).ends_with(0);
    let again = market.settle().ends_with(0);
    assert_eq!(again.out.lines().filter(|line| line.ends_with("nothing is due")).count(), COMMUNITIES);
}

#[test]
fn a_community_whose_service_is_away_holds_up_no_other() {
    let (meters, away) = (Meters::selling(0..3), Meters::answering(|_, _| Err(tonic::Status::aborted("not now"))));
    let lost = |number| community(&format!("a{number}"), away.address(), "unlisted = \"ignore\"");
    let lost: String = (0..5).map(lost).collect();
    let market = Market::new(&(lost + &community("b", meters.address(), "")));
    let told = market.run(&["settle", "--json"]).ends_with(3).objects();
    let intervals: Vec<u64> = told.iter().map(|object| object["intervals"].as_u64().unwrap()).collect();
    assert_eq!(intervals, [0, 0, 0, 0, 0, 2]);
    assert!(
        told.iter().take(5).all(|object| object["error"].as_str().unwrap().contains("does not answer")),
        "{told:#?}"
    );
}
