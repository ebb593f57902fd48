//! Decodes one page from a Meters service. Pure, and robust against whatever the service sends.

use std::time::Duration;

use domain::reading::{BoundaryReadings, Collector, Horizon, InvalidReading, Reading, Register};
use domain::{Boundary, IntervalLength, MeterId};
use jiff::Timestamp;

use super::meters::Row;

/// The contents of a page.
#[derive(Debug)]
pub struct Page {
    /// The boundaries at which any meter was read, in order of time.
    pub boundaries: Vec<(Boundary, BoundaryReadings)>,
    /// Invalid rows, with the boundary for which they would have counted.
    pub invalid: Vec<(Option<Boundary>, InvalidReading)>,
    /// The page has all readings before this instant; `None` if there are no others at all.
    complete_before: Option<Timestamp>,
    pub meters: usize,
    length: IntervalLength,
    tolerance: Duration,
}

impl Page {
    /// Decodes the response to a request for `limit` rows per series.
    pub fn read(rows: &[Row], limit: u32, length: IntervalLength, tolerance: Duration) -> Page {
        let mut collector = Collector::new(length, tolerance);
        let mut horizon = Horizon::new(limit as usize);
        let mut invalid = Vec::new();
        for row in rows {
            let reading = Reading::parse(&row.device_id, &row.field, &row.value, &row.date);
            count(&mut horizon, row, &reading);
            match reading {
                Ok(Some(reading)) => collector.add(reading),
                Ok(None) => {}
                Err(InvalidReading::Value { at, .. }) if collector.boundary_of(at).is_none() => {}
                Err(error) => invalid.push((boundary_of(&collector, &error), error)),
            }
        }
        Page {
            complete_before: horizon.complete_before(),
            meters: horizon.meters(),
            boundaries: collector.boundaries().collect(),
            invalid,
            length,
            tolerance,
        }
    }

    /// Whether the page has all readings of a boundary.
    pub fn is_complete(&self, boundary: Boundary) -> bool {
        let last = boundary.timestamp().checked_add(self.tolerance).unwrap_or(Timestamp::MAX);
        self.complete_before.is_none_or(|end| last < end)
    }

    /// The start of the next page: the earliest reading of the first incomplete boundary. `None` if there is no next page.
    pub fn next(&self) -> Option<Timestamp> {
        let end = self.complete_before?;
        // A full page of rows before 1970 has a next page, too; the caller notices that it brings nothing new.
        let end = end.checked_sub(self.tolerance).unwrap_or(Timestamp::MIN).max(Timestamp::UNIX_EPOCH);
        let first = Boundary::at_or_after(end, self.length)?;
        first.timestamp().checked_sub(self.tolerance).ok()
    }
}

fn boundary_of(collector: &Collector, error: &InvalidReading) -> Option<Boundary> {
    match error {
        InvalidReading::Value { at, .. } => collector.boundary_of(*at).map(|(boundary, _)| boundary),
        InvalidReading::Meter(_) | InvalidReading::Date { .. } => None,
    }
}

/// Counts a row for its series, even if it is invalid, because a full series may have more rows.
fn count(horizon: &mut Horizon, row: &Row, reading: &Result<Option<Reading>, InvalidReading>) {
    match reading {
        Ok(Some(reading)) => horizon.count(&reading.meter, reading.register, Some(reading.at)),
        Err(InvalidReading::Value { meter, register, at, .. }) => horizon.count(meter, *register, Some(*at)),
        Err(InvalidReading::Date { meter, .. }) => {
            if let Some(register) = Register::from_field(&row.field) {
                horizon.count(meter, register, None);
            }
        }
        Err(InvalidReading::Meter(_)) | Ok(None) => {}
    }
}

/// The meter of an invalid row, for the stored event.
pub fn subject(error: &InvalidReading) -> String {
    match error {
        InvalidReading::Value { meter, .. } | InvalidReading::Date { meter, .. } => MeterId::to_string(meter),
        InvalidReading::Meter(_) => "unnamed".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(meter: &str, field: &str, value: &str, date: &str) -> Row {
        Row { device_id: meter.to_owned(), field: field.to_owned(), value: value.to_owned(), date: date.to_owned() }
    }

    fn page(limit: u32, rows: &[Row]) -> Page {
        Page::read(rows, limit, IntervalLength::QUARTER_HOUR, Duration::from_secs(120))
    }

    #[test]
    fn a_full_page_ends_before_its_newest_boundary() {
        let rows: Vec<_> = ["12:00", "12:15", "12:30"]
            .into_iter()
            .flat_map(|time| {
                let date = format!("2023-09-01T{time}:03Z");
                [row("a", "Active import", "1", &date), row("a", "Active export", "0", &date)]
            })
            .collect();
        let full = page(3, &rows);
        let complete: Vec<String> = full
            .boundaries
            .iter()
            .filter(|(boundary, _)| full.is_complete(*boundary))
            .map(|(boundary, _)| boundary.to_string())
            .collect();
        assert_eq!(complete, ["2023-09-01T12:00:00Z", "2023-09-01T12:15:00Z"]);
        assert_eq!(full.next().map(|at| at.to_string()).as_deref(), Some("2023-09-01T12:28:00Z"));
        assert_eq!(page(4, &rows).next(), None);
    }

    #[test]
    fn invalid_rows_count_for_the_page_and_are_reported() {
        let rows = [
            row("a", "Active import", "1", "2023-09-01T12:00:00Z"),
            row("a", "Active import", "x", "2023-09-01T12:15:00Z"),
            row("a", "Active import", "y", "2023-09-01T12:07:00Z"),
            row("a", "Active import", "1", "never"),
            row("", "Active import", "1", "2023-09-01T12:00:00Z"),
            row("", "Reactive QI(+Ri)", "", ""),
        ];
        let page = page(4, &rows);
        assert!(page.next().is_some());
        assert!(page.boundaries.is_empty());
        let reported: Vec<_> =
            page.invalid.iter().map(|(boundary, error)| (boundary.is_some(), subject(error))).collect();
        assert_eq!(reported, [(true, "a".to_owned()), (false, "a".to_owned()), (false, "unnamed".to_owned())]);
    }
}
