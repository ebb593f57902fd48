//! A truthful double auction (Huang, Scheller-Wolf, Sycara 2002): the last pair sets the prices and does not trade; the
//! operator keeps the spread between them.
#![cfg_attr(target_arch = "wasm32", no_std)]

extern crate alloc;

use alloc::{vec, vec::Vec};
use core::cmp::Reverse;

use market_kit::{Algorithm, Book, Outcome, Party, Position, PriceLimits, Round, cascade, turn};

/// The algorithm `trade-reduction`.
pub struct TradeReduction;

impl Algorithm for TradeReduction {
    const NAME: &'static str = env!("CARGO_PKG_NAME");
    const VERSION: &'static str = env!("CARGO_PKG_VERSION");
    const SUMMARY: &'static str = env!("CARGO_PKG_DESCRIPTION");

    fn clear(round: &Round) -> Outcome {
        let limits = PriceLimits::of(round)?;
        let offer = |position: &Position| limits.raise(position.offer);
        let bid = |position: &Position| limits.lower(position.bid);
        let mut book = Book::new(round);
        let mut sellers = book.sellers_by(offer);
        let mut buyers = book.buyers_by(|position| Reverse(bid(position)));
        if let Some(last) = book.last_pair(&sellers, &buyers, offer, bid) {
            let (offer, bid) = (offer(book.position(last.seller)), bid(book.position(last.buyer)));
            sellers.truncate(last.seller_place);
            buyers.truncate(last.buyer_place);
            reduce(&mut book, turn(round), &sellers, &buyers, (offer, bid));
        }
        Ok(book.rest())
    }
}

/// Trades both sides with the operator, sellers at the first price and buyers at the second, as much as the shorter side has.
fn reduce(book: &mut Book<'_>, first: usize, sellers: &[u32], buyers: &[u32], (offer, bid): (i64, i64)) {
    let (supply, demand) = (book.supply(sellers), book.demand(buyers));
    let gives = cut(first, book.surpluses(), sellers, supply.saturating_sub(demand));
    let takes = cut(first, book.deficits(), buyers, demand.saturating_sub(supply));
    for &seller in sellers {
        book.trade(Party::Member(seller), Party::Operator, gives[seller as usize], offer);
    }
    for &buyer in buyers {
        book.trade(Party::Operator, Party::Member(buyer), takes[buyer as usize], bid);
    }
}

/// Returns the energy of these members, in the places of all positions, less `difference` that is taken from all alike.
fn cut(first: usize, energies: &[u64], members: &[u32], difference: u128) -> Vec<u64> {
    let (mut kept, mut weights) = (vec![0; energies.len()], vec![0; energies.len()]);
    for &member in members {
        kept[member as usize] = energies[member as usize];
        weights[member as usize] = 1;
    }
    let off = cascade(first, difference, &weights, &kept);
    for (kept, off) in kept.iter_mut().zip(off) {
        *kept -= off;
    }
    kept
}

market_kit::export_no_std!(TradeReduction);

#[cfg(test)]
mod tests {
    use market_kit::testing;

    use super::*;

    #[test]
    fn balances_every_round() {
        for mut round in (0..2_000).map(testing::random_round) {
            // Prices with which the operator's money fits 128 bits: the check refuses others.
            for position in &mut round.positions {
                (position.offer, position.bid) = (position.offer % 1_000_000_000_000, position.bid % 1_000_000_000_000);
            }
            let trades = TradeReduction::clear(&round).unwrap();
            assert_eq!(testing::check(&round, &trades), Ok(()), "{round:?}");
        }
    }

    #[test]
    fn the_last_pair_sets_the_prices_and_does_not_trade() {
        let mut round = testing::round([("anna", 100, 0), ("ben", 100, 0), ("carla", 0, 80), ("dora", 0, 100)]);
        for (position, price) in round.positions.iter_mut().zip([40_000, 60_000, 120_000, 90_000]) {
            (position.offer, position.bid) = (price, price);
        }
        let trades = TradeReduction::clear(&round).unwrap();
        assert_eq!(
            testing::lines(&round, &trades)[..2],
            ["anna > operator 80 Wh at 60000", "operator > carla 80 Wh at 90000"]
        );
    }
}
