//! The pages in a browser: the parts they are made from, on connections of their own to the store.

use std::sync::Arc;

use books::Store;
use sandbox::{Codegen, Sandbox};
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use super::{make_sandbox_until, open_store_to_read};
use crate::adapter::web::{Door, Parts, Served, serve};
use crate::algorithms::cache::AlgorithmCache;
use crate::backtest::background::Backtests;
use crate::clock::Clock;
use crate::config::Config;
use crate::telemetry::status::Status;

/// What the pages share with the rest of the process.
pub struct Around {
    pub store: Arc<dyn Store>,
    pub clock: Arc<dyn Clock>,
    /// The algorithms that settle.
    pub algorithms: Arc<AlgorithmCache>,
    pub status: Arc<Status>,
    /// How many concurrent connections there may be.
    pub connections: usize,
}

/// Serves the pages until the shutdown.
///
/// # Errors
/// If the store cannot be read, or the server cannot be started.
pub async fn run(
    config: &Config,
    listener: TcpListener,
    around: Around,
    shutdown: CancellationToken,
) -> anyhow::Result<()> {
    let Around { store, clock, algorithms, status, connections } = around;
    let reader = open_store_to_read(&config.store).await?;
    let backtests = backtests(config, (&store, &reader), &clock, &shutdown);
    let by_name = config.communities.iter().map(|community| (community.name.clone(), Arc::new(community.clone())));
    let parts = Parts {
        communities: by_name.collect(),
        reader,
        store,
        clock,
        algorithms,
        backtests: Arc::clone(&backtests),
        status,
        program: format!("rec-market {}, {}", env!("CARGO_PKG_VERSION"), Sandbox::engine_version()),
        config_path: config.path.display().to_string(),
    };
    let door = Door { open: config.web.open };
    serve(listener, Served { parts: Arc::new(parts), door, tls: config.web.tls.clone(), connections }, shutdown).await?;
    Ok(())
}

/// What people try on pages. Each try has a sandbox of its own, so that it takes no capacity from settlement.
fn backtests(
    config: &Config,
    (store, reader): (&Arc<dyn Store>, &Arc<dyn Store>),
    clock: &Arc<dyn Clock>,
    shutdown: &CancellationToken,
) -> Arc<Backtests> {
    let cache = config.cache.clone();
    Arc::new(Backtests::new(
        config.communities.iter().cloned().map(Arc::new),
        (Arc::clone(store), Arc::clone(reader)),
        Arc::clone(clock),
        Box::new(move |stop| make_sandbox_until(stop, Codegen::Usual, Some(cache.clone()))),
        shutdown.clone(),
    ))
}
