//! Rules beside each other, algorithms and events: started, refused, cancelled, and the same numbers as the commands.

use demo::meters::Package;
use rec_market_tests::guests;
use serde_json::Value;
use testkit::*;

use crate::http::Answer;
use crate::served::{OPEN, Served};

const COMPARE: &str = "/c/aveiro/compare";
const OWN: (&str, &str) = ("sec-fetch-site", "same-origin");

/// Those who look, each with a token.
const VIEWERS: [(&str, &str, &str); 4] = [
    ("ada", "manager", ""),
    ("bea", "board", "community = \"aveiro\""),
    ("cyd", "board", "community = \"aveiro\""),
    ("dan", "member", "community = \"aveiro\"\nmember = \"a\""),
];

/// The configuration of these viewers, and of `ada`, who administers algorithms as well.
fn viewers() -> String {
    let viewer = |(name, role, keys): (&str, &str, &str)| {
        format!("[[viewer]]\nname = \"{name}\"\nrole = \"{role}\"\ntoken_file = \"{name}.token\"\n{keys}\n")
    };
    let all: String = VIEWERS.map(viewer).concat();
    all + "[[caller]]\nname = \"ada\"\nroles = [\"administer\"]\ntoken_file = \"ada-calls.token\"\n"
}

/// The community `aveiro` of these meters, and viewers with tokens.
fn served(meters: Meters, community_keys: &str) -> Served {
    let market = Market::serving(&meters, &viewers(), community_keys);
    for (name, ..) in VIEWERS {
        market.file(&format!("{name}.token"), token(name));
    }
    market.file("ada-calls.token", "the token with which ada calls");
    Served::start(market, [meters])
}

fn token(viewer: &str) -> String {
    format!("{viewer}-has-a-token-of-many-characters")
}

impl Served {
    fn seen_by(&self, viewer: &str, path: &str) -> Answer {
        self.get_with(path, &[("authorization", &format!("Bearer {}", token(viewer)))])
    }

    /// Sends a form as a browser does that shows our page.
    fn sent_by(&self, viewer: &str, form: &str) -> Answer {
        let bearer = format!("Bearer {}", token(viewer));
        self.ask("POST", COMPARE, &[("authorization", &bearer), OWN, FORM], form.as_bytes())
    }

    /// Runs `rec-market algorithm …` against the service.
    fn operate(&self, arguments: &[&str]) -> Ran {
        let url = format!("https://{}", self.service.tls);
        let server = ["--server", &url, "--ca", "ca_crt.pem", "--token-file", "ada-calls.token"];
        self.market.run(&[&["algorithm"], arguments, &server].concat())
    }
}

const FORM: (&str, &str) = ("content-type", "application/x-www-form-urlencoded");

/// What the page about an open market says once nothing runs.
fn finished(served: &Served) -> Value {
    let json = || served.get("/c/aveiro/compare.json").is(200).json();
    eventually("the backtest ends", || json()["running"].is_null());
    json()
}

/// The page of an open market with a finished backtest.
pub fn compared(served: &Served) -> String {
    let form = b"do=start&with=uniform&with=muda";
    served.ask("POST", COMPARE, &[OWN, FORM], form).is(303);
    format!("{COMPARE}?result={}", finished(served)["shown"])
}

#[test]
fn a_backtest_in_a_browser_comes_to_what_the_command_says_and_outlives_a_restart() {
    let served = Served::small();
    let send = |form: &str| served.ask("POST", COMPARE, &[OWN, FORM], form.as_bytes());
    let first = served.get("/c/aveiro/compare.json").is(200).json();
    assert_eq!(
        (&first["result"], &first["candidate"], &first["results"]),
        (&Value::Null, &Value::Null, &Value::Array(Vec::new()))
    );
    let form = "do=start&with=uniform&with=muda&more=%0D%0Ak-double-auction%2Ck%3D250000%0D%0A&baseline=uniform";
    let answer = send(form).is(303);
    assert_eq!(answer.header("location"), Some(COMPARE));
    let all = finished(&served);
    let rules = ["uniform", "muda", "k-double-auction,k=250000"];
    let command = |more: &[&str]| {
        let arguments = [&["backtest", "--json", "--with"], &rules[..], more].concat();
        served.market.run(&arguments).ends_with(0).json()
    };
    assert_eq!(all["result"], command(&[]));
    assert_eq!(all["results"][0]["rules"], serde_json::json!(rules));
    // A day of it.
    send("do=start&with=uniform&with=muda&more=k-double-auction%2Ck%3D250000&period=2024-05-06").is(303);
    let day = finished(&served);
    let whole = &day["results"][1]["number"];
    assert_eq!(day["result"], command(&["--from", "2024-05-06", "--to", "2024-05-07"]));
    assert_ne!(day["result"], all["result"]);
    let page = |query: &str| served.get(&format!("{COMPARE}?result={whole}{query}")).is(200).text().to_owned();
    let shown = page("");
    for text in [
        "uniform (baseline)",
        "role=\"img\"",
        "k-double-auction,k=250000 beside uniform, EUR",
        "How evenly what is saved is shared",
        "rec-market backtest --config",
        "--with uniform muda k-double-auction,k=250000",
    ] {
        assert!(shown.contains(text), "{text}");
    }
    assert!(page("&baseline=muda").contains("uniform beside muda, EUR"));
    assert!(page("&lang=de").contains("Wie gleichmäßig das Gesparte verteilt ist"));
    let nothing = format!("?result={whole}&baseline=nothing");
    for nowhere in ["?result=999", "?result=x", nothing.as_str()] {
        served.get(&format!("{COMPARE}{nowhere}")).is(404);
    }
    // It is kept.
    let market = served.market;
    served.service.terminate().ends_with(0);
    let service = Service::start(&market);
    let again = || crate::http::ask(service.web.unwrap(), "GET", "/c/aveiro/compare.json", &[], b"");
    eventually("it serves again", || again().status == 200);
    assert_eq!(again().json(), day);
}

#[test]
fn one_backtest_runs_at_a_time_gives_way_to_settlement_and_ends_when_somebody_may_cancel_it() {
    let meters = Meters::selling(0..40);
    // Fuel for a minute, and time enough for it.
    let served = served(meters, "grace = \"0s\"\nlimits = { fuel = 60000000000, time = \"10min\" }");
    served.market.file("slow.wasm", guests::WORKS_LONG_ON_SHORT_NAMES);
    served.operate(&["upload", "slow.wasm"]).ends_with(0);
    served.sent_by("bea", "do=start&with=guest").is(303);
    let running = || served.seen_by("bea", "/c/aveiro/compare.json").is(200).json()["running"].clone();
    assert_eq!(
        (&running()["by"], &running()["rules"][0], &running()["done"]),
        (&"bea".into(), &"guest".into(), &0.into())
    );
    assert!(running()["of"].as_u64().unwrap() >= 39, "{}", running());
    let page = served.seen_by("bea", COMPARE).is(200);
    for text in ["http-equiv=\"refresh\"", "<progress", "A backtest is running", "bea started it", "value=\"cancel\""] {
        assert!(page.text().contains(text), "{text}");
    }
    // A second one, whoever asks and whatever for.
    let second = served.sent_by("ada", "do=start&with=uniform").is(409);
    assert!(
        second.text().contains("bea is running a backtest") && second.text().contains("guest"),
        "{}",
        second.text()
    );
    // An interval settles meanwhile.
    served.meters[0].tell_quarters(40..42);
    eventually("what comes is settled", || served.market.intervals() == 42);
    assert_eq!(running()["by"], "bea");
    // Who did not start it cannot cancel it, but a manager.
    let other = served.sent_by("cyd", "do=cancel").is(403);
    assert!(other.text().contains("Only bea"), "{}", other.text());
    assert!(!served.seen_by("cyd", COMPARE).text().contains("value=\"cancel\""));
    served.sent_by("ada", "do=cancel").is(303);
    eventually("it ends", || running().is_null());
    let ended = served.seen_by("bea", "/c/aveiro/compare.json").json();
    assert!(ended["ended"].as_str().unwrap().contains("was cancelled by ada"), "{}", ended["ended"]);
    assert_eq!(ended["results"], Value::Array(Vec::new()));
    served.sent_by("ada", "do=cancel").is(409);
    // The next one starts, and its own starter cancels it.
    served.sent_by("cyd", "do=start&with=guest").is(303);
    served.sent_by("cyd", "do=cancel").is(303);
    eventually("it ends", || running().is_null());
    // One that runs does not keep the service from ending.
    served.sent_by("bea", "do=start&with=guest").is(303);
    served.service.terminate().ends_with(0);
}

#[test]
fn nobody_elses_page_and_no_wrong_form_starts_a_backtest() {
    let served = served(Meters::selling(0..6), "grace = \"0s\"");
    let good = "do=start&with=uniform";
    let bearer = |viewer: &str| format!("Bearer {}", token(viewer));
    let send = |viewer: &str, path: &str, more: &[(&str, &str)], form: &[u8]| {
        let bearer = bearer(viewer);
        let headers = [&[("authorization", bearer.as_str()), FORM], more].concat();
        served.ask("POST", path, &headers, form)
    };
    for more in [
        &[][..],
        &[("sec-fetch-site", "cross-site")],
        &[("sec-fetch-site", "same-site")],
        &[("origin", "https://evil.example")],
        &[("origin", "null")],
    ] {
        send("ada", COMPARE, more, good.as_bytes()).is(403);
    }
    // Not for members, and not elsewhere; nobody learns more of it.
    send("dan", COMPARE, &[OWN], good.as_bytes()).is(404);
    send("bea", "/c/braga/compare", &[OWN], good.as_bytes()).is(404);
    send("ada", "/c/aveiro/events", &[OWN], good.as_bytes()).is(405);
    served.ask("PUT", COMPARE, &[("authorization", &bearer("ada")), OWN], b"x").is(405);
    served.ask("POST", COMPARE, &[OWN, FORM], good.as_bytes()).is(401);
    let nine: String = (0..9).map(|number| format!("&more=uniform,tariff.retail={number}")).collect();
    let many = format!("do=start{nine}");
    for (form, says) in [
        ("do=start", "Choose at least one rule."),
        ("do=start&with=nothing", "no algorithm &quot;nothing&quot; is here"),
        ("do=start&with=market.toml", "no algorithm &quot;market.toml&quot; is here"),
        ("do=start&with=../own.wasm", "no algorithm &quot;../own.wasm&quot; is here"),
        ("do=start&with=uniform,shares=market.toml", "a file of shares cannot be named here"),
        ("do=start&with=uniform,nothing", "is no KEY=VALUE"),
        ("do=start&with=uni%E2%80%AEform", "is no line"),
        ("do=start&with=uniform&baseline=muda", "is not among what is compared"),
        ("do=start&with=uniform&period=yesterday", "period is yesterday"),
        ("do=start&with=uniform&from=2024-13-01", "from is 2024-13-01"),
        ("do=stop", "start | cancel"),
        ("", "start | cancel"),
        (many.as_str(), "9 rules are named"),
    ] {
        let answer = send("ada", COMPARE, &[OWN], form.as_bytes()).is(400);
        assert!(answer.text().contains(says), "{form}: no {says:?} in {}", answer.text());
    }
    for form in [vec![0xff; 9], format!("do=start&more={}", "a".repeat(20_000)).into_bytes(), b"&a".repeat(400)] {
        send("ada", COMPARE, &[OWN], &form).is(400);
    }
    let now = served.seen_by("ada", "/c/aveiro/compare.json").json();
    assert_eq!((&now["running"], &now["results"]), (&Value::Null, &Value::Array(Vec::new())));
    // A setting that the algorithm does not know shows when it is loaded.
    served.sent_by("ada", "do=start&with=uniform,speed=9").is(303);
    let told = || served.seen_by("ada", "/c/aveiro/compare.json").json()["ended"].clone();
    eventually("it is told", || told().as_str().is_some_and(|told| told.contains("\"speed\" is not known to uniform")));
}

#[test]
fn events_are_those_of_the_command_page_by_page() {
    // Meters of which each misses every other boundary: a gap and a notice here and there, more than a page.
    let rows: Vec<String> = (0..46_u32)
        .flat_map(|number| {
            let time = format!("{:02}:{:02}", 12 + number / 4, number % 4 * 15);
            let of = move |meter: &str, register: u32| format!("{meter} {time} {register} {register}");
            let always = [of("a", 5 + number)];
            let sometimes = ["b", "c", "d", "e", "f", "g", "h", "i"].map(|meter| of(meter, 9 + number));
            always.into_iter().chain(sometimes.into_iter().filter(move |_| number % 2 == 0)).collect::<Vec<_>>()
        })
        .collect();
    let rows: Vec<&str> = rows.iter().map(String::as_str).collect();
    let served = Served::of(Meters::telling(&rows), OPEN, "");
    let command = |more: &[&str]| served.market.json(&[&["events", "--json"], more].concat());
    let pages = |query: &str| {
        let (mut all, mut after, mut pages) = (Vec::new(), String::new(), 0);
        loop {
            let page = served.get(&format!("/c/aveiro/events.json?{query}{after}")).is(200).json();
            let events = page["events"].as_array().unwrap().clone();
            assert!(events.len() <= 100);
            all.extend(events);
            pages += 1;
            let Some(next) = page["next"].as_str() else { return (all, pages) };
            after = format!("&after={next}");
        }
    };
    let (all, count) = pages("");
    assert!(all.len() > 100 && count == all.len().div_ceil(100), "{} events on {count} pages", all.len());
    assert_eq!(all, command(&[]));
    assert_eq!(pages("code=gap&meter=b").0, command(&["--code", "gap", "--meter", "b"]));
    assert_eq!(pages("from=2023-09-02").0, command(&["--from", "2023-09-02"]));
    let page = served.get("/c/aveiro/events?code=gap").is(200);
    for text in [
        "a meter was read again after it was missed",
        "<option value=\"gap\" selected>",
        "rec-market meter accept METER --community aveiro",
    ] {
        assert!(page.text().contains(text), "{text}");
    }
    assert!(served.get("/c/aveiro/events?lang=fr&meter=nobody").text().contains("Il n’y a pas de tels événements."));
    for wrong in ["code=nothing", "from=today", "after=x", "after=1.2.", "after=99999999999999999999.0"] {
        served.get(&format!("/c/aveiro/events?{wrong}")).is(400);
    }
}

#[test]
fn algorithms_show_what_was_uploaded_decided_and_withdrawn_as_the_commands_do() {
    let served = served(Meters::recorded(recorded(4, 30), Package::Platform), "");
    served.market.file("fair.wasm", renamed("uniform", "evening"));
    served.operate(&["upload", "fair.wasm"]).ends_with(0);
    served.operate(&["shadow", "aveiro", "evening", "--since", "2023-09-01T00:00:00Z", "--json"]).ends_with(0);
    served.operate(&["activate", "aveiro", "evening", "--yes"]).ends_with(0);
    served.operate(&["rollback", "aveiro", "--yes"]).ends_with(0);
    let page = served.seen_by("ada", "/c/aveiro/algorithms.json").is(200).json();
    let json = |arguments: &[&str]| served.operate(arguments).ends_with(0);
    assert_eq!(page["changes"], Value::Array(json(&["changes", "--community", "aveiro", "--json"]).objects()));
    assert_eq!(page["community"], json(&["list", "--json"]).json()["communities"][0]);
    assert_eq!(page["shadow"], json(&["shadow", "aveiro", "--json"]).json());
    let upload = &page["uploads"][0];
    let shown = json(&["show", "evening", "--json"]).json();
    for key in ["algorithm", "summary", "component_bytes", "uploaded_at", "uploaded_by", "report"] {
        assert_eq!(upload[key], shown[key], "{key}");
    }
    // Both began with the next interval, so only the last decision counts.
    let spans = page["spans"].as_array().unwrap();
    assert_eq!(spans.len(), 2);
    assert_eq!(
        (&spans[0]["by"], &spans[0]["algorithm"], &spans[1]["from"]),
        (&"ada".into(), &Value::Null, &Value::Null)
    );
    assert_eq!(page["costs"][0]["intervals"], 29);
    assert_eq!(page["costs"][1]["is_candidate"], true);
    let text = served.seen_by("ada", "/c/aveiro/algorithms").is(200);
    for part in [
        "evening@0.1.0",
        "mid-market-rate@",
        "What the gate found",
        "rec-market algorithm activate aveiro NAME@VERSION --server URL",
        "rec-market algorithm shadow aveiro --off --server URL",
        "evening@0.1.0 beside what settled, EUR",
    ] {
        assert!(text.text().contains(part), "{part}");
    }
    // The candidate stands beside the rules, too.
    let compare = served.seen_by("bea", "/c/aveiro/compare.json").is(200).json();
    assert_eq!(compare["candidate"], page["shadow"]);
}
