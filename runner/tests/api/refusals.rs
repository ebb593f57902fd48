//! Requests that cannot be meant: the right code, a message that names field and value, and nothing applied.

use prost::Message as _;
use prost::bytes::{Buf, BufMut};
use tonic::codec::{Codec, DecodeBuf, Decoder, EncodeBuf, Encoder};
use tonic::{Code, Request, Status};
use wire::{ListPricesUpdate, ListUpdateMatch, MatchesFilter, PriceFilter, PriceUpdate, State, UpdateMatch};

use crate::setting::*;

#[tokio::test(flavor = "multi_thread")]
async fn a_filter_that_cannot_be_meant_is_refused_on_both_ports() {
    let open = Setting::new().open().await;
    let (mut plain, mut tls) = (open.plain().await, open.tls().await);
    let text = |text: &str| Some(text.to_owned());
    let start = |start: &str| MatchesFilter { start_timestamp: text(start), ..Default::default() };
    let end = |end: &str| MatchesFilter { end_timestamp: text(end), ..Default::default() };
    let id = |id: &str| MatchesFilter { match_id: text(id), ..Default::default() };
    let cases = [
        (MatchesFilter { skip: Some(-1), ..Default::default() }, "skip is -1, but a number from 0"),
        (MatchesFilter { limit: Some(-1), ..Default::default() }, "limit is -1, but a number from 0"),
        (MatchesFilter { state: vec![0, 5], ..Default::default() }, "state[1] is 5, but Created (0)"),
        (MatchesFilter { state: vec![-1], ..Default::default() }, "state[0] is -1"),
        (start("yesterday"), "startTimestamp is \"yesterday\", but YYYY-MM-DDTHH:MM:SSZ is expected"),
        (start(""), "startTimestamp is \"\""),
        (start("2023-09-01T12:00:00"), "startTimestamp is"),
        (start("0000-01-01T00:00:00Z"), "startTimestamp is"),
        (end("2023-09-31T12:00:00Z"), "endTimestamp is"),
        (end("10000-01-01T00:00:00Z"), "endTimestamp is"),
        (
            MatchesFilter { end_timestamp: text("2023-09-01T12:00:00Z"), ..start("2023-09-01T12:00:01Z") },
            "startTimestamp is \"2023-09-01T12:00:01Z\", but endTimestamp is earlier",
        ),
        (id(""), "matchID is \"\", but 24 hexadecimal digits are expected"),
        (id("0123456789abcdef0123456"), "matchID is"),
        (id("0123456789abcdef0123456g"), "matchID is"),
    ];
    for (filter, message) in cases {
        let claim = MatchesFilter { buyer_id: text("b"), state: vec![0, 3], ..filter.clone() };
        let answers = [
            plain.get_matches(filter.clone()).await,
            tls.retrieve_matches(filter.clone()).await,
            // What would be a claim is none the better for it, unless its states are the mistake.
            if filter.state.is_empty() { tls.retrieve_matches(claim).await } else { continue },
        ];
        for answer in answers {
            let status = answer.unwrap_err();
            assert_eq!(status.code(), Code::InvalidArgument, "{filter:?}: {status}");
            assert!(status.message().starts_with(message), "{status}");
        }
    }
    let prices = [
        (PriceFilter::default(), "meterID is \"\""),
        (PriceFilter { meter_id: "m".into(), skip: Some(-7), ..Default::default() }, "skip is -7"),
        (PriceFilter { meter_id: "m".into(), limit: Some(-7), ..Default::default() }, "limit is -7"),
        (PriceFilter { meter_id: "m".into(), start_timestamp: text("x"), ..Default::default() }, "startTimestamp is"),
        (PriceFilter { meter_id: "m".into(), end_timestamp: text("x"), ..Default::default() }, "endTimestamp is"),
    ];
    for (filter, message) in prices {
        let status = plain.get_prices(filter).await.unwrap_err();
        assert_eq!(status.code(), Code::InvalidArgument, "{status}");
        assert!(status.message().starts_with(message), "{status}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_thousand_malformed_requests_leave_nothing_applied() {
    let setting = Setting::new();
    let ids = setting.settle(0, &["a > b 1 96200"; 20]).await;
    let open = setting.open().await;
    let (mut plain, mut tls) = (open.plain().await, open.tls().await);
    let before = open.matches(MatchesFilter::default()).await;
    let mut random = fastrand::Rng::with_seed(7);
    for _ in 0..500 {
        let length = random.usize(1..40);
        let wrong = random.usize(..length);
        let mut prices: Vec<PriceUpdate> = (0..length)
            .map(|number| PriceUpdate {
                timestamp: format!("2023-09-01T12:{number:02}:00Z"),
                meter_id: "m".to_owned(),
                buy_price: random.f32(),
                sell_price: random.f32(),
                withdraw: false,
            })
            .collect();
        match random.u8(..4) {
            0 => prices[wrong].buy_price = -random.f32() - f32::MIN_POSITIVE,
            1 => prices[wrong].sell_price = f32::from_bits(0x7f80_0000 | random.u32(..)),
            2 => prices[wrong].meter_id = "\u{7}".to_owned(),
            _ => prices[wrong].timestamp.truncate(random.usize(..19)),
        }
        // Of the bits above, a few are large numbers below infinity; none of them is a price.
        let status = plain.update_prices(ListPricesUpdate { prices }).await.unwrap_err();
        assert_eq!(status.code(), Code::InvalidArgument, "{status}");
    }
    for _ in 0..500 {
        let length = random.usize(1..20);
        let wrong = random.usize(..length);
        let mut matches: Vec<UpdateMatch> = ids[..length]
            .iter()
            .map(|id| UpdateMatch { match_id: id.clone(), state: State::Sent.into(), ..Default::default() })
            .collect();
        let code = match random.u8(..5) {
            0 => {
                matches[wrong].match_id.pop();
                Code::InvalidArgument
            }
            1 => {
                matches[wrong].state = random.i32(5..);
                Code::InvalidArgument
            }
            2 => {
                matches[wrong].transaction_id = Some("0xa".to_owned());
                matches.push(UpdateMatch { transaction_id: Some("0xb".to_owned()), ..matches[wrong].clone() });
                Code::FailedPrecondition
            }
            3 => {
                matches[wrong].match_id = format!("ff{:022x}", random.u64(..));
                Code::NotFound
            }
            _ => {
                matches[wrong].state = State::Paid.into();
                Code::FailedPrecondition
            }
        };
        let status = tls.update_match(ListUpdateMatch { matches }).await.unwrap_err();
        assert_eq!(status.code(), code, "{status}");
    }
    assert_eq!(open.matches(MatchesFilter::default()).await, before);
    let of = PriceFilter { meter_id: "m".to_owned(), ..Default::default() };
    assert_eq!(plain.get_prices(of).await.unwrap().into_inner().prices, []);
}

/// Bytes as they are.
#[derive(Clone, Copy, Default)]
struct Raw;

impl Codec for Raw {
    type Encode = Vec<u8>;
    type Decode = Vec<u8>;
    type Encoder = Raw;
    type Decoder = Raw;

    fn encoder(&mut self) -> Raw {
        Raw
    }

    fn decoder(&mut self) -> Raw {
        Raw
    }
}

impl Encoder for Raw {
    type Item = Vec<u8>;
    type Error = Status;

    fn encode(&mut self, bytes: Vec<u8>, to: &mut EncodeBuf<'_>) -> Result<(), Status> {
        to.put_slice(&bytes);
        Ok(())
    }
}

impl Decoder for Raw {
    type Item = Vec<u8>;
    type Error = Status;

    fn decode(&mut self, from: &mut DecodeBuf<'_>) -> Result<Option<Vec<u8>>, Status> {
        Ok(Some(from.copy_to_bytes(from.remaining()).to_vec()))
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn bytes_that_are_no_message_are_an_error_and_nothing_else() {
    let open = Setting::new().open().await;
    let mut grpc = tonic::client::Grpc::new(open.plain_channel().await);
    let entry = PriceUpdate { timestamp: "2023-09-01T12:00:00Z".into(), meter_id: "m".into(), ..Default::default() };
    let good = ListPricesUpdate { prices: vec![entry] }.encode_to_vec();
    let mut random = fastrand::Rng::with_seed(7);
    for _ in 0..300 {
        // Cut within the last entry, or with its length made too long.
        let mut bytes = good[..random.usize(1..good.len())].to_vec();
        if random.bool() {
            bytes = good.clone();
            bytes[1] = bytes[1].saturating_add(random.u8(1..40));
        }
        grpc.ready().await.unwrap();
        let path = "/proto.MarketService/UpdatePrices".parse().unwrap();
        let status = grpc.unary(Request::new(bytes), path, Raw).await.unwrap_err();
        assert_eq!(status.code(), Code::Internal, "{status}");
    }
    let of = PriceFilter { meter_id: "m".to_owned(), ..Default::default() };
    assert_eq!(open.plain().await.get_prices(of).await.unwrap().into_inner().prices, []);
}
