//! Who works now: many communities are settled side by side, so many pages at once, in fair turns.
//!
//! A pass has a turn for each page of readings. After a page it stands behind everybody who waits, so that a year's backfill holds
//! up nobody's quarter-hour. Who waits for a Meters service that does not answer gives way as well, and a service has only so many
//! turns of its own, so that one that hangs holds up only its own communities.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, Semaphore, SemaphorePermit};

/// Pages that are fetched, settled or committed at once for each core. Several, because most of the time a page waits for its
/// Meters service or the disk, and commits that come together share a sync.
const PAGES_PER_CORE: usize = 16;
/// Pages at once of the communities of one Meters service, which bounds what it is asked at once.
const PAGES_OF_SERVICE: usize = 32;
/// After this time a page that waits for its Meters service gives way to others.
const PATIENCE: Duration = Duration::from_millis(250);

/// The turns of a process.
#[derive(Clone, Debug)]
pub struct Turns {
    pages: Arc<Semaphore>,
    runs: Arc<Semaphore>,
}

impl Default for Turns {
    fn default() -> Turns {
        Turns::for_cores(std::thread::available_parallelism().map_or(1, usize::from))
    }
}

impl Turns {
    /// For a machine with so many cores.
    pub fn for_cores(cores: usize) -> Turns {
        let pages = Arc::new(Semaphore::new(cores.saturating_mul(PAGES_PER_CORE).max(PAGES_PER_CORE)));
        Turns { pages, runs: Arc::new(Semaphore::new(cores.max(1))) }
    }

    /// The turns of the communities of one more Meters service.
    pub fn of_service(&self) -> ServiceTurns {
        ServiceTurns { all: self.clone(), own: Arc::new(Semaphore::new(PAGES_OF_SERVICE)) }
    }
}

/// The turns of the communities of one Meters service.
#[derive(Clone, Debug)]
pub struct ServiceTurns {
    all: Turns,
    own: Arc<Semaphore>,
}

impl ServiceTurns {
    /// Waits for a turn, behind everybody who waits already.
    pub async fn take(&self) -> Turn {
        let own = permit(&self.own).await;
        let page = permit(&self.all.pages).await;
        Turn { turns: self.clone(), own, page, between: Arc::default() }
    }
}

/// A turn of one page, until it is dropped.
#[derive(Debug)]
pub struct Turn {
    turns: ServiceTurns,
    own: Option<OwnedSemaphorePermit>,
    page: Option<OwnedSemaphorePermit>,
    between: Arc<AtomicBool>,
}

impl Turn {
    /// Whether the pass is between two pages: it waits for its Meters service or for others, and everything that it has cleared is
    /// committed and told. It may be given up there.
    pub(super) fn between(&self) -> Arc<AtomicBool> {
        Arc::clone(&self.between)
    }

    /// Whether others wait for a turn.
    pub(super) fn is_wanted(&self) -> bool {
        self.turns.own.available_permits() == 0 || self.turns.all.pages.available_permits() == 0
    }

    /// Lets everybody go first who waits.
    pub(super) async fn give_way(&mut self) {
        if self.is_wanted() {
            (self.own, self.page) = (None, None);
            self.between.store(true, Ordering::Relaxed);
            self.own = permit(&self.turns.own).await;
            self.page = permit(&self.turns.all.pages).await;
            self.between.store(false, Ordering::Relaxed);
        }
    }

    /// Waits for a Meters service; if it takes long, others have the turn meanwhile.
    pub(super) async fn wait_for<T>(&mut self, answer: impl Future<Output = T>) -> T {
        self.between.store(true, Ordering::Relaxed);
        let mut answer = std::pin::pin!(answer);
        let answer = match tokio::time::timeout(PATIENCE, &mut answer).await {
            Ok(answer) => answer,
            Err(_) => {
                self.page = None;
                let answer = answer.await;
                self.page = permit(&self.turns.all.pages).await;
                answer
            }
        };
        self.between.store(false, Ordering::Relaxed);
        answer
    }

    /// Waits for a core: what clears an interval takes one whole, and a thread.
    pub(super) async fn core(&self) -> Option<SemaphorePermit<'_>> {
        // OK because nobody closes it.
        self.turns.all.runs.acquire().await.ok()
    }
}

/// OK because nobody closes them: there always is a permit in the end.
async fn permit(semaphore: &Arc<Semaphore>) -> Option<OwnedSemaphorePermit> {
    Arc::clone(semaphore).acquire_owned().await.ok()
}

#[cfg(test)]
mod tests {
    use std::future::{pending, ready};

    use super::*;

    fn free(turns: &ServiceTurns) -> (usize, usize) {
        (turns.own.available_permits(), turns.all.pages.available_permits())
    }

    #[tokio::test]
    async fn a_service_that_hangs_takes_no_turn_from_others() {
        let turns = Turns::for_cores(1);
        let (hanging, other) = (turns.of_service(), turns.of_service());
        let hang = |turns: ServiceTurns| async move { turns.take().await.wait_for(pending::<()>()).await };
        let hung: Vec<_> = (0..100).map(|_| tokio::spawn(hang(hanging.clone()))).collect();
        let turn = other.take().await;
        // Those that hang have lost their turns, and the others of that service have none.
        tokio::time::timeout(Duration::from_secs(60), async {
            while free(&hanging) != (0, PAGES_PER_CORE - 1) {
                tokio::task::yield_now().await;
            }
        })
        .await
        .unwrap();
        drop(turn);
        hung.iter().for_each(tokio::task::JoinHandle::abort);
    }

    #[tokio::test]
    async fn who_has_a_turn_stands_behind_those_who_wait() {
        let turns = Turns { pages: Arc::new(Semaphore::new(1)), runs: Arc::new(Semaphore::new(1)) }.of_service();
        let mut first = turns.take().await;
        first.give_way().await;
        let waiting = turns.clone();
        let second = tokio::spawn(async move { drop(waiting.take().await) });
        while turns.own.available_permits() > PAGES_OF_SERVICE - 2 {
            tokio::task::yield_now().await;
        }
        assert!(first.is_wanted());
        first.give_way().await;
        assert!(second.is_finished());
        assert_eq!(first.wait_for(ready(7)).await, 7);
        assert_eq!(free(&turns), (PAGES_OF_SERVICE - 1, 0));
    }
}
