//! The gRPC servers that the platform calls: `proto.MarketService` in plaintext for the stack's own network,
//! `proto.AuthenticatedMarketService` and `rec.market.v1.AlgorithmService` over TLS; health and reflection on both.
//!
//! Start reading at [`start`], then [`market`](self), which answers. Deliberately not here: when trades are settled,
//! and how they are kept.

mod algorithms;
mod callers;
mod certificates;
mod connections;
mod convert;
mod health;
mod instant;
mod market;
mod observe;
mod page;

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpListener;
use tokio::task::{JoinError, JoinSet};
use tokio_stream::Stream;
use tokio_util::sync::{CancellationToken, DropGuard};
use tonic::server::NamedService;
use tonic::service::Routes;
use tonic::transport::server::{Connected, Server};

use crate::algorithms::registry::Registry;
use crate::clock::Clock;
use crate::config::{CallerConfig, TlsConfig};
use algorithms::Algorithms;
use books::Store;
use certificates::Certificates;
use connections::Bounds;
use market::Market;
use wire::authenticated_market_service_server::AuthenticatedMarketServiceServer;
use wire::market_service_server::MarketServiceServer;
use wire::rec_market_v1::algorithm_service_server::AlgorithmServiceServer;

pub use algorithms::receive::upload as receive_upload;
pub use certificates::UnusableCertificate;
pub use health::{Health, ask};
pub use market::MORE;
pub use observe::{Observer, UNKNOWN_METHOD};
pub use tonic::Code;

/// What the servers work with.
pub struct Api {
    /// Where trades and prices are kept.
    pub store: Arc<dyn Store>,
    /// What time it is.
    pub clock: Arc<dyn Clock>,
    /// When a claim returns that nobody reports of.
    pub claim_lease: Duration,
    /// What a caller may cost.
    pub limits: ApiLimits,
    /// What operators may do, if there is a registry of algorithms.
    pub operators: Option<Operators>,
}

/// What operators work with, and who they are.
#[derive(Clone)]
pub struct Operators {
    /// The algorithms.
    pub registry: Arc<Registry>,
    /// Who may do what with them.
    pub callers: Vec<CallerConfig>,
}

/// What callers may cost. The defaults suit a platform's few services with long answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ApiLimits {
    /// Longest request, in bytes.
    pub request_bytes: usize,
    /// Longest answer, in bytes: below the 4 MiB that gRPC's clients take if nobody tells them otherwise.
    pub answer_bytes: usize,
    /// Longest headers of a request, in bytes.
    pub header_bytes: u32,
    /// Requests at once on one connection: not fewer than the 100 that clients assume until they hear of a limit
    /// (RFC 9113, 6.5.2), because what they sent by then would be refused.
    pub streams: u32,
    /// Connections at once on each port.
    pub connections: usize,
    /// TLS handshakes at once; of more the oldest is given up.
    pub handshakes: usize,
    /// Long answers that are put together at once.
    pub lists: usize,
    /// How long a TLS handshake may take, and then the beginning of HTTP/2.
    pub opening: Duration,
    /// How long a request may take.
    pub request: Duration,
    /// How long a request about algorithms may take: the gate compiles and runs what strangers wrote.
    pub examination: Duration,
    /// How often a silent caller is asked whether it is still there; it has 20 seconds to answer.
    pub keepalive: Duration,
    /// How often the files of the certificate are looked at.
    pub reload: Duration,
    /// How long requests under way may go on when the servers stop.
    pub drain: Duration,
}

impl Default for ApiLimits {
    fn default() -> ApiLimits {
        ApiLimits {
            request_bytes: 4 << 20,
            answer_bytes: 7 << 19,
            header_bytes: 16 << 10,
            streams: 100,
            connections: 1024,
            handshakes: 128,
            lists: 8,
            opening: Duration::from_secs(10),
            request: Duration::from_secs(30),
            examination: Duration::from_secs(20 * 60),
            keepalive: Duration::from_secs(30),
            reload: Duration::from_secs(5),
            drain: Duration::from_secs(10),
        }
    }
}

/// Servers that do not start, or do not end as they should.
#[derive(Debug, thiserror::Error)]
pub enum ApiError {
    /// The certificate cannot be used.
    #[error(transparent)]
    Certificate(#[from] UnusableCertificate),
    /// A listener has no address.
    #[error("a listener of the gRPC servers has no address: {0}")]
    Listener(#[from] io::Error),
    /// The descriptors in this program do not fit each other.
    #[error("the gRPC servers cannot describe themselves: {0}")]
    Reflection(#[from] tonic_reflection::server::Error),
    /// The transport failed.
    #[error("a gRPC server failed: {0}")]
    Transport(#[from] tonic::transport::Error),
    /// A task panicked or was cancelled.
    #[error("a gRPC server ended early: {0}")]
    Task(#[from] JoinError),
}

/// Servers at work. They end at once when this is dropped.
pub struct ServingApi {
    plain: SocketAddr,
    tls: SocketAddr,
    health: Health,
    certificates: Arc<Certificates>,
    drain: Duration,
    servers: JoinSet<Result<(), tonic::transport::Error>>,
    /// Looks after the certificate.
    watching: JoinSet<()>,
    /// Cancelled to accept no more, and finish what is under way.
    stop: DropGuard,
    /// Cancelled to close every connection.
    end: DropGuard,
}

/// Starts the servers on their listeners, `SERVING`. Must be called within a tokio runtime.
///
/// # Errors
/// If the certificate cannot be used: missing, damaged, not of this key, not valid now.
pub async fn start(
    api: Api,
    plain: TcpListener,
    tls: TcpListener,
    certificates: TlsConfig,
) -> Result<ServingApi, ApiError> {
    start_observed(api, None, plain, tls, certificates).await
}

/// As [`start`]; the observer is told every request on both ports.
///
/// # Errors
/// As [`start`].
pub async fn start_observed(
    api: Api,
    observer: Option<Observer>,
    plain: TcpListener,
    tls: TcpListener,
    certificates: TlsConfig,
) -> Result<ServingApi, ApiError> {
    let (plain_address, tls_address) = (plain.local_addr()?, tls.local_addr()?);
    let (limits, clock) = (api.limits, Arc::clone(&api.clock));
    let certificates = tokio::task::spawn_blocking(move || Certificates::load(certificates, clock)).await??;
    let certificates = Arc::new(certificates);
    let health = Health::of(&[PLAIN_SERVICE, TLS_SERVICE, ALGORITHM_SERVICE]).await;
    let operators = api.operators.clone();
    let market = Market::new(Arc::new(api));
    let plain_routes = plain_routes(&market, limits, &health)?;
    let tls_routes = tls_routes(&market, operators, limits, &health)?;

    let (stop, end) = (CancellationToken::new(), CancellationToken::new());
    let bounds =
        Bounds { connections: limits.connections, handshakes: limits.handshakes.max(1), opening: limits.opening };
    let mut servers = JoinSet::new();
    let plain = connections::plain(plain, bounds, end.clone());
    servers.spawn(serve(plain_routes, observer.clone(), limits, plain, stop.clone()));
    let tls = connections::tls(tls, bounds, end.clone(), Arc::clone(&certificates));
    servers.spawn(serve(tls_routes, observer, limits, tls, stop.clone()));
    let mut watching = JoinSet::new();
    watching.spawn(Arc::clone(&certificates).watch(limits.reload));
    Ok(ServingApi {
        plain: plain_address,
        tls: tls_address,
        health,
        certificates,
        drain: limits.drain,
        servers,
        watching,
        stop: stop.drop_guard(),
        end: end.drop_guard(),
    })
}

/// Whether servers would start with this certificate.
///
/// # Errors
/// If it cannot be used: missing, damaged, not of this key, not valid now.
pub async fn usable(certificates: TlsConfig, clock: Arc<dyn Clock>) -> Result<(), ApiError> {
    tokio::task::spawn_blocking(move || Certificates::load(certificates, clock)).await??;
    Ok(())
}

const PLAIN_SERVICE: &str = <MarketServiceServer<Market> as NamedService>::NAME;
const TLS_SERVICE: &str = <AuthenticatedMarketServiceServer<Market> as NamedService>::NAME;
const ALGORITHM_SERVICE: &str = <AlgorithmServiceServer<Algorithms> as NamedService>::NAME;

/// What is served in plaintext.
fn plain_routes(market: &Market, limits: ApiLimits, health: &Health) -> Result<Routes, ApiError> {
    let market = MarketServiceServer::new(market.clone()).max_decoding_message_size(limits.request_bytes);
    about_itself(Routes::new(market), &[PLAIN_SERVICE], health)
}

/// What is served over TLS.
fn tls_routes(
    market: &Market,
    operators: Option<Operators>,
    limits: ApiLimits,
    health: &Health,
) -> Result<Routes, ApiError> {
    let market = AuthenticatedMarketServiceServer::new(market.clone()).max_decoding_message_size(limits.request_bytes);
    let routes = Routes::new(market);
    let Some(Operators { registry, callers }) = operators else {
        return about_itself(routes, &[TLS_SERVICE], health);
    };
    let algorithms = AlgorithmServiceServer::new(Algorithms::new(registry, callers));
    let algorithms = algorithms.max_decoding_message_size(limits.request_bytes);
    about_itself(routes.add_service(algorithms), &[TLS_SERVICE, ALGORITHM_SERVICE], health)
}

fn about_itself(routes: Routes, services: &[&'static str], health: &Health) -> Result<Routes, ApiError> {
    let (v1, v1alpha) = health::reflection(services)?;
    Ok(routes.add_service(health.server()).add_service(v1).add_service(v1alpha))
}

async fn serve<IO>(
    routes: Routes,
    observer: Option<Observer>,
    limits: ApiLimits,
    connections: impl Stream<Item = io::Result<IO>> + Send,
    stop: CancellationToken,
) -> Result<(), tonic::transport::Error>
where
    IO: AsyncRead + AsyncWrite + Connected + Unpin + Send + 'static,
{
    Server::builder()
        .max_concurrent_streams(limits.streams)
        .http2_max_header_list_size(limits.header_bytes)
        .http2_keepalive_interval(Some(limits.keepalive))
        .add_routes(observe::observed(routes, observer, limits))
        .serve_with_incoming_shutdown(connections, stop.cancelled_owned())
        .await
}

impl ServingApi {
    /// Where plaintext is served.
    pub fn plain_address(&self) -> SocketAddr {
        self.plain
    }

    /// Where TLS is served.
    pub fn tls_address(&self) -> SocketAddr {
        self.tls
    }

    /// What is said to who asks whether the service does its work.
    pub fn health(&self) -> &Health {
        &self.health
    }

    /// Reads the files of the certificate again now; answers whether they changed. Open connections stay as they are.
    ///
    /// # Errors
    /// If they cannot be used; then those before are used on.
    pub async fn reload(&self) -> Result<bool, ApiError> {
        let certificates = Arc::clone(&self.certificates);
        Ok(tokio::task::spawn_blocking(move || certificates.reload()).await??)
    }

    /// Accepts nobody any more, finishes the requests under way, and closes what is still open after the limit for that.
    ///
    /// # Errors
    /// If a server failed meanwhile.
    pub async fn stop(mut self) -> Result<(), ApiError> {
        self.watching.abort_all();
        drop(self.stop);
        self.health.end().await;
        let finished = async {
            while let Some(served) = self.servers.join_next().await {
                served??;
            }
            Ok(())
        };
        if let Ok(finished) = tokio::time::timeout(self.drain, finished).await {
            return finished;
        }
        tracing::warn!(after = ?self.drain, "closed connections with requests under way");
        drop(self.end);
        while let Some(served) = self.servers.join_next().await {
            served??;
        }
        Ok(())
    }
}
