//! The contract for events and notices.

use books::{EventFilter, EventPlace, ListedEvent, Notice, Notices, Reception};

use super::*;

/// Every event of a community that a filter finds, read in pages of this size.
async fn listed(store: &impl Store, community: &str, filter: &EventFilter, limit: usize) -> Vec<ListedEvent> {
    let mut all: Vec<ListedEvent> = Vec::new();
    loop {
        let after = all.last().map(|last| last.place.clone());
        let page = store.events(community, filter, after.as_ref(), limit).await.unwrap();
        assert!(page.len() <= limit, "{limit} at a time");
        if page.is_empty() {
            return all;
        }
        all.extend(page);
    }
}

async fn all(store: &impl Store, community: &str) -> Vec<ListedEvent> {
    store.events(community, &EventFilter::default(), None, usize::MAX).await.unwrap()
}

/// An event as it is listed that was committed with the interval of this number.
fn of_interval(interval: u64, number: u64, event: StoredEvent) -> ListedEvent {
    let start = boundary(interval);
    ListedEvent { place: EventPlace { at: start.seconds(), meter: None, number }, start: Some(start), event }
}

/// A notice after the interval of this number; without one, at that time.
fn notice(meter: &str, number: u64, after: Option<u64>, reception: Reception) -> Notice {
    Notice {
        meter: meter.parse().unwrap(),
        number,
        start: after.map(boundary),
        told_at: Timestamp::from_second(1_700_000_000 + i64::try_from(number).unwrap()).unwrap(),
        reception,
        message: format!("meter {meter} is {reception:?}; 'so' \u{1f4a1}"),
    }
}

/// A commit with so many events, more than a page's worth of which have the same start.
fn with_events(number: u64, events: usize) -> Commit {
    let mut commit = full("aveiro", number);
    let one = |at: usize| StoredEvent { message: at.to_string(), ..event(["gap", "unreadable"][at % 2]) };
    commit.cleared.events = (0..events).map(one).collect();
    commit
}

pub(super) async fn events_are_listed_in_order_and_paged<S: Shelf>(shelf: S) {
    let store = shelf.open().await;
    assert_eq!(all(&store, "aveiro").await, []);
    let commits = [with_events(0, 2), with_events(1, 0), with_events(2, 12), with_events(5, 1)];
    let mut expected = Vec::new();
    for commit in commits {
        let at = (commit.cleared.interval.start().seconds() - START) / 900;
        expected.extend((0..).zip(commit.cleared.events.clone()).map(|(number, event)| of_interval(at, number, event)));
        put(&store, commit).await.unwrap();
    }
    put(&store, full("other", 0)).await.unwrap();
    for store in [store, shelf.open().await] {
        assert_eq!(all(&store, "aveiro").await, expected);
        for limit in [1, 2, 5, 14, 15, 16] {
            assert_eq!(listed(&store, "aveiro", &EventFilter::default(), limit).await, expected, "{limit} at a time");
        }
        assert_eq!(store.events("aveiro", &EventFilter::default(), None, 0).await.unwrap(), []);
        assert_eq!(all(&store, "gamma").await, []);
    }
}

pub(super) async fn notices_are_listed_among_the_events_of_intervals<S: Shelf>(shelf: S) {
    let store = shelf.open().await;
    let early = notice("z", 1, None, Reception::Off { seconds: 361 });
    let first = [notice("b", 1, Some(1), Reception::Never), notice("a/1", 1, Some(1), Reception::Half)];
    let second = [notice("b", 2, Some(1), Reception::Good), notice("b", 3, Some(5), Reception::Silent)];
    let earliest = std::slice::from_ref(&early);
    assert_eq!(store.tell("aveiro", earliest).await.unwrap(), earliest);
    for number in [0, 1, 2, 5] {
        put(&store, with_events(number, 2)).await.unwrap();
    }
    assert_eq!(store.tell("aveiro", &first).await.unwrap(), first);
    assert_eq!(store.tell("aveiro", &second).await.unwrap(), second);
    let events = |at: u64| with_events(at, 2).cleared.events;
    let of = |at: u64| (0..).zip(events(at)).map(move |(number, event)| of_interval(at, number, event));
    let [b1, a1] = first.clone().map(ListedEvent::from);
    let [b2, b3] = second.clone().map(ListedEvent::from);
    let mut expected: Vec<ListedEvent> = of(0).chain(of(1)).chain([a1, b1, b2]).collect();
    expected.extend(of(2).chain(of(5)).chain([b3, early.clone().into()]));
    let last = &expected[expected.len() - 1];
    assert_eq!((last.place.at, last.start), (1_700_000_001, None));
    for store in [store, shelf.open().await] {
        assert_eq!(all(&store, "aveiro").await, expected);
        for limit in 1..=expected.len() {
            assert_eq!(listed(&store, "aveiro", &EventFilter::default(), limit).await, expected, "{limit} at a time");
        }
        assert_eq!(all(&store, "other").await, []);
        assert_eq!(store.examine().await.unwrap(), [""; 0]);
        // Those of intervals alone are counted.
        assert_eq!(store.event_counts("aveiro").await.unwrap().len(), 2);
    }
}

pub(super) async fn events_are_found_by_time_code_and_subject<S: Shelf>(shelf: S) {
    let store = shelf.open().await;
    for number in [0, 1, 2] {
        put(&store, with_events(number, 2)).await.unwrap();
    }
    let told = [notice("b2", 1, Some(1), Reception::Half), notice("c", 1, None, Reception::Silent)];
    store.tell("aveiro", &told).await.unwrap();
    let found = async |from: Option<u64>, to: Option<u64>, code: &str, subject: &str| {
        let set = |text: &str| (!text.is_empty()).then(|| text.to_owned());
        let filter = EventFilter { span: Span { from, to }, code: set(code), subject: set(subject) };
        let found = listed(&store, "aveiro", &filter, 2).await;
        let text = |listed: ListedEvent| {
            let number = listed.start.map_or(9, |start| (start.seconds() - START) / 900);
            format!("{number} {} {}", listed.event.subject, listed.event.code)
        };
        found.into_iter().map(text).collect::<Vec<_>>().join(", ")
    };
    let (one, two) = (Some(START + 900), Some(START + 1800));
    assert_eq!(found(one, two, "", "").await, "1 b2 gap, 1 b2 unreadable, 1 b2 half-read");
    assert_eq!(found(Some(START + 901), None, "gap", "").await, "2 b2 gap");
    assert_eq!(found(None, None, "half-read", "").await, "1 b2 half-read");
    assert_eq!(found(None, None, "half-read", "b").await, "");
    assert_eq!(found(None, one, "", "b2").await, "0 b2 gap, 0 b2 unreadable");
    assert_eq!(found(two, None, "", "c").await, "9 c silent");
    // What is of no interval counts by when it was told.
    assert_eq!(found(Some(1_700_000_001), None, "", "").await, "9 c silent");
    assert_eq!(found(Some(1_700_000_002), None, "", "").await, "");
    assert_eq!(found(Some(u64::MAX), None, "", "").await, "");
    assert_eq!(found(two, one, "", "").await, "");
}

pub(super) async fn the_last_notice_of_each_meter_is_known<S: Shelf>(shelf: S) {
    let store = shelf.open().await;
    assert_eq!(store.notices("aveiro").await.unwrap(), Notices::new());
    let mut last = Notices::new();
    for number in 1..=3 {
        let told = [
            notice("a", number, Some(number), Reception::Off { seconds: number }),
            notice(&format!("new {number}"), 1, None, Reception::Never),
        ];
        store.tell("aveiro", &told).await.unwrap();
        last.extend(told.map(|notice| (notice.meter.clone(), notice)));
        assert_eq!(shelf.open().await.notices("aveiro").await.unwrap(), last);
    }
    assert_eq!(store.notices("other").await.unwrap(), Notices::new());
    // Names run into each other nowhere.
    let (one, other) = (notice("b/1", 1, None, Reception::Half), notice("1", 1, None, Reception::Half));
    assert_eq!(store.tell("a", std::slice::from_ref(&one)).await.unwrap(), [one]);
    assert_eq!(store.tell("a/b", std::slice::from_ref(&other)).await.unwrap(), [other]);
}

pub(super) async fn a_notice_is_told_once<S: Shelf>(shelf: S) {
    let stores = [shelf.open().await, shelf.open().await];
    let told = |number| ["a", "b", "c"].map(|meter| notice(meter, number, Some(number), Reception::Silent));
    for number in 1..10 {
        let telling = stores.clone().map(|store| {
            let mut told = told(number);
            tokio::spawn(async move {
                told[0].message = format!("{:p}", &store);
                store.tell("aveiro", &told).await.unwrap()
            })
        });
        let mut kept = Vec::new();
        for task in telling {
            kept.extend(task.await.unwrap());
        }
        kept.sort_by(|a, b| a.meter.cmp(&b.meter));
        let meters: Vec<&str> = kept.iter().map(|notice| notice.meter.as_str()).collect();
        assert_eq!(meters, ["a", "b", "c"], "notice {number}");
        // Whoever kept it, it is what everybody reads.
        let last: Vec<Notice> = stores[0].notices("aveiro").await.unwrap().into_values().collect();
        assert_eq!(last, kept);
    }
    assert_eq!(all(&stores[1], "aveiro").await.len(), 27);
    assert_eq!(stores[0].tell("aveiro", &told(9)).await.unwrap(), []);
    assert_eq!(stores[0].tell("aveiro", &[]).await.unwrap(), []);
}
