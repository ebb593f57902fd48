//! The optimal key of Fluvius (optimaal): the relative key on what is left, until a pass shares nothing more.
#![cfg_attr(target_arch = "wasm32", no_std)]

use market_kit::{Algorithm, Injection, Outcome, Round, Setting, SharingPrice, inject};

/// The algorithm `fluvius-optimal`.
pub struct FluviusOptimal;

impl Algorithm for FluviusOptimal {
    const NAME: &'static str = env!("CARGO_PKG_NAME");
    const VERSION: &'static str = env!("CARGO_PKG_VERSION");
    const SUMMARY: &'static str = env!("CARGO_PKG_DESCRIPTION");
    const SETTINGS: &'static [Setting] = &[SharingPrice::SETTING];

    fn clear(round: &Round) -> Outcome {
        inject(round, |book, first, shares, _| {
            let (injection, _) = Injection::repeated(first, book.surpluses(), book.deficits(), shares);
            injection
        })
    }
}

market_kit::export_no_std!(FluviusOptimal);

#[cfg(test)]
mod tests {
    use market_kit::testing;

    use super::*;

    #[test]
    fn balances_every_round() {
        assert_eq!(testing::check_random_rounds::<FluviusOptimal>(2_000), Ok(()));
    }

    #[test]
    fn what_is_refused_is_shared_again() {
        let members = [("anna", 1000, 0, 200_000), ("ben", 0, 800, 500_000), ("carla", 0, 100, 300_000)];
        let round = testing::shared_round(members);
        let trades = FluviusOptimal::clear(&round).unwrap();
        assert_eq!(
            testing::lines(&round, &trades)[..2],
            ["anna > ben 800 Wh at 96200", "anna > carla 100 Wh at 96200"]
        );
    }
}
