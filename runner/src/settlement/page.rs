//! Decodes one page from a Meters service. Pure, and robust against whatever the service sends.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use books::StoredEvent;
use domain::reading::{
    BoundaryReadings, Collector, Horizon, InvalidReading, MeterList, Reading, Register, parse_register, parse_time,
};
use domain::{Boundary, IntervalLength, MeterId};
use jiff::{SignedDuration, Timestamp};

use super::meters::{MISSING, Row, Rows};
use super::strays::{Stray, Strays};

/// The contents of a page.
#[derive(Debug)]
pub struct Page {
    /// The boundaries at which any meter was read, in order of time.
    pub boundaries: Vec<(Boundary, BoundaryReadings)>,
    /// Invalid rows, with the boundary for which they would have counted.
    pub invalid: Vec<(Option<Boundary>, InvalidReading)>,
    /// What people should know of how the page was read, with the boundary concerned.
    pub remarks: Vec<(Boundary, StoredEvent)>,
    /// Where only one register of a meter was read, in order of time.
    pub halves: Vec<(Boundary, MeterId, Register)>,
    /// The meters of which it is not known what they measured until a boundary.
    pub missing: BTreeMap<Boundary, BTreeSet<MeterId>>,
    /// What was read near no boundary.
    pub strays: Strays,
    /// The earliest reading.
    pub first: Option<Timestamp>,
    /// The page has all readings before this instant; `None` if there are no others at all.
    complete_before: Option<Timestamp>,
    /// Every meter that the rows name.
    pub meters: MeterList,
    length: IntervalLength,
    tolerance: Duration,
}

impl Page {
    /// Whether the page has all readings of a boundary.
    pub fn is_complete(&self, boundary: Boundary) -> bool {
        is_complete(boundary, self.complete_before, self.tolerance)
    }

    /// The start of the next page: the earliest reading of the first incomplete boundary. `None` if there is no next page.
    pub fn next(&self) -> Option<Timestamp> {
        next(self.complete_before?, self.length, self.tolerance)
    }
}

fn is_complete(boundary: Boundary, complete_before: Option<Timestamp>, tolerance: Duration) -> bool {
    let last = boundary.timestamp().checked_add(tolerance).unwrap_or(Timestamp::MAX);
    complete_before.is_none_or(|end| last < end)
}

/// The earliest reading of the first boundary that a page does not have whole.
fn next(complete_before: Timestamp, length: IntervalLength, tolerance: Duration) -> Option<Timestamp> {
    // A full page of rows before 1970 has a next page, too; the caller notices that it brings nothing new.
    let end = complete_before.checked_sub(tolerance).unwrap_or(Timestamp::MIN).max(Timestamp::UNIX_EPOCH);
    let first = Boundary::at_or_after(end, length)?;
    first.timestamp().checked_sub(tolerance).ok()
}

/// Makes a page from one response, or from several: one for each meter.
#[derive(Debug)]
pub struct PageReader {
    meters: MeterList,
    collector: Collector,
    horizon: Horizon,
    invalid: Vec<(Option<Boundary>, InvalidReading)>,
    remarks: Vec<(Boundary, StoredEvent)>,
    /// Meters that may have more rows, each with the instant before which all of its rows were added.
    unfinished: BTreeMap<usize, Timestamp>,
    /// Nothing after this boundary is on the page.
    last: Option<Boundary>,
    strays: Strays,
    missing: BTreeMap<Boundary, BTreeSet<MeterId>>,
    first: Option<Timestamp>,
    /// The latest boundary whose halves and strays matter.
    due: Timestamp,
    length: IntervalLength,
    tolerance: Duration,
}

impl PageReader {
    pub fn new(length: IntervalLength, tolerance: Duration) -> PageReader {
        PageReader {
            meters: MeterList::default(),
            collector: Collector::new(length, tolerance),
            horizon: Horizon::default(),
            invalid: Vec::new(),
            remarks: Vec::new(),
            unfinished: BTreeMap::new(),
            last: None,
            strays: Strays::default(),
            missing: BTreeMap::new(),
            first: None,
            due: Timestamp::MAX,
            length,
            tolerance,
        }
    }

    /// Leaves out halves and strays of boundaries after an instant: what is missing there may still come.
    pub fn due(self, due: Timestamp) -> PageReader {
        PageReader { due, ..self }
    }

    /// Adds the response to a request for `limit` rows per series.
    pub fn add(&mut self, rows: &Rows, limit: u32) {
        for (meter, end) in self.read(rows, limit) {
            self.unfinished.entry(meter).and_modify(|known| *known = end.min(*known)).or_insert(end);
        }
    }

    /// Adds some of a meter's rows around a boundary. Returns the instant before which the response has all; `None` if it has
    /// all there are.
    pub fn add_some(&mut self, rows: &Rows, limit: u32) -> Option<Timestamp> {
        self.read(rows, limit).into_iter().map(|(_, end)| end).min()
    }

    /// Reads rows; returns the meters that may have more, each with the instant before which the response has all.
    fn read(&mut self, rows: &Rows, limit: u32) -> Vec<(usize, Timestamp)> {
        for row in rows.iter() {
            if row.field == MISSING {
                self.miss(row);
                continue;
            }
            if let Err((boundary, error)) = self.read_row(row) {
                self.invalid.push((boundary, error));
            }
        }
        self.horizon.finish(limit as usize)
    }

    /// Reads a row, and counts it for its series even if it is invalid, because a full series may have more rows. Rows of
    /// registers that are not settled, such as reactive ones, are ignored; so are values that would count nowhere.
    fn read_row(&mut self, row: Row<'_>) -> Result<(), (Option<Boundary>, InvalidReading)> {
        let Some(register) = Register::from_field(row.field) else { return Ok(()) };
        let meter = self.meters.number_of(row.device_id).map_err(|error| (None, error.into()))?;
        let at = parse_time(row.date);
        self.horizon.count(meter, register, at);
        let Some(at) = at else {
            return Err((None, InvalidReading::date(self.meters.meter(meter), row.date)));
        };
        match parse_register(row.value) {
            Some(wh) => self.take(Reading { meter, register, at, wh }),
            None => {
                let Some((boundary, _)) = self.collector.boundary_of(at) else { return Ok(()) };
                let error = InvalidReading::value(self.meters.meter(meter), register, at, row.value);
                return Err((Some(boundary), error));
            }
        }
        Ok(())
    }

    /// Notes that nothing is known until a boundary. What names no meter or time is not ours, and says nothing.
    fn miss(&mut self, row: Row<'_>) {
        let Ok(at) = row.date.parse() else { return };
        let (Some((boundary, _)), Ok(meter)) = (self.collector.boundary_of(at), row.device_id.parse()) else { return };
        self.missing.entry(boundary).or_default().insert(meter);
    }

    fn take(&mut self, reading: Reading) {
        let Reading { meter, at, .. } = reading;
        self.first = Some(self.first.map_or(at, |first| first.min(at)));
        if self.collector.add(reading) {
            return;
        }
        let nearest = Boundary::nearest(at, self.length).filter(|(boundary, _)| boundary.timestamp() <= self.due);
        if let Some((boundary, distance)) = nearest {
            self.strays.add(self.meters.meter(meter), Stray { boundary, distance, at });
        }
    }

    /// The meters on the page so far.
    pub fn meters(&self) -> &[MeterId] {
        self.meters.meters()
    }

    /// Ends the page at a boundary: what was added of later ones is read again with the next page.
    pub fn end_at(&mut self, boundary: Boundary) {
        self.last = Some(self.last.map_or(boundary, |last| last.min(boundary)));
    }

    /// The meters that have so many rows around a boundary that the page does not reach beyond it, each with its newest row.
    pub fn crowded(&self, boundary: Boundary) -> Vec<(MeterId, Timestamp)> {
        let last = boundary.timestamp().checked_add(self.tolerance).unwrap_or(Timestamp::MAX);
        let crowded = self.unfinished.iter().filter(|(_, end)| **end <= last);
        crowded.map(|(meter, end)| (self.meters.meter(*meter).clone(), *end)).collect()
    }

    /// Counts a meter as read: what it has around this boundary was added, or is left out for good.
    pub fn finish_meter(&mut self, meter: &MeterId) {
        if let Some(meter) = self.meters.find(meter) {
            self.unfinished.remove(&meter);
        }
    }

    /// Leaves out what was added of a meter at a boundary.
    pub fn leave_out(&mut self, meter: &MeterId, boundary: Boundary) {
        if let Some(meter) = self.meters.find(meter) {
            self.collector.forget(meter, boundary);
        }
    }

    /// Adds something that people should know of.
    pub fn remark(&mut self, boundary: Boundary, code: &str, subject: String, message: String) {
        self.remarks.push((boundary, StoredEvent { code: code.to_owned(), subject, message }));
    }

    fn complete_before(&self) -> Option<Timestamp> {
        let behind = |last: Boundary| {
            let end = last.timestamp().checked_add(self.tolerance).unwrap_or(Timestamp::MAX);
            end.checked_add(SignedDuration::from_nanos(1)).unwrap_or(Timestamp::MAX)
        };
        self.unfinished.values().copied().chain(self.last.map(behind)).min()
    }

    /// The start of the next page, see [`Page::next`].
    pub fn next(&self) -> Option<Timestamp> {
        next(self.complete_before()?, self.length, self.tolerance)
    }

    /// The page.
    pub fn finish(mut self) -> Page {
        let complete_before = self.complete_before();
        let halves = self.collector.halves().filter(|(boundary, ..)| {
            boundary.timestamp() <= self.due && is_complete(*boundary, complete_before, self.tolerance)
        });
        let named = |(boundary, meter, register)| (boundary, self.meters.meter(meter).clone(), register);
        Page {
            halves: halves.map(named).collect(),
            missing: self.missing,
            strays: self.strays,
            first: self.first,
            complete_before,
            boundaries: self.collector.boundaries(&self.meters),
            meters: self.meters,
            invalid: self.invalid,
            remarks: self.remarks,
            length: self.length,
            tolerance: self.tolerance,
        }
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

    fn row<'r>(device_id: &'r str, field: &'r str, value: &'r str, date: &'r str) -> Row<'r> {
        Row { device_id, field, value, date }
    }

    fn page(limit: u32, rows: Rows) -> Page {
        let mut reader = PageReader::new(IntervalLength::QUARTER_HOUR, Duration::from_secs(120));
        reader.add(&rows, limit);
        reader.finish()
    }

    /// Both registers of a meter at times of one day.
    fn both(meter: &str, times: &[&str]) -> Rows {
        let mut rows = Rows::default();
        for time in times {
            let date = format!("2023-09-01T{time}Z");
            rows.push(row(meter, "Active import", "1", &date));
            rows.push(row(meter, "Active export", "0", &date));
        }
        rows
    }

    #[test]
    fn a_full_page_ends_before_its_newest_boundary() {
        let rows = both("a", &["12:00:03", "12:15:03", "12:30:03"]);
        let full = page(3, rows.clone());
        let complete: Vec<String> = full
            .boundaries
            .iter()
            .filter(|(boundary, _)| full.is_complete(*boundary))
            .map(|(boundary, _)| boundary.to_string())
            .collect();
        assert_eq!(complete, ["2023-09-01T12:00:00Z", "2023-09-01T12:15:00Z"]);
        assert_eq!(full.next().map(|at| at.to_string()).as_deref(), Some("2023-09-01T12:28:00Z"));
        assert_eq!(page(4, rows).next(), None);
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
        let page = page(4, rows.into_iter().collect());
        assert!(page.next().is_some());
        assert!(page.boundaries.is_empty());
        let reported: Vec<_> =
            page.invalid.iter().map(|(boundary, error)| (boundary.is_some(), subject(error))).collect();
        assert_eq!(reported, [(true, "a".to_owned()), (false, "a".to_owned()), (false, "unnamed".to_owned())]);
    }

    #[test]
    fn a_page_that_ends_at_a_boundary_goes_on_with_the_next_one() {
        for (tolerance, next) in [(120, "12:28"), (0, "12:30"), (800, "12:16:40")] {
            let mut reader = PageReader::new(IntervalLength::QUARTER_HOUR, Duration::from_secs(tolerance));
            reader.add(&both("a", &["12:00:00", "12:15:00", "12:30:00"]), 3);
            let boundary = |time: &str| {
                let at = format!("2023-09-01T{time}:00Z").parse().unwrap();
                Boundary::at_or_after(at, IntervalLength::QUARTER_HOUR).unwrap()
            };
            reader.end_at(boundary("12:15"));
            reader.end_at(boundary("12:30"));
            let page = reader.finish();
            assert!(page.is_complete(boundary("12:15")) && !page.is_complete(boundary("12:30")), "{tolerance}");
            let at = page.next().unwrap().to_string();
            assert!(at.starts_with(&format!("2023-09-01T{next}")), "{tolerance}: {at}");
        }
    }

    #[test]
    fn meters_with_too_many_rows_around_a_boundary_are_named_until_they_are_finished() {
        let mut rows = Rows::default();
        for second in 0..4 {
            rows.push(row("many", "Active import", "1", &format!("2023-09-01T12:00:0{second}Z")));
            rows.push(row("one", "Active import", "1", &format!("2023-09-01T12:{second}5:00Z")));
        }
        let mut reader = PageReader::new(IntervalLength::QUARTER_HOUR, Duration::from_secs(120));
        reader.add(&rows, 4);
        let boundary = Boundary::from_seconds(1_693_569_600).unwrap();
        let crowded = reader.crowded(boundary);
        assert_eq!(crowded.len(), 1);
        assert_eq!((crowded[0].0.as_str(), crowded[0].1.as_second()), ("many", 1_693_569_603));
        assert_eq!(reader.next().unwrap().to_string(), "2023-09-01T11:58:00Z");
        reader.finish_meter(&crowded[0].0);
        assert_eq!(reader.crowded(boundary), []);
        assert_eq!(reader.next().unwrap().to_string(), "2023-09-01T12:43:00Z");
    }
}
