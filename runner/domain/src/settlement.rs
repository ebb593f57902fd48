//! The balance check: the only way from an algorithm's claim to a settlement.
//!
//! A result is accepted or rejected as a whole, with every rule that it breaks. The check takes linear time in
//! positions and trades, is exact for every input, and cannot overflow: energy is summed in 128 bits, money in 192.

mod violation;

#[cfg(test)]
mod tests;

use std::sync::Arc;

use crate::digest::{Digest, Hasher};
use crate::money::Price;
use crate::round::{Position, Round};
use crate::trade::{NamedTrade, Party, Trade};

pub use violation::{MoneySum, Violation};

/// Returns the default limit on the number of trades in a result: 4 × positions + 1024.
///
/// An honest result needs at most one trade per block of the merit orders, and two with the grid per member.
pub fn trades_max_default(positions: usize) -> usize {
    positions.saturating_mul(4).saturating_add(1024)
}

/// A round and its trades, which have passed the balance check.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settlement {
    round: Arc<Round>,
    trades: Vec<Trade>,
}

impl Settlement {
    /// Checks an algorithm's result for a round.
    ///
    /// # Errors
    /// Every violation: first of single trades, then of members, then of the result as a whole. If there are more than
    /// `trades_max` trades, only that many are examined one by one, but the totals are always those of all trades.
    pub fn check(round: Arc<Round>, trades: Vec<Trade>, trades_max: usize) -> Result<Settlement, Vec<Violation>> {
        let mut check = Check::new(&round, trades_max);
        for (number, trade) in trades.iter().enumerate() {
            check.trade(number, trade);
        }
        let violations = check.finish(trades.len());
        if violations.is_empty() { Ok(Settlement { round, trades }) } else { Err(violations) }
    }

    /// Returns the round.
    pub fn round(&self) -> &Arc<Round> {
        &self.round
    }

    /// Returns the trades, in the algorithm's order.
    pub fn trades(&self) -> &[Trade] {
        &self.trades
    }

    /// Returns the trades with the names of their parties, in the algorithm's order.
    #[allow(clippy::expect_used, reason = "OK because the check refuses trades of unknown members")]
    pub fn named_trades(&self) -> impl Iterator<Item = NamedTrade> {
        let name = |party| self.round.name(party).expect("a settlement names only positions of its round");
        self.trades.iter().map(move |&Trade { seller, buyer, energy, price }| NamedTrade {
            seller: name(seller),
            buyer: name(buyer),
            energy,
            price,
        })
    }

    /// Computes the digest of the trades in their order, which a replay compares.
    pub fn digest(&self) -> Digest {
        digest_of_trades(&self.trades)
    }
}

/// Computes the digest of a list of trades, in order.
pub fn digest_of_trades(trades: &[Trade]) -> Digest {
    let mut hasher = Hasher::new("rec-market trades 1");
    let party = |party: Party, hasher: &mut Hasher| match party {
        Party::Grid => hasher.u64(0),
        Party::Operator => hasher.u64(1),
        Party::Member(index) => hasher.u64(2 + u64::from(index)),
    };
    for trade in trades {
        party(trade.seller, &mut hasher);
        party(trade.buyer, &mut hasher);
        hasher.u64(trade.energy.wh());
        hasher.i64(trade.price.micro_eur());
    }
    hasher.finish()
}

/// A member's sales and purchases so far. 128 bits hold 2⁶⁴ trades of 2⁶⁴ Wh.
#[derive(Clone, Copy, Default)]
struct Traded {
    sold_wh: u128,
    bought_wh: u128,
}

/// The operator's account so far.
#[derive(Default)]
struct Account {
    traded: Traded,
    received: MoneySum,
    paid: MoneySum,
}

struct Check<'a> {
    round: &'a Round,
    trades_max: usize,
    members: Vec<Traded>,
    operator: Account,
    violations: Vec<Violation>,
}

impl<'a> Check<'a> {
    fn new(round: &'a Round, trades_max: usize) -> Check<'a> {
        Check {
            round,
            trades_max,
            members: vec![Traded::default(); round.positions().len()],
            operator: Account::default(),
            violations: Vec::new(),
        }
    }

    fn trade(&mut self, number: usize, trade: &Trade) {
        self.book(trade);
        // The limit also bounds the number of reports: a flood of bad trades must not become a flood of violations.
        if number < self.trades_max {
            self.examine(number, trade);
        }
    }

    /// Adds the trade to the totals of both sides. Trades that break a rule count too, because they claim this energy.
    fn book(&mut self, trade: &Trade) {
        let wh = u128::from(trade.energy.wh());
        match trade.seller {
            Party::Member(index) => {
                if let Some(member) = self.members.get_mut(index as usize) {
                    member.sold_wh += wh;
                }
            }
            Party::Operator => {
                self.operator.traded.sold_wh += wh;
                self.operator.received.add(trade.amount());
            }
            Party::Grid => {}
        }
        match trade.buyer {
            Party::Member(index) => {
                if let Some(member) = self.members.get_mut(index as usize) {
                    member.bought_wh += wh;
                }
            }
            Party::Operator => {
                self.operator.traded.bought_wh += wh;
                self.operator.paid.add(trade.amount());
            }
            Party::Grid => {}
        }
    }

    /// Checks the rules that a single trade can break.
    fn examine(&mut self, number: usize, trade: &Trade) {
        if trade.energy.wh() == 0 {
            self.violations.push(Violation::ZeroEnergy { trade: number });
        }
        if trade.seller == trade.buyer {
            let party = self.name(trade.seller);
            self.violations.push(Violation::SelfTrade { trade: number, party });
        }
        self.examine_index(number, trade.seller);
        if trade.buyer != trade.seller {
            self.examine_index(number, trade.buyer);
        }
        match (trade.seller, trade.buyer) {
            (Party::Grid, Party::Member(buyer)) => {
                self.examine_grid_price(number, trade, buyer, |position| position.tariff.retail);
            }
            (Party::Member(seller), Party::Grid) => {
                self.examine_grid_price(number, trade, seller, |position| position.tariff.feed_in);
            }
            (Party::Member(seller), Party::Member(buyer)) if seller != buyer => {
                self.examine_floor(number, trade);
                self.examine_ceiling(number, trade);
            }
            // What the operator gives away is bounded by what it takes in; what it takes from a member only by these.
            (Party::Member(_), Party::Operator) => self.examine_floor(number, trade),
            (Party::Operator, Party::Member(_)) => self.examine_ceiling(number, trade),
            (Party::Grid, Party::Operator) | (Party::Operator, Party::Grid) => {
                self.violations.push(Violation::GridOperator { trade: number, energy: trade.energy });
            }
            _ => {}
        }
    }

    fn examine_index(&mut self, number: usize, party: Party) {
        let positions = self.round.positions().len();
        if let Party::Member(index) = party
            && index as usize >= positions
        {
            self.violations.push(Violation::UnknownMember { trade: number, index, positions });
        }
    }

    fn examine_grid_price(&mut self, number: usize, trade: &Trade, index: u32, due: fn(&Position) -> Price) {
        if let Some(position) = self.round.position(index)
            && trade.price != due(position)
        {
            self.violations.push(Violation::GridPrice {
                trade: number,
                member: position.member.clone(),
                buys: trade.seller == Party::Grid,
                price: trade.price,
                due: due(position),
            });
        }
    }

    fn examine_floor(&mut self, number: usize, trade: &Trade) {
        let price = trade.price;
        if let Some(floor) = self.round.terms().limits.floor().filter(|floor| price < *floor) {
            self.violations.push(Violation::PriceFloor { trade: number, price, floor });
        }
    }

    fn examine_ceiling(&mut self, number: usize, trade: &Trade) {
        let price = trade.price;
        if let Some(ceiling) = self.round.terms().limits.ceiling().filter(|ceiling| price > *ceiling) {
            self.violations.push(Violation::PriceCeiling { trade: number, price, ceiling });
        }
    }

    /// Checks the rules about totals.
    fn finish(mut self, trades: usize) -> Vec<Violation> {
        for (position, traded) in self.round.positions().iter().zip(&self.members) {
            let (sold_wh, bought_wh) = (traded.sold_wh, traded.bought_wh);
            let member = || position.member.clone();
            let (surplus, deficit) = (position.surplus, position.deficit);
            if sold_wh > u128::from(surplus.wh()) {
                self.violations.push(Violation::Oversold { member: member(), sold_wh, surplus });
            } else if sold_wh < u128::from(surplus.wh()) {
                self.violations.push(Violation::Undersold { member: member(), sold_wh, surplus });
            }
            if bought_wh > u128::from(deficit.wh()) {
                self.violations.push(Violation::Overbought { member: member(), bought_wh, deficit });
            } else if bought_wh < u128::from(deficit.wh()) {
                self.violations.push(Violation::Underbought { member: member(), bought_wh, deficit });
            }
        }
        let Account { traded, received, paid } = self.operator;
        if traded.sold_wh != traded.bought_wh {
            let (sold_wh, bought_wh) = (traded.sold_wh, traded.bought_wh);
            self.violations.push(Violation::OperatorEnergy { sold_wh, bought_wh });
        }
        if received < paid || received.amount().is_none() || paid.amount().is_none() {
            self.violations.push(Violation::OperatorLoss { received, paid });
        }
        if trades > self.trades_max {
            self.violations.push(Violation::TooManyTrades { trades, trades_max: self.trades_max });
        }
        self.violations
    }

    /// Names a party in a message.
    fn name(&self, party: Party) -> String {
        match party {
            Party::Grid => "the grid".to_owned(),
            Party::Operator => "the operator".to_owned(),
            Party::Member(index) => match self.round.position(index) {
                Some(position) => format!("member {}", position.member),
                None => format!("member number {index}"),
            },
        }
    }
}
