//! What the stories are made of: books with trades in them, a Transactions service that can die, a clock set by hand.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use backon::ExponentialBuilder;
use books::{
    ClearedInterval, ClearedRound, Commit, Committed, Match, MatchFilter, Provenance, Quantity, Store, Window,
};
use demo::certificates::{self, Certificates};
use demo::transactions::ledger::Totals;
use demo::transactions::market::MarketClient;
use demo::transactions::service::{ServerPem, TransactionsService};
use demo::transactions::worker::{Source, Worker};
use domain::netting::Basis;
use domain::round::{PriceLimits, Terms};
use domain::trade::State;
use domain::{
    Amount, Boundary, Digest, Energy, Interval, IntervalLength, Party, Position, Price, Round, Settlement, Tariff,
    Trade,
};
use jiff::Timestamp;
use rec_market::adapter::grpc::{self, Api, ApiLimits, ServingApi};
use rec_market::adapter::transactions::batch::BatchLimits;
use rec_market::adapter::transactions::outbox::OutboxRelay;
use rec_market::adapter::transactions::push::PushClient;
use rec_market::clock::{Clock, SystemClock};
use rec_market::config::TlsConfig;
use rec_market::lease::LeaseOwner;
use store::SqliteStore;
use tempfile::TempDir;
use tokio::net::{TcpListener, TcpSocket};
use tokio::runtime::Runtime;
use tokio_util::sync::CancellationToken;
use wire::tls::ClientTls;

/// After which nobody waits any more.
const PATIENCE: Duration = Duration::from_secs(30);
/// Pairs of members that trade in each interval.
pub const PAIRS: usize = 4;
const START: u64 = 1_693_569_600;

/// Ends when something is true.
pub async fn until(what: &str, mut condition: impl AsyncFnMut() -> bool) {
    let started = Instant::now();
    while !condition().await {
        assert!(started.elapsed() < PATIENCE, "in vain: {what}");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

/// A clock set by hand; at first it is right, because certificates hold today.
#[derive(Clone)]
pub struct Hand(Arc<Mutex<Timestamp>>);

impl Hand {
    pub fn new() -> Hand {
        Hand(Arc::new(Mutex::new(SystemClock.now())))
    }

    pub fn advance(&self, by: Duration) {
        *self.0.lock().unwrap() += by;
    }
}

impl Clock for Hand {
    fn now(&self) -> Timestamp {
        *self.0.lock().unwrap()
    }
}

/// A directory with books, and certificates for everybody.
pub struct World {
    directory: TempDir,
    pub store: Arc<dyn Store>,
    certificates: Certificates,
}

impl World {
    /// Books with so many intervals, of [`PAIRS`] trades between members and as many with the grid each.
    pub async fn with_intervals(count: u64) -> World {
        let directory = tempfile::tempdir().unwrap();
        let certificates = certificates::development(SystemClock.now(), &[""; 0], 1).unwrap();
        let files = [
            ("ca.pem", certificates.authority.certificate.as_str()),
            ("market.pem", &certificates.market.certificate),
            ("market_key.pem", &certificates.market.key),
            ("client.pem", &certificates.client.certificate),
            ("client_key.pem", &certificates.client.key),
        ];
        for (name, text) in files {
            std::fs::write(directory.path().join(name), text).unwrap();
        }
        let store = Arc::new(SqliteStore::open(&directory.path().join("market.db")).unwrap());
        let world = World { directory, store, certificates };
        for number in 0..count {
            world.settle(number, None).await;
        }
        world
    }

    /// Commits one more interval; its trades say why another algorithm made them, if there is a reason.
    pub async fn settle(&self, number: u64, remark: Option<String>) {
        let after = self.store.progress("aveiro").await.unwrap().mark;
        let committed = self.store.commit(Arc::new(Commit { after, ..commit(number, remark) })).await;
        assert_eq!(committed.unwrap(), Committed::Now);
    }

    /// The same books, opened by another process.
    pub fn open_again(&self) -> Arc<dyn Store> {
        Arc::new(SqliteStore::open(&self.directory.path().join("market.db")).unwrap())
    }

    fn file(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    /// How a client of anybody here connects, with a certificate of its own or without.
    pub fn tls(&self, with_identity: bool) -> ClientTls {
        let identity = with_identity.then(|| (self.file("client.pem"), self.file("client_key.pem")));
        ClientTls { ca: Some(self.file("ca.pem")), identity }
    }

    /// The market's servers over these books; claims last a quarter of an hour.
    pub async fn market(&self, clock: Arc<dyn Clock>, client_ca: bool) -> ServingApi {
        let api = Api {
            store: Arc::clone(&self.store),
            clock,
            claim_lease: Duration::from_secs(900),
            limits: ApiLimits::default(),
            administration: None,
        };
        let listen = async || TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let tls = TlsConfig {
            certificate: self.file("market.pem"),
            key: self.file("market_key.pem"),
            client_ca: client_ca.then(|| self.file("ca.pem")),
        };
        grpc::start(api, listen().await, listen().await, tls).await.unwrap()
    }

    /// Keeps a Transactions service at work with a market.
    pub fn worker(&self, service: &TransactionsService, market: &ServingApi, source: Source) -> Worker {
        let (tls, plain) = (format!("https://{}", market.tls_address()), format!("http://{}", market.plain_address()));
        let market = Arc::new(MarketClient::new(&tls, &self.tls(false), Some(&plain)).unwrap());
        Worker { service: service.clone(), market, source, poll: Duration::from_millis(20) }
    }

    /// Transactions' certificate.
    pub fn pem(&self) -> ServerPem {
        let issued = &self.certificates.client;
        ServerPem { certificate: issued.certificate.clone(), key: issued.key.to_owned() }
    }

    /// A client that gives a request up after so long.
    pub fn client(&self, port: &Port, deadline: Duration) -> PushClient {
        PushClient::new(&port.address(), self.tls(false), deadline).unwrap()
    }

    /// A forwarder in a hurry, in requests of five trades.
    pub fn forwarder(&self, port: &Port) -> OutboxRelay {
        self.forwarder_called("us", port, Arc::new(SystemClock))
    }

    pub fn forwarder_called(&self, name: &str, port: &Port, clock: Arc<dyn Clock>) -> OutboxRelay {
        let client = self.client(port, Duration::from_secs(10));
        let mut forwarder =
            OutboxRelay::new(Arc::clone(&self.store), clock, client, LeaseOwner::named(name), Duration::from_secs(900));
        forwarder.batch = BatchLimits { trades: 5, ..BatchLimits::default() };
        forwarder.pauses = ExponentialBuilder::new()
            .with_min_delay(Duration::from_millis(10))
            .with_max_delay(Duration::from_millis(50))
            .without_max_times();
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
        until("trades are sent", async || self.count(State::Sent).await == count).await;
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

/// A port that stays ours while nobody listens there.
pub struct Port {
    _held: TcpSocket,
    address: SocketAddr,
}

impl Port {
    pub fn new() -> Port {
        let held = socket(SocketAddr::from(([127, 0, 0, 1], 0)));
        let address = held.local_addr().unwrap();
        Port { _held: held, address }
    }

    pub fn address(&self) -> String {
        format!("https://{}", self.address)
    }

    pub fn listen(&self) -> TcpListener {
        socket(self.address).listen(64).unwrap()
    }
}

fn socket(address: SocketAddr) -> TcpSocket {
    let socket = TcpSocket::new_v4().unwrap();
    socket.set_reuseport(true).unwrap();
    socket.bind(address).unwrap();
    socket
}

/// A Transactions service at work, as a process of its own would be: when it dies, so do its connections.
pub struct Transactions {
    runtime: Option<Runtime>,
}

impl Transactions {
    pub fn start(service: &TransactionsService, world: &World, port: &Port) -> Transactions {
        let runtime = Runtime::new().unwrap();
        let (service, pem) = (service.clone(), world.pem());
        // In its runtime, because that is where its sockets live.
        let listener = {
            let _inside = runtime.enter();
            port.listen()
        };
        runtime.spawn(async move { service.serve(listener, pem, CancellationToken::new()).await.unwrap() });
        Transactions { runtime: Some(runtime) }
    }

    pub async fn kill(mut self) {
        let runtime = self.runtime.take().unwrap();
        tokio::task::spawn_blocking(move || runtime.shutdown_timeout(PATIENCE)).await.unwrap();
    }
}

impl Drop for Transactions {
    fn drop(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}

fn position(member: &str, surplus: u64, deficit: u64, tariff: Tariff) -> Position {
    Position {
        member: member.parse().unwrap(),
        surplus: Energy::from_wh(surplus),
        deficit: Energy::from_wh(deficit),
        offer: tariff.feed_in,
        bid: tariff.retail,
        tariff,
        share: 0,
        rank: 0,
    }
}

/// An interval in which every seller sells to a buyer of its own, and one Wh to the grid.
fn commit(number: u64, remark: Option<String>) -> Commit {
    let start = Boundary::from_seconds(START + 900 * number).unwrap();
    let interval = Interval::starting(start, IntervalLength::QUARTER_HOUR).unwrap();
    let tariff = Tariff { retail: Price::from_micro_eur(162_400), feed_in: Price::from_micro_eur(30_000) };
    let terms = Terms {
        community: "aveiro".to_owned(),
        interval,
        tariff,
        limits: PriceLimits::new(None, None).unwrap(),
        seed: 0,
        settings: Vec::new(),
    };
    // Buyers first, because positions are in order of names.
    let buyers = (0..PAIRS).zip(100..).map(|(pair, wh)| position(&format!("b{pair}"), 0, wh, tariff));
    let sellers = (0..PAIRS).zip(101..).map(|(pair, wh)| position(&format!("s{pair}"), wh, 0, tariff));
    let round = Round::new(terms, buyers.chain(sellers).collect()).unwrap();
    let member = |index: usize| Party::Member(u32::try_from(index).unwrap());
    let trades = (0..PAIRS).zip(100..).flat_map(|(pair, wh)| {
        let seller = member(PAIRS + pair);
        let price = Price::from_micro_eur(96_200);
        [
            Trade { seller, buyer: member(pair), energy: Energy::from_wh(wh), price },
            Trade { seller, buyer: Party::Grid, energy: Energy::from_wh(1), price: tariff.feed_in },
        ]
    });
    let settlement = Settlement::check(Arc::new(round), trades.collect(), 100).unwrap();
    let provenance = Provenance {
        algorithm: Digest::of(b"component"),
        name: "own".to_owned(),
        version: "1.0.0".to_owned(),
        engine: "none".to_owned(),
        fuel: 0,
        fallback_reason: remark,
    };
    let round = ClearedRound { settlement, provenance, component: b"component".as_slice().into() };
    Commit {
        community: "aveiro".to_owned(),
        after: None,
        decision: 0,
        fence: None,
        settled_at: Timestamp::from_second(1_700_000_000).unwrap(),
        cleared: ClearedInterval::new("aveiro", interval, Basis::Net, Some(round), Vec::new()),
    }
}
