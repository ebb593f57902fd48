//! Finds trades for the platform: ours up to their communities' marks, and those that the original left.
//!
//! Those of which something has become, and those of the original, have documents and are found by their indexes. They are merged with
//! the others, which are read from their intervals: all of these, or those of which nothing has become.

use std::collections::BTreeSet;

use domain::trade::State;
use domain::{PLATFORM_GRID, TradeId};
use jiff::Timestamp;
use mongodb::Cursor;
use mongodb::bson::{Bson, Document, RawDocument, RawDocumentBuf, deserialize_from_document, doc};

use super::document::{all, decode, has};
use super::fault::Fault;
use super::field::GRID;
use super::found::Found;
use super::opened::Opened;
use super::server::Server;
use super::trades::TradeDocument;
use super::walk::Walk;
use super::{field, original};
use crate::cause::about;
use books::{Claim, Due, Match, MatchFilter, OfferedSince, Window, WireParty};
use record::names_in;

/// Documents fetched at once where some may have to be left out.
const PAGE: usize = 10_000;
/// Ids in one condition.
const IDS_MAX: usize = 1000;
/// No database has more documents.
const SKIP_MAX: u64 = 1 << 62;

/// Trades in any of these states. The original gave some trades with the grid one: they are never paid.
fn in_states(states: impl IntoIterator<Item = State>) -> Document {
    let states: Vec<i32> = states.into_iter().map(|state| state as i32).collect();
    let member = doc! { "$nin": [GRID, PLATFORM_GRID] };
    doc! { "metadata.transaction_state": { "$in": states }, "buyer_id": member.clone(), "seller_id": member }
}

fn named(name: &str) -> Bson {
    if name == PLATFORM_GRID { Bson::Document(doc! { "$in": [GRID, PLATFORM_GRID] }) } else { Bson::from(name) }
}

/// The condition that a field names a party.
fn party_condition(field: &str, party: &WireParty) -> Document {
    let mut by_name = doc! { field: named(&party.name) };
    if !party.elsewhere.is_empty() {
        by_name.insert("community", doc! { "$nin": party.elsewhere.iter().collect::<Vec<_>>() });
    }
    if party.members.is_empty() {
        return by_name;
    }
    let members =
        party.members.iter().map(|(community, member)| doc! { field: member.as_str(), "community": community });
    let any: Vec<Document> = [by_name].into_iter().chain(members).collect();
    doc! { "$or": any }
}

/// What a filter asks for, but for an id, as conditions on documents of trades.
pub(super) fn conditions(filter: &MatchFilter) -> Vec<Document> {
    let mut conditions = Vec::new();
    for (field, party) in [("buyer_id", &filter.buyer), ("seller_id", &filter.seller)] {
        conditions.extend(party.as_ref().map(|party| party_condition(field, party)));
    }
    if !filter.states.is_empty() {
        conditions.push(in_states(filter.states.iter().copied()));
    }
    conditions.extend(filter.from.map(|from| doc! { "timestamp": { "$gte": field::date_from(from) } }));
    conditions.extend(filter.to.map(|to| doc! { "timestamp": { "$lt": field::date_from(to) } }));
    conditions
}

/// Whether a filter finds a trade.
fn meets(filter: &MatchFilter, Found { shown, lapsed, .. }: &Found) -> bool {
    let community = shown.of.as_ref().map(|(community, _)| community.as_str());
    let is_party = |party: &Option<WireParty>, name: &str| {
        let Some(party) = party else { return true };
        let is_named = party.name == name && community.is_none_or(|community| !party.elsewhere.contains(community));
        let mut members = party.members.iter();
        is_named || members.any(|(of, member)| Some(of.as_str()) == community && member.as_str() == name)
    };
    let is_in_state = filter.states.is_empty()
        || shown.state.is_some_and(|state| filter.states.contains(&state))
        || (filter.finds_lapsed() && *lapsed);
    is_in_state
        && filter.id.is_none_or(|id| id == shown.id)
        && filter.from.is_none_or(|from| from <= shown.end)
        && filter.to.is_none_or(|to| shown.end < to)
        && is_party(&filter.buyer, &shown.buyer)
        && is_party(&filter.seller, &shown.seller)
}

/// Trades that a filter finds, in order of time and id.
pub(super) async fn find(server: &Server, filter: &MatchFilter, window: Window) -> Result<Vec<Found>, Fault> {
    if window.limit == 0 || window.skip > SKIP_MAX {
        return Ok(Vec::new());
    }
    if let Some(id) = filter.id {
        let found = by_ids(server, &[id].into()).await?;
        let found = found.into_iter().filter(|found| window.skip == 0 && meets(filter, found));
        return Ok(found.collect());
    }
    let mut conditions = conditions(filter);
    let has_fresh = filter.states.contains(&State::Created);
    if !filter.states.is_empty() && !has_fresh {
        return with_documents(server, conditions, window).await;
    }
    let mut page = Page { skip: window.skip, limit: window.limit, found: Vec::new() };
    let walk = if has_fresh {
        Walk::of_fresh(server, filter).await?
    } else {
        // Ours are all in their intervals.
        conditions.push(doc! { "community": Bson::Null });
        Walk::new(server, filter).await?
    };
    let documents = Documents::find(server, conditions).await?;
    merge(filter, documents, walk, &mut page).await?;
    Ok(page.found)
}

/// What is skipped, and what is found.
struct Page {
    skip: u64,
    limit: usize,
    found: Vec<Found>,
}

impl Page {
    fn is_full(&self) -> bool {
        self.found.len() >= self.limit
    }

    fn take(&mut self, found: Found) {
        if self.skip > 0 {
            self.skip -= 1;
        } else {
            self.found.push(found);
        }
    }
}

/// Trades with documents, in order of time and id.
struct Documents {
    cursor: Cursor<RawDocumentBuf>,
    next: Option<Found>,
}

impl Documents {
    async fn find(server: &Server, conditions: Vec<Document>) -> Result<Documents, Fault> {
        let filter = if conditions.is_empty() {
            doc! {}
        } else {
            doc! { "$and": conditions }
        };
        let cursor = server.trades.find(filter).sort(doc! { "timestamp": 1, "_id": 1 }).await?;
        let mut documents = Documents { cursor, next: None };
        documents.read().await?;
        Ok(documents)
    }

    /// Reads the next one that can be shown.
    async fn read(&mut self) -> Result<(), Fault> {
        self.next = None;
        while self.next.is_none() && self.cursor.advance().await? {
            self.next = read(self.cursor.current())?;
        }
        Ok(())
    }

    fn place(&self) -> Option<(Timestamp, TradeId)> {
        self.next.as_ref().map(|next| (next.shown.end, next.shown.id))
    }

    async fn take(&mut self) -> Result<Option<Found>, Fault> {
        let next = self.next.take();
        if next.is_some() {
            self.read().await?;
        }
        Ok(next)
    }
}

/// Merges trades with documents and those that are read from their intervals.
async fn merge(
    filter: &MatchFilter,
    mut documents: Documents,
    mut walk: Walk<'_>,
    page: &mut Page,
) -> Result<(), Fault> {
    let of_party = filter.buyer.is_some() || filter.seller.is_some();
    let is_whole = filter.states.is_empty() && !of_party;
    while !page.is_full() {
        let is_alone = documents.place().is_none();
        if is_whole && is_alone {
            walk.skip(&mut page.skip).await?;
        }
        let skip = Some(&mut page.skip).filter(|_| is_alone && filter.states.is_empty());
        let Some(opened) = walk.next(skip).await? else { break };
        if is_whole && is_alone && page.skip >= opened.len() {
            page.skip -= opened.len();
            continue;
        }
        merge_interval(filter, &mut documents, &opened, page).await?;
    }
    while !page.is_full()
        && let Some(found) = documents.take().await?
    {
        page.take(found);
    }
    Ok(())
}

/// Takes those of an interval's trades that the filter finds, and the documents before each.
async fn merge_interval(
    filter: &MatchFilter,
    documents: &mut Documents,
    opened: &Opened,
    page: &mut Page,
) -> Result<(), Fault> {
    let buyers = filter.buyer.as_ref().map(|party| names_in(party, opened.community()));
    let sellers = filter.seller.as_ref().map(|party| names_in(party, opened.community()));
    let end = opened.end().timestamp();
    for number in opened.between(buyers.as_ref(), sellers.as_ref()) {
        let place = (end, opened.id(number));
        while !page.is_full() && documents.place().is_some_and(|next| next < place) {
            documents.take().await?.into_iter().for_each(|found| page.take(found));
        }
        if page.is_full() {
            return Ok(());
        }
        // One of which something has become just now is among the documents.
        let counts = filter.states.is_empty() || opened.is_fresh(number);
        if counts && documents.place() != Some(place) {
            opened.found(number)?.into_iter().for_each(|found| page.take(found));
        }
    }
    Ok(())
}

/// The trades with these ids that there are.
pub(super) async fn by_ids(server: &Server, ids: &BTreeSet<TradeId>) -> Result<Vec<Found>, Fault> {
    let mut found = Vec::new();
    let all_ids: Vec<TradeId> = ids.iter().copied().collect();
    for ids in all_ids.chunks(IDS_MAX) {
        let named: Vec<Bson> = ids.iter().map(|id| field::object_id(id).into()).collect();
        let mut missing: BTreeSet<TradeId> = ids.iter().copied().collect();
        for document in all("trade", server.trades.find(doc! { "_id": { "$in": named } })).await? {
            if let Some(read) = read(&document)? {
                missing.remove(&read.shown.id);
                found.push(read);
            }
        }
        if !missing.is_empty() {
            from_intervals(server, &missing, &mut found).await?;
        }
    }
    Ok(found)
}

/// Adds trades of which nothing has become, by their ids.
async fn from_intervals(server: &Server, ids: &BTreeSet<TradeId>, found: &mut Vec<Found>) -> Result<(), Fault> {
    let mut walk = Walk::of_trades(server, ids);
    while let Some(opened) = walk.next(None).await? {
        let (first, last) = (opened.id(0), opened.id(u32::MAX.into()));
        for id in ids.range(first..=last) {
            found.extend(opened.found(id.number())?.filter(|found| found.shown.id == *id));
        }
    }
    Ok(())
}

/// Trades with documents that meet all conditions, in order of time and id.
pub(super) async fn with_documents(
    server: &Server,
    conditions: Vec<Document>,
    window: Window,
) -> Result<Vec<Found>, Fault> {
    let filter = if conditions.is_empty() {
        doc! {}
    } else {
        doc! { "$and": conditions }
    };
    let mut found = Vec::new();
    let mut skip = window.skip;
    // The server adds skip and limit as signed numbers.
    if skip > SKIP_MAX {
        return Ok(found);
    }
    while found.len() < window.limit {
        let limit = PAGE.min(window.limit - found.len());
        let query = server.trades.find(filter.clone()).sort(doc! { "timestamp": 1, "_id": 1 });
        let page = all("trade", query.skip(skip).limit(i64::try_from(limit).unwrap_or(i64::MAX))).await?;
        for document in &page {
            found.extend(read(document)?);
        }
        if page.len() < limit {
            break;
        }
        skip = skip.saturating_add(limit as u64);
    }
    Ok(found)
}

/// A trade of ours, which must be right, or one that the original left, if it can be shown.
fn read(document: &RawDocument) -> Result<Option<Found>, Fault> {
    if has(document, "community") {
        return decode::<TradeDocument>("trade", document)?.into_found().map(Some);
    }
    let document: Document = decode("trade", document)?;
    let Some(shown) = original::trade(&document) else { return Ok(None) };
    let metadata = document.get_document("metadata").ok();
    let revision = metadata.and_then(|metadata| metadata.get_i64("revision").ok());
    let claim = metadata.and_then(|metadata| metadata.get_document("claim").ok());
    let claim = claim.map(|claim| deserialize_from_document(claim.clone())).transpose();
    let claim = claim.map_err(|error| Fault::Record(about(format!("trade {}: field claim", shown.id), error)))?;
    let lapsed = metadata.is_some_and(|metadata| metadata.get_bool("lapsed").unwrap_or(false));
    Ok(Some(Found { shown, revision, claim, lapsed, fresh: None }))
}

/// What changed long enough ago, or never, or by a wrong clock in a far future.
fn changed_long_ago(due: Due) -> Document {
    let by = doc! { "metadata.updated_at": { "$lte": field::date(due.again) } };
    let too_far = doc! { "metadata.updated_at": { "$gt": field::date(Claim::latest_end(due.now)) } };
    doc! { "$or": [by, { "metadata.updated_at": Bson::Null }, too_far] }
}

/// The filter of trades that wait in these states, of those that are offered.
pub(super) fn waiting(since: OfferedSince, states: impl IntoIterator<Item = State>) -> MatchFilter {
    MatchFilter { states: states.into_iter().collect(), ..since.waiting(None) }
}

/// The trades to push, see [`books::Payments::outbox`]. Each half is in the order of an index.
pub(super) async fn outbox(server: &Server, due: Due, limit: usize) -> Result<Vec<Match>, Fault> {
    let mut unpaid = conditions(&waiting(due.since, [State::NotPaid]));
    unpaid.push(changed_long_ago(due));
    let mut found = find(server, &waiting(due.since, [State::Created]), Window::first(limit)).await?;
    found.extend(with_documents(server, unpaid, Window::first(limit)).await?);
    let mut found: Vec<Match> = found.into_iter().map(|found| found.shown).collect();
    found.sort_by_key(|found| (found.end, found.id));
    found.truncate(limit);
    Ok(found)
}
