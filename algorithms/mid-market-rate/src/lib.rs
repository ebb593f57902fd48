//! One price, the midpoint of the community's retail and feed-in tariffs; energy is shared pro rata.
#![cfg_attr(target_arch = "wasm32", no_std)]

use market_kit::{Algorithm, Book, Outcome, PriceLimits, Round, mid};

/// The algorithm `mid-market-rate`.
pub struct MidMarketRate;

impl Algorithm for MidMarketRate {
    const NAME: &'static str = env!("CARGO_PKG_NAME");
    const VERSION: &'static str = env!("CARGO_PKG_VERSION");
    const SUMMARY: &'static str = env!("CARGO_PKG_DESCRIPTION");

    fn clear(round: &Round) -> Outcome {
        let price = PriceLimits::of(round)?.clamp(mid(round.retail, round.feed_in));
        let mut book = Book::new(round);
        let (sellers, buyers) = (book.sellers(), book.buyers());
        book.pro_rata(&sellers, &buyers);
        book.greedy(&sellers, &buyers, price);
        Ok(book.rest())
    }
}

market_kit::export_no_std!(MidMarketRate);

#[cfg(test)]
mod tests {
    use market_kit::testing;

    use super::*;

    #[test]
    fn balances_every_round() {
        assert_eq!(testing::check_random_rounds::<MidMarketRate>(2_000), Ok(()));
    }

    #[test]
    fn shares_energy_pro_rata_at_the_midpoint() {
        let round = testing::round([("anna", 900, 0), ("ben", 0, 700), ("carla", 0, 700)]);
        let trades = MidMarketRate::clear(&round).unwrap();
        assert_eq!(
            testing::lines(&round, &trades),
            [
                "grid > ben 250 Wh at 162400",
                "grid > carla 250 Wh at 162400",
                "anna > ben 450 Wh at 96200",
                "anna > carla 450 Wh at 96200",
            ]
        );
    }
}
