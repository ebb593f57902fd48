//! `RetrieveMeasurement` without the network: a validated filter, and the rows that match it.
//!
//! A series is one register of a device. Of each series, the answer has the `limit` oldest rows at or after the start,
//! newest first. That is how the platform answers, and why a client continues from the newest row of a full answer.

use std::ops::Range;

use domain::reading::Register;
use jiff::Timestamp;

use super::recorded::{Recorded, RecordedMeter};

/// Number of rows listed per series if the filter has no limit.
pub const ROWS_DEFAULT: usize = 100;
/// Maximum number of rows listed per series.
pub const ROWS_MAX: usize = 10_000;

/// The reactive registers' names on the wire.
const INDUCTIVE: &str = "Reactive QI(+Ri)";
const CAPACITIVE: &str = "Reactive QIV(-Rc)";

/// A validated filter for rows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Query<'a> {
    /// The earliest time of a row, inclusive; `None` for no bound.
    from: Option<Timestamp>,
    /// The latest time of a row, inclusive: later rows have not been read yet.
    now: Timestamp,
    device: Option<&'a str>,
    skip: usize,
    limit: usize,
}

/// Why the platform refuses a filter.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InvalidQuery {
    /// The start is not a time.
    #[error("startInterval {0:?} is not an RFC 3339 time (such as 2023-09-01T12:15:00Z)")]
    Start(String),
    /// The start is in the future.
    #[error("startInterval {from} is in the future, since it is {now} now (give a time up to now)")]
    Future {
        /// The start as given.
        from: Timestamp,
        /// The service's time.
        now: Timestamp,
    },
    /// The number of rows to skip is negative.
    #[error("skip {0} is negative (it must be at least 0)")]
    Skip(i32),
    /// The maximum number of rows is out of range.
    #[error("limit {0} is out of range (it must be from 1 to {ROWS_MAX} rows per series)")]
    Limit(i32),
}

impl<'a> Query<'a> {
    /// Validates a filter from the wire.
    ///
    /// # Errors
    /// If the start is not a time or in the future, or a number of rows is out of range.
    pub fn parse(filter: &'a wire::QueryMeters, now: Timestamp) -> Result<Query<'a>, InvalidQuery> {
        let skip = filter.skip.unwrap_or(0);
        Ok(Query {
            from: filter.start_interval.as_deref().map(|text| parse_start(text, now)).transpose()?,
            now,
            device: filter.device_id.as_deref(),
            skip: usize::try_from(skip).map_err(|_| InvalidQuery::Skip(skip))?,
            limit: filter.limit.map_or(Ok(ROWS_DEFAULT), parse_limit)?,
        })
    }

    /// Lists the rows that match the filter, series by series. An unknown device has none.
    pub fn answer(&self, recorded: &Recorded) -> wire::QueryResponse {
        let mut entries = Vec::new();
        match self.device {
            Some(device) => {
                if let Some(meter) = recorded.meter(device) {
                    self.list(meter, &mut entries);
                }
            }
            None => recorded.meters().iter().for_each(|meter| self.list(meter, &mut entries)),
        }
        wire::QueryResponse { entries, status: None, error: None }
    }

    fn list(&self, meter: &RecordedMeter, entries: &mut Vec<wire::MeasurementResponse>) {
        let rows = self.rows(meter.times());
        // Formatting times is the most expensive part, and the four series share them.
        let dates: Vec<String> = meter.times()[rows.clone()].iter().map(Timestamp::to_string).collect();
        entries.reserve(4 * rows.len());
        for (field, value) in series() {
            for (row, date) in rows.clone().zip(&dates).rev() {
                if let Some(value) = value(meter, row) {
                    entries.push(wire::MeasurementResponse {
                        device_id: meter.id().as_str().to_owned(),
                        field: field.to_owned(),
                        value: value.to_string(),
                        date: date.clone(),
                    });
                }
            }
        }
    }

    fn rows(&self, times: &[Timestamp]) -> Range<usize> {
        let end = times.partition_point(|at| *at <= self.now);
        let first = self.from.map_or(0, |from| times.partition_point(|at| *at < from));
        let start = first.saturating_add(self.skip).min(end);
        start..start.saturating_add(self.limit).min(end)
    }
}

fn parse_start(text: &str, now: Timestamp) -> Result<Timestamp, InvalidQuery> {
    let from = text.parse().map_err(|_| InvalidQuery::Start(text.chars().take(40).collect()))?;
    if from > now { Err(InvalidQuery::Future { from, now }) } else { Ok(from) }
}

fn parse_limit(limit: i32) -> Result<usize, InvalidQuery> {
    usize::try_from(limit).ok().filter(|rows| (1..=ROWS_MAX).contains(rows)).ok_or(InvalidQuery::Limit(limit))
}

/// The value of a series at a row: Wh for the active registers, varh for the reactive ones.
type Value = fn(&RecordedMeter, usize) -> Option<u64>;

fn series() -> [(&'static str, Value); 4] {
    [
        (Register::Import.field(), |meter, row| meter.wh(Register::Import, row)),
        (Register::Export.field(), |meter, row| meter.wh(Register::Export, row)),
        (INDUCTIVE, inductive_varh),
        (CAPACITIVE, capacitive_varh),
    ]
}

/// An estimate, since reactive energy is not recorded: motors and compressors draw about a quarter of their active
/// energy.
fn inductive_varh(meter: &RecordedMeter, row: usize) -> Option<u64> {
    Some(meter.wh(Register::Import, row)? / 4)
}

/// An estimate: electronic power supplies, and inverters while they feed in, are capacitive by a few percent.
fn capacitive_varh(meter: &RecordedMeter, row: usize) -> Option<u64> {
    Some(meter.wh(Register::Import, row)? / 16 + meter.wh(Register::Export, row)? / 50)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Arc;

    const NOW: &str = "2023-09-01T13:00:00Z";

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    /// Two meters with five rows each, from 12:00 to 13:00, 100 Wh of import apart.
    fn recorded() -> Recorded {
        let first = at("2023-09-01T12:00:00Z").as_second();
        let times: Arc<[Timestamp]> = (0..5).map(|row| Timestamp::from_second(first + row * 900).unwrap()).collect();
        let import_wh: Vec<u64> = (10..15).map(|hundreds| hundreds * 100).collect();
        let meter = |id: &str| RecordedMeter::new(id.parse().unwrap(), times.clone(), &import_wh, &[50; 5]).unwrap();
        Recorded::new(vec![meter("m01"), meter("m02")]).unwrap()
    }

    /// Formats the rows as `device field value hh:mm`.
    fn rows(filter: wire::QueryMeters, now: &str) -> Vec<String> {
        let answer = Query::parse(&filter, at(now)).unwrap().answer(&recorded());
        assert_eq!((answer.status, answer.error), (None, None));
        let row = |entry: &wire::MeasurementResponse| {
            format!("{} {} {} {}", entry.device_id, entry.field, entry.value, &entry.date[11..16])
        };
        answer.entries.iter().map(row).collect()
    }

    fn import_of_m01(filter: wire::QueryMeters, now: &str) -> String {
        let rows = rows(wire::QueryMeters { device_id: Some("m01".to_owned()), ..filter }, now);
        rows.iter().filter_map(|row| row.strip_prefix("m01 Active import ")).collect::<Vec<_>>().join(", ")
    }

    #[test]
    fn the_oldest_rows_are_listed_newest_first() {
        let filter = wire::QueryMeters {
            start_interval: Some("2023-09-01T12:14:58Z".to_owned()),
            limit: Some(2),
            ..Default::default()
        };
        assert_eq!(import_of_m01(filter.clone(), NOW), "1200 12:30, 1100 12:15");
        assert_eq!(import_of_m01(wire::QueryMeters { skip: Some(1), ..filter.clone() }, NOW), "1300 12:45, 1200 12:30");
        assert_eq!(import_of_m01(wire::QueryMeters { skip: Some(3), ..filter.clone() }, NOW), "1400 13:00");
        assert_eq!(import_of_m01(wire::QueryMeters { skip: Some(i32::MAX), ..filter }, NOW), "");
    }

    #[test]
    fn a_start_on_a_row_includes_it_in_any_time_zone() {
        for start in ["2023-09-01T12:45:00Z", "2023-09-01T14:45:00+02:00"] {
            let filter = wire::QueryMeters { start_interval: Some(start.to_owned()), ..Default::default() };
            assert_eq!(import_of_m01(filter, NOW), "1400 13:00, 1300 12:45");
        }
    }

    #[test]
    fn the_limit_applies_to_each_series_of_each_device() {
        let filter = wire::QueryMeters { limit: Some(1), ..Default::default() };
        let series = ["Active import 1000", "Active export 50", "Reactive QI(+Ri) 250", "Reactive QIV(-Rc) 63"];
        let expected: Vec<String> =
            ["m01", "m02"].iter().flat_map(|meter| series.map(|series| format!("{meter} {series} 12:00"))).collect();
        assert_eq!(rows(filter, NOW), expected);
    }

    #[test]
    fn dates_are_rfc_3339_in_utc() {
        let answer = Query::parse(&wire::QueryMeters::default(), at(NOW)).unwrap().answer(&recorded());
        assert_eq!(answer.entries[0].date, "2023-09-01T13:00:00Z");
    }

    #[test]
    fn rows_after_now_are_not_listed() {
        assert_eq!(import_of_m01(wire::QueryMeters::default(), "2023-09-01T12:15:00Z"), "1100 12:15, 1000 12:00");
        let late = wire::QueryMeters { start_interval: Some("2023-09-01T12:20:00Z".to_owned()), ..Default::default() };
        assert_eq!(import_of_m01(late, "2023-09-01T12:20:00Z"), "");
    }

    #[test]
    fn an_unknown_device_has_no_rows() {
        let filter = wire::QueryMeters { device_id: Some("m03".to_owned()), ..Default::default() };
        assert_eq!(rows(filter, NOW), Vec::<String>::new());
    }

    #[test]
    fn invalid_filters_are_refused_with_the_rule() {
        let refuse = |filter| Query::parse(&filter, at(NOW)).unwrap_err().to_string();
        let start = |text: &str| wire::QueryMeters { start_interval: Some(text.to_owned()), ..Default::default() };
        assert_eq!(
            refuse(start("yesterday")),
            r#"startInterval "yesterday" is not an RFC 3339 time (such as 2023-09-01T12:15:00Z)"#
        );
        assert_eq!(
            refuse(start("2023-09-01T13:00:01Z")),
            "startInterval 2023-09-01T13:00:01Z is in the future, since it is 2023-09-01T13:00:00Z now (give a time up to now)"
        );
        assert_eq!(
            refuse(wire::QueryMeters { skip: Some(-1), ..Default::default() }),
            "skip -1 is negative (it must be at least 0)"
        );
        for limit in [i32::MIN, -1, 0, 10_001] {
            assert_eq!(
                refuse(wire::QueryMeters { limit: Some(limit), ..Default::default() }),
                format!("limit {limit} is out of range (it must be from 1 to 10000 rows per series)")
            );
        }
        assert!(Query::parse(&wire::QueryMeters { limit: Some(10_000), ..Default::default() }, at(NOW)).is_ok());
    }
}
