//! Shares the energy in proportion, at a price between the community's two tariffs.

use market_kit::{Algorithm, Book, Outcome, PriceLimits, Round, Setting, between};

pub struct MyAlgorithm;

const POSITION: Setting = Setting {
    key: "position",
    summary: "where the price lies between feed-in (0) and retail (1000000)",
    default: "500000",
};

impl Algorithm for MyAlgorithm {
    const NAME: &'static str = "my-algorithm";
    const VERSION: &'static str = env!("CARGO_PKG_VERSION");
    const SUMMARY: &'static str =
        "Shares the energy in proportion, at a price between the community's two tariffs; the rest with the grid";
    const SETTINGS: &'static [Setting] = &[POSITION];

    fn clear(round: &Round) -> Outcome {
        let position = POSITION.read_within(round, 0..=1_000_000)?;
        let price = PriceLimits::of(round)?.clamp(between(round.feed_in, round.retail, position));
        let mut book = Book::new(round);
        let (sellers, buyers) = (book.sellers(), book.buyers());
        book.pro_rata(&sellers, &buyers);
        book.greedy(&sellers, &buyers, price);
        Ok(book.rest())
    }
}

market_kit::export!(MyAlgorithm);
market_kit::bump_allocator!();

#[cfg(test)]
mod tests {
    use market_kit::testing;

    use super::*;

    fn expect(round: &Round, lines: &[&str]) {
        let trades = MyAlgorithm::clear(round).unwrap();
        assert_eq!(testing::check(round, &trades), Ok(()));
        assert_eq!(testing::lines(round, &trades), lines);
    }

    #[test]
    fn shares_energy_in_proportion_at_the_midpoint() {
        expect(
            &testing::round([("anna", 900, 0), ("ben", 0, 700), ("carla", 0, 700)]),
            &[
                "grid > ben 250 Wh at 162400",
                "grid > carla 250 Wh at 162400",
                "anna > ben 450 Wh at 96200",
                "anna > carla 450 Wh at 96200",
            ],
        );
    }

    #[test]
    fn the_position_moves_the_price() {
        let mut round = testing::round([("anna", 900, 0), ("ben", 0, 900)]);
        round.settings = vec![("position".into(), "250000".into())];
        expect(&round, &["anna > ben 900 Wh at 63100"]);
        round.settings = vec![("position".into(), "1000001".into())];
        assert_eq!(
            MyAlgorithm::clear(&round).unwrap_err(),
            r#"setting position is "1000001" but must be a whole number, 0 to 1000000 (leave it out for "500000")"#
        );
    }

    #[test]
    fn the_price_stays_within_the_limits() {
        let mut round = testing::round([("anna", 900, 0), ("ben", 0, 900)]);
        round.price_ceiling = Some(90_000);
        expect(&round, &["anna > ben 900 Wh at 90000"]);
    }

    #[test]
    fn balances_every_round() {
        assert_eq!(testing::check_random_rounds::<MyAlgorithm>(2_000), Ok(()));
    }
}
