//! Backtests that are kept: one document for each. They are derived, so the oldest are deleted.

use std::sync::Arc;

use async_trait::async_trait;
use mongodb::bson::doc;
use mongodb::bson::oid::ObjectId;
use serde::{Deserialize, Serialize};

use super::document::{all, insert, one};
use super::fault::Fault;
use super::field::{BoundaryDate, Bytes, Date};
use super::server::{Server, Stored};
use super::{MongoStore, blobs, link};
use books::{BacktestHead, Backtests, KeptBacktest, StoreError, backtests_kept};

/// A backtest as it is kept.
#[derive(Serialize, Deserialize)]
struct BacktestDocument {
    #[serde(rename = "_id")]
    id: String,
    community: String,
    number: u64,
    at: Date,
    actor: String,
    first: Option<BoundaryDate>,
    until: Option<BoundaryDate>,
    rules: Vec<String>,
    /// How long the content is.
    bytes: u64,
    by: ObjectId,
    /// Left out of lists.
    #[serde(skip_serializing_if = "Option::is_none")]
    content: Option<Bytes>,
}

impl Stored for BacktestDocument {
    const COLLECTION: &'static str = "backtests";
}

#[async_trait]
impl Backtests for MongoStore {
    async fn keep_backtest(&self, community: &str, head: &BacktestHead, content: Arc<[u8]>) -> Result<u64, StoreError> {
        let by = ObjectId::new();
        self.retry(|| keep(&self.server, community, head, &content, by)).await
    }

    async fn backtests(&self, community: &str) -> Result<Vec<KeptBacktest>, StoreError> {
        let found = self.retry(|| list(&self.server, community)).await?;
        Ok(found.into_iter().map(BacktestDocument::into_kept).collect())
    }

    async fn backtest(&self, community: &str, number: u64) -> Result<Option<Vec<u8>>, StoreError> {
        self.retry(|| content(&self.server, community, number)).await
    }
}

impl BacktestDocument {
    fn into_kept(self) -> KeptBacktest {
        let span = self.first.zip(self.until).map(|(first, until)| (first.0, until.0));
        let head = BacktestHead { at: self.at.0, by: self.actor, span, rules: self.rules };
        KeptBacktest { number: self.number, head }
    }
}

/// Keeps a backtest; `by` tells it from any other, however often it is tried.
async fn keep(
    server: &Server,
    community: &str,
    head: &BacktestHead,
    content: &[u8],
    by: ObjectId,
) -> Result<u64, Fault> {
    server.check_writable()?;
    if !blobs::fits(content) {
        return Err(Fault::Refused(format!("a backtest has {} bytes", content.len()).into()));
    }
    let mut found = list(server, community).await?;
    // The answer to an earlier try may have been lost.
    if let Some(kept) = found.iter().find(|found| found.by == by) {
        return Ok(kept.number);
    }
    let mut number = found.first().map_or(1, |newest| newest.number + 1);
    let BacktestHead { at, by: actor, span, rules } = head;
    let document = |number| BacktestDocument {
        id: link::id(community, number),
        community: community.to_owned(),
        number,
        at: Date(*at),
        actor: actor.clone(),
        first: span.map(|(first, _)| BoundaryDate(first)),
        until: span.map(|(_, until)| BoundaryDate(until)),
        rules: rules.clone(),
        bytes: content.len() as u64,
        by,
        content: Some(Bytes(content.to_vec())),
    };
    // Somebody else may take a number at the same time.
    while !insert(&server.of::<BacktestDocument>(), &document(number)).await? {
        number += 1;
    }
    found.insert(0, document(number));
    let kept = backtests_kept(found.iter().map(|found| usize::try_from(found.bytes).unwrap_or(usize::MAX)));
    if let Some(oldest) = found.get(kept.saturating_sub(1)).filter(|_| kept < found.len()) {
        let older = doc! { "community": community, "number": { "$lt": i64::try_from(oldest.number).unwrap_or(0) } };
        server.of::<BacktestDocument>().delete_many(older).await?;
    }
    Ok(number)
}

/// The backtests of a community without their contents, newest first.
async fn list(server: &Server, community: &str) -> Result<Vec<BacktestDocument>, Fault> {
    let backtests = server.of::<BacktestDocument>();
    let find = backtests.find(doc! { "community": community }).sort(doc! { "number": -1 });
    all("backtest", find.projection(doc! { "content": 0 })).await
}

async fn content(server: &Server, community: &str, number: u64) -> Result<Option<Vec<u8>>, Fault> {
    let id = doc! { "_id": link::id(community, number) };
    let found = one("backtest", &server.of::<BacktestDocument>(), id).await?;
    Ok(found.and_then(|found| found.content).map(|content| content.0))
}
