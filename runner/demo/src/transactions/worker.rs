//! What our own Transactions service does by itself: fetches trades if nobody pushes them, and reports what it paid.

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

/// Pauses while the market is away.
pub const PAUSES: ExponentialBuilder = ExponentialBuilder::new()
    .with_min_delay(Duration::from_millis(250))
    .with_max_delay(Duration::from_secs(30))
    .without_max_times()
    .with_jitter();

/// Trades in one report.
const REPORT_MAX: usize = 500;

/// How trades come to the service.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Source {
    /// The market pushes them.
    Pushed,
    /// They are claimed for these buyers, as the original's service does.
    Pulled(BTreeSet<String>),
    /// They are claimed for every buyer that the market's plaintext port tells of.
    PulledForAll,
}

/// Fetches, pays and reports.
pub struct Worker {
    /// The service whose ledger it keeps.
    pub service: TransactionsService,
    /// The market that it works with.
    pub market: Arc<MarketClient>,
    /// How trades come.
    pub source: Source,
    /// How long to wait for something to do.
    pub poll: Duration,
}

impl Worker {
    /// Works until told to stop. What fails is told and tried again.
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
                    tracing::warn!(%error, ?pause, "payments wait for the market");
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

    /// Once through everything that waits: claims it, pays it, reports it. What the market will not take yet stays for the
    /// next round.
    ///
    /// # Errors
    /// If the market is away; what was done until then is kept.
    pub async fn round(&self) -> Result<(), MarketError> {
        match &self.source {
            Source::Pushed => {}
            Source::Pulled(buyers) => self.claim_all(buyers).await?,
            Source::PulledForAll => self.claim_for_all().await?,
        }
        self.report().await
    }

    /// Claims whatever waits. What is claimed waits no more, so that the next buyers come to the front.
    async fn claim_for_all(&self) -> Result<(), MarketError> {
        let mut done = BTreeSet::new();
        loop {
            let mut buyers = self.market.buyers().await?;
            buyers.retain(|buyer| !done.contains(buyer));
            if buyers.is_empty() {
                // What waits now came meanwhile, or belongs to somebody else: another round's.
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
            // Of a trade without an id nobody can report anything.
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
                // A list is taken whole or not at all, and one of these is not taken.
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
                tracing::warn!(trade, reason, "the market takes this report later or never");
            }
            Err(MarketError::Refused { reason, later: false }) => {
                tracing::error!(trade, reason, "the market will never take this report");
                self.service.ledger().reported(one);
            }
            Err(error) => return Err(error),
        }
        Ok(())
    }
}
