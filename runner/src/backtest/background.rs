//! Backtests that people start on a running service: one at a time, beside settlement, which goes first.
//!
//! A backtest has a sandbox of its own with room for one run, a thread of its own that the machine gives less of its time, and
//! reads through connections of its own. It is bounded in size before it starts ([`super::bounds`]) and in time, ends when
//! somebody cancels it or the service stops, and its result is kept in the store. Not here: who may do what (`adapter::web`).

use std::collections::BTreeMap;
use std::num::NonZeroUsize;
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use base::Reference;
use books::{BacktestHead, Span, Store, StoreError};
use domain::text::{chain, printable};
use figures::Backtest;
use jiff::Timestamp;
use sandbox::{Sandbox, SandboxError};
use tokio::runtime::Handle;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use super::bounds::{RULE_BYTES_MAX, RULES_MAX, Size, TooMuch};
use super::kept::{self, Finished};
use super::run::{AS_SETTLED, GRID_ALONE};
use super::variant::Named;
use super::{InvalidVariant, Job, RoundLimits, Variant, stored};
use crate::algorithms::cache::{AlgorithmCache, AlgorithmError};
use crate::clock::Clock;
use crate::config::CommunityConfig;

/// How long a backtest may take.
const TIME_MAX: Duration = Duration::from_secs(60 * 60);
/// How much the thread of a backtest gives way to others: half as far as a thread can.
const NICE: i32 = 10;

/// Makes a sandbox for one run at a time, which gives up when the token is cancelled.
pub type MakeSandbox = dyn Fn(&CancellationToken) -> Result<Sandbox, SandboxError> + Send + Sync;

/// What somebody wants to know.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wanted {
    /// The community.
    pub community: String,
    /// Who asks.
    pub by: String,
    /// The rules to try: `ALGORITHM[,KEY=VALUE…]`.
    pub rules: Vec<String>,
    /// Only intervals that start in it.
    pub span: Span,
    /// What the others are compared with: one of the rules, `grid-alone` or `as-settled`; without it what settled.
    pub baseline: Option<String>,
}

/// Why a backtest does not start.
#[derive(Debug, thiserror::Error)]
pub enum Refused {
    #[error("another backtest runs")]
    Busy(Box<Running>),
    #[error("{0}")]
    Invalid(String),
    #[error(transparent)]
    Rule(#[from] InvalidVariant),
    #[error(transparent)]
    TooMuch(#[from] TooMuch),
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// A backtest that runs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Running {
    /// Its community.
    pub community: String,
    /// Who started it.
    pub by: String,
    /// When.
    pub since: Timestamp,
    /// The rules that it tries.
    pub rules: Vec<String>,
    /// How many intervals are done.
    pub done: u64,
    /// About how many there are.
    pub of: u64,
}

/// A backtest that ended without a result.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ended {
    /// Who had started it.
    pub by: String,
    /// When it ended.
    pub at: Timestamp,
    /// The rules that it tried.
    pub rules: Vec<String>,
    /// Why.
    pub why: Why,
}

/// Why a backtest ended without a result.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Why {
    /// Somebody cancelled it.
    Cancelled(String),
    /// It took too long.
    Late,
    /// Something of it is wrong, as told here.
    Failed(String),
    /// The machine or the store failed, as the log tells.
    Machine,
}

/// Who cancels.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Canceller<'c> {
    /// The name.
    pub name: &'c str,
    /// Whether also what others started.
    pub any: bool,
}

/// What became of a wish to cancel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cancelling {
    /// It ends.
    Ends,
    /// There is none of this community.
    Nothing,
    /// Somebody else started it.
    NotYours,
}

/// The backtests of a service.
pub struct Backtests {
    communities: BTreeMap<String, Arc<CommunityConfig>>,
    /// Keeps results.
    store: Arc<dyn Store>,
    /// What is read goes through connections of its own.
    reader: Arc<dyn Store>,
    clock: Arc<dyn Clock>,
    make_sandbox: Box<MakeSandbox>,
    shutdown: CancellationToken,
    /// Where backtests run, whoever starts them: pages come and go with their own threads.
    runtime: Handle,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    running: Option<Arc<Work>>,
    /// The last one of each community, if it ended without a result.
    ended: BTreeMap<String, Ended>,
    task: Option<JoinHandle<()>>,
}

/// A backtest that runs.
struct Work {
    wanted: Wanted,
    named: Vec<Named>,
    since: Timestamp,
    done: AtomicU64,
    of: u64,
    cancel: CancellationToken,
    cancelled_by: Mutex<Option<String>>,
}

impl Backtests {
    /// Makes them for these communities; they run on the runtime that is current now.
    pub fn new(
        communities: impl IntoIterator<Item = Arc<CommunityConfig>>,
        (store, reader): (Arc<dyn Store>, Arc<dyn Store>),
        clock: Arc<dyn Clock>,
        make_sandbox: Box<MakeSandbox>,
        shutdown: CancellationToken,
    ) -> Backtests {
        let communities = communities.into_iter().map(|community| (community.name.clone(), community)).collect();
        let (runtime, state) = (Handle::current(), Mutex::default());
        Backtests { communities, store, reader, clock, make_sandbox, shutdown, runtime, state }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The backtest that runs, of whatever community.
    pub fn running(&self) -> Option<Running> {
        self.state().running.as_ref().map(|work| work.running())
    }

    /// The last backtest of a community, if it ended without a result.
    pub fn ended(&self, community: &str) -> Option<Ended> {
        self.state().ended.get(community).cloned()
    }

    /// Starts a backtest.
    ///
    /// # Errors
    /// If one runs, or what is wanted is wrong or too much.
    pub async fn start(self: &Arc<Self>, wanted: Wanted) -> Result<(), Refused> {
        // The answer to whoever comes second is the same whatever is asked for.
        if let Some(running) = self.running() {
            return Err(Refused::Busy(Box::new(running)));
        }
        let named = self.named(&wanted).await?;
        let of = self.size(&wanted).await?;
        let work = Arc::new(Work {
            named,
            since: self.clock.now(),
            done: AtomicU64::new(0),
            of,
            cancel: self.shutdown.child_token(),
            cancelled_by: Mutex::default(),
            wanted,
        });
        let mut state = self.state();
        if let Some(running) = &state.running {
            return Err(Refused::Busy(Box::new(running.running())));
        }
        let Wanted { community, by, rules, .. } = &work.wanted;
        tracing::info!(community, by, rules = rules.join(" "), intervals = of, "a backtest starts");
        state.ended.remove(community);
        state.running = Some(Arc::clone(&work));
        let backtests = Arc::clone(self);
        state.task = Some(self.runtime.spawn(async move { backtests.work(work).await }));
        Ok(())
    }

    /// Cancels the backtest of a community.
    pub fn cancel(&self, community: &str, by: Canceller<'_>) -> Cancelling {
        let state = self.state();
        let Some(work) = state.running.as_ref().filter(|work| work.wanted.community == community) else {
            return Cancelling::Nothing;
        };
        if !by.any && by.name != work.wanted.by {
            return Cancelling::NotYours;
        }
        work.cancelled_by.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert_with(|| by.name.to_owned());
        work.cancel.cancel();
        Cancelling::Ends
    }

    /// Waits until nothing runs, which after the shutdown is soon.
    pub async fn finish(&self) {
        let task = self.state().task.take();
        if let Some(task) = task {
            // OK because a task that panicked has ended, too.
            drop(task.await);
        }
    }

    /// The rules that are wanted, of algorithms that are here.
    async fn named(&self, wanted: &Wanted) -> Result<Vec<Named>, Refused> {
        let rules = &wanted.rules;
        if rules.is_empty() || rules.len() > RULES_MAX {
            return Err(Refused::Invalid(format!("{} rules are named (from 1 to {RULES_MAX} can be)", rules.len())));
        }
        if let Some(rule) = rules.iter().find(|rule| rule.len() > RULE_BYTES_MAX || printable(rule) != **rule) {
            let rule: String = printable(rule).chars().take(40).collect();
            return Err(Refused::Invalid(format!("rule {rule:?}… is no line of at most {RULE_BYTES_MAX} bytes")));
        }
        if let Some(baseline) = &wanted.baseline
            && ![GRID_ALONE, AS_SETTLED].contains(&baseline.as_str())
            && !rules.contains(baseline)
        {
            let baseline: String = printable(baseline).chars().take(40).collect();
            let way_out = format!("choose {AS_SETTLED}, {GRID_ALONE} or one of the rules");
            return Err(Refused::Invalid(format!("{baseline:?} is not among what is compared ({way_out})")));
        }
        let versions = self.reader.versions().await?;
        let mut named = Vec::new();
        for rule in rules {
            let rule = Named::parse(rule)?;
            let name = &rule.algorithm;
            let is_here = match reference(name) {
                Some(Reference::Uploaded { name, version }) => versions.iter().any(|known| {
                    known.label.name == name && version.as_ref().is_none_or(|version| known.label.version == *version)
                }),
                // A base algorithm that is named with its version is one, too.
                Some(Reference::Base(_) | Reference::Digest(_)) => true,
                Some(Reference::File(_)) | None => false,
            };
            let is_base = name.split_once('@').is_some_and(|(name, _)| base::base(name).is_some());
            if !is_here && !is_base {
                let way_out = "name a base algorithm or an uploaded one: NAME, NAME@VERSION or sha256:DIGEST";
                return Err(Refused::Invalid(format!("no algorithm {name:?} is here ({way_out})")));
            }
            if rule.shares_file.is_some() {
                let way_out = "use `rec-market backtest`";
                return Err(Refused::Invalid(format!("a file of shares cannot be named here ({way_out})")));
            }
            named.push(rule);
        }
        Ok(named)
    }

    /// The rules that everything can be compared with, besides those that are tried: what settled, and the grid alone.
    pub fn baselines() -> [&'static str; 2] {
        [AS_SETTLED, GRID_ALONE]
    }

    /// About how many intervals there are, within the bounds.
    async fn size(&self, wanted: &Wanted) -> Result<u64, Refused> {
        let (community, span) = (&wanted.community, wanted.span);
        let intervals = stored::count(&*self.reader, community, span).await?;
        let first = self.reader.intervals(community, span, 1).await?;
        let mark = self.reader.mark(community).await?;
        // The last interval of the span, and the first, which has no round where it only begins the books.
        let end = span.to.or(mark.map(|mark| mark.seconds())).unwrap_or(0).min(mark.map_or(0, |mark| mark.seconds()));
        let length = first.first().map_or(1, |first| u64::from(first.interval.length().seconds()));
        let last = Span { from: Some(end.saturating_sub(length)), to: Some(end) };
        let last = self.reader.intervals(community, last, 1).await?;
        let rounds = first.iter().chain(&last).filter_map(|stored| stored.round.as_ref());
        let members = rounds.map(|round| round.positions().len()).max().unwrap_or(0);
        let size =
            Size { members: members as u64, intervals, interval_seconds: length, rules: wanted.rules.len() as u64 };
        size.check()?;
        Ok(intervals)
    }

    /// Runs a backtest to its end, whatever that is.
    async fn work(&self, work: Arc<Work>) {
        let (community, by) = (work.wanted.community.clone(), work.wanted.by.clone());
        let result = self.run_and_keep(&work).await;
        let cancelled_by = work.cancelled_by.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let why = match (result, cancelled_by) {
            (Ok(number), _) => {
                tracing::info!(community, by, number, "a backtest is finished");
                None
            }
            (Err(_), Some(by)) => Some(Why::Cancelled(by)),
            (Err(_), None) if self.shutdown.is_cancelled() => None,
            (Err(Broken::Late), None) => Some(Why::Late),
            (Err(Broken::Told(why)), None) => Some(Why::Failed(why)),
            (Err(Broken::Machine(why)), None) => {
                tracing::error!(community, by, code = "backtest", "a backtest cannot go on: {why}");
                Some(Why::Machine)
            }
        };
        if let Some(why) = &why {
            tracing::info!(community, by, ?why, "a backtest ended without a result");
        }
        let mut state = self.state();
        state.running = None;
        if let Some(why) = why {
            let ended = Ended { by, at: self.clock.now(), rules: work.wanted.rules.clone(), why };
            state.ended.insert(community, ended);
        }
    }

    async fn run_and_keep(&self, work: &Arc<Work>) -> Result<u64, Broken> {
        let sandbox = (self.make_sandbox)(&work.cancel)?;
        let cache = AlgorithmCache::new(sandbox, Arc::clone(&self.reader));
        let mut variants = Vec::new();
        for named in &work.named {
            let reference = reference(&named.algorithm);
            let ready = match reference {
                Some(reference) => cache.known(&reference).await?,
                None => None,
            };
            let missing = || Broken::Told(format!("no algorithm {:?} is here", named.algorithm));
            let variant = Variant::new(named.clone(), ready.ok_or_else(missing)?);
            variants.push(variant.map_err(|error| Broken::Told(error.to_string()))?);
        }
        let backtest = self.in_thread(work, variants).await?;
        let Wanted { community, by, rules, span, baseline } = &work.wanted;
        let baseline = baseline.as_ref().and_then(|baseline| place(&backtest, baseline)).unwrap_or(backtest.baseline);
        let head = BacktestHead {
            at: Timestamp::from_millisecond(self.clock.now().as_millisecond()).unwrap_or(Timestamp::UNIX_EPOCH),
            by: by.clone(),
            span: backtest.span,
            rules: rules.clone(),
        };
        let program = format!("rec-market {}, {}", env!("CARGO_PKG_VERSION"), Sandbox::engine_version());
        let finished = Finished { backtest: Backtest { baseline, ..backtest }, asked: *span, program };
        let packed = tokio::task::spawn_blocking(move || kept::pack(&finished)).await;
        let packed = packed.map_err(|error| Broken::Machine(error.to_string()))?;
        let packed = packed.map_err(|error| Broken::Told(error.to_string()))?;
        Ok(self.store.keep_backtest(community, &head, packed.into()).await?)
    }

    /// Runs the variants in a thread that gives way to others. That cannot be taken back, so the thread ends with it.
    async fn in_thread(&self, work: &Arc<Work>, variants: Vec<Variant>) -> Result<Backtest, Broken> {
        let (sender, receiver) = oneshot::channel();
        let (work, reader, runtime) = (Arc::clone(work), Arc::clone(&self.reader), Handle::current());
        let (config, cancel) = (self.communities.get(&work.wanted.community).cloned(), work.cancel.clone());
        let run = move || {
            // On Linux this is of the thread and of those that it starts. A machine that refuses it runs them as all others.
            let _ = rustix::process::setpriority_process(None, NICE);
            let _runtime = runtime.enter();
            // OK because whoever waited has given up.
            drop(sender.send(work.run(&*reader, config.as_deref(), &variants)));
        };
        let thread = std::thread::Builder::new().name("backtest".to_owned()).spawn(run);
        thread.map_err(|error| Broken::Machine(error.to_string()))?;
        let mut receiver = receiver;
        let ran = match tokio::time::timeout(TIME_MAX, &mut receiver).await {
            Ok(ran) => ran,
            Err(_) => {
                cancel.cancel();
                // It gives up soon.
                drop(receiver.await);
                return Err(Broken::Late);
            }
        };
        let ran = ran.map_err(|_| Broken::Machine("its thread broke off".to_owned()))?;
        ran.map_err(broken)
    }
}

impl Work {
    fn running(&self) -> Running {
        Running {
            community: self.wanted.community.clone(),
            by: self.wanted.by.clone(),
            since: self.since,
            rules: self.wanted.rules.clone(),
            done: self.done.load(Ordering::Relaxed),
            of: self.of,
        }
    }

    /// Runs the variants on the rounds of the books. Blocks.
    fn run(
        &self,
        reader: &dyn Store,
        config: Option<&CommunityConfig>,
        variants: &[Variant],
    ) -> anyhow::Result<Backtest> {
        let Wanted { community, span, .. } = &self.wanted;
        let job = Job {
            community,
            zone: config.map_or(jiff::tz::TimeZone::UTC, |config| config.zone.clone()),
            variants,
            limits: &|case| RoundLimits::of(config, case),
            workers: NonZeroUsize::MIN,
            progress: &|cases| {
                self.done.fetch_add(cases, Ordering::Relaxed);
            },
        };
        super::run(&job, |feed| stored::feed(reader, community, *span, feed))
    }
}

/// What an algorithm's name means, if it can mean anything here: never a file of this machine.
fn reference(text: &str) -> Option<Reference> {
    if text.contains('/') {
        return None;
    }
    Reference::parse_stored(text, Path::new("")).ok().filter(|found| !matches!(found, Reference::File(_)))
}

/// The place of the variant with this name.
fn place(backtest: &Backtest, label: &str) -> Option<usize> {
    backtest.variants.iter().position(|variant| variant.named.label == label)
}

/// Why a backtest has no result.
enum Broken {
    Late,
    /// Something of what is wanted is wrong.
    Told(String),
    /// What people who look at pages need not know.
    Machine(String),
}

fn broken(error: anyhow::Error) -> Broken {
    let is_own = error.chain().any(|cause| cause.is::<StoreError>() || cause.is::<SandboxError>());
    let told = format!("{error:#}");
    if is_own { Broken::Machine(told) } else { Broken::Told(told) }
}

impl From<SandboxError> for Broken {
    fn from(error: SandboxError) -> Broken {
        Broken::Machine(chain(&error))
    }
}

impl From<StoreError> for Broken {
    fn from(error: StoreError) -> Broken {
        Broken::Machine(chain(&error))
    }
}

impl From<AlgorithmError> for Broken {
    fn from(error: AlgorithmError) -> Broken {
        let told = chain(&error);
        match error {
            AlgorithmError::Unusable(_) => Broken::Told(told),
            AlgorithmError::Store(_) | AlgorithmError::Sandbox(_) => Broken::Machine(told),
        }
    }
}
