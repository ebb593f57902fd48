//! Brings settled trades to Transactions in push mode: the outbox, read in order, at least once.
//!
//! The store is the outbox: what is `Created` there waits, and becomes `Sent` or `Error` once Transactions has
//! acknowledged it. Whatever happens between the two, the same trades are sent again under the same ids, and the receiver
//! keeps each once. Start reading at [`OutboxRelay::run`]; one time through the outbox is `pass`.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::time::{Duration, Instant};

use domain::TradeId;
use jiff::Timestamp;
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

use backon::ExponentialBuilder;
use books::{Acquired, Lease, Store, StoreError};

use super::batch::{Batch, BatchLimits, batches};
use super::push::{PushClient, PushError};
use super::trade;
use crate::clock::Clock;
use crate::lease::LeaseOwner;
use crate::retry::{self, Failures};
use crate::telemetry::metrics::{Metrics, PushOutcome};

/// The lease under which trades are pushed.
const LEASE: &str = "forward";
/// How much longer than a request a lease lasts: for the store before and after it.
const LEASE_MARGIN: Duration = Duration::from_secs(15);
/// How long a request under way may still take once it is time to stop. Without its answer it is sent again next time.
const STOP_GRACE: Duration = Duration::from_secs(3);
/// A request up to this size is never too large, because every gRPC library takes 4 MiB: who says RESOURCE_EXHAUSTED of
/// it has too much to do, and no trade is to blame.
const NEVER_TOO_LARGE: usize = 64 << 10;
/// How often `drain_once` tries in all. Five times are some ten seconds of a service that is away.
const DRAIN_ATTEMPTS: u32 = 5;

/// Pushes what waits.
pub struct OutboxRelay {
    /// Where trades wait.
    pub store: Arc<dyn Store>,
    /// What time it is.
    pub clock: Arc<dyn Clock>,
    /// Who takes them.
    pub client: PushClient,
    /// Who we are, unlike any other process on the store.
    pub owner: LeaseOwner,
    /// When a trade that was not paid is pushed again.
    pub resend: Duration,
    /// How large a request may be.
    pub batch: BatchLimits,
    /// How long to wait after failures.
    pub pauses: ExponentialBuilder,
    /// How long to wait after a failure that only a person can end.
    pub lasting_pause: Duration,
    /// How long to wait for trades of which nobody tells.
    pub poll: Duration,
    /// Told when trades were settled; the forwarder then looks at once.
    pub wake: Arc<Notify>,
    /// Told of every request, if anybody looks. What becomes of the trades the store counts
    /// ([`Measured`](crate::store::Measured)).
    pub metrics: Option<Arc<Metrics>>,
}

/// What was brought away.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Drained {
    /// Trades that Transactions has taken.
    pub sent: u64,
    /// Trades that it refuses; they are `Error` now, with its reason.
    pub refused: u64,
    /// Who pushes at the moment, if it is another process: it takes care of the rest.
    pub left_to: Option<String>,
}

/// Why trades still wait.
#[derive(Debug, thiserror::Error)]
pub enum ForwardError {
    /// The store fails.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// Transactions does not take them.
    #[error(transparent)]
    Push(#[from] PushError),
}

/// An outbox that could not be emptied.
#[derive(Debug, thiserror::Error)]
#[error("{error} (attempt {attempts} of {DRAIN_ATTEMPTS}, {} trades were brought away; the rest waits and is not lost)", drained.sent)]
pub struct DrainError {
    /// What was brought away before.
    pub drained: Drained,
    /// How often it was tried: fewer times than usual if another attempt cannot help.
    pub attempts: u32,
    /// What happened last.
    pub error: ForwardError,
}

impl OutboxRelay {
    /// A forwarder with the usual pace; `owner` names this process, unlike any other on the store.
    pub fn new(
        store: Arc<dyn Store>,
        clock: Arc<dyn Clock>,
        client: PushClient,
        owner: LeaseOwner,
        resend: Duration,
    ) -> OutboxRelay {
        OutboxRelay {
            store,
            clock,
            client,
            owner,
            resend,
            batch: BatchLimits::default(),
            pauses: retry::USUAL,
            lasting_pause: Duration::from_secs(60),
            poll: Duration::from_secs(30),
            wake: Arc::new(Notify::new()),
            metrics: None,
        }
    }

    /// Pushes whatever comes until told to stop. What fails is told and tried again, for ever.
    pub async fn run(&self, stop: CancellationToken) {
        let mut failures = Failures::new(self.pauses);
        while !stop.is_cancelled() {
            let pause = match self.pass(&stop, &mut Drained::default()).await {
                Ok(()) => {
                    let failures = failures.clear();
                    if failures > 0 {
                        tracing::info!(failures, "trades are forwarded again");
                    }
                    self.poll
                }
                Err(error) => self.log_failure(&error, &mut failures),
            };
            tokio::select! {
                () = stop.cancelled() => {}
                // After a failure new trades are no reason to hurry.
                () = self.wake.notified(), if failures.count() == 0 => {}
                () = tokio::time::sleep(pause) => {}
            }
        }
    }

    /// Pushes everything that waits now, with a few attempts if something fails.
    ///
    /// # Errors
    /// After the last attempt; what was brought away until then is.
    pub async fn drain_once(&self) -> Result<Drained, DrainError> {
        let mut drained = Drained::default();
        let mut failures = Failures::new(self.pauses);
        loop {
            match self.pass(&CancellationToken::new(), &mut drained).await {
                Ok(()) => return Ok(drained),
                Err(error) if failures.count() + 1 >= DRAIN_ATTEMPTS || error.is_lasting() => {
                    return Err(DrainError { drained, attempts: failures.count() + 1, error });
                }
                Err(error) => {
                    let pause = self.log_failure(&error, &mut failures);
                    tokio::time::sleep(pause).await;
                }
            }
        }
    }

    /// Logs a failure; returns how long to wait after it.
    fn log_failure(&self, error: &ForwardError, failures: &mut Failures) -> Duration {
        let lasting = error.is_lasting();
        let pause = failures.add();
        let pause = if lasting { pause.max(self.lasting_pause) } else { pause };
        let (to, failures) = (self.client.address(), failures.count());
        if lasting {
            tracing::error!(to, failures, ?pause, "trades wait: {error}");
        } else {
            tracing::warn!(to, failures, ?pause, "trades wait: {error}");
        }
        pause
    }

    /// Once through the outbox until it is empty, or another process has the lease.
    async fn pass(&self, stop: &CancellationToken, drained: &mut Drained) -> Result<(), ForwardError> {
        let now = self.clock.now();
        // What is not paid while this goes on is for another time, or there might be no end.
        let again = now.checked_sub(self.resend).unwrap_or(Timestamp::MIN);
        if self.store.outbox(again, 1, now).await?.is_empty() {
            return Ok(());
        }
        let outcome = self.empty(again, stop, drained).await;
        // At once, so that whoever settles next need not wait for the lease to run out. If that fails, it runs out.
        if let Err(error) = self.store.release(LEASE, self.owner.name()).await {
            tracing::warn!(%error, "the lease to forward is not given back");
        }
        outcome
    }

    async fn empty(
        &self,
        again: Timestamp,
        stop: &CancellationToken,
        drained: &mut Drained,
    ) -> Result<(), ForwardError> {
        let mut held = HeldLease { relay: self, lease: None };
        loop {
            if stop.is_cancelled() || !held.keep(drained).await? {
                return Ok(());
            }
            // Read under the lease: before, another process may just have been pushing these.
            let waiting = self.store.outbox(again, self.batch.trades, self.clock.now()).await?;
            if waiting.is_empty() {
                return Ok(());
            }
            let mut batches_left = VecDeque::from(batches(waiting.iter().map(trade::to_wire), self.batch));
            while let Some(batch) = batches_left.pop_front() {
                if stop.is_cancelled() || !held.keep(drained).await? {
                    return Ok(());
                }
                let Some(rest) = self.push(batch, stop, drained).await? else { return Ok(()) };
                rest.into_iter().rev().for_each(|half| batches_left.push_front(half));
            }
        }
    }

    /// Pushes a batch and records what came of it; or answers its halves, if it was refused as a whole. `None` if it
    /// was given up to stop.
    async fn push(
        &self,
        batch: Batch,
        stop: &CancellationToken,
        drained: &mut Drained,
    ) -> Result<Option<Vec<Batch>>, ForwardError> {
        let Some(answer) = self.deliver(&batch, stop).await else { return Ok(None) };
        let (batch, reason) = match answer {
            Ok(refused) => {
                let taken = batch.trades.iter().filter_map(|trade| trade.id.parse().ok());
                let sent: Vec<TradeId> = taken.filter(|id| !refused.contains_key(id)).collect();
                let refused: Vec<(TradeId, String)> = refused.into_iter().collect();
                self.record(&sent, &refused, drained).await?;
                return Ok(Some(Vec::new()));
            }
            Err(PushError::Invalid { reason, .. }) => (batch, reason),
            Err(PushError::Exhausted { reason, .. }) if batch.bytes > NEVER_TOO_LARGE => (batch, reason),
            Err(error) => return Err(error.into()),
        };
        match batch.halves() {
            Ok(halves) => {
                tracing::warn!(reason, "a request is refused as a whole: looking for the trade that is to blame");
                Ok(Some(halves.into()))
            }
            Err(single) => {
                let refused: Vec<_> = single.trades.iter().filter_map(|trade| trade.id.parse().ok()).collect();
                let refused: Vec<_> = refused.into_iter().map(|id| (id, reason.clone())).collect();
                self.record(&[], &refused, drained).await?;
                Ok(Some(Vec::new()))
            }
        }
    }

    /// One request, with its time taken. `None` if it was given up to stop.
    async fn deliver(
        &self,
        batch: &Batch,
        stop: &CancellationToken,
    ) -> Option<Result<BTreeMap<TradeId, String>, PushError>> {
        let started = Instant::now();
        let answer = tokio::select! {
            answer = self.client.deliver(&batch.trades) => Some(answer),
            () = stopped(stop) => None,
        };
        if let Some(metrics) = &self.metrics {
            metrics.push_request(PushOutcome::of(answer.as_ref()), started.elapsed());
        }
        answer
    }

    async fn record(
        &self,
        sent: &[TradeId],
        refused: &[(TradeId, String)],
        drained: &mut Drained,
    ) -> Result<(), ForwardError> {
        self.store.delivered(sent, refused, self.clock.now()).await?;
        let count = |length| u64::try_from(length).unwrap_or(u64::MAX);
        drained.sent += count(sent.len());
        drained.refused += count(refused.len());
        tracing::info!(to = self.client.address(), sent = sent.len(), refused = refused.len(), "trades forwarded");
        for (trade, reason) in refused {
            tracing::error!(%trade, reason, "Transactions refuses a trade: it will not be paid");
        }
        Ok(())
    }
}

impl PushOutcome {
    fn of<T>(answer: Option<&Result<T, PushError>>) -> PushOutcome {
        match answer {
            None => PushOutcome::Stopped,
            Some(Ok(_)) => PushOutcome::Ok,
            Some(Err(error)) => match error {
                PushError::Invalid { .. } => PushOutcome::Invalid,
                PushError::Exhausted { .. } => PushOutcome::Exhausted,
                PushError::Unsuited { .. } => PushOutcome::Unsuited,
                PushError::Garbage { .. } => PushOutcome::Garbage,
                PushError::Away { .. } => PushOutcome::Away,
            },
        }
    }
}

/// Ends a while after it is time to stop.
async fn stopped(stop: &CancellationToken) {
    stop.cancelled().await;
    tokio::time::sleep(STOP_GRACE).await;
}

/// The right to push, renewed as often as needed.
struct HeldLease<'f> {
    relay: &'f OutboxRelay,
    lease: Option<Lease>,
}

impl HeldLease<'_> {
    /// Whether we may push now, for as long as a request may take.
    async fn keep(&mut self, drained: &mut Drained) -> Result<bool, StoreError> {
        let OutboxRelay { clock, store, client, owner, .. } = self.relay;
        let now = clock.now();
        let lasting = now.checked_add(client.deadline() + LEASE_MARGIN / 3).unwrap_or(Timestamp::MAX);
        if self.lease.is_some_and(|lease| lease.until >= lasting) {
            return Ok(true);
        }
        match owner.take(&**store, LEASE, now, client.deadline() + LEASE_MARGIN).await? {
            Acquired::Held(lease) => {
                self.lease = Some(lease);
                Ok(true)
            }
            Acquired::ByOther { owner, until } => {
                tracing::debug!(owner, %until, "another process forwards");
                drained.left_to = Some(owner);
                Ok(false)
            }
        }
    }
}

impl ForwardError {
    /// Whether it will be the same until somebody does something.
    fn is_lasting(&self) -> bool {
        matches!(self, ForwardError::Push(PushError::Unsuited { .. }))
    }
}
