//! What is shown is the same configuration again.

use std::fs::write;

use super::*;

/// A configuration with every key, in a directory with the files that it names.
fn everything(directory: &Path) -> String {
    for name in ["crt.pem", "key.pem", "ca.pem", "own.wasm", "token"] {
        write(directory.join(name), "").unwrap();
    }
    write(directory.join("t.csv"), "start,retail,feed_in\n2024-01-01T00:00:00Z,5,6\n").unwrap();
    write(directory.join("password"), "hidden\n").unwrap();
    write(directory.join("holidays.txt"), "2024-12-25 # Christmas\n").unwrap();
    r#"
store = "mongodb://host:27017/market?replicaSet=rs0"
cache = "cache"
listen = "[::]:1"
listen_tls = "127.0.0.1:0"
listen_metrics = "127.0.0.1:0"
listen_web = "0.0.0.0:8443"
[mongodb]
username = "us/er"
password_file = "password"
[tls]
certificate = "crt.pem"
key = "key.pem"
client_ca = "ca.pem"
[web]
certificate = "crt.pem"
key = "key.pem"
proxy = { from = ["10.0.0.5", "fd00::/64"], user = "X-User", groups = "X-Groups" }
[[viewer]]
name = "Ana"
role = "manager"
token_file = "token"
user = "ana@example.org"
[[viewer]]
name = "the board"
role = "board"
community = "b"
group = "rec board"
[[viewer]]
name = "the school"
role = "member"
community = "Café \"Σ\" # 1"
member = "school"
user = "school"
[forward]
mode = "push"
to = "https://transactions:5055"
ca = "ca.pem"
lease = "1h 30m"
since = 2026-11-01T01:00:00+01:00
[replicas]
lease = "1500ms"
[metrics]
communities = "total"
[[community]]
name = "Café \"Σ\" # 1"
zone = "Europe/Brussels"
unlisted = "ignore"
holidays = "holidays.txt"
meters = "https://meters:5049"
meters_ca = "ca.pem"
meters_timeout = "1500ms"
prices = "free"
power_max = "1.5kW"
from = 2023-09-01T02:00:00+02:00
interval = "1d"
grace = "0s"
tolerance = "11h"
basis = "gross"
algorithm = "own.wasm"
on_failure = "fallback"
rollback_after = 7
settings = { a = 5, "b c" = 0.5, d = true }
limits = { price_floor = -5, price_ceiling = 7, fuel = 18446744073709551615, memory = "1GiB", time = "2s", output = 9 }
[community.tariff]
zone = "Europe/Lisbon"
retail = -1
periods = [{ days = "fri-mon", from = "22:00", to = "06:00", retail = 3 }, { to = "24:00", feed_in = 9223372036854775807 }]
[[community.change]]
from = "2024-07-01"
settings = { a = 6 }
[[community.change]]
from = 2025-01-01
tariff = {}
limits = {}
[[community.change]]
from = "2026-01-01"
limits = { price_floor = 1 }
[community.change.tariff]
zone = "UTC"
periods = [{ days = "sun,holiday", months = "nov-feb", retail = 3 }]
[community.members.school]
from = "2024-05-01"
until = 2026-01-01
meters = ["es-sms-01", "100"]
share = 250000
rank = 4294967295
offer = -50000
bid = 120000
power_max = "18446744073709551615W"
tariff = { retail = 171000 }
[[community.members.school.change]]
from = "2024-07-01"
share = 5
[[community.members.school.change]]
from = "2025-07-01"
meters = ["es-sms-02"]
rank = 1
offer = 1
bid = 2
tariff = { feed_in = 4 }
[community.members."Café Σ"]
tariff = { series = "t.csv", feed_in = 4 }
[community.members.c.tariff]
zone = "UTC"
periods = [{ retail = 1 }]
[community.members.d]
tariff = {}
[[community]]
name = "b"
algorithm = "sha256:0000000000000000000000000000000000000000000000000000000000000000"
tariff = { series = "t.csv" }
"#
    .to_owned()
}

/// Reads the text that is shown of a configuration.
#[track_caller]
fn again(config: &Config) -> Config {
    let text = toml::to_string(&config.shown()).unwrap();
    // Paths are absolute: where it is read does not matter.
    parse(&text, Path::new("/elsewhere"), &[]).unwrap_or_else(|problems| panic!("{problems:#?}\n{text}"))
}

#[test]
fn what_is_shown_is_the_same_configuration_but_for_the_mask() {
    let directory = tempfile::tempdir().unwrap();
    let mut config = parse(&everything(directory.path()), directory.path(), &[]).unwrap();
    let text = toml::to_string(&config.shown()).unwrap();
    assert!(!text.contains("hidden") && text.contains("mongodb://us%2Fer:…@host:27017/market"), "{text}");
    let StoreConfig::Mongo(mongo) = &mut config.store else { panic!("{text}") };
    assert_eq!(mongo.password, Some(::store::Secret::new("hidden".to_owned())));
    mongo.password = Some(::store::Secret::new("…".to_owned()));
    assert_eq!(again(&config), config);
}

#[test]
fn what_is_shown_of_little_is_everything_that_holds() {
    let text = "[[community]]\nname = \"a\"\n";
    let variables = [("REC_MARKET_STORE".to_owned(), "sqlite:/x.db".to_owned())];
    let config = parse(text, Path::new("/here"), &variables).unwrap();
    assert_eq!(again(&config), config);
    let shown = toml::to_string(&config.shown()).unwrap();
    for line in [
        "store = \"sqlite:/x.db\"",
        "zone = \"UTC\"",
        "unlisted = \"join\"",
        "lease = \"24h\"",
        "grace = \"5m\"",
        "retail = 162400",
        "listen_web = \"127.0.0.1:8080\"",
        "open = false",
        "cache = \"/here/cache\"",
    ] {
        assert!(shown.contains(line), "no {line} in {shown}");
    }
    let contract = parse(CONTRACT, Path::new("/here"), &[]).unwrap();
    assert_eq!(again(&contract), contract);
}

#[test]
fn json_has_the_same_form() {
    let directory = tempfile::tempdir().unwrap();
    let config = parse(&everything(directory.path()), directory.path(), &[]).unwrap();
    let json = serde_json::to_value(config.shown()).unwrap();
    assert_eq!(json["community"][0]["tariff"]["periods"][0]["days"], "mon,fri,sat,sun");
    assert_eq!(json["community"][0]["limits"]["fuel"], u64::MAX);
    assert_eq!(json["forward"]["to"], "https://transactions:5055");
    assert!(!json.to_string().contains("hidden"));
}

#[test]
fn a_configuration_has_a_digest_of_its_own() {
    let directory = tempfile::tempdir().unwrap();
    let digest = |community: &str| {
        write(directory.path().join("market.toml"), format!("[[community]]\n{community}")).unwrap();
        Config::load(&directory.path().join("market.toml")).unwrap().communities[0].digest()
    };
    let plain = digest("name = \"a\"");
    // What is said, and what holds without being said, is the same.
    assert_eq!(digest("basis = \"net\"\nname = \"a\"\ninterval = \"900s\""), plain);
    let settings = digest("name = \"a\"\nalgorithm = \"static\"\nsettings = { price = 5, x = 6 }");
    assert_eq!(digest("name = \"a\"\nalgorithm = \"static\"\nsettings = { x = 6, price = 5 }"), settings);
    let others = ["name = \"b\"", "name = \"a\"\nbasis = \"gross\"", "name = \"a\"\n[community.members.m]\nshare = 1"];
    let mut all: Vec<_> = others.map(digest).into_iter().chain([plain, settings]).collect();
    all.sort_unstable();
    all.dedup();
    assert_eq!(all.len(), 5);
}
