//! What is kept: one trait in the words of the domain, and the stores behind it.
//!
//! An interval is committed whole or not at all, with everything needed to recompute it: the registers it was netted
//! from, the round, the algorithm's digest and bytes, and the trades with ids derived from their place. Committing the
//! same interval again changes nothing. Readers page through intervals, so that no year has to fit in memory.

mod change;
#[cfg(test)]
mod contract;
mod measured;
mod mongo;
mod payment;
mod record;
mod sqlite;

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use domain::netting::{Basis, LastReads};
use domain::reading::Registers;
use domain::trade::State;
use domain::{
    Boundary, Digest, Energy, Interval, MemberId, MeterId, MeterPrice, Price, PriceBook, Round, Settlement, Tariff,
    Trade, TradeId,
};
use jiff::Timestamp;

use crate::config::StoreConfig;

pub use change::{Action, Change, KeptChange, KeptVersion, Label, Place, Tally, Version};
pub use measured::Measured;
pub use mongo::{InvalidAddress, MongoAddress, MongoStore, Secret};
pub use payment::{Claim, Match, MatchFilter, MatchUpdate, Outbox, PLATFORM_GRID, Quantity, UpdateError, Window};
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
    /// The resume mark that it was netted after. It is refused if the community stands elsewhere by now: its registers
    /// would be settled twice, or not at all.
    pub after: Option<Boundary>,
    /// The number of the community's last decision that it knows, see [`crate::course`]; 0 for none. It is refused if there
    /// is another by now: it might be settled with the wrong algorithm.
    pub course: u64,
    /// The token of the lease under which it was made, if it was: a later holder's commit makes it void.
    pub fence: Option<u64>,
    /// When it was settled.
    pub settled_at: Timestamp,
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
    /// The community does not stand where it says, because somebody else committed or decided; nothing was changed.
    Overtaken,
    /// Somebody else holds the community's lease by now; nothing was changed.
    Fenced,
}

/// What committing intervals in a row did.
#[derive(Debug)]
pub struct CommittedRow {
    /// How many are kept now: the first ones.
    pub committed: usize,
    /// What came of the last one that was tried.
    pub ended: Result<Committed, StoreError>,
}

/// Where a community stands.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Progress {
    /// The end of the last interval committed; none at the first run.
    pub mark: Option<Boundary>,
    /// The last registers of every meter.
    pub last_reads: LastReads,
    /// Without a mark: the newest interval's end in the books that the Python original kept here. What it settled is not
    /// settled again.
    pub original: Option<Boundary>,
}

/// A right to do something that only one process should do at a time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Lease {
    /// Rises with every new holder.
    pub token: u64,
    /// It is lost then, unless it is taken again before.
    pub until: Timestamp,
}

/// What came of asking for a lease.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Acquired {
    /// It is held now.
    Held(Lease),
    /// Somebody else holds it.
    ByOther {
        /// Who, as it named itself.
        holder: String,
        /// Until when at least.
        until: Timestamp,
    },
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

/// A store that cannot do what it should.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// It cannot be opened.
    #[error("cannot open the store {store}: {reason}")]
    Open {
        /// The file or address.
        store: String,
        /// Why not.
        reason: String,
    },
    /// It cannot be written.
    #[error("the store {store} cannot be written: {reason}")]
    ReadOnly {
        /// The file or address.
        store: String,
        /// Why not.
        reason: String,
    },
    /// Its contents are damaged.
    #[error("the store {store} is damaged: {reason} (restore a backup, or settle again into a new store)")]
    Corrupt {
        /// The file or address.
        store: String,
        /// What was found.
        reason: String,
    },
    /// It does not answer, after trying again for a while.
    #[error("the store {store} does not answer: {reason} (is it running, and is the address right?)")]
    Away {
        /// The address.
        store: String,
        /// What happened last.
        reason: String,
    },
    /// Somebody else keeps it locked, for longer than anybody waits.
    #[error("the store {store} is busy: {reason} (end whatever keeps it locked, such as a backup or an open shell)")]
    Busy {
        /// The file.
        store: String,
        /// What it says.
        reason: String,
    },
    /// Anything else that the database says.
    #[error("the store {store} fails: {reason}")]
    Failed {
        /// The file or address.
        store: String,
        /// What it says.
        reason: String,
    },
}

/// Keeps settled intervals, what becomes of their trades, and what members and processes say. All methods may be called
/// from several tasks and processes at once.
#[async_trait]
pub trait Store: Send + Sync {
    /// Where a community stands; a community that was never heard of stands at the beginning.
    async fn progress(&self, community: &str) -> Result<Progress, StoreError>;

    /// Commits intervals in order, each whole or not at all, until one cannot be committed: if its community does not stand
    /// where it says. Those in a row may become durable together, so a crash may lose several of those that were not
    /// answered yet.
    async fn commit_row(&self, row: Vec<Arc<Commit>>) -> CommittedRow;

    /// Commits one interval whole, or nothing of it.
    async fn commit(&self, commit: Arc<Commit>) -> Result<Committed, StoreError> {
        self.commit_row(vec![commit]).await.ended
    }

    /// Every community that has anything, in order of names.
    async fn communities(&self) -> Result<Vec<String>, StoreError>;

    /// Up to `limit` intervals of a community in order of time, the first at or after the span's start.
    async fn intervals(&self, community: &str, span: Span, limit: usize) -> Result<Vec<StoredInterval>, StoreError>;

    /// Up to `limit` trades of a community in order of time and number, after `after` if given.
    async fn trades(
        &self,
        community: &str,
        span: Span,
        member: Option<&MemberId>,
        after: Option<(Boundary, u64)>,
        limit: usize,
    ) -> Result<Vec<StoredTrade>, StoreError>;

    /// The bytes of a component that an interval was cleared with.
    async fn component(&self, digest: &Digest) -> Result<Option<Vec<u8>>, StoreError>;

    /// Keeps an algorithm that was uploaded, with its component, if nothing else has its digest or its name and version.
    async fn keep_version(&self, version: &Version, component: Arc<[u8]>) -> Result<KeptVersion, StoreError>;

    /// Every algorithm that was uploaded, in the order of uploads.
    async fn versions(&self) -> Result<Vec<Version>, StoreError>;

    /// Makes a name mean an algorithm for a community, if it does not mean one yet; answers what it means.
    async fn pin(&self, community: &str, name: &str, digest: Digest) -> Result<Digest, StoreError>;

    /// What a name means for a community, if that was ever asked.
    async fn pinned(&self, community: &str, name: &str) -> Result<Option<Digest>, StoreError>;

    /// Adds a decision to a community's course, if that is still true of it; answers its number, or none if it is not.
    async fn decide(&self, community: &str, change: &Change, at: Place) -> Result<Option<u64>, StoreError>;

    /// Keeps something that decides nothing.
    async fn note(&self, change: &Change) -> Result<(), StoreError>;

    /// All that was decided and noted about a community, in order: what [`crate::course::Course`] is made of.
    async fn course(&self, community: &str) -> Result<Vec<KeptChange>, StoreError>;

    /// Up to `limit` changes, the newest first: of one community, or of all and those that are about none.
    async fn changes(&self, community: Option<&str>, limit: usize) -> Result<Vec<KeptChange>, StoreError>;

    /// What came so far of the candidate that a community's decision of that number started.
    async fn tally(&self, community: &str, number: u64) -> Result<Option<Tally>, StoreError>;

    /// Replaces it, if it still ends at `after`; answers whether it did.
    async fn keep_tally(
        &self,
        community: &str,
        number: u64,
        after: Option<Boundary>,
        tally: &Tally,
    ) -> Result<bool, StoreError>;

    /// How many events of each code a community has.
    async fn event_counts(&self, community: &str) -> Result<Vec<(String, u64)>, StoreError>;

    /// Checks the store itself: damaged pages, broken indexes, ids that occur twice. Answers what is wrong.
    async fn examine(&self) -> Result<Vec<String>, StoreError>;

    /// Takes a lease for `term` from `now` on, or takes it again, if nobody else holds it then.
    async fn acquire(&self, lease: &str, holder: &str, now: Timestamp, term: Duration) -> Result<Acquired, StoreError>;

    /// Gives a lease back, if that holder has it.
    async fn release(&self, lease: &str, holder: &str) -> Result<(), StoreError>;

    /// Sets prices, all or none. For the same meter and instant the later call wins, and within a call the later entry.
    async fn set_prices(&self, prices: &[MeterPrice], now: Timestamp) -> Result<(), StoreError>;

    /// The prices of a meter, newest first, that hold from `from` (inclusive) until `to` (exclusive) on.
    async fn prices(
        &self,
        meter: &str,
        from: Option<Timestamp>,
        to: Option<Timestamp>,
        window: Window,
    ) -> Result<Vec<MeterPrice>, StoreError>;

    /// Every price that holds at some instant from `from` to `to`, both inclusive.
    async fn price_book(&self, from: Timestamp, to: Timestamp) -> Result<PriceBook, StoreError>;

    /// Trades of committed intervals in order of their interval's end, then of their id. Claims that ran out before `now`
    /// show the state before.
    async fn matches(&self, filter: &MatchFilter, window: Window, now: Timestamp) -> Result<Vec<Match>, StoreError>;

    /// Hands a buyer's waiting trades over for payment: they become `Sent`, until `claim.until` if nobody reports of them
    /// meanwhile. Answers them with the states before. No two calls get the same trade.
    async fn claim(&self, claim: &Claim, window: Window) -> Result<Vec<Match>, StoreError>;

    /// Applies what Transactions reports, all or nothing.
    ///
    /// # Errors
    /// If a trade is unknown, or cannot come into the state that is reported; then nothing is changed.
    async fn update(&self, updates: &[MatchUpdate], now: Timestamp) -> Result<(), UpdateError>;

    /// Up to `limit` trades to push, in order of their interval's end, then of their id: those that are `Created`, and
    /// those `NotPaid` that changed last at or before `again`.
    async fn outbox(&self, again: Timestamp, limit: usize, now: Timestamp) -> Result<Vec<Match>, StoreError>;

    /// How much waits to be forwarded.
    async fn outbox_depth(&self, now: Timestamp) -> Result<Outbox, StoreError>;

    /// Records what came of a push: trades that still wait become `Sent`, or `Error` with the receiver's reason. The same
    /// again changes nothing.
    async fn delivered(
        &self,
        sent: &[TradeId],
        refused: &[(TradeId, String)],
        now: Timestamp,
    ) -> Result<(), StoreError>;
}

/// The lease under which a community is settled.
pub fn community_lease(community: &str) -> String {
    format!("community {community}")
}

/// Opens the configured store, making what is missing.
///
/// # Errors
/// If it cannot be opened or written.
pub async fn open(config: &StoreConfig) -> Result<Arc<dyn Store>, StoreError> {
    match config {
        StoreConfig::Sqlite(path) => Ok(Arc::new(SqliteStore::open(path)?)),
        StoreConfig::Mongo(mongo) => Ok(Arc::new(MongoStore::open(mongo).await?)),
    }
}

/// Opens the configured store to read only.
///
/// # Errors
/// If it is not there.
pub async fn open_to_read(config: &StoreConfig) -> Result<Arc<dyn Store>, StoreError> {
    match config {
        StoreConfig::Sqlite(path) => Ok(Arc::new(SqliteStore::open_to_read(path)?)),
        StoreConfig::Mongo(mongo) => Ok(Arc::new(MongoStore::open_to_read(mongo).await?)),
    }
}

impl Provenance {
    /// What trades say that were not made by the community's own algorithm.
    pub fn remark(&self) -> Option<String> {
        let reason = self.fallback_reason.as_ref()?;
        Some(format!("settled with {} instead: {reason}", self.name))
    }
}

impl Commit {
    /// The trades to keep.
    pub fn trades(&self) -> Vec<StoredTrade> {
        let cleared = self.cleared.as_ref().map(|cleared| (&cleared.settlement, cleared.provenance.remark()));
        trades_of(&self.community, self.interval, cleared, &self.gaps)
    }
}

/// The trades of an interval with their derived ids: the round's in the algorithm's order, with a remark if they have one,
/// then those of gaps.
pub fn trades_of(
    community: &str,
    interval: Interval,
    cleared: Option<(&Settlement, Option<String>)>,
    gaps: &[GapTrade],
) -> Vec<StoredTrade> {
    let settled = cleared.into_iter().flat_map(|(settlement, remark)| {
        let round = settlement.round();
        settlement.trades().iter().map(move |trade| (named(round, trade), remark.clone()))
    });
    let gaps = gaps.iter().flat_map(|gap| {
        let message = gap.message();
        gap.priced().into_iter().map(move |trade| (trade, Some(message.clone())))
    });
    let numbered = settled.chain(gaps).zip(0_u64..);
    let trade = |(((seller, buyer, energy, price), message), number)| {
        let with_grid = seller == StoredParty::Grid || buyer == StoredParty::Grid;
        let id = TradeId::derive(community, interval, number);
        let state = (!with_grid).then_some(State::Created);
        StoredTrade { id, interval, number, seller, buyer, energy, price, state, message }
    };
    numbered.map(trade).collect()
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
