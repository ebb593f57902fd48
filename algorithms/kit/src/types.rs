//! What an algorithm gets and returns, as `wit/market.wit` defines it.
//!
//! Whole numbers only: energy in watt-hours (Wh), prices in micro-euro per kilowatt-hour (µEUR/kWh). Energy × price is then a
//! whole number of nano-euro, so money never needs rounding.

use alloc::{string::String, vec::Vec};

/// What one member has and wants in one interval.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Position {
    /// The member's name, unique within the round.
    pub member: String,
    /// Energy the member has to sell, in Wh. It must be sold to the last watt-hour.
    pub surplus: u64,
    /// Energy the member needs to buy, in Wh. It must be bought to the last watt-hour.
    pub deficit: u64,
    /// The lowest price at which the member sells, in µEUR/kWh.
    pub offer: i64,
    /// The highest price at which the member buys, in µEUR/kWh.
    pub bid: i64,
    /// What the grid charges this member, in µEUR/kWh.
    pub retail: i64,
    /// What the grid pays this member, in µEUR/kWh.
    pub feed_in: i64,
    /// The member's sharing coefficient, in parts per million.
    pub share: u32,
    /// The member's priority; 0 comes first.
    pub rank: u32,
}

/// The input of one clearing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Round {
    /// The community's name.
    pub community: String,
    /// Start of the interval, in Unix seconds (UTC).
    pub start: u64,
    /// Length of the interval, in seconds.
    pub duration: u32,
    /// The community's reference tariff for energy from the grid, in µEUR/kWh.
    pub retail: i64,
    /// The community's reference tariff for energy to the grid, in µEUR/kWh.
    pub feed_in: i64,
    /// The lowest allowed price of a trade between members, and of what a member sells to the operator, in µEUR/kWh; `None` if
    /// there is no limit.
    pub price_floor: Option<i64>,
    /// The highest allowed price of a trade between members, and of what a member buys from the operator, in µEUR/kWh; `None`
    /// if there is no limit.
    pub price_ceiling: Option<i64>,
    /// A number derived from community and start, for algorithms that need reproducible random numbers.
    pub seed: u64,
    /// The community's settings for this algorithm, as (key, value), sorted by key.
    pub settings: Vec<(String, String)>,
    /// One position per member, sorted by `member` in byte order.
    pub positions: Vec<Position>,
}

/// One side of a trade.
// In memory as the interface has it, so that trades are handed over as they lie there; `component.rs` checks that.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(C, u8)]
pub enum Party {
    /// The grid. It sells at the member's `retail` price and buys at its `feed_in` price.
    Grid,
    /// The community's own account. It keeps no energy, must not lose money, and cannot trade with the grid.
    Operator,
    /// A member, as an index into `positions` (from 0).
    Member(u32),
}

/// One exchange of energy for money.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(C)]
pub struct Trade {
    /// The party that delivers the energy.
    pub seller: Party,
    /// The party that receives the energy.
    pub buyer: Party,
    /// The energy, in Wh; never 0.
    pub energy: u64,
    /// The price, in µEUR/kWh.
    pub price: i64,
}
