//! Addresses, forwarding, replicas, and the Meters service of a community.

use super::*;

/// The problems of a file with these keys at its top.
#[track_caller]
fn problems_of(keys: &str) -> Vec<String> {
    problems(&format!("{keys}\n[[community]]\nname = \"a\"\n"))
}

fn service(keys: &str) -> Config {
    read(&format!("{keys}\n[[community]]\nname = \"a\"\n")).unwrap()
}

#[test]
fn two_servers_cannot_have_one_port() {
    for (keys, says) in [
        ("listen = \"0.0.0.0:50051\"", "listen (0.0.0.0:50051) and listen_tls (0.0.0.0:50051) use the same port"),
        ("listen_metrics = \"127.0.0.1:50050\"", "listen (0.0.0.0:50050) and listen_metrics (127.0.0.1:50050) use the"),
        (
            "listen_web = \"127.0.0.1:9464\"",
            "listen_metrics (127.0.0.1:9464) and listen_web (127.0.0.1:9464) use the same port",
        ),
        ("listen_tls = \"[::]:50050\"", "listen (0.0.0.0:50050) and listen_tls ([::]:50050) use the same port"),
    ] {
        let found = problems_of(keys);
        assert!(found.len() == 1 && found[0].starts_with(&format!("line 1: {says}")), "{found:#?}");
    }
    service("listen = \"127.0.0.1:0\"\nlisten_tls = \"127.0.0.1:0\"\nlisten_metrics = \"127.0.0.1:0\"");
    service("listen = \"127.0.0.1:7\"\nlisten_tls = \"127.0.0.2:7\"\nlisten_metrics = \"[::1]:7\"");
    service("listen = \"0.0.0.0:7\"\nlisten_metrics = \"[::1]:7\"");
    let text = "listen_tls = \"[::]:7\"\n[[community]]\nname = \"a\"\n";
    let found = read_with(text, &[("REC_MARKET_LISTEN", "127.0.0.1:7")]).unwrap_err();
    let says = "line 1: REC_MARKET_LISTEN (127.0.0.1:7) and listen_tls ([::]:7) use the same port";
    assert!(found.len() == 1 && found[0].to_string().starts_with(says), "{found:#?}");
}

#[test]
fn push_needs_an_address_and_pull_takes_none() {
    let found = problems_of("[forward]\nmode = \"push\"");
    assert!(
        found.len() == 1 && found[0].starts_with("line 2: forward.mode is \"push\", but forward.to is"),
        "{found:#?}"
    );
    // An address that is none is one mistake, not two.
    for to in ["http://transactions:5055", "transactions:5055", ""] {
        let found = problems_of(&format!("[forward]\nmode = \"push\"\nto = {to:?}"));
        assert!(found.len() == 1 && found[0].starts_with("line 3: forward.to is "), "{found:#?}");
    }
    let found = problems_of("[forward]\nto = \"https://transactions:5055\"\nca = \"ca.pem\"");
    assert_eq!(found.len(), 2, "{found:#?}");
    for (number, key) in [(0, "line 2: forward.to"), (1, "line 3: forward.ca")] {
        assert!(found[number].starts_with(&format!("{key} is set, but forward.mode is \"pull\"")), "{found:#?}");
    }
    let to = "https://transactions:5055".to_owned();
    let push = service("[forward]\nmode = \"push\"\nto = \"https://transactions:5055\"\nlease = \"5m\"").forward;
    assert_eq!(
        push,
        ForwardConfig {
            mode: ForwardMode::Push { to, ca: None },
            lease: Duration::from_secs(300),
            since: OfferedSince::default()
        }
    );
}

#[test]
fn variables_forward_as_well() {
    let text = "[forward]\nlease = \"5m\"\n[[community]]\nname = \"a\"\n";
    let to = "https://elsewhere:1".to_owned();
    let push =
        [("REC_MARKET_FORWARD_MODE", "push"), ("REC_MARKET_FORWARD_TO", &to), ("REC_MARKET_FORWARD_LEASE", "7m")];
    let forward = read_with(text, &push).unwrap().forward;
    let mode = ForwardMode::Push { to: to.clone(), ca: None };
    assert_eq!(forward, ForwardConfig { mode, lease: Duration::from_secs(420), since: OfferedSince::default() });
    // A variable that says pull stands above a file that is for push; one that names an address does not.
    let file = "[forward]\nmode = \"push\"\nto = \"https://x\"\n[[community]]\nname = \"a\"\n";
    let pull = read_with(file, &[("REC_MARKET_FORWARD_MODE", "pull")]).unwrap();
    assert_eq!(pull.forward.mode, ForwardMode::Pull);
    let found = read_with(text, &[("REC_MARKET_FORWARD_TO", &to)]).unwrap_err();
    assert!(found[0].message.starts_with("REC_MARKET_FORWARD_TO is set, but forward.mode is \"pull\""), "{found:#?}");
    let found = read_with(file, &[("REC_MARKET_FORWARD_CA", "/no/ca.pem")]).unwrap_err();
    assert!(found[0].message.starts_with("REC_MARKET_FORWARD_CA: there is no file"), "{found:#?}");
}

#[test]
fn what_is_offered_has_a_beginning_if_the_file_or_a_variable_says_so() {
    let at = |text: &str| OfferedSince(Some(text.parse().unwrap()));
    for (value, expected) in [
        ("\"2026-11-01T00:00:00Z\"", at("2026-11-01T00:00:00Z")),
        ("2026-11-01T01:00:00+01:00", at("2026-11-01T00:00:00Z")),
    ] {
        assert_eq!(service(&format!("[forward]\nsince = {value}")).forward.since, expected);
    }
    for value in ["\"yesterday\"", "\"2026-11-01\"", "7"] {
        let found = problems_of(&format!("[forward]\nsince = {value}"));
        assert!(found.len() == 1 && found[0].starts_with("line 2: forward.since is "), "{found:#?}");
    }
    let text = "[forward]\nsince = \"2026-11-01T00:00:00Z\"\n[[community]]\nname = \"a\"\n";
    let above = read_with(text, &[("REC_MARKET_FORWARD_SINCE", "2026-12-01T00:00:00Z")]).unwrap();
    assert_eq!(above.forward.since, at("2026-12-01T00:00:00Z"));
}

#[test]
fn a_replicas_lease_is_from_a_second_to_an_hour() {
    for (text, seconds) in [("1s", 1), ("30s", 30), ("1h", 3600)] {
        assert_eq!(service(&format!("[replicas]\nlease = {text:?}")).replicas.lease.as_secs(), seconds);
    }
    for text in ["999ms", "61m", "0s", "soon"] {
        let found = problems_of(&format!("[replicas]\nlease = {text:?}"));
        assert!(found.len() == 1 && found[0].contains("from \"1s\" to \"1h\" is expected"), "{found:#?}");
    }
    let text = "[replicas]\nlease = \"5s\"\n[[community]]\nname = \"a\"\n";
    assert_eq!(read_with(text, &[("REC_MARKET_REPLICAS_LEASE", "9s")]).unwrap().replicas.lease.as_secs(), 9);
    assert!(problems_of("[replicas]\nleas = \"5s\"")[0].contains("replicas.leas is not a known key"));
}

#[test]
fn many_communities_have_their_series_together() {
    assert_eq!([200, 201].map(|count| SeriesOf::Auto.in_total(count)), [false, true]);
    assert_eq!([SeriesOf::Each, SeriesOf::Total].map(|series| series.in_total(201)), [false, true]);
    assert_eq!(service("[metrics]\ncommunities = \"total\"").metrics, SeriesOf::Total);
    let found = problems_of("[metrics]\ncommunities = 5");
    assert!(found.len() == 1 && found[0].contains("\"auto\", \"each\" or \"total\" is expected"), "{found:#?}");
}

#[test]
fn whom_to_believe_of_meters_is_for_https_only() {
    let directory = tempfile::tempdir().unwrap();
    std::fs::write(directory.path().join("ca.pem"), "").unwrap();
    let read = |meters: &str| {
        let text = format!("[[community]]\nname = \"a\"\n{meters}meters_ca = \"ca.pem\"\nmeters_timeout = \"2s\"\n");
        parse(&text, directory.path(), &[]).map(|mut config| config.communities.remove(0))
    };
    let community = read("meters = \"https://meters:5049\"\n").unwrap();
    assert_eq!((community.meters_ca, community.meters_timeout.as_secs()), (Some(directory.path().join("ca.pem")), 2));
    for (meters, line) in [("", 3), ("meters = \"http://meters:5049\"\n", 4)] {
        let found = read(meters).unwrap_err();
        assert_eq!((found.len(), found[0].line), (1, Some(line)), "{found:#?}");
        assert!(
            found[0].message.contains("meters is \"http://meters:5049\", which shows no certificate"),
            "{found:#?}"
        );
    }
    // An address that is none is one mistake.
    assert_eq!(read("meters = \"meters\"\n").unwrap_err().len(), 1);
    one_problem("meters_timeout = \"0s\"", &["line 3", "community.meters_timeout is \"0s\""]);
}
