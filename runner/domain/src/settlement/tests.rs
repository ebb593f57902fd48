use std::sync::Arc;

use proptest::prelude::*;

use super::*;
use crate::energy::Energy;
use crate::interval::{Boundary, Interval, IntervalLength};
use crate::money::Tariff;
use crate::round::{PriceLimits, Terms};

const RETAIL: i64 = 162_400;
const FEED_IN: i64 = 30_000;

fn round(limits: PriceLimits, energies: &[(u64, u64)]) -> Arc<Round> {
    let start = Boundary::from_seconds(1_693_569_600).unwrap();
    let tariff = Tariff { retail: Price::from_micro_eur(RETAIL), feed_in: Price::from_micro_eur(FEED_IN) };
    let terms = Terms {
        community: "test".to_owned(),
        interval: Interval::starting(start, IntervalLength::QUARTER_HOUR).unwrap(),
        tariff,
        limits,
        seed: 0,
        settings: Vec::new(),
    };
    let positions = energies.iter().enumerate().map(|(index, (surplus, deficit))| Position {
        member: format!("m{index:04}").parse().unwrap(),
        surplus: Energy::from_wh(*surplus),
        deficit: Energy::from_wh(*deficit),
        offer: tariff.feed_in,
        bid: tariff.retail,
        tariff,
        share: 0,
        rank: 0,
    });
    Arc::new(Round::new(terms, positions.collect()).unwrap())
}

fn party(name: &str) -> Party {
    match name {
        "grid" => Party::Grid,
        "operator" => Party::Operator,
        index => Party::Member(index.parse().unwrap()),
    }
}

/// Parses trades, one per line: `seller buyer Wh price`.
fn trades(table: &str) -> Vec<Trade> {
    let lines = table.lines().map(str::trim).filter(|line| !line.is_empty());
    lines
        .map(|line| {
            let cells: Vec<&str> = line.split_whitespace().collect();
            Trade {
                seller: party(cells[0]),
                buyer: party(cells[1]),
                energy: Energy::from_wh(cells[2].parse().unwrap()),
                price: Price::from_micro_eur(cells[3].parse().unwrap()),
            }
        })
        .collect()
}

/// Checks a table of trades against positions of (surplus, deficit); expects violations as `code: message`.
fn check(energies: &[(u64, u64)], table: &str, expected: &[&str]) {
    check_with(PriceLimits::default(), usize::MAX, energies, table, expected);
}

fn check_with(limits: PriceLimits, trades_max: usize, energies: &[(u64, u64)], table: &str, expected: &[&str]) {
    let found = match Settlement::check(round(limits, energies), trades(table), trades_max) {
        Ok(_) => Vec::new(),
        Err(violations) => violations.iter().map(|violation| format!("{}: {violation}", violation.code())).collect(),
    };
    assert_eq!(found, expected, "{table}");
}

#[test]
fn an_honest_result_is_a_settlement() {
    check(&[(1200, 0), (0, 1000), (0, 0)], "0 1 1000 96200\n 0 grid 200 30000", &[]);
    check(&[], "", &[]);
    // A member with both, as in gross metering.
    check(&[(500, 300), (0, 500)], "0 1 500 96200\n grid 0 300 162400", &[]);
    // The operator keeps the spread.
    check(&[(100, 0), (0, 100)], "0 operator 100 50000\n operator 1 100 60000", &[]);
}

#[test]
fn members_trade_exactly_their_surplus_and_deficit() {
    check(
        &[(900, 0), (0, 1000), (100, 0)],
        "0 1 1200 96200",
        &[
            "oversold: member m0000 sells 1200 Wh but has a surplus of 900 Wh",
            "overbought: member m0001 buys 1200 Wh but has a deficit of 1000 Wh",
            "undersold: member m0002 sells 0 Wh but has a surplus of 100 Wh (sell the rest to the grid)",
        ],
    );
    check(
        &[(0, 1000)],
        "grid 0 999 162400",
        &["underbought: member m0000 buys 999 Wh but has a deficit of 1000 Wh (buy the rest from the grid)"],
    );
}

#[test]
fn parties_exist_and_do_not_trade_with_themselves() {
    check(
        &[],
        "7 grid 1 0\n 4294967295 4294967295 1 0\n grid grid 1 0\n operator operator 1 0\n grid operator 5 0\n operator grid 5 0",
        &[
            "unknown-member: trade 0 names position 7, but the round has 0 positions (counted from 0)",
            "self-trade: trade 1 has member number 4294967295 on both sides (seller and buyer must differ)",
            "unknown-member: trade 1 names position 4294967295, but the round has 0 positions (counted from 0)",
            "self-trade: trade 2 has the grid on both sides (seller and buyer must differ)",
            "self-trade: trade 3 has the operator on both sides (seller and buyer must differ)",
            "grid-operator: trade 4 is of 5 Wh between the operator and the grid (only members trade with the grid)",
            "grid-operator: trade 5 is of 5 Wh between the operator and the grid (only members trade with the grid)",
        ],
    );
    check(
        &[(10, 10)],
        "0 0 10 96200",
        &["self-trade: trade 0 has member m0000 on both sides (seller and buyer must differ)"],
    );
}

#[test]
fn a_trade_has_energy() {
    check(
        &[(0, 0), (0, 0)],
        "0 1 0 96200",
        &["zero-energy: trade 0 is of 0 Wh (a trade is of at least 1 Wh; leave it out)"],
    );
}

#[test]
fn trades_with_the_grid_are_at_the_members_tariff() {
    check(
        &[(10, 0), (0, 10)],
        "0 grid 10 162400\n grid 1 10 162399",
        &[
            "grid-price: trade 0: member m0000 sells to the grid at 162400 µEUR/kWh but its feed-in tariff is 30000 µEUR/kWh",
            "grid-price: trade 1: member m0001 buys from the grid at 162399 µEUR/kWh but its retail tariff is 162400 µEUR/kWh",
        ],
    );
}

#[test]
fn price_limits_apply_to_what_members_pay_each_other_and_the_operator() {
    let price = |micro_eur| Some(Price::from_micro_eur(micro_eur));
    let limits = PriceLimits::new(price(50_000), price(60_000)).unwrap();
    check_with(
        limits,
        usize::MAX,
        &[(21, 0), (0, 11), (9, 9)],
        "0 1 1 49999\n 0 1 10 60001\n 0 grid 10 30000\n 2 operator 9 49999\n operator 2 9 60001",
        &[
            "price-floor: trade 0 is at 49999 µEUR/kWh, below the community's price floor of 50000 µEUR/kWh",
            "price-ceiling: trade 1 is at 60001 µEUR/kWh, above the community's price ceiling of 60000 µEUR/kWh",
            "price-floor: trade 3 is at 49999 µEUR/kWh, below the community's price floor of 50000 µEUR/kWh",
            "price-ceiling: trade 4 is at 60001 µEUR/kWh, above the community's price ceiling of 60000 µEUR/kWh",
        ],
    );
    // What the operator gives away, within what it took in, harms no member.
    check_with(
        limits,
        usize::MAX,
        &[(11, 0), (0, 11)],
        "0 operator 1 60001\n 0 operator 10 50000\n operator 1 1 49999\n operator 1 10 60000",
        &[],
    );
    assert!(PriceLimits::new(price(2), price(1)).is_err());
}

#[test]
fn the_operator_neither_keeps_energy_nor_loses_money() {
    check(
        &[(100, 0), (0, 99)],
        "0 operator 100 60000\n operator 1 99 60000",
        &[
            "operator-energy: the operator buys 100 Wh but sells 99 Wh (it keeps no energy: both must be equal)",
            "operator-loss: the operator pays 6000000 nEUR but takes in 5940000 nEUR (it may not lose money, and both must fit 128 bits)",
        ],
    );
    // The operator earns money by buying at a negative price.
    check(&[(1, 0), (0, 1)], "0 operator 1 -5\n operator 1 1 -4", &[]);
    check(
        &[(1, 0), (0, 1)],
        "0 operator 1 -4\n operator 1 1 -5",
        &[
            "operator-loss: the operator pays -4 nEUR but takes in -5 nEUR (it may not lose money, and both must fit 128 bits)",
        ],
    );
}

#[test]
fn trades_beyond_the_limit_count_in_totals_but_are_not_examined() {
    check_with(
        PriceLimits::default(),
        1,
        &[(3, 0), (0, 3)],
        "0 1 1 5\n 0 1 1 5\n 0 1 1 5\n 9 9 0 0",
        &["too-many-trades: the result has 4 trades, but at most 1 are allowed for this round"],
    );
    assert_eq!(trades_max_default(10), 1064);
    assert_eq!(trades_max_default(usize::MAX), usize::MAX);
}

#[test]
fn totals_beyond_every_machine_word_are_violations() {
    let most = u64::MAX;
    check(
        &[(most, 0), (0, most)],
        &format!("0 1 {most} {0}\n 0 1 {most} {0}\n 0 1 1 {0}", i64::MAX),
        &[
            "oversold: member m0000 sells 36893488147419103231 Wh but has a surplus of 18446744073709551615 Wh",
            "overbought: member m0001 buys 36893488147419103231 Wh but has a deficit of 18446744073709551615 Wh",
        ],
    );
    check(&[(most, 0), (0, most)], &format!("0 1 {most} {}", i64::MIN), &[]);
    // Energy that would wrap to the correct total in 64 bits.
    check(
        &[(5, 0), (0, 5)],
        &format!("0 1 {most} 7\n 0 1 6 7"),
        &[
            "oversold: member m0000 sells 18446744073709551621 Wh but has a surplus of 5 Wh",
            "overbought: member m0001 buys 18446744073709551621 Wh but has a deficit of 5 Wh",
        ],
    );
    // Money that does not fit 128 bits, although the operator does not lose any.
    let line = format!("0 operator {most} {0}\n operator 1 {most} {0}\n", i64::MAX);
    check(
        &[(0, 0), (0, 0)],
        &line.repeat(3),
        &[
            "oversold: member m0000 sells 55340232221128654845 Wh but has a surplus of 0 Wh",
            "overbought: member m0001 buys 55340232221128654845 Wh but has a deficit of 0 Wh",
            "operator-loss: the operator pays more than 2^127 nEUR but takes in more than 2^127 nEUR (it may not lose money, and both must fit 128 bits)",
        ],
    );
}

/// Makes an honest result by brute force: each seller meets each buyer, some through the operator, then the grid.
fn honest(energies: &[(u64, u64)]) -> Vec<Trade> {
    let mut left = energies.to_vec();
    let mut trades = Vec::new();
    let index = |index: usize| Party::Member(u32::try_from(index).unwrap());
    for seller in 0..left.len() {
        for buyer in 0..left.len() {
            let energy = left[seller].0.min(left[buyer].1);
            if seller == buyer || energy == 0 {
                continue;
            }
            left[seller].0 -= energy;
            left[buyer].1 -= energy;
            let energy = Energy::from_wh(energy);
            let price = Price::from_micro_eur(96_200);
            if (seller + buyer) % 5 == 0 {
                trades.push(Trade { seller: index(seller), buyer: Party::Operator, energy, price });
                trades.push(Trade { seller: Party::Operator, buyer: index(buyer), energy, price });
            } else {
                trades.push(Trade { seller: index(seller), buyer: index(buyer), energy, price });
            }
        }
    }
    for (member, (surplus, deficit)) in left.into_iter().enumerate() {
        let grid = [(index(member), Party::Grid, surplus, FEED_IN), (Party::Grid, index(member), deficit, RETAIL)];
        for (seller, buyer, wh, price) in grid.into_iter().filter(|(_, _, wh, _)| *wh > 0) {
            let energy = Energy::from_wh(wh);
            trades.push(Trade { seller, buyer, energy, price: Price::from_micro_eur(price) });
        }
    }
    trades
}

#[derive(Clone, Copy, Debug)]
enum Mutation {
    MoreEnergy,
    LessEnergy,
    SwappedSides,
    Dropped,
    Doubled,
    OtherSeller(u32),
    OtherBuyer(u32),
    RepricedGrid(i64),
}

/// Applies the mutation; `None` if it changes nothing.
fn mutate(mut trades: Vec<Trade>, at: usize, mutation: Mutation) -> Option<Vec<Trade>> {
    let trade = trades.get_mut(at)?;
    let before = *trade;
    match mutation {
        Mutation::MoreEnergy => trade.energy = Energy::from_wh(trade.energy.wh().checked_add(1)?),
        Mutation::LessEnergy => trade.energy = Energy::from_wh(trade.energy.wh() - 1),
        Mutation::SwappedSides => (trade.seller, trade.buyer) = (trade.buyer, trade.seller),
        Mutation::OtherSeller(index) => trade.seller = Party::Member(index),
        Mutation::OtherBuyer(index) => trade.buyer = Party::Member(index),
        Mutation::RepricedGrid(by) if trade.seller == Party::Grid || trade.buyer == Party::Grid => {
            trade.price = Price::from_micro_eur(trade.price.micro_eur().checked_add(by)?);
        }
        Mutation::RepricedGrid(_) => return None,
        Mutation::Dropped => {
            trades.remove(at);
            return Some(trades);
        }
        Mutation::Doubled => {
            trades.push(before);
            return Some(trades);
        }
    }
    (*trade != before).then_some(trades)
}

fn energies() -> impl Strategy<Value = Vec<(u64, u64)>> {
    let wh = prop_oneof![4 => Just(0), 8 => 1..5000_u64, 1 => (u64::MAX - 3)..=u64::MAX];
    proptest::collection::vec((wh.clone(), wh), 1..12)
}

fn mutation() -> impl Strategy<Value = Mutation> {
    prop_oneof![
        Just(Mutation::MoreEnergy),
        Just(Mutation::LessEnergy),
        Just(Mutation::SwappedSides),
        Just(Mutation::Dropped),
        Just(Mutation::Doubled),
        (0..14_u32).prop_map(Mutation::OtherSeller),
        (0..14_u32).prop_map(Mutation::OtherBuyer),
        (-3..3_i64).prop_map(Mutation::RepricedGrid),
    ]
}

fn any_party() -> impl Strategy<Value = Party> {
    prop_oneof![
        Just(Party::Grid),
        Just(Party::Operator),
        (0..6_u32).prop_map(Party::Member),
        any::<u32>().prop_map(Party::Member)
    ]
}

fn any_trade() -> impl Strategy<Value = Trade> {
    let wh = prop_oneof![0..3_u64, (u64::MAX - 2)..=u64::MAX, any::<u64>()];
    let price = prop_oneof![Just(RETAIL), Just(FEED_IN), Just(i64::MIN), Just(i64::MAX), any::<i64>()];
    (any_party(), any_party(), wh, price).prop_map(|(seller, buyer, wh, price)| Trade {
        seller,
        buyer,
        energy: Energy::from_wh(wh),
        price: Price::from_micro_eur(price),
    })
}

proptest! {
    #[test]
    fn prop_honest_results_pass(energies in energies()) {
        let settlement = Settlement::check(round(PriceLimits::default(), &energies), honest(&energies), usize::MAX);
        prop_assert!(settlement.is_ok(), "{settlement:?}");
    }

    #[test]
    fn prop_any_single_mutation_is_caught(energies in energies(), at in 0..40_usize, mutation in mutation()) {
        if let Some(trades) = mutate(honest(&energies), at, mutation) {
            let settlement = Settlement::check(round(PriceLimits::default(), &energies), trades, usize::MAX);
            prop_assert!(settlement.is_err(), "{mutation:?} of trade {at} was not caught");
        }
    }

    /// Nothing panics or wraps, and accepted results balance when counted independently.
    #[test]
    fn prop_what_passes_balances(energies in energies(), trades in proptest::collection::vec(any_trade(), 0..8)) {
        let round = round(PriceLimits::default(), &energies);
        if let Ok(settlement) = Settlement::check(round, trades, usize::MAX) {
            for (index, (surplus, deficit)) in energies.iter().enumerate() {
                let party = Party::Member(u32::try_from(index).unwrap());
                let sum = |side: fn(&Trade) -> Party| -> u128 {
                    settlement.trades().iter().filter(|trade| side(trade) == party).map(|trade| u128::from(trade.energy.wh())).sum()
                };
                prop_assert_eq!(sum(|trade| trade.seller), u128::from(*surplus));
                prop_assert_eq!(sum(|trade| trade.buyer), u128::from(*deficit));
            }
        }
    }

    #[test]
    fn prop_money_sums_are_exact(amounts in proptest::collection::vec(any::<i64>(), 0..50), energy in any::<u64>()) {
        let mut sum = MoneySum::default();
        let mut expected = Some(0_i128);
        for price in amounts {
            let amount = crate::money::Amount::of(Energy::from_wh(energy), Price::from_micro_eur(price));
            sum.add(amount);
            expected = expected.and_then(|sum| sum.checked_add(amount.nano_eur()));
        }
        if let Some(expected) = expected {
            prop_assert_eq!(sum.amount().map(crate::money::Amount::nano_eur), Some(expected));
        }
    }
}
