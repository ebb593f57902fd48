//! Tests that concern only the embedded store: a file that anybody may have changed.

use std::future::poll_fn;
use std::path::Path;
use std::sync::{Arc, Mutex, mpsc};
use std::task::Poll;
use std::time::Duration;

use domain::CommunityCode;
use domain::text::chain;
use domain::trade::State;
use rusqlite::{Connection, Transaction};

use super::SqliteStore;
use crate::contract::{File, Shelf, all_intervals, boundary, full, put};
use books::{Books, Commit, CommitOutcome, MatchFilter, Payments, Progress, Span, StoreError, Window};

fn open(path: &Path) -> String {
    chain(&SqliteStore::open(path).err().unwrap())
}

fn open_to_read(path: &Path) -> String {
    chain(&SqliteStore::open_to_read(path).err().unwrap())
}

/// Asserts that opening the file fails in both ways, with messages that name the file and contain these texts.
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
        put(&shelf.open().await, full("aveiro", number)).await.unwrap();
    }
    shelf
}

#[tokio::test(flavor = "multi_thread")]
async fn a_community_whose_trades_would_have_the_ids_of_another_is_refused() {
    let shelf = File::new();
    let store = shelf.open().await;
    put(&store, full("aveiro", 0)).await.unwrap();
    let code = CommunityCode::of("porto").number();
    Connection::open(shelf.path()).unwrap().execute("UPDATE community SET hash = ?1", [code]).unwrap();
    let error = put(&store, full("porto", 0)).await.unwrap_err();
    let says = "the ids of trades of community \"porto\" would be those of \"aveiro\", whose name has the same hash";
    assert!(matches!(&error, StoreError::Failed { .. }) && chain(&error).contains(says), "{}", chain(&error));
    assert_eq!(store.communities().await.unwrap(), ["aveiro"]);
    assert_eq!(put(&store, full("aveiro", 1)).await.unwrap(), CommitOutcome::Committed);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_list_with_a_trade_that_belongs_to_no_interval_is_refused() {
    let shelf = File::new();
    let store = shelf.open().await;
    put(&store, full("aveiro", 0)).await.unwrap();
    let sent = MatchFilter { states: [State::Sent].into(), ..MatchFilter::default() };
    let listed = async || store.matches(&sent, Window::first(10), boundary(9).timestamp()).await;
    assert_eq!(listed().await.unwrap(), []);
    let stray = "INSERT INTO payment (community, start, number, id, buyer, \"end\", state)
                 SELECT id, 900, 0, zeroblob(12), 'bob', 1800, ?1 FROM community";
    Connection::open(shelf.path()).unwrap().execute(stray, [State::Sent as i64]).unwrap();
    let error = listed().await.unwrap_err();
    assert!(chain(&error).contains("trade 000000000000000000000000 belongs to no interval"), "{}", chain(&error));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_batch_is_kept_like_its_intervals_one_by_one() {
    // Around a midnight, and of two communities in turns.
    let places = [("aveiro", 46), ("aveiro", 47), ("aveiro", 48), ("porto", 48), ("aveiro", 49), ("porto", 49)];
    let commits = places.iter().enumerate().map(|(place, (community, number))| {
        let follows = places[..place].iter().any(|(before, _)| before == community);
        Arc::new(Commit { after: follows.then(|| boundary(*number)), ..full(community, *number) })
    });
    let commits: Vec<Arc<Commit>> = commits.collect();
    let (shelf, other) = (File::new(), File::new());
    let (at_once, one_by_one) = (shelf.open().await, other.open().await);
    let done = at_once.commit_batch(commits.clone()).await;
    assert_eq!((done.committed, done.ended.unwrap()), (6, CommitOutcome::Committed));
    for commit in commits {
        assert_eq!(one_by_one.commit(commit).await.unwrap(), CommitOutcome::Committed);
    }
    for community in ["aveiro", "porto"] {
        let kept = async |store: &SqliteStore| {
            let sums = store.sums(community, Span::default(), None, usize::MAX).await.unwrap();
            (all_intervals(store, community).await, sums, store.progress(community).await.unwrap())
        };
        assert_eq!(kept(&at_once).await, kept(&one_by_one).await);
    }
    assert_eq!(at_once.sums("aveiro", Span::default(), None, usize::MAX).await.unwrap().len(), 2);
    assert_eq!(at_once.examine().await.unwrap(), [""; 0]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_locked_file_is_busy_but_can_be_read() {
    let shelf = settled().await;
    let store = shelf.open().await;
    store.writer.as_ref().unwrap().connection.lock().unwrap().busy_timeout(Duration::from_millis(1)).unwrap();
    let other = Connection::open(shelf.path()).unwrap();
    other.execute_batch("BEGIN IMMEDIATE").unwrap();
    let error = put(&store, full("aveiro", 40)).await.unwrap_err();
    assert!(matches!(&error, StoreError::Busy { .. }), "{error}");
    assert_eq!(all_intervals(&store, "aveiro").await.len(), 40);
    other.execute_batch("ROLLBACK").unwrap();
    assert_eq!(put(&store, full("aveiro", 40)).await.unwrap(), CommitOutcome::Committed);
}

#[test]
fn a_directory_and_a_missing_directory_are_distinguished() {
    let directory = tempfile::tempdir().unwrap();
    refused(directory.path(), &["cannot open the store", "it is a directory (name a file in it)"]);
    let missing = directory.path().join("no/market.db");
    assert!(open(&missing).contains("/no (make it first)"), "{}", open(&missing));
    assert!(open_to_read(&missing).contains("there is no such file (settle first)"));
    assert!(!missing.exists());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_in_the_working_directory_needs_no_parent() {
    // The parent of a path without a directory is empty.
    let error = SqliteStore::open_to_read(Path::new("no-such-file.db")).err().unwrap();
    assert_eq!(chain(&error), "cannot open the store no-such-file.db: there is no such file (settle first)");
}

#[test]
fn other_files_are_refused_and_not_touched() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("file.db");
    std::fs::write(&path, "Dear diary, ".repeat(1000)).unwrap();
    refused(&path, &["is damaged (restore a backup, or settle again into a new store): file is not a database"]);
    assert_eq!(std::fs::read(&path).unwrap().len(), 12_000);

    std::fs::remove_file(&path).unwrap();
    Connection::open(&path).unwrap().execute_batch("CREATE TABLE recipe (name TEXT)").unwrap();
    let before = std::fs::read(&path).unwrap();
    refused(&path, &["cannot open", "it is a database of another program (name another file)"]);
    assert_eq!(std::fs::read(&path).unwrap(), before);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_empty_file_becomes_an_empty_store_when_opened_for_writing() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("empty.db");
    std::fs::write(&path, "").unwrap();
    assert!(open_to_read(&path).contains("it is empty (settle first)"));
    let store = SqliteStore::open(&path).unwrap();
    assert_eq!(store.progress("aveiro").await.unwrap(), Progress::default());
}

#[tokio::test(flavor = "multi_thread")]
async fn other_schema_versions_are_refused() {
    let shelf = settled().await;
    let older = "from before the first release; this program needs 6 (settle again into a new file; if trades of this one were \
                 paid, keep it, and set forward.since to the end of its last interval, so that nothing is paid twice)";
    let newer = "but this program knows only 6 (use a newer rec-market, or name another file)";
    for (version, reason) in [(0, older), (3, older), (5, older), (7, newer), (i32::MAX, newer)] {
        Connection::open(shelf.path()).unwrap().pragma_update(None, "user_version", version).unwrap();
        let says = format!("it has schema version {version}, {reason}");
        refused(&shelf.path(), &[&says]);
    }
}

/// What blocks a thread until the other end is dropped.
type Gate = Arc<Mutex<mpsc::Receiver<()>>>;

/// Waits at the gate; answers whether it was opened, which it always is in the end.
fn pass(gate: &Gate) -> bool {
    gate.lock().unwrap().recv().is_err()
}

#[tokio::test(flavor = "multi_thread")]
async fn settlement_waits_for_no_list() {
    let shelf = settled().await;
    let store = shelf.open().await;
    let (open, gate) = mpsc::channel();
    let gate: Gate = Arc::new(Mutex::new(gate));
    // More lists than there are connections for.
    let list = |_| {
        let (store, gate) = (store.clone(), Arc::clone(&gate));
        tokio::spawn(async move { store.read_list(move |_| Ok(pass(&gate))).await })
    };
    let lists: Vec<_> = (0..20).map(list).collect();
    for number in 40..45 {
        assert_eq!(store.progress("aveiro").await.unwrap().mark, Some(boundary(number)));
        put(&store, full("aveiro", number)).await.unwrap();
    }
    assert!(!lists.iter().any(|list| list.is_finished()));
    drop(open);
    for list in lists {
        assert!(list.await.unwrap().unwrap());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_commit_waits_for_one_write_of_callers() {
    let shelf = File::new();
    let store = shelf.open().await;
    let (open, gate) = mpsc::channel();
    let gate: Gate = Arc::new(Mutex::new(gate));
    let order: Arc<Mutex<Vec<usize>>> = Arc::default();
    let write = |number: usize| {
        let (gate, order) = (Arc::clone(&gate), Arc::clone(&order));
        move |_: &Transaction<'_>| {
            assert!(pass(&gate));
            order.lock().unwrap().push(number);
            Ok(())
        }
    };
    let mut callers: Vec<_> = (0..20).map(|number| Box::pin(store.write_for_caller(write(number)))).collect();
    // Each is in its line once it has been asked.
    for caller in &mut callers {
        assert!(poll_fn(|context| Poll::Ready(caller.as_mut().poll(context))).await.is_pending());
    }
    let mut own = Box::pin(store.write(write(99)));
    assert!(poll_fn(|context| Poll::Ready(own.as_mut().poll(context))).await.is_pending());
    drop(open);
    let callers = async {
        for caller in callers {
            caller.await.unwrap();
        }
    };
    let (own, ()) = tokio::join!(own, callers);
    own.unwrap();
    assert_eq!(order.lock().unwrap()[..3], [0, 99, 1]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_truncated_file_is_damaged() {
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
        assert!(error.to_string().contains("market.db is damaged ("), "{error}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_store_opened_for_reading_cannot_be_written() {
    let shelf = settled().await;
    let store = SqliteStore::open_to_read(&shelf.path()).unwrap();
    let error = put(&store, full("aveiro", 40)).await.unwrap_err();
    assert!(matches!(&error, StoreError::ReadOnly { .. }), "{error:?}");
    assert!(error.to_string().contains("cannot be written"), "{error}");
    assert_eq!(all_intervals(&store, "aveiro").await.len(), 40);
}

#[tokio::test(flavor = "multi_thread")]
async fn file_names_may_have_any_character() {
    let directory = tempfile::tempdir().unwrap();
    for name in ["a b.db", "100%.db", "what?.db", "no#1.db", "Zähler.db"] {
        let path = directory.path().join(name);
        put(&SqliteStore::open(&path).unwrap(), full("aveiro", 0)).await.unwrap();
        let store = SqliteStore::open_to_read(&path).unwrap();
        assert_eq!(all_intervals(&store, "aveiro").await.len(), 1, "{name}");
    }
}

#[test]
fn a_new_file_can_be_opened_several_times_at_once() {
    for _ in 0..100 {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("market.db");
        let together = std::sync::Barrier::new(4);
        let open = || {
            together.wait();
            SqliteStore::open(&path)
        };
        std::thread::scope(|scope| {
            let opening: Vec<_> = (0..4).map(|_| scope.spawn(open)).collect();
            for thread in opening {
                thread.join().unwrap().unwrap();
            }
        });
    }
}
