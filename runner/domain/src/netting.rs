//! From registers to what each member has: one interval's surplus and deficit, gaps, and what went wrong.
//!
//! A pure function of the last registers of every meter and the registers read at the interval's end. What a meter
//! measured between two consecutive boundaries goes into its member's position. A meter that missed boundaries is
//! settled with the grid alone, over the whole gap, when it is read again. A register that falls settles nothing: the
//! meter starts again from the new value. So the energy settled always telescopes to the change of the registers.

#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, HashMap};
use std::fmt;

use crate::energy::Energy;
use crate::interval::{Boundary, Interval};
use crate::member::{MemberId, MeterId};
use crate::reading::{BoundaryReadings, Register, Registers};

/// How import and export of one interval become surplus and deficit.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Basis {
    /// The difference is one surplus or one deficit, as the original did.
    #[default]
    Net,
    /// Export is surplus and import is deficit, both at once: what the sharing rules of AT, BE, DE, FR and PT work on.
    Gross,
}

impl Basis {
    /// Every basis.
    pub const ALL: [Basis; 2] = [Basis::Net, Basis::Gross];

    /// The name in configurations and stores.
    pub fn as_str(self) -> &'static str {
        match self {
            Basis::Net => "net",
            Basis::Gross => "gross",
        }
    }

    /// The basis of that name.
    pub fn from_name(name: &str) -> Option<Basis> {
        Basis::ALL.into_iter().find(|basis| basis.as_str() == name)
    }
}

/// Who owns which meters. A meter that nobody owns is a member of its own.
#[derive(Clone, Debug, Default)]
pub struct Ownership(HashMap<MeterId, MemberId>);

impl Ownership {
    /// The given owners.
    pub fn new(owners: impl IntoIterator<Item = (MeterId, MemberId)>) -> Ownership {
        Ownership(owners.into_iter().collect())
    }

    /// The member that a meter counts for; `None` if it is its own member and has a name that no member may have.
    pub fn member(&self, meter: &MeterId) -> Option<MemberId> {
        match self.0.get(meter) {
            Some(member) => Some(member.clone()),
            None => MemberId::from_meter(meter).ok(),
        }
    }
}

/// The last registers of a meter, and the boundary at which they were read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LastRead {
    /// When.
    pub boundary: Boundary,
    /// What.
    pub registers: Registers,
}

/// The last registers of every meter that was ever read.
pub type LastReads = BTreeMap<MeterId, LastRead>;

/// What a member has in one interval. Both are 0 for a member that was read and moved nothing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Balance {
    /// Energy to sell.
    pub surplus: Energy,
    /// Energy to buy.
    pub deficit: Energy,
}

/// The energy of a meter that missed boundaries: traded with the grid alone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Gap {
    /// The meter.
    pub meter: MeterId,
    /// Its member.
    pub member: MemberId,
    /// The last boundary settled before.
    pub since: Boundary,
    /// The energy over the whole gap.
    pub balance: Balance,
}

/// Something about a meter that people should see.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Event {
    /// The meter.
    pub meter: MeterId,
    /// What happened.
    pub kind: EventKind,
}

/// What can happen to a meter at a boundary.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum EventKind {
    /// It is read again after missing boundaries.
    Gap {
        /// The last boundary settled before.
        since: Boundary,
    },
    /// A register shows less than before, by an exchange or a reset: nothing is settled, and it counts from there.
    RegisterFell {
        /// Which.
        register: Register,
        /// What it showed before, in Wh.
        from_wh: u64,
        /// What it shows now, in Wh.
        to_wh: u64,
    },
    /// The energy is more than 2⁶³−1 Wh: nothing is settled, and the meter counts from its new registers.
    TooLarge,
    /// It belongs to nobody and has a name that no member may have: it is not settled.
    NoMember,
}

impl EventKind {
    /// A short name that never changes.
    pub fn code(&self) -> &'static str {
        match self {
            EventKind::Gap { .. } => "gap",
            EventKind::RegisterFell { .. } => "register-fell",
            EventKind::TooLarge => "too-large",
            EventKind::NoMember => "no-member",
        }
    }
}

impl fmt::Display for EventKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            EventKind::Gap { since } => write!(f, "not read since {since}; settled with the grid over the gap"),
            EventKind::RegisterFell { register, from_wh, to_wh } => write!(
                f,
                "{} fell from {from_wh} Wh to {to_wh} Wh; nothing settled, counting from there",
                register.field()
            ),
            EventKind::TooLarge => f.write_str("moved more than 2^63-1 Wh; nothing settled, counting from there"),
            EventKind::NoMember => {
                f.write_str("belongs to no member and has a reserved name; not settled (give it to a member)")
            }
        }
    }
}

/// Everything that follows from the readings at the end of one interval.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Netting {
    /// What each member has that was read at both ends.
    pub balances: BTreeMap<MemberId, Balance>,
    /// What meters moved that come back after a gap.
    pub gaps: Vec<Gap>,
    /// What people should see, in order of meters.
    pub events: Vec<Event>,
    /// The new last registers of every meter that was read.
    pub read: LastReads,
}

/// Nets the readings at the end of an interval against the last registers of every meter.
pub fn net(
    interval: Interval,
    basis: Basis,
    ownership: &Ownership,
    last: &LastReads,
    readings: &BoundaryReadings,
) -> Netting {
    let mut netting = Netting::default();
    let mut moved: BTreeMap<MemberId, Vec<(MeterId, Registers)>> = BTreeMap::new();
    for (meter, registers) in readings {
        let Some(member) = ownership.member(meter) else {
            netting.event(meter, EventKind::NoMember);
            continue;
        };
        let before = last.get(meter);
        if before.is_some_and(|before| before.boundary >= interval.end()) {
            continue;
        }
        netting.read.insert(meter.clone(), LastRead { boundary: interval.end(), registers: *registers });
        let Some(before) = before else { continue };
        let delta = match rise(before.registers, *registers) {
            Ok(delta) => delta,
            Err(falls) => {
                falls.into_iter().flatten().for_each(|fall| netting.event(meter, fall));
                continue;
            }
        };
        if before.boundary == interval.start() {
            moved.entry(member).or_default().push((meter.clone(), delta));
        } else {
            netting.gap(meter, member, before.boundary, basis, delta);
        }
    }
    netting.balance(basis, moved);
    netting
}

/// How far both registers rose, or which of them fell.
fn rise(from: Registers, to: Registers) -> Result<Registers, [Option<EventKind>; 2]> {
    let import = to.import_wh.checked_sub(from.import_wh);
    let export = to.export_wh.checked_sub(from.export_wh);
    match (import, export) {
        (Some(import_wh), Some(export_wh)) => Ok(Registers { import_wh, export_wh }),
        _ => {
            let fell = |register, from_wh, to_wh| EventKind::RegisterFell { register, from_wh, to_wh };
            Err([
                import.is_none().then(|| fell(Register::Import, from.import_wh, to.import_wh)),
                export.is_none().then(|| fell(Register::Export, from.export_wh, to.export_wh)),
            ])
        }
    }
}

impl Netting {
    fn event(&mut self, meter: &MeterId, kind: EventKind) {
        self.events.push(Event { meter: meter.clone(), kind });
    }

    fn gap(&mut self, meter: &MeterId, member: MemberId, since: Boundary, basis: Basis, delta: Registers) {
        self.event(meter, EventKind::Gap { since });
        // One meter's rise always fits: registers are at most 2⁶³−1.
        if let Some(balance) = balance(basis, std::iter::once(&delta)) {
            self.gaps.push(Gap { meter: meter.clone(), member, since, balance });
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

/// The balance of several meters of one member; `None` if it is more than 2⁶³−1 Wh, which no store can keep.
fn balance<'a>(basis: Basis, deltas: impl Iterator<Item = &'a Registers>) -> Option<Balance> {
    // OK because a sum of fewer than 2⁶⁴ registers below 2⁶⁴ is below 2¹²⁸.
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
