//! Tests that concern only the embedded store: a file that anybody may have changed.

use std::future::poll_fn;
use std::path::Path;
use std::sync::{Arc, Mutex, mpsc};
use std::task::Poll;
use std::time::Duration;

use domain::TradeId;
use domain::text::chain;
use jiff::Timestamp;
use rusqlite::{Connection, Transaction};

use super::SqliteStore;
use crate::contract::{File, Shelf, all_intervals, boundary, full, interval, new_prices, put};
use books::{Books, Committed, Prices, Progress, Span, StoreError, Window};

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
async fn a_duplicate_trade_id_rolls_back_its_whole_interval() {
    let shelf = File::new();
    let store = shelf.open().await;
    put(&store, full("aveiro", 0)).await.unwrap();
    let before = all_intervals(&store, "aveiro").await;
    // The id of the third trade of the next interval is taken.
    let taken = TradeId::derive("aveiro", interval(1), 2);
    Connection::open(shelf.path())
        .unwrap()
        .execute("UPDATE trade SET id = ?1 WHERE number = 3", [taken.as_bytes()])
        .unwrap();
    let error = put(&store, full("aveiro", 1)).await.unwrap_err();
    assert!(matches!(&error, StoreError::Failed { .. }) && chain(&error).contains("trade.id"), "{error:?}");
    let after = all_intervals(&store, "aveiro").await;
    assert_eq!((after.len(), after[0].trades.len()), (1, 4));
    assert_eq!((&after[0].readings, &after[0].events), (&before[0].readings, &before[0].events));
    assert_eq!(store.progress("aveiro").await.unwrap().mark, Some(boundary(1)));
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
    assert_eq!(put(&store, full("aveiro", 40)).await.unwrap(), Committed::Now);
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
    for (version, reason) in [
        (0, "from before the first release; this program needs 5 (settle again into a new file)"),
        (2, "from before the first release; this program needs 5 (settle again into a new file)"),
        (6, "but this program knows only 5 (use a newer rec-market, or name another file)"),
        (i32::MAX, "but this program knows only 5 (use a newer rec-market, or name another file)"),
    ] {
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

/// Makes a store one of version 4, from before readings could be disputed.
const DOWNGRADE_TO_4: &str = "ALTER TABLE community DROP COLUMN taken; ALTER TABLE meter DROP COLUMN dispute;
    PRAGMA user_version = 4;";
/// Makes a store of version 4 one of version 3, as the first release left it.
const DOWNGRADE_TO_3: &str = "DROP TABLE waiting; ALTER TABLE price DROP COLUMN withdrawn; PRAGMA user_version = 3;";

#[tokio::test(flavor = "multi_thread")]
async fn a_store_from_before_disputes_can_be_read_and_is_upgraded_when_it_is_written() {
    let shelf = settled().await;
    let before = shelf.open().await.progress("aveiro").await.unwrap();
    Connection::open(shelf.path()).unwrap().execute_batch(DOWNGRADE_TO_4).unwrap();
    let reading = SqliteStore::open_to_read(&shelf.path()).unwrap();
    assert_eq!(reading.progress("aveiro").await.unwrap(), before);
    assert_eq!(all_intervals(&reading, "aveiro").await.len(), 40);
    let store = shelf.open().await;
    assert_eq!(store.progress("aveiro").await.unwrap(), before);
    put(&store, full("aveiro", 40)).await.unwrap();
    assert_eq!(reading.progress("aveiro").await.unwrap().mark, Some(boundary(41)));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_store_of_the_first_release_can_be_read_and_is_upgraded_when_it_is_written() {
    let shelf = settled().await;
    let file = Connection::open(shelf.path()).unwrap();
    let schema = || -> Vec<String> {
        let columns = "SELECT format('%s.%s %s %d %s', t.name, c.name, c.type, c.\"notnull\", c.dflt_value)
            FROM sqlite_schema AS t JOIN pragma_table_info(t.name) AS c ORDER BY t.name, c.name";
        let mut columns = file.prepare(columns).unwrap();
        columns.query_map((), |row| row.get(0)).unwrap().map(Result::unwrap).collect()
    };
    let current = schema();
    file.execute_batch(DOWNGRADE_TO_4).unwrap();
    file.execute_batch(DOWNGRADE_TO_3).unwrap();
    file.execute("INSERT INTO price VALUES ('a', 5, 1, 2, 3), ('stranger', 5, 1, 2, 3)", ()).unwrap();
    assert_ne!(schema(), current);
    let reading = SqliteStore::open_to_read(&shelf.path()).unwrap();
    assert_eq!(all_intervals(&reading, "aveiro").await.len(), 40);
    assert_ne!(schema(), current, "who only reads changes nothing");
    let store = shelf.open().await;
    assert_eq!(schema(), current);
    let kept = store.set_prices(&new_prices(&[], Timestamp::UNIX_EPOCH)).await.unwrap();
    // `a` was read, so only the other one waits.
    assert_eq!(kept.waiting_meters, 1);
    let prices = store.prices("a", None, None, Window::first(9)).await.unwrap();
    assert_eq!(prices[0].own.unwrap().offer.micro_eur(), 2);
    put(&store, full("aveiro", 40)).await.unwrap();
    drop(shelf.open().await);
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
