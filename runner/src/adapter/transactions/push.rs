//! The client of a Transactions service: one request with trades, and what its response means.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use domain::TradeId;
use domain::text::chain;
use tonic::transport::Channel;
use tonic::{Code, Request, Status};

use wire::rec_market_v1::trade_service_client::TradeServiceClient;
use wire::rec_market_v1::{DeliverTradesRequest, DeliverTradesResponse, Trade};
use wire::status::{CallError, status_text};
use wire::tls::{ClientTls, TlsError};

/// Maximum length of a stored reason in characters, so that a peer cannot fill the books.
const REASON_MAX: usize = 500;

/// A client of one Transactions service. Connects when first used, and again after failures.
#[derive(Debug)]
pub struct PushClient {
    address: String,
    tls: ClientTls,
    deadline: Duration,
    channel: Mutex<Channel>,
}

/// A request without an acknowledgement.
#[derive(Debug, thiserror::Error)]
pub enum PushError {
    /// Some trade in it is wrong.
    #[error("Transactions at {address} refused the request: {reason}")]
    Invalid { address: String, reason: String },
    /// The request is too large, or the service is overloaded: the code does not tell which.
    #[error("Transactions at {address} accepts no more: {reason}")]
    Exhausted { address: String, reason: String },
    /// One of the two services must be configured differently.
    #[error("Transactions at {address} does not accept trades ({hint})")]
    Unsuited { address: String, hint: &'static str, source: CallError },
    #[error("Transactions at {address} refused {id:?}, which was not in the request (the response is ignored)")]
    Garbage { address: String, id: String },
    #[error("Transactions at {address} does not answer")]
    Unavailable { address: String, source: CallError },
}

impl PushClient {
    /// The usual deadline of a request.
    pub const DEADLINE: Duration = Duration::from_secs(30);

    /// A client of the service at an `https://` address.
    ///
    /// # Errors
    /// If the address is invalid, or a PEM file cannot be used.
    pub fn new(address: &str, tls: ClientTls, deadline: Duration) -> Result<PushClient, TlsError> {
        let channel = Mutex::new(tls.endpoint(address)?.connect_lazy());
        Ok(PushClient { address: address.to_owned(), tls, deadline, channel })
    }

    pub fn address(&self) -> &str {
        &self.address
    }

    pub fn deadline(&self) -> Duration {
        self.deadline
    }

    /// Delivers trades; returns those that were refused, with reasons. The receiver keeps all others.
    ///
    /// # Errors
    /// If there is no acknowledgement: the receiver may have all of the trades, some or none.
    pub async fn deliver(&self, trades: &[Trade]) -> Result<BTreeMap<TradeId, String>, PushError> {
        let mut client = TradeServiceClient::new(self.channel());
        let mut request = Request::new(DeliverTradesRequest { trades: trades.to_vec() });
        request.set_timeout(self.deadline);
        // Also here: the deadline in the request does not cover a connection that is never made or silently lost.
        match tokio::time::timeout(self.deadline, client.deliver_trades(request)).await {
            Ok(Ok(answer)) => self.read(trades, answer.into_inner()),
            Ok(Err(status)) => Err(self.failed(status)),
            Err(_) => {
                self.reconnect();
                let source = CallError::NoAnswer(self.deadline);
                Err(PushError::Unavailable { address: self.address.clone(), source })
            }
        }
    }

    fn read(&self, trades: &[Trade], answer: DeliverTradesResponse) -> Result<BTreeMap<TradeId, String>, PushError> {
        let mut refused = BTreeMap::new();
        for each in answer.refused {
            let id = each.id.parse().ok().filter(|_| trades.iter().any(|trade| trade.id == each.id));
            let Some(id) = id else {
                return Err(PushError::Garbage { address: self.address.clone(), id: shortened(&each.id) });
            };
            refused.insert(id, shortened(if each.reason.is_empty() { "no reason given" } else { &each.reason }));
        }
        Ok(refused)
    }

    fn failed(&self, status: Status) -> PushError {
        let address = self.address.clone();
        let reason = || shortened(&status_text(&status));
        let hint = match status.code() {
            Code::InvalidArgument => return PushError::Invalid { address, reason: reason() },
            // Some libraries use OUT_OF_RANGE for a message above their limit.
            Code::ResourceExhausted | Code::OutOfRange => return PushError::Exhausted { address, reason: reason() },
            Code::Unimplemented => "if it does not serve rec.market.v1.TradeService, set forward.mode = \"pull\"",
            Code::Unauthenticated | Code::PermissionDenied => "it may require another client certificate",
            _ => {
                self.reconnect();
                return PushError::Unavailable { address, source: status.into() };
            }
        };
        PushError::Unsuited { address, hint, source: status.into() }
    }

    fn channel(&self) -> Channel {
        self.channel.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Replaces a connection that may be dead, and reads renewed certificates.
    fn reconnect(&self) {
        match self.tls.endpoint(&self.address) {
            Ok(endpoint) => {
                *self.channel.lock().unwrap_or_else(PoisonError::into_inner) = endpoint.connect_lazy();
            }
            Err(error) => {
                tracing::warn!(error = chain(&error), "cannot read the certificates again; keeping the earlier ones");
            }
        }
    }
}

/// A text cut to the length that may be stored.
fn shortened(text: &str) -> String {
    match text.char_indices().nth(REASON_MAX) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}
