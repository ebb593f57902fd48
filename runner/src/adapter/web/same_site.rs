//! Whether a form was sent from a page of this server: nobody else's page may make a viewer's browser do anything here.
//!
//! Browsers say it themselves and let no page say otherwise: `Sec-Fetch-Site` where the connection is private (W3C Fetch
//! Metadata), and `Origin` with everything that is sent (RFC 6454). Whoever says neither is no browser of today, and is refused.
//! Cookies with `SameSite=Strict` are the second wall.

use axum::http::header::{HOST, ORIGIN};
use axum::http::{HeaderMap, HeaderName};

const SEC_FETCH_SITE: HeaderName = HeaderName::from_static("sec-fetch-site");

/// Whether what was sent came from a page of this server.
pub fn is_same_site(headers: &HeaderMap) -> bool {
    match (only(headers, &SEC_FETCH_SITE), only(headers, &ORIGIN), only(headers, &HOST)) {
        (Said::Twice, ..) | (_, Said::Twice, _) | (.., Said::Twice) => false,
        // It counts alone: a proxy may have put another name into `Host`.
        (Said::Once(site), ..) => site == "same-origin",
        (Said::Nothing, Said::Once(origin), Said::Once(host)) => is_at(origin, host),
        (Said::Nothing, ..) => false,
    }
}

/// What a header says.
#[derive(Clone, Copy)]
enum Said<'h> {
    Nothing,
    Once(&'h str),
    /// More than once, or no text: nobody knows which one counts.
    Twice,
}

fn only<'h>(headers: &'h HeaderMap, name: &HeaderName) -> Said<'h> {
    let mut values = headers.get_all(name).iter();
    match (values.next(), values.next()) {
        (None, _) => Said::Nothing,
        (Some(value), None) => value.to_str().map_or(Said::Twice, Said::Once),
        (Some(_), Some(_)) => Said::Twice,
    }
}

/// Whether an origin is at this host and port. The scheme is not compared: a proxy may end the private connection.
fn is_at(origin: &str, host: &str) -> bool {
    let at = |scheme: &str, port: &str| {
        let place = origin.strip_prefix(scheme)?;
        let bare = |name: &'_ str| name.strip_suffix(port).unwrap_or(name).to_ascii_lowercase();
        Some(!host.is_empty() && bare(place) == bare(host))
    };
    at("https://", ":443").or_else(|| at("http://", ":80")).unwrap_or(false)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn allows(headers: &[(&'static str, &'static str)]) -> bool {
        let mut map = HeaderMap::new();
        for (name, value) in headers {
            map.append(HeaderName::from_static(name), value.parse().unwrap());
        }
        is_same_site(&map)
    }

    #[test]
    fn only_what_a_page_of_this_server_sends_is_taken() {
        let host = ("host", "market.example:8080");
        let origin = |origin| ("origin", origin);
        for headers in [
            &[host, ("sec-fetch-site", "same-origin")][..],
            &[host, origin("http://market.example:8080")],
            &[host, origin("https://MARKET.example:8080")],
            &[("host", "market.example"), origin("https://market.example")],
            &[("host", "market.example"), origin("https://market.example:443")],
            &[("host", "[::1]:8080"), origin("http://[::1]:8080")],
            // The proxy calls it otherwise.
            &[("host", "backend"), origin("https://market.example"), ("sec-fetch-site", "same-origin")],
        ] {
            assert!(allows(headers), "{headers:?}");
        }
        for headers in [
            &[host][..],
            &[],
            &[host, origin("null")],
            &[host, origin("https://evil.example")],
            &[host, origin("https://market.example:8080.evil.example")],
            &[host, origin("https://market.example")],
            &[host, origin("market.example:8080")],
            &[origin("https://market.example:8080")],
            &[("host", ""), origin("https://")],
            &[host, origin("http://market.example:8080"), ("sec-fetch-site", "cross-site")],
            &[host, ("sec-fetch-site", "same-site")],
            &[host, ("sec-fetch-site", "none")],
            &[host, ("sec-fetch-site", "same-origin"), ("sec-fetch-site", "cross-site")],
            &[host, origin("http://market.example:8080"), origin("http://evil.example")],
        ] {
            assert!(!allows(headers), "{headers:?}");
        }
    }
}
