//! Laws of the building blocks, on values from both ends of their ranges.

use std::cmp::Reverse;

use market_kit::{Book, Party, PriceLimits, Round, Setting, Trade, mid, split, testing};
use proptest::{collection::vec, prelude::*};

/// Energies of every size, with 0, ties and the largest there is.
fn energy() -> impl Strategy<Value = u64> {
    prop_oneof![0..4_u64, 0..5_000_u64, any::<u64>(), Just(u64::MAX)]
}

fn price() -> impl Strategy<Value = i64> {
    prop_oneof![0..4_i64, any::<i64>(), Just(i64::MIN), Just(i64::MAX)]
}

prop_compose! {
    /// A round on a gross basis: a member may have both a surplus and a deficit.
    fn round()(members in vec((energy(), energy(), price(), price()), 0..12)) -> Round {
        let mut round = testing::round([]);
        for (surplus, deficit, offer, bid) in members {
            let mut position = testing::round([("m", surplus, deficit)]).positions.remove(0);
            (position.offer, position.bid) = (offer, bid);
            round.positions.push(position);
        }
        round
    }
}

fn total(parts: &[u64]) -> u128 {
    parts.iter().map(|&part| u128::from(part)).sum()
}

/// ⌊a·b/c⌋ and the remainder, bit by bit: slow, but plain.
fn multiply_and_divide(a: u128, b: u64, c: u128) -> (u128, u128) {
    let (mut quotient, mut remainder) = (0, 0);
    for bit in (0..64).rev() {
        (quotient, remainder) = (quotient << 1, remainder << 1);
        if b >> bit & 1 == 1 {
            (quotient, remainder) = (quotient + a / c, remainder + a % c);
        }
        (quotient, remainder) = (quotient + remainder / c, remainder % c);
    }
    (quotient, remainder)
}

/// The parts by their definition: floors, then one unit each in the order of remainders.
fn split_by_sorting(total_units: u128, weights: &[u64]) -> Vec<u128> {
    let exact: Vec<_> = weights.iter().map(|&w| multiply_and_divide(total_units, w, total(weights))).collect();
    let mut parts: Vec<u128> = exact.iter().map(|&(floor, _)| floor).collect();
    let mut order: Vec<usize> = (0..weights.len()).collect();
    order.sort_by_key(|&index| Reverse(exact[index].1));
    for (_, &index) in (parts.iter().sum()..total_units).zip(&order) {
        parts[index] += 1;
    }
    parts
}

proptest! {
    #[test]
    fn prop_split_is_the_largest_remainder(weights in vec(energy(), 1..40), thousandths in 0..=1000_u128) {
        let sum = total(&weights);
        prop_assume!(sum > 0);
        let whole = sum / 1000 * thousandths + sum % 1000 * thousandths / 1000;
        let parts = split(whole, &weights).unwrap();
        let expected = split_by_sorting(whole, &weights);
        prop_assert_eq!(total(&parts), whole);
        prop_assert_eq!(parts.iter().map(|&part| u128::from(part)).collect::<Vec<_>>(), expected);
    }

    #[test]
    fn prop_split_of_more_than_the_weights_adds_up(weights in vec(0..4_u64, 1..9), whole in any::<u64>()) {
        prop_assume!(total(&weights) > 0);
        prop_assert_eq!(total(&split(whole.into(), &weights).unwrap()), u128::from(whole));
    }

    #[test]
    fn prop_mid_is_the_floor_of_the_half(a in price(), b in price()) {
        let exact = (i128::from(a) + i128::from(b)).div_euclid(2);
        prop_assert_eq!(i128::from(mid(a, b)), exact);
    }

    #[test]
    fn prop_greedy_leaves_no_pair_unserved(round in round()) {
        let mut book = Book::new(&round);
        let (sellers, buyers) = (book.sellers(), book.buyers());
        let before = (book.supply(&sellers), book.demand(&buyers));
        book.greedy(&sellers, &buyers, 7);
        let (supply, demand) = (book.supply(&sellers), book.demand(&buyers));
        prop_assert_eq!(before.0 - supply, before.1 - demand);
        let left: (Vec<u32>, Vec<u32>) = (book.sellers(), book.buyers());
        // What is left on both sides can only be one member with itself.
        prop_assert!(left.0.is_empty() || left.1.is_empty() || left.0.len() == 1 && left.0 == left.1);
        prop_assert_eq!(testing::check(&round, &book.rest()), Ok(()));
    }

    #[test]
    fn prop_greedy_serves_in_order(round in round()) {
        let mut book = Book::new(&round);
        let (sellers, buyers) = (book.sellers_by(|p| p.offer), book.buyers_by(|p| Reverse(p.bid)));
        book.greedy(&sellers, &buyers, 7);
        let trades = book.rest();
        prop_assert_eq!(between_members(&trades), greedy_by_definition(&round, &sellers, &buyers));
    }

    #[test]
    fn prop_pro_rata_makes_both_sides_equal(round in round()) {
        let mut book = Book::new(&round);
        let (sellers, buyers) = (book.sellers(), book.buyers());
        book.pro_rata(&sellers, &buyers);
        if !sellers.is_empty() && !buyers.is_empty() {
            prop_assert_eq!(book.supply(&sellers), book.demand(&buyers));
        }
        prop_assert_eq!(testing::check(&round, &book.rest()), Ok(()));
    }

    #[test]
    fn prop_the_clearing_price_suits_a_pair(round in round()) {
        let book = Book::new(&round);
        let (sellers, buyers) = (book.sellers_by(|p| p.offer), book.buyers_by(|p| Reverse(p.bid)));
        let least_offer = sellers.first().map(|&seller| book.position(seller).offer);
        let highest_bid = buyers.first().map(|&buyer| book.position(buyer).bid);
        match (book.clearing_price(&sellers, &buyers), least_offer, highest_bid) {
            (Some(price), Some(offer), Some(bid)) => prop_assert!(offer <= price && price <= bid),
            (None, Some(offer), Some(bid)) => prop_assert!(offer > bid),
            (price, ..) => prop_assert_eq!(price, None),
        }
    }
}

fn between_members(trades: &[Trade]) -> Vec<(u32, u32, u64)> {
    let members = |trade: &Trade| match (trade.seller, trade.buyer) {
        (Party::Member(seller), Party::Member(buyer)) => Some((seller, buyer, trade.energy)),
        _ => None,
    };
    trades.iter().filter_map(members).collect()
}

/// Every buyer asks every seller but itself: quadratic, but plain.
fn greedy_by_definition(round: &Round, sellers: &[u32], buyers: &[u32]) -> Vec<(u32, u32, u64)> {
    let mut surplus: Vec<u64> = round.positions.iter().map(|position| position.surplus).collect();
    let mut trades = Vec::new();
    for &buyer in buyers {
        let mut deficit = round.positions[buyer as usize].deficit;
        for &seller in sellers.iter().filter(|&&seller| seller != buyer) {
            let energy = deficit.min(surplus[seller as usize]);
            if energy > 0 {
                (surplus[seller as usize], deficit) = (surplus[seller as usize] - energy, deficit - energy);
                trades.push((seller, buyer, energy));
            }
        }
    }
    trades
}

#[test]
fn a_member_never_trades_with_itself() {
    let round = testing::round([("anna", 100, 50), ("ben", 30, 60)]);
    let mut book = Book::new(&round);
    book.greedy(&book.sellers(), &book.buyers(), 7);
    assert_eq!(
        testing::lines(&round, &book.rest()),
        ["ben > anna 30 Wh at 7", "anna > ben 60 Wh at 7", "anna > grid 40 Wh at 30000", "grid > anna 20 Wh at 162400"]
    );
}

#[test]
fn a_member_alone_with_itself_goes_to_the_grid() {
    let round = testing::round([("anna", u64::MAX, u64::MAX)]);
    let mut book = Book::new(&round);
    book.greedy(&book.sellers(), &book.buyers(), 7);
    assert_eq!(testing::check(&round, &book.clone().rest()), Ok(()));
    assert_eq!(between_members(&book.rest()), []);
}

#[test]
fn ties_in_merit_order_keep_the_order_of_the_round() {
    let mut round = testing::round([("a", 1, 1), ("b", 1, 1), ("c", 1, 1), ("d", 0, 0)]);
    round.positions[2].offer = i64::MIN;
    round.positions[1].bid = i64::MAX;
    let book = Book::new(&round);
    assert_eq!(book.sellers_by(|position| position.offer), [2, 0, 1]);
    assert_eq!(book.buyers_by(|position| Reverse(position.bid)), [1, 0, 2]);
}

#[test]
fn split_refuses_what_cannot_add_up() {
    assert_eq!(split(0, &[]), Ok(vec![]));
    assert_eq!(split(0, &[0, 0]), Ok(vec![0, 0]));
    assert_eq!(split(1, &[]).unwrap_err(), "1 cannot be split: all weights are 0");
    assert_eq!(
        split(1 << 64, &[1, 2]).unwrap_err(),
        "18446744073709551616 cannot be split: it is above both 3, the sum of the weights, and 18446744073709551615"
    );
}

#[test]
fn limits_that_leave_no_price_are_an_error() {
    let mut round = testing::round([]);
    (round.price_floor, round.price_ceiling) = (Some(1), Some(0));
    assert_eq!(
        PriceLimits::of(&round).unwrap_err(),
        "price floor 1 is above price ceiling 0 (lower the floor or raise the ceiling)"
    );
    (round.price_floor, round.price_ceiling) = (Some(i64::MAX), None);
    assert_eq!(PriceLimits::of(&round).unwrap().clamp(i64::MIN), i64::MAX);
}

#[test]
fn a_setting_is_read_or_refused_by_its_type() {
    let setting = |key, default| Setting { key, summary: "", default };
    let mut round = testing::round([]);
    round.settings = vec![("on".into(), "yes".into()), ("count".into(), "-1".into())];
    assert_eq!(setting("absent", "true").read(&round), Ok(true));
    assert_eq!(setting("on", "false").read(&round), Ok(String::from("yes")));
    assert_eq!(
        setting("on", "false").read::<bool>(&round).unwrap_err(),
        r#"setting on is "yes" but must be true or false (leave it out for "false")"#
    );
    assert_eq!(
        setting("count", "3").read::<u32>(&round).unwrap_err(),
        r#"setting count is "-1" but must be a whole number, 0 to 4294967295 (leave it out for "3")"#
    );
}
