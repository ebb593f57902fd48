//! The rest of the demo's platform: the market's servers, and a Transactions service that pays what was settled.
//!
//! Everything is on loopback, over TLS, with certificates that are made for it and gone afterwards.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use tempfile::TempDir;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use crate::adapter::grpc::{self, Api, ApiError, ApiLimits, ServingApi};
use crate::adapter::transactions::outbox::{DrainError, OutboxRelay};
use crate::adapter::transactions::push::PushClient;
use crate::clock::{Clock, SystemClock};
use crate::config::TlsConfig;
use crate::lease::LeaseOwner;
use books::Store;
use demo::certificates::{self, CertificateError, Certificates};
use demo::transactions::ledger::Totals;
use demo::transactions::market::{MarketClient, MarketError};
use demo::transactions::service::{ServerPem, ServingError, TransactionsService};
use demo::transactions::worker::{Source, Worker};
use wire::tls::{ClientTls, TlsError};

/// How long a claim holds, and when what was not paid is sent again: longer than any demo.
const LEASE: Duration = Duration::from_secs(900);

/// More than the market wants to see ahead without a warning.
const CERTIFICATE_DAYS: u16 = 30;

/// How trades come to Transactions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Forwarding {
    /// Transactions fetches them, as the platform's does.
    Pull,
    /// The market sends them.
    Push,
}

/// A demo whose trades could not be paid.
#[derive(Debug, thiserror::Error)]
pub enum PaymentsError {
    /// No certificates.
    #[error(transparent)]
    Certificates(#[from] CertificateError),
    /// No place for them, or no port.
    #[error("the demo has no room for certificates or no port on loopback")]
    Io(#[from] io::Error),
    /// The market's servers failed.
    #[error(transparent)]
    Api(#[from] ApiError),
    /// A client cannot even try to connect.
    #[error(transparent)]
    Tls(#[from] TlsError),
    /// The market did not answer.
    #[error(transparent)]
    Market(#[from] MarketError),
    /// Transactions did not take the trades.
    #[error(transparent)]
    Push(#[from] DrainError),
    /// The Transactions service failed.
    #[error(transparent)]
    Serving(#[from] ServingError),
    /// Its task panicked or was cancelled.
    #[error("the Transactions service ended early")]
    Task(#[from] tokio::task::JoinError),
}

/// Brings every trade that waits to Transactions, which pays it and reports that; answers its ledger's totals.
///
/// # Errors
/// If one of the services fails; what was paid until then is recorded.
pub async fn pay(store: &Arc<dyn Store>, forwarding: Forwarding) -> Result<Totals, PaymentsError> {
    let clock: Arc<dyn Clock> = Arc::new(SystemClock);
    let certificates = certificates::development(SystemClock.now(), &[""; 0], CERTIFICATE_DAYS)?;
    let files = tempfile::tempdir()?;
    let ours = Files::write(&files, &certificates)?;
    let market = serve_market(store, &clock, ours.market).await?;

    let service = TransactionsService::default();
    let (plain, tls) = (format!("http://{}", market.plain_address()), format!("https://{}", market.tls_address()));
    let client = Arc::new(MarketClient::new(&tls, &ours.client, Some(&plain))?);
    let worker = |source| Worker { service: service.clone(), market: client, source, poll: Duration::ZERO };
    match forwarding {
        Forwarding::Pull => worker(Source::PulledForAll).round().await?,
        Forwarding::Push => {
            let listener = loopback().await?;
            let to = format!("https://{}", listener.local_addr()?);
            let push = PushClient::new(&to, ours.client, PushClient::DEADLINE)?;
            let (stop, server) = (CancellationToken::new(), service.clone());
            let serving = tokio::spawn({
                let (pem, stop) = (pem(&certificates), stop.clone());
                async move { server.serve(listener, pem, stop).await }
            });
            let forwarder = OutboxRelay::new(Arc::clone(store), clock, push, LeaseOwner::named("demo"), LEASE);
            forwarder.drain_once().await?;
            worker(Source::Pushed).round().await?;
            drop(forwarder);
            stop.cancel();
            serving.await??;
        }
    }
    market.stop().await?;
    let totals = service.ledger().totals();
    Ok(totals)
}

async fn serve_market(
    store: &Arc<dyn Store>,
    clock: &Arc<dyn Clock>,
    tls: TlsConfig,
) -> Result<ServingApi, PaymentsError> {
    let api = Api {
        store: Arc::clone(store),
        clock: Arc::clone(clock),
        claim_lease: LEASE,
        limits: ApiLimits::default(),
        operators: None,
    };
    Ok(grpc::start(api, loopback().await?, loopback().await?, tls).await?)
}

async fn loopback() -> io::Result<TcpListener> {
    TcpListener::bind(("127.0.0.1", 0)).await
}

fn pem(certificates: &Certificates) -> ServerPem {
    let certificates::Issued { certificate, key } = &certificates.client;
    ServerPem { certificate: certificate.clone(), key: key.clone() }
}

/// What each side is told to read.
struct Files {
    market: TlsConfig,
    client: ClientTls,
}

impl Files {
    /// Writes certificates into a directory of our own, which nobody else can read.
    fn write(directory: &TempDir, certificates: &Certificates) -> io::Result<Files> {
        let write = |name: &str, text: &str| {
            let path = directory.path().join(name);
            std::fs::write(&path, text).map(|()| path)
        };
        let (market, client) = (&certificates.market, &certificates.client);
        let ca = write("ca.pem", &certificates.authority.certificate)?;
        let identity = (write("client.pem", &client.certificate)?, write("client_key.pem", &client.key)?);
        Ok(Files {
            market: TlsConfig {
                certificate: write("market.pem", &market.certificate)?,
                key: write("market_key.pem", &market.key)?,
                // So that the demo shows both sides knowing each other.
                client_ca: Some(ca.clone()),
            },
            client: ClientTls { ca: Some(ca), identity: Some(identity) },
        })
    }
}
