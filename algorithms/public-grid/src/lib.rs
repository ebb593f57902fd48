//! Every member trades with the grid only: what each would pay and earn without the community.
#![cfg_attr(target_arch = "wasm32", no_std)]

use market_kit::{Algorithm, Book, Outcome, Round};

/// The algorithm `public-grid`.
pub struct PublicGrid;

impl Algorithm for PublicGrid {
    const NAME: &'static str = env!("CARGO_PKG_NAME");
    const VERSION: &'static str = env!("CARGO_PKG_VERSION");
    const SUMMARY: &'static str = env!("CARGO_PKG_DESCRIPTION");

    fn clear(round: &Round) -> Outcome {
        Ok(Book::new(round).rest())
    }
}

market_kit::export_no_std!(PublicGrid);

#[cfg(test)]
mod tests {
    use market_kit::testing;

    use super::*;

    #[test]
    fn balances_every_round() {
        assert_eq!(testing::check_random_rounds::<PublicGrid>(2_000), Ok(()));
    }

    #[test]
    fn every_member_trades_with_the_grid_only() {
        let round = testing::round([("anna", 900, 0), ("ben", 0, 700), ("carla", 0, 700)]);
        let trades = PublicGrid::clear(&round).unwrap();
        assert_eq!(
            testing::lines(&round, &trades),
            ["anna > grid 900 Wh at 30000", "grid > ben 700 Wh at 162400", "grid > carla 700 Wh at 162400",]
        );
    }
}
