//! What flowed step by step: in each interval, hour or day of a period.

use books::statement::Flow;
use books::{Calendar, Cleared, Period};
use domain::{Boundary, Interval, IntervalLength, Price};
use jiff::Timestamp;
use jiff::tz::TimeZone;

use crate::sums::TooLarge;

/// How finely something is shown over time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// Interval by interval.
    Interval,
    /// Hour by hour.
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

/// One step.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Slot {
    /// Its beginning.
    pub from: Boundary,
    /// Its end.
    pub until: Boundary,
    /// What flowed; `None` where there is no data.
    pub flowed: Option<Flowed>,
}

/// What flowed in a step.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Flowed {
    /// Energy.
    pub flows: Flows,
    /// What members bought within the community, and what they paid for it.
    pub shared: Flow,
    /// The lowest and the highest price within the community; `None` without a trade.
    pub prices: Option<(Price, Price)>,
}

/// The steps of a period, which follow each other.
#[derive(Clone, Debug)]
pub struct Steps {
    step: Step,
    all: Vec<Slot>,
}

impl Steps {
    /// Divides a period into steps, up to where the books end: as long as an interval up to a week, but not shorter than a
    /// quarter-hour; hours up to a month; then days.
    pub fn of(period: &Period, end: Boundary, length: IntervalLength, zone: &TimeZone) -> Steps {
        let (from, until) = (second(period.from()), period.until().map_or(u64::MAX, second).min(end.seconds()));
        let step = match period.calendar() {
            Calendar::Day | Calendar::Week => Step::Interval,
            Calendar::Month => Step::Hour,
            Calendar::Year => Step::Day,
        };
        let seconds = u64::from(length.seconds());
        let slots: Vec<Slot> = match step {
            Step::Interval => even(from, until, seconds.max(QUARTER_HOUR)),
            Step::Hour => even(from, until, seconds.max(HOUR)),
            Step::Day => days(period, until, zone),
        };
        Steps { step, all: slots }
    }

    /// Returns how fine they are.
    pub fn step(&self) -> Step {
        self.step
    }

    pub(super) fn add(&mut self, interval: Interval, cleared: &Cleared) -> Result<(), TooLarge> {
        let place = self.all.partition_point(|slot| slot.until <= interval.start());
        let Some(slot) = self.all.get_mut(place).filter(|slot| slot.from <= interval.start()) else { return Ok(()) };
        let new = Flowed { flows: Flows::of(cleared), shared: cleared.shared, prices: cleared.prices };
        let Some(flowed) = &mut slot.flowed else {
            slot.flowed = Some(new);
            return Ok(());
        };
        flowed.flows.add(new.flows);
        flowed.shared = flowed.shared.checked_add(new.shared).ok_or(TooLarge)?;
        flowed.prices = match (flowed.prices, new.prices) {
            (Some((low, high)), Some((other_low, other_high))) => Some((low.min(other_low), high.max(other_high))),
            (one, other) => one.or(other),
        };
        Ok(())
    }

    pub(super) fn finish(self) -> Vec<Slot> {
        self.all
    }
}

const QUARTER_HOUR: u64 = 900;
const HOUR: u64 = 3600;

/// The first whole second at an instant; 0 before 1970.
pub(super) fn second(at: Timestamp) -> u64 {
    u64::try_from(at.as_second()).unwrap_or(0)
}

fn slot(from: u64, until: u64) -> Option<Slot> {
    let (from, until) = (Boundary::from_seconds(from)?, Boundary::from_seconds(until)?);
    (from < until).then_some(Slot { from, until, flowed: None })
}

/// Steps of so many seconds; the last one may be shorter.
fn even(from: u64, until: u64, seconds: u64) -> Vec<Slot> {
    let count = until.saturating_sub(from).div_ceil(seconds);
    let begins = (0..count).map(|number| from + number * seconds);
    begins.filter_map(|begin| slot(begin, (begin + seconds).min(until))).collect()
}

fn days(period: &Period, until: u64, zone: &TimeZone) -> Vec<Slot> {
    let mut slots = Vec::new();
    let mut day = Some(Period::containing(period.from(), Calendar::Day, zone));
    while let Some(current) = day.filter(|day| second(day.from()) < until) {
        let end = current.until().map_or(until, second).min(until);
        slots.extend(slot(second(current.from()), end));
        day = current.next(zone);
    }
    slots
}
