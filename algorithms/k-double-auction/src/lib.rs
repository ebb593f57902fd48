//! A double auction whose price lies between offer and bid of the last pair that trades, as the setting `k` says.
#![cfg_attr(target_arch = "wasm32", no_std)]

use core::cmp::Reverse;

use market_kit::{Algorithm, Book, Outcome, PriceLimits, Round, Setting, between};

/// The algorithm `k-double-auction`.
pub struct KDoubleAuction;

/// Where between offer and bid the price lies, in parts per million: 0 is the offer, 1,000,000 the bid.
const K: Setting = Setting {
    key: "k",
    summary: "where the price lies between the last pair's offer (0) and bid (1000000)",
    default: "500000",
};

impl Algorithm for KDoubleAuction {
    const NAME: &'static str = env!("CARGO_PKG_NAME");
    const VERSION: &'static str = env!("CARGO_PKG_VERSION");
    const SUMMARY: &'static str = env!("CARGO_PKG_DESCRIPTION");
    const SETTINGS: &'static [Setting] = &[K];

    fn clear(round: &Round) -> Outcome {
        let k = K.read_within(round, 0..=1_000_000)?;
        let limits = PriceLimits::of(round)?;
        let mut book = Book::new(round);
        let mut sellers = book.sellers_by(|position| position.offer);
        let mut buyers = book.buyers_by(|position| Reverse(position.bid));
        if let Some(last) = book.last_pair(&sellers, &buyers, |position| position.offer, |position| position.bid) {
            let (offer, bid) = (book.position(last.seller).offer, book.position(last.buyer).bid);
            let price = limits.clamp(between(offer, bid, k));
            sellers.truncate(sellers.partition_point(|&seller| book.position(seller).offer <= price));
            buyers.truncate(buyers.partition_point(|&buyer| book.position(buyer).bid >= price));
            book.greedy(&sellers, &buyers, price);
        }
        Ok(book.rest())
    }
}

market_kit::export_no_std!(KDoubleAuction);

#[cfg(test)]
mod tests {
    use market_kit::testing;

    use super::*;

    #[test]
    fn balances_every_round() {
        assert_eq!(testing::check_random_rounds::<KDoubleAuction>(2_000), Ok(()));
    }

    #[test]
    fn k_decides_between_offer_and_bid() {
        let mut round = testing::round([("anna", 100, 0), ("ben", 0, 100)]);
        (round.positions[0].offer, round.positions[1].bid) = (50_000, 90_000);
        for (k, price) in [("0", 50_000), ("250000", 60_000), ("1000000", 90_000)] {
            round.settings = [("k".to_owned(), k.to_owned())].into();
            let trades = KDoubleAuction::clear(&round).unwrap();
            assert_eq!(testing::lines(&round, &trades), [format!("anna > ben 100 Wh at {price}")]);
        }
        round.settings = [("k".to_owned(), "1000001".to_owned())].into();
        assert_eq!(
            KDoubleAuction::clear(&round).unwrap_err(),
            r#"setting k is "1000001" but must be a whole number, 0 to 1000000 (leave it out for "500000")"#
        );
    }
}
