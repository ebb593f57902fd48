//! The pages in a browser: the parts they are made from, on connections of their own to the store.

use std::sync::Arc;

use books::Store;
use sandbox::Sandbox;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use super::open_store_to_read;
use crate::adapter::web::{Door, Kept, Parts, Served, record, serve};
use crate::clock::Clock;
use crate::config::Config;
use crate::telemetry::status::Status;

/// What the pages share with the rest of the process.
pub struct Around {
    pub store: Arc<dyn Store>,
    pub clock: Arc<dyn Clock>,
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
    let Around { store, clock, status, connections } = around;
    let reader = open_store_to_read(&config.store).await?;
    let by_name = config.communities.iter().map(|community| (community.name.clone(), Arc::new(community.clone())));
    let parts = Parts {
        communities: by_name.collect(),
        reader,
        store,
        clock,
        status,
        statements: Kept::default(),
        program: format!("rec-market {}, {}", env!("CARGO_PKG_VERSION"), Sandbox::engine_version()),
        config_path: config.path.display().to_string(),
    };
    let (visits, keeper) = record(Arc::clone(&parts.store));
    let door = Door::new(config.web.clone(), config.viewers.clone(), visits);
    let keeping = tokio::spawn(keeper.run());
    let served = Served { parts: Arc::new(parts), door, tls: config.web.tls.clone(), connections };
    let served = serve(listener, served, shutdown).await;
    // Nobody notes anything any more: it ends when all is kept.
    keeping.await?;
    Ok(served?)
}
