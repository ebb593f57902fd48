//! What holds at first, and what is otherwise from a date on.

use std::iter::once;

use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;

use super::problems::Problems;
use super::read::Field;
use super::schema::{Day, Is};
use super::tariff::Calendar;

/// What holds over time: at first, and from each change on.
#[derive(Clone, Debug, PartialEq)]
pub struct Dated<T> {
    first: T,
    changes: Vec<Change<T>>,
}

/// What is otherwise from a date on.
#[derive(Clone, Debug, PartialEq)]
pub struct Change<T> {
    /// The date, local.
    pub day: Date,
    /// The instant at which it begins.
    pub from: Timestamp,
    /// Only what it names.
    pub named: T,
    /// All that holds from then on.
    pub holds: T,
}

impl<T> Dated<T> {
    /// What holds at an instant.
    pub fn at(&self, at: Timestamp) -> &T {
        let begun = self.changes.partition_point(|change| change.from <= at);
        begun.checked_sub(1).and_then(|last| self.changes.get(last)).map_or(&self.first, |change| &change.holds)
    }

    /// What holds at first.
    pub fn first(&self) -> &T {
        &self.first
    }

    /// The changes, by their dates.
    pub fn changes(&self) -> &[Change<T>] {
        &self.changes
    }

    /// Everything that ever holds, with the time when it does: half-open.
    pub fn spans(&self) -> impl Iterator<Item = (Timestamp, Timestamp, &T)> {
        let starts = once((Timestamp::MIN, &self.first)).chain(self.changes.iter().map(|it| (it.from, &it.holds)));
        let ends = self.changes.iter().map(|change| change.from).chain(once(Timestamp::MAX));
        starts.zip(ends).map(|((from, holds), until)| (from, until, holds))
    }
}

/// The instant at which a day begins in a time zone, which need not be midnight; none where a calendar ends.
pub(super) fn start_of(day: Date, zone: &TimeZone) -> Option<Timestamp> {
    zone.to_zoned_datetime(day.at(0, 0, 0, 0))
        .and_then(|midnight| midnight.start_of_day())
        .ok()
        .map(|start| start.timestamp())
}

/// A date in the file, as the instant at which it begins; what is out of range is told.
pub(super) fn placed_day(
    day: Field<Is<Day>>,
    zone: &TimeZone,
    name: &str,
    problems: &Problems<'_>,
) -> Option<(Date, Timestamp, usize)> {
    let (Is(day), at) = day.placed()?;
    match start_of(day, zone) {
        Some(start) => Some((day, start, at)),
        None => {
            problems
                .at(at, format!("{name} is {day}, which is out of range (name a date of this or the next centuries)"));
            None
        }
    }
}

/// The date of a change; what lacks one, or changes nothing, is told.
pub(super) fn change_day(
    day: Field<Is<Day>>,
    is_empty: bool,
    at: usize,
    name: &str,
    calendar: &Calendar,
    problems: &Problems<'_>,
) -> Option<(Date, Timestamp, usize)> {
    if day.at.is_none() {
        problems.at(at, format!("{name}.change has no date (add from = \"2024-07-01\")"));
    }
    if is_empty {
        problems.at(at, format!("{name}.change changes nothing (name a key and what it is from then on)"));
    }
    placed_day(day, &calendar.zone, &format!("{name}.change.from"), problems)
}

/// A `change` table as it was read: its date, what it names, and where it stands.
pub(super) struct Given<T> {
    pub(super) day: Date,
    pub(super) from: Timestamp,
    pub(super) named: T,
    pub(super) at: usize,
}

/// Puts changes over what holds at first: `over` says what holds where one is named over what held before. Those that are
/// out of order, or twice on one date, are told.
pub(super) fn dated<T>(
    first: T,
    given: Vec<Given<T>>,
    name: &str,
    problems: &Problems<'_>,
    over: impl Fn(&T, &T, usize) -> T,
) -> Dated<T> {
    let mut changes: Vec<Change<T>> = Vec::new();
    for Given { day, from, named, at } in given {
        match changes.last() {
            Some(before) if before.day == day => {
                problems
                    .at(at, format!("{name}.change: two changes are from {day} (name all that changes then in one)"));
            }
            Some(before) if before.day > day => {
                let way_out = "put them in the order of their dates";
                problems.at(
                    at,
                    format!("{name}.change: a change from {day} comes after one from {} ({way_out})", before.day),
                );
            }
            _ => {}
        }
        let holds = over(&named, changes.last().map_or(&first, |change| &change.holds), at);
        changes.push(Change { day, from, named, holds });
    }
    Dated { first, changes }
}
