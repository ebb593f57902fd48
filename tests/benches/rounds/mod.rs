//! Rounds for benchmarks: communities of any size at noon in summer.

use std::sync::Arc;

use domain::round::{PriceLimits, Terms};
use domain::{Boundary, Energy, Interval, IntervalLength, Position, Price, Round, Tariff};

/// 2023-09-01T12:00:00Z.
const START: u64 = 1_693_569_600;

/// Makes a round with this number of members: four of ten sell and the others buy, each at its own price.
pub fn round(members: u32) -> Arc<Round> {
    let tariff = Tariff { retail: Price::from_micro_eur(162_400), feed_in: Price::from_micro_eur(30_000) };
    let mut rng = fastrand::Rng::with_seed(u64::from(members));
    let positions = (0..members).map(|number| {
        let sells = rng.u8(0..10) < 4;
        let wh = rng.u64(1..3000);
        Position {
            member: format!("member-{number:07}").parse().expect("a plain name"),
            surplus: Energy::from_wh(if sells { wh } else { 0 }),
            deficit: Energy::from_wh(if sells { 0 } else { wh }),
            offer: Price::from_micro_eur(rng.i64(30_000..110_000)),
            bid: Price::from_micro_eur(rng.i64(80_000..162_400)),
            tariff,
            share: 0,
            rank: 0,
        }
    });
    let start = Boundary::from_seconds(START).expect("a time");
    let terms = Terms {
        community: "bench".to_owned(),
        interval: Interval::starting(start, IntervalLength::QUARTER_HOUR).expect("an interval"),
        tariff,
        limits: PriceLimits::default(),
        seed: 0,
        settings: Vec::new(),
    };
    Arc::new(Round::new(terms, positions.collect()).expect("a round"))
}
