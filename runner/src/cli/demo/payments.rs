//! Payments: the servers of the market, and a Transactions service that pays all trades, over TLS on loopback.

use std::sync::Arc;
use std::time::{Duration, Instant};

use books::{OfferedSince, Store, Wallets};
use demo::certificates::Issued;
use demo::transactions::ledger::Totals;
use demo::transactions::market::MarketClient;
use demo::transactions::service::{ServerPem, TransactionsService};
use demo::transactions::worker::{Source, Worker};
use tokio_util::sync::CancellationToken;

use super::ForwardArg;
use super::tls::{Tls, loopback};
use crate::adapter::grpc::{self, Api, ApiLimits, PriceTaking};
use crate::adapter::transactions::outbox::OutboxRelay;
use crate::adapter::transactions::push::PushClient;
use crate::clock::{Clock, SystemClock};
use crate::config::usual_callers;
use crate::lease::LeaseOwner;

/// When a claim expires, and when unpaid trades are sent again: longer than any demo takes.
const LEASE: Duration = Duration::from_secs(900);

pub(super) struct Payments {
    /// `pull` or `push`.
    pub(super) mode: &'static str,
    /// The sums in the ledger of Transactions.
    pub(super) totals: Totals,
    pub(super) seconds: f64,
}

/// Forwards every waiting trade to Transactions, which pays it and reports that.
pub(super) async fn pay(store: &Arc<dyn Store>, forward: ForwardArg) -> anyhow::Result<Payments> {
    let started = Instant::now();
    let clock: Arc<dyn Clock> = Arc::new(SystemClock);
    let tls = Tls::new()?;
    let api = Api {
        store: Arc::clone(store),
        clock: Arc::clone(&clock),
        claim_lease: LEASE,
        offered_since: OfferedSince::default(),
        cut: None,
        openings: None,
        limits: ApiLimits::default(),
        callers: usual_callers(),
        prices: PriceTaking::default(),
        wallets: Wallets::default(),
        meters: false,
        administration: None,
    };
    let market = grpc::start(api, loopback().await?, loopback().await?, tls.market.clone()).await?;

    let service = TransactionsService::default();
    let (plain, secure) = (format!("http://{}", market.plain_address()), format!("https://{}", market.tls_address()));
    let client = Arc::new(MarketClient::new(&secure, &tls.transactions, Some(&plain))?);
    let worker = |source| Worker { service: service.clone(), market: client, source, poll: Duration::ZERO };
    let mode = match forward {
        ForwardArg::Pull => {
            worker(Source::PulledForAll).round().await?;
            "pull"
        }
        ForwardArg::Push => {
            push(store, clock, &tls, &service).await?;
            worker(Source::Pushed).round().await?;
            "push"
        }
    };
    market.stop().await?;
    let totals = service.ledger().totals();
    Ok(Payments { mode, totals, seconds: started.elapsed().as_secs_f64() })
}

/// Pushes the outbox to a Transactions service.
async fn push(
    store: &Arc<dyn Store>,
    clock: Arc<dyn Clock>,
    tls: &Tls,
    service: &TransactionsService,
) -> anyhow::Result<()> {
    let listener = loopback().await?;
    let to = format!("https://{}", listener.local_addr()?);
    let client = PushClient::new(&to, tls.transactions.clone(), PushClient::DEADLINE)?;
    let Issued { certificate, key } = tls.certificates.client.clone();
    let (server, stop) = (service.clone(), CancellationToken::new());
    let serving = tokio::spawn({
        let stop = stop.clone();
        async move { server.serve(listener, ServerPem { certificate, key }, stop).await }
    });
    let relay =
        OutboxRelay::new(Arc::clone(store), clock, client, LeaseOwner::named("demo"), LEASE, OfferedSince::default());
    relay.drain_once().await?;
    // Closes its connection, for which the server would wait.
    drop(relay);
    stop.cancel();
    Ok(serving.await??)
}
