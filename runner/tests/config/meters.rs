//! A Meters service over TLS, and one that takes too long.

use std::time::{Duration, Instant};

use demo::certificates;
use demo::meters::MetersService;
use rec_market::clock::{Clock, SystemClock};
use tokio::runtime::Runtime;
use tonic::transport::server::TcpIncoming;
use tonic::transport::{Identity, Server, ServerTlsConfig};
use wire::meters_service_server::MetersServiceServer;

use testkit::*;

/// A service that shows this certificate, and its address; it stops when the runtime is dropped.
fn over_tls(issued: &certificates::Issued) -> (Runtime, String) {
    let runtime = runtime();
    let listener = runtime.block_on(listener());
    let address = format!("https://localhost:{}", listener.local_addr().unwrap().port());
    let identity = Identity::from_pem(&issued.certificate, &issued.key);
    let service = MetersService::new(recorded(3, 4), || SystemClock.now());
    let mut server = Server::builder().tls_config(ServerTlsConfig::new().identity(identity)).unwrap();
    let server = server.add_service(MetersServiceServer::new(service));
    runtime.spawn(server.serve_with_incoming(TcpIncoming::from(listener).with_nodelay(Some(true))));
    (runtime, address)
}

#[test]
fn a_meters_service_is_believed_by_the_authority_that_is_configured() {
    let made = certificates::development(SystemClock.now(), &[] as &[&str], 30).unwrap();
    let (_runtime, address) = over_tls(&made.market);
    let market = Market::new(&community("aveiro", &address, "meters_ca = \"ca.pem\""));
    let configured = |pem: &str| std::fs::write(market.path("ca.pem"), pem).unwrap();
    configured(&made.authority.certificate);
    assert!(!market.books().is_empty());

    let other = certificates::development(SystemClock.now(), &[] as &[&str], 30).unwrap();
    configured(&other.authority.certificate);
    market.settle().ends_with(3).says("invalid peer certificate");
    // Nor is one that the machine does not know.
    market.configure(&community("aveiro", &address, ""));
    market.settle().ends_with(3).says("invalid peer certificate");
    market.configure(&community("aveiro", &address, "meters_ca = \"ca.pem\""));
    for pem in ["", "no certificate", &made.authority.key] {
        configured(pem);
        market.settle().ends_with(2).says("community aveiro: ca.pem contains no certificate");
    }
}

#[test]
fn a_request_is_given_up_after_the_time_that_is_configured() {
    // A port where somebody listens and never answers: the system accepts by itself.
    let silent = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = format!("http://{}", silent.local_addr().unwrap());
    let market = Market::new(&community("aveiro", &address, "meters_timeout = \"100ms\""));
    let started = Instant::now();
    market.settle().ends_with(3).says("does not answer");
    // Five attempts and four pauses of less than 7.5 s in all, where one attempt alone could take 30 s.
    assert!(started.elapsed() < Duration::from_secs(25), "{:?}", started.elapsed());
}
