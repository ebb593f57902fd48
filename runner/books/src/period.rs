//! Calendar days, weeks, months and years of a time zone: the periods in which people think.

use std::fmt;

use domain::Interval;
use jiff::civil::{Date, ISOWeekDate, Weekday};
use jiff::tz::TimeZone;
use jiff::{Span, Timestamp, ToSpan};

/// Which part of the calendar a period is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Calendar {
    /// From midnight to midnight: 23 to 25 hours where clocks change by one.
    Day,
    /// Seven days from a Monday on (ISO 8601).
    Week,
    /// From the midnight that begins its first day to the one that begins the next month's.
    Month,
    /// Twelve months from January on.
    Year,
}

impl Calendar {
    /// Every kind of period, the shortest first.
    pub const ALL: [Calendar; 4] = [Calendar::Day, Calendar::Week, Calendar::Month, Calendar::Year];

    /// The first day of the period that has this day; `None` outside of the dates that there are.
    fn first_of(self, date: Date) -> Option<Date> {
        match self {
            Calendar::Day => Some(date),
            Calendar::Week => date.checked_sub(i64::from(date.weekday().to_monday_zero_offset()).days()).ok(),
            Calendar::Month => Some(date.first_of_month()),
            Calendar::Year => Some(date.first_of_year()),
        }
    }

    /// The first day of the period after the one that begins on this day.
    fn after(self, first: Date) -> Option<Date> {
        first.checked_add(self.length()).ok()
    }

    fn length(self) -> Span {
        match self {
            Calendar::Day => 1.day(),
            Calendar::Week => 7.days(),
            Calendar::Month => 1.month(),
            Calendar::Year => 1.year(),
        }
    }
}

/// A calendar day, week, month or year of a time zone: half-open, from its first instant on. Periods follow each other without gap or
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
        let mut first = calendar.first_of(date).unwrap_or(Date::MIN);
        loop {
            let next = calendar.after(first).and_then(|next| Some((next, start(next, zone)?)));
            match next {
                // A clock that was put back over midnight shows the day before once more.
                Some((next, until)) if until <= at => first = next,
                next => {
                    // The first one of all begins before the times that there are.
                    let from = start(first, zone).unwrap_or(Timestamp::MIN);
                    return Period { calendar, first, from, until: next.map(|(_, until)| until) };
                }
            }
        }
    }

    /// Reads the name of a period: `2024-10-27`, `2024-W43`, `2024-10` or `2024`; `None` if it is none.
    pub fn parse(name: &str, zone: &TimeZone) -> Option<Period> {
        let digits = |text: &str, count: usize| -> Option<i16> {
            let are_digits = text.len() == count && text.bytes().all(|it| it.is_ascii_digit());
            text.parse().ok().filter(|_| are_digits)
        };
        let year = digits(name.get(..4)?, 4)?;
        let (calendar, first) = match name.get(4..)? {
            "" => (Calendar::Year, Date::new(year, 1, 1).ok()?),
            rest => match rest.strip_prefix("-W") {
                Some(week) => {
                    let week = i8::try_from(digits(week, 2)?).ok()?;
                    (Calendar::Week, ISOWeekDate::new(year, week, Weekday::Monday).ok()?.date())
                }
                None => {
                    let part = |text: &str| digits(text, 2).and_then(|part| i8::try_from(part).ok());
                    let rest = rest.strip_prefix('-')?;
                    match rest.split_once('-') {
                        None => (Calendar::Month, Date::new(year, part(rest)?, 1).ok()?),
                        Some((month, day)) => (Calendar::Day, Date::new(year, part(month)?, part(day)?).ok()?),
                    }
                }
            },
        };
        Period::from_first(first, calendar, zone)
    }

    /// The period that begins on this day; `None` if that is outside of the times that there are, which end a day before the dates.
    fn from_first(first: Date, calendar: Calendar, zone: &TimeZone) -> Option<Period> {
        let from = start(first, zone)?;
        let until = calendar.after(first).and_then(|next| start(next, zone));
        Some(Period { calendar, first, from, until })
    }

    /// Returns the period after this one; `None` outside of the times that there are.
    pub fn next(&self, zone: &TimeZone) -> Option<Period> {
        Period::from_first(self.calendar.after(self.first)?, self.calendar, zone)
    }

    /// Returns the period before this one; `None` outside of the times that there are.
    pub fn previous(&self, zone: &TimeZone) -> Option<Period> {
        let first = self.first.checked_sub(self.calendar.length()).ok()?;
        Period::from_first(first, self.calendar, zone)
    }

    /// Returns which part of the calendar it is.
    pub fn calendar(&self) -> Calendar {
        self.calendar
    }

    /// The first instant of the period.
    pub fn from(&self) -> Timestamp {
        self.from
    }

    /// The first instant after it; `None` for the last period that there is.
    pub fn until(&self) -> Option<Timestamp> {
        self.until
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

/// Prints its name, as `2024-10-27`, `2024-W43`, `2024-10` or `2024`.
impl fmt::Display for Period {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (year, month) = (self.first.year(), self.first.month());
        match self.calendar {
            Calendar::Day => write!(f, "{}", self.first),
            Calendar::Week => {
                let week = self.first.iso_week_date();
                write!(f, "{:04}-W{:02}", week.year(), week.week())
            }
            Calendar::Month => write!(f, "{year:04}-{month:02}"),
            Calendar::Year => write!(f, "{year:04}"),
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
    fn periods_are_read_by_their_names() {
        let zone = TimeZone::get("Europe/Brussels").unwrap();
        for (name, from, hours) in [
            ("2024-10-27", "2024-10-26T22:00:00Z", 25),
            ("2024-W43", "2024-10-20T22:00:00Z", 7 * 24 + 1),
            ("2020-W53", "2020-12-27T23:00:00Z", 7 * 24),
            ("2024-02", "2024-01-31T23:00:00Z", 29 * 24),
            ("2024", "2023-12-31T23:00:00Z", 366 * 24),
        ] {
            let period = Period::parse(name, &zone).unwrap();
            assert_eq!((period.to_string().as_str(), period.from), (name, from.parse().unwrap()));
            assert_eq!(minutes(&period), hours * 60, "{name}");
        }
        for wrong in [
            "",
            "24",
            "2024-",
            "2024-13",
            "2024-1",
            "2023-02-29",
            "2024-W54",
            "2024-W1",
            "2024-10-27T",
            "+2024",
            "２０２４",
        ] {
            assert_eq!(Period::parse(wrong, &zone), None, "{wrong}");
        }
    }

    #[test]
    fn a_day_after_the_last_instant_is_no_period() {
        // The last instant that there is is 9999-12-30T22:00:00Z.
        let zone = |name| TimeZone::get(name).unwrap();
        for name in ["UTC", "America/New_York"] {
            assert_eq!(Period::parse("9999-12-31", &zone(name)), None, "{name}");
        }
        let tokyo = Period::parse("9999-12-31", &zone("Asia/Tokyo")).unwrap();
        assert_eq!((tokyo.from.to_string().as_str(), tokyo.until), ("9999-12-30T15:00:00Z", None));
        let last = Period::parse("9999-12-30", &zone("UTC")).unwrap();
        assert_eq!(
            (last.from.to_string().as_str(), last.until, last.next(&zone("UTC"))),
            ("9999-12-30T00:00:00Z", None, None)
        );
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
            for calendar in Calendar::ALL {
                let period = Period::containing(at, calendar, &zone);
                let named = Period::parse(&period.to_string(), &zone);
                prop_assert_eq!(named.as_ref(), Some(&period));
                let next = period.next(&zone).unwrap();
                prop_assert_eq!(Some(next.from), period.until);
                prop_assert_eq!(next.previous(&zone), Some(period));
            }
        }
    }
}
