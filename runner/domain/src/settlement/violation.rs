//! The closed list of rules that a result can break, each with the trade or member and both numbers.

use std::fmt;

use crate::energy::Energy;
use crate::member::MemberId;
use crate::money::{Amount, Price};

/// One broken rule. Trades are counted from 0, in the order the algorithm gave them.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Violation {
    /// An index outside the positions.
    #[error("trade {trade} names position {index}, but the round has {positions} positions (counted from 0)")]
    UnknownMember {
        /// The trade.
        trade: usize,
        /// The index it names.
        index: u32,
        /// How many positions there are.
        positions: usize,
    },
    /// Seller and buyer are the same party.
    #[error("trade {trade} has {party} on both sides (seller and buyer must differ)")]
    SelfTrade {
        /// The trade.
        trade: usize,
        /// The party, as a person would name it.
        party: String,
    },
    /// A trade without energy.
    #[error("trade {trade} is of 0 Wh (a trade is of at least 1 Wh; leave it out)")]
    ZeroEnergy {
        /// The trade.
        trade: usize,
    },
    /// A member sells more than it has.
    #[error("member {member} sells {sold_wh} Wh but has a surplus of {surplus}")]
    Oversold {
        /// The member.
        member: MemberId,
        /// What all its sales add up to, in Wh.
        sold_wh: u128,
        /// What it has.
        surplus: Energy,
    },
    /// A member sells less than it has.
    #[error("member {member} sells {sold_wh} Wh but has a surplus of {surplus} (sell the rest to the grid)")]
    Undersold {
        /// The member.
        member: MemberId,
        /// What all its sales add up to, in Wh.
        sold_wh: u128,
        /// What it has.
        surplus: Energy,
    },
    /// A member buys more than it needs.
    #[error("member {member} buys {bought_wh} Wh but has a deficit of {deficit}")]
    Overbought {
        /// The member.
        member: MemberId,
        /// What all its purchases add up to, in Wh.
        bought_wh: u128,
        /// What it needs.
        deficit: Energy,
    },
    /// A member buys less than it needs.
    #[error("member {member} buys {bought_wh} Wh but has a deficit of {deficit} (buy the rest from the grid)")]
    Underbought {
        /// The member.
        member: MemberId,
        /// What all its purchases add up to, in Wh.
        bought_wh: u128,
        /// What it needs.
        deficit: Energy,
    },
    /// A trade with the grid that is not at the member's own tariff.
    #[error(
        "trade {trade}: member {member} {} at {price} but its {} is {due}",
        if *buys { "buys from the grid" } else { "sells to the grid" },
        if *buys { "retail tariff" } else { "feed-in tariff" },
    )]
    GridPrice {
        /// The trade.
        trade: usize,
        /// The member.
        member: MemberId,
        /// Whether the member buys, so that its retail tariff is due, and not its feed-in.
        buys: bool,
        /// The trade's price.
        price: Price,
        /// The member's tariff.
        due: Price,
    },
    /// A price between members below the community's limit.
    #[error("trade {trade} is at {price}, below the community's price floor of {floor}")]
    PriceFloor {
        /// The trade.
        trade: usize,
        /// Its price.
        price: Price,
        /// The limit.
        floor: Price,
    },
    /// A price between members above the community's limit.
    #[error("trade {trade} is at {price}, above the community's price ceiling of {ceiling}")]
    PriceCeiling {
        /// The trade.
        trade: usize,
        /// Its price.
        price: Price,
        /// The limit.
        ceiling: Price,
    },
    /// The operator keeps or invents energy.
    #[error("the operator buys {bought_wh} Wh but sells {sold_wh} Wh (it keeps no energy: both must be equal)")]
    OperatorEnergy {
        /// What its sales add up to, in Wh.
        sold_wh: u128,
        /// What its purchases add up to, in Wh.
        bought_wh: u128,
    },
    /// The operator pays out more than it takes in.
    #[error("the operator pays {paid} but takes in {received} (it may not lose money, and both must fit 128 bits)")]
    OperatorLoss {
        /// What its sales bring.
        received: MoneySum,
        /// What its purchases cost.
        paid: MoneySum,
    },
    /// The operator trades with the grid.
    #[error("trade {trade} is of {energy} between the operator and the grid (only members trade with the grid)")]
    GridOperator {
        /// The trade.
        trade: usize,
        /// Its energy.
        energy: Energy,
    },
    /// More trades than allowed.
    #[error("the result has {trades} trades, but at most {trades_max} are allowed for this round")]
    TooManyTrades {
        /// How many there are.
        trades: usize,
        /// How many may be.
        trades_max: usize,
    },
}

impl Violation {
    /// Every code, so that none is missing where they are counted.
    pub const CODES: [&str; 14] = [
        "unknown-member",
        "self-trade",
        "zero-energy",
        "oversold",
        "undersold",
        "overbought",
        "underbought",
        "grid-price",
        "price-floor",
        "price-ceiling",
        "operator-energy",
        "operator-loss",
        "grid-operator",
        "too-many-trades",
    ];

    /// The rule's code in the contract's closed list.
    pub fn code(&self) -> &'static str {
        match self {
            Violation::UnknownMember { .. } => "unknown-member",
            Violation::SelfTrade { .. } => "self-trade",
            Violation::ZeroEnergy { .. } => "zero-energy",
            Violation::Oversold { .. } => "oversold",
            Violation::Undersold { .. } => "undersold",
            Violation::Overbought { .. } => "overbought",
            Violation::Underbought { .. } => "underbought",
            Violation::GridPrice { .. } => "grid-price",
            Violation::PriceFloor { .. } => "price-floor",
            Violation::PriceCeiling { .. } => "price-ceiling",
            Violation::OperatorEnergy { .. } => "operator-energy",
            Violation::OperatorLoss { .. } => "operator-loss",
            Violation::GridOperator { .. } => "grid-operator",
            Violation::TooManyTrades { .. } => "too-many-trades",
        }
    }
}

/// A sum of amounts that cannot overflow: 192 bits, as a high and a low part.
///
/// Each amount is split into its low 64 bits (never negative) and the rest. With fewer than 2⁶³ amounts neither part's
/// 128 bits can overflow.
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

    /// The same sum with a low part below 2⁶⁴, so that equal sums have equal parts and order is by parts.
    fn normal(self) -> (i128, u128) {
        // OK because low >> 64 is below 2⁶⁴.
        (self.high + (self.low >> 64).cast_signed(), self.low & u128::from(u64::MAX))
    }

    /// The sum, if it fits 128 bits.
    pub fn amount(self) -> Option<Amount> {
        let (high, low) = self.normal();
        let high = i64::try_from(high).ok()?;
        // OK because the parts do not overlap: high has the upper 64 bits, low the lower.
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
