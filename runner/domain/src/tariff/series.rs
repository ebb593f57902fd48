//! Successive tariffs, each from an instant on.

use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};

use crate::money::Tariff;

/// How many of the newest rows say how far apart rows are: two days of hours, or all of a tariff that changes yearly.
const ROWS_COMPARED: usize = 48;

/// Successive tariffs, each from its start until the start of the next. Cheap to clone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Series<T = Tariff> {
    before: T,
    rows: Arc<[(Timestamp, T)]>,
}

/// The error for a series whose rows are not in order of their starts.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{later} is not after {earlier} (each row must start after the one before it)")]
pub struct NotRising {
    /// The start of a row.
    pub earlier: Timestamp,
    /// The start of the next row, which is not later.
    pub later: Timestamp,
}

impl<T: Copy> Series<T> {
    /// Makes a series from rows of (start, tariff), and the tariff that applies before the first row.
    ///
    /// # Errors
    /// If a row does not start after the one before it.
    pub fn new(before: T, rows: Vec<(Timestamp, T)>) -> Result<Series<T>, NotRising> {
        match rows.windows(2).find(|pair| pair[0].0 >= pair[1].0) {
            Some(pair) => Err(NotRising { earlier: pair[0].0, later: pair[1].0 }),
            None => Ok(Series { before, rows: rows.into() }),
        }
    }

    /// Returns the tariff that applies before the first row.
    pub fn before(&self) -> T {
        self.before
    }

    /// Returns the rows: (start, tariff), rising.
    pub fn rows(&self) -> &[(Timestamp, T)] {
        &self.rows
    }

    /// Returns this series with the rows of another one.
    #[must_use]
    pub fn with_rows_of(&self, other: &Series<T>) -> Series<T> {
        Series { before: self.before, rows: Arc::clone(&other.rows) }
    }

    /// Returns the start of the last row if the series ends before an instant: if that row is older by then than the newest
    /// rows are ever apart. The last tariff goes on to apply, but probably nobody means it.
    pub fn ended(&self, at: Timestamp) -> Option<Timestamp> {
        let newest = &self.rows[self.rows.len().saturating_sub(ROWS_COMPARED)..];
        let apart = newest.windows(2).map(|pair| pair[1].0.duration_since(pair[0].0)).max()?;
        let (last, _) = newest.last()?;
        let age: SignedDuration = at.duration_since(*last);
        (age > apart).then_some(*last)
    }

    /// Returns the tariff that applies at an instant.
    pub fn at(&self, instant: Timestamp) -> T {
        let started = self.rows.partition_point(|(from, _)| *from <= instant);
        started.checked_sub(1).and_then(|last| self.rows.get(last)).map_or(self.before, |(_, tariff)| *tariff)
    }

    pub(super) fn map<U>(self, mut change: impl FnMut(T) -> U) -> Series<U> {
        let before = change(self.before);
        Series { before, rows: self.rows.iter().map(|(from, tariff)| (*from, change(*tariff))).collect() }
    }
}
