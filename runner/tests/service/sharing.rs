//! Three replicas, in this process and by one clock, share the communities of one store.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use books::{Replica as Living, Replicas};
use jiff::Timestamp;
use rec_market::algorithms::cache::AlgorithmCache;
use rec_market::app::Common;
use rec_market::clock::Clock;
use rec_market::config::Config;
use rec_market::lease::LeaseOwner;
use rec_market::settlement::{Communities, Surroundings};
use rec_market::telemetry::metrics::Metrics;
use rec_market::telemetry::status::Status;
use sandbox::{Options, Sandbox};
use store::SqliteStore;
use testkit::*;
use tokio::runtime::Runtime;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

const COMMUNITIES: usize = 60;
const TERM: Duration = Duration::from_secs(30 * 60);

/// A clock that stands until it is moved, and then wakes whoever sleeps by it. Nobody sleeps for long, in case that it is moved while
/// somebody falls asleep.
#[derive(Clone)]
struct Moved(Arc<watch::Sender<Timestamp>>);

impl Moved {
    fn at(time: &str) -> Moved {
        Moved(Arc::new(watch::Sender::new(date(time).parse().unwrap())))
    }

    fn to(&self, time: &str) {
        self.0.send_replace(date(time).parse().unwrap());
    }
}

#[async_trait::async_trait]
impl Clock for Moved {
    fn now(&self) -> Timestamp {
        *self.0.borrow()
    }

    async fn sleep(&self, _: Duration) {
        let _ = tokio::time::timeout(Duration::from_millis(100), self.0.subscribe().changed()).await;
    }
}

/// A replica, which dies when its runtime does.
struct Replica {
    runtime: Runtime,
    metrics: Arc<Metrics>,
    shutdown: CancellationToken,
}

impl Replica {
    fn start(name: &str, file: PathBuf, clock: &Moved) -> Replica {
        let config = Config::load(&file).unwrap();
        let clock: Arc<dyn Clock> = Arc::new(clock.clone());
        let metrics = Arc::new(Metrics::new(Arc::clone(&clock)));
        let parts = config.communities.iter().map(|community| metrics.community(&community.name, community.grace));
        let status = Arc::new(Status::new(Arc::clone(&clock), parts));
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
        let shutdown = CancellationToken::new();
        let (seen, stop, owner) = (Arc::clone(&metrics), shutdown.clone(), LeaseOwner::named(name));
        runtime.spawn(async move {
            let store = Arc::new(SqliteStore::open(&file.with_file_name("market.db")).unwrap());
            let sandbox = Sandbox::new(Options { runs_max: 1, ..Options::default() }).unwrap();
            let algorithms = Arc::new(AlgorithmCache::new(sandbox, store.clone()));
            let common = Common::new(algorithms, store.clone(), Arc::clone(&clock));
            let mut settlers = Vec::new();
            for community in config.communities {
                settlers.push(common.settler(Arc::new(community), &seen).await.unwrap());
            }
            let (since, shadows, wake) = (config.forward.since, Arc::default(), Arc::default());
            let (metrics, shutdown) = (seen, stop);
            let around =
                Surroundings { store, clock, owner, term: TERM, since, status, metrics, shadows, wake, shutdown };
            Communities::new(settlers, around).run().await;
        });
        Replica { runtime, metrics, shutdown }
    }

    /// How many intervals it settled.
    fn settled(&self) -> u64 {
        let text = self.metrics.render();
        let counts = text.lines().filter(|line| line.starts_with("rec_market_intervals_settled_total"));
        counts.map(|line| line.rsplit_once(' ').unwrap().1.parse::<u64>().unwrap()).sum()
    }

    fn end(self) {
        self.shutdown.cancel();
        self.runtime.shutdown_timeout(Duration::from_secs(30));
    }
}

fn rows(time: &str, import: u64, export: u64) -> Vec<String> {
    let of = |number| [format!("a{number} {time} 0 {export}"), format!("b{number} {time} {import} 0")];
    (0..COMMUNITIES).flat_map(of).collect()
}

#[test]
fn replicas_share_the_communities_and_take_over_from_one_that_dies() {
    let meters = Meters::telling(&rows("12:00", 0, 0));
    let one = |number: usize| {
        let members = format!("members = {{ a{number} = {{}}, b{number} = {{}} }}");
        community(&format!("c{number}"), meters.address(), &format!("unlisted = \"ignore\"\n{members}"))
    };
    let market = Market::new(&(0..COMMUNITIES).map(one).collect::<String>());
    let clock = Moved::at("12:10");
    // All know of each other from the beginning.
    let books = SqliteStore::open(&market.path("market.db")).unwrap();
    let names = ["a", "b", "c"];
    runtime().block_on(async {
        for name in names {
            let until = clock.now() + TERM;
            books.live(&Living { name: name.to_owned(), until }, clock.now()).await.unwrap();
        }
    });
    let mut replicas =
        names.map(|name| Replica::start(name, market.path("market.toml"), &clock)).into_iter().collect::<Vec<_>>();
    let intervals = |times: usize| move |market: &Market| market.intervals() == (times * COMMUNITIES) as u64;
    eventually("all books are open", || intervals(1)(&market));

    meters.tell(&rows("12:15", 50, 70));
    clock.to("12:20:06");
    // Counted after it is in the books.
    let settled = |replicas: &[Replica]| replicas.iter().map(Replica::settled).sum::<u64>();
    eventually("all are settled", || intervals(2)(&market) && settled(&replicas) >= COMMUNITIES as u64);
    let shares: Vec<u64> = replicas.iter().map(Replica::settled).collect();
    assert_eq!(shares.iter().sum::<u64>(), COMMUNITIES as u64, "{shares:?}");
    assert!(shares.iter().all(|share| (8..=32).contains(share)), "{shares:?}");

    // One dies. The others have their shares at once, and its share when nobody can believe that it lives: a
    // term after it said so last, which was at 12:20:06 at the latest.
    replicas.remove(2).runtime.shutdown_timeout(Duration::from_secs(30));
    meters.tell(&rows("12:30", 90, 110));
    clock.to("12:35:06");
    let others = COMMUNITIES as u64 + (shares[0] + shares[1]);
    eventually("the others have settled theirs", || market.intervals() == COMMUNITIES as u64 + others);
    clock.to("12:51:01");
    let theirs = 2 * COMMUNITIES as u64 - shares[2];
    eventually("they have settled its share, too", || intervals(3)(&market) && settled(&replicas) >= theirs);
    assert_eq!(settled(&replicas), theirs);
    replicas.into_iter().for_each(Replica::end);
    market.run(&["audit"]).ends_with(0);
}
