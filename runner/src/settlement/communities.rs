//! All communities of a service: one timer for all, and the share of this replica.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use domain::text::chain;
use jiff::Timestamp;
use tokio::task::JoinSet;

use super::community::{Community, Surroundings};
use super::pass::Settler;
use super::replicas::{Beating, Living};
use super::schedule::{CLOCK_CHECK, Schedule, Timetable, Wait, readings_pause, spread};

/// How often a replica looks how far the communities are that others settle, unless there are so many that it takes longer for each.
const WATCH: Duration = Duration::from_secs(15);
const WATCH_OF_EACH: Duration = Duration::from_millis(1);
/// At how many of them it looks then, each with a few questions.
const LOOKS_AT_ONCE: usize = 200;

/// Pause after a turn that panicked, which the log has: the others go on.
const AFTER_PANIC: Duration = Duration::from_secs(60);

/// The communities of a service.
pub struct Communities {
    all: Vec<Arc<Community>>,
    around: Arc<Surroundings>,
}

impl Communities {
    pub fn new(settlers: Vec<Settler>, around: Surroundings) -> Communities {
        let (around, pause) = (Arc::new(around), readings_pause(settlers.len()));
        let community = |settler| Arc::new(Community::new(settler, Arc::clone(&around), pause));
        Communities { all: settlers.into_iter().map(community).collect(), around }
    }

    /// Settles them until the shutdown. Current intervals are then committed completely or not at all.
    pub async fn run(self) {
        let Surroundings { store, clock, owner, term, shutdown, .. } = &*self.around;
        let beating = Beating::new(Arc::clone(store), Arc::clone(clock), owner.clone(), *term);
        let mut sharing = beating.start(shutdown.clone()).await;
        let now = clock.now();
        let mut living = sharing.living(now);
        let alone = Arc::new(AtomicBool::new(living.is_alone()));
        let watching = tokio::spawn(watch(self.all.clone(), Arc::clone(&self.around), Arc::clone(&alone)));
        let mut table = Timetable::new(self.all.iter().map(|community| self.schedule(community, &living)), now);
        let first: Vec<usize> = self.first(&living).collect();
        first.iter().for_each(|number| table.call(*number, now));
        self.around.metrics.replicas(living.count(), first.len());
        let (mut running, mut whose) = (JoinSet::new(), HashMap::new());
        let mut checked = Instant::now();
        while !shutdown.is_cancelled() {
            let now = clock.now();
            while let Some(number) = table.take(now) {
                let (community, sharing) = (Arc::clone(&self.all[number]), sharing.clone());
                let (schedule, came_first) = (table.schedule(number), living.rank(community.name()) == 0);
                let turn = running.spawn(async move { community.take_turn(schedule, came_first, sharing).await });
                whose.insert(turn.id(), number);
            }
            let pause = living.lasts(now).map_or(table.pause(now), |lasts| lasts.min(table.pause(now)));
            tokio::select! {
                () = shutdown.cancelled() => break,
                Some(turn) = running.join_next_with_id() => {
                    let (id, wait) = turn.unwrap_or_else(|error| (error.id(), Wait::Retry(AFTER_PANIC)));
                    if let Some(number) = whose.remove(&id) {
                        table.wait(number, wait, clock.now());
                    }
                }
                () = sharing.changed() => {}
                () = clock.sleep(pause) => {}
            }
            let now = clock.now();
            if checked.elapsed() >= CLOCK_CHECK {
                checked = Instant::now();
                table.check_clock(now);
            }
            let before = std::mem::replace(&mut living, sharing.living(now));
            if living.differs_from(&before) {
                alone.store(living.is_alone(), Ordering::Relaxed);
                self.share(&mut table, &before, &living, now);
            }
        }
        while running.join_next().await.is_some() {}
        watching.abort();
        if let Err(error) = store.leave(self.around.owner.name()).await {
            tracing::debug!("cannot tell the other replicas of the end: {}; they will see it", chain(&error));
        }
    }

    /// When a community is due here: a lease's term later for each replica that comes before this one.
    fn schedule(&self, community: &Community, living: &Living) -> Schedule {
        let rank = u32::try_from(living.rank(community.name())).unwrap_or(u32::MAX);
        let late = self.around.term.saturating_mul(rank);
        community.schedule().delayed(spread(community.name(), self.all.len()).saturating_add(late))
    }

    /// The communities for which this replica comes first.
    fn first(&self, living: &Living) -> impl Iterator<Item = usize> {
        let all = self.all.iter().enumerate();
        all.filter(|(_, community)| living.rank(community.name()) == 0).map(|(number, _)| number)
    }

    /// Other replicas live than before: looks at what this one settles now and did not before, and leaves what it did.
    fn share(&self, table: &mut Timetable, before: &Living, living: &Living, now: Timestamp) {
        let mut mine = 0;
        for (number, community) in self.all.iter().enumerate() {
            let (rank, other) = (living.rank(community.name()), before.rank(community.name()));
            mine += usize::from(rank == 0);
            if rank != other {
                table.reschedule(number, self.schedule(community, living), now);
            }
            if rank == 0 && other > 0 {
                table.call(number, now);
            }
        }
        self.around.metrics.replicas(living.count(), mine);
        tracing::info!(
            replicas = living.count(),
            communities = mine,
            of = self.all.len(),
            "other replicas live than before: this one settles its share"
        );
    }
}

/// Looks from time to time how far the communities are that others settle, with one question for all, and at some of them: so what a
/// replica asks about others' work is bounded, however many communities there are.
async fn watch(all: Vec<Arc<Community>>, around: Arc<Surroundings>, alone: Arc<AtomicBool>) {
    let by_name: HashMap<&str, &Arc<Community>> = all.iter().map(|community| (community.name(), community)).collect();
    let pause = WATCH.max(WATCH_OF_EACH.saturating_mul(u32::try_from(all.len()).unwrap_or(u32::MAX)));
    let mut last_looked_at = String::new();
    loop {
        tokio::time::sleep(pause).await;
        if alone.load(Ordering::Relaxed) {
            continue;
        }
        // The store's outages are told where it is measured.
        let Ok(mut marks) = around.store.marks().await else { continue };
        for (name, mark) in &marks {
            by_name.get(&**name).iter().for_each(|community| community.see_mark(*mark));
        }
        // Those after the last one first, so that all have their time.
        let next = marks.partition_point(|(name, _)| *name <= last_looked_at);
        marks.rotate_left(next);
        let known = marks.into_iter().filter_map(|(name, _)| by_name.get(&*name).copied());
        for community in known.filter(|community| community.wants_look()).take(LOOKS_AT_ONCE) {
            if community.look().await.is_err() {
                break;
            }
            last_looked_at = community.name().to_owned();
        }
    }
}
