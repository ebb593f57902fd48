//! What a process remembers of the database: how far it left each community, what waits to be forwarded, which meters have
//! prices, and its leases.

use std::time::{Duration, Instant};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::field::{BoundaryDate, Bytes, Date};
use super::reach::Mark;
use books::{OfferedSince, OutboxDepth};

/// A mark with everything that moves with it.
#[derive(Clone)]
pub(super) struct FullMark {
    pub(super) mark: Mark,
    pub(super) day: DayFields,
}

/// What moves with a mark.
#[derive(Clone, Default, Deserialize)]
pub(super) struct DayFields {
    /// The day with the last interval; none before the first.
    pub(super) today: Option<RunningDay>,
    /// How often everything was summed up again: who knows the day from before must read it anew.
    pub(super) rebuilt: Option<i64>,
}

/// A day as it is kept.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct RunningDay {
    /// The end of the interval before the first; none if there is none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) after: Option<BoundaryDate>,
    pub(super) first: BoundaryDate,
    pub(super) last: BoundaryDate,
    pub(super) until: BoundaryDate,
    /// The first instant of the day, as it was when its intervals were settled.
    pub(super) day: Date,
    pub(super) intervals: u64,
    pub(super) trades: u64,
    /// Of each party: see record/days.rs. None if they are too large.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) parties: Option<Bytes>,
}

/// What waited to be forwarded when somebody looked.
#[derive(Clone)]
pub(super) struct KnownDepth {
    pub(super) since: OfferedSince,
    /// The number of the journal's newest entry.
    pub(super) entry: i64,
    pub(super) fresh: u64,
    pub(super) at: Timestamp,
    /// When the first claim lapses.
    pub(super) lapses: Option<Timestamp>,
    pub(super) depth: OutboxDepth,
}

/// Those of some meters of which there are prices.
#[derive(Clone)]
pub(super) struct Priced {
    /// The number of the newest entry of the journal of prices when this was read.
    pub(super) entry: i64,
    /// Meters with prices that were set here.
    pub(super) by_us: Vec<String>,
    /// Meters with prices that the original left.
    pub(super) by_them: Vec<String>,
}

/// A lease, as everybody sees it.
#[derive(Clone, Serialize, Deserialize)]
pub(super) struct LeaseDocument {
    #[serde(rename = "_id")]
    pub(super) name: String,
    /// None if it was released.
    pub(super) holder: Option<String>,
    pub(super) token: u64,
    pub(super) until: Date,
}

/// A lease as this process left it last.
#[derive(Clone)]
pub(super) struct KnownLease {
    pub(super) document: LeaseDocument,
    /// When it was acquired, and for how long.
    pub(super) since: Instant,
    pub(super) term: Duration,
}
