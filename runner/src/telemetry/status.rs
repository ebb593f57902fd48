//! The state of the service: whether it is ready, and the state of each community.

use std::collections::BTreeMap;
use std::ops::Bound;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use jiff::Timestamp;
use serde::Serialize;

use books::{Label, Notice, Notices, Reception, StoreError};
use domain::Boundary;
use domain::text::{chain, printable, printable_json};

use super::callers::{TlsCallers, TlsCallersJson};
use super::metrics::{CommunityMetrics, lock};
use crate::clock::Clock;

/// The state of the service. The parts report to it, and `/ready` and `/status` show it.
pub struct Status {
    clock: Arc<dyn Clock>,
    /// By their names.
    communities: BTreeMap<String, (Arc<CommunityMetrics>, Mutex<CommunityState>)>,
    /// Since when and why the store cannot be used; at first, because it was not asked yet.
    store: Mutex<Option<(Timestamp, String)>>,
    /// Since when and why no trades are pushed.
    forwarding: Mutex<Option<(Timestamp, String)>>,
    serving: AtomicBool,
    stopping: AtomicBool,
    /// Who got responses without their end, by caller and method.
    cut: Mutex<BTreeMap<(String, &'static str), CutCount>>,
    tls_callers: TlsCallers,
}

/// Which communities a status is about, by their names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listed {
    /// The first so many.
    pub limit: usize,
    /// Of those that come after this one.
    pub after: Option<String>,
    /// Of those that somebody should look at: on hold, behind for longer than an hour, or whose last attempt failed.
    pub only_troubled: bool,
}

impl Default for Listed {
    fn default() -> Listed {
        Listed { limit: 100, after: None, only_troubled: false }
    }
}

/// How far the books of a community may be behind before somebody should look at it.
const LAG_MAX: Duration = Duration::from_secs(60 * 60);

/// Callers and methods that are noted as cut at most; then the one that was cut longest ago is forgotten.
const CUT_MAX: usize = 64;

struct CutCount {
    count: u64,
    last_at: Timestamp,
}

/// Meters that are listed for a community at most.
const METERS_MAX: usize = 100;

/// The state of a community besides its metrics.
#[derive(Default)]
struct CommunityState {
    algorithm: Option<Label>,
    meters: MetersJson,
    held: Option<String>,
    passed_at: Option<Timestamp>,
    error: Option<(Timestamp, String)>,
    warning: Option<(Timestamp, String)>,
}

/// How a community is, for people who look at many.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Health {
    /// The end of the last interval in the books, as this process knows it.
    pub mark: Option<Boundary>,
    /// How far its books are behind, if that is for longer than an hour.
    pub behind: Option<Duration>,
    /// Why its next interval is on hold.
    pub held: Option<String>,
    /// Why the last attempt failed, if it did.
    pub failed: Option<String>,
    /// How many meters have readings that do not follow their last good ones.
    pub disputed: u64,
    /// How many meters tell nothing any more.
    pub silent: usize,
    /// How many meters are read never, in half, or not at boundaries.
    pub unread: usize,
}

#[derive(Serialize)]
struct StatusJson<'a> {
    version: &'a str,
    ready: bool,
    reasons: Vec<String>,
    /// Why no trades are pushed, although some wait.
    forwarding: Option<PauseJson>,
    /// How many communities there are.
    communities_total: usize,
    /// How many somebody should look at.
    communities_troubled: usize,
    communities: Vec<CommunityJson<'a>>,
    /// Where the list goes on; none at its end.
    next: Option<String>,
    /// Who got responses that did not fit into one message, and may lack their end without knowing.
    cut_responses: Vec<CutJson>,
    /// Who came through the TLS port, and who did not.
    tls: TlsCallersJson,
}

#[derive(Serialize)]
struct CutJson {
    caller: String,
    method: &'static str,
    count: u64,
    last_at: String,
}

#[derive(Serialize)]
struct PauseJson {
    paused_since: String,
    reason: String,
}

#[derive(Serialize)]
struct CommunityJson<'a> {
    name: &'a str,
    /// End of the last interval in the books.
    mark: Option<String>,
    lag_seconds: Option<u64>,
    /// Why its next interval is on hold.
    held: Option<String>,
    last_pass_at: Option<String>,
    last_error: Option<String>,
    last_error_at: Option<String>,
    last_warning: Option<String>,
    last_warning_at: Option<String>,
    /// What is wrong with its series of tariffs.
    tariff_series: Vec<String>,
    /// How many meters have readings that do not follow their last good ones.
    disputed_meters: u64,
    lease_held: bool,
    algorithm: Option<AlgorithmJson>,
    /// Meters whose readings do not arrive as they should.
    meters: MetersJson,
}

/// How many meters, by the code of what was told of them, and the first of them.
#[derive(Clone, Default, Serialize)]
struct MetersJson {
    never_read: usize,
    half_read: usize,
    off_boundary: usize,
    silent: usize,
    list: Vec<MeterJson>,
}

#[derive(Clone, Serialize)]
struct MeterJson {
    meter: String,
    code: &'static str,
    told_at: String,
    message: String,
}

#[derive(Serialize)]
struct AlgorithmJson {
    name: String,
    version: String,
    sha256: String,
}

impl Status {
    pub fn new(clock: Arc<dyn Clock>, communities: impl IntoIterator<Item = Arc<CommunityMetrics>>) -> Status {
        Status {
            tls_callers: TlsCallers::new(Arc::clone(&clock)),
            store: Mutex::new(Some((clock.now(), "the store was not asked yet".to_owned()))),
            clock,
            communities: communities
                .into_iter()
                .map(|community| (community.name().to_owned(), (community, Mutex::default())))
                .collect(),
            forwarding: Mutex::default(),
            serving: AtomicBool::new(false),
            stopping: AtomicBool::new(false),
            cut: Mutex::default(),
        }
    }

    /// Who calls the TLS port.
    pub fn tls_callers(&self) -> &TlsCallers {
        &self.tls_callers
    }

    /// Reports that a caller got a response without its end.
    pub fn cut(&self, method: &'static str, caller: String) {
        let last_at = self.clock.now();
        let mut cut = lock(&self.cut);
        let key = (caller, method);
        if !cut.contains_key(&key) && cut.len() >= CUT_MAX {
            let oldest = cut.iter().min_by_key(|(_, count)| count.last_at).map(|(key, _)| key.clone());
            oldest.and_then(|oldest| cut.remove(&oldest));
        }
        let count = cut.entry(key).or_insert(CutCount { count: 0, last_at });
        *count = CutCount { count: count.count + 1, last_at };
    }

    /// Sets the algorithm that settles a community.
    pub fn algorithm(&self, community: &str, algorithm: Label) {
        self.change(community, |state| state.algorithm = Some(algorithm));
    }

    /// Reports how the meters of a community are read: what was told of them last.
    pub fn receptions(&self, community: &str, notices: &Notices) {
        self.change(community, |state| state.meters = MetersJson::new(notices));
    }

    /// Reports that a pass over a community is complete.
    pub fn passed(&self, community: &str) {
        let now = self.clock.now();
        self.change(community, |state| {
            state.held = None;
            state.passed_at = Some(now);
        });
    }

    /// Reports that a pass over a community failed; `is_held` if an interval is on hold.
    pub fn failed(&self, community: &str, error: String, is_held: bool) {
        let now = self.clock.now();
        self.change(community, |state| {
            if is_held {
                state.held = Some(error.clone());
            }
            state.error = Some((now, error));
        });
    }

    /// Reports something about a community that somebody should look into, although it is settled.
    pub fn warned(&self, community: &str, warning: String) {
        let now = self.clock.now();
        self.change(community, |state| state.warning = Some((now, warning)));
    }

    /// Reports whether the store is available.
    pub fn store(&self, answer: Result<(), &StoreError>) {
        let now = self.clock.now();
        let mut store = lock(&self.store);
        *store = answer.err().map(|error| {
            let since = store.as_ref().map_or(now, |(since, _)| *since);
            (since, printable(&chain(error)).into_owned())
        });
    }

    /// Since when the store cannot be used; `None` if it can.
    pub fn store_away_since(&self) -> Option<Timestamp> {
        lock(&self.store).as_ref().map(|(since, _)| *since)
    }

    /// Reports that no trades are pushed from now on.
    pub fn forwarding_paused(&self, reason: String) {
        *lock(&self.forwarding) = Some((self.clock.now(), reason));
    }

    /// Reports that trades are pushed again.
    pub fn forwarding_resumed(&self) {
        *lock(&self.forwarding) = None;
    }

    /// Reports whether the gRPC servers are listening.
    pub fn serving(&self, up: bool) {
        self.serving.store(up, Ordering::Relaxed);
    }

    /// Reports that the service is about to stop, so that callers use another replica.
    pub fn stopping(&self) {
        self.stopping.store(true, Ordering::Relaxed);
    }

    /// Why the service should get no requests; empty if it should. A community on hold is no reason, because its trades can
    /// still be read.
    pub fn unready(&self) -> Vec<String> {
        let mut reasons: Vec<String> = lock(&self.store).clone().map(|(_, reason)| reason).into_iter().collect();
        if !self.serving.load(Ordering::Relaxed) {
            reasons.push("the gRPC servers are not up".to_owned());
        }
        if self.stopping.load(Ordering::Relaxed) {
            reasons.push("the service is stopping".to_owned());
        }
        reasons
    }

    /// How a community is; `None` of an unknown one.
    pub fn health(&self, community: &str) -> Option<Health> {
        let now = self.clock.now();
        let (metrics, state) = self.communities.get(community)?;
        let state = lock(state);
        let failed = state.error.as_ref().filter(|_| failed_last(&state));
        Some(Health {
            mark: metrics.mark(),
            behind: metrics.lag(now).filter(|lag| *lag > LAG_MAX),
            held: state.held.clone(),
            failed: failed.map(|(_, message)| message.clone()),
            disputed: metrics.disputed(),
            silent: state.meters.silent,
            unread: state.meters.never_read + state.meters.half_read + state.meters.off_boundary,
        })
    }

    /// Why no trades are pushed, if they should be.
    pub fn paused(&self) -> Option<String> {
        lock(&self.forwarding).as_ref().map(|(_, reason)| reason.clone())
    }

    /// Everything as JSON, and these communities, with escapes for characters that nobody sees.
    pub fn to_json(&self, listed: &Listed) -> serde_json::Result<String> {
        let (now, reasons) = (self.clock.now(), self.unready());
        let paused = lock(&self.forwarding).clone();
        let (communities, next) = self.list(listed, now);
        let troubled = self.communities.values().filter(|(metrics, of)| is_troubled(metrics, &lock(of), now));
        let json = serde_json::to_string_pretty(&StatusJson {
            version: env!("CARGO_PKG_VERSION"),
            ready: reasons.is_empty(),
            reasons,
            forwarding: paused.map(|(since, reason)| PauseJson { paused_since: since.to_string(), reason }),
            communities_total: self.communities.len(),
            communities_troubled: troubled.count(),
            communities,
            next,
            cut_responses: lock(&self.cut).iter().map(cut_json).collect(),
            tls: self.tls_callers.json(),
        })?;
        Ok(printable_json(&json).into_owned())
    }

    /// The communities of a list, and the name after which it goes on, if it does.
    fn list(&self, listed: &Listed, now: Timestamp) -> (Vec<CommunityJson<'_>>, Option<String>) {
        let after = listed.after.as_deref().map_or(Bound::Unbounded, Bound::Excluded);
        let rest = self.communities.range::<str, _>((after, Bound::Unbounded)).map(|(_, community)| community);
        let mut wanted =
            rest.filter(|(metrics, of)| !listed.only_troubled || is_troubled(metrics, &lock(of), now)).peekable();
        let page: Vec<_> = wanted.by_ref().take(listed.limit).collect();
        let next = wanted.peek().and(page.last()).map(|(metrics, _)| metrics.name().to_owned());
        (page.into_iter().map(|(metrics, of)| community_json(metrics, &lock(of), now)).collect(), next)
    }

    fn change(&self, community: &str, change: impl FnOnce(&mut CommunityState)) {
        if let Some((_, state)) = self.communities.get(community) {
            change(&mut lock(state));
        }
    }
}

/// Whether somebody should look at a community.
fn is_troubled(metrics: &CommunityMetrics, state: &CommunityState, now: Timestamp) -> bool {
    state.held.is_some() || failed_last(state) || metrics.lag(now).is_some_and(|lag| lag > LAG_MAX)
}

fn failed_last(state: &CommunityState) -> bool {
    state.error.as_ref().is_some_and(|(at, _)| state.passed_at.is_none_or(|passed| passed < *at))
}

fn cut_json(((caller, method), CutCount { count, last_at }): (&(String, &'static str), &CutCount)) -> CutJson {
    CutJson { caller: caller.clone(), method, count: *count, last_at: last_at.to_string() }
}

fn community_json<'a>(metrics: &'a CommunityMetrics, state: &CommunityState, now: Timestamp) -> CommunityJson<'a> {
    let CommunityState { algorithm, meters, held, passed_at, error, warning } = state;
    let message = |of: &Option<(Timestamp, String)>| of.as_ref().map(|(_, message)| message.clone());
    let at = |of: &Option<(Timestamp, String)>| of.as_ref().map(|(at, _)| at.to_string());
    CommunityJson {
        name: metrics.name(),
        mark: metrics.mark().map(|mark| mark.to_string()),
        lag_seconds: metrics.lag(now).map(|lag| lag.as_secs()),
        held: held.clone(),
        last_pass_at: passed_at.map(|at| at.to_string()),
        last_error: message(error),
        last_error_at: at(error),
        last_warning: message(warning),
        last_warning_at: at(warning),
        tariff_series: metrics.series_problems(),
        disputed_meters: metrics.disputed(),
        lease_held: metrics.has_lease(),
        algorithm: algorithm.as_ref().map(|label| AlgorithmJson {
            name: label.name.clone(),
            version: label.version.clone(),
            sha256: label.digest.to_string(),
        }),
        meters: meters.clone(),
    }
}

impl MetersJson {
    fn new(notices: &Notices) -> MetersJson {
        let mut meters = MetersJson::default();
        for Notice { meter, reception, told_at, message, .. } in notices.values() {
            let count = match reception {
                Reception::Good | Reception::SkippedRow => continue,
                Reception::Never => &mut meters.never_read,
                Reception::Half => &mut meters.half_read,
                Reception::Off { .. } => &mut meters.off_boundary,
                Reception::Silent => &mut meters.silent,
            };
            *count += 1;
            if meters.list.len() < METERS_MAX {
                let (meter, told_at) = (meter.to_string(), told_at.to_string());
                meters.list.push(MeterJson { meter, code: reception.code(), told_at, message: message.clone() });
            }
        }
        meters
    }
}
