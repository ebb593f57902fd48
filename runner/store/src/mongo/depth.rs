//! How many trades wait for payment.
//!
//! A service asks for it every few seconds, whether anything has happened or not. So what was found is remembered, with what tells that
//! it is still so: the number of the journal's newest entry, and the number of trades of which nothing has become, which only new
//! intervals raise and only entries of the journal lower.

use jiff::Timestamp;
use mongodb::bson::{Bson, Document, doc};

use super::document::all;
use super::fault::Fault;
use super::find::{conditions, waiting, with_documents};
use super::journal::Journal;
use super::known::KnownDepth;
use super::server::Server;
use super::walk::Walk;
use super::{field, mark, states};
use books::{OfferedSince, OutboxDepth, Window};

/// How many trades there are of which nothing has become, of intervals that meet a condition and end when they are offered.
async fn count_fresh(server: &Server, since: OfferedSince, mut condition: Document) -> Result<u64, Fault> {
    condition.insert("waits", true);
    let first = since.first_end().map(|first| doc! { "$gte": field::date_from(first) });
    condition.extend(first.map(|first| ("end".to_owned(), first.into())));
    let sum = doc! { "$group": { "_id": Bson::Null, "fresh": { "$sum": "$fresh" } } };
    let mut found = server.intervals.aggregate([doc! { "$match": condition }, sum]).with_type::<Document>().await?;
    if !found.advance().await? {
        return Ok(0);
    }
    let sum = found.deserialize_current()?;
    let sum = sum.get("fresh").and_then(|sum| sum.as_i64().or(sum.as_i32().map(i64::from)));
    Ok(sum.map_or(0, i64::unsigned_abs))
}

/// How many trades of a community wait for payment.
pub(super) async fn waiting_in(server: &Server, community: &str, since: OfferedSince) -> Result<u64, Fault> {
    let last = i64::try_from(mark::find(server, community).await?.number).unwrap_or(i64::MAX);
    let fresh = count_fresh(server, since, doc! { "community": community, "number": { "$lte": last } }).await?;
    let filter = [conditions(&since.waiting(None)), vec![doc! { "community": community }]].concat();
    Ok(fresh + server.trades.count_documents(doc! { "$and": filter }).await?)
}

/// How much waits to be forwarded, what somebody has committed and not completed yet included.
pub(super) async fn depth(server: &Server, since: OfferedSince, now: Timestamp) -> Result<OutboxDepth, Fault> {
    if let Some(known) = server.known_depth() {
        let is_now = known.since == since && known.at <= now && known.lapses.is_none_or(|lapses| now < lapses);
        if is_now
            && Journal::Trades.finished(server).await? == Some(known.entry)
            && count_fresh(server, since, doc! {}).await? == known.fresh
        {
            return Ok(known.depth);
        }
    }
    states::refresh(server, now).await?;
    let entry = Journal::Trades.finished(server).await?;
    let (depth, fresh) = look(server, since).await?;
    if let Some(entry) = entry {
        let lapses = first_lapse(server).await?;
        server.remember_depth(KnownDepth { since, entry, fresh, at: now, lapses, depth });
    }
    Ok(depth)
}

/// How much waits, and how much of it is such that nothing has become of it.
async fn look(server: &Server, since: OfferedSince) -> Result<(OutboxDepth, u64), Fault> {
    let offered = since.waiting(None);
    let fresh = count_fresh(server, since, doc! {}).await?;
    let documents = server.trades.count_documents(doc! { "$and": conditions(&offered) }).await?;
    let mut oldest = if fresh > 0 { Walk::of_fresh(server, &offered).await?.first_end().await? } else { None };
    if documents > 0 {
        for state in offered.states {
            let first = with_documents(server, conditions(&waiting(since, [state])), Window::first(1)).await?;
            oldest = first.first().map(|first| first.shown.end).into_iter().chain(oldest).min();
        }
    }
    Ok((OutboxDepth { waiting: fresh + documents, oldest }, fresh))
}

/// When the first claim lapses.
async fn first_lapse(server: &Server) -> Result<Option<Timestamp>, Fault> {
    let claimed = doc! { "metadata.claim.until": { "$gt": field::date(Timestamp::UNIX_EPOCH) } };
    let find = server.trades.find(claimed).sort(doc! { "metadata.claim.until": 1 }).limit(-1);
    let first = all("trade", find.projection(doc! { "metadata.claim.until": 1 })).await?.pop();
    let until = first.and_then(|first| {
        let claim = first.get_document("metadata").ok()?.get_document("claim").ok()?;
        field::timestamp(claim.get_datetime("until").ok()?)
    });
    Ok(until)
}
