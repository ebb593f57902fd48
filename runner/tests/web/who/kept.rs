//! What is kept: who opened what, and everything of one person.

use serde_json::json;

use super::*;

#[test]
fn who_opened_whose_page_is_recorded_and_listed() {
    let served = served(VIEWERS);
    let (path, id) = link(&served, "a", &[]);
    let (ana, of_link) = (cookie(&log_in(&served, ANA).is(303)), cookie(&served.get(&path).is(200)));
    for (path, session, status) in [
        ("/c/aveiro", &ana, 200),
        ("/c/aveiro/m/b?period=2023-09&x=secret", &ana, 200),
        ("/c/aveiro/m/a.json", &of_link, 200),
        ("/c/aveiro/m/b", &of_link, 404),
        ("/c/nowhere", &ana, 404),
    ] {
        page(&served, path, session).is(status);
    }
    // Who is not known opens nothing.
    served.get("/c/aveiro/m/a").is(401);
    let log = |more: &[&str]| served.market.json(&[&["web", "log", "--json"], more].concat());
    eventually("all is kept", || log(&[]).len() == 5);
    let visit = |viewer: &str, role: &str, page: &str, (community, member): (&str, Option<&str>), status: u16| {
        json!({
            "viewer": viewer, "role": role, "page": page, "community": community, "member": member, "status": status,
        })
    };
    let of_id = format!("link {id}");
    let expected = [
        visit("Ana", "manager", "/c/nowhere", ("nowhere", None), 404),
        visit(&of_id, "member", "/c/aveiro/m/b", ("aveiro", Some("b")), 404),
        visit(&of_id, "member", "/c/aveiro/m/a.json", ("aveiro", Some("a")), 200),
        visit("Ana", "manager", "/c/aveiro/m/b", ("aveiro", Some("b")), 200),
        visit("Ana", "manager", "/c/aveiro", ("aveiro", None), 200),
    ];
    let without_time = |visits: Vec<Value>| -> Vec<Value> {
        let without = |mut visit: Value| {
            let at = visit.as_object_mut().unwrap().remove("at").unwrap();
            assert!(at.as_str().unwrap().starts_with("20"), "{at}");
            visit
        };
        visits.into_iter().map(without).collect()
    };
    assert_eq!(without_time(log(&[])), expected);
    assert_eq!(without_time(log(&["--viewer", &of_id])), expected[1..3]);
    assert_eq!(
        without_time(log(&["--member", "b", "--community", "aveiro"])),
        [expected[1].clone(), expected[3].clone()]
    );
    assert_eq!(without_time(log(&["--limit", "2"])), expected[..2]);
    assert_eq!(log(&["--to", "2020-01-01"]).len(), 0);
    assert_eq!(log(&["--from", "2020-01-01"]).len(), 5);
    served.market.run(&["web", "log", "--from", "2021-01-01", "--to", "2020-01-01"]).ends_with(2).says("swap them");
    served.market.run(&["web", "log"]).ends_with(0).shows(&["Ana", &of_id, "/c/aveiro/m/b", "404", "5 visits"]);
}

#[test]
fn what_was_seen_last_is_kept_when_the_service_stops() {
    let served = served(VIEWERS);
    let ana = cookie(&log_in(&served, ANA).is(303));
    for _ in 0..20 {
        page(&served, "/c/aveiro", &ana).is(200);
    }
    served.service.terminate().ends_with(0);
    assert_eq!(served.market.json(&["web", "log", "--json"]).len(), 20);
}

#[test]
fn everything_of_one_person_is_one_object() {
    let served = served(VIEWERS);
    let (path, id) = link(&served, "a", &[]);
    let (ana, of_link) = (cookie(&log_in(&served, ANA).is(303)), cookie(&served.get(&path).is(200)));
    page(&served, "/c/aveiro/m/a", &of_link).is(200);
    page(&served, "/c/aveiro/m/a", &ana).is(200);
    page(&served, "/c/aveiro/m/b", &ana).is(200);
    let market = &served.market;
    eventually("all is kept", || market.json(&["web", "log", "--json"]).len() == 3);
    let ran = market.run(&["export", "--member", "a"]).ends_with(0);
    let export: Value = serde_json::from_str(&ran.out).unwrap();
    assert_eq!((export["community"].as_str(), export["member"].as_str()), (Some("aveiro"), Some("a")));
    // The same trades as of the command, and all of them.
    let trades = market.json(&["trades", "--json", "--member", "a"]);
    let exported = |key: &str| export[key].as_array().unwrap().clone();
    let of_intervals: Vec<Value> =
        exported("intervals").iter().flat_map(|interval| interval["trades"].as_array().unwrap().clone()).collect();
    assert_eq!(of_intervals, trades);
    assert!(trades.len() > 1, "{trades:?}");
    let [first, second] = exported("intervals").try_into().unwrap();
    assert_eq!(first["readings"], json!([{"meter": "a", "import_wh": 0, "export_wh": 0}]));
    assert_eq!((&first["position"], second["position"]["surplus"].as_u64()), (&Value::Null, Some(100)));
    assert_eq!(second["readings"], json!([{"meter": "a", "import_wh": 0, "export_wh": 100}]));
    // Every trade between members has a state of payment.
    let paid: Vec<&Value> = trades.iter().filter(|trade| !trade["state"].is_null()).map(|trade| &trade["id"]).collect();
    let payments = exported("payments");
    assert_eq!(payments.iter().map(|payment| &payment["trade"]).collect::<Vec<_>>(), paid);
    assert!(!paid.is_empty() && payments.iter().all(|payment| payment["state"] == "Created"));
    assert_eq!(exported("links").len(), 1);
    assert_eq!(exported("links")[0]["id"], id);
    let viewers: Vec<Value> = exported("visits").iter().map(|visit| visit["viewer"].clone()).collect();
    assert_eq!(viewers, [json!("Ana"), json!(format!("link {id}"))]);
    // Nothing of anybody else, but in the member's own trades.
    let mut others = export.clone();
    others["intervals"].take();
    assert!(!others.to_string().contains("\"b\""), "{others}");
    market
        .run(&["export", "--community", "aveiro", "--member", "nobody"])
        .ends_with(2)
        .says("nothing is kept of a member nobody");
    market.run(&["export", "--community", "x", "--member", "a"]).ends_with(2).says("there is no community");
}

#[test]
fn what_is_read_and_decided_of_a_meter_is_its_members_at_that_time() {
    let market = Market::new(
        "[[community]]\nname = \"aveiro\"\nmeters = \"store\"\nzone = \"UTC\"\n[community.members.ann]\nmeters = [\"m\"]\nuntil = \"2024-05-02\"\n\
         [community.members.ben]\nmeters = [\"m\"]\nfrom = \"2024-05-02\"\n",
    );
    let rows: String = (0..5).map(|day| format!("m,2024-05-0{}T00:00:00Z,{},0\n", day + 1, 1000 * day)).collect();
    market.file("readings.csv", format!("meter,timestamp,import_wh,export_wh\n{rows}"));
    market.run(&["readings", "import", "readings.csv"]).ends_with(0);
    let export = |member: &str| -> Value {
        let ran = market.run(&["export", "--community", "aveiro", "--member", member]).ends_with(0);
        serde_json::from_str(&ran.out).unwrap()
    };
    let of = |export: &Value| -> Vec<String> {
        let readings = export["readings"].as_array().unwrap();
        readings.iter().map(|reading| reading["at"].as_str().unwrap()[..10].to_owned()).collect()
    };
    let (ann, ben) = (export("ann"), export("ben"));
    assert_eq!(of(&ann), ["2024-05-01"]);
    assert_eq!(of(&ben), ["2024-05-02", "2024-05-03", "2024-05-04", "2024-05-05"]);
    assert_eq!(ann["configuration"]["until"], "2024-05-02");
    assert_eq!(ben["readings"][0]["import_wh"], 1000);
}
