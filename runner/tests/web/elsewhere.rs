//! Requests that other sites make a browser send.

use crate::served::Served;

#[test]
fn a_name_that_is_not_this_machine_opens_nothing() {
    // Somebody's name may lead to this machine for a while: then a script of theirs asks us, from its own site as its browser
    // thinks. The name that the browser sends tells.
    let served = Served::small();
    let port = served.web.port();
    for (host, status) in [
        (format!("127.0.0.1:{port}"), 200),
        (format!("localhost:{port}"), 200),
        ("LOCALHOST".to_owned(), 200),
        ("[::1]".to_owned(), 200),
        (format!("evil.example:{port}"), 401),
        ("localhost.evil.example".to_owned(), 401),
        ("127.0.0.1.evil.example".to_owned(), 401),
        (String::new(), 401),
    ] {
        let bytes = format!("GET /c/aveiro HTTP/1.1\r\nhost: {host}\r\nconnection: close\r\n\r\n");
        let answer = crate::http::send(served.web, bytes.as_bytes()).unwrap();
        crate::headers::is_strict(&host, &answer);
        assert_eq!(answer.status, status, "{host:?}");
        if status != 200 {
            assert!(!answer.text().contains("kWh"), "{}", answer.text());
        }
    }
}

#[test]
fn no_other_site_is_allowed_to_read_an_answer_or_to_send_a_form() {
    let served = Served::small();
    let elsewhere = [("origin", "https://evil.example"), ("sec-fetch-site", "cross-site"), ("sec-fetch-mode", "cors")];
    for method in ["GET", "OPTIONS", "POST"] {
        let answer = served.ask(method, "/c/aveiro", &elsewhere, b"");
        crate::headers::is_strict(method, &answer);
        assert!(answer.headers.iter().all(|(name, _)| !name.starts_with("access-control-")), "{answer:?}");
        assert!(method != "POST" || answer.status >= 400, "{answer:?}");
    }
}
