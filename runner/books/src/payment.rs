//! A trade on its way to payment: how it is found, claimed, pushed and reported of, in the platform's terms.

use std::collections::BTreeSet;

use domain::trade::State;
use domain::{Energy, Interval, NamedParty, PLATFORM_GRID, Price, TradeId};
use jiff::Timestamp;

use crate::error::StoreError;

/// A trade as the platform sees it: one of our books, or one that the Python original left in them.
#[derive(Clone, Debug, PartialEq)]
pub struct Match {
    /// Its id.
    pub id: TradeId,
    /// The end of its interval.
    pub end: Timestamp,
    /// Its community and interval; none if the original made it.
    pub of: Option<(String, Interval)>,
    /// Who gave the energy, by the name on the platform.
    pub seller: String,
    /// Who took the energy, by the name on the platform.
    pub buyer: String,
    /// How much, at what price.
    pub quantity: Quantity,
    /// Where it is on its way to payment; none for trades with the grid, which are not forwarded.
    pub state: Option<State>,
    /// The payment's id on the ledger.
    pub transaction_id: Option<String>,
    /// A remark: the start of a gap, why a payment failed.
    pub message: Option<String>,
    /// When it was settled.
    pub created_at: Timestamp,
    /// When its state last changed, if ever.
    pub updated_at: Option<Timestamp>,
}

/// Energy and price of a trade.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Quantity {
    /// One of our own.
    Exact {
        /// Whole Wh.
        energy: Energy,
        /// Whole µEUR/kWh.
        price: Price,
    },
    /// One of the original's, which kept floating-point numbers; they are shown as they are, and never computed with.
    Original {
        /// Energy in kWh.
        kwh: f64,
        /// Price in EUR/kWh.
        eur_per_kwh: f64,
    },
}

/// Which trades; everything that is set narrows.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct MatchFilter {
    /// The buyer, by its name on the platform.
    pub buyer: Option<String>,
    /// The seller, by its name on the platform.
    pub seller: Option<String>,
    /// Any of these states; empty for every trade, those without a state too.
    pub states: BTreeSet<State>,
    /// The interval's end is at or after this.
    pub from: Option<Timestamp>,
    /// The interval's end is before this.
    pub to: Option<Timestamp>,
    /// The trade with that id.
    pub id: Option<TradeId>,
}

/// A part of an ordered answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Window {
    /// How many to leave out at the beginning.
    pub skip: u64,
    /// How many at most.
    pub limit: usize,
}

impl Window {
    /// The first so many.
    pub fn first(limit: usize) -> Window {
        Window { skip: 0, limit }
    }
}

/// A request for a buyer's waiting trades.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Claim {
    /// The buyer, by its name on the platform.
    pub buyer: String,
    /// When it is made.
    pub now: Timestamp,
    /// When trades return that nobody reports of.
    pub until: Timestamp,
}

/// What Transactions reports of one trade.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MatchUpdate {
    /// The trade.
    pub id: TradeId,
    /// The state it has now.
    pub state: State,
    /// The payment's id on the ledger; none leaves it as it is.
    pub transaction_id: Option<String>,
    /// A remark; none leaves it as it is.
    pub message: Option<String>,
}

/// What waits to be forwarded.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct OutboxDepth {
    /// How many trades.
    pub waiting: u64,
    /// The end of the oldest one's interval.
    pub oldest: Option<Timestamp>,
}

/// A report that is not applied.
#[derive(Debug, thiserror::Error)]
pub enum UpdateError {
    /// There is no such trade.
    #[error("there is no trade {0}")]
    Unknown(TradeId),
    /// A trade with the grid is never paid.
    #[error("trade {0} is with the grid and has no state (only trades between members are paid)")]
    Stateless(TradeId),
    /// The trade cannot come into that state.
    #[error(
        "trade {id} is {from} and cannot become {to} (possible are Created → Sent → Paid, NotPaid or Error, and NotPaid → Sent)"
    )]
    Transition {
        /// The trade.
        id: TradeId,
        /// Its state.
        from: State,
        /// What was reported.
        to: State,
    },
    /// The store is to blame.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// What a trade has that a report may change.
#[derive(Clone, Copy, Debug)]
pub struct Reported<'t> {
    /// Its state.
    pub state: Option<State>,
    /// The payment's id on the ledger.
    pub transaction_id: Option<&'t str>,
    /// Its remark.
    pub message: Option<&'t str>,
}

impl MatchUpdate {
    /// Whether a report may be applied to a trade that stands like this.
    ///
    /// A report that was applied before may come again, because its answer may have been lost: it changes nothing. A
    /// trade that was claimed may be confirmed as `Sent`, with its payment's id.
    ///
    /// # Errors
    /// If the trade has no state, or cannot come from its state into the reported one.
    pub fn check(&self, now: Reported<'_>) -> Result<(), UpdateError> {
        let from = now.state.ok_or(UpdateError::Stateless(self.id))?;
        let same = |new: Option<&str>, old: Option<&str>| new.is_none() || new == old;
        let again =
            same(self.transaction_id.as_deref(), now.transaction_id) && same(self.message.as_deref(), now.message);
        let confirmed = self.state == State::Sent && (now.transaction_id.is_none() || again);
        if from.may_become(self.state) || (from == self.state && from != State::Created && (again || confirmed)) {
            Ok(())
        } else {
            Err(UpdateError::Transition { id: self.id, from, to: self.state })
        }
    }
}

/// The party's name on the platform's wire, where the grid is [`PLATFORM_GRID`].
pub fn platform_name(party: &NamedParty) -> &str {
    match party {
        NamedParty::Grid => PLATFORM_GRID,
        NamedParty::Operator => "operator",
        NamedParty::Member(member) => member.as_str(),
    }
}
