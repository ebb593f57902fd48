//! What is kept: one trait in the words of the domain, and the stores behind it.
//!
//! An interval is committed whole or not at all, with everything needed to recompute it: the registers it was netted
//! from, the round, the algorithm's digest and bytes, and the trades with ids derived from their place. Committing the
//! same interval again changes nothing. Readers page through intervals, so that no year has to fit in memory.

#[cfg(test)]
mod contract;
mod record;
mod sqlite;

use std::path::PathBuf;
use std::sync::Arc;

use domain::netting::{Basis, LastReads};
use domain::reading::Registers;
use domain::trade::State;
use domain::{Boundary, Digest, Energy, Interval, MemberId, MeterId, Price, Round, Settlement, Tariff, Trade, TradeId};

pub use sqlite::SqliteStore;

/// A party of a stored trade, by name.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum StoredParty {
    /// The grid.
    Grid,
    /// The community's own account.
    Operator,
    /// A member.
    Member(MemberId),
}

impl std::fmt::Display for StoredParty {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            StoredParty::Grid => f.write_str("grid"),
            StoredParty::Operator => f.write_str("operator"),
            StoredParty::Member(member) => f.write_str(member.as_str()),
        }
    }
}

/// A trade as it is kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredTrade {
    /// Derived from community, interval and number.
    pub id: TradeId,
    /// The interval it belongs to.
    pub interval: Interval,
    /// Its place in the interval, from 0.
    pub number: u64,
    /// Who gave the energy.
    pub seller: StoredParty,
    /// Who took it.
    pub buyer: StoredParty,
    /// How much.
    pub energy: Energy,
    /// At what price.
    pub price: Price,
    /// Where it is on its way to payment; none for trades with the grid, which are not forwarded.
    pub state: Option<State>,
    /// A remark, such as the start of a gap.
    pub message: Option<String>,
}

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

/// The energy of a meter that came back, and the tariff it was traded at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GapTrade {
    /// The member.
    pub member: MemberId,
    /// The last boundary settled before.
    pub since: Boundary,
    /// Energy sold to the grid.
    pub surplus: Energy,
    /// Energy bought from the grid.
    pub deficit: Energy,
    /// The member's tariff.
    pub tariff: Tariff,
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

/// How a round was cleared.
#[derive(Clone, Debug)]
pub struct Cleared {
    /// The checked result.
    pub settlement: Settlement,
    /// What cleared it.
    pub provenance: Provenance,
    /// The component, kept once for each digest; none if it is already there.
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

/// Everything that follows from one boundary: what one transaction commits.
#[derive(Clone, Debug)]
pub struct Commit {
    /// The community.
    pub community: String,
    /// The interval that ends at the boundary.
    pub interval: Interval,
    /// How it was netted.
    pub basis: Basis,
    /// Every meter that was read there.
    pub readings: Vec<MeterReading>,
    /// The round and its result; none if no member was read at both ends.
    pub cleared: Option<Cleared>,
    /// Trades of meters that came back.
    pub gaps: Vec<GapTrade>,
    /// What people should see.
    pub events: Vec<StoredEvent>,
}

/// What a commit did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Committed {
    /// It is kept now.
    Now,
    /// This interval or a later one was committed before; nothing was changed.
    Already,
}

/// Where a community stands.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Progress {
    /// The end of the last interval committed; none at the first run.
    pub mark: Option<Boundary>,
    /// The last registers of every meter.
    pub last_reads: LastReads,
}

/// An interval as it is kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredInterval {
    /// The interval.
    pub interval: Interval,
    /// How it was netted.
    pub basis: Basis,
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

/// A store that cannot do what it should.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// It cannot be opened.
    #[error("cannot open the store {}: {reason}", path.display())]
    Open {
        /// The file.
        path: PathBuf,
        /// Why not.
        reason: String,
    },
    /// It cannot be written.
    #[error("the store {} cannot be written: {reason}", path.display())]
    ReadOnly {
        /// The file.
        path: PathBuf,
        /// Why not.
        reason: String,
    },
    /// Its contents are damaged.
    #[error("the store {} is damaged: {reason} (restore a backup, or settle again into a new file)", path.display())]
    Corrupt {
        /// The file.
        path: PathBuf,
        /// What was found.
        reason: String,
    },
    /// Anything else that the database says.
    #[error("the store {} fails: {reason}", path.display())]
    Failed {
        /// The file.
        path: PathBuf,
        /// What it says.
        reason: String,
    },
}

/// Keeps settled intervals. All methods may be called from several tasks and processes at once.
pub trait Store: Send + Sync {
    /// Where a community stands; a community that was never heard of stands at the beginning.
    fn progress(&self, community: &str) -> impl Future<Output = Result<Progress, StoreError>> + Send;

    /// Commits one interval whole, or nothing of it. The same interval again changes nothing.
    fn commit(&self, commit: Commit) -> impl Future<Output = Result<Committed, StoreError>> + Send;

    /// Every community that has anything, in order of names.
    fn communities(&self) -> impl Future<Output = Result<Vec<String>, StoreError>> + Send;

    /// Up to `limit` intervals of a community in order of time, the first at or after the span's start.
    fn intervals(
        &self,
        community: &str,
        span: Span,
        limit: usize,
    ) -> impl Future<Output = Result<Vec<StoredInterval>, StoreError>> + Send;

    /// Up to `limit` trades of a community in order of time and number, after `after` if given.
    fn trades(
        &self,
        community: &str,
        span: Span,
        member: Option<&MemberId>,
        after: Option<(Boundary, u64)>,
        limit: usize,
    ) -> impl Future<Output = Result<Vec<StoredTrade>, StoreError>> + Send;

    /// The bytes of a component that an interval was cleared with.
    fn component(&self, digest: &Digest) -> impl Future<Output = Result<Option<Vec<u8>>, StoreError>> + Send;

    /// How many events of each code a community has.
    fn event_counts(&self, community: &str) -> impl Future<Output = Result<Vec<(String, u64)>, StoreError>> + Send;

    /// Checks the file itself: damaged pages, broken indexes, ids that occur twice. Answers what is wrong.
    fn examine(&self) -> impl Future<Output = Result<Vec<String>, StoreError>> + Send;
}

impl Commit {
    /// The trades to keep, with their derived ids: the round's in the algorithm's order, then those of gaps.
    pub fn trades(&self) -> Vec<StoredTrade> {
        let settled = self.cleared.iter().flat_map(|cleared| {
            let round = cleared.settlement.round();
            cleared.settlement.trades().iter().map(|trade| (named(round, trade), None))
        });
        let gaps = self.gaps.iter().flat_map(|gap| {
            let message = gap.message();
            gap.priced().into_iter().map(move |trade| (trade, Some(message.clone())))
        });
        let numbered = settled.chain(gaps).zip(0_u64..);
        numbered.map(|((trade, message), number)| self.stored(trade, message, number)).collect()
    }

    fn stored(
        &self,
        (seller, buyer, energy, price): (StoredParty, StoredParty, Energy, Price),
        message: Option<String>,
        number: u64,
    ) -> StoredTrade {
        let with_grid = seller == StoredParty::Grid || buyer == StoredParty::Grid;
        StoredTrade {
            id: TradeId::derive(&self.community, self.interval, number),
            interval: self.interval,
            number,
            state: (!with_grid).then_some(State::Created),
            seller,
            buyer,
            energy,
            price,
            message,
        }
    }
}

/// A trade with names in place of indices.
fn named(round: &Round, trade: &Trade) -> (StoredParty, StoredParty, Energy, Price) {
    let name = |party| match party {
        domain::Party::Operator => StoredParty::Operator,
        // OK because a settlement names only positions of its round.
        domain::Party::Member(index) => {
            round.position(index).map_or(StoredParty::Grid, |position| StoredParty::Member(position.member.clone()))
        }
        domain::Party::Grid => StoredParty::Grid,
    };
    (name(trade.seller), name(trade.buyer), trade.energy, trade.price)
}

impl GapTrade {
    /// What its trades say, in the platform's words.
    pub fn message(&self) -> String {
        format!("Start timestamp: {}", self.since)
    }

    /// One trade with the grid for each direction in which energy moved: (seller, buyer, energy, price).
    pub fn priced(&self) -> Vec<(StoredParty, StoredParty, Energy, Price)> {
        let member = || StoredParty::Member(self.member.clone());
        let sale = (member(), StoredParty::Grid, self.surplus, self.tariff.feed_in);
        let purchase = (StoredParty::Grid, member(), self.deficit, self.tariff.retail);
        [sale, purchase].into_iter().filter(|(_, _, energy, _)| *energy > Energy::ZERO).collect()
    }
}
