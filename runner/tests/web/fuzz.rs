//! Addresses, parameters and heads that nobody meant: each has an answer, strict, small and soon, and never an error of ours.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::{Duration, Instant};

use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};

use crate::headers::is_strict;
use crate::http::{self, Answer};
use crate::served::Served;

/// The largest answer to anything, in bytes: a page of everything that there is here, and room.
const BYTES_MAX: usize = 4 << 20;
/// How long an answer may take. Far more than it takes, because machines are busy.
const ANSWER_MAX: Duration = Duration::from_secs(20);
/// Cases of each property.
const CASES: u32 = 400;

/// A connection over which one request follows another, as long as the other side likes.
struct Conversation {
    to: SocketAddr,
    stream: Option<TcpStream>,
}

impl Conversation {
    /// Sends the head of a request; the answer, if it has one before the connection ends.
    fn ask(&mut self, head: &[u8]) -> Option<Answer> {
        let mut stream = self.stream.take().unwrap_or_else(|| TcpStream::connect(self.to).unwrap());
        stream.set_read_timeout(Some(ANSWER_MAX)).unwrap();
        let mut read = Vec::new();
        // It may have closed the connection after its last answer: then once more on another one.
        if stream.write_all(head).is_err() || !read_answer(&mut stream, &mut read) {
            stream = TcpStream::connect(self.to).unwrap();
            stream.set_read_timeout(Some(ANSWER_MAX)).unwrap();
            read.clear();
            let _ = stream.write_all(head);
            if !read_answer(&mut stream, &mut read) {
                return Answer::parse(&read);
            }
        }
        let answer = Answer::parse(&read)?;
        if answer.header("connection") != Some("close") {
            self.stream = Some(stream);
        }
        Some(answer)
    }
}

/// Reads until an answer is complete by its own word; whether it became so.
fn read_answer(stream: &mut TcpStream, read: &mut Vec<u8>) -> bool {
    let mut part = [0; 1 << 16];
    loop {
        if let Some(answer) = Answer::parse(read) {
            let length = answer.header("content-length").and_then(|length| length.parse().ok());
            let is_empty = answer.status == 304 || answer.status == 204;
            if is_empty || length.is_some_and(|length: usize| answer.body.len() >= length) {
                return true;
            }
        }
        match stream.read(&mut part) {
            Ok(0) | Err(_) => return false,
            Ok(count) => read.extend_from_slice(&part[..count]),
        }
    }
}

/// The laws of every answer. A head that is no HTTP may be refused with an empty answer or none.
fn holds(asked: &[u8], answer: Option<Answer>, took: Duration) -> Result<(), TestCaseError> {
    let asked = String::from_utf8_lossy(asked).into_owned();
    prop_assert!(took < ANSWER_MAX, "{took:?} for {asked}");
    let Some(answer) = answer else { return Ok(()) };
    prop_assert!(answer.status < 500, "{asked}: {answer:?}");
    prop_assert!(answer.body.len() <= BYTES_MAX, "{} bytes for {asked}", answer.body.len());
    let is_of_server = (400..500).contains(&answer.status) && answer.body.is_empty();
    if !is_of_server || answer.header("content-security-policy").is_some() {
        is_strict(&asked, &answer);
    }
    let text = String::from_utf8_lossy(&answer.body);
    prop_assert!(!text.contains("<b>x") && !text.contains("panicked"), "{asked}: {text}");
    Ok(())
}

fn check(name: &str, served: &Served, heads: impl Strategy<Value = Vec<u8>>) {
    let mut runner = TestRunner::new(Config { cases: CASES, failure_persistence: None, ..Config::default() });
    let conversation = std::cell::RefCell::new(Conversation { to: served.web, stream: None });
    let result = runner.run(&heads, |head| {
        let asked = Instant::now();
        let answer = conversation.borrow_mut().ask(&head);
        holds(&head, answer, asked.elapsed())
    });
    result.unwrap_or_else(|error| panic!("{name}: {error}"));
}

/// Parts of paths and queries: what pages have, and nearly that.
const KNOWN: &[&str] = &[
    "",
    "c",
    "i",
    "m",
    "aveiro",
    "compare",
    "algorithms",
    "events",
    "login",
    "logout",
    "link",
    "start",
    "cancel",
    "2024-05-06T12:00:00Z",
    "2024-05-06T12:00:00+02:00",
    "9999-12-31T23:45:00Z",
    "-009999-01-01T00:00:00Z",
    "2024-05",
    "2024-W19",
    "2024-W53",
    "2024",
    "2024-02-30",
    "0000",
    "9999-12-31",
    "-1",
    "99999999999999999999",
    "NaN",
    "1e9",
    "null",
    "..",
    ".",
    "%2e%2e",
    "%2F",
    "%00",
    "%ff",
    "%",
    "%zz",
    "%e2%80%ae",
    "%0d%0aset-cookie:x",
    "<b>x",
    "%3Cb%3Ex",
    "'\"`",
    "{{7*7}}",
    "${x}",
    "a.json",
    ".json",
    "x.csv",
    "maple-01",
    "grid",
    "operator",
    "100",
];
/// What parameters are called.
const KEYS: &[&str] =
    &["period", "lang", "sort", "show", "code", "meter", "from", "to", "after", "limit", "with", "id", "x", ""];

/// A part of a path or of a query: known, or anything.
fn part() -> impl Strategy<Value = String> {
    prop_oneof![
        6 => proptest::sample::select(KNOWN).prop_map(str::to_owned),
        2 => "[!-~]{0,20}",
        1 => "[a-z0-9%.]{200,400}",
        1 => any::<String>().prop_map(|text| escaped(&text)),
    ]
}

fn escaped(text: &str) -> String {
    text.bytes().map(|byte| format!("%{byte:02x}")).collect()
}

fn query() -> impl Strategy<Value = String> {
    let parameter = (proptest::sample::select(KEYS), part()).prop_map(|(key, value)| format!("{key}={value}"));
    proptest::collection::vec(prop_oneof![9 => parameter, 1 => part()], 0..6).prop_map(|all| all.join("&"))
}

/// A path that leads somewhere, or nearly.
fn path() -> impl Strategy<Value = String> {
    let near = ["/", "/c/aveiro", "/c/aveiro/", "/c/aveiro/m/", "/c/aveiro/i/", "/c/", "//"];
    let near = (proptest::sample::select(near.to_vec()), part()).prop_map(|(start, part)| format!("{start}{part}"));
    let any = proptest::collection::vec(part(), 0..6).prop_map(|parts| format!("/{}", parts.join("/")));
    let form = proptest::sample::select(vec!["", "", ".json", ".csv"]);
    (prop_oneof![3 => near, 2 => any], form).prop_map(|(path, form)| path + form)
}

fn head(method: &str, address: &str, headers: &str) -> Vec<u8> {
    format!("{method} {address} HTTP/1.1\r\nhost: localhost\r\n{headers}\r\n").into_bytes()
}

#[test]
fn every_known_value_everywhere_has_a_strict_answer() {
    let served = Served::small();
    let mut conversation = Conversation { to: served.web, stream: None };
    let pages = ["/c/aveiro", "/c/aveiro/m/maple-01.json"];
    let queries = KEYS.iter().flat_map(|key| pages.map(|page| format!("{page}?{key}=")));
    let starts = ["/", "/c/", "/c/aveiro/", "/c/aveiro/i/", "/c/aveiro/m/"].map(str::to_owned);
    for start in queries.chain(starts) {
        for value in KNOWN {
            let head = head("GET", &format!("{start}{value}"), "");
            let asked = Instant::now();
            let answer = conversation.ask(&head);
            holds(&head, answer, asked.elapsed()).unwrap();
        }
    }
}

#[test]
fn any_path_with_any_query_has_a_strict_answer() {
    let served = Served::small();
    let addresses = (path(), query()).prop_map(|(path, query)| head("GET", &format!("{path}?{query}"), ""));
    check("path and query", &served, addresses);
    let parameters = query().prop_map(|query| head("GET", &format!("/c/aveiro?{query}"), ""));
    check("query of a page that is there", &served, parameters);
}

#[test]
fn any_method_and_any_header_has_a_strict_answer() {
    let served = Served::small();
    let methods = ["GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS", "PATCH", "TRACE", "CONNECT", "get", "X"];
    let names = [
        "accept-language",
        "accept",
        "cookie",
        "authorization",
        "origin",
        "referer",
        "sec-fetch-site",
        "x-forwarded-for",
        "forwarded",
        "remote-user",
        "remote-groups",
        "if-none-match",
        "range",
        "content-type",
        "accept-encoding",
        "x",
    ];
    let header = (proptest::sample::select(names.to_vec()), "[ -~]{0,40}")
        .prop_map(|(name, value)| format!("{name}: {value}\r\n"));
    let headers = proptest::collection::vec(header, 0..6).prop_map(|all| all.concat());
    let requests = (proptest::sample::select(methods.to_vec()), path(), headers)
        .prop_map(|(method, path, headers)| head(method, &path, &headers));
    // The body of an answer to HEAD is as long as it says, and yet not there.
    check("method and headers", &served, requests.prop_filter("has no body", |head| !head.starts_with(b"HEAD")));
    assert_eq!(served.get("/").status, 200);
}

#[test]
fn any_bytes_in_a_head_do_no_harm() {
    let mut served = Served::small();
    let noise = proptest::collection::vec(any::<u8>(), 0..300);
    let heads = (noise.clone(), noise).prop_map(|(path, header)| {
        [b"GET /c/", &path[..], b" HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\nx: ", &header, b"\r\n\r\n"]
            .concat()
    });
    let mut runner = TestRunner::new(Config { cases: 100, failure_persistence: None, ..Config::default() });
    let to = served.web;
    let sent = |bytes: Vec<u8>| {
        let asked = Instant::now();
        let mut stream = TcpStream::connect(to).unwrap();
        // What is no head yet has no end either: nobody waits for it here.
        stream.set_read_timeout(Some(Duration::from_millis(300))).unwrap();
        let _ = stream.write_all(&bytes);
        let _ = stream.shutdown(std::net::Shutdown::Write);
        let mut read = Vec::new();
        let _ = stream.read_to_end(&mut read);
        holds(&bytes, Answer::parse(&read), asked.elapsed())
    };
    runner.run(&heads, sent).unwrap();
    assert!(served.service.runs());
    assert_eq!(http::ask(to, "GET", "/", &[], b"").status, 200);
}

#[test]
fn what_is_overlong_is_refused_at_once() {
    let served = Served::small();
    let long = "x".repeat(100_000);
    for (path, header) in
        [(format!("/c/{long}"), ""), (format!("/c/aveiro?period={long}"), ""), ("/".to_owned(), long.as_str())]
    {
        let bytes = format!("GET {path} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\nx: {header}\r\n\r\n");
        let answer = http::send(served.web, bytes.as_bytes());
        assert!(answer.is_none_or(|answer| (400..500).contains(&answer.status) && answer.body.len() < 10_000));
    }
    let many: String = (0..500).map(|number| format!("x{number}: y\r\n")).collect();
    let bytes = format!("GET / HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n{many}\r\n");
    assert!(http::send(served.web, bytes.as_bytes()).is_none_or(|answer| answer.status >= 400));
    // More parameters than anybody means.
    let parameters = vec!["period=2024-05"; 100].join("&");
    let answer = served.get(&format!("/c/aveiro?{parameters}"));
    assert!((400..500).contains(&answer.status), "{}", answer.status);
}
