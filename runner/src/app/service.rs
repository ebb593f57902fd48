//! The service: communities, servers and the outbox together, until it is told to stop.

use std::collections::HashSet;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use books::{Store, StoreError};
use domain::text::chain;
use sandbox::{Codegen, CompileLimits, Sandbox};
use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::{Notify, oneshot};
use tokio::task::{JoinHandle, JoinSet};
use tokio_util::sync::CancellationToken;

use super::web::{self, Around, Open};
use super::{Common, make_sandbox_until, open_sandbox, open_store, outbox_relay, rights};
use crate::adapter::grpc::{self, Api, ApiError, ApiLimits, PriceTaking, ServingApi};
use crate::adapter::http;
use crate::adapter::transactions::outbox::OutboxRelay;
use crate::algorithms::cache::AlgorithmCache;
use crate::algorithms::registry::Registry;
use crate::algorithms::shadow::{ShadowQueue, ShadowTask};
use crate::clock::Clock;
use crate::config::{CommunityConfig, Config, MetersSource, StoreConfig};
use crate::details::DetailTask;
use crate::lease::LeaseOwner;
use crate::ports::{self, Failure, Opening, OpeningObserver, Shares};
use crate::retry::{self, Failures};
use crate::settlement::{Communities, Surroundings};
use crate::telemetry::metrics::Metrics;
use crate::telemetry::outage::{Ended, Outage};
use crate::telemetry::status::Status;
use crate::telemetry::store::MeasuredStore;

/// How long current work may take to finish after the signal to stop.
const SHUTDOWN_MAX: Duration = Duration::from_secs(20);
/// How often the store is asked how many trades wait, which also shows whether it is available.
const WATCH_INTERVAL: Duration = Duration::from_secs(5);

/// A port that cannot be listened on.
#[derive(Debug, thiserror::Error)]
#[error("{key}: cannot listen on {address} (is another copy running?)")]
pub struct PortTaken {
    key: &'static str,
    address: SocketAddr,
    source: io::Error,
}

/// All ports, taken before anything else starts.
pub struct Listeners {
    plain: TcpListener,
    tls: TcpListener,
    metrics: TcpListener,
    /// None where there are no pages.
    web: Option<TcpListener>,
}

impl Listeners {
    /// Listens on every port of the configuration.
    ///
    /// # Errors
    /// If one is not available. Pages for which nobody has asked are no reason not to settle.
    pub async fn bind(config: &Config) -> Result<Listeners, PortTaken> {
        let listen = &config.listen;
        Ok(Listeners {
            plain: bind("listen", listen.plain).await?,
            tls: bind("listen_tls", listen.tls).await?,
            metrics: bind("listen_metrics", listen.metrics).await?,
            web: match listen.web {
                Some(address) => match bind("listen_web", address).await {
                    Err(taken) if !config.asks_for_pages() => {
                        let way_out = "set listen_web to another address, or to \"\" for none";
                        tracing::warn!("there are no pages: {} ({way_out})", chain(&taken));
                        None
                    }
                    bound => Some(bound?),
                },
                None => None,
            },
        })
    }

    /// The line with all addresses, for people and for programs that let the system choose the ports.
    ///
    /// # Errors
    /// If a port has no address.
    pub fn line(&self, communities: usize) -> io::Result<String> {
        let (plain, tls, metrics) = (self.plain.local_addr()?, self.tls.local_addr()?, self.metrics.local_addr()?);
        let noun = if communities == 1 { "community" } else { "communities" };
        let web = self.web_address()?.map(|web| format!(" web={web}")).unwrap_or_default();
        Ok(format!("rec-market serves {communities} {noun}: grpc={plain} tls={tls} metrics={metrics}{web}"))
    }

    fn web_address(&self) -> io::Result<Option<SocketAddr>> {
        self.web.as_ref().map(TcpListener::local_addr).transpose()
    }

    /// The same for the log, which often goes elsewhere than stdout.
    fn log(&self, communities: usize) -> io::Result<()> {
        let (plain, tls, metrics) = (self.plain.local_addr()?, self.tls.local_addr()?, self.metrics.local_addr()?);
        let web = self.web_address()?.map_or_else(|| "none".to_owned(), |web| web.to_string());
        let (version, engine) = (env!("CARGO_PKG_VERSION"), Sandbox::engine_version());
        tracing::info!(version, engine, communities, grpc = %plain, %tls, %metrics, web, "the service starts");
        Ok(())
    }
}

async fn bind(key: &'static str, address: SocketAddr) -> Result<TcpListener, PortTaken> {
    TcpListener::bind(address).await.map_err(|source| PortTaken { key, address, source })
}

/// Runs the service on these ports until the shutdown, then finishes the current work.
///
/// # Errors
/// If it cannot start, or a server fails.
pub async fn serve(
    config: Config,
    listeners: Listeners,
    clock: Arc<dyn Clock>,
    shutdown: CancellationToken,
) -> anyhow::Result<()> {
    let metrics = match config.metrics.in_total(config.communities.len()) {
        true => Metrics::in_total(Arc::clone(&clock)),
        false => Metrics::new(Arc::clone(&clock)),
    };
    let metrics = Arc::new(metrics);
    metrics.handshake_reasons(Failure::ALL.into_iter().map(Failure::as_str));
    let parts = config.communities.iter().map(|community| metrics.community(&community.name, community.grace));
    let status = Arc::new(Status::new(Arc::clone(&clock), parts));
    listeners.log(config.communities.len())?;
    rights::tell(&config.callers);
    rights::tell_viewers(&config);
    let services: HashSet<String> = config.communities.iter().map(CommunityConfig::meters_service).collect();
    let shares = ports::raise(services.len(), listeners.web.is_some())?;
    // Until the very end, so that monitoring sees it.
    let (seen, told) = (Arc::clone(&metrics), Arc::clone(&status));
    let http = tokio::spawn(http::serve(listeners.metrics, shares.metrics, seen, told, CancellationToken::new()));
    let config = Arc::new(config);
    let (open, opened) = oneshot::channel();
    let around = Around { clock: Arc::clone(&clock), status: Arc::clone(&status), connections: shares.web };
    let pages = listeners.web.map(|listener| {
        let (config, shutdown) = (Arc::clone(&config), shutdown.clone());
        tokio::spawn(async move { web::run(&config, listener, around, async { opened.await.ok() }, shutdown).await })
    });
    let pages = pages.map(|serving| Pages { open, serving });
    let Some(store) = wait_for_store(&config.store, &status, &shutdown).await? else { return Ok(()) };
    let store: Arc<dyn Store> = Arc::new(MeasuredStore::new(store, Arc::clone(&metrics)));
    // A community's configuration is used by several parts, and there may be many.
    let communities = config.communities.iter().cloned().map(Arc::new).collect();
    let shadows = Arc::default();
    let service = Service { config, communities, shares, clock, metrics, status, store, shadows, shutdown };
    let ended = service.run(listeners.plain, listeners.tls, pages).await;
    http.abort();
    ended
}

/// Opens the store; waits for as long as it is not available.
async fn wait_for_store(
    config: &StoreConfig,
    status: &Status,
    shutdown: &CancellationToken,
) -> Result<Option<Arc<dyn Store>>, StoreError> {
    let (mut failures, mut outage) = (Failures::new(retry::USUAL), Outage::default());
    loop {
        let Some(opened) = shutdown.run_until_cancelled(open_store(config)).await else { return Ok(None) };
        match opened {
            Ok(store) => {
                status.store(Ok(()));
                if let Some(Ended { failures, lasted }) = outage.ended() {
                    tracing::info!(code = "store", failures, ?lasted, "the store works");
                }
                return Ok(Some(store));
            }
            Err(error @ (StoreError::Unavailable { .. } | StoreError::Busy { .. } | StoreError::Failed { .. })) => {
                let pause = failures.add();
                if outage.failed("open") {
                    tracing::error!(code = "store", "{}; trying again until it works", chain(&error));
                } else {
                    tracing::debug!(attempt = failures.count(), ?pause, "{}; trying again", chain(&error));
                }
                status.store(Err(&error));
                if shutdown.run_until_cancelled(tokio::time::sleep(pause)).await.is_none() {
                    return Ok(None);
                }
            }
            Err(error) => return Err(error),
        }
    }
}

/// Says what of the sandbox depends on this machine.
fn log_sandbox(sandbox: &Sandbox) {
    let memory_bytes = CompileLimits::default().granted_bytes();
    tracing::info!(memory_bytes, "the compiler of uploaded algorithms has this memory at most");
    if let Some(reason) = sandbox.unreserved() {
        tracing::warn!(
            "no memory is reserved for runs, which start more slowly, with the same limits and results: {reason}"
        );
    }
}

/// The pages, which are served from the start.
struct Pages {
    /// Tells them that the store is open.
    open: oneshot::Sender<Open>,
    serving: JoinHandle<anyhow::Result<()>>,
}

/// Waits until the pages have ended; for ever if there are none, or none any more.
async fn ended(pages: &mut Option<JoinHandle<anyhow::Result<()>>>) -> anyhow::Result<()> {
    let Some(serving) = pages else { return std::future::pending().await };
    let ended = serving.await;
    *pages = None;
    ended?
}

/// What all parts of the service share.
struct Service {
    config: Arc<Config>,
    communities: Vec<Arc<CommunityConfig>>,
    shares: Shares,
    clock: Arc<dyn Clock>,
    metrics: Arc<Metrics>,
    status: Arc<Status>,
    store: Arc<dyn Store>,
    /// Communities whose candidates may have something to do.
    shadows: Arc<ShadowQueue>,
    shutdown: CancellationToken,
}

impl Service {
    async fn run(self, plain: TcpListener, tls: TcpListener, pages: Option<Pages>) -> anyhow::Result<()> {
        let owner = LeaseOwner::this(&*self.clock);
        let wake = Arc::new(Notify::new());
        let mut tasks = JoinSet::new();
        let sandbox = open_sandbox(Some(self.config.cache.clone()))?;
        log_sandbox(&sandbox);
        let cache = Arc::new(AlgorithmCache::new(sandbox, Arc::clone(&self.store)));
        tasks.spawn(self.settling(&owner, &cache, &wake).await?.run());
        tasks.spawn(self.shadows(&owner).run());
        if let Some(relay) = outbox_relay(&self.config, &self.store, &self.clock, &owner)? {
            let (metrics, status) = (Some(Arc::clone(&self.metrics)), Some(Arc::clone(&self.status)));
            let (relay, stop) = (OutboxRelay { wake, metrics, status, ..relay }, self.shutdown.clone());
            tasks.spawn(async move { relay.run(stop).await });
        }
        let api = self.start_api(&cache, plain, tls).await?;
        let mut pages = pages.map(|Pages { open, serving }| {
            tasks.spawn(self.details(&owner).run());
            // If nobody is there to hear it, the pages have failed, which is told below.
            let _ = open.send(Open {
                store: Arc::clone(&self.store),
                communities: self.communities.clone(),
                algorithms: Arc::clone(&cache),
            });
            serving
        });
        self.status.serving(true);
        let watching = self.watch(&api);
        let failed = tokio::select! {
            () = self.shutdown.cancelled() => None,
            error = watching => Some(error),
            Err(error) = ended(&mut pages) => Some(error),
        };
        self.status.stopping();
        api.health().set(false).await;
        // Also after a failure, so that nothing is left half done.
        self.shutdown.cancel();
        let ending = async {
            let stopped = api.stop().await;
            while tasks.join_next().await.is_some() {}
            if pages.is_some() {
                ended(&mut pages).await?;
            }
            stopped.map_err(anyhow::Error::from)
        };
        match tokio::time::timeout(SHUTDOWN_MAX, ending).await {
            Ok(stopped) => {
                stopped?;
                tracing::info!("the service has stopped");
            }
            Err(_) => {
                tracing::warn!(
                    "not everything finished within {SHUTDOWN_MAX:?}; what is not committed will be settled again"
                )
            }
        }
        failed.map_or(Ok(()), Err)
    }

    async fn settling(
        &self,
        owner: &LeaseOwner,
        cache: &Arc<AlgorithmCache>,
        wake: &Arc<Notify>,
    ) -> anyhow::Result<Communities> {
        let common = Common::new(Arc::clone(cache), Arc::clone(&self.store), Arc::clone(&self.clock));
        let mut settlers = Vec::new();
        for community in &self.communities {
            settlers.push(common.settler(Arc::clone(community), &self.metrics).await?);
        }
        let around = Surroundings {
            store: Arc::clone(&self.store),
            clock: Arc::clone(&self.clock),
            owner: owner.clone(),
            term: self.config.replicas.lease,
            since: self.config.forward.since,
            status: Arc::clone(&self.status),
            metrics: Arc::clone(&self.metrics),
            shadows: Arc::clone(&self.shadows),
            wake: Arc::clone(wake),
            shutdown: self.shutdown.clone(),
        };
        Ok(Communities::new(settlers, around))
    }

    fn shadows(&self, owner: &LeaseOwner) -> ShadowTask {
        let (store, cache, shutdown) = (Arc::clone(&self.store), self.config.cache.clone(), self.shutdown.clone());
        let make_cache = move || {
            let sandbox = make_sandbox_until(&shutdown, Codegen::Usual, Some(cache.clone()))?;
            Ok(AlgorithmCache::new(sandbox, Arc::clone(&store)))
        };
        let by_name = |community: &Arc<CommunityConfig>| (community.name.clone(), Arc::clone(community));
        ShadowTask {
            communities: self.communities.iter().map(by_name).collect(),
            queue: Arc::clone(&self.shadows),
            store: Arc::clone(&self.store),
            make_cache: Box::new(make_cache),
            clock: Arc::clone(&self.clock),
            owner: owner.clone(),
            term: self.config.replicas.lease,
            metrics: Arc::clone(&self.metrics),
            shutdown: self.shutdown.clone(),
        }
    }

    /// Only pages need details.
    fn details(&self, owner: &LeaseOwner) -> DetailTask {
        DetailTask {
            store: Arc::clone(&self.store),
            clock: Arc::clone(&self.clock),
            owner: owner.clone(),
            term: self.config.replicas.lease,
            shutdown: self.shutdown.clone(),
        }
    }

    /// The gate has sandboxes of its own. Their code is kept where settlement looks for it: what is activated after an upload is
    /// compiled already.
    fn registry(&self, cache: &Arc<AlgorithmCache>) -> Arc<Registry> {
        let (shutdown, kept) = (self.shutdown.clone(), self.config.cache.clone());
        Arc::new(Registry::new(
            Arc::clone(&self.store),
            Arc::clone(&self.clock),
            self.communities.clone(),
            Arc::clone(cache),
            Box::new(move |codegen| make_sandbox_until(&shutdown, codegen, Some(kept.clone()))),
            Arc::clone(&self.shadows),
        ))
    }

    fn price_taking(&self) -> PriceTaking {
        let meters = self.communities.iter().flat_map(|community| community.configured_meters());
        PriceTaking { configured: Arc::new(meters.collect()), ..PriceTaking::default() }
    }

    async fn start_api(
        &self,
        cache: &Arc<AlgorithmCache>,
        plain: TcpListener,
        tls: TcpListener,
    ) -> Result<ServingApi, ApiError> {
        let api = Api {
            callers: self.config.callers.clone(),
            administration: Some(self.registry(cache)),
            store: Arc::clone(&self.store),
            clock: Arc::clone(&self.clock),
            claim_lease: self.config.forward.lease,
            offered_since: self.config.forward.since,
            cut: Some(self.tell_cut()),
            openings: Some(self.tell_openings()),
            limits: ApiLimits { connections: self.shares.grpc, ..ApiLimits::default() },
            prices: self.price_taking(),
            wallets: self.config.wallets(),
            meters: self.config.communities.iter().any(|community| community.meters == MetersSource::Store),
        };
        let metrics = Arc::clone(&self.metrics);
        let observer: grpc::Observer =
            Arc::new(move |method, code, took| metrics.grpc_request(method, code as i32, took));
        grpc::start_observed(api, Some(observer), plain, tls, self.config.tls.clone()).await
    }

    /// Notes who got a response without its end.
    fn tell_cut(&self) -> grpc::CutObserver {
        let status = Arc::clone(&self.status);
        Arc::new(move |grpc::Cut { method, caller, .. }| {
            status.cut(method, caller.map_or_else(|| "unknown".to_owned(), |caller| caller.to_string()));
        })
    }

    /// Notes who comes through the TLS port, and who does not.
    fn tell_openings(&self) -> OpeningObserver {
        let (metrics, status) = (Arc::clone(&self.metrics), Arc::clone(&self.status));
        Arc::new(move |opening| match opening {
            Opening::CameThrough => {
                metrics.tls_request();
                status.tls_callers().came_through();
            }
            Opening::Failed { from, failure } => {
                metrics.handshake_failed(failure.as_str());
                status.tls_callers().failed(failure.as_str(), failure.meaning(), from);
            }
        })
    }

    /// Watches the outbox, the store, and SIGHUP, which reloads the certificate. Returns only if it cannot go on.
    async fn watch(&self, api: &ServingApi) -> anyhow::Error {
        let mut hangup = match signal(SignalKind::hangup()) {
            Ok(hangup) => hangup,
            Err(error) => return error.into(),
        };
        let mut ticks = tokio::time::interval(WATCH_INTERVAL);
        loop {
            tokio::select! {
                _ = ticks.tick() => {
                    let depth = self.store.outbox_depth(self.config.forward.since, self.clock.now()).await;
                    self.status.store(depth.as_ref().map(|_| ()));
                    if let Ok(depth) = depth {
                        self.metrics.outbox(depth);
                    }
                    api.health().set(self.status.unready().is_empty()).await;
                }
                _ = hangup.recv() => match api.reload().await {
                    Ok(changed) => tracing::info!(changed, "SIGHUP: read the certificate again"),
                    Err(error) => {
                        let error = anyhow::Error::from(error);
                        tracing::error!("SIGHUP: {error:#}; keeping the certificate in use");
                    }
                },
            }
        }
    }
}
