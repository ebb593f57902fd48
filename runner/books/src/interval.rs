//! One interval: as it is cleared, as it is committed, and as it is stored.

use std::sync::Arc;

use domain::disputes::{LastRead, MeterRules, ReadAt};
use domain::netting::{Basis, LastReads};
use domain::reading::Registers;
use domain::{Boundary, Digest, Interval, MemberId, MeterId, NamedParty, Party, Round, Settlement, Trade};
use jiff::Timestamp;

use crate::trade::{GapTrade, StoredTrade, trades_of};

/// A meter's registers at the end of an interval, and the member for which the meter counted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MeterReading {
    /// The meter that was read.
    pub meter: MeterId,
    /// The member for which the meter counted in this interval.
    pub member: MemberId,
    /// The meter's registers at the interval's end, in Wh.
    pub registers: Registers,
    /// Whether the meter counts for its member only from here: what it moved since it was last read is not the member's, or
    /// nobody can tell whose it is, and is not settled.
    pub anew: bool,
}

/// An occurrence in an interval that people should know of.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct StoredEvent {
    /// The kind of event: a short code for programs that never changes.
    pub code: String,
    /// The meter or other subject of the event.
    pub subject: String,
    /// What happened, for people.
    pub message: String,
}

/// A round, its checked result and the algorithm that produced it.
#[derive(Clone, Debug)]
pub struct ClearedRound {
    /// The checked result; it includes the round.
    pub settlement: Settlement,
    /// Which algorithm cleared the round, and at what cost.
    pub provenance: Provenance,
    /// The bytes of the component that cleared the round. A store keeps them once per digest.
    pub component: Arc<[u8]>,
}

/// Which algorithm cleared a round, on which engine and at what cost.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Provenance {
    /// SHA-256 digest of the component.
    pub algorithm: Digest,
    /// The name that the algorithm declares.
    pub name: String,
    /// The version that the algorithm declares.
    pub version: String,
    /// Name and version of the engine that ran it.
    pub engine: String,
    /// The fuel that the run used, in the engine's units.
    pub fuel: u64,
    /// Why the community's own algorithm was not used; `None` if it was.
    pub fallback_reason: Option<String>,
}

/// The result of clearing one interval from its readings, before it is committed.
#[derive(Clone, Debug)]
pub struct ClearedInterval {
    /// The interval, which ends at the boundary that was read.
    pub interval: Interval,
    /// How import and export were netted.
    pub basis: Basis,
    /// Digest of the community's configuration, see `CommunityConfig::digest`.
    pub configuration: Option<Digest>,
    /// The readings of every meter that was read at the interval's end.
    pub readings: Vec<MeterReading>,
    /// What decided whether they count.
    pub rules: MeterRules,
    /// The state of those whose reading is disputed; the others count from their reading.
    pub disputed: LastReads,
    /// The last registers of every meter that was not read at the interval's end.
    pub absent: LastReads,
    /// Those of them that were read before the books begin: only in the first interval of books that continue others.
    pub opening: LastReads,
    /// The round and its result; `None` if no member was read at both ends.
    pub round: Option<ClearedRound>,
    /// The energy of meters that were read again after a gap.
    pub gaps: Vec<GapTrade>,
    /// All trades in order of their number: [`trades_of`] the round and the gaps.
    pub trades: Vec<StoredTrade>,
    /// What happened in the interval that people should know of.
    pub events: Vec<StoredEvent>,
}

impl ClearedInterval {
    /// Makes a cleared interval, deriving its trades with their ids. It has no readings and no events yet.
    pub fn new(
        community: &str,
        interval: Interval,
        basis: Basis,
        round: Option<ClearedRound>,
        gaps: Vec<GapTrade>,
    ) -> ClearedInterval {
        let settled = round.as_ref().map(|round| (&round.settlement, round.provenance.remark()));
        let trades = trades_of(community, interval, settled, &gaps);
        ClearedInterval { round, gaps, trades, ..ClearedInterval::empty(interval, basis) }
    }

    /// Makes the first interval of books that continue others, which have settled it: from its registers the next one is
    /// netted. `last` are those of meters that were read earlier.
    pub fn opening(interval: Interval, basis: Basis, readings: Vec<MeterReading>, last: LastReads) -> ClearedInterval {
        ClearedInterval { readings, absent: last.clone(), opening: last, ..ClearedInterval::empty(interval, basis) }
    }

    fn empty(interval: Interval, basis: Basis) -> ClearedInterval {
        ClearedInterval {
            interval,
            basis,
            configuration: None,
            readings: Vec::new(),
            rules: MeterRules::default(),
            disputed: LastReads::new(),
            absent: LastReads::new(),
            opening: LastReads::new(),
            round: None,
            gaps: Vec::new(),
            trades: Vec::new(),
            events: Vec::new(),
        }
    }
}

/// What one transaction commits: a cleared interval, and the conditions under which the commit is valid.
#[derive(Clone, Debug)]
pub struct Commit {
    /// The community's name.
    pub community: String,
    /// The resume mark from which the interval was netted; `None` before the first commit. The commit is refused if the
    /// community's resume mark has changed since: its registers would be settled twice, or not at all.
    pub after: Option<Boundary>,
    /// The number of the community's last decision that the pass knew, see [`crate::activation`]; 0 for none. The
    /// commit is refused if a later decision exists: the interval might have been settled with the wrong algorithm.
    pub decision: u64,
    /// The fencing token of the lease under which the interval was settled, if any. The commit is refused once a later
    /// owner has acquired the lease.
    pub fence: Option<u64>,
    /// When the interval was settled.
    pub settled_at: Timestamp,
    /// The first instant of the day to which the interval belongs in the community's time zone: a store keeps sums per member
    /// and day, see [`day_of`](crate::period::day_of).
    pub day: Timestamp,
    /// The interval to commit.
    pub cleared: ClearedInterval,
}

/// An interval as it is stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredInterval {
    /// The interval: start and length.
    pub interval: Interval,
    /// How import and export were netted.
    pub basis: Basis,
    /// Digest of the community's configuration; `None` for intervals from versions that did not store it.
    pub configuration: Option<Digest>,
    /// The readings of every meter that was read at the interval's end.
    pub readings: Vec<MeterReading>,
    /// What decided whether they count.
    pub rules: MeterRules,
    /// What people decided about meters when this was the newest interval, in order. The last gaps come of it.
    pub decided: Vec<Decided>,
    /// The last registers of meters that were read before the books begin: only in the first interval.
    pub opening: LastReads,
    /// The round; `None` if no member was read at both ends.
    pub round: Option<Round>,
    /// How the round was cleared; `Some` if and only if there is a round.
    pub provenance: Option<Provenance>,
    /// Digest of everything the algorithm could see; `None` without a round.
    pub round_digest: Option<Digest>,
    /// Digest of the round's trades, in order; `None` without a round.
    pub trades_digest: Option<Digest>,
    /// The energy of meters that were read again after a gap.
    pub gaps: Vec<GapTrade>,
    /// All trades in order of their number: the round's, then those of gaps.
    pub trades: Vec<StoredTrade>,
    /// What happened in the interval that people should know of.
    pub events: Vec<StoredEvent>,
}

/// A decision about a meter that has taken effect.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Decided {
    /// The decision's number in the community's log.
    pub decision: u64,
    /// The meter.
    pub meter: MeterId,
    /// The member for which the meter counted.
    pub member: MemberId,
}

/// What decisions about meters come to, as an addition to the newest interval: gaps that are traded with the grid.
#[derive(Clone, Debug)]
pub struct Addition {
    /// The community's name.
    pub community: String,
    /// The newest interval, which ends at the resume mark; if it is no longer the newest, nothing is added.
    pub interval: Interval,
    /// The number of the community's last decision, all of which have taken effect with this. If there is a later one,
    /// nothing is added.
    pub decision: u64,
    /// The fencing token of the lease under which it was made, if any.
    pub fence: Option<u64>,
    /// When it was made.
    pub settled_at: Timestamp,
    /// The decisions, in order.
    pub decided: Vec<Decided>,
    /// The energy that is to be settled because of them.
    pub gaps: Vec<GapTrade>,
    /// The gaps' trades, whose numbers follow those of the interval.
    pub trades: Vec<StoredTrade>,
    /// What people should know of.
    pub events: Vec<StoredEvent>,
    /// The new states of meters.
    pub states: LastReads,
}

/// A range of intervals by their start: half-open, unbounded where an end is `None`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Span {
    /// Only intervals that start at or after this instant, in seconds since the Unix epoch.
    pub from: Option<u64>,
    /// Only intervals that start before this instant, in seconds since the Unix epoch.
    pub to: Option<u64>,
}

/// A stored interval whose trades do not belong to its round.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "interval {interval} of the books has a trade of {member}, who is not in its round (rec-market audit shows more)"
)]
pub struct ForeignTrade {
    interval: Interval,
    member: MemberId,
}

impl StoredInterval {
    /// Makes an interval in which nothing was read, decided, settled or told: what a round of one's own is put into.
    pub fn empty(interval: Interval, basis: Basis) -> StoredInterval {
        StoredInterval {
            interval,
            basis,
            configuration: None,
            readings: Vec::new(),
            rules: MeterRules::default(),
            decided: Vec::new(),
            opening: LastReads::new(),
            round: None,
            provenance: None,
            round_digest: None,
            trades_digest: None,
            gaps: Vec::new(),
            trades: Vec::new(),
            events: Vec::new(),
        }
    }

    /// Returns the trades of the round, with the places of members in it; none without a round. Those of gaps, which no rule
    /// makes, are not among them.
    ///
    /// # Errors
    /// If one is of a member that is not in the round.
    pub fn round_trades(&self) -> Result<Vec<Trade>, ForeignTrade> {
        let Some(round) = &self.round else { return Ok(Vec::new()) };
        // Trades of gaps come last.
        let gaps = self.gaps.iter().flat_map(GapTrade::trades).count();
        let count = self.trades.len().saturating_sub(gaps);
        let foreign = |member| ForeignTrade { interval: self.interval, member };
        self.trades.iter().take(count).map(|trade| unnamed(round, trade).map_err(foreign)).collect()
    }
}

/// A trade with the places of its members in the round; an error is the member that is not in it.
fn unnamed(round: &Round, trade: &StoredTrade) -> Result<Trade, MemberId> {
    let party = |party: &NamedParty| match party {
        NamedParty::Grid => Ok(Party::Grid),
        NamedParty::Operator => Ok(Party::Operator),
        NamedParty::Member(member) => {
            let place = round.positions().binary_search_by(|position| position.member.cmp(member));
            let place = place.ok().and_then(|place| u32::try_from(place).ok());
            place.map(Party::Member).ok_or_else(|| member.clone())
        }
    };
    Ok(Trade { seller: party(&trade.seller)?, buyer: party(&trade.buyer)?, energy: trade.energy, price: trade.price })
}

impl ClearedInterval {
    /// The state of every meter that was read at the interval's end, from now on.
    pub fn states(&self) -> impl Iterator<Item = (&MeterId, LastRead)> {
        self.readings.iter().map(|reading| {
            let read = ReadAt { boundary: self.interval.end(), registers: reading.registers };
            let state = self.disputed.get(&reading.meter).copied();
            (&reading.meter, state.unwrap_or(LastRead::good(read)))
        })
    }
}

impl Provenance {
    /// Returns the message of trades that another algorithm than the community's own made; `None` for its own.
    pub fn remark(&self) -> Option<String> {
        let reason = self.fallback_reason.as_ref()?;
        Some(format!("settled with {} instead: {reason}", self.name))
    }
}
