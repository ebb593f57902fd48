//! What flowed step by step: each interval, hour or day with data.

use books::Cleared;
use books::statement::Flow;
use domain::{Boundary, Interval, Price};
use jiff::civil::Date;

use crate::calendar::Hour;
use crate::sums::TooLarge;

/// How finely something is shown over time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// Interval by interval.
    Interval,
    /// Hour by hour of the clock.
    Hour,
    /// Day by day.
    Day,
}

/// What flowed between members, their neighbours and the grid, in Wh.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Flows {
    /// Given to neighbours.
    pub to_neighbours: u128,
    /// Given to the grid.
    pub to_grid: u128,
    /// Taken from neighbours. As much as was given to them: the operator keeps none.
    pub from_neighbours: u128,
    /// Taken from the grid.
    pub from_grid: u128,
}

impl Flows {
    /// What flowed in one interval.
    pub fn of(cleared: &Cleared) -> Flows {
        let shared = cleared.shared.wh;
        Flows {
            to_neighbours: shared,
            to_grid: cleared.fed_in_wh.saturating_sub(shared),
            from_neighbours: shared,
            from_grid: cleared.needed_wh.saturating_sub(shared),
        }
    }

    fn add(&mut self, other: Flows) {
        self.to_neighbours += other.to_neighbours;
        self.to_grid += other.to_grid;
        self.from_neighbours += other.from_neighbours;
        self.from_grid += other.from_grid;
    }
}

/// One step with data.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Slot {
    /// The start of its first interval with data.
    pub from: Boundary,
    /// The end of the last one.
    pub until: Boundary,
    /// In which hour it begins.
    pub hour: Hour,
    /// What flowed.
    pub flows: Flows,
    /// What members bought within the community, and what they paid for it.
    pub shared: Flow,
    /// The lowest and the highest price within the community; `None` without a trade.
    pub prices: Option<(Price, Price)>,
}

/// Steps while they are added up, in order of time.
#[derive(Debug)]
pub(super) struct Slots {
    step: Step,
    all: Vec<Slot>,
}

/// What tells a step from the next one.
#[derive(PartialEq, Eq)]
enum Key {
    Interval(Boundary),
    Hour(Hour),
    Day(Date),
}

impl Slots {
    pub(super) fn new(step: Step) -> Slots {
        Slots { step, all: Vec::new() }
    }

    fn key(&self, from: Boundary, hour: Hour) -> Key {
        match self.step {
            Step::Interval => Key::Interval(from),
            Step::Hour => Key::Hour(hour),
            Step::Day => Key::Day(hour.day),
        }
    }

    pub(super) fn add(&mut self, interval: Interval, hour: Hour, cleared: &Cleared) -> Result<(), TooLarge> {
        let key = self.key(interval.start(), hour);
        let goes_on = self.all.last().is_some_and(|last| self.key(last.from, last.hour) == key);
        let new = Slot {
            from: interval.start(),
            until: interval.end(),
            hour,
            flows: Flows::of(cleared),
            shared: cleared.shared,
            prices: cleared.prices,
        };
        match self.all.last_mut().filter(|_| goes_on) {
            None => self.all.push(new),
            Some(slot) => {
                slot.until = new.until;
                slot.flows.add(new.flows);
                slot.shared = slot.shared.checked_add(new.shared).ok_or(TooLarge)?;
                slot.prices = match (slot.prices, new.prices) {
                    (Some((low, high)), Some((other_low, other_high))) => {
                        Some((low.min(other_low), high.max(other_high)))
                    }
                    (one, other) => one.or(other),
                };
            }
        }
        Ok(())
    }

    pub(super) fn finish(self) -> Vec<Slot> {
        self.all
    }
}
