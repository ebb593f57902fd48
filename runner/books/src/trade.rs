//! Trades as they are kept: named parties, an identity, and a state on the way to payment.

use domain::trade::State;
use domain::{
    Boundary, Energy, Interval, MemberId, NamedParty, NamedTrade, Price, Settlement, Tariff, TradeId, TradeKind,
};

/// A trade as it is kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredTrade {
    /// Derived from community, interval and number.
    pub id: TradeId,
    /// The interval it belongs to.
    pub interval: Interval,
    /// Its place in the interval, from 0.
    pub number: u64,
    /// Who gave the energy.
    pub seller: NamedParty,
    /// Who took it.
    pub buyer: NamedParty,
    /// How much.
    pub energy: Energy,
    /// At what price.
    pub price: Price,
    /// Where it is on its way to payment; none for trades with the grid, which are not forwarded.
    pub state: Option<State>,
    /// A remark, such as the start of a gap.
    pub message: Option<String>,
}

/// The energy of a meter that came back, and the tariff it was traded at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GapTrade {
    /// The member.
    pub member: MemberId,
    /// The last boundary settled before.
    pub since: Boundary,
    /// Energy sold to the grid.
    pub surplus: Energy,
    /// Energy bought from the grid.
    pub deficit: Energy,
    /// The member's tariff.
    pub tariff: Tariff,
}

impl StoredTrade {
    /// A trade as it is born: its id derived from its place, `Created` unless it is with the grid.
    pub fn new(
        community: &str,
        interval: Interval,
        number: u64,
        trade: NamedTrade,
        message: Option<String>,
    ) -> StoredTrade {
        let NamedTrade { seller, buyer, energy, price } = trade;
        let id = TradeId::derive(community, interval, number);
        let state = (!TradeKind::between(&seller, &buyer).is_with_grid()).then_some(State::Created);
        StoredTrade { id, interval, number, seller, buyer, energy, price, state, message }
    }

    /// Which way its energy goes.
    pub fn kind(&self) -> TradeKind {
        TradeKind::between(&self.seller, &self.buyer)
    }
}

/// The trades of an interval: the round's in the algorithm's order, with a remark if they have one, then those of gaps.
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
    numbered.map(|((trade, message), number)| StoredTrade::new(community, interval, number, trade, message)).collect()
}

impl GapTrade {
    /// The message of its trades, as the platform's other services expect it.
    pub fn message(&self) -> String {
        format!("Start timestamp: {}", self.since)
    }

    /// One trade with the grid for each direction in which energy moved: the sale first.
    pub fn trades(&self) -> impl Iterator<Item = NamedTrade> {
        let member = || NamedParty::Member(self.member.clone());
        let Tariff { feed_in, retail } = self.tariff;
        let sale = NamedTrade { seller: member(), buyer: NamedParty::Grid, energy: self.surplus, price: feed_in };
        let purchase = NamedTrade { seller: NamedParty::Grid, buyer: member(), energy: self.deficit, price: retail };
        [sale, purchase].into_iter().filter(|trade| trade.energy > Energy::ZERO)
    }
}
