//! Netting: from registers to each member's surplus and deficit in one interval, gaps, and events.
//!
//! [`net`] is a pure function of the last registers of every meter and the registers read at the interval's end. What a
//! meter measured between two consecutive boundaries goes into its member's position. A meter that missed boundaries is
//! settled with the grid alone, over the whole gap, when it is read again. So is one whose readings made no sense, as far
//! as [`crate::disputes`] counts them. The settled energy therefore always telescopes to the change of the registers.

#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::str::FromStr;

use jiff::Timestamp;

use crate::disputes::{Finding, MeterRules, ReadAt};
pub use crate::disputes::{LastRead, LastReads};
use crate::energy::Energy;
use crate::interval::{Boundary, Interval};
use crate::member::{MemberId, MeterId};
pub use crate::ownership::Ownership;
use crate::ownership::{Owner, Standing};
use crate::reading::{BoundaryReadings, Registers};

/// How import and export within one interval become surplus and deficit. The text forms are `net` and `gross`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Basis {
    /// The difference is one surplus or one deficit, as in the Python original.
    #[default]
    Net,
    /// Export is surplus and import is deficit, both at once, as the sharing rules of AT, BE, DE, FR and PT require.
    Gross,
}

/// The error for text that does not name a basis.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is not a basis (it must be \"net\" or \"gross\")")]
pub struct InvalidBasis(String);

impl Basis {
    /// Every basis.
    pub const ALL: [Basis; 2] = [Basis::Net, Basis::Gross];

    /// Returns its name in configurations and stores.
    pub fn as_str(self) -> &'static str {
        match self {
            Basis::Net => "net",
            Basis::Gross => "gross",
        }
    }
}

impl fmt::Display for Basis {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for Basis {
    type Err = InvalidBasis;

    fn from_str(text: &str) -> Result<Basis, InvalidBasis> {
        Basis::ALL.into_iter().find(|basis| basis.as_str() == text).ok_or_else(|| InvalidBasis(text.to_owned()))
    }
}

/// A member's energy in one interval. Both parts are 0 for a member that was read but neither drew nor fed in energy.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Balance {
    /// Energy to sell, in Wh; at most 2⁶³ − 1.
    pub surplus: Energy,
    /// Energy to buy, in Wh; at most 2⁶³ − 1.
    pub deficit: Energy,
}

/// The energy of a meter that missed boundaries. It is traded with the grid alone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Gap {
    /// The meter that was not read.
    pub meter: MeterId,
    /// The member for which the meter counts.
    pub member: MemberId,
    /// The last boundary at which the meter was read before the gap.
    pub since: Boundary,
    /// The energy over the whole gap.
    pub balance: Balance,
}

/// An occurrence at a meter that people should know of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Event {
    /// The meter concerned.
    pub meter: MeterId,
    /// What happened.
    pub kind: EventKind,
}

/// What can happen to a meter at a boundary. The `Display` form is the event's message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum EventKind {
    /// The meter is read again after a gap.
    Gap {
        /// The last boundary at which it was read before the gap.
        since: Boundary,
    },
    /// Nobody knows what it measured since then, although its registers are there.
    Missing {
        /// The boundary from which on nothing is known.
        since: Boundary,
    },
    /// Its registers make no sense, or do again.
    Registers(Finding),
    /// The member's energy exceeds 2⁶³ − 1 Wh: nothing is settled, and the meter counts from its new values.
    TooLarge,
    /// The meter has no owner and a reserved name: it is not settled.
    NoMember,
    /// The meter has another member than when it was last read, and was not read in between: nobody can tell whose the
    /// energy is. Nothing is settled, and the meter counts from its new values.
    ChangedHands {
        /// The last boundary at which it was read before.
        since: Boundary,
        /// When its present member's time with it began.
        owned: Timestamp,
        /// What the import register has moved by since then, in Wh; `None` if a register fell.
        import_wh: Option<u64>,
        /// What the export register has moved by since then, in Wh; `None` if a register fell.
        export_wh: Option<u64>,
    },
    /// No member lists the meter, and the community takes no such meters: it is not settled.
    Stranger,
    /// The meter is listed by a member at other times: it is not settled.
    Outside {
        /// Since when no member has it, if any had.
        since: Option<Timestamp>,
        /// Until when no member has it, if any will.
        until: Option<Timestamp>,
        /// When it was last read, if that was before its last member's time ended: what it moved from then on is not settled.
        unread: Option<Boundary>,
    },
}

impl EventKind {
    /// Returns whether this is true of every interval for a while, and so is to be told only once.
    pub fn lasts(&self) -> bool {
        matches!(self, EventKind::Stranger | EventKind::Outside { .. })
    }
}

impl EventKind {
    /// The codes of every event but findings about registers.
    pub const CODES: [&str; 7] = ["gap", "too-large", "no-member", "changed-hands", "stranger", "outside", "missing"];

    /// Returns the event's code: a short name for programs that never changes.
    pub fn code(&self) -> &'static str {
        match self {
            EventKind::Gap { .. } => "gap",
            EventKind::Missing { .. } => "missing",
            EventKind::Registers(finding) => finding.code(),
            EventKind::TooLarge => "too-large",
            EventKind::NoMember => "no-member",
            EventKind::ChangedHands { .. } => "changed-hands",
            EventKind::Stranger => "stranger",
            EventKind::Outside { .. } => "outside",
        }
    }
}

impl fmt::Display for EventKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            EventKind::Gap { since } => write!(f, "not read since {since}; settled with the grid over the gap"),
            EventKind::Missing { since } => {
                write!(
                    f,
                    "its energy since {since} is not known; not settled (what comes later is settled with the grid)"
                )
            }
            EventKind::Registers(finding) => fmt::Display::fmt(finding, f),
            EventKind::TooLarge => f.write_str("moved more than 2^63-1 Wh; nothing settled, counting from there"),
            EventKind::NoMember => {
                f.write_str("belongs to no member and has a reserved name; not settled (give it to a member)")
            }
            EventKind::ChangedHands { since, owned, import_wh, export_wh } => {
                write!(f, "not read between {since} and {owned}, when it came to its member; ")?;
                if let (Some(import), Some(export)) = (import_wh, export_wh) {
                    write!(f, "import of {import} Wh and export of {export} Wh since then are nobody's; ")?;
                }
                f.write_str("nothing settled, counting from there")
            }
            EventKind::Stranger => {
                f.write_str("is listed by no member; not settled (list it, or set unlisted = \"join\")")
            }
            EventKind::Outside { since, until, unread } => {
                f.write_str("belongs to no member")?;
                since.iter().try_for_each(|since| write!(f, " since {since}"))?;
                until.iter().try_for_each(|until| write!(f, " until {until}"))?;
                f.write_str("; not settled")?;
                let lost = "nor is what it moved for its last member";
                unread.iter().try_for_each(|unread| write!(f, ", {lost} after {unread}, when it was last read"))
            }
        }
    }
}

/// Everything that follows from the readings at the end of one interval.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Netting {
    /// The balance of each member with at least one meter that was read at both ends of the interval.
    pub balances: BTreeMap<MemberId, Balance>,
    /// The energy of meters that were read again after a gap.
    pub gaps: Vec<Gap>,
    /// What people should know of, sorted by meter except for `TooLarge`, which comes last.
    pub events: Vec<Event>,
    /// The registers of every meter that was read, good or disputed.
    pub readings: BoundaryReadings,
    /// The new state of each of them.
    pub read: LastReads,
    /// Those of them that count from here: what they moved before is not their member's.
    pub anew: BTreeSet<MeterId>,
}

/// Nets the readings at the end of an interval against the last registers of every meter.
///
/// A meter whose last registers are from the interval's end or later is ignored, so that nothing is settled twice.
pub fn net(
    interval: Interval,
    basis: Basis,
    ownership: &Ownership,
    last: &LastReads,
    readings: &BoundaryReadings,
    rules: &MeterRules,
) -> Netting {
    let mut netting = Netting::default();
    let mut moved: BTreeMap<MemberId, Vec<(MeterId, Registers)>> = BTreeMap::new();
    for (meter, registers) in readings {
        let Owner { member, since } = match ownership.of(meter, interval) {
            Standing::Of(owner) => owner,
            nobodys => {
                nobodys_event(nobodys, last.get(meter)).into_iter().for_each(|event| netting.event(meter, event));
                continue;
            }
        };
        let now = ReadAt { boundary: interval.end(), registers: *registers };
        let before = last.get(meter);
        if before.is_some_and(|before| before.latest().boundary >= now.boundary) {
            continue;
        }
        netting.readings.insert(meter.clone(), *registers);
        let Some(before) = before else {
            netting.read.insert(meter.clone(), LastRead::good(now));
            continue;
        };
        if before.boundary.timestamp() < since {
            netting.read.insert(meter.clone(), LastRead::good(now));
            netting.change_hands(meter, before, *registers, since);
            continue;
        }
        let judged = rules.judge(meter, before, now);
        netting.read.insert(meter.clone(), judged.last);
        let is_missing = rules.missing.contains(meter);
        let was_read = is_missing || judged.findings.iter().any(|finding| matches!(finding, Finding::Glitch { .. }));
        for finding in judged.findings {
            netting.event(meter, EventKind::Registers(finding));
        }
        match judged.counted {
            None => {}
            Some((since, delta)) if since == interval.start() && !is_missing => {
                moved.entry(member).or_default().push((meter.clone(), delta));
            }
            Some((since, delta)) => {
                if is_missing {
                    netting.event(meter, EventKind::Missing { since });
                }
                netting.gap(meter, member, since, was_read, gap_balance(basis, delta));
            }
        }
    }
    netting.balance(basis, moved);
    netting
}

/// What is told of a meter that counts for nobody; nothing of one that another community lists.
fn nobodys_event(standing: Standing, before: Option<&LastRead>) -> Option<EventKind> {
    match standing {
        Standing::Of(_) | Standing::Elsewhere => None,
        Standing::NoMember => Some(EventKind::NoMember),
        Standing::Stranger => Some(EventKind::Stranger),
        Standing::Outside { since, until } => {
            let before = before.map(|before| before.boundary);
            let unread = before.filter(|read| since.is_some_and(|ended| read.timestamp() < ended));
            Some(EventKind::Outside { since, until, unread })
        }
    }
}

impl Netting {
    fn event(&mut self, meter: &MeterId, kind: EventKind) {
        self.events.push(Event { meter: meter.clone(), kind });
    }

    fn gap(&mut self, meter: &MeterId, member: MemberId, since: Boundary, was_read: bool, balance: Option<Balance>) {
        if !was_read {
            self.event(meter, EventKind::Gap { since });
        }
        match balance {
            Some(balance) => self.gaps.push(Gap { meter: meter.clone(), member, since, balance }),
            None => self.event(meter, EventKind::TooLarge),
        }
    }

    /// Begins to count a meter for another member. Where nothing moved, nothing is lost, and there is nothing to tell.
    fn change_hands(&mut self, meter: &MeterId, before: &LastRead, now: Registers, owned: Timestamp) {
        self.anew.insert(meter.clone());
        if before.registers != now {
            let rise = now.checked_sub(before.registers);
            let (import_wh, export_wh) = rise.map(|rise| (rise.import_wh, rise.export_wh)).unzip();
            self.event(meter, EventKind::ChangedHands { since: before.boundary, owned, import_wh, export_wh });
        }
    }

    fn balance(&mut self, basis: Basis, moved: BTreeMap<MemberId, Vec<(MeterId, Registers)>>) {
        for (member, meters) in moved {
            match balance(basis, meters.iter().map(|(_, delta)| delta)) {
                Some(balance) => {
                    self.balances.insert(member, balance);
                }
                None => meters.iter().for_each(|(meter, _)| self.event(meter, EventKind::TooLarge)),
            }
        }
    }
}

/// Returns the balance of one meter over a gap; `None` if it exceeds 2⁶³ − 1 Wh, the most that a store can hold.
pub fn gap_balance(basis: Basis, rise: Registers) -> Option<Balance> {
    balance(basis, std::iter::once(&rise))
}

/// Computes the balance of a member's meters; `None` if it exceeds 2⁶³ − 1 Wh, the most that a store can hold.
fn balance<'a>(basis: Basis, deltas: impl Iterator<Item = &'a Registers>) -> Option<Balance> {
    // OK because the sum of fewer than 2⁶⁴ values below 2⁶⁴ is below 2¹²⁸.
    let (import, export) = deltas.fold((0_u128, 0_u128), |(import, export), delta| {
        (import + u128::from(delta.import_wh), export + u128::from(delta.export_wh))
    });
    let (surplus, deficit) = match basis {
        Basis::Net => (export.saturating_sub(import), import.saturating_sub(export)),
        Basis::Gross => (export, import),
    };
    let energy = |wh: u128| i64::try_from(wh).ok().map(|wh| Energy::from_wh(wh.unsigned_abs()));
    Some(Balance { surplus: energy(surplus)?, deficit: energy(deficit)? })
}
