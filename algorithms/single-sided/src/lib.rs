//! Sellers compete and buyers accept any price: all trades are at the offer of the last seller needed.
#![cfg_attr(target_arch = "wasm32", no_std)]

use market_kit::{Algorithm, Book, Outcome, PriceLimits, Round};

/// The algorithm `single-sided`.
pub struct SingleSided;

impl Algorithm for SingleSided {
    const NAME: &'static str = env!("CARGO_PKG_NAME");
    const VERSION: &'static str = env!("CARGO_PKG_VERSION");
    const SUMMARY: &'static str = env!("CARGO_PKG_DESCRIPTION");

    fn clear(round: &Round) -> Outcome {
        let limits = PriceLimits::of(round)?;
        let mut book = Book::new(round);
        let (mut sellers, buyers) = (book.sellers_by(|position| position.offer), book.buyers());
        if let Some(offer) = marginal_offer(&book, &sellers, book.demand(&buyers)) {
            let price = limits.clamp(offer);
            // Sellers above the price are not needed, except where a buyer would otherwise be its own seller or the
            // price ceiling lowered the price; in either case nobody has to sell below its offer.
            sellers.truncate(sellers.partition_point(|&seller| book.position(seller).offer <= price));
            book.ration_buyers(&buyers, book.supply(&sellers));
            book.greedy(&sellers, &buyers, price);
        }
        Ok(book.rest())
    }
}

/// Returns the offer of the seller that completes the demand, or of the last one if the supply is too small.
fn marginal_offer(book: &Book<'_>, sellers: &[u32], demand: u128) -> Option<i64> {
    let mut supply = 0;
    let needed = sellers.iter().find(|&&seller| {
        supply += u128::from(book.surplus(seller));
        supply >= demand
    });
    needed.or(sellers.last()).map(|&seller| book.position(seller).offer)
}

market_kit::export_no_std!(SingleSided);

#[cfg(test)]
mod tests {
    use market_kit::testing;

    use super::*;

    #[test]
    fn balances_every_round() {
        assert_eq!(testing::check_random_rounds::<SingleSided>(2_000), Ok(()));
    }

    #[test]
    fn pays_all_sellers_the_marginal_offer() {
        let mut round = testing::round([("anna", 600, 0), ("ben", 0, 700), ("carla", 300, 0), ("dora", 200, 0)]);
        for (position, offer) in round.positions.iter_mut().zip([60_000, 0, 50_000, 70_000]) {
            position.offer = offer;
        }
        let trades = SingleSided::clear(&round).unwrap();
        assert_eq!(
            testing::lines(&round, &trades),
            [
                "carla > ben 300 Wh at 60000",
                "anna > ben 400 Wh at 60000",
                "anna > grid 200 Wh at 30000",
                "dora > grid 200 Wh at 30000",
            ]
        );
    }
}
