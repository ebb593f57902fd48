//! Algorithms that were uploaded, what was decided and noted about them, and what came of candidates.

use domain::{Boundary, Digest};
use mongodb::bson::oid::ObjectId;
use mongodb::bson::{Bson, Document, doc};

use super::fault::{Fault, is_duplicate};
use super::link::{self, Decision};
use super::server::{Server, all};
use super::{blobs, chain, field};
use crate::record;
use books::{Change, KeptChange, KeptVersion, Label, ShadowState, Version};

/// The `_id` of what was uploaded under a label: one label, one document.
fn label_id(label: &Label) -> String {
    // A name may have any characters but a version none of these, or two labels could look the same.
    format!("{}@{}", label.name.replace('%', "%25").replace('@', "%40"), label.version)
}

/// As [`books::Decisions::keep_version`]; `by` tells this upload from any other, however often it is tried.
pub(super) async fn keep(
    server: &Server,
    version: &Version,
    component: &[u8],
    by: ObjectId,
) -> Result<KeptVersion, Fault> {
    server.check_writable()?;
    let label = &version.label;
    // A component says its own label, so who has its digest has its label too.
    let id = doc! { "_id": label_id(label) };
    if let Some(found) = server.algorithms.find_one(id.clone()).await? {
        return found_there(version, &found, by);
    }
    blobs::put(server, label.digest, component).await?;
    let document = doc! {
        "_id": label_id(label),
        "sha256": label.digest.to_string(),
        "name": &label.name,
        "version": &label.version,
        "summary": &version.summary,
        "bytes": field::kept("a component's size", version.component_bytes)?,
        "uploaded_at": field::date(version.uploaded_at),
        "uploaded_by": &version.uploaded_by,
        "report": &version.report,
        "by": by,
    };
    match server.algorithms.insert_one(document).await {
        Err(error) if is_duplicate(&error) => match server.algorithms.find_one(id).await? {
            Some(found) => found_there(version, &found, by),
            None => Err(Fault::Record(format!("upload {label} is there and is not"))),
        },
        inserted => Ok(inserted.map(|_| KeptVersion::Now)?),
    }
}

fn found_there(version: &Version, found: &Document, by: ObjectId) -> Result<KeptVersion, Fault> {
    if found.get("by") == Some(&Bson::ObjectId(by)) {
        return Ok(KeptVersion::Now);
    }
    let found = read_version(found)?;
    let same = found.label.digest == version.label.digest;
    Ok(if same { KeptVersion::Already(found) } else { KeptVersion::Taken(found) })
}

/// As [`books::Decisions::versions`].
pub(super) async fn versions(server: &Server) -> Result<Vec<Version>, Fault> {
    let documents = all(server.algorithms.find(doc! {}).sort(doc! { "uploaded_at": 1, "_id": 1 })).await?;
    documents.iter().map(read_version).collect()
}

fn read_version(document: &Document) -> Result<Version, Fault> {
    let text = |name| field::text(document, name).map(str::to_owned);
    let read = || {
        Ok(Version {
            label: Label { digest: digest(document)?, name: text("name")?, version: text("version")? },
            summary: text("summary")?,
            component_bytes: field::unsigned(document, "bytes")?,
            uploaded_at: field::time(document, "uploaded_at")?,
            uploaded_by: text("uploaded_by")?,
            report: text("report")?,
        })
    };
    let named = || format!("upload {}", document.get_str("_id").unwrap_or("without a name"));
    read().map_err(|fault: Fault| fault.of(named))
}

fn digest(document: &Document) -> Result<Digest, Fault> {
    let text = field::text(document, "sha256")?;
    text.parse().map_err(|error| Fault::Record(format!("field sha256: {error}")))
}

/// As [`books::Decisions::pin`].
pub(super) async fn pin(server: &Server, community: &str, name: &str, meant: Digest) -> Result<Digest, Fault> {
    server.check_writable()?;
    let document = doc! { "_id": { "community": community, "name": name }, "sha256": meant.to_string() };
    server.insert_derived(&server.pins, &[document]).await?;
    Ok(pinned(server, community, name).await?.unwrap_or(meant))
}

/// As [`books::Decisions::pinned`].
pub(super) async fn pinned(server: &Server, community: &str, name: &str) -> Result<Option<Digest>, Fault> {
    let found = server.pins.find_one(doc! { "_id": { "community": community, "name": name } }).await?;
    found.as_ref().map(digest).transpose()
}

/// The link that makes a decision.
pub(super) fn decision_link(community: &str, number: i64, change: &Change, by: ObjectId) -> Document {
    doc! {
        "_id": link::id(community, number),
        "community": community,
        "number": number,
        "change": blobs::binary(&record::encode_change(change)),
        "by": by,
    }
}

/// What people read of a decision, which only repeats its link.
pub(super) fn decision(decision: &Decision) -> Document {
    let mut document = shown(&decision.change);
    document.insert("_id", link::id(&decision.community, decision.number));
    document.insert("number", decision.number);
    document
}

/// Whether a decision is among the changes as it was made.
pub(super) async fn is_kept(server: &Server, made: &Decision) -> Result<bool, Fault> {
    let found = server.changes.find_one(doc! { "_id": link::id(&made.community, made.number) }).await?;
    Ok(found.is_some_and(|found| found.get("record") == decision(made).get("record")))
}

fn shown(change: &Change) -> Document {
    doc! {
        "at": field::date(change.at),
        "actor": &change.by,
        "community": &change.community,
        "action": change.action.code(),
        "record": blobs::binary(&record::encode_change(change)),
    }
}

/// As [`books::Decisions::note`]; under this `_id`, however often it is tried.
pub(super) async fn note(server: &Server, change: &Change, id: ObjectId) -> Result<(), Fault> {
    server.check_writable()?;
    let mut document = shown(change);
    document.insert("_id", id);
    server.insert_derived(&server.changes, &[document]).await.map(drop)
}

/// As [`books::Decisions::decisions`].
pub(super) async fn decisions(server: &Server, community: &str) -> Result<Vec<KeptChange>, Fault> {
    // What somebody has decided and not written out yet is decided.
    let known = chain::completed(server, community).await?.course;
    let found = all(server.changes.find(doc! { "community": community }).sort(doc! { "at": 1, "_id": 1 })).await?;
    let mut changes = found.iter().map(read_change).collect::<Result<Vec<_>, _>>()?;
    let is_known = |number: u64| i64::try_from(number).is_ok_and(|number| number <= known);
    changes.retain(|change| change.number.is_none_or(is_known));
    // Decisions in their order, whatever the clocks of those who made them said.
    let mut decisions: Vec<KeptChange> = changes.iter().filter(|change| change.number.is_some()).cloned().collect();
    decisions.sort_by_key(|change| change.number);
    let mut decisions = decisions.into_iter();
    let in_order = |change: KeptChange| if change.number.is_some() { decisions.next() } else { Some(change) };
    Ok(changes.into_iter().filter_map(in_order).collect())
}

/// As [`books::Decisions::changes`].
pub(super) async fn changes(server: &Server, community: Option<&str>, limit: usize) -> Result<Vec<KeptChange>, Fault> {
    if limit == 0 {
        return Ok(Vec::new());
    }
    let filter = community.map_or_else(Document::new, |community| doc! { "community": community });
    let limit = i64::try_from(limit).unwrap_or(i64::MAX);
    let found = all(server.changes.find(filter).sort(doc! { "at": -1, "_id": -1 }).limit(limit)).await?;
    found.iter().map(read_change).collect()
}

fn read_change(document: &Document) -> Result<KeptChange, Fault> {
    let read = || {
        let number = match document.get("number") {
            None => None,
            Some(_) => Some(field::unsigned(document, "number")?),
        };
        Ok(KeptChange { number, change: record::decode_change(field::bytes(document, "record")?)? })
    };
    let named = || format!("change {}", document.get("_id").map(ToString::to_string).unwrap_or_default());
    read().map_err(|fault: Fault| fault.of(named))
}

fn totals_id(community: &str, number: u64) -> String {
    format!("{community}/{number}")
}

/// As [`books::Decisions::shadow_totals`].
pub(super) async fn shadow_totals(server: &Server, community: &str, number: u64) -> Result<Option<ShadowState>, Fault> {
    let Some(found) = server.tallies.find_one(doc! { "_id": totals_id(community, number) }).await? else {
        return Ok(None);
    };
    let until = field::boundary(&found, "until")?;
    let totals = record::decode_shadow_totals(field::bytes(&found, "sums")?)?;
    Ok(Some(ShadowState { until, totals }))
}

/// As [`books::Decisions::keep_shadow_totals`]; `by` tells this one from any other, however often it is tried.
pub(super) async fn keep_shadow_totals(
    server: &Server,
    (community, number): (&str, u64),
    after: Option<Boundary>,
    state: &ShadowState,
    by: ObjectId,
) -> Result<bool, Fault> {
    server.check_writable()?;
    let totals = record::encode_shadow_totals(&state.totals);
    if !blobs::fits(&totals) {
        return Err(Fault::Refused(format!("the totals of a candidate have {} bytes", totals.len())));
    }
    let id = totals_id(community, number);
    let until = field::boundary_date(state.until);
    let mut document = doc! { "until": until, "sums": blobs::binary(&totals), "by": by };
    let kept = match after {
        None => {
            document.insert("_id", &id);
            match server.tallies.insert_one(document).await {
                Err(error) if is_duplicate(&error) => false,
                inserted => inserted.map(|_| true)?,
            }
        }
        Some(after) => {
            let before = doc! { "_id": &id, "until": field::boundary_date(after) };
            server.tallies.find_one_and_update(before, doc! { "$set": document }).await?.is_some()
        }
    };
    // The answer to an earlier try may have been lost.
    Ok(kept
        || server
            .tallies
            .find_one(doc! { "_id": &id })
            .await?
            .is_some_and(|found| found.get("by") == Some(&Bson::ObjectId(by))))
}
