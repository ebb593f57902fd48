//! Who belongs to a community, and since when; each story settled as it happens, and all at once a week later.

use rec_market::clock::{Clock, SystemClock};
use testkit::*;

/// Quarter-hours of 2024-05-12 from 21:30Z on, which is 23:30 in Brussels, with `m1` taking 100 Wh in each.
const MIDNIGHT: [&str; 6] = [
    "m1 2024-05-12T21:30:00Z 1000 0",
    "m1 2024-05-12T21:45:00Z 1100 0",
    "m1 2024-05-12T22:00:00Z 1200 0",
    "m1 2024-05-12T22:15:00Z 1300 0",
    "m1 2024-05-12T22:30:00Z 1400 0",
    "m1 2024-05-12T22:45:00Z 1500 0",
];

const HANDED_OVER: &str = "zone = \"Europe/Brussels\"
[community.members.anna]
meters = [\"m1\"]
until = \"2024-05-13\"
[community.members.ben]
meters = [\"m1\"]
from = \"2024-05-13\"";

/// The trades of these rows under these keys. They are settled one by one as they come, and then all at once by another
/// market, with the same result.
#[track_caller]
fn live_and_late(rows: &[&str], keys: &str) -> Vec<String> {
    let growing = Meters::silent();
    let live = Market::with(&growing, keys);
    for row in rows {
        growing.tell(&[row]);
        live.settle().ends_with(0);
    }
    let whole = Meters::telling(rows);
    let late = Market::with(&whole, keys);
    let (live, late) = (live.books(), late.books());
    assert_eq!(live, late);
    late
}

#[test]
fn a_meter_that_changes_hands_at_midnight_is_billed_to_each_for_its_time() {
    assert_eq!(
        live_and_late(&MIDNIGHT, HANDED_OVER),
        [
            "2024-05-12T21:30:00Z grid > anna 100 at 162400",
            "2024-05-12T21:45:00Z grid > anna 100 at 162400",
            "2024-05-12T22:00:00Z grid > ben 100 at 162400",
            "2024-05-12T22:15:00Z grid > ben 100 at 162400",
            "2024-05-12T22:30:00Z grid > ben 100 at 162400",
        ]
    );
}

#[test]
fn nobody_is_billed_for_what_may_be_somebody_elses() {
    // Read neither at midnight nor right before and after it.
    let rows = [MIDNIGHT[0], MIDNIGHT[1], MIDNIGHT[4], MIDNIGHT[5]];
    let meters = Meters::telling(&rows);
    let market = Market::with(&meters, HANDED_OVER);
    assert_eq!(
        market.books(),
        ["2024-05-12T21:30:00Z grid > anna 100 at 162400", "2024-05-12T22:30:00Z grid > ben 100 at 162400"]
    );
    assert_eq!(
        market.events(),
        [
            "2024-05-12T22:15:00Z m1 changed-hands: not read between 2024-05-12T21:45:00Z and 2024-05-12T22:00:00Z, when it \
             came to its member; import of 300 Wh and export of 0 Wh since then are nobody's; nothing settled, counting \
             from there"
        ]
    );
    market.run(&["replay"]).ends_with(0);
    // Without the event the audit would not believe it.
    market.tamper("DELETE FROM event");
    market.run(&["audit"]).ends_with(1).shows(&["meter m1 counts anew, but no event tells why"]);
}

#[test]
fn a_member_that_left_is_billed_no_more_and_one_that_comes_counts_from_its_first_day() {
    let member =
        |keys: &str| format!("zone = \"Europe/Brussels\"\n[community.members.anna]\nmeters = [\"m1\"]\n{keys}");
    assert_eq!(
        live_and_late(&MIDNIGHT, &member("until = \"2024-05-13\"")),
        ["2024-05-12T21:30:00Z grid > anna 100 at 162400", "2024-05-12T21:45:00Z grid > anna 100 at 162400"]
    );
    assert_eq!(
        live_and_late(&MIDNIGHT, &member("from = \"2024-05-13\"")),
        [
            "2024-05-12T22:00:00Z grid > anna 100 at 162400",
            "2024-05-12T22:15:00Z grid > anna 100 at 162400",
            "2024-05-12T22:30:00Z grid > anna 100 at 162400",
        ]
    );
    // It is told once that what is still read of it is nobody's.
    let meters = Meters::telling(&MIDNIGHT);
    let market = Market::with(&meters, &member("until = \"2024-05-13\""));
    market.books();
    let told = "2024-05-12T22:00:00Z m1 outside: belongs to no member since 2024-05-12T22:00:00Z; not settled";
    assert_eq!(market.events(), [told]);
    // If it was not read at the end, it is told that the rest of her time is not settled.
    let meters = Meters::telling(&[MIDNIGHT[0], MIDNIGHT[1], MIDNIGHT[3], MIDNIGHT[4]]);
    let market = Market::with(&meters, &member("until = \"2024-05-13\""));
    assert_eq!(market.books(), ["2024-05-12T21:30:00Z grid > anna 100 at 162400"]);
    let lost = ", nor is what it moved for its last member after 2024-05-12T21:45:00Z, when it was last read";
    assert_eq!(market.events(), [format!("{told}{lost}")]);
}

#[test]
fn a_strangers_meter_trades_nothing_and_is_told_once() {
    let rows = |minutes: &str| {
        ["ann", "eve"].map(|meter| {
            format!("{meter} 2024-05-12T12:{minutes}:00Z 1{minutes} {}", if meter == "ann" { "0" } else { "7" })
        })
    };
    let meters = Meters::silent();
    let keys = "unlisted = \"ignore\"\n[community.members.ann]\n";
    let market = Market::with(&meters, keys);
    for minutes in ["00", "15", "30", "45"] {
        meters.tell(&rows(minutes));
        market.settle().ends_with(0);
    }
    let expected = ["00", "15", "30"].map(|minutes| format!("2024-05-12T12:{minutes}:00Z grid > ann 15 at 162400"));
    assert_eq!(market.books(), expected);
    let told =
        "2024-05-12T11:45:00Z eve stranger: is listed by no member; not settled (list it, or set unlisted = \"join\")";
    assert_eq!(market.events(), [told]);
    // Once it is listed, it counts from its first interval on, and what flowed before is not billed.
    meters.tell(&["ann 2024-05-12T13:00:00Z 160 0", "eve 2024-05-12T13:00:00Z 190 7"]);
    market.configure(&community("aveiro", meters.address(), &format!("{keys}[community.members.eve]")));
    market.settle().ends_with(0);
    meters.tell(&["ann 2024-05-12T13:15:00Z 160 0", "eve 2024-05-12T13:15:00Z 191 7"]);
    assert_eq!(market.books().last().unwrap(), "2024-05-12T13:00:00Z grid > eve 1 at 162400");
    assert_eq!(market.events(), [told]);
}

#[test]
fn strangers_do_not_hurry_an_interval_along() {
    let now = SystemClock.now().as_second() / 900 * 900;
    let row = |meter: &str, ago: i64, import: i64| {
        format!("{meter} {} {import} 0", jiff::Timestamp::from_second(now - 900 * ago).unwrap())
    };
    let meters =
        Meters::telling(&[row("eve", 6, 0), row("eve", 5, 1), row("ann", 6, 0), row("eve", 4, 2), row("eve", 3, 3)]);
    let market = Market::with(&meters, "unlisted = \"ignore\"\n[community.members.ann]");
    market.settle().ends_with(0);
    assert_eq!(market.intervals(), 1);
    // Its own meter comes late, and is settled interval by interval, as if it had been on time.
    meters.tell(&[row("ann", 5, 10), row("ann", 4, 20), row("ann", 3, 30)]);
    assert_eq!(market.books().len(), 3);
    assert!(market.trades().iter().all(|trade| trade.ends_with("grid > ann 10 at 162400")), "{:?}", market.trades());
}

#[test]
fn a_meter_is_never_in_two_communities_on_one_service() {
    let rows = ["a 12:00 0 0", "a 12:15 10 0", "b 12:00 0 0", "b 12:15 20 0", "c 12:00 0 0", "c 12:15 40 0"];
    let meters = Meters::telling(&rows);
    let one = community("one", meters.address(), "unlisted = \"ignore\"\n[community.members.anna]\nmeters = [\"a\"]");
    let other = |keys: &str| community("other", meters.address(), keys);
    let market = Market::new(&(one.clone() + &other("tariff = { retail = 99000, feed_in = 9000 }")));
    assert_eq!(
        market.books(),
        ["12:00 grid > anna 10 at 162400", "12:00 grid > b 20 at 99000", "12:00 grid > c 40 at 99000"]
    );
    let check = |configuration: &str, says: &str| {
        let market = Market::new(configuration);
        market.run(&["config", "check"]).ends_with(2).says(says);
        market.settle().ends_with(2).says(says);
        assert!(!market.path("market.db").exists());
    };
    let listed = other("[community.members.ben]\nmeters = [\"a\", \"b\"]");
    check(&(one + &listed), "meter a belongs to both member anna of community one and member ben of community other (");
    let both = community("one", meters.address(), "") + &other("");
    check(&both, &format!("communities one and other both take unlisted meters of {} (", meters.address()));
}

#[test]
fn terms_change_on_a_date_whenever_they_are_settled() {
    let rows = [
        "a 2024-05-12T21:30:00Z 0 0",
        "a 2024-05-12T21:45:00Z 0 100",
        "a 2024-05-12T22:00:00Z 0 200",
        "a 2024-05-12T22:15:00Z 0 300",
        "b 2024-05-12T21:30:00Z 0 0",
        "b 2024-05-12T21:45:00Z 60 0",
        "b 2024-05-12T22:00:00Z 120 0",
        "b 2024-05-12T22:15:00Z 180 0",
    ];
    let keys = "zone = \"Europe/Brussels\"
algorithm = \"static\"
settings = { price = 77000 }
[[community.change]]
from = \"2024-05-13\"
tariff = { retail = 200000, feed_in = 40000 }
settings = { price = 88000 }
[[community.members.b.change]]
from = \"2024-05-13\"
tariff = { retail = 150000 }
";
    let expected = [
        "2024-05-12T21:30:00Z a > b 60 at 77000, Created",
        "2024-05-12T21:30:00Z a > grid 40 at 30000",
        "2024-05-12T21:45:00Z a > b 60 at 77000, Created",
        "2024-05-12T21:45:00Z a > grid 40 at 30000",
        "2024-05-12T22:00:00Z a > b 60 at 88000, Created",
        "2024-05-12T22:00:00Z a > grid 40 at 40000",
    ];
    let meters = Meters::telling(&rows);
    let market = Market::with(&meters, keys);
    assert_eq!(market.books(), expected);
    market.run(&["replay"]).ends_with(0);
    // The member's own tariff, and a limit, from the same day on.
    let keys = keys.replace("static", "public-grid").replace("settings", "#settings");
    let market = Market::with(&meters, &keys);
    let bought: Vec<String> = market.books().into_iter().filter(|trade| trade.contains("> b")).collect();
    assert_eq!(
        bought,
        [
            "2024-05-12T21:30:00Z grid > b 60 at 162400",
            "2024-05-12T21:45:00Z grid > b 60 at 162400",
            "2024-05-12T22:00:00Z grid > b 60 at 150000",
        ]
    );
    // A setting that the algorithm does not know is a mistake, from whatever day on.
    let market = Market::with(&meters, "[[community.change]]\nfrom = \"2030-01-01\"\nsettings = { prise = 5 }");
    market.settle().ends_with(2).says("\"prise\"");
    market.run(&["config", "check"]).ends_with(2).says("\"prise\"");
}

#[test]
fn holidays_and_seasons_reach_the_trades() {
    // Thursday, 9 May 2024 is Ascension Day in Brussels; 22:00Z is midnight.
    let rows = [
        "a 2024-05-09T21:30:00Z 0 0",
        "a 2024-05-09T21:45:00Z 10 0",
        "a 2024-05-09T22:00:00Z 20 0",
        "a 2024-05-09T22:15:00Z 30 0",
    ];
    let keys = "zone = \"Europe/Brussels\"
holidays = \"holidays.txt\"
[community.tariff]
periods = [
    { days = \"sun,holiday\", retail = 110000 },
    { days = \"mon-fri\", months = \"apr-sep\", retail = 220000 },
]";
    let meters = Meters::telling(&rows);
    let market = Market::with(&meters, keys);
    market.file("holidays.txt", "# Belgium\n2024-05-09 # Ascension Day\n");
    assert_eq!(
        market.books(),
        [
            "2024-05-09T21:30:00Z grid > a 10 at 110000",
            "2024-05-09T21:45:00Z grid > a 10 at 110000",
            "2024-05-09T22:00:00Z grid > a 10 at 220000",
        ]
    );
}
