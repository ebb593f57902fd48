//! Our own trades as documents of `matches`: in the original's shape, with exact numbers beside its floating-point ones.

use domain::trade::State;
use domain::{Boundary, Energy, Interval, MemberId, Price, TradeId};
use mongodb::bson::oid::ObjectId;
use mongodb::bson::{Bson, Document, doc};

use super::fault::Fault;
use super::field;
use super::link::Link;
use super::server::{Server, all};
use super::{chain, original};
use books::{Span, StoredTrade, platform_name};
use domain::NamedParty;
use domain::PLATFORM_GRID;

/// The grid's id in the original's documents, where it is a number.
pub(super) const GRID: i32 = 100;

/// Every trade of a link as it was born.
pub(super) fn documents(link: &Link) -> Result<Vec<Document>, Fault> {
    link.whole.trades.iter().map(|trade| document(link, trade)).collect()
}

fn document(link: &Link, trade: &StoredTrade) -> Result<Document, Fault> {
    let id = ObjectId::from_bytes(*trade.id.as_bytes());
    let mut metadata = doc! { "match_id": id };
    if let Some(state) = trade.state {
        metadata.insert("transaction_state", state as i32);
    }
    if let Some(message) = &trade.message {
        metadata.insert("message", message);
    }
    let (energy, price) = (field::kept("a trade's energy", trade.energy.wh())?, trade.price.micro_eur());
    Ok(doc! {
        "_id": id,
        "timestamp": field::boundary_date(link.interval.end()),
        "buyer_id": party(&trade.buyer),
        "seller_id": party(&trade.seller),
        "energy": shown(energy, 1e3),
        "price": shown(price, 1e6),
        "created_at": field::date(link.settled_at),
        "metadata": metadata,
        "community": &link.community,
        "start": field::boundary_date(link.interval.start()),
        "number": field::kept("a trade's number", trade.number)?,
        "energy_wh": energy,
        "price_micro_eur": price,
    })
}

/// An exact number as dashboards read it. Nothing is computed with it.
#[allow(clippy::cast_precision_loss, reason = "the exact number stands beside it")]
fn shown(exact: i64, unit: f64) -> f64 {
    exact as f64 / unit
}

fn party(party: &NamedParty) -> Bson {
    match party {
        NamedParty::Grid => Bson::Int32(GRID),
        other => Bson::String(platform_name(other).to_owned()),
    }
}

/// Reads a trade of ours.
pub(super) fn stored(document: &Document) -> Result<StoredTrade, Fault> {
    let id = field::object_id(document, "_id")?;
    stored_fields(TradeId::from_bytes(id.bytes()), document).map_err(|fault| fault.of(|| format!("trade {id}")))
}

fn stored_fields(id: TradeId, document: &Document) -> Result<StoredTrade, Fault> {
    let metadata = metadata(document)?;
    Ok(StoredTrade {
        id,
        interval: interval(document)?,
        number: field::unsigned(document, "number")?,
        seller: read_party(document, "seller_id")?,
        buyer: read_party(document, "buyer_id")?,
        energy: Energy::from_wh(field::unsigned(document, "energy_wh")?),
        price: Price::from_micro_eur(field::integer(document, "price_micro_eur")?),
        state: state(metadata)?,
        message: field::optional_text(metadata, "message")?,
    })
}

/// The interval of a trade of ours.
pub(super) fn interval(document: &Document) -> Result<Interval, Fault> {
    field::interval_to(document, "timestamp")
}

pub(super) fn metadata(document: &Document) -> Result<&Document, Fault> {
    document.get_document("metadata").map_err(|_| Fault::Record("field metadata is no document".to_owned()))
}

/// The state of a trade of ours; none if it is with the grid.
pub(super) fn state(metadata: &Document) -> Result<Option<State>, Fault> {
    match metadata.get("transaction_state") {
        None | Some(Bson::Null) => Ok(None),
        Some(_) => {
            let number = field::integer(metadata, "transaction_state")?;
            let state = State::from_number(number);
            state.map(Some).ok_or_else(|| Fault::Record(format!("it has the unknown state {number}")))
        }
    }
}

pub(super) fn read_party(document: &Document, name: &str) -> Result<NamedParty, Fault> {
    match document.get(name) {
        Some(Bson::Int32(GRID)) => Ok(NamedParty::Grid),
        Some(Bson::Int64(number)) if *number == i64::from(GRID) => Ok(NamedParty::Grid),
        Some(Bson::String(name)) if name == "grid" || name == PLATFORM_GRID => {
            Err(Fault::Record(format!("it has the party {name:?} where a member is expected")))
        }
        _ => Ok(crate::record::decode_party(field::text(document, name)?)?),
    }
}

/// The newest interval's end that the original settled; none if it left no trade.
pub(super) async fn original_end(server: &Server) -> Result<Option<Boundary>, Fault> {
    let dated = doc! { "community": Bson::Null, "timestamp": { "$type": "date" } };
    let newest = server.matches.find_one(dated).sort(doc! { "timestamp": -1 }).await?;
    Ok(newest.as_ref().and_then(original::boundary))
}

/// Which of our trades start within a span and are to be seen.
pub(super) fn spanned(community: &str, span: Span, mark: Boundary) -> Document {
    let end = span.to.map_or(mark.seconds(), |to| to.min(mark.seconds()));
    let at = |second: u64| field::boundary_date(Boundary::from_seconds(second).unwrap_or(mark));
    // A span that starts beyond the mark starts at the mark.
    let from = at(span.from.unwrap_or(0).min(mark.seconds()));
    doc! { "community": community, "start": { "$gte": from, "$lt": at(end) } }
}

/// As [`books::Books::trades`].
pub(super) async fn list(
    server: &Server,
    community: &str,
    span: Span,
    member: Option<&MemberId>,
    after: Option<(Boundary, u64)>,
    limit: usize,
) -> Result<Vec<StoredTrade>, Fault> {
    let Some(mark) = chain::standing(server, community).await?.mark else { return Ok(Vec::new()) };
    if limit == 0 {
        return Ok(Vec::new());
    }
    let mut conditions = vec![spanned(community, span, mark)];
    if let Some(member) = member {
        conditions.push(doc! { "$or": [{ "buyer_id": member.as_str() }, { "seller_id": member.as_str() }] });
    }
    if let Some((start, number)) = after {
        let (start, number) = (field::boundary_date(start), i64::try_from(number).unwrap_or(i64::MAX));
        let later = doc! { "start": start, "number": { "$gt": number } };
        conditions.push(doc! { "start": { "$gte": start } });
        conditions.push(doc! { "$or": [{ "start": { "$gt": start } }, later] });
    }
    let find = server.matches.find(doc! { "$and": conditions }).sort(doc! { "start": 1, "number": 1 });
    let limit = i64::try_from(limit).unwrap_or(i64::MAX);
    all(find.limit(limit)).await?.iter().map(stored).collect()
}
