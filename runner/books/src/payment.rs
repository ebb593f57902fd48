//! Trades on their way to payment, in the platform's terms: queries, claims, pushes and payment reports.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use domain::trade::State;
use domain::{Energy, Interval, MemberId, NamedParty, PLATFORM_GRID, Price, TradeId};
use jiff::{SignedDuration, Timestamp};

use crate::error::StoreError;

/// A trade as the platform sees it, from our books or from the Python original's.
#[derive(Clone, Debug, PartialEq)]
pub struct Match {
    /// The trade's id.
    pub id: TradeId,
    /// The end of the trade's interval.
    pub end: Timestamp,
    /// The trade's community and interval; `None` for a trade of the Python original.
    pub of: Option<(String, Interval)>,
    /// The platform's name of the party that delivers the energy.
    pub seller: String,
    /// The platform's name of the party that receives the energy.
    pub buyer: String,
    /// Energy and price.
    pub quantity: Quantity,
    /// The state on the way to payment; `None` for trades with the grid, which are not forwarded.
    pub state: Option<State>,
    /// The payment's id on the ledger; `None` before one is reported.
    pub transaction_id: Option<String>,
    /// A remark for people: the start of a gap, or why a payment failed.
    pub message: Option<String>,
    /// When the trade was settled.
    pub created_at: Timestamp,
    /// When the trade's state last changed; `None` if it never did.
    pub updated_at: Option<Timestamp>,
}

/// Energy and price of a trade, exact or as the Python original stored them.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Quantity {
    /// From our own books.
    Exact {
        /// The energy, in whole Wh.
        energy: Energy,
        /// The price, in whole µEUR/kWh.
        price: Price,
    },
    /// From the Python original, which stored floating-point numbers. They are reported unchanged and never used in a
    /// computation.
    Original {
        /// The energy, in kWh.
        kwh: f64,
        /// The price, in EUR/kWh.
        eur_per_kwh: f64,
    },
}

/// A filter for trades. A trade must satisfy every condition that is set.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct MatchFilter {
    /// Who buys.
    pub buyer: Option<WireParty>,
    /// Who sells.
    pub seller: Option<WireParty>,
    /// The trade is in one of these states. Empty matches every trade, including those without a state. A trade that is
    /// asked for by its id also matches as `Sent` if its claim has lapsed and nobody has claimed it since.
    pub states: BTreeSet<State>,
    /// The trade's interval ends at or after this instant.
    pub from: Option<Timestamp>,
    /// The trade's interval ends before this instant.
    pub to: Option<Timestamp>,
    /// The trade has this id.
    pub id: Option<TradeId>,
}

/// The parties of trades that have one name on the wire.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct WireParty {
    /// Who has this name in the books, in any community and in the Python original's trades,
    pub name: String,
    /// but for the member of that name in these communities, which has a wallet with another;
    pub elsewhere: BTreeSet<String>,
    /// and these members, each with its community, whose wallet has this name.
    pub members: BTreeSet<(String, MemberId)>,
}

/// Whoever has this name in the books.
impl From<&str> for WireParty {
    fn from(name: &str) -> WireParty {
        WireParty { name: name.to_owned(), ..WireParty::default() }
    }
}

/// A page of an ordered result.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Window {
    /// Number of entries to skip.
    pub skip: u64,
    /// Maximum number of entries to return.
    pub limit: usize,
}

impl Window {
    /// Returns the window of the first `limit` entries.
    pub fn first(limit: usize) -> Window {
        Window { skip: 0, limit }
    }
}

impl MatchFilter {
    /// Whether the filter finds a trade whose claim has lapsed as `Sent`: Transactions asks so before it pays or reports.
    pub fn finds_lapsed(&self) -> bool {
        self.id.is_some() && self.states.contains(&State::Sent)
    }

    /// Shows a trade that the filter found: one that it found only because its claim has lapsed is shown as `Sent`.
    pub fn show(&self, found: Match) -> Match {
        let is_named = found.state.is_some_and(|state| self.states.contains(&state));
        if self.finds_lapsed() && !is_named { Match { state: Some(State::Sent), ..found } } else { found }
    }
}

/// Which waiting trades are offered for payment: those of intervals that end after an instant, or all. The others stay as
/// they are and wait for nobody, such as what was paid before the market took over.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct OfferedSince(pub Option<Timestamp>);

impl OfferedSince {
    /// Returns the earliest end of an interval whose trades are offered; `None` if all are.
    pub fn first_end(self) -> Option<Timestamp> {
        self.0.map(|since| since.checked_add(SignedDuration::from_nanos(1)).unwrap_or(Timestamp::MAX))
    }

    /// Returns the filter of all trades that wait and are offered, those of one buyer if given.
    pub fn waiting(self, buyer: Option<&WireParty>) -> MatchFilter {
        let states = State::ALL.into_iter().filter(|state| state.is_waiting()).collect();
        MatchFilter { buyer: buyer.cloned(), states, from: self.first_end(), ..MatchFilter::default() }
    }
}

/// The longest time for which trades can be claimed.
pub const CLAIM_TERM_MAX: Duration = Duration::from_secs(7 * 24 * 60 * 60);

/// A claim of a buyer's waiting trades for payment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Claim {
    /// Who buys.
    pub buyer: WireParty,
    /// Which trades are offered.
    pub since: OfferedSince,
    /// When the claim is made.
    pub now: Timestamp,
    /// When the claim lapses, at most [`CLAIM_TERM_MAX`] later: trades that nobody has reported on by then return to their previous state and are offered
    /// again. Until they are claimed again, a report is still accepted as if they were `Sent`.
    pub until: Timestamp,
}

impl Claim {
    /// What people should know of a claim that lasts longer than any can.
    pub const TOO_FAR: &str =
        "trades were claimed for longer than they can be: some clock was wrong, or this one is; they wait again";

    /// Returns the latest instant at which a claim that is made now can lapse. One that lasts longer was made by a clock
    /// that was wrong, and has lapsed.
    pub fn latest_end(now: Timestamp) -> Timestamp {
        now.checked_add(CLAIM_TERM_MAX).unwrap_or(Timestamp::MAX)
    }

    /// Returns the filter of the trades that the claim may take.
    pub fn filter(&self) -> MatchFilter {
        self.since.waiting(Some(&self.buyer))
    }
}

/// Which trades are due to be pushed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Due {
    /// Which trades are offered.
    pub since: OfferedSince,
    /// A trade that was not paid is pushed again if it has been so since this instant or earlier.
    pub again: Timestamp,
    /// Claims that lapsed by now have returned.
    pub now: Timestamp,
}

/// A payment report by Transactions on one trade.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MatchUpdate {
    /// The trade's id.
    pub id: TradeId,
    /// The trade's new state.
    pub state: State,
    /// The payment's id on the ledger; `None` leaves the stored one.
    pub transaction_id: Option<String>,
    /// A remark for people; `None` leaves the stored one.
    pub message: Option<String>,
}

/// The backlog of trades to forward.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct OutboxDepth {
    /// Number of waiting trades.
    pub waiting: u64,
    /// The end of the interval of the oldest waiting trade; `None` if no trade waits.
    pub oldest: Option<Timestamp>,
}

/// Why a payment report is refused.
#[derive(Debug, thiserror::Error)]
pub enum UpdateError {
    /// No trade has this id.
    #[error("there is no trade {0}")]
    Unknown(TradeId),
    /// The trade is with the grid, so it is never paid.
    #[error("trade {0} is with the grid and has no state (only trades between members are paid)")]
    Stateless(TradeId),
    /// The trade cannot change from its state to the reported one.
    #[error(
        "trade {id} is {from} and cannot become {to} (possible are Created → Sent → Paid, NotPaid or Error, and NotPaid → Sent)"
    )]
    Transition {
        /// The trade's id.
        id: TradeId,
        /// The trade's stored state.
        from: State,
        /// The reported state.
        to: State,
    },
    /// Two reports, of one list or one after the other, name different payments of one trade.
    #[error(
        "trade {id} has the payment {first:?}, and a report names {second:?} as well (if both are on the ledger, one must be returned; report the other alone)"
    )]
    Contradiction {
        /// The trade's id.
        id: TradeId,
        /// The payment that was reported first.
        first: String,
        /// The payment that the later report names.
        second: String,
    },
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// The stored values of a trade that a report may change.
#[derive(Clone, Copy, Debug)]
pub struct Reported<'t> {
    /// The trade's state; `None` for trades with the grid. `Sent` if its claim has lapsed and nobody has claimed it since:
    /// a payment on the ledger is a fact, however late it is reported.
    pub state: Option<State>,
    /// The payment's id on the ledger, if one was reported.
    pub transaction_id: Option<&'t str>,
    /// The trade's remark, if any.
    pub message: Option<&'t str>,
}

impl MatchUpdate {
    /// Checks that the report may be applied to a trade with these stored values.
    ///
    /// A report may arrive again because the answer to it was lost; applying it a second time changes nothing. A
    /// claimed trade may be confirmed as `Sent`, with its payment's id.
    ///
    /// # Errors
    /// If the trade has no state, cannot change from its state to the reported one, or has another payment.
    pub fn check(&self, now: Reported<'_>) -> Result<(), UpdateError> {
        let from = now.state.ok_or(UpdateError::Stateless(self.id))?;
        let same = |new: Option<&str>, old: Option<&str>| new.is_none() || new == old;
        let again =
            same(self.transaction_id.as_deref(), now.transaction_id) && same(self.message.as_deref(), now.message);
        let confirmed = self.state == State::Sent && (now.transaction_id.is_none() || again);
        if from.may_become(self.state) || (from == self.state && from != State::Created && (again || confirmed)) {
            return Ok(());
        }
        match (now.transaction_id, self.transaction_id.as_deref()) {
            (Some(first), Some(second)) if from == self.state && first != second => {
                let (first, second) = (first.to_owned(), second.to_owned());
                Err(UpdateError::Contradiction { id: self.id, first, second })
            }
            _ => Err(UpdateError::Transition { id: self.id, from, to: self.state }),
        }
    }
}

/// Checks that the reports of a list agree on the payment of each trade. The same report may be there twice.
///
/// # Errors
/// If two name different payments of one trade.
pub fn check_agreement(updates: &[MatchUpdate]) -> Result<(), UpdateError> {
    let mut payments: BTreeMap<TradeId, &str> = BTreeMap::new();
    for MatchUpdate { id, transaction_id, .. } in updates {
        let Some(second) = transaction_id.as_deref() else { continue };
        let first = *payments.entry(*id).or_insert(second);
        if first != second {
            let (first, second) = (first.to_owned(), second.to_owned());
            return Err(UpdateError::Contradiction { id: *id, first, second });
        }
    }
    Ok(())
}

/// Returns the party's name on the platform's wire, where the grid is [`PLATFORM_GRID`].
pub fn platform_name(party: &NamedParty) -> &str {
    match party {
        NamedParty::Grid => PLATFORM_GRID,
        NamedParty::Operator => "operator",
        NamedParty::Member(member) => member.as_str(),
    }
}
