//! A truthful and balanced double auction (MUDA: Segal-Halevi, Hassidim, Aumann, AAAI 2018, lottery): members are halved
//! by lot, and each half trades at the clearing price of the other.
#![cfg_attr(target_arch = "wasm32", no_std)]

extern crate alloc;

use alloc::vec::Vec;
use core::cmp::Reverse;

use market_kit::{Algorithm, Book, Outcome, PriceLimits, Round};

/// The algorithm `muda`.
pub struct Muda;

impl Algorithm for Muda {
    const NAME: &'static str = env!("CARGO_PKG_NAME");
    const VERSION: &'static str = env!("CARGO_PKG_VERSION");
    const SUMMARY: &'static str = env!("CARGO_PKG_DESCRIPTION");

    fn clear(round: &Round) -> Outcome {
        let limits = PriceLimits::of(round)?;
        let mut book = Book::new(round);
        let prices = [0, 1].map(|half| clearing_price(&book, round.seed, half));
        for (half, price) in [0, 1].into_iter().zip([prices[1], prices[0]]) {
            let Some(price) = price.map(|price| limits.clamp(price)) else { continue };
            let in_half = |members: Vec<u32>| by_lot(members, round.seed, half);
            let mut sellers = in_half(book.sellers());
            let mut buyers = in_half(book.buyers());
            sellers.retain(|&seller| book.position(seller).offer <= price);
            buyers.retain(|&buyer| book.position(buyer).bid >= price);
            book.greedy(&sellers, &buyers, price);
        }
        Ok(book.rest())
    }
}

/// Returns the clearing price of one half in µEUR/kWh, if its offers and bids cross.
fn clearing_price(book: &Book<'_>, seed: u64, half: u64) -> Option<i64> {
    let mut sellers = book.sellers_by(|position| position.offer);
    let mut buyers = book.buyers_by(|position| Reverse(position.bid));
    sellers.retain(|&seller| self::half(lot(seed, seller)) == half);
    buyers.retain(|&buyer| self::half(lot(seed, buyer)) == half);
    book.clearing_price(&sellers, &buyers)
}

/// Returns those of one half in the order of their lots.
fn by_lot(members: Vec<u32>, seed: u64, half: u64) -> Vec<u32> {
    let lots = members.into_iter().map(|member| (lot(seed, member), member));
    let mut order: Vec<(u64, u32)> = lots.filter(|&(lot, _)| self::half(lot) == half).collect();
    order.sort_unstable();
    order.into_iter().map(|(_, member)| member).collect()
}

/// Returns the half of a lot: its top bit.
fn half(lot: u64) -> u64 {
    lot >> 63
}

/// Returns the lot of a position: the output of SplitMix64 (Steele, Lea and Flood 2014) at this place of its sequence.
fn lot(seed: u64, position: u32) -> u64 {
    let z = seed.wrapping_add((u64::from(position) + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15));
    let z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

market_kit::export_no_std!(Muda);

#[cfg(test)]
mod tests {
    use market_kit::testing;

    use super::*;

    #[test]
    fn balances_every_round() {
        assert_eq!(testing::check_random_rounds::<Muda>(2_000), Ok(()));
    }

    #[test]
    fn lots_are_those_of_splitmix64() {
        // The first outputs of the generator's reference implementation from seed 0.
        assert_eq!([lot(0, 0), lot(0, 1)], [0xe220_a839_7b1d_cdaf, 0x6e78_9e6a_a1b9_65f4]);
    }

    #[test]
    fn each_half_trades_at_the_price_of_the_other() {
        let mut round = testing::round([("a", 9, 0), ("b", 9, 0), ("c", 9, 0), ("d", 0, 9), ("e", 0, 9), ("f", 0, 9)]);
        for (position, price) in round.positions.iter_mut().zip([1, 2, 3, 10, 20, 30]) {
            (position.offer, position.bid) = (1_000 * price, 1_000 * price);
        }
        let halves: Vec<u64> = (0..6).map(|position| half(lot(round.seed, position))).collect();
        let trades = Muda::clear(&round).unwrap();
        for trade in &trades {
            if let (market_kit::Party::Member(seller), market_kit::Party::Member(buyer)) = (trade.seller, trade.buyer) {
                assert_eq!(halves[seller as usize], halves[buyer as usize], "{trade:?} crosses the halves {halves:?}");
            }
        }
    }
}
