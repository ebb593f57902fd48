//! A way to a service that can be closed, and opened onto nothing good.

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::runtime::Runtime;
use tokio::task::{JoinHandle, JoinSet};

use crate::runtime;

/// What becomes of those who take it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Way {
    /// Nobody listens.
    Closed,
    /// Somebody listens, and never answers.
    Silent,
    /// Somebody answers, but speaks another language.
    Garbage,
    /// It leads to the service, and takes its time for every piece.
    Slow,
    /// It leads to the service.
    Open,
}

/// What a server of another kind may say.
const GARBAGE: &[u8] = b"HTTP/1.1 200 OK\r\ncontent-length: 13\r\n\r\nIt's working!";

/// How long a slow way keeps a piece.
const SLOWNESS: Duration = Duration::from_millis(20);

/// A port that stays ours while nobody listens there.
pub struct Port {
    _held: TcpSocket,
    address: SocketAddr,
}

impl Port {
    #[allow(clippy::new_without_default, reason = "each is another one")]
    pub fn new() -> Port {
        let held = socket(SocketAddr::from(([127, 0, 0, 1], 0)));
        let address = held.local_addr().unwrap();
        Port { _held: held, address }
    }

    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Where to send to over TLS.
    pub fn url(&self) -> String {
        format!("https://{}", self.address)
    }

    /// Listens there from now on; within a runtime.
    pub fn listen(&self) -> TcpListener {
        socket(self.address).listen(64).unwrap()
    }
}

fn socket(address: SocketAddr) -> TcpSocket {
    let socket = TcpSocket::new_v4().unwrap();
    socket.set_reuseport(true).unwrap();
    socket.bind(address).unwrap();
    socket
}

/// An address in front of a service.
pub struct Detour {
    port: Port,
    target: SocketAddr,
    runtime: Runtime,
    leading: Option<JoinHandle<()>>,
}

impl Detour {
    /// A closed way to that address.
    pub fn to(target: SocketAddr) -> Detour {
        Detour { port: Port::new(), target, runtime: runtime(), leading: None }
    }

    /// Where it begins.
    pub fn address(&self) -> SocketAddr {
        self.port.address()
    }

    /// Makes it lead elsewhere; whoever is on it is cut off.
    pub fn turn(&mut self, way: Way) {
        if let Some(leading) = self.leading.take() {
            leading.abort();
            assert!(self.runtime.block_on(leading).unwrap_err().is_cancelled());
        }
        if way != Way::Closed {
            let _inside = self.runtime.enter();
            self.leading = Some(self.runtime.spawn(lead_all(self.port.listen(), way, self.target)));
        }
    }
}

async fn lead_all(listener: TcpListener, way: Way, target: SocketAddr) {
    let mut connections = JoinSet::new();
    loop {
        let (client, _) = listener.accept().await.unwrap();
        connections.spawn(lead(client, way, target));
    }
}

async fn lead(mut client: TcpStream, way: Way, target: SocketAddr) -> io::Result<()> {
    match way {
        Way::Closed => Ok(()),
        Way::Silent => std::future::pending().await,
        Way::Garbage => client.write_all(GARBAGE).await,
        Way::Slow => {
            let (from_service, to_service) = TcpStream::connect(target).await?.into_split();
            let (from_client, to_client) = client.into_split();
            tokio::try_join!(dawdle(from_client, to_service), dawdle(from_service, to_client)).map(|_| ())
        }
        Way::Open => {
            let mut service = TcpStream::connect(target).await?;
            tokio::io::copy_bidirectional(&mut client, &mut service).await.map(|_| ())
        }
    }
}

async fn dawdle(mut from: impl AsyncRead + Unpin, mut to: impl AsyncWrite + Unpin) -> io::Result<()> {
    let mut piece = vec![0; 16 << 10];
    loop {
        let length = from.read(&mut piece).await?;
        if length == 0 {
            return to.shutdown().await;
        }
        tokio::time::sleep(SLOWNESS).await;
        to.write_all(&piece[..length]).await?;
    }
}
