//! `rec-market dev`: services of the platform to develop and test against; never for production.

use std::collections::BTreeSet;
use std::fs::File;
use std::io::Write;
use std::sync::Arc;
use std::time::Duration;

use domain::{Boundary, IntervalLength, TradeId};
use tokio::net::TcpListener;

use crate::cli::args::{DevMetersArgs, DevTransactionsArgs};
use crate::cli::exit::{Exit, failed, usage};
use crate::cli::serve;
use crate::clock::{Clock, SystemClock};
use crate::retry::{self, Failures};
use demo::household::{self, Plan};
use demo::meters::{MetersService, Package, serve as serve_meters};
use demo::transactions::market::MarketClient;
use demo::transactions::service::TransactionsService;
use demo::transactions::worker::{Source, Worker};
use wire::tls::ClientTls;

/// Serves believable meters until a signal: those of `demo`, from a time on, as the clock goes.
pub async fn meters(args: &DevMetersArgs, out: &mut impl Write) -> anyhow::Result<Exit> {
    let length = jiff::SignedDuration::from_hours(24 * i64::from(args.days));
    let start = match args.start {
        Some(start) => start,
        // The last reading comes tomorrow, so that there is always a next one for a while.
        None => SystemClock.now() + jiff::SignedDuration::from_hours(24) - length,
    };
    let quarter = u64::from(IntervalLength::QUARTER_HOUR.seconds());
    let seconds = u64::try_from(start.as_second()).unwrap_or(0);
    let start = Boundary::from_seconds(seconds - seconds % quarter)
        .ok_or_else(|| usage(format!("--start {start} is out of range")))?;
    let plan = Plan { seed: args.seed, members: usize::from(args.members), start, days: args.days };
    let community = household::generate(plan).map_err(|error| failed(Exit::Usage, error))?;
    let listener = TcpListener::bind(args.listen)
        .await
        .map_err(|error| usage(format!("cannot listen on {}: {error}", args.listen)))?;
    let service = MetersService::new(Arc::new(community.recorded), || SystemClock.now());
    let serving = serve_meters(service, Package::Platform, listener)?;
    writeln!(out, "{} made-up meters from {start} on at http://{}", args.members, serving.address())?;
    out.flush()?;
    serve::signalled()?.await;
    serving.stop().await.map_err(|error| failed(Exit::Away, error))?;
    Ok(Exit::Done)
}

/// How often the market is asked.
const POLL: Duration = Duration::from_secs(1);

/// Pulls, pays and reports until a signal.
pub async fn transactions(args: &DevTransactionsArgs, out: &mut impl Write) -> anyhow::Result<Exit> {
    let identity = args.certificate.clone().zip(args.key.clone());
    let tls = ClientTls { ca: Some(args.ca.clone()), identity };
    let market = MarketClient::new(&args.market, &tls, Some(&args.matches));
    let market = Arc::new(market.map_err(|error| failed(Exit::Usage, error))?);
    let mut ledger = args.ledger.as_ref().map(Written::open).transpose()?;
    let service = TransactionsService::default();
    let worker = Worker { service: service.clone(), market, source: Source::PulledForAll, poll: POLL };
    writeln!(out, "pays for everybody who buys at {}", args.market)?;
    out.flush()?;
    let mut signalled = Box::pin(serve::signalled()?);
    let mut failures = Failures::new(retry::USUAL);
    loop {
        let worked = tokio::select! {
            worked = worker.round() => worked,
            () = &mut signalled => return Ok(Exit::Done),
        };
        let pause = match worked {
            Ok(()) => {
                failures.clear();
                POLL
            }
            Err(error) => {
                let pause = failures.add().min(Duration::from_secs(5));
                tracing::warn!(failures = failures.count(), "{error}; trying again");
                pause
            }
        };
        if let Some(ledger) = &mut ledger {
            ledger.add(&service)?;
        }
        tokio::select! {
            () = tokio::time::sleep(pause) => {}
            () = &mut signalled => return Ok(Exit::Done),
        }
    }
}

/// A ledger in a file: each payment once.
struct Written {
    file: File,
    known: BTreeSet<TradeId>,
}

impl Written {
    fn open(path: &std::path::PathBuf) -> anyhow::Result<Written> {
        let file = File::options().create(true).append(true).open(path);
        let told = |error| usage(format!("cannot write the ledger {}: {error}", path.display()));
        Ok(Written { file: file.map_err(told)?, known: BTreeSet::new() })
    }

    fn add(&mut self, service: &TransactionsService) -> anyhow::Result<()> {
        let mut lines = Vec::new();
        for entry in service.ledger().entries().filter(|entry| entry.transaction_id.is_some()) {
            if self.known.insert(entry.trade.id) {
                let line = serde_json::json!({"id": entry.trade.id.to_string(), "transaction": entry.transaction_id});
                writeln!(lines, "{line}")?;
            }
        }
        Ok(self.file.write_all(&lines)?)
    }
}
