//! The contract for disputed readings, and for what people decide about meters.

use domain::disputes::{Crossed, Dispute, Exchange, LastRead, MeterDecision, MeterLimits, ReadAt, Run};
use domain::{MeterId, Power};

use super::*;
use books::{Addition, Decided, MeterLog};

fn meter(name: &str) -> MeterId {
    name.parse().unwrap()
}

fn read(number: u64, import_wh: u64, export_wh: u64) -> ReadAt {
    ReadAt { boundary: boundary(number), registers: Registers { import_wh, export_wh } }
}

fn exchange(second: i64) -> Exchange {
    let at = Timestamp::from_second(1_693_569_600 + second).unwrap();
    Exchange { at, last: read(0, 7, 8).registers, first: read(0, 0, 1).registers }
}

/// A state with everything in it.
fn disputed(number: u64) -> LastRead {
    let run = Run { first: read(number - 1, 90, 0), latest: read(number, 95, 4), shown: read(0, 5, 4).registers };
    let dispute = Dispute { run, stray: Some(read(number + 1, 0, 0)) };
    LastRead { dispute: Some(dispute), ..LastRead::good(read(number - 2, 3, 4)) }
}

fn rules() -> MeterRules {
    let power = |watts| Power::from_watts(watts).unwrap();
    let limits = MeterLimits { usual: power(1_000_000), own: [(meter("b2"), power(u64::MAX))].into() };
    let exchanges = [(meter("b1"), vec![exchange(1), exchange(2)]), (meter("b2"), vec![exchange(3)])].into();
    MeterRules { limits: Some(limits), exchanges, ..MeterRules::default() }
}

/// A commit with rules, in which `b2` is disputed.
fn commit(number: u64) -> Commit {
    let mut commit = full("aveiro", number);
    commit.cleared.rules = rules();
    commit.cleared.disputed = [(meter("b2"), disputed(number))].into();
    commit
}

fn decision(decision: MeterDecision, reason: Option<&str>) -> Change {
    let action = Action::Meter { meter: meter("b2"), decision, reason: reason.map(str::to_owned) };
    let at = Timestamp::from_millisecond(1_700_000_000_001).unwrap();
    Change { at, by: "ana".to_owned(), community: Some("aveiro".to_owned()), action }
}

async fn decide(store: &impl Store, change: &Change) -> u64 {
    let decision = store.decisions("aveiro").await.unwrap().iter().filter_map(|kept| kept.number).max().unwrap_or(0);
    let open = store.mark("aveiro").await.unwrap();
    store.decide("aveiro", change, ExpectedState { open, decision }).await.unwrap().unwrap()
}

/// Decides that a meter counts from where it is now; answers the number of the decision.
pub(super) async fn decide_to_restart(store: &impl Store) -> u64 {
    decide(store, &decision(MeterDecision::Restart { first: boundary(1) }, None)).await
}

/// What a decision with this number adds to the interval that [`commit`] made.
pub(super) fn addition(number: u64, decision: u64) -> Addition {
    let gap = GapTrade {
        member: member("bob"),
        since: boundary(0),
        surplus: Energy::from_wh(4),
        deficit: Energy::from_wh(5),
        tariff: tariff(171_000, 42_000),
    };
    let trades = gap
        .trades()
        .zip(4..)
        .map(|(trade, place)| StoredTrade::new("aveiro", interval(number), place, trade, Some(gap.message())));
    Addition {
        community: "aveiro".to_owned(),
        interval: interval(number),
        decision,
        fence: None,
        settled_at: Timestamp::from_second(1_700_000_001).unwrap(),
        decided: vec![Decided { decision, meter: meter("b2"), member: member("bob") }],
        trades: trades.collect(),
        gaps: vec![gap],
        events: vec![event("restarted")],
        states: [(meter("b2"), LastRead::good(read(number, 95, 4)))].into(),
    }
}

pub(super) async fn disputed_readings_are_kept<S: Shelf>(shelf: S) {
    let first = commit(2);
    put(&shelf.open().await, first.clone()).await.unwrap();
    let progress = shelf.open().await.progress("aveiro").await.unwrap();
    assert_eq!(progress.last_reads[&meter("b2")], disputed(2));
    assert_eq!(progress.last_reads[&meter("b1")], LastRead::good(read(3, 1, 2)));
    assert_eq!(all_intervals(&shelf.open().await, "aveiro").await, [kept(&first)]);
    // It is not read for a while, and then it is good.
    let mut second = opening("aveiro", 3);
    second.cleared.absent = progress.last_reads.into_iter().filter(|(meter, _)| meter.as_str() != "a").collect();
    put(&shelf.open().await, second).await.unwrap();
    let progress = shelf.open().await.progress("aveiro").await.unwrap();
    assert_eq!(progress.last_reads[&meter("b2")], disputed(2));
    put(&shelf.open().await, full("aveiro", 4)).await.unwrap();
    let progress = shelf.open().await.progress("aveiro").await.unwrap();
    assert_eq!(progress.last_reads[&meter("b2")], LastRead::good(read(5, 3, 4)));
}

pub(super) async fn decisions_about_meters_are_kept<S: Shelf>(shelf: S) {
    let crossed = Crossed { before: read(1, 2, 3), after: read(2, 4, 5), counted: read(0, 6, 7).registers };
    let decisions = [
        MeterDecision::Accept { first: boundary(1) },
        MeterDecision::Restart { first: boundary(2) },
        MeterDecision::Exchange { exchange: exchange(930), crossed: None },
        MeterDecision::Late { since: boundary(1), before: crossed.before, now: crossed.after },
        MeterDecision::Exchange { exchange: exchange(7), crossed: Some(crossed) },
    ];
    let mut numbers = Vec::new();
    for made in decisions {
        numbers.push(decide(&shelf.open().await, &decision(made, Some("why \u{1f4a1}"))).await);
    }
    let store = shelf.open().await;
    let found = store.decisions("aveiro").await.unwrap();
    let expected = numbers
        .iter()
        .zip(decisions)
        .map(|(number, made)| KeptChange { number: Some(*number), change: decision(made, Some("why \u{1f4a1}")) });
    assert_eq!(found, expected.collect::<Vec<_>>());
    let log = MeterLog::of(&found);
    assert_eq!(log.exchanges(u64::MAX)[&meter("b2")], [exchange(7), exchange(930)]);
    assert_eq!(log.exchanges(numbers[2])[&meter("b2")], [exchange(930)]);
    assert_eq!(log.after(numbers[1]).count(), 3);
    assert_eq!(store.progress("aveiro").await.unwrap().mark, None);
}

pub(super) async fn what_is_decided_is_added_to_the_newest_interval<S: Shelf>(shelf: S) {
    let (before, first) = (full("aveiro", 1), commit(2));
    put(&shelf.open().await, before.clone()).await.unwrap();
    put(&shelf.open().await, first.clone()).await.unwrap();
    let store = shelf.open().await;
    // Nothing is to be added yet.
    assert_eq!(store.add(&addition(2, 0)).await.unwrap(), CommitOutcome::Overtaken);
    let number = decide(&store, &decision(MeterDecision::Restart { first: boundary(1) }, None)).await;
    assert!(store.progress("aveiro").await.unwrap().taken < number);
    for wrong in [addition(1, number), addition(2, number - 1), addition(3, number)] {
        assert_eq!(store.add(&wrong).await.unwrap(), CommitOutcome::Overtaken);
    }
    let added = addition(2, number);
    let now = Timestamp::from_second(1_700_000_000).unwrap();
    let listed = async || store.matches(&MatchFilter::default(), Window::first(100), now).await.unwrap().len();
    assert_eq!(listed().await, 8);
    assert_eq!(store.add(&added).await.unwrap(), CommitOutcome::Committed);
    // Also by who has just listed them.
    assert_eq!(listed().await, 10);
    for _ in 0..2 {
        let store = shelf.open().await;
        let mut expected = kept(&first);
        expected.gaps.extend(added.gaps.clone());
        expected.decided.extend(added.decided.clone());
        expected.trades.extend(added.trades.clone());
        expected.events.extend(added.events.clone());
        assert_eq!(all_intervals(&store, "aveiro").await, [kept(&before), expected]);
        assert_eq!(all_trades(&store, "aveiro").await.len(), 10);
        assert_eq!(store.event_counts("aveiro").await.unwrap()[1], ("restarted".to_owned(), 1));
        let progress = store.progress("aveiro").await.unwrap();
        assert_eq!((progress.mark, progress.taken), (Some(boundary(3)), number));
        assert_eq!(progress.last_reads[&meter("b2")], LastRead::good(read(2, 95, 4)));
        assert_eq!(progress.last_reads[&meter("a")], LastRead::good(read(3, 5, 9)));
        assert_eq!(store.examine().await.unwrap(), [""; 0]);
        // Once.
        assert_eq!(store.add(&added).await.unwrap(), CommitOutcome::Overtaken);
    }
    let next = Commit { decision: number, after: Some(boundary(3)), ..full("aveiro", 3) };
    assert_eq!(store.commit(Arc::new(next.clone())).await.unwrap(), CommitOutcome::Committed);
    assert_eq!(all_intervals(&store, "aveiro").await[2], kept(&next));
    assert_eq!(store.progress("aveiro").await.unwrap().last_reads[&meter("b2")], LastRead::good(read(4, 3, 4)));
    assert_eq!(store.examine().await.unwrap(), [""; 0]);
}

pub(super) async fn a_commit_takes_the_decisions_before_it<S: Shelf>(shelf: S) {
    let store = shelf.open().await;
    put(&store, commit(2)).await.unwrap();
    let told = MeterDecision::Exchange { exchange: exchange(9999), crossed: None };
    let number = decide(&store, &decision(told, None)).await;
    let next = |decision| Arc::new(Commit { decision, after: Some(boundary(3)), ..full("aveiro", 3) });
    assert_eq!(store.commit(next(number - 1)).await.unwrap(), CommitOutcome::Overtaken);
    assert_eq!(store.commit(next(number)).await.unwrap(), CommitOutcome::Committed);
    assert_eq!(store.progress("aveiro").await.unwrap().taken, number);
    assert_eq!(store.add(&addition(3, number)).await.unwrap(), CommitOutcome::Overtaken);
}

pub(super) async fn an_addition_under_a_lost_lease_is_fenced<S: Shelf>(shelf: S) {
    let store = shelf.open().await;
    put(&store, commit(2)).await.unwrap();
    let number = decide(&store, &decision(MeterDecision::Restart { first: boundary(1) }, None)).await;
    let (lease, now) = (community_lease("aveiro"), Timestamp::from_second(1_700_000_000).unwrap());
    let mut tokens = Vec::new();
    for owner in ["one", "other"] {
        let held = store.acquire(&lease, owner, now, Duration::from_secs(1)).await.unwrap();
        let Acquired::Held(Lease { token, .. }) = held else { panic!("{held:?}") };
        tokens.push(token);
        store.release(&lease, owner).await.unwrap();
    }
    let by = |token| Addition { fence: Some(token), ..addition(2, number) };
    assert_eq!(store.add(&by(tokens[0])).await.unwrap(), CommitOutcome::Fenced);
    assert_eq!(store.add(&by(tokens[1])).await.unwrap(), CommitOutcome::Committed);
}
