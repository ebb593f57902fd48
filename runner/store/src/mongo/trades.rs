//! Trades of which something has become, as documents of `trades`: who was offered or paid what. All others are in their interval's
//! link alone. The copies of the original's trades are in the same collection, see `takeover.rs`, in its shape, which these have too as
//! far as they have the same fields.

use domain::{Boundary, Energy, Interval, Price};
use mongodb::bson::doc;
use serde::{Deserialize, Serialize};

use super::document::all;
use super::fault::Fault;
use super::field::{self, BoundaryDate, Date, Id, PartyName, StateNumber, boundary_date};
use super::found::{ClaimFields, Found};
use super::server::Server;
use crate::cause::about;
use books::{Match, Quantity, StoredTrade, platform_name};

/// A trade of ours of which something has become.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct TradeDocument {
    #[serde(rename = "_id")]
    pub(super) id: Id,
    /// The interval's end.
    timestamp: BoundaryDate,
    buyer_id: PartyName,
    seller_id: PartyName,
    /// When its interval was settled.
    created_at: Date,
    pub(super) metadata: Metadata,
    community: String,
    /// The interval's start.
    pub(super) start: BoundaryDate,
    number: u64,
    energy_wh: u64,
    price_micro_eur: i64,
}

/// What has become of a trade, see `states.rs`.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Metadata {
    pub(super) transaction_state: StateNumber,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) message: Option<String>,
    pub(super) updated_at: Date,
    /// The number of the journal's entry that changed it last.
    pub(super) revision: i64,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) transaction_id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) claim: Option<ClaimFields>,
    /// Whether its claim has lapsed, and nobody has claimed it since.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) lapsed: Option<bool>,
}

impl TradeDocument {
    /// A trade of ours as it was found, with what has become of it. `None` if it is not ours.
    pub(super) fn new(found: &Match, metadata: Metadata) -> Option<TradeDocument> {
        let (Some((community, interval)), Quantity::Exact { energy, price }) = (&found.of, found.quantity) else {
            return None;
        };
        Some(TradeDocument {
            id: Id(found.id),
            timestamp: BoundaryDate(interval.end()),
            buyer_id: PartyName::of_platform(&found.buyer)?,
            seller_id: PartyName::of_platform(&found.seller)?,
            created_at: Date(found.created_at),
            metadata,
            community: community.clone(),
            start: BoundaryDate(interval.start()),
            number: found.id.number(),
            energy_wh: energy.wh(),
            price_micro_eur: price.micro_eur(),
        })
    }

    pub(super) fn interval(&self) -> Result<Interval, Fault> {
        let interval = field::interval_between(self.start.0, self.timestamp.0);
        interval.map_err(|reason| Fault::Record(about(format!("trade {}", self.id.0), reason)))
    }

    pub(super) fn number(&self) -> u64 {
        self.number
    }

    pub(super) fn community(&self) -> &str {
        &self.community
    }

    /// Gives its trade among those of its interval the state and the message that it has.
    pub(super) fn overlay(self, trades: &mut [StoredTrade]) {
        let Ok(index) = trades.binary_search_by_key(&self.number, |trade| trade.number) else { return };
        let Some(trade) = trades.get_mut(index) else { return };
        trade.state = Some(self.metadata.transaction_state.0);
        trade.message = self.metadata.message;
    }

    pub(super) fn into_found(self) -> Result<Found, Fault> {
        let interval = self.interval()?;
        let TradeDocument { id, community, seller_id, buyer_id, energy_wh, price_micro_eur, metadata, .. } = self;
        let (energy, price) = (Energy::from_wh(energy_wh), Price::from_micro_eur(price_micro_eur));
        let shown = Match {
            id: id.0,
            end: interval.end().timestamp(),
            of: Some((community, interval)),
            seller: platform_name(&seller_id.0).to_owned(),
            buyer: platform_name(&buyer_id.0).to_owned(),
            quantity: Quantity::Exact { energy, price },
            state: Some(metadata.transaction_state.0),
            transaction_id: metadata.transaction_id,
            message: metadata.message,
            created_at: self.created_at.0,
            updated_at: Some(metadata.updated_at.0),
        };
        let lapsed = metadata.lapsed.unwrap_or(false);
        Ok(Found { shown, revision: Some(metadata.revision), claim: metadata.claim, lapsed, fresh: None })
    }

    /// What is not that of a settled trade; `None` if nothing is.
    pub(super) fn difference(&self, settled: &StoredTrade, community: &str) -> Option<&'static str> {
        let same = [
            ("community", self.community == community),
            ("timestamp", self.timestamp.0 == settled.interval.end()),
            ("start", self.start.0 == settled.interval.start()),
            ("buyer_id", self.buyer_id.0 == settled.buyer),
            ("seller_id", self.seller_id.0 == settled.seller),
            ("number", self.number == settled.number),
            ("energy_wh", self.energy_wh == settled.energy.wh()),
            ("price_micro_eur", self.price_micro_eur == settled.price.micro_eur()),
        ];
        same.into_iter().find_map(|(name, is_same)| (!is_same).then_some(name))
    }
}

/// The documents of trades of communities whose intervals end between two boundaries, both included.
pub(super) async fn changed(
    server: &Server,
    communities: &[&str],
    first: Boundary,
    last: Boundary,
) -> Result<Vec<TradeDocument>, Fault> {
    let ends = doc! { "$gte": boundary_date(first), "$lte": boundary_date(last) };
    let filter = doc! { "community": { "$in": communities }, "timestamp": ends };
    all("trade", server.trades.clone_with_type().find(filter)).await
}
