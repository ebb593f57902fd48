//! `rec-market serve`: communities, servers and the outbox together, until a signal ends them.

use std::io::Write;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use sandbox::{Codegen, Sandbox};
use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::Notify;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use super::{Exit, Failed, forward, make_sandbox, open_sandbox, settle};
use crate::api::{self, Api, ApiError, ApiLimits, Operators, ServingApi};
use crate::backoff::Backoff;
use crate::cli::ServeArgs;
use crate::clock::{Clock, SystemClock};
use crate::config::{Config, Listen, StoreConfig};
use crate::forward::Forwarder;
use crate::metrics::{self, Metrics, Status};
use crate::registry::Registry;
use crate::service::{CommunityTask, Holder, ShadowTask};
use crate::stock::Stock;
use crate::store::{self, Measured, Store, StoreError};

/// How long what is under way may take to end.
const SHUTDOWN_MAX: Duration = Duration::from_secs(20);
/// How often the store is asked how much waits, which also tells whether it answers.
const LOOK: Duration = Duration::from_secs(5);

/// Runs the command.
pub async fn run(args: &ServeArgs, out: &mut impl Write) -> Result<Exit, Failed> {
    let config = Config::load(&args.config.config)?;
    let clock: Arc<dyn Clock> = Arc::new(SystemClock);
    let shutdown = CancellationToken::new();
    let (signalled, token) = (signalled()?, shutdown.clone());
    tokio::spawn(async move {
        signalled.await;
        token.cancel();
    });
    let listeners = Listeners::bind(&config.listen).await?;
    api::usable(config.tls.clone(), Arc::clone(&clock)).await?;
    let metrics = Arc::new(Metrics::new(Arc::clone(&clock)));
    let parts = config.communities.iter().map(|community| metrics.community(community));
    let status = Arc::new(Status::new(Arc::clone(&clock), parts));
    writeln!(out, "{}", listeners.line(config.communities.len())?)?;
    out.flush()?;
    listeners.tell(config.communities.len())?;
    let watched = metrics::http::serve(
        listeners.metrics,
        Arc::clone(&metrics),
        Arc::clone(&status),
        // Until the very end: who watches wants to see it.
        CancellationToken::new(),
    );
    let watched = tokio::spawn(watched);
    let Some(store) = open_store(&config.store, &status, &shutdown).await? else { return Ok(Exit::Done) };
    let service = Service { config, clock, metrics, status, store, shutdown };
    let ended = service.run(listeners.plain, listeners.tls).await;
    watched.abort();
    ended
}

/// Every port, taken before anything else: one that is not free starts nothing.
struct Listeners {
    plain: TcpListener,
    tls: TcpListener,
    metrics: TcpListener,
}

impl Listeners {
    async fn bind(listen: &Listen) -> Result<Listeners, Failed> {
        Ok(Listeners {
            plain: bind("listen", listen.plain).await?,
            tls: bind("listen_tls", listen.tls).await?,
            metrics: bind("listen_metrics", listen.metrics).await?,
        })
    }

    /// Where everything is, for people and for programs that let the system choose ports.
    fn line(&self, communities: usize) -> std::io::Result<String> {
        let (plain, tls, metrics) = (self.plain.local_addr()?, self.tls.local_addr()?, self.metrics.local_addr()?);
        let noun = if communities == 1 { "community" } else { "communities" };
        Ok(format!("rec-market serves {communities} {noun}: grpc={plain} tls={tls} metrics={metrics}"))
    }

    /// The same for the log, which often outlives stdout and is read apart from it.
    fn tell(&self, communities: usize) -> std::io::Result<()> {
        let (plain, tls, metrics) = (self.plain.local_addr()?, self.tls.local_addr()?, self.metrics.local_addr()?);
        let (version, engine) = (env!("CARGO_PKG_VERSION"), Sandbox::engine_version());
        tracing::info!(version, engine, communities, grpc = %plain, %tls, %metrics, "the service starts");
        Ok(())
    }
}

async fn bind(key: &str, address: SocketAddr) -> Result<TcpListener, Failed> {
    let told = |error| Failed::usage(format!("{key}: cannot listen on {address}: {error} (is another copy running?)"));
    TcpListener::bind(address).await.map_err(told)
}

/// Opens the store, however long it is away.
async fn open_store(
    config: &StoreConfig,
    status: &Status,
    shutdown: &CancellationToken,
) -> Result<Option<Arc<dyn Store>>, Failed> {
    let mut attempt = 1;
    loop {
        let Some(opened) = shutdown.run_until_cancelled(store::open(config)).await else { return Ok(None) };
        match opened {
            Ok(store) => return Ok(Some(store)),
            Err(error @ (StoreError::Away { .. } | StoreError::Busy { .. } | StoreError::Failed { .. })) => {
                let pause = Backoff::USUAL.pause(attempt);
                tracing::warn!(attempt, ?pause, "{error}; trying again");
                status.store(Err(&error));
                if shutdown.run_until_cancelled(tokio::time::sleep(pause)).await.is_none() {
                    return Ok(None);
                }
                attempt = attempt.saturating_add(1);
            }
            Err(error) => return Err(error.into()),
        }
    }
}

/// Waits for SIGTERM or SIGINT, from now on.
pub fn signalled() -> Result<impl Future<Output = ()> + Send, Failed> {
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    Ok(async move {
        tokio::select! {
            _ = terminate.recv() => tracing::info!("SIGTERM"),
            _ = interrupt.recv() => tracing::info!("SIGINT"),
        }
    })
}

/// What all parts share.
struct Service {
    config: Config,
    clock: Arc<dyn Clock>,
    metrics: Arc<Metrics>,
    status: Arc<Status>,
    store: Arc<dyn Store>,
    shutdown: CancellationToken,
}

impl Service {
    async fn run(mut self, plain: TcpListener, tls: TcpListener) -> Result<Exit, Failed> {
        self.store = Arc::new(Measured::new(Arc::clone(&self.store), Arc::clone(&self.metrics)));
        let holder = Holder::this(&*self.clock);
        let wake = Arc::new(Notify::new());
        let mut tasks = JoinSet::new();
        let sandbox = open_sandbox(Some(self.config.cache.clone()))?;
        let stock = Arc::new(Stock::new(sandbox, Arc::clone(&self.store)));
        for community in self.communities(&holder, &stock, &wake).await? {
            tasks.spawn(community.run());
        }
        tasks.spawn(self.shadows(&holder).run());
        if let Some(forwarder) = forward::forwarder(&self.config, &self.store, &self.clock, &holder)? {
            let metrics = Some(Arc::clone(&self.metrics));
            let (forwarder, stop) = (Forwarder { wake, metrics, ..forwarder }, self.shutdown.clone());
            tasks.spawn(async move { forwarder.run(stop).await });
        }
        let api = self.start_api(&stock, plain, tls).await?;
        self.status.serving(true);
        let watching = self.watch(&api);
        let failed = tokio::select! {
            () = self.shutdown.cancelled() => None,
            error = watching => Some(error),
        };
        self.status.stopping();
        api.health().set(false).await;
        // Whatever ended it: nothing is left half done.
        self.shutdown.cancel();
        let ending = async {
            let stopped = api.stop().await;
            while tasks.join_next().await.is_some() {}
            stopped
        };
        match tokio::time::timeout(SHUTDOWN_MAX, ending).await {
            Ok(stopped) => {
                stopped?;
                tracing::info!("the service has ended");
            }
            Err(_) => {
                tracing::warn!("not everything ended within {SHUTDOWN_MAX:?}; what is not committed is settled again")
            }
        }
        failed.map_or(Ok(Exit::Done), Err)
    }

    async fn communities(
        &self,
        holder: &Holder,
        stock: &Arc<Stock>,
        wake: &Arc<Notify>,
    ) -> Result<Vec<CommunityTask>, Failed> {
        let mut tasks = Vec::new();
        for community in &self.config.communities {
            let settler = settle::settler(community, stock, &self.store).await?.with_metrics(&self.metrics);
            tasks.push(CommunityTask {
                settler,
                store: Arc::clone(&self.store),
                clock: Arc::clone(&self.clock),
                holder: holder.clone(),
                term: self.config.replicas.lease,
                metrics: self.metrics.community(community),
                status: Arc::clone(&self.status),
                wake: Arc::clone(wake),
                shutdown: self.shutdown.clone(),
            });
        }
        Ok(tasks)
    }

    fn shadows(&self, holder: &Holder) -> ShadowTask {
        let (store, cache) = (Arc::clone(&self.store), self.config.cache.clone());
        let make_stock = move || {
            let sandbox = make_sandbox(Codegen::Usual, Some(cache.clone()), Some(1))?;
            Ok(Stock::new(sandbox, Arc::clone(&store)))
        };
        ShadowTask {
            communities: self.config.communities.clone(),
            store: Arc::clone(&self.store),
            make_stock: Box::new(make_stock),
            clock: Arc::clone(&self.clock),
            holder: holder.clone(),
            term: self.config.replicas.lease,
            metrics: Arc::clone(&self.metrics),
            shutdown: self.shutdown.clone(),
        }
    }

    /// What operators work with. The gate has sandboxes of its own, and keeps no code: most of what it sees is refused.
    fn operators(&self, stock: &Arc<Stock>) -> Operators {
        let registry = Registry::new(
            Arc::clone(&self.store),
            Arc::clone(&self.clock),
            self.config.communities.clone(),
            Arc::clone(stock),
            Box::new(|codegen| make_sandbox(codegen, None, Some(1))),
        );
        Operators { registry: Arc::new(registry), callers: self.config.callers.clone() }
    }

    async fn start_api(
        &self,
        stock: &Arc<Stock>,
        plain: TcpListener,
        tls: TcpListener,
    ) -> Result<ServingApi, ApiError> {
        let api = Api {
            operators: Some(self.operators(stock)),
            store: Arc::clone(&self.store),
            clock: Arc::clone(&self.clock),
            claim_lease: self.config.forward.lease,
            limits: ApiLimits::default(),
        };
        let metrics = Arc::clone(&self.metrics);
        let observer: api::Observer =
            Arc::new(move |method, code, took| metrics.grpc_request(method, code as i32, took));
        api::start_observed(api, Some(observer), plain, tls, self.config.tls.clone()).await
    }

    /// Looks after what nobody asks for: how much waits, whether the store answers, a SIGHUP for new certificates. Ends
    /// only if it cannot go on.
    async fn watch(&self, api: &ServingApi) -> Failed {
        let mut hangup = match signal(SignalKind::hangup()) {
            Ok(hangup) => hangup,
            Err(error) => return error.into(),
        };
        let mut ticks = tokio::time::interval(LOOK);
        loop {
            tokio::select! {
                _ = ticks.tick() => {
                    let depth = self.store.outbox_depth(self.clock.now()).await;
                    self.status.store(depth.as_ref().map(|_| ()));
                    if let Ok(depth) = depth {
                        self.metrics.outbox(depth);
                    }
                    api.health().set(self.status.unready().is_empty()).await;
                }
                _ = hangup.recv() => match api.reload().await {
                    Ok(changed) => tracing::info!(changed, "SIGHUP: read the certificate again"),
                    Err(error) => tracing::error!("SIGHUP: {error}; the certificate before is used on"),
                },
            }
        }
    }
}
