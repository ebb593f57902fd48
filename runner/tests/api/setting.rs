//! The language of these tests: a market with settled trades, its two ports, and clients of both.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use books::{Books, ClearedInterval, ClearedRound, Commit, Committed, Provenance};
use domain::netting::Basis;
use domain::round::{PriceLimits, Terms};
use domain::{Boundary, Digest, Energy, Interval, IntervalLength, Party, Position, Price, Round, Settlement};
use domain::{Tariff, Trade, TradeId};
use jiff::Timestamp;
use rec_market::adapter::grpc::{Api, ApiLimits, Observer, ServingApi, start_observed};
use rec_market::clock::Clock;
use rec_market::config::TlsConfig;
use store::SqliteStore;
use tempfile::TempDir;
use tokio::net::TcpListener;
use tonic::transport::{Channel, ClientTlsConfig, Endpoint};
use wire::authenticated_market_service_client::AuthenticatedMarketServiceClient;
use wire::market_service_client::MarketServiceClient;
use wire::{MatchResponse, MatchesFilter};

use crate::authority::{self, Authority};

/// 2023-09-01T12:00:00Z.
pub const NOON: u64 = 1_693_569_600;
/// The grid's tariff in every round.
pub const TARIFF: Tariff = Tariff { retail: Price::from_micro_eur(162_400), feed_in: Price::from_micro_eur(30_000) };
/// How long anything may take that should happen at once.
pub const SOON: Duration = Duration::from_secs(20);
/// Lease of a claim.
pub const LEASE: Duration = Duration::from_secs(900);

/// A clock that is set by hand.
pub struct HandClock(Mutex<Timestamp>);

impl HandClock {
    pub fn set(&self, time: &str) {
        *self.0.lock().unwrap() = time.parse().unwrap();
    }
}

impl Clock for HandClock {
    fn now(&self) -> Timestamp {
        *self.0.lock().unwrap()
    }
}

/// What a market is started with.
pub struct Setting {
    pub directory: TempDir,
    pub store: SqliteStore,
    pub clock: Arc<HandClock>,
    pub authority: Authority,
    pub limits: ApiLimits,
    pub tls: TlsConfig,
    pub observer: Option<Observer>,
}

/// A market whose ports are open.
pub struct Open {
    pub setting: Setting,
    pub serving: ServingApi,
}

impl Setting {
    /// An empty store, a good certificate, and 13:00 on the clock.
    pub fn new() -> Setting {
        let directory = tempfile::tempdir().unwrap();
        let authority = Authority::new();
        let tls = authority::files(directory.path());
        authority.issue().write(&tls);
        Setting {
            store: SqliteStore::open(&directory.path().join("market.db")).unwrap(),
            clock: Arc::new(HandClock(Mutex::new("2023-09-01T13:00:00Z".parse().unwrap()))),
            limits: ApiLimits::default(),
            observer: None,
            directory,
            authority,
            tls,
        }
    }

    /// The database's file.
    pub fn database(&self) -> PathBuf {
        self.directory.path().join("market.db")
    }

    /// Settles the quarter-hour of that number from 12:00 on: `seller > buyer Wh µEUR/kWh` between members, and with
    /// `grid` at the tariff. A minute after its end.
    pub async fn settle(&self, number: u64, trades: &[&str]) -> Vec<String> {
        let commit = settled(number, trades);
        let after = self.store.mark("aveiro").await.unwrap();
        let ids =
            (0..trades.len() as u64).map(|trade| TradeId::derive("aveiro", commit.cleared.interval, trade).to_string());
        let ids = ids.collect();
        assert_eq!(self.store.commit(Arc::new(Commit { after, ..commit })).await.unwrap(), Committed::Now);
        ids
    }

    /// Opens both ports.
    pub async fn open(self) -> Open {
        let serving = self.start().await.unwrap();
        Open { setting: self, serving }
    }

    /// As [`Setting::open`], where that may fail.
    pub async fn start(&self) -> Result<ServingApi, rec_market::adapter::grpc::ApiError> {
        let api = Api {
            store: Arc::new(self.store.clone()),
            clock: self.clock.clone(),
            claim_lease: LEASE,
            limits: self.limits,
            administration: None,
        };
        let (plain, tls) = (listener().await, listener().await);
        start_observed(api, self.observer.clone(), plain, tls, self.tls.clone()).await
    }
}

/// An interval with these trades; see [`Setting::settle`].
pub fn settled(number: u64, trades: &[&str]) -> Commit {
    let start = Boundary::from_seconds(NOON + 900 * number).unwrap();
    let interval = Interval::starting(start, IntervalLength::QUARTER_HOUR).unwrap();
    let terms = Terms {
        community: "aveiro".to_owned(),
        interval,
        tariff: TARIFF,
        limits: PriceLimits::default(),
        seed: 0,
        settings: Vec::new(),
    };
    let read = trades.iter().map(|text| {
        let cells: Vec<&str> = text.split_whitespace().collect();
        let [seller, ">", buyer, wh, price] = cells[..] else { panic!("{text:?} is not `a > b Wh µEUR`") };
        (seller, buyer, wh.parse::<u64>().unwrap(), price.parse::<i64>().unwrap())
    });
    let read: Vec<_> = read.collect();
    let mut members: BTreeMap<&str, (u64, u64)> = BTreeMap::new();
    for (seller, buyer, wh, _) in &read {
        members.entry(seller).or_default().0 += wh;
        members.entry(buyer).or_default().1 += wh;
    }
    members.remove("grid");
    let names: Vec<&str> = members.keys().copied().collect();
    let position = |(name, (surplus, deficit)): (&&str, &(u64, u64))| Position {
        member: name.parse().unwrap(),
        surplus: Energy::from_wh(*surplus),
        deficit: Energy::from_wh(*deficit),
        offer: TARIFF.feed_in,
        bid: TARIFF.retail,
        tariff: TARIFF,
        share: 0,
        rank: 0,
    };
    let round = Round::new(terms, members.iter().map(position).collect()).unwrap();
    let party = |name: &str| match names.iter().position(|other| *other == name) {
        Some(index) => Party::Member(u32::try_from(index).unwrap()),
        None => Party::Grid,
    };
    let trades = read.iter().map(|(seller, buyer, wh, price)| Trade {
        seller: party(seller),
        buyer: party(buyer),
        energy: Energy::from_wh(*wh),
        price: Price::from_micro_eur(*price),
    });
    let settlement = Settlement::check(Arc::new(round), trades.collect(), 1_000_000).unwrap();
    let provenance = Provenance {
        algorithm: Digest::of(b"component"),
        name: "test".to_owned(),
        version: "1".to_owned(),
        engine: "none".to_owned(),
        fuel: 0,
        fallback_reason: None,
    };
    let round = ClearedRound { settlement, provenance, component: b"component".as_slice().into() };
    Commit {
        community: "aveiro".to_owned(),
        after: None,
        decision: 0,
        fence: None,
        settled_at: interval.end().timestamp() + Duration::from_secs(60),
        cleared: ClearedInterval::new("aveiro", interval, Basis::Gross, Some(round), Vec::new()),
    }
}

/// A port that the system chose.
pub async fn listener() -> TcpListener {
    TcpListener::bind("127.0.0.1:0").await.unwrap()
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

    /// What GetMatches answers, each as [`shown`].
    pub async fn matches(&self, filter: MatchesFilter) -> Vec<String> {
        let answer = self.plain().await.get_matches(filter).await.unwrap();
        answer.get_ref().matches.iter().map(shown).collect()
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
pub fn shown(trade: &MatchResponse) -> String {
    let MatchResponse { timestamp, seller_id, buyer_id, energy, price, .. } = trade;
    let time = timestamp.strip_prefix("2023-09-01T").and_then(|time| time.strip_suffix(":00Z")).unwrap_or(timestamp);
    let state =
        trade.transaction_state.map(|state| format!(" {}", wire::State::try_from(state).unwrap().as_str_name()));
    format!("{time} {seller_id} > {buyer_id} {energy} kWh at {price}{}", state.unwrap_or_default())
}

/// Waits until something holds, which must be soon.
pub async fn until<Holds: Future<Output = bool>>(what: &str, holds: impl Fn() -> Holds) {
    let waiting = async {
        while !holds().await {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    assert!(tokio::time::timeout(SOON, waiting).await.is_ok(), "not soon: {what}");
}
