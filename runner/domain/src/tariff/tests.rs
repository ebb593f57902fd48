//! Checks every quarter-hour of days with clock changes against the offsets set by law, not against the time zone
//! database; then midnight, days and series.

use jiff::Timestamp;
use proptest::prelude::*;

use super::*;

/// Makes a tariff that the tests identify by its retail price.
fn tariff(retail: i64) -> Tariff {
    Tariff { retail: Price::from_micro_eur(retail), feed_in: Price::from_micro_eur(-retail) }
}

fn boundary(text: &str) -> Boundary {
    let at: Timestamp = text.parse().unwrap();
    Boundary::from_seconds(at.as_second().try_into().unwrap()).unwrap()
}

/// Makes a schedule of periods (days, from, to). The tariff of the n-th period is n, and 0 outside all periods.
fn schedule(zone: &str, periods: &[(&str, &str, &str)]) -> TariffSchedule {
    let period = |(tariff_of, (days, from, to)): (i64, &(&str, &str, &str))| Period {
        days: Some(days.parse().unwrap()),
        months: None,
        hours: Hours::new(from.parse().unwrap(), to.parse().unwrap()).unwrap(),
        tariff: tariff(tariff_of),
    };
    let zone = TimeZone::get(zone).unwrap();
    TariffSchedule::TimeOfUse(TimeOfUse {
        zone,
        holidays: Holidays::default(),
        periods: (1..).zip(periods).map(period).collect(),
        otherwise: tariff(0),
    })
}

fn at(schedule: &TariffSchedule, start: Boundary) -> i64 {
    schedule.at(start).retail.micro_eur()
}

/// Iterates over the quarter-hours that start in a half-open span.
fn quarters(from: &str, to: &str) -> impl Iterator<Item = Boundary> {
    (boundary(from).seconds()..boundary(to).seconds()).step_by(900).map(|at| Boundary::from_seconds(at).unwrap())
}

/// Returns the local minute of the day, `ahead` minutes ahead of UTC.
fn wall_minute(start: Boundary, ahead: i64) -> i64 {
    (i64::try_from(start.seconds()).unwrap() / 60 + ahead).rem_euclid(1440)
}

/// Counts the quarter-hours of each tariff in a span, and checks each against the offset (in minutes) in force then.
#[track_caller]
fn compare(
    schedule: &TariffSchedule,
    (from, to): (&str, &str),
    ahead: impl Fn(Boundary) -> i64,
    expected: impl Fn(i64) -> i64,
) -> [usize; 3] {
    let mut counts = [0; 3];
    for start in quarters(from, to) {
        let minute = wall_minute(start, ahead(start));
        let found = at(schedule, start);
        assert_eq!(found, expected(minute), "{start}, {:02}:{:02} on the wall", minute / 60, minute % 60);
        counts[usize::try_from(found).unwrap()] += 1;
    }
    counts
}

/// Returns 1 for the night from 00:30 to 02:30, 2 for the day from 08:00 to 22:00, and 0 otherwise.
const PERIODS: [(&str, &str, &str); 2] = [("mon-sun", "00:30", "02:30"), ("mon-sun", "08:00", "22:00")];

fn by_rule(minute: i64) -> i64 {
    match minute {
        30..150 => 1,
        480..1320 => 2,
        _ => 0,
    }
}

#[test]
fn in_lisbon_the_hour_skipped_in_spring_does_not_count() {
    // 2024-03-31T01:00Z: clocks go from 01:00 to 02:00 (Directive 2000/84/EC). The local day is 00:00Z to 23:00Z.
    let change = boundary("2024-03-31T01:00:00Z");
    let ahead = |start: Boundary| if start < change { 0 } else { 60 };
    let schedule = schedule("Europe/Lisbon", &PERIODS);
    let day = ("2024-03-31T00:00:00Z", "2024-03-31T23:00:00Z");
    let counts = compare(&schedule, day, ahead, by_rule);
    assert_eq!(quarters(day.0, day.1).count(), 92);
    // 00:30–01:00 and 02:00–02:30 are left of the night's two hours.
    assert_eq!(counts, [92 - 4 - 56, 4, 56]);
}

#[test]
fn in_lisbon_the_hour_repeated_in_autumn_counts_twice() {
    // 2024-10-27T01:00Z: clocks go back from 02:00 to 01:00. The local day is 23:00Z the day before to 24:00Z.
    let change = boundary("2024-10-27T01:00:00Z");
    let ahead = |start: Boundary| if start < change { 60 } else { 0 };
    let schedule = schedule("Europe/Lisbon", &PERIODS);
    let day = ("2024-10-26T23:00:00Z", "2024-10-28T00:00:00Z");
    let counts = compare(&schedule, day, ahead, by_rule);
    assert_eq!(quarters(day.0, day.1).count(), 100);
    assert_eq!(counts, [100 - 12 - 56, 12, 56]);
}

#[test]
fn zones_may_differ_from_utc_by_fractions_of_an_hour() {
    let kolkata = schedule("Asia/Kolkata", &PERIODS);
    let counts = compare(&kolkata, ("2024-03-30T18:30:00Z", "2024-03-31T18:30:00Z"), |_| 330, by_rule);
    assert_eq!(counts, [96 - 8 - 56, 8, 56]);
    // Lord Howe goes forward by half an hour: 2024-10-05T15:30Z, from +10:30 to +11; 02:00 becomes 02:30.
    let change = boundary("2024-10-05T15:30:00Z");
    let ahead = |start: Boundary| if start < change { 630 } else { 660 };
    let lord_howe = schedule("Australia/Lord_Howe", &PERIODS);
    let day = ("2024-10-05T13:30:00Z", "2024-10-06T13:00:00Z");
    assert_eq!(quarters(day.0, day.1).count(), 94);
    assert_eq!(compare(&lord_howe, day, ahead, by_rule), [94 - 6 - 56, 6, 56]);
}

#[test]
fn a_period_past_midnight_belongs_to_the_day_on_which_it_begins() {
    // 2024-01-05 is a Friday; the zone is UTC.
    let night = schedule("UTC", &[("fri", "22:00", "06:00")]);
    let holds = |text: &str| at(&night, boundary(text)) == 1;
    assert!(!holds("2024-01-05T05:45:00Z"), "the morning of Friday is Thursday's night");
    assert!(!holds("2024-01-05T21:45:00Z"));
    assert!(holds("2024-01-05T22:00:00Z"));
    assert!(holds("2024-01-06T00:00:00Z"));
    assert!(holds("2024-01-06T05:45:00Z"));
    assert!(!holds("2024-01-06T06:00:00Z"));
    assert!(!holds("2024-01-06T22:00:00Z"));
    // Midnight as the end may be written 24:00 or 00:00.
    for to in ["00:00", "24:00"] {
        let evening = schedule("UTC", &[("sun", "22:00", to)]);
        assert_eq!(at(&evening, boundary("2024-01-07T23:45:00Z")), 1, "{to}");
        assert_eq!(at(&evening, boundary("2024-01-08T00:00:00Z")), 0, "{to}");
    }
}

#[test]
fn the_first_matching_period_applies() {
    let both = schedule("UTC", &[("sat", "10:00", "12:00"), ("sat-sun", "00:00", "24:00")]);
    let found = ["2024-01-06T11:00:00Z", "2024-01-06T12:00:00Z", "2024-01-07T11:00:00Z", "2024-01-08T11:00:00Z"];
    assert_eq!(found.map(|text| at(&both, boundary(text))), [1, 2, 2, 0]);
}

#[test]
fn the_start_of_an_interval_counts_to_the_second() {
    let evening = schedule("UTC", &[("mon-sun", "22:00", "22:01")]);
    let second = |text: &str| at(&evening, boundary(text));
    assert_eq!(
        ["2024-01-06T21:59:59Z", "2024-01-06T22:00:00Z", "2024-01-06T22:00:59Z", "2024-01-06T22:01:00Z"].map(second),
        [0, 1, 1, 0]
    );
}

#[test]
fn days_can_be_names_ranges_and_lists() {
    let printed = |text: &str| text.parse::<Days>().map(|days| days.to_string());
    for (text, days) in [
        ("mon", "mon"),
        ("mon-fri", "mon,tue,wed,thu,fri"),
        ("sat,sun", "sat,sun"),
        ("sat , mon - tue", "mon,tue,sat"),
        ("fri-mon", "mon,fri,sat,sun"),
        ("sun-sat", "mon,tue,wed,thu,fri,sat,sun"),
        ("wed-wed", "wed"),
        ("holiday", "holiday"),
        ("sat-sun, holiday", "sat,sun,holiday"),
    ] {
        assert_eq!(printed(text).as_deref(), Ok(days), "{text}");
        assert_eq!(printed(days).as_deref(), Ok(days));
    }
    for text in ["", ",", "mon-", "monday", "Mon", "mon-tue-wed", "mon;tue", "mon,", "sat-holiday", "holidays"] {
        let error = text.parse::<Days>().unwrap_err();
        assert!(error.to_string().starts_with(&format!("{text:?} does not name days")), "{error}");
    }
}

#[test]
fn months_can_be_names_ranges_and_lists() {
    let printed = |text: &str| text.parse::<Months>().map(|months| months.to_string());
    for (text, months) in [
        ("jan", "jan"),
        ("jun-sep", "jun,jul,aug,sep"),
        ("nov-feb", "jan,feb,nov,dec"),
        ("jan , mar - apr", "jan,mar,apr"),
        ("feb-jan", "jan,feb,mar,apr,may,jun,jul,aug,sep,oct,nov,dec"),
    ] {
        assert_eq!(printed(text).as_deref(), Ok(months), "{text}");
        assert_eq!(printed(months).as_deref(), Ok(months));
    }
    for text in ["", ",", "jan-", "june", "Jan", "jan-feb-mar", "1-3", "jan,", "holiday"] {
        let error = text.parse::<Months>().unwrap_err();
        assert!(error.to_string().starts_with(&format!("{text:?} does not name months")), "{error}");
    }
}

/// Days, months, from and to; either set may be left out.
type CalendarPeriod<'t> = (Option<&'t str>, Option<&'t str>, &'t str, &'t str);

/// A schedule in Brussels of periods, with these holidays.
fn by_calendar(holidays: &[&str], periods: &[CalendarPeriod<'_>]) -> TariffSchedule {
    let period = |(number, (days, months, from, to)): (i64, &CalendarPeriod<'_>)| Period {
        days: days.map(|days| days.parse().unwrap()),
        months: months.map(|months| months.parse().unwrap()),
        hours: Hours::new(from.parse().unwrap(), to.parse().unwrap()).unwrap(),
        tariff: tariff(number),
    };
    TariffSchedule::TimeOfUse(TimeOfUse {
        zone: TimeZone::get("Europe/Brussels").unwrap(),
        holidays: std::sync::Arc::new(holidays.iter().map(|day| day.parse().unwrap()).collect()),
        periods: (1..).zip(periods).map(period).collect(),
        otherwise: tariff(0),
    })
}

#[test]
fn months_are_those_of_the_local_day_on_which_a_period_begins() {
    let schedule =
        by_calendar(&[], &[(None, Some("jun-sep"), "22:00", "06:00"), (None, Some("nov-feb"), "00:00", "24:00")]);
    for (time, expected) in [
        // The first night of June begins on its evening; the morning before is May's night.
        ("2024-05-31T22:00:00Z", 0),
        ("2024-06-01T03:45:00Z", 0),
        ("2024-06-01T20:00:00Z", 1),
        // The last night of September ends in October.
        ("2024-10-01T03:45:00Z", 1),
        ("2024-10-01T04:00:00Z", 0),
        ("2024-10-31T22:45:00Z", 0),
        ("2024-10-31T23:00:00Z", 2),
        ("2025-02-28T22:45:00Z", 2),
        ("2025-02-28T23:00:00Z", 0),
    ] {
        assert_eq!(at(&schedule, boundary(time)), expected, "{time}");
    }
}

#[test]
fn a_holiday_is_a_day_of_its_own_where_a_period_names_it() {
    // Thursday, 9 May 2024 is Ascension Day in Brussels.
    let holidays = ["2024-05-09"];
    let (noon, day_before, late) = ("2024-05-09T10:00:00Z", "2024-05-08T10:00:00Z", "2024-05-09T22:15:00Z");
    let found = |periods: &[_]| {
        let schedule = by_calendar(&holidays, periods);
        [day_before, noon, late].map(|time| at(&schedule, boundary(time)))
    };
    let week = (Some("mon-fri"), None, "08:00", "22:00");
    // Nobody names holidays: it is a Thursday.
    assert_eq!(found(&[week]), [1, 1, 0]);
    // Named, it is no Thursday any more; its night is still its own after midnight.
    assert_eq!(found(&[week, (Some("sun,holiday"), None, "00:00", "24:00")]), [1, 2, 0]);
    assert_eq!(found(&[week, (Some("holiday"), None, "22:00", "06:00")]), [1, 0, 2]);
    // A period for every day holds on a holiday, too, and one from Monday to Sunday does not.
    assert_eq!(found(&[(Some("holiday"), None, "02:00", "03:00"), (None, None, "08:00", "22:00")]), [2, 2, 0]);
    assert_eq!(
        found(&[(Some("holiday"), None, "02:00", "03:00"), (Some("mon-sun"), None, "08:00", "22:00")]),
        [2, 0, 0]
    );
}

#[test]
fn a_series_has_ended_when_its_last_row_is_older_than_its_rows_are_apart() {
    let second = |second: i64| Timestamp::from_second(second).unwrap();
    let series = |starts: &[i64]| {
        Series::new(tariff(0), starts.iter().map(|start| (second(*start), tariff(1))).collect()).unwrap()
    };
    let ended = |starts: &[i64], at: i64| series(starts).ended(second(at)).map(|last| last.as_second());
    let hour = 3600;
    assert_eq!(ended(&[0, hour, 2 * hour], 3 * hour), None);
    assert_eq!(ended(&[0, hour, 2 * hour], 3 * hour + 1), Some(2 * hour));
    // The longest time between two rows counts.
    assert_eq!(ended(&[0, 5 * hour, 6 * hour], 11 * hour), None);
    assert_eq!(ended(&[0, 5 * hour, 6 * hour], 11 * hour + 1), Some(6 * hour));
    // A hole of a day long ago is no reason to wait for a day.
    let rows: Vec<i64> = [0].into_iter().chain(30..100).map(|row| row * hour).collect();
    assert_eq!(ended(&rows, 100 * hour + 1), Some(99 * hour));
    // What never changes never ends.
    assert_eq!((ended(&[], 9), ended(&[0], i64::from(u32::MAX))), (None, None));
}

#[test]
fn times_of_day_have_two_digits_and_end_at_24_00() {
    for text in ["00:00", "09:05", "23:59", "24:00"] {
        assert_eq!(text.parse::<WallTime>().unwrap().to_string(), text);
    }
    for text in ["", "8:00", "08:0", "24:01", "25:00", "12:60", "-1:00", "+1:00", "12.30", "12:30:00", "１2:00"] {
        assert_eq!(text.parse::<WallTime>(), Err(InvalidWallTime(text.to_owned())));
    }
    let hours = |from: &str, to: &str| Hours::new(from.parse().unwrap(), to.parse().unwrap());
    assert_eq!(hours("00:00", "24:00"), Ok(Hours::ALL));
    assert!(hours("22:00", "00:00").is_ok());
    assert!(hours("08:00", "08:00").unwrap_err().to_string().contains("both 08:00"));
    assert_eq!(hours("24:00", "06:00"), Err(InvalidHours::AfterDay));
}

#[test]
fn a_row_of_a_series_applies_from_its_start_until_the_next() {
    let row = |text: &str, retail| (text.parse().unwrap(), tariff(retail));
    let series = Series::new(tariff(0), vec![row("2024-01-01T00:00:00Z", 1), row("2024-01-01T01:00:00+01:00", 2)]);
    assert_eq!(
        series.unwrap_err().to_string().split(" (").next(),
        Some("2024-01-01T00:00:00Z is not after 2024-01-01T00:00:00Z")
    );
    let rows = vec![row("2024-01-01T00:00:00Z", 1), row("2024-01-01T02:07:00+01:00", 2)];
    let series = TariffSchedule::Series(Series::new(tariff(0), rows).unwrap());
    let found = [
        "2023-12-31T23:45:00Z",
        "2024-01-01T00:00:00Z",
        "2024-01-01T01:00:00Z",
        "2024-01-01T01:15:00Z",
        "9999-12-30T00:00:00Z",
    ];
    assert_eq!(found.map(|text| at(&series, boundary(text))), [0, 1, 1, 2, 2]);
    let empty = TariffSchedule::Series(Series::new(tariff(7), vec![]).unwrap());
    assert_eq!(at(&empty, boundary("2024-01-01T00:00:00Z")), 7);
}

#[test]
fn each_price_of_a_partial_tariff_is_completed_separately() {
    let half = PartialTariff { retail: Some(Price::from_micro_eur(5)), feed_in: None };
    assert_eq!(half.complete(tariff(7)), Tariff { retail: Price::from_micro_eur(5), ..tariff(7) });
    assert_eq!(PartialTariff::default().complete(tariff(7)), tariff(7));
    assert_eq!(PartialTariff::from(tariff(3)).complete(tariff(7)), tariff(3));
    assert_eq!(PartialTariff::default().or(half).or(tariff(9).into()).retail, half.retail);
}

#[test]
fn every_tariff_of_a_schedule_is_mapped() {
    let night = schedule("UTC", &[("mon-sun", "22:00", "06:00")]);
    let doubled = night.map(|found| tariff(found.retail.micro_eur() + 10));
    let found = ["2024-01-06T23:00:00Z", "2024-01-06T12:00:00Z"].map(|text| at(&doubled, boundary(text)));
    assert_eq!(found, [11, 10]);
    let series = Series::new(tariff(0), vec![("2024-01-01T00:00:00Z".parse().unwrap(), tariff(1))]).unwrap();
    let series = TariffSchedule::Series(series).map(|found| tariff(found.retail.micro_eur() + 10));
    let found = ["2023-12-31T23:00:00Z", "2024-01-01T00:00:00Z"].map(|text| at(&series, boundary(text)));
    assert_eq!(found, [10, 11]);
}

proptest! {
    /// In a zone without clock changes, periods agree with plain arithmetic on the minutes of a week.
    #[test]
    fn prop_periods_are_spans_of_the_week(minute in 0_u64..10_000_000, days in 1_u8..128, from in 0_i16..1440, to in 0_i16..=1440) {
        prop_assume!(from != to);
        let hours = Hours::new(WallTime(from), WallTime(to)).unwrap();
        let names = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"];
        let named: Vec<&str> = (0..7).filter(|day| days & (1 << day) != 0).map(|day| names[day]).collect();
        let period = Period { days: named.join(",").parse().ok(), months: None, hours, tariff: tariff(1) };
        let (zone, holidays, otherwise) = (TimeZone::UTC, Holidays::default(), tariff(0));
        let schedule = TariffSchedule::TimeOfUse(TimeOfUse { zone, holidays, periods: vec![period], otherwise });
        // The epoch was a Thursday. A span starts on a chosen day and lasts from..to, past midnight if necessary.
        let in_week = (minute + 3 * 1440) % (7 * 1440);
        let (from, to) = (u64::try_from(from).unwrap(), u64::try_from(to).unwrap());
        let length = if from < to { to - from } else { to + 1440 - from };
        let expected = (0..7).filter(|day| days & (1 << day) != 0).any(|day| {
            (in_week + 7 * 1440 - (day * 1440 + from)) % (7 * 1440) < length
        });
        let found = at(&schedule, Boundary::from_seconds(minute * 60).unwrap()) == 1;
        prop_assert_eq!(found, expected);
    }
}
