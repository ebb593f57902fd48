//! A link of a community's chain, in one document of `intervals`: an interval and all that it came to, or a decision.

use domain::netting::Basis;
use domain::{Boundary, Digest, Interval};
use jiff::Timestamp;
use mongodb::bson::oid::ObjectId;
use mongodb::bson::{Bson, Document, doc};

use super::blobs;
use super::fault::Fault;
use super::field;
use super::server::Server;
use crate::record::{self, Whole};
use books::{Change, ClearedInterval, Commit, Provenance, StoredInterval};

/// A link, read and verified.
pub(super) struct Link {
    pub(super) community: String,
    /// Its place in the chain, from 1.
    pub(super) number: i64,
    /// The end of the link before; none for the first.
    pub(super) after: Option<Boundary>,
    pub(super) interval: Interval,
    pub(super) settled_at: Timestamp,
    pub(super) whole: Whole,
    basis: Basis,
    configuration: Option<Digest>,
    provenance: Option<Provenance>,
    round_digest: Option<Digest>,
    trades_digest: Option<Digest>,
}

/// A link of either kind.
pub(super) enum AnyLink {
    /// An interval.
    Interval(Box<Link>),
    /// A decision about its community's algorithm. In the chain, because a commit that does not know it must not be made.
    Decision(Box<Decision>),
}

/// A link that is a decision.
pub(super) struct Decision {
    pub(super) community: String,
    /// Its place in the chain, from 1.
    pub(super) number: i64,
    pub(super) change: Change,
}

impl AnyLink {
    /// Reads a link of either kind.
    pub(super) async fn read(server: &Server, document: &Document) -> Result<AnyLink, Fault> {
        if document.get("change").is_none() {
            return Ok(AnyLink::Interval(Box::new(read(server, document).await?)));
        }
        let decision = || {
            Ok(Decision {
                community: field::text(document, "community")?.to_owned(),
                number: field::integer(document, "number")?,
                change: record::decode_change(field::bytes(document, "change")?)?,
            })
        };
        let named = || format!("decision {}", document.get_str("_id").unwrap_or("without a name"));
        Ok(AnyLink::Decision(Box::new(decision().map_err(|fault: Fault| fault.of(named))?)))
    }
}

impl std::fmt::Display for AnyLink {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            AnyLink::Interval(link) => write!(f, "interval {}", link.interval),
            AnyLink::Decision(decision) => write!(f, "decision {}", id(&decision.community, decision.number)),
        }
    }
}

/// The `_id` of a link. No two communities share one, because the number has no slash.
pub(super) fn id(community: &str, number: i64) -> String {
    format!("{community}/{number}")
}

/// Writes a commit as the link with that number; what does not fit into its document is kept beforehand.
pub(super) async fn document(server: &Server, commit: &Commit, number: i64, by: ObjectId) -> Result<Document, Fault> {
    let cleared = &commit.cleared;
    check_kept(cleared)?;
    let whole = record::encode_whole(cleared);
    let digest = Digest::of(&whole);
    let inline = if blobs::fits(&whole) {
        blobs::binary(&whole)
    } else {
        blobs::put(server, digest, &whole).await?;
        Bson::Null
    };
    let boundary = |at: Boundary| field::boundary_date(at);
    let mut document = doc! {
        "_id": id(&commit.community, number),
        "community": &commit.community,
        "number": number,
        "after": commit.after.map(boundary),
        "start": boundary(cleared.interval.start()),
        "end": boundary(cleared.interval.end()),
        "length": i64::from(cleared.interval.length().seconds()),
        "basis": cleared.basis.as_str(),
        "configuration": cleared.configuration.map(|configuration| configuration.to_string()),
        "settled_at": field::date(commit.settled_at),
        "fence": commit.fence.map(|fence| field::kept("a lease's token", fence)).transpose()?,
        "by": by,
        "digest": digest.to_string(),
        "whole": inline,
    };
    if let Some(round) = &cleared.round {
        blobs::put(server, round.provenance.algorithm, &round.component).await?;
        let Provenance { algorithm, name, version, engine, fuel, fallback_reason } = &round.provenance;
        document.extend(doc! {
            "algorithm": algorithm.to_string(),
            "name": name,
            "version": version,
            "engine": engine,
            "fuel": field::kept("the fuel used", *fuel)?,
            "fallback_reason": fallback_reason,
            "round_digest": round.settlement.round().digest().to_string(),
            "trades_digest": round.settlement.digest().to_string(),
        });
    }
    Ok(document)
}

/// Refuses numbers that documents cannot hold: better nothing of an interval than all but one trade.
fn check_kept(cleared: &ClearedInterval) -> Result<(), Fault> {
    for reading in &cleared.readings {
        field::kept("a register", reading.registers.import_wh)?;
        field::kept("a register", reading.registers.export_wh)?;
    }
    for trade in &cleared.trades {
        field::kept("a trade's energy", trade.energy.wh())?;
    }
    Ok(())
}

/// Reads a link, with what was kept beside it.
pub(super) async fn read(server: &Server, document: &Document) -> Result<Link, Fault> {
    let named = || format!("interval {}", document.get_str("_id").unwrap_or("without a name"));
    let digest = digest_field(document, "digest").and_then(required).map_err(|fault| fault.of(named))?;
    let bytes = match document.get("whole") {
        Some(Bson::Binary(binary)) => binary.bytes.clone(),
        _ => match blobs::get(server, &digest).await? {
            Some(bytes) => bytes,
            None => return Err(Fault::Record(format!("{}: chunk {digest}/0 is missing", named()))),
        },
    };
    verified(document, &digest, &bytes).map_err(|fault| fault.of(named))
}

fn verified(document: &Document, digest: &Digest, bytes: &[u8]) -> Result<Link, Fault> {
    blobs::verify(digest, bytes)?;
    let community = field::text(document, "community")?.to_owned();
    let interval = field::interval(document)?;
    let after = document.get("after").is_some_and(|after| *after != Bson::Null);
    Ok(Link {
        number: field::integer(document, "number")?,
        after: after.then(|| field::boundary(document, "after")).transpose()?,
        settled_at: field::time(document, "settled_at")?,
        whole: record::decode_whole(&community, interval, bytes)?,
        basis: basis(field::text(document, "basis")?)?,
        configuration: digest_field(document, "configuration")?,
        provenance: provenance(document)?,
        round_digest: digest_field(document, "round_digest")?,
        trades_digest: digest_field(document, "trades_digest")?,
        community,
        interval,
    })
}

fn provenance(document: &Document) -> Result<Option<Provenance>, Fault> {
    let Some(algorithm) = digest_field(document, "algorithm")? else { return Ok(None) };
    let text = |name| field::text(document, name).map(str::to_owned);
    Ok(Some(Provenance {
        algorithm,
        name: text("name")?,
        version: text("version")?,
        engine: text("engine")?,
        fuel: field::unsigned(document, "fuel")?,
        fallback_reason: field::optional_text(document, "fallback_reason")?,
    }))
}

fn digest_field(document: &Document, name: &str) -> Result<Option<Digest>, Fault> {
    let text = field::optional_text(document, name)?;
    let unreadable = |text: &String| Fault::Record(format!("field {name} has {text:?} where a digest is expected"));
    text.map(|text| text.parse().map_err(|_| unreadable(&text))).transpose()
}

fn required(digest: Option<Digest>) -> Result<Digest, Fault> {
    digest.ok_or_else(|| Fault::Record("it has no digest".to_owned()))
}

impl Link {
    /// As the trait shows it, without its trades: those change their states.
    pub(super) fn into_stored(self) -> StoredInterval {
        StoredInterval {
            interval: self.interval,
            basis: self.basis,
            configuration: self.configuration,
            readings: self.whole.inputs.readings,
            round: self.whole.round,
            provenance: self.provenance,
            round_digest: self.round_digest,
            trades_digest: self.trades_digest,
            gaps: self.whole.inputs.gaps,
            trades: Vec::new(),
            events: self.whole.events,
        }
    }
}

fn basis(name: &str) -> Result<Basis, Fault> {
    name.parse().map_err(|_| Fault::Record(format!("it has the unknown basis {name:?}")))
}
