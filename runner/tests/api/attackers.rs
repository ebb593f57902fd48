//! Callers that mean harm, each from an address of its own, who do what they do until they are stopped.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use axum::body::Bytes;
use axum::http::Request;
use h2::SendStream;
use h2::client::{Builder, SendRequest};
use testkit::{Market, Service};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpSocket, TcpStream};
use tokio::task::JoinSet;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::pki_types::{CertificateDer, ServerName};
use tokio_rustls::rustls::{ClientConfig, RootCertStore};

use crate::frames::{GET_MATCHES, UPDATE_PRICES, empty_request, http2_with_window};

/// A list request without a filter: a message without fields.
const ALL: &[u8] = &[0; 5];
/// A pause of those who give up and come again.
const PAUSE: Duration = Duration::from_millis(50);
/// How often those who are slow say something.
const DRIP: Duration = Duration::from_millis(200);

/// A connection from one of this machine's addresses.
pub async fn from(address: u8, to: SocketAddr) -> std::io::Result<TcpStream> {
    let socket = TcpSocket::new_v4()?;
    socket.bind((Ipv4Addr::new(127, 0, 0, address), 0).into())?;
    socket.connect(to).await
}

/// TLS as the market's callers speak it.
pub fn connector(market: &Market) -> TlsConnector {
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from_pem_file(market.path("ca_crt.pem")).unwrap()).unwrap();
    let config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()));
    let config = config.with_safe_default_protocol_versions().unwrap().with_root_certificates(roots);
    let mut config = config.with_no_client_auth();
    config.alpn_protocols = vec![b"h2".to_vec()];
    TlsConnector::from(Arc::new(config))
}

pub async fn tls(connector: &TlsConnector, address: u8, to: SocketAddr) -> std::io::Result<TlsStream<TcpStream>> {
    let name = ServerName::try_from("market").unwrap();
    connector.connect(name, from(address, to).await?).await
}

/// A conversation in HTTP/2 that takes answers of so many bytes before it opens its window.
pub async fn conversation<IO>(io: IO, window: u32) -> Result<SendRequest<Bytes>, h2::Error>
where
    IO: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let mut builder = Builder::new();
    builder.initial_window_size(window).initial_connection_window_size(1 << 30);
    let (requests, connection) = builder.handshake(io).await?;
    tokio::spawn(connection);
    Ok(requests)
}

pub fn request(path: &str) -> Request<()> {
    let request = Request::post(format!("http://market{path}")).header("content-type", "application/grpc");
    request.header("te", "trailers").body(()).unwrap()
}

/// All attacks on a service, until this is dropped.
pub struct Attack(JoinSet<()>);

impl Attack {
    /// Nobody attacks yet.
    #[allow(clippy::new_without_default, reason = "each is another one")]
    pub fn new() -> Attack {
        Attack(JoinSet::new())
    }

    /// So many do this again and again.
    fn again<Doing>(mut self, times: usize, act: impl Fn() -> Doing) -> Attack
    where
        Doing: Future<Output = ()> + Send + 'static,
        Doing: Sized,
    {
        for _ in 0..times {
            self.0.spawn(act());
        }
        self
    }

    /// Asks for large answers and takes none of them.
    pub fn takes_nothing(self, service: &Service, address: u8, connections: usize) -> Attack {
        self.asks_for_all(service, address, connections, 0)
    }

    /// Asks for large answers and takes very little of them.
    pub fn takes_little(self, service: &Service, address: u8, connections: usize) -> Attack {
        self.asks_for_all(service, address, connections, 20_000)
    }

    fn asks_for_all(self, service: &Service, address: u8, connections: usize, window: u32) -> Attack {
        let to = service.plain;
        self.again(connections, move || async move {
            loop {
                let Ok(tcp) = from(address, to).await else { continue };
                if let Ok(requests) = conversation(tcp, window).await {
                    ask(requests, GET_MATCHES).await;
                }
                tokio::time::sleep(PAUSE).await;
            }
        })
    }

    /// Asks for large answers and does not even read what comes over the network.
    pub fn reads_nothing(self, service: &Service, address: u8, connections: usize) -> Attack {
        let to = service.plain;
        self.again(connections, move || async move {
            loop {
                let Ok(mut tcp) = from(address, to).await else { continue };
                let requests = (0..50).map(|number| empty_request(2 * number + 1, GET_MATCHES));
                // OK if it is closed before all is said.
                let _ = tcp.write_all(&http2_with_window(1 << 30, requests)).await;
                tokio::time::sleep(Duration::from_secs(3)).await;
            }
        })
    }

    /// Announces large requests, sends nearly all of them, and goes on with the next.
    pub fn ends_nothing(self, service: &Service, address: u8, connections: usize) -> Attack {
        let to = service.plain;
        self.again(connections, move || async move {
            loop {
                let Ok(tcp) = from(address, to).await else { continue };
                if let Ok(requests) = conversation(tcp, 1 << 16).await {
                    begin(requests, UPDATE_PRICES, nearly_all).await;
                }
                tokio::time::sleep(PAUSE).await;
            }
        })
    }

    /// Asks the algorithm service, and sends no request.
    pub fn sends_no_body(self, market: &Market, service: &Service, address: u8, connections: usize) -> Attack {
        let (to, connector) = (service.tls, connector(market));
        self.again(connections, move || {
            let connector = connector.clone();
            async move {
                loop {
                    let Ok(io) = tls(&connector, address, to).await else { continue };
                    if let Ok(requests) = conversation(io, 1 << 16).await {
                        begin(requests, "/rec.market.v1.AlgorithmService/ListAlgorithms", nothing).await;
                    }
                    tokio::time::sleep(PAUSE).await;
                }
            }
        })
    }

    /// Opens connections over TLS, so many at a time, and says nothing on them. Who is put out comes again.
    pub fn idles(self, market: &Market, service: &Service, address: u8, connections: usize) -> Attack {
        let (to, connector) = (service.tls, connector(market));
        self.again(connections, move || {
            let connector = connector.clone();
            async move {
                loop {
                    if let Ok(mut io) = tls(&connector, address, to).await {
                        let _ = io.write_all(&crate::frames::http2([])).await;
                        let _ = io.read_to_end(&mut Vec::new()).await;
                    }
                    // Without haste: this is about places, and handshakes cost the attacker as much as us.
                    tokio::time::sleep(20 * DRIP).await;
                }
            }
        })
    }

    /// Says the beginning of something to a port, a byte at a time.
    pub fn drips(self, to: SocketAddr, address: u8, connections: usize, beginning: &'static [u8]) -> Attack {
        self.again(connections, move || async move {
            loop {
                if let Ok(mut tcp) = from(address, to).await {
                    for byte in beginning.iter().cycle() {
                        if tcp.write_all(&[*byte]).await.is_err() {
                            break;
                        }
                        tokio::time::sleep(DRIP).await;
                    }
                }
                tokio::time::sleep(PAUSE).await;
            }
        })
    }
}

/// Asks for as much as a connection may, and waits for answers that are not taken.
async fn ask(mut requests: SendRequest<Bytes>, path: &str) {
    let mut answers = JoinSet::new();
    while let Ok(ready) = requests.ready().await {
        requests = ready;
        let Ok((answer, mut body)) = requests.send_request(request(path), false) else { break };
        let _ = body.send_data(Bytes::from_static(ALL), true);
        answers.spawn(async move {
            if let Ok(answer) = answer.await {
                // Kept without releasing what came.
                let mut body = answer.into_body();
                while let Some(Ok(_)) = body.data().await {}
            }
            tokio::time::sleep(PAUSE).await;
        });
        while answers.len() >= 50 {
            answers.join_next().await;
        }
    }
}

/// Begins requests, as many at a time as a connection may, and goes on with their bodies until they are answered.
async fn begin<Going>(mut requests: SendRequest<Bytes>, path: &str, go_on: impl Fn(SendStream<Bytes>) -> Going)
where
    Going: Future<Output = ()> + Send + 'static,
{
    let mut bodies = JoinSet::new();
    while let Ok(ready) = requests.ready().await {
        requests = ready;
        let Ok((answer, body)) = requests.send_request(request(path), false) else { break };
        let going = go_on(body);
        bodies.spawn(async move {
            tokio::select! {
                _ = answer => {}
                () = going => {}
            }
            tokio::time::sleep(PAUSE).await;
        });
        while bodies.len() >= 20 {
            bodies.join_next().await;
        }
    }
}

/// Says nothing, for ever.
async fn nothing(body: SendStream<Bytes>) {
    std::future::pending::<()>().await;
    drop(body);
}

/// Announces 4,000,000 bytes, which are one field, and sends all but the last.
async fn nearly_all(mut body: SendStream<Bytes>) {
    let (message, key): (u32, u8) = (4_000_000, 0x0a);
    let mut field = vec![key];
    prost::encode_length_delimiter(3_999_995, &mut field).unwrap();
    let prefix = [&[0][..], &message.to_be_bytes(), &field].concat();
    let _ = body.send_data(Bytes::from(prefix), false);
    let mut left = 3_999_994;
    while left > 0 {
        let size = left.min(16_000);
        body.reserve_capacity(size);
        while body.capacity() < size {
            let Some(Ok(_)) = std::future::poll_fn(|cx| body.poll_capacity(cx)).await else { return };
        }
        if body.send_data(Bytes::from(vec![0; size]), false).is_err() {
            return;
        }
        left -= size;
    }
    std::future::pending::<()>().await;
}
