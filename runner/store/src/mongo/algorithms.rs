//! Algorithms that were uploaded, what was decided and noted about them, and the totals of shadows.

use domain::{Boundary, Digest};
use mongodb::bson::oid::ObjectId;
use mongodb::bson::{Bson, Document, doc};
use serde::{Deserialize, Serialize};

use super::document::{all, insert, insert_missing, one};
use super::fault::Fault;
use super::field::{BoundaryDate, Bytes, ChangeRecord, Date, HexDigest, boundary_date};
use super::server::{Server, Stored};
use super::{blobs, link};
use books::{Change, KeptChange, Label, ShadowState, UploadOutcome, Version};

/// An uploaded algorithm.
#[derive(Serialize, Deserialize)]
pub(super) struct Upload {
    #[serde(rename = "_id")]
    id: String,
    sha256: HexDigest,
    name: String,
    version: String,
    summary: String,
    /// Size of the component.
    bytes: u64,
    uploaded_at: Date,
    uploaded_by: String,
    report: String,
    by: ObjectId,
}

impl Stored for Upload {
    const COLLECTION: &'static str = "algorithms";
}

impl Upload {
    fn new(
        Version { label, summary, component_bytes, uploaded_at, uploaded_by, report }: Version,
        by: ObjectId,
    ) -> Upload {
        Upload {
            id: label_id(&label),
            sha256: HexDigest(label.digest),
            name: label.name,
            version: label.version,
            summary,
            bytes: component_bytes,
            uploaded_at: Date(uploaded_at),
            uploaded_by,
            report,
            by,
        }
    }

    fn into_version(self) -> Version {
        Version {
            label: Label { digest: self.sha256.0, name: self.name, version: self.version },
            summary: self.summary,
            component_bytes: self.bytes,
            uploaded_at: self.uploaded_at.0,
            uploaded_by: self.uploaded_by,
            report: self.report,
        }
    }
}

/// One document for each label. A version has no `%40`, so no two labels share one whatever a name has.
fn label_id(label: &Label) -> String {
    format!("{}@{}", label.name.replace('%', "%25").replace('@', "%40"), label.version)
}

/// Keeps an upload; `by` tells it from any other, however often it is tried.
pub(super) async fn keep(
    server: &Server,
    version: &Version,
    component: &[u8],
    by: ObjectId,
) -> Result<UploadOutcome, Fault> {
    server.check_writable()?;
    let label = &version.label;
    let find = async || one("upload", &server.of::<Upload>(), doc! { "_id": label_id(label) }).await;
    // A component says its own label, so who has its digest has its label too.
    if let Some(found) = find().await? {
        return Ok(kept(version, found, by));
    }
    blobs::put(server, label.digest, component).await?;
    if insert(&server.of::<Upload>(), &Upload::new(version.clone(), by)).await? {
        return Ok(UploadOutcome::Stored);
    }
    match find().await? {
        Some(found) => Ok(kept(version, found, by)),
        None => Err(Fault::Record(format!("upload {label} is there and is not").into())),
    }
}

/// What an upload under the same label means for this one.
fn kept(version: &Version, found: Upload, by: ObjectId) -> UploadOutcome {
    if found.by == by {
        return UploadOutcome::Stored;
    }
    let found = found.into_version();
    if found.label.digest == version.label.digest {
        UploadOutcome::AlreadyStored(found)
    } else {
        UploadOutcome::NameTaken(found)
    }
}

/// All uploads, in their order.
pub(super) async fn versions(server: &Server) -> Result<Vec<Version>, Fault> {
    let uploads = all("upload", server.of::<Upload>().find(doc! {}).sort(doc! { "uploaded_at": 1, "_id": 1 })).await?;
    Ok(uploads.into_iter().map(Upload::into_version).collect())
}

/// What a name without a version means for a community.
#[derive(Serialize, Deserialize)]
pub(super) struct Pin {
    #[serde(rename = "_id")]
    id: PinId,
    sha256: HexDigest,
}

impl Stored for Pin {
    const COLLECTION: &'static str = "pins";
}

#[derive(Serialize, Deserialize)]
struct PinId {
    community: String,
    name: String,
}

/// Gives a name a meaning if it has none; answers its meaning.
pub(super) async fn pin(server: &Server, community: &str, name: &str, meant: Digest) -> Result<Digest, Fault> {
    server.check_writable()?;
    let id = PinId { community: community.to_owned(), name: name.to_owned() };
    insert_missing(&server.of::<Pin>(), &[Pin { id, sha256: HexDigest(meant) }]).await?;
    Ok(pinned(server, community, name).await?.unwrap_or(meant))
}

/// The meaning of a name, if it has one.
pub(super) async fn pinned(server: &Server, community: &str, name: &str) -> Result<Option<Digest>, Fault> {
    let id = doc! { "_id": { "community": community, "name": name } };
    let found = one("pin", &server.of::<Pin>(), id).await?;
    Ok(found.map(|pin| pin.sha256.0))
}

/// Something that was decided, which only repeats its link, or noted.
#[derive(Serialize, Deserialize)]
pub(super) struct ChangeDocument {
    /// That of the link, or an ObjectId.
    #[serde(rename = "_id")]
    id: Bson,
    at: Date,
    actor: String,
    community: Option<String>,
    action: String,
    record: ChangeRecord,
    /// The link's number; none if it decides nothing.
    #[serde(skip_serializing_if = "Option::is_none")]
    number: Option<u64>,
}

impl Stored for ChangeDocument {
    const COLLECTION: &'static str = "changes";
}

impl ChangeDocument {
    fn new(id: impl Into<Bson>, number: Option<u64>, change: &Change) -> ChangeDocument {
        ChangeDocument {
            id: id.into(),
            at: Date(change.at),
            actor: change.by.clone(),
            community: change.community.clone(),
            action: change.action.code().to_owned(),
            record: ChangeRecord(change.clone()),
            number,
        }
    }

    fn into_kept(self) -> KeptChange {
        KeptChange { number: self.number, change: self.record.0 }
    }
}

/// What people read of a decision.
pub(super) fn decision(community: &str, number: u64, change: &Change) -> ChangeDocument {
    ChangeDocument::new(link::id(community, number), Some(number), change)
}

/// Whether a decision is among the changes as it was made.
pub(super) async fn is_kept(server: &Server, made: &link::DecisionLink) -> Result<bool, Fault> {
    let found =
        one("change", &server.of::<ChangeDocument>(), doc! { "_id": link::id(&made.community, made.number) }).await?;
    Ok(found.is_some_and(|found| found.record == made.change))
}

/// Keeps a note; under this `_id`, however often it is tried.
pub(super) async fn note(server: &Server, change: &Change, id: ObjectId) -> Result<(), Fault> {
    server.check_writable()?;
    insert_missing(&server.of::<ChangeDocument>(), &[ChangeDocument::new(id, None, change)]).await.map(drop)
}

/// All changes of a community in order, up to the decision of that number.
pub(super) async fn decisions(server: &Server, community: &str, known: u64) -> Result<Vec<KeptChange>, Fault> {
    let collection = server.of::<ChangeDocument>();
    let find = collection.find(doc! { "community": community }).sort(doc! { "at": 1, "_id": 1 });
    let found = all("change", find).await?.into_iter().map(ChangeDocument::into_kept);
    let mut changes: Vec<KeptChange> = found.collect();
    changes.retain(|change| change.number.is_none_or(|number| number <= known));
    // Decisions in their order, whatever the clocks of those who made them said.
    let mut decisions: Vec<KeptChange> = changes.iter().filter(|change| change.number.is_some()).cloned().collect();
    decisions.sort_by_key(|change| change.number);
    let mut decisions = decisions.into_iter();
    let in_order = |change: KeptChange| if change.number.is_some() { decisions.next() } else { Some(change) };
    Ok(changes.into_iter().filter_map(in_order).collect())
}

/// The newest changes: of one community, or all.
pub(super) async fn changes(server: &Server, community: Option<&str>, limit: usize) -> Result<Vec<KeptChange>, Fault> {
    if limit == 0 {
        return Ok(Vec::new());
    }
    let filter = community.map_or_else(Document::new, |community| doc! { "community": community });
    let limit = i64::try_from(limit).unwrap_or(i64::MAX);
    let collection = server.of::<ChangeDocument>();
    let find = collection.find(filter).sort(doc! { "at": -1, "_id": -1 }).limit(limit);
    Ok(all("change", find).await?.into_iter().map(ChangeDocument::into_kept).collect())
}

/// How far a shadow is.
#[derive(Serialize, Deserialize)]
pub(super) struct TotalsDocument {
    #[serde(rename = "_id")]
    id: String,
    until: BoundaryDate,
    sums: Bytes,
    by: ObjectId,
}

impl Stored for TotalsDocument {
    const COLLECTION: &'static str = "tallies";
}

async fn find_totals(server: &Server, community: &str, decision: u64) -> Result<Option<TotalsDocument>, Fault> {
    one("the totals of shadow", &server.of::<TotalsDocument>(), doc! { "_id": link::id(community, decision) }).await
}

/// The totals of the shadow that the decision of that number started.
pub(super) async fn shadow_totals(
    server: &Server,
    community: &str,
    decision: u64,
) -> Result<Option<ShadowState>, Fault> {
    let Some(found) = find_totals(server, community, decision).await? else { return Ok(None) };
    let totals = record::decode_shadow_totals(&found.sums.0);
    let totals = totals.map_err(|error| Fault::from(error).of(|| format!("the totals of shadow {}", found.id)))?;
    Ok(Some(ShadowState { until: found.until.0, totals }))
}

/// Replaces totals that end at `after`; answers whether it did. `by` tells this try from any other.
pub(super) async fn keep_shadow_totals(
    server: &Server,
    (community, decision): (&str, u64),
    after: Option<Boundary>,
    state: &ShadowState,
    by: ObjectId,
) -> Result<bool, Fault> {
    server.check_writable()?;
    let totals = record::encode_shadow_totals(&state.totals);
    if !blobs::fits(&totals) {
        return Err(Fault::Refused(format!("the totals of a shadow have {} bytes", totals.len()).into()));
    }
    let id = link::id(community, decision);
    let before = after.map(|after| doc! { "_id": &id, "until": boundary_date(after) });
    let document = TotalsDocument { id, until: BoundaryDate(state.until), sums: Bytes(totals), by };
    let kept = match before {
        None => insert(&server.of::<TotalsDocument>(), &document).await?,
        Some(before) => server.of::<TotalsDocument>().find_one_and_replace(before, &document).await?.is_some(),
    };
    // The answer to an earlier try may have been lost.
    Ok(kept || find_totals(server, community, decision).await?.is_some_and(|found| found.by == by))
}
