//! The contract for details of days that are over.

use books::{DayDetails, Details};

use super::meters::{addition, decide_to_restart};
use super::*;

/// The details of these intervals, which are of one day.
fn details_of(intervals: &[StoredInterval]) -> DayDetails {
    DayDetails::of(intervals).unwrap()
}

async fn all_details(store: &impl Store) -> Vec<DayDetails> {
    store.details("aveiro", Span::default(), None, usize::MAX).await.unwrap()
}

/// From the start of the first to the end of a day, or of its last interval.
async fn due(store: &impl Store, limit: usize) -> Vec<u64> {
    let due = store.details_due("aveiro", limit).await.unwrap();
    due.into_iter().map(|span| (span.from.unwrap() - START) / 900).collect()
}

/// Settles intervals of four days, between which there are midnights; answers what is kept.
async fn settled<S: Shelf>(shelf: &S) -> (S::Store, Vec<StoredInterval>) {
    let store = shelf.open().await;
    for number in [40, 46, 47, 48, 49, 143, 144, 145, 240] {
        put(&store, full("aveiro", number)).await.unwrap();
    }
    put(&store, full("porto", 50)).await.unwrap();
    let kept = all_intervals(&store, "aveiro").await;
    (store, kept)
}

pub(super) async fn details_are_kept_of_days_that_are_over<S: Shelf>(shelf: S) {
    let (store, kept) = settled(&shelf).await;
    assert_eq!(all_details(&store).await, []);
    assert_eq!(due(&store, 9).await, [40, 48, 144]);
    assert_eq!(due(&store, 2).await, [40, 48]);
    let days = [&kept[..3], &kept[3..6], &kept[6..8], &kept[8..]].map(details_of);
    let told = days[0].told.as_ref().unwrap();
    assert_eq!((told.intervals.len(), told.sales.as_ref().unwrap().flows.len()), (3, 1));
    assert_eq!(told.intervals[2].cleared.unwrap().shared.wh, 147);
    // The last day is not over.
    store.keep_details("aveiro", &days).await.unwrap();
    let store = shelf.open().await;
    assert_eq!(all_details(&store).await, days[..3]);
    assert_eq!(due(&store, 9).await, [0; 0]);
    // Sums are those of the intervals as before, and again changes nothing.
    store.keep_details("aveiro", &days).await.unwrap();
    assert_eq!(all_details(&store).await, days[..3]);
    let sums = store.sums("aveiro", Span::default(), None, 9).await.unwrap();
    assert!(days.iter().zip(&sums).all(|(day, sums)| day.is_of(sums)) && sums.len() == 4);
    assert_eq!(sums[1].members.as_ref().unwrap()[&member("bob")].bought_local.wh, 148 + 149 + 243);
    put(&store, full("aveiro", 241)).await.unwrap();
    put(&store, full("aveiro", 400)).await.unwrap();
    assert_eq!(due(&store, 9).await, [240]);
    assert_eq!(store.sums("aveiro", Span::default(), None, 9).await.unwrap().len(), 5);
    assert_eq!(store.details("faro", Span::default(), None, 9).await.unwrap(), []);
    assert_eq!(store.details_due("faro", 9).await.unwrap(), []);
    assert_eq!(store.examine().await.unwrap(), [""; 0]);
}

pub(super) async fn details_are_found_by_span_and_paged<S: Shelf>(shelf: S) {
    let (store, kept) = settled(&shelf).await;
    let all = [&kept[..3], &kept[3..6], &kept[6..8]].map(details_of);
    store.keep_details("aveiro", &all).await.unwrap();
    let start = |number: u64| Some(START + 900 * number);
    for (from, to, first, end) in [
        (None, None, 0, 3),
        (start(48), None, 1, 3),
        (start(47), None, 0, 3),
        (start(144), start(145), 2, 3),
        (None, start(48), 0, 1),
        (None, start(49), 0, 2),
        (start(146), None, 3, 3),
        (None, start(40), 0, 0),
        (Some(u64::MAX), None, 3, 3),
        (None, Some(u64::MAX), 0, 3),
    ] {
        let span = Span { from, to };
        assert_eq!(store.details("aveiro", span, None, 9).await.unwrap(), all[first..end], "{span:?}");
    }
    let after = |day: &DayDetails| Some(day.until);
    assert_eq!(store.details("aveiro", Span::default(), after(&all[0]), 1).await.unwrap(), all[1..2]);
    assert_eq!(store.details("aveiro", Span::default(), after(&all[2]), 1).await.unwrap(), []);
    assert_eq!(store.details("aveiro", Span::default(), None, 0).await.unwrap(), []);
    // Sums page over days that are kept and those that are not.
    let mut pages: Vec<Boundary> = Vec::new();
    while let [day] = &store.sums("aveiro", Span::default(), pages.last().copied(), 1).await.unwrap()[..] {
        pages.push(day.until);
    }
    assert_eq!(pages.len(), 4);
}

pub(super) async fn details_of_other_intervals_count_as_missing<S: Shelf>(shelf: S) {
    let (store, kept) = settled(&shelf).await;
    let day = details_of(&kept[..3]);
    for other in [
        DayDetails { trades: day.trades + 1, ..day.clone() },
        DayDetails { intervals: 2, ..day.clone() },
        DayDetails { first: kept[1].interval.start(), ..day.clone() },
        DayDetails { until: kept[1].interval.end(), last: kept[1].interval.start(), ..day.clone() },
    ] {
        store.keep_details("aveiro", &[other]).await.unwrap();
        assert_eq!(all_details(&store).await, []);
    }
    assert_eq!(due(&store, 9).await, [40, 48, 144]);
    // What is added to the newest interval is not in details that were made before.
    let newest = details_of(&kept[8..]);
    let number = decide_to_restart(&store).await;
    assert_eq!(store.add(&addition(240, number)).await.unwrap(), CommitOutcome::Committed);
    store.keep_details("aveiro", &[newest]).await.unwrap();
    assert_eq!(
        put(&store, Commit { decision: number, ..full("aveiro", 400) }).await.unwrap(),
        CommitOutcome::Committed
    );
    assert_eq!(due(&store, 9).await, [40, 48, 144, 240]);
}

pub(super) async fn summing_up_again_forgets_details<S: Shelf>(shelf: S) {
    let (store, kept) = settled(&shelf).await;
    store.keep_details("aveiro", &[details_of(&kept[..3])]).await.unwrap();
    assert_eq!(due(&store, 9).await, [48, 144]);
    store.sum_again("aveiro", &TimeZone::UTC, Arc::new(|| {})).await.unwrap();
    assert_eq!((all_details(&store).await, due(&store, 9).await), (Vec::new(), vec![40, 48, 144]));
    assert_eq!(store.sums("aveiro", Span::default(), None, 9).await.unwrap().len(), 4);
}
