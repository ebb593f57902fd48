//! Who may do what, tried out with the real program: each right by each kind of caller, and strangers who want money.
//!
//! Another address of this machine plays another network: whoever calls from 127.0.0.2 is nobody's neighbour here.

use std::net::{IpAddr, SocketAddr, UdpSocket};

use demo::meters::Package;
use domain::Digest;
use rec_market_tests::guests;
use testkit::*;
use tokio::runtime::Runtime;
use tonic::client::Grpc;
use tonic::metadata::{AsciiMetadataKey, MetadataMap};
use tonic::transport::{Certificate, Channel, ClientTlsConfig, Endpoint};
use tonic::{Code, Request, Status};
use tonic_health::pb::HealthCheckRequest;
use tonic_health::pb::health_client::HealthClient;
use tonic_prost::ProstCodec;
use wire::authenticated_market_service_client::AuthenticatedMarketServiceClient;
use wire::market_service_client::MarketServiceClient;
use wire::rec_market_v1::algorithm_service_client::AlgorithmServiceClient;
use wire::rec_market_v1::upload_request::Part;
use wire::rec_market_v1::{ActivateRequest, UploadHeader, UploadRequest};
use wire::{ListPricesUpdate, ListUpdateMatch, MatchesFilter, PriceFilter, PriceUpdate, State, UpdateMatch};

/// Everybody who may do something: by network, by token, by certificate.
const CALLERS: &str = r#"
[[caller]]
name = "platform"
roles = ["read", "prices", "settle"]
from = ["127.0.0.1/32"]
[[caller]]
name = "dashboard"
roles = ["read"]
token_file = "dashboard.token"
[[caller]]
name = "portal"
roles = ["prices"]
token_file = "portal.token"
[[caller]]
name = "payments"
roles = ["settle"]
token_file = "payments.token"
certificate = "transactions"
[[caller]]
name = "auditor"
roles = ["inspect"]
token_file = "auditor.token"
[[caller]]
name = "operator"
roles = ["administer"]
certificate = "operator"
"#;

/// Every method, and the right that it takes.
const METHODS: [(&str, &str); 17] = [
    ("proto.MarketService/GetMatches", "read"),
    ("proto.MarketService/GetPrices", "read"),
    ("proto.MarketService/UpdatePrices", "prices"),
    ("proto.AuthenticatedMarketService/RetrieveMatches", "settle"),
    ("proto.AuthenticatedMarketService/UpdateMatch", "settle"),
    ("rec.market.v1.AlgorithmService/ListAlgorithms", "inspect"),
    ("rec.market.v1.AlgorithmService/ShowAlgorithm", "inspect"),
    ("rec.market.v1.AlgorithmService/Download", "inspect"),
    ("rec.market.v1.AlgorithmService/ReportShadow", "inspect"),
    ("rec.market.v1.AlgorithmService/ListChanges", "inspect"),
    ("rec.market.v1.AlgorithmService/ShowLimits", "inspect"),
    ("rec.market.v1.AlgorithmService/Upload", "administer"),
    ("rec.market.v1.AlgorithmService/PreviewActivation", "administer"),
    ("rec.market.v1.AlgorithmService/Activate", "administer"),
    ("rec.market.v1.AlgorithmService/RollBack", "administer"),
    ("rec.market.v1.AlgorithmService/StartShadow", "administer"),
    ("rec.market.v1.AlgorithmService/EndShadow", "administer"),
];

/// Whoever calls: from an address, with headers, perhaps with a certificate.
struct Caller {
    runtime: Runtime,
    plain: Channel,
    tls: Channel,
    headers: MetadataMap,
}

impl Caller {
    fn new(market: &Market, service: &Service, address: &str, headers: &[(&str, &str)], pair: Option<&Pair>) -> Caller {
        let runtime = runtime();
        let address: IpAddr = address.parse().unwrap();
        // Where a service listens on all addresses, it is called by that of the caller.
        let to = |at: SocketAddr| if at.ip().is_unspecified() { SocketAddr::new(address, at.port()) } else { at };
        let endpoint = |scheme: &str, at: SocketAddr| {
            Endpoint::from_shared(format!("{scheme}://{}", to(at))).unwrap().local_address(Some(address))
        };
        let ca = Certificate::from_pem(market.text("ca_crt.pem"));
        let config = ClientTlsConfig::new().ca_certificate(ca).domain_name("market");
        let config = match pair {
            Some(pair) => config.identity(pair.identity()),
            None => config,
        };
        let (plain, tls) = runtime.block_on(async {
            let tls = endpoint("https", service.tls).tls_config(config).unwrap();
            (endpoint("http", service.plain).connect_lazy(), tls.connect_lazy())
        });
        let mut all = MetadataMap::new();
        for (name, value) in headers {
            all.insert(name.parse::<AsciiMetadataKey>().unwrap(), value.parse().unwrap());
        }
        Caller { runtime, plain, tls, headers: all }
    }

    fn request<T>(&self, message: T) -> Request<T> {
        let mut request = Request::new(message);
        *request.metadata_mut() = self.headers.clone();
        request
    }

    /// Calls a method with an empty message.
    fn call(&self, method: &str) -> Result<(), Status> {
        let channel = if method.starts_with("proto.MarketService") { &self.plain } else { &self.tls };
        let path = format!("/{method}").parse().unwrap();
        self.runtime.block_on(async {
            let mut grpc = Grpc::new(channel.clone());
            grpc.ready().await.map_err(|error| Status::unavailable(error.to_string()))?;
            grpc.unary(self.request(()), path, ProstCodec::<(), ()>::default()).await.map(drop)
        })
    }

    /// The rights with which its calls are answered; the others must be refused by name.
    fn rights(&self) -> Vec<&'static str> {
        let mut rights: Vec<&str> = Vec::new();
        for (method, right) in METHODS {
            let answer = self.call(method);
            let is_refused = match &answer {
                Err(status) => matches!(status.code(), Code::Unauthenticated | Code::PermissionDenied),
                Ok(()) => false,
            };
            if is_refused {
                let status = answer.unwrap_err();
                let says = format!("takes the right \"{right}\"");
                assert!(status.message().contains(&says), "{method}: {status}");
                assert!(!rights.contains(&right), "{method} is refused, but not all that takes {right}");
            } else {
                // Answered, if only with what is wrong with an empty message.
                let is_answer = |status: &Status| {
                    matches!(status.code(), Code::InvalidArgument | Code::NotFound | Code::FailedPrecondition)
                };
                assert!(answer.as_ref().err().is_none_or(is_answer), "{method}: {answer:?}");
                if !rights.contains(&right) {
                    rights.push(right);
                }
            }
        }
        rights
    }

    /// Takes what a thief would take: looks, claims, reports payments that were never made, sets prices, and replaces the
    /// algorithm. Answers how each went.
    fn steal(&self, trades: &[String]) -> Vec<Result<(), Status>> {
        let text = |text: &str| text.to_owned();
        let paid = |id: &String| UpdateMatch {
            match_id: id.clone(),
            transaction_id: Some(text("0xinvented")),
            state: State::Paid.into(),
            message: None,
        };
        let price = PriceUpdate {
            timestamp: text("2023-09-01T12:00:00Z"),
            meter_id: text("m001"),
            buy_price: 9.0,
            sell_price: 0.0,
            withdraw: false,
        };
        self.runtime.block_on(async {
            let mut market = MarketServiceClient::new(self.plain.clone());
            let mut settling = AuthenticatedMarketServiceClient::new(self.tls.clone());
            let mut algorithms = AlgorithmServiceClient::new(self.tls.clone());
            let prices = PriceFilter { meter_id: text("m001"), ..PriceFilter::default() };
            let mut went = vec![
                market.get_matches(self.request(MatchesFilter::default())).await.map(drop),
                market.get_prices(self.request(prices)).await.map(drop),
                market.update_prices(self.request(ListPricesUpdate { prices: vec![price] })).await.map(drop),
            ];
            for buyer in ["m001", "m002", "m003"] {
                let claim =
                    MatchesFilter { buyer_id: Some(text(buyer)), state: vec![0, 3], ..MatchesFilter::default() };
                went.push(settling.retrieve_matches(self.request(claim)).await.map(drop));
            }
            let reports = ListUpdateMatch { matches: trades.iter().map(paid).collect() };
            went.push(settling.update_match(self.request(reports)).await.map(drop));
            let component = guests::GRID_ONLY;
            let (sha256, bytes) = (Digest::of(component).to_string(), component.len() as u64);
            let parts = [Part::Header(UploadHeader { sha256, bytes }), Part::Chunk(component.to_vec())];
            let upload = tokio_stream::iter(parts.map(|part| UploadRequest { part: Some(part) }));
            went.push(algorithms.upload(self.request(upload)).await.map(drop));
            let (community, algorithm) = (text("aveiro"), text("public-grid"));
            let activate = ActivateRequest {
                community,
                algorithm,
                from: String::new(),
                settings: None,
                accept_worse_than_grid: false,
            };
            went.push(algorithms.activate(self.request(activate)).await.map(drop));
            went
        })
    }
}

/// A market whose books have trades, that is served with these keys.
fn settled(keys: &str) -> (Meters, Market, Service, Vec<String>) {
    let meters = Meters::recorded(recorded(3, ROWS), Package::Platform);
    let market = Market::serving(&meters, keys, "");
    market.reconfigure("market_key.pem\" }", "market_key.pem\", client_ca = \"clients.pem\" }");
    market.file("clients.pem", market.text("ca_crt.pem"));
    for name in ["dashboard", "portal", "payments", "auditor"] {
        market.file(&format!("{name}.token"), token(name));
    }
    market.settle().ends_with(0);
    let trades = market.json(&["trades", "--json"]);
    let between_members = trades.iter().filter(|trade| !trade["state"].is_null());
    let ids: Vec<String> = between_members.map(|trade| trade["id"].as_str().unwrap().to_owned()).collect();
    assert!(ids.len() > 5, "{trades:?}");
    let service = Service::start(&market);
    (meters, market, service, ids)
}

const ROWS: i64 = 60;

fn token(name: &str) -> String {
    format!("the secret token of {name}")
}

/// What is in the store of payments and prices, as one text.
fn payments(market: &Market) -> String {
    let counts = [
        "SELECT count(*) FROM trade WHERE state > 0 OR transaction_id IS NOT NULL OR claimed_until IS NOT NULL",
        "SELECT count(*) FROM trade WHERE updated_at IS NOT NULL",
        "SELECT count(*) FROM price",
    ];
    let counts: Vec<String> = counts.iter().map(|count| market.query::<i64>(count).to_string()).collect();
    format!("{}\n{}", counts.join(" "), market.trades_json())
}

/// How many algorithms were uploaded, how many things were decided, and how many uploads were refused.
fn decisions(market: &Market) -> (i64, i64, i64) {
    let count = |what: &str| market.query(&format!("SELECT count(*) FROM {what}"));
    (count("algorithm"), count("change WHERE action <> 'refused'"), count("change WHERE action = 'refused'"))
}

/// An address, headers, perhaps a certificate, and the rights that they come to.
type Row<'r> = (&'r str, Vec<(String, String)>, Option<&'r Pair>, &'r [&'r str]);

#[test]
fn each_caller_has_its_rights_and_no_other() {
    let (_meters, market, service, _) = settled(CALLERS);
    let before = payments(&market);
    let pair = |name: &str| {
        let (certificate, key) = (market.text(&format!("{name}_crt.pem")), market.text(&format!("{name}_key.pem")));
        Pair { certificate, key }
    };
    let (transactions, operator) = (pair("client"), pair("operator"));
    let bearer = |name: &str| format!("Bearer {}", token(name));
    let headers = |authorization: &str| vec![("authorization".to_owned(), authorization.to_owned())];
    let lies = ["x-forwarded-for", "x-real-ip", "forwarded"].map(|name| (name.to_owned(), "127.0.0.1".to_owned()));
    let (here, elsewhere) = ("127.0.0.1", "127.0.0.2");
    let table: [Row<'_>; 15] = [
        (here, vec![], None, &["read", "prices", "settle"]),
        (here, headers("Bearer a token of somebody else"), None, &["read", "prices", "settle"]),
        (here, headers(&bearer("auditor")), None, &["read", "prices", "settle", "inspect"]),
        (elsewhere, vec![], None, &[]),
        (elsewhere, lies.to_vec(), None, &[]),
        (elsewhere, headers("Bearer a token of somebody else"), None, &[]),
        (elsewhere, headers(&bearer("dashboard")[..20]), None, &[]),
        (elsewhere, headers("Basic dXNlcjpwYXNzd29yZA=="), None, &[]),
        (elsewhere, headers(&bearer("dashboard")), None, &["read"]),
        (elsewhere, headers(&bearer("portal")), None, &["prices"]),
        (elsewhere, headers(&bearer("payments")), None, &["settle"]),
        (elsewhere, headers(&bearer("auditor")), None, &["inspect"]),
        (elsewhere, vec![], Some(&transactions), &["settle"]),
        (elsewhere, vec![], Some(&operator), &["inspect", "administer"]),
        (elsewhere, headers(&bearer("dashboard")), Some(&operator), &["read", "inspect", "administer"]),
    ];
    let mut cells = 0;
    for (address, headers, pair, expected) in &table {
        let headers: Vec<(&str, &str)> = headers.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        let caller = Caller::new(&market, &service, address, &headers, *pair);
        assert_eq!(caller.rights(), *expected, "from {address} with {headers:?} and {}", pair.is_some());
        cells += METHODS.len();
        // Anybody may ask for our health.
        let mut health = HealthClient::new(caller.plain.clone());
        let asked = health.check(HealthCheckRequest { service: String::new() });
        caller.runtime.block_on(asked).unwrap();
    }
    println!("{cells} cells of rights and callers were tried");
    assert_eq!(payments(&market), before);
    let (uploaded, decided, _) = decisions(&market);
    assert_eq!((uploaded, decided), (0, 0));
}

/// Headers, perhaps a certificate, and the code with which the TLS port refuses whoever shows that.
type Stranger<'r> = (&'r [(&'r str, &'r str)], Option<&'r Pair>, Code);

#[test]
fn strangers_get_nothing_and_change_nothing() {
    let (_meters, market, service, trades) = settled(CALLERS);
    // Of the same authority, for another name; and of another.
    let authority = Authority::new();
    market.file("clients.pem", market.text("ca_crt.pem") + &authority.pem());
    drop(service);
    let service = Service::start(&market);
    let before = payments(&market);
    let other_name = authority.issue_for("stranger", (2000, 4000));
    let strangers: [Stranger<'_>; 4] = [
        (&[], None, Code::Unauthenticated),
        (&[("x-forwarded-for", "127.0.0.1")], None, Code::Unauthenticated),
        (&[("authorization", "Bearer a token of somebody else")], None, Code::Unauthenticated),
        (&[], Some(&other_name), Code::PermissionDenied),
    ];
    let mut attempts = 0;
    for (headers, pair, code) in strangers {
        let stranger = Caller::new(&market, &service, "127.0.0.2", headers, pair);
        for (number, went) in stranger.steal(&trades).into_iter().enumerate() {
            let status = went.unwrap_err();
            // The plaintext port sees no certificate.
            let code = if number < 3 { Code::Unauthenticated } else { code };
            assert_eq!(status.code(), code, "{status}");
            attempts += 1;
        }
    }
    println!("{attempts} attempts by strangers: none succeeded");
    assert_eq!((payments(&market), decisions(&market)), (before.clone(), (0, 0, 0)));
    // What was tried works for those who may.
    let platform = Caller::new(&market, &service, "127.0.0.1", &[], None);
    let went = platform.steal(&trades);
    assert!(went[..6].iter().all(Result::is_ok), "{went:?}");
    assert_ne!(payments(&market), before);
    market.run(&["audit"]).ends_with(0);
}

/// An address of this machine that others can call, if it has one. Nothing is sent to find out.
fn own_address() -> Option<String> {
    let socket = UdpSocket::bind("0.0.0.0:0").ok()?;
    socket.connect("192.0.2.1:9").ok()?;
    let address = socket.local_addr().ok()?.ip();
    (!address.is_loopback() && !address.is_unspecified()).then(|| address.to_string())
}

#[test]
fn by_default_only_this_machine_may_do_anything() {
    let (_meters, market, service, trades) = settled("");
    drop(service);
    for name in ["listen", "listen_tls"] {
        market.reconfigure(&format!("{name} = \"127.0.0.1:0\""), &format!("{name} = \"[::]:0\""));
    }
    let service = Service::start(&market);
    let before = payments(&market);
    // On a listener for IPv6, callers by IPv4 have addresses within IPv6.
    let addresses = [Some("127.0.0.1".to_owned()), Some("::1".to_owned()), own_address()];
    for (address, expected) in
        addresses.into_iter().zip([&["read", "prices", "settle"][..], &["read", "prices", "settle"], &[]])
    {
        let Some(address) = address else { continue };
        let caller = Caller::new(&market, &service, &address, &[], None);
        assert_eq!(caller.rights(), expected, "{address}");
        if expected.is_empty() {
            assert!(caller.steal(&trades).iter().all(Result::is_err));
        }
    }
    assert_eq!((payments(&market), decisions(&market)), (before, (0, 0, 0)));
}

#[test]
fn the_log_tells_at_the_start_who_may_do_what_and_warns_of_networks() {
    let meters = Meters::silent();
    let started = |keys: &str| {
        let market = Market::serving(&meters, keys, "");
        market.file("ops.token", token("ops"));
        let service = Service::start(&market);
        eventually("it is ready", || service.get("/ready").0 == 200);
        drop(service);
        market.log()
    };
    let log = started("");
    for (right, callers) in [
        ("read", "loopback (from 127.0.0.0/8 or ::1/128)"),
        ("prices", "loopback (from 127.0.0.0/8 or ::1/128)"),
        ("settle", "loopback (from 127.0.0.0/8 or ::1/128)"),
        ("inspect", "nobody"),
        ("administer", "nobody"),
    ] {
        let says = format!("who may do what right={right} callers={callers:?}");
        assert!(log.contains(&says), "no {says} in: {log}");
    }
    assert!(!log.contains("WARN everybody who calls"), "{log}");
    let log = started(
        "[[caller]]\nname = \"platform\"\nroles = [\"read\", \"prices\", \"settle\"]\nfrom = [\"10.0.1.0/24\", \"127.0.0.1\"]
[[caller]]\nname = \"ops\"\nroles = [\"administer\"]\nfrom = [\"10.0.9.7\"]\ntoken_file = \"ops.token\"\n",
    );
    for says in [
        "who may do what right=settle callers=\"platform (from 10.0.1.0/24 or 127.0.0.1/32)\"",
        "who may do what right=inspect callers=\"ops (from 10.0.9.7/32, or by its token)\"",
        "WARN everybody who calls from there may set every member's prices",
        "WARN everybody who calls from there may claim every trade and report it paid",
        "right=settle caller=\"platform\" networks=\"10.0.1.0/24\"",
        "WARN everybody who calls from there may replace the algorithms",
    ] {
        assert!(log.contains(says), "no {says} in: {log}");
    }
}
