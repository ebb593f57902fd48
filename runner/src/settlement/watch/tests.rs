//! What a pass makes of what it has seen of one meter, `m`, while `other` is read at every boundary.

use domain::netting::LastRead;
use domain::reading::Registers;

use super::super::meters::{Row, Rows};
use super::super::page::PageReader;
use super::*;

const LENGTH: IntervalLength = IntervalLength::QUARTER_HOUR;
const TOLERANCE: Duration = Duration::from_secs(120);

fn boundary(time: &str) -> Boundary {
    Boundary::at_or_after(format!("2023-09-01T{time}:00Z").parse().unwrap(), LENGTH).unwrap()
}

fn last_read(time: &str) -> LastRead {
    LastRead { boundary: boundary(time), registers: Registers { import_wh: 0, export_wh: 0 }, dispute: None }
}

/// A pass from a mark on that settles these boundaries, and has these rows: `register time`.
struct Story {
    watch: Watch,
    last_reads: LastReads,
}

impl Story {
    fn new(mark: &str, settled: &[&str], rows: &[&str]) -> Story {
        let mut watch = Watch::from((!mark.is_empty()).then(|| boundary(mark)));
        let mut reader = PageReader::new(LENGTH, TOLERANCE).due(boundary("14:00").timestamp());
        let mut answer = Rows::default();
        for row in rows {
            let (register, time) = row.split_once(' ').unwrap();
            let (field, date) = (format!("Active {register}"), format!("2023-09-01T{time}Z"));
            answer.push(Row { device_id: "m", field: &field, value: "1", date: &date });
        }
        reader.add(&answer, 1000);
        watch.add(&reader.finish());
        for time in settled {
            watch.settled(boundary(time), &BoundaryReadings::new(), &LastReads::new());
        }
        Story { watch, last_reads: LastReads::new() }
    }

    /// The meter was read last, or is now, at a boundary.
    fn read_at(mut self, time: &str) -> Story {
        self.last_reads.insert("m".parse().unwrap(), last_read(time));
        self
    }

    /// What people are told after they were told `before`.
    fn then(&self, before: Reception, is_configured: bool) -> Reception {
        let meter: MeterId = "m".parse().unwrap();
        let seen = self.watch.seen(&meter, self.last_reads.get(&meter));
        self.watch.judge(seen, LENGTH, is_configured, before)
    }

    fn first(&self) -> Reception {
        self.then(Reception::Good, true)
    }
}

const OFF: Reception = Reception::Off { seconds: 360 };

#[test]
fn a_meter_is_silent_once_it_missed_two_boundaries_in_a_row() {
    let read = |mark, settled, at| Story::new(mark, settled, &[]).read_at(at).first();
    assert_eq!(read("", &["12:00", "12:15"], "12:00"), Reception::Good);
    assert_eq!(read("", &["12:00", "12:15", "12:30"], "12:00"), Reception::Silent);
    assert_eq!(read("12:15", &["12:30"], "12:15"), Reception::Good);
    assert_eq!(read("12:15", &["12:30"], "12:00"), Reception::Silent);
    // However much later the next boundary is: others were not read in between either.
    assert_eq!(read("12:15", &["18:30"], "12:15"), Reception::Good);
    // Nothing new is known, whatever was told.
    for before in [Reception::Good, Reception::Silent, Reception::Half, OFF] {
        assert_eq!(Story::new("12:30", &[], &[]).read_at("12:00").then(before, true), before);
    }
}

#[test]
fn what_is_read_again_has_recovered() {
    for before in [Reception::Never, Reception::Half, OFF, Reception::Silent] {
        assert_eq!(Story::new("12:15", &["12:30"], &[]).read_at("12:30").then(before, true), Reception::Good);
    }
}

#[test]
fn a_meter_that_is_not_there_was_never_read_if_somebody_waits_for_it() {
    let nothing = Story::new("", &[], &[]);
    assert_eq!(nothing.first(), Reception::Good, "nobody is read yet");
    assert_eq!(nothing.then(Reception::Never, true), Reception::Never);
    let story = Story::new("12:15", &["12:30"], &[]);
    assert_eq!(story.first(), Reception::Never);
    assert_eq!(story.then(Reception::Never, true), Reception::Never);
    assert_eq!(story.then(Reception::Never, false), Reception::Good);
    assert_eq!(story.then(Reception::Good, false), Reception::Good);
    // What was told of its rows holds, until there are others.
    assert_eq!(story.then(Reception::Half, true), Reception::Half);
    assert_eq!(story.then(OFF, false), OFF);
}

#[test]
fn a_meter_with_one_register_or_far_from_boundaries_is_told_at_once_if_it_was_never_read() {
    let first = |rows: &[&str]| Story::new("12:00", &["12:15"], rows).first();
    assert_eq!(first(&["import 12:15:00"]), Reception::Half);
    assert_eq!(first(&["export 12:16:59"]), Reception::Half);
    assert_eq!(first(&["import 12:06:00", "export 12:06:00"]), OFF);
    assert_eq!(first(&["import 12:21:00.000000001"]), Reception::Off { seconds: 361 });
    // The newest decides; of one boundary, the nearest.
    assert_eq!(first(&["import 12:15:00", "import 12:21:00"]), Reception::Half);
    assert_eq!(first(&["import 12:06:00", "import 12:15:00"]), Reception::Half);
    assert_eq!(first(&["import 12:00:00", "import 12:21:00"]), OFF);
    assert_eq!(first(&["import 12:21:00", "import 12:19:00", "import 12:20:00"]), Reception::Off { seconds: 240 });
}

#[test]
fn a_meter_that_was_read_before_is_told_once_it_is_overdue() {
    let story = |settled: &[&str], rows: &[&str]| Story::new("12:00", settled, rows).read_at("12:00").first();
    assert_eq!(story(&["12:15"], &["import 12:15:00"]), Reception::Good);
    assert_eq!(story(&["12:15", "12:30"], &["import 12:15:00", "import 12:30:00"]), Reception::Half);
    // Also where nobody is read as it should be, so that nothing is settled.
    assert_eq!(story(&[], &["import 12:21:00"]), Reception::Good);
    assert_eq!(story(&[], &["import 12:21:00", "import 12:36:00"]), OFF);
    // More readings than needed are no fault.
    let more = Story::new("12:00", &["12:15", "12:30"], &["import 12:20:00", "import 12:25:00", "import 12:35:00"]);
    assert_eq!(more.read_at("12:30").first(), Reception::Good);
}

#[test]
fn what_is_read_and_does_not_count_is_not_silent() {
    let mut story = Story::new("12:00", &["12:15"], &[]).read_at("11:00");
    let read = BoundaryReadings::from([("m".parse().unwrap(), last_read("12:30").registers)]);
    story.watch.settled(boundary("12:30"), &read, &LastReads::new());
    assert_eq!(story.first(), Reception::Good);
}
