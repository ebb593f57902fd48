//! The price between members falls from retail to feed-in as supply meets demand (Liu et al., IEEE Trans. Power Syst.
//! 32(5), 2017); energy is shared in proportion to the deficits.
#![cfg_attr(target_arch = "wasm32", no_std)]

extern crate alloc;

use alloc::{format, string::String};

use market_kit::{Algorithm, Book, Outcome, PriceLimits, Round, mid, turn};

/// The algorithm `supply-demand-ratio`.
pub struct SupplyDemandRatio;

impl Algorithm for SupplyDemandRatio {
    const NAME: &'static str = env!("CARGO_PKG_NAME");
    const VERSION: &'static str = env!("CARGO_PKG_VERSION");
    const SUMMARY: &'static str = env!("CARGO_PKG_DESCRIPTION");

    fn clear(round: &Round) -> Outcome {
        check_tariffs(round)?;
        let limits = PriceLimits::of(round)?;
        let mut book = Book::new(round);
        let (supply, demand) = (book.total_surplus(), book.total_deficit());
        let price = limits.clamp(price(round, supply, demand));
        let takes = book.by_deficit(turn(round));
        book.hand_out(turn(round), takes, price);
        Ok(book.rest())
    }
}

/// One, in parts per million.
const ONE: i128 = 1_000_000;

/// The largest tariff, in µEUR/kWh, with which the formula stays exact in 128 bits.
const TARIFF_MAX: u64 = 1_000_000_000_000;

fn check_tariffs(round: &Round) -> Result<(), String> {
    for (name, tariff) in [("retail", round.retail), ("feed-in", round.feed_in)] {
        if tariff.unsigned_abs() > TARIFF_MAX {
            return Err(format!("{name} is {tariff} µEUR/kWh but must be within -{TARIFF_MAX} to {TARIFF_MAX}"));
        }
    }
    Ok(())
}

/// Returns the price in µEUR/kWh for these totals in Wh.
fn price(round: &Round, supply: u128, demand: u128) -> i64 {
    let (retail, feed_in) = (i128::from(round.retail), i128::from(round.feed_in));
    if demand == 0 || feed_in <= 0 || feed_in >= retail {
        return mid(round.retail, round.feed_in);
    }
    // OK because the sum of a round's energies has less than 100 bits, and the ratio is at most one.
    let ratio = i128::try_from(supply.min(demand) * ONE.unsigned_abs() / demand).unwrap_or(ONE);
    let price = retail * feed_in * ONE / ((retail - feed_in) * ratio + feed_in * ONE);
    // OK because the price is between the two tariffs.
    i64::try_from(price).unwrap_or(round.retail)
}

market_kit::export_no_std!(SupplyDemandRatio);

#[cfg(test)]
mod tests {
    use market_kit::testing;

    use super::*;

    #[test]
    fn balances_every_round() {
        for mut round in (0..2_000).map(testing::random_round) {
            (round.retail, round.feed_in) = (round.retail % 1_000_000_000_001, round.feed_in % 1_000_000_000_001);
            let trades = SupplyDemandRatio::clear(&round).unwrap();
            assert_eq!(testing::check(&round, &trades), Ok(()), "{round:?}");
        }
    }

    #[test]
    fn a_tariff_with_which_the_formula_does_not_fit_is_refused() {
        let mut round = testing::round([("anna", 10, 0), ("ben", 0, 20)]);
        round.retail = 1_000_000_000_001;
        assert_eq!(
            SupplyDemandRatio::clear(&round).unwrap_err(),
            "retail is 1000000000001 µEUR/kWh but must be within -1000000000000 to 1000000000000"
        );
    }

    #[test]
    fn the_price_follows_the_ratio() {
        let at = |supply: u64| {
            let round = testing::round([("anna", supply, 0), ("ben", 0, 1000)]);
            price(&round, supply.into(), 1000)
        };
        assert_eq!([at(0), at(500), at(1000), at(9000)], [162_400, 50_644, 30_000, 30_000]);
    }
}
