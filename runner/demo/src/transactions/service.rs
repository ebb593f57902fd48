//! The gRPC service: receives pushed trades, and implements the platform's `proto.TransactionsService`.
//!
//! It does what a careful receiver does: it validates every trade, stores each once by its id, and reports which ones
//! it refuses. For tests it can be told to fail as real services do. Deliberately absent: a persistent ledger, and
//! money.

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

/// The payment approach in the platform's numbering: outside of a distributed ledger.
const APPROACH: i32 = 0;

/// The service. Clones share their state.
#[derive(Clone, Default)]
pub struct TransactionsService {
    ledger: Arc<Mutex<Ledger>>,
    /// Public keys by device id.
    accounts: Arc<Mutex<BTreeMap<String, String>>>,
    script: Arc<Mutex<Script>>,
    news: Arc<Notify>,
}

/// How the service misbehaves; by default it does not.
#[derive(Default)]
pub struct Script {
    /// Number of trades in each request so far.
    pub requests: Vec<usize>,
    /// The faults of the next requests, in order.
    pub faults: VecDeque<Fault>,
    /// Decides about single trades.
    pub judge: Option<Judge>,
}

/// Decides about valid trades.
pub type Judge = Box<dyn Fn(&Payable) -> Verdict + Send>;

/// The decision of a [`Judge`] on a trade.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// The trade is accepted.
    Take,
    /// The trade is refused, for this reason.
    Refuse(String),
    /// The whole request is refused, with this code.
    RefuseRequest(Code),
}

/// How a request fails.
#[derive(Clone, Debug)]
pub enum Fault {
    /// The answer is this code, and no trade is accepted.
    Fail(Code),
    /// The trades are accepted, but the answer is an error, as if it were lost.
    LoseAnswer,
    /// The trades are accepted, but no answer is ever sent.
    Hang,
    /// The trades are accepted after this delay.
    Wait(Duration),
    /// The trades are accepted, but the answer refuses a trade that was never sent.
    Garble,
}

/// The service's certificate chain and private key, as PEM.
#[derive(Clone)]
pub struct ServerPem {
    /// The certificate chain.
    pub certificate: String,
    /// The private key.
    pub key: String,
}

/// The error for a service that did not start, or ended unexpectedly.
#[derive(Debug, thiserror::Error)]
#[error("the Transactions service failed")]
pub struct ServingError(#[from] tonic::transport::Error);

impl TransactionsService {
    /// Makes a service with an empty ledger.
    pub fn new(paying: Paying) -> TransactionsService {
        TransactionsService { ledger: Arc::new(Mutex::new(Ledger::new(paying))), ..TransactionsService::default() }
    }

    /// Locks the ledger.
    pub fn ledger(&self) -> MutexGuard<'_, Ledger> {
        self.ledger.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Locks the script of faults.
    pub fn script(&self) -> MutexGuard<'_, Script> {
        self.script.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits until trades or receipts have arrived since the last call.
    pub async fn news(&self) {
        self.news.notified().await;
    }

    /// Serves over TLS until `stop` is cancelled. Requests in progress are finished.
    ///
    /// # Errors
    /// If the certificate or the key is invalid, or the transport fails.
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

    /// Records trades, and returns those that it refuses.
    fn take(&self, trades: &[Trade]) -> Result<Vec<RefusedTrade>, Status> {
        let mut accepted = Vec::new();
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
                Verdict::Take => accepted.push(trade),
                Verdict::Refuse(reason) => refuse(&wire.id, reason),
                Verdict::RefuseRequest(code) => return Err(Status::new(code, format!("trade {} is wrong", wire.id))),
            }
        }
        let mut ledger = self.ledger();
        for trade in accepted {
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
        // No transactions to sign, since there is no blockchain behind this service.
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
