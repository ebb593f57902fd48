//! Which replica settles which community: each is given to one of those that live, by rendezvous hashing.
//!
//! Everybody ranks the living replicas for each community in the same order, by a hash of both names. The first settles; so all have
//! an even share, and when one comes or goes, only its share moves. It is an agreement and no guard: leases are, and where replicas
//! disagree for a while, they wait for each other's leases. What the first does not settle in time, the second tries after a lease's
//! term, and so on: a replica may live and still not know a community.

use std::sync::Arc;
use std::time::Duration;

use books::{Replica, Store};
use domain::Digest;
use domain::text::chain;
use jiff::Timestamp;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use crate::clock::Clock;
use crate::lease::LeaseOwner;

/// How often within the term of a lease a replica says that it lives, at least, and how long it is silent at most: one that joins
/// has its share within a minute, however long leases last.
const BEATS: u32 = 3;
const SILENCE_MAX: Duration = Duration::from_secs(20);
/// How soon it looks again after its start, and after others came or went, and then less and less often: replicas are often started
/// together, and the first of them shall not settle everything meanwhile.
const SOON: Duration = Duration::from_millis(500);

/// How often a replica says that it lives, and looks who else does.
pub(super) fn beat(term: Duration) -> Duration {
    (term / BEATS).min(SILENCE_MAX)
}

/// This replica among those that live.
#[derive(Clone)]
pub(super) struct Sharing {
    own: Arc<str>,
    living: watch::Receiver<Vec<Replica>>,
}

impl Sharing {
    /// Waits until other replicas live than before.
    pub(super) async fn changed(&mut self) {
        if self.living.changed().await.is_err() {
            // Nobody tells any more: the service stops.
            std::future::pending::<()>().await;
        }
    }

    /// Waits until this replica is no longer the one that settles a community.
    pub(super) async fn left(mut self, community: &str, clock: &dyn Clock) {
        while self.living(clock.now()).rank(community) == 0 {
            self.changed().await;
        }
    }

    /// Those that live, this one among them.
    pub(super) fn living(&self, now: Timestamp) -> Living {
        let others = self
            .living
            .borrow()
            .iter()
            .filter(|other| *other.name != *self.own && other.until > now)
            .cloned()
            .collect();
        Living { own: Arc::clone(&self.own), others }
    }
}

/// The replicas that live at an instant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Living {
    own: Arc<str>,
    others: Vec<Replica>,
}

impl Living {
    /// How many come before this replica for a community: none if it is the one that settles it.
    pub(super) fn rank(&self, community: &str) -> usize {
        let own = score(&self.own, community);
        self.others.iter().filter(|other| score(&other.name, community) > own).count()
    }

    pub(super) fn is_alone(&self) -> bool {
        self.others.is_empty()
    }

    /// How many live.
    pub(super) fn count(&self) -> usize {
        self.others.len() + 1
    }

    /// Whether others live than at another instant.
    pub(super) fn differs_from(&self, before: &Living) -> bool {
        !self.others.iter().map(|other| &other.name).eq(before.others.iter().map(|other| &other.name))
    }

    /// How long nobody dies.
    pub(super) fn lasts(&self, now: Timestamp) -> Option<Duration> {
        let first = self.others.iter().map(|other| other.until).min()?;
        Some(Duration::try_from(first.duration_since(now)).unwrap_or_default())
    }
}

/// Two never have the same, but for the name, which then decides.
fn score<'n>(replica: &'n str, community: &str) -> (Digest, &'n str) {
    (Digest::of(format!("{replica}\n{community}").as_bytes()), replica)
}

/// What says that this replica lives.
pub(super) struct Beating {
    store: Arc<dyn Store>,
    clock: Arc<dyn Clock>,
    owner: LeaseOwner,
    term: Duration,
    told: watch::Sender<Vec<Replica>>,
}

impl Beating {
    pub(super) fn new(store: Arc<dyn Store>, clock: Arc<dyn Clock>, owner: LeaseOwner, term: Duration) -> Beating {
        Beating { store, clock, owner, term, told: watch::Sender::new(Vec::new()) }
    }

    /// Says from now on that this replica lives, until the shutdown, and looks who else does.
    pub(super) async fn start(self, shutdown: CancellationToken) -> Sharing {
        let sharing = Sharing { own: self.owner.name().into(), living: self.told.subscribe() };
        if shutdown.run_until_cancelled(self.beat()).await.is_some() {
            tokio::spawn(self.run(shutdown));
        }
        sharing
    }

    async fn run(self, shutdown: CancellationToken) {
        let usual = beat(self.term);
        let mut pause = SOON.min(usual);
        while shutdown.run_until_cancelled(tokio::time::sleep(pause)).await.is_some() {
            pause = if self.beat().await { SOON.min(usual) } else { pause.saturating_mul(2).min(usual) };
        }
    }

    /// Returns whether others live than before.
    async fn beat(&self) -> bool {
        let now = self.clock.now();
        let until = now.checked_add(self.term).unwrap_or(Timestamp::MAX);
        let own = Replica { name: self.owner.name().to_owned(), until };
        match self.store.live(&own, now).await {
            Ok(mut living) => {
                living.retain(|other| !self.owner.knows_gone(&other.name));
                self.told.send_if_modified(|known| {
                    let changed = known.len() != living.len()
                        || known.iter().zip(&living).any(|(known, living)| known.name != living.name);
                    *known = living;
                    changed
                })
            }
            // The store's outages are told where it is measured. Who lived lives on, until its time is over.
            Err(error) => {
                tracing::debug!("cannot tell the other replicas: {}; trying again", chain(&error));
                false
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn living(own: &str, others: &[&str]) -> Living {
        let others = others.iter().map(|name| Replica { name: (*name).to_owned(), until: Timestamp::MAX }).collect();
        Living { own: own.into(), others }
    }

    fn communities() -> impl Iterator<Item = String> {
        (0..3000).map(|number| format!("community {number}"))
    }

    #[test]
    fn each_community_has_one_replica_and_each_replica_an_even_share() {
        let all = [living("a", &["b", "c"]), living("b", &["a", "c"]), living("c", &["a", "b"])];
        let mut shares = [0; 3];
        for community in communities() {
            let mut ranks = all.each_ref().map(|living| living.rank(&community));
            shares[ranks.iter().position(|rank| *rank == 0).unwrap()] += 1;
            ranks.sort_unstable();
            assert_eq!(ranks, [0, 1, 2], "{community}");
        }
        assert!(shares.iter().all(|share| (900..1100).contains(share)), "{shares:?}");
    }

    #[test]
    fn only_the_share_of_who_comes_or_goes_moves() {
        let (before, after) = (living("a", &["b"]), living("a", &["b", "c"]));
        assert!(after.differs_from(&before) && !after.differs_from(&after));
        let is_new = living("c", &["a", "b"]);
        for community in communities() {
            let moved = (before.rank(&community) == 0) != (after.rank(&community) == 0);
            assert!(!moved || is_new.rank(&community) == 0, "{community}");
        }
        // Alone, it settles everything.
        assert!(living("a", &[]).is_alone());
        assert!(communities().all(|community| living("a", &[]).rank(&community) == 0));
    }
}
