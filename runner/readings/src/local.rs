//! Local times: dates and times as operators write them, and the instants that they mean.
//!
//! In October an hour comes twice. The k-th occurrence of a label in a series is the k-th instant that has it: so it is right
//! whether a file has the two hours one after the other or interleaved. Where a row has its start and its end, these tell.

use std::collections::HashMap;

use jiff::Timestamp;
use jiff::civil::{Date, DateTime, Time};
use jiff::tz::{AmbiguousOffset, TimeZone};

/// The hours of a day, for [`LocalClock::hour_of_day`].
const HOUR: i64 = 3600;

/// Reads a date: `2024-09-13`, `2024/09/13`, `13.09.2024`, `13/09/2024` or `13-09-2024`.
pub fn date(text: &str) -> Option<Date> {
    let sign = text.chars().find(|character| matches!(character, '-' | '/' | '.'))?;
    let mut parts = text.split(sign);
    let (first, month, last) = (parts.next()?, parts.next()?, parts.next()?);
    let number = |text: &str, digits: std::ops::RangeInclusive<usize>| -> Option<i16> {
        let is_number = digits.contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_digit());
        is_number.then(|| text.parse().ok()).flatten()
    };
    let (year, day) = if first.len() == 4 { (first, last) } else { (last, first) };
    let (year, month, day) = (number(year, 4..=4)?, number(month, 1..=2)?, number(day, 1..=2)?);
    let date = Date::new(year, i8::try_from(month).ok()?, i8::try_from(day).ok()?).ok()?;
    parts.next().is_none().then_some(date)
}

/// Reads a time of the day: `00:15`, `00:15:00` or `0:15`. `24:00` is the end of the day.
pub fn minutes(text: &str) -> Option<u16> {
    let mut parts = text.split(':');
    let (hour, minute, second) = (parts.next()?, parts.next()?, parts.next().unwrap_or("00"));
    let number = |text: &str| -> Option<u16> {
        let is_number = (1..=2).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_digit());
        is_number.then(|| text.parse().ok()).flatten()
    };
    let (hour, minute) = (number(hour)?, number(minute)?);
    let is_whole = number(second)? == 0 && parts.next().is_none();
    let is_time = (hour < 24 && minute < 60) || (hour == 24 && minute == 0);
    (is_whole && is_time).then_some(hour * 60 + minute)
}

/// A date and minutes of the day, of which the last may be those of its end.
pub fn at(date: Date, minutes: u16) -> Option<DateTime> {
    let (day, minutes) = if minutes == 1440 { (date.tomorrow().ok()?, 0) } else { (date, minutes) };
    let (hour, minute) = (i8::try_from(minutes / 60).ok()?, i8::try_from(minutes % 60).ok()?);
    Some(day.to_datetime(Time::new(hour, minute, 0, 0).ok()?))
}

/// Reads a date and a time in one text: `13.09.2024 00:15`, `2024-09-13T00:15:00`.
pub fn date_time(text: &str) -> Option<DateTime> {
    let (day, time) = text.split_once([' ', 'T'])?;
    at(date(day)?, minutes(time.trim())?)
}

/// Reads an instant, which has an offset. A space between date and time is as good as a `T`.
pub fn instant(text: &str) -> Option<Timestamp> {
    text.parse().ok().or_else(|| text.replacen(' ', "T", 1).parse().ok())
}

/// The clock of a zone, as a file was written by it.
#[derive(Debug)]
pub struct LocalClock {
    zone: TimeZone,
    /// How often each repeated label has come, by series.
    seen: HashMap<(u64, DateTime, DateTime), usize>,
}

impl LocalClock {
    /// The clock of a zone.
    pub fn new(zone: TimeZone) -> LocalClock {
        LocalClock { zone, seen: HashMap::new() }
    }

    /// The clock of a zone that a format fixes.
    pub fn of(zone: &str) -> LocalClock {
        // OK because the zones of formats are in the database that is part of the program; a test reads them all.
        LocalClock::new(TimeZone::get(zone).unwrap_or(TimeZone::UTC))
    }

    /// The zone.
    pub fn zone(&self) -> &TimeZone {
        &self.zone
    }

    /// The instants that have a label: one, two in October, none in March.
    fn instants(&self, label: DateTime) -> Vec<Timestamp> {
        let offsets = match self.zone.to_ambiguous_timestamp(label).offset() {
            AmbiguousOffset::Unambiguous { offset } => vec![offset],
            AmbiguousOffset::Gap { .. } => Vec::new(),
            AmbiguousOffset::Fold { before, after } => vec![before, after],
        };
        offsets.into_iter().filter_map(|offset| offset.to_timestamp(label).ok()).collect()
    }

    /// The instants at which something may end that has this label: also the one at which clocks are put forward, by the clock
    /// before.
    fn ends(&self, label: DateTime) -> Vec<Timestamp> {
        let known = self.instants(label);
        if !known.is_empty() {
            return known;
        }
        let AmbiguousOffset::Gap { before, .. } = self.zone.to_ambiguous_timestamp(label).offset() else {
            return known;
        };
        let is_change = |at: &Timestamp| {
            let second_before = Timestamp::from_second(at.as_second() - 1);
            second_before.is_ok_and(|second| self.zone.to_offset(second) == before)
        };
        before.to_timestamp(label).ok().filter(is_change).into_iter().collect()
    }

    /// How often a label has come before in a series.
    fn occurrence(&mut self, series: u64, label: (DateTime, DateTime)) -> usize {
        let count = self.seen.entry((series, label.0, label.1)).or_default();
        *count += 1;
        *count - 1
    }

    /// The instant of a label in a series: the k-th that has it, for its k-th occurrence.
    ///
    /// # Errors
    /// If no instant has it.
    pub fn instant(&mut self, series: u64, label: DateTime) -> Result<Timestamp, String> {
        self.kth(series, label, &self.instants(label))
    }

    /// The instant at which an interval ends that has this label at its end.
    ///
    /// # Errors
    /// If no instant has it.
    pub fn end(&mut self, series: u64, label: DateTime) -> Result<Timestamp, String> {
        self.kth(series, label, &self.ends(label))
    }

    fn kth(&mut self, series: u64, label: DateTime, instants: &[Timestamp]) -> Result<Timestamp, String> {
        match instants {
            [] => Err(self.skipped(label)),
            [only] => Ok(*only),
            several => {
                let occurrence = self.occurrence(series, (label, label));
                // What comes more often is a duplicate of the last, or contradicts it.
                Ok(several[occurrence.min(several.len() - 1)])
            }
        }
    }

    /// The interval between two labels in a series. The shortest time between them is meant.
    ///
    /// # Errors
    /// If no instants have them, or the end comes before the start.
    pub fn interval(&mut self, series: u64, from: DateTime, to: DateTime) -> Result<(Timestamp, Timestamp), String> {
        let (starts, ends) = (self.instants(from), self.ends(to));
        if starts.is_empty() {
            return Err(self.skipped(from));
        }
        if ends.is_empty() {
            return Err(self.skipped(to));
        }
        let pairs = starts.iter().flat_map(|start| ends.iter().map(move |end| (*start, *end)));
        let rising: Vec<_> = pairs.filter(|(start, end)| start < end).collect();
        let length = |pair: &(Timestamp, Timestamp)| pair.1.duration_since(pair.0);
        let Some(shortest) = rising.iter().map(length).min() else {
            return Err(format!("it ends at {to}, not after its start at {from}"));
        };
        let meant: Vec<_> = rising.into_iter().filter(|pair| length(pair) == shortest).collect();
        let occurrence = if meant.len() > 1 { self.occurrence(series, (from, to)) } else { 0 };
        meant.get(occurrence.min(meant.len() - 1)).copied().ok_or_else(|| self.skipped(from))
    }

    /// The start of the k-th hour of a day, from 1.
    ///
    /// # Errors
    /// If the day has fewer.
    pub fn hour_of_day(&self, day: Date, hour: u8) -> Result<Timestamp, String> {
        let hours = self.hours(day)?;
        if hour == 0 || i64::from(hour) > hours {
            return Err(format!("{day} has {hours} hours, and none with the number {hour}"));
        }
        let seconds = (i64::from(hour) - 1) * HOUR;
        Timestamp::from_second(self.midnight(day)? + seconds).map_err(|error| error.to_string())
    }

    /// How many hours a day has.
    pub fn hours(&self, day: Date) -> Result<i64, String> {
        let tomorrow = day.tomorrow().map_err(|error| error.to_string())?;
        Ok((self.midnight(tomorrow)? - self.midnight(day)?) / HOUR)
    }

    /// The Unix second at which a day begins.
    fn midnight(&self, day: Date) -> Result<i64, String> {
        let midnight = self.zone.to_zoned_datetime(day.at(0, 0, 0, 0)).and_then(|midnight| midnight.start_of_day());
        midnight.map(|midnight| midnight.timestamp().as_second()).map_err(|error| error.to_string())
    }

    fn skipped(&self, label: DateTime) -> String {
        let zone = self.zone.iana_name().unwrap_or("that zone");
        format!("there is no {label} in {zone}, where clocks are put forward then")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn instants(labels: &[&str]) -> Vec<String> {
        let mut clock = LocalClock::of("Europe/Vienna");
        labels
            .iter()
            .map(|label| clock.instant(0, date_time(label).unwrap()).map_or_else(|error| error, |at| at.to_string()))
            .collect()
    }

    #[test]
    fn the_kth_occurrence_of_a_label_is_the_kth_instant_interleaved_or_as_a_block() {
        let interleaved = instants(&["30.10.2022 02:00", "30.10.2022 02:00", "30.10.2022 02:45", "30.10.2022 02:45"]);
        let expected = ["2022-10-30T00:00:00Z", "2022-10-30T01:00:00Z", "2022-10-30T00:45:00Z", "2022-10-30T01:45:00Z"];
        assert_eq!(interleaved, expected);
        let block = instants(&["30.10.2022 02:00", "30.10.2022 02:45", "30.10.2022 02:00", "30.10.2022 02:45"]);
        assert_eq!(block, [expected[0], expected[2], expected[1], expected[3]]);
        assert_eq!(instants(&["30.10.2022 03:00", "30.10.2022 03:00"]), ["2022-10-30T02:00:00Z"; 2]);
    }

    #[test]
    fn a_time_that_clocks_skip_is_none() {
        assert!(instants(&["27.03.2022 02:15"])[0].contains("there is no 2022-03-27T02:15:00 in Europe/Vienna"));
    }

    #[test]
    fn start_and_end_tell_which_of_two_hours_it_is() {
        let mut clock = LocalClock::of("Europe/Brussels");
        let mut of = |from: &str, to: &str| {
            let label = |time: &str| date_time(&format!("29/10/2023 {time}")).unwrap();
            clock.interval(0, label(from), label(to)).map(|(from, to)| format!("{from} {to}"))
        };
        assert_eq!(of("02:45", "02:00").unwrap(), "2023-10-29T00:45:00Z 2023-10-29T01:00:00Z");
        assert_eq!(of("02:45", "03:00").unwrap(), "2023-10-29T01:45:00Z 2023-10-29T02:00:00Z");
        assert_eq!(of("01:45", "02:00").unwrap(), "2023-10-28T23:45:00Z 2023-10-29T00:00:00Z");
        assert_eq!(of("02:00", "02:15").unwrap(), "2023-10-29T00:00:00Z 2023-10-29T00:15:00Z");
        assert_eq!(of("02:00", "02:15").unwrap(), "2023-10-29T01:00:00Z 2023-10-29T01:15:00Z");
        assert!(of("05:00", "04:00").is_err());
    }

    #[test]
    fn hours_of_a_day_are_counted_as_they_pass() {
        let clock = LocalClock::of("Europe/Madrid");
        let hour = |day: &str, hour| clock.hour_of_day(date(day).unwrap(), hour).map(|at| at.to_string());
        assert_eq!(hour("26/10/2025", 25).unwrap(), "2025-10-26T22:00:00Z");
        assert_eq!(hour("26/10/2025", 3).unwrap(), "2025-10-26T00:00:00Z");
        assert_eq!(hour("28/11/2019", 24).unwrap(), "2019-11-28T22:00:00Z");
        assert!(hour("28/11/2019", 25).is_err() && hour("30/03/2025", 24).is_err() && hour("30/03/2025", 0).is_err());
    }

    #[test]
    fn dates_and_times_are_read_as_operators_write_them() {
        for text in ["2024-09-13", "2024/09/13", "13.09.2024", "13/09/2024", "13-09-2024", "13/9/2024"] {
            assert_eq!(date(text).map(|date| date.to_string()).as_deref(), Some("2024-09-13"), "{text}");
        }
        for text in ["13/13/2024", "2024-09", "13.09.24", "", "a/b/cccc", "13.09.2024.1", "31/06/2024"] {
            assert_eq!(date(text), None, "{text}");
        }
        assert_eq!([minutes("00:15"), minutes("0:15:00"), minutes("24:00")], [Some(15), Some(15), Some(1440)]);
        for text in ["24:01", "25:00", "00:60", "00:15:01", "0015", ""] {
            assert_eq!(minutes(text), None, "{text}");
        }
    }
}
