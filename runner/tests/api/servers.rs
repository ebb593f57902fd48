//! What the servers say of themselves, and how they end.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use rec_market::adapter::grpc::{UNKNOWN_METHOD, ask};
use testkit::eventually_async;
use tokio::sync::mpsc::{self, Sender};
use tokio::sync::oneshot;
use tokio::task::JoinHandle;
use tokio::time::timeout;
use tokio_stream::StreamExt;
use tokio_stream::wrappers::ReceiverStream;
use tonic::transport::{Channel, Endpoint};
use tonic::{Code, Request, Response, Status};
use tonic_health::pb::HealthCheckRequest;
use tonic_health::pb::health_check_response::ServingStatus;
use tonic_health::pb::health_client::HealthClient;
use wire::{Empty, ListPricesUpdate, MatchesFilter, PriceFilter, PriceUpdate};

use crate::setting::*;

const PLAIN: &str = "proto.MarketService";
const TLS: &str = "proto.AuthenticatedMarketService";

/// A connection to each port, with the service there.
async fn ports(open: &Open) -> [(Channel, &'static str); 2] {
    [(open.plain_channel().await, PLAIN), (open.tls_channel(open.trusting()).await.unwrap(), TLS)]
}

fn about(service: &str) -> HealthCheckRequest {
    HealthCheckRequest { service: service.to_owned() }
}

#[tokio::test(flavor = "multi_thread")]
async fn health_is_told_on_both_ports_and_changes() {
    let open = Setting::new().open().await;
    for (serving, expected) in [(true, ServingStatus::Serving), (false, ServingStatus::NotServing)] {
        open.serving.health().set(serving).await;
        for (channel, _) in ports(&open).await {
            let mut client = HealthClient::new(channel);
            for service in ["", PLAIN, TLS] {
                let answer = client.check(about(service)).await.unwrap();
                assert_eq!(answer.get_ref().status(), expected, "{service}");
            }
            assert_eq!(client.check(about("proto.Nothing")).await.unwrap_err().code(), Code::NotFound);
        }
    }
    let (address, soon) = (open.serving.plain_address(), SOON);
    assert_eq!(ask(address, soon).await.unwrap_err().to_string(), "it says NOT_SERVING");
    open.serving.health().set(true).await;
    ask(address, soon).await.unwrap();
}

/// What reflection of one version lists, and the file in which it finds a service.
macro_rules! reflected {
    ($version:ident, $channel:expr, $symbol:expr) => {{
        use tonic_reflection::pb::$version::server_reflection_client::ServerReflectionClient;
        use tonic_reflection::pb::$version::server_reflection_request::MessageRequest;
        use tonic_reflection::pb::$version::server_reflection_response::MessageResponse;
        use tonic_reflection::pb::$version::{ServerReflectionRequest, ServerReflectionResponse};
        let requests = [MessageRequest::ListServices(String::new()), MessageRequest::FileContainingSymbol($symbol)];
        let requests =
            requests.map(|request| ServerReflectionRequest { host: String::new(), message_request: Some(request) });
        let mut client = ServerReflectionClient::new($channel);
        let answers = client.server_reflection_info(tokio_stream::iter(requests)).await.unwrap().into_inner();
        let answers: Vec<ServerReflectionResponse> = answers.map(Result::unwrap).collect().await;
        let [Some(MessageResponse::ListServicesResponse(list)), Some(MessageResponse::FileDescriptorResponse(file))] =
            [&answers[0].message_response, &answers[1].message_response]
        else {
            panic!("{answers:?}");
        };
        let mut names: Vec<String> = list.service.iter().map(|service| service.name.clone()).collect();
        names.sort();
        (names, file.file_descriptor_proto.concat())
    }};
}

#[tokio::test(flavor = "multi_thread")]
async fn reflection_shows_what_a_port_has_in_both_versions() {
    let open = Setting::new().open().await;
    for (channel, service) in ports(&open).await {
        let v1 = reflected!(v1, channel.clone(), service.to_owned());
        let v1alpha = reflected!(v1alpha, channel, service.to_owned());
        for ((names, file), version) in [(v1, "v1"), (v1alpha, "v1alpha")] {
            let reflection = format!("grpc.reflection.{version}.ServerReflection");
            assert_eq!(names, ["grpc.health.v1.Health", &reflection, service]);
            let service = service.trim_start_matches("proto.").as_bytes();
            assert!(file.windows(service.len()).any(|window| window == service), "{version}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_method_that_is_not_there_says_where_it_is_and_observers_hear_real_names_only() {
    let heard = Arc::new(Mutex::new(Vec::new()));
    let mut setting = Setting::new();
    let hearing = Arc::clone(&heard);
    setting.observer = Some(Arc::new(move |method: &str, code: Code, took: Duration| {
        assert!(took < SOON);
        hearing.lock().unwrap().push(format!("{method} {code:?}"));
    }));
    let open = setting.open().await;
    let [(plain, _), (tls, _)] = ports(&open).await;
    let filter = MatchesFilter::default();
    let swapped = [
        pulling(tls.clone()).get_matches(filter.clone()).await.unwrap_err(),
        claiming(plain.clone()).retrieve_matches(filter.clone()).await.unwrap_err(),
    ];
    let methods = [format!("/{PLAIN}/GetMatches"), format!("/{TLS}/RetrieveMatches")];
    for (status, method) in swapped.iter().zip(methods) {
        let ports = format!("{PLAIN} is on the plaintext port, {TLS} on the TLS port");
        assert_eq!(status.code(), Code::Unimplemented);
        assert_eq!(status.message(), format!("there is no method {method} on this port ({ports})"));
    }
    let bad = PriceFilter { skip: Some(-1), meter_id: "m".to_owned(), ..Default::default() };
    pulling(plain.clone()).get_prices(bad).await.unwrap_err();
    pulling(plain).get_matches(filter.clone()).await.unwrap();
    claiming(tls).retrieve_matches(filter).await.unwrap();
    let expected = [
        format!("{UNKNOWN_METHOD} Unimplemented"),
        format!("{UNKNOWN_METHOD} Unimplemented"),
        format!("{PLAIN}/GetPrices InvalidArgument"),
        format!("{PLAIN}/GetMatches Ok"),
        format!("{TLS}/RetrieveMatches Ok"),
    ];
    assert_eq!(*heard.lock().unwrap(), expected);
}

/// A request whose body its caller holds back; the server has its headers already.
struct HeldBack {
    body: Sender<ListPricesUpdate>,
    answer: JoinHandle<Result<Response<Empty>, Status>>,
}

async fn held_back(channel: Channel) -> HeldBack {
    let (body, messages) = mpsc::channel(1);
    let (asked, is_asked) = oneshot::channel();
    let mut asked = Some(asked);
    // Read when the headers are on their way: it has nothing but says so.
    let notice = tokio_stream::once(()).filter_map(move |()| {
        let _ = asked.take().map(|asked| asked.send(()));
        None
    });
    let messages = notice.chain(ReceiverStream::new(messages));
    let mut grpc = tonic::client::Grpc::new(channel.clone());
    grpc.ready().await.unwrap();
    let answer = tokio::spawn(async move {
        let codec = tonic_prost::ProstCodec::<ListPricesUpdate, Empty>::default();
        let path = "/proto.MarketService/UpdatePrices".parse().unwrap();
        grpc.client_streaming(Request::new(messages), path, codec).await
    });
    is_asked.await.unwrap();
    // What comes later on the same connection is answered, so that the headers must have arrived.
    pulling(channel).get_matches(MatchesFilter::default()).await.unwrap();
    HeldBack { body, answer }
}

/// Nobody gets a new connection with an answer.
async fn is_closed(address: std::net::SocketAddr) -> bool {
    match Endpoint::from_shared(format!("http://{address}")).unwrap().connect().await {
        Ok(channel) => pulling(channel).get_matches(MatchesFilter::default()).await.is_err(),
        Err(_) => true,
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn stopping_finishes_what_is_under_way_and_waits_for_nobody_else() {
    let mut setting = Setting::new();
    setting.limits.drain = Duration::from_secs(3600);
    let open = setting.open().await;
    let idle = ports(&open).await;
    let mut watching = HealthClient::new(open.plain_channel().await).watch(about(PLAIN)).await.unwrap().into_inner();
    assert_eq!(watching.message().await.unwrap().unwrap().status(), ServingStatus::Serving);
    let HeldBack { body, answer } = held_back(open.plain_channel().await).await;
    let Open { setting, serving } = open;
    let address = serving.plain_address();
    let stopping = tokio::spawn(serving.stop());
    eventually_async("nobody new is let in", async || is_closed(address).await).await;
    assert_eq!(watching.message().await.unwrap().unwrap().status(), ServingStatus::NotServing);
    assert!(!stopping.is_finished());
    let price = PriceUpdate { timestamp: "2023-09-01T12:00:00Z".into(), meter_id: "m".into(), ..Default::default() };
    body.send(ListPricesUpdate { prices: vec![price] }).await.unwrap();
    drop(body);
    answer.await.unwrap().unwrap();
    timeout(SOON, stopping).await.expect("it waits for idle callers").unwrap().unwrap();
    drop(idle);
    // It was applied.
    let again = setting.open().await;
    let of = PriceFilter { meter_id: "m".to_owned(), ..Default::default() };
    assert_eq!(again.plain().await.get_prices(of).await.unwrap().into_inner().prices.len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn stopping_ends_what_takes_longer_than_it_may() {
    let mut setting = Setting::new();
    setting.limits.drain = Duration::from_millis(100);
    let open = setting.open().await;
    let HeldBack { body, answer } = held_back(open.plain_channel().await).await;
    timeout(SOON, open.serving.stop()).await.expect("it waits for ever").unwrap();
    answer.await.unwrap().unwrap_err();
    drop(body);
}

#[tokio::test(flavor = "multi_thread")]
async fn servers_that_are_dropped_end_at_once() {
    let open = Setting::new().open().await;
    let held = held_back(open.plain_channel().await).await;
    let address = open.serving.plain_address();
    drop(open.serving);
    timeout(SOON, held.answer).await.expect("it goes on").unwrap().unwrap_err();
    assert!(is_closed(address).await);
}
