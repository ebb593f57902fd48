//! Commits with everything that an interval can have, for tests of what is stored.

#![allow(clippy::unwrap_used, reason = "a test language fails by panicking")]

use books::{ClearedInterval, ClearedRound, Commit, GapTrade, MeterReading, StoredEvent, day_of};
use domain::netting::Basis;
use domain::reading::Registers;
use domain::round::{PriceLimits, Terms};
use domain::{Digest, Energy, MemberId, Price, Tariff};
use jiff::Timestamp;
use jiff::tz::TimeZone;

use crate::settled::{self, boundary, interval};

/// A member by its name.
pub fn member(name: &str) -> MemberId {
    name.parse().unwrap()
}

/// A meter's registers at the end of an interval, in Wh.
pub fn reading(meter: &str, member: &str, import_wh: u64, export_wh: u64) -> MeterReading {
    let registers = Registers { import_wh, export_wh };
    MeterReading { meter: meter.parse().unwrap(), member: self::member(member), registers, anew: false }
}

/// A commit of the first reading of a meter: no round and no trades.
pub fn opening(community: &str, number: u64) -> Commit {
    Commit {
        community: community.to_owned(),
        after: None,
        decision: 0,
        fence: None,
        settled_at: Timestamp::from_second(1_700_000_000).unwrap(),
        day: day_of(interval(number), &TimeZone::UTC),
        cleared: ClearedInterval {
            configuration: (number != 7).then(|| Digest::of(&number.to_le_bytes())),
            readings: vec![reading("a", "a", 5, 7)],
            ..ClearedInterval::new(community, interval(number), Basis::Net, None, Vec::new())
        },
    }
}

/// Replaces the round and the gaps of a commit, and derives the trades again.
pub fn with(mut commit: Commit, round: Option<ClearedRound>, gaps: Vec<GapTrade>) -> Commit {
    let ClearedInterval { interval, basis, .. } = commit.cleared;
    let derived = ClearedInterval::new(&commit.community, interval, basis, round, gaps);
    let ClearedInterval { round, gaps, trades, .. } = derived;
    commit.cleared = ClearedInterval { round, gaps, trades, ..commit.cleared };
    commit
}

/// What the grid charges and pays, in µEUR/kWh.
pub fn tariff(retail: i64, feed_in: i64) -> Tariff {
    Tariff { retail: Price::from_micro_eur(retail), feed_in: Price::from_micro_eur(feed_in) }
}

/// A round in which `seller` sells `wh` to `buyer` and 1 Wh to the grid, with its provenance, and nothing that is usual.
pub fn cleared(community: &str, number: u64, (seller, buyer): (&str, &str), wh: u64) -> ClearedRound {
    let terms = Terms {
        limits: PriceLimits::new(Some(Price::from_micro_eur(-1)), None).unwrap(),
        seed: u64::MAX - number,
        settings: vec![("price".to_owned(), "7".to_owned())],
        ..settled::terms(community, number)
    };
    let trades = [format!("{seller} > {buyer} {wh} 96200"), format!("{seller} > grid 1 30000")];
    let mut round = settled::cleared(terms, &trades, |position| {
        if position.member.as_str() == buyer {
            position.tariff = tariff(i64::MAX, i64::MIN);
        }
        (position.offer, position.bid) = (Price::from_micro_eur(40_000), position.tariff.retail);
        (position.share, position.rank) = (250_000, 3);
    });
    round.provenance.fuel = 1234;
    round.provenance.fallback_reason = Some("the other one failed".to_owned());
    round
}

/// A commit with everything: a round, a member with two meters, a gap in both directions, and events.
pub fn full(community: &str, number: u64) -> Commit {
    let gap = GapTrade {
        member: member("carla"),
        since: boundary(number.saturating_sub(5)),
        surplus: Energy::from_wh(8),
        deficit: Energy::from_wh(9),
        tariff: tariff(171_000, -42_000),
    };
    let round = cleared(community, number, ("a", "bob"), 100 + number);
    let mut commit = with(opening(community, number), Some(round), vec![gap]);
    commit.cleared.basis = Basis::Gross;
    commit.cleared.readings =
        vec![reading("a", "a", 5, 7 + number), reading("b1", "bob", 1, 2), reading("b2", "bob", 3, 4)];
    commit.cleared.events = ["gap", "unreadable"].map(event).to_vec();
    commit
}

/// An event with that code.
pub fn event(code: &str) -> StoredEvent {
    StoredEvent { code: code.to_owned(), subject: "b2".to_owned(), message: format!("it is {code:?}; 'so' \u{1f4a1}") }
}
