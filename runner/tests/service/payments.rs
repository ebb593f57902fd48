//! A Transactions service in this process, which outlives every market.

use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use demo::transactions::ledger::Paying;
use demo::transactions::market::MarketClient;
use demo::transactions::service::{ServerPem, TransactionsService};
use demo::transactions::worker::{Source, Worker};
use tokio::net::TcpListener;
use tokio::runtime::Runtime;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use wire::tls::ClientTls;

use crate::common::{Market, runtime};
use crate::running::Running;

/// Transactions, paying whatever comes.
pub struct Payments {
    runtime: Runtime,
    pub service: TransactionsService,
    address: SocketAddr,
    ca: PathBuf,
    worker: Option<JoinHandle<()>>,
}

impl Payments {
    /// Serves with the client's certificate of a market.
    pub fn new(market: &Market) -> Payments {
        let runtime = runtime();
        let listener = runtime.block_on(TcpListener::bind("127.0.0.1:0")).unwrap();
        let address = listener.local_addr().unwrap();
        let service = TransactionsService::new(Paying::AtOnce);
        let read = |file: &str| std::fs::read_to_string(market.path(file)).unwrap();
        let pem = ServerPem { certificate: read("client_crt.pem"), key: read("client_key.pem") };
        let serving = service.clone();
        runtime.spawn(async move { serving.serve(listener, pem, CancellationToken::new()).await.unwrap() });
        Payments { runtime, service, address, ca: market.path("ca_crt.pem"), worker: None }
    }

    /// Where it takes trades.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The `[forward]` of a configuration that pushes here.
    pub fn pushed(&self) -> String {
        self.pushed_by(self.address)
    }

    /// As [`Payments::pushed`], by an address of this machine that leads here.
    pub fn pushed_by(&self, address: SocketAddr) -> String {
        let to = format!("https://localhost:{}", address.port());
        format!("[forward]\nmode = \"push\"\nto = {to:?}\nca = \"ca_crt.pem\"\n")
    }

    /// Works with a market that has just started; with no other any more.
    pub fn work_with(&mut self, running: &Running, source: Source) {
        self.rest();
        let tls = ClientTls { ca: Some(self.ca.clone()), identity: None };
        let address = format!("https://localhost:{}", running.tls.port());
        let plain = format!("http://{}", running.plain);
        let _inside = self.runtime.enter();
        let market = Arc::new(MarketClient::new(&address, &tls, Some(&plain)).unwrap());
        let worker = Worker { service: self.service.clone(), market, source, poll: Duration::from_millis(50) };
        self.worker = Some(self.runtime.spawn(async move { worker.run(CancellationToken::new()).await }));
    }

    /// Works with no market, dropping whatever was under way.
    pub fn rest(&mut self) {
        if let Some(worker) = self.worker.take() {
            worker.abort();
        }
    }

    /// Ids of everything in the ledger.
    pub fn ids(&self) -> BTreeSet<String> {
        self.service.ledger().entries().map(|entry| entry.trade.id.to_string()).collect()
    }
}
