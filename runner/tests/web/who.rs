//! Who may look: how each is known, and what becomes of those who are not.

use serde_json::Value;
use testkit::*;

use crate::headers::is_strict;
use crate::http::Answer;
use crate::served::Served;

mod kept;
mod tls;

const ANA: &str = "anas-token-0123456789";
const BEA: &str = "beas token & of+the%board";
/// A manager and a board, by tokens.
const VIEWERS: &str = "[[viewer]]\nname = \"Ana\"\nrole = \"manager\"\ntoken_file = \"ana.token\"
[[viewer]]\nname = \"Bea\"\nrole = \"board\"\ntoken_file = \"bea.token\"\n";
pub const OWN_PAGE: (&str, &str) = ("sec-fetch-site", "same-origin");

/// The members a, b and c in one interval, and everybody who may look.
fn served(keys: &str) -> Served {
    let texts = ["a 12:00 0 0", "b 12:00 0 0", "c 12:00 0 0", "a 12:15 0 100", "b 12:15 60 0", "c 12:15 5 0"];
    let meters = Meters::telling(&texts);
    let market = Market::serving(&meters, keys, "");
    market.file("ana.token", ANA);
    market.file("bea.token", format!("{BEA}\n"));
    Served::start(market, [meters])
}

/// A text as a form sends it.
fn in_form(text: &str) -> String {
    text.bytes().map(|byte| format!("%{byte:02x}")).collect()
}

/// Sends the form for a token to a page.
fn log_in_at(served: &Served, path: &str, token: &str, headers: &[(&str, &str)]) -> Answer {
    let body = format!("token={}", in_form(token));
    let kind = [("content-type", "application/x-www-form-urlencoded")];
    served.ask("POST", path, &[&kind, headers].concat(), body.as_bytes())
}

fn log_in(served: &Served, token: &str) -> Answer {
    log_in_at(served, "/login", token, &[OWN_PAGE])
}

/// The cookie that an answer sets, as a browser sends it back.
#[track_caller]
fn cookie(answer: &Answer) -> String {
    let set = answer.header("set-cookie").unwrap_or_else(|| panic!("no cookie: {answer:?}"));
    set.split(';').next().unwrap().to_owned()
}

/// A page as whoever has this cookie sees it.
fn page(served: &Served, path: &str, cookie: &str) -> Answer {
    served.get_with(path, &[("cookie", cookie)])
}

#[track_caller]
fn is_signed_in(answer: &Answer, name: &str) {
    assert!(answer.text().contains(&format!("Signed in as {name}")), "{}: {}", answer.status, answer.text());
}

/// Makes a link for a member; its path and its id.
fn link(served: &Served, member: &str, more: &[&str]) -> (String, String) {
    let arguments = ["link", "create", "--community", "aveiro", "--member", member, "--by", "Ana", "--json"];
    let address = format!("http://{}", served.web);
    let made = served.market.json(&[&arguments[..], &["--url", &address], more].concat()).remove(0);
    let url = made["url"].as_str().unwrap().to_owned();
    (url.strip_prefix(&address).unwrap().to_owned(), made["id"].as_str().unwrap().to_owned())
}

/// The status, the headers but for the date, and the body.
fn whole(answer: Answer) -> (u16, Vec<(String, String)>, String) {
    let headers = answer.headers.iter().filter(|(name, _)| name != "date").cloned().collect();
    (answer.status, headers, String::from_utf8(answer.body).unwrap())
}

#[test]
fn nobody_is_anonymous_and_every_page_asks_alike_who_one_is() {
    let served = served(VIEWERS);
    let first = served.get("/c/aveiro").is(401);
    is_strict("/c/aveiro", &first);
    assert_eq!(first.header("www-authenticate"), Some("Bearer"));
    assert_eq!(first.header("set-cookie"), None);
    assert!(first.text().contains("name=\"token\""), "{}", first.text());
    for path in ["/", "/c/aveiro/m/a", "/c/aveiro/m/nobody", "/c/nowhere", "/nothing/at/all"] {
        assert_eq!(whole(served.get(path)), whole(first.clone()), "{path}");
    }
    let json = served.get("/c/aveiro.json").is(401).json();
    assert!(json["error"].is_string(), "{json}");
}

#[test]
fn a_token_begins_a_session_and_leads_where_one_wanted_to_go() {
    let served = served(VIEWERS);
    let form = served.get("/login").is(200);
    is_strict("/login", &form);
    let answer = log_in(&served, ANA).is(303);
    is_strict("POST /login", &answer);
    assert_eq!(answer.header("location"), Some("/"));
    let set = answer.header("set-cookie").unwrap();
    let secret = set.strip_prefix("session=").unwrap().split(';').next().unwrap().to_owned();
    assert_eq!(set, format!("session={secret}; Path=/; Max-Age=43200; HttpOnly; SameSite=Strict"));
    assert!(secret.len() == 32 && secret.bytes().all(|byte| byte.is_ascii_hexdigit()), "{set}");
    is_signed_in(&page(&served, "/c/aveiro", &cookie(&answer)).is(200), "Ana");
    // A token may have what forms treat in their own way. The page in whose place the form stands is the one that comes.
    let bea = log_in_at(&served, "/c/aveiro?period=2023-09", BEA, &[OWN_PAGE]).is(303);
    assert_eq!(bea.header("location"), Some("/c/aveiro?period=2023-09"));
    is_signed_in(&page(&served, "/c/aveiro", &cookie(&bea)).is(200), "Bea");
    assert_eq!(log_in_at(&served, "//evil.example/", BEA, &[OWN_PAGE]).is(303).header("location"), Some("/"));
    // What the store keeps opens nothing.
    let kept: String = served.market.query("SELECT lower(hex(digest)) FROM session LIMIT 1");
    served.get_with("/c/aveiro", &[("cookie", &format!("session={}", &kept[..32]))]).is(401);
}

#[test]
fn a_session_ends_with_its_log_out_its_time_or_its_token() {
    let served = served(VIEWERS);
    let [first, second, third] = [(); 3].map(|()| cookie(&log_in(&served, ANA).is(303)));
    assert_ne!(first, second);
    // Another site's form ends nothing.
    served.ask("POST", "/logout", &[("cookie", &first), ("sec-fetch-site", "cross-site")], b"").is(403);
    is_signed_in(&page(&served, "/", &first).is(200), "Ana");
    let out = served.ask("POST", "/logout", &[("cookie", &first), OWN_PAGE], b"").is(200);
    assert_eq!(out.header("set-cookie"), Some("session=; Path=/; Max-Age=0; HttpOnly; SameSite=Strict"));
    // Whoever has stolen the cookie is out as well; other sessions go on.
    page(&served, "/", &first).is(401);
    is_signed_in(&page(&served, "/", &second).is(200), "Ana");
    // Who begins another one in the same browser ends the first.
    let next = log_in_at(&served, "/login", BEA, &[OWN_PAGE, ("cookie", &third)]).is(303);
    page(&served, "/", &third).is(401);
    is_signed_in(&page(&served, "/", &cookie(&next)).is(200), "Bea");
    // Another token: whoever came in with the one before has to show it.
    served.market.file("ana.token", "another-token-of-ana");
    page(&served, "/", &second).is(401);
    assert_eq!(log_in(&served, ANA).status, 401);
    served.market.tamper("UPDATE session SET expires_at = 1");
    page(&served, "/", &cookie(&next)).is(401);
}

#[test]
fn only_our_own_page_sends_a_token() {
    let served = served(VIEWERS);
    let (own, other) = (format!("http://{}", served.web), ("origin", "https://evil.example"));
    for headers in [
        &[][..],
        &[other],
        &[("origin", "null")],
        &[("sec-fetch-site", "cross-site")],
        &[("sec-fetch-site", "same-site")],
        &[("sec-fetch-site", "none")],
        &[("sec-fetch-site", "cross-site"), ("origin", &own)],
    ] {
        let answer = log_in_at(&served, "/login", ANA, headers).is(403);
        assert_eq!(answer.header("set-cookie"), None, "{headers:?}");
        log_in_at(&served, "/c/aveiro", ANA, headers).is(403);
    }
    log_in_at(&served, "/login", ANA, &[("origin", &own)]).is(303);
    log_in_at(&served, "/login", ANA, &[OWN_PAGE, ("origin", "null")]).is(303);
}

#[test]
fn who_guesses_waits_and_learns_nothing_meanwhile() {
    let served = served(VIEWERS);
    let wrong = "a-token-that-is-nobodys";
    for _ in 0..5 {
        let answer = log_in(&served, wrong).is(401);
        assert_eq!(answer.header("set-cookie"), None);
        assert!(!answer.text().contains(wrong));
    }
    // The right one as well, in any form; and a link.
    let answer = log_in(&served, ANA).is(429);
    assert_eq!(answer.header("retry-after"), Some("1"));
    assert_eq!(answer.header("set-cookie"), None);
    let bearer = format!("Bearer {ANA}");
    assert!(matches!(served.get_with("/", &[("authorization", &bearer)]).status, 200 | 429));
    let (link, _) = link(&served, "a", &[]);
    assert!(matches!(served.get(&link).status, 200 | 429));
    // Who is in already does not notice.
    eventually("it may be tried again", || log_in(&served, ANA).status == 303);
    let log = served.market.log();
    assert!(!log.contains(wrong) && !log.contains(ANA), "{log}");
}

#[test]
fn programs_show_a_token_with_every_request() {
    let served = served(VIEWERS);
    let bearer = format!("Bearer {ANA}");
    let answer = served.get_with("/c/aveiro.json", &[("authorization", &bearer)]).is(200);
    assert_eq!((answer.header("content-type"), answer.header("set-cookie")), (Some("application/json"), None));
    for wrong in ["Bearer a-token-that-is-nobodys", "Bearer", "Basic YTpi", ANA] {
        let answer = served.get_with("/c/aveiro.json", &[("authorization", wrong)]).is(401);
        assert_eq!(answer.header("www-authenticate"), Some("Bearer"));
    }
    // In an address it is no token.
    served.get(&format!("/c/aveiro?token={}", in_form(ANA))).is(401);
}

/// Viewers that the proxy names.
const OF_PROXY: &str =
    "[[viewer]]\nname = \"Ana\"\nrole = \"manager\"\nuser = \"ana@example.org\"\ntoken_file = \"ana.token\"
[[viewer]]\nname = \"the board\"\nrole = \"board\"\ngroup = \"rec-board\"
[[viewer]]\nname = \"everybody\"\nrole = \"member\"\ncommunity = \"aveiro\"\nmember = \"a\"\ngroup = \"staff\"\n";

#[test]
fn the_proxys_word_counts_from_its_address() {
    let served = served(&format!("[web]\nproxy = {{ from = [\"127.0.0.1\"] }}\n{OF_PROXY}"));
    let named = |user: &str, groups: &str| {
        served.get_with("/c/aveiro/m/a", &[("remote-user", user), ("remote-groups", groups)])
    };
    is_signed_in(&named("ana@example.org", "staff").is(200), "Ana");
    // Of several groups, the first in the file counts; the record says who of the group it was.
    is_signed_in(&named("eve@example.org", "staff, rec-board").is(404), "the board: eve@example.org");
    is_signed_in(&named("eve@example.org", "staff").is(200), "everybody: eve@example.org");
    for (user, groups) in [("eve@example.org", ""), ("ANA@example.org", "others"), ("\u{e9}", "")] {
        named(user, groups).is(403);
    }
    // Whom it does not name is nobody, and may still bring a token or a link.
    served.get("/c/aveiro").is(401);
    let (link, id) = link(&served, "b", &[]);
    let welcome = served.get(&link).is(200);
    let set = welcome.header("set-cookie").unwrap();
    assert!(set.starts_with("__Host-session=") && set.ends_with("; HttpOnly; SameSite=Strict; Secure"), "{set}");
    is_signed_in(&page(&served, "/c/aveiro/m/b", &cookie(&welcome)).is(200), &format!("link {id}"));
    // What it adds to what somebody sent is not its word.
    let twice = [("remote-user", "ana@example.org"), ("remote-user", "eve@example.org")];
    served.get_with("/c/aveiro", &twice).is(403);
}

#[test]
fn a_forged_header_is_refused_whatever_else_is_shown() {
    for web in
        ["[web]\nproxy = { from = [\"10.0.0.5\", \"fd00::/64\"], groups = \"X-Groups\" }\n", "[web]\nopen = true\n"]
    {
        let viewers = if web.contains("proxy") { OF_PROXY } else { VIEWERS };
        let served = served(&format!("{web}{viewers}"));
        let groups = if web.contains("proxy") { "X-Groups" } else { "Remote-Groups" };
        let session = cookie(&log_in(&served, ANA).is(303));
        let (link, _) = link(&served, "a", &[]);
        let bearer = format!("Bearer {ANA}");
        for forged in [("Remote-User", "ana@example.org"), ("rEmOtE-uSeR", ""), (groups, "rec-board")] {
            for more in [&[][..], &[("cookie", &*session)], &[("authorization", &*bearer)], &[OWN_PAGE]] {
                for path in ["/", "/c/aveiro", "/c/aveiro.json", "/login", "/logout", &link, "/nothing"] {
                    let answer = served.get_with(path, &[&[forged], more].concat()).is(403);
                    assert_eq!(answer.header("set-cookie"), None, "{path}");
                }
            }
            log_in_at(&served, "/login", ANA, &[OWN_PAGE, forged]).is(403);
        }
        assert!(served.market.log().contains("refused a request with the proxy's header"));
    }
}

#[test]
fn what_is_open_on_this_machine_is_not_open_through_anything() {
    let served = served("[web]\nopen = true\n");
    is_signed_in(&served.get("/c/aveiro").is(200), "anyone on this machine");
    for header in ["x-forwarded-for", "forwarded", "via", "x-real-ip"] {
        served.get_with("/c/aveiro", &[(header, "127.0.0.1")]).is(401);
    }
}

#[test]
fn a_link_is_exchanged_at_once_for_a_session_of_its_member() {
    let served = served(VIEWERS);
    let (path, id) = link(&served, "a", &["--expires", "2h"]);
    let token = path.strip_prefix("/link/").unwrap().to_owned();
    assert!(token.len() == 32 && !token.starts_with(&id), "{token}");
    // What only looks ahead, as mail programs do, begins nothing.
    assert_eq!(served.ask("HEAD", &path, &[], b"").is(405).header("set-cookie"), None);
    let welcome = served.get(&path).is(200);
    is_strict(&path, &welcome);
    assert_eq!(welcome.header("refresh"), Some("0; url=/c/aveiro/m/a"));
    assert!(!welcome.text().contains(&token) && welcome.text().contains("href=\"/c/aveiro/m/a\""));
    let set = welcome.header("set-cookie").unwrap().to_owned();
    assert!(set.contains("; Max-Age=71") && set.ends_with("; HttpOnly; SameSite=Strict"), "{set}");
    let session = cookie(&welcome);
    let own = page(&served, "/c/aveiro/m/a", &session).is(200);
    is_signed_in(&own, &format!("link {id}"));
    assert!(!own.text().contains(&token));
    // Nobody else's, and nothing of those who run the community: as if it was not there.
    let nowhere = whole(page(&served, "/c/aveiro/m/nobody", &session).is(404));
    for path in ["/", "/c/aveiro", "/c/aveiro/m/b", "/c/aveiro/events", "/c/aveiro/algorithms", "/c/other/m/a"] {
        assert_eq!(whole(page(&served, path, &session)), nowhere, "{path}");
    }
    // Neither log, nor store, nor record has the token.
    eventually("the visit is kept", || {
        served.market.json(&["web", "log", "--json", "--community", "aveiro", "--member", "a"]).len() == 1
    });
    drop(served.service);
    let market = &served.market;
    let log = market.log();
    assert!(!log.contains(&token), "{log}");
    for file in ["market.db", "market.db-wal"] {
        let bytes = std::fs::read(market.path(file)).unwrap_or_default();
        assert!(!bytes.windows(token.len()).any(|window| window == token.as_bytes()), "{file}");
    }
    assert!(!market.run(&["web", "log", "--json"]).out.contains(&token));
    assert!(!market.run(&["link", "list", "--json"]).out.contains(&token));
}

#[test]
fn a_link_that_ended_was_revoked_or_never_was_has_one_answer() {
    let served = served(VIEWERS);
    let (revoked, id) = link(&served, "a", &[]);
    let (ended, other) = link(&served, "a", &[]);
    let session = cookie(&served.get(&revoked).is(200));
    let of_ended = cookie(&served.get(&ended).is(200));
    is_signed_in(&page(&served, "/c/aveiro/m/a", &session).is(200), &format!("link {id}"));
    let listed = |more: &[&str]| served.market.json(&[&["link", "list", "--json"], more].concat());
    assert_eq!(listed(&["--valid", "--member", "a"]).len(), 2);
    served.market.run(&["link", "revoke", &id]).ends_with(0).shows(&[&format!("link {id} of a in aveiro is revoked")]);
    // At once.
    page(&served, "/c/aveiro/m/a", &session).is(401);
    is_signed_in(&page(&served, "/c/aveiro/m/a", &of_ended).is(200), &format!("link {other}"));
    served.market.tamper(&format!("UPDATE link SET expires_at = 1 WHERE id = '{other}'"));
    page(&served, "/c/aveiro/m/a", &of_ended).is(401);
    let never = whole(served.get(&format!("/link/{}", "0".repeat(32))).is(404));
    // As many attempts as are free.
    for path in [&*revoked, &*ended, "/link/", "/link/a/b"] {
        assert_eq!(whole(served.get(path)), never, "{path}");
    }
    served.get(&ended).is(429);
    // Revoking it again changes nothing, and what there is not is told.
    served.market.run(&["link", "revoke", &id]).ends_with(0).shows(&["was revoked at"]);
    served.market.run(&["link", "revoke", "0123456789ab"]).ends_with(2).says("there is no link");
    let states: Vec<Value> = listed(&[]).iter().map(|link| link["valid"].clone()).collect();
    assert_eq!(states, [false, false]);
    served.market.run(&["link", "list"]).ends_with(0).shows(&[&id, "revoked 20", "ended 1970-01-01", "2 links"]);
}

#[test]
fn a_link_is_made_for_a_member_and_an_address_that_there_are() {
    let served = served(VIEWERS);
    let create = |more: &[&str]| served.market.run(&[&["link", "create", "--community", "aveiro"], more].concat());
    create(&["--member", "nobody", "--url", "https://x.example"]).ends_with(2).says("has no member nobody");
    create(&["--member", "a", "--url", "http://x.example"]).ends_with(2).says("use https://");
    create(&["--member", "a", "--url", "https://x.example", "--expires", "1s"]).ends_with(2).says("from 1m to 3660d");
    create(&["--member", "a"]).ends_with(2).says("listen_web is 127.0.0.1:0, which is no address that a member opens");
    let made = create(&["--member", "a", "--url", "https://x.example/", "--by", "Ana"]).ends_with(0);
    assert!(made.out.starts_with("https://x.example/link/"), "{}", made.out);
    assert!(made.out.contains("It opens the page of a in aveiro until "), "{}", made.out);
    let other = ["link", "create", "--community", "x", "--member", "a", "--url", "https://x.example"];
    served.market.run(&other).ends_with(2).says("there is no community \"x\" (there are: aveiro)");
}
