//! Batches of cleared intervals that become durable together.
//!
//! To make one durable costs some writes to the disk that several can share, and while those are under way the next ones can
//! be cleared: a backfill takes a third of the time. One that is alone, as in normal times, waits for nobody.

use std::sync::Arc;
use std::time::Duration;

use tokio::task::JoinHandle;
use tokio::time::Instant;
use tracing::{Instrument, info_span};

use books::{Commit, CommittedBatch, Store};

/// Most intervals in a batch.
const INTERVALS_MAX: usize = 32;
/// Trades after which a batch takes no more, which bounds its memory.
const TRADES_MAX: usize = 10_000;
/// After so long a batch takes no more: an algorithm may take seconds for each.
const WAIT_MAX: Duration = Duration::from_millis(100);

/// Cleared intervals of one community, in order.
#[derive(Default)]
pub(super) struct CommitBatch {
    commits: Vec<Arc<Commit>>,
    trades: usize,
    begun: Option<Instant>,
}

impl CommitBatch {
    /// The next interval is about to be cleared.
    pub(super) fn begin(&mut self) {
        self.begun.get_or_insert_with(Instant::now);
    }

    pub(super) fn add(&mut self, commit: Commit) {
        self.trades += commit.cleared.trades.len();
        self.commits.push(Arc::new(commit));
    }

    /// Whether it should be committed now, whatever comes next.
    pub(super) fn is_full(&self) -> bool {
        let waited = self.begun.is_some_and(|begun| begun.elapsed() >= WAIT_MAX);
        waited || self.commits.len() >= INTERVALS_MAX || self.trades >= TRADES_MAX
    }
}

/// A batch that is being committed. Dropping it gives it up: each interval is there whole or not at all.
pub(super) struct Committing {
    commits: Vec<Arc<Commit>>,
    task: JoinHandle<CommittedBatch>,
}

impl Committing {
    /// Starts; none if there is nothing to commit. Of one community only one batch may be under way.
    pub(super) fn start(store: Arc<dyn Store>, batch: CommitBatch) -> Option<Committing> {
        let commits = batch.commits;
        let (first, last) = (commits.first()?.cleared.interval, commits.last()?.cleared.interval);
        let batch = commits.clone();
        let commit = async move { store.commit_batch(batch).await };
        let task = tokio::spawn(commit.instrument(info_span!("commit intervals", %first, %last)));
        Some(Committing { commits, task })
    }

    /// What was to be committed, and what came of it.
    pub(super) async fn finish(mut self) -> (Vec<Arc<Commit>>, CommittedBatch) {
        match (&mut self.task).await {
            Ok(committed) => (std::mem::take(&mut self.commits), committed),
            // The task is only ever given up by dropping it, and then nobody waits for it; what is left is a panic.
            Err(error) => std::panic::resume_unwind(error.into_panic()),
        }
    }
}

impl Drop for Committing {
    fn drop(&mut self) {
        self.task.abort();
    }
}
