//! Finds trades for the platform: ours up to their communities' marks, and those that the original left.

use domain::trade::State;
use domain::{Energy, Price, TradeId};
use jiff::Timestamp;
use mongodb::bson::oid::ObjectId;
use mongodb::bson::{Bson, Document, doc};

use super::fault::Fault;
use super::server::{Server, all};
use super::trades::{self, GRID};
use super::{chain, field, original};
use books::{Match, MatchFilter, OutboxDepth, Quantity, Window, platform_name};
use domain::PLATFORM_GRID;

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
    /// Until when it is claimed, and its state before.
    pub(super) claim: Option<(Timestamp, State)>,
}

impl Found {
    /// Its state and last change, at an instant: a claim that ran out by then counts no more.
    pub(super) fn expire(&mut self, now: Timestamp) {
        if let Some((until, before)) = self.claim.filter(|(until, _)| *until <= now) {
            (self.shown.state, self.shown.updated_at, self.claim) = (Some(before), Some(until), None);
        }
    }
}

/// Leaves out what is beyond a mark: it may be half-written.
pub(super) async fn visible(server: &Server) -> Result<Document, Fault> {
    let marks = chain::marks(server).await?;
    let names: Vec<&str> = marks.iter().map(|(name, _)| name.as_str()).collect();
    let mut beyond = vec![doc! { "community": { "$exists": true, "$nin": names } }];
    beyond.extend(marks.iter().map(|(name, mark)| doc! { "community": name, "timestamp": { "$gt": *mark } }));
    Ok(doc! { "$nor": beyond })
}

/// Trades in any of these states. The original gave some trades with the grid one: they are never paid.
pub(super) fn in_states(states: impl IntoIterator<Item = State>) -> Document {
    let states: Vec<i32> = states.into_iter().map(|state| state as i32).collect();
    let member = doc! { "$nin": [GRID, PLATFORM_GRID] };
    doc! { "metadata.transaction_state": { "$in": states }, "buyer_id": member.clone(), "seller_id": member }
}

fn named(name: &str) -> Bson {
    if name == PLATFORM_GRID { Bson::Document(doc! { "$in": [GRID, PLATFORM_GRID] }) } else { Bson::from(name) }
}

pub(super) fn id_of(id: &TradeId) -> ObjectId {
    ObjectId::from_bytes(*id.as_bytes())
}

/// What a filter asks for, as conditions of a query.
pub(super) fn conditions(filter: &MatchFilter) -> Vec<Document> {
    let mut conditions = Vec::new();
    if let Some(id) = &filter.id {
        conditions.push(doc! { "_id": id_of(id) });
    }
    for (field, name) in [("buyer_id", &filter.buyer), ("seller_id", &filter.seller)] {
        conditions.extend(name.as_ref().map(|name| doc! { field: named(name) }));
    }
    if !filter.states.is_empty() {
        conditions.push(in_states(filter.states.iter().copied()));
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
        let query = server.matches.find(filter.clone()).sort(doc! { "timestamp": 1, "_id": 1 });
        let page = all(query.skip(skip).limit(i64::try_from(limit).unwrap_or(i64::MAX))).await?;
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
fn read(document: &Document) -> Result<Option<Found>, Fault> {
    let metadata = document.get_document("metadata").ok();
    let shown = match document.get("community") {
        None | Some(Bson::Null) => original::trade(document),
        Some(_) => Some(ours(document)?),
    };
    let Some(shown) = shown else { return Ok(None) };
    let revision = metadata.and_then(|metadata| field::integer(metadata, "revision").ok());
    let claim = metadata.and_then(|metadata| metadata.get_document("claim").ok()).map(claim).transpose()?;
    Ok(Some(Found { shown, revision, claim }))
}

fn claim(claim: &Document) -> Result<(Timestamp, State), Fault> {
    let number = field::integer(claim, "from")?;
    let before = State::from_number(number).ok_or_else(|| Fault::Record(format!("a claim from state {number}")))?;
    Ok((field::time(claim, "until")?, before))
}

fn ours(document: &Document) -> Result<Match, Fault> {
    let id = TradeId::from_bytes(field::object_id(document, "_id")?.bytes());
    ours_fields(id, document).map_err(|fault| fault.of(|| format!("trade {id}")))
}

fn ours_fields(id: TradeId, document: &Document) -> Result<Match, Fault> {
    let metadata = trades::metadata(document)?;
    let interval = trades::interval(document)?;
    let party = |name| Ok::<_, Fault>(platform_name(&trades::read_party(document, name)?).to_owned());
    Ok(Match {
        id,
        end: interval.end().timestamp(),
        of: Some((field::text(document, "community")?.to_owned(), interval)),
        seller: party("seller_id")?,
        buyer: party("buyer_id")?,
        quantity: Quantity::Exact {
            energy: Energy::from_wh(field::unsigned(document, "energy_wh")?),
            price: Price::from_micro_eur(field::integer(document, "price_micro_eur")?),
        },
        state: trades::state(metadata)?,
        transaction_id: field::optional_text(metadata, "transaction_id")?,
        message: field::optional_text(metadata, "message")?,
        created_at: field::time(document, "created_at")?,
        updated_at: field::optional_time(metadata, "updated_at")?,
    })
}

fn created() -> Document {
    in_states([State::Created])
}

/// What was not paid and changed last at or before an instant.
fn unpaid(again: Timestamp) -> Document {
    let due = doc! { "metadata.updated_at": { "$lte": field::date(again) } };
    doc! { "$and": [in_states([State::NotPaid]), { "$or": [due, { "metadata.updated_at": Bson::Null }] }] }
}

/// As [`books::Payments::outbox`]. Each half is in the order of an index.
pub(super) async fn outbox(server: &Server, again: Timestamp, limit: usize) -> Result<Vec<Match>, Fault> {
    let mut waiting = find(server, vec![created()], Window::first(limit)).await?;
    waiting.extend(find(server, vec![unpaid(again)], Window::first(limit)).await?);
    let mut waiting: Vec<Match> = waiting.into_iter().map(|found| found.shown).collect();
    waiting.sort_by_key(|waiting| (waiting.end, waiting.id));
    waiting.truncate(limit);
    Ok(waiting)
}

/// As [`books::Payments::outbox_depth`].
pub(super) async fn depth(server: &Server) -> Result<OutboxDepth, Fault> {
    let states = || State::ALL.into_iter().filter(|state| state.is_waiting());
    let filter = doc! { "$and": [in_states(states()), visible(server).await?] };
    let waiting = server.matches.count_documents(filter).await?;
    let mut oldest = None;
    for state in states() {
        let first = find(server, vec![in_states([state])], Window::first(1)).await?;
        oldest = first.first().map(|first| first.shown.end).into_iter().chain(oldest).min();
    }
    Ok(OutboxDepth { waiting, oldest })
}
