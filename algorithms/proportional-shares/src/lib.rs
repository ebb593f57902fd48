//! Every buyer takes of the community's surplus in proportion to its deficit.
#![cfg_attr(target_arch = "wasm32", no_std)]

use market_kit::{Algorithm, Outcome, Round, Setting, SharingPrice, share, turn};

/// The algorithm `proportional-shares`.
pub struct ProportionalShares;

impl Algorithm for ProportionalShares {
    const NAME: &'static str = env!("CARGO_PKG_NAME");
    const VERSION: &'static str = env!("CARGO_PKG_VERSION");
    const SUMMARY: &'static str = env!("CARGO_PKG_DESCRIPTION");
    const SETTINGS: &'static [Setting] = &[SharingPrice::SETTING];

    fn clear(round: &Round) -> Outcome {
        share(round, |book| Ok(book.by_deficit(turn(round))))
    }
}

market_kit::export_no_std!(ProportionalShares);

#[cfg(test)]
mod tests {
    use market_kit::testing;

    use super::*;

    #[test]
    fn balances_every_round() {
        assert_eq!(testing::check_random_rounds::<ProportionalShares>(2_000), Ok(()));
    }

    #[test]
    fn the_deficits_decide() {
        let round = testing::round([("anna", 900, 0), ("ben", 0, 600), ("carla", 0, 1200)]);
        let trades = ProportionalShares::clear(&round).unwrap();
        assert_eq!(
            testing::lines(&round, &trades)[..2],
            ["anna > ben 300 Wh at 96200", "anna > carla 600 Wh at 96200"]
        );
    }
}
