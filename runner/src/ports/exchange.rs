//! One request with its answer on a connection of HTTP/2, which can be dropped from outside.
//!
//! The HTTP library asks an answer for more only when its receiver takes some. A receiver that takes nothing would keep the answer in
//! memory, so time runs here, around the task of the exchange.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use hyper::rt::Executor;
use tokio::sync::Notify;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

tokio::task_local! {
    static CURRENT: Exchange;
}

/// The exchange that the current task is about.
#[derive(Clone, Debug)]
pub struct Exchange(Arc<State>);

#[derive(Debug)]
struct State {
    dropped: CancellationToken,
    sending: Mutex<Option<Sending>>,
    begun: Notify,
}

#[derive(Clone, Copy, Debug)]
struct Sending {
    /// When all must be sent.
    until: Option<Instant>,
    /// When the next piece must have been taken, while the receiver has one to take.
    next: Option<Instant>,
    stall: Duration,
}

impl Exchange {
    fn new() -> Exchange {
        let state = State { dropped: CancellationToken::new(), sending: Mutex::default(), begun: Notify::new() };
        Exchange(Arc::new(state))
    }

    /// That of this task; none outside of HTTP/2.
    pub fn current() -> Option<Exchange> {
        CURRENT.try_with(Exchange::clone).ok()
    }

    /// Drops the exchange when cancelled.
    pub fn dropped(&self) -> CancellationToken {
        self.0.dropped.clone()
    }

    /// From now on an answer is sent: within `all`, and no piece later than `stall` after the one before.
    pub fn send(&self, stall: Duration, all: Option<Duration>) {
        *self.sending() = Some(Sending { until: all.map(|all| Instant::now() + all), next: None, stall });
        self.0.begun.notify_one();
    }

    /// Whether the answer has begun.
    pub fn is_sending(&self) -> bool {
        self.sending().is_some()
    }

    /// The receiver has a piece to take.
    pub fn hands_over(&self) {
        if let Some(sending) = &mut *self.sending() {
            sending.next = Some(Instant::now() + sending.stall);
        }
    }

    /// The receiver has taken all there is so far.
    pub fn has_nothing_to_send(&self) {
        if let Some(sending) = &mut *self.sending() {
            sending.next = None;
        }
    }

    /// Completes when the receiver is late.
    async fn late(&self) {
        self.0.begun.notified().await;
        loop {
            let Some(Sending { until, next, stall }) = *self.sending() else { return };
            let now = Instant::now();
            // Looked at again after that time at the latest, because it changes.
            let deadline = [until, next].into_iter().flatten().min().unwrap_or(now + stall);
            if deadline <= now {
                return;
            }
            tokio::time::sleep_until(deadline).await;
        }
    }

    fn sending(&self) -> MutexGuard<'_, Option<Sending>> {
        self.0.sending.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Runs every exchange of a connection as a task.
#[derive(Clone, Debug)]
pub struct Exchanges;

impl<F: Future<Output = ()> + Send + 'static> Executor<F> for Exchanges {
    fn execute(&self, exchange: F) {
        let outside = Exchange::new();
        tokio::spawn(async move {
            let dropped = outside.dropped();
            tokio::select! {
                () = CURRENT.scope(outside.clone(), exchange) => {}
                () = dropped.cancelled() => tracing::debug!("dropped a request: others needed its room"),
                () = outside.late() => tracing::info!("dropped an answer: its receiver does not take it"),
            }
        });
    }
}
