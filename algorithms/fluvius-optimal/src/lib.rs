//! The optimal key of Fluvius (optimaal): the relative key on what is left, until a pass shares nothing more.
#![cfg_attr(target_arch = "wasm32", no_std)]

extern crate alloc;

use alloc::vec::Vec;

use market_kit::{Algorithm, Book, Injection, Offer, Outcome, Round, Setting, SharingPrice, shares, total_share, turn};

/// The algorithm `fluvius-optimal`.
pub struct FluviusOptimal;

impl Algorithm for FluviusOptimal {
    const NAME: &'static str = env!("CARGO_PKG_NAME");
    const VERSION: &'static str = env!("CARGO_PKG_VERSION");
    const SUMMARY: &'static str = env!("CARGO_PKG_DESCRIPTION");
    const SETTINGS: &'static [Setting] = &[SharingPrice::SETTING];

    fn clear(round: &Round) -> Outcome {
        let price = SharingPrice::of(round)?;
        total_share(round)?;
        let mut book = Book::new(round);
        let injection = optimal(&book, shares(round), turn(round));
        book.pair(injection.gives, injection.takes, price);
        Ok(book.rest())
    }
}

/// Adds up passes of the relative key. Shares of those whose deficit is covered count no more.
fn optimal(book: &Book<'_>, mut shares: Vec<u64>, first: usize) -> Injection {
    let (mut surpluses, mut deficits) = (book.surpluses().to_vec(), book.deficits().to_vec());
    loop {
        for (share, &deficit) in shares.iter_mut().zip(&deficits) {
            if deficit == 0 {
                *share = 0;
            }
        }
        let pass = Injection::of(first, &surpluses, &deficits, &shares, Offer::Relative);
        if pass.takes.iter().all(|&take| take == 0) {
            break;
        }
        subtract(&mut surpluses, &pass.gives);
        subtract(&mut deficits, &pass.takes);
    }
    // What is gone was given and taken.
    let (mut gives, mut takes) = (book.surpluses().to_vec(), book.deficits().to_vec());
    subtract(&mut gives, &surpluses);
    subtract(&mut takes, &deficits);
    Injection { gives, takes }
}

fn subtract(from: &mut [u64], amounts: &[u64]) {
    for (value, amount) in from.iter_mut().zip(amounts) {
        *value -= amount;
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
        let mut round = testing::round([("anna", 1000, 0), ("ben", 0, 800), ("carla", 0, 100)]);
        for (position, share) in round.positions.iter_mut().zip([200_000, 500_000, 300_000]) {
            position.share = share;
        }
        let trades = FluviusOptimal::clear(&round).unwrap();
        assert_eq!(
            testing::lines(&round, &trades)[..2],
            ["anna > ben 800 Wh at 96200", "anna > carla 100 Wh at 96200"]
        );
    }
}
