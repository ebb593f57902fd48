//! The closed list of rules that a result can break. Each violation names the trade or member, and both numbers.

use std::fmt;

use crate::energy::Energy;
use crate::member::MemberId;
use crate::money::{Amount, Price};

/// One broken rule. Trades are numbered from 0, in the algorithm's order.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Violation {
    /// A trade names an index outside the positions.
    #[error("trade {trade} names position {index}, but the round has {positions} positions (counted from 0)")]
    UnknownMember {
        /// Number of the trade.
        trade: usize,
        /// The index that it names.
        index: u32,
        /// Number of positions in the round.
        positions: usize,
    },
    /// Seller and buyer are the same party.
    #[error("trade {trade} has {party} on both sides (seller and buyer must differ)")]
    SelfTrade {
        /// Number of the trade.
        trade: usize,
        /// The party, as it is named in messages.
        party: String,
    },
    /// A trade without energy.
    #[error("trade {trade} is of 0 Wh (a trade is of at least 1 Wh; leave it out)")]
    ZeroEnergy {
        /// Number of the trade.
        trade: usize,
    },
    /// A member sells more than its surplus.
    #[error("member {member} sells {sold_wh} Wh but has a surplus of {surplus}")]
    Oversold {
        /// The seller.
        member: MemberId,
        /// Total of its sales, in Wh.
        sold_wh: u128,
        /// Its surplus.
        surplus: Energy,
    },
    /// A member sells less than its surplus.
    #[error("member {member} sells {sold_wh} Wh but has a surplus of {surplus} (sell the rest to the grid)")]
    Undersold {
        /// The seller.
        member: MemberId,
        /// Total of its sales, in Wh.
        sold_wh: u128,
        /// Its surplus.
        surplus: Energy,
    },
    /// A member buys more than its deficit.
    #[error("member {member} buys {bought_wh} Wh but has a deficit of {deficit}")]
    Overbought {
        /// The buyer.
        member: MemberId,
        /// Total of its purchases, in Wh.
        bought_wh: u128,
        /// Its deficit.
        deficit: Energy,
    },
    /// A member buys less than its deficit.
    #[error("member {member} buys {bought_wh} Wh but has a deficit of {deficit} (buy the rest from the grid)")]
    Underbought {
        /// The buyer.
        member: MemberId,
        /// Total of its purchases, in Wh.
        bought_wh: u128,
        /// Its deficit.
        deficit: Energy,
    },
    /// A trade with the grid is not at the member's own tariff.
    #[error(
        "trade {trade}: member {member} {} at {price} but its {} is {due}",
        if *buys { "buys from the grid" } else { "sells to the grid" },
        if *buys { "retail tariff" } else { "feed-in tariff" },
    )]
    GridPrice {
        /// Number of the trade.
        trade: usize,
        /// The member on the other side.
        member: MemberId,
        /// Whether the member buys, so that its retail tariff is due; otherwise its feed-in tariff is.
        buys: bool,
        /// The trade's price.
        price: Price,
        /// The price that the member's tariff requires.
        due: Price,
    },
    /// A price between members, or at which a member sells to the operator, is below the community's floor.
    #[error("trade {trade} is at {price}, below the community's price floor of {floor}")]
    PriceFloor {
        /// Number of the trade.
        trade: usize,
        /// The trade's price.
        price: Price,
        /// The lowest allowed price.
        floor: Price,
    },
    /// A price between members, or at which a member buys from the operator, is above the community's ceiling.
    #[error("trade {trade} is at {price}, above the community's price ceiling of {ceiling}")]
    PriceCeiling {
        /// Number of the trade.
        trade: usize,
        /// The trade's price.
        price: Price,
        /// The highest allowed price.
        ceiling: Price,
    },
    /// The operator keeps or invents energy.
    #[error("the operator buys {bought_wh} Wh but sells {sold_wh} Wh (it keeps no energy: both must be equal)")]
    OperatorEnergy {
        /// Total of its sales, in Wh.
        sold_wh: u128,
        /// Total of its purchases, in Wh.
        bought_wh: u128,
    },
    /// The operator pays more than it receives, or one of the totals does not fit 128 bits.
    #[error("the operator pays {paid} but takes in {received} (it may not lose money, and both must fit 128 bits)")]
    OperatorLoss {
        /// Proceeds of its sales.
        received: MoneySum,
        /// Cost of its purchases.
        paid: MoneySum,
    },
    /// The operator trades with the grid.
    #[error("trade {trade} is of {energy} between the operator and the grid (only members trade with the grid)")]
    GridOperator {
        /// Number of the trade.
        trade: usize,
        /// The trade's energy.
        energy: Energy,
    },
    /// The result has more trades than allowed.
    #[error("the result has {trades} trades, but at most {trades_max} are allowed for this round")]
    TooManyTrades {
        /// Number of trades in the result.
        trades: usize,
        /// The limit.
        trades_max: usize,
    },
}

codes! {
    Violation:
    UnknownMember => "unknown-member",
    SelfTrade => "self-trade",
    ZeroEnergy => "zero-energy",
    Oversold => "oversold",
    Undersold => "undersold",
    Overbought => "overbought",
    Underbought => "underbought",
    GridPrice => "grid-price",
    PriceFloor => "price-floor",
    PriceCeiling => "price-ceiling",
    OperatorEnergy => "operator-energy",
    OperatorLoss => "operator-loss",
    GridOperator => "grid-operator",
    TooManyTrades => "too-many-trades",
}

/// A sum of amounts in nEUR that cannot overflow: 192 bits, kept as a high and a low part.
///
/// Each amount is split into its low 64 bits, which are not negative, and the rest. With fewer than 2⁶³ amounts,
/// neither part overflows its 128 bits.
#[derive(Clone, Copy, Debug, Default)]
pub struct MoneySum {
    high: i128,
    low: u128,
}

impl MoneySum {
    /// Adds one amount.
    pub(super) fn add(&mut self, amount: Amount) {
        let nano_eur = amount.nano_eur();
        self.high += nano_eur >> 64;
        self.low += nano_eur.cast_unsigned() & u128::from(u64::MAX);
    }

    /// Carries the low part's excess over 64 bits into the high part, so that equal sums have equal parts, and sums
    /// compare part by part.
    fn normal(self) -> (i128, u128) {
        // OK because low >> 64 is below 2⁶⁴.
        (self.high + (self.low >> 64).cast_signed(), self.low & u128::from(u64::MAX))
    }

    /// Returns the sum; `None` if it does not fit 128 bits.
    pub fn amount(self) -> Option<Amount> {
        let (high, low) = self.normal();
        let high = i64::try_from(high).ok()?;
        // OK because the parts do not overlap: `high` has the upper 64 bits, `low` the lower.
        Some(Amount::from_nano_eur((i128::from(high) << 64) | low.cast_signed()))
    }
}

impl PartialEq for MoneySum {
    fn eq(&self, other: &MoneySum) -> bool {
        self.normal() == other.normal()
    }
}

impl Eq for MoneySum {}

impl PartialOrd for MoneySum {
    fn partial_cmp(&self, other: &MoneySum) -> Option<std::cmp::Ordering> {
        Some(self.normal().cmp(&other.normal()))
    }
}

impl fmt::Display for MoneySum {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.amount() {
            Some(amount) => write!(f, "{} nEUR", amount.nano_eur()),
            None if self.normal().0 < 0 => f.write_str("less than -2^127 nEUR"),
            None => f.write_str("more than 2^127 nEUR"),
        }
    }
}
