//! The demo's books in a browser, until a signal ends it.

use std::io::Write;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;

use anyhow::Context;
use books::Store;
use jiff::Timestamp;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use super::Scene;
use crate::algorithms::cache::AlgorithmCache;
use crate::app::open_sandbox_with_any_cache;
use crate::app::web::{self, Around, Open};
use crate::cli::exit::{Exit, ExitCode, usage};
use crate::cli::serve::stop_signal;
use crate::clock::{Clock, FixedClock};
use crate::config::Config;
use crate::telemetry::metrics::Metrics;
use crate::telemetry::status::Status;

/// Where the pages are unless that is taken.
const USUAL: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(Ipv4Addr::LOCALHOST), 8080);
/// How many concurrent connections there may be.
const CONNECTIONS: usize = 64;

/// The port of the pages.
pub(super) struct Port {
    listener: TcpListener,
    /// The address that is taken by somebody else.
    taken: Option<SocketAddr>,
}

impl Port {
    /// Listens on this address, or on the usual one, or on one that the system chooses.
    pub(super) async fn open(wanted: Option<SocketAddr>) -> anyhow::Result<Port> {
        let Some(address) = wanted else {
            return Ok(match TcpListener::bind(USUAL).await {
                Ok(listener) => Port { listener, taken: None },
                Err(_) => Port { listener: TcpListener::bind((USUAL.ip(), 0)).await?, taken: Some(USUAL) },
            });
        };
        if !address.ip().is_loopback() {
            return Err(usage(format!(
                "--serve={address} is not this machine alone, but the demo is open to everybody (take an address such as {USUAL})"
            )));
        }
        let listener = TcpListener::bind(address).await;
        let listener =
            listener.with_context(|| format!("--serve={address}: cannot listen there")).exit_code(Exit::Usage)?;
        Ok(Port { listener, taken: None })
    }

    /// Shows the books until SIGINT or SIGTERM.
    pub(super) async fn serve(
        self,
        config: &Config,
        store: Arc<dyn Store>,
        scene: &Scene,
        out: &mut impl Write,
    ) -> anyhow::Result<()> {
        let stop = stop_signal()?;
        if let Some(taken) = self.taken {
            writeln!(out, "\n{taken} is taken, so the system chose another port.")?;
        }
        writeln!(out, "\nIn a browser: http://{}/ (Ctrl-C ends it)", self.listener.local_addr()?)?;
        out.flush()?;
        // As if it were still the last day of the readings.
        let clock: Arc<dyn Clock> = Arc::new(FixedClock(scene.now()));
        let metrics = Metrics::new(Arc::clone(&clock));
        let mut parts = Vec::new();
        for community in &config.communities {
            let part = metrics.community(&community.name, community.grace);
            store.mark(&community.name).await?.into_iter().for_each(|mark| part.set_mark(mark));
            parts.push(part);
        }
        let status = Arc::new(Status::new(Arc::clone(&clock), parts));
        status.store(Ok(()));
        let shutdown = CancellationToken::new();
        let token = shutdown.clone();
        tokio::spawn(async move {
            stop.await;
            token.cancel();
        });
        let sandbox = open_sandbox_with_any_cache(Some(config.cache.clone()))?;
        let algorithms = Arc::new(AlgorithmCache::new(sandbox, Arc::clone(&store)));
        let around = Around { clock, status, connections: CONNECTIONS };
        let communities = config.communities.iter().cloned().map(Arc::new).collect();
        let open = std::future::ready(Some(Open { store, communities, algorithms }));
        web::run(config, self.listener, around, open, shutdown).await
    }
}

impl Scene {
    /// An hour after the last reading, so that all intervals are due.
    pub(super) fn now(&self) -> Timestamp {
        self.until + jiff::SignedDuration::from_hours(1)
    }
}
