//! One community for years: when its intervals are due, under its lease, whatever goes wrong.

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

use books::{Acquired, ActivationLog, Lease, Store, StoreError, community_lease};

use super::error::PassError;
use super::pass::{Pass, Settler};
use super::schedule::{FAILURE, Schedule, Wait};
use super::summary::PassSummary;
use crate::clock::Clock;
use crate::lease::LeaseOwner;
use crate::retry::Failures;
use crate::telemetry::metrics::CommunityMetrics;
use crate::telemetry::status::Status;

/// Settles one community as its intervals become due.
pub struct CommunityTask {
    /// What settles.
    pub settler: Settler,
    /// Where leases are.
    pub store: Arc<dyn Store>,
    /// What time it is.
    pub clock: Arc<dyn Clock>,
    /// Who we are.
    pub owner: LeaseOwner,
    /// How long a lease lasts without being renewed.
    pub term: Duration,
    /// Told of its lease.
    pub metrics: Arc<CommunityMetrics>,
    /// Told how it goes.
    pub status: Arc<Status>,
    /// Told when there may be trades to forward.
    pub wake: Arc<Notify>,
    /// Ends it.
    pub shutdown: CancellationToken,
}

impl CommunityTask {
    /// Goes on until the shutdown: an interval under way is then finished or abandoned whole.
    pub async fn run(self) {
        let community = self.settler.community();
        let schedule = Schedule::new(community.interval, community.grace);
        let mut failures = Failures::new(FAILURE);
        while !self.shutdown.is_cancelled() {
            let turn = self.shutdown.run_until_cancelled(self.turn(&schedule)).await;
            let wait = match turn {
                None => break,
                Some(Ok(wait)) => {
                    let failures = failures.clear();
                    if failures > 0 {
                        tracing::info!(community = self.name(), failures, "settling works again");
                    }
                    wait
                }
                // Whoever took over goes on.
                Some(Err(PassError::Fenced(_))) => Wait::Lease(self.term),
                Some(Err(error)) => {
                    let pause = failures.add();
                    // The error is in the log; this is for those who wonder whether it is still tried.
                    tracing::debug!(community = self.name(), failures = failures.count(), ?pause, "trying again");
                    self.status.failed(self.name(), error.to_string(), error.is_held());
                    Wait::Retry(pause)
                }
            };
            schedule.wait(wait, &*self.clock, &self.shutdown).await;
        }
        self.give_back().await;
    }

    fn name(&self) -> &str {
        &self.settler.community().name
    }

    /// Settles what is due, if no other replica does; returns what to wait for then.
    async fn turn(&self, schedule: &Schedule) -> Result<Wait, PassError> {
        let due = schedule.last_due(self.clock.now());
        if self.settled_until(due).await? {
            return Ok(Wait::Due);
        }
        let lease = match self.take_lease().await? {
            Acquired::Held(lease) => lease,
            Acquired::ByOther { owner, until } => {
                tracing::debug!(community = self.name(), owner, "another replica settles");
                return Ok(Wait::Lease(self.left(until)));
            }
        };
        self.metrics.lease(true);
        let mut summary = PassSummary::default();
        let pass = Pass { now: self.clock.now(), until: None, fence: Some(lease.token) };
        let result = tokio::select! {
            result = self.settler.pass(pass, &mut summary, |_| {}) => result,
            lost = self.keep(lease) => Err(lost),
        };
        self.give_back().await;
        if summary.trades > 0 {
            self.wake.notify_one();
        }
        result?;
        self.status.passed(self.name());
        // Where readings are missing they may come any time.
        Ok(if self.settled_until(due).await? { Wait::Due } else { Wait::Readings })
    }

    /// Whether the community is settled up to there.
    async fn settled_until(&self, due: Timestamp) -> Result<bool, StoreError> {
        let mark = self.store.mark(self.name()).await.inspect_err(|error| self.log_error(error))?;
        // Also when another replica settles: its lag is ours, or the one that waits would raise an alarm.
        if let Some(mark) = mark {
            self.metrics.stands(mark);
        }
        let decisions = self.store.decisions(self.name()).await.inspect_err(|error| self.log_error(error))?;
        let algorithm = mark.and_then(|mark| ActivationLog::of(&decisions).at(mark).map(|at| at.algorithm.clone()));
        self.status.algorithm(self.name(), algorithm.unwrap_or_else(|| self.settler.configured()));
        Ok(mark.is_some_and(|mark| mark.timestamp() >= due))
    }

    async fn take_lease(&self) -> Result<Acquired, StoreError> {
        let lease = community_lease(self.name());
        let taken = self.owner.take(&*self.store, &lease, self.clock.now(), self.term).await;
        taken.inspect_err(|error| self.log_error(error))
    }

    /// Logs a failure of the store outside of a pass, which logs its own.
    fn log_error(&self, error: &StoreError) {
        tracing::error!(community = self.name(), code = "store", "{error}");
    }

    /// Renews the lease for as long as it can; ends only when it is lost.
    async fn keep(&self, lease: Lease) -> PassError {
        let name = community_lease(self.name());
        let mut until = lease.until;
        loop {
            tokio::time::sleep(self.term / 3).await;
            match self.store.acquire(&name, self.owner.name(), self.clock.now(), self.term).await {
                Ok(Acquired::Held(renewed)) if renewed.token == lease.token => until = renewed.until,
                Ok(_) => return PassError::Fenced(self.name().to_owned()),
                // Until it runs out nobody else can have it.
                Err(error) if self.clock.now() >= until => {
                    self.log_error(&error);
                    return error.into();
                }
                Err(error) => tracing::warn!(community = self.name(), "the lease is not renewed: {error}"),
            }
        }
    }

    async fn give_back(&self) {
        self.metrics.lease(false);
        if let Err(error) = self.store.release(&community_lease(self.name()), self.owner.name()).await {
            // It runs out by itself.
            tracing::warn!(community = self.name(), "the lease is not given back: {error}");
        }
    }

    fn left(&self, until: Timestamp) -> Duration {
        let left = until.duration_since(self.clock.now());
        Duration::try_from(left).unwrap_or(Duration::ZERO).min(self.term)
    }
}
