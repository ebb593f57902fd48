//! Callers that stall, flood, or speak something else: others are answered as if they were not there.

use std::time::Duration;

use rec_market::proto::market_service_client::MarketServiceClient;
use rec_market::proto::{ListPricesUpdate, MatchesFilter, PriceUpdate};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tonic::Code;
use tonic::transport::Endpoint;

use crate::setting::*;

/// Whether a caller on each port is answered, soon.
async fn both_answer(open: &Open) {
    let both = async {
        open.plain().await.get_matches(MatchesFilter::default()).await.unwrap();
        open.tls().await.retrieve_matches(MatchesFilter::default()).await.unwrap();
    };
    tokio::time::timeout(SOON, both).await.expect("others are answered");
}

/// Whether the server has closed a connection: it ends, or is reset.
async fn is_closed(tcp: &mut TcpStream) -> bool {
    let mut rest = Vec::new();
    tokio::time::timeout(SOON, tcp.read_to_end(&mut rest)).await.is_ok()
}

#[tokio::test(flavor = "multi_thread")]
async fn half_open_connections_and_slow_handshakes_block_nobody() {
    let mut setting = Setting::new();
    setting.limits.handshakes = 16;
    // None of them runs into its deadline within this test.
    setting.limits.opening = Duration::from_secs(600);
    let open = setting.open().await;
    let mut stalling = Vec::new();
    for caller in 0..200 {
        let address = if caller % 4 == 0 { open.serving.plain_address() } else { open.serving.tls_address() };
        let mut tcp = TcpStream::connect(address).await.unwrap();
        if caller % 2 == 0 {
            // The beginning of a ClientHello, or of nothing.
            tcp.write_all(&[0x16, 0x03, 0x01, 0x02]).await.unwrap();
        }
        stalling.push(tcp);
    }
    both_answer(&open).await;
    // Of the handshakes, the oldest were given up: the first to the TLS port is closed.
    assert!(is_closed(&mut stalling[1]).await);
}

#[tokio::test(flavor = "multi_thread")]
async fn who_does_not_speak_is_given_up() {
    let mut setting = Setting::new();
    setting.limits.opening = Duration::from_millis(50);
    let open = setting.open().await;
    for address in [open.serving.plain_address(), open.serving.tls_address()] {
        let mut silent = TcpStream::connect(address).await.unwrap();
        assert!(is_closed(&mut silent).await);
        let mut slow = TcpStream::connect(address).await.unwrap();
        slow.write_all(b"PRI * ").await.unwrap();
        assert!(is_closed(&mut slow).await);
    }
    // Who has spoken may be silent for longer than that.
    let (mut plain, mut tls) = (open.plain().await, open.tls().await);
    let mut silent = TcpStream::connect(open.serving.plain_address()).await.unwrap();
    assert!(is_closed(&mut silent).await);
    plain.get_matches(MatchesFilter::default()).await.unwrap();
    tls.retrieve_matches(MatchesFilter::default()).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn connections_above_the_limit_are_closed_and_places_become_free() {
    let mut setting = Setting::new();
    setting.limits.connections = 3;
    let open = setting.open().await;
    let mut first: Vec<_> = Vec::new();
    for _ in 0..3 {
        first.push(open.plain().await);
    }
    for client in &mut first {
        client.get_matches(MatchesFilter::default()).await.unwrap();
    }
    let mut refused = TcpStream::connect(open.serving.plain_address()).await.unwrap();
    assert!(is_closed(&mut refused).await);
    first[0].get_matches(MatchesFilter::default()).await.unwrap();
    drop(first);
    let address = format!("http://{}", open.serving.plain_address());
    until("there is a place again", || async {
        let Ok(channel) = Endpoint::from_shared(address.clone()).unwrap().connect().await else { return false };
        MarketServiceClient::new(channel).get_matches(MatchesFilter::default()).await.is_ok()
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn who_speaks_plaintext_to_tls_or_tls_to_plaintext_fails_and_harms_nobody() {
    let open = Setting::new().open().await;
    let plain_to_tls = Endpoint::from_shared(format!("http://{}", open.serving.tls_address())).unwrap();
    let status = match plain_to_tls.connect().await {
        Ok(channel) => MarketServiceClient::new(channel).get_matches(MatchesFilter::default()).await.unwrap_err(),
        Err(_) => tonic::Status::unavailable("it does not connect at all"),
    };
    assert!(matches!(status.code(), Code::Unavailable | Code::Unknown | Code::Internal), "{status:?}");
    let tls_to_plain = Endpoint::from_shared(format!("https://{}", open.serving.plain_address())).unwrap();
    assert!(tls_to_plain.tls_config(open.trusting()).unwrap().connect().await.is_err());
    let mut http = TcpStream::connect(open.serving.plain_address()).await.unwrap();
    http.write_all(b"GET / HTTP/1.1\r\nhost: market\r\n\r\n").await.unwrap();
    assert!(is_closed(&mut http).await);
    both_answer(&open).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_oversized_request_is_refused_before_it_is_read() {
    let open = Setting::new().open().await;
    let mut plain = open.plain().await;
    let prices = |count: usize| {
        let entry = PriceUpdate {
            timestamp: "2023-09-01T12:00:00Z".to_owned(),
            meter_id: "m".repeat(100),
            ..Default::default()
        };
        ListPricesUpdate { prices: vec![entry; count] }
    };
    let status = plain.update_prices(prices(40_000)).await.unwrap_err();
    assert!(matches!(status.code(), Code::OutOfRange | Code::ResourceExhausted), "{status}");
    assert!(status.message().contains("4194304"), "{status}");
    plain.update_prices(prices(30_000)).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn oversized_headers_are_refused() {
    let open = Setting::new().open().await;
    let mut plain = open.plain().await;
    let mut request = tonic::Request::new(MatchesFilter::default());
    request.metadata_mut().insert("x-much", "y".repeat(20_000).parse().unwrap());
    plain.get_matches(request).await.unwrap_err();
    both_answer(&open).await;
}
