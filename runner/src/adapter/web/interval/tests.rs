//! Every rule's page, for everybody and for one member: what is on it, and what is not.

use std::sync::{Arc, OnceLock};

use axum::extract::Request;
use axum::http::header;
use base::{BASE, Base};
use books::{GapTrade, Provenance, StoredEvent, trades_of};
use domain::netting::Basis;
use domain::round::{PriceLimits, Terms};
use domain::settlement::trades_max_default;
use domain::{Digest, Energy, Interval, IntervalLength, Position, Price, Round, Settlement, Tariff};
use explain::Agreement;
use jiff::tz::TimeZone;
use pages::look::Look;
use sandbox::{Limits, Options, Sandbox};
use serde_json::Value;
use words::Language;

use super::*;

/// Names that stand nowhere else.
const NAMES: [&str; 14] = [
    "Quill-01",
    "Quill-02",
    "Quill-03",
    "Quill-04",
    "Quill-05",
    "Quill-06",
    "Quill-07",
    "Quill-08",
    "Quill-09",
    "Quill-10",
    "Quill-11",
    "Quill-12",
    "Quill-13",
    "<b>\"Quill-14",
];

fn interval() -> Interval {
    Interval::starting(Boundary::from_seconds(1_714_731_300).unwrap(), IntervalLength::QUARTER_HOUR).unwrap()
}

/// So many members, every second a seller, each with energies, prices, shares and ranks of its own. The last has nothing.
fn round(members: usize) -> Round {
    let tariff = Tariff::PLATFORM;
    let position = |(number, name): (usize, &&str)| {
        let number = u32::try_from(number).unwrap();
        let (step, is_last) = (i64::from(number), number as usize + 1 == members);
        let energy =
            |is_side: bool| Energy::from_wh(if is_side && !is_last { 709 + 31 * u64::from(number) } else { 0 });
        Position {
            member: name.parse().unwrap(),
            surplus: energy(number.is_multiple_of(2)),
            deficit: energy(!number.is_multiple_of(2)),
            offer: Price::from_micro_eur(40_000 + 9_000 * step),
            bid: Price::from_micro_eur(150_000 - 9_000 * step),
            tariff,
            share: 70_000,
            rank: number / 4,
        }
    };
    let terms = Terms {
        community: "aveiro".to_owned(),
        interval: interval(),
        tariff,
        limits: PriceLimits::default(),
        seed: 7,
        settings: Vec::new(),
    };
    Round::new(terms, NAMES[..members].iter().enumerate().map(position).collect()).unwrap()
}

fn sandbox() -> &'static Sandbox {
    static SANDBOX: OnceLock<Sandbox> = OnceLock::new();
    SANDBOX.get_or_init(|| Sandbox::new(Options::default()).unwrap())
}

/// The round as it is stored once this rule has cleared it.
fn stored(base: &Base, round: Round) -> StoredInterval {
    let positions = round.positions().len();
    let component = sandbox().load_own(base.bytes).unwrap();
    let trades = component.clear(&round, Limits::default().budget(positions)).unwrap().result.unwrap();
    let settlement = Settlement::check(Arc::new(round.clone()), trades, trades_max_default(positions)).unwrap();
    let provenance = Provenance {
        algorithm: base.digest(),
        name: base.name.to_owned(),
        version: "0.1.0".to_owned(),
        engine: "an engine".to_owned(),
        fuel: 5,
        fallback_reason: None,
    };
    let gaps = Vec::new();
    StoredInterval {
        round_digest: Some(round.digest()),
        trades_digest: Some(Digest::of(b"the trades")),
        trades: trades_of("aveiro", interval(), Some((&settlement, None)), &gaps),
        round: Some(round),
        provenance: Some(provenance),
        gaps,
        ..StoredInterval::empty(interval(), Basis::Net)
    }
}

fn look(language: Language) -> Look {
    let request = Request::builder().header(header::ACCEPT_LANGUAGE, language.code()).body(axum::body::Body::empty());
    super::super::serve::look(&request.unwrap(), "")
}

fn scene(stored: StoredInterval, look: &Look) -> Scene {
    let rule = stored.provenance.as_ref().and_then(|provenance| base_by_digest(&provenance.algorithm));
    let summary = rule.and_then(|base| explain::summary(base.name, look.language)).map(str::to_owned);
    let scene =
        Scene { stored, summary, missing: Vec::new(), explanation: None, totals: None, earlier: None, later: None };
    scene.explained(look).unwrap()
}

static ZONE: TimeZone = TimeZone::UTC;

fn heading(scene: &Scene) -> Heading<'_> {
    Heading {
        community: "aveiro",
        interval: scene.stored.interval,
        zone: &ZONE,
        earlier: None,
        later: Some(interval().end()),
        day: None,
    }
}

/// Everything that a manager sees.
fn seen_by_manager(scene: &Scene, look: &Look) -> (String, Value) {
    let rule = scene.rule();
    let told = scene.told(rule.as_ref());
    let repeat = Repeat { command: "rec-market replay".to_owned(), program: "rec-market".to_owned() };
    let heading = heading(scene);
    let body = whole(look, &heading, &scene.stored, &scene.missing, told, &repeat).into_string();
    (body, json::all(look, &heading, &scene.stored, &scene.missing, told, &repeat))
}

/// Everything that a member sees.
fn seen_by(scene: &Scene, look: &Look, member: &str) -> (String, Value) {
    let (body, json) = scene.own(look, &heading(scene), &member.parse().unwrap());
    (body.into_string(), json)
}

#[test]
fn every_rule_has_a_page_in_every_language_and_its_steps_lead_to_its_trades() {
    for base in &BASE {
        let stored = stored(base, round(14));
        for language in Language::ALL {
            let look = look(language);
            let scene = scene(stored.clone(), &look);
            assert_eq!(scene.explanation.as_ref().unwrap().agreement, Agreement::Exact, "{}", base.name);
            let (page, json) = seen_by_manager(&scene, &look);
            for name in &NAMES[..13] {
                assert!(page.contains(name), "{} in {}: {name}", base.name, language.code());
            }
            let open = page.find(['{', '}']).map(|at| &page[at.saturating_sub(60)..]);
            assert_eq!(open, None, "{} in {}", base.name, language.code());
            assert!(!page.contains("></h2>") && !page.contains("></h3>") && !page.contains("<p></p>"), "{page}");
            assert!(page.contains("role=\"img\"><title>") && page.contains("rec-market replay"), "{page}");
            assert!(page.contains(&scene.stored.round_digest.unwrap().to_string()));
            assert_eq!((&json["agrees"], &json["algorithm"]), (&Value::Bool(true), &Value::from(base.name)));
            assert_eq!(json["trades"].as_array().unwrap().len(), stored.trades.len());
        }
    }
}

#[test]
fn no_member_sees_the_name_of_another_or_a_digest_that_could_be_guessed() {
    for base in &BASE {
        let stored = stored(base, round(14));
        for language in [Language::En, Language::Fr] {
            let look = look(language);
            let scene = scene(stored.clone(), &look);
            for member in NAMES {
                let (page, json) = seen_by(&scene, &look, member);
                for text in [page, json.to_string()] {
                    let others = NAMES.iter().filter(|name| **name != member && **name != NAMES[13]);
                    let seen: Vec<_> = others.filter(|name| text.contains(*name)).collect();
                    assert!(seen.is_empty(), "{}: {member} sees {seen:?}: {text}", base.name);
                    assert!(member == NAMES[13] || !text.contains("Quill-14"), "{text}");
                    for digest in [scene.stored.round_digest, scene.stored.trades_digest] {
                        assert!(!text.contains(&digest.unwrap().to_string()), "{text}");
                    }
                }
            }
        }
    }
}

#[test]
fn a_members_page_has_its_own_line_and_the_curve_of_a_crowd() {
    let look = look(Language::En);
    let scene = scene(stored(base::base("uniform").unwrap(), round(14)), &look);
    let (page, json) = seen_by(&scene, &look, NAMES[12]);
    // The seventh seller asks for more than the price.
    assert_eq!(json["sells"]["reason"], "limit", "{json}");
    assert!(page.contains("The offer of 0.148 EUR/kWh is above the price of 0."), "{page}");
    let crowd = |side: &str| json["neighbours"][side].as_array().map(Vec::len);
    // Six others sell and six buy: too few for two steps.
    assert_eq!((crowd("offers"), crowd("bids")), (Some(1), Some(1)), "{json}");
    assert!(page.contains("Your offer</text>") && page.contains("at least 5 neighbours"), "{page}");
    let sum: u64 = (0..6).map(|number| 709 + 62 * number).sum();
    assert_eq!(json["neighbours"]["offers"][0]["energy"], sum);
    // No other's energy or price stands anywhere.
    for (number, _) in NAMES.iter().enumerate().take(12) {
        let wh = 709 + 31 * number;
        assert!(
            !page.contains(&format!("{}.{:03}", wh / 1000, wh % 1000))
                && !json.to_string().contains(&format!(":{wh},"))
        );
    }
    // Whoever had nothing to trade sees nothing of the others, not even the price.
    let (page, json) = seen_by(&scene, &look, NAMES[13]);
    assert!(page.contains("You had nothing to trade in this interval.") && !page.contains("<svg"), "{page}");
    assert_eq!((&json["neighbours"], &json["prices"]), (&Value::Null, &Value::Array(Vec::new())));
}

#[test]
fn among_few_a_member_sees_its_own_line_alone_and_why() {
    let look = look(Language::En);
    for (rule, key) in [("uniform", false), ("fixed-shares", true)] {
        let scene = scene(stored(base::base(rule).unwrap(), round(11)), &look);
        let (page, json) = seen_by(&scene, &look, NAMES[1]);
        assert!(
            page.contains("is shown only where at least 5 of them sell and 5 buy") && !page.contains("<svg"),
            "{page}"
        );
        assert_eq!((&json["neighbours"], &json["buys"]["offered"]), (&Value::Null, &Value::Null), "{json}");
        assert!(json["buys"]["energy"] == 740 && json["account"]["bought_local"]["wh"].as_u64() > Some(0), "{json}");
        // Managers see what a key offered each.
        let (page, json) = seen_by_manager(&scene, &look);
        assert_eq!(json["market"]["members"][1]["buys"]["offered"].is_u64(), key);
        assert_eq!(page.contains("Gave back kWh"), key);
    }
    let scene = scene(stored(base::base("fixed-shares").unwrap(), round(14)), &look);
    let (page, json) = seen_by(&scene, &look, NAMES[1]);
    assert!(page.contains("Was offered kWh") && json["buys"]["offered"].is_u64(), "{page}");
}

#[test]
fn an_interval_in_which_no_rule_ran_says_so_and_still_shows_its_gaps() {
    let look = look(Language::En);
    let gap = GapTrade {
        member: NAMES[0].parse().unwrap(),
        since: Boundary::from_seconds(1_714_730_400).unwrap(),
        surplus: Energy::ZERO,
        deficit: Energy::from_wh(1234),
        tariff: Tariff::PLATFORM,
    };
    let event = StoredEvent { code: "gap".into(), subject: "<i>M-1\u{202e}".into(), message: "read again".into() };
    let stored = StoredInterval {
        round: None,
        provenance: None,
        round_digest: None,
        trades_digest: None,
        trades: trades_of("aveiro", interval(), None, std::slice::from_ref(&gap)),
        gaps: vec![gap],
        events: vec![event],
        ..stored(base::public_grid(), round(2))
    };
    let scene = scene(stored, &look);
    let (page, json) = seen_by_manager(&scene, &look);
    assert!(page.contains("so no rule ran") && page.contains(NAMES[0]) && page.contains("1.234"), "{page}");
    assert!(page.contains("&lt;i&gt;M-1\\u{202e}"), "{page}");
    assert_eq!((&json["algorithm"], &json["gaps"][0]["deficit"]), (&Value::Null, &Value::from(1234)));
    let (page, json) = seen_by(&scene, &look, NAMES[0]);
    assert!(page.contains("so no rule ran") && page.contains("1.234"), "{page}");
    assert_eq!(json["account"]["bought_grid"]["wh"], 1234);
    let (page, json) = seen_by(&scene, &look, NAMES[1]);
    assert!(!page.contains("1.234") && json["gaps"] == Value::Array(Vec::new()), "{page}");
}

#[test]
fn a_fallback_says_why_to_managers_and_that_it_was_one_to_members() {
    let look = look(Language::De);
    let mut stored = stored(base::public_grid(), round(4));
    let reason = "trade 4 sells more than Quill-03 has";
    if let Some(provenance) = &mut stored.provenance {
        provenance.fallback_reason = Some(reason.to_owned());
    }
    let scene = scene(stored, &look);
    let (page, json) = seen_by_manager(&scene, &look);
    assert!(page.contains(reason) && json["fallback_reason"] == reason, "{page}");
    let (page, json) = seen_by(&scene, &look, NAMES[0]);
    assert!(page.contains("ist gescheitert") && !page.contains("Quill-03"), "{page}");
    assert!(json["is_fallback"] == true && json.get("fallback_reason").is_none(), "{json}");
}

#[test]
fn a_rule_of_somebody_else_is_told_by_its_trades() {
    let look = look(Language::En);
    let mut stored = stored(base::base("uniform").unwrap(), round(14));
    if let Some(provenance) = &mut stored.provenance {
        (provenance.algorithm, provenance.name) = (Digest::of(b"foreign"), "<u>own".to_owned());
    }
    let scene = Scene { summary: Some("Trades by moonlight".to_owned()), ..scene(stored, &look) };
    let (page, json) = seen_by_manager(&scene, &look);
    assert!(page.contains("Trades by moonlight.") && page.contains("&lt;u&gt;own"), "{page}");
    assert!(page.contains("is not part of the program") && json["agrees"].is_null(), "{page}");
    // The one whose name begins with a sign comes first.
    assert_eq!(json["market"]["members"][13]["member"], NAMES[12]);
    assert_eq!(json["market"]["members"][13]["sells"]["reason"], "unknown");
}

/// Sums that do not fit 64 bits are texts; nothing panics.
#[test]
fn numbers_of_every_size_are_shown() {
    let look = look(Language::En);
    let position = |name: &&str| Position {
        member: name.parse().unwrap(),
        surplus: Energy::from_wh(u64::MAX),
        deficit: Energy::from_wh(u64::MAX),
        offer: Price::from_micro_eur(i64::MIN),
        bid: Price::from_micro_eur(i64::MAX),
        tariff: Tariff { retail: Price::from_micro_eur(i64::MAX), feed_in: Price::from_micro_eur(i64::MIN) },
        share: 1,
        rank: u32::MAX,
    };
    let terms = round(1).terms().clone();
    for name in ["public-grid", "uniform", "cascading-shares"] {
        let extreme = Round::new(terms.clone(), NAMES[..3].iter().map(position).collect()).unwrap();
        let scene = scene(stored(base::base(name).unwrap(), extreme), &look);
        let (page, json) = seen_by_manager(&scene, &look);
        assert!(page.contains("Quill-01") && json["trades"][0]["amount"].is_string(), "{json}");
        // What does not fit is not there.
        assert!(json.get("fed_in").is_none() && !page.contains("class=\"tiles\""), "{json}");
        seen_by(&scene, &look, NAMES[0]);
    }
}
