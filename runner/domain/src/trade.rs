//! Trades: who gave how much energy to whom at what price.

use std::fmt;
use std::str::FromStr;

use crate::digest::{Hasher, read_hex, write_hex};
use crate::energy::Energy;
use crate::interval::Interval;
use crate::member::MemberId;
use crate::money::{Amount, Price};

/// One side of a trade.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Party {
    /// The grid.
    Grid,
    /// The community's own account: fees, the spread of a truthful auction.
    Operator,
    /// A member, as the index into the round's positions.
    Member(u32),
}

/// One exchange of energy for money. Until a check it is only what an algorithm claims.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Trade {
    /// Who gives the energy.
    pub seller: Party,
    /// Who takes the energy.
    pub buyer: Party,
    /// The energy.
    pub energy: Energy,
    /// The price.
    pub price: Price,
}

impl Trade {
    /// What the buyer pays the seller.
    pub fn amount(&self) -> Amount {
        Amount::of(self.energy, self.price)
    }
}

/// One side of a trade by name: what it is called outside of its round.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum NamedParty {
    /// The grid.
    Grid,
    /// The community's own account.
    Operator,
    /// A member.
    Member(MemberId),
}

impl NamedParty {
    /// The member, unless it is the grid or the operator.
    pub fn member(&self) -> Option<&MemberId> {
        match self {
            NamedParty::Member(member) => Some(member),
            NamedParty::Grid | NamedParty::Operator => None,
        }
    }
}

/// `grid`, `operator` or the member's name, which is never one of the two: see [`MemberId`].
impl fmt::Display for NamedParty {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            NamedParty::Grid => "grid",
            NamedParty::Operator => "operator",
            NamedParty::Member(member) => member.as_str(),
        })
    }
}

/// One exchange of energy for money between named parties.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NamedTrade {
    /// Who gives the energy.
    pub seller: NamedParty,
    /// Who takes the energy.
    pub buyer: NamedParty,
    /// The energy.
    pub energy: Energy,
    /// The price.
    pub price: Price,
}

/// Which way the energy of a trade goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum TradeKind {
    /// To a member, from another member or from the operator.
    Local,
    /// From the grid.
    FromGrid,
    /// To the grid.
    ToGrid,
    /// To the operator, which sells the same energy again: that second trade is local.
    Operator,
}

impl TradeKind {
    /// Every kind, in the order of their declaration.
    pub const ALL: [TradeKind; 4] = [TradeKind::Local, TradeKind::FromGrid, TradeKind::ToGrid, TradeKind::Operator];

    /// The name in metrics and logs.
    pub fn as_str(self) -> &'static str {
        match self {
            TradeKind::Local => "local",
            TradeKind::FromGrid => "from_grid",
            TradeKind::ToGrid => "to_grid",
            TradeKind::Operator => "operator",
        }
    }

    /// Whether the grid is one of the parties. Such a trade is billed by the supplier, and never forwarded for payment.
    pub fn is_with_grid(self) -> bool {
        matches!(self, TradeKind::FromGrid | TradeKind::ToGrid)
    }

    fn of(seller_is_grid: bool, buyer_is_grid: bool, buyer_is_operator: bool) -> TradeKind {
        match (seller_is_grid, buyer_is_grid, buyer_is_operator) {
            (true, ..) => TradeKind::FromGrid,
            (_, true, _) => TradeKind::ToGrid,
            (.., true) => TradeKind::Operator,
            _ => TradeKind::Local,
        }
    }

    /// The kind of a trade between these parties of a round.
    pub fn between(seller: Party, buyer: Party) -> TradeKind {
        TradeKind::of(seller == Party::Grid, buyer == Party::Grid, buyer == Party::Operator)
    }

    /// The kind of a trade between these named parties.
    pub fn between_named(seller: &NamedParty, buyer: &NamedParty) -> TradeKind {
        TradeKind::of(*seller == NamedParty::Grid, *buyer == NamedParty::Grid, *buyer == NamedParty::Operator)
    }
}

/// The id of a stored trade: 96 bits derived from its place, which is its community, interval and number.
///
/// Whoever settles an interval gives its trades the same ids, so the same trade cannot exist twice. The minute in which
/// the interval starts, then 32 bits of a hash of the community's name, then the number: ids of one interval lie side by
/// side, and a database appends to its index instead of writing all over it. Prints as the 24 hexadecimal digits of the
/// platform's wire.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TradeId([u8; 12]);

/// A text that is no trade id.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is no trade id (24 hexadecimal digits)")]
pub struct InvalidTradeId(String);

impl TradeId {
    /// The id of the trade with that number in that community's interval.
    pub fn derive(community: &str, interval: Interval, number: u64) -> TradeId {
        let mut hasher = Hasher::new("rec-market community 1");
        hasher.text(community);
        let community = hasher.finish();
        // OK because intervals last a minute or more, so no two start in one, and the year 9999 is before minute 2³²; no
        // result has 2³² trades, and a store that keeps ids unique would refuse the second of two that saturate.
        let saturate = |number: u64| u32::try_from(number).unwrap_or(u32::MAX).to_be_bytes();
        let mut id = [0; 12];
        id[..4].copy_from_slice(&saturate(interval.start().seconds() / 60));
        id[4..8].copy_from_slice(&community.as_bytes()[..4]);
        id[8..].copy_from_slice(&saturate(number));
        TradeId(id)
    }

    /// An id that was derived earlier.
    pub fn from_bytes(bytes: [u8; 12]) -> TradeId {
        TradeId(bytes)
    }

    /// The 12 bytes.
    pub fn as_bytes(&self) -> &[u8; 12] {
        &self.0
    }
}

impl fmt::Display for TradeId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write_hex(f, &self.0)
    }
}

impl fmt::Debug for TradeId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl FromStr for TradeId {
    type Err = InvalidTradeId;

    fn from_str(text: &str) -> Result<TradeId, InvalidTradeId> {
        read_hex(text).map(TradeId).ok_or_else(|| InvalidTradeId(text.to_owned()))
    }
}

/// Where a trade between members is on its way to payment. The numbers are the platform's.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum State {
    /// Settled, not yet forwarded.
    Created = 0,
    /// Handed to Transactions.
    Sent = 1,
    /// Paid.
    Paid = 2,
    /// Payment did not happen; may be tried again.
    NotPaid = 3,
    /// Payment is impossible.
    Error = 4,
}

impl State {
    /// Every state, in order of its number.
    pub const ALL: [State; 5] = [State::Created, State::Sent, State::Paid, State::NotPaid, State::Error];

    /// The state with that number on the wire and in a store.
    pub fn from_number(number: i64) -> Option<State> {
        State::ALL.into_iter().find(|state| *state as i64 == number)
    }

    /// Whether a trade in this state may come into that one: Created → Sent → Paid, NotPaid or Error, and NotPaid → Sent.
    pub fn may_become(self, next: State) -> bool {
        matches!(
            (self, next),
            (State::Created | State::NotPaid, State::Sent) | (State::Sent, State::Paid | State::NotPaid | State::Error)
        )
    }

    /// Whether a trade in this state waits to be handed to Transactions.
    pub fn is_waiting(self) -> bool {
        matches!(self, State::Created | State::NotPaid)
    }
}

impl fmt::Display for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::interval::{Boundary, IntervalLength};

    #[test]
    fn ids_are_the_same_for_whoever_derives_them() {
        let start = Boundary::from_seconds(1_693_569_600).unwrap();
        let interval = Interval::starting(start, IntervalLength::QUARTER_HOUR).unwrap();
        let id = TradeId::derive("aveiro", interval, 7);
        assert_eq!(id.to_string().len(), 24);
        assert_eq!(id.to_string().parse(), Ok(id));
        // Written down, because ids that change with a version would double every trade.
        assert_eq!(id.to_string(), "01aeb270c49f028600000007");
        assert_ne!(id, TradeId::derive("aveiro", interval, 8));
    }

    #[test]
    fn states_have_the_numbers_of_the_wire() {
        assert_eq!(State::ALL.map(|state| state as i64), [0, 1, 2, 3, 4]);
        assert_eq!(State::from_number(5), None);
        assert_eq!(State::from_number(3), Some(State::NotPaid));
    }

    #[test]
    fn only_real_transitions_are_possible() {
        let pairs = State::ALL.into_iter().flat_map(|from| State::ALL.map(|to| (from, to)));
        let possible: Vec<_> =
            pairs.filter(|(from, to)| from.may_become(*to)).map(|(a, b)| format!("{a}→{b}")).collect();
        assert_eq!(possible, ["Created→Sent", "Sent→Paid", "Sent→NotPaid", "Sent→Error", "NotPaid→Sent"]);
    }
}
