//! Members of rank 0 are served first, then the next rank; within a rank in proportion to the deficits.
#![cfg_attr(target_arch = "wasm32", no_std)]

extern crate alloc;

use alloc::{vec, vec::Vec};

use market_kit::{Algorithm, Book, Outcome, Round, Setting, SharingPrice, share, split_from, turn};

/// The algorithm `priority-shares`.
pub struct PriorityShares;

impl Algorithm for PriorityShares {
    const NAME: &'static str = env!("CARGO_PKG_NAME");
    const VERSION: &'static str = env!("CARGO_PKG_VERSION");
    const SUMMARY: &'static str = env!("CARGO_PKG_DESCRIPTION");
    const SETTINGS: &'static [Setting] = &[SharingPrice::SETTING];

    fn clear(round: &Round) -> Outcome {
        share(round, |book| Ok(takes(book, turn(round))))
    }
}

/// Returns what each position takes, in Wh.
fn takes(book: &Book<'_>, first: usize) -> Vec<u64> {
    let positions = book.deficits().len();
    let mut takes = vec![0; positions];
    // Within a rank in the order of the circle: then a split from its beginning treats ties as the circle does.
    let around = |member: u32| (member as usize + positions - first) % positions;
    let mut buyers = book.buyers();
    buyers.sort_unstable_by_key(|&buyer| (book.position(buyer).rank, around(buyer)));
    let mut left = book.total_surplus();
    for rank in buyers.chunk_by(|&a, &b| book.position(a).rank == book.position(b).rank) {
        let deficits: Vec<u64> = rank.iter().map(|&buyer| book.deficit(buyer)).collect();
        let total = left.min(book.demand(rank));
        for (&buyer, part) in rank.iter().zip(split_from(0, total, &deficits)) {
            takes[buyer as usize] = part;
        }
        left -= total;
    }
    takes
}

market_kit::export_no_std!(PriorityShares);

#[cfg(test)]
mod tests {
    use market_kit::testing;

    use super::*;

    #[test]
    fn balances_every_round() {
        assert_eq!(testing::check_random_rounds::<PriorityShares>(2_000), Ok(()));
    }

    #[test]
    fn the_first_rank_is_served_first() {
        let mut round = testing::round([("anna", 900, 0), ("ben", 0, 600), ("carla", 0, 400), ("dora", 0, 200)]);
        (round.positions[1].rank, round.positions[3].rank) = (2, 2);
        let trades = PriorityShares::clear(&round).unwrap();
        assert_eq!(
            testing::lines(&round, &trades)[..3],
            ["anna > ben 375 Wh at 96200", "anna > carla 400 Wh at 96200", "anna > dora 125 Wh at 96200"]
        );
    }
}
