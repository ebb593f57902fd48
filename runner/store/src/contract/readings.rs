//! Promises about readings that are kept for communities whose Meters service is this program.

use std::collections::BTreeMap;

use books::readings::day_of;
use books::{KeepError, KeptReadings, NewReadings, Readings};
use domain::MeterId;
use domain::metering::{Base, Grains, Meter, Slot, Value};

use super::*;

/// A day after 1970.
const DAY: i64 = 19_601;

fn slot(wh: u64) -> Slot {
    let value = |wh| Grains::from_wh(wh).map(|grains| Value { grains, estimated: wh == 7 });
    Slot { seconds: 900, import: value(wh), export: value(2 * wh), lacks_export: false, lacks_import: wh == 3 }
}

/// A meter with quarter-hours: their number from a day on, and their energy in Wh.
fn quarters(values: &[(i64, u64)]) -> Meter {
    let slots = values.iter().map(|(number, wh)| (DAY * 86_400 + number * 900, slot(*wh)));
    Meter { slots: slots.collect(), ..Meter::default() }
}

fn new(meters: &[(&str, Meter)], attempt: &str) -> Arc<NewReadings> {
    let meters = meters.iter().map(|(name, meter)| (name.parse().unwrap(), meter.clone())).collect();
    Arc::new(NewReadings { meters, at: Timestamp::from_second(1_700_000_000).unwrap(), attempt: attempt.to_owned() })
}

async fn known(store: &impl Readings) -> BTreeMap<String, Meter> {
    let days = store.meter_days(None, i64::MIN / 2, i64::MAX / 2).await.unwrap();
    days.into_iter().map(|((meter, day), content)| (format!("{meter} {}", day - DAY), content.content)).collect()
}

pub(super) async fn readings_are_kept_and_read_back(shelf: impl Shelf) {
    let store = shelf.open().await;
    let mut a = quarters(&[(0, 1), (1, 7), (95, 3), (96, 4)]);
    a.registers.insert(DAY * 86_400 + 5, Registers { import_wh: u64::MAX >> 1, export_wh: 0 });
    let kept = store.keep_readings(new(&[("a", a.clone()), ("b", quarters(&[(200, 5)]))], "1")).await.unwrap();
    assert_eq!(kept, KeptReadings { new: 11, same: 0 });
    let store = shelf.open().await;
    let found = known(&store).await;
    assert_eq!(found.keys().map(String::as_str).collect::<Vec<_>>(), ["a 0", "a 1", "b 2"]);
    assert_eq!((found["a 0"].slots.len(), &found["a 0"].registers), (3, &a.registers));
    assert_eq!(found["a 1"], quarters(&[(96, 4)]));
    let spans = store.metered(None).await.unwrap();
    let spans: Vec<_> = spans.iter().map(|span| (span.meter.as_str(), span.first - DAY, span.last - DAY)).collect();
    assert_eq!(spans, [("a", 0, 1), ("b", 2, 2)]);
    let b: MeterId = "b".parse().unwrap();
    assert_eq!(store.next_meter_day(&b, DAY - 100).await.unwrap(), Some(DAY + 2));
    assert_eq!(store.next_meter_day(&b, DAY + 3).await.unwrap(), None);
    assert_eq!(store.meter_days(Some(&b), DAY, DAY + 3).await.unwrap().len(), 1);
    assert_eq!(store.meter_days(Some(&b), DAY, DAY + 2).await.unwrap().len(), 0);
}

pub(super) async fn what_meters_have_counted_is_summed(shelf: impl Shelf) {
    let store = shelf.open().await;
    let mut a = quarters(&[(0, 1), (96, 2), (192, 4)]);
    store.keep_readings(new(&[("a", a.clone()), ("b", quarters(&[(0, 100)]))], "1")).await.unwrap();
    let counted = |base: Option<&Base>| base.map(|base| (base.registers().import_wh, base.registers().export_wh));
    let [one, two]: [MeterId; 2] = ["a", "b"].map(|name| name.parse().unwrap());
    let all = store.counted_before(None, DAY + 2).await.unwrap();
    assert_eq!([counted(all.get(&one)), counted(all.get(&two))], [Some((3, 6)), Some((100, 200))]);
    assert_eq!(store.counted_before(Some(&one), DAY).await.unwrap().len(), 0);
    a.registers.insert(DAY * 86_400 + 86_400, Registers { import_wh: 1000, export_wh: 50 });
    store.keep_readings(new(&[("a", a)], "2")).await.unwrap();
    let all = store.counted_before(Some(&one), DAY + 9).await.unwrap();
    assert_eq!(counted(all.get(&one)), Some((1006, 62)));
}

pub(super) async fn the_same_readings_change_nothing_and_others_are_refused_with_both(shelf: impl Shelf) {
    let store = shelf.open().await;
    store.keep_readings(new(&[("a", quarters(&[(0, 1), (96, 2)]))], "1")).await.unwrap();
    let before = known(&store).await;
    let same = store.keep_readings(new(&[("a", quarters(&[(0, 1)]))], "2")).await.unwrap();
    assert_eq!(same, KeptReadings { new: 0, same: 2 });
    let other = new(&[("a", quarters(&[(0, 9), (1, 1)])), ("b", quarters(&[(0, 1)]))], "3");
    let Err(KeepError::Contradicts(both)) = store.keep_readings(other).await else { panic!("it was kept") };
    assert!(both.to_string().contains("has import 0.001 kWh") && both.to_string().contains("0.009 kWh"), "{both}");
    let long = Meter { slots: [(DAY * 86_400 + 85_500, Slot { seconds: 3600, ..slot(1) })].into(), ..Meter::default() };
    assert!(matches!(store.keep_readings(new(&[("a", long)], "4")).await, Err(KeepError::Contradicts(_))));
    assert_eq!(known(&store).await, before);
    assert_eq!(day_of(DAY * 86_400 - 1), DAY - 1);
}

pub(super) async fn concurrent_readings_are_all_kept(shelf: impl Shelf) {
    let store = shelf.open().await;
    let stores = [shelf.open().await, shelf.open().await];
    let keep = |index: i64| {
        let readings = new(&[("a", quarters(&[(index, 1)])), ("b", quarters(&[(0, 5)]))], &index.to_string());
        stores[usize::from(index % 2 == 1)].keep_readings(readings)
    };
    let (a, b, c, d) = tokio::join!(keep(0), keep(1), keep(2), keep(3));
    let new: u64 = [a, b, c, d].into_iter().map(|kept| kept.unwrap().new).sum();
    assert_eq!((new, known(&store).await["a 0"].slots.len()), (10, 4));
}

pub(super) async fn what_comes_after_its_intervals_were_settled_is_known(shelf: impl Shelf) {
    let store = shelf.open().await;
    let mark = i64::try_from(START + 900).unwrap();
    let at = |second: i64| Meter { slots: [(second, slot(1))].into(), ..Meter::default() };
    store.keep_readings(new(&[("a", at(mark - 900))], "1")).await.unwrap();
    assert_eq!(store.late_arrivals().await.unwrap(), []);
    put(&store, full("aveiro", 0)).await.unwrap();
    store.keep_readings(new(&[("a", at(mark - 1800)), ("b", at(mark))], "2")).await.unwrap();
    let late = store.late_arrivals().await.unwrap();
    assert_eq!(late.iter().map(|late| (late.meter.as_str(), late.from)).collect::<Vec<_>>(), [("a", mark - 1800)]);
}
