//! Where an interval belongs in the community's calendar: its month, its day, and the hour on the clock.
//!
//! A day has the hours that its clock shows: 23 where it is put forward, and 25 where it is put back, one of them twice.

use std::fmt;

use books::Period;
use domain::Boundary;
use jiff::civil::Date;
use jiff::tz::TimeZone;

/// An hour on the clock of a day. In order of time, also where the clock shows one twice.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Hour {
    /// The day.
    pub day: Date,
    /// From 0 to 23.
    pub clock: i8,
    /// How far the clock is behind UTC, in seconds: more, the second time that it shows this hour.
    pub behind_utc: i32,
}

/// Where an interval belongs: to the month, day and hour in which it starts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Place {
    /// The first day of the month.
    pub month: Date,
    /// The day and the hour.
    pub hour: Hour,
}

/// The calendar of a time zone. It remembers the last day and month, since intervals mostly follow each other.
#[derive(Clone, Debug)]
pub struct Calendar {
    zone: TimeZone,
    day: Option<Period>,
    month: Option<Period>,
}

impl Calendar {
    /// Makes the calendar of a time zone.
    pub fn new(zone: TimeZone) -> Calendar {
        Calendar { zone, day: None, month: None }
    }

    /// Returns where the interval with this start belongs.
    pub fn place(&mut self, start: Boundary) -> Place {
        let at = start.timestamp();
        let first = |kept: &mut Option<Period>, calendar| match kept {
            Some(period) if period.contains(at) => period.first(),
            kept => kept.insert(Period::containing(at, calendar, &self.zone)).first(),
        };
        let day = first(&mut self.day, books::Calendar::Day);
        let month = first(&mut self.month, books::Calendar::Month);
        let clock = self.zone.to_datetime(at).hour();
        let behind_utc = -self.zone.to_offset(at).seconds();
        Place { month, hour: Hour { day, clock, behind_utc } }
    }
}

/// Prints day and hour with its offset, as `2024-10-27 02:00+02`, which tells the hours of a day of 25 apart.
impl fmt::Display for Hour {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let minutes = -self.behind_utc / 60;
        let sign = if minutes < 0 { '-' } else { '+' };
        let (hours, rest) = (minutes.abs() / 60, minutes.abs() % 60);
        write!(f, "{} {:02}:00{sign}{hours:02}", self.day, self.clock)?;
        if rest == 0 { Ok(()) } else { write!(f, ":{rest:02}") }
    }
}

/// Returns the name of a month: `2024-10`.
pub fn month_name(month: Date) -> String {
    format!("{:04}-{:02}", month.year(), month.month())
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    /// How many quarter-hours each hour of a local day has, in order.
    fn hours(from: &str, zone: &str, day: &str) -> Vec<(String, u32)> {
        let mut calendar = Calendar::new(TimeZone::get(zone).unwrap());
        let from: jiff::Timestamp = from.parse().unwrap();
        let mut hours: BTreeMap<Hour, u32> = BTreeMap::new();
        for quarter in 0..4 * 50 {
            let start = Boundary::from_seconds(from.as_second().unsigned_abs() + quarter * 900).unwrap();
            *hours.entry(calendar.place(start).hour).or_default() += 1;
        }
        let shown = hours.into_iter().filter(|(hour, _)| hour.day.to_string() == day);
        shown.map(|(hour, quarters)| (hour.to_string(), quarters)).collect()
    }

    #[test]
    fn a_day_has_the_hours_of_its_clock() {
        let back = hours("2024-10-26T20:00:00Z", "Europe/Brussels", "2024-10-27");
        assert_eq!(back.len(), 25);
        assert!(back.iter().all(|(_, quarters)| *quarters == 4));
        assert_eq!(back[2].0, "2024-10-27 02:00+02");
        assert_eq!(back[3].0, "2024-10-27 02:00+01");
        let forward = hours("2024-03-30T20:00:00Z", "Europe/Brussels", "2024-03-31");
        assert_eq!((forward.len(), forward[2].0.as_str()), (23, "2024-03-31 03:00+02"));
    }

    #[test]
    fn half_an_hour_more_is_half_an_hour() {
        let day = hours("2024-04-06T10:00:00Z", "Australia/Lord_Howe", "2024-04-07");
        assert_eq!(day.len(), 25);
        assert_eq!(day[1], ("2024-04-07 01:00+11".to_owned(), 4));
        assert_eq!(day[2], ("2024-04-07 01:00+10:30".to_owned(), 2));
    }

    #[test]
    fn months_are_those_of_the_zone() {
        let mut calendar = Calendar::new(TimeZone::get("Europe/Brussels").unwrap());
        let mut month = |at: &str| {
            let at: jiff::Timestamp = at.parse().unwrap();
            month_name(calendar.place(Boundary::from_seconds(at.as_second().unsigned_abs()).unwrap()).month)
        };
        assert_eq!(month("2024-03-31T21:45:00Z"), "2024-03");
        assert_eq!(month("2024-03-31T22:00:00Z"), "2024-04");
        assert_eq!(month("2024-03-31T21:45:00Z"), "2024-03");
    }
}
