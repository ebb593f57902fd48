//! A market for benchmarks: a community of made-up households, its Meters service over real gRPC on loopback, and new books with
//! every commit synced.

#![allow(dead_code, reason = "each benchmark uses a part of it")]

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{Duration, Instant};

use books::{OfferedSince, Store};
use demo::household::{Plan, generate};
use demo::meters::{MetersService, Package, Recorded, Serving, serve};
use domain::Boundary;
use jiff::Timestamp;
use rec_market::algorithms::cache::AlgorithmCache;
use rec_market::app;
use rec_market::clock::{Clock, FixedClock};
use rec_market::config::Config;
use rec_market::settlement::{Pass, PassSummary, Settler};
use rec_market::telemetry::metrics::Metrics;
use sandbox::{Options, Sandbox};
use store::SqliteStore;
use tempfile::TempDir;

/// 2024-05-06T00:00:00Z.
const START: u64 = 1_714_953_600;

/// A community with its Meters service and its books.
pub struct Market {
    pub recorded: Arc<Recorded>,
    pub start: Boundary,
    /// After everything.
    pub now: Timestamp,
    pub settler: Settler,
    /// Its configuration; the books are beside it.
    pub config: PathBuf,
    /// Until when the service has readings.
    read_until: Arc<AtomicI64>,
    _meters: Serving,
    _directory: TempDir,
}

impl Market {
    /// A community with that many members and days of readings, all of which are there.
    pub async fn new(members: usize, days: u16) -> Market {
        let start = Boundary::from_seconds(START).expect("a time");
        let community = generate(Plan { seed: 1, members, start, days }).expect("a plan");
        let recorded = Arc::new(community.recorded);
        let now = start.timestamp() + Duration::from_secs(86_400 * (u64::from(days) + 1));
        let read_until = Arc::new(AtomicI64::new(now.as_second()));
        let until = Arc::clone(&read_until);
        let clock = move || Timestamp::from_second(until.load(Ordering::Relaxed)).expect("a time");
        let listener = tokio::net::TcpListener::bind(("127.0.0.1", 0)).await.expect("a port");
        let service = MetersService::new(Arc::clone(&recorded), clock);
        let meters = serve(service, Package::Platform, listener).expect("it serves");
        let directory = tempfile::tempdir().expect("a directory");
        let file = directory.path().join("market.toml");
        let address = meters.address();
        let text =
            format!("[[community]]\nname = \"bench\"\nzone = \"Europe/Lisbon\"\nmeters = \"http://{address}\"\n");
        std::fs::write(&file, text).expect("it writes");
        let config = Config::load(&file).expect("a configuration");
        let store: Arc<dyn Store> = Arc::new(SqliteStore::open(&directory.path().join("market.db")).expect("a store"));
        let sandbox = Sandbox::new(Options::default()).expect("a sandbox");
        let cache = Arc::new(AlgorithmCache::new(sandbox, Arc::clone(&store)));
        let clock: Arc<dyn Clock> = Arc::new(FixedClock(now));
        let metrics = Metrics::new(Arc::clone(&clock));
        let settler = app::settler(&config.communities[0], &cache, &store, &clock, &metrics).await.expect("a settler");
        Market { recorded, start, now, settler, config: file, read_until, _meters: meters, _directory: directory }
    }

    /// Settles the intervals from the start up to this number of them, as far as they are not settled; returns how long that took.
    pub async fn settle(&self, intervals: u32) -> Duration {
        let until = self.start.timestamp() + Duration::from_secs(900 * u64::from(intervals));
        let pass = Pass { now: self.now, until: Some(until), fence: None, since: OfferedSince::default() };
        let mut summary = PassSummary::default();
        let started = Instant::now();
        self.settler.pass(pass, &mut summary, |_| {}).await.expect("it settles");
        let took = started.elapsed();
        assert_eq!(summary.last.map(Boundary::timestamp), Some(until));
        took
    }

    /// Settles one interval more than that number of them, of which the readings have just come; returns how long that took.
    pub async fn settle_newest(&self, intervals: u32) -> Duration {
        let read = self.start.timestamp() + Duration::from_secs(900 * u64::from(intervals + 1) + 120);
        self.read_until.store(read.as_second(), Ordering::Relaxed);
        self.settle(intervals + 1).await
    }
}
