//! A link of a community's chain, in one document of `intervals`: an interval and all that it came to, a decision, or an addition to
//! an interval.

use domain::{Boundary, CommunityCode, Digest, Interval, Round};
use jiff::Timestamp;
use mongodb::bson::oid::ObjectId;
use mongodb::bson::{RawDocumentBuf, doc};
use serde::{Deserialize, Serialize};

use super::blobs;
use super::document::{decode, has, one};
use super::fault::Fault;
use super::field::{BasisName, BoundaryDate, Bytes, ChangeRecord, Date, HexDigest, Id};
use super::server::Server;
use crate::cause::about;
use books::{
    Addition, Change, ClearedInterval, ClearedRound, Commit, GapTrade, Provenance, StoredEvent, StoredInterval,
    StoredTrade,
};
use record::{Added, Whole};

/// What every link that is an interval has.
#[derive(Serialize, Deserialize)]
pub(super) struct IntervalFields {
    #[serde(rename = "_id")]
    id: String,
    pub(super) community: String,
    /// Its place in the chain, from 1.
    pub(super) number: u64,
    /// The end of the interval before; none for the first.
    pub(super) after: Option<BoundaryDate>,
    start: BoundaryDate,
    end: BoundaryDate,
    /// In seconds.
    length: u32,
    basis: BasisName,
    configuration: Option<HexDigest>,
    settled_at: Date,
    /// The first instant of its day in the community's time zone.
    day: Date,
    fence: Option<u64>,
    by: ObjectId,
    /// The id of its first trade, whether it has one or not. Together with the end it is its place in the platform's lists.
    first_trade: Id,
    /// Number of its trades, without what was added to it later.
    pub(super) trades: u64,
    /// Number of those between members, and of those of which nothing has become yet. Beside the two fields below, the latter
    /// is all that ever changes in a link.
    pub(super) paid: u64,
    pub(super) fresh: u64,
    /// Only there while some are fresh, so that these intervals have an index to themselves.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) waits: Option<bool>,
    /// Whether something was added to it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) added: Option<bool>,
    /// Of the record.
    digest: HexDigest,
    /// The record; none if it is in `chunks` by its digest, because it is too large.
    whole: Option<Bytes>,
}

/// What an interval with a round has besides: how it was cleared.
#[derive(Serialize, Deserialize)]
struct ClearedFields {
    algorithm: HexDigest,
    name: String,
    version: String,
    engine: String,
    fuel: u64,
    fallback_reason: Option<String>,
    round_digest: HexDigest,
    trades_digest: HexDigest,
}

/// A link that is an interval, as it is written. It is read in two steps, so that an error names its field.
#[derive(Serialize)]
pub(super) struct NewInterval {
    #[serde(flatten)]
    fields: IntervalFields,
    #[serde(flatten)]
    cleared: Option<ClearedFields>,
}

/// A link that is a decision about a community's algorithm.
#[derive(Serialize, Deserialize)]
pub(super) struct DecisionLink {
    #[serde(rename = "_id")]
    id: String,
    pub(super) community: String,
    /// Its place in the chain, from 1.
    pub(super) number: u64,
    pub(super) change: ChangeRecord,
    by: ObjectId,
}

/// An addition as it is kept, in the chain and in `additions`.
#[derive(Clone, Serialize, Deserialize)]
pub(super) struct AdditionDocument {
    #[serde(rename = "_id")]
    pub(super) id: String,
    pub(super) community: String,
    /// Its place in the chain, from 1.
    pub(super) number: u64,
    /// The start of the interval that it is added to.
    pub(super) addition_to: BoundaryDate,
    /// Of that interval, in seconds.
    length: u32,
    pub(super) settled_at: Date,
    fence: Option<u64>,
    by: ObjectId,
    pub(super) added: Bytes,
}

/// An addition that was read.
pub(super) struct AdditionLink {
    pub(super) document: AdditionDocument,
    pub(super) interval: Interval,
    pub(super) added: Added,
}

impl AdditionDocument {
    pub(super) fn new(addition: &Addition, number: u64, by: ObjectId) -> AdditionDocument {
        AdditionDocument {
            id: id(&addition.community, number),
            community: addition.community.clone(),
            number,
            addition_to: BoundaryDate(addition.interval.start()),
            length: addition.interval.length().seconds(),
            settled_at: Date(addition.settled_at),
            fence: addition.fence,
            by,
            added: Bytes(record::encode_addition(addition)),
        }
    }
}

impl AdditionLink {
    pub(super) fn read(document: AdditionDocument) -> Result<AdditionLink, Fault> {
        let read = || {
            let interval = record::decode_interval(document.addition_to.0.seconds(), document.length)?;
            Ok((interval, record::decode_addition(&document.community, interval, &document.added.0)?))
        };
        let (interval, added) = read()
            .map_err(|error: record::InvalidRecord| Fault::Record(about(format!("addition {}", document.id), error)))?;
        Ok(AdditionLink { document, interval, added })
    }

    pub(super) fn settled(&self) -> Settled<'_> {
        Settled {
            community: &self.document.community,
            number: self.document.number,
            interval: self.interval,
            events: &self.added.events,
        }
    }
}

/// A link, read and verified.
pub(super) enum Link {
    Interval(Box<IntervalLink>),
    /// In the chain, because a commit that does not know of it must not be made.
    Decision(Box<DecisionLink>),
    Addition(Box<AdditionLink>),
}

/// An interval that was read.
pub(super) struct IntervalLink {
    pub(super) fields: IntervalFields,
    cleared: Option<ClearedFields>,
    pub(super) interval: Interval,
    pub(super) whole: Whole,
}

/// What the documents of events are made of, whether their link was just inserted or is read.
pub(super) struct Settled<'a> {
    pub(super) community: &'a str,
    pub(super) number: u64,
    pub(super) interval: Interval,
    pub(super) events: &'a [StoredEvent],
}

/// What the sums of a day are made of, whether the interval was just committed or is read.
#[derive(Clone, Copy)]
pub(super) struct Traded<'a> {
    pub(super) interval: Interval,
    /// The end of the interval before; none for the first.
    pub(super) after: Option<Boundary>,
    /// The first instant of its day.
    pub(super) day: Timestamp,
    pub(super) round: Option<&'a Round>,
    pub(super) gaps: &'a [GapTrade],
    pub(super) trades: &'a [StoredTrade],
}

/// The `_id` of a link. No two communities share one, because the number has no slash.
pub(super) fn id(community: &str, number: u64) -> String {
    format!("{community}/{number}")
}

/// The link of a community with that number, as it is kept.
pub(super) async fn find(server: &Server, community: &str, number: u64) -> Result<Option<RawDocumentBuf>, Fault> {
    one("link", &server.intervals, doc! { "_id": id(community, number) }).await
}

impl Settled<'_> {
    pub(super) fn of(commit: &Commit, number: u64) -> Settled<'_> {
        Settled {
            community: &commit.community,
            number,
            interval: commit.cleared.interval,
            events: &commit.cleared.events,
        }
    }
}

impl Traded<'_> {
    pub(super) fn of(commit: &Commit) -> Traded<'_> {
        let cleared = &commit.cleared;
        Traded {
            interval: cleared.interval,
            after: commit.after,
            day: commit.day,
            round: cleared.round.as_ref().map(|round| &**round.settlement.round()),
            gaps: &cleared.gaps,
            trades: &cleared.trades,
        }
    }
}

impl Link {
    /// Reads a link of either kind.
    pub(super) async fn read(server: &Server, document: &RawDocumentBuf) -> Result<Link, Fault> {
        Ok(if has(document, "change") {
            Link::Decision(Box::new(decode("decision", document)?))
        } else if has(document, "addition_to") {
            Link::Addition(Box::new(AdditionLink::read(decode("addition", document)?)?))
        } else {
            Link::Interval(Box::new(IntervalLink::read(server, document).await?))
        })
    }
}

impl std::fmt::Display for Link {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Link::Interval(link) => write!(f, "interval {}", link.interval),
            Link::Decision(decision) => write!(f, "decision {}", decision.id),
            Link::Addition(link) => write!(f, "addition {}", link.document.id),
        }
    }
}

impl IntervalLink {
    /// Reads an interval, with the record that may be kept beside it.
    pub(super) async fn read(server: &Server, document: &RawDocumentBuf) -> Result<IntervalLink, Fault> {
        let mut fields: IntervalFields = decode("interval", document)?;
        let cleared = if has(document, "algorithm") { Some(decode("interval", document)?) } else { None };
        let named = || format!("interval {}", fields.id);
        let digest = fields.digest.0;
        let bytes = match fields.whole.take() {
            Some(Bytes(bytes)) => bytes,
            None => match blobs::get(server, &digest).await? {
                Some(bytes) => bytes,
                None => return Err(Fault::Record(about(named(), format!("chunk {digest}/0 is missing")))),
            },
        };
        let (interval, whole) = fields.verified(&bytes).map_err(|fault| fault.of(named))?;
        Ok(IntervalLink { fields, cleared, interval, whole })
    }

    pub(super) fn settled(&self) -> Settled<'_> {
        Settled {
            community: &self.fields.community,
            number: self.fields.number,
            interval: self.interval,
            events: &self.whole.events,
        }
    }

    pub(super) fn traded(&self) -> Traded<'_> {
        Traded {
            interval: self.interval,
            after: self.fields.after.map(|after| after.0),
            day: self.fields.day.0,
            round: self.whole.round.as_ref(),
            gaps: &self.whole.inputs.gaps,
            trades: &self.whole.trades,
        }
    }

    /// Whether what it says of its trades is so.
    pub(super) fn counts_right(&self) -> bool {
        let IntervalFields { community, first_trade, trades, paid, fresh, waits, .. } = &self.fields;
        let first = CommunityCode::of(community).ids(self.interval).id(0);
        first_trade.0 == first
            && *trades == self.whole.trades.len() as u64
            && *paid == between_members(&self.whole.trades)
            && fresh <= paid
            && waits.unwrap_or(false) == (*fresh > 0)
    }

    /// As the trait shows it, with its trades in the state right after clearing.
    pub(super) fn into_stored(self) -> StoredInterval {
        let cleared = self.cleared.as_ref();
        StoredInterval {
            interval: self.interval,
            basis: self.fields.basis.0,
            configuration: self.fields.configuration.map(|digest| digest.0),
            readings: self.whole.inputs.readings,
            rules: self.whole.inputs.rules,
            decided: self.whole.inputs.decided,
            round: self.whole.round,
            round_digest: cleared.map(|cleared| cleared.round_digest.0),
            trades_digest: cleared.map(|cleared| cleared.trades_digest.0),
            provenance: self.cleared.map(ClearedFields::into_provenance),
            gaps: self.whole.inputs.gaps,
            opening: self.whole.inputs.opening,
            trades: self.whole.trades,
            events: self.whole.events,
        }
    }
}

impl IntervalFields {
    fn verified(&self, bytes: &[u8]) -> Result<(Interval, Whole), Fault> {
        blobs::verify(&self.digest.0, bytes)?;
        let interval = record::decode_interval(self.start.0.seconds(), self.length)?;
        Ok((interval, record::decode_whole(&self.community, interval, bytes)?))
    }
}

impl NewInterval {
    /// Makes a commit the link of that number; what does not fit into its document is kept beforehand.
    pub(super) async fn new(server: &Server, commit: &Commit, number: u64, by: ObjectId) -> Result<NewInterval, Fault> {
        let cleared = &commit.cleared;
        check_numbers(cleared)?;
        let whole = record::encode_whole(cleared);
        let digest = Digest::of(&whole);
        let whole = if blobs::fits(&whole) {
            Some(Bytes(whole))
        } else {
            blobs::put(server, digest, &whole).await?;
            None
        };
        if let Some(round) = &cleared.round {
            blobs::put(server, round.provenance.algorithm, &round.component).await?;
        }
        let paid = between_members(&cleared.trades);
        let fields = IntervalFields {
            id: id(&commit.community, number),
            community: commit.community.clone(),
            number,
            after: commit.after.map(BoundaryDate),
            start: BoundaryDate(cleared.interval.start()),
            end: BoundaryDate(cleared.interval.end()),
            length: cleared.interval.length().seconds(),
            basis: BasisName(cleared.basis),
            configuration: cleared.configuration.map(HexDigest),
            settled_at: Date(commit.settled_at),
            day: Date(commit.day),
            fence: commit.fence,
            by,
            first_trade: Id(CommunityCode::of(&commit.community).ids(cleared.interval).id(0)),
            trades: cleared.trades.len() as u64,
            paid,
            fresh: paid,
            waits: (paid > 0).then_some(true),
            added: None,
            digest: HexDigest(digest),
            whole,
        };
        Ok(NewInterval { fields, cleared: cleared.round.as_ref().map(ClearedFields::new) })
    }
}

impl ClearedFields {
    fn new(round: &ClearedRound) -> ClearedFields {
        let Provenance { algorithm, name, version, engine, fuel, fallback_reason } = round.provenance.clone();
        ClearedFields {
            algorithm: HexDigest(algorithm),
            name,
            version,
            engine,
            fuel,
            fallback_reason,
            round_digest: HexDigest(round.settlement.round().digest()),
            trades_digest: HexDigest(round.settlement.digest()),
        }
    }

    fn into_provenance(self) -> Provenance {
        let ClearedFields { algorithm: HexDigest(algorithm), name, version, engine, fuel, fallback_reason, .. } = self;
        Provenance { algorithm, name, version, engine, fuel, fallback_reason }
    }
}

impl DecisionLink {
    pub(super) fn new(community: &str, number: u64, change: &Change, by: ObjectId) -> DecisionLink {
        let change = ChangeRecord(change.clone());
        DecisionLink { id: id(community, number), community: community.to_owned(), number, change, by }
    }
}

/// How many of the trades are between members, so that they are paid.
fn between_members(trades: &[StoredTrade]) -> u64 {
    trades.iter().filter(|trade| trade.state.is_some()).count() as u64
}

/// Refuses numbers that the wire and a document cannot hold.
fn check_numbers(cleared: &ClearedInterval) -> Result<(), Fault> {
    record::too_large(cleared).map_or(Ok(()), |problem| Err(Fault::Refused(problem.into())))
}
