//! A way to a MongoDB server on which everything is counted.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use tokio::io::{self, AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::runtime::Runtime;

use crate::wait::{listener, runtime};

/// An address in front of a MongoDB server. It stops when it is dropped.
pub struct Tally {
    address: SocketAddr,
    counts: Arc<Counts>,
    _runtime: Runtime,
}

#[derive(Default)]
struct Counts {
    commands: AtomicU64,
    to_server: AtomicU64,
    from_server: AtomicU64,
}

/// What went over the way.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Traffic {
    /// How many messages to the server.
    pub commands: u64,
    /// Bytes of them.
    pub to_server: u64,
    /// Bytes of its answers.
    pub from_server: u64,
}

impl Tally {
    /// A way to that server.
    pub fn before(server: SocketAddr) -> Tally {
        let (runtime, counts) = (runtime(), Arc::<Counts>::default());
        let listener = runtime.block_on(listener());
        let address = listener.local_addr().unwrap();
        runtime.spawn(lead_all(listener, server, Arc::clone(&counts)));
        Tally { address, counts, _runtime: runtime }
    }

    /// Where it begins.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// What went over it so far.
    pub fn traffic(&self) -> Traffic {
        let of = |count: &AtomicU64| count.load(Ordering::Relaxed);
        let Counts { commands, to_server, from_server } = &*self.counts;
        Traffic { commands: of(commands), to_server: of(to_server), from_server: of(from_server) }
    }
}

async fn lead_all(listener: TcpListener, server: SocketAddr, counts: Arc<Counts>) {
    while let Ok((client, _)) = listener.accept().await {
        let counts = Arc::clone(&counts);
        tokio::spawn(async move {
            client.set_nodelay(true)?;
            let server = TcpStream::connect(server).await?;
            server.set_nodelay(true)?;
            let ((from_server, to_server), (from_client, to_client)) = (server.into_split(), client.into_split());
            let (none, Counts { commands, to_server: sent, from_server: received }) = (AtomicU64::new(0), &*counts);
            tokio::try_join!(
                messages(from_client, to_server, commands, sent),
                messages(from_server, to_client, &none, received),
            )
        });
    }
}

/// Passes on messages of the MongoDB protocol: each begins with its length in bytes.
async fn messages(
    mut from: impl AsyncRead + Unpin,
    mut to: impl AsyncWrite + Unpin,
    count: &AtomicU64,
    bytes: &AtomicU64,
) -> io::Result<()> {
    let mut message = Vec::new();
    loop {
        let length = from.read_u32_le().await?;
        message.clear();
        message.extend(length.to_le_bytes());
        (&mut from).take(u64::from(length).saturating_sub(4)).read_to_end(&mut message).await?;
        to.write_all(&message).await?;
        count.fetch_add(1, Ordering::Relaxed);
        bytes.fetch_add(u64::from(length), Ordering::Relaxed);
    }
}
