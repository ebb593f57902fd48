//! Requests may come compressed, and unpacked they may be as large as any other.

use tonic::Code;
use tonic::codec::CompressionEncoding;
use wire::{ListPricesUpdate, ListUpdateMatch, MatchesFilter, PriceFilter, PriceUpdate, State, UpdateMatch};

use crate::setting::*;

const GZIP: CompressionEncoding = CompressionEncoding::Gzip;

fn price(meter: String) -> ListPricesUpdate {
    let timestamp = "2023-09-01T12:00:00Z".to_owned();
    let price = PriceUpdate { timestamp, meter_id: meter, buy_price: 0.15, sell_price: 0.05, withdraw: false };
    ListPricesUpdate { prices: vec![price] }
}

#[tokio::test(flavor = "multi_thread")]
async fn compressed_requests_are_taken_on_both_ports_and_answers_are_plain() {
    let setting = Setting::new();
    let ids = setting.settle(0, &["a > b 1 96200"]).await;
    let open = setting.open().await;
    let mut plain = open.plain().await.send_compressed(GZIP).accept_compressed(GZIP);
    plain.update_prices(price("m".to_owned())).await.unwrap();
    let prices = plain.get_prices(PriceFilter { meter_id: "m".to_owned(), ..Default::default() }).await.unwrap();
    assert_eq!(prices.get_ref().prices.len(), 1);
    assert_eq!(prices.metadata().get("grpc-encoding"), None);
    let mut tls = open.tls().await.send_compressed(GZIP);
    let claim = MatchesFilter { buyer_id: Some("b".to_owned()), state: vec![0, 3], ..Default::default() };
    assert_eq!(tls.retrieve_matches(claim).await.unwrap().get_ref().matches.len(), 1);
    let paid = UpdateMatch { match_id: ids[0].clone(), state: State::Paid.into(), ..Default::default() };
    tls.update_match(ListUpdateMatch { matches: vec![paid] }).await.unwrap();
    assert_eq!(open.matches(MatchesFilter::default()).await, ["12:15 a > b 0.001 kWh at 0.0962 Paid"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_unpacks_to_more_than_a_request_may_have_is_refused() {
    let open = Setting::new().open().await;
    let limit = open.setting.limits.request_bytes;
    let mut plain = open.plain().await.send_compressed(GZIP);
    // 64 MiB in 64 KiB.
    let bomb = plain.update_prices(price("m".repeat(64 << 20))).await.unwrap_err();
    assert_eq!(bomb.code(), Code::ResourceExhausted, "{bomb}");
    assert!(bomb.message().contains(&limit.to_string()), "{bomb}");
    // Just below it is read, and refused for what it says.
    let long = plain.update_prices(price("m".repeat(limit - 1000))).await.unwrap_err();
    assert_eq!(long.code(), Code::InvalidArgument, "{long}");
    // The connection goes on.
    plain.update_prices(price("m".to_owned())).await.unwrap();
}
