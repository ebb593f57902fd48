//! A market that starts beside years of readings: what was settled and paid elsewhere is not paid again unnoticed.

use testkit::*;
use tonic::transport::{Certificate, Channel, ClientTlsConfig, Endpoint};
use wire::MatchesFilter;
use wire::authenticated_market_service_client::AuthenticatedMarketServiceClient;
use wire::market_service_client::MarketServiceClient;

/// What buyer `b` can claim.
pub fn claim() -> MatchesFilter {
    MatchesFilter { buyer_id: Some("b".to_owned()), state: vec![0, 3], ..MatchesFilter::default() }
}

/// A client of a running market's plaintext port.
pub async fn plain(service: &Service) -> MarketServiceClient<Channel> {
    let address = format!("http://{}", service.plain);
    MarketServiceClient::new(Endpoint::from_shared(address).unwrap().connect().await.unwrap())
}

/// A client of a running market's TLS port.
pub async fn tls(market: &Market, service: &Service) -> AuthenticatedMarketServiceClient<Channel> {
    let ca = Certificate::from_pem(market.text("ca_crt.pem"));
    let tls = ClientTlsConfig::new().ca_certificate(ca).domain_name("localhost");
    let address = format!("https://{}", service.tls);
    let channel = Endpoint::from_shared(address).unwrap().tls_config(tls).unwrap().connect().await.unwrap();
    AuthenticatedMarketServiceClient::new(channel)
}

/// Waits until the metrics say that so many trades wait to be paid.
fn waiting(service: &Service, trades: u32) {
    let line = format!("\nrec_market_outbox_trades {trades}\n");
    eventually(&format!("{trades} trades wait"), || service.get("/metrics").1.contains(&line));
}

#[test]
fn settle_says_once_what_it_is_about_to_settle_and_offer() {
    let meters = Meters::selling(0..9);
    let market = Market::of(&meters);
    let until = ["settle", "--until", "2023-09-01T14:00:00Z"];
    let first = market.run(&until).ends_with(0);
    let said = "about to settle up to 8 intervals since 2023-09-01T12:00:00Z; trades since then will be offered";
    assert!(first.err.contains(said) && first.err.contains("[forward] since"), "{}", first.err);
    assert_eq!(first.err.lines().count(), 1, "{}", first.err);
    meters.tell_quarters(9..12);
    market.settle().done();
    market.run(&["audit"]).ends_with(0);
    // Where it is decided what is offered, there is nothing to warn of.
    let market = Market::new(&format!(
        "forward = {{ since = 2023-09-01T13:00:00Z }}\n{}",
        community("aveiro", meters.address(), "")
    ));
    market.settle().done();
    market.run(&["audit"]).ends_with(0);
    // Books that begin at a time of their own are right from there on.
    let market = Market::with(&meters, "from = 2023-09-01T13:30:00Z");
    market
        .run(&["settle", "--until", "2023-09-01T14:45:00Z"])
        .ends_with(0)
        .says("about to settle up to 5 intervals since 2023-09-01T13:30:00Z");
    market.run(&["audit"]).ends_with(0);
}

#[test]
fn a_service_offers_only_what_is_not_from_before_since() {
    let meters = Meters::selling(0..9);
    let offered = |since: &str| {
        let market = Market::serving(&meters, since, "");
        let service = Service::start(&market);
        eventually("it settles", || service.mark().as_deref() == Some("2023-09-01T14:00:00Z"));
        (market, service)
    };
    let (market, service) = offered("");
    // Up to now, as far as it knows.
    let said = " intervals since 2023-09-01T12:00:00Z; trades since then will be offered for payment";
    assert!(market.log().contains("about to settle up to ") && market.log().contains(said), "{}", market.log());
    waiting(&service, 8);
    service.terminate().ends_with(0);

    let (market, service) = offered("forward = { since = 2023-09-01T13:15:00Z }\n");
    assert!(market.log().contains("those of intervals that end after 2023-09-01T13:15:00Z"), "{}", market.log());
    waiting(&service, 3);
    runtime().block_on(async {
        let claimed = tls(&market, &service).await.retrieve_matches(claim()).await.unwrap().into_inner().matches;
        let ends: Vec<_> = claimed.iter().map(|trade| trade.timestamp.as_str()).collect();
        assert_eq!(ends, ["2023-09-01T13:30:00Z", "2023-09-01T13:45:00Z", "2023-09-01T14:00:00Z"]);
        let all = plain(&service).await.get_matches(claim()).await.unwrap().into_inner().matches;
        assert_eq!(all.len(), 5, "what is not offered stays Created");
    });
    waiting(&service, 0);
    service.terminate().ends_with(0);
}

#[test]
fn who_gets_an_answer_without_its_end_is_told_of_in_status_and_log() {
    let books = SettledStore::new();
    // No meters: only what is settled already.
    let market =
        Market::serving(&Meters::silent(), &format!("store = \"sqlite:{}\"\n", books.path("market.db").display()), "");
    let runtime = runtime();
    runtime.block_on(async {
        for number in 0..3 {
            books.settle(number, &vec!["a > b 1 96200"; 20_000]).await;
        }
    });
    let service = Service::start(&market);
    let status = || serde_json::from_str::<serde_json::Value>(&service.get("/status").1).unwrap();
    assert_eq!(status()["cut_responses"], serde_json::json!([]));
    runtime.block_on(async {
        let mut plain = plain(&service).await;
        for _ in 0..2 {
            let answer = plain.get_matches(MatchesFilter::default()).await.unwrap();
            assert_eq!(answer.metadata().get(rec_market::adapter::grpc::MORE).unwrap(), "true");
            let got = i32::try_from(answer.get_ref().matches.len()).unwrap();
            let rest = MatchesFilter { skip: Some(got), ..MatchesFilter::default() };
            let rest = plain.get_matches(rest).await.unwrap().into_inner().matches;
            assert_eq!(got + i32::try_from(rest.len()).unwrap(), 60_000);
        }
    });
    let cut = &status()["cut_responses"][0];
    assert_eq!((&cut["caller"], &cut["method"], &cut["count"]), (&"127.0.0.1".into(), &"GetMatches".into(), &2.into()));
    let log = market.log();
    assert_eq!(log.matches("a response was cut").count(), 2, "{log}");
    assert!(log.contains("caller=127.0.0.1") && log.contains("GetMatches"), "{log}");
}
