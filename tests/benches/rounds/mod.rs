//! Rounds for benchmarks: communities of any size at noon in summer.

use std::sync::Arc;

use domain::{Position, Price, Round};
use rec_market_tests::settled::{COMMUNITY, position, terms};

/// Makes a round with this number of members: four of ten sell and the others buy, each at its own price.
pub fn round(members: u32) -> Arc<Round> {
    let mut rng = fastrand::Rng::with_seed(u64::from(members));
    let positions = (0..members).map(|number| {
        let sells = rng.u8(0..10) < 4;
        let wh = rng.u64(1..3000);
        let (surplus, deficit) = if sells { (wh, 0) } else { (0, wh) };
        Position {
            // Alike, and together at most the whole.
            share: 1_000_000 / members,
            offer: Price::from_micro_eur(rng.i64(30_000..110_000)),
            bid: Price::from_micro_eur(rng.i64(80_000..162_400)),
            ..position(&format!("member-{number:07}"), surplus, deficit)
        }
    });
    Arc::new(Round::new(terms(COMMUNITY, 0), positions.collect()).expect("a round"))
}
