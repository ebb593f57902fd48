//! Trades as they are stored: between named parties, with an id and a state on the way to payment.

use domain::trade::State;
use domain::{
    Boundary, CommunityCode, Energy, Interval, MemberId, NamedParty, NamedTrade, Price, Settlement, Tariff, TradeId,
    TradeIds, TradeKind,
};

/// A trade as it is stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredTrade {
    /// The id, derived from community, interval and number.
    pub id: TradeId,
    /// The interval to which the trade belongs.
    pub interval: Interval,
    /// The trade's position in the interval's list, from 0.
    pub number: u64,
    /// The party that delivers the energy.
    pub seller: NamedParty,
    /// The party that receives the energy.
    pub buyer: NamedParty,
    /// The energy, in Wh.
    pub energy: Energy,
    /// The price, in µEUR/kWh.
    pub price: Price,
    /// The state on the way to payment; `None` for trades with the grid, which are not forwarded.
    pub state: Option<State>,
    /// A remark for people, such as the start of a gap.
    pub message: Option<String>,
}

/// The energy of a meter that was read again after a gap, and the tariff at which it is traded with the grid.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GapTrade {
    /// The member for which the meter counts.
    pub member: MemberId,
    /// The last boundary at which the meter was read before the gap.
    pub since: Boundary,
    /// Energy sold to the grid, in Wh.
    pub surplus: Energy,
    /// Energy bought from the grid, in Wh.
    pub deficit: Energy,
    /// The member's tariff with the grid.
    pub tariff: Tariff,
}

impl StoredTrade {
    /// Makes a new trade: its id is derived, and its state is `Created`, or `None` if it is with the grid.
    pub fn new(
        community: &str,
        interval: Interval,
        number: u64,
        trade: NamedTrade,
        message: Option<String>,
    ) -> StoredTrade {
        StoredTrade::with_id(CommunityCode::of(community).ids(interval), interval, number, trade, message)
    }

    /// As [`StoredTrade::new`], with the ids of the interval at hand.
    pub fn with_id(
        ids: TradeIds,
        interval: Interval,
        number: u64,
        trade: NamedTrade,
        message: Option<String>,
    ) -> StoredTrade {
        let NamedTrade { seller, buyer, energy, price } = trade;
        let id = ids.id(number);
        let state = (!TradeKind::between(&seller, &buyer).is_with_grid()).then_some(State::Created);
        StoredTrade { id, interval, number, seller, buyer, energy, price, state, message }
    }

    /// Returns which way the energy goes.
    pub fn kind(&self) -> TradeKind {
        TradeKind::between(&self.seller, &self.buyer)
    }
}

/// Lists the trades of an interval: the round's in the algorithm's order, each with the given remark if any, then those
/// of gaps.
pub fn trades_of(
    community: &str,
    interval: Interval,
    cleared: Option<(&Settlement, Option<String>)>,
    gaps: &[GapTrade],
) -> Vec<StoredTrade> {
    let settled = cleared
        .into_iter()
        .flat_map(|(settlement, remark)| settlement.named_trades().map(move |trade| (trade, remark.clone())));
    let gaps = gaps.iter().flat_map(|gap| gap.trades().map(|trade| (trade, Some(gap.message()))));
    let numbered = settled.chain(gaps).zip(0_u64..);
    let ids = CommunityCode::of(community).ids(interval);
    numbered.map(|((trade, message), number)| StoredTrade::with_id(ids, interval, number, trade, message)).collect()
}

impl GapTrade {
    /// Returns the message of the gap's trades, in the form that the platform's other services expect.
    pub fn message(&self) -> String {
        format!("Start timestamp: {}", self.since)
    }

    /// Lists the gap's trades with the grid, one for each direction in which energy moved: first the sale, then the
    /// purchase.
    pub fn trades(&self) -> impl Iterator<Item = NamedTrade> {
        let member = || NamedParty::Member(self.member.clone());
        let Tariff { feed_in, retail } = self.tariff;
        let sale = NamedTrade { seller: member(), buyer: NamedParty::Grid, energy: self.surplus, price: feed_in };
        let purchase = NamedTrade { seller: NamedParty::Grid, buyer: member(), energy: self.deficit, price: retail };
        [sale, purchase].into_iter().filter(|trade| trade.energy > Energy::ZERO)
    }
}
