//! Every rule, told in every language, and what is said of each member.

use std::collections::BTreeSet;

use domain::round::{PriceLimits, Terms};
use domain::{Boundary, Energy, Interval, IntervalLength, Position, Price, Round, Tariff, Trade};
use proptest::prelude::*;

use super::*;

const RULES: [&str; 21] = [
    "average-market",
    "bill-sharing",
    "buyers-price",
    "cascading-shares",
    "equal-shares",
    "fixed-shares",
    "fluvius-fixed",
    "fluvius-optimal",
    "fluvius-relative",
    "k-double-auction",
    "mid-market-rate",
    "muda",
    "priority-shares",
    "proportional-shares",
    "public-grid",
    "sellers-price",
    "single-sided",
    "static",
    "supply-demand-ratio",
    "trade-reduction",
    "uniform",
];

/// One member: surplus, deficit, offer, bid, share, rank.
type Numbers = (u64, u64, i64, i64, u32, u32);

fn round(members: &[Numbers]) -> Round {
    let tariff = Tariff { retail: Price::from_micro_eur(162_400), feed_in: Price::from_micro_eur(30_000) };
    let position = |(number, &(surplus, deficit, offer, bid, share, rank)): (usize, &Numbers)| Position {
        member: format!("m{number:02}").parse().unwrap(),
        surplus: Energy::from_wh(surplus),
        deficit: Energy::from_wh(deficit),
        offer: Price::from_micro_eur(offer),
        bid: Price::from_micro_eur(bid),
        tariff,
        share,
        rank,
    };
    let start = Boundary::from_seconds(1_714_731_300).unwrap();
    let terms = Terms {
        community: "aveiro".to_owned(),
        interval: Interval::starting(start, IntervalLength::from_seconds(900).unwrap()).unwrap(),
        tariff,
        limits: PriceLimits::default(),
        seed: 5,
        settings: Vec::new(),
    };
    Round::new(terms, members.iter().enumerate().map(position).collect()).unwrap()
}

/// What a rule makes of a round.
fn trades(rule: &str, round: &Round) -> Vec<Trade> {
    let kit_round = native::round(round);
    let mut story = Story::new(&kit_round, Voice::of(Language::En));
    native::trades(&rules::follow(rule, &mut story).unwrap().unwrap())
}

fn explained(rule: &str, round: &Round) -> Explanation {
    explain(Some(rule), round, &trades(rule, round), Language::En)
}

/// Two sell, three buy, each at its own price; shares and ranks differ.
fn market() -> Round {
    round(&[
        (900, 0, 50_000, 0, 0, 0),
        (0, 700, 0, 120_000, 500_000, 1),
        (0, 400, 0, 90_000, 250_000, 0),
        (600, 0, 70_000, 0, 0, 0),
        (0, 300, 0, 60_000, 250_000, 2),
    ])
}

fn reasons(explanation: &Explanation) -> Vec<&'static str> {
    explanation.market.members.iter().flat_map(Line::sides).map(|side| side.reason.code()).collect()
}

#[test]
fn every_member_has_a_reason_that_fits_its_rule() {
    for (rule, expected) in [
        ("uniform", ["all", "all", "all", "order", "limit"]),
        ("buyers-price", ["all", "all", "all", "order", "limit"]),
        ("static", ["all", "all", "all", "order", "all"]),
        ("mid-market-rate", ["split", "all", "all", "split", "all"]),
        ("fixed-shares", ["split", "all", "share", "split", "all"]),
        ("equal-shares", ["split", "even", "all", "split", "all"]),
        ("fluvius-fixed", ["returned", "all", "share", "returned", "all"]),
        ("public-grid", ["grid-only"; 5]),
        ("trade-reduction", ["cut", "all", "last-pair", "last-pair", "behind"]),
        ("single-sided", ["all", "all", "all", "order", "all"]),
    ] {
        assert_eq!(reasons(&explained(rule, &market())), expected, "{rule}");
    }
    let short = round(&[(500, 0, 0, 0, 0, 0), (0, 700, 0, 1, 500_000, 1), (0, 400, 0, 1, 500_000, 0)]);
    assert_eq!(reasons(&explained("priority-shares", &short)), ["all", "rank", "all"]);
    assert_eq!(reasons(&explained("proportional-shares", &short)), ["all", "split", "split"]);
    assert_eq!(reasons(&explained("cascading-shares", &short)), ["all", "shared-again", "shared-again"]);
    let alone = round(&[(900, 900, 0, 1, 0, 0), (0, 100, 0, 1, 0, 0)]);
    assert_eq!(reasons(&explained("static", &alone)), ["itself", "itself", "all"]);
    assert_eq!(reasons(&explained("static", &round(&[(9, 0, 0, 0, 0, 0)]))), ["other-side-empty"]);
}

#[test]
fn reasons_name_the_price_and_the_members_own_figures() {
    let explanation = explained("uniform", &market());
    let why = |member: usize| {
        let line = &explanation.market.members[member];
        line.sides().next().unwrap().why(Language::En)
    };
    assert_eq!(why(4), "The bid of 0.06 EUR/kWh is below the price of 0.07 EUR/kWh.");
    assert_eq!(
        why(3),
        "Place 2 among the sellers who accept the price: those before leave 200 Wh of what the buyers want."
    );
    let german = explanation.market.members[4].buys.unwrap().why(Language::De);
    assert_eq!(german, "Das Gebot von 0,06 EUR/kWh liegt unter dem Preis von 0,07 EUR/kWh.");
}

#[test]
fn the_merit_orders_and_prices_are_those_of_the_rule() {
    let market = explained("uniform", &market()).market;
    let short =
        |blocks: &[Block]| blocks.iter().map(|it| (it.member, it.price, it.energy, it.traded)).collect::<Vec<_>>();
    assert_eq!(short(&market.offers), [(0, 50_000, 900, 900), (3, 70_000, 600, 200)]);
    assert_eq!(short(&market.bids), [(1, 120_000, 700, 700), (2, 90_000, 400, 400), (4, 60_000, 300, 0)]);
    assert_eq!(market.prices, [MarketPrice { of: PriceOf::All, micro_eur: 70_000 }]);
    let own_prices = explained("buyers-price", &self::market()).market.prices;
    assert_eq!(own_prices, [MarketPrice { of: PriceOf::Decides, micro_eur: 70_000 }]);
    assert!(market.looks_at_limits && !explained("mid-market-rate", &self::market()).market.looks_at_limits);
    let spread = explained("trade-reduction", &self::market()).market.prices;
    assert_eq!(
        spread.iter().map(|it| (it.of.code(), it.micro_eur)).collect::<Vec<_>>(),
        [("sellers", 70_000), ("buyers", 90_000)]
    );
}

#[test]
fn what_a_key_offered_and_what_came_back_is_told() {
    let offered = |rule: &str| -> Vec<(Option<u128>, u64, Option<u128>)> {
        let market = explained(rule, &market()).market;
        market.members.iter().filter_map(|it| it.buys).map(|it| (it.offered, it.traded, it.gave_back())).collect()
    };
    let fixed = [(Some(750), 700, Some(50)), (Some(375), 375, Some(0)), (Some(375), 300, Some(75))];
    assert_eq!(offered("fixed-shares"), fixed);
    assert_eq!(offered("fluvius-fixed"), fixed);
    assert_eq!(offered("fluvius-relative"), fixed);
    assert!(offered("fluvius-optimal").iter().all(|it| it.0.is_none()));
    assert!(offered("uniform").iter().all(|it| it.0.is_none()));
}

#[test]
fn other_trades_than_the_rules_have_no_reasons() {
    let round = market();
    let explanation = explain(Some("uniform"), &round, &trades("public-grid", &round), Language::En);
    assert!(matches!(explanation.agreement, Agreement::Differs(_)));
    assert!(reasons(&explanation).iter().all(|reason| *reason == "unknown"));
    assert!(explanation.market.prices.is_empty());
    let unknown = explain(None, &round, &trades("uniform", &round), Language::En);
    assert_eq!(unknown.agreement, Agreement::Unknown);
    assert_eq!(reasons(&unknown), ["all", "all", "all", "unknown", "unknown"]);
}

/// Every text that somebody reads.
fn told(explanation: &Explanation, language: Language) -> Vec<String> {
    let mut told = Vec::new();
    for Step { title, sentences, table } in &explanation.steps {
        told.push((*title).to_owned());
        told.extend(sentences.iter().cloned());
        told.extend(table.iter().flat_map(|table| table.columns.iter().map(|column| column.name.to_owned())));
    }
    told.extend(explanation.market.members.iter().flat_map(Line::sides).map(|side| side.why(language)));
    told
}

#[test]
fn every_language_tells_every_rule_and_leaves_no_place_open() {
    for rule in RULES {
        let round = market();
        let all = Language::ALL.map(|language| explain(Some(rule), &round, &trades(rule, &round), language));
        for (explanation, language) in all.iter().zip(Language::ALL) {
            assert_eq!(explanation.agreement, Agreement::Exact, "{rule}");
            let told = told(explanation, language);
            let open: Vec<_> = told.iter().filter(|text| text.trim().is_empty() || text.contains(['{', '}'])).collect();
            assert!(open.is_empty(), "{rule} in {}: {open:?}", language.code());
            // The same figures and structure, only other words.
            assert_eq!(told.len(), self::told(&all[0], language).len());
            assert_eq!(explanation.market, all[0].market);
        }
        let first: BTreeSet<String> =
            all.iter().map(|explanation| explanation.steps.first().unwrap().sentences[0].clone()).collect();
        assert_eq!(first.len(), Language::ALL.len(), "{rule}: {first:?}");
    }
}

proptest! {
    #[test]
    fn prop_reasons_and_figures_fit_the_trades(
        members in proptest::collection::vec(
            (0..2_000_u64, 0..2_000_u64, 0..200_000_i64, 0..200_000_i64, 0..90_000_u32, 0..3_u32), 0..10,
        ),
        gross in any::<bool>(),
    ) {
        let net = |&(surplus, deficit, offer, bid, share, rank): &Numbers| {
            let common = surplus.min(deficit);
            (surplus - common, deficit - common, offer, bid, share, rank)
        };
        let members = if gross { members } else { members.iter().map(net).collect() };
        let round = round(&members);
        for rule in RULES {
            let explanation = explained(rule, &round);
            prop_assert_eq!(&explanation.agreement, &Agreement::Exact);
            let market = &explanation.market;
            prop_assert_eq!(market.members.len(), members.len());
            for side in market.members.iter().flat_map(Line::sides) {
                prop_assert!(side.traded <= side.energy);
                prop_assert_eq!(side.reason == Reason::All, side.traded == side.energy);
                prop_assert_ne!(side.reason, Reason::Unknown, "{} {:?}", rule, side);
                // Whoever would have to trade with itself keeps it; all others take what they are offered, up to their need.
                if let Some(offered) = side.offered && side.reason != Reason::Itself {
                    prop_assert_eq!(u128::from(side.traded), offered.min(side.energy.into()), "{} {:?}", rule, side);
                }
                if let Reason::Limit { price } = side.reason {
                    let refuses = if side.role == Role::Sells { side.limit > price } else { side.limit < price };
                    prop_assert!(refuses, "{} {:?}", rule, side);
                }
            }
            let sum = |blocks: &[Block]| blocks.iter().map(|it| it.traded).sum::<u64>();
            prop_assert_eq!(sum(&market.offers), sum(&market.bids));
            let priced = |blocks: &[Block]| blocks.iter().map(|it| it.price).collect::<Vec<_>>();
            prop_assert!(priced(&market.offers).is_sorted());
            prop_assert!(priced(&market.bids).iter().rev().is_sorted());
        }
    }
}
