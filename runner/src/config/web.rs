//! `[web]`: how the pages for people are served, and whose word counts for who looks.

use std::net::SocketAddr;

use ipnet::IpNet;

use super::TlsConfig;
use super::problems::Problems;
use super::read::Field;
use super::schema::{Proxy, Web};

/// The header in which proxies such as Authelia name who looks.
pub const USER_HEADER: &str = "Remote-User";
/// The header in which they name that person's groups.
pub const GROUPS_HEADER: &str = "Remote-Groups";
/// What makes a file that is missing.
const CERTIFICATES: &str = "`make certs` makes development certificates";

/// How the pages for people are served. Where, says [`Listen::web`](super::Listen::web).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct WebConfig {
    /// The certificate that is shown; none for plaintext. It has no authorities of clients.
    pub tls: Option<TlsConfig>,
    /// Whether everybody on this machine may look, as a manager. Only on loopback.
    pub open: bool,
    /// Who stands in front, and says who looks.
    pub proxy: Option<ProxyConfig>,
}

/// A proxy that knows people, and names them in headers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProxyConfig {
    /// The headers count from these networks only; at least one.
    pub from: Vec<IpNet>,
    /// The header with the name of who looks.
    pub user: String,
    /// The header with the groups that this person is in, separated by commas.
    pub groups: String,
}

impl WebConfig {
    /// Whether browsers reach the pages over TLS, ours or the proxy's, so that cookies are for TLS alone.
    pub fn is_secure(&self) -> bool {
        self.tls.is_some() || self.proxy.is_some()
    }
}

/// How the pages are served at this address, which stands there.
pub(super) fn check(
    web: Web,
    (address, address_at): (Option<SocketAddr>, Option<usize>),
    problems: &Problems<'_>,
) -> WebConfig {
    let Web { certificate, key, open, proxy } = web;
    let (open_at, proxy_at) = (open.at, proxy.at);
    let wants_tls = certificate.at.or(key.at).is_some();
    let tls = tls(certificate, key, problems);
    let open = open.value.unwrap_or_default();
    let proxy = proxy.placed().and_then(|(proxy, at)| self::proxy(proxy, at, problems));
    let is_loopback = address.is_none_or(|address| address.ip().to_canonical().is_loopback());
    let shown = address.map(|address| address.to_string()).unwrap_or_default();
    if let Some(at) = address_at.filter(|_| !is_loopback && !wants_tls && proxy_at.is_none()) {
        let name = problems.name(at, "listen_web");
        let rule = "others reach it, and what they read and type could be read on the way";
        let ways = "set certificate and key under [web], or proxy to what stands in front, or listen on 127.0.0.1";
        problems.at(at, format!("{name} is {shown:?} without TLS: {rule} ({ways})"));
    }
    let Some(at) = open_at.filter(|_| open) else { return WebConfig { tls, open, proxy } };
    if !is_loopback {
        let way_out = "listen_web = \"127.0.0.1:8080\", or leave open out and add [[viewer]]";
        problems.at(at, format!("web.open is true, but listen_web is {shown:?}, which others reach ({way_out})"));
    }
    if proxy_at.is_some() {
        let rule = "whoever comes through a proxy on this machine would be let in without a name";
        problems.at(at, format!("web.open is true, and web.proxy is set: {rule} (leave one of them out)"));
    }
    WebConfig { tls, open, proxy }
}

/// Certificate and key: both or neither.
fn tls(certificate: Field<String>, key: Field<String>, problems: &Problems<'_>) -> Option<TlsConfig> {
    let (certificate_at, key_at) = (certificate.at, key.at);
    let file =
        |key: &str, given: Field<String>| given.placed().map(|(text, at)| problems.file(key, &text, at, CERTIFICATES));
    let tls = (file("web.certificate", certificate), file("web.key", key));
    let (set, at, missing) = match (certificate_at, key_at) {
        (Some(at), None) => ("web.certificate", at, "web.key"),
        (None, Some(at)) => ("web.key", at, "web.certificate"),
        _ => return Some(TlsConfig { certificate: tls.0?, key: tls.1?, client_ca: None }),
    };
    problems.at(at, format!("{} is set, but {missing} is not (both are needed)", problems.name(at, set)));
    None
}

fn proxy(proxy: Proxy, at: usize, problems: &Problems<'_>) -> Option<ProxyConfig> {
    let Proxy { from, user, groups } = proxy;
    let (from_at, was_told) = (from.at, from.is_wrong());
    let given = from.value.unwrap_or_default();
    let was_empty = given.is_empty();
    let networks: Vec<IpNet> = given.into_iter().filter_map(Field::get).collect();
    if was_empty && !was_told {
        let way_out = "add from = [\"10.0.0.5\"], the address from which it connects";
        problems.at(from_at.unwrap_or(at), format!("web.proxy names no address of the proxy ({way_out})"));
    }
    if let Some(all) = networks.iter().find(|network| network.prefix_len() == 0) {
        let way_out = "name the proxy's own address";
        let message = format!("web.proxy.from has {all}: everybody could say who they are ({way_out})");
        problems.at(from_at.unwrap_or(at), message);
    }
    let groups_at = groups.at;
    let user = user.get().unwrap_or_else(|| USER_HEADER.to_owned());
    let groups = groups.get().unwrap_or_else(|| GROUPS_HEADER.to_owned());
    if user.eq_ignore_ascii_case(&groups) {
        let message = format!("web.proxy has user and groups in one header, {user} (each needs its own)");
        problems.at(groups_at.unwrap_or(at), message);
    }
    (!networks.is_empty()).then_some(ProxyConfig { from: networks, user, groups })
}
