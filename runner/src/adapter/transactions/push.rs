//! Pushes trades to a Transactions service: one request, and what its answer means.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use domain::TradeId;
use tonic::transport::Channel;
use tonic::{Code, Request, Status};

use wire::rec_market_v1::trade_service_client::TradeServiceClient;
use wire::rec_market_v1::{DeliverTradesRequest, DeliverTradesResponse, Trade};
use wire::status::status_text;
use wire::tls::{ClientTls, TlsError};

/// Longest reason kept of a refusal, in characters: what comes from outside must not fill the books.
const REASON_MAX: usize = 500;

/// A client of one Transactions service. Connects when first used, and again when it has to.
#[derive(Debug)]
pub struct PushClient {
    address: String,
    tls: ClientTls,
    deadline: Duration,
    channel: Mutex<Channel>,
}

/// A request that was not answered with an acknowledgement.
#[derive(Debug, thiserror::Error)]
pub enum PushError {
    /// Some trade in it is wrong.
    #[error("Transactions at {address} refuses the request: {reason}")]
    Invalid {
        /// Who.
        address: String,
        /// What it says.
        reason: String,
    },
    /// It is too large, or too much at the moment: the code does not tell which.
    #[error("Transactions at {address} takes no more: {reason}")]
    Exhausted {
        /// Who.
        address: String,
        /// What it says.
        reason: String,
    },
    /// The two services are not set up for each other. Somebody has to do something.
    #[error("Transactions at {address} does not take trades: {reason} ({hint})")]
    Unsuited {
        /// Who.
        address: String,
        /// What it says.
        reason: String,
        /// What may help.
        hint: &'static str,
    },
    /// The answer makes no sense.
    #[error(
        "Transactions at {address} refuses {id:?}, which was not in the request (nothing of the answer is believed)"
    )]
    Garbage {
        /// Who.
        address: String,
        /// The id.
        id: String,
    },
    /// It is away, too slow or failing.
    #[error("Transactions at {address} does not answer: {reason}")]
    Away {
        /// Who.
        address: String,
        /// What happened.
        reason: String,
    },
}

impl PushClient {
    /// How long a request may take, unless a caller knows better.
    pub const DEADLINE: Duration = Duration::from_secs(30);

    /// A client of the service at that `https://` address; a request that takes longer than `deadline` is given up.
    ///
    /// # Errors
    /// If it is no such address, or a file is missing or no PEM.
    pub fn new(address: &str, tls: ClientTls, deadline: Duration) -> Result<PushClient, TlsError> {
        let channel = Mutex::new(tls.endpoint(address)?.connect_lazy());
        Ok(PushClient { address: address.to_owned(), tls, deadline, channel })
    }

    /// The service's address.
    pub fn address(&self) -> &str {
        &self.address
    }

    /// How long a request may take.
    pub fn deadline(&self) -> Duration {
        self.deadline
    }

    /// Delivers trades; answers those that are refused, with the reasons. All others are kept by the receiver.
    ///
    /// # Errors
    /// If there is no acknowledgement: the receiver may then have all of them, some or none.
    pub async fn deliver(&self, trades: &[Trade]) -> Result<BTreeMap<TradeId, String>, PushError> {
        let mut client = TradeServiceClient::new(self.channel());
        let mut request = Request::new(DeliverTradesRequest { trades: trades.to_vec() });
        request.set_timeout(self.deadline);
        // Ours too: a connection that is never made, or lost in silence, would outlast what the request says.
        match tokio::time::timeout(self.deadline, client.deliver_trades(request)).await {
            Ok(Ok(answer)) => self.read(trades, answer.into_inner()),
            Ok(Err(status)) => Err(self.failed(&status)),
            Err(_) => {
                self.reconnect();
                let reason = format!("no answer within {:?}", self.deadline);
                Err(PushError::Away { address: self.address.clone(), reason })
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

    fn failed(&self, status: &Status) -> PushError {
        let (address, reason) = (self.address.clone(), shortened(&status_text(status)));
        let unsuited = |hint| PushError::Unsuited { address: address.clone(), reason: reason.clone(), hint };
        match status.code() {
            Code::InvalidArgument => PushError::Invalid { address, reason },
            // Some libraries say OUT_OF_RANGE of a message above their limit.
            Code::ResourceExhausted | Code::OutOfRange => PushError::Exhausted { address, reason },
            Code::Unimplemented => unsuited("it may serve no rec.market.v1.TradeService: set forward.mode = \"pull\""),
            Code::Unauthenticated | Code::PermissionDenied => unsuited("it may want another client certificate"),
            _ => {
                self.reconnect();
                PushError::Away { address, reason }
            }
        }
    }

    fn channel(&self) -> Channel {
        self.channel.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Forgets a connection that may be dead without knowing it, and takes in certificates that were renewed.
    fn reconnect(&self) {
        match self.tls.endpoint(&self.address) {
            Ok(endpoint) => {
                *self.channel.lock().unwrap_or_else(PoisonError::into_inner) = endpoint.connect_lazy();
            }
            Err(error) => tracing::warn!(%error, "keeping to the earlier certificates"),
        }
    }
}

/// The beginning of a text that is too long to keep.
fn shortened(text: &str) -> String {
    match text.char_indices().nth(REASON_MAX) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}
