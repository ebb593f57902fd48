//! The relative key of Fluvius (relatief): every injector offers all of its surplus to the others, by their shares.
#![cfg_attr(target_arch = "wasm32", no_std)]

use market_kit::{Algorithm, Injection, Offer, Outcome, Round, Setting, SharingPrice, inject};

/// The algorithm `fluvius-relative`.
pub struct FluviusRelative;

impl Algorithm for FluviusRelative {
    const NAME: &'static str = env!("CARGO_PKG_NAME");
    const VERSION: &'static str = env!("CARGO_PKG_VERSION");
    const SUMMARY: &'static str = env!("CARGO_PKG_DESCRIPTION");
    const SETTINGS: &'static [Setting] = &[SharingPrice::SETTING];

    fn clear(round: &Round) -> Outcome {
        inject(round, |book, first, shares, _| {
            Injection::of(first, book.surpluses(), book.deficits(), shares, Offer::Relative)
        })
    }
}

market_kit::export_no_std!(FluviusRelative);

#[cfg(test)]
mod tests {
    use market_kit::testing;

    use super::*;

    #[test]
    fn balances_every_round() {
        assert_eq!(testing::check_random_rounds::<FluviusRelative>(2_000), Ok(()));
    }

    #[test]
    fn the_others_share_all_of_a_surplus() {
        let members = [("anna", 1000, 0, 200_000), ("ben", 0, 800, 500_000), ("carla", 0, 100, 300_000)];
        let round = testing::shared_round(members);
        let trades = FluviusRelative::clear(&round).unwrap();
        assert_eq!(
            testing::lines(&round, &trades)[..2],
            ["anna > ben 625 Wh at 96200", "anna > carla 100 Wh at 96200"]
        );
    }
}
