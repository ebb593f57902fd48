//! The contract for intervals and their trades.

use domain::netting::LastRead;

use super::*;

pub(super) async fn a_new_store_is_empty<S: Shelf>(shelf: S) {
    for _ in 0..2 {
        let store = shelf.open().await;
        assert_eq!(store.progress("aveiro").await.unwrap(), Progress::default());
        assert_eq!(store.communities().await.unwrap(), [""; 0]);
        assert_eq!(all_intervals(&store, "aveiro").await, []);
        assert_eq!(all_trades(&store, "aveiro").await, []);
        assert_eq!(store.component(&Digest::of(b"component")).await.unwrap(), None);
        assert_eq!(store.event_counts("aveiro").await.unwrap(), []);
        assert_eq!(store.told("aveiro", &["gap"]).await.unwrap(), [].into());
        assert_eq!(store.examine().await.unwrap(), [""; 0]);
    }
}

pub(super) async fn commits_are_read_back<S: Shelf>(shelf: S) {
    let mut commits = [opening("aveiro", 0), full("aveiro", 1), full("aveiro", 7)];
    commits[2].cleared.readings[0].anew = true;
    for commit in &commits {
        assert_eq!(put(&shelf.open().await, commit.clone()).await.unwrap(), CommitOutcome::Committed);
    }
    let store = shelf.open().await;
    assert_eq!(all_intervals(&store, "aveiro").await, commits.each_ref().map(kept));
    let trades: Vec<StoredTrade> = commits.iter().flat_map(|commit| commit.cleared.trades.clone()).collect();
    assert_eq!(all_trades(&store, "aveiro").await, trades);
    let read = |import_wh, export_wh| LastRead {
        boundary: boundary(8),
        registers: Registers { import_wh, export_wh },
        dispute: None,
    };
    let progress = Progress {
        mark: Some(boundary(8)),
        last_reads: [("a", read(5, 14)), ("b1", read(1, 2)), ("b2", read(3, 4))]
            .map(|(meter, read)| (meter.parse().unwrap(), read))
            .into(),
        decision: 0,
        taken: 0,
        original: None,
    };
    assert_eq!(store.progress("aveiro").await.unwrap(), progress);
    let counts = [("gap".to_owned(), 2), ("unreadable".to_owned(), 2)];
    assert_eq!(store.event_counts("aveiro").await.unwrap(), counts);
    // The same was told twice.
    assert_eq!(store.told("aveiro", &["gap", "other"]).await.unwrap(), [event("gap")].into());
    assert_eq!(store.told("porto", &["gap"]).await.unwrap(), [].into());
    assert_eq!(store.examine().await.unwrap(), [""; 0]);
    // Parties, states and messages, as text for once.
    let texts: Vec<String> = trades[..4]
        .iter()
        .map(|trade| {
            let StoredTrade { number, seller, buyer, energy, price, state, message, .. } = trade;
            format!("{number} {seller} > {buyer} {energy} at {price} {state:?} {message:?}")
        })
        .collect();
    assert_eq!(
        texts,
        [
            "0 a > bob 101 Wh at 96200 µEUR/kWh Some(Created) Some(\"settled with own instead: the other one failed\")",
            "1 a > grid 1 Wh at 30000 µEUR/kWh None Some(\"settled with own instead: the other one failed\")",
            "2 carla > grid 8 Wh at -42000 µEUR/kWh None Some(\"Start timestamp: 2023-09-01T12:00:00Z\")",
            "3 grid > carla 9 Wh at 171000 µEUR/kWh None Some(\"Start timestamp: 2023-09-01T12:00:00Z\")",
        ]
    );
    assert_eq!(trades[0].id, TradeId::derive("aveiro", interval(1), 0));
}

pub(super) async fn the_largest_numbers_are_read_back<S: Shelf>(shelf: S) {
    let most = i64::MAX.unsigned_abs();
    let usual = full("aveiro", 1);
    let mut gaps = usual.cleared.gaps.clone();
    for (surplus, price) in [(most, i64::MIN), (1, i64::MAX)] {
        gaps.push(GapTrade {
            surplus: Energy::from_wh(surplus),
            deficit: Energy::from_wh(surplus),
            tariff: tariff(price, price),
            ..gaps[0].clone()
        });
    }
    let mut commit = with(usual, Some(cleared("aveiro", 1, ("a", "bob"), most - 1)), gaps);
    commit.cleared.readings[0].registers = Registers { import_wh: most, export_wh: most };
    assert_eq!(put(&shelf.open().await, commit.clone()).await.unwrap(), CommitOutcome::Committed);
    let store = shelf.open().await;
    assert_eq!(all_intervals(&store, "aveiro").await, [kept(&commit)]);
    assert_eq!(store.progress("aveiro").await.unwrap().last_reads[&"a".parse().unwrap()].registers.import_wh, most);
}

pub(super) async fn committing_an_interval_again_changes_nothing<S: Shelf>(shelf: S) {
    put(&shelf.open().await, full("aveiro", 1)).await.unwrap();
    let before =
        (all_intervals(&shelf.open().await, "aveiro").await, shelf.open().await.progress("aveiro").await.unwrap());
    // Even with other contents.
    let mut other = full("aveiro", 1);
    other.cleared.readings[0].registers.import_wh += 1;
    other.cleared.events.push(event("more"));
    for commit in [full("aveiro", 1), other, opening("aveiro", 1)] {
        assert_eq!(put(&shelf.open().await, commit).await.unwrap(), CommitOutcome::Overtaken);
        let store = shelf.open().await;
        assert_eq!((all_intervals(&store, "aveiro").await, store.progress("aveiro").await.unwrap()), before);
    }
}

pub(super) async fn an_interval_before_the_resume_mark_is_overtaken<S: Shelf>(shelf: S) {
    let store = shelf.open().await;
    put(&store, opening("aveiro", 5)).await.unwrap();
    for number in [4, 0] {
        assert_eq!(put(&store, full("aveiro", number)).await.unwrap(), CommitOutcome::Overtaken);
    }
    assert_eq!(all_intervals(&store, "aveiro").await, [kept(&opening("aveiro", 5))]);
    assert_eq!(store.progress("aveiro").await.unwrap().mark, Some(boundary(6)));
}

pub(super) async fn only_one_of_two_concurrent_commits_succeeds<S: Shelf>(shelf: S) {
    let stores = [shelf.open().await, shelf.open().await];
    for number in 0..20 {
        let committing =
            stores.clone().map(|store| tokio::spawn(async move { put(&store, full("aveiro", number)).await }));
        let mut outcomes = Vec::new();
        for task in committing {
            outcomes.push(task.await.unwrap().unwrap());
        }
        outcomes.sort_by_key(|outcome| *outcome == CommitOutcome::Overtaken);
        assert_eq!(outcomes, [CommitOutcome::Committed, CommitOutcome::Overtaken]);
    }
    let kept: Vec<StoredInterval> = (0..20).map(|number| kept(&full("aveiro", number))).collect();
    assert_eq!(all_intervals(&stores[0], "aveiro").await, kept);
    assert_eq!(all_intervals(&stores[1], "aveiro").await, kept);
}

pub(super) async fn a_batch_is_committed_up_to_the_first_failure<S: Shelf>(shelf: S) {
    let store = shelf.open().await;
    let following = |number: u64| Commit { after: (number > 0).then(|| boundary(number)), ..full("aveiro", number) };
    let batch = |numbers: &[u64]| numbers.iter().map(|number| Arc::new(following(*number))).collect::<Vec<_>>();
    let done = store.commit_batch(batch(&[0, 1, 2])).await;
    assert_eq!((done.committed, done.ended.unwrap()), (3, CommitOutcome::Committed));
    // Another process committed first, so the whole batch is outdated.
    let done = store.commit_batch(batch(&[2, 3])).await;
    assert_eq!((done.committed, done.ended.unwrap()), (0, CommitOutcome::Overtaken));
    // An interval that does not follow the one before it ends the batch. So does one that no store can hold, and it
    // leaves nothing behind.
    let done = store.commit_batch(batch(&[3, 5])).await;
    assert_eq!((done.committed, done.ended.unwrap()), (1, CommitOutcome::Overtaken));
    let mut bad = following(5);
    bad.cleared.readings.push(reading("z", "z", u64::MAX, 0));
    let with_bad = [batch(&[4]), vec![Arc::new(bad)], batch(&[6])].concat();
    let done = store.commit_batch(with_bad).await;
    assert_eq!(done.committed, 1);
    assert!(matches!(done.ended, Err(StoreError::Failed { .. })), "{:?}", done.ended);
    let done = store.commit_batch(Vec::new()).await;
    assert_eq!((done.committed, done.ended.unwrap()), (0, CommitOutcome::Committed));
    let kept: Vec<StoredInterval> = (0..5).map(|number| kept(&full("aveiro", number))).collect();
    for store in [store, shelf.open().await] {
        assert_eq!(all_intervals(&store, "aveiro").await, kept);
        assert_eq!(store.progress("aveiro").await.unwrap().mark, Some(boundary(5)));
        assert_eq!(store.examine().await.unwrap(), [""; 0]);
    }
}

pub(super) async fn a_failed_commit_leaves_nothing_behind<S: Shelf>(shelf: S) {
    let store = shelf.open().await;
    put(&store, full("aveiro", 1)).await.unwrap();
    let before = (all_intervals(&store, "aveiro").await, store.progress("aveiro").await.unwrap());
    // A register that no store can hold comes last, after everything else of the interval has been written.
    let mut commit = full("aveiro", 2);
    commit.cleared.readings.push(reading("z", "z", u64::MAX, 0));
    assert!(matches!(put(&store, commit).await, Err(StoreError::Failed { .. })));
    for store in [store, shelf.open().await] {
        assert_eq!((all_intervals(&store, "aveiro").await, store.progress("aveiro").await.unwrap()), before);
        assert_eq!(all_trades(&store, "aveiro").await, before.0[0].trades);
        assert_eq!(store.examine().await.unwrap(), [""; 0]);
    }
    assert_eq!(put(&shelf.open().await, full("aveiro", 2)).await.unwrap(), CommitOutcome::Committed);
}

pub(super) async fn trades_are_paged<S: Shelf>(shelf: S) {
    let store = shelf.open().await;
    for number in 0..5 {
        put(&store, full("aveiro", number)).await.unwrap();
    }
    let all = all_trades(&store, "aveiro").await;
    assert_eq!(all.len(), 20);
    for limit in [1, 3, 4, 19, 20, 21] {
        let mut pages = Vec::new();
        loop {
            let after = pages.last().map(|last: &StoredTrade| (last.interval.start(), last.number));
            let page = store.trades("aveiro", Span::default(), None, after, limit).await.unwrap();
            assert!(page.len() <= limit);
            if page.is_empty() {
                break;
            }
            pages.extend(page);
        }
        assert_eq!(pages, all, "{limit} at a time");
    }
    let span = Span { from: Some(START + 900), to: Some(START + 2700) };
    let after = Some((boundary(1), 2));
    assert_eq!(store.trades("aveiro", span, None, after, 100).await.unwrap(), all[7..12]);
    assert_eq!(store.trades("aveiro", span, None, None, 0).await.unwrap(), []);
}

pub(super) async fn intervals_are_paged<S: Shelf>(shelf: S) {
    let store = shelf.open().await;
    for number in 0..5 {
        put(&store, full("aveiro", number)).await.unwrap();
    }
    let all = all_intervals(&store, "aveiro").await;
    let mut pages = Vec::new();
    let mut from = 0;
    loop {
        let span = Span { from: Some(from), to: None };
        let page = store.intervals("aveiro", span, 2).await.unwrap();
        let Some(last) = page.last() else { break };
        from = last.interval.start().seconds() + 1;
        pages.extend(page);
    }
    assert_eq!(pages, all);
}

pub(super) async fn spans_are_half_open<S: Shelf>(shelf: S) {
    let store = shelf.open().await;
    for number in 0..4 {
        put(&store, full("aveiro", number)).await.unwrap();
    }
    for (from, to, first, end) in [
        (None, None, 0, 4),
        (Some(START), Some(START + 3600), 0, 4),
        (Some(START + 900), None, 1, 4),
        (Some(START + 901), None, 2, 4),
        (None, Some(START + 900), 0, 1),
        (None, Some(START + 901), 0, 2),
        (Some(START + 900), Some(START + 900), 1, 1),
        (Some(START + 1800), Some(START + 900), 2, 2),
        (Some(0), Some(START), 0, 0),
        (Some(u64::MAX), None, 4, 4),
        (Some(START), Some(u64::MAX), 0, 4),
    ] {
        let span = Span { from, to };
        let intervals = store.intervals("aveiro", span, 100).await.unwrap();
        let starts: Vec<u64> = intervals.iter().map(|kept| (kept.interval.start().seconds() - START) / 900).collect();
        assert_eq!(starts, (first..end).collect::<Vec<u64>>(), "{span:?}");
        let trades = store.trades("aveiro", span, None, None, 100).await.unwrap();
        assert_eq!(trades.len(), starts.len() * 4, "{span:?}");
    }
}

pub(super) async fn trades_are_found_by_member<S: Shelf>(shelf: S) {
    let store = shelf.open().await;
    put(&store, full("aveiro", 0)).await.unwrap();
    put(&store, full("aveiro", 1)).await.unwrap();
    for (name, numbers) in
        [("a", &[0, 1, 0, 1][..]), ("bob", &[0, 0]), ("carla", &[2, 3, 2, 3]), ("nobody", &[]), ("A", &[]), ("%", &[])]
    {
        let trades = store.trades("aveiro", Span::default(), Some(&member(name)), None, 100).await.unwrap();
        assert_eq!(trades.iter().map(|trade| trade.number).collect::<Vec<u64>>(), numbers, "{name}");
    }
    let first = store.trades("aveiro", Span::default(), Some(&member("carla")), None, 1).await.unwrap();
    let after = Some((first[0].interval.start(), first[0].number));
    let second = store.trades("aveiro", Span::default(), Some(&member("carla")), after, 1).await.unwrap();
    assert_eq!((first[0].number, second[0].number), (2, 3));
}

pub(super) async fn communities_are_separate<S: Shelf>(shelf: S) {
    let store = shelf.open().await;
    let names = ["beta", "Alpha", "alpha", "Ωmega", "a'; DROP TABLE trade; --"];
    for (number, name) in (0..).zip(names) {
        put(&store, full(name, number)).await.unwrap();
    }
    let mut sorted = names.map(str::to_owned);
    sorted.sort();
    assert_eq!(store.communities().await.unwrap(), sorted);
    for (number, name) in (0..).zip(names) {
        assert_eq!(all_intervals(&store, name).await, [kept(&full(name, number))]);
        assert_eq!(store.progress(name).await.unwrap().mark, Some(boundary(number + 1)));
        assert_eq!(store.event_counts(name).await.unwrap().len(), 2);
    }
    assert_eq!(store.progress("gamma").await.unwrap(), Progress::default());
}

pub(super) async fn a_component_is_stored_once_per_digest<S: Shelf>(shelf: S) {
    let store = shelf.open().await;
    put(&store, full("one", 0)).await.unwrap();
    put(&store, full("other", 0)).await.unwrap();
    let mut next = full("one", 1);
    let cleared = next.cleared.round.as_mut().unwrap();
    (cleared.component, cleared.provenance.algorithm) = (b"next".as_slice().into(), Digest::of(b"next"));
    put(&store, next).await.unwrap();
    for bytes in [b"component".as_slice(), b"next"] {
        assert_eq!(shelf.open().await.component(&Digest::of(bytes)).await.unwrap().as_deref(), Some(bytes));
    }
    assert_eq!(store.component(&Digest::of(b"")).await.unwrap(), None);
}

pub(super) async fn a_commit_from_another_resume_mark_is_overtaken<S: Shelf>(shelf: S) {
    let store = shelf.open().await;
    let early = Commit { after: Some(boundary(1)), ..full("aveiro", 1) };
    assert_eq!(store.commit(Arc::new(early)).await.unwrap(), CommitOutcome::Overtaken);
    assert_eq!(store.progress("aveiro").await.unwrap(), Progress::default());
    put(&store, full("aveiro", 0)).await.unwrap();
    let before = (all_intervals(&store, "aveiro").await, store.progress("aveiro").await.unwrap());
    for after in [None, Some(boundary(0)), Some(boundary(2))] {
        let commit = Commit { after, ..full("aveiro", 5) };
        assert_eq!(store.commit(Arc::new(commit)).await.unwrap(), CommitOutcome::Overtaken, "{after:?}");
        assert_eq!((all_intervals(&store, "aveiro").await, store.progress("aveiro").await.unwrap()), before);
    }
}

pub(super) async fn the_last_registers_of_absent_meters_are_kept<S: Shelf>(shelf: S) {
    let store = shelf.open().await;
    put(&store, full("aveiro", 0)).await.unwrap();
    for number in 1..4 {
        let mut absent = store.progress("aveiro").await.unwrap().last_reads;
        absent.remove(&"a".parse().unwrap());
        let mut commit = opening("aveiro", number);
        commit.cleared.absent = absent;
        put(&store, commit).await.unwrap();
    }
    let progress = shelf.open().await.progress("aveiro").await.unwrap();
    let boundaries: Vec<(&str, Boundary)> =
        progress.last_reads.iter().map(|(meter, read)| (meter.as_str(), read.boundary)).collect();
    assert_eq!(boundaries, [("a", boundary(4)), ("b1", boundary(1)), ("b2", boundary(1))]);
    let registers = Registers { import_wh: 3, export_wh: 4 };
    assert_eq!(progress.last_reads[&"b2".parse().unwrap()].registers, registers);
}

pub(super) async fn books_continue_others_from_an_opening<S: Shelf>(shelf: S) {
    let store = shelf.open().await;
    let read = |number, wh| LastRead {
        boundary: boundary(number),
        registers: Registers { import_wh: wh, export_wh: wh + 1 },
        dispute: None,
    };
    // One was read at the end of what others settled, and two before.
    let before: LastReads =
        [("b1", read(1, 2)), ("c", read(3, 40))].map(|(name, read)| (name.parse().unwrap(), read)).into();
    let mut first = opening("aveiro", 4);
    first.cleared = ClearedInterval::opening(interval(4), Basis::Net, vec![reading("a", "a", 5, 7)], before.clone());
    put(&store, first.clone()).await.unwrap();
    let mut second = full("aveiro", 5);
    second.cleared.absent = [("c".parse().unwrap(), read(3, 40))].into();
    put(&store, second.clone()).await.unwrap();
    let store = shelf.open().await;
    let found = all_intervals(&store, "aveiro").await;
    assert_eq!(found, [kept(&first), kept(&second)]);
    assert_eq!((&found[0].opening, found[1].opening.len()), (&before, 0));
    let last = store.progress("aveiro").await.unwrap().last_reads;
    let boundaries: Vec<(&str, Boundary)> = last.iter().map(|(meter, read)| (meter.as_str(), read.boundary)).collect();
    let expected = [("a", boundary(6)), ("b1", boundary(6)), ("b2", boundary(6)), ("c", boundary(3))];
    assert_eq!(boundaries, expected);
    assert_eq!(last[&"c".parse().unwrap()], read(3, 40));
}

pub(super) async fn a_reader_sees_what_a_writer_commits<S: Shelf>(shelf: S) {
    let (writer, reader) = (shelf.open().await, shelf.open().await);
    for number in 0..3_u64 {
        assert_eq!(reader.progress("aveiro").await.unwrap().mark, (number > 0).then(|| boundary(number)));
        put(&writer, full("aveiro", number)).await.unwrap();
        assert_eq!(all_intervals(&reader, "aveiro").await.last(), Some(&kept(&full("aveiro", number))));
        assert_eq!(reader.communities().await.unwrap(), ["aveiro"]);
    }
}
