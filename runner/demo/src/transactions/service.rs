//! A Transactions service of our own: takes pushed trades, and speaks the platform's `proto.TransactionsService`.
//!
//! It does what a careful receiver does: looks at every trade, keeps each once by its id, and says which it refuses. For
//! tests it can be told to go wrong in the ways in which services go wrong. Deliberately not here: a ledger that outlives
//! the process, and money.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use domain::TradeId;
use tokio::net::TcpListener;
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;
use tonic::transport::server::TcpIncoming;
use tonic::transport::{Identity, Server, ServerTlsConfig};
use tonic::{Code, Request, Response, Status};

use super::ledger::{Ledger, Paying};
use super::trade::Payable;
use wire::rec_market_v1::trade_service_server::{TradeService, TradeServiceServer};
use wire::rec_market_v1::{DeliverTradesRequest, DeliverTradesResponse, RefusedTrade, Trade};
use wire::transactions_service_server as platform;

/// How a deployment of this service pays, in the platform's numbering: outside of the ledger.
const APPROACH: i32 = 0;

/// The service. Its clones are the same service.
#[derive(Clone, Default)]
pub struct TransactionsService {
    ledger: Arc<Mutex<Ledger>>,
    /// Public keys by device.
    accounts: Arc<Mutex<BTreeMap<String, String>>>,
    script: Arc<Mutex<Script>>,
    news: Arc<Notify>,
}

/// What goes wrong; nothing, unless somebody says so.
#[derive(Default)]
pub struct Script {
    /// How many trades each request so far had.
    pub requests: Vec<usize>,
    /// What the next requests meet, one after the other.
    pub faults: VecDeque<Fault>,
    /// What is to be said of single trades.
    pub judge: Option<Judge>,
}

/// Decides about trades that could be paid.
pub type Judge = Box<dyn Fn(&Payable) -> Verdict + Send>;

/// What a [`Judge`] says of a trade.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It is taken.
    Take,
    /// It is refused, with this reason.
    Refuse(String),
    /// The whole request is refused because of it, with this code.
    RefuseRequest(Code),
}

/// How a request can go wrong.
#[derive(Clone, Debug)]
pub enum Fault {
    /// It is answered with that code, and nothing is taken.
    Fail(Code),
    /// It is taken, and the answer is lost: an error in its place.
    LoseAnswer,
    /// It is taken, and never answered.
    Hang,
    /// It is taken that much later.
    Wait(Duration),
    /// It is taken, and the answer refuses a trade that was never sent.
    Garble,
}

/// The service's certificate with those above it, and its key, as PEM.
#[derive(Clone)]
pub struct ServerPem {
    /// The certificates.
    pub certificate: String,
    /// The key.
    pub key: String,
}

/// A service that did not start, or did not end as it should.
#[derive(Debug, thiserror::Error)]
#[error("the Transactions service failed")]
pub struct ServingError(#[from] tonic::transport::Error);

impl TransactionsService {
    /// A service with an empty ledger that pays in this way.
    pub fn new(paying: Paying) -> TransactionsService {
        TransactionsService { ledger: Arc::new(Mutex::new(Ledger::new(paying))), ..TransactionsService::default() }
    }

    /// Its ledger.
    pub fn ledger(&self) -> MutexGuard<'_, Ledger> {
        self.ledger.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What is to go wrong.
    pub fn script(&self) -> MutexGuard<'_, Script> {
        self.script.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Ends when trades or receipts have come since it was last asked.
    pub async fn news(&self) {
        self.news.notified().await;
    }

    /// Serves over TLS until told to stop; requests under way are finished.
    ///
    /// # Errors
    /// If the certificate or the key is none, or the transport fails.
    pub async fn serve(
        &self,
        listener: TcpListener,
        pem: ServerPem,
        stop: CancellationToken,
    ) -> Result<(), ServingError> {
        let tls = ServerTlsConfig::new().identity(Identity::from_pem(pem.certificate, pem.key));
        Server::builder()
            .tls_config(tls)?
            .add_service(TradeServiceServer::new(self.clone()))
            .add_service(platform::TransactionsServiceServer::new(self.clone()))
            .serve_with_incoming_shutdown(TcpIncoming::from(listener).with_nodelay(Some(true)), stop.cancelled_owned())
            .await?;
        Ok(())
    }

    /// Takes trades in; answers those that it refuses.
    fn take(&self, trades: &[Trade]) -> Result<Vec<RefusedTrade>, Status> {
        let mut good = Vec::new();
        let mut refused = Vec::new();
        let mut refuse = |id: &str, reason| refused.push(RefusedTrade { id: id.to_owned(), reason });
        for wire in trades {
            let trade = match Payable::pushed(wire) {
                Ok(trade) => trade,
                Err(reason) => {
                    refuse(&wire.id, reason.to_string());
                    continue;
                }
            };
            match self.script().judge.as_ref().map_or(Verdict::Take, |judge| judge(&trade)) {
                Verdict::Take => good.push(trade),
                Verdict::Refuse(reason) => refuse(&wire.id, reason),
                Verdict::RefuseRequest(code) => return Err(Status::new(code, format!("trade {} is wrong", wire.id))),
            }
        }
        let mut ledger = self.ledger();
        for trade in good {
            let id = trade.id;
            if let Err(reason) = ledger.take(trade) {
                refuse(&id.to_string(), reason.to_string());
            }
        }
        drop(ledger);
        self.news.notify_one();
        Ok(refused)
    }
}

#[tonic::async_trait]
impl TradeService for TransactionsService {
    async fn deliver_trades(
        &self,
        request: Request<DeliverTradesRequest>,
    ) -> Result<Response<DeliverTradesResponse>, Status> {
        let trades = &request.get_ref().trades;
        let fault = {
            let mut script = self.script();
            script.requests.push(trades.len());
            script.faults.pop_front()
        };
        match &fault {
            Some(Fault::Fail(code)) => return Err(Status::new(*code, "this is a test")),
            Some(Fault::Wait(time)) => tokio::time::sleep(*time).await,
            _ => {}
        }
        let mut refused = self.take(trades)?;
        match fault {
            Some(Fault::LoseAnswer) => return Err(Status::unavailable("the answer is lost")),
            Some(Fault::Hang) => std::future::pending().await,
            Some(Fault::Garble) => {
                refused.push(RefusedTrade { id: "000000000000000000000000".to_owned(), reason: String::new() });
            }
            _ => {}
        }
        Ok(Response::new(DeliverTradesResponse { refused }))
    }
}

#[tonic::async_trait]
impl platform::TransactionsService for TransactionsService {
    async fn add_tx_receipt(&self, request: Request<wire::ListReceipts>) -> Result<Response<wire::Empty>, Status> {
        let read = |receipt: wire::JsonReceipt| {
            let id: TradeId = receipt.payment_id.parse().map_err(|error| invalid("paymentID", error))?;
            if receipt.tx_id.is_empty() {
                return Err(invalid("txID", "it is empty"));
            }
            Ok((id, receipt.tx_id))
        };
        let receipts: Vec<_> = request.into_inner().receipts.into_iter().map(read).collect::<Result<_, Status>>()?;
        self.ledger().receive(&receipts).map_err(|error| match error {
            super::ledger::InvalidReceipt::Unknown(_) => Status::not_found(error.to_string()),
            super::ledger::InvalidReceipt::Paid { .. } => Status::failed_precondition(error.to_string()),
        })?;
        self.news.notify_one();
        Ok(Response::new(wire::Empty {}))
    }

    async fn get_payments(&self, request: Request<wire::IssuerId>) -> Result<Response<wire::PaymentsResponse>, Status> {
        let issuer = &request.get_ref().id;
        let ledger = self.ledger();
        let open = ledger.entries().filter(|entry| entry.trade.buyer == *issuer && entry.state != wire::State::Paid);
        let json = open.map(|entry| entry.trade.to_platform(entry.state, entry.transaction_id.clone())).collect();
        // Nothing to sign: there is no chain behind this service.
        Ok(Response::new(wire::PaymentsResponse { approach: APPROACH, json, transactions: Vec::new() }))
    }

    async fn add_account(&self, request: Request<wire::DeviceInfo>) -> Result<Response<wire::Empty>, Status> {
        let wire::DeviceInfo { pubkey, device_id } = request.into_inner();
        if device_id.is_empty() || pubkey.is_empty() {
            return Err(invalid("an account", "deviceId and pubkey are needed"));
        }
        self.accounts.lock().unwrap_or_else(PoisonError::into_inner).insert(device_id, pubkey);
        Ok(Response::new(wire::Empty {}))
    }
}

fn invalid(what: &str, why: impl std::fmt::Display) -> Status {
    Status::invalid_argument(format!("{what}: {why}"))
}
