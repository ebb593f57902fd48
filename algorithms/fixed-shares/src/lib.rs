//! Every buyer may take a fixed share of the surplus; what it does not need goes to the grid.
#![cfg_attr(target_arch = "wasm32", no_std)]

use market_kit::{Algorithm, Outcome, Round, Setting, SharingPrice, share, shares, split_from, total_share, turn};

/// The algorithm `fixed-shares`.
pub struct FixedShares;

impl Algorithm for FixedShares {
    const NAME: &'static str = env!("CARGO_PKG_NAME");
    const VERSION: &'static str = env!("CARGO_PKG_VERSION");
    const SUMMARY: &'static str = env!("CARGO_PKG_DESCRIPTION");
    const SETTINGS: &'static [Setting] = &[SharingPrice::SETTING];

    fn clear(round: &Round) -> Outcome {
        let total_share = total_share(round)?;
        share(round, |book| {
            let shared = book.total_surplus() * u128::from(total_share) / 1_000_000;
            Ok(split_from(turn(round), shared, &shares(round)))
        })
    }
}

market_kit::export_no_std!(FixedShares);

#[cfg(test)]
mod tests {
    use market_kit::testing;

    use super::*;

    #[test]
    fn balances_every_round() {
        assert_eq!(testing::check_random_rounds::<FixedShares>(2_000), Ok(()));
    }

    #[test]
    fn what_is_refused_goes_to_the_grid() {
        let round = testing::shared_round([("anna", 1000, 0, 0), ("ben", 0, 100, 500_000), ("carla", 0, 900, 300_000)]);
        let trades = FixedShares::clear(&round).unwrap();
        assert_eq!(
            testing::lines(&round, &trades),
            [
                "anna > ben 100 Wh at 96200",
                "anna > carla 300 Wh at 96200",
                "anna > grid 600 Wh at 30000",
                "grid > carla 600 Wh at 162400",
            ]
        );
    }

    #[test]
    fn more_than_the_whole_cannot_be_shared() {
        let round = testing::shared_round([("anna", 10, 0, 500_000), ("ben", 0, 10, 500_001)]);
        assert_eq!(
            FixedShares::clear(&round).unwrap_err(),
            "shares add up to 1000001 parts per million, above 1000000 (lower some)"
        );
    }
}
