//! Settled intervals, written as trades: `seller > buyer Wh µEUR/kWh`.
//!
//! Intervals are quarter-hours, numbered from 2023-09-01T12:00:00Z on. Members have just the energy that they trade.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test language fails by panicking")]

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use books::{Books, ClearedInterval, ClearedRound, Commit, CommitOutcome, Provenance, StoreError, day_of};
use domain::netting::Basis;
use domain::round::{PriceLimits, Terms};
use domain::{Boundary, Digest, Energy, Interval, IntervalLength, Party, Position, Price, Round, Settlement};
use domain::{Tariff, Trade};
use jiff::tz::TimeZone;

/// 2023-09-01T12:00:00Z, in seconds since 1970.
pub const NOON: u64 = 1_693_569_600;
/// The community of [`settled`].
pub const COMMUNITY: &str = "aveiro";
/// The grid's tariff unless a test says otherwise.
pub const TARIFF: Tariff = Tariff { retail: Price::from_micro_eur(162_400), feed_in: Price::from_micro_eur(30_000) };

/// The start of the quarter-hour with this number.
pub fn boundary(number: u64) -> Boundary {
    Boundary::from_seconds(NOON + 900 * number).unwrap()
}

/// The quarter-hour with this number.
pub fn interval(number: u64) -> Interval {
    Interval::starting(boundary(number), IntervalLength::QUARTER_HOUR).unwrap()
}

/// The terms of a round at the usual tariff, with no limits and no settings.
pub fn terms(community: &str, number: u64) -> Terms {
    Terms {
        community: community.to_owned(),
        interval: interval(number),
        tariff: TARIFF,
        limits: PriceLimits::default(),
        seed: 0,
        settings: Vec::new(),
    }
}

/// A member's position, in Wh, at the usual tariff.
pub fn position(member: &str, surplus: u64, deficit: u64) -> Position {
    Position {
        member: member.parse().unwrap(),
        surplus: Energy::from_wh(surplus),
        deficit: Energy::from_wh(deficit),
        offer: TARIFF.feed_in,
        bid: TARIFF.retail,
        tariff: TARIFF,
        share: 0,
        rank: 0,
    }
}

/// A round on these terms that was cleared with these trades. `adjust` may change what members bid and are charged.
///
/// # Panics
/// If a line is not `seller > buyer Wh µEUR/kWh`, or the trades break a rule.
pub fn cleared(terms: Terms, trades: &[impl AsRef<str>], adjust: impl Fn(&mut Position)) -> ClearedRound {
    let mut members: BTreeMap<&str, (u64, u64)> = BTreeMap::new();
    let mut lines = Vec::new();
    for line in trades {
        let cells: Vec<&str> = line.as_ref().split(' ').collect();
        let [seller, ">", buyer, wh, price] = cells[..] else { panic!("{cells:?} is not `a > b Wh µEUR/kWh`") };
        let wh: u64 = wh.parse().unwrap();
        members.entry(seller).or_default().0 += wh;
        members.entry(buyer).or_default().1 += wh;
        lines.push((seller, buyer, Energy::from_wh(wh), Price::from_micro_eur(price.parse().unwrap())));
    }
    members.remove("grid");
    let positions = members.iter().map(|(member, (surplus, deficit))| {
        let mut position = position(member, *surplus, *deficit);
        adjust(&mut position);
        position
    });
    let round = Round::new(terms, positions.collect()).unwrap();
    let parties: BTreeMap<&str, Party> = members.into_keys().zip((0..).map(Party::Member)).collect();
    let party = |name: &str| parties.get(name).copied().unwrap_or(Party::Grid);
    let trades = lines.into_iter().map(|(seller, buyer, energy, price)| Trade {
        seller: party(seller),
        buyer: party(buyer),
        energy,
        price,
    });
    let settlement = Settlement::check(Arc::new(round), trades.collect(), usize::MAX).unwrap();
    let provenance = Provenance {
        algorithm: Digest::of(b"component"),
        name: "own".to_owned(),
        version: "1.2.3".to_owned(),
        engine: "none".to_owned(),
        fuel: 0,
        fallback_reason: None,
    };
    ClearedRound { settlement, provenance, component: b"component".as_slice().into() }
}

/// The first commit of a community: nothing but this round, a minute after its end.
pub fn commit(round: ClearedRound) -> Commit {
    let Terms { community, interval, .. } = round.settlement.round().terms().clone();
    Commit {
        after: None,
        decision: 0,
        fence: None,
        settled_at: interval.end().timestamp() + Duration::from_secs(60),
        day: day_of(interval, &TimeZone::UTC),
        cleared: ClearedInterval::new(&community, interval, Basis::Gross, Some(round), Vec::new()),
        community,
    }
}

/// The quarter-hour with this number of [`COMMUNITY`], settled with these trades.
///
/// # Panics
/// As [`cleared`].
pub fn settled(number: u64, trades: &[impl AsRef<str>]) -> Commit {
    commit(cleared(terms(COMMUNITY, number), trades, |_| {}))
}

/// Commits after whatever is there.
///
/// # Errors
/// As [`Books::commit`].
pub async fn put(store: &(impl Books + ?Sized), commit: Commit) -> Result<CommitOutcome, StoreError> {
    let after = store.mark(&commit.community).await?;
    store.commit(Arc::new(Commit { after, ..commit })).await
}
