//! One fixed price inside the community, the same for every interval.
#![cfg_attr(target_arch = "wasm32", no_std)]

use market_kit::{Algorithm, Book, Outcome, PriceLimits, Round, Setting};

/// The algorithm `static`.
pub struct Static;

const PRICE: Setting =
    Setting { key: "price", summary: "price of every trade between members, in µEUR/kWh", default: "120000" };

impl Algorithm for Static {
    const NAME: &'static str = env!("CARGO_PKG_NAME");
    const VERSION: &'static str = env!("CARGO_PKG_VERSION");
    const SUMMARY: &'static str = env!("CARGO_PKG_DESCRIPTION");
    const SETTINGS: &'static [Setting] = &[PRICE];

    fn clear(round: &Round) -> Outcome {
        let price = PriceLimits::of(round)?.clamp(PRICE.read(round)?);
        let mut book = Book::new(round);
        book.greedy(&book.sellers(), &book.buyers(), price);
        Ok(book.rest())
    }
}

market_kit::export_no_std!(Static);

#[cfg(test)]
mod tests {
    use market_kit::testing;

    use super::*;

    #[test]
    fn balances_every_round() {
        assert_eq!(testing::check_random_rounds::<Static>(2_000), Ok(()));
    }

    #[test]
    fn trades_at_the_configured_price() {
        let mut round = testing::round([("anna", 900, 0), ("ben", 0, 700), ("carla", 0, 700)]);
        round.settings.push(("price".into(), "90000".into()));
        let trades = Static::clear(&round).unwrap();
        assert_eq!(
            testing::lines(&round, &trades),
            ["anna > ben 700 Wh at 90000", "anna > carla 200 Wh at 90000", "grid > carla 500 Wh at 162400",]
        );
    }
}
