//! Batches of cleared intervals that are committed together.
//!
//! Several intervals share the disk writes of a commit, and meanwhile the next ones are cleared: a backfill takes a third of
//! the time. A single interval, as in normal operation, does not wait for others.

use std::sync::Arc;
use std::time::Duration;

use tokio::task::JoinHandle;
use tokio::time::Instant;
use tracing::{Instrument, info_span};

use books::{Commit, CommittedBatch, Store};

/// Maximum number of intervals in a batch.
const INTERVALS_MAX: usize = 32;
/// Number of trades after which a batch is full, which bounds its memory: some 10 MB.
const TRADES_MAX: usize = 50_000;
/// Time after which a batch is full, because an algorithm may take seconds for each interval.
const WAIT_MAX: Duration = Duration::from_millis(100);

/// Cleared intervals of one community, in order.
#[derive(Default)]
pub(super) struct CommitBatch {
    commits: Vec<Arc<Commit>>,
    trades: usize,
    begun: Option<Instant>,
}

impl CommitBatch {
    /// Starts the time of the batch when its first interval is about to be cleared.
    pub(super) fn begin(&mut self) {
        self.begun.get_or_insert_with(Instant::now);
    }

    pub(super) fn add(&mut self, commit: Commit) {
        self.trades += commit.cleared.trades.len();
        self.commits.push(Arc::new(commit));
    }

    /// Whether the batch should be committed now.
    pub(super) fn is_full(&self) -> bool {
        let waited = self.begun.is_some_and(|begun| begun.elapsed() >= WAIT_MAX);
        waited || self.commits.len() >= INTERVALS_MAX || self.trades >= TRADES_MAX
    }
}

/// A batch that is being committed. Dropping it aborts the commit; each interval is then stored completely or not at all.
pub(super) struct Committing {
    commits: Vec<Arc<Commit>>,
    task: JoinHandle<CommittedBatch>,
}

impl Committing {
    /// Starts the commit; none if the batch is empty. Only one batch of a community may be committed at a time.
    pub(super) fn start(store: Arc<dyn Store>, batch: CommitBatch) -> Option<Committing> {
        let commits = batch.commits;
        let (first, last) = (commits.first()?.cleared.interval, commits.last()?.cleared.interval);
        let batch = commits.clone();
        let commit = async move { store.commit_batch(batch).await };
        let task = tokio::spawn(commit.instrument(info_span!("commit intervals", %first, %last)));
        Some(Committing { commits, task })
    }

    /// Waits for the commit; returns the batch and the result.
    pub(super) async fn finish(mut self) -> (Vec<Arc<Commit>>, CommittedBatch) {
        match (&mut self.task).await {
            Ok(committed) => (std::mem::take(&mut self.commits), committed),
            // Only dropping aborts the task, and then nobody waits for it: this is a panic.
            Err(error) => std::panic::resume_unwind(error.into_panic()),
        }
    }
}

impl Drop for Committing {
    fn drop(&mut self) {
        self.task.abort();
    }
}
