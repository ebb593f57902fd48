//! Who may open what: every kind of page for every kind of viewer, over real HTTP.

use demo::household::{self, Plan};
use demo::meters::Package;
use domain::Boundary;
use testkit::*;

use crate::http::Answer;
use crate::served::{START, Served};

/// Every viewer of the table below, in the order of its columns. The last one shows nothing.
const VIEWERS: [&str; 8] = ["manager", "manager-a", "manager-b", "board", "board-b", "own", "other", ""];

/// What each sees: a page, or that there is none, or that nobody knows who asks.
const TABLE: [(&str, [u16; 8]); 17] = [
    ("/", [200, 200, 200, 200, 200, 404, 404, 401]),
    ("/c/aveiro", [200, 200, 404, 200, 404, 404, 404, 401]),
    ("/c/aveiro?period=2024-05-06", [200, 200, 404, 200, 404, 404, 404, 401]),
    ("/c/aveiro/i/2024-05-06T12:00:00Z", [200, 200, 404, 404, 404, 200, 200, 401]),
    ("/c/aveiro/m/maple-02?period=2024-05", [200, 200, 404, 404, 404, 200, 404, 401]),
    ("/c/aveiro/m/maple-03?period=2024-05", [200, 200, 404, 404, 404, 404, 200, 401]),
    ("/c/aveiro/m/shop-01?period=2024-05", [200, 200, 404, 404, 404, 404, 404, 401]),
    ("/c/aveiro/compare", [200, 200, 404, 200, 404, 404, 404, 401]),
    ("/c/aveiro/algorithms", [200, 200, 404, 404, 404, 404, 404, 401]),
    ("/c/aveiro/events", [200, 200, 404, 404, 404, 404, 404, 401]),
    ("/c/braga", [200, 404, 200, 404, 200, 404, 404, 401]),
    ("/c/braga/m/maple-02?period=2024-05", [200, 404, 200, 404, 404, 404, 404, 401]),
    ("/c/braga/i/2024-05-06T12:00:00Z", [200, 404, 200, 404, 404, 404, 404, 401]),
    ("/c/braga/events", [200, 404, 200, 404, 404, 404, 404, 401]),
    ("/c/nowhere", [404, 404, 404, 404, 404, 404, 404, 401]),
    ("/c/aveiro/m/nobody?period=2024-05", [404, 404, 404, 404, 404, 404, 404, 401]),
    ("/c/aveiro/nothing", [404, 404, 404, 404, 404, 404, 404, 401]),
];

/// The communities `aveiro` and `braga`, both of the same simulated members, and everybody who may look.
fn served() -> Served {
    let start = Boundary::from_seconds(START).unwrap();
    let community = household::generate(Plan { seed: 1, members: 12, start, days: 1 }).unwrap();
    // Each has a Meters service of its own, and so each takes all of its meters.
    let meters = [(); 2].map(|()| Meters::recorded(community.recorded.clone(), Package::Platform));
    let of_viewer = |name: &str, role: &str, keys: &str| {
        format!("[[viewer]]\nname = \"{name}\"\nrole = \"{role}\"\ntoken_file = \"{name}.token\"\n{keys}\n")
    };
    let viewers = [
        of_viewer("manager", "manager", ""),
        of_viewer("manager-a", "manager", "community = \"aveiro\""),
        of_viewer("manager-b", "manager", "community = \"braga\""),
        of_viewer("board", "board", "community = \"aveiro\""),
        of_viewer("board-b", "board", "community = \"braga\""),
        of_viewer("own", "member", "community = \"aveiro\"\nmember = \"maple-02\""),
        of_viewer("other", "member", "community = \"aveiro\"\nmember = \"maple-03\""),
    ];
    let both: String = ["aveiro", "braga"]
        .iter()
        .zip(&meters)
        .map(|(name, meters)| testkit::community(name, meters.address(), ""))
        .collect();
    let market = Market::serving_all(&both, &viewers.concat());
    for viewer in &VIEWERS[..7] {
        market.file(&format!("{viewer}.token"), token(viewer));
    }
    Served::start(market, meters)
}

fn token(viewer: &str) -> String {
    format!("{viewer}-has-a-token-of-many-characters")
}

fn as_viewer(served: &Served, viewer: &str, path: &str) -> Answer {
    let bearer = format!("Bearer {}", token(viewer));
    let headers = [("authorization", bearer.as_str())];
    served.get_with(path, if viewer.is_empty() { &[] } else { &headers })
}

/// The address of a page's numbers.
fn as_json(path: &str) -> String {
    let (path, query) = path.split_once('?').unwrap_or((path, ""));
    format!("{path}.json?{query}")
}

#[test]
fn everybody_sees_what_the_table_says_and_nothing_else() {
    let served = served();
    let mut wrong = Vec::new();
    for (path, expected) in TABLE {
        for (viewer, expected) in VIEWERS.into_iter().zip(expected) {
            for address in [path.to_owned(), as_json(path)] {
                let answer = as_viewer(&served, viewer, &address);
                crate::headers::is_strict(&address, &answer);
                if answer.status != expected {
                    wrong.push(format!("{viewer:?} gets {} for {address}, not {expected}", answer.status));
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn what_is_not_yours_is_told_as_what_is_not_there() {
    let served = served();
    let told = |viewer: &str, path: &str| {
        let answer = as_viewer(&served, viewer, path);
        // The form to sign in knows where somebody wanted to go.
        let body = answer.text().replace(path, "PATH");
        let is_kept = |name: &str| name != "date" && name != "content-length";
        (answer.status, answer.headers.into_iter().filter(|(name, _)| is_kept(name)).collect::<Vec<_>>(), body)
    };
    for (viewer, yours, nowhere) in [
        ("own", "/c/aveiro/m/maple-03", "/c/aveiro/m/maple-99"),
        ("own", "/c/aveiro/events", "/c/nowhere/events"),
        ("own", "/c/braga/m/maple-02", "/c/nowhere/m/maple-02"),
        ("own", "/c/braga/i/2024-05-06T12:00:00Z", "/c/nowhere/i/2024-05-06T12:00:00Z"),
        ("board", "/c/aveiro/m/maple-02", "/c/aveiro/m/maple-99"),
        ("board", "/c/braga", "/c/nowhere"),
        ("manager-b", "/c/aveiro", "/c/nowhere"),
        ("", "/c/aveiro", "/c/nowhere"),
        ("", "/c/aveiro/m/maple-02", "/c/aveiro/m/maple-99"),
    ] {
        for form in ["", ".json"] {
            assert_eq!(
                told(viewer, &format!("{yours}{form}")),
                told(viewer, &format!("{nowhere}{form}")),
                "{viewer}: {yours}"
            );
        }
    }
    // Nor does it take longer: what is not somebody's is not looked for.
    // What works beside the pages: the watch, settlement, and whoever makes the details of days.
    let settling = ["outbox_depth", "mark", "marks", "acquire", "release", "keep_visits"];
    let details = ["intervals", "sums", "details", "details_due", "keep_details"];
    let others = [&settling[..], &details].concat();
    let asked = || served.service.store_operations(&others);
    let before = asked();
    for _ in 0..20 {
        as_viewer(&served, "own", "/c/aveiro/m/maple-03").is(404);
        as_viewer(&served, "own", "/c/braga").is(404);
    }
    assert_eq!(asked(), before);
}

#[test]
fn a_token_that_is_nearly_right_is_nobodys() {
    let served = served();
    let right = token("manager");
    for token in [&right[..right.len() - 1], &format!("{right}x"), &right.to_uppercase(), "", "x", &"x".repeat(5000)] {
        let answer = served.get_with("/", &[("authorization", &format!("Bearer {token}"))]);
        assert!(matches!(answer.status, 401 | 429 | 431), "{}", answer.status);
    }
    let log = served.market.log();
    assert!(!log.contains(&right), "{log}");
    assert!(matches!(served.get_with("/", &[("authorization", &format!("Basic {right}"))]).status, 401 | 429));
    assert_eq!(served.get(&format!("/?token={right}")).status, 401);
}
