//! What every answer says to a browser, whatever was asked.

use crate::http::{self, Answer};
use crate::served::Served;

/// Everything that may be on a page comes from where the page comes from, and nothing else may be.
const POLICY: &str = "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self'; connect-src 'self'; \
                      form-action 'self'; base-uri 'none'; frame-ancestors 'none'";

/// What was asked, and whether the answer may be kept.
const ASKED: [(&str, &str); 12] = [
    ("GET", "/"),
    ("GET", "/c/aveiro"),
    ("GET", "/c/aveiro?period=2024-05-06"),
    ("GET", "/c/aveiro.json"),
    ("GET", "/c/nowhere"),
    ("GET", "/c/aveiro/m/nobody"),
    ("GET", "/c/aveiro/i/2024-05-06T12:00:00Z"),
    ("GET", "/c/aveiro?period=never"),
    ("GET", "/nothing/here"),
    ("HEAD", "/"),
    ("POST", "/c/aveiro"),
    ("DELETE", "/"),
];

/// Asserts the headers that no answer may lack.
#[track_caller]
pub fn is_strict(asked: &str, answer: &Answer) {
    for (name, value) in [
        ("content-security-policy", POLICY),
        ("x-content-type-options", "nosniff"),
        ("referrer-policy", "no-referrer"),
        ("cross-origin-resource-policy", "same-origin"),
        ("cross-origin-opener-policy", "same-origin"),
    ] {
        assert_eq!(answer.header(name), Some(value), "{name} of {asked}: {answer:?}");
    }
    for leaking in ["server", "x-powered-by", "access-control-allow-origin"] {
        assert_eq!(answer.header(leaking), None, "{leaking} of {asked}");
    }
}

#[test]
fn every_answer_has_the_strict_headers_and_no_page_is_kept() {
    let served = Served::small();
    for (method, path) in ASKED {
        let answer = served.ask(method, path, &[], b"");
        let asked = format!("{method} {path}");
        is_strict(&asked, &answer);
        assert_eq!(answer.header("cache-control"), Some("no-store"), "{asked}");
        assert!(answer.status < 500, "{asked}: {answer:?}");
    }
}

#[test]
fn style_sheet_script_and_icon_are_kept_by_browsers_until_they_change() {
    let served = Served::small();
    let home = served.get("/").is(200);
    let links: Vec<String> = ["href", "src"]
        .iter()
        .flat_map(|name| home.text().split(&format!(" {name}=\"")).skip(1).collect::<Vec<_>>())
        .filter_map(|rest| Some(rest.split_once('"')?.0.to_owned()))
        .filter(|link| [".css", ".js", ".svg"].iter().any(|ending| link.ends_with(ending)))
        .collect();
    assert_eq!(links.len(), 3, "{links:?}");
    for link in links {
        let answer = served.get(&link).is(200);
        is_strict(&link, &answer);
        assert!(!link.ends_with(".js") || answer.text().lines().count() <= 200, "a script that anybody can read");
        assert_eq!(answer.header("cache-control"), Some("public, max-age=31536000, immutable"));
        let tag = answer.header("etag").unwrap();
        let again = served.get_with(&link, &[("if-none-match", tag)]).is(304);
        is_strict(&link, &again);
        assert!(again.body.is_empty());
        // Another tag is another file, and another name none of ours.
        served.get_with(&link, &[("if-none-match", "\"other\"")]).is(200);
        assert_eq!(served.get(&link.replace('-', "-0")).status, 404);
    }
}

#[test]
fn what_is_no_http_gets_no_page() {
    let served = Served::small();
    for bytes in [&b"\x16\x03\x01\x02\x00\x01\x00\x01"[..], b"GET / HTTP/9.9\r\n\r\n", b"\r\n\r\n\0\0\0"] {
        let answer = http::send(served.web, bytes);
        assert!(answer.is_none_or(|answer| (400..500).contains(&answer.status)), "{bytes:?}");
    }
    assert_eq!(served.get("/").status, 200);
}
