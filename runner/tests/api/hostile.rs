//! Callers that mean harm, or are broken: they cost themselves, and nobody else notices.

use std::net::SocketAddr;
use std::time::Duration;

use rusqlite::Connection;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tonic::transport::{Channel, Endpoint};
use tonic::{Code, Request};
use wire::{Empty, ListPricesUpdate, MatchesFilter, PriceFilter, PriceUpdate};

use crate::attackers::from;
use crate::frames::*;
use crate::log;
use crate::setting::*;

/// How long what takes for ever would take.
const EVER: Duration = Duration::from_secs(3600);

/// Both ports answer new callers.
async fn both_answer(open: &Open) {
    let filter = MatchesFilter::default();
    timeout(SOON, async {
        open.plain().await.get_matches(filter.clone()).await.unwrap();
        open.tls().await.retrieve_matches(filter).await.unwrap();
    })
    .await
    .expect("others wait");
}

async fn connected(address: SocketAddr, bytes: &[u8]) -> TcpStream {
    let mut stream = TcpStream::connect(address).await.unwrap();
    stream.write_all(bytes).await.unwrap();
    stream
}

/// What a connection still says until the other side closes it, which must be soon.
async fn last_words(stream: &mut TcpStream) -> Vec<u8> {
    let mut said = Vec::new();
    let end = timeout(SOON, stream.read_to_end(&mut said)).await.expect("it is not closed");
    if let Err(error) = end {
        assert_eq!(error.kind(), std::io::ErrorKind::ConnectionReset);
    }
    said
}

#[tokio::test(flavor = "multi_thread")]
async fn who_takes_the_wrong_port_is_told_and_the_log_says_which_is_right() {
    log::keep();
    for bytes in [&b"GET / HTTP/1.1\r\nHost: market\r\n\r\n"[..], &http2([])] {
        let open = Setting::new().open().await;
        let tls = open.serving.tls_address();
        let mut stream = connected(tls, bytes).await;
        let peer = stream.local_addr().unwrap();
        let said = last_words(&mut stream).await;
        assert_eq!(said.first(), Some(&0x15), "an alert of TLS is expected: {said:?}");
        log::told_of(peer, "it does not speak TLS; plaintext has its own port").await;
    }
    let open = Setting::new().open().await;
    let tls = open.serving.tls_address();
    let plaintext = Endpoint::from_shared(format!("http://{tls}")).unwrap().connect().await;
    if let Ok(channel) = plaintext {
        claiming(channel).retrieve_matches(MatchesFilter::default()).await.unwrap_err();
    }
    let plain = format!("https://{}", open.serving.plain_address());
    let endpoint = Endpoint::from_shared(plain).unwrap().tls_config(open.trusting()).unwrap();
    timeout(SOON, endpoint.connect()).await.expect("it is not told").unwrap_err();
    both_answer(&open).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn handshakes_that_never_end_do_not_delay_others() {
    let mut setting = Setting::new();
    setting.limits.handshakes = 16;
    setting.limits.opening = EVER;
    let open = setting.open().await;
    // Nothing, or the first half of a greeting: a record of 512 bytes.
    let half = [&[0x16, 0x03, 0x01, 0x02, 0x00, 0x01, 0x00, 0x01, 0xfc, 0x03, 0x03][..], &[7; 100]].concat();
    let mut waiting = Vec::new();
    for number in 0..200 {
        let bytes = if number % 2 == 0 { &half[..] } else { &[] };
        waiting.push(connected(open.serving.tls_address(), bytes).await);
    }
    for _ in 0..10 {
        both_answer(&open).await;
    }
    // The oldest had the most time.
    for stream in &mut waiting[..150] {
        assert_eq!(last_words(stream).await, b"");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn who_does_not_begin_to_speak_in_time_is_closed_on_both_ports() {
    let mut setting = Setting::new();
    setting.limits.opening = Duration::from_millis(300);
    let open = setting.open().await;
    let (plain, tls) = (open.serving.plain_address(), open.serving.tls_address());
    let mut silent = Vec::new();
    for (address, bytes) in [(plain, &b""[..]), (plain, b"PRI * HTTP/2.0\r\n"), (tls, b""), (tls, &[0x16, 3])] {
        silent.push(connected(address, bytes).await);
    }
    // Who began in time may take a rest.
    let mut speaking = connected(plain, &http2([])).await;
    for stream in &mut silent {
        last_words(stream).await;
    }
    answers_ping(&mut speaking).await;
    both_answer(&open).await;
}

/// Whether the other side has closed a connection, which must happen soon.
async fn closes(stream: &mut TcpStream) {
    last_words(stream).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn when_a_port_is_full_who_has_rested_longest_makes_way_for_who_comes() {
    let mut setting = Setting::new();
    setting.limits.connections = 4;
    let open = setting.open().await;
    let to = open.serving.plain_address();
    // Of each address at most half.
    let mut resting = Vec::new();
    for address in [2, 2, 3, 3] {
        let mut stream = from(address, to).await.unwrap();
        stream.write_all(&http2([])).await.unwrap();
        answers_ping(&mut stream).await;
        resting.push(stream);
    }
    let mut third = from(2, to).await.unwrap();
    third.write_all(&http2([])).await.unwrap();
    answers_ping(&mut third).await;
    closes(&mut resting[0]).await;
    answers_ping(&mut resting[1]).await;
    // Whoever comes from elsewhere gets in too, and who has most gives way.
    let mut other = from(4, to).await.unwrap();
    other.write_all(&http2([])).await.unwrap();
    // It belongs to this machine, and so may use what is reserved for health checks.
    answers_ping(&mut other).await;
    both_answer(&open).await;
    answers_ping(&mut resting[1]).await;
}

async fn answers_ping(stream: &mut TcpStream) {
    stream.write_all(&frame(6, 0, 0, &[7; 8])).await.unwrap();
    let (mut said, mut bytes) = (Vec::<u8>::new(), [0; 1024]);
    let answer = async {
        while !said.windows(8).any(|window| window == [7; 8]) {
            let length = stream.read(&mut bytes).await.unwrap();
            assert_ne!(length, 0, "it was closed");
            said.extend(&bytes[..length]);
        }
    };
    timeout(SOON, answer).await.expect("a ping is not answered");
}

/// Whether a request in plaintext is answered.
async fn answered(channel: Channel) -> Result<(), tonic::Status> {
    pulling(channel).get_matches(MatchesFilter::default()).await.map(drop)
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_no_http_2_ends_its_own_connection_only() {
    let open = Setting::new().open().await;
    let mut random = fastrand::Rng::with_seed(7);
    let mut noise = || (0..4096).map(|_| random.u8(..)).collect::<Vec<u8>>();
    let cases = [
        ("noise", noise()),
        ("noise after the preface", http2([noise()])),
        ("HTTP/1.1", b"GET / HTTP/1.1\r\nHost: market\r\n\r\n".to_vec()),
        ("a body of no request", http2([frame(DATA, 0, 0, b"body")])),
        ("a stream that is the server's to open", http2([request(2, UPDATE_PRICES)])),
        ("headers that are no HPACK", http2([frame(HEADERS, END_HEADERS, 1, &[0xff; 40])])),
        ("a frame that is too long", http2([frame(DATA, 0, 1, &vec![0; 1 << 20])])),
        ("settings that are cut", http2([frame(SETTINGS, 0, 0, &[1; 5])])),
    ];
    let bystander = open.plain_channel().await;
    for (name, bytes) in cases {
        let mut stream = TcpStream::connect(open.serving.plain_address()).await.unwrap();
        // OK if it is closed before all is said.
        let _ = stream.write_all(&bytes).await;
        last_words(&mut stream).await;
        answered(bystander.clone()).await.expect(name);
    }
    both_answer(&open).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn streams_beyond_the_limit_are_refused_and_who_keeps_to_it_waits_a_turn() {
    let mut setting = Setting::new();
    setting.limits.streams = 4;
    let open = setting.open().await;
    let mut stream =
        connected(open.serving.plain_address(), &http2((0..20).map(|n| request(2 * n + 1, UPDATE_PRICES)))).await;
    let (mut said, mut bytes) = (Vec::new(), [0; 4096]);
    let refusals = async {
        while error_codes(&said, RST_STREAM).len() < 16 {
            let length = stream.read(&mut bytes).await.unwrap();
            assert_ne!(length, 0, "closed after {said:?}");
            said.extend(&bytes[..length]);
        }
    };
    timeout(SOON, refusals).await.expect("they are not refused");
    assert_eq!(error_codes(&said, RST_STREAM), [REFUSED_STREAM; 16]);
    let channel = open.plain_channel().await;
    // It has heard of the limit then.
    answered(channel.clone()).await.unwrap();
    hundred_at_once(channel).await;
}

async fn hundred_at_once(channel: Channel) {
    let requests = (0..100).map(|_| tokio::spawn(answered(channel.clone())));
    for request in requests.collect::<Vec<_>>() {
        request.await.unwrap().unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn as_many_streams_are_allowed_as_callers_assume_before_they_hear_of_a_limit() {
    let open = Setting::new().open().await;
    for _ in 0..20 {
        hundred_at_once(open.plain_channel().await).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn floods_of_frames_that_cost_nothing_to_send_are_cut_off() {
    let open = Setting::new().open().await;
    // Requests that are taken back at once (CVE-2023-44487), and headers that never end (CVE-2024-27316).
    let taken_back =
        (0..1000).map(|n| [request(2 * n + 1, UPDATE_PRICES), frame(RST_STREAM, 0, 2 * n + 1, &[0; 4])].concat());
    let endless = std::iter::once(frame(HEADERS, 0, 1, &[0x83])).chain(
        (0..200)
            .map(|_| frame(CONTINUATION, 0, 1, &[&[0x00, 0x01, b'x', 0x7f, 0x81, 0x07][..], &[b'x'; 1024]].concat())),
    );
    for flood in [http2(taken_back), http2(endless)] {
        let mut stream = TcpStream::connect(open.serving.plain_address()).await.unwrap();
        // OK if it is closed before all is said.
        let _ = stream.write_all(&flood).await;
        let said = last_words(&mut stream).await;
        assert_eq!(error_codes(&said, GOAWAY).last(), Some(&ENHANCE_YOUR_CALM), "{said:?}");
        both_answer(&open).await;
    }
}

fn prices(number: usize) -> ListPricesUpdate {
    let entry = |number| PriceUpdate {
        timestamp: "2023-09-01T12:00:00Z".to_owned(),
        meter_id: format!("m{number}"),
        buy_price: 0.2,
        sell_price: 0.1,
        withdraw: false,
    };
    ListPricesUpdate { prices: (0..number).map(entry).collect() }
}

/// How many prices a meter of [`prices`] has.
async fn prices_of(open: &Open, meter: &str) -> usize {
    let of = PriceFilter { meter_id: meter.to_owned(), ..Default::default() };
    open.plain().await.get_prices(of).await.unwrap().into_inner().prices.len()
}

#[tokio::test(flavor = "multi_thread")]
async fn messages_and_headers_that_are_too_long_are_refused_and_nothing_is_applied() {
    let mut setting = Setting::new();
    setting.limits.request_bytes = 10_000;
    let open = setting.open().await;
    let mut plain = open.plain().await;
    let status = plain.update_prices(prices(1000)).await.unwrap_err();
    assert_eq!(status.code(), Code::OutOfRange, "{status}");
    assert!(status.message().contains("the limit is: 10000 bytes"), "{status}");
    assert_eq!(prices_of(&open, "m0").await, 0);
    let mut long = Request::new(prices(1));
    long.metadata_mut().insert("x-long", "x".repeat(32 << 10).parse().unwrap());
    plain.update_prices(long).await.unwrap_err();
    assert_eq!(prices_of(&open, "m0").await, 0);
    // The same connection goes on.
    plain.update_prices(prices(1)).await.unwrap();
    assert_eq!(prices_of(&open, "m0").await, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_that_takes_too_long_is_given_up() {
    let mut setting = Setting::new();
    setting.limits.request = Duration::from_millis(300);
    let open = setting.open().await;
    let channel = open.plain_channel().await;
    let given_up = "the request took longer than 300ms (ask for less, or try again later)";
    // Its caller never ends what it says.
    let mut grpc = tonic::client::Grpc::new(channel.clone());
    grpc.ready().await.unwrap();
    let codec = tonic_prost::ProstCodec::<ListPricesUpdate, Empty>::default();
    let endless = Request::new(tokio_stream::pending());
    let status = grpc.client_streaming(endless, UPDATE_PRICES.parse().unwrap(), codec).await.unwrap_err();
    assert_eq!((status.code(), status.message()), (Code::DeadlineExceeded, given_up));
    // Somebody else writes into the books and does not finish; reading goes on.
    let mut books = Connection::open(open.setting.books.path("market.db")).unwrap();
    let writing = books.transaction_with_behavior(rusqlite::TransactionBehavior::Immediate).unwrap();
    let status = pulling(channel.clone()).update_prices(prices(1)).await.unwrap_err();
    assert_eq!((status.code(), status.message()), (Code::DeadlineExceeded, given_up));
    answered(channel.clone()).await.unwrap();
    drop(writing);
    // Sent again, it comes to the same, whether the first was applied or not.
    pulling(channel).update_prices(prices(1)).await.unwrap();
    assert_eq!(prices_of(&open, "m0").await, 1);
}
