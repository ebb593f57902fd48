//! The connection that writes. Writes that wait for it at the same time are made in one transaction, and become durable with
//! one sync: whoever's turn it is writes for all of them.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use rusqlite::{Connection, Error, Transaction, TransactionBehavior};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, oneshot};

use super::fault::Fault;

const BROKEN_OFF: &str = "another write at the same time broke off; nothing of this one was written";

/// Writes that are made in one transaction at most.
const TOGETHER_MAX: usize = 256;

/// A write that waits, or is told why it cannot be made. It answers whether it is to be kept, and what is to be done once it
/// is known whether it is durable.
type Job = Box<dyn FnOnce(Result<&Transaction<'_>, Fault>) -> (bool, Finish) + Send>;
/// Tells whoever waits what became of the write; with why not if it is not durable.
type Finish = Box<dyn FnOnce(Option<Fault>) + Send>;

/// The connection that writes, and who may have it next.
pub(super) struct Writer {
    pub(super) connection: Mutex<Connection>,
    waiting: Mutex<VecDeque<Job>>,
    /// Who writes now; the others wait in order.
    turn: Arc<Semaphore>,
    /// Which of the callers may wait there: one, so that a commit waits for one of their writes and not for all.
    pub(super) caller: Semaphore,
}

impl Writer {
    pub(super) fn new(connection: Connection) -> Writer {
        Writer {
            connection: Mutex::new(connection),
            waiting: Mutex::default(),
            turn: Arc::new(Semaphore::new(1)),
            caller: Semaphore::new(1),
        }
    }

    /// Runs work that writes, as a whole or not at all, on a thread that may block. If the caller gives up before it is its
    /// turn, nothing is written; afterwards it goes on.
    pub(super) async fn write<T: Send + 'static>(
        self: &Arc<Writer>,
        work: impl FnOnce(&Transaction<'_>) -> Result<T, Fault> + Send + 'static,
    ) -> Result<T, Fault> {
        let (sender, mut receiver) = oneshot::channel();
        self.waiting().push_back(job(sender, work));
        loop {
            tokio::select! {
                biased;
                // Somebody has written it, if need be this one below.
                done = &mut receiver => return done.unwrap_or_else(|_| Err(Fault::Refused(BROKEN_OFF.into()))),
                // The work takes its turn along, since it goes on if its caller gives up.
                turn = Arc::clone(&self.turn).acquire_owned() => {
                    let writer = Arc::clone(self);
                    // OK because nobody closes the semaphore, and a panic drops what was being written, which tells above.
                    drop(tokio::task::spawn_blocking(move || writer.write_waiting(turn.ok())).await);
                }
            }
        }
    }

    fn waiting(&self) -> MutexGuard<'_, VecDeque<Job>> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Writes what waits, in order.
    fn write_waiting(&self, turn: Option<OwnedSemaphorePermit>) {
        // OK because a transaction that panicked was rolled back when it was dropped.
        let mut connection = self.connection.lock().unwrap_or_else(PoisonError::into_inner);
        let jobs: Vec<Job> = {
            let mut waiting = self.waiting();
            let count = waiting.len().min(TOGETHER_MAX);
            waiting.drain(..count).collect()
        };
        write_together(&mut connection, jobs);
        drop(connection);
        drop(turn);
    }
}

fn job<T: Send + 'static>(
    sender: oneshot::Sender<Result<T, Fault>>,
    work: impl FnOnce(&Transaction<'_>) -> Result<T, Fault> + Send + 'static,
) -> Job {
    Box::new(move |transaction| {
        if sender.is_closed() {
            return (false, Box::new(|_| {}));
        }
        let done = transaction.and_then(work);
        let is_kept = done.is_ok();
        let finish = move |failed: Option<Fault>| {
            let answer = match failed {
                Some(fault) if done.is_ok() => Err(fault),
                _ => done,
            };
            // OK because whoever has given up since needs no answer.
            drop(sender.send(answer));
        };
        (is_kept, Box::new(finish))
    })
}

/// Makes writes in one transaction. One that fails leaves nothing behind, and does not concern the others.
fn write_together(connection: &mut Connection, jobs: Vec<Job>) {
    let mut finish = Vec::with_capacity(jobs.len());
    let written = attempt(connection, jobs, &mut finish);
    let failed = written.err();
    for finish in finish {
        finish(failed.as_ref().map(again));
    }
}

fn attempt(connection: &mut Connection, jobs: Vec<Job>, finish: &mut Vec<Finish>) -> Result<(), Fault> {
    let transaction = match connection.transaction_with_behavior(TransactionBehavior::Immediate) {
        Ok(transaction) => transaction,
        Err(error) => {
            let fault = Fault::from(error);
            finish.extend(jobs.into_iter().map(|job| job(Err(again(&fault))).1));
            return Ok(());
        }
    };
    // A single one needs none: it is rolled back with the transaction.
    let is_single = jobs.len() == 1;
    for job in jobs {
        if !is_single {
            transaction.execute_batch("SAVEPOINT job")?;
        }
        let (is_kept, then) = job(Ok(&transaction));
        finish.push(then);
        match (is_kept, is_single) {
            (true, true) => {}
            (false, true) => return Ok(transaction.rollback()?),
            (true, false) => transaction.execute_batch("RELEASE job")?,
            (false, false) => transaction.execute_batch("ROLLBACK TO job; RELEASE job")?,
        }
    }
    Ok(transaction.commit()?)
}

/// The same fault for somebody else.
fn again(fault: &Fault) -> Fault {
    match fault {
        Fault::Sqlite(Error::SqliteFailure(code, text)) => Fault::Sqlite(Error::SqliteFailure(*code, text.clone())),
        _ => Fault::Refused(BROKEN_OFF.into()),
    }
}

#[cfg(test)]
mod tests {
    use std::future::poll_fn;
    use std::sync::mpsc;
    use std::task::Poll;

    use super::*;

    fn writer() -> (tempfile::TempDir, Arc<Writer>) {
        let directory = tempfile::tempdir().unwrap();
        let connection = Connection::open(directory.path().join("db")).unwrap();
        connection.execute_batch("PRAGMA journal_mode = wal; CREATE TABLE t (n INTEGER PRIMARY KEY)").unwrap();
        (directory, Arc::new(Writer::new(connection)))
    }

    fn insert(number: i64) -> impl FnOnce(&Transaction<'_>) -> Result<i64, Fault> {
        move |transaction| {
            transaction.execute("INSERT INTO t VALUES (?1)", [number])?;
            Ok(number)
        }
    }

    fn numbers(writer: &Writer) -> Vec<i64> {
        let connection = writer.connection.lock().unwrap_or_else(PoisonError::into_inner);
        let mut select = connection.prepare("SELECT n FROM t ORDER BY n").unwrap();
        select.query_map((), |row| row.get(0)).unwrap().map(Result::unwrap).collect()
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn what_waits_at_the_same_time_shares_a_transaction_and_a_failure_concerns_nobody_else() {
        let (directory, writer) = writer();
        let (open, gate) = mpsc::channel::<()>();
        let (begin, begun) = mpsc::channel();
        let first = writer.write(move |transaction| {
            begin.send(()).unwrap();
            let _ = gate.recv();
            insert(0)(transaction)
        });
        let mut first = Box::pin(first);
        assert!(poll_fn(|context| Poll::Ready(first.as_mut().poll(context))).await.is_pending());
        begun.recv().unwrap();
        // All of these wait for it; the third fails, and one is given up.
        let file = directory.path().join("db");
        let insert_last_seen = move |number: i64| {
            let file = file.clone();
            move |transaction: &Transaction<'_>| {
                insert(number)(transaction)?;
                // Others see nothing of those before: they are in the same transaction.
                let count = "SELECT count(*) FROM t";
                let seen: i64 = Connection::open(&file)?.query_row(count, (), |row| row.get(0))?;
                Ok((number, seen))
            }
        };
        let mut others: Vec<_> = [1, 2, 1, 3, 4].map(|number| Box::pin(writer.write(insert_last_seen(number)))).into();
        for other in &mut others {
            assert!(poll_fn(|context| Poll::Ready(other.as_mut().poll(context))).await.is_pending());
        }
        drop(others.pop());
        drop(open);
        assert_eq!(first.await.ok(), Some(0));
        let mut answers = Vec::new();
        for other in others {
            answers.push(other.await.ok());
        }
        assert_eq!(answers, [Some((1, 1)), Some((2, 1)), None, Some((3, 1))]);
        assert_eq!(numbers(&writer), [0, 1, 2, 3]);
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn a_panic_ends_only_what_is_written_with_it() {
        let (_directory, writer) = writer();
        let panics: Result<(), Fault> = writer.write(|_| panic!("on purpose")).await;
        assert!(panics.is_err());
        assert_eq!(writer.write(insert(7)).await.ok(), Some(7));
        assert_eq!(numbers(&writer), [7]);
    }
}
