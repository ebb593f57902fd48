//! The servers themselves: health, reflection, what is where, time limits, metrics' eyes, and how they stop.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use rec_market::api::{Code, UNKNOWN_METHOD};
use rec_market::proto::authenticated_market_service_client::AuthenticatedMarketServiceClient;
use rec_market::proto::market_service_client::MarketServiceClient;
use rec_market::proto::{ListPricesUpdate, ListUpdateMatch, MatchesFilter, PriceFilter, PriceUpdate, UpdateMatch};
use rusqlite::Connection;
use tokio::net::TcpStream;
use tonic::transport::Channel;
use tonic_health::pb::HealthCheckRequest;
use tonic_health::pb::health_check_response::ServingStatus;
use tonic_health::pb::health_client::HealthClient;
use tonic_reflection::pb::{v1, v1alpha};

use crate::setting::*;

fn check(service: &str) -> HealthCheckRequest {
    HealthCheckRequest { service: service.to_owned() }
}

async fn channels(open: &Open) -> [Channel; 2] {
    [open.plain_channel().await, open.tls_channel(open.trusting()).await.unwrap()]
}

#[tokio::test(flavor = "multi_thread")]
async fn health_is_told_on_both_ports() {
    let open = Setting::new().open().await;
    let names = ["", "proto.MarketService", "proto.AuthenticatedMarketService"];
    for (serving, status) in
        [(true, ServingStatus::Serving), (false, ServingStatus::NotServing), (true, ServingStatus::Serving)]
    {
        open.serving.health().set(serving).await;
        for channel in channels(&open).await {
            let mut health = HealthClient::new(channel);
            for name in names {
                assert_eq!(health.check(check(name)).await.unwrap().into_inner().status(), status, "{name}");
            }
            assert_eq!(health.check(check("proto.MetersService")).await.unwrap_err().code(), Code::NotFound);
        }
    }
}

/// The services that reflection lists, asked in version 1.
async fn listed(channel: Channel) -> BTreeSet<String> {
    use v1::server_reflection_request::MessageRequest;
    use v1::server_reflection_response::MessageResponse;
    let request = v1::ServerReflectionRequest {
        host: String::new(),
        message_request: Some(MessageRequest::ListServices(String::new())),
    };
    let mut client = v1::server_reflection_client::ServerReflectionClient::new(channel);
    let mut answers = client.server_reflection_info(tokio_stream::iter([request])).await.unwrap().into_inner();
    let answer = answers.message().await.unwrap().unwrap().message_response;
    let Some(MessageResponse::ListServicesResponse(list)) = answer else { panic!("no list: {answer:?}") };
    list.service.into_iter().map(|service| service.name).collect()
}

/// How many files reflection shows for a symbol, asked in version 1alpha.
async fn described(channel: Channel, symbol: &str) -> usize {
    use v1alpha::server_reflection_request::MessageRequest;
    use v1alpha::server_reflection_response::MessageResponse;
    let request = v1alpha::ServerReflectionRequest {
        host: String::new(),
        message_request: Some(MessageRequest::FileContainingSymbol(symbol.to_owned())),
    };
    let mut client = v1alpha::server_reflection_client::ServerReflectionClient::new(channel);
    let mut answers = client.server_reflection_info(tokio_stream::iter([request])).await.unwrap().into_inner();
    match answers.message().await.unwrap().unwrap().message_response {
        Some(MessageResponse::FileDescriptorResponse(files)) => files.file_descriptor_proto.len(),
        other => panic!("no file: {other:?}"),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn reflection_lists_what_each_port_serves_in_both_versions() {
    let open = Setting::new().open().await;
    let services = ["proto.MarketService", "proto.AuthenticatedMarketService"];
    for (channel, service) in channels(&open).await.into_iter().zip(services) {
        let expected = [service, "grpc.health.v1.Health", "grpc.reflection.v1.ServerReflection"];
        assert_eq!(listed(channel.clone()).await, expected.map(str::to_owned).into());
        for symbol in [service, "grpc.health.v1.Health", "proto.MatchResponse"] {
            assert_eq!(described(channel.clone(), symbol).await, 1, "{symbol}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_method_of_the_other_port_is_unimplemented_with_the_way_out() {
    let open = Setting::new().open().await;
    let [plain, tls] = channels(&open).await;
    let there = "(proto.MarketService is on the plaintext port, proto.AuthenticatedMarketService on the TLS port)";
    let filter = MatchesFilter::default;
    let answers = [
        (MarketServiceClient::new(tls).get_matches(filter()).await, "/proto.MarketService/GetMatches"),
        (
            AuthenticatedMarketServiceClient::new(plain).retrieve_matches(filter()).await,
            "/proto.AuthenticatedMarketService/RetrieveMatches",
        ),
    ];
    for (answer, method) in answers {
        let status = answer.unwrap_err();
        assert_eq!(status.code(), Code::Unimplemented);
        assert_eq!(status.message(), format!("there is no method {method} on this port {there}"));
    }
}

/// A market whose database others have locked for writing until the answer is dropped.
async fn locked(setting: Setting) -> (Open, Connection) {
    let open = setting.open().await;
    let other = Connection::open(open.setting.database()).unwrap();
    other.execute_batch("BEGIN IMMEDIATE").unwrap();
    (open, other)
}

fn a_price() -> ListPricesUpdate {
    let entry = PriceUpdate { timestamp: "2023-09-01T12:00:00Z".into(), meter_id: "m".into(), ..Default::default() };
    ListPricesUpdate { prices: vec![entry] }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_that_takes_too_long_is_given_up_with_deadline_exceeded() {
    let mut setting = Setting::new();
    setting.limits.request = Duration::from_millis(100);
    let (open, _lock) = locked(setting).await;
    let status = open.plain().await.update_prices(a_price()).await.unwrap_err();
    assert_eq!(status.code(), Code::DeadlineExceeded, "{status}");
    assert!(status.message().contains("gave this request up after 100ms"), "{status}");
    // Reading goes on meanwhile.
    open.plain().await.get_matches(MatchesFilter::default()).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_store_that_fails_is_internal_and_tells_no_secrets() {
    let open = Setting::new().open().await;
    let database = Connection::open(open.setting.database()).unwrap();
    database.execute_batch("DROP TABLE price").unwrap();
    let mut plain = open.plain().await;
    let of = PriceFilter { meter_id: "m".to_owned(), ..Default::default() };
    for status in [plain.get_prices(of).await.unwrap_err(), plain.update_prices(a_price()).await.unwrap_err()] {
        assert_eq!(status.code(), Code::Internal);
        assert_eq!(
            status.message(),
            "the market's database fails (its operator finds the reason in the market's log)"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_observer_is_told_every_request_by_a_method_that_exists() {
    type Seen = Vec<(String, Code)>;
    let seen: Arc<Mutex<Seen>> = Arc::default();
    let mut setting = Setting::new();
    let told = Arc::clone(&seen);
    setting.observer = Some(Arc::new(move |method, code, _| told.lock().unwrap().push((method.to_owned(), code))));
    let open = setting.open().await;
    let [plain, tls] = channels(&open).await;
    let mut market = MarketServiceClient::new(plain.clone());
    market.get_matches(MatchesFilter::default()).await.unwrap();
    market.get_matches(MatchesFilter { skip: Some(-1), ..Default::default() }).await.unwrap_err();
    let mut authenticated = AuthenticatedMarketServiceClient::new(tls);
    let unknown = UpdateMatch { match_id: "0".repeat(24), ..Default::default() };
    authenticated.update_match(ListUpdateMatch { matches: vec![unknown] }).await.unwrap_err();
    AuthenticatedMarketServiceClient::new(plain.clone()).update_match(ListUpdateMatch::default()).await.unwrap_err();
    HealthClient::new(plain).check(check("")).await.unwrap();
    let expected: Seen = [
        ("proto.MarketService/GetMatches", Code::Ok),
        ("proto.MarketService/GetMatches", Code::InvalidArgument),
        ("proto.AuthenticatedMarketService/UpdateMatch", Code::NotFound),
        (UNKNOWN_METHOD, Code::Unimplemented),
        ("grpc.health.v1.Health/Check", Code::Ok),
    ]
    .map(|(method, code)| (method.to_owned(), code))
    .into();
    assert_eq!(*seen.lock().unwrap(), expected);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_that_its_caller_gives_up_is_seen_as_cancelled() {
    let seen: Arc<Mutex<Vec<Code>>> = Arc::default();
    let mut setting = Setting::new();
    let told = Arc::clone(&seen);
    setting.observer = Some(Arc::new(move |_, code, _| told.lock().unwrap().push(code)));
    let (open, _lock) = locked(setting).await;
    let mut request = tonic::Request::new(a_price());
    request.set_timeout(Duration::from_millis(50));
    open.plain().await.update_prices(request).await.unwrap_err();
    until("it is seen", || async { *seen.lock().unwrap() == [Code::Cancelled] }).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn stopping_refuses_new_callers_and_finishes_what_is_under_way() {
    let (open, lock) = locked(Setting::new()).await;
    let mut plain = open.plain().await;
    let mut same = plain.clone();
    let address = open.serving.plain_address();
    let stopping = async {
        // On the same connection after the other, so that the other has arrived.
        same.get_matches(MatchesFilter::default()).await.unwrap();
        let stopping = tokio::spawn(open.serving.stop());
        until("nobody new is accepted", || async { TcpStream::connect(address).await.is_err() }).await;
        lock.execute_batch("ROLLBACK").unwrap();
        stopping.await.unwrap().unwrap();
    };
    let (updated, ()) = tokio::join!(plain.update_prices(a_price()), stopping);
    updated.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn stopping_closes_after_its_limit_what_does_not_finish() {
    let mut setting = Setting::new();
    setting.limits.drain = Duration::from_millis(100);
    let (open, _lock) = locked(setting).await;
    let mut plain = open.plain().await;
    let mut same = plain.clone();
    let stopping = async {
        same.get_matches(MatchesFilter::default()).await.unwrap();
        tokio::time::timeout(SOON, open.serving.stop()).await.expect("it stops").unwrap();
    };
    let (updated, ()) = tokio::join!(plain.update_prices(a_price()), stopping);
    updated.unwrap_err();
}

#[tokio::test(flavor = "multi_thread")]
async fn who_watches_health_hears_the_end_and_does_not_delay_it() {
    let mut setting = Setting::new();
    setting.limits.drain = Duration::from_secs(600);
    let open = setting.open().await;
    let mut health = HealthClient::new(open.plain_channel().await);
    let mut watching = health.watch(check("")).await.unwrap().into_inner();
    assert_eq!(watching.message().await.unwrap().unwrap().status(), ServingStatus::Serving);
    let since = Instant::now();
    open.serving.stop().await.unwrap();
    assert!(since.elapsed() < SOON);
    assert_eq!(watching.message().await.unwrap().unwrap().status(), ServingStatus::NotServing);
    assert_eq!(watching.message().await.unwrap(), None);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_market_that_is_dropped_leaves_its_ports() {
    let open = Setting::new().open().await;
    let addresses = [open.serving.plain_address(), open.serving.tls_address()];
    let mut client = open.plain().await;
    drop(open.serving);
    for address in addresses {
        until("the port is closed", || async { TcpStream::connect(address).await.is_err() }).await;
    }
    client.get_matches(MatchesFilter::default()).await.unwrap_err();
}
