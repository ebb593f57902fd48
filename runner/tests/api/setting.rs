//! The language of these tests: a market with settled trades, its two ports, and clients of both.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use books::{OfferedSince, Wallets};
use rec_market::adapter::grpc::{
    Api, ApiError, ApiLimits, Cut, CutObserver, Observer, PriceTaking, ServingApi, start_observed,
};
use rec_market::config::{CallerConfig, TlsConfig, usual_callers};
use testkit::{Authority, HandClock, SettledStore, listener, tls_files};
use tonic::transport::{Channel, ClientTlsConfig, Endpoint};
use wire::authenticated_market_service_client::AuthenticatedMarketServiceClient;
use wire::market_service_client::MarketServiceClient;
use wire::{MatchResponse, MatchesFilter};

/// How long anything may take that should happen at once.
pub const SOON: Duration = Duration::from_secs(20);
/// Lease of a claim.
pub const LEASE: Duration = Duration::from_secs(900);

/// What a market is started with.
pub struct Setting {
    pub books: SettledStore,
    pub clock: HandClock,
    pub authority: Authority,
    pub limits: ApiLimits,
    pub prices: PriceTaking,
    pub tls: TlsConfig,
    pub observer: Option<Observer>,
    pub callers: Vec<CallerConfig>,
    pub since: OfferedSince,
    /// What was cut so far, as `METHOD for CALLER after ROWS`.
    pub cut: Arc<Mutex<Vec<String>>>,
}

/// A market whose ports are open.
pub struct Open {
    pub setting: Setting,
    pub serving: ServingApi,
}

impl Setting {
    /// An empty store, a good certificate, and 13:00 on the clock.
    pub fn new() -> Setting {
        let (books, authority) = (SettledStore::new(), Authority::new());
        let tls = tls_files(&books.path(""));
        authority.issue().write(&tls);
        let clock = HandClock::at("2023-09-01T13:00:00Z");
        Setting {
            books,
            clock,
            authority,
            limits: ApiLimits::default(),
            prices: PriceTaking::default(),
            tls,
            observer: None,
            callers: usual_callers(),
            since: OfferedSince::default(),
            cut: Arc::default(),
        }
    }

    fn cut_observer(&self) -> CutObserver {
        let noted = Arc::clone(&self.cut);
        Arc::new(move |Cut { method, caller, next }| {
            noted.lock().unwrap().push(format!("{method} for {} after {next}", caller.unwrap()));
        })
    }

    /// Settles an interval: [`SettledStore::settle`].
    pub async fn settle(&self, number: u64, trades: &[&str]) -> Vec<String> {
        self.books.settle(number, trades).await
    }

    /// Opens both ports.
    pub async fn open(self) -> Open {
        let serving = self.start().await.unwrap();
        Open { setting: self, serving }
    }

    /// As [`Setting::open`], where that may fail.
    pub async fn start(&self) -> Result<ServingApi, ApiError> {
        let api = Api {
            store: Arc::new(self.books.store.clone()),
            clock: Arc::new(self.clock.clone()),
            claim_lease: LEASE,
            offered_since: self.since,
            cut: Some(self.cut_observer()),
            openings: None,
            limits: self.limits,
            callers: self.callers.clone(),
            prices: self.prices.clone(),
            wallets: Wallets::default(),
            meters: false,
            administration: None,
        };
        let (plain, tls) = (listener().await, listener().await);
        start_observed(api, self.observer.clone(), plain, tls, self.tls.clone()).await
    }
}

impl Open {
    /// A client of the plaintext port.
    pub async fn plain(&self) -> MarketServiceClient<Channel> {
        pulling(self.plain_channel().await)
    }

    /// A connection to the plaintext port.
    pub async fn plain_channel(&self) -> Channel {
        let address = format!("http://{}", self.serving.plain_address());
        Endpoint::from_shared(address).unwrap().connect().await.unwrap()
    }

    /// A client of the TLS port that trusts the setting's authority.
    pub async fn tls(&self) -> AuthenticatedMarketServiceClient<Channel> {
        claiming(self.tls_channel(self.trusting()).await.unwrap())
    }

    /// What the setting's authority is trusted with.
    pub fn trusting(&self) -> ClientTlsConfig {
        ClientTlsConfig::new().ca_certificate(self.setting.authority.trusted()).domain_name("market")
    }

    /// A connection to the TLS port, or why there is none.
    pub async fn tls_channel(&self, config: ClientTlsConfig) -> Result<Channel, tonic::transport::Error> {
        let address = format!("https://{}", self.serving.tls_address());
        Endpoint::from_shared(address).unwrap().tls_config(config).unwrap().connect().await
    }

    /// What GetMatches answers, each as [`match_text`].
    pub async fn matches(&self, filter: MatchesFilter) -> Vec<String> {
        let answer = self.plain().await.get_matches(filter).await.unwrap();
        answer.get_ref().matches.iter().map(match_text).collect()
    }
}

/// A client of the plaintext port's service on any connection.
pub fn pulling(channel: Channel) -> MarketServiceClient<Channel> {
    MarketServiceClient::new(channel)
}

/// A client of the TLS port's service on any connection.
pub fn claiming(channel: Channel) -> AuthenticatedMarketServiceClient<Channel> {
    AuthenticatedMarketServiceClient::new(channel)
}

/// A trade as `12:15 a > b 0.5 kWh at 0.0962 Created`.
pub fn match_text(trade: &MatchResponse) -> String {
    let MatchResponse { timestamp, seller_id, buyer_id, energy, price, .. } = trade;
    let time = timestamp.strip_prefix("2023-09-01T").and_then(|time| time.strip_suffix(":00Z")).unwrap_or(timestamp);
    let state =
        trade.transaction_state.map(|state| format!(" {}", wire::State::try_from(state).unwrap().as_str_name()));
    format!("{time} {seller_id} > {buyer_id} {energy} kWh at {price}{}", state.unwrap_or_default())
}
