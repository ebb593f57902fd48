//! Connections that read: several at once up to a bound, so that no read waits for another one or for the writer.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use rusqlite::{Connection, InterruptHandle, ffi};
use tokio::sync::Semaphore;
use tokio::task::JoinError;

use super::fault::Fault;

/// Opens another connection to the same file.
type Opening = dyn Fn() -> Result<Connection, Fault> + Send + Sync;

/// A bounded number of connections. Each is opened when it is needed first, and stays open.
#[derive(Clone)]
pub(super) struct Readers(Arc<Shared>);

struct Shared {
    open: Box<Opening>,
    idle: Mutex<Vec<Connection>>,
    turns: Arc<Semaphore>,
}

impl Readers {
    /// At most this many connections, opened by `open`; `first` are open already.
    pub(super) fn new(
        most: usize,
        first: Option<Connection>,
        open: impl Fn() -> Result<Connection, Fault> + Send + Sync + 'static,
    ) -> Readers {
        let idle = Mutex::new(first.into_iter().collect());
        Readers(Arc::new(Shared { open: Box::new(open), idle, turns: Arc::new(Semaphore::new(most)) }))
    }

    /// Runs work on one of them, on a thread that may block; waits for its turn if all are busy. If the caller gives up,
    /// the work is interrupted.
    pub(super) async fn run<T: Send + 'static>(
        &self,
        work: impl FnOnce(&mut Connection) -> Result<T, Fault> + Send + 'static,
    ) -> Result<Result<T, Fault>, JoinError> {
        // OK because nobody closes it: there always is a turn in the end. It is taken along, so that a read whose caller
        // gave up still counts until it has ended.
        let turn = Arc::clone(&self.0.turns).acquire_owned().await.ok();
        let (shared, caller) = (Arc::clone(&self.0), Caller::default());
        let waiting = Waiting(caller.clone());
        let done = tokio::task::spawn_blocking(move || {
            let done = shared.with_connection(|connection| {
                if !caller.begin(connection) {
                    return Err(interrupted());
                }
                let done = work(connection);
                // Before the next read has the connection, which must not be interrupted instead.
                caller.end();
                done
            });
            drop(turn);
            done
        });
        let done = done.await;
        drop(waiting);
        done
    }
}

impl Shared {
    fn with_connection<T>(&self, work: impl FnOnce(&mut Connection) -> Result<T, Fault>) -> Result<T, Fault> {
        let idle = || self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        let last = idle().pop();
        let mut connection = last.map_or_else(|| (self.open)(), Ok)?;
        let done = work(&mut connection);
        idle().push(connection);
        done
    }
}

/// As if it had begun and was interrupted. Nobody waits for this answer.
fn interrupted() -> Fault {
    Fault::Sqlite(rusqlite::Error::SqliteFailure(ffi::Error::new(ffi::SQLITE_INTERRUPT), None))
}

/// Who a read is for, and how to interrupt it while it runs.
#[derive(Clone, Default)]
struct Caller(Arc<Mutex<Read>>);

#[derive(Default)]
struct Read {
    given_up: bool,
    interrupt: Option<InterruptHandle>,
}

impl Caller {
    fn read(&self) -> MutexGuard<'_, Read> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The read is about to run; answers whether anybody still wants it.
    fn begin(&self, connection: &Connection) -> bool {
        let mut read = self.read();
        read.interrupt = Some(connection.get_interrupt_handle());
        !read.given_up
    }

    fn end(&self) {
        self.read().interrupt = None;
    }
}

/// A caller that waits for its read. Dropped when it gives up.
struct Waiting(Caller);

impl Drop for Waiting {
    fn drop(&mut self) {
        let mut read = self.0.read();
        read.given_up = true;
        // While the lock is held, the read keeps its connection.
        if let Some(interrupt) = &read.interrupt {
            interrupt.interrupt();
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Barrier;
    use std::time::Duration;

    use super::*;

    fn readers(most: usize) -> Readers {
        Readers::new(most, None, || Ok(Connection::open_in_memory()?))
    }

    /// A query that ends in hours.
    const ENDLESS: &str = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT count(*) FROM n";

    fn count(connection: &Connection, query: &str) -> Result<i64, Fault> {
        Ok(connection.query_row(query, (), |row| row.get(0))?)
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn reads_run_at_once_up_to_the_bound_and_connections_are_used_again() {
        let (readers, barrier) = (readers(3), Arc::new(Barrier::new(3)));
        for _ in 0..2 {
            let meet = |_| {
                let (readers, barrier) = (readers.clone(), Arc::clone(&barrier));
                // All three only get past this if none waits for another.
                let met = move |_: &mut Connection| Ok(barrier.wait().is_leader());
                tokio::spawn(async move { readers.run(met).await })
            };
            for met in (0..3).map(meet).collect::<Vec<_>>() {
                assert!(met.await.unwrap().unwrap().is_ok());
            }
            assert_eq!(readers.0.idle.lock().unwrap().len(), 3);
        }
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn a_read_whose_caller_gives_up_is_interrupted_and_the_next_is_not() {
        let readers = readers(1);
        for _ in 0..20 {
            let endless = readers.run(|connection| count(connection, ENDLESS));
            assert!(tokio::time::timeout(Duration::from_millis(5), endless).await.is_err());
            // There is only one connection, so this waits until it is free.
            let next = readers.run(|connection| count(connection, "SELECT 7"));
            let next = tokio::time::timeout(Duration::from_secs(20), next).await.expect("it is not interrupted");
            assert!(matches!(next.unwrap(), Ok(7)));
        }
    }
}
