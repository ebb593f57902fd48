//! The contract for sums per member and day.

use books::DaySums;
use books::statement::Statement;

use super::meters::{addition, decide_to_restart};
use super::*;

/// Midnight is after so many quarter-hours.
const MIDNIGHT: u64 = 48;

/// The sums of these intervals, which are of one day.
fn sums_of(intervals: &[StoredInterval]) -> DaySums {
    let sum = |sum: Option<Statement>, interval: &StoredInterval| {
        sum?.checked_add(&Statement::of(interval.round.as_ref(), &interval.gaps, &interval.trades)?)
    };
    let (first, last) = (intervals.first().unwrap().interval, intervals.last().unwrap().interval);
    DaySums {
        first: first.start(),
        last: last.start(),
        until: last.end(),
        intervals: intervals.len() as u64,
        trades: intervals.iter().map(|interval| interval.trades.len() as u64).sum(),
        members: intervals.iter().fold(Some(Statement::default()), sum).map(|sums| sums.members),
    }
}

async fn all_sums(store: &impl Store) -> Vec<DaySums> {
    store.sums("aveiro", Span::default(), None, usize::MAX).await.unwrap()
}

/// Settles intervals around two midnights; answers what is kept.
async fn settled<S: Shelf>(shelf: &S) -> (S::Store, Vec<StoredInterval>) {
    let store = shelf.open().await;
    for number in [40, 46, 47, 48, 49, 143, 144] {
        put(&store, full("aveiro", number)).await.unwrap();
    }
    put(&store, full("porto", 50)).await.unwrap();
    let kept = all_intervals(&store, "aveiro").await;
    (store, kept)
}

pub(super) async fn days_are_summed_up_as_they_are_settled<S: Shelf>(shelf: S) {
    let (_, kept) = settled(&shelf).await;
    let store = shelf.open().await;
    let expected = [&kept[..3], &kept[3..6], &kept[6..]].map(sums_of);
    assert_eq!(all_sums(&store).await, expected);
    assert_eq!((expected[0].intervals, expected[0].trades), (3, 12));
    let bob = expected[0].members.as_ref().unwrap()[&member("bob")];
    assert_eq!((bob.bought_local.wh, bob.sold_local.wh), (140 + 146 + 147, 0));
    // Payments change nothing.
    let trade = TradeId::derive("aveiro", interval(40), 0);
    let sent = MatchUpdate { id: trade, state: State::Sent, transaction_id: None, message: None };
    store.update(&[sent], Timestamp::UNIX_EPOCH).await.unwrap();
    assert_eq!(all_sums(&store).await, expected);
    store.sum_again("aveiro", &TimeZone::UTC, Arc::new(|| {})).await.unwrap();
    assert_eq!(all_sums(&store).await, expected);
    assert_eq!(store.sums("faro", Span::default(), None, 9).await.unwrap(), []);
    store.sum_again("faro", &TimeZone::UTC, Arc::new(|| {})).await.unwrap();
    // It still waits, and others do not.
    assert_eq!(store.outbox_depth(OfferedSince::default(), Timestamp::UNIX_EPOCH).await.unwrap().waiting, 7);
    // By community; from within a day on; and one that was not paid waits again.
    let waiting = async |community, since: u64| {
        let since = i64::try_from(START + 900 * since).ok().and_then(|since| Timestamp::from_second(since).ok());
        store.waiting(community, OfferedSince(since)).await.unwrap()
    };
    assert_eq!((waiting("aveiro", 0).await, waiting("porto", 0).await, waiting("faro", 0).await), (6, 1, 0));
    assert_eq!((waiting("aveiro", 47).await, waiting("aveiro", 50).await, waiting("aveiro", 145).await), (5, 2, 0));
    let unpaid = MatchUpdate { id: trade, state: State::NotPaid, transaction_id: None, message: None };
    store.update(&[unpaid], Timestamp::UNIX_EPOCH).await.unwrap();
    assert_eq!((waiting("aveiro", 0).await, waiting("aveiro", 41).await), (7, 6));
}

pub(super) async fn days_are_found_by_span_and_paged<S: Shelf>(shelf: S) {
    let (store, kept) = settled(&shelf).await;
    let all = [&kept[..3], &kept[3..6], &kept[6..]].map(sums_of);
    let start = |number: u64| Some(START + 900 * number);
    for (from, to, first, end) in [
        (None, None, 0, 3),
        (start(MIDNIGHT), None, 1, 3),
        (start(MIDNIGHT - 1), None, 0, 3),
        (start(49), None, 1, 3),
        (start(144), start(145), 2, 3),
        (None, start(MIDNIGHT), 0, 1),
        (None, start(MIDNIGHT + 1), 0, 2),
        (start(145), None, 3, 3),
        (None, start(40), 0, 0),
    ] {
        let span = Span { from, to };
        assert_eq!(store.sums("aveiro", span, None, 9).await.unwrap(), all[first..end], "{span:?}");
    }
    let mut pages: Vec<DaySums> = Vec::new();
    loop {
        let after = pages.last().map(|last| last.until);
        let page = store.sums("aveiro", Span::default(), after, 1).await.unwrap();
        if page.is_empty() {
            break;
        }
        pages.extend(page);
    }
    assert_eq!(pages, all);
}

pub(super) async fn what_is_added_counts_in_the_sums_of_its_day<S: Shelf>(shelf: S) {
    let (store, _) = settled(&shelf).await;
    let number = decide_to_restart(&store).await;
    assert_eq!(store.add(&addition(144, number)).await.unwrap(), CommitOutcome::Committed);
    let kept = all_intervals(&store, "aveiro").await;
    assert_eq!(kept[6].trades.len(), 6);
    assert_eq!(all_sums(&store).await[2], sums_of(&kept[6..]));
    assert_eq!(store.examine().await.unwrap(), [""; 0]);
}

pub(super) async fn sums_that_do_not_fit_are_none<S: Shelf>(shelf: S) {
    let store = shelf.open().await;
    let most = i64::MAX.unsigned_abs();
    let gap = |number: u64| GapTrade {
        member: member("carla"),
        since: boundary(number),
        surplus: Energy::from_wh(most),
        deficit: Energy::from_wh(0),
        tariff: tariff(0, i64::MAX),
    };
    for number in 0..3 {
        put(&store, with(opening("aveiro", number), None, (0..2).map(gap).collect())).await.unwrap();
    }
    put(&store, full("aveiro", MIDNIGHT)).await.unwrap();
    let kept = all_intervals(&store, "aveiro").await;
    let sums = all_sums(&store).await;
    assert_eq!(sums, [sums_of(&kept[..3]), sums_of(&kept[3..])]);
    assert_eq!((sums[0].members.is_some(), sums[0].trades, sums[1].members.is_some()), (false, 6, true));
}
