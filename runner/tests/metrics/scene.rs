//! A community that is settled through the library, with its counters.

use std::sync::Arc;
use std::time::Duration;

use backon::ExponentialBuilder;
use base::base;
use books::{OfferedSince, Store};
use jiff::Timestamp;
use rec_market::adapter::meters::{MetersClient, RetryPolicy};
use rec_market::algorithms::cache::AlgorithmCache;
use rec_market::algorithms::cache::ReadyAlgorithm;
use rec_market::clock::{Clock, FixedClock};
use rec_market::config::{CommunityConfig, Config};
use rec_market::settlement::clearing::Clearing;
use rec_market::settlement::{Memory, Pass, PassError, PassSummary, Settler};
use rec_market::telemetry::metrics::Metrics;
use rec_market::telemetry::status::Status;
use rec_market::telemetry::store::MeasuredStore;
use rec_market_tests::corpus;
use sandbox::{Description, Limits, Options, Sandbox};
use store::SqliteStore;
use tempfile::TempDir;
use tokio::runtime::Runtime;

use testkit::{Meters, community, date};

/// Everything that a service would have around one community.
pub struct Scene {
    pub metrics: Arc<Metrics>,
    pub status: Arc<Status>,
    pub now: Timestamp,
    pub runtime: Runtime,
    community: CommunityConfig,
    store: Arc<dyn Store>,
    clock: Arc<dyn Clock>,
    sandbox: Sandbox,
    _directory: TempDir,
}

impl Scene {
    /// The community `aveiro` of these meters at a short time, with further keys of its configuration.
    pub fn new(meters: &Meters, now: &str, keys: &str) -> Scene {
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("market.toml");
        std::fs::write(&file, community("aveiro", meters.address(), keys)).unwrap();
        let community = Config::load(&file).unwrap().communities.remove(0);
        let now: Timestamp = date(now).parse().unwrap();
        let clock: Arc<dyn Clock> = Arc::new(FixedClock(now));
        let metrics = Arc::new(Metrics::new(Arc::clone(&clock)));
        let store: Arc<dyn Store> = Arc::new(SqliteStore::open(&directory.path().join("market.db")).unwrap());
        let store: Arc<dyn Store> = Arc::new(MeasuredStore::new(store, Arc::clone(&metrics)));
        let status = Arc::new(Status::new(Arc::clone(&clock), [metrics.community(&community.name, community.grace)]));
        let sandbox = Sandbox::new(Options { runs_max: 1, ..Options::default() }).unwrap();
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
        Scene { metrics, status, now, runtime, community, store, clock, sandbox, _directory: directory }
    }

    /// A hostile guest, which says of itself what it likes.
    pub fn guest(&self, name: &str) -> ReadyAlgorithm {
        let bytes = corpus::guest(name).bytes;
        let algorithm = self.sandbox.load(bytes).unwrap();
        let description = Description { name: name.to_owned(), ..Description::default() };
        ReadyAlgorithm { algorithm, component: bytes.into(), description }
    }

    /// A base algorithm.
    pub fn base(&self, name: &str) -> ReadyAlgorithm {
        let base = base(name).unwrap();
        let algorithm = self.sandbox.load_own(base.bytes).unwrap();
        let description = algorithm.describe(Limits::default().budget(0)).unwrap().unwrap();
        ReadyAlgorithm { algorithm, component: base.bytes.into(), description }
    }

    /// One pass with this algorithm, as the service makes it: with one attempt more than fails at once.
    pub fn pass(&self, algorithm: ReadyAlgorithm, fallback: Option<ReadyAlgorithm>) -> Result<PassSummary, PassError> {
        let name = &self.community.name;
        self.status.algorithm(name, algorithm.label());
        let clearing = Clearing::new(self.community.clone(), algorithm, fallback);
        let pauses = ExponentialBuilder::new().with_min_delay(Duration::from_millis(1)).with_max_times(1);
        let policy = RetryPolicy { pauses, ..RetryPolicy::default() };
        let metrics = self.metrics.community(name, self.community.grace);
        let mut summary = PassSummary::default();
        let result = self.runtime.block_on(async {
            let meters = MetersClient::new(&self.community.meters.to_string(), policy, Arc::clone(&metrics)).unwrap();
            let settler = Settler {
                clearing,
                meters: Arc::new(meters),
                algorithms: Arc::new(AlgorithmCache::new(self.sandbox.clone(), Arc::clone(&self.store))),
                store: Arc::clone(&self.store),
                clock: Arc::clone(&self.clock),
                metrics,
                memory: Memory::of(&self.community),
            };
            let pass = Pass { now: self.now, until: None, fence: None, since: OfferedSince::default() };
            settler.pass(pass, &mut summary, |_| {}).await
        });
        match &result {
            Ok(()) => self.status.passed(name),
            Err(error) => self.status.failed(name, error.to_string(), error.is_held()),
        }
        result.map(|()| summary)
    }

    /// As after a restart: counters at zero, and the same books.
    pub fn restarted(self) -> Scene {
        Scene { metrics: Arc::new(Metrics::new(Arc::clone(&self.clock))), ..self }
    }

    /// Asserts the values of `rec_market_` series of the community: `name{label="value"}`, without the community's label,
    /// which comes first or second in the alphabet.
    #[track_caller]
    pub fn counts(&self, expected: &[(&str, u64)]) {
        let text = self.metrics.render();
        for (series, expected) in expected {
            let (name, labels) = series.split_once('{').unwrap_or((series, "}"));
            let mut labels: Vec<&str> =
                labels.trim_end_matches('}').split(',').filter(|label| !label.is_empty()).collect();
            labels.push("community=\"aveiro\"");
            labels.sort_unstable();
            let line = format!("rec_market_{name}{{{}}} {expected}", labels.join(","));
            assert!(text.lines().any(|found| found == line), "no {line} in:\n{text}");
        }
    }
}
