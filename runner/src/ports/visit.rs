//! One connection, as the requests that come on it see it.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;

use super::room::{Holder, Place};

/// How many large answers one connection has at a time; others wait for their turn.
const LARGE_ANSWERS: usize = 2;

/// A visitor. Every request has it as an extension.
#[derive(Debug)]
pub struct Visit {
    holder: Holder,
    place: Place,
    out: CancellationToken,
    requests: Mutex<usize>,
    large_answers: Arc<Semaphore>,
}

/// A request that is not answered completely.
#[derive(Debug)]
pub(super) struct Busy(Arc<Visit>);

impl Visit {
    pub(super) fn new(holder: Holder, place: Place, out: CancellationToken) -> Arc<Visit> {
        place.rests();
        let large_answers = Arc::new(Semaphore::new(LARGE_ANSWERS));
        Arc::new(Visit { holder, place, out, requests: Mutex::new(0), large_answers })
    }

    pub fn holder(&self) -> Holder {
        self.holder
    }

    /// Closes the connection when cancelled.
    pub fn out(&self) -> &CancellationToken {
        &self.out
    }

    /// The turns of this connection to have a large answer.
    pub fn large_answers(&self) -> Arc<Semaphore> {
        Arc::clone(&self.large_answers)
    }

    /// A request or an answer goes on.
    pub fn moves(&self) {
        self.place.moves();
    }

    pub(super) fn begin(self: &Arc<Visit>) -> Busy {
        self.count(|requests| requests + 1);
        Busy(Arc::clone(self))
    }

    fn count(&self, change: impl FnOnce(usize) -> usize) {
        let mut requests = self.requests.lock().unwrap_or_else(PoisonError::into_inner);
        *requests = change(*requests);
        if *requests == 0 { self.place.rests() } else { self.place.moves() }
    }

    /// Completes when there was no request for so long.
    pub(super) async fn rested(&self, idle: Duration) {
        loop {
            match self.place.resting_since().map(|since| since + idle) {
                Some(until) if until <= tokio::time::Instant::now() => return,
                Some(until) => tokio::time::sleep_until(until).await,
                None => tokio::time::sleep(idle).await,
            }
        }
    }
}

impl Drop for Busy {
    fn drop(&mut self) {
        self.0.count(|requests| requests.saturating_sub(1));
    }
}
