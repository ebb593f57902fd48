//! Finds trades for the platform: ours up to their communities' marks, and those that the original left.

use domain::trade::State;
use domain::{Energy, PLATFORM_GRID, Price};
use jiff::Timestamp;
use mongodb::bson::{Bson, DateTime, Document, RawDocument, deserialize_from_document, doc};

use super::document::{all, decode, has};
use super::fault::Fault;
use super::field::GRID;
use super::server::Server;
use super::trades::{ClaimFields, TradeDocument};
use super::{field, mark, original};
use crate::cause::about;
use books::{
    CLAIM_TERM_MAX, Claim, Due, Match, MatchFilter, OfferedSince, OutboxDepth, Quantity, Standing, Window, WireParty,
    platform_name,
};

/// Documents fetched at once where some may have to be left out.
const PAGE: usize = 10_000;
/// No database has more documents.
const SKIP_MAX: u64 = 1 << 62;

/// A trade with what a change of its state has to know.
#[derive(Clone, Debug)]
pub(super) struct Found {
    pub(super) shown: Match,
    /// The number of the journal's entry that changed it last; none if nothing did.
    pub(super) revision: Option<i64>,
    claim: Option<ClaimFields>,
    /// Whether its claim has lapsed, and nobody has claimed it since.
    pub(super) lapsed: bool,
}

impl Found {
    /// Its state and last change, at an instant: an expired claim has lapsed, and one that lasts longer than any can.
    pub(super) fn expire(&mut self, now: Timestamp) {
        let has_lapsed = |until: Timestamp| Standing::of(until, now, CLAIM_TERM_MAX) != Standing::Valid;
        if let Some(claim) = self.claim.take_if(|claim| has_lapsed(claim.until.0)) {
            self.lapsed = true;
            (self.shown.state, self.shown.updated_at) = (Some(claim.from.0), Some(claim.until.0.min(now)));
        }
    }
}

/// Leaves out what is beyond a mark: it may be half-written.
pub(super) async fn visible(server: &Server) -> Result<Document, Fault> {
    let marks = mark::list(server).await?;
    let names: Vec<&str> = marks.iter().map(|mark| mark.community.as_str()).collect();
    let mut beyond = vec![doc! { "community": { "$exists": true, "$nin": names } }];
    beyond.extend(marks.iter().map(|mark| {
        let end = mark.end().map_or(DateTime::MIN, field::boundary_date);
        doc! { "community": &mark.community, "timestamp": { "$gt": end } }
    }));
    Ok(doc! { "$nor": beyond })
}

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

/// What a filter asks for, as conditions of a query.
pub(super) fn conditions(filter: &MatchFilter) -> Vec<Document> {
    let mut conditions = Vec::new();
    if let Some(id) = &filter.id {
        conditions.push(doc! { "_id": field::object_id(id) });
    }
    for (field, party) in [("buyer_id", &filter.buyer), ("seller_id", &filter.seller)] {
        conditions.extend(party.as_ref().map(|party| party_condition(field, party)));
    }
    if !filter.states.is_empty() {
        let named = in_states(filter.states.iter().copied());
        let or_lapsed = doc! { "$or": [named.clone(), { "metadata.lapsed": true }] };
        conditions.push(if filter.finds_lapsed() { or_lapsed } else { named });
    }
    conditions.extend(filter.from.map(|from| doc! { "timestamp": { "$gte": field::date_from(from) } }));
    conditions.extend(filter.to.map(|to| doc! { "timestamp": { "$lt": field::date_from(to) } }));
    conditions
}

/// Trades that meet all conditions, in order of time and id.
pub(super) async fn find(server: &Server, mut conditions: Vec<Document>, window: Window) -> Result<Vec<Found>, Fault> {
    conditions.push(visible(server).await?);
    let filter = doc! { "$and": conditions };
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
        return ours(decode("trade", document)?).map(Some);
    }
    let document: Document = decode("trade", document)?;
    let Some(shown) = original::trade(&document) else { return Ok(None) };
    let metadata = document.get_document("metadata").ok();
    let revision = metadata.and_then(|metadata| metadata.get_i64("revision").ok());
    let claim = metadata.and_then(|metadata| metadata.get_document("claim").ok());
    let claim = claim.map(|claim| deserialize_from_document(claim.clone())).transpose();
    let claim = claim.map_err(|error| Fault::Record(about(format!("trade {}: field claim", shown.id), error)))?;
    let lapsed = metadata.is_some_and(|metadata| metadata.get_bool("lapsed").unwrap_or(false));
    Ok(Some(Found { shown, revision, claim, lapsed }))
}

fn ours(trade: TradeDocument) -> Result<Found, Fault> {
    let interval = trade.interval()?;
    let TradeDocument { id, community, seller_id, buyer_id, energy_wh, price_micro_eur, metadata, .. } = trade;
    let shown = Match {
        id: id.0,
        end: interval.end().timestamp(),
        of: Some((community, interval)),
        seller: platform_name(&seller_id.0).to_owned(),
        buyer: platform_name(&buyer_id.0).to_owned(),
        quantity: Quantity::Exact { energy: Energy::from_wh(energy_wh), price: Price::from_micro_eur(price_micro_eur) },
        state: metadata.transaction_state.map(|state| state.0),
        transaction_id: metadata.transaction_id,
        message: metadata.message,
        created_at: trade.created_at.0,
        updated_at: metadata.updated_at.map(|at| at.0),
    };
    Ok(Found { shown, revision: metadata.revision, claim: metadata.claim, lapsed: metadata.lapsed.unwrap_or(false) })
}

/// What changed long enough ago, or never, or by a wrong clock in a far future.
fn changed_long_ago(due: Due) -> Document {
    let by = doc! { "metadata.updated_at": { "$lte": field::date(due.again) } };
    let too_far = doc! { "metadata.updated_at": { "$gt": field::date(Claim::latest_end(due.now)) } };
    doc! { "$or": [by, { "metadata.updated_at": Bson::Null }, too_far] }
}

/// Trades that wait in these states, of those that are offered.
fn waiting(since: OfferedSince, states: impl IntoIterator<Item = State>) -> Vec<Document> {
    conditions(&MatchFilter { states: states.into_iter().collect(), ..since.waiting(None) })
}

/// The trades to push, see [`books::Payments::outbox`]. Each half is in the order of an index.
pub(super) async fn outbox(server: &Server, due: Due, limit: usize) -> Result<Vec<Match>, Fault> {
    let unpaid = [waiting(due.since, [State::NotPaid]), vec![changed_long_ago(due)]].concat();
    let mut waiting = find(server, waiting(due.since, [State::Created]), Window::first(limit)).await?;
    waiting.extend(find(server, unpaid, Window::first(limit)).await?);
    let mut waiting: Vec<Match> = waiting.into_iter().map(|found| found.shown).collect();
    waiting.sort_by_key(|waiting| (waiting.end, waiting.id));
    waiting.truncate(limit);
    Ok(waiting)
}

/// How many trades of a community wait for payment.
pub(super) async fn waiting_in(server: &Server, community: &str, since: OfferedSince) -> Result<u64, Fault> {
    let of_community = vec![doc! { "community": community }, visible(server).await?];
    let filter = [conditions(&since.waiting(None)), of_community].concat();
    Ok(server.trades.count_documents(doc! { "$and": filter }).await?)
}

/// How much waits to be forwarded.
pub(super) async fn depth(server: &Server, since: OfferedSince) -> Result<OutboxDepth, Fault> {
    let offered = since.waiting(None);
    let filter = [conditions(&offered), vec![visible(server).await?]].concat();
    let count = server.trades.count_documents(doc! { "$and": filter }).await?;
    let mut oldest = None;
    for state in offered.states {
        let first = find(server, waiting(since, [state]), Window::first(1)).await?;
        oldest = first.first().map(|first| first.shown.end).into_iter().chain(oldest).min();
    }
    Ok(OutboxDepth { waiting: count, oldest })
}
