//! The metrics of the service, for Prometheus.
//!
//! Typed methods hide families and labels from the code that reports. The values of labels are closed sets (`labels`) or come
//! from the configuration, so that nobody outside can create new series without end. Values that depend on the time, such as a
//! lag, are computed when they are read.

mod community;
mod labels;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use prometheus::core::Collector;
#[cfg(target_os = "linux")]
use prometheus::process_collector::ProcessCollector;
use prometheus::{
    HistogramOpts, HistogramVec, IntCounter, IntCounterVec, IntGauge, IntGaugeVec, Opts, Registry, TextEncoder,
};
use sandbox::Sandbox;

use crate::clock::Clock;
use books::{OutboxDepth, PricesKept, Reception};
use jiff::Timestamp;

pub use community::CommunityMetrics;
use community::{CommunitySeries, Gauges};
pub use labels::{By, Forwarded, MetersOutcome, PassOutcome, PushOutcome, StoreOutcome};

/// A run in the sandbox takes from tens of microseconds to seconds.
const ALGORITHM_SECONDS: &[f64] =
    &[0.000_05, 0.000_1, 0.000_25, 0.000_5, 0.001, 0.002_5, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1.0, 2.5, 10.0];
/// From one page of linear memory to above the default limit.
const MEMORY_BYTES: &[f64] =
    &[65_536.0, 262_144.0, 1_048_576.0, 4_194_304.0, 16_777_216.0, 67_108_864.0, 268_435_456.0];
/// A page of readings, or a batch of trades, takes from a millisecond to the deadline of 30 s.
const PEER_SECONDS: &[f64] = &[0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0];
/// For the store and the gRPC servers: a read takes microseconds, a synced commit milliseconds.
const STORE_SECONDS: &[f64] =
    &[0.000_1, 0.000_5, 0.001, 0.002_5, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 5.0, 30.0];

/// What stands for all communities in the place of a name.
const TOTAL: &str = "all";

/// Names of the gRPC codes, by number.
const GRPC_CODES: [&str; 17] = [
    "OK",
    "CANCELLED",
    "UNKNOWN",
    "INVALID_ARGUMENT",
    "DEADLINE_EXCEEDED",
    "NOT_FOUND",
    "ALREADY_EXISTS",
    "PERMISSION_DENIED",
    "RESOURCE_EXHAUSTED",
    "FAILED_PRECONDITION",
    "ABORTED",
    "OUT_OF_RANGE",
    "UNIMPLEMENTED",
    "INTERNAL",
    "UNAVAILABLE",
    "DATA_LOSS",
    "UNAUTHENTICATED",
];

pub struct Metrics {
    registry: Registry,
    clock: Arc<dyn Clock>,
    families: Arc<Families>,
    communities: Mutex<BTreeMap<String, Arc<CommunityMetrics>>>,
    /// The series of all communities together; none if each has its own.
    total: Option<Arc<CommunitySeries>>,
    outbox: Mutex<OutboxDepth>,
    /// Held while the metrics are rendered.
    rendering: Mutex<()>,
}

/// The families of all communities.
struct Families {
    intervals: IntCounterVec,
    settled_until: IntGaugeVec,
    lag: IntGaugeVec,
    trades: IntCounterVec,
    energy: IntCounterVec,
    events: IntCounterVec,
    violations: IntCounterVec,
    failures: IntCounterVec,
    changes: IntCounterVec,
    shadow: IntCounterVec,
    /// Meters whose readings do not arrive as they should, by the code of their reception.
    receptions: Vec<(&'static str, IntGaugeVec)>,
    held: IntGaugeVec,
    disputed: IntGaugeVec,
    lease: IntGaugeVec,
    faulty_series: IntGaugeVec,
    passes: IntCounterVec,
    fuel: IntCounterVec,
    algorithm_seconds: HistogramVec,
    algorithm_memory: HistogramVec,
    meters_seconds: HistogramVec,
    meters_retries: IntCounterVec,
    store_seconds: HistogramVec,
    waiting_meters: IntGauge,
    dropped_meters: IntCounter,
    replicas: IntGauge,
    share: IntGauge,
    outbox_trades: IntGauge,
    outbox_age: IntGauge,
    forwarded: IntCounterVec,
    forwarding_paused: IntGauge,
    push_seconds: HistogramVec,
    grpc: IntCounterVec,
    grpc_seconds: HistogramVec,
    handshakes_failed: IntCounterVec,
    handshake_failed_at: IntGaugeVec,
    tls_request_at: IntGauge,
}

impl Metrics {
    /// All families at zero, without communities: each will have series of its own.
    pub fn new(clock: Arc<dyn Clock>) -> Metrics {
        Metrics::with(clock, false)
    }

    /// As [`Metrics::new`], but all communities together have one series of each: counts are sums, the lag is the greatest, the mark
    /// the earliest. There may be any number of them.
    pub fn in_total(clock: Arc<dyn Clock>) -> Metrics {
        Metrics::with(clock, true)
    }

    fn with(clock: Arc<dyn Clock>, in_total: bool) -> Metrics {
        let registry = Registry::new();
        let families = Arc::new(Families::new(&registry));
        for outcome in Forwarded::ALL {
            families.forwarded.with_label_values(&[outcome.as_str()]);
        }
        let (name, help) = ("rec_market_build_info", "1, with what this program was built from");
        let build = register(&registry, IntGaugeVec::new(Opts::new(name, help), &["version", "engine", "revision"]));
        let revision = option_env!("REC_MARKET_REVISION").unwrap_or("unknown");
        build.with_label_values(&[env!("CARGO_PKG_VERSION"), Sandbox::engine_version(), revision]).set(1);
        // Nothing else can be read of a process on other systems.
        #[cfg(target_os = "linux")]
        register_process(&registry);
        let (communities, outbox, rendering) = (Mutex::default(), Mutex::default(), Mutex::default());
        let total = in_total.then(|| Arc::new(CommunitySeries::new(TOTAL, &families)));
        Metrics { registry, clock, families, communities, total, outbox, rendering }
    }

    /// The metrics of a configured community, always the same object.
    pub fn community(&self, name: &str, grace: Duration) -> Arc<CommunityMetrics> {
        let mut communities = lock(&self.communities);
        let made = || {
            let (label, series) = match &self.total {
                Some(total) => (TOTAL, Arc::clone(total)),
                None => (name, Arc::new(CommunitySeries::new(name, &self.families))),
            };
            Arc::new(CommunityMetrics::new(name, label.into(), grace, series, Arc::clone(&self.families)))
        };
        Arc::clone(communities.entry(name.to_owned()).or_insert_with(made))
    }

    /// What series have as `community` that are about this one.
    fn label<'n>(&self, community: &'n str) -> &'n str {
        if self.total.is_some() { TOTAL } else { community }
    }

    /// Reports an operation of the store; its name is a method of the traits.
    pub fn store_operation(&self, operation: &'static str, outcome: StoreOutcome, took: Duration) {
        self.families.store_seconds.with_label_values(&[operation, outcome.as_str()]).observe(took.as_secs_f64());
    }

    /// Reports what was kept of a list of prices.
    pub fn prices(&self, kept: PricesKept) {
        self.families.waiting_meters.set(i64::try_from(kept.waiting_meters).unwrap_or(i64::MAX));
        self.families.dropped_meters.inc_by(kept.dropped_meters);
    }

    /// Reports how many replicas live, and how many communities this one settles of all.
    pub fn replicas(&self, living: usize, share: usize) {
        self.families.replicas.set(i64::try_from(living).unwrap_or(i64::MAX));
        self.families.share.set(i64::try_from(share).unwrap_or(i64::MAX));
    }

    /// Reports the waiting trades. The age of the oldest goes on rising until the next report.
    pub fn outbox(&self, outbox: OutboxDepth) {
        self.families.outbox_trades.set(i64::try_from(outbox.waiting).unwrap_or(i64::MAX));
        *lock(&self.outbox) = outbox;
    }

    /// Counts forwarded trades. A trade that is reported twice is counted twice.
    pub fn forwarded(&self, outcome: Forwarded, trades: usize) {
        let trades = u64::try_from(trades).unwrap_or(u64::MAX);
        self.families.forwarded.with_label_values(&[outcome.as_str()]).inc_by(trades);
    }

    /// Reports whether forwarding pauses because Transactions refuses everything.
    pub fn forwarding_paused(&self, paused: bool) {
        self.families.forwarding_paused.set(i64::from(paused));
    }

    /// Reports a request that pushed trades to Transactions.
    pub fn push_request(&self, outcome: PushOutcome, took: Duration) {
        self.families.push_seconds.with_label_values(&[outcome.as_str()]).observe(took.as_secs_f64());
    }

    /// Reports a gRPC request (`/package.Service/Method`).
    ///
    /// All methods that do not exist are counted together, because callers could invent names without end.
    pub fn grpc_request(&self, method: &str, code: i32, took: Duration) {
        let code = usize::try_from(code).ok().and_then(|code| GRPC_CODES.get(code)).copied().unwrap_or("UNKNOWN");
        let method = if code == "UNIMPLEMENTED" { "other" } else { method.trim_start_matches('/') };
        self.families.grpc.with_label_values(&[method, code]).inc();
        self.families.grpc_seconds.with_label_values(&[method]).observe(took.as_secs_f64());
    }

    /// Makes the series of failed TLS handshakes, at zero, for each reason that there is.
    pub fn handshake_reasons(&self, reasons: impl IntoIterator<Item = &'static str>) {
        for reason in reasons {
            self.families.handshakes_failed.with_label_values(&[reason]);
            self.families.handshake_failed_at.with_label_values(&[reason]);
        }
    }

    /// Counts a failed TLS handshake by its reason, which is one of a closed set.
    pub fn handshake_failed(&self, reason: &'static str) {
        self.families.handshakes_failed.with_label_values(&[reason]).inc();
        self.families.handshake_failed_at.with_label_values(&[reason]).set(self.clock.now().as_second());
    }

    /// Reports that a caller of the TLS port has sent a request.
    pub fn tls_request(&self) {
        self.families.tls_request_at.set(self.clock.now().as_second());
    }

    /// Counts a change of an algorithm by the name of its action.
    pub fn algorithm_changed(&self, community: Option<&str>, action: &str) {
        self.families.changes.with_label_values(&[community.map_or("", |name| self.label(name)), action]).inc();
    }

    /// Counts runs of a candidate with usable and with bad results.
    pub fn shadow_ran(&self, community: &str, usable: u64, bad: u64) {
        let community = self.label(community);
        self.families.shadow.with_label_values(&[community, "usable"]).inc_by(usable);
        self.families.shadow.with_label_values(&[community, "bad"]).inc_by(bad);
    }

    /// The current metrics in the Prometheus text format.
    pub fn render(&self) -> String {
        // The collector of the process would add the same processor time twice if two looked at once.
        let _rendering = lock(&self.rendering);
        let now = self.clock.now();
        self.show_communities(now);
        let oldest = lock(&self.outbox).oldest;
        let age = oldest.map_or(0, |oldest| now.as_second().saturating_sub(oldest.as_second()).max(0));
        self.families.outbox_age.set(age);
        let mut text = String::new();
        if let Err(error) = TextEncoder::new().encode_utf8(&self.registry.gather(), &mut text) {
            tracing::error!("cannot write the metrics: {error}");
        }
        text
    }
}

impl Metrics {
    /// Shows where communities stand, each or together.
    fn show_communities(&self, now: Timestamp) {
        let communities = lock(&self.communities);
        if self.total.is_none() {
            communities.values().for_each(|one| one.gauges(now).show(one.name(), &self.families));
            return;
        }
        let mut all = Gauges::default();
        communities.values().for_each(|one| all.add(one.gauges(now)));
        all.show(TOTAL, &self.families);
    }
}

impl Families {
    fn new(registry: &Registry) -> Families {
        let counters = |name: &str, help, labels: &[&str]| {
            register(registry, IntCounterVec::new(Opts::new(format!("rec_market_{name}_total"), help), labels))
        };
        let gauges = |name: &str, help: &str| {
            register(registry, IntGaugeVec::new(Opts::new(format!("rec_market_{name}"), help), &["community"]))
        };
        let histograms = |name: &str, help, labels: &[&str], buckets: &[f64]| {
            let options = HistogramOpts::new(format!("rec_market_{name}"), help).buckets(buckets.to_vec());
            register(registry, HistogramVec::new(options, labels))
        };
        let receptions = Reception::BAD_CODES.iter().map(|(code, meaning)| {
            let help = format!("Meters of which this holds: {meaning}");
            (*code, gauges(&format!("meters_{}", code.replace('-', "_")), &help))
        });
        let by_kind = &["community", "kind"];
        let by_code = &["community", "code"];
        let community = &["community"];
        Families {
            intervals: counters("intervals_settled", "Intervals settled, by what", &["community", "by"]),
            settled_until: gauges(
                "settled_until_timestamp_seconds",
                "End of the last interval in the books, Unix time",
            ),
            lag: gauges(
                "lag_seconds",
                "How far the books are behind now less the grace period; up to an interval is usual",
            ),
            trades: counters("trades", "Trades made; the operator's sales are local, its purchases not", by_kind),
            energy: counters("energy_watt_hours", "Energy traded, in Wh, by kind of trade", by_kind),
            events: counters("events", "What people should know of, as `rec-market events` lists it", by_code),
            receptions: receptions.collect(),
            violations: counters("violations", "Rules that results of algorithms broke", by_code),
            failures: counters("algorithm_failures", "Runs of algorithms whose result is not used", by_kind),
            changes: counters(
                "algorithm_changes",
                "What was decided or noted about algorithms; uploads are of no community",
                &["community", "action"],
            ),
            shadow: counters(
                "shadow_runs",
                "Runs of candidates beside what settles, by whether they brought a result",
                &["community", "outcome"],
            ),
            held: gauges("community_held", "1 while an interval is on hold because of the algorithm"),
            disputed: gauges("meters_disputed", "Meters whose readings do not follow their last good ones"),
            lease: gauges("lease_held", "1 while this process settles the community"),
            faulty_series: gauges(
                "tariff_series_faulty",
                "Series of tariffs that are wrong, or whose last row is older than their rows are apart",
            ),
            passes: counters("passes", "Passes over a community, by how they ended", &["community", "outcome"]),
            fuel: counters("algorithm_fuel", "Fuel that algorithms used, about one unit an instruction", community),
            algorithm_seconds: histograms("algorithm_seconds", "Time of a run", community, ALGORITHM_SECONDS),
            algorithm_memory: histograms(
                "algorithm_peak_memory_bytes",
                "Most memory of a run",
                community,
                MEMORY_BYTES,
            ),
            meters_seconds: histograms(
                "meters_request_seconds",
                "Time of a request to the Meters service",
                &["community", "outcome"],
                PEER_SECONDS,
            ),
            meters_retries: counters(
                "meters_retries",
                "Requests to the Meters service that were tried again",
                community,
            ),
            store_seconds: histograms(
                "store_operation_seconds",
                "Time of an operation of the store",
                &["operation", "outcome"],
                STORE_SECONDS,
            ),
            waiting_meters: gauge(
                registry,
                "rec_market_price_waiting_meters",
                "Meters with prices that are neither configured nor have been read, when prices were last set here",
            ),
            dropped_meters: register(
                registry,
                IntCounter::new(
                    "rec_market_price_dropped_meters_total",
                    "Meters whose prices were dropped because too many such meters had some",
                ),
            ),
            replicas: gauge(
                registry,
                "rec_market_replicas",
                "Replicas that live, as this one sees it; itself among them",
            ),
            share: gauge(
                registry,
                "rec_market_share_communities",
                "Communities that this replica settles while those live that it sees",
            ),
            outbox_trades: gauge(registry, "rec_market_outbox_trades", "Trades that wait to be forwarded"),
            outbox_age: gauge(
                registry,
                "rec_market_outbox_oldest_age_seconds",
                "Since when the oldest trade waits: from its interval's end to now",
            ),
            forwarded: counters(
                "forwarded_trades",
                "Trades on their way to payment, by what became of them",
                &["outcome"],
            ),
            forwarding_paused: gauge(
                registry,
                "rec_market_forwarding_paused",
                "1 while nothing is pushed because Transactions refuses every trade",
            ),
            push_seconds: histograms(
                "push_request_seconds",
                "Time of a request that pushes trades to Transactions",
                &["outcome"],
                PEER_SECONDS,
            ),
            grpc: counters("grpc_requests", "gRPC requests answered", &["method", "code"]),
            grpc_seconds: histograms("grpc_request_seconds", "Time of a gRPC request", &["method"], STORE_SECONDS),
            handshakes_failed: counters(
                "tls_handshakes_failed",
                "TLS handshakes that failed, or after which the caller left without a request",
                &["reason"],
            ),
            handshake_failed_at: register(
                registry,
                IntGaugeVec::new(
                    Opts::new(
                        "rec_market_tls_handshake_failed_timestamp_seconds",
                        "When a TLS handshake last failed for that reason, Unix time; 0 for never",
                    ),
                    &["reason"],
                ),
            ),
            tls_request_at: gauge(
                registry,
                "rec_market_tls_request_timestamp_seconds",
                "When a caller last came through the TLS port with a request, Unix time; 0 for never",
            ),
        }
    }
}

fn gauge(registry: &Registry, name: &str, help: &str) -> IntGauge {
    register(registry, IntGauge::new(name, help))
}

/// What the process itself uses, under the names that every Prometheus client has for it.
#[cfg(target_os = "linux")]
#[allow(clippy::expect_used, reason = "OK because no family of ours begins with process_: a test makes them all")]
fn register_process(registry: &Registry) {
    registry.register(Box::new(ProcessCollector::for_self())).expect("names used once");
}

#[allow(clippy::expect_used, reason = "OK because all names are constants, each used once: a test makes them all")]
fn register<C: Collector + Clone + 'static>(registry: &Registry, family: prometheus::Result<C>) -> C {
    let family = family.expect("a valid name and help");
    registry.register(Box::new(family.clone())).expect("a name used once");
    family
}

/// Locks a mutex. The values here are consistent at any time, even if a thread has panicked.
pub(super) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
