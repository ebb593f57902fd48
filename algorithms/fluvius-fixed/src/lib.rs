//! The fixed key of Fluvius (vast): every injector offers each member its share; its own part, and what nobody needs, stays.
#![cfg_attr(target_arch = "wasm32", no_std)]

use market_kit::{Algorithm, Injection, Offer, Outcome, Round, Setting, SharingPrice, inject};

/// The algorithm `fluvius-fixed`.
pub struct FluviusFixed;

impl Algorithm for FluviusFixed {
    const NAME: &'static str = env!("CARGO_PKG_NAME");
    const VERSION: &'static str = env!("CARGO_PKG_VERSION");
    const SUMMARY: &'static str = env!("CARGO_PKG_DESCRIPTION");
    const SETTINGS: &'static [Setting] = &[SharingPrice::SETTING];

    fn clear(round: &Round) -> Outcome {
        inject(round, |book, first, shares, total| {
            Injection::of(first, book.surpluses(), book.deficits(), shares, Offer::Fixed(total))
        })
    }
}

market_kit::export_no_std!(FluviusFixed);

#[cfg(test)]
mod tests {
    use market_kit::testing;

    use super::*;

    #[test]
    fn balances_every_round() {
        assert_eq!(testing::check_random_rounds::<FluviusFixed>(2_000), Ok(()));
    }

    #[test]
    fn an_injectors_own_part_stays_with_it() {
        let members = [("anna", 1000, 0, 200_000), ("ben", 0, 800, 500_000), ("carla", 0, 100, 300_000)];
        let round = testing::shared_round(members);
        let trades = FluviusFixed::clear(&round).unwrap();
        assert_eq!(
            testing::lines(&round, &trades)[..2],
            ["anna > ben 500 Wh at 96200", "anna > carla 100 Wh at 96200"]
        );
    }
}
