//! The name by which a browser calls us.
//!
//! Whoever is let in for being on this machine is a browser, and a browser runs other sites' scripts too. A site whose name
//! leads to this machine for a moment would read every page, as its own; but the browser then sends that name.

use std::net::IpAddr;

use axum::http::uri::Authority;
use axum::http::{HeaderMap, Uri, header};

/// Whether a request calls this machine by a name that no other site can have: `localhost`, or a loopback address.
pub fn is_this_machine(uri: &Uri, headers: &HeaderMap) -> bool {
    let named = || headers.get(header::HOST)?.to_str().ok()?.parse().ok();
    let authority: Option<Authority> = uri.authority().cloned().or_else(named);
    authority.is_some_and(|authority| is_loopback(authority.host()))
}

fn is_loopback(host: &str) -> bool {
    let plain = host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host);
    host.eq_ignore_ascii_case("localhost")
        || plain.parse().is_ok_and(|address: IpAddr| address.to_canonical().is_loopback())
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]
mod tests {
    use super::*;

    #[test]
    fn only_names_that_nobody_else_can_have_are_this_machine() {
        let is_ours = |host: &str| {
            let headers = HeaderMap::from_iter([(header::HOST, host.parse().unwrap())]);
            is_this_machine(&Uri::from_static("/"), &headers)
        };
        for host in ["localhost", "LocalHost:8080", "127.0.0.1", "127.1.2.3:1", "[::1]:8080", "[::ffff:127.0.0.1]"] {
            assert!(is_ours(host), "{host}");
        }
        for host in [
            "",
            "evil.example",
            "localhost.evil.example",
            "127.0.0.1.evil.example",
            "10.0.0.1",
            "localhost:x y",
            "[::2]",
        ] {
            assert!(!is_ours(host), "{host}");
        }
        assert!(!is_this_machine(&Uri::from_static("/"), &HeaderMap::new()));
        let headers = HeaderMap::from_iter([(header::HOST, "localhost".parse().unwrap())]);
        assert!(!is_this_machine(&Uri::from_static("http://evil.example/"), &headers));
    }
}
