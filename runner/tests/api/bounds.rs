//! What one request may cost, and how long one caller may take.

use std::time::Duration;

use testkit::eventually_async;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tonic::{Code, Request};
use tonic_health::pb::HealthCheckRequest;
use tonic_health::pb::health_client::HealthClient;
use wire::{Empty, ListPricesUpdate, ListUpdateMatch, MatchesFilter, PriceUpdate};

use crate::frames::*;
use crate::setting::*;

const SHORT: Duration = Duration::from_millis(300);

/// Reads what a server says until that holds.
async fn read_until(stream: &mut TcpStream, holds: impl Fn(&[u8]) -> bool) -> Vec<u8> {
    let (mut said, mut bytes) = (Vec::new(), [0; 4096]);
    let reading = async {
        while !holds(&said) {
            match stream.read(&mut bytes).await.unwrap() {
                0 => break,
                length => said.extend(&bytes[..length]),
            }
        }
    };
    timeout(SOON, reading).await.unwrap_or_else(|_| panic!("it says nothing more"));
    said
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_that_is_not_taken_is_dropped_and_the_connection_goes_on() {
    let mut setting = Setting::new();
    setting.limits.stall = SHORT;
    setting.limits.lists = 1;
    setting.settle(0, &["a > b 1 96200"; 10_000]).await;
    let open = setting.open().await;
    let mut stream = TcpStream::connect(open.serving.plain_address()).await.unwrap();
    let requests = (0..5).map(|number| empty_request(2 * number + 1, GET_MATCHES));
    stream.write_all(&http2_with_window(0, requests)).await.unwrap();
    let said = read_until(&mut stream, |said| error_codes(said, RST_STREAM).len() == 5).await;
    assert_eq!(error_codes(&said, RST_STREAM), [CANCEL; 5]);
    // With a window it gets its answer.
    let window = frame(SETTINGS, 0, 0, &[0, 4, 0x3f, 0xff, 0xff, 0xff]);
    let update = frame(8, 0, 0, &(1_u32 << 30).to_be_bytes());
    stream.write_all(&[window, update, empty_request(11, GET_MATCHES)].concat()).await.unwrap();
    let said = read_until(&mut stream, |said| said.len() > 500_000).await;
    assert_eq!(error_codes(&said, RST_STREAM), [0; 0]);
    assert_eq!(open.matches(MatchesFilter::default()).await.len(), 10_000);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_that_is_taken_too_slowly_ends_in_time() {
    let mut setting = Setting::new();
    setting.limits.sending = SHORT;
    setting.settle(0, &["a > b 1 96200"; 10_000]).await;
    let open = setting.open().await;
    let mut stream = TcpStream::connect(open.serving.plain_address()).await.unwrap();
    stream.write_all(&http2_with_window(10, [empty_request(1, GET_MATCHES)])).await.unwrap();
    // Some bytes at a time.
    let (mut said, mut bytes) = (Vec::new(), [0; 4096]);
    let dripping = async {
        while error_codes(&said, RST_STREAM).is_empty() {
            stream.write_all(&frame(8, 0, 1, &[0, 0, 0, 10])).await.unwrap();
            let length = stream.read(&mut bytes).await.unwrap();
            said.extend(&bytes[..length]);
        }
    };
    timeout(SOON, dripping).await.expect("it is sent for ever");
    assert_eq!(error_codes(&said, RST_STREAM), [CANCEL]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_that_does_not_go_on_is_given_up() {
    let mut setting = Setting::new();
    setting.limits.stall = SHORT;
    let open = setting.open().await;
    let channel = open.plain_channel().await;
    let mut grpc = tonic::client::Grpc::new(channel.clone());
    grpc.ready().await.unwrap();
    let codec = tonic_prost::ProstCodec::<ListPricesUpdate, Empty>::default();
    let endless = Request::new(tokio_stream::pending());
    let status = grpc.client_streaming(endless, UPDATE_PRICES.parse().unwrap(), codec).await.unwrap_err();
    let expected = "nothing more of the request came within 300ms (send it without a pause)";
    assert_eq!((status.code(), status.message()), (Code::DeadlineExceeded, expected));
    pulling(channel).get_matches(MatchesFilter::default()).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_message_with_more_entries_than_it_may_have_is_refused_before_it_is_decoded() {
    let mut setting = Setting::new();
    setting.limits.entries = 1000;
    let open = setting.open().await;
    let entry = PriceUpdate { timestamp: "2023-09-01T12:00:00Z".into(), meter_id: "m".into(), ..Default::default() };
    let mut plain = open.plain().await;
    let prices = |number| ListPricesUpdate { prices: vec![entry.clone(); number] };
    plain.update_prices(prices(1000)).await.unwrap();
    let status = plain.update_prices(prices(1001)).await.unwrap_err();
    let expected = "a message has more than 1000 entries (send them in several)";
    assert_eq!((status.code(), status.message()), (Code::InvalidArgument, expected));
    let updates = ListUpdateMatch { matches: vec![Default::default(); 1001] };
    assert_eq!(open.tls().await.update_match(updates).await.unwrap_err().message(), expected);
    plain.update_prices(prices(1)).await.unwrap();
}

/// Requests from an address of its own that never end, so many.
async fn endless(open: &Open, number: u32) -> TcpStream {
    let mut stream = crate::attackers::from(2, open.serving.plain_address()).await.unwrap();
    let requests = (0..number).map(|number| request(2 * number + 1, UPDATE_PRICES));
    stream.write_all(&http2(requests)).await.unwrap();
    stream
}

#[tokio::test(flavor = "multi_thread")]
async fn an_address_has_half_of_all_requests() {
    let mut setting = Setting::new();
    setting.limits.requests = 8;
    setting.limits.patience = SOON;
    let open = setting.open().await;
    let mut greedy = endless(&open, 6).await;
    // Two are refused at once, with a status: there is no end of their bodies to wait for.
    let said = read_until(&mut greedy, |said| error_codes(said, RST_STREAM).len() == 2).await;
    assert_eq!(error_codes(&said, RST_STREAM), [0; 2]);
    for _ in 0..4 {
        open.matches(MatchesFilter::default()).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn requests_that_stand_still_make_way_for_what_comes() {
    let mut setting = Setting::new();
    setting.limits.requests = 8;
    setting.limits.patience = Duration::ZERO;
    let open = setting.open().await;
    let mut greedy = endless(&open, 6).await;
    let said = read_until(&mut greedy, |said| error_codes(said, RST_STREAM).len() == 2).await;
    assert_eq!(error_codes(&said, RST_STREAM), [CANCEL; 2]);
    open.matches(MatchesFilter::default()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn connections_that_rest_or_are_old_end_gracefully_and_their_callers_come_again() {
    for old in [false, true] {
        let mut setting = Setting::new();
        if old {
            setting.limits.age = SHORT;
        } else {
            setting.limits.idle = SHORT;
        }
        let open = setting.open().await;
        let channel = open.plain_channel().await;
        let ask = async || pulling(channel.clone()).get_matches(MatchesFilter::default()).await.is_ok();
        assert!(ask().await);
        let mut stream = TcpStream::connect(open.serving.plain_address()).await.unwrap();
        stream.write_all(&http2([empty_request(1, GET_MATCHES)])).await.unwrap();
        let said = read_until(&mut stream, |said| !error_codes(said, GOAWAY).is_empty()).await;
        assert_eq!(error_codes(&said, GOAWAY)[0], 0, "{old}");
        // What is said at the moment of an end is said again.
        eventually_async("it is answered", ask).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn of_too_many_watches_the_oldest_end() {
    let mut setting = Setting::new();
    setting.limits.watches = 4;
    setting.limits.patience = Duration::ZERO;
    let open = setting.open().await;
    let mut watches = Vec::new();
    for _ in 0..3 {
        let mut client = HealthClient::new(open.plain_channel().await);
        let mut watch = client.watch(HealthCheckRequest::default()).await.unwrap().into_inner();
        watch.message().await.unwrap().unwrap();
        watches.push(watch);
    }
    timeout(SOON, watches[0].message()).await.expect("it goes on").unwrap_err();
    open.serving.health().set(false).await;
    for watch in &mut watches[1..] {
        assert!(watch.message().await.unwrap().is_some());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_caller_that_waits_less_long_is_told_when_that_is_over() {
    let open = Setting::new().open().await;
    let mut grpc = tonic::client::Grpc::new(open.plain_channel().await);
    let expected = "the request took longer than 200ms (ask for less, or try again later)";
    eventually_async("the market tells it", async || {
        grpc.ready().await.unwrap();
        let codec = tonic_prost::ProstCodec::<ListPricesUpdate, Empty>::default();
        let mut endless = Request::new(tokio_stream::pending());
        endless.metadata_mut().insert("grpc-timeout", "200m".parse().unwrap());
        let status = grpc.client_streaming(endless, UPDATE_PRICES.parse().unwrap(), codec).await.unwrap_err();
        // The client of this test watches the clock too, and on a busy machine may be the first to give up.
        let is_told = (status.code(), status.message()) == (Code::DeadlineExceeded, expected);
        assert!(is_told || status.message() == "Timeout expired", "{status:?}");
        is_told
    })
    .await;
}
