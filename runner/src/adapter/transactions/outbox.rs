//! Pushes settled trades to Transactions: in order, at least once.
//!
//! The store is the outbox: trades in state `Created` wait there, and become `Sent` or `Error` once Transactions has
//! acknowledged them. After a failure in between, the same trades are sent again with the same ids, and the receiver keeps
//! each once. If it refuses everything, forwarding pauses: a single trade now and then shows when it goes on. Start reading at
//! [`OutboxRelay::run`]; `pass` goes through the outbox once.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::time::{Duration, Instant};

use domain::TradeId;
use domain::text::chain;
use jiff::Timestamp;
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

use backon::ExponentialBuilder;
use books::{Acquired, Due, Lease, Match, OfferedSince, Store, StoreError, Wallets};

use super::batch::{Batch, BatchLimits, batches};
use super::push::{PushClient, PushError};
use super::refusals::{Refusals, Refused};
use super::trade;
use crate::clock::Clock;
use crate::lease::LeaseOwner;
use crate::retry::{self, Failures};
use crate::telemetry::metrics::{Metrics, PushOutcome};
use crate::telemetry::outage::{Ended, Outage};
use crate::telemetry::status::Status;

/// The lease under which trades are pushed.
const LEASE: &str = "forward";
/// How much longer than a request a lease lasts, for the store operations before and after it.
const LEASE_MARGIN: Duration = Duration::from_secs(15);
/// How long a current request may still take after the signal to stop. Without a response it is sent again next time.
const STOP_GRACE: Duration = Duration::from_secs(3);
/// Bytes of a request that is never too large, because every gRPC library accepts 4 MiB: a receiver that rejects it with
/// RESOURCE_EXHAUSTED is overloaded, and no trade is to blame.
const ACCEPTED_BYTES: usize = 64 << 10;
/// Maximum number of attempts of `drain_once`. Five attempts bridge an outage of some ten seconds.
const DRAIN_ATTEMPTS: u32 = 5;
/// Pauses between single trades while Transactions refuses everything: a mistake is often mended at once, or not for days.
const REFUSED: ExponentialBuilder = ExponentialBuilder::new()
    .with_min_delay(Duration::from_secs(1))
    .with_max_delay(Duration::from_secs(600))
    .without_max_times()
    .with_jitter();

pub struct OutboxRelay {
    pub store: Arc<dyn Store>,
    pub clock: Arc<dyn Clock>,
    pub client: PushClient,
    /// This process; no other on the store may have the same name.
    pub owner: LeaseOwner,
    /// After this time, an unpaid trade is pushed again.
    pub resend: Duration,
    /// Which trades are offered for payment at all.
    pub since: OfferedSince,
    /// What members are called.
    pub wallets: Wallets,
    pub batch: BatchLimits,
    /// Pauses after failures.
    pub pauses: ExponentialBuilder,
    /// Pause after a failure that only a person can resolve.
    pub lasting_pause: Duration,
    /// Pauses between attempts while everything is refused.
    pub refused_pauses: ExponentialBuilder,
    /// How often to look for trades without being notified.
    pub poll: Duration,
    /// Notified when trades were settled; the relay then looks at once.
    pub wake: Arc<Notify>,
    /// Counts requests. The measured store counts the trades.
    pub metrics: Option<Arc<Metrics>>,
    /// Told when forwarding pauses and when it goes on.
    pub status: Option<Arc<Status>>,
}

/// What was pushed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Drained {
    /// Trades that Transactions accepted.
    pub sent: u64,
    /// Trades that it refused; they are in state `Error` now, with its reason.
    pub refused: u64,
    /// Another process that holds the lease and pushes the rest.
    pub left_to: Option<String>,
}

#[derive(Debug, thiserror::Error)]
pub enum ForwardError {
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error(transparent)]
    Push(#[from] PushError),
    /// No trade is to blame, so all of them wait.
    #[error(
        "Transactions at {address} refuses every trade ({refused} of them, the last one: {reason}); forwarding pauses, and no trade becomes Error (find out there why; forwarding goes on by itself)"
    )]
    Refusing { address: String, refused: usize, reason: String },
}

#[derive(Debug, thiserror::Error)]
#[error("cannot forward trades (attempt {attempts} of {DRAIN_ATTEMPTS}, {} were sent; the rest waits and is not lost)", drained.sent)]
pub struct DrainError {
    /// What was pushed before.
    pub drained: Drained,
    /// Fewer than the maximum if another attempt could not help.
    pub attempts: u32,
    /// The last failure.
    #[source]
    pub error: ForwardError,
}

impl OutboxRelay {
    /// A relay with the default limits and pauses.
    pub fn new(
        store: Arc<dyn Store>,
        clock: Arc<dyn Clock>,
        client: PushClient,
        owner: LeaseOwner,
        resend: Duration,
        since: OfferedSince,
    ) -> OutboxRelay {
        OutboxRelay {
            store,
            clock,
            client,
            owner,
            resend,
            since,
            wallets: Wallets::default(),
            batch: BatchLimits::default(),
            pauses: retry::USUAL,
            lasting_pause: Duration::from_secs(60),
            refused_pauses: REFUSED,
            poll: Duration::from_secs(30),
            wake: Arc::new(Notify::new()),
            metrics: None,
            status: None,
        }
    }

    /// Pushes trades until told to stop. Failures are logged and retried for ever.
    pub async fn run(&self, stop: CancellationToken) {
        let (mut failures, mut outage) = (Failures::new(self.pauses), Outage::default());
        let (mut refusals, mut refused) = (Refusals::default(), Failures::new(self.refused_pauses));
        while !stop.is_cancelled() {
            let passed = self.pass(&stop, &mut refusals, &mut Drained::default()).await;
            if refused.count() > 0 && !refusals.are_of_everything() {
                self.tell_resumed(refused.clear());
            }
            let pause = match passed {
                Ok(()) => {
                    failures.clear();
                    if let Some(Ended { failures, lasted }) = outage.ended() {
                        tracing::info!(to = self.client.address(), failures, ?lasted, "forwarding trades works again");
                    }
                    self.poll
                }
                Err(error @ ForwardError::Refusing { .. }) => {
                    let pause = refused.add();
                    if refused.count() == 1 {
                        self.tell_paused(&error)
                    } else {
                        tracing::debug!(?pause, "{error}")
                    }
                    pause
                }
                Err(error) => {
                    let pause = self.pause_after(&error, &mut failures);
                    self.log_failure(&error, pause, &mut outage);
                    pause
                }
            };
            let may_be_woken = failures.count() == 0 && refused.count() == 0;
            tokio::select! {
                () = stop.cancelled() => {}
                // After a failure, new trades do not shorten the pause.
                () = self.wake.notified(), if may_be_woken => {}
                () = tokio::time::sleep(pause) => {}
            }
        }
    }

    /// Tells everybody, once, that everything is refused.
    fn tell_paused(&self, error: &ForwardError) {
        tracing::error!(to = self.client.address(), code = "refused", "{error}");
        self.metrics.iter().for_each(|metrics| metrics.forwarding_paused(true));
        self.status.iter().for_each(|status| status.forwarding_paused(error.to_string()));
    }

    /// Tells everybody, once, that trades are accepted again.
    fn tell_resumed(&self, attempts: u32) {
        tracing::info!(to = self.client.address(), attempts, "Transactions accepts trades again; forwarding goes on");
        self.metrics.iter().for_each(|metrics| metrics.forwarding_paused(false));
        self.status.iter().for_each(|status| status.forwarding_resumed());
    }

    /// Pushes everything that waits now; retries a few times.
    ///
    /// # Errors
    /// After the last attempt; what was pushed before stays pushed.
    pub async fn drain_once(&self) -> Result<Drained, DrainError> {
        let (mut drained, mut refusals) = (Drained::default(), Refusals::default());
        let mut failures = Failures::new(self.pauses);
        loop {
            match self.pass(&CancellationToken::new(), &mut refusals, &mut drained).await {
                Ok(()) => return Ok(drained),
                Err(error) if failures.count() + 1 >= DRAIN_ATTEMPTS || error.is_lasting() => {
                    return Err(DrainError { drained, attempts: failures.count() + 1, error });
                }
                Err(error) => {
                    let pause = self.pause_after(&error, &mut failures);
                    tracing::debug!(to = self.client.address(), ?pause, "cannot forward trades: {}", chain(&error));
                    tokio::time::sleep(pause).await;
                }
            }
        }
    }

    /// Counts a failure; returns how long to wait after it.
    fn pause_after(&self, error: &ForwardError, failures: &mut Failures) -> Duration {
        let pause = failures.add();
        if error.is_lasting() { pause.max(self.lasting_pause) } else { pause }
    }

    /// Logs a failure once, however often it is repeated. The store's outages are logged where it is measured.
    fn log_failure(&self, error: &ForwardError, pause: Duration, outage: &mut Outage) {
        let kind = match error {
            ForwardError::Store(error) if error.is_outage() => return,
            ForwardError::Store(_) => "store",
            ForwardError::Push(error) => PushOutcome::of_error(error).as_str(),
            ForwardError::Refusing { .. } => "refusing",
        };
        let (to, is_new, text) = (self.client.address(), outage.failed(kind), chain(error));
        if !is_new {
            tracing::debug!(to, ?pause, "cannot forward trades: {text}");
        } else if error.is_lasting() {
            tracing::error!(to, code = "transactions", "cannot forward trades: {text}; trying again until it works");
        } else {
            tracing::warn!(to, code = "transactions", "cannot forward trades: {text}; trying again until it works");
        }
    }

    /// Goes through the outbox until it is empty, or another process has the lease.
    async fn pass(
        &self,
        stop: &CancellationToken,
        refusals: &mut Refusals,
        drained: &mut Drained,
    ) -> Result<(), ForwardError> {
        let now = self.clock.now();
        refusals.begin_pass();
        // Trades that become overdue during this pass wait for the next one, or there might be no end.
        let again = now.checked_sub(self.resend).unwrap_or(Timestamp::MIN);
        if self.store.outbox(Due { since: self.since, again, now }, 1).await?.is_empty() {
            *refusals = Refusals::default();
            return Ok(());
        }
        let outcome = self.empty(again, stop, refusals, drained).await;
        // Now, so that the next process need not wait until the lease expires.
        if let Err(error) = self.store.release(LEASE, self.owner.name()).await {
            tracing::debug!(error = chain(&error), "cannot release the forwarding lease; it will expire");
        }
        outcome
    }

    async fn empty(
        &self,
        again: Timestamp,
        stop: &CancellationToken,
        refusals: &mut Refusals,
        drained: &mut Drained,
    ) -> Result<(), ForwardError> {
        let mut held = HeldLease { relay: self, lease: None };
        loop {
            if stop.is_cancelled() || !held.keep(drained).await? {
                return Ok(());
            }
            if refusals.are_of_everything() && !self.probe(again, stop, refusals, drained).await? {
                return Ok(());
            }
            // Read under the lease: without it, another process may be pushing these.
            let waiting = self.waiting(again, self.batch.trades).await?;
            if waiting.is_empty() {
                return Ok(());
            }
            let mut batches_left = VecDeque::from(batches(waiting.iter().map(trade::to_wire), self.batch));
            while let Some(batch) = batches_left.pop_front().filter(|_| !refusals.are_of_everything()) {
                if stop.is_cancelled() || !held.keep(drained).await? {
                    return Ok(());
                }
                let Some(rest) = self.push(batch, stop, refusals, drained).await? else { return Ok(()) };
                rest.into_iter().rev().for_each(|half| batches_left.push_front(half));
            }
            self.record(&[], &refusals.end_row(), drained).await?;
        }
    }

    /// The trades that are due, as they are on the wire.
    async fn waiting(&self, again: Timestamp, limit: usize) -> Result<Vec<Match>, StoreError> {
        let due = Due { since: self.since, again, now: self.clock.now() };
        let waiting = self.store.outbox(due, limit).await?;
        Ok(waiting.into_iter().map(|trade| self.wallets.shown(trade)).collect())
    }

    /// Sends one trade alone, to see whether Transactions accepts any at all. Returns false if it was given up because the
    /// service stops.
    ///
    /// # Errors
    /// If it is refused, too.
    async fn probe(
        &self,
        again: Timestamp,
        stop: &CancellationToken,
        refusals: &mut Refusals,
        drained: &mut Drained,
    ) -> Result<bool, ForwardError> {
        let waiting = self.waiting(again, refusals.probe_reach()).await?;
        let Some(trade) = refusals.probe(&waiting) else {
            *refusals = Refusals::default();
            return Ok(true);
        };
        let batch = Batch::of(vec![trade::to_wire(trade)]);
        let Some(answer) = self.deliver(&batch, stop).await else { return Ok(false) };
        let reason = match answer {
            Ok(mut refused) => refused.remove(&trade.id),
            Err(error) => Some(refusal_of(error, &batch)?),
        };
        let Some(reason) = reason else {
            refusals.probe_accepted(trade.id);
            self.record(&[trade.id], &[], drained).await?;
            return Ok(true);
        };
        refusals.probe_refused(trade.id, reason);
        let (refused, reason) = refusals.open();
        let address = self.client.address().to_owned();
        Err(ForwardError::Refusing { address, refused, reason: reason.to_owned() })
    }

    /// Pushes a batch and records the result; returns its halves if it was refused as a whole, and `None` if it was given up
    /// because the service stops.
    async fn push(
        &self,
        batch: Batch,
        stop: &CancellationToken,
        refusals: &mut Refusals,
        drained: &mut Drained,
    ) -> Result<Option<Vec<Batch>>, ForwardError> {
        let Some(answer) = self.deliver(&batch, stop).await else { return Ok(None) };
        let reason = match answer {
            Ok(refused) => {
                let taken = batch.trades.iter().filter_map(|trade| trade.id.parse().ok());
                let sent: Vec<TradeId> = taken.filter(|id| !refused.contains_key(id)).collect();
                let at_fault = refusals.acknowledged(refused.into_iter().collect(), sent.len());
                self.record(&sent, &at_fault, drained).await?;
                return Ok(Some(Vec::new()));
            }
            Err(error) => refusal_of(error, &batch)?,
        };
        match batch.halves() {
            Ok(halves) => {
                tracing::warn!(reason, "Transactions refused a whole request; splitting it to find the wrong trade");
                Ok(Some(halves.into()))
            }
            Err(single) => {
                let refused: Vec<_> = single.trades.iter().filter_map(|trade| trade.id.parse().ok()).collect();
                let refused: Refused = refused.into_iter().map(|id| (id, reason.clone())).collect();
                self.record(&[], &refusals.refused(refused), drained).await?;
                Ok(Some(Vec::new()))
            }
        }
    }

    /// Sends one request and measures it. `None` if it was given up because the service stops.
    async fn deliver(
        &self,
        batch: &Batch,
        stop: &CancellationToken,
    ) -> Option<Result<BTreeMap<TradeId, String>, PushError>> {
        let started = Instant::now();
        let answer = tokio::select! {
            answer = self.client.deliver(&batch.trades) => Some(answer),
            () = stop_grace_over(stop) => None,
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
        if sent.is_empty() && refused.is_empty() {
            return Ok(());
        }
        self.store.delivered(sent, refused, self.clock.now()).await?;
        let count = |length| u64::try_from(length).unwrap_or(u64::MAX);
        drained.sent += count(sent.len());
        drained.refused += count(refused.len());
        tracing::info!(to = self.client.address(), sent = sent.len(), refused = refused.len(), "trades forwarded");
        for (trade, reason) in refused {
            tracing::error!(%trade, reason, "Transactions refused a trade: it will not be paid");
        }
        Ok(())
    }
}

impl PushOutcome {
    fn of<T>(answer: Option<&Result<T, PushError>>) -> PushOutcome {
        match answer {
            None => PushOutcome::Stopped,
            Some(Ok(_)) => PushOutcome::Ok,
            Some(Err(error)) => PushOutcome::of_error(error),
        }
    }

    fn of_error(error: &PushError) -> PushOutcome {
        match error {
            PushError::Invalid { .. } => PushOutcome::Invalid,
            PushError::Exhausted { .. } => PushOutcome::Exhausted,
            PushError::Unsuited { .. } => PushOutcome::Unsuited,
            PushError::Garbage { .. } => PushOutcome::Garbage,
            PushError::Unavailable { .. } => PushOutcome::Unavailable,
        }
    }
}

/// Completes some time after the signal to stop.
async fn stop_grace_over(stop: &CancellationToken) {
    stop.cancelled().await;
    tokio::time::sleep(STOP_GRACE).await;
}

/// The lease for pushing, renewed as needed.
struct HeldLease<'f> {
    relay: &'f OutboxRelay,
    lease: Option<Lease>,
}

impl HeldLease<'_> {
    /// Takes or renews the lease; returns whether this process may push for the duration of a request.
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
            Acquired::HeldByOther { owner, until } => {
                tracing::debug!(owner, %until, "another process forwards");
                drained.left_to = Some(owner);
                Ok(false)
            }
        }
    }
}

impl ForwardError {
    /// Whether only a person can resolve it.
    fn is_lasting(&self) -> bool {
        matches!(self, ForwardError::Push(PushError::Unsuited { .. }) | ForwardError::Refusing { .. })
    }
}

/// Why a request was refused as a whole.
///
/// # Errors
/// The error itself, if it says nothing about the trades in it.
fn refusal_of(error: PushError, batch: &Batch) -> Result<String, PushError> {
    match error {
        PushError::Invalid { reason, .. } => Ok(reason),
        PushError::Exhausted { reason, .. } if batch.bytes > ACCEPTED_BYTES => Ok(reason),
        error => Err(error),
    }
}
