//! The keys of the long-running service. They are read for every command, so that a file is right or wrong for all.

use std::net::SocketAddr;
use std::path::Path;
use std::time::Duration;

use super::overrides::{Overrides, Set};
use super::reader::{Problems, Table, parse_duration};
use super::{ForwardConfig, ForwardMode, Listen, ReplicasConfig, TlsConfig};

/// Where the platform's stack mounts certificate and key. Only the service needs them: elsewhere they may be missing.
pub(super) const TLS_CERTIFICATE: &str = "/run/secrets/market_crt.pem";
pub(super) const TLS_KEY: &str = "/run/secrets/market_key.pem";
/// The platform's ports, and one for metrics that only this machine reaches.
const LISTEN: &str = "0.0.0.0:50050";
const LISTEN_TLS: &str = "0.0.0.0:50051";
const LISTEN_METRICS: &str = "127.0.0.1:9464";
/// When a claim returns that nobody reports of: a ledger confirms within minutes.
const CLAIM_LEASE: Duration = Duration::from_secs(15 * 60);
/// How long a replica keeps a community that it does not renew: long enough for a slow store, short beside an interval.
const REPLICA_LEASE: Duration = Duration::from_secs(30);
/// What makes a file that is missing.
const CERTIFICATES: &str = "`make certs` makes development certificates";

/// Where the servers listen; of two that would have one port, one is told.
pub(super) fn listen(root: &mut Table<'_, '_>, overrides: &mut Overrides<'_>, problems: &mut Problems<'_>) -> Listen {
    let mut taken: Vec<Set<SocketAddr>> = Vec::new();
    let mut address = |key, variable, usual: &str| {
        let parse = |text: &str| text.parse::<SocketAddr>().ok();
        let expected = "an address (such as \"0.0.0.0:50050\")";
        let given = overrides.parsed(root, (key, variable), expected, problems, parse);
        let usual = || Set {
            value: parse(usual).unwrap_or_else(|| SocketAddr::from(([127, 0, 0, 1], 0))),
            name: key.to_owned(),
            at: None,
        };
        let set = given.unwrap_or_else(usual);
        if let Some(other) = taken.iter().find(|other| collide(other.value, set.value)) {
            let message = format!(
                "{} ({}) and {} ({}) are one port (each server needs its own)",
                other.name, other.value, set.name, set.value
            );
            problems.somewhere(set.at.or(other.at), message);
        }
        let value = set.value;
        taken.push(set);
        value
    };
    Listen {
        plain: address("listen", "LISTEN", LISTEN),
        tls: address("listen_tls", "LISTEN_TLS", LISTEN_TLS),
        metrics: address("listen_metrics", "LISTEN_METRICS", LISTEN_METRICS),
    }
}

/// Whether only one of two servers could listen.
fn collide(one: SocketAddr, other: SocketAddr) -> bool {
    // The unspecified address of IPv6 takes IPv4 as well.
    let covers = |all: SocketAddr, one: SocketAddr| all.ip().is_unspecified() && (all.is_ipv6() || one.is_ipv4());
    let same = one.ip() == other.ip() || covers(one, other) || covers(other, one);
    one.port() != 0 && one.port() == other.port() && same
}

/// The certificate and whom it is shown to.
pub(super) fn tls(
    root: &mut Table<'_, '_>,
    overrides: &mut Overrides<'_>,
    directory: &Path,
    problems: &mut Problems<'_>,
) -> TlsConfig {
    let mut table = root.table("tls", problems);
    let mut file = |key, variable, usual: Option<&str>| {
        let given = overrides.text(&mut table, (key, variable), problems);
        match given {
            Some(set) if Some(set.value) != usual => Some(set.file(CERTIFICATES, directory, problems)),
            _ => usual.map(|path| directory.join(path)),
        }
    };
    let tls = TlsConfig {
        certificate: file("certificate", "TLS_CERTIFICATE", Some(TLS_CERTIFICATE)).unwrap_or_default(),
        key: file("key", "TLS_KEY", Some(TLS_KEY)).unwrap_or_default(),
        client_ca: file("client_ca", "TLS_CLIENT_CA", None),
    };
    table.finish(problems);
    tls
}

/// How trades are forwarded.
pub(super) fn forward(
    root: &mut Table<'_, '_>,
    overrides: &mut Overrides<'_>,
    directory: &Path,
    problems: &mut Problems<'_>,
) -> ForwardConfig {
    let mut table = root.table("forward", problems);
    let push = overrides.parsed(&mut table, ("mode", "FORWARD_MODE"), "\"pull\" or \"push\"", problems, |text| {
        matches!(text, "pull" | "push").then_some(text == "push")
    });
    let expected = "an https:// address (such as \"https://transactions:5055\")";
    let told = problems.found.len();
    let to = overrides.parsed(&mut table, ("to", "FORWARD_TO"), expected, problems, |text| {
        (super::is_http_address(text) && text.starts_with("https:")).then(|| text.to_owned())
    });
    let wrong_to = problems.found.len() > told;
    let ca = overrides.text(&mut table, ("ca", "FORWARD_CA"), problems);
    let expected = "a length of time (such as \"15m\" or \"2s\")";
    let lease = overrides.parsed(&mut table, ("lease", "FORWARD_LEASE"), expected, problems, parse_duration);
    table.finish(problems);

    let mode = match push {
        Some(Set { value: true, name, at }) => match to {
            Some(to) => {
                let ca = ca.map(|ca| ca.file(CERTIFICATES, directory, problems));
                ForwardMode::Push { to: to.value, ca }
            }
            None => {
                if !wrong_to {
                    let way_out = "name Transactions' https:// address";
                    problems.somewhere(at, format!("{name} is \"push\", but forward.to is missing ({way_out})"));
                }
                ForwardMode::Pull
            }
        },
        pull => {
            // A variable that says pull stands above the whole of a file that is for push.
            let above = |set_by_variable: bool| pull.as_ref().is_some_and(Set::by_variable) && !set_by_variable;
            let to = to.map(|to| (to.by_variable(), to.name, to.at));
            let ca = ca.map(|ca| (ca.by_variable(), ca.name, ca.at));
            for (by_variable, name, at) in to.into_iter().chain(ca) {
                if !above(by_variable) {
                    let message = "is set, but forward.mode is \"pull\", which calls nobody (set mode = \"push\")";
                    problems.somewhere(at, format!("{name} {message}"));
                }
            }
            ForwardMode::Pull
        }
    };
    ForwardConfig { mode, lease: lease.map_or(CLAIM_LEASE, |set| set.value) }
}

/// How several processes share the communities.
pub(super) fn replicas(
    root: &mut Table<'_, '_>,
    overrides: &mut Overrides<'_>,
    problems: &mut Problems<'_>,
) -> ReplicasConfig {
    let mut table = root.table("replicas", problems);
    let expected = "a length of time from \"1s\" to \"1h\"";
    let lease = overrides.parsed(&mut table, ("lease", "REPLICAS_LEASE"), expected, problems, |text| {
        parse_duration(text).filter(|lease| (Duration::from_secs(1)..=Duration::from_secs(3600)).contains(lease))
    });
    table.finish(problems);
    ReplicasConfig { lease: lease.map_or(REPLICA_LEASE, |set| set.value) }
}
