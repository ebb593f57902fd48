//! The gRPC servers that the platform calls: `proto.MarketService` in plaintext for the stack's own network,
//! `proto.AuthenticatedMarketService` and `rec.market.v1.AlgorithmService` over TLS; health and reflection on both.
//!
//! Start reading at [`start`], then `market`, which answers requests. Not here: when trades are settled, and how they are
//! stored.

mod algorithms;
mod bounds;
mod callers;
mod convert;
mod guard;
mod health;
mod instant;
mod market;
mod meters;
mod observe;
mod page;

use std::collections::BTreeSet;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use domain::MeterId;
use tokio::net::TcpListener;
use tokio::task::{JoinError, JoinSet};
use tokio_util::sync::{CancellationToken, DropGuard};
use tonic::codec::CompressionEncoding;
use tonic::server::NamedService;
use tonic::service::Routes;

use crate::algorithms::registry::Registry;
use crate::certificates::{Certificates, Server, UnusableCertificate};
use crate::clock::Clock;
use crate::config::{CallerConfig, TlsConfig};
use crate::ports::{self, Limits, OpeningObserver, Port};
use algorithms::Algorithms;
use books::{OfferedSince, PriceBounds, Store, Wallets};
use bounds::Bounds;
use callers::Callers;
use market::Market;
use meters::StoredReadings;
use wire::authenticated_market_service_server::AuthenticatedMarketServiceServer;
use wire::market_service_server::MarketServiceServer;
use wire::meters_service_server::MetersServiceServer;
use wire::rec_market_v1::algorithm_service_server::AlgorithmServiceServer;

pub use algorithms::receive::upload as receive_upload;
pub use health::{Health, Unwell, ask};
pub use market::{Cut, CutObserver, MORE};
pub use observe::{Observer, UNKNOWN_METHOD};
pub use tonic::Code;

/// What the servers need.
pub struct Api {
    pub store: Arc<dyn Store>,
    pub clock: Arc<dyn Clock>,
    /// When a claim lapses if nobody reports on it.
    pub claim_lease: Duration,
    /// Which trades are offered for payment.
    pub offered_since: OfferedSince,
    /// Called with every response that is cut.
    pub cut: Option<CutObserver>,
    /// Called with what becomes of callers of the TLS port.
    pub openings: Option<OpeningObserver>,
    pub limits: ApiLimits,
    pub prices: PriceTaking,
    /// What members are called.
    pub wallets: Wallets,
    /// Who may do what.
    pub callers: Vec<CallerConfig>,
    /// Whether readings are in the store: then `MetersService` is served, too.
    pub meters: bool,
    /// Serves `AlgorithmService` if there is a registry.
    pub administration: Option<Arc<Registry>>,
}

/// Which prices of members are kept.
#[derive(Clone, Debug, Default)]
pub struct PriceTaking {
    /// Meters in the configuration; others are known once they have been read.
    pub configured: Arc<BTreeSet<MeterId>>,
    pub bounds: PriceBounds,
}

/// Limits on callers. The defaults suit a platform with few services and large responses: all that callers can make the process
/// hold at the same time stays below 200 MB.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ApiLimits {
    /// Largest request, in bytes.
    pub request_bytes: usize,
    /// Most entries of a message: as many as the largest response has.
    pub entries: usize,
    /// Largest response, in bytes: below the 4 MiB that gRPC clients accept by default.
    pub answer_bytes: usize,
    /// Largest headers of a request, in bytes.
    pub header_bytes: u32,
    /// Concurrent requests on one connection: at least the 100 that clients assume until they learn of a limit
    /// (RFC 9113, 6.5.2), because requests above it would be refused.
    pub streams: u32,
    /// Concurrent requests in all. One address has at most half of them, and of what follows.
    pub requests: usize,
    /// Concurrent watches of the health in all.
    pub watches: usize,
    /// Requests that are being received or answered, in bytes. Decoded, they take some times as much.
    pub receiving_bytes: usize,
    /// Responses that are not sent yet, in bytes.
    pub sending_bytes: usize,
    /// Large responses that are built concurrently, each of which takes tens of megabytes.
    pub lists: usize,
    /// Concurrent connections on each port.
    pub connections: usize,
    /// Concurrent TLS handshakes; above it, the oldest is dropped.
    pub handshakes: usize,
    /// Deadline of a TLS handshake, and then of the start of HTTP/2.
    pub opening: Duration,
    /// Deadline of a request.
    pub request: Duration,
    /// Deadline of a request about algorithms, for which the gate may compile and run foreign code.
    pub examination: Duration,
    /// How long a caller may send nothing of a request that it has begun, and take nothing of its response.
    pub stall: Duration,
    /// A caller that stands still for so long makes way when others want the room that it holds.
    pub patience: Duration,
    /// Deadline of a caller to take its response: 4 MiB at 0.6 Mbit/s.
    pub sending: Duration,
    /// The same for an algorithm: 64 MiB at 2 Mbit/s.
    pub download: Duration,
    /// A connection without requests is closed after that time,
    pub idle: Duration,
    /// and any after about that time, as soon as its requests are answered.
    pub age: Duration,
    /// Interval of keepalive pings to silent callers,
    pub keepalive: Duration,
    /// who have so long to respond.
    pub keepalive_response: Duration,
    /// How often the certificate files are checked for changes.
    pub reload: Duration,
    /// How long current requests may go on when the servers stop.
    pub drain: Duration,
}

impl Default for ApiLimits {
    fn default() -> ApiLimits {
        ApiLimits {
            request_bytes: 4 << 20,
            entries: page::ROWS_MAX,
            answer_bytes: 7 << 19,
            header_bytes: 16 << 10,
            streams: 100,
            requests: 1024,
            watches: 64,
            receiving_bytes: 16 << 20,
            sending_bytes: 28 << 20,
            lists: 2,
            connections: 512,
            handshakes: 128,
            opening: Duration::from_secs(10),
            request: Duration::from_secs(30),
            examination: Duration::from_secs(20 * 60),
            stall: Duration::from_secs(10),
            patience: Duration::from_secs(2),
            sending: Duration::from_secs(60),
            download: Duration::from_secs(300),
            idle: Duration::from_secs(300),
            age: Duration::from_secs(3600),
            keepalive: Duration::from_secs(30),
            keepalive_response: Duration::from_secs(10),
            reload: Duration::from_secs(5),
            drain: Duration::from_secs(10),
        }
    }
}

impl ApiLimits {
    /// Those of a port.
    fn of_port(&self) -> Limits {
        Limits {
            connections: self.connections,
            handshakes: self.handshakes,
            opening: self.opening,
            idle: self.idle,
            age: self.age,
            // Longer than any request but a watch.
            grace: self.examination + self.download,
            stall: self.stall,
        }
    }
}

/// Servers that do not start, or fail.
#[derive(Debug, thiserror::Error)]
pub enum ApiError {
    #[error(transparent)]
    Certificate(#[from] UnusableCertificate),
    #[error("a listener of the gRPC servers has no address")]
    Listener(#[from] io::Error),
    #[error("the gRPC servers cannot offer reflection")]
    Reflection(#[from] tonic_reflection::server::Error),
    #[error("a task of the gRPC servers panicked or was cancelled")]
    Task(#[from] JoinError),
}

/// Running servers. They stop at once when this is dropped.
pub struct ServingApi {
    plain: SocketAddr,
    tls: SocketAddr,
    health: Health,
    certificates: Arc<Certificates>,
    drain: Duration,
    servers: JoinSet<()>,
    /// Reloads the certificate when it changes.
    watching: JoinSet<()>,
    /// Cancelled to accept no more connections and finish the current requests.
    stop: DropGuard,
    /// Cancelled to close every connection.
    end: DropGuard,
}

/// Starts the servers on their listeners, with health `SERVING`. Must be called within a tokio runtime.
///
/// # Errors
/// If the certificate cannot be used: missing, damaged, not matching its key, or not valid now.
pub async fn start(
    api: Api,
    plain: TcpListener,
    tls: TcpListener,
    certificates: TlsConfig,
) -> Result<ServingApi, ApiError> {
    start_observed(api, None, plain, tls, certificates).await
}

/// As [`start`]; the observer is called for every request on both ports.
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
    let load = move || Certificates::load(Server::Grpc, certificates, clock);
    let certificates = tokio::task::spawn_blocking(load).await??;
    let certificates = Arc::new(certificates);
    let health = Health::of(&[PLAIN_SERVICE, TLS_SERVICE, ALGORITHM_SERVICE]).await;
    let (registry, callers) = (api.administration.clone(), Callers::new(api.callers.clone()));
    let (bounds, openings) = (Bounds::new(limits), api.openings.clone());
    let api = Arc::new(api);
    let readings = api.meters.then(|| StoredReadings::new(Arc::clone(&api), bounds.clone()));
    let market = Market::new(api, bounds.clone());
    let plain_routes = plain_routes(&market, readings, &callers, limits, &health)?;
    let tls_routes = tls_routes(&market, registry, &callers, limits, &health)?;

    let (stop, end) = (CancellationToken::new(), CancellationToken::new());
    let port = |listener, routes, openings| Port {
        listener,
        openings,
        limits: limits.of_port(),
        http: ports::http2(limits.streams, limits.header_bytes, limits.keepalive, limits.keepalive_response),
        router: observe::observed(bounds::bounded(routes, bounds.clone()), observer.clone(), limits).into_axum_router(),
        stop: stop.clone(),
        end: end.clone(),
    };
    let mut servers = JoinSet::new();
    servers.spawn(port(plain, plain_routes, None).serve());
    servers.spawn(port(tls, tls_routes, openings).serve_opened(Arc::clone(&certificates).handshake()));
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

/// Checks that servers would start with this certificate.
///
/// # Errors
/// If it cannot be used: missing, damaged, not matching its key, or not valid now.
pub async fn check_certificate(certificates: TlsConfig, clock: Arc<dyn Clock>) -> Result<(), ApiError> {
    tokio::task::spawn_blocking(move || Certificates::load(Server::Grpc, certificates, clock)).await??;
    Ok(())
}

const PLAIN_SERVICE: &str = <MarketServiceServer<Market> as NamedService>::NAME;
const TLS_SERVICE: &str = <AuthenticatedMarketServiceServer<Market> as NamedService>::NAME;
/// The Meters service, where we serve it ourselves.
const METERS_SERVICE: &str = <MetersServiceServer<StoredReadings> as NamedService>::NAME;
const ALGORITHM_SERVICE: &str = <AlgorithmServiceServer<Algorithms> as NamedService>::NAME;

fn plain_routes(
    market: &Market,
    readings: Option<StoredReadings>,
    callers: &Callers,
    limits: ApiLimits,
    health: &Health,
) -> Result<Routes, ApiError> {
    // What is compressed may be as large, unpacked, as what is not.
    let market = MarketServiceServer::new(market.clone())
        .max_decoding_message_size(limits.request_bytes)
        .accept_compressed(CompressionEncoding::Gzip);
    let routes = Routes::new(market);
    let Some(readings) = readings else { return complete(routes, &[PLAIN_SERVICE], callers, health) };
    let readings = MetersServiceServer::new(readings)
        .max_decoding_message_size(limits.request_bytes)
        .accept_compressed(CompressionEncoding::Gzip);
    complete(routes.add_service(readings), &[PLAIN_SERVICE, METERS_SERVICE], callers, health)
}

fn tls_routes(
    market: &Market,
    registry: Option<Arc<Registry>>,
    callers: &Callers,
    limits: ApiLimits,
    health: &Health,
) -> Result<Routes, ApiError> {
    let market = AuthenticatedMarketServiceServer::new(market.clone())
        .max_decoding_message_size(limits.request_bytes)
        .accept_compressed(CompressionEncoding::Gzip);
    let routes = Routes::new(market);
    let Some(registry) = registry else { return complete(routes, &[TLS_SERVICE], callers, health) };
    let algorithms = AlgorithmServiceServer::new(Algorithms::new(registry))
        .max_decoding_message_size(limits.request_bytes)
        .accept_compressed(CompressionEncoding::Gzip);
    complete(routes.add_service(algorithms), &[TLS_SERVICE, ALGORITHM_SERVICE], callers, health)
}

/// The services of a port with health and reflection, for callers who have the rights.
fn complete(routes: Routes, services: &[&'static str], callers: &Callers, health: &Health) -> Result<Routes, ApiError> {
    let (v1, v1alpha) = health::reflection(services)?;
    let routes = routes.add_service(health.server()).add_service(v1).add_service(v1alpha);
    Ok(guard::guarded(routes, services, callers))
}

/// The service that a path names.
fn service_of(path: &str) -> &str {
    path.trim_start_matches('/').split('/').next().unwrap_or_default()
}

impl ServingApi {
    pub fn plain_address(&self) -> SocketAddr {
        self.plain
    }

    pub fn tls_address(&self) -> SocketAddr {
        self.tls
    }

    pub fn health(&self) -> &Health {
        &self.health
    }

    /// Reads the certificate files again; returns whether they changed. Open connections keep the old certificate.
    ///
    /// # Errors
    /// If they cannot be used; the servers keep the old ones.
    pub async fn reload(&self) -> Result<bool, ApiError> {
        let certificates = Arc::clone(&self.certificates);
        Ok(tokio::task::spawn_blocking(move || certificates.reload()).await??)
    }

    /// Accepts no more connections, finishes the current requests, and closes what is still open after the drain time.
    ///
    /// # Errors
    /// If a server failed.
    pub async fn stop(mut self) -> Result<(), ApiError> {
        self.watching.abort_all();
        drop(self.stop);
        self.health.end().await;
        if let Ok(finished) = tokio::time::timeout(self.drain, finished(&mut self.servers)).await {
            return finished;
        }
        tracing::warn!(after = ?self.drain, "closed connections with unfinished requests");
        drop(self.end);
        finished(&mut self.servers).await
    }
}

async fn finished(servers: &mut JoinSet<()>) -> Result<(), ApiError> {
    while let Some(served) = servers.join_next().await {
        served?;
    }
    Ok(())
}
