//! The task that settles one community for as long as the service runs: waits, takes the lease, retries.

use std::sync::Arc;
use std::time::Duration;

use domain::text::chain;
use jiff::Timestamp;
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

use books::{Acquired, ActivationLog, Lease, OfferedSince, Store, StoreError, community_lease};

use super::error::PassError;
use super::log;
use super::pass::{Pass, Settler};
use super::schedule::{FAILURE, Schedule, Wait};
use super::summary::PassSummary;
use crate::clock::Clock;
use crate::lease::{LeaseOwner, clock_warning};
use crate::retry::Failures;
use crate::telemetry::metrics::CommunityMetrics;
use crate::telemetry::outage::{Ended, Outage};
use crate::telemetry::status::Status;

/// Settles one community whenever intervals become due.
pub struct CommunityTask {
    pub settler: Settler,
    pub store: Arc<dyn Store>,
    pub clock: Arc<dyn Clock>,
    pub owner: LeaseOwner,
    /// How long a lease lasts unless it is renewed.
    pub term: Duration,
    /// Which trades are offered for payment.
    pub since: OfferedSince,
    pub metrics: Arc<CommunityMetrics>,
    pub status: Arc<Status>,
    /// Notified when there may be trades to forward.
    pub wake: Arc<Notify>,
    pub shutdown: CancellationToken,
}

impl CommunityTask {
    /// Runs until the shutdown. The current interval is then committed completely or not at all.
    pub async fn run(self) {
        let community = self.settler.community();
        let schedule = Schedule::new(community.interval, community.grace);
        let (mut failures, mut outage) = (Failures::new(FAILURE), Outage::default());
        while !self.shutdown.is_cancelled() {
            let turn = self.shutdown.run_until_cancelled(self.turn(&schedule)).await;
            let wait = match turn {
                None => break,
                Some(Ok(wait)) => {
                    failures.clear();
                    if let Some(Ended { failures, lasted }) = outage.ended() {
                        tracing::info!(community = self.name(), failures, ?lasted, "settling works again");
                    }
                    wait
                }
                // The process that took over continues.
                Some(Err(error @ PassError::Fenced(_))) => {
                    log::stopped(self.name(), &error);
                    Wait::Lease(self.term)
                }
                Some(Err(error)) => {
                    let pause = failures.add();
                    self.log_failure(&error, &mut outage);
                    tracing::debug!(community = self.name(), failures = failures.count(), ?pause, "trying again");
                    self.status.failed(self.name(), chain(&error), error.is_held());
                    Wait::Retry(pause)
                }
            };
            schedule.wait(wait, &*self.clock, &self.shutdown).await;
        }
        self.release_lease().await;
    }

    fn name(&self) -> &str {
        &self.settler.community().name
    }

    /// Logs a failure once, however often it is repeated. The store's outages are logged where it is measured.
    fn log_failure(&self, error: &PassError, outage: &mut Outage) {
        if error.is_of_store() {
            return;
        }
        if outage.failed(&error.kind()) {
            log::stopped(self.name(), error);
        } else {
            tracing::debug!(community = self.name(), "{}", chain(error));
        }
    }

    /// Settles what is due, unless another replica does; returns what to wait for next.
    async fn turn(&self, schedule: &Schedule) -> Result<Wait, PassError> {
        let now = self.clock.now();
        let due = schedule.last_due(now);
        if self.settled_until(due).await? {
            self.check_clock(now)?;
            // Another replica may have settled, or somebody decided.
            self.metrics.set_disputed(&self.store.progress(self.name()).await?.last_reads);
            return Ok(Wait::Due);
        }
        let lease = match self.take_lease().await? {
            Acquired::Held(lease) => lease,
            Acquired::HeldByOther { owner, until } => {
                tracing::debug!(community = self.name(), owner, "another replica settles this community");
                return Ok(Wait::Lease(self.time_left(until)));
            }
        };
        if let Some(until) = lease.replaced {
            self.status.warned(self.name(), clock_warning(until));
        }
        self.metrics.lease(true);
        let mut summary = PassSummary::default();
        let pass = Pass { now: self.clock.now(), until: None, fence: Some(lease.token), since: self.since };
        let result = tokio::select! {
            result = self.settler.pass(pass, &mut summary, |_| {}) => result,
            lost = self.keep_lease(lease) => Err(lost),
        };
        self.release_lease().await;
        if summary.trades > 0 {
            self.wake.notify_one();
        }
        result?;
        self.status.passed(self.name());
        summary.remark.into_iter().for_each(|remark| self.status.warned(self.name(), remark));
        // Missing readings may arrive at any time.
        Ok(if self.settled_until(due).await? { Wait::Due } else { Wait::Readings })
    }

    /// Whether everything up to `due` is settled. Reports the mark, how meters are read and the algorithm on the way.
    async fn settled_until(&self, due: Timestamp) -> Result<bool, StoreError> {
        let mark = self.store.mark(self.name()).await?;
        // Also when another replica settles, or the lag of this one would raise an alarm.
        if let Some(mark) = mark {
            self.metrics.set_mark(mark);
        }
        let notices = self.store.notices(self.name()).await?;
        self.metrics.receptions(&notices);
        self.status.receptions(self.name(), &notices);
        let decisions = self.store.decisions(self.name()).await?;
        let algorithm = mark.and_then(|mark| ActivationLog::of(&decisions).at(mark).map(|at| at.algorithm.clone()));
        self.status.algorithm(self.name(), algorithm.unwrap_or_else(|| self.settler.configured()));
        Ok(mark.is_some_and(|mark| mark.timestamp() >= due))
    }

    /// Checks that nothing is due because of the time, and not because of a clock. Where no pass begins, none tells of it.
    fn check_clock(&self, now: Timestamp) -> Result<(), PassError> {
        let checked = PassError::check_clock(self.name(), self.metrics.mark(), now);
        checked.inspect_err(|error| self.metrics.passed(error.outcome()))
    }

    async fn take_lease(&self) -> Result<Acquired, StoreError> {
        let lease = community_lease(self.name());
        self.owner.take(&*self.store, &lease, self.clock.now(), self.term).await
    }

    /// Renews the lease; returns only when it is lost.
    async fn keep_lease(&self, lease: Lease) -> PassError {
        let name = community_lease(self.name());
        let mut until = lease.until;
        loop {
            tokio::time::sleep(self.term / 3).await;
            match self.store.acquire(&name, self.owner.name(), self.clock.now(), self.term).await {
                Ok(Acquired::Held(renewed)) if renewed.token == lease.token => until = renewed.until,
                Ok(_) => return PassError::Fenced(self.name().to_owned()),
                // Until it expires, no other process can have it.
                Err(error) if self.clock.now() >= until => return error.into(),
                Err(error) => {
                    let error = chain(&error);
                    tracing::debug!(community = self.name(), "cannot renew the lease: {error}; trying again");
                }
            }
        }
    }

    async fn release_lease(&self) {
        self.metrics.lease(false);
        if let Err(error) = self.store.release(&community_lease(self.name()), self.owner.name()).await {
            let error = chain(&error);
            tracing::debug!(community = self.name(), "cannot release the lease: {error}; it will expire");
        }
    }

    fn time_left(&self, until: Timestamp) -> Duration {
        let left = until.duration_since(self.clock.now());
        Duration::try_from(left).unwrap_or(Duration::ZERO).min(self.term)
    }
}
