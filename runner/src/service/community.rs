//! One community for years: when its intervals are due, under its lease, whatever goes wrong.

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

use super::holder::Holder;
use crate::clock::Clock;
use crate::course::Course;
use crate::metrics::{CommunityMetrics, Status};
use crate::schedule::{Schedule, Wait};
use crate::settle::{Pass, PassError, Settler, Summary};
use crate::store::{Acquired, Lease, Store, StoreError, community_lease};

/// Settles one community as its intervals become due.
pub struct CommunityTask {
    /// What settles.
    pub settler: Settler,
    /// Where leases are.
    pub store: Arc<dyn Store>,
    /// What time it is.
    pub clock: Arc<dyn Clock>,
    /// Who we are.
    pub holder: Holder,
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
        let mut failures = 0_u32;
        while !self.shutdown.is_cancelled() {
            let turn = self.shutdown.run_until_cancelled(self.turn(&schedule)).await;
            let wait = match turn {
                None => break,
                Some(Ok(wait)) => {
                    if failures > 0 {
                        tracing::info!(community = self.name(), failures, "the trouble is over");
                    }
                    failures = 0;
                    wait
                }
                // Whoever took over goes on.
                Some(Err(PassError::Fenced(_))) => Wait::Lease(self.term),
                Some(Err(error)) => {
                    failures = failures.saturating_add(1);
                    // It is in the log; this is for those who wonder whether it is still tried.
                    tracing::debug!(community = self.name(), failures, "trying again soon");
                    self.status.failed(self.name(), &error);
                    Wait::Trouble(failures)
                }
            };
            schedule.wait(wait, &*self.clock, &self.shutdown).await;
        }
        self.give_back().await;
    }

    fn name(&self) -> &str {
        &self.settler.community().name
    }

    /// Settles what is due, if nobody else does; answers what to wait for then.
    async fn turn(&self, schedule: &Schedule) -> Result<Wait, PassError> {
        let due = schedule.last_due(self.clock.now());
        if self.settled_until(due).await? {
            return Ok(Wait::Due);
        }
        let lease = match self.take_lease().await? {
            Acquired::Held(lease) => lease,
            Acquired::ByOther { holder, until } => {
                tracing::debug!(community = self.name(), holder, "another replica settles");
                return Ok(Wait::Lease(self.left(until)));
            }
        };
        self.metrics.lease(true);
        let mut summary = Summary::default();
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
        let progress = self.store.progress(self.name()).await.inspect_err(|error| self.tell(error))?;
        // Also when another replica settles: its lag is ours, or the one that waits would raise an alarm.
        if let Some(mark) = progress.mark {
            self.metrics.stands(mark);
        }
        let course = self.store.course(self.name()).await.inspect_err(|error| self.tell(error))?;
        let algorithm = progress.mark.and_then(|mark| Course::of(&course).at(mark).map(|at| at.algorithm.clone()));
        self.status.algorithm(self.name(), algorithm.unwrap_or_else(|| self.settler.configured()));
        Ok(progress.mark.is_some_and(|mark| mark.timestamp() >= due))
    }

    async fn take_lease(&self) -> Result<Acquired, StoreError> {
        let lease = community_lease(self.name());
        let taken = self.holder.take(&*self.store, &lease, self.clock.now(), self.term).await;
        taken.inspect_err(|error| self.tell(error))
    }

    /// The store fails outside of a pass, which tells of its own failures.
    fn tell(&self, error: &StoreError) {
        tracing::error!(community = self.name(), code = "store", "{error}");
    }

    /// Renews the lease for as long as it can; ends only when it is lost.
    async fn keep(&self, lease: Lease) -> PassError {
        let name = community_lease(self.name());
        let mut until = lease.until;
        loop {
            tokio::time::sleep(self.term / 3).await;
            match self.store.acquire(&name, self.holder.name(), self.clock.now(), self.term).await {
                Ok(Acquired::Held(renewed)) if renewed.token == lease.token => until = renewed.until,
                Ok(_) => return PassError::Fenced(self.name().to_owned()),
                // Until it runs out nobody else can have it.
                Err(error) if self.clock.now() >= until => {
                    self.tell(&error);
                    return error.into();
                }
                Err(error) => tracing::warn!(community = self.name(), "the lease is not renewed: {error}"),
            }
        }
    }

    async fn give_back(&self) {
        self.metrics.lease(false);
        if let Err(error) = self.store.release(&community_lease(self.name()), self.holder.name()).await {
            // It runs out by itself.
            tracing::warn!(community = self.name(), "the lease is not given back: {error}");
        }
    }

    fn left(&self, until: Timestamp) -> Duration {
        let left = until.duration_since(self.clock.now());
        Duration::try_from(left).unwrap_or(Duration::ZERO).min(self.term)
    }
}
