//! The base algorithms, natively and as shipped components: both give the known answers, and the same trades in
//! the same order in any round; and each explanation leads to these trades.

#![allow(missing_docs, reason = "the names of these tests are sentences")]
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test that cannot go on has failed")]

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::{Arc, OnceLock};

use base::BASE;
use domain::round::{PriceLimits, Terms};
use domain::settlement::trades_max_default;
use domain::{Energy, Position, Price, Round, Settlement, Tariff, Trade};
use explain::Agreement;
use market_kit::Algorithm as _;
use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;
use rec_market::cli::round_file;
use rec_market_tests::settled;
use sandbox::{Algorithm, Limits, Options, Sandbox};
use serde_json::Value;
use words::Language;

/// An algorithm as a native function.
type Native = fn(&market_kit::Round) -> market_kit::Outcome;

fn native(name: &str) -> Native {
    match name {
        "average-market" => average_market::AverageMarket::clear,
        "bill-sharing" => bill_sharing::BillSharing::clear,
        "buyers-price" => buyers_price::BuyersPrice::clear,
        "cascading-shares" => cascading_shares::CascadingShares::clear,
        "equal-shares" => equal_shares::EqualShares::clear,
        "fixed-shares" => fixed_shares::FixedShares::clear,
        "fluvius-fixed" => fluvius_fixed::FluviusFixed::clear,
        "fluvius-optimal" => fluvius_optimal::FluviusOptimal::clear,
        "fluvius-relative" => fluvius_relative::FluviusRelative::clear,
        "k-double-auction" => k_double_auction::KDoubleAuction::clear,
        "mid-market-rate" => mid_market_rate::MidMarketRate::clear,
        "muda" => muda::Muda::clear,
        "priority-shares" => priority_shares::PriorityShares::clear,
        "proportional-shares" => proportional_shares::ProportionalShares::clear,
        "public-grid" => public_grid::PublicGrid::clear,
        "sellers-price" => sellers_price::SellersPrice::clear,
        "single-sided" => single_sided::SingleSided::clear,
        "static" => r#static::Static::clear,
        "supply-demand-ratio" => supply_demand_ratio::SupplyDemandRatio::clear,
        "trade-reduction" => trade_reduction::TradeReduction::clear,
        "uniform" => uniform::Uniform::clear,
        other => panic!("no algorithm is called {other}"),
    }
}

/// A base algorithm in both forms.
struct Both {
    name: &'static str,
    native: Native,
    component: Algorithm,
}

/// Returns all of them, compiled once for all tests.
fn all() -> &'static [Both] {
    static ALL: OnceLock<Vec<Both>> = OnceLock::new();
    ALL.get_or_init(|| {
        let sandbox = Sandbox::new(Options::default()).unwrap();
        let both = |base: &base::Base| Both {
            name: base.name,
            native: native(base.name),
            component: sandbox.load_own(base.bytes).unwrap(),
        };
        BASE.iter().map(both).collect()
    })
}

#[test]
fn each_rule_says_of_itself_in_english_what_its_component_says() {
    for Both { name, component, .. } in all() {
        let described = component.describe(Limits::default().budget(0)).unwrap().unwrap();
        assert_eq!(explain::summary(name, Language::En), Some(&*described.summary), "{name}");
    }
}

impl Both {
    /// Runs both forms, checks the balance, and explains the trades; returns the trades or the error on which they agree.
    fn clear(&self, round: &Round) -> Result<Vec<Trade>, String> {
        let Both { name, native, component } = self;
        let positions = round.positions().len();
        let run = component.clear(round, Limits::default().budget(positions)).unwrap();
        let sandboxed = run.result.map_err(|failure| {
            assert_eq!(failure.kind.code(), "algorithm", "{name} failed: {failure}");
            failure.message
        });
        let own: Result<Vec<Trade>, String> =
            native(&explain::native::round(round)).map(|trades| explain::native::trades(&trades));
        assert_eq!(sandboxed, own, "{name}: the component and the native code differ on {round:#?}");
        let trades = own?;
        let checked = Settlement::check(Arc::new(round.clone()), trades.clone(), trades_max_default(positions));
        if let Err(violations) = checked {
            panic!("{name} does not balance: {violations:#?} on {round:#?}");
        }
        let explanation = explain::explain(Some(name), round, &trades, Language::En);
        assert_eq!(explanation.agreement, Agreement::Exact, "{name} is explained wrongly on {round:#?}");
        Ok(trades)
    }
}

/// One known answer: a line of a file of test vectors.
struct Known {
    algorithm: String,
    name: String,
    round: Round,
    /// The trades; `None` if the algorithm answers with an error.
    trades: Option<Vec<Line>>,
}

/// A trade in a known answer: seller, buyer, Wh, µEUR/kWh.
type Line = (String, String, u64, i64);

fn known(line: &str) -> Known {
    let json: Value = serde_json::from_str(line).unwrap();
    let text = |name: &str| json[name].as_str().unwrap().to_owned();
    let trade = |trade: &Value| {
        let party = |side: &str| trade[side].as_str().unwrap().to_owned();
        (party("seller"), party("buyer"), trade["energy"].as_u64().unwrap(), trade["price"].as_i64().unwrap())
    };
    Known {
        algorithm: text("algorithm"),
        name: text("name"),
        round: round_file::parse(&json["round"].to_string()).unwrap(),
        trades: match json.get("error") {
            Some(_) => None,
            None => Some(sorted(json["trades"].as_array().unwrap().iter().map(trade).collect())),
        },
    }
}

fn sorted(mut lines: Vec<Line>) -> Vec<Line> {
    lines.sort();
    lines
}

fn lines(round: &Round, trades: &[Trade]) -> Vec<Line> {
    let line = |trade: &Trade| {
        let (seller, buyer) = (round.party_name(trade.seller), round.party_name(trade.buyer));
        (seller, buyer, trade.energy.wh(), trade.price.micro_eur())
    };
    sorted(trades.iter().map(line).collect())
}

/// Reads known answers, which are published beside this repository.
fn known_answers(file: &str) -> Vec<Known> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared/vectors").join(file);
    let text = std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    text.lines().map(known).collect()
}

/// Checks that the algorithms give the known answers in a file, which has `count` of them for `algorithms` algorithms.
fn gives_the_known_answers(file: &str, count: usize, algorithms: usize) {
    let known = known_answers(file);
    let mut seen = BTreeSet::new();
    for Known { algorithm, name, round, trades } in &known {
        let both = all().iter().find(|both| both.name == algorithm).unwrap();
        let answer = both.clear(round).map(|trades| lines(round, &trades));
        assert_eq!(answer.as_ref().ok(), trades.as_ref(), "{algorithm} on {name}: {answer:?}");
        seen.insert(algorithm);
    }
    assert_eq!((known.len(), seen.len()), (count, algorithms), "{file}");
}

#[needs::vectors]
#[test]
fn all_algorithms_give_the_known_answers() {
    gives_the_known_answers("base.jsonl", 711, 9);
}

#[needs::vectors]
#[test]
fn all_algorithms_give_the_known_answers_with_individual_tariffs() {
    gives_the_known_answers("tariffs.jsonl", 45, 9);
}

#[needs::vectors]
#[test]
fn the_library_gives_the_known_answers() {
    gives_the_known_answers("library.jsonl", 590, 12);
}

/// Energies of every size, including 0, ties and the maximum.
fn energy() -> impl Strategy<Value = u64> {
    prop_oneof![Just(0), 0..4_u64, 0..5_000_u64, any::<u64>(), Just(u64::MAX)]
}

/// Prices of every size and sign, including ties and both ends of the range.
fn price() -> impl Strategy<Value = i64> {
    prop_oneof![0..4_i64, -50_000..250_000_i64, any::<i64>(), Just(i64::MIN), Just(i64::MAX)]
}

fn tariff() -> impl Strategy<Value = Tariff> {
    (price(), price()).prop_map(|(retail, feed_in)| Tariff {
        retail: Price::from_micro_eur(retail),
        feed_in: Price::from_micro_eur(feed_in),
    })
}

fn limits() -> impl Strategy<Value = PriceLimits> {
    (option::of(price()), option::of(price())).prop_map(|limits| {
        let (floor, ceiling) = match limits {
            (Some(a), Some(b)) => (Some(a.min(b)), Some(a.max(b))),
            other => other,
        };
        PriceLimits::new(floor.map(Price::from_micro_eur), ceiling.map(Price::from_micro_eur)).unwrap()
    })
}

prop_compose! {
    /// A position that may both sell and buy, as on a gross basis. Its name is set by its index in the round.
    fn position()(
        (surplus, deficit) in (energy(), energy()),
        (offer, bid) in (price(), price()),
        tariff in tariff(),
        // Together at most the whole.
        (share, rank) in (0..25_000_u32, prop_oneof![0..3_u32, any::<u32>()]),
    ) -> Position {
        Position {
            member: "m".parse().unwrap(),
            surplus: Energy::from_wh(surplus),
            deficit: Energy::from_wh(deficit),
            offer: Price::from_micro_eur(offer),
            bid: Price::from_micro_eur(bid),
            tariff,
            share,
            rank,
        }
    }
}

prop_compose! {
    fn round()(
        mut positions in vec(position(), 0..40),
        tariff in tariff(),
        limits in limits(),
        seed in any::<u64>(),
        setting in option::of("-?[0-9]{1,20}"),
    ) -> Round {
        for (number, position) in positions.iter_mut().enumerate() {
            position.member = format!("m{number:02}").parse().unwrap();
        }
        let settings = setting.into_iter().map(|price| ("price".to_owned(), price)).collect();
        let terms = Terms { tariff, limits, seed, settings, ..settled::terms("random", 0) };
        Round::new(terms, positions).unwrap()
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2_000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn prop_components_and_native_code_agree(round in round()) {
        for both in all() {
            if both.name == "trade-reduction" && !has_moderate_prices(&round) {
                continue; // the operator's money would not fit 128 bits, which the check refuses
            }
            if let Err(reason) = both.clear(&round) {
                prop_assert!(may_refuse(both.name, &reason), "{}: {reason}", both.name);
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 500, failure_persistence: None, ..ProptestConfig::default() })]

    /// If they were uploaded, they would have these limits. Offers and bids may be outside of them.
    #[test]
    fn prop_default_limits_reject_no_base_algorithm(round in round()) {
        let terms = round.terms();
        let limits = terms.limits.or_default(terms.tariff, round.positions());
        let round = round.with_limits(limits);
        for both in all() {
            // It panics if the balance check, which holds the limits, rejects the trades.
            if both.name == "trade-reduction" && !has_moderate_prices(&round) {
                continue;
            }
            if let Err(reason) = both.clear(&round) {
                prop_assert!(may_refuse(both.name, &reason), "{}: {reason}", both.name);
            }
        }
    }
}

fn has_moderate_prices(round: &Round) -> bool {
    let moderate = |price: Price| price.micro_eur().unsigned_abs() < 1_000_000_000_000;
    round.positions().iter().all(|position| moderate(position.offer) && moderate(position.bid))
}

/// Whether an algorithm may answer a round of this test with an error: a setting `price` that does not fit 64 bits, shares
/// above the whole, and tariffs that are too large for a formula.
fn may_refuse(name: &str, reason: &str) -> bool {
    let rules: &[&str] = match name {
        "static" | "proportional-shares" | "equal-shares" | "cascading-shares" | "priority-shares" => {
            &["setting price"]
        }
        "fixed-shares" | "fluvius-fixed" | "fluvius-relative" | "fluvius-optimal" => {
            &["setting price", "shares add up to"]
        }
        "supply-demand-ratio" => &["retail is", "feed-in is"],
        _ => &[],
    };
    rules.iter().any(|rule| reason.starts_with(rule))
}
