//! What is otherwise from a date on.

use super::*;

/// (retail, feed-in) of a community and of its member `m` at a time.
fn tariffs(community: &CommunityConfig, time: &str) -> [(i64, i64); 2] {
    let start = tariff::boundary(time);
    let own = community.terms_at(start).tariff(start, &CurrentSeries::new());
    let member = community.members.get(&"m".parse().unwrap()).map(|member| member.terms.at(start.timestamp()));
    let members = member.map_or(own, |terms| terms.tariff(start, &CurrentSeries::new()).complete(own));
    [own, members].map(|tariff| (tariff.retail.micro_eur(), tariff.feed_in.micro_eur()))
}

const TIMES: [&str; 4] =
    ["2024-05-12T21:45:00Z", "2024-05-12T22:00:00Z", "2024-06-30T22:00:00Z", "2025-01-01T00:00:00Z"];

#[test]
fn a_change_holds_from_its_local_day_and_leaves_the_rest_as_it_was() {
    let keys = "zone = \"Europe/Brussels\"
tariff = { retail = 100, feed_in = 10 }
settings = { a = 1, b = 2 }
limits = { price_floor = 5, fuel = 7 }
[[community.change]]
from = \"2024-05-13\"
tariff = { retail = 200 }
settings = { b = 3, c = 4 }
limits = { price_ceiling = 9, memory = 8 }
[[community.change]]
from = \"2024-07-01\"
tariff = { feed_in = 20 }
[[community.change]]
from = 2025-01-01
tariff = {}
settings = {}
limits = {}
[community.members.m]
share = 1
tariff = { retail = 50, feed_in = 5 }
[[community.members.m.change]]
from = \"2024-05-13\"
share = 2
[[community.members.m.change]]
from = \"2024-07-01\"
rank = 3
tariff = { retail = 60 }
[[community.members.m.change]]
from = \"2025-01-01\"
tariff = {}";
    let community = community(keys);
    let found = TIMES.map(|time| tariffs(&community, time));
    let expected = [
        [(100, 10), (50, 5)],
        [(200, 10), (50, 5)],
        // What a change does not name stays as it was.
        [(200, 20), (60, 5)],
        // An empty table takes all back: the community has the defaults, the member what the community has.
        [(162_400, 30_000), (162_400, 30_000)],
    ];
    assert_eq!(found, expected);
    let terms = TIMES.map(|time| community.terms_at(tariff::boundary(time)));
    let settings =
        terms.map(|terms| terms.settings().iter().map(|(key, value)| format!("{key}{value}")).collect::<String>());
    assert_eq!(settings, ["a1b2", "a1b3c4", "a1b3c4", ""]);
    let limits = terms.map(|terms| {
        let price = |price: Option<Price>| price.map(Price::micro_eur);
        let limits = terms.price_limits();
        (price(limits.floor()), price(limits.ceiling()), terms.limits().fuel, terms.limits().memory_bytes)
    });
    let changed = (Some(5), Some(9), Some(7), Some(8));
    assert_eq!(limits, [(Some(5), None, Some(7), None), changed, changed, (None, None, None, None)]);
    let member = &community.members[&"m".parse().unwrap()];
    let shares = TIMES.map(|time| member.terms.at(time.parse().unwrap()));
    assert_eq!(
        shares.map(|terms| (terms.share, terms.rank)),
        [(1, 0), (2, 0), (2, 3), (2, 3)].map(|(a, b)| (Some(a), Some(b)))
    );
    assert_eq!(community.settings_keys().collect::<BTreeSet<_>>(), ["a", "b", "c"].into());
}

#[test]
fn a_tariff_may_change_its_kind() {
    let keys = "tariff = { retail = 100, feed_in = 10 }
[[community.change]]
from = \"2024-05-13\"
tariff = { zone = \"UTC\", periods = [{ from = \"08:00\", to = \"22:00\", retail = 200 }] }";
    let community = community(keys);
    let found = ["2024-05-12T10:00:00Z", "2024-05-13T10:00:00Z", "2024-05-13T23:00:00Z"]
        .map(|time| tariffs(&community, time)[0]);
    assert_eq!(found, [(100, 10), (200, 10), (100, 10)]);
}

#[test]
fn every_mistake_in_a_change_is_told() {
    for (keys, line, says) in [
        ("[[community.change]]\nsettings = {}", 3, "community.change has no date (add from"),
        ("[[community.change]]\nfrom = \"2024-07-01\"", 3, "community.change changes nothing"),
        (
            "[[community.change]]\nfrom = \"2024-07-01\"\nsettings = {}\n[[community.change]]\nfrom = \"2024-06-30\"\nsettings = {}",
            7,
            "community.change: a change from 2024-06-30 comes after one from 2024-07-01",
        ),
        (
            "[[community.change]]\nfrom = \"2024-07-01\"\nsettings = {}\n[[community.change]]\nfrom = \"2024-07-01\"\nlimits = {}",
            7,
            "community.change: two changes are from 2024-07-01",
        ),
        (
            "limits = { price_floor = 5 }\n[[community.change]]\nfrom = \"2024-07-01\"\nlimits = { price_ceiling = 4 }",
            5,
            "community.change.limits: ",
        ),
        (
            "[[community.change]]\nfrom = \"2024-07-01\"\nbasis = \"net\"",
            5,
            "community.change.basis is not a known key",
        ),
        (
            "[community.members.m]\nfrom = \"2024-07-01\"\n[[community.members.m.change]]\nfrom = \"2024-07-01\"\nrank = 1",
            6,
            "community.members.m.change: a change is from 2024-07-01, but the membership begins on 2024-07-01",
        ),
        (
            "[community.members.m]\nuntil = \"2024-07-01\"\n[[community.members.m.change]]\nfrom = \"2024-07-02\"\nrank = 1",
            6,
            "community.members.m.change: a change is from 2024-07-02, but the membership ends on 2024-07-01",
        ),
        (
            "[[community.members.m.change]]\nfrom = \"2024-07-01\"\nuntil = \"2024-07-02\"\nrank = 1",
            5,
            "community.members.m.change.until is not a known key (known here: bid, from, meters, offer, power_max, rank, share, tariff)",
        ),
        (
            "[[community.members.m.change]]\nfrom = \"2024-07-01\"\nmeters = []",
            5,
            "community.members.m.change.meters has no meter",
        ),
    ] {
        let found = community_problems(keys);
        let has = found.iter().any(|found| found.starts_with(&format!("line {line}: ")) && found.contains(says));
        assert!(has, "no line {line}: {says} for {keys}: {found:#?}");
    }
}
