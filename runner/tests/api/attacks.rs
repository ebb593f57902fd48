//! The real program under attack: its memory is bounded, others are served, and it settles in time.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use demo::meters::Package;
use rec_market::ports;
use rec_market_tests::settled::{put, settled};
use store::SqliteStore;
use testkit::*;
use tokio::runtime::Runtime;
use tonic::transport::{Certificate, Channel, ClientTlsConfig, Endpoint};
use wire::authenticated_market_service_client::AuthenticatedMarketServiceClient;
use wire::market_service_client::MarketServiceClient;
use wire::{MatchesFilter, PriceFilter};

use crate::attackers::Attack;

/// All the memory that the process may ever have, in MiB: 300 MB.
const MEMORY_MAX: u64 = 300_000_000 >> 20;
/// How long an attack lasts at least.
const ATTACK: Duration = Duration::from_secs(4);
/// Intervals to settle: more than it manages during an attack.
const ROWS: i64 = 20_000;
/// How long others may have to wait for an answer. Far more than it takes, because machines are busy.
const WAIT_MAX: Duration = Duration::from_secs(60);

/// A service with large answers to give, and a community to settle.
struct Besieged {
    runtime: Runtime,
    market: Market,
    service: Service,
    _meters: Meters,
}

impl Besieged {
    fn new(start: impl FnOnce(&Market) -> Service) -> Besieged {
        // The attackers need many connections themselves.
        ports::raise(1, false).unwrap();
        let runtime = runtime();
        let meters = Meters::recorded(recorded(4, ROWS), Package::Platform);
        let market = Market::serving_all(&community("braga", meters.address(), ""), "");
        runtime.block_on(async {
            let store = SqliteStore::open(&market.path("market.db")).unwrap();
            for number in 0..2 {
                put(&store, settled(number, &vec!["a > b 1 96200"; 20_000])).await.unwrap();
            }
        });
        let service = start(&market);
        eventually("it is ready", || service.get("/ready").0 == 200);
        eventually("it settles", || service.mark().is_some());
        Besieged { runtime, market, service, _meters: meters }
    }

    /// Others are served and the community is settled while this goes on; the memory stays within its bounds.
    fn withstands(&self, attack: impl FnOnce(&Market, &Service) -> Attack) {
        let serves_others = || eventually("others are served", || self.serves_others().is_some());
        self.endures(attack, serves_others);
    }

    /// As [`Besieged::withstands`], with something else than that others are served.
    fn endures(&self, attack: impl FnOnce(&Market, &Service) -> Attack, meanwhile: impl Fn()) {
        let _guard = self.runtime.enter();
        let _attack = attack(&self.market, &self.service);
        let (until, mut waited, mut settled) = (Instant::now() + ATTACK, Duration::ZERO, Duration::ZERO);
        while Instant::now() < until {
            let asked = Instant::now();
            meanwhile();
            waited = waited.max(asked.elapsed());
            let (begun, mark) = (Instant::now(), self.service.mark());
            let goes_on = || self.service.mark().is_some_and(|now| Some(&now) != mark.as_ref() || now == end_of(ROWS));
            eventually("it settles further", goes_on);
            settled = settled.max(begun.elapsed());
        }
        let memory = self.service.peak_memory();
        println!("peak memory {memory} MiB, others waited {waited:?}, settling {settled:?}");
        assert!(memory <= MEMORY_MAX, "{memory} MiB");
        assert!(waited.max(settled) < WAIT_MAX, "others waited {waited:?}, settling {settled:?}");
    }

    /// Serves whoever else comes, on each port; `None` if one of them is told to try again, as the platform's clients do.
    fn serves_others(&self) -> Option<()> {
        let healthy = |arguments: &[&str], address: SocketAddr| {
            let address = address.to_string();
            self.market.run(&[&["health"], arguments, &["--address", &address]].concat()).code == 0
        };
        if !healthy(&[], self.service.plain) || !healthy(&["--live"], self.service.metrics) {
            return None;
        }
        self.runtime.block_on(async {
            let plain = Endpoint::from_shared(format!("http://{}", self.service.plain)).unwrap();
            let mut plain = MarketServiceClient::new(plain.connect().await.ok()?);
            let of = PriceFilter { meter_id: "a".to_owned(), ..Default::default() };
            plain.get_prices(of).await.ok()?;
            let all = plain.get_matches(MatchesFilter::default()).await.ok()?.into_inner();
            assert!(all.matches.len() > 20_000);
            let filter = MatchesFilter { limit: Some(1), ..Default::default() };
            AuthenticatedMarketServiceClient::new(self.tls().await?).retrieve_matches(filter).await.ok()?;
            Some(())
        })
    }

    async fn tls(&self) -> Option<Channel> {
        let authority = Certificate::from_pem(self.market.text("ca_crt.pem"));
        let config = ClientTlsConfig::new().ca_certificate(authority).domain_name("market");
        let endpoint = Endpoint::from_shared(format!("https://{}", self.service.tls)).unwrap();
        endpoint.tls_config(config).unwrap().connect().await.ok()
    }
}

#[test]
fn answers_that_nobody_takes_are_bounded_in_memory_and_others_get_theirs() {
    let besieged = Besieged::new(Service::start);
    besieged.withstands(|_, service| Attack::new().takes_nothing(service, 2, 10).takes_little(service, 3, 10));
    besieged.withstands(|_, service| Attack::new().reads_nothing(service, 4, 10));
}

#[test]
fn requests_that_nobody_ends_are_bounded_in_memory_and_others_are_heard() {
    let besieged = Besieged::new(Service::start);
    besieged.withstands(|market, service| {
        Attack::new().ends_nothing(service, 2, 20).ends_nothing(service, 3, 20).sends_no_body(market, service, 4, 10)
    });
}

#[test]
fn connections_that_say_nothing_keep_nobody_out() {
    let besieged = Besieged::new(Service::start);
    besieged.withstands(|market, service| {
        let attack = Attack::new().idles(market, service, 2, 1200);
        let attack = attack.drips(service.plain, 3, 300, b"PRI * HTTP/2.0\r\n");
        let attack = attack.drips(service.tls, 4, 300, &[0x16, 0x03, 0x01, 0x02, 0x00, 0x01]);
        attack.drips(service.metrics, 5, 300, b"GET /metrics HTTP/1.1\r\nx: ")
    });
}

#[test]
fn with_few_descriptors_the_service_still_reaches_its_meters_and_answers_health_checks() {
    let besieged = Besieged::new(|market| Service::start_with_descriptors(market, 256));
    besieged.withstands(|market, service| {
        let attack = Attack::new().idles(market, service, 2, 200).takes_nothing(service, 3, 200);
        attack.drips(service.metrics, 4, 100, b"GET /metrics HTTP/1.1\r\nx: ")
    });
    let log = besieged.market.log();
    assert!(log.contains("limit=256 grpc=38 metrics=16 web=0"), "{log}");
    assert!(!log.contains("Too many open files") && !log.contains("cannot accept"), "{log}");
}

#[test]
fn with_too_few_descriptors_the_service_does_not_start_and_says_how_many_it_needs() {
    let meters = Meters::silent();
    let market = Market::serving(&meters, "", "");
    let ran = Ran::of(command_with_descriptors(&market, 100)).ends_with(2);
    ran.says("this process may have 100 open files, but the market needs 212").says("LimitNOFILE");
}

#[test]
fn under_every_attack_together_the_memory_is_bounded_and_intervals_are_settled_in_time() {
    let besieged = Besieged::new(Service::start);
    let attack = |market: &Market, service: &Service| {
        let attack = Attack::new().takes_nothing(service, 2, 6).takes_little(service, 3, 6);
        let attack = attack.reads_nothing(service, 4, 6).ends_nothing(service, 5, 10).ends_nothing(service, 6, 10);
        let attack = attack.sends_no_body(market, service, 7, 10).idles(market, service, 8, 300);
        let attack = attack.drips(service.plain, 9, 100, b"PRI * HTTP/2.0\r\n");
        attack.drips(service.metrics, 10, 100, b"GET /metrics HTTP/1.1\r\nx: ")
    };
    // Nine attackers at once leave others little of a small machine: they may be told to try again for long.
    besieged.endures(attack, || {});
}
