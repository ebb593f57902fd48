//! What Transactions asks of a market: waiting trades, and to take note of what became of them.

use std::collections::BTreeSet;
use std::time::Duration;

use domain::TradeId;
use tonic::transport::{Channel, Endpoint};
use tonic::{Code, Request, Status};

use super::ledger::Entry;
use domain::PLATFORM_GRID;
use wire::authenticated_market_service_client::AuthenticatedMarketServiceClient;
use wire::market_service_client::MarketServiceClient;
use wire::status::{innermost, status_text};
use wire::tls::{ClientTls, TlsError};
use wire::{ListUpdateMatch, MatchResponse, MatchesFilter, State, UpdateMatch};

/// How long a request may take.
const DEADLINE: Duration = Duration::from_secs(30);
/// Trades from which buyers are learned at once.
const PAGE: i32 = 1000;

/// A client of one market.
#[derive(Debug)]
pub struct MarketClient {
    /// For trades and reports.
    tls: Channel,
    /// For everything else.
    plain: Option<Channel>,
}

/// A market that does not do what it is asked.
#[derive(Debug, thiserror::Error)]
pub enum MarketError {
    /// It refuses a report: one of its trades is unknown, or cannot come into that state, perhaps not yet.
    #[error("the market refuses the report: {reason}")]
    Refused {
        /// What it says.
        reason: String,
        /// Whether the same report can ever be taken.
        later: bool,
    },
    /// It is away or failing.
    #[error("the market does not answer: {0}")]
    Away(String),
    /// Nobody said where buyers can be asked for.
    #[error("who buys? (name the buyers, or the address of the market's plaintext port)")]
    NoBuyers,
}

impl From<Status> for MarketError {
    fn from(status: Status) -> MarketError {
        let reason = status_text(&status);
        match status.code() {
            Code::InvalidArgument | Code::NotFound => MarketError::Refused { reason, later: false },
            Code::FailedPrecondition => MarketError::Refused { reason, later: true },
            _ => MarketError::Away(reason),
        }
    }
}

impl MarketClient {
    /// A client of the market whose TLS port has that `https://` address, and whose plaintext port that `http://` one.
    ///
    /// # Errors
    /// If an address is none, or a file is missing or no PEM.
    pub fn new(address: &str, tls: &ClientTls, plain: Option<&str>) -> Result<MarketClient, TlsError> {
        let connect = |address: &str| {
            let unusable = |error: tonic::transport::Error| TlsError::Unusable {
                address: address.to_owned(),
                reason: innermost(&error),
            };
            Ok(Endpoint::from_shared(address.to_owned()).map_err(unusable)?.timeout(DEADLINE).connect_lazy())
        };
        let tls = tls.endpoint(address)?.timeout(DEADLINE).connect_lazy();
        Ok(MarketClient { tls, plain: plain.map(connect).transpose()? })
    }

    /// Buyers of the oldest trades that wait to be paid; none if none wait.
    ///
    /// # Errors
    /// If the market is away, or only its TLS port is known.
    pub async fn buyers(&self) -> Result<BTreeSet<String>, MarketError> {
        let mut client = MarketServiceClient::new(self.plain.clone().ok_or(MarketError::NoBuyers)?);
        let filter = MatchesFilter { limit: Some(PAGE), ..waiting(None) };
        let matches = client.get_matches(Request::new(filter)).await?.into_inner().matches;
        Ok(matches.into_iter().map(|each| each.buyer_id).filter(|buyer| buyer != PLATFORM_GRID).collect())
    }

    /// Claims waiting trades of a buyer, to pay them: as many as the market gives at once.
    ///
    /// # Errors
    /// If the market is away.
    pub async fn claim(&self, buyer: &str) -> Result<Vec<MatchResponse>, MarketError> {
        let mut client = AuthenticatedMarketServiceClient::new(self.tls.clone());
        Ok(client.retrieve_matches(Request::new(waiting(Some(buyer)))).await?.into_inner().matches)
    }

    /// Reports what became of trades.
    ///
    /// # Errors
    /// If the market is away, or refuses the report, of which it then applies nothing.
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

/// The filter for what waits to be paid; with a buyer it is exactly the one that claims.
fn waiting(buyer: Option<&str>) -> MatchesFilter {
    MatchesFilter {
        buyer_id: buyer.map(ToOwned::to_owned),
        state: vec![State::Created.into(), State::NotPaid.into()],
        ..MatchesFilter::default()
    }
}
