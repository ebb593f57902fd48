//! Accepts connections, and closes those that do not complete their handshake in time.
//!
//! A slow caller does not affect others: each handshake is a task with a deadline, the oldest one is dropped if there are too
//! many, and a connection that does not start HTTP/2 is closed. Start reading at [`accept`].

use std::collections::VecDeque;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc::{Sender, channel};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::task::{AbortHandle, JoinSet};
use tokio::time::Sleep;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;
use tokio_stream::wrappers::ReceiverStream;
use tokio_util::sync::{CancellationToken, WaitForCancellationFutureOwned};
use tonic::transport::server::Connected;

use super::certificates::Certificates;

/// The first bytes of every HTTP/2 connection (RFC 9113, 3.4).
const PREFACE_BYTES: usize = 24;
/// Pause when the system has no more sockets.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// The limits of a port.
#[derive(Clone, Copy, Debug)]
pub(super) struct Bounds {
    /// Concurrent connections.
    pub(super) connections: usize,
    /// Concurrent handshakes among them.
    pub(super) handshakes: usize,
    /// Deadline of a handshake, and then of the HTTP/2 preface.
    pub(super) opening: Duration,
}

/// The plaintext connections of a listener. All of them close when `ended` is cancelled.
pub(super) fn plain(
    listener: TcpListener,
    bounds: Bounds,
    ended: CancellationToken,
) -> ReceiverStream<io::Result<Connection<TcpStream>>> {
    opened(listener, bounds, ended, |tcp| std::future::ready(Ok(tcp)))
}

/// The TLS connections of a listener, each with the certificate that is current when it is accepted.
pub(super) fn tls(
    listener: TcpListener,
    bounds: Bounds,
    ended: CancellationToken,
    certificates: Arc<Certificates>,
) -> ReceiverStream<io::Result<Connection<TlsStream<TcpStream>>>> {
    opened(listener, bounds, ended, move |tcp| TlsAcceptor::from(certificates.current()).accept(tcp))
}

fn opened<IO, Opening>(
    listener: TcpListener,
    bounds: Bounds,
    ended: CancellationToken,
    open: impl Fn(TcpStream) -> Opening + Send + 'static,
) -> ReceiverStream<io::Result<Connection<IO>>>
where
    IO: Send + 'static,
    Opening: Future<Output = io::Result<IO>> + Send + 'static,
{
    let (sender, receiver) = channel(1);
    tokio::spawn(accept(listener, bounds, ended, open, sender));
    ReceiverStream::new(receiver)
}

/// Accepts connections until the receiver is dropped.
async fn accept<IO, Opening>(
    listener: TcpListener,
    bounds: Bounds,
    ended: CancellationToken,
    open: impl Fn(TcpStream) -> Opening,
    sender: Sender<io::Result<Connection<IO>>>,
) where
    IO: Send + 'static,
    Opening: Future<Output = io::Result<IO>> + Send + 'static,
{
    let places = Arc::new(Semaphore::new(bounds.connections));
    let mut handshakes = Handshakes { tasks: JoinSet::new(), oldest_first: VecDeque::new(), most: bounds.handshakes };
    let mut full = false;
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            () = sender.closed() => return,
        };
        let (tcp, peer) = match accepted {
            Ok(accepted) => accepted,
            Err(error) => {
                tracing::warn!(%error, "cannot accept a connection");
                tokio::time::sleep(ACCEPT_PAUSE).await;
                continue;
            }
        };
        let Ok(place) = Arc::clone(&places).try_acquire_owned() else {
            // Logged once until there is room again, so that a flood of connections does not flood the log.
            if !full {
                tracing::warn!(%peer, connections = bounds.connections, "refused a connection: there are too many");
            }
            full = true;
            continue;
        };
        full = false;
        if let Err(error) = tcp.set_nodelay(true) {
            tracing::debug!(%peer, %error, "cannot set TCP_NODELAY; the connection may be slower");
        }
        let opening = open(tcp);
        let (sender, ended) = (sender.clone(), ended.clone());
        handshakes.start(async move {
            match tokio::time::timeout(bounds.opening, opening).await {
                Ok(Ok(io)) => {
                    // Without a receiver, the connection is closed.
                    let _ = sender.send(Ok(Connection::new(io, bounds.opening, ended, place))).await;
                }
                Ok(Err(error)) if error.kind() == io::ErrorKind::UnexpectedEof => {
                    tracing::debug!(%peer, "a caller left during the TLS handshake");
                }
                Ok(Err(error)) => tracing::info!(%peer, "refused a caller: {}", refusal(&error)),
                Err(_) => tracing::info!(%peer, "closed a connection: no TLS handshake within {:?}", bounds.opening),
            }
        });
    }
}

/// Why a handshake failed, for whoever configures the caller.
fn refusal(error: &io::Error) -> String {
    use tokio_rustls::rustls::{AlertDescription, CertificateError, Error, InvalidMessage};
    let hint = match error.get_ref().and_then(|error| error.downcast_ref::<Error>()) {
        Some(Error::InvalidMessage(InvalidMessage::InvalidContentType)) => {
            "it does not speak TLS; plaintext has its own port"
        }
        Some(Error::InvalidCertificate(CertificateError::UnknownIssuer)) => {
            "its certificate is not signed by an authority in tls.client_ca"
        }
        Some(Error::AlertReceived(AlertDescription::UnknownCA)) => "it does not trust the authority of our certificate",
        Some(Error::AlertReceived(AlertDescription::BadCertificate | AlertDescription::CertificateUnknown)) => {
            "it does not accept our certificate: does that have the name it calls us by?"
        }
        _ => return error.to_string(),
    };
    format!("{error} ({hint})")
}

/// The current handshakes. They are aborted when this is dropped.
struct Handshakes {
    tasks: JoinSet<()>,
    oldest_first: VecDeque<AbortHandle>,
    most: usize,
}

impl Handshakes {
    /// Starts a handshake. If there are too many, drops the oldest, which has had the most time.
    fn start(&mut self, handshake: impl Future<Output = ()> + Send + 'static) {
        while self.tasks.try_join_next().is_some() {}
        self.oldest_first.retain(|task| !task.is_finished());
        if self.oldest_first.len() >= self.most
            && let Some(oldest) = self.oldest_first.pop_front()
        {
            oldest.abort();
        }
        self.oldest_first.push_back(self.tasks.spawn(handshake));
    }
}

/// An open connection.
pub(super) struct Connection<IO> {
    io: IO,
    /// The deadline of the HTTP/2 preface, until it has arrived.
    opening: Option<Pin<Box<Sleep>>>,
    received: usize,
    ended: Pin<Box<WaitForCancellationFutureOwned>>,
    _place: OwnedSemaphorePermit,
}

impl<IO> Connection<IO> {
    fn new(io: IO, opening: Duration, ended: CancellationToken, place: OwnedSemaphorePermit) -> Connection<IO> {
        Connection {
            io,
            opening: Some(Box::pin(tokio::time::sleep(opening))),
            received: 0,
            ended: Box::pin(ended.cancelled_owned()),
            _place: place,
        }
    }

    /// Fails once the service has stopped, or if the preface is late.
    fn poll_end(&mut self, cx: &mut Context<'_>) -> io::Result<()> {
        if self.ended.as_mut().poll(cx).is_ready() {
            return Err(io::Error::new(io::ErrorKind::ConnectionAborted, "the market has stopped"));
        }
        match self.opening.as_mut().map(|opening| opening.as_mut().poll(cx)) {
            Some(Poll::Ready(())) => Err(io::Error::new(io::ErrorKind::TimedOut, "the caller sends nothing")),
            Some(Poll::Pending) | None => Ok(()),
        }
    }
}

impl<IO: AsyncRead + Unpin> AsyncRead for Connection<IO> {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        self.poll_end(cx)?;
        let before = buffer.filled().len();
        ready!(Pin::new(&mut self.io).poll_read(cx, buffer))?;
        if self.opening.is_some() {
            self.received += buffer.filled().len() - before;
            if self.received >= PREFACE_BYTES {
                self.opening = None;
            }
        }
        Poll::Ready(Ok(()))
    }
}

impl<IO: AsyncWrite + Unpin> AsyncWrite for Connection<IO> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        self.poll_end(cx)?;
        Pin::new(&mut self.io).poll_write(cx, bytes)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        self.poll_end(cx)?;
        Pin::new(&mut self.io).poll_write_vectored(cx, slices)
    }

    fn is_write_vectored(&self) -> bool {
        self.io.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.poll_end(cx)?;
        Pin::new(&mut self.io).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_shutdown(cx)
    }
}

impl<IO: Connected> Connected for Connection<IO> {
    type ConnectInfo = IO::ConnectInfo;

    fn connect_info(&self) -> IO::ConnectInfo {
        self.io.connect_info()
    }
}
