//! Takes over what the Python original left: its trades are copied into our own collection, once, and then are like ours.
//!
//! The original's collections are only ever read. On a real server they are time-series collections, where a document
//! cannot be changed by its `_id` and an index would not be ours to make; so what becomes of its trades is kept with the
//! copies, which are beside our trades of which something has become. Copying again changes nothing,
//! so a process that dies in between is of no consequence. Once a community has settled, nothing more is copied.

use domain::Boundary;
use mongodb::Collection;
use mongodb::bson::{Bson, DateTime, Document, RawDocumentBuf, doc};
use serde::{Deserialize, Serialize};

use super::document::{decode, encode, exists, has, insert_missing, one};
use super::fault::Fault;
use super::field::Date;
use super::mark::Mark;
use super::original;
use super::server::{Server, Stored};

/// Trades that are copied at once.
const BATCH: usize = 1000;

/// What was copied so far.
#[derive(Default, Serialize, Deserialize)]
struct Copied {
    /// The latest end of an interval of all that was copied.
    #[serde(skip_serializing_if = "Option::is_none")]
    newest: Option<Date>,
}

impl Stored for Copied {
    const COLLECTION: &'static str = "takeovers";
}

fn id() -> Document {
    doc! { "_id": "matches" }
}

/// Copies those of the original's trades that are not copied yet.
pub(super) async fn copy(server: &Server) -> Result<(), Fault> {
    let Some(original) = &server.original_trades else { return Ok(()) };
    let copied = one("what was copied of", &server.of::<Copied>(), id()).await?;
    if let Some(Copied { newest, .. }) = &copied
        && exists(&server.of::<Mark>(), doc! {}).await?
    {
        return warn_of_more(original, newest.as_ref()).await;
    }
    let newest = copied.and_then(|copied| copied.newest);
    let left = newest.map_or_else(Document::new, |newest| doc! { "timestamp": { "$gte": Bson::from(newest) } });
    let (mut batch, mut trades, mut unreadable) = (Vec::new(), 0, 0);
    let mut copied = Copied::default();
    let mut cursor = original.find(left).await?;
    while cursor.advance().await? {
        let document = cursor.current().to_owned();
        if copied.add(&document)? {
            batch.push(document);
        } else {
            unreadable += 1;
        }
        if batch.len() == BATCH {
            trades += insert(server, &mut batch).await?;
        }
    }
    trades += insert(server, &mut batch).await?;
    if trades + unreadable > 0 {
        tracing::info!(trades, unreadable, "copied the trades that the original left");
    }
    // Only now: until all is there, it has to be copied again.
    let update = doc! { "q": id(), "u": { "$max": encode(&copied)? }, "upsert": true };
    if copied.newest.is_some() { server.update(&server.of::<Copied>(), &[update]).await.map(drop) } else { Ok(()) }
}

/// Copies documents; answers how many were not there yet.
async fn insert(server: &Server, batch: &mut Vec<RawDocumentBuf>) -> Result<usize, Fault> {
    let there = insert_missing(&server.trades, batch).await?;
    let copied = batch.len() - there.len();
    batch.clear();
    Ok(copied)
}

impl Copied {
    /// Notes a document; answers whether it is a trade, and to be copied.
    fn add(&mut self, document: &RawDocumentBuf) -> Result<bool, Fault> {
        // The original's trades have no community: by that ours are told from them.
        if has(document, "community") {
            return Ok(false);
        }
        let document: Document = decode("trade", document)?;
        let Some(trade) = original::trade(&document) else { return Ok(false) };
        self.newest = self.newest.filter(|newest| newest.0 >= trade.end).or(Some(Date(trade.end)));
        Ok(true)
    }
}

/// Two that settle the same meters would have everything paid twice: what the original writes now is not offered.
async fn warn_of_more(original: &Collection<RawDocumentBuf>, newest: Option<&Date>) -> Result<(), Fault> {
    let newest = newest.map_or(DateTime::MIN, |newest| super::field::date(newest.0));
    let later = original.find_one(doc! { "timestamp": { "$gt": newest } }).await?;
    if later.is_some() {
        tracing::warn!(
            "the Python original has gone on writing trades to this database after it was taken over: they are not \
             offered for payment, because their intervals are settled here as well (stop its service)"
        );
    }
    Ok(())
}

/// The end of the newest interval that the original settled; none if it left no trade.
pub(super) async fn end(server: &Server) -> Result<Option<Boundary>, Fault> {
    if server.is_writable() {
        // It may have gone on until just now.
        copy(server).await?;
    }
    let copied: Option<Copied> = one("what was copied of", &server.of::<Copied>(), id()).await?;
    let end = copied.and_then(|copied| copied.newest);
    Ok(end.and_then(|end| Boundary::from_seconds(u64::try_from(end.0.as_second()).ok()?)))
}
