//! Energy inside the community has price 0: the community shares its bill outside the market.
#![cfg_attr(target_arch = "wasm32", no_std)]

use market_kit::{Algorithm, Book, Outcome, PriceLimits, Round};

/// The algorithm `bill-sharing`.
pub struct BillSharing;

impl Algorithm for BillSharing {
    const NAME: &'static str = env!("CARGO_PKG_NAME");
    const VERSION: &'static str = env!("CARGO_PKG_VERSION");
    const SUMMARY: &'static str = env!("CARGO_PKG_DESCRIPTION");

    fn clear(round: &Round) -> Outcome {
        let price = PriceLimits::of(round)?.clamp(0);
        let mut book = Book::new(round);
        let (sellers, buyers) = (book.sellers(), book.buyers());
        book.pro_rata(&sellers, &buyers);
        book.greedy(&sellers, &buyers, price);
        Ok(book.rest())
    }
}

market_kit::export_no_std!(BillSharing);

#[cfg(test)]
mod tests {
    use market_kit::testing;

    use super::*;

    #[test]
    fn balances_every_round() {
        assert_eq!(testing::check_random_rounds::<BillSharing>(2_000), Ok(()));
    }

    #[test]
    fn shares_energy_at_price_zero() {
        let round = testing::round([("anna", 900, 0), ("ben", 0, 700), ("carla", 0, 700)]);
        let trades = BillSharing::clear(&round).unwrap();
        assert_eq!(
            testing::lines(&round, &trades),
            [
                "grid > ben 250 Wh at 162400",
                "grid > carla 250 Wh at 162400",
                "anna > ben 450 Wh at 0",
                "anna > carla 450 Wh at 0",
            ]
        );
    }
}
