//! A Transactions service in this process, which outlives every market.

use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use demo::certificates::Issued;
use demo::transactions::ledger::Paying;
use demo::transactions::market::MarketClient;
use demo::transactions::service::TransactionsService;
use demo::transactions::worker::{Source, Worker};
use testkit::{Market, Port, Service, Transactions};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use wire::tls::ClientTls;

/// Transactions, paying whatever comes.
pub struct Payments {
    serving: Transactions,
    pub service: TransactionsService,
    port: Port,
    ca: PathBuf,
    worker: Option<JoinHandle<()>>,
}

impl Payments {
    /// Serves with the client's certificate of a market.
    pub fn new(market: &Market) -> Payments {
        let (port, service) = (Port::new(), TransactionsService::new(Paying::AtOnce));
        let issued = Issued { certificate: market.text("client_crt.pem"), key: market.text("client_key.pem") };
        let serving = Transactions::start(&service, &issued, &port);
        Payments { serving, service, port, ca: market.path("ca_crt.pem"), worker: None }
    }

    /// Where it takes trades.
    pub fn address(&self) -> SocketAddr {
        self.port.address()
    }

    /// The `[forward]` of a configuration that pushes here.
    pub fn pushed(&self) -> String {
        self.pushed_by(self.address())
    }

    /// As [`Payments::pushed`], by an address of this machine that leads here.
    pub fn pushed_by(&self, address: SocketAddr) -> String {
        let to = format!("https://localhost:{}", address.port());
        format!("[forward]\nmode = \"push\"\nto = {to:?}\nca = \"ca_crt.pem\"\n")
    }

    /// Works with a market that has just started; with no other any more.
    pub fn work_with(&mut self, market: &Service, source: Source) {
        self.rest();
        let tls = ClientTls { ca: Some(self.ca.clone()), identity: None };
        let address = format!("https://localhost:{}", market.tls.port());
        let plain = format!("http://{}", market.plain);
        let _inside = self.serving.runtime().enter();
        let market = Arc::new(MarketClient::new(&address, &tls, Some(&plain)).unwrap());
        let worker = Worker { service: self.service.clone(), market, source, poll: Duration::from_millis(50) };
        self.worker = Some(tokio::spawn(async move { worker.run(CancellationToken::new()).await }));
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
