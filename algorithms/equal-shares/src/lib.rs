//! Every buyer of the interval may take the same part of the surplus; what it does not need goes to the grid.
#![cfg_attr(target_arch = "wasm32", no_std)]

extern crate alloc;

use alloc::vec::Vec;

use market_kit::{Algorithm, Outcome, Round, Setting, SharingPrice, share, split_from, turn};

/// The algorithm `equal-shares`.
pub struct EqualShares;

impl Algorithm for EqualShares {
    const NAME: &'static str = env!("CARGO_PKG_NAME");
    const VERSION: &'static str = env!("CARGO_PKG_VERSION");
    const SUMMARY: &'static str = env!("CARGO_PKG_DESCRIPTION");
    const SETTINGS: &'static [Setting] = &[SharingPrice::SETTING];

    fn clear(round: &Round) -> Outcome {
        share(round, |book| {
            let weights: Vec<u64> = book.deficits().iter().map(|&deficit| u64::from(deficit > 0)).collect();
            Ok(split_from(turn(round), book.total_surplus(), &weights))
        })
    }
}

market_kit::export_no_std!(EqualShares);

#[cfg(test)]
mod tests {
    use market_kit::testing;

    use super::*;

    #[test]
    fn balances_every_round() {
        assert_eq!(testing::check_random_rounds::<EqualShares>(2_000), Ok(()));
    }

    #[test]
    fn all_buyers_weigh_the_same() {
        let round = testing::round([("anna", 600, 0), ("ben", 0, 100), ("carla", 0, 900), ("dora", 0, 0)]);
        let trades = EqualShares::clear(&round).unwrap();
        assert_eq!(
            testing::lines(&round, &trades)[..2],
            ["anna > ben 100 Wh at 96200", "anna > carla 300 Wh at 96200"]
        );
    }
}
