//! The surplus is offered by shares; what somebody does not need is offered to the others again.
#![cfg_attr(target_arch = "wasm32", no_std)]

use market_kit::{Algorithm, Outcome, Round, Setting, SharingPrice, cascade, share, shares, turn};

/// The algorithm `cascading-shares`.
pub struct CascadingShares;

impl Algorithm for CascadingShares {
    const NAME: &'static str = env!("CARGO_PKG_NAME");
    const VERSION: &'static str = env!("CARGO_PKG_VERSION");
    const SUMMARY: &'static str = env!("CARGO_PKG_DESCRIPTION");
    const SETTINGS: &'static [Setting] = &[SharingPrice::SETTING];

    fn clear(round: &Round) -> Outcome {
        share(round, |book| {
            let mut weights = shares(round);
            if weights.iter().all(|&weight| weight == 0) {
                weights.fill(1);
            }
            Ok(cascade(turn(round), book.total_surplus(), &weights, book.deficits()))
        })
    }
}

market_kit::export_no_std!(CascadingShares);

#[cfg(test)]
mod tests {
    use market_kit::testing;

    use super::*;

    #[test]
    fn balances_every_round() {
        assert_eq!(testing::check_random_rounds::<CascadingShares>(2_000), Ok(()));
    }

    #[test]
    fn what_is_refused_is_offered_again() {
        let round =
            testing::shared_round([("anna", 1000, 0, 0), ("ben", 0, 100, 900_000), ("carla", 0, 1200, 300_000)]);
        let trades = CascadingShares::clear(&round).unwrap();
        assert_eq!(
            testing::lines(&round, &trades)[..2],
            ["anna > ben 100 Wh at 96200", "anna > carla 900 Wh at 96200"]
        );
    }
}
