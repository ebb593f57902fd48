//! Our own trades as documents of `trades`: in the shape of the original's `matches`, with exact numbers beside its
//! floating-point ones. The copies of the original's trades are in the same collection, see `takeover.rs`.

use domain::{Boundary, Energy, Interval, MemberId, Price};
use mongodb::bson::{Document, doc};
use serde::{Deserialize, Serialize};

use super::document::all;
use super::fault::Fault;
use super::field::{self, BoundaryDate, Date, Id, PartyName, StateNumber};
use super::link::Settled;
use super::mark;
use super::server::Server;
use crate::cause::about;
use books::{Span, StoredTrade};

/// A trade of ours.
#[derive(Serialize, Deserialize)]
pub(super) struct TradeDocument {
    #[serde(rename = "_id")]
    pub(super) id: Id,
    /// The interval's end.
    timestamp: BoundaryDate,
    pub(super) buyer_id: PartyName,
    pub(super) seller_id: PartyName,
    /// In kWh, for dashboards. Nothing is computed with it.
    #[serde(default)]
    energy: f64,
    /// In EUR/kWh, for dashboards. Nothing is computed with it.
    #[serde(default)]
    price: f64,
    pub(super) created_at: Date,
    pub(super) metadata: Metadata,
    pub(super) community: String,
    /// The interval's start.
    pub(super) start: BoundaryDate,
    number: u64,
    pub(super) energy_wh: u64,
    pub(super) price_micro_eur: i64,
}

/// What becomes of a trade. The fields below the message are set when that changes, see `states.rs`.
#[derive(Default, Serialize, Deserialize)]
pub(super) struct Metadata {
    match_id: Option<Id>,
    /// None if it is with the grid.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) transaction_state: Option<StateNumber>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) message: Option<String>,
    #[serde(skip_serializing)]
    pub(super) transaction_id: Option<String>,
    #[serde(skip_serializing)]
    pub(super) updated_at: Option<Date>,
    /// The number of the journal's entry that changed it last.
    #[serde(skip_serializing)]
    pub(super) revision: Option<i64>,
    #[serde(skip_serializing)]
    pub(super) claim: Option<ClaimFields>,
    /// Whether its claim has lapsed, and nobody has claimed it since.
    #[serde(skip_serializing)]
    pub(super) lapsed: Option<bool>,
}

/// Until when a trade is claimed, and its state before.
#[derive(Clone, Debug, Deserialize)]
pub(super) struct ClaimFields {
    pub(super) until: Date,
    pub(super) from: StateNumber,
}

/// Every trade of an interval as it is at first.
pub(super) fn documents(settled: &Settled<'_>) -> Vec<TradeDocument> {
    settled.trades.iter().map(|trade| TradeDocument::new(settled, trade)).collect()
}

impl TradeDocument {
    fn new(settled: &Settled<'_>, trade: &StoredTrade) -> TradeDocument {
        let (id, energy_wh, price_micro_eur) = (Id(trade.id), trade.energy.wh(), trade.price.micro_eur());
        let (transaction_state, message) = (trade.state.map(StateNumber), trade.message.clone());
        #[allow(clippy::cast_precision_loss, reason = "the exact numbers stand beside them")]
        let (energy, price) = (energy_wh as f64 / 1e3, price_micro_eur as f64 / 1e6);
        TradeDocument {
            id,
            timestamp: BoundaryDate(settled.interval.end()),
            buyer_id: PartyName(trade.buyer.clone()),
            seller_id: PartyName(trade.seller.clone()),
            energy,
            price,
            created_at: Date(settled.settled_at),
            metadata: Metadata { match_id: Some(id), transaction_state, message, ..Metadata::default() },
            community: settled.community.to_owned(),
            start: BoundaryDate(settled.interval.start()),
            number: trade.number,
            energy_wh,
            price_micro_eur,
        }
    }

    pub(super) fn interval(&self) -> Result<Interval, Fault> {
        let interval = field::interval_between(self.start.0, self.timestamp.0);
        interval.map_err(|reason| Fault::Record(about(format!("trade {}", self.id.0), reason)))
    }

    fn into_stored(self) -> Result<StoredTrade, Fault> {
        Ok(StoredTrade {
            id: self.id.0,
            interval: self.interval()?,
            number: self.number,
            energy: Energy::from_wh(self.energy_wh),
            price: Price::from_micro_eur(self.price_micro_eur),
            state: self.metadata.transaction_state.map(|state| state.0),
            seller: self.seller_id.0,
            buyer: self.buyer_id.0,
            message: self.metadata.message,
        })
    }
}

/// Documents that start within a span, up to the mark.
pub(super) fn within(community: &str, span: Span, mark: Boundary) -> Document {
    let end = span.to.map_or(mark.seconds(), |to| to.min(mark.seconds()));
    let at = |second: u64| field::boundary_date(Boundary::from_seconds(second).unwrap_or(mark));
    // A span that starts beyond the mark starts at the mark.
    let from = at(span.from.unwrap_or(0).min(mark.seconds()));
    doc! { "community": community, "start": { "$gte": from, "$lt": at(end) } }
}

/// Trades in order of time and number, see [`books::Books::trades`].
pub(super) async fn list(
    server: &Server,
    community: &str,
    span: Span,
    member: Option<&MemberId>,
    after: Option<(Boundary, u64)>,
    limit: usize,
) -> Result<Vec<StoredTrade>, Fault> {
    let Some(mark) = mark::find(server, community).await?.end() else { return Ok(Vec::new()) };
    if limit == 0 {
        return Ok(Vec::new());
    }
    let mut conditions = vec![within(community, span, mark)];
    if let Some(member) = member {
        conditions.push(doc! { "$or": [{ "buyer_id": member.as_str() }, { "seller_id": member.as_str() }] });
    }
    if let Some((start, number)) = after {
        let (start, number) = (field::boundary_date(start), i64::try_from(number).unwrap_or(i64::MAX));
        let later = doc! { "start": start, "number": { "$gt": number } };
        conditions.push(doc! { "start": { "$gte": start } });
        conditions.push(doc! { "$or": [{ "start": { "$gt": start } }, later] });
    }
    let trades = server.trades.clone_with_type::<TradeDocument>();
    let find = trades.find(doc! { "$and": conditions }).sort(doc! { "start": 1, "number": 1 });
    let limit = i64::try_from(limit).unwrap_or(i64::MAX);
    all("trade", find.limit(limit)).await?.into_iter().map(TradeDocument::into_stored).collect()
}
