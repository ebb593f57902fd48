//! One community of a service, as long as that runs: what it does in its turn, and what it waits for then.

use std::future::poll_fn;
use std::sync::atomic::{AtomicBool, AtomicU8, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::Poll;
use std::time::Duration;

use domain::Boundary;
use domain::text::chain;
use jiff::Timestamp;
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

use books::{Acquired, ActivationLog, KeptChange, Lease, Notices, OfferedSince, Store, StoreError, community_lease};

use super::error::PassError;
use super::log;
use super::pass::{Pass, Settler};
use super::replicas::{Sharing, beat};
use super::schedule::{FAILURE, Schedule, Wait};
use super::summary::PassSummary;
use super::turns::Turn;
use crate::algorithms::shadow::ShadowQueue;
use crate::clock::Clock;
use crate::lease::{LeaseOwner, clock_warning};
use crate::retry::Failures;
use crate::telemetry::metrics::{CommunityMetrics, Metrics};
use crate::telemetry::outage::{Ended, Outage};
use crate::telemetry::status::Status;

/// How often a replica looks at a community whose mark another one has moved. That one may work on for a while.
const LOOKS: u8 = 2;

/// What the communities of a service have around them.
pub struct Surroundings {
    pub store: Arc<dyn Store>,
    pub clock: Arc<dyn Clock>,
    pub owner: LeaseOwner,
    /// How long a lease lasts unless it is renewed.
    pub term: Duration,
    /// Which trades are offered for payment.
    pub since: OfferedSince,
    pub status: Arc<Status>,
    /// Shows how many replicas live, and how many communities are the share of this one.
    pub metrics: Arc<Metrics>,
    /// Told of communities whose candidates may have something to do.
    pub shadows: Arc<ShadowQueue>,
    /// Notified when there may be trades to forward.
    pub wake: Arc<Notify>,
    pub shutdown: CancellationToken,
}

/// One community.
pub(super) struct Community {
    settler: Settler,
    around: Arc<Surroundings>,
    /// When it is due, on whichever replica.
    schedule: Schedule,
    /// How long it waits for readings that are missing.
    readings_pause: Duration,
    troubles: Mutex<Troubles>,
    /// The mark for which it was last told how its meters are read and what was decided.
    told_at: Mutex<Option<Boundary>>,
    /// How often to look again at what another replica settles: it tells how meters are read after it has moved the mark.
    looks: AtomicU8,
}

/// Failures since the last success.
struct Troubles {
    failures: Failures,
    outage: Outage,
}

impl Community {
    pub(super) fn new(settler: Settler, around: Arc<Surroundings>, readings_pause: Duration) -> Community {
        let community = settler.community();
        let schedule = Schedule::new(community.interval, community.grace);
        let troubles = Mutex::new(Troubles { failures: Failures::new(FAILURE), outage: Outage::default() });
        Community {
            settler,
            around,
            schedule,
            readings_pause,
            troubles,
            told_at: Mutex::default(),
            looks: AtomicU8::new(LOOKS),
        }
    }

    pub(super) fn name(&self) -> &str {
        &self.settler.community().name
    }

    pub(super) fn schedule(&self) -> Schedule {
        self.schedule
    }

    /// Does what is to be done now, unless the service stops; returns what to wait for next. The current interval is committed
    /// completely or not at all. Where another replica comes first, this one tries what is due once and leaves it to that one; and
    /// where it came first when its turn was due and another one does now, it leaves it at once.
    pub(super) async fn take_turn(&self, schedule: Schedule, came_first: bool, sharing: Sharing) -> Wait {
        let Surroundings { clock, shutdown, .. } = &*self.around;
        let comes_first = || sharing.living(clock.now()).rank(self.name()) == 0;
        // A community that waits for its turn takes next to no memory: a pass has its state only then.
        let turn = async {
            let mut turn = self.settler.turns.take().await;
            let first = comes_first().then(|| sharing.clone());
            if came_first && first.is_none() {
                return Ok(Wait::Due);
            }
            Box::pin(self.turn(&mut turn, schedule, first)).await
        };
        match shutdown.run_until_cancelled(turn).await {
            Some(Ok(wait)) => {
                self.works();
                wait
            }
            // The process that took over continues.
            Some(Err(error @ PassError::Fenced(_))) => {
                log::stopped(self.name(), &error);
                Wait::Lease(self.around.term)
            }
            Some(Err(error)) => {
                let pause = self.failed(&error);
                if comes_first() { Wait::Retry(pause) } else { Wait::Due }
            }
            None => {
                if self.metrics().has_lease() {
                    self.release_lease().await;
                }
                Wait::Due
            }
        }
    }

    fn told_at(&self) -> MutexGuard<'_, Option<Boundary>> {
        self.told_at.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn metrics(&self) -> &CommunityMetrics {
        &self.settler.metrics
    }

    fn works(&self) {
        let mut troubles = self.troubles.lock().unwrap_or_else(PoisonError::into_inner);
        troubles.failures.clear();
        if let Some(Ended { failures, lasted }) = troubles.outage.ended() {
            tracing::info!(community = self.name(), failures, ?lasted, "settling works again");
        }
    }

    /// Notes and tells a failure; returns how long to wait. It is logged once, however often it is repeated; the store's outages are
    /// logged where it is measured.
    fn failed(&self, error: &PassError) -> Duration {
        let mut troubles = self.troubles.lock().unwrap_or_else(PoisonError::into_inner);
        let pause = troubles.failures.add();
        if !error.is_of_store() {
            if troubles.outage.failed(&error.kind()) {
                log::stopped(self.name(), error);
            } else {
                tracing::debug!(community = self.name(), "{}", chain(error));
            }
        }
        let failures = troubles.failures.count();
        tracing::debug!(community = self.name(), failures, ?pause, "trying again");
        self.around.status.failed(self.name(), chain(error), error.is_held());
        pause
    }

    /// Settles what is due by a schedule, unless another replica does. With `first`, this replica comes first, as long as the others
    /// say so.
    async fn turn(&self, turn: &mut Turn, schedule: Schedule, first: Option<Sharing>) -> Result<Wait, PassError> {
        let (now, comes_first) = (self.around.clock.now(), first.is_some());
        let due = schedule.last_due(now);
        if self.is_settled(due, comes_first).await? {
            self.check_clock(now)?;
            if self.metrics().mark() != *self.told_at() {
                self.look().await?;
            }
            return Ok(Wait::Due);
        }
        let lease = match self.take_lease().await? {
            Acquired::Held(lease) => lease,
            Acquired::HeldByOther { owner, until } => {
                tracing::debug!(community = self.name(), owner, "another replica settles this community");
                let left = self.time_left(until);
                // It leaves the community to this one as soon as it sees it.
                return Ok(Wait::Lease(if comes_first { left.min(beat(self.around.term)) } else { left }));
            }
        };
        if let Some(until) = lease.replaced {
            self.around.status.warned(self.name(), clock_warning(until));
        }
        self.metrics().lease(true);
        let mut summary = PassSummary::default();
        let pass =
            Pass { now: self.around.clock.now(), until: None, fence: Some(lease.token), since: self.around.since };
        let between = turn.between();
        let passed = tokio::select! {
            biased;
            () = self.left(first, &between) => None,
            result = self.settler.pass_in(turn, pass, &mut summary, |_| {}) => Some(result),
            lost = self.keep_lease(lease) => Some(Err(lost)),
        };
        self.release_lease().await;
        if summary.trades > 0 {
            self.around.wake.notify_one();
        }
        let heard = self.settler.memory.take_heard();
        self.tell(heard.notices.as_ref(), heard.decisions.as_deref());
        let Some(passed) = passed else {
            tracing::debug!(community = self.name(), "another replica settles this community from now on");
            return Ok(Wait::Due);
        };
        passed?;
        self.around.status.passed(self.name());
        summary.remark.into_iter().for_each(|remark| self.around.status.warned(self.name(), remark));
        // Missing readings may arrive at any time.
        let is_settled = self.metrics().mark().is_some_and(|mark| mark.timestamp() >= due);
        Ok(if is_settled || !comes_first { Wait::Due } else { Wait::Readings(self.readings_pause) })
    }

    /// Whether everything up to `due` is settled, by whichever replica.
    async fn is_settled(&self, due: Timestamp, comes_first: bool) -> Result<bool, StoreError> {
        let is_settled = || self.metrics().mark().is_some_and(|mark| mark.timestamp() >= due);
        // Who comes first knows what it has settled; a pass sees what others have.
        let knows = comes_first && self.metrics().mark().is_some();
        if !is_settled() && !knows {
            // Also when another replica settles, or the lag of this one would raise an alarm.
            let mark = self.around.store.mark(self.name()).await?;
            mark.into_iter().for_each(|mark| self.see_mark(mark));
        }
        Ok(is_settled())
    }

    /// Looks how a community stands that another replica settles, or about which somebody decided: how its meters are read, and its
    /// algorithm.
    pub(super) async fn look(&self) -> Result<(), StoreError> {
        let store = &self.around.store;
        self.metrics().set_disputed(&store.progress(self.name()).await?.last_reads);
        let notices = store.notices(self.name()).await?;
        let decisions = store.decisions(self.name()).await?;
        self.tell(Some(&notices), Some(&decisions));
        Ok(())
    }

    /// Reports how meters are read and what was decided, as far as it is known.
    fn tell(&self, notices: Option<&Notices>, decisions: Option<&[KeptChange]>) {
        if notices.is_some() && decisions.is_some() {
            *self.told_at() = self.metrics().mark();
        }
        if let Some(notices) = notices {
            self.metrics().receptions(notices);
            self.around.status.receptions(self.name(), notices);
        }
        if let Some(decisions) = decisions {
            let (log, mark) = (ActivationLog::of(decisions), self.metrics().mark());
            let algorithm = mark.and_then(|mark| log.at(mark).map(|at| at.algorithm.clone()));
            self.around.status.algorithm(self.name(), algorithm.unwrap_or_else(|| self.settler.configured()));
            if log.shadow().is_some() {
                self.around.shadows.add(self.name());
            }
        }
    }

    /// Notes the mark as somebody read it, unless this replica has moved it further meanwhile.
    pub(super) fn see_mark(&self, mark: Boundary) {
        if self.metrics().mark() < Some(mark) {
            self.looks.store(LOOKS, Ordering::Relaxed);
            self.metrics().set_mark(mark);
        }
    }

    /// Whether to look at the community now: if its mark is another one than before, and some times afterwards.
    pub(super) fn wants_look(&self) -> bool {
        let fewer = |looks: u8| looks.checked_sub(1);
        self.looks.fetch_update(Ordering::Relaxed, Ordering::Relaxed, fewer).is_ok()
    }

    /// Checks that nothing is due because of the time, and not because of a clock. Where no pass begins, none tells of it.
    fn check_clock(&self, now: Timestamp) -> Result<(), PassError> {
        let checked = PassError::check_clock(self.name(), self.metrics().mark(), now);
        checked.inspect_err(|error| self.metrics().passed(error.outcome()))
    }

    async fn take_lease(&self) -> Result<Acquired, StoreError> {
        let Surroundings { store, clock, owner, term, .. } = &*self.around;
        owner.take(&**store, &community_lease(self.name()), clock.now(), *term).await
    }

    /// Waits until another replica comes first, if this one did, and the pass is between two pages. To be polled before the pass.
    async fn left(&self, first: Option<Sharing>, between: &AtomicBool) {
        let Some(sharing) = first else { return std::future::pending().await };
        sharing.left(self.name(), &*self.around.clock).await;
        // Asked whenever the pass goes on, since both are polled together.
        poll_fn(|_| if between.load(Ordering::Relaxed) { Poll::Ready(()) } else { Poll::Pending }).await;
    }

    /// Renews the lease; returns only when it is lost.
    async fn keep_lease(&self, lease: Lease) -> PassError {
        let Surroundings { store, clock, owner, term, .. } = &*self.around;
        let name = community_lease(self.name());
        let mut until = lease.until;
        loop {
            tokio::time::sleep(*term / 3).await;
            match store.acquire(&name, owner.name(), clock.now(), *term).await {
                Ok(Acquired::Held(renewed)) if renewed.token == lease.token => until = renewed.until,
                Ok(_) => return PassError::Fenced(self.name().to_owned()),
                // Until it expires, no other process can have it.
                Err(error) if clock.now() >= until => return error.into(),
                Err(error) => {
                    let error = chain(&error);
                    tracing::debug!(community = self.name(), "cannot renew the lease: {error}; trying again");
                }
            }
        }
    }

    async fn release_lease(&self) {
        let Surroundings { store, owner, .. } = &*self.around;
        self.metrics().lease(false);
        if let Err(error) = store.release(&community_lease(self.name()), owner.name()).await {
            let error = chain(&error);
            tracing::debug!(community = self.name(), "cannot release the lease: {error}; it will expire");
        }
    }

    fn time_left(&self, until: Timestamp) -> Duration {
        let left = until.duration_since(self.around.clock.now());
        Duration::try_from(left).unwrap_or(Duration::ZERO).min(self.around.term)
    }
}
