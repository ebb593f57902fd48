//! Reads intervals with what became of their trades, and what else people ask for.

use std::collections::BTreeMap;

use domain::Boundary;
use mongodb::bson::doc;
use tokio_stream::StreamExt;

use super::fault::Fault;
use super::server::{Server, all};
use super::{chain, field, link, trades};
use books::{Span, StoredInterval, StoredTrade};

/// As [`books::Books::intervals`].
pub(super) async fn intervals(
    server: &Server,
    community: &str,
    span: Span,
    limit: usize,
) -> Result<Vec<StoredInterval>, Fault> {
    let Some(mark) = chain::standing(server, community).await?.mark else { return Ok(Vec::new()) };
    if limit == 0 {
        return Ok(Vec::new());
    }
    let find = server.intervals.find(trades::spanned(community, span, mark)).sort(doc! { "start": 1 });
    let mut links = Vec::new();
    for document in all(find.limit(i64::try_from(limit).unwrap_or(i64::MAX))).await? {
        links.push(link::read(server, &document).await?);
    }
    let (Some(first), Some(last)) = (links.first(), links.last()) else { return Ok(Vec::new()) };
    let page = Span {
        from: Some(first.interval.start().seconds()),
        // The last one whole, and nothing after it.
        to: Some(last.interval.start().seconds() + 1),
    };
    let mut born: BTreeMap<Boundary, Vec<StoredTrade>> = BTreeMap::new();
    for trade in trades::list(server, community, page, None, None, usize::MAX).await? {
        born.entry(trade.interval.start()).or_default().push(trade);
    }
    let mut with_trades = |link: link::Link| {
        let trades = born.remove(&link.interval.start()).unwrap_or_default();
        StoredInterval { trades, ..link.into_stored() }
    };
    Ok(links.into_iter().map(&mut with_trades).collect())
}

/// As [`books::Books::event_counts`].
pub(super) async fn event_counts(server: &Server, community: &str) -> Result<Vec<(String, u64)>, Fault> {
    let Some(mark) = chain::standing(server, community).await?.mark else { return Ok(Vec::new()) };
    let pipeline = [
        doc! { "$match": { "community": community, "start": { "$lt": field::boundary_date(mark) } } },
        doc! { "$group": { "_id": "$code", "count": { "$sum": 1 } } },
        doc! { "$sort": { "_id": 1 } },
    ];
    let counts: Result<Vec<_>, _> = server.events.aggregate(pipeline).await?.collect().await;
    let count = |count| Ok((field::text(&count, "_id")?.to_owned(), field::unsigned(&count, "count")?));
    counts?.into_iter().map(count).collect()
}
