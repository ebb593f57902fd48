//! What requests say of where they come from: the word of the proxy, the address behind it, and whether a browser sends them
//! from our own pages.

use std::net::IpAddr;

use axum::http::{HeaderMap, HeaderName, HeaderValue, header};

use crate::config::{GROUPS_HEADER, ProxyConfig, USER_HEADER};

/// Where browsers say which site a request comes from (Fetch Metadata).
const FETCH_SITE: HeaderName = HeaderName::from_static("sec-fetch-site");
/// In which proxies name who calls them.
const FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");
/// What nobody sends but a proxy.
const OF_PROXIES: [HeaderName; 4] =
    [FORWARDED_FOR, header::FORWARDED, header::VIA, HeaderName::from_static("x-real-ip")];

/// A header that only the proxy may set, from somebody else.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Forged {
    pub(super) header: String,
}

/// Whom the proxy names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Named {
    pub(super) user: String,
    pub(super) groups: Vec<String>,
}

/// Whom the proxy names, if this request comes from the proxy and names anybody.
///
/// # Errors
/// If the request has the proxy's header and does not come from it: somebody makes up who they are. Where there is no proxy, its
/// usual headers count as made up.
pub(super) fn named(proxy: Option<&ProxyConfig>, peer: IpAddr, headers: &HeaderMap) -> Result<Option<Named>, Forged> {
    let names = proxy.map_or([USER_HEADER, GROUPS_HEADER], |proxy| [&*proxy.user, &*proxy.groups]);
    if !is_proxy(proxy, peer) {
        let made_up = names.into_iter().find(|name| headers.contains_key(*name));
        return made_up.map_or(Ok(None), |name| Err(Forged { header: name.to_owned() }));
    }
    let [user, groups] = names;
    let values = |name| headers.get_all(name).iter().map(text).collect::<Vec<String>>();
    match values(user).as_slice() {
        [] => Ok(None),
        [user] if user.is_empty() => Ok(None),
        [user] => {
            let groups = values(groups);
            let groups =
                groups.iter().flat_map(|list| list.split(',')).map(str::trim).filter(|group| !group.is_empty());
            Ok(Some(Named { user: user.clone(), groups: groups.map(str::to_owned).collect() }))
        }
        // The proxy adds its own to what somebody sent, and does not take that away.
        _ => Err(Forged { header: user.to_owned() }),
    }
}

fn text(value: &HeaderValue) -> String {
    String::from_utf8_lossy(value.as_bytes()).trim().to_owned()
}

fn is_proxy(proxy: Option<&ProxyConfig>, peer: IpAddr) -> bool {
    proxy.is_some_and(|proxy| proxy.from.iter().any(|network| network.contains(&peer)))
}

/// The address of whoever asks, as far as it is known: what the proxy added to the list of those before it, or else the other end
/// of the connection. Only how fast somebody may guess depends on it.
pub(super) fn address(proxy: Option<&ProxyConfig>, peer: IpAddr, headers: &HeaderMap) -> IpAddr {
    let added = || {
        let last = headers.get_all(FORWARDED_FOR).iter().next_back()?.to_str().ok()?;
        last.rsplit(',').next()?.trim().parse::<IpAddr>().ok()
    };
    let behind = if is_proxy(proxy, peer) { added() } else { None };
    behind.unwrap_or(peer).to_canonical()
}

/// Whether somebody on this machine asks, by the name of this machine, and not through anything. A page from elsewhere whose name
/// leads to this machine has another name in its requests (DNS rebinding).
pub(super) fn is_here(peer: IpAddr, headers: &HeaderMap) -> bool {
    let is_local = |host: &str| {
        let name = match host.strip_prefix('[') {
            Some(six) => six.split_once(']').map(|(name, _)| name).unwrap_or_default(),
            None => host.split(':').next().unwrap_or_default(),
        };
        name.eq_ignore_ascii_case("localhost") || name.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
    };
    let is_direct = !OF_PROXIES.iter().any(|name| headers.contains_key(name));
    peer.is_loopback() && is_direct && host(headers).is_some_and(is_local)
}

/// The only host that a request names.
fn host(headers: &HeaderMap) -> Option<&str> {
    let mut hosts = headers.get_all(header::HOST).iter();
    let host = hosts.next()?.to_str().ok()?;
    hosts.next().is_none().then_some(host)
}

/// Whether a request that changes something comes from our own pages: by what browsers say of its site, or by its origin. Without
/// either, it is not known, and could come from any page.
pub fn is_from_own_page(headers: &HeaderMap) -> bool {
    if let Some(site) = headers.get(FETCH_SITE) {
        return site.as_bytes() == b"same-origin";
    }
    let origin = headers.get(header::ORIGIN).and_then(|origin| origin.to_str().ok());
    let of = origin.and_then(|origin| origin.strip_prefix("https://").or_else(|| origin.strip_prefix("http://")));
    of.is_some_and(|origin| host(headers).is_some_and(|host| host.eq_ignore_ascii_case(origin)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(lines: &[(&str, &str)]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for (name, value) in lines {
            headers.append(HeaderName::try_from(*name).unwrap(), HeaderValue::from_str(value).unwrap());
        }
        headers
    }

    fn proxy() -> ProxyConfig {
        let from = ["10.0.0.5/32", "fd00::/64"].map(|network| network.parse().unwrap()).to_vec();
        ProxyConfig { from, user: "X-User".to_owned(), groups: "X-Groups".to_owned() }
    }

    fn peer(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    #[test]
    fn the_proxys_word_counts_from_its_own_addresses_only() {
        let proxy = proxy();
        let ana = headers(&[("x-user", " ana "), ("X-Groups", "board, ,staff"), ("x-groups", "rec")]);
        let groups = ["board", "staff", "rec"].map(str::to_owned).to_vec();
        let expected = Named { user: "ana".to_owned(), groups };
        for from in ["10.0.0.5", "fd00::7"] {
            assert_eq!(named(Some(&proxy), peer(from), &ana), Ok(Some(expected.clone())), "{from}");
        }
        for from in ["10.0.0.6", "127.0.0.1", "::1", "fd00:0:0:1::7"] {
            assert_eq!(named(Some(&proxy), peer(from), &ana), Err(Forged { header: "X-User".to_owned() }), "{from}");
            assert_eq!(named(Some(&proxy), peer(from), &headers(&[])), Ok(None));
        }
        // Its second header alone is made up as well.
        let groups = headers(&[("X-Groups", "board")]);
        assert_eq!(named(Some(&proxy), peer("10.0.0.6"), &groups), Err(Forged { header: "X-Groups".to_owned() }));
    }

    #[test]
    fn a_proxy_names_one_person_or_nobody() {
        let proxy = proxy();
        let of = |lines: &[(&str, &str)]| named(Some(&proxy), peer("10.0.0.5"), &headers(lines));
        assert_eq!(of(&[]), Ok(None));
        assert_eq!(of(&[("x-user", ""), ("x-groups", "board")]), Ok(None));
        assert_eq!(of(&[("x-groups", "board")]), Ok(None));
        assert_eq!(of(&[("x-user", "ana"), ("x-user", "eve")]), Err(Forged { header: "X-User".to_owned() }));
        // Other headers with a proxy's usual names are not its.
        assert_eq!(of(&[("remote-user", "eve")]), Ok(None));
    }

    #[test]
    fn without_a_proxy_its_usual_headers_are_made_up() {
        let made_up = Err(Forged { header: "Remote-User".to_owned() });
        assert_eq!(named(None, peer("127.0.0.1"), &headers(&[("remote-user", "ana")])), made_up);
        assert_eq!(named(None, peer("127.0.0.1"), &headers(&[("x-user", "ana")])), Ok(None));
    }

    #[test]
    fn who_guesses_through_the_proxy_is_known_by_what_the_proxy_adds() {
        let proxy = proxy();
        let list = headers(&[("x-forwarded-for", "192.0.2.9"), ("x-forwarded-for", "198.51.100.1, 192.0.2.1")]);
        let of = |from: &str, headers: &HeaderMap| address(Some(&proxy), peer(from), headers).to_string();
        assert_eq!(of("10.0.0.5", &list), "192.0.2.1");
        assert_eq!(of("10.0.0.6", &list), "10.0.0.6");
        assert_eq!(of("10.0.0.5", &headers(&[("x-forwarded-for", "unknown")])), "10.0.0.5");
        assert_eq!(of("10.0.0.5", &headers(&[("x-forwarded-for", "::ffff:192.0.2.1")])), "192.0.2.1");
        assert_eq!(of("10.0.0.5", &headers(&[])), "10.0.0.5");
    }

    #[test]
    fn this_machine_is_known_by_its_own_names_only() {
        let is_here = |from: &str, lines: &[(&str, &str)]| is_here(peer(from), &headers(lines));
        for host in ["localhost", "LOCALHOST:8080", "127.0.0.1:8080", "127.0.0.9", "[::1]:8080", "[::1]"] {
            assert!(is_here("127.0.0.1", &[("host", host)]), "{host}");
            assert!(is_here("::1", &[("host", host)]), "{host}");
            assert!(!is_here("10.0.0.1", &[("host", host)]), "{host}");
        }
        for host in [
            "",
            "evil.example",
            "localhost.evil.example",
            "127.0.0.1.evil.example:8080",
            "0.0.0.0",
            "10.0.0.1",
            "[::2]",
            "::1",
            "[::1",
            "localhost@evil.example",
        ] {
            assert!(!is_here("127.0.0.1", &[("host", host)]), "{host}");
        }
        assert!(!is_here("127.0.0.1", &[]));
        assert!(!is_here("127.0.0.1", &[("host", "localhost"), ("host", "localhost")]));
        for header in ["x-forwarded-for", "forwarded", "via", "x-real-ip"] {
            assert!(!is_here("127.0.0.1", &[("host", "localhost"), (header, "127.0.0.1")]), "{header}");
        }
    }

    #[test]
    fn what_changes_something_comes_from_our_own_pages() {
        let own = |lines: &[(&str, &str)]| is_from_own_page(&headers(lines));
        let host = ("host", "rec.example:8443");
        assert!(own(&[host, ("sec-fetch-site", "same-origin")]));
        // Pages that send no referrer send no origin either.
        assert!(own(&[host, ("sec-fetch-site", "same-origin"), ("origin", "null")]));
        assert!(own(&[host, ("origin", "https://rec.example:8443")]));
        assert!(own(&[host, ("origin", "http://REC.example:8443")]));
        for site in ["cross-site", "same-site", "none", ""] {
            assert!(!own(&[host, ("sec-fetch-site", site), ("origin", "https://rec.example:8443")]), "{site}");
        }
        for origin in
            ["null", "https://evil.example", "https://rec.example", "rec.example:8443", "https://rec.example:8443.evil"]
        {
            assert!(!own(&[host, ("origin", origin)]), "{origin}");
        }
        assert!(!own(&[host]));
        assert!(!own(&[("origin", "https://rec.example:8443")]));
    }
}
