//! How far registers moved, as the audit reckons it: on its own, and not as the netting that it verifies.

use domain::disputes::{Crossed, Exchange, LastRead, MeterDecision, ReadAt};
use domain::reading::{Register, Registers};
use domain::{Boundary, MeterId};

use crate::interval::MeterReading;
use crate::meters::MeterLog;

/// The readings from which a meter can count, in the order in which they are tried: the last good one, then disputed ones.
pub(super) fn bases(last: &LastRead) -> impl Iterator<Item = ReadAt> {
    let disputed = last.dispute.into_iter().flat_map(|dispute| [Some(dispute.run.latest), dispute.stray]);
    [last.read()].into_iter().chain(disputed.flatten())
}

/// The change of both registers, over exchanges; `None` if one of them fell.
pub(super) fn change(from: ReadAt, to: ReadAt, exchanges: &[Exchange]) -> Option<(i128, i128)> {
    let between =
        |exchange: &&Exchange| from.boundary.timestamp() < exchange.at && exchange.at <= to.boundary.timestamp();
    let of = |register: Register| {
        let (mut sum, mut base) = (0_i128, i128::from(from.registers.of(register)));
        for Exchange { last, first, .. } in exchanges.iter().filter(between) {
            let old = i128::from(last.of(register)) - base;
            (sum, base) = (sum + old, i128::from(first.of(register)));
            if old < 0 {
                return None;
            }
        }
        let new = i128::from(to.registers.of(register)) - base;
        (new >= 0).then_some(sum + new)
    };
    Some((of(Register::Import)?, of(Register::Export)?))
}

/// The readings that exchanges name which were told after the fact: they must be in the books.
#[derive(Debug, Default)]
pub(super) struct Crossings(Vec<Crossing>);

#[derive(Debug)]
struct Crossing {
    decision: u64,
    meter: MeterId,
    crossed: Crossed,
    /// Whether the reading before, and the one after with what it settled, are in the books.
    found: [bool; 2],
}

impl Crossings {
    pub(super) fn of(log: &MeterLog) -> Crossings {
        let crossings = log.after(0).filter_map(|decision| match decision.decision {
            MeterDecision::Exchange { crossed: Some(crossed), .. } => {
                let (number, meter) = (decision.number, decision.meter.clone());
                Some(Crossing { decision: number, meter, crossed, found: [false; 2] })
            }
            _ => None,
        });
        Crossings(crossings.collect())
    }

    /// Looks for them among the readings at a boundary, of which some are disputed.
    pub(super) fn look(&mut self, at: Boundary, readings: &[MeterReading], is_disputed: impl Fn(&MeterId) -> bool) {
        for Crossing { meter, crossed: Crossed { before, after, counted }, found, .. } in &mut self.0 {
            if at != before.boundary && at != after.boundary {
                continue;
            }
            let Some(reading) = readings.iter().find(|reading| reading.meter == *meter) else { continue };
            let read = ReadAt { boundary: at, registers: reading.registers };
            let rise = after.registers.checked_sub(before.registers);
            // Nothing was settled if it was disputed, unless somebody accepted it later.
            let settled = rise == Some(*counted) || (is_disputed(meter) && *counted == Registers::ZERO);
            *found = [found[0] || read == *before, found[1] || (read == *after && settled)];
        }
    }

    /// Whether all that a decision names was found.
    pub(super) fn prove(&self, decision: u64) -> bool {
        self.0.iter().filter(|crossing| crossing.decision == decision).all(|crossing| crossing.found == [true; 2])
    }
}
