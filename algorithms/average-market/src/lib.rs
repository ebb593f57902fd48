//! A double auction in which each pair trades at the midpoint of its offer and bid, so that both gain equally.
#![cfg_attr(target_arch = "wasm32", no_std)]

use market_kit::{Algorithm, Outcome, Round, double_auction, mid};

/// The algorithm `average-market`.
pub struct AverageMarket;

impl Algorithm for AverageMarket {
    const NAME: &'static str = env!("CARGO_PKG_NAME");
    const VERSION: &'static str = env!("CARGO_PKG_VERSION");
    const SUMMARY: &'static str = env!("CARGO_PKG_DESCRIPTION");

    fn clear(round: &Round) -> Outcome {
        double_auction(round, |pair| mid(pair.seller.offer, pair.buyer.bid))
    }
}

market_kit::export_no_std!(AverageMarket);

#[cfg(test)]
mod tests {
    use market_kit::testing;

    use super::*;

    #[test]
    fn balances_every_round() {
        assert_eq!(testing::check_random_rounds::<AverageMarket>(2_000), Ok(()));
    }

    #[test]
    fn each_pair_trades_at_its_midpoint() {
        let mut round = testing::round([("anna", 600, 0), ("ben", 0, 700), ("carla", 300, 0), ("dora", 0, 400)]);
        for (position, price) in round.positions.iter_mut().zip([60_000, 100_000, 50_000, 120_000]) {
            (position.offer, position.bid) = (price, price);
        }
        let trades = AverageMarket::clear(&round).unwrap();
        assert_eq!(
            testing::lines(&round, &trades),
            [
                "carla > dora 300 Wh at 85000",
                "anna > dora 100 Wh at 90000",
                "anna > ben 500 Wh at 80000",
                "grid > ben 200 Wh at 162400",
            ]
        );
    }
}
