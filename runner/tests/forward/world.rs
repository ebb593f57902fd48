//! What the stories are made of: books with trades in them, and whoever forwards or claims them.

use std::sync::Arc;
use std::time::Duration;

use backon::ExponentialBuilder;
use books::{Match, MatchFilter, OfferedSince, Quantity, Store, Wallets, Window};
use demo::certificates::Certificates;
use demo::transactions::ledger::Totals;
use demo::transactions::market::MarketClient;
use demo::transactions::service::TransactionsService;
use demo::transactions::worker::{Source, Worker};
use domain::Amount;
use domain::trade::State;
use rec_market::adapter::grpc::{self, Api, ApiLimits, PriceTaking, ServingApi};
use rec_market::adapter::transactions::batch::BatchLimits;
use rec_market::adapter::transactions::outbox::OutboxRelay;
use rec_market::adapter::transactions::push::PushClient;
use rec_market::clock::{Clock, SystemClock};
use rec_market::config::{CallerConfig, Right, TlsConfig, usual_callers};
use rec_market::lease::LeaseOwner;
use rec_market_tests::settled::{COMMUNITY, cleared, commit, put, terms};
use testkit::*;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use wire::tls::ClientTls;

/// Pairs of members that trade in each interval.
pub const PAIRS: usize = 4;

/// Books with trades in them, and certificates for everybody.
pub struct World {
    books: SettledStore,
    pub store: Arc<dyn Store>,
    pub certificates: Certificates,
}

impl World {
    /// Books with so many intervals, of [`PAIRS`] trades between members and as many with the grid each.
    pub async fn with_intervals(count: u64) -> World {
        let books = SettledStore::new();
        let certificates = write_development_certificates(&books.path(""));
        let world = World { store: Arc::new(books.store.clone()), books, certificates };
        for number in 0..count {
            world.settle(number).await;
        }
        world
    }

    /// Settles one more interval, in which every seller sells to a buyer of its own, and one Wh to the grid.
    pub async fn settle(&self, number: u64) {
        self.books.settle(number, &trades()).await;
    }

    /// Settles one more interval, with a single trade between members.
    pub async fn settle_one(&self, number: u64) {
        self.books.settle(number, &["s0 > b0 100 96200"]).await;
    }

    /// As [`World::settle`], where the trades say at length why another algorithm made them.
    pub async fn settle_with_reason(&self, number: u64, reason: String) {
        let mut round = cleared(terms(COMMUNITY, number), &trades(), |_| {});
        round.provenance.fallback_reason = Some(reason);
        put(&self.books.store, commit(round)).await.unwrap();
    }

    /// The same books, opened by another process.
    pub fn open_again(&self) -> Arc<dyn Store> {
        Arc::new(self.books.open_again())
    }

    /// How a client of anybody here connects, with a certificate of its own or without.
    pub fn tls(&self, with_identity: bool) -> ClientTls {
        let identity = with_identity.then(|| (self.books.path("client_crt.pem"), self.books.path("client_key.pem")));
        ClientTls { ca: Some(self.books.path("ca_crt.pem")), identity }
    }

    /// The market's servers over these books; claims last a quarter of an hour. Where it knows its callers, only the
    /// certificate of Transactions settles.
    pub async fn market(&self, clock: Arc<dyn Clock>, knows_callers: bool) -> ServingApi {
        let transactions = CallerConfig {
            name: "transactions".to_owned(),
            roles: [Right::Settle].into(),
            from: Vec::new(),
            certificate: Some("transactions".to_owned()),
            token_file: None,
        };
        let api = Api {
            store: Arc::clone(&self.store),
            clock,
            claim_lease: Duration::from_secs(900),
            offered_since: OfferedSince::default(),
            cut: None,
            openings: None,
            limits: ApiLimits::default(),
            callers: if knows_callers { vec![transactions] } else { usual_callers() },
            prices: PriceTaking::default(),
            wallets: Wallets::default(),
            meters: false,
            administration: None,
        };
        let client_ca = knows_callers.then(|| self.books.path("ca_crt.pem"));
        let tls = TlsConfig { client_ca, ..tls_files(&self.books.path("")) };
        grpc::start(api, listener().await, listener().await, tls).await.unwrap()
    }

    /// Keeps a Transactions service at work with a market.
    pub fn worker(&self, service: &TransactionsService, market: &ServingApi, source: Source) -> Worker {
        let (tls, plain) = (format!("https://{}", market.tls_address()), format!("http://{}", market.plain_address()));
        let market = Arc::new(MarketClient::new(&tls, &self.tls(false), Some(&plain)).unwrap());
        Worker { service: service.clone(), market, source, poll: Duration::from_millis(20) }
    }

    /// Starts Transactions at a port.
    pub fn serve(&self, service: &TransactionsService, port: &Port) -> Transactions {
        Transactions::start(service, &self.certificates.client, port)
    }

    /// A client that gives a request up after so long.
    pub fn client(&self, port: &Port, deadline: Duration) -> PushClient {
        PushClient::new(&port.url(), self.tls(false), deadline).unwrap()
    }

    /// A forwarder in a hurry, in requests of five trades.
    pub fn forwarder(&self, port: &Port) -> OutboxRelay {
        self.forwarder_called("us", port, Arc::new(SystemClock))
    }

    pub fn forwarder_called(&self, name: &str, port: &Port, clock: Arc<dyn Clock>) -> OutboxRelay {
        let client = self.client(port, Duration::from_secs(10));
        let mut forwarder = OutboxRelay::new(
            Arc::clone(&self.store),
            clock,
            client,
            LeaseOwner::named(name),
            Duration::from_secs(900),
            OfferedSince::default(),
        );
        forwarder.batch = BatchLimits { trades: 5, ..BatchLimits::default() };
        forwarder.pauses = ExponentialBuilder::new()
            .with_min_delay(Duration::from_millis(10))
            .with_max_delay(Duration::from_millis(50))
            .without_max_times();
        forwarder.refused_pauses = forwarder.pauses;
        forwarder.lasting_pause = Duration::from_millis(50);
        forwarder.poll = Duration::from_millis(50);
        forwarder
    }

    /// Every trade between members, in the order in which they are to be sent.
    pub async fn trades(&self) -> Vec<Match> {
        let filter = MatchFilter { states: State::ALL.into(), ..MatchFilter::default() };
        self.store.matches(&filter, Window::first(10_000), SystemClock.now()).await.unwrap()
    }

    /// How many trades are in this state.
    pub async fn count(&self, state: State) -> usize {
        self.trades().await.iter().filter(|trade| trade.state == Some(state)).count()
    }

    /// What a ledger comes to that has every trade, paid, once.
    pub async fn all_paid(&self, duplicates: u64) -> Totals {
        let trades = self.trades().await;
        let amounts = trades.iter().map(|trade| match trade.quantity {
            Quantity::Exact { energy, price } => Amount::of(energy, price),
            Quantity::Original { .. } => panic!("nobody settled these"),
        });
        let count = u64::try_from(trades.len()).unwrap();
        Totals { trades: count, paid: count, amount: amounts.fold(Amount::ZERO, |sum, each| sum + each), duplicates }
    }

    pub async fn until_sent(&self, count: usize) {
        eventually_async("trades are sent", async || self.count(State::Sent).await == count).await;
    }
}

/// Something that works until it is stopped.
pub struct Working {
    stop: CancellationToken,
    task: JoinHandle<()>,
}

impl Working {
    pub fn start<W: Future<Output = ()> + Send + 'static>(work: impl FnOnce(CancellationToken) -> W) -> Working {
        let stop = CancellationToken::new();
        Working { task: tokio::spawn(work(stop.clone())), stop }
    }

    pub async fn stop(self) {
        self.stop.cancel();
        self.task.await.unwrap();
    }
}

/// The ids in a ledger, in the order in which they came.
pub fn ids_in(service: &TransactionsService) -> Vec<String> {
    service.ledger().entries().map(|entry| entry.trade.id.to_string()).collect()
}

/// The ids of trades.
pub fn ids(trades: &[Match]) -> Vec<String> {
    trades.iter().map(|trade| trade.id.to_string()).collect()
}

fn trades() -> Vec<String> {
    let pair = |pair: usize| [format!("s{pair} > b{pair} {} 96200", 100 + pair), format!("s{pair} > grid 1 30000")];
    (0..PAIRS).flat_map(pair).collect()
}
