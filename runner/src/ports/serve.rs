//! Accepts connections and serves them until they end, rest for too long, or others need their place.
//!
//! A slow caller does not affect others: each connection is a task with deadlines for its handshake and its first bytes.

use std::io;
use std::net::SocketAddr;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use axum::Router;
use axum::body::{Body, Bytes};
use hyper::Request;
use hyper::body::{Frame, Incoming, SizeHint};
use hyper::service::{Service, service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::conn::auto::Builder;
use hyper_util::service::TowerToHyperService;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use tonic::transport::server::Connected;

use super::connection::{Began, Connection};
use super::exchange::Exchanges;
use super::opening::{Failure, Failures, Opening, OpeningObserver};
use super::room::{Holder, Place, Room, Size};
use super::visit::{Busy, Visit};

/// Pause when the system has no more sockets.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);
/// Places of a port for health checks from this machine, beyond its limit.
const RESERVE: usize = 4;
/// A connection with open requests that has not moved for so long makes way for others.
const PATIENCE: Duration = Duration::from_secs(10);
/// The bytes that an HTTP/2 connection begins with (RFC 9113, 3.4).
const PREFACE_BYTES: usize = 24;
/// What HTTP/2 allows to be on its way to us, of a request and of a connection. It may lie in memory until it is read, so it is no
/// more than what the protocol begins with (RFC 9113, 6.9.2).
const WINDOW: u32 = (1 << 16) - 1;
/// What lies ready for a receiver in addition to the piece that is being sent.
const SEND_BUFFER: usize = 32 << 10;
/// Requests that a caller may take back, or that are refused to it, before it is cut off.
const RESETS_MAX: usize = 256;
/// The request line and headers of HTTP/1.
const HEAD_BYTES_MAX: usize = 16 << 10;

/// The limits of a port.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Concurrent connections, at least 1.
    pub connections: usize,
    /// Concurrent handshakes among them; above it, the oldest is dropped.
    pub handshakes: usize,
    /// Deadline of a handshake, and then of the first bytes.
    pub opening: Duration,
    /// A connection that has had no request for so long is closed.
    pub idle: Duration,
    /// A connection is closed after about so long, so that callers spread over replicas and see new certificates.
    pub age: Duration,
    /// How long a connection that is to be closed may finish its requests.
    pub grace: Duration,
    /// How long a caller may read nothing that is sent to it.
    pub stall: Duration,
}

/// How a port speaks.
pub struct Http {
    builder: Builder<Exchanges>,
    /// With how many bytes, at least, a conversation begins.
    first_bytes: usize,
}

/// HTTP/1.1, one request for each connection: for scrapers and health checks, which come rarely. Headers must be complete in time.
pub fn http1(limits: &Limits) -> Http {
    http1_with(limits, false)
}

/// HTTP/1.1 with many requests on a connection: for browsers.
pub fn http1_kept(limits: &Limits) -> Http {
    http1_with(limits, true)
}

fn http1_with(limits: &Limits, keep_alive: bool) -> Http {
    let mut builder = Builder::new(Exchanges).http1_only();
    let mut http = builder.http1();
    http.timer(TokioTimer::new())
        .header_read_timeout(limits.opening)
        .max_buf_size(HEAD_BYTES_MAX)
        .keep_alive(keep_alive);
    Http { builder, first_bytes: 1 }
}

/// HTTP/2 with so many concurrent requests on a connection, headers of at most that size, and pings to silent callers.
pub fn http2(streams: u32, header_bytes: u32, keepalive: Duration, timeout: Duration) -> Http {
    let mut builder = Builder::new(Exchanges).http2_only();
    let mut http = builder.http2();
    http.timer(TokioTimer::new())
        .max_concurrent_streams(streams)
        .max_header_list_size(header_bytes)
        .initial_stream_window_size(WINDOW)
        .initial_connection_window_size(WINDOW)
        .max_send_buf_size(SEND_BUFFER)
        .max_local_error_reset_streams(RESETS_MAX)
        .keep_alive_interval(keepalive)
        .keep_alive_timeout(timeout);
    Http { builder, first_bytes: PREFACE_BYTES }
}

/// A port that is about to be served.
pub struct Port {
    pub listener: TcpListener,
    pub limits: Limits,
    pub http: Http,
    pub router: Router,
    /// Called with what becomes of those who have to open their connections first.
    pub openings: Option<OpeningObserver>,
    /// Cancelled to accept no more connections and finish the current requests.
    pub stop: CancellationToken,
    /// Cancelled to close every connection.
    pub end: CancellationToken,
}

/// What the connections of a port share.
struct Shared<Open> {
    limits: Limits,
    http: Http,
    router: Router,
    stop: CancellationToken,
    end: CancellationToken,
    handshakes: Arc<Room>,
    open: Open,
    /// None where no connection has to be opened.
    failures: Option<Failures>,
    came_through: Option<OpeningObserver>,
}

/// A connection that was just accepted.
struct Accepted {
    tcp: TcpStream,
    peer: SocketAddr,
    holder: Holder,
    place: Place,
    out: CancellationToken,
}

impl Port {
    /// Serves plaintext until the port is stopped and its connections have ended.
    pub async fn serve(self) {
        self.attend_all(|tcp| std::future::ready(Ok(tcp)), None).await;
    }

    /// As [`Port::serve`], where connections have to be opened first: a TLS handshake.
    pub async fn serve_opened<IO, Handshake>(self, open: impl Fn(TcpStream) -> Handshake + Send + Sync + 'static)
    where
        IO: AsyncRead + AsyncWrite + Connected + Unpin + Send + 'static,
        Handshake: Future<Output = io::Result<IO>> + Send + 'static,
    {
        let failures = Failures::new(self.openings.clone());
        self.attend_all(open, Some(failures)).await;
    }

    async fn attend_all<IO, Handshake>(
        self,
        open: impl Fn(TcpStream) -> Handshake + Send + Sync + 'static,
        failures: Option<Failures>,
    ) where
        IO: AsyncRead + AsyncWrite + Connected + Unpin + Send + 'static,
        Handshake: Future<Output = io::Result<IO>> + Send + 'static,
    {
        let Port { listener, limits, http, router, openings, stop, end } = self;
        let places = Room::new(places(limits.connections.max(1)));
        let handshakes = Room::new(handshakes(limits.handshakes.max(1)));
        let shared =
            Arc::new(Shared { limits, http, router, stop, end, handshakes, open, failures, came_through: openings });
        let mut connections = JoinSet::new();
        let mut full = false;
        loop {
            let accepted = tokio::select! {
                accepted = listener.accept() => accepted,
                () = shared.stop.cancelled() => break,
                Some(_) = connections.join_next() => continue,
            };
            let (tcp, peer) = match accepted {
                Ok(accepted) => accepted,
                Err(error) => {
                    tracing::warn!(%error, "cannot accept a connection");
                    tokio::time::sleep(ACCEPT_PAUSE).await;
                    continue;
                }
            };
            let (holder, out) = (Holder::new(peer.ip(), next_number()), CancellationToken::new());
            let Some(place) = places.take(holder, 1, out.clone()) else {
                // Logged once until there is room again, so that a flood of connections does not flood the log.
                if !full {
                    tracing::warn!(%peer, connections = limits.connections, "refused a connection: there are too many");
                }
                full = true;
                continue;
            };
            full = false;
            connections.spawn(Arc::clone(&shared).attend(Accepted { tcp, peer, holder, place, out }));
        }
        drop(listener);
        while connections.join_next().await.is_some() {}
    }
}

/// The places of a port. An address has at most half of them, so that nobody keeps all others out. Behind a proxy, callers share
/// one; among them too, who rests makes way.
fn places(connections: usize) -> Size {
    Size {
        total: connections,
        of_address: connections.div_ceil(2),
        of_connection: 1,
        reserve: RESERVE,
        patience: PATIENCE,
    }
}

/// If there are too many handshakes, the oldest makes way, which has had the most time.
fn handshakes(most: usize) -> Size {
    Size { total: most, of_address: most, of_connection: 1, reserve: 0, patience: Duration::ZERO }
}

/// A number for each connection of this process.
fn next_number() -> u64 {
    static NEXT: AtomicU64 = AtomicU64::new(0);
    NEXT.fetch_add(1, Ordering::Relaxed)
}

impl<Open, IO, Handshake> Shared<Open>
where
    Open: Fn(TcpStream) -> Handshake + Send + Sync + 'static,
    IO: AsyncRead + AsyncWrite + Connected + Unpin + Send + 'static,
    Handshake: Future<Output = io::Result<IO>> + Send + 'static,
{
    async fn attend(self: Arc<Self>, accepted: Accepted) {
        let (peer, out) = (accepted.peer, accepted.out.clone());
        tokio::select! {
            () = out.cancelled() => tracing::debug!(%peer, "closed a connection: others needed its place"),
            () = self.end.cancelled() => {}
            () = self.converse(accepted) => {}
        }
    }

    async fn converse(&self, Accepted { tcp, peer, holder, place, out }: Accepted) {
        if let Err(error) = tcp.set_nodelay(true) {
            tracing::debug!(%peer, %error, "cannot set TCP_NODELAY; the connection may be slower");
        }
        let Some(io) = self.opened(tcp, peer, holder).await else { return };
        let (info, visit) = (io.connect_info(), Visit::new(holder, place, out));
        let router = TowerToHyperService::new(self.router.clone());
        let service = service_fn({
            let (visit, came_through) = (Arc::clone(&visit), self.came_through.clone());
            move |mut request: Request<Incoming>| {
                came_through.iter().for_each(|observer| observer(Opening::CameThrough));
                let busy = visit.begin();
                request.extensions_mut().insert(info.clone());
                request.extensions_mut().insert(Arc::clone(&visit));
                let answer = router.call(request);
                async move { answer.await.map(|answer| answer.map(|body| Attended { body, _busy: busy })) }
            }
        });
        let io = Connection::new(io, self.http.first_bytes, self.limits.opening, self.limits.stall);
        let beginning = io.beginning();
        let mut connection = pin!(self.http.builder.serve_connection(TokioIo::new(io), service));
        tokio::select! {
            ended = connection.as_mut() => {
                match beginning.get() {
                    Some(Began::InTime) => {}
                    Some(Began::Late) => self.failed(peer, Failure::Late, None),
                    None => self.failed(peer, Failure::Left, None),
                }
                return debug(peer, ended);
            }
            () = self.time_to_go(&visit) => connection.as_mut().graceful_shutdown(),
        }
        tokio::select! {
            ended = connection => debug(peer, ended),
            () = self.no_longer(&visit) => tracing::info!(%peer, "closed a connection that did not end when it should"),
        }
    }

    /// Completes when a connection that should end may not go on: its requests have taken too long, or there are none and what is
    /// left of their answers is not taken.
    async fn no_longer(&self, visit: &Visit) {
        let rested = async {
            tokio::time::sleep(self.limits.stall).await;
            visit.rested(self.limits.stall).await;
        };
        tokio::select! {
            () = tokio::time::sleep(self.limits.grace) => {}
            () = rested => {}
        }
    }

    /// The connection after its handshake; none if that fails or is late.
    async fn opened(&self, tcp: TcpStream, peer: SocketAddr, holder: Holder) -> Option<IO> {
        let out = CancellationToken::new();
        let Some(_handshake) = self.handshakes.take(holder, 1, out.clone()) else {
            self.failed(peer, Failure::Crowded, None);
            return None;
        };
        let opened = tokio::select! {
            opened = tokio::time::timeout(self.limits.opening, (self.open)(tcp)) => opened,
            () = out.cancelled() => {
                self.failed(peer, Failure::Crowded, None);
                return None;
            }
            () = self.stop.cancelled() => return None,
        };
        match opened {
            Ok(Ok(io)) => return Some(io),
            Ok(Err(error)) => self.failed(peer, Failure::of(&error), Some(&error)),
            Err(_) => self.failed(peer, Failure::Late, None),
        }
        None
    }

    fn failed(&self, peer: SocketAddr, failure: Failure, error: Option<&io::Error>) {
        self.failures.iter().for_each(|failures| failures.tell(peer, failure, error));
    }

    /// Completes when a connection should end: because of its age, because it rests, or because the service stops.
    async fn time_to_go(&self, visit: &Visit) {
        // Not all at once that were opened at once.
        let age = self.limits.age.mul_f64(0.9 + 0.2 * fastrand::f64());
        tokio::select! {
            () = tokio::time::sleep(age) => {}
            () = visit.rested(self.limits.idle) => {}
            () = self.stop.cancelled() => {}
        }
    }
}

fn debug(peer: SocketAddr, ended: Result<(), Box<dyn std::error::Error + Send + Sync>>) {
    if let Err(error) = ended {
        tracing::debug!(%peer, "a connection failed: {error}");
    }
}

/// The body of an answer. Its request is under way until this is dropped.
struct Attended {
    body: Body,
    _busy: Busy,
}

impl hyper::body::Body for Attended {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        Pin::new(&mut self.body).poll_frame(cx)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
