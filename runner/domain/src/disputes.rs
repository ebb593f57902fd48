//! Registers that make no sense: which readings of a meter count, and what becomes of those that do not follow.
//!
//! A reading is plausible after another one if neither register fell, and neither rose by more than the meter's power
//! allows for the time between. One that does not follow the last good reading is disputed and counts for nothing until a
//! later one, or a person, decides. [`MeterRules::judge`] is that state machine; it is pure, and its state is a
//! [`LastRead`]. [`decide`] says what a person's decision comes to.

mod finding;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;

pub use finding::{Finding, Oddity};

use crate::interval::Boundary;
use crate::member::{InOrder, MeterId};
use crate::power::Power;
use crate::reading::{BoundaryReadings, Register, Registers};

/// The registers of a meter as they were read at a boundary.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ReadAt {
    /// The boundary.
    pub boundary: Boundary,
    /// The registers.
    pub registers: Registers,
}

/// The last good reading of a meter, from which it counts, and what has been read since that does not follow.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LastRead {
    /// The boundary of the last good reading.
    pub boundary: Boundary,
    /// Its registers.
    pub registers: Registers,
    /// What was read since and is disputed; `None` if nothing was.
    pub dispute: Option<Dispute>,
}

/// The last good reading of every meter that was ever read.
pub type LastReads = BTreeMap<MeterId, LastRead>;

/// Readings that do not follow the last good one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Dispute {
    /// Readings that follow each other.
    pub run: Run,
    /// A later one that follows neither the last good reading nor the run.
    pub stray: Option<ReadAt>,
}

/// Disputed readings that follow each other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Run {
    /// The first of them.
    pub first: ReadAt,
    /// The last of them.
    pub latest: ReadAt,
    /// By how much the registers rose from the first to the last, in Wh.
    pub shown: Registers,
}

/// A declared exchange of a meter: from then on another device counts, under the same name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Exchange {
    /// When: after the old device was read last, and before the new one is read.
    pub at: Timestamp,
    /// The old device's last registers, in Wh.
    pub last: Registers,
    /// The new device's first registers, in Wh.
    pub first: Registers,
}

/// Exchanges by meter, each meter's in order of time.
pub type Exchanges = BTreeMap<MeterId, Vec<Exchange>>;

/// The most power that meters take or give on average.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MeterLimits {
    /// That of meters without one of their own.
    pub usual: Power,
    /// That of others.
    pub own: BTreeMap<MeterId, Power>,
}

/// What decides whether a reading counts.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct MeterRules {
    /// The most power of each meter; `None` for intervals from before there were disputes, where every reading counts and
    /// a register that fell settles nothing.
    pub limits: Option<MeterLimits>,
    /// Declared exchanges.
    pub exchanges: Exchanges,
    /// Meters of which nobody knows what they measured in the interval, although both registers are there: what these rose by
    /// is traded with the grid alone.
    pub missing: BTreeSet<MeterId>,
}

/// What a reading comes to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Judged {
    /// The meter's state from now on.
    pub last: LastRead,
    /// Since when and by how much the meter counted, in Wh; `None` if the reading decides nothing.
    pub counted: Option<(Boundary, Registers)>,
    /// What people should know of.
    pub findings: Vec<Finding>,
}

impl Run {
    /// Makes a run of one reading.
    pub fn of(read: ReadAt) -> Run {
        Run { first: read, latest: read, shown: Registers::ZERO }
    }

    fn is_single(&self) -> bool {
        self.first.boundary == self.latest.boundary
    }

    fn with(self, latest: ReadAt, rise: Registers) -> Run {
        Run { latest, shown: self.shown.saturating_add(rise), ..self }
    }
}

impl LastRead {
    /// Makes the state of a meter whose latest reading is good.
    pub fn good(ReadAt { boundary, registers }: ReadAt) -> LastRead {
        LastRead { boundary, registers, dispute: None }
    }

    /// Returns the last good reading.
    pub fn read(&self) -> ReadAt {
        ReadAt { boundary: self.boundary, registers: self.registers }
    }

    /// Returns the latest reading, good or disputed.
    pub fn latest(&self) -> ReadAt {
        let disputed = self.dispute.map(|dispute| dispute.stray.unwrap_or(dispute.run.latest));
        disputed.unwrap_or(self.read())
    }

    fn disputed(self, run: Run, stray: Option<ReadAt>) -> LastRead {
        LastRead { dispute: Some(Dispute { run, stray }), ..self }
    }
}

impl MeterLimits {
    /// Returns the most power of a meter.
    pub fn of(&self, meter: &MeterId) -> Power {
        self.own.get(meter).copied().unwrap_or(self.usual)
    }
}

impl MeterRules {
    /// Makes the rules of these readings at a boundary: what of all limits and exchanges matters for them, and is kept with an
    /// interval.
    pub fn for_readings(
        limits: Option<&MeterLimits>,
        exchanges: &Exchanges,
        at: Boundary,
        last: &LastReads,
        readings: &BoundaryReadings,
    ) -> MeterRules {
        let mut read = InOrder::of(readings);
        let limits = limits.map(|limits| MeterLimits {
            usual: limits.usual,
            own: limits.own.iter().filter(|(meter, _)| read.find(meter).is_some()).map(cloned).collect(),
        });
        let between = |(meter, exchanges): (&MeterId, &Vec<Exchange>)| {
            let from = last.get(meter).filter(|_| readings.contains_key(meter))?.boundary;
            let between: Vec<Exchange> = between(exchanges, from, at).copied().collect();
            (!between.is_empty()).then(|| (meter.clone(), between))
        };
        MeterRules { limits, exchanges: exchanges.iter().filter_map(between).collect(), missing: BTreeSet::new() }
    }

    /// Judges a reading that comes after a meter's last ones.
    pub fn judge(&self, meter: &MeterId, last: &LastRead, now: ReadAt) -> Judged {
        let exchanges = self.exchanges.get(meter).map_or(&[][..], Vec::as_slice);
        match &self.limits {
            Some(limits) => Judge { power_max: limits.of(meter), exchanges }.judge(last, now),
            None => Judged {
                last: LastRead::good(now),
                counted: now.registers.checked_sub(last.registers).map(|rise| (last.boundary, rise)),
                findings: Vec::new(),
            },
        }
    }
}

fn cloned<T: Copy>((meter, value): (&MeterId, &T)) -> (MeterId, T) {
    (meter.clone(), *value)
}

/// The exchanges after one boundary, up to and including another.
fn between(exchanges: &[Exchange], from: Boundary, to: Boundary) -> impl Iterator<Item = &Exchange> {
    exchanges.iter().filter(move |exchange| from.timestamp() < exchange.at && exchange.at <= to.timestamp())
}

/// Judges the readings of one meter.
struct Judge<'r> {
    power_max: Power,
    exchanges: &'r [Exchange],
}

impl Judge<'_> {
    fn judge(&self, last: &LastRead, now: ReadAt) -> Judged {
        let good = last.read();
        let after_good = self.rise(good, now);
        let Some(Dispute { run, stray }) = last.dispute else {
            return match after_good {
                Ok(rise) => self.counts(good, now, rise, Vec::new()),
                Err(odd) => disputed(last.disputed(Run::of(now), None), self.odd(odd, good, now)),
            };
        };
        let disputes = [Some(run.first), stray];
        if let Ok(rise) = after_good
            && disputes.iter().flatten().all(|read| self.is_below_jump(good, *read, now))
        {
            let glitch = |read| Finding::Glitch { read, on: good };
            return self.counts(good, now, rise, disputes.into_iter().flatten().map(glitch).collect());
        }
        if let Ok(rise) = self.rise(run.latest, now)
            && stray.is_none_or(|stray| self.is_below_jump(run.latest, stray, now))
        {
            let glitch = stray.map(|read| Finding::Glitch { read, on: run.latest });
            return self.follows(last, run, run.with(now, rise), rise, glitch.into_iter().collect());
        }
        if let Some(stray) = stray
            && let Ok(rise) = self.rise(stray, now)
        {
            // What is true of the run before is still a person's to say.
            let before = if run.is_single() { Registers::ZERO } else { run.shown };
            let next = Run { first: stray, latest: now, shown: before.saturating_add(rise) };
            let from = if run.is_single() { Run::of(stray) } else { next };
            return self.follows(last, from, next, rise, Vec::new());
        }
        let before = [Some(good), Some(run.latest), stray].into_iter().flatten();
        let odd = before.filter_map(|before| self.rise(before, now).err()).next().unwrap_or_default();
        disputed(last.disputed(run, Some(now)), self.odd(odd, good, now))
    }

    /// A reading follows a disputed one. After a fall the meter restarts; after a jump a person must decide.
    fn follows(&self, last: &LastRead, from: Run, next: Run, rise: Registers, mut findings: Vec<Finding>) -> Judged {
        let good = last.read();
        let fell = self.rise(good, from.first).is_err_and(|odd| odd.iter().any(|odd| odd.fell));
        if from.is_single() && fell {
            findings.push(Finding::Restarted { from: from.first, before: good });
            return self.counts(from.first, next.latest, rise, findings);
        }
        Judged { last: last.disputed(next, None), counted: None, findings }
    }

    fn counts(&self, from: ReadAt, now: ReadAt, rise: Registers, mut findings: Vec<Finding>) -> Judged {
        let exchanges = between(self.exchanges, from.boundary, now.boundary);
        findings.extend(exchanges.map(|exchange| Finding::Exchanged { exchange: *exchange }));
        Judged { last: LastRead::good(now), counted: Some((from.boundary, rise)), findings }
    }

    fn odd(&self, odd: Vec<Oddity>, good: ReadAt, now: ReadAt) -> Finding {
        if odd.iter().any(|odd| odd.fell) {
            Finding::Fell { odd }
        } else {
            let most_wh = self.most(good.boundary, now.boundary);
            Finding::Jumped { odd, since: good.boundary, most_wh, power_max: self.power_max }
        }
    }

    /// Whether a reading is below another one in every register by which that one jumped.
    fn is_below_jump(&self, base: ReadAt, jumped: ReadAt, now: ReadAt) -> bool {
        let Err(odd) = self.rise(base, jumped) else { return true };
        odd.iter().filter(|odd| !odd.fell).all(|odd| now.registers.of(odd.register) < jumped.registers.of(odd.register))
    }

    /// The most energy that is possible between two boundaries, in Wh.
    fn most(&self, from: Boundary, to: Boundary) -> u128 {
        self.power_max.energy_in(to.seconds().saturating_sub(from.seconds()))
    }

    /// By how much both registers rose, in Wh; an error says which of them did not, or by too much.
    fn rise(&self, from: ReadAt, to: ReadAt) -> Result<Registers, Vec<Oddity>> {
        let most = self.most(from.boundary, to.boundary);
        match Register::ALL.map(|register| rise_of(register, from, to, self.exchanges, most)) {
            [Ok(import_wh), Ok(export_wh)] => Ok(Registers { import_wh, export_wh }),
            rises => Err(rises.into_iter().filter_map(Result::err).collect()),
        }
    }
}

fn disputed(last: LastRead, finding: Finding) -> Judged {
    Judged { last, counted: None, findings: vec![finding] }
}

/// By how much a register rose, over the exchanges between two readings.
fn rise_of(register: Register, from: ReadAt, to: ReadAt, exchanges: &[Exchange], most: u128) -> Result<u64, Oddity> {
    let (mut sum, mut base) = (0_u128, from.registers.of(register));
    let oddity = |fell, from_wh, to_wh| Oddity { register, fell, from_wh, to_wh };
    let step = |from_wh: u64, to_wh: u64| to_wh.checked_sub(from_wh).ok_or_else(|| oddity(true, from_wh, to_wh));
    for exchange in between(exchanges, from.boundary, to.boundary) {
        sum += u128::from(step(base, exchange.last.of(register))?);
        base = exchange.first.of(register);
    }
    let now = to.registers.of(register);
    sum += u128::from(step(base, now)?);
    u64::try_from(sum).ok().filter(|_| sum <= most).ok_or_else(|| oddity(false, base, now))
}

/// What a person decides about a meter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MeterDecision {
    /// What a register jumped by was energy.
    Accept {
        /// The boundary of the first disputed reading.
        first: Boundary,
    },
    /// It was not: the meter counts from the first disputed reading.
    Restart {
        /// The boundary of the first disputed reading.
        first: Boundary,
    },
    /// The meter was exchanged, or will be.
    Exchange {
        /// The exchange.
        exchange: Exchange,
        /// What was settled across it before it was declared; `None` if nothing was.
        crossed: Option<Crossed>,
    },
    /// Energy became known that had been missing when the books were made: the registers stand higher than was settled.
    Late {
        /// The last boundary before what was missing.
        since: Boundary,
        /// From where the meter counted: its last good reading, or its very first one if it has none in the books.
        before: ReadAt,
        /// Its registers with what became known.
        now: ReadAt,
    },
}

/// Two successive readings with an exchange between them that nobody knew of, and what was settled between them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Crossed {
    /// The old device's last reading.
    pub before: ReadAt,
    /// The new device's first reading.
    pub after: ReadAt,
    /// What was settled between them, in Wh.
    pub counted: Registers,
}

/// What a decision comes to at once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Effect {
    /// Since when the meter counted.
    pub since: Boundary,
    /// What it counted that is still to be settled, in Wh.
    pub rise: Registers,
    /// The meter's state from now on.
    pub last: LastRead,
}

/// Returns what a decision about a meter comes to; `None` if to nothing, such as an exchange that is still to come.
///
/// `exchanges` are those that were declared so far, in order of time, with the one that is decided.
pub fn decide<'l>(
    last: impl Into<Option<&'l LastRead>>,
    decision: &MeterDecision,
    exchanges: &[Exchange],
) -> Option<Effect> {
    let last: Option<&LastRead> = last.into();
    if let MeterDecision::Late { since, before, now } = *decision {
        return late(last, since, before, now);
    }
    let last = last?;
    let dispute = last.dispute;
    let of = |first: Boundary| dispute.filter(|dispute| dispute.run.first.boundary == first);
    // What was read since and does not follow is disputed again.
    let goes_on = |Dispute { run, stray }: Dispute| {
        let good = LastRead::good(run.latest);
        stray.map_or(good, |stray| good.disputed(Run::of(stray), None))
    };
    match *decision {
        MeterDecision::Accept { first } => from_good(last, of(first)?, exchanges)
            .map(|(since, rise, dispute)| Effect { since, rise, last: goes_on(dispute) }),
        MeterDecision::Restart { first } => {
            let dispute = of(first)?;
            Some(Effect { since: dispute.run.first.boundary, rise: dispute.run.shown, last: goes_on(dispute) })
        }
        MeterDecision::Exchange { exchange, crossed: Some(crossed) } => {
            Some(Effect { since: crossed.before.boundary, rise: crossed.missing(&exchange)?, last: *last })
        }
        MeterDecision::Exchange { exchange, crossed: None } => {
            let first = dispute?.run.first;
            let explains = between(&[exchange], last.boundary, first.boundary).next().is_some();
            let (since, rise, dispute) = from_good(last, dispute.filter(|_| explains)?, exchanges)?;
            Some(Effect { since, rise, last: goes_on(dispute) })
        }
        // Done above.
        MeterDecision::Late { .. } => None,
    }
}

/// What became known late is settled if the meter still counts from where it was found.
fn late(last: Option<&LastRead>, since: Boundary, before: ReadAt, now: ReadAt) -> Option<Effect> {
    let counts_from = last.is_none_or(|last| last.read() == before && last.dispute.is_none());
    let rise = now.registers.checked_sub(before.registers)?;
    let is_later = before.boundary <= now.boundary && since <= now.boundary;
    (counts_from && is_later).then_some(Effect { since, rise, last: LastRead::good(now) })
}

/// What a meter counted from its last good reading to the end of a run, if that rises.
fn from_good(last: &LastRead, dispute: Dispute, exchanges: &[Exchange]) -> Option<(Boundary, Registers, Dispute)> {
    let rise = |register| rise_of(register, last.read(), dispute.run.first, exchanges, u128::MAX).ok();
    let rise = Registers { import_wh: rise(Register::Import)?, export_wh: rise(Register::Export)? };
    Some((last.boundary, rise.saturating_add(dispute.run.shown), dispute))
}

impl Crossed {
    /// Returns what was not settled across an exchange, in Wh; `None` if the exchange does not fit the readings, or more
    /// was settled.
    pub fn missing(&self, exchange: &Exchange) -> Option<Registers> {
        let old = exchange.last.checked_sub(self.before.registers)?;
        let new = self.after.registers.checked_sub(exchange.first)?;
        old.saturating_add(new).checked_sub(self.counted)
    }
}
