//! `rec-market serve`: the service, until a signal ends it.

use std::io::Write;
use std::sync::Arc;

use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;

use crate::adapter::grpc;
use crate::app::service::{self, Listeners};
use crate::cli::args::ServeArgs;
use crate::cli::exit::Exit;
use crate::clock::{Clock, SystemClock};
use crate::config::Config;

/// Runs the command.
pub async fn run(args: &ServeArgs, out: &mut impl Write) -> anyhow::Result<Exit> {
    let config = Config::load(&args.config.config)?;
    let clock: Arc<dyn Clock> = Arc::new(SystemClock);
    let shutdown = CancellationToken::new();
    let (signalled, token) = (signalled()?, shutdown.clone());
    tokio::spawn(async move {
        signalled.await;
        token.cancel();
    });
    let listeners = Listeners::bind(&config.listen).await?;
    grpc::usable(config.tls.clone(), Arc::clone(&clock)).await?;
    writeln!(out, "{}", listeners.line(config.communities.len())?)?;
    out.flush()?;
    service::serve(config, listeners, clock, shutdown).await?;
    Ok(Exit::Done)
}

/// Waits for SIGTERM or SIGINT, from now on.
pub fn signalled() -> anyhow::Result<impl Future<Output = ()> + Send> {
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    Ok(async move {
        tokio::select! {
            _ = terminate.recv() => tracing::info!("SIGTERM"),
            _ = interrupt.recv() => tracing::info!("SIGINT"),
        }
    })
}
