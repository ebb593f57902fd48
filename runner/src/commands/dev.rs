//! `rec-market dev`: services of the platform to develop and test against; never for production.

use std::collections::BTreeSet;
use std::fs::File;
use std::io::Write;
use std::sync::Arc;
use std::time::Duration;

use domain::{Boundary, IntervalLength, TradeId};
use tokio::net::TcpListener;

use super::{Exit, Failed, serve};
use crate::backoff::Backoff;
use crate::cli::{DevMetersArgs, DevTransactionsArgs};
use crate::clock::{Clock, SystemClock};
use crate::demo::household::{self, Plan};
use crate::meters::service::{MetersService, Package, serve as serve_meters};
use crate::transactions::market::MarketClient;
use crate::transactions::service::TransactionsService;
use crate::transactions::tls::ClientTls;
use crate::transactions::worker::{Source, Worker};

/// Serves believable meters until a signal: those of `demo`, from a time on, as the clock goes.
pub async fn meters(args: &DevMetersArgs, out: &mut impl Write) -> Result<Exit, Failed> {
    let length = jiff::SignedDuration::from_hours(24 * i64::from(args.days));
    let start = match args.start {
        Some(start) => start,
        // The last reading comes tomorrow, so that there is always a next one for a while.
        None => SystemClock.now() + jiff::SignedDuration::from_hours(24) - length,
    };
    let quarter = u64::from(IntervalLength::QUARTER_HOUR.seconds());
    let seconds = u64::try_from(start.as_second()).unwrap_or(0);
    let start = Boundary::from_seconds(seconds - seconds % quarter)
        .ok_or_else(|| Failed::usage(format!("--start {start} is out of range")))?;
    let plan = Plan { seed: args.seed, members: usize::from(args.members), start, days: args.days };
    let community = household::generate(plan).map_err(|error| Failed::because(Exit::Usage, &error))?;
    let listener = TcpListener::bind(args.listen)
        .await
        .map_err(|error| Failed::usage(format!("cannot listen on {}: {error}", args.listen)))?;
    let service = MetersService::new(Arc::new(community.recorded), || SystemClock.now());
    let serving = serve_meters(service, Package::Platform, listener)?;
    writeln!(out, "{} made-up meters from {start} on at http://{}", args.members, serving.address())?;
    out.flush()?;
    serve::signalled()?.await;
    serving.stop().await.map_err(|error| Failed::because(Exit::Away, &error))?;
    Ok(Exit::Done)
}

/// How often the market is asked.
const POLL: Duration = Duration::from_secs(1);

/// Pulls, pays and reports until a signal.
pub async fn transactions(args: &DevTransactionsArgs, out: &mut impl Write) -> Result<Exit, Failed> {
    let identity = args.certificate.clone().zip(args.key.clone());
    let tls = ClientTls { ca: Some(args.ca.clone()), identity };
    let market = MarketClient::new(&args.market, &tls, Some(&args.matches));
    let market = Arc::new(market.map_err(|error| Failed::because(Exit::Usage, &error))?);
    let mut ledger = args.ledger.as_ref().map(Written::open).transpose()?;
    let service = TransactionsService::default();
    let worker = Worker { service: service.clone(), market, source: Source::PulledForAll, poll: POLL };
    writeln!(out, "pays for everybody who buys at {}", args.market)?;
    out.flush()?;
    let mut signalled = Box::pin(serve::signalled()?);
    let mut failures = 0_u32;
    loop {
        let worked = tokio::select! {
            worked = worker.round() => worked,
            () = &mut signalled => return Ok(Exit::Done),
        };
        let pause = match worked {
            Ok(()) => {
                failures = 0;
                POLL
            }
            Err(error) => {
                failures = failures.saturating_add(1);
                tracing::warn!(failures, "{error}; trying again");
                Backoff::USUAL.pause(failures).min(Duration::from_secs(5))
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
    fn open(path: &std::path::PathBuf) -> Result<Written, Failed> {
        let file = File::options().create(true).append(true).open(path);
        let told = |error| Failed::usage(format!("cannot write the ledger {}: {error}", path.display()));
        Ok(Written { file: file.map_err(told)?, known: BTreeSet::new() })
    }

    fn add(&mut self, service: &TransactionsService) -> Result<(), Failed> {
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
