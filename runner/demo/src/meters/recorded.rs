//! Recorded registers in memory, from which the Meters service answers.
//!
//! A year of quarter-hours of 100 meters takes some 28 MB: meters that are read at the same times share the times, and
//! a register is stored as its first value and 32-bit differences to it.

use std::sync::Arc;

use domain::MeterId;
use domain::reading::{REGISTER_WH_MAX, Register};
use jiff::Timestamp;

/// The registers of several meters over time, sorted by meter; no meter occurs twice.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Recorded {
    meters: Vec<RecordedMeter>,
}

/// The two active-energy registers of one meter over time, oldest first.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RecordedMeter {
    id: MeterId,
    times: Arc<[Timestamp]>,
    import: Column,
    export: Column,
}

/// Why rows cannot be recorded.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InvalidRecorded {
    /// Two meters have the same id.
    #[error("meter {0} occurs twice (put all its rows into one)")]
    MeterTwice(MeterId),
    /// A register does not have exactly one value per time.
    #[error("meter {meter} has {values} values of {} for {times} times (one value per time is expected)", register.field())]
    Length {
        /// The meter's id.
        meter: MeterId,
        /// The register concerned.
        register: Register,
        /// Number of values.
        values: usize,
        /// Number of times.
        times: usize,
    },
    /// A time is not after the previous one.
    #[error("meter {meter} is read at {at} after {before} (times must rise; sort the rows)")]
    Order {
        /// The meter's id.
        meter: MeterId,
        /// The previous row's time.
        before: Timestamp,
        /// The row's time.
        at: Timestamp,
    },
    /// A register's value is larger than a store can hold.
    #[error("meter {meter} shows {wh} Wh as {} (at most {REGISTER_WH_MAX} Wh)", register.field())]
    Value {
        /// The meter's id.
        meter: MeterId,
        /// The register concerned.
        register: Register,
        /// The value, in Wh.
        wh: u64,
    },
}

impl Recorded {
    /// Collects meters, in any order.
    ///
    /// # Errors
    /// If a meter occurs twice.
    pub fn new(mut meters: Vec<RecordedMeter>) -> Result<Recorded, InvalidRecorded> {
        meters.sort_by(|a, b| a.id.cmp(&b.id));
        match meters.windows(2).find(|pair| pair[0].id == pair[1].id) {
            Some(pair) => Err(InvalidRecorded::MeterTwice(pair[0].id.clone())),
            None => Ok(Recorded { meters }),
        }
    }

    /// Returns the meters, sorted by id.
    pub fn meters(&self) -> &[RecordedMeter] {
        &self.meters
    }

    /// Finds a meter by its id.
    pub fn meter(&self, id: &str) -> Option<&RecordedMeter> {
        let index = self.meters.binary_search_by(|meter| meter.id.as_str().cmp(id)).ok()?;
        self.meters.get(index)
    }

    /// Returns the time of the oldest row; `None` if there are no rows.
    pub fn first(&self) -> Option<Timestamp> {
        self.meters.iter().filter_map(|meter| meter.times.first()).min().copied()
    }

    /// Returns the time of the newest row; `None` if there are no rows.
    pub fn last(&self) -> Option<Timestamp> {
        self.meters.iter().filter_map(|meter| meter.times.last()).max().copied()
    }

    /// Counts the rows. Each has both registers of a meter at one time.
    pub fn rows(&self) -> usize {
        self.meters.iter().map(|meter| meter.times.len()).sum()
    }
}

impl RecordedMeter {
    /// Records the registers of a meter, in Wh, at increasing times. Pass the same `times` for several meters to store
    /// them once.
    ///
    /// A register may fall, as it does when a meter is exchanged.
    ///
    /// # Errors
    /// If times do not increase, or a register does not have exactly one valid value per time.
    pub fn new(
        id: MeterId,
        times: Arc<[Timestamp]>,
        import_wh: &[u64],
        export_wh: &[u64],
    ) -> Result<RecordedMeter, InvalidRecorded> {
        for (register, values) in [(Register::Import, import_wh), (Register::Export, export_wh)] {
            if values.len() != times.len() {
                let (values, times) = (values.len(), times.len());
                return Err(InvalidRecorded::Length { meter: id, register, values, times });
            }
            if let Some(wh) = values.iter().copied().find(|wh| *wh > REGISTER_WH_MAX) {
                return Err(InvalidRecorded::Value { meter: id, register, wh });
            }
        }
        if let Some(pair) = times.windows(2).find(|pair| pair[0] >= pair[1]) {
            return Err(InvalidRecorded::Order { meter: id, before: pair[0], at: pair[1] });
        }
        Ok(RecordedMeter { id, times, import: Column::new(import_wh), export: Column::new(export_wh) })
    }

    /// Returns the meter's id.
    pub fn id(&self) -> &MeterId {
        &self.id
    }

    /// Returns the times of the rows, oldest first.
    pub fn times(&self) -> &[Timestamp] {
        &self.times
    }

    /// Returns a register's value at a row (from 0), in Wh; `None` beyond the last row.
    pub fn wh(&self, register: Register, row: usize) -> Option<u64> {
        match register {
            Register::Import => self.import.wh(row),
            Register::Export => self.export.wh(row),
        }
    }
}

/// The values of one register, in Wh.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Column {
    /// Every value is at least the first and less than 2³² Wh above it, which a household uses in a thousand years.
    Above { first_wh: u64, above_wh: Box<[u32]> },
    /// Any other values, such as those of an exchanged meter.
    Any(Box<[u64]>),
}

impl Column {
    fn new(values: &[u64]) -> Column {
        let first_wh = values.first().copied().unwrap_or(0);
        let above = |wh: &u64| wh.checked_sub(first_wh).and_then(|above| u32::try_from(above).ok());
        match values.iter().map(above).collect() {
            Some(above_wh) => Column::Above { first_wh, above_wh },
            None => Column::Any(values.into()),
        }
    }

    fn wh(&self, row: usize) -> Option<u64> {
        match self {
            Column::Above { first_wh, above_wh } => above_wh.get(row).map(|above| first_wh + u64::from(*above)),
            Column::Any(values) => values.get(row).copied(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn times(seconds: &[i64]) -> Arc<[Timestamp]> {
        seconds.iter().map(|second| Timestamp::from_second(*second).unwrap()).collect()
    }

    fn meter(id: &str, import_wh: &[u64]) -> RecordedMeter {
        let seconds: Vec<i64> = (0..).take(import_wh.len()).collect();
        RecordedMeter::new(id.parse().unwrap(), times(&seconds), import_wh, &vec![0; import_wh.len()]).unwrap()
    }

    #[test]
    fn every_value_is_read_back_even_of_an_exchanged_meter() {
        for values in [&[5, 9, 9][..], &[5, 0], &[0, REGISTER_WH_MAX], &[7, 7 + u64::from(u32::MAX)], &[]] {
            let meter = meter("m", values);
            let read: Vec<u64> = (0..).map_while(|row| meter.wh(Register::Import, row)).collect();
            assert_eq!(read, values);
        }
        assert!(matches!(meter("m", &[5, 5 + u64::from(u32::MAX)]).import, Column::Above { .. }));
    }

    #[test]
    fn meters_are_sorted_and_found_by_id() {
        let recorded = Recorded::new(vec![meter("b", &[1]), meter("a", &[2, 3])]).unwrap();
        assert_eq!(recorded.meters()[0].id().as_str(), "a");
        assert_eq!(recorded.meter("b"), Some(&meter("b", &[1])));
        assert_eq!(recorded.meter("c"), None);
        assert_eq!((recorded.first(), recorded.last()), (Some(times(&[0])[0]), Some(times(&[1])[0])));
        assert_eq!(recorded.rows(), 3);
    }

    #[test]
    fn invalid_rows_are_refused_with_their_numbers() {
        let refuse = |times: Arc<[Timestamp]>, import_wh: &[u64]| {
            RecordedMeter::new("m".parse().unwrap(), times, import_wh, &[0, 0]).unwrap_err().to_string()
        };
        assert_eq!(
            refuse(times(&[0, 900]), &[1]),
            "meter m has 1 values of Active import for 2 times (one value per time is expected)"
        );
        assert_eq!(
            refuse(times(&[900, 900]), &[1, 2]),
            "meter m is read at 1970-01-01T00:15:00Z after 1970-01-01T00:15:00Z (times must rise; sort the rows)"
        );
        assert_eq!(
            refuse(times(&[0, 900]), &[1, REGISTER_WH_MAX + 1]),
            "meter m shows 9223372036854775808 Wh as Active import (at most 9223372036854775807 Wh)"
        );
        assert_eq!(
            Recorded::new(vec![meter("m", &[]), meter("m", &[])]).unwrap_err().to_string(),
            "meter m occurs twice (put all its rows into one)"
        );
    }
}
