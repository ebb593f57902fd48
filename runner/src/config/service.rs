//! The keys of the long-running service. They are checked for every command, so that a file is right or wrong for all.

use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

use books::OfferedSince;

use super::problems::Problems;
use super::read::Field;
use super::schema::{Address, AddressOrNone, Forward, Is, Mode, Replicas, Tls};
use super::{ForwardConfig, ForwardMode, Listen, ReplicasConfig, TlsConfig};

/// Where the platform's stack mounts certificate and key. Only the service needs them: elsewhere they may be missing.
pub(super) const TLS_CERTIFICATE: &str = "/run/secrets/market_crt.pem";
pub(super) const TLS_KEY: &str = "/run/secrets/market_key.pem";
/// The platform's ports, and one for metrics that only this machine reaches.
const LISTEN: (Ipv4Addr, u16) = (Ipv4Addr::UNSPECIFIED, 50050);
const LISTEN_TLS: (Ipv4Addr, u16) = (Ipv4Addr::UNSPECIFIED, 50051);
const LISTEN_METRICS: (Ipv4Addr, u16) = (Ipv4Addr::LOCALHOST, 9464);
/// For people on this machine, until somebody says how others are known.
pub(super) const LISTEN_WEB: (Ipv4Addr, u16) = (Ipv4Addr::LOCALHOST, 8080);
/// When trades may be claimed again that nobody has reported on. Devices fetch every quarter of an hour, pay, and report with a
/// later visit; one that was offered a trade again before that would pay it twice.
const CLAIM_LEASE: Duration = Duration::from_secs(24 * 60 * 60);
/// How long a replica keeps a community that it does not renew: long enough for a slow store, short beside an interval.
const REPLICA_LEASE: Duration = Duration::from_secs(30);
/// What makes a file that is missing.
const CERTIFICATES: &str = "`make certs` makes development certificates";

/// Where the servers listen; of two that would have one port, one is reported.
pub(super) fn listen(
    plain: Field<Is<Address>>,
    tls: Field<Is<Address>>,
    metrics: Field<Is<Address>>,
    web: Field<Is<AddressOrNone>>,
    problems: &Problems<'_>,
) -> Listen {
    let mut taken: Vec<(String, SocketAddr, Option<usize>)> = Vec::new();
    let mut address = |key: &str, field: Field<Is<Address>>, usual: (Ipv4Addr, u16)| {
        let at = field.at;
        let address = field.get().unwrap_or_else(|| usual.into());
        let name = at.map_or_else(|| key.to_owned(), |at| problems.name(at, key));
        if let Some((other_name, other, other_at)) = taken.iter().find(|(_, other, _)| collide(*other, address)) {
            let rule = "use the same port (each server needs its own)";
            let message = format!("{other_name} ({other}) and {name} ({address}) {rule}");
            let mut places = [at, *other_at].into_iter().flatten();
            match places.clone().find(|at| !problems.is_variable(*at)).or_else(|| places.next()) {
                Some(at) => problems.at(at, message),
                None => problems.add(message),
            }
        }
        taken.push((name, address, at));
        address
    };
    Listen {
        plain: address("listen", plain, LISTEN),
        tls: address("listen_tls", tls, LISTEN_TLS),
        metrics: address("listen_metrics", metrics, LISTEN_METRICS),
        web: match web {
            Field { value: Some(Is(None)), .. } => None,
            Field { value, at } => {
                let given = Field { value: value.and_then(|Is(address)| address).map(Is), at };
                Some(address("listen_web", given, LISTEN_WEB))
            }
        },
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
pub(super) fn tls(tls: Tls, problems: &Problems<'_>) -> TlsConfig {
    let file = |key: &str, (text, at): (String, usize)| problems.file(key, &text, at, CERTIFICATES);
    let mounted = |key, field: Field<String>, usual: &str| match field.placed() {
        Some(given) if given.0 != usual => file(key, given),
        _ => problems.path(usual),
    };
    TlsConfig {
        certificate: mounted("tls.certificate", tls.certificate, TLS_CERTIFICATE),
        key: mounted("tls.key", tls.key, TLS_KEY),
        client_ca: tls.client_ca.placed().map(|given| file("tls.client_ca", given)),
    }
}

/// How trades are forwarded.
pub(super) fn forward(forward: Forward, problems: &Problems<'_>) -> ForwardConfig {
    let Forward { mode, to, ca, lease, since } = forward;
    let (to_at, ca_at) = (to.at, ca.at);
    let mode = match (mode.at, mode.get(), to.get()) {
        (_, Some(Mode::Push), Some(to)) => {
            let ca = ca.placed().map(|(ca, at)| problems.file("forward.ca", &ca, at, CERTIFICATES));
            ForwardMode::Push { to, ca }
        }
        (Some(at), Some(Mode::Push), None) if to_at.is_none() => {
            let (name, way_out) = (problems.name(at, "forward.mode"), "name Transactions' https:// address");
            problems.at(at, format!("{name} is \"push\", but forward.to is missing ({way_out})"));
            ForwardMode::Pull
        }
        (at, Some(Mode::Pull), _) | (at @ None, None, _) => {
            // A variable that says pull stands above the whole of a file that is for push.
            let above = at.is_some_and(|at| problems.is_variable(at));
            for (key, at) in [("forward.to", to_at), ("forward.ca", ca_at)] {
                if let Some(at) = at.filter(|at| !above || problems.is_variable(*at)) {
                    let message = "is set, but forward.mode is \"pull\", which calls nobody (set mode = \"push\")";
                    problems.at(at, format!("{} {message}", problems.name(at, key)));
                }
            }
            ForwardMode::Pull
        }
        // Told already.
        _ => ForwardMode::Pull,
    };
    ForwardConfig { mode, lease: lease.get().unwrap_or(CLAIM_LEASE), since: OfferedSince(since.get()) }
}

/// How several processes share the communities.
pub(super) fn replicas(replicas: Replicas) -> ReplicasConfig {
    ReplicasConfig { lease: replicas.lease.get().unwrap_or(REPLICA_LEASE) }
}
