//! `rec-market dev transactions`.

use std::collections::BTreeSet;
use std::fs::File;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use clap::Args;
use demo::transactions::market::MarketClient;
use demo::transactions::service::TransactionsService;
use demo::transactions::worker::{Source, Worker};
use domain::TradeId;
use wire::tls::ClientTls;

use crate::cli::exit::{Exit, ExitCode};
use crate::cli::serve::stop_signal;
use crate::retry::{self, Failures};

/// Run a Transactions service that fetches all trades and pays them at once, until SIGTERM
#[derive(Debug, Args)]
pub struct TransactionsArgs {
    /// Plaintext address of the market, which tells who buys
    #[arg(long, value_name = "URL", default_value = "http://localhost:50050")]
    pub matches: String,
    /// TLS address of the market
    #[arg(long, value_name = "URL", default_value = "https://localhost:50051")]
    pub market: String,
    /// Certificate authority of the market (PEM)
    #[arg(long, value_name = "FILE", default_value = "secrets/ca_crt.pem")]
    pub ca: PathBuf,
    /// Client certificate (PEM), if the market requires one
    #[arg(long, value_name = "FILE", requires = "key")]
    pub certificate: Option<PathBuf>,
    /// Key of the client certificate (PEM)
    #[arg(long, value_name = "FILE", requires = "certificate")]
    pub key: Option<PathBuf>,
    /// File to append payments to, one JSON object per line
    #[arg(long, value_name = "FILE")]
    pub ledger: Option<PathBuf>,
}

/// Pause between two requests to the market.
const POLL: Duration = Duration::from_secs(1);

pub async fn run(args: &TransactionsArgs, out: &mut impl Write) -> anyhow::Result<Exit> {
    let identity = args.certificate.clone().zip(args.key.clone());
    let tls = ClientTls { ca: Some(args.ca.clone()), identity };
    let market = MarketClient::new(&args.market, &tls, Some(&args.matches)).exit_code(Exit::Usage)?;
    let mut ledger = args.ledger.as_deref().map(LedgerFile::open).transpose()?;
    let service = TransactionsService::default();
    let worker =
        Worker { service: service.clone(), market: Arc::new(market), source: Source::PulledForAll, poll: POLL };
    writeln!(out, "pays for everybody who buys at {}", args.market)?;
    out.flush()?;
    let mut stop = Box::pin(stop_signal()?);
    let mut failures = Failures::new(retry::USUAL);
    loop {
        let worked = tokio::select! {
            worked = worker.round() => worked,
            () = &mut stop => return Ok(Exit::Done),
        };
        let pause = match worked {
            Ok(()) => {
                failures.clear();
                POLL
            }
            Err(error) => {
                let pause = failures.add().min(Duration::from_secs(5));
                let error = anyhow::Error::from(error);
                tracing::warn!(failures = failures.count(), "{error:#}; trying again");
                pause
            }
        };
        if let Some(ledger) = &mut ledger {
            ledger.add(&service)?;
        }
        tokio::select! {
            () = tokio::time::sleep(pause) => {}
            () = &mut stop => return Ok(Exit::Done),
        }
    }
}

/// A file with every payment once.
struct LedgerFile {
    file: File,
    written: BTreeSet<TradeId>,
}

impl LedgerFile {
    fn open(path: &Path) -> anyhow::Result<LedgerFile> {
        let file = File::options()
            .create(true)
            .append(true)
            .open(path)
            .with_context(|| format!("cannot write the ledger {}", path.display()))
            .exit_code(Exit::Usage)?;
        Ok(LedgerFile { file, written: BTreeSet::new() })
    }

    fn add(&mut self, service: &TransactionsService) -> anyhow::Result<()> {
        let mut lines = Vec::new();
        for entry in service.ledger().entries().filter(|entry| entry.transaction_id.is_some()) {
            if self.written.insert(entry.trade.id) {
                let line = serde_json::json!({"id": entry.trade.id.to_string(), "transaction": entry.transaction_id});
                writeln!(lines, "{line}")?;
            }
        }
        Ok(self.file.write_all(&lines)?)
    }
}
