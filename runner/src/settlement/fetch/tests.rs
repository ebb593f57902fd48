//! Pages from a service whose rows may be of any size, and of any number.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use domain::{IntervalLength, MeterId};

use super::*;
use crate::settlement::meters::{Meters, Row, Rows};

const NOON: i64 = 1_693_569_600;
/// More than the fake service can send.
const HUGE: usize = 10_000_000;
const BYTES_MAX: usize = 5_000_000;

/// A service in this process, whose rows may be of any size without being made.
struct Fake {
    /// Meter, second after noon, and size.
    rows: Vec<(&'static str, i64, usize)>,
    asked: Mutex<usize>,
}

#[async_trait]
impl Meters for Fake {
    fn address(&self) -> &str {
        "fake"
    }

    async fn page(&self, from: Timestamp, limit: u32, meter: Option<&MeterId>) -> Result<Rows, MetersError> {
        *self.asked.lock().unwrap() += 1;
        let mut series: BTreeMap<&str, Vec<(i64, usize)>> = BTreeMap::new();
        for (name, second, size) in &self.rows {
            let is_wanted = meter.is_none_or(|meter| meter.as_str() == *name);
            if is_wanted && NOON + second >= from.as_second() {
                series.entry(name).or_default().push((NOON + second, *size));
            }
        }
        let (mut answer, mut bytes) = (Rows::default(), 0);
        for (name, mut rows) in series {
            rows.sort_unstable();
            for (second, size) in rows.into_iter().take(limit as usize) {
                bytes += size;
                for field in ["Active import", "Active export"] {
                    let date = Timestamp::from_second(second).unwrap().to_string();
                    let value = (second - NOON).max(0).to_string();
                    answer.push(Row { device_id: name, field, value: &value, date: &date });
                }
            }
        }
        let too_large = MetersError::TooLarge { address: "fake".to_owned(), bytes_max: BYTES_MAX };
        if bytes > BYTES_MAX { Err(too_large) } else { Ok(answer) }
    }
}

/// What came of a backfill.
struct Read {
    /// `meter quarter`, quarters being counted from noon on.
    read: BTreeSet<String>,
    /// `quarter subject code`.
    remarks: Vec<String>,
    requests: usize,
}

/// Reads everything, from 1970 on or from noon on, until some hours after noon; some meters are known before.
async fn read_all(rows: Vec<(&'static str, i64, usize)>, from: i64, known: &[&str]) -> Read {
    let fake = Arc::new(Fake { rows, asked: Mutex::default() });
    let source = Arc::new(Source {
        community: "aveiro".to_owned(),
        meters: Arc::clone(&fake) as Arc<dyn Meters>,
        known: Mutex::new(known.iter().map(|name| name.parse().unwrap()).collect()),
        length: IntervalLength::QUARTER_HOUR,
        tolerance: Duration::from_secs(120),
        latest: Timestamp::from_second(NOON + 100 * 900).unwrap(),
    });
    let quarter = |boundary: Boundary| (i64::try_from(boundary.seconds()).unwrap() - NOON) / 900;
    let (mut read, mut remarks) = (BTreeSet::new(), Vec::new());
    let mut next = Some(Timestamp::from_second(from).unwrap());
    while let Some(from) = next {
        let page = Fetch::start(Arc::clone(&source), from, 4).finish().await.unwrap().page;
        for (boundary, meters) in page.boundaries.iter().filter(|(boundary, _)| page.is_complete(*boundary)) {
            read.extend(meters.keys().map(|meter| format!("{meter} {}", quarter(*boundary))));
        }
        let told = page.remarks.iter();
        remarks.extend(told.map(|(at, event)| format!("{} {} {}", quarter(*at), event.subject, event.code)));
        next = page.next();
        assert!(next.is_none_or(|next| next > from), "no progress after {from}");
        assert!(*fake.asked.lock().unwrap() < 2000, "too many requests");
    }
    let requests = *fake.asked.lock().unwrap();
    Read { read, remarks, requests }
}

fn quarters(meter: &'static str, quarters: impl IntoIterator<Item = i64>) -> Vec<(&'static str, i64, usize)> {
    quarters.into_iter().map(|quarter| (meter, quarter * 900, 100)).collect()
}

fn expected(of: &[(&str, &[i64])]) -> BTreeSet<String> {
    of.iter().flat_map(|(meter, quarters)| quarters.iter().map(move |at| format!("{meter} {at}"))).collect()
}

#[tokio::test]
async fn a_row_that_cannot_be_received_costs_its_meter_that_boundary_and_no_more() {
    for huge in 0..5_i64 {
        for from in [0, NOON - 120] {
            let mut rows = [quarters("a", 0..5), quarters("big", 0..5)].concat();
            rows[usize::try_from(5 + huge).unwrap()].2 = HUGE;
            let Read { read, remarks, requests } = read_all(rows, from, &[]).await;
            let others: Vec<i64> = (0..5).filter(|quarter| *quarter != huge).collect();
            assert_eq!(read, expected(&[("a", &[0, 1, 2, 3, 4]), ("big", &others)]), "{huge}");
            assert_eq!(remarks, [format!("{huge} big skipped")]);
            assert!(requests < 130, "{huge}: {requests} requests");
        }
    }
}

#[tokio::test]
async fn a_row_between_boundaries_that_cannot_be_received_costs_nothing() {
    let mut rows = [quarters("a", 0..5), quarters("big", 0..5)].concat();
    rows.push(("big", 2 * 900 + 450, HUGE));
    let Read { read, remarks, .. } = read_all(rows, NOON - 120, &[]).await;
    assert_eq!(read, expected(&[("a", &[0, 1, 2, 3, 4]), ("big", &[0, 1, 2, 3, 4])]));
    assert_eq!(remarks, [""; 0]);
}

#[tokio::test]
async fn a_meter_that_sends_nothing_else_is_left_out_and_the_community_goes_on() {
    let mut rows = [quarters("a", 0..40), quarters("big", 0..40)].concat();
    rows[40..].iter_mut().for_each(|row| row.2 = HUGE);
    let Read { read, remarks, requests } = read_all(rows, NOON - 120, &["a"]).await;
    assert_eq!(read.len(), 40, "{read:?}");
    assert!(!remarks.is_empty() && remarks.iter().all(|remark| remark.contains(" skipped")), "{remarks:?}");
    assert!(requests < 1000, "{requests} requests");
}

#[tokio::test]
async fn a_meter_alone_goes_on_behind_what_cannot_be_received() {
    let mut rows = quarters("big", [0, 1, 2, 50, 51]);
    (rows[0].2, rows[3].2) = (HUGE, HUGE);
    let Read { read, remarks, requests } = read_all(rows, NOON - 120, &[]).await;
    assert_eq!(read, expected(&[("big", &[1, 2, 51])]));
    assert_eq!(remarks.len(), 2, "{remarks:?}");
    assert!(requests < 100, "{requests} requests");
}

#[tokio::test]
async fn more_rows_around_a_boundary_than_can_be_asked_for_are_read_or_left_out() {
    // Over several seconds, and all within one.
    for (seconds, boundaries, code) in [(50, &[0, 1, 2, 3][..], "crowded"), (1, &[0, 2, 3], "skipped")] {
        let mut rows = [quarters("a", 0..4), quarters("many", 0..4)].concat();
        rows.extend((0..10_500).map(|number| ("many", 900 - 60 + number % seconds, 100)));
        let Read { read, remarks, requests } = read_all(rows, NOON - 120, &[]).await;
        assert_eq!(read, expected(&[("a", &[0, 1, 2, 3]), ("many", boundaries)]));
        assert_eq!(remarks, [format!("1 many {code}")]);
        assert!(requests < 40, "{requests} requests");
    }
}
