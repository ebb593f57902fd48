//! `rec-market serve`: communities, servers and the outbox together, until a signal ends them.

use std::io::Write;
use std::sync::Arc;
use std::time::Duration;

use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use super::{Exit, Failed, open_sandbox, settle};
use crate::backoff::Backoff;
use crate::cli::ServeArgs;
use crate::clock::{Clock, SystemClock};
use crate::config::{Config, StoreConfig};
use crate::service::{CommunityTask, Holder, Watcher};
use crate::settle::{PassError, Summary};
use crate::store::{self, Store, StoreError};

/// How long what is under way may take to end.
const SHUTDOWN_MAX: Duration = Duration::from_secs(20);

/// Runs the command.
pub async fn run(args: &ServeArgs, out: &mut impl Write) -> Result<Exit, Failed> {
    let config = Config::load(&args.config.config)?;
    let shutdown = CancellationToken::new();
    let (signalled, token) = (signalled()?, shutdown.clone());
    tokio::spawn(async move {
        signalled.await;
        token.cancel();
    });
    let clock: Arc<dyn Clock> = Arc::new(SystemClock);
    let Some(store) = open_store(&config.store, &shutdown).await? else { return Ok(Exit::Done) };
    let sandbox = open_sandbox(Some(config.cache.clone()))?;
    let holder = Holder::this(&*clock);
    let mut tasks = JoinSet::new();
    for community in &config.communities {
        let task = CommunityTask {
            settler: settle::settler(community, &sandbox, &store).await?,
            store: Arc::clone(&store),
            clock: Arc::clone(&clock),
            holder: holder.clone(),
            term: config.replicas.lease,
            watcher: Arc::new(Log),
            shutdown: shutdown.clone(),
        };
        tasks.spawn(task.run());
    }
    writeln!(out, "rec-market serves {} communities", config.communities.len())?;
    out.flush()?;
    shutdown.cancelled().await;
    tracing::info!("ending");
    if tokio::time::timeout(SHUTDOWN_MAX, async { while tasks.join_next().await.is_some() {} }).await.is_err() {
        tracing::warn!("not everything ended within {SHUTDOWN_MAX:?}; what is not committed is settled again");
    }
    Ok(Exit::Done)
}

/// Opens the store, however long it is away.
async fn open_store(config: &StoreConfig, shutdown: &CancellationToken) -> Result<Option<Arc<dyn Store>>, Failed> {
    let mut attempt = 1;
    loop {
        match store::open(config).await {
            Ok(store) => return Ok(Some(store)),
            Err(error @ (StoreError::Away { .. } | StoreError::Failed { .. })) => {
                let pause = Backoff::USUAL.pause(attempt);
                tracing::warn!(attempt, ?pause, "{error}; trying again");
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
    use tokio::signal::unix::{SignalKind, signal};
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    Ok(async move {
        tokio::select! {
            _ = terminate.recv() => tracing::info!("SIGTERM"),
            _ = interrupt.recv() => tracing::info!("SIGINT"),
        }
    })
}

/// Tells the log alone.
struct Log;

impl Watcher for Log {
    fn passed(&self, community: &str, summary: &Summary, _: Result<(), &PassError>) {
        tracing::info!(community, intervals = summary.intervals, trades = summary.trades, "passed");
    }

    fn leased(&self, _: &str, _: bool) {}
}
