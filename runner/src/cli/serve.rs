//! `rec-market serve`: the service, until a signal stops it.

use std::io::Write;
use std::sync::Arc;

use clap::Args;
use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;

use crate::adapter::grpc;
use crate::app;
use crate::app::service::{self, Listeners};
use crate::cli::args::ConfigArg;
use crate::cli::exit::Exit;
use crate::clock::{Clock, SystemClock};
use crate::config::Config;
use crate::file::warn_if_exposed;

/// Run the service until SIGTERM: settle on schedule, serve the platform, forward trades
///
/// After a downtime it catches up with everything that is due. Several replicas can share one store. SIGHUP reloads the
/// certificates.
#[derive(Debug, Args)]
pub struct ServeArgs {
    #[command(flatten)]
    pub config: ConfigArg,
}

pub async fn run(args: &ServeArgs, out: &mut impl Write) -> anyhow::Result<Exit> {
    let config = Config::load(&args.config.config)?;
    let clock: Arc<dyn Clock> = Arc::new(SystemClock);
    let shutdown = CancellationToken::new();
    let (stop, token) = (stop_signal()?, shutdown.clone());
    tokio::spawn(async move {
        stop.await;
        token.cancel();
    });
    warn_if_exposed("the key of the certificate", Some(config.tls.key.as_path()));
    for caller in &config.callers {
        warn_if_exposed(&format!("the token of caller {}", caller.name), caller.token_file.as_deref());
    }
    warn_if_exposed("the key of the pages", config.web.tls.as_ref().map(|tls| tls.key.as_path()));
    for viewer in &config.viewers {
        warn_if_exposed(&format!("the token of viewer {}", viewer.name), viewer.token_file.as_deref());
    }
    let listeners = Listeners::bind(&config).await?;
    grpc::check_certificate(config.tls.clone(), Arc::clone(&clock)).await?;
    app::web::certificates(&config, &clock).await?;
    writeln!(out, "{}", listeners.line(config.communities.len())?)?;
    out.flush()?;
    service::serve(config, listeners, clock, shutdown).await?;
    Ok(Exit::Done)
}

/// Catches SIGTERM and SIGINT from now on; the future completes at the first one.
pub fn stop_signal() -> anyhow::Result<impl Future<Output = ()> + Send> {
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    Ok(async move {
        tokio::select! {
            _ = terminate.recv() => tracing::info!("SIGTERM"),
            _ = interrupt.recv() => tracing::info!("SIGINT"),
        }
    })
}
