//! The demo in a browser.

use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::process::Child;

use serde_json::json;
use testkit::*;

use crate::browser::{Sight, look, repository};
use crate::http;

/// The demo, while it serves its page. Killed when dropped.
struct Demo {
    child: Child,
    web: SocketAddr,
    /// What it printed until then.
    told: String,
    _folder: Folder,
}

impl Demo {
    fn start(arguments: &[&str]) -> Demo {
        let folder = Folder::new();
        let arguments = [&["demo", "--serve=127.0.0.1:0"], arguments].concat();
        let mut child = folder.command(&arguments).spawn().unwrap();
        let mut out = BufReader::new(child.stdout.take().unwrap());
        let mut told = String::new();
        let web = loop {
            let mut line = String::new();
            assert!(out.read_line(&mut line).unwrap() > 0, "it ended: {told}");
            told.push_str(&line);
            if let Some((_, address)) = line.split_once("http://127.0.0.1:") {
                let port: u16 = address.split('/').next().unwrap().parse().unwrap();
                break SocketAddr::from(([127, 0, 0, 1], port));
            }
        };
        Demo { child, web, told, _folder: folder }
    }
}

impl Drop for Demo {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[test]
fn the_demo_stays_open_in_a_browser_until_it_is_told_to_end() {
    let mut demo = Demo::start(&["--days", "2", "--members", "6"]);
    assert!(demo.told.contains("balance to the watt-hour") && demo.told.contains("(Ctrl-C ends it)"), "{}", demo.told);
    assert!(!demo.told.contains("demo --serve"), "{}", demo.told);
    for path in ["/", "/c/sunny-street", "/c/sunny-street?period=2024-05-07", "/c/sunny-street/algorithms"] {
        assert_eq!(http::ask(demo.web, "GET", path, &[], b"").is(200).header("cache-control"), Some("no-store"));
    }
    signal(demo.child.id(), "INT");
    assert!(demo.child.wait().unwrap().success());
}

#[test]
fn the_demo_is_only_for_this_machine_and_says_how_to_see_it() {
    let folder = Folder::new();
    let short = ["demo", "--days", "1", "--members", "2"];
    folder.run(&[&short[..], &["--serve=0.0.0.0:0"]].concat()).refused(2, &["--serve=0.0.0.0:0", "127.0.0.1:8080"]);
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let taken = format!("--serve={}", taken.local_addr().unwrap());
    folder.run(&[&short[..], &[&taken]].concat()).refused(2, &[&taken, "cannot listen there"]);
    folder.run(&["demo", "--serve", "--json"]).misused(&["--json"]);
    folder.run(&short).ends_with(0).shows(&["rec-market demo --serve"]);
}

#[needs::browser]
#[test]
fn the_picture_in_the_readme_shows_the_demo_as_it_is() {
    let demo = Demo::start(&[]);
    #[allow(clippy::disallowed_methods, reason = "the environment says whether to make it")]
    let make = std::env::var_os("REC_MARKET_TEST_PICTURES").is_some();
    let picture = repository("docs/community.png");
    let sight = Sight::new("readme", "/c/sunny-street?period=2024-W19");
    let looked = look(demo.web, &["picture"], &[sight], &json!({"picture": picture, "make": make}));
    looked.is_good();
    println!("{}", looked.seen);
    let readme = std::fs::read_to_string(repository("README.md")).unwrap();
    assert!(readme.contains("(docs/community.png)"), "the README shows it");
}
