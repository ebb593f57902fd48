//! What every store promises: functions over any store, and the embedded one put to them.
//!
//! A [`Shelf`] is where a store's contents outlive it: every step of a story may open the store anew.

use std::path::{Path, PathBuf};

use domain::netting::LastRead;
use domain::round::{PriceLimits, Terms};
use domain::{IntervalLength, Party, Position};
use rusqlite::Connection;
use tempfile::TempDir;

use super::*;

/// Somewhere to keep a store.
trait Shelf {
    type Store: Store + Clone + 'static;

    /// An empty one.
    fn new() -> Self;

    /// Opens what is kept here.
    fn open(&self) -> Self::Store;
}

/// A file of the embedded store.
struct File(TempDir);

impl File {
    fn path(&self) -> PathBuf {
        self.0.path().join("market.db")
    }
}

impl Shelf for File {
    type Store = SqliteStore;

    fn new() -> File {
        File(tempfile::tempdir().unwrap())
    }

    fn open(&self) -> SqliteStore {
        SqliteStore::open(&self.path()).unwrap()
    }
}

/// Every promise as a test of the embedded store.
macro_rules! promises {
    ($($promise:ident)*) => {
        $(#[tokio::test(flavor = "multi_thread")]
        async fn $promise() {
            super::$promise::<File>().await;
        })*
    };
}

mod sqlite {
    use super::File;

    promises! {
        nothing_is_known_at_first
        what_is_committed_comes_back
        the_largest_numbers_come_back
        the_same_interval_again_changes_nothing
        an_earlier_interval_is_there_already
        of_two_at_once_one_commits
        half_a_commit_is_none
        trades_are_paged
        intervals_are_paged
        spans_are_half_open
        trades_are_found_by_member
        communities_are_apart
        a_component_is_kept_once
    }
}

const START: u64 = 1_693_569_600;

fn boundary(number: u64) -> Boundary {
    Boundary::from_seconds(START + 900 * number).unwrap()
}

/// The quarter-hour of that number from 12:00 on.
fn interval(number: u64) -> Interval {
    Interval::starting(boundary(number), IntervalLength::QUARTER_HOUR).unwrap()
}

fn member(name: &str) -> MemberId {
    name.parse().unwrap()
}

fn reading(meter: &str, member: &str, import_wh: u64, export_wh: u64) -> MeterReading {
    let registers = Registers { import_wh, export_wh };
    MeterReading { meter: meter.parse().unwrap(), member: self::member(member), registers }
}

/// A boundary that only opens accounts.
fn opening(community: &str, number: u64) -> Commit {
    Commit {
        community: community.to_owned(),
        after: None,
        fence: None,
        settled_at: Timestamp::from_second(1_700_000_000).unwrap(),
        interval: interval(number),
        basis: Basis::Net,
        readings: vec![reading("a", "a", 5, 7)],
        absent: LastReads::new(),
        cleared: None,
        gaps: Vec::new(),
        events: Vec::new(),
    }
}

fn position(member: &str, surplus: u64, deficit: u64, tariff: Tariff) -> Position {
    Position {
        member: self::member(member),
        surplus: Energy::from_wh(surplus),
        deficit: Energy::from_wh(deficit),
        offer: Price::from_micro_eur(40_000),
        bid: tariff.retail,
        tariff,
        share: 250_000,
        rank: 3,
    }
}

fn tariff(retail: i64, feed_in: i64) -> Tariff {
    Tariff { retail: Price::from_micro_eur(retail), feed_in: Price::from_micro_eur(feed_in) }
}

/// A round in which `seller` sells so much to `buyer` and the rest to the grid, and what cleared it.
fn cleared(community: &str, number: u64, (seller, buyer): (&str, &str), wh: u64) -> Cleared {
    let usual = tariff(162_400, 30_000);
    let terms = Terms {
        community: community.to_owned(),
        interval: interval(number),
        tariff: usual,
        limits: PriceLimits::new(Some(Price::from_micro_eur(-1)), None).unwrap(),
        seed: u64::MAX - number,
        settings: vec![("price".to_owned(), "7".to_owned())],
    };
    let positions = vec![position(seller, wh + 1, 0, usual), position(buyer, 0, wh, tariff(i64::MAX, i64::MIN))];
    let round = Round::new(terms, positions).unwrap();
    let index = |name: &str| {
        let found = round.positions().iter().position(|position| position.member.as_str() == name);
        Party::Member(u32::try_from(found.unwrap()).unwrap())
    };
    let (seller, buyer) = (index(seller), index(buyer));
    let trades = vec![
        Trade { seller, buyer, energy: Energy::from_wh(wh), price: Price::from_micro_eur(96_200) },
        Trade { seller, buyer: Party::Grid, energy: Energy::from_wh(1), price: usual.feed_in },
    ];
    Cleared {
        settlement: Settlement::check(Arc::new(round), trades, 10).unwrap(),
        provenance: Provenance {
            algorithm: Digest::of(b"component"),
            name: "own".to_owned(),
            version: "1.2.3".to_owned(),
            engine: "wasmtime 48".to_owned(),
            fuel: 1234,
            fallback_reason: Some("the other one failed".to_owned()),
        },
        component: b"component".as_slice().into(),
    }
}

/// A boundary with everything: a round, a member of two meters, a gap in both directions, events.
fn full(community: &str, number: u64) -> Commit {
    Commit {
        basis: Basis::Gross,
        readings: vec![reading("a", "a", 5, 7 + number), reading("b1", "bob", 1, 2), reading("b2", "bob", 3, 4)],
        cleared: Some(cleared(community, number, ("a", "bob"), 100 + number)),
        gaps: vec![GapTrade {
            member: member("carla"),
            since: boundary(number.saturating_sub(5)),
            surplus: Energy::from_wh(8),
            deficit: Energy::from_wh(9),
            tariff: tariff(171_000, -42_000),
        }],
        events: ["gap", "unreadable"].map(event).to_vec(),
        ..opening(community, number)
    }
}

fn event(code: &str) -> StoredEvent {
    StoredEvent { code: code.to_owned(), subject: "b2".to_owned(), message: format!("it is {code:?}; 'so' \u{1f4a1}") }
}

/// What a commit is when it comes back.
fn kept(commit: &Commit) -> StoredInterval {
    let cleared = commit.cleared.as_ref();
    StoredInterval {
        interval: commit.interval,
        basis: commit.basis,
        readings: commit.readings.clone(),
        round: cleared.map(|cleared| Round::clone(cleared.settlement.round())),
        provenance: cleared.map(|cleared| cleared.provenance.clone()),
        round_digest: cleared.map(|cleared| cleared.settlement.round().digest()),
        trades_digest: cleared.map(|cleared| cleared.settlement.digest()),
        gaps: commit.gaps.clone(),
        trades: commit.trades(),
        events: commit.events.clone(),
    }
}

/// Commits after whatever is there.
async fn put(store: &impl Store, commit: Commit) -> Result<Committed, StoreError> {
    let after = store.progress(&commit.community).await?.mark;
    store.commit(Arc::new(Commit { after, ..commit })).await
}

async fn all_intervals(store: &impl Store, community: &str) -> Vec<StoredInterval> {
    store.intervals(community, Span::default(), usize::MAX).await.unwrap()
}

async fn all_trades(store: &impl Store, community: &str) -> Vec<StoredTrade> {
    store.trades(community, Span::default(), None, None, usize::MAX).await.unwrap()
}

async fn nothing_is_known_at_first<S: Shelf>() {
    let shelf = S::new();
    for _ in 0..2 {
        let store = shelf.open();
        assert_eq!(store.progress("aveiro").await.unwrap(), Progress::default());
        assert_eq!(store.communities().await.unwrap(), [""; 0]);
        assert_eq!(all_intervals(&store, "aveiro").await, []);
        assert_eq!(all_trades(&store, "aveiro").await, []);
        assert_eq!(store.component(&Digest::of(b"component")).await.unwrap(), None);
        assert_eq!(store.event_counts("aveiro").await.unwrap(), []);
        assert_eq!(store.examine().await.unwrap(), [""; 0]);
    }
}

async fn what_is_committed_comes_back<S: Shelf>() {
    let shelf = S::new();
    let commits = [opening("aveiro", 0), full("aveiro", 1), full("aveiro", 7)];
    for commit in &commits {
        assert_eq!(put(&shelf.open(), commit.clone()).await.unwrap(), Committed::Now);
    }
    let store = shelf.open();
    assert_eq!(all_intervals(&store, "aveiro").await, commits.each_ref().map(kept));
    let trades: Vec<StoredTrade> = commits.iter().flat_map(Commit::trades).collect();
    assert_eq!(all_trades(&store, "aveiro").await, trades);
    let read = |import_wh, export_wh| LastRead { boundary: boundary(8), registers: Registers { import_wh, export_wh } };
    let progress = Progress {
        mark: Some(boundary(8)),
        last_reads: [("a", read(5, 14)), ("b1", read(1, 2)), ("b2", read(3, 4))]
            .map(|(meter, read)| (meter.parse().unwrap(), read))
            .into(),
        original: None,
    };
    assert_eq!(store.progress("aveiro").await.unwrap(), progress);
    let counts = [("gap".to_owned(), 2), ("unreadable".to_owned(), 2)];
    assert_eq!(store.event_counts("aveiro").await.unwrap(), counts);
    assert_eq!(store.examine().await.unwrap(), [""; 0]);
    // Who sold what to whom, with states, messages and ids, in words for once.
    let shown: Vec<String> = trades[..4]
        .iter()
        .map(|trade| {
            let StoredTrade { number, seller, buyer, energy, price, state, message, .. } = trade;
            format!("{number} {seller} > {buyer} {energy} at {price} {state:?} {message:?}")
        })
        .collect();
    assert_eq!(
        shown,
        [
            "0 a > bob 101 Wh at 96200 µEUR/kWh Some(Created) Some(\"settled with own instead: the other one failed\")",
            "1 a > grid 1 Wh at 30000 µEUR/kWh None Some(\"settled with own instead: the other one failed\")",
            "2 carla > grid 8 Wh at -42000 µEUR/kWh None Some(\"Start timestamp: 2023-09-01T12:00:00Z\")",
            "3 grid > carla 9 Wh at 171000 µEUR/kWh None Some(\"Start timestamp: 2023-09-01T12:00:00Z\")",
        ]
    );
    assert_eq!(trades[0].id, TradeId::derive("aveiro", interval(1), 0));
}

async fn the_largest_numbers_come_back<S: Shelf>() {
    let shelf = S::new();
    let most = i64::MAX.unsigned_abs();
    let mut commit = full("aveiro", 1);
    commit.cleared = Some(cleared("aveiro", 1, ("a", "bob"), most - 1));
    commit.readings[0].registers = Registers { import_wh: most, export_wh: most };
    for (surplus, price) in [(most, i64::MIN), (1, i64::MAX)] {
        commit.gaps.push(GapTrade {
            surplus: Energy::from_wh(surplus),
            deficit: Energy::from_wh(surplus),
            tariff: tariff(price, price),
            ..commit.gaps[0].clone()
        });
    }
    assert_eq!(put(&shelf.open(), commit.clone()).await.unwrap(), Committed::Now);
    let store = shelf.open();
    assert_eq!(all_intervals(&store, "aveiro").await, [kept(&commit)]);
    assert_eq!(store.progress("aveiro").await.unwrap().last_reads[&"a".parse().unwrap()].registers.import_wh, most);
}

async fn the_same_interval_again_changes_nothing<S: Shelf>() {
    let shelf = S::new();
    put(&shelf.open(), full("aveiro", 1)).await.unwrap();
    let before = (all_intervals(&shelf.open(), "aveiro").await, shelf.open().progress("aveiro").await.unwrap());
    // Also if it says something else this time.
    let mut other = full("aveiro", 1);
    other.readings[0].registers.import_wh += 1;
    other.events.push(event("more"));
    for commit in [full("aveiro", 1), other, opening("aveiro", 1)] {
        assert_eq!(put(&shelf.open(), commit).await.unwrap(), Committed::Overtaken);
        let store = shelf.open();
        assert_eq!((all_intervals(&store, "aveiro").await, store.progress("aveiro").await.unwrap()), before);
    }
}

async fn an_earlier_interval_is_there_already<S: Shelf>() {
    let shelf = S::new();
    let store = shelf.open();
    put(&store, opening("aveiro", 5)).await.unwrap();
    for number in [4, 0] {
        assert_eq!(put(&store, full("aveiro", number)).await.unwrap(), Committed::Overtaken);
    }
    assert_eq!(all_intervals(&store, "aveiro").await, [kept(&opening("aveiro", 5))]);
    assert_eq!(store.progress("aveiro").await.unwrap().mark, Some(boundary(6)));
}

async fn of_two_at_once_one_commits<S: Shelf>() {
    let shelf = S::new();
    let stores = [shelf.open(), shelf.open()];
    for number in 0..50 {
        let committing =
            stores.clone().map(|store| tokio::spawn(async move { put(&store, full("aveiro", number)).await }));
        let mut outcomes = Vec::new();
        for task in committing {
            outcomes.push(task.await.unwrap().unwrap());
        }
        outcomes.sort_by_key(|outcome| *outcome == Committed::Overtaken);
        assert_eq!(outcomes, [Committed::Now, Committed::Overtaken]);
    }
    let kept: Vec<StoredInterval> = (0..50).map(|number| kept(&full("aveiro", number))).collect();
    assert_eq!(all_intervals(&stores[0], "aveiro").await, kept);
    assert_eq!(all_intervals(&stores[1], "aveiro").await, kept);
}

async fn half_a_commit_is_none<S: Shelf>() {
    let shelf = S::new();
    let store = shelf.open();
    put(&store, full("aveiro", 1)).await.unwrap();
    let before = (all_intervals(&store, "aveiro").await, store.progress("aveiro").await.unwrap());
    // A sum that no store can keep comes last, after everything else of the interval has been written.
    let mut commit = full("aveiro", 2);
    commit.readings.push(reading("z", "z", u64::MAX, 0));
    assert!(matches!(put(&store, commit).await, Err(StoreError::Failed { .. })));
    for store in [store, shelf.open()] {
        assert_eq!((all_intervals(&store, "aveiro").await, store.progress("aveiro").await.unwrap()), before);
        assert_eq!(all_trades(&store, "aveiro").await, before.0[0].trades);
        assert_eq!(store.examine().await.unwrap(), [""; 0]);
    }
    assert_eq!(put(&shelf.open(), full("aveiro", 2)).await.unwrap(), Committed::Now);
}

async fn trades_are_paged<S: Shelf>() {
    let shelf = S::new();
    let store = shelf.open();
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

async fn intervals_are_paged<S: Shelf>() {
    let shelf = S::new();
    let store = shelf.open();
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

async fn spans_are_half_open<S: Shelf>() {
    let shelf = S::new();
    let store = shelf.open();
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

async fn trades_are_found_by_member<S: Shelf>() {
    let shelf = S::new();
    let store = shelf.open();
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

async fn communities_are_apart<S: Shelf>() {
    let shelf = S::new();
    let store = shelf.open();
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

async fn a_component_is_kept_once<S: Shelf>() {
    let shelf = S::new();
    let store = shelf.open();
    put(&store, full("one", 0)).await.unwrap();
    put(&store, full("other", 0)).await.unwrap();
    let mut next = full("one", 1);
    let cleared = next.cleared.as_mut().unwrap();
    (cleared.component, cleared.provenance.algorithm) = (b"next".as_slice().into(), Digest::of(b"next"));
    put(&store, next).await.unwrap();
    for bytes in [b"component".as_slice(), b"next"] {
        assert_eq!(shelf.open().component(&Digest::of(bytes)).await.unwrap().as_deref(), Some(bytes));
    }
    assert_eq!(store.component(&Digest::of(b"")).await.unwrap(), None);
}

/// What only the embedded store has to promise: it is a file that anybody may have touched.
mod file {
    use super::*;

    fn open(path: &Path) -> String {
        SqliteStore::open(path).err().unwrap().to_string()
    }

    fn open_to_read(path: &Path) -> String {
        SqliteStore::open_to_read(path).err().unwrap().to_string()
    }

    /// Both ways to open refuse the file, name it, and say this.
    #[track_caller]
    fn refused(path: &Path, says: &[&str]) {
        for message in [open(path), open_to_read(path)] {
            for text in says.iter().chain([&path.to_str().unwrap()]) {
                assert!(message.contains(text), "no {text:?} in {message}");
            }
        }
    }

    async fn settled() -> File {
        let shelf = File::new();
        for number in 0..40 {
            put(&shelf.open(), full("aveiro", number)).await.unwrap();
        }
        shelf
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn an_id_that_is_there_twice_leaves_nothing_of_its_interval() {
        let shelf = File::new();
        let store = shelf.open();
        put(&store, full("aveiro", 0)).await.unwrap();
        let before = all_intervals(&store, "aveiro").await;
        // Somebody has taken the id of the third trade to come.
        let stolen = TradeId::derive("aveiro", interval(1), 2);
        Connection::open(shelf.path())
            .unwrap()
            .execute("UPDATE trade SET id = ?1 WHERE number = 3", [stolen.as_bytes()])
            .unwrap();
        let error = put(&store, full("aveiro", 1)).await.unwrap_err();
        assert!(matches!(&error, StoreError::Failed { .. }) && error.to_string().contains("trade.id"), "{error}");
        let after = all_intervals(&store, "aveiro").await;
        assert_eq!((after.len(), after[0].trades.len()), (1, 4));
        assert_eq!((&after[0].readings, &after[0].events), (&before[0].readings, &before[0].events));
        assert_eq!(store.progress("aveiro").await.unwrap().mark, Some(boundary(1)));
    }

    #[test]
    fn a_directory_and_a_missing_one_are_told_apart() {
        let directory = tempfile::tempdir().unwrap();
        refused(directory.path(), &["cannot open the store", "it is a directory (name a file in it)"]);
        let missing = directory.path().join("no/market.db");
        assert!(open(&missing).contains("/no (make it first)"), "{}", open(&missing));
        assert!(open_to_read(&missing).contains("there is no such file (settle first)"));
        assert!(!missing.exists());
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn a_file_beside_the_working_directory_needs_no_parent() {
        // A path without a directory has the empty one as its parent.
        let error = SqliteStore::open_to_read(Path::new("no-such-file.db")).err().unwrap();
        assert_eq!(error.to_string(), "cannot open the store no-such-file.db: there is no such file (settle first)");
    }

    #[test]
    fn other_files_are_refused_and_not_touched() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("file.db");
        std::fs::write(&path, "Dear diary, ".repeat(1000)).unwrap();
        refused(&path, &["is damaged: file is not a database", "restore a backup, or settle again into a new store"]);
        assert_eq!(std::fs::read(&path).unwrap().len(), 12_000);

        std::fs::remove_file(&path).unwrap();
        Connection::open(&path).unwrap().execute_batch("CREATE TABLE recipe (name TEXT)").unwrap();
        let before = std::fs::read(&path).unwrap();
        refused(&path, &["cannot open", "it is a database of another program (name another file)"]);
        assert_eq!(std::fs::read(&path).unwrap(), before);
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn an_empty_file_is_an_empty_store_for_who_writes() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("empty.db");
        std::fs::write(&path, "").unwrap();
        assert!(open_to_read(&path).contains("it is empty (settle first)"));
        let store = SqliteStore::open(&path).unwrap();
        assert_eq!(store.progress("aveiro").await.unwrap(), Progress::default());
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn another_version_is_refused_by_its_number() {
        let shelf = settled().await;
        for version in [0, 3, i32::MAX] {
            Connection::open(shelf.path()).unwrap().pragma_update(None, "user_version", version).unwrap();
            let says = format!("it has schema version {version}, but this program knows only 2");
            refused(&shelf.path(), &[&says, "use a newer rec-market"]);
        }
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn a_file_cut_short_or_scribbled_on_is_damaged() {
        let shelf = settled().await;
        let whole = std::fs::read(shelf.path()).unwrap();
        for length in [50, 4096, whole.len() / 2, whole.len() - 4096] {
            std::fs::write(shelf.path(), &whole[..length]).unwrap();
            let error = match SqliteStore::open_to_read(&shelf.path()) {
                Err(error) => error,
                Ok(store) => {
                    let listed = store.intervals("aveiro", Span::default(), usize::MAX).await;
                    match (listed, store.examine().await) {
                        (Err(error), _) | (_, Err(error)) => error,
                        (Ok(_), Ok(found)) => {
                            assert_ne!(found, [""; 0], "{length}");
                            continue;
                        }
                    }
                }
            };
            assert!(matches!(error, StoreError::Corrupt { .. }), "{length}: {error:?}");
            assert!(error.to_string().contains("market.db is damaged: "), "{error}");
        }
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn who_reads_cannot_write() {
        let shelf = settled().await;
        let store = SqliteStore::open_to_read(&shelf.path()).unwrap();
        let error = put(&store, full("aveiro", 40)).await.unwrap_err();
        assert!(matches!(&error, StoreError::ReadOnly { .. }), "{error:?}");
        assert!(error.to_string().contains("cannot be written"), "{error}");
        assert_eq!(all_intervals(&store, "aveiro").await.len(), 40);
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn names_of_files_may_have_any_character() {
        let directory = tempfile::tempdir().unwrap();
        for name in ["a b.db", "100%.db", "what?.db", "no#1.db", "Zähler.db"] {
            let path = directory.path().join(name);
            put(&SqliteStore::open(&path).unwrap(), full("aveiro", 0)).await.unwrap();
            let store = SqliteStore::open_to_read(&path).unwrap();
            assert_eq!(all_intervals(&store, "aveiro").await.len(), 1, "{name}");
        }
    }
}
