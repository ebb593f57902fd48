//! The record of who opened what. Visits are kept in batches, so that no page waits for the store.

use std::sync::Arc;
use std::time::Duration;

use books::{Store, Visit};
use domain::text::chain;
use tokio::sync::mpsc::{self, Receiver, Sender, error::TrySendError};

use crate::retry::{self, Failures};

/// Visits that wait for the store at most. While there is no room, no page is shown.
const WAITING_MAX: usize = 10_000;
/// Visits that are kept at once.
const BATCH: usize = 500;
/// How long a visit waits for others. What a process that dies has not kept by then is lost.
const PAUSE: Duration = Duration::from_millis(500);

/// Where visits are noted.
pub struct Visits(Sender<Visit>);

/// Keeps what is noted.
pub struct Keeper {
    noted: Receiver<Visit>,
    store: Arc<dyn Store>,
}

/// A record in this store: where visits are noted, and what keeps them.
pub fn record(store: Arc<dyn Store>) -> (Visits, Keeper) {
    let (notes, noted) = mpsc::channel(WAITING_MAX);
    (Visits(notes), Keeper { noted, store })
}

impl Visits {
    /// Notes a visit. Returns whether it will be kept: if not, nobody may see the page.
    pub(super) fn note(&self, visit: Visit) -> bool {
        match self.0.try_send(visit) {
            Ok(()) => true,
            Err(TrySendError::Full(_) | TrySendError::Closed(_)) => false,
        }
    }
}

impl Keeper {
    /// Keeps visits until nobody can note any more.
    pub async fn run(mut self) {
        let mut batch = Vec::new();
        let mut failures = Failures::new(retry::USUAL);
        while self.gather(&mut batch).await {
            match self.store.keep_visits(&batch).await {
                Ok(()) => {
                    if failures.clear() > 0 {
                        tracing::info!(code = "web", "visits of pages are kept again");
                    }
                    batch.clear();
                }
                Err(error) => {
                    let pause = failures.add();
                    if failures.count() == 1 {
                        tracing::error!(
                            code = "web",
                            "visits of pages cannot be kept: {}; trying again",
                            chain(&error)
                        );
                    }
                    tokio::time::sleep(pause).await;
                }
            }
        }
    }

    /// Waits for visits, and for those that follow soon; whether there are any to be kept.
    async fn gather(&mut self, batch: &mut Vec<Visit>) -> bool {
        // One that could not be kept is tried again.
        if batch.is_empty() && self.noted.recv_many(batch, BATCH).await == 0 {
            return false;
        }
        let more = async { while batch.len() < BATCH && self.noted.recv_many(batch, BATCH - batch.len()).await > 0 {} };
        // OK because what has come by then is in the batch.
        let _ = tokio::time::timeout(PAUSE, more).await;
        true
    }
}
