//! The pages in a browser: the parts they are made from, on connections of their own to the store.

use std::sync::Arc;
use std::time::Duration;

use books::Store;
use sandbox::{Codegen, Sandbox};
use tokio::net::TcpListener;
use tokio::sync::SetOnce;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use super::{make_sandbox_until, open_store_to_read};
use crate::adapter::web::{Answers, Door, Kept, Opened, Overviews, Parts, Served, Visits, record, serve};
use crate::algorithms::cache::AlgorithmCache;
use crate::backtest::background::Backtests;
use crate::certificates::{Certificates, Server};
use crate::clock::Clock;
use crate::config::{CommunityConfig, Config};
use crate::telemetry::status::Status;

/// What the pages share with the rest of the process from the start.
pub struct Around {
    pub clock: Arc<dyn Clock>,
    pub status: Arc<Status>,
    /// How many concurrent connections there may be.
    pub connections: usize,
}

/// What they share once the store is open.
pub struct Open {
    pub store: Arc<dyn Store>,
    /// Those of the configuration.
    pub communities: Vec<Arc<CommunityConfig>>,
    /// The algorithms that settle.
    pub algorithms: Arc<AlgorithmCache>,
}

/// How often the files of the certificate are looked at.
const RELOAD: Duration = Duration::from_secs(60);

/// The certificate of the pages; `None` if they are plaintext.
///
/// # Errors
/// If it cannot be used.
pub async fn certificates(config: &Config, clock: &Arc<dyn Clock>) -> anyhow::Result<Option<Arc<Certificates>>> {
    let Some(files) = config.web.tls.clone().filter(|_| config.listen.web.is_some()) else { return Ok(None) };
    let clock = Arc::clone(clock);
    let loaded = tokio::task::spawn_blocking(move || Certificates::load(Server::Pages, files, clock)).await??;
    Ok(Some(Arc::new(loaded)))
}

/// Serves the pages until the shutdown. Until the store is open they only say that it is not; `open` completes with `None` if it
/// never will be.
///
/// # Errors
/// If the store cannot be read, or the server cannot be started.
pub async fn run(
    config: &Config,
    listener: TcpListener,
    around: Around,
    open: impl Future<Output = Option<Open>>,
    shutdown: CancellationToken,
) -> anyhow::Result<()> {
    let Around { clock, status, connections } = around;
    let certificates = certificates(config, &clock).await?;
    let watching = certificates.clone().map(|certificates| tokio::spawn(certificates.watch(RELOAD)));
    let opened = Arc::new(SetOnce::new());
    let (shown, told) = (Arc::clone(&opened), Arc::clone(&status));
    let served = Served { opened: shown, clock: Arc::clone(&clock), status: told, certificates, connections };
    let opening = async {
        let Some(open) = open.await else { return Ok(None) };
        let (parts, visits, behind) = parts(config, open, clock, status, &shutdown).await?;
        let door = Door::new(config.web.clone(), config.viewers.clone(), visits);
        // OK because this is the only place that sets it.
        let _ = opened.set(Opened::new(parts, door));
        anyhow::Ok(Some(behind))
    };
    let serving = async { anyhow::Ok(serve(listener, served, shutdown.clone()).await?) };
    let ended = tokio::try_join!(serving, opening);
    watching.inspect(|watching| watching.abort());
    drop(opened);
    if let ((), Some(Behind { keeping, backtests })) = ended? {
        // Nobody notes anything any more: it ends when all is kept.
        keeping.await?;
        backtests.finish().await;
    }
    Ok(())
}

/// What works behind the pages.
struct Behind {
    keeping: JoinHandle<()>,
    backtests: Arc<Backtests>,
}

async fn parts(
    config: &Config,
    Open { store, communities, algorithms }: Open,
    clock: Arc<dyn Clock>,
    status: Arc<Status>,
    shutdown: &CancellationToken,
) -> anyhow::Result<(Parts, Visits, Behind)> {
    let reader = open_store_to_read(&config.store).await?;
    let backtests = backtests(config, &communities, (&store, &reader), &clock, shutdown);
    let by_name = communities.into_iter().map(|community| (community.name.clone(), community));
    let (visits, keeper) = record(Arc::clone(&store));
    let behind = Behind { keeping: tokio::spawn(keeper.run()), backtests: Arc::clone(&backtests) };
    let parts = Parts {
        communities: by_name.collect(),
        reader,
        store,
        clock,
        algorithms,
        backtests,
        status,
        kept: Kept::default(),
        overviews: Overviews::default(),
        answers: Answers::default(),
        program: format!("rec-market {}, {}", env!("CARGO_PKG_VERSION"), Sandbox::engine_version()),
        offered_since: config.forward.since.0,
        config_path: config.path.display().to_string(),
    };
    Ok((parts, visits, behind))
}

/// What people try on pages. Each try has a sandbox of its own, so that it takes no capacity from settlement.
fn backtests(
    config: &Config,
    communities: &[Arc<CommunityConfig>],
    (store, reader): (&Arc<dyn Store>, &Arc<dyn Store>),
    clock: &Arc<dyn Clock>,
    shutdown: &CancellationToken,
) -> Arc<Backtests> {
    let cache = config.cache.clone();
    Arc::new(Backtests::new(
        communities.iter().cloned(),
        (Arc::clone(store), Arc::clone(reader)),
        Arc::clone(clock),
        Box::new(move |stop| make_sandbox_until(stop, Codegen::Usual, Some(cache.clone()))),
        shutdown.clone(),
    ))
}
