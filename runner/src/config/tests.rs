//! What a configuration may say, what it means where it says nothing, and every mistake with its line.

mod callers;
mod changes;
mod example;
mod membership;
mod remarks;
mod service;
mod show;
mod store;
mod tariff;
mod viewers;
mod wallets;

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::sync::Arc;

use domain::netting::Basis;
use domain::ownership::Unlisted;
use domain::round::PriceLimits;
use domain::{Boundary, IntervalLength, Power, Price, PriceRule, Tariff};
use jiff::tz::TimeZone;
use sandbox::Limits;

use super::service::{TLS_CERTIFICATE, TLS_KEY};
use super::*;
use base::Reference;

/// The example of the contract's section 7, to the letter.
const CONTRACT: &str = r#"
store = "sqlite:market.db"            # embedded; or mongodb://host:27017/market
cache = "cache"                       # compiled components, private to the service
listen = "0.0.0.0:50050"
listen_tls = "0.0.0.0:50051"
listen_metrics = "127.0.0.1:9464"
listen_web = "127.0.0.1:8080"

[tls]
certificate = "/run/secrets/market_crt.pem"   # where the platform's Swarm stack mounts them;
key = "/run/secrets/market_key.pem"           # for development `make certs` writes them under secrets/
# client_ca = "…"                             # authorities of client certificates

[[caller]]                            # who may do what (section 6); any number
name = "transactions"
roles = ["settle"]                    # read, prices, settle, inspect, administer
from = ["10.0.1.0/24"]                # anybody who calls from these networks; or
# certificate = "transactions"        # who shows a client certificate for this DNS name; or
# token_file = "/run/secrets/token"   # who brings this bearer token

[forward]
mode = "pull"                         # or "push", with `to = "https://transactions:5055"` and `ca`
lease = "24h"                         # a claim not followed by UpdateMatch can be claimed again after this
# since = "2026-11-01T00:00:00Z"      # trades of intervals before are settled but never offered for payment

[[community]]                         # several may run side by side
name = "aveiro"
zone = "Europe/Lisbon"                # whose days, months and dates count; default "UTC"
meters = "http://meters:5049"
prices = "bounded"
unlisted = "join"                     # meters that no member lists: members of their own, or "ignore"
power_max = "1MW"                     # no meter takes or gives more on average: what does is disputed (section 10)
# from = "2023-09-01T00:00:00Z"       # default: the oldest reading
interval = "15m"
grace = "5m"                          # settle this long after the interval's end
tolerance = "2m"                      # reading to boundary
basis = "net"
algorithm = "mid-market-rate"         # a base algorithm, an uploaded NAME or NAME@VERSION, sha256:…, or a file
on_failure = "hold"                   # or "fallback": settle with public-grid
tariff = { retail = 162400, feed_in = 30000 }
settings = { }
limits = { }                          # price_floor, price_ceiling; and the sandbox's fuel, memory, time, output

[community.members.school]            # optional: by default every meter is its own member
meters = ["es-sms-01", "es-sms-02"]   # a member may have several
share = 250000
rank = 1
offer = 50000
bid = 120000
tariff = { retail = 171000, feed_in = 42000 }  # its own supplier's; by default the community's
power_max = "20kW"
from = "2024-05-01"                   # dates in the community's zone; from inclusive, until exclusive
until = "2026-01-01"

[[community.members.school.change]]   # what is otherwise from a date on: any of the keys above, tariff included
from = "2024-07-01"
share = 200000

[[community.change]]                  # the same for the community: tariff, settings, limits, power_max
from = "2024-07-01"
tariff = { retail = 171000, feed_in = 42000 }
"#;

fn read(text: &str) -> Result<Config, Vec<Problem>> {
    parse(text, Path::new("here"), &[])
}

fn read_with(text: &str, variables: &[(&str, &str)]) -> Result<Config, Vec<Problem>> {
    let variables: Vec<(String, String)> =
        variables.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    parse(text, Path::new("here"), &variables)
}

/// The problems as they are shown.
#[track_caller]
fn problems(text: &str) -> Vec<String> {
    read(text).unwrap_err().iter().map(Problem::to_string).collect()
}

/// The keys of one community, after its name.
fn community(keys: &str) -> CommunityConfig {
    read(&format!("[[community]]\nname = \"aveiro\"\n{keys}")).unwrap().communities.remove(0)
}

/// The problems of one community whose keys start at line 3.
#[track_caller]
fn community_problems(keys: &str) -> Vec<String> {
    problems(&format!("[[community]]\nname = \"aveiro\"\n{keys}"))
}

/// Exactly one problem, with these texts.
#[track_caller]
fn one_problem(keys: &str, says: &[&str]) {
    let found = community_problems(keys);
    assert_eq!(found.len(), 1, "{keys}: {found:#?}");
    for text in says {
        assert!(found[0].contains(text), "no {text:?} in {:?}", found[0]);
    }
}

#[test]
fn names_that_look_alike_are_mistakes_with_their_lines() {
    let found = community_problems(
        "[community.members.\"m\\u202e1\"]\n[community.members.m2]\nmeters = [\"m\\u200b2\", \"m2 \"]\n",
    );
    for (line, says) in [(3, "the character U+202E"), (5, "the character U+200B"), (5, "\"m2 \" has space around it")] {
        let told = |problem: &&String| problem.starts_with(&format!("line {line}: ")) && problem.contains(says);
        assert_eq!(found.iter().filter(told).count(), 1, "{says} in {found:#?}");
    }
    for name in ["a\\u202eb", " a", "a\\t"] {
        let found = problems(&format!("[[community]]\nname = \"{name}\"\n"));
        assert!(found[0].starts_with("line 2: ") && found[0].contains("1 to 64 visible characters"), "{found:#?}");
    }
    for algorithm in ["Own", "own@1", "о-wn@1.0.0"] {
        one_problem(
            &format!("algorithm = {algorithm:?}"),
            &["line 3: community.algorithm: ", "is not an algorithm", "a-z"],
        );
    }
}

fn price(micro_eur: i64) -> Price {
    Price::from_micro_eur(micro_eur)
}

#[test]
fn the_contracts_example_means_what_it_says() {
    let config = read(CONTRACT).unwrap();
    let (found, start) = (&config.communities[0], |text| tariff::boundary(text));
    let (before, after) = (start("2024-06-30T22:45:00Z"), start("2024-06-30T23:00:00Z"));
    let tariff = |retail, feed_in| Tariff { retail: price(retail), feed_in: price(feed_in) };
    let no_series = CurrentSeries::new();
    assert_eq!(found.terms_at(before).tariff(before, &no_series), tariff(162_400, 30_000));
    assert_eq!(found.terms_at(after).tariff(after, &no_series), tariff(171_000, 42_000));
    for terms in [before, after].map(|start| found.terms_at(start)) {
        assert_eq!((terms.settings(), terms.price_limits()), (&[][..], PriceLimits::default()));
        assert_eq!((terms.limits(), terms.power_max()), (Limits::default(), Power::USUAL));
    }
    let school = &found.members[&"school".parse().unwrap()];
    let meters = Some(["es-sms-01", "es-sms-02"].map(|meter| meter.parse().unwrap()).to_vec());
    for (start, share) in [(before, 250_000), (after, 200_000)] {
        let terms = school.terms.at(start.timestamp());
        assert_eq!((&terms.meters, terms.share, terms.rank), (&meters, Some(share), Some(1)));
        assert_eq!((terms.offer, terms.bid), (Some(price(50_000)), Some(price(120_000))));
        assert_eq!(terms.tariff(start, &no_series), tariff(171_000, 42_000).into());
        assert_eq!(terms.power_max, Power::from_watts(20_000));
    }
    // Days begin at midnight in Lisbon, in summer time and in winter time.
    let span = ["2024-04-30T23:00:00Z", "2026-01-01T00:00:00Z"].map(|text| start(text).timestamp());
    assert_eq!([school.span.0, school.span.1], span);
    assert_eq!((school.from, school.until), ("2024-05-01".parse().ok(), "2026-01-01".parse().ok()));
    let aveiro = CommunityConfig {
        name: "aveiro".to_owned(),
        zone: TimeZone::get("Europe/Lisbon").unwrap(),
        meters: MetersSource::Service("http://meters:5049".to_owned()),
        meters_ca: None,
        meters_timeout: Duration::from_secs(30),
        from: None,
        interval: IntervalLength::QUARTER_HOUR,
        grace: Duration::from_secs(300),
        tolerance: Duration::from_secs(120),
        basis: Basis::Net,
        algorithm: Reference::Base(base::base("mid-market-rate").unwrap()),
        fallback: false,
        rollback_after: 3,
        terms: found.terms.clone(),
        prices: PriceRule::Bounded,
        unlisted: Unlisted::Join,
        holidays: None,
        members: found.members.clone(),
        elsewhere: Arc::default(),
    };
    let expected = Config {
        path: PathBuf::new(),
        store: StoreConfig::Sqlite(PathBuf::from("here/market.db")),
        cache: PathBuf::from("here/cache"),
        listen: Listen {
            plain: "0.0.0.0:50050".parse().unwrap(),
            tls: "0.0.0.0:50051".parse().unwrap(),
            metrics: "127.0.0.1:9464".parse().unwrap(),
            web: "127.0.0.1:8080".parse().ok(),
        },
        tls: TlsConfig { certificate: TLS_CERTIFICATE.into(), key: TLS_KEY.into(), client_ca: None },
        web: WebConfig::default(),
        viewers: Vec::new(),
        callers: vec![
            callers::from("transactions", &[Right::Settle], &["10.0.1.0/24"]),
            // Nobody else has these.
            callers::from("loopback", &[Right::Read, Right::Prices], &["127.0.0.0/8", "::1/128"]),
        ],
        forward: ForwardConfig {
            mode: ForwardMode::Pull,
            lease: Duration::from_secs(24 * 60 * 60),
            since: OfferedSince::default(),
        },
        replicas: ReplicasConfig { lease: Duration::from_secs(30) },
        metrics: SeriesOf::Auto,
        communities: vec![aveiro],
    };
    assert_eq!(config, expected);
}

#[test]
fn a_name_is_enough_and_the_rest_is_as_documented() {
    // Without what is there to show a member and changes.
    let end = CONTRACT.find("[community.members").unwrap();
    let mut documented = read(&CONTRACT[..end]).unwrap();
    documented.communities[0].zone = TimeZone::UTC;
    documented.callers = usual_callers();
    assert_eq!(read("[[community]]\nname = \"aveiro\"\n").unwrap(), documented);
    assert_eq!(read("[tls]\n[forward]\n[[community]]\nname = \"aveiro\"\n").unwrap(), documented);
}

#[test]
fn every_key_left_out_of_the_example_has_the_examples_value() {
    let whole = read(CONTRACT).unwrap();
    let lines: Vec<&str> = CONTRACT.lines().collect();
    let end = lines.iter().position(|line| line.starts_with("[community.members")).unwrap();
    let mut left_out = 0;
    for (number, line) in lines.iter().enumerate().take(end) {
        let has_none = ["#", "name", "roles", "from", "zone"].iter().any(|key| line.starts_with(key));
        if line.contains(" = ") && !has_none {
            let mut without = lines.clone();
            without.remove(number);
            assert_eq!(read(&without.join("\n")).as_ref(), Ok(&whole), "{line}");
            left_out += 1;
        }
    }
    assert_eq!(left_out, 23);
}

#[test]
fn windows_line_ends_are_line_ends() {
    assert_eq!(read(&CONTRACT.replace('\n', "\r\n")), read(CONTRACT));
    assert_eq!(problems("[[community]]\r\nname = \"a\"\r\nx = 1\r\n").len(), 1);
    assert!(problems("[[community]]\r\nname = \"a\"\r\nx = 1\r\n")[0].starts_with("line 3: "));
}

#[test]
fn unknown_keys_are_told_at_every_level_with_their_lines() {
    let text = r#"
stor = "sqlite:x.db"
[tls]
certficate = "x"
[forward]
moode = "pull"
[[community]]
name = "aveiro"
algorithmus = "x"
limits = { fule = 5 }
tariff = { retial = 5 }
[community.members.school]
metres = ["a"]
tariff = { retail = 1, feedin = 2 }
[[communities]]
name = "b"
"#;
    let found = problems(text);
    let expected = [
        "line 4: tls.certficate is not a known key (known here: certificate, client_ca, key)",
        "line 6: forward.moode is not a known key (known here: ca, lease, mode, since, to)",
        "line 9: community.algorithmus is not a known key",
        "line 10: community.limits.fule is not a known key (known here: fuel, memory, output, price_ceiling, price_floor, time)",
        "line 11: community.tariff.retial is not a known key (known here: feed_in, periods, retail, series, zone)",
        "line 13: community.members.school.metres is not a known key (known here: bid, change, from, meters, offer, power_max, rank, share, tariff, until, wallet)",
        "line 14: community.members.school.tariff.feedin is not a known key",
        "line 2: stor is not a known key (known here: cache, caller, community, forward, listen, listen_metrics, listen_tls, listen_web, metrics, mongodb, replicas, store, tls, viewer, web)",
        "line 15: communities is not a known key",
    ];
    assert_eq!(found.len(), expected.len(), "{found:#?}");
    for start in expected {
        assert!(found.iter().any(|problem| problem.starts_with(start)), "nothing is {start:?}: {found:#?}");
    }
}

#[test]
fn every_mistake_is_told_at_once_with_its_line() {
    let text = r#"store = 5
listen = "here"
[[community]]
name = ""
meters = "meters:5049"
from = "soon"
interval = "10s"
grace = "5"
tolerance = -2
basis = "brutto"
algorithm = "own@"
on_failure = "panic"
tariff = { retail = 0.1624, feed_in = "x" }
settings = { a = [1] }
limits = { memory = "64MB", fuel = 0, price_floor = 5, price_ceiling = 4 }
[community.members.school]
meters = "es-sms-01"
share = 1000001
rank = -1
offer = 1.5
[community.members.grid]
"#;
    let found = read(text).unwrap_err();
    let mut lines: Vec<usize> = found.iter().map(|problem| problem.line.unwrap()).collect();
    lines.sort_unstable();
    assert_eq!(lines, [1, 2, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 13, 14, 15, 15, 15, 17, 18, 19, 20, 21], "{found:#?}");
    let shown = InvalidConfig { path: "market.toml".into(), problems: found }.to_string();
    assert!(
        shown.starts_with("market.toml has 22 mistakes:\n  line 1: store is 5, but a string is expected\n"),
        "{shown}"
    );
}

#[test]
fn contradictions_are_mistakes() {
    one_problem("tolerance = \"7m30s\"", &["line 3", "tolerance", "less than half the interval of 900 s"]);
    one_problem("interval = \"1m\"\ntolerance = \"30s\"", &["line 4", "less than half the interval of 60 s"]);
    // The usual tolerance is never too long.
    assert_eq!(community("interval = \"1m\"").tolerance.as_secs(), 15);
    assert_eq!(community("interval = \"8m\"").tolerance.as_secs(), 120);
    one_problem(
        "limits = { price_floor = 5, price_ceiling = 4 }",
        &["line 3", "limits", "no price could satisfy both"],
    );
    assert_eq!(
        community("limits = { price_floor = 5, price_ceiling = 5 }").terms.first().price_limits().floor(),
        Some(price(5))
    );
    one_problem(
        "[community.members.a]\nmeters = [\"m1\", \"m2\"]\n[community.members.b]\nmeters = [\"m2\"]",
        &["line 5", "meter m2 belongs to both a and b (a meter has one member at a time"],
    );
    let twice = "meter m1 is listed twice in community.members.a.meters";
    one_problem("[community.members.a]\nmeters = [\"m1\", \"m1\"]", &["line 4", twice]);
    one_problem("[community.members.a]\nmeters = []", &["line 4", "community.members.a.meters has no meter"]);
    // Without a list its meter is the one of its own name, which somebody else has.
    one_problem(
        "[community.members.a]\nmeters = [\"b\"]\n[community.members.b]\nrank = 1",
        &["line 5", "community.members.b has no meter: meter b belongs to a"],
    );
    let swapped = "[community.members.a]\nmeters = [\"b\"]\n[community.members.b]\nmeters = [\"a\"]";
    assert_eq!(community(swapped).members.len(), 2);
    for name in ["grid", "operator", "\"100\"", "\"\""] {
        let found = community_problems(&format!("[community.members.{name}]\nrank = 1"));
        assert_eq!(found.len(), 1, "{found:#?}");
        assert!(found[0].starts_with("line 3: community.members."), "{found:#?}");
    }
    let two = "[[community]]\nname = \"a\"\n[[community]]\nname = \"b\"\nunlisted = \"ignore\"\n[[community]]\nname = \"a\"\n";
    assert_eq!(problems(two), ["line 6: two communities are called \"a\" (each needs a name of its own)"]);
}

#[test]
fn a_community_needs_a_usable_name() {
    assert_eq!(problems("[[community]]\n"), ["line 1: a community has no name (add name = \"…\")"]);
    for name in ["\"\"".to_owned(), "5".to_owned(), format!("{:?}", "x".repeat(65)), "\"a\\nb\"".to_owned()] {
        let found = problems(&format!("[[community]]\nname = {name}\n"));
        assert_eq!(found.len(), 1);
        assert!(found[0].starts_with("line 2: community.name is "), "{found:#?}");
    }
    assert_eq!(problems(""), ["no community is configured (add [[community]] with a name)"]);
    assert_eq!(problems("# nothing\n"), ["no community is configured (add [[community]] with a name)"]);
    assert!(problems("community = 5")[0].starts_with("line 1: community is 5, but a list ("));
    assert!(problems("[community]\nname = \"a\"")[0].contains("[[…]]"));
}

#[test]
fn what_is_no_toml_is_told_with_its_line() {
    let found = problems("[[community]]\nname = \"aveiro\"\ninterval = \n");
    assert!(found[0].starts_with("line 3: "), "{found:#?}");
    let found = problems("[[community]]\nname = \"aveiro\"\nname = \"porto\"\n");
    assert!(found[0].starts_with("line 3: "), "{found:#?}");
}

#[test]
fn values_at_their_limits_are_taken() {
    let keys = "interval = \"1d\"\ntolerance = \"11h\"\ngrace = \"0s\"\nmeters = \"https://[::1]:5049\"
from = 2023-09-01T02:00:00+02:00
settings = { a = 5, b = 0.5, c = true, d = \"x\" }
tariff = { retail = 9223372036854775807, feed_in = -9_223_372_036_854_775_808 }
limits = { fuel = 18446744073709551615, memory = 65536, time = \"1ms\", output = \"1GiB\" }
[community.members.\"Café Σ\"]
share = 1000000
rank = 4294967295";
    let community = community(keys);
    assert_eq!(community.interval.seconds(), 86_400);
    assert_eq!(community.from, Some("2023-09-01T00:00:00Z".parse().unwrap()));
    let extreme = Tariff { retail: price(i64::MAX), feed_in: price(i64::MIN) };
    let terms = community.terms.first();
    assert_eq!(terms.tariff(Boundary::EPOCH, &CurrentSeries::new()), extreme);
    assert_eq!(terms.limits().fuel, Some(u64::MAX));
    let settings: Vec<String> = terms.settings().iter().map(|(key, value)| format!("{key}={value}")).collect();
    assert_eq!(settings, ["a=5", "b=0.5", "c=true", "d=x"]);
    let member = community.members[&"Café Σ".parse().unwrap()].terms.first();
    assert_eq!((member.share, member.rank, &member.meters), (Some(1_000_000), Some(u32::MAX), &None));
}

#[test]
fn files_that_are_missing_are_told_unless_they_are_where_the_stack_mounts_them() {
    let text = "[tls]\ncertificate = \"crt.pem\"\nkey = \"key.pem\"\nclient_ca = \"ca.pem\"
[forward]\nmode = \"push\"\nto = \"https://transactions:5055\"\nca = \"x.pem\"
[[community]]\nname = \"a\"\nalgorithm = \"own.wasm\"\nmeters = \"https://meters\"\nmeters_ca = \"m.pem\"
tariff = { series = \"t.csv\" }\n";
    let found = problems(text);
    assert_eq!(found.len(), 7, "{found:#?}");
    for (line, key) in [
        (2, "tls.certificate: there is no file"),
        (3, "tls.key: there is no file"),
        (4, "tls.client_ca: there is no file"),
        (8, "forward.ca: there is no file"),
        (11, "community.algorithm: there is no file"),
        (13, "community.meters_ca: there is no file"),
        (14, "community.tariff.series: here/t.csv cannot be read: No such file"),
    ] {
        assert!(found.iter().any(|it| it.starts_with(&format!("line {line}: {key}"))), "{found:#?}");
    }
    // An empty path would be the directory itself.
    assert_eq!(problems("[tls]\nclient_ca = \"\"\n[[community]]\nname = \"a\"\n").len(), 1);
    let directory = tempfile::tempdir().unwrap();
    for name in ["crt.pem", "key.pem", "ca.pem", "x.pem", "own.wasm", "m.pem"] {
        std::fs::write(directory.path().join(name), "").unwrap();
    }
    std::fs::write(directory.path().join("t.csv"), "start,retail,feed_in\n2024-01-01T00:00:00Z,1,2\n").unwrap();
    let config = parse(text, directory.path(), &[]).unwrap();
    assert_eq!(config.communities[0].algorithm, Reference::File(directory.path().join("own.wasm")));
}

#[test]
fn variables_of_the_environment_stand_above_the_file() {
    let text = "store = \"sqlite:file.db\"\ncache = \"file\"\nlisten = \"127.0.0.1:1\"\n[[community]]\nname = \"a\"\n";
    let config =
        read_with(text, &[("REC_MARKET_STORE", "sqlite:/var/lib/x.db"), ("REC_MARKET_CACHE", "/tmp/c")]).unwrap();
    assert_eq!(config.store, StoreConfig::Sqlite(PathBuf::from("/var/lib/x.db")));
    assert_eq!(config.cache, PathBuf::from("/tmp/c"));
    let harmless = [("REC_MARKET_LOG", "debug"), ("REC_MARKET_TEST_X", "1"), ("REC_MARKET_LISTEN", "[::]:50050")];
    assert!(read_with(text, &harmless).is_ok());
    // Above a wrong value as well: what counts is right.
    let wrong = text.replace("sqlite:file.db", "postgres:x").replace("127.0.0.1:1", "here");
    let listen = ("REC_MARKET_LISTEN", "[::]:50050");
    assert!(read_with(&wrong, &[("REC_MARKET_STORE", "sqlite:x.db"), listen]).is_ok());
    assert!(read_with(&wrong, &[listen]).is_err());
}

#[test]
fn bad_values_in_the_environment_are_told_by_their_names() {
    let text = "[[community]]\nname = \"a\"\n";
    for (variable, value, says) in [
        ("REC_MARKET_STORE", "postgres:x", "REC_MARKET_STORE is \"postgres:x\", but \"sqlite:FILE\" or"),
        ("REC_MARKET_STORE", "", "REC_MARKET_STORE is \"\""),
        ("REC_MARKET_STORE", "mongodb://", "REC_MARKET_STORE is \"mongodb://…\", but its hosts"),
        ("REC_MARKET_FORWARD_MODE", "both", "REC_MARKET_FORWARD_MODE is \"both\", but \"pull\" or \"push\""),
        ("REC_MARKET_FORWARD_LEASE", "5", "REC_MARKET_FORWARD_LEASE is \"5\", but a length of time"),
        ("REC_MARKET_REPLICAS_LEASE", "2h", "REC_MARKET_REPLICAS_LEASE is \"2h\", but a length of time from"),
        ("REC_MARKET_LISTEN", "50050", "REC_MARKET_LISTEN is \"50050\""),
        ("REC_MARKET_LISTEN_TLS", "x:y", "REC_MARKET_LISTEN_TLS is \"x:y\""),
        ("REC_MARKET_TLS_KEY", "/no/such/key.pem", "REC_MARKET_TLS_KEY: there is no file \"/no/such/key.pem\""),
    ] {
        let found = read_with(text, &[(variable, value)]).unwrap_err();
        assert_eq!((found.len(), found[0].line), (1, None), "{found:#?}");
        assert!(found[0].message.contains(says), "{found:#?}");
    }
}

#[test]
fn files_that_cannot_be_read_are_named() {
    let directory = tempfile::tempdir().unwrap();
    let load = |name: &str| Config::load(&directory.path().join(name)).unwrap_err().to_string();
    assert!(load("no.toml").contains("no.toml has 1 mistake:\n  cannot be read: No such file"), "{}", load("no.toml"));
    assert!(load("").contains("cannot be read"));
    std::fs::write(directory.path().join("latin1.toml"), b"# caf\xe9\n").unwrap();
    assert!(load("latin1.toml").contains("latin1.toml has 1 mistake:\n  cannot be read: "), "{}", load("latin1.toml"));
    std::fs::write(directory.path().join("empty.toml"), "").unwrap();
    assert!(load("empty.toml").contains("no community is configured"));
    std::fs::write(directory.path().join("marked.toml"), "\u{feff}[[community]]\nname = \"a\"\n").unwrap();
    assert_eq!(Config::load(&directory.path().join("marked.toml")).unwrap().communities[0].name, "a");
}
