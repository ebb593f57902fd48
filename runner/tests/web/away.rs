//! The store goes away: pages say since when, and managers what settlement knows all the same.

use demo::meters::Package;
use testkit::*;

use crate::http;
use crate::served::OPEN;
use crate::who::OWN_PAGE;

#[needs::ferretdb]
#[test]
fn pages_say_since_when_the_store_is_away_and_how_settlement_stands_all_the_same() {
    const ROWS: i64 = 20;
    let mut mongo = Mongo::start();
    mongo.kill();
    let meters = Meters::recorded(recorded(4, ROWS), Package::Platform);
    let market = Market::serving(&meters, &format!("{}[web]\nopen = true\n", mongo.store()), "");
    market.reconfigure("listen_web = \"\"", "listen_web = \"127.0.0.1:0\"");
    let service = Service::start(&market);
    let web = service.web.unwrap();
    let get = |path: &str| http::ask(web, "GET", path, &[], b"");
    // It was never open.
    let page = get("/").is(503);
    assert!(page.text().contains("The store has not answered since"), "{}", page.text());
    assert_eq!(page.header("retry-after"), Some("60"));
    let json = get("/.json").is(503).json();
    assert!(json["since"].as_str().is_some_and(|since| since.ends_with('Z')), "{json}");

    mongo.restart();
    eventually("it is settled", || service.mark() == Some(end_of(ROWS)));
    eventually("pages are there", || get("/c/aveiro").status == 200);
    mongo.kill();
    eventually("it is away again", || service.get("/ready").0 == 503);
    let page = get("/").is(503);
    assert!(page.text().contains("The store has not answered since"), "{}", page.text());
    assert!(page.text().contains("Settled until"), "{}", page.text());
    let page = http::ask(web, "GET", "/c/aveiro?lang=de", &[], b"").is(503);
    assert!(page.text().contains("Der Speicher antwortet nicht seit"), "{}", page.text());
    let page = http::ask(web, "POST", "/c/aveiro/compare", &[OWN_PAGE], b"with=static").is(503);
    assert!(page.text().contains("The store has not answered since"), "{}", page.text());
    mongo.restart();
    eventually("pages are there again", || get("/c/aveiro").status == 200);
}

#[test]
fn who_comes_before_the_store_is_open_waits_for_it() {
    let meters = Meters::recorded(recorded(2, 4), Package::Platform);
    let market = Market::serving(&meters, OPEN, "");
    market.reconfigure("listen_web = \"\"", "listen_web = \"127.0.0.1:0\"");
    // Its addresses are the first thing that a service prints.
    let service = Service::start(&market);
    for path in ["/", "/c/aveiro", "/c/aveiro/events"] {
        let answer = http::ask(service.web.unwrap(), "GET", path, &[], b"");
        assert_eq!(answer.status, 200, "{path}: {}", market.log());
    }
}
