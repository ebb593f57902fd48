//! Names that mean harm, as a real browser shows them: as text, each on its own.

use serde_json::{Value, json};
use testkit::*;

use crate::browser::{Sight, look};
use crate::served::{OPEN, Served};

/// Members whose names would be more than names if anybody let them. The wider they are, the more they would need to break out.
const NAMES: [&str; 8] = [
    "<script>window.broken=1</script>",
    "\"><img src=x onerror=window.broken=1>",
    "'-window.broken-'</title></svg>",
    "&lt;b&gt; &amp; %3Cb%3E",
    "../../c/aveiro?x=#y",
    "ירון בע\"מ (12)",
    "مجتمع الطاقة 34",
    "longlonglonglonglonglonglonglonglonglonglonglonglonglonglonglong",
];
/// A community of such a name.
const COMMUNITY: &str = "<svg onload=window.broken=1> & \"co\"";

/// A community of these members, of whom some sell to others in each quarter-hour of a day.
fn served() -> Served {
    let mut readings = Vec::new();
    for quarter in 0..=96_u64 {
        let at = format!("2024-05-06T{:02}:{:02}:00Z", quarter / 4, quarter % 4 * 15);
        let at = if quarter == 96 { "2024-05-07T00:00:00Z".to_owned() } else { at };
        for number in 0..NAMES.len() as u64 {
            let (import, export) = if number % 2 == 0 { (0, 300 + number) } else { (200 + number, 0) };
            readings.push(format!("m{number} {at} {} {}", import * quarter, export * quarter));
        }
    }
    let meters = Meters::telling(&readings);
    let members = NAMES.iter().enumerate();
    let members =
        members.map(|(number, name)| format!("\n[community.members.{}]\nmeters = [\"m{number}\"]\n", json!(name)));
    let members: String = members.collect();
    let named = format!("[[community]]\nname = {}\nmeters = {:?}\n{members}", json!(COMMUNITY), meters.address());
    let market = Market::serving_all(&named, OPEN);
    Served::start(market, [meters])
}

#[needs::browser]
#[test]
fn names_with_markup_and_of_any_direction_are_text_on_every_page() {
    let served = served();
    // Every page to which the first ones link, whatever its name is in an address.
    let mut sights = vec![Sight::new("home", "/")];
    let community: String = COMMUNITY.bytes().map(|byte| format!("%{byte:02X}")).collect();
    for page in ["", "?period=2024-05-06", "/compare", "/algorithms", "/events", "/i/2024-05-06T12:00:00Z"] {
        sights.push(Sight::new("page", format!("/c/{community}{page}")));
    }
    for name in NAMES {
        let member: String = name.bytes().map(|byte| format!("%{byte:02X}")).collect();
        sights.push(Sight::new("member", format!("/c/{community}/m/{member}?period=2024-05")));
    }
    let looked = look(served.web, &["looks", "names"], &sights, &json!({"names": NAMES, "community": COMMUNITY}));
    looked.is_good();
    // The names were there to be seen.
    let seen = |path: &str| looked.seen[path]["names"].as_u64().unwrap_or(0);
    assert!(seen(&sights[1].path) >= NAMES.len() as u64, "{}", looked.seen);
    assert!(sights[7..].iter().all(|sight| seen(&sight.path) > 0), "{}", looked.seen);
    served.market.run(&["audit"]).ends_with(0);
    let events: Vec<Value> = served.market.json(&["events", "--json"]);
    assert!(events.len() < 1000);
}
