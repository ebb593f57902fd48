//! The worker of the development Transactions service: claims trades if they are not pushed, and reports payments.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use backon::{BackoffBuilder, ExponentialBuilder};
use tokio_util::sync::CancellationToken;

use super::ledger::Entry;
use super::market::{MarketClient, MarketError};
use super::service::TransactionsService;
use super::trade::Payable;
use wire::MatchResponse;

/// Pauses between retries while the market is unavailable.
pub const PAUSES: ExponentialBuilder = ExponentialBuilder::new()
    .with_min_delay(Duration::from_millis(250))
    .with_max_delay(Duration::from_secs(30))
    .without_max_times()
    .with_jitter();

/// Maximum number of trades in one report.
const REPORT_MAX: usize = 500;

/// How trades reach the service.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Source {
    /// The market pushes them.
    Pushed,
    /// The worker claims them for these buyers, as the Python original's service does.
    Pulled(BTreeSet<String>),
    /// The worker claims them for every buyer that the market's plaintext port lists.
    PulledForAll,
}

/// Claims, pays and reports trades.
pub struct Worker {
    /// The service whose ledger is used.
    pub service: TransactionsService,
    /// The market to claim from and report to.
    pub market: Arc<MarketClient>,
    /// How trades reach the service.
    pub source: Source,
    /// Pause between rounds if nothing arrives.
    pub poll: Duration,
}

impl Worker {
    /// Works until `stop` is cancelled. Failures are logged and retried.
    pub async fn run(&self, stop: CancellationToken) {
        let mut pauses = None;
        loop {
            let pause = match self.round().await {
                Ok(()) => {
                    pauses = None;
                    self.poll
                }
                Err(error) => {
                    let pause = pauses.get_or_insert_with(|| PAUSES.build()).next().unwrap_or_default();
                    tracing::warn!(%error, ?pause, "the market is unavailable, payments are retried");
                    pause
                }
            };
            tokio::select! {
                () = stop.cancelled() => return,
                () = self.service.news(), if pauses.is_none() => {}
                () = tokio::time::sleep(pause) => {}
            }
        }
    }

    /// Runs one round: claims, pays and reports every waiting trade. Reports that the market does not accept yet are
    /// retried in the next round.
    ///
    /// # Errors
    /// If the market is unavailable. What was done until then is kept.
    pub async fn round(&self) -> Result<(), MarketError> {
        match &self.source {
            Source::Pushed => {}
            Source::Pulled(buyers) => self.claim_all(buyers).await?,
            Source::PulledForAll => self.claim_for_all().await?,
        }
        self.report().await
    }

    /// Claims for every buyer. Claimed trades no longer wait, so further buyers come onto the page.
    async fn claim_for_all(&self) -> Result<(), MarketError> {
        let mut done = BTreeSet::new();
        loop {
            let mut buyers = self.market.buyers().await?;
            buyers.retain(|buyer| !done.contains(buyer));
            if buyers.is_empty() {
                // Trades that still wait arrived in the meantime, or another client claims them: left for the next
                // round.
                return Ok(());
            }
            self.claim_all(&buyers).await?;
            done.append(&mut buyers);
        }
    }

    async fn claim_all(&self, buyers: &BTreeSet<String>) -> Result<(), MarketError> {
        for buyer in buyers {
            loop {
                let claimed = self.market.claim(buyer).await?;
                if claimed.is_empty() {
                    break;
                }
                for trade in &claimed {
                    self.take(trade).await?;
                }
            }
        }
        Ok(())
    }

    async fn take(&self, wire: &MatchResponse) -> Result<(), MarketError> {
        let taken = Payable::fetched(wire).and_then(|trade| self.service.ledger().take(trade));
        let Err(reason) = taken else { return Ok(()) };
        tracing::error!(trade = wire.id, %reason, "a trade cannot be paid");
        match wire.id.parse() {
            Ok(id) => self.market.report_error(id, reason.to_string()).await,
            // Without a valid id no report is possible.
            Err(_) => Ok(()),
        }
    }

    async fn report(&self) -> Result<(), MarketError> {
        let mut after = None;
        loop {
            let entries = self.service.ledger().unreported(after, REPORT_MAX);
            let Some(last) = entries.last() else { return Ok(()) };
            after = Some(last.trade.id);
            match self.market.report(&entries).await {
                Ok(()) => self.service.ledger().reported(&entries),
                // The market accepts a list as a whole or not at all, and it refuses one of these.
                Err(MarketError::Refused { .. }) => {
                    for entry in &entries {
                        self.report_one(entry).await?;
                    }
                }
                Err(error) => return Err(error),
            }
        }
    }

    async fn report_one(&self, entry: &Entry) -> Result<(), MarketError> {
        let (trade, one) = (entry.trade.id.to_string(), std::slice::from_ref(entry));
        match self.market.report(one).await {
            Ok(()) => self.service.ledger().reported(one),
            Err(MarketError::Refused { reason, later: true }) => {
                tracing::warn!(trade, reason, "the market does not accept this report yet");
            }
            Err(MarketError::Refused { reason, later: false }) => {
                tracing::error!(trade, reason, "the market will never accept this report");
                self.service.ledger().reported(one);
            }
            Err(error) => return Err(error),
        }
        Ok(())
    }
}
