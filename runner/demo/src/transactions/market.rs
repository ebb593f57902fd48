//! The client with which Transactions claims waiting trades from a market and reports payments.

use std::collections::BTreeSet;
use std::time::Duration;

use domain::TradeId;
use tonic::transport::{Channel, Endpoint};
use tonic::{Code, Request, Status};

use super::ledger::Entry;
use domain::PLATFORM_GRID;
use wire::authenticated_market_service_client::AuthenticatedMarketServiceClient;
use wire::market_service_client::MarketServiceClient;
use wire::status::status_text;
use wire::tls::{ClientTls, TlsError};
use wire::{ListUpdateMatch, MatchResponse, MatchesFilter, State, UpdateMatch};

/// Maximum duration of a request.
const DEADLINE: Duration = Duration::from_secs(30);
/// Number of trades in a page from which buyers are collected.
const PAGE: i32 = 1000;

/// A client of one market.
#[derive(Debug)]
pub struct MarketClient {
    /// The TLS port, for claims and reports.
    tls: Channel,
    /// The plaintext port, for everything else.
    plain: Option<Channel>,
}

/// Why a request to the market failed.
#[derive(Debug, thiserror::Error)]
pub enum MarketError {
    /// The market refuses a report: a trade is unknown, or cannot change to the reported state, perhaps only not yet.
    #[error("the market refuses the report: {reason}")]
    Refused {
        /// The market's status.
        reason: String,
        /// Whether the market may accept the same report later.
        later: bool,
    },
    /// The market does not let us do this.
    #[error("the market does not permit it: {0}")]
    NotPermitted(String),
    /// The market is unavailable or failing.
    #[error("the market does not answer: {0}")]
    Unavailable(String),
    /// The buyers were not named, and the plaintext port is not known.
    #[error("the buyers are unknown (name them, or give the address of the market's plaintext port)")]
    NoBuyers,
}

impl From<Status> for MarketError {
    fn from(status: Status) -> MarketError {
        let reason = status_text(&status);
        match status.code() {
            Code::InvalidArgument | Code::NotFound => MarketError::Refused { reason, later: false },
            Code::FailedPrecondition => MarketError::Refused { reason, later: true },
            Code::Unauthenticated | Code::PermissionDenied => MarketError::NotPermitted(reason),
            _ => MarketError::Unavailable(reason),
        }
    }
}

impl MarketClient {
    /// Makes a client from the `https://` address of the market's TLS port and the `http://` address of its plaintext
    /// port.
    ///
    /// # Errors
    /// If an address is invalid, or a file is missing or not PEM.
    pub fn new(address: &str, tls: &ClientTls, plain: Option<&str>) -> Result<MarketClient, TlsError> {
        let connect = |address: &str| {
            let unusable = |source| TlsError::Unusable { address: address.to_owned(), source };
            Ok(Endpoint::from_shared(address.to_owned()).map_err(unusable)?.timeout(DEADLINE).connect_lazy())
        };
        let tls = tls.endpoint(address)?.timeout(DEADLINE).connect_lazy();
        Ok(MarketClient { tls, plain: plain.map(connect).transpose()? })
    }

    /// Lists the buyers of the oldest waiting trades; empty if no trades wait.
    ///
    /// # Errors
    /// If the market is unavailable, or its plaintext port is not known.
    pub async fn buyers(&self) -> Result<BTreeSet<String>, MarketError> {
        let mut client = MarketServiceClient::new(self.plain.clone().ok_or(MarketError::NoBuyers)?);
        let filter = MatchesFilter { limit: Some(PAGE), ..waiting(None) };
        let matches = client.get_matches(Request::new(filter)).await?.into_inner().matches;
        Ok(matches.into_iter().map(|each| each.buyer_id).filter(|buyer| buyer != PLATFORM_GRID).collect())
    }

    /// Claims waiting trades of a buyer for payment, as many as the market returns at once.
    ///
    /// # Errors
    /// If the market is unavailable.
    pub async fn claim(&self, buyer: &str) -> Result<Vec<MatchResponse>, MarketError> {
        let mut client = AuthenticatedMarketServiceClient::new(self.tls.clone());
        Ok(client.retrieve_matches(Request::new(waiting(Some(buyer)))).await?.into_inner().matches)
    }

    /// Reports the state of trades.
    ///
    /// # Errors
    /// If the market is unavailable, or refuses the report and applies none of it.
    pub async fn report(&self, entries: &[Entry]) -> Result<(), MarketError> {
        let update = |entry: &Entry| UpdateMatch {
            match_id: entry.trade.id.to_string(),
            transaction_id: entry.transaction_id.clone(),
            state: entry.state.into(),
            message: (entry.state == State::NotPaid).then(|| format!("attempt {} to pay failed", entry.attempts)),
        };
        self.update(entries.iter().map(update).collect()).await
    }

    /// Reports that a trade can never be paid.
    ///
    /// # Errors
    /// As [`MarketClient::report`].
    pub async fn report_error(&self, id: TradeId, reason: String) -> Result<(), MarketError> {
        let state = State::Error.into();
        let update = UpdateMatch { match_id: id.to_string(), transaction_id: None, state, message: Some(reason) };
        self.update(vec![update]).await
    }

    async fn update(&self, matches: Vec<UpdateMatch>) -> Result<(), MarketError> {
        let mut client = AuthenticatedMarketServiceClient::new(self.tls.clone());
        client.update_match(Request::new(ListUpdateMatch { matches })).await?;
        Ok(())
    }
}

/// The filter for trades that wait for payment. With a buyer, it is exactly the filter that claims.
fn waiting(buyer: Option<&str>) -> MatchesFilter {
    MatchesFilter {
        buyer_id: buyer.map(ToOwned::to_owned),
        state: vec![State::Created.into(), State::NotPaid.into()],
        ..MatchesFilter::default()
    }
}
