//! Every page in a real browser: narrow and wide, light and dark, on paper, with the keyboard, and without script.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener};

use serde_json::{Value, json};

use crate::browser::{Sight, look};
use crate::served::Served;

/// Every page of the community `aveiro` whose books begin on 2024-05-06, a Monday.
fn sights(served: &Served) -> Vec<Sight> {
    let trades = served.market.json(&["trades", "--json"]);
    let is_shared = |trade: &&Value| trade["seller"] != "grid" && trade["buyer"] != "grid";
    let shared = trades.iter().find(is_shared).unwrap();
    let (start, member) = (shared["start"].as_str().unwrap(), shared["buyer"].as_str().unwrap());
    vec![
        Sight::new("home", "/"),
        Sight::new("community", "/c/aveiro"),
        Sight::new("day", "/c/aveiro?period=2024-05-07"),
        Sight::new("week", "/c/aveiro?period=2024-W19"),
        Sight::new("month", "/c/aveiro?period=2024-05"),
        Sight::new("year", "/c/aveiro?period=2024"),
        Sight::new("empty", "/c/aveiro?period=2023-01"),
        Sight::new("interval", format!("/c/aveiro/i/{start}")),
        Sight { sheets: Some(1), ..Sight::new("member", format!("/c/aveiro/m/{member}?period=2024-05")) },
        Sight::new("member-day", format!("/c/aveiro/m/{member}?period=2024-05-07")),
        Sight::new("compare", "/c/aveiro/compare"),
        Sight::new("compared", crate::rules::compared(served)),
        Sight::new("algorithms", "/c/aveiro/algorithms"),
        Sight::new("events", "/c/aveiro/events"),
        Sight::new("login", "/login"),
        Sight { status: 404, ..Sight::new("nowhere", "/c/nowhere") },
    ]
}

#[needs::browser]
#[test]
fn every_page_of_a_small_community_is_fit_for_every_screen_reader_and_printer() {
    let served = Served::simulated(12, 7, crate::served::OPEN, "");
    let sights = sights(&served);
    let looked = look(served.web, &["looks", "paper"], &sights, &json!({}));
    println!("{} pages in {:.1?}", sights.len(), looked.took);
    looked.is_good();
}

#[needs::browser]
#[test]
fn every_page_of_a_large_community_is_fit_for_every_screen_reader_and_printer() {
    let served = Served::simulated(45, 7, crate::served::OPEN, "");
    let sights = sights(&served);
    let looked = look(served.web, &["looks", "paper"], &sights, &json!({}));
    println!("{} pages in {:.1?}", sights.len(), looked.took);
    looked.is_good();
}

#[needs::browser]
#[test]
fn every_page_works_with_the_keyboard_alone_and_without_script() {
    let served = Served::small();
    let sights = sights(&served);
    let looked = look(served.web, &["keyboard", "plain", "readout"], &sights, &json!({}));
    looked.is_good();
    // There was something to reach, to ask for and to read out.
    let seen = &looked.seen["/c/aveiro?period=2024-W19"];
    assert!(seen["keyboard"].as_u64() > Some(10) && seen["plain"]["forms"].as_u64() > Some(0), "{seen}");
    assert!(seen["readout"].as_u64() > Some(0), "{seen}");
}

/// A page with one mistake of each kind, served until this is dropped.
fn wrong_page() -> SocketAddr {
    const PAGE: &str = "<!DOCTYPE html><html><head><title>wrong</title><style>body { color: #ccc; }</style>\
        <link rel=\"stylesheet\" href=\"/style.css\"></head><body><nav><a href=\"/\">home</a></nav><form><button tabindex=\"-1\">\
        go</button></form><main><p class=\"wide\" id=\"said\">grey</p><img src=\"http://127.0.0.2/x.png\"></main>\
        <script src=\"/script.js\"></script><script>late = 1</script></body></html>";
    const STYLE: &str = "body { color: #ddd; background: #eee; } .wide { width: 3000px; } a:focus { outline: none; }";
    const SCRIPT: &str = "console.log('hello'); document.querySelector('#said').textContent = 'only with script';";
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            let mut request = [0; 4096];
            let length = stream.read(&mut request).unwrap_or(0);
            let request = String::from_utf8_lossy(&request[..length]).into_owned();
            let (kind, body) = match request.split(' ').nth(1) {
                Some("/style.css") => ("text/css", STYLE),
                Some("/script.js") => ("text/javascript", SCRIPT),
                _ => ("text/html", PAGE),
            };
            let _ = write!(
                stream,
                "HTTP/1.1 200 OK\r\ncontent-type: {kind}\r\ncontent-length: {}\r\nconnection: close\r\n\
                 content-security-policy: default-src 'self'\r\n\r\n{body}",
                body.len()
            );
        }
    });
    address
}

#[needs::browser]
#[test]
fn the_browser_finds_what_it_looks_for() {
    let checks = ["looks", "paper", "keyboard", "plain"];
    let sight = Sight { sheets: Some(1), ..Sight::new("wrong", "/wrong") };
    let looked = look(wrong_page(), &checks, &[sight], &json!({}));
    for expected in [
        "looks /wrong: 360 px, light: wider than the screen: ",
        "looks /wrong: 1280 px, dark: wider than the screen: <p class=\"wide\"",
        "color-contrast",
        "html-has-lang",
        "image-alt",
        "looks /wrong: light: console log: hello",
        "looks /wrong: light: asks elsewhere: http://127.0.0.2/x.png",
        "looks /wrong: light: script-src-elem inline",
        "looks /wrong: light: style-src-elem inline",
        "paper /wrong: the paper is rgb(238, 238, 238)",
        "paper /wrong: 2 forms and navigations are printed",
        "paper /wrong: is ",
        "keyboard /wrong: nothing shows the focus on <a",
        "keyboard /wrong: the keyboard does not reach <button",
        "keyboard /wrong: the first stop is no link past the navigation: /",
        "plain /wrong: without script it lacks: only with script",
    ] {
        assert!(looked.findings.iter().any(|found| found.contains(expected)), "{expected}: {:#?}", looked.findings);
    }
}
