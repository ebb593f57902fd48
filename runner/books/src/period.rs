//! Calendar days and months of a time zone: the periods in which people think.

use std::fmt;

use domain::Interval;
use jiff::civil::Date;
use jiff::tz::TimeZone;
use jiff::{Timestamp, ToSpan};

/// Which part of the calendar a period is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Calendar {
    /// From midnight to midnight: 23 to 25 hours where clocks change by one.
    Day,
    /// From the midnight that begins its first day to the one that begins the next month's.
    Month,
}

/// A calendar day or month of a time zone: half-open, from its first instant on. Periods follow each other without gap or
/// overlap, even where a clock passes midnight twice: the day begins the first time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Period {
    calendar: Calendar,
    first: Date,
    from: Timestamp,
    /// `None` for the last one that there is.
    until: Option<Timestamp>,
}

impl Period {
    /// Finds the period that contains an instant.
    pub fn containing(at: Timestamp, calendar: Calendar, zone: &TimeZone) -> Period {
        let date = zone.to_datetime(at).date();
        let mut first = match calendar {
            Calendar::Day => date,
            Calendar::Month => date.first_of_month(),
        };
        loop {
            let next = match calendar {
                Calendar::Day => first.tomorrow(),
                Calendar::Month => first.checked_add(1.month()),
            };
            match next.ok().and_then(|next| Some((next, start(next, zone)?))) {
                // A clock that was put back over midnight shows the day before once more.
                Some((next, until)) if until <= at => first = next,
                next => {
                    let from = start(first, zone).unwrap_or(Timestamp::MIN);
                    return Period { calendar, first, from, until: next.map(|(_, until)| until) };
                }
            }
        }
    }

    /// The first instant of the period.
    pub fn from(&self) -> Timestamp {
        self.from
    }

    /// Returns its first day.
    pub fn first(&self) -> Date {
        self.first
    }

    /// Whether an instant is in the period.
    pub fn contains(&self, at: Timestamp) -> bool {
        self.from <= at && self.until.is_none_or(|until| at < until)
    }
}

/// The first instant of the day to which an interval belongs in a time zone: the one on which it starts.
pub fn day_of(interval: Interval, zone: &TimeZone) -> Timestamp {
    Period::containing(interval.start().timestamp(), Calendar::Day, zone).from
}

/// Prints the day or the month, as `2024-10-27` or `2024-10`.
impl fmt::Display for Period {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (year, month) = (self.first.year(), self.first.month());
        match self.calendar {
            Calendar::Day => write!(f, "{}", self.first),
            Calendar::Month => write!(f, "{year:04}-{month:02}"),
        }
    }
}

/// Returns the first instant of a day; `None` outside of the times that there are.
fn start(day: Date, zone: &TimeZone) -> Option<Timestamp> {
    zone.to_timestamp(day.at(0, 0, 0, 0)).ok()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn period(at: &str, calendar: Calendar, zone: &str) -> Period {
        Period::containing(at.parse().unwrap(), calendar, &TimeZone::get(zone).unwrap())
    }

    fn minutes(period: &Period) -> i64 {
        period.until.unwrap().duration_since(period.from).as_mins()
    }

    #[test]
    fn days_and_months_are_those_of_the_zone() {
        for (at, zone, day, month) in [
            ("2024-03-31T22:00:00Z", "Europe/Brussels", "2024-04-01", "2024-04"),
            ("2024-03-31T21:59:59Z", "Europe/Brussels", "2024-03-31", "2024-03"),
            ("2024-03-31T22:00:00Z", "UTC", "2024-03-31", "2024-03"),
            ("2024-02-29T18:30:00Z", "Asia/Kolkata", "2024-03-01", "2024-03"),
            ("2024-12-31T12:59:59Z", "Australia/Lord_Howe", "2024-12-31", "2024-12"),
            ("2024-12-31T13:00:00Z", "Australia/Lord_Howe", "2025-01-01", "2025-01"),
            ("1970-01-01T00:00:00Z", "America/New_York", "1969-12-31", "1969-12"),
        ] {
            assert_eq!(period(at, Calendar::Day, zone).to_string(), day, "{at} {zone}");
            assert_eq!(period(at, Calendar::Month, zone).to_string(), month, "{at} {zone}");
        }
    }

    #[test]
    fn a_day_has_the_hours_that_its_clock_has() {
        for (at, zone, length) in [
            ("2024-10-27T12:00:00Z", "Europe/Brussels", 25 * 60),
            ("2024-03-31T12:00:00Z", "Europe/Brussels", 23 * 60),
            ("2024-04-07T00:00:00Z", "Australia/Lord_Howe", 24 * 60 + 30),
            ("2024-10-06T00:00:00Z", "Australia/Lord_Howe", 23 * 60 + 30),
            ("2024-06-01T12:00:00Z", "Asia/Kolkata", 24 * 60),
            // The 30th of December 2011 was left out.
            ("2011-12-30T09:59:59Z", "Pacific/Apia", 24 * 60),
        ] {
            assert_eq!(minutes(&period(at, Calendar::Day, zone)), length, "{at} {zone}");
        }
        for (at, days) in [("2023-02-10T00:00:00Z", 28), ("2024-02-10T00:00:00Z", 29), ("2024-04-10T00:00:00Z", 30)] {
            assert_eq!(minutes(&period(at, Calendar::Month, "UTC")), days * 24 * 60);
        }
    }

    #[test]
    fn a_day_begins_once_even_if_midnight_comes_twice() {
        // In St. John's, clocks were put back from 00:01 to 23:01.
        let zone = "America/St_Johns";
        for at in ["2010-11-07T02:30:00Z", "2010-11-07T02:31:00Z", "2010-11-07T02:45:00Z", "2010-11-07T03:30:00Z"] {
            assert_eq!(period(at, Calendar::Day, zone).to_string(), "2010-11-07", "{at}");
        }
        assert_eq!(period("2010-11-07T02:29:59Z", Calendar::Day, zone).to_string(), "2010-11-06");
    }

    #[test]
    fn the_last_period_has_no_end() {
        let last = period("9999-12-30T22:00:00Z", Calendar::Month, "Europe/Brussels");
        assert_eq!((last.to_string().as_str(), last.until), ("9999-12", None));
        assert!(last.contains(Timestamp::MAX));
    }

    proptest! {
        #[test]
        fn prop_every_instant_is_in_one_period_and_the_next_begins_where_it_ends(
            second in 0_i64..=4_102_444_800,
            zone in prop::sample::select(vec![
                "UTC", "Europe/Lisbon", "Europe/Brussels", "Asia/Kolkata", "Asia/Kathmandu", "Australia/Lord_Howe",
                "America/St_Johns", "America/Sao_Paulo", "Asia/Beirut", "Pacific/Apia", "Pacific/Kiritimati", "Africa/Cairo",
            ]),
        ) {
            let (at, zone) = (Timestamp::from_second(second).unwrap(), TimeZone::get(zone).unwrap());
            let [day, month] = [Calendar::Day, Calendar::Month].map(|calendar| Period::containing(at, calendar, &zone));
            for period in [&day, &month] {
                prop_assert!(period.contains(at), "{period:?}");
                let until = period.until.unwrap();
                let next = Period::containing(until, period.calendar, &zone);
                prop_assert_eq!(next.from, until);
                prop_assert_eq!(&Period::containing(period.from, period.calendar, &zone), period);
            }
            prop_assert!(month.from <= day.from && day.until <= month.until, "{:?} in {:?}", day, month);
            prop_assert!(day.to_string().starts_with(&month.to_string()));
        }
    }
}
