use proptest::prelude::*;

use super::*;

/// Readings of `meter register value time`, on one day.
struct Story {
    meters: MeterList,
    collector: Collector,
}

impl Story {
    fn of(rows: &[&str]) -> Story {
        let collector = Collector::new(IntervalLength::QUARTER_HOUR, Duration::from_secs(120));
        let mut story = Story { meters: MeterList::default(), collector };
        for row in rows {
            let cells: Vec<&str> = row.split_whitespace().collect();
            let meter = story.meters.number_of(cells[0]).unwrap();
            let register = if cells[1] == "import" { Register::Import } else { Register::Export };
            let at = parse_time(&format!("2023-09-01T{}Z", cells[3])).unwrap();
            story.collector.add(Reading { meter, register, at, wh: parse_register(cells[2]).unwrap() });
        }
        story
    }

    /// Lines of `boundary meter import export`.
    fn lines(self) -> Vec<String> {
        let boundaries = self.collector.boundaries(&self.meters);
        let of_one = |(boundary, read): &(Boundary, BoundaryReadings)| -> Vec<String> {
            let line = |(meter, registers): (&MeterId, &Registers)| {
                format!("{boundary} {meter} {} {}", registers.import_wh, registers.export_wh)
            };
            read.iter().map(line).collect()
        };
        boundaries.iter().flat_map(of_one).collect()
    }
}

fn collect(rows: &[&str]) -> Vec<String> {
    Story::of(rows).lines()
}

#[test]
fn the_nearest_of_several_readings_counts_in_any_order() {
    let rows = ["a import 10 12:14:58", "a import 11 12:15:01", "a import 12 12:16:00", "a export 0 12:15:30"];
    let expected = ["2023-09-01T12:15:00Z a 11 0"];
    assert_eq!(collect(&rows), expected);
    let backwards: Vec<&str> = rows.into_iter().rev().collect();
    assert_eq!(collect(&backwards), expected);
}

#[test]
fn a_meter_is_read_only_if_both_registers_are() {
    assert_eq!(collect(&["a import 10 12:15:00"]), [""; 0]);
    assert_eq!(collect(&["a import 10 12:15:00", "a export 5 12:18:00"]), [""; 0]);
}

#[test]
fn where_one_register_is_missing_is_told() {
    let mut story = Story::of(&[
        "a import 1 12:15:00",
        "a export 1 12:17:01",
        "b import 1 12:15:00",
        "b export 1 12:17:00",
        "a export 1 12:28:00",
    ]);
    let line = |(at, meter, register): (Boundary, usize, Register)| {
        format!("{at} {} {}", story.meters.meter(meter), register.field())
    };
    let halves: Vec<String> = story.collector.halves().map(line).collect();
    assert_eq!(halves, ["2023-09-01T12:15:00Z a Active import", "2023-09-01T12:30:00Z a Active export"]);
}

#[test]
fn a_repeated_reading_counts_once_and_the_lower_of_two_values_counts() {
    assert_eq!(
        collect(&["a import 10 12:15:00", "a import 10 12:15:00", "a import 9 12:15:00", "a export 0 12:15:00"]),
        ["2023-09-01T12:15:00Z a 9 0"]
    );
}

#[test]
fn what_is_forgotten_of_a_meter_does_not_count() {
    let rows = ["b import 1 12:15:00", "b export 1 12:15:00", "a import 2 12:15:00", "a export 2 12:15:00"];
    let mut story = Story::of(&rows);
    let boundary = Boundary::from_seconds(1_693_570_500).unwrap();
    story.collector.forget(0, boundary);
    assert_eq!(story.lines(), ["2023-09-01T12:15:00Z a 2 2"]);
}

#[test]
fn only_the_active_registers_are_known() {
    for register in Register::ALL {
        assert_eq!(Register::from_field(register.field()), Some(register));
    }
    for field in ["Reactive QI(+Ri)", "Reactive QIV(-Rc)", "active import", ""] {
        assert_eq!(Register::from_field(field), None);
    }
}

#[test]
fn values_that_are_not_whole_numbers_in_range_are_refused() {
    for value in
        ["", "-1", "+1", "1.0", "1e3", " 1", "1 ", "NaN", "0x10", "9223372036854775808", "99999999999999999999"]
    {
        assert_eq!(parse_register(value), None, "{value:?}");
    }
    assert_eq!(parse_register("9223372036854775807"), Some(REGISTER_WH_MAX));
    assert_eq!(parse_register("000000000000000000000000000007"), Some(7));
}

#[test]
fn times_without_a_date_a_time_of_day_and_an_offset_are_refused() {
    for date in [
        "",
        "yesterday",
        "2023-09-01",
        "2023-13-01T00:00:00Z",
        "2023-02-29T00:00:00Z",
        "2023-09-01T24:00:00Z",
        "2023-09-01T12:15:00",
        "2023-09-01T12:15:0Z0",
        "9999-12-31T23:59:59Z",
    ] {
        assert_eq!(parse_time(date), None, "{date:?}");
    }
    for (text, second) in [("2024-02-29T23:59:59Z", 1_709_251_199), ("1969-12-31T23:59:59Z", -1)] {
        assert_eq!(parse_time(text).map(Timestamp::as_second), Some(second));
    }
}

#[test]
fn names_that_no_meter_may_have_are_refused_and_change_nothing() {
    let mut meters = MeterList::default();
    let numbers = ["b", "b", "a", "b", "a", "c"].map(|name| meters.number_of(name).unwrap());
    assert_eq!(numbers, [0, 0, 1, 0, 1, 2]);
    assert_eq!(meters.number_of(""), Err(InvalidName::Empty));
    assert_eq!(meters.number_of("a"), Ok(1));
    assert_eq!(meters.meters().iter().map(MeterId::as_str).collect::<Vec<_>>(), ["b", "a", "c"]);
}

#[test]
fn a_response_is_complete_up_to_the_end_of_its_shortest_full_series() {
    let at = |text: &str| parse_time(text);
    let mut horizon = Horizon::default();
    horizon.count(0, Register::Import, at("2023-09-01T12:00:00Z"));
    horizon.count(1, Register::Import, at("2023-09-01T13:00:00Z"));
    assert_eq!(horizon.finish(2), []);
    horizon.count(1, Register::Import, at("2023-09-01T13:00:00Z"));
    horizon.count(1, Register::Import, at("2023-09-01T12:45:00Z"));
    horizon.count(1, Register::Export, at("2023-09-01T12:15:00Z"));
    horizon.count(0, Register::Import, at("2023-09-01T12:15:00Z"));
    horizon.count(0, Register::Import, None);
    horizon.count(2, Register::Export, None);
    horizon.count(2, Register::Export, None);
    let expected = [(1, at("2023-09-01T13:00:00Z").unwrap()), (0, at("2023-09-01T12:15:00Z").unwrap())];
    assert_eq!(horizon.finish(2), expected);
    assert_eq!(horizon.finish(2), []);
}

/// What the platform's form of a time may have in each place, and what is near it.
fn nearly_a_time() -> impl Strategy<Value = String> {
    let number = |most: u32| prop_oneof![0..most, 0..100_u32];
    let rest = prop_oneof![4 => Just("Z"), 1 => Just("z"), 1 => Just("+02:00"), 1 => Just(".5Z"), 1 => Just("")];
    let date = (0..10_000_u32, number(13), number(32), prop_oneof![9 => Just('T'), 1 => Just(' ')]);
    (date, number(24), number(60), number(60), rest).prop_map(
        |((year, month, day, between), hour, minute, second, rest)| {
            format!("{year:04}-{month:02}-{day:02}{between}{hour:02}:{minute:02}:{second:02}{rest}")
        },
    )
}

/// As the rule says it: of each register the reading that is nearest to the boundary, then the earliest, then the lowest.
fn as_the_rule_says(rows: &[(u8, bool, i64, u64)]) -> Vec<String> {
    let mut lines = Vec::new();
    for boundary in 0..4 {
        for meter in 0..4 {
            let best = |wanted: bool| {
                let of_meter = rows.iter().filter(|row| row.0 == meter && row.1 == wanted);
                let near = of_meter.filter(|row| (row.2 - boundary * 900).abs() <= 120);
                near.map(|row| ((row.2 - boundary * 900).abs(), row.2, row.3)).min().map(|best| best.2)
            };
            if let (Some(import), Some(export)) = (best(true), best(false)) {
                let boundary = Boundary::from_seconds(START + boundary.unsigned_abs() * 900).unwrap();
                lines.push(format!("{boundary} m{} {import} {export}", 9 - meter));
            }
        }
    }
    lines.sort_unstable();
    lines
}

const START: u64 = 1_693_569_600;

proptest! {
    #[test]
    fn prop_times_are_those_of_the_calendar(text in nearly_a_time()) {
        prop_assert_eq!(parse_time(&text), text.parse::<Timestamp>().ok(), "{}", text);
    }

    #[test]
    fn prop_registers_are_what_the_standard_library_reads_of_digits(text in "[0-9+ .x-]{0,3}[0-9]{0,22}[0-9 .]{0,1}") {
        let is_digits = text.bytes().all(|byte| byte.is_ascii_digit());
        let expected = text.parse().ok().filter(|wh| is_digits && *wh <= REGISTER_WH_MAX);
        prop_assert_eq!(parse_register(&text), expected);
    }

    #[test]
    fn prop_of_many_readings_the_right_ones_count(
        rows in proptest::collection::vec((0..4_u8, any::<bool>(), -140..2_900_i64, 0..3_u64), 0..40),
    ) {
        let mut story = Story::of(&[]);
        for (meter, is_import, second, wh) in &rows {
            let meter = story.meters.number_of(&format!("m{}", 9 - meter)).unwrap();
            let register = if *is_import { Register::Import } else { Register::Export };
            let at = Timestamp::from_second(START.cast_signed() + second).unwrap();
            story.collector.add(Reading { meter, register, at, wh: *wh });
        }
        prop_assert_eq!(story.lines(), as_the_rule_says(&rows));
    }
}
