//! Intervals: what one boundary came to, before and after it is kept.

use std::sync::Arc;

use domain::netting::{Basis, LastReads};
use domain::reading::Registers;
use domain::{Boundary, Digest, Interval, MemberId, MeterId, Round, Settlement};
use jiff::Timestamp;

use crate::trade::{GapTrade, StoredTrade, trades_of};

/// What one meter showed at an interval's end, and whose it was.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MeterReading {
    /// The meter.
    pub meter: MeterId,
    /// The member it counted for.
    pub member: MemberId,
    /// Its registers.
    pub registers: Registers,
}

/// Something that people should see.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredEvent {
    /// What kind: a short name that never changes.
    pub code: String,
    /// The meter or whatever else it is about.
    pub subject: String,
    /// What happened, in words.
    pub message: String,
}

/// A round and its checked result.
#[derive(Clone, Debug)]
pub struct ClearedRound {
    /// The checked result, with its round.
    pub settlement: Settlement,
    /// What cleared it.
    pub provenance: Provenance,
    /// The component that cleared it; a store keeps it once for each digest.
    pub component: Arc<[u8]>,
}

/// By what, and at what cost, a round was cleared.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Provenance {
    /// SHA-256 of the component.
    pub algorithm: Digest,
    /// Its name, as it says itself.
    pub name: String,
    /// Its version, as it says itself.
    pub version: String,
    /// The engine that ran it.
    pub engine: String,
    /// Fuel it used.
    pub fuel: u64,
    /// Why the community's own algorithm was not used, if it was not.
    pub fallback_reason: Option<String>,
}

/// What one boundary came to, computed from its readings.
#[derive(Clone, Debug)]
pub struct ClearedInterval {
    /// The interval that ends at the boundary.
    pub interval: Interval,
    /// How it was netted.
    pub basis: Basis,
    /// Digest of the community's configuration, see `CommunityConfig::digest`.
    pub configuration: Option<Digest>,
    /// Every meter that was read there.
    pub readings: Vec<MeterReading>,
    /// The last registers of every meter that was not read there.
    pub absent: LastReads,
    /// The round and its result; none if no member was read at both ends.
    pub round: Option<ClearedRound>,
    /// Energy of meters that came back after a gap.
    pub gaps: Vec<GapTrade>,
    /// All trades, those of gaps last: [`trades_of`] the round and the gaps.
    pub trades: Vec<StoredTrade>,
    /// What people should see.
    pub events: Vec<StoredEvent>,
}

impl ClearedInterval {
    /// What a round and gaps come to: their trades with ids; no readings and no events yet.
    pub fn new(
        community: &str,
        interval: Interval,
        basis: Basis,
        round: Option<ClearedRound>,
        gaps: Vec<GapTrade>,
    ) -> ClearedInterval {
        let settled = round.as_ref().map(|round| (&round.settlement, round.provenance.remark()));
        let trades = trades_of(community, interval, settled, &gaps);
        let (readings, absent, events) = (Vec::new(), LastReads::new(), Vec::new());
        ClearedInterval { interval, basis, configuration: None, readings, absent, round, gaps, trades, events }
    }
}

/// A cleared interval with what makes its commit safe: what one transaction commits.
#[derive(Clone, Debug)]
pub struct Commit {
    /// The community.
    pub community: String,
    /// The resume mark that it was netted after. The commit is refused if the community stands elsewhere by now: its
    /// registers would be settled twice, or not at all.
    pub after: Option<Boundary>,
    /// The number of the community's last decision that the pass knew, see [`crate::activation`]; 0 for none. The commit is
    /// refused if there is another by now: the interval might be settled with the wrong algorithm.
    pub decision: u64,
    /// The fencing token of the lease under which it was made, if any: a later owner's commit makes it void.
    pub fence: Option<u64>,
    /// When it was settled.
    pub settled_at: Timestamp,
    /// What is committed.
    pub cleared: ClearedInterval,
}

/// An interval as it is kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredInterval {
    /// The interval.
    pub interval: Interval,
    /// How it was netted.
    pub basis: Basis,
    /// Digest of the community's configuration; none if it was settled by a version that did not keep it.
    pub configuration: Option<Digest>,
    /// Every meter that was read at its end.
    pub readings: Vec<MeterReading>,
    /// The round; none if no member was read at both ends.
    pub round: Option<Round>,
    /// How it was cleared; there if and only if a round is.
    pub provenance: Option<Provenance>,
    /// Digest of everything the algorithm could see.
    pub round_digest: Option<Digest>,
    /// Digest of the round's trades in order.
    pub trades_digest: Option<Digest>,
    /// Trades of meters that came back.
    pub gaps: Vec<GapTrade>,
    /// All its trades, those of gaps last, by number.
    pub trades: Vec<StoredTrade>,
    /// What people should see.
    pub events: Vec<StoredEvent>,
}

/// Which part of a community's books.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Span {
    /// Only intervals that start at or after this Unix second.
    pub from: Option<u64>,
    /// Only intervals that start before this Unix second.
    pub to: Option<u64>,
}

impl Provenance {
    /// The message of trades that were not made by the community's own algorithm.
    pub fn remark(&self) -> Option<String> {
        let reason = self.fallback_reason.as_ref()?;
        Some(format!("settled with {} instead: {reason}", self.name))
    }
}
