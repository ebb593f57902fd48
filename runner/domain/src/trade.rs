//! Trades: who sold how much energy to whom at what price, their ids, and their states on the way to payment.

use std::fmt;
use std::str::FromStr;

use crate::digest::{Hasher, read_hex, write_hex};
use crate::energy::Energy;
use crate::interval::Interval;
use crate::member::{GRID_NAME, MemberId, OPERATOR_NAME};
use crate::money::{Amount, Price};

/// One side of a trade.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Party {
    /// The grid: it sells at the member's retail tariff and buys at its feed-in tariff.
    Grid,
    /// The community's own account, for fees and the spread of a truthful auction.
    Operator,
    /// A member, as an index into the round's positions (from 0).
    Member(u32),
}

/// Prints `grid`, `operator` or `position 7`; [`Round::party_name`](crate::Round::party_name) knows the names of
/// members.
impl fmt::Display for Party {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Party::Grid => f.write_str(GRID_NAME),
            Party::Operator => f.write_str(OPERATOR_NAME),
            Party::Member(index) => write!(f, "position {index}"),
        }
    }
}

/// One exchange of energy for money. Until it has passed the balance check it is only an algorithm's claim.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Trade {
    /// The party that delivers the energy.
    pub seller: Party,
    /// The party that receives the energy.
    pub buyer: Party,
    /// The energy, in Wh; above 0 in a valid trade.
    pub energy: Energy,
    /// The price, in µEUR/kWh. If it is negative, the seller pays the buyer.
    pub price: Price,
}

impl Trade {
    /// Computes what the buyer pays the seller: energy × price, exactly, in nEUR.
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
    /// `grid`, `operator` or the member's name, which is never one of the two: see [`MemberId`].
    pub fn as_str(&self) -> &str {
        match self {
            NamedParty::Grid => GRID_NAME,
            NamedParty::Operator => OPERATOR_NAME,
            NamedParty::Member(member) => member.as_str(),
        }
    }

    /// The member, unless it is the grid or the operator.
    pub fn member(&self) -> Option<&MemberId> {
        match self {
            NamedParty::Member(member) => Some(member),
            NamedParty::Grid | NamedParty::Operator => None,
        }
    }
}

/// Prints [`NamedParty::as_str`].
impl fmt::Display for NamedParty {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
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

    /// The kind of a trade between these parties.
    pub fn between(seller: &NamedParty, buyer: &NamedParty) -> TradeKind {
        match (seller, buyer) {
            (NamedParty::Grid, _) => TradeKind::FromGrid,
            (_, NamedParty::Grid) => TradeKind::ToGrid,
            (_, NamedParty::Operator) => TradeKind::Operator,
            _ => TradeKind::Local,
        }
    }
}

/// The id of a stored trade: 96 bits derived from its place, which is its community, interval and number.
///
/// Whoever settles an interval gives its trades the same ids, so a trade cannot exist twice. An id is made of 32 bits
/// each: the minute in which the interval starts, a hash of the community's name, and the number. Ids of one interval
/// are therefore adjacent, and a database appends to its index instead of writing all over it. The text form is 24
/// hexadecimal digits, as on the platform's wire.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TradeId([u8; 12]);

/// The error for text that is not a trade id.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is not a trade id (24 hexadecimal digits are expected)")]
pub struct InvalidTradeId(String);

impl TradeId {
    /// Derives the id of the trade with this number (from 0) in a community's interval.
    ///
    /// # Panics
    /// If the number is 2³² or above: no result has so many trades, and two of them would get the same id.
    pub fn derive(community: &str, interval: Interval, number: u64) -> TradeId {
        CommunityCode::of(community).ids(interval).id(number)
    }

    /// Returns the minute since the Unix epoch in which the trade's interval starts.
    pub fn minute(&self) -> u64 {
        self.part(0).into()
    }

    /// Returns the code of the trade's community.
    pub fn community(&self) -> CommunityCode {
        CommunityCode(self.part(1))
    }

    /// Returns the trade's number in its interval.
    pub fn number(&self) -> u64 {
        self.part(2).into()
    }

    fn part(&self, index: usize) -> u32 {
        let bytes = self.0.as_chunks::<4>().0.get(index).copied();
        u32::from_be_bytes(bytes.unwrap_or_default())
    }

    /// Restores an id that was derived earlier.
    pub fn from_bytes(bytes: [u8; 12]) -> TradeId {
        TradeId(bytes)
    }

    /// Returns the 12 bytes.
    pub fn as_bytes(&self) -> &[u8; 12] {
        &self.0
    }
}

/// What stands for a community in the ids of its trades: 32 bits of a hash of its name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct CommunityCode(u32);

/// The ids of the trades of one interval: they differ in their number alone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TradeIds([u8; 8]);

impl CommunityCode {
    /// Derives a community's code from its name.
    pub fn of(community: &str) -> CommunityCode {
        let mut hasher = Hasher::new("rec-market community 1");
        hasher.text(community);
        let digest = hasher.finish();
        let bytes = digest.as_bytes().first_chunk().copied();
        CommunityCode(u32::from_be_bytes(bytes.unwrap_or_default()))
    }

    /// Returns the code as a number.
    pub fn number(self) -> u32 {
        self.0
    }

    /// Returns the ids of the trades of an interval of this community.
    pub fn ids(self, interval: Interval) -> TradeIds {
        let mut ids = [0; 8];
        // Intervals last at least a minute, so no two start in the same one.
        ids[..4].copy_from_slice(&four_bytes(interval.start().seconds() / 60));
        ids[4..].copy_from_slice(&self.0.to_be_bytes());
        TradeIds(ids)
    }
}

impl TradeIds {
    /// Returns the id of the trade with this number (from 0).
    ///
    /// # Panics
    /// As [`TradeId::derive`].
    pub fn id(&self, number: u64) -> TradeId {
        let mut id = [0; 12];
        id[..8].copy_from_slice(&self.0);
        id[8..].copy_from_slice(&four_bytes(number));
        TradeId(id)
    }
}

#[allow(clippy::expect_used, reason = "OK because the year 9999 is before minute 2³², and see the panics of `derive`")]
fn four_bytes(number: u64) -> [u8; 4] {
    u32::try_from(number).expect("a number below 2³² in a trade's id").to_be_bytes()
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

/// The state of a trade between members on its way to payment. The numbers are those of the platform's wire.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum State {
    /// Settled, but not yet forwarded to Transactions.
    Created = 0,
    /// Forwarded to Transactions.
    Sent = 1,
    /// Paid. Final.
    Paid = 2,
    /// Payment failed; it may be tried again.
    NotPaid = 3,
    /// Payment is impossible. Final.
    Error = 4,
}

impl State {
    /// Every state, in the order of their numbers.
    pub const ALL: [State; 5] = [State::Created, State::Sent, State::Paid, State::NotPaid, State::Error];

    /// Returns the state with this number on the wire and in stores; `None` if there is none.
    pub fn from_number(number: i64) -> Option<State> {
        State::ALL.into_iter().find(|state| *state as i64 == number)
    }

    /// Returns the state's name on the wire and in output.
    pub fn as_str(self) -> &'static str {
        match self {
            State::Created => "Created",
            State::Sent => "Sent",
            State::Paid => "Paid",
            State::NotPaid => "NotPaid",
            State::Error => "Error",
        }
    }

    /// Returns whether the transition is valid: Created → Sent; Sent → Paid, NotPaid or Error; NotPaid → Sent.
    pub fn may_become(self, next: State) -> bool {
        matches!(
            (self, next),
            (State::Created | State::NotPaid, State::Sent) | (State::Sent, State::Paid | State::NotPaid | State::Error)
        )
    }

    /// Returns whether a trade in this state is due to be forwarded to Transactions.
    pub fn is_waiting(self) -> bool {
        matches!(self, State::Created | State::NotPaid)
    }
}

impl fmt::Display for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
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
        // A literal, because ids that changed with a version would duplicate every trade.
        assert_eq!(id.to_string(), "01aeb270c49f028600000007");
        assert_ne!(id, TradeId::derive("aveiro", interval, 8));
        let parts = (id.minute() * 60, id.community(), id.number());
        assert_eq!(parts, (start.seconds(), CommunityCode::of("aveiro"), 7));
    }

    #[test]
    fn every_interval_has_ids_and_each_trade_its_own() {
        let start = Boundary::from_seconds(253_402_200_000).unwrap();
        let last = Interval::starting(start, IntervalLength::QUARTER_HOUR).unwrap();
        let id = |number| TradeId::derive("aveiro", last, number);
        assert_ne!(id(u64::from(u32::MAX)), id(0));
        assert!(std::panic::catch_unwind(|| id(1 << 32)).is_err());
    }

    #[test]
    fn states_have_the_numbers_and_names_of_the_wire() {
        assert_eq!(State::ALL.map(|state| state as i64), [0, 1, 2, 3, 4]);
        assert_eq!(State::ALL.map(State::as_str), ["Created", "Sent", "Paid", "NotPaid", "Error"]);
        assert_eq!(State::from_number(5), None);
        assert_eq!(State::from_number(3), Some(State::NotPaid));
    }

    #[test]
    fn only_these_transitions_are_valid() {
        let pairs = State::ALL.into_iter().flat_map(|from| State::ALL.map(|to| (from, to)));
        let valid: Vec<_> = pairs.filter(|(from, to)| from.may_become(*to)).map(|(a, b)| format!("{a}→{b}")).collect();
        assert_eq!(valid, ["Created→Sent", "Sent→Paid", "Sent→NotPaid", "Sent→Error", "NotPaid→Sent"]);
    }
}
