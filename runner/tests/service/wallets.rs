//! Members with several meters on a platform where every device is a buyer with a wallet: on the wire they are the meter that
//! is their wallet, and in the books nothing changes.

use serde_json::Value;
use testkit::*;
use tonic::transport::Channel;
use wire::market_service_client::MarketServiceClient;
use wire::{ListUpdateMatch, MatchResponse, MatchesFilter, State, UpdateMatch};

use crate::first_start::{plain, tls};
use crate::payments::Payments;

/// Two meters of the school buy what the sun sells, in two quarter-hours.
const READINGS: [&str; 9] = [
    "s1 12:00 0 0",
    "s1 12:15 100 0",
    "s1 12:30 150 0",
    "s2 12:00 0 0",
    "s2 12:15 200 0",
    "s2 12:30 400 0",
    "sun 12:00 0 0",
    "sun 12:15 0 500",
    "sun 12:30 0 600",
];
const SCHOOL: &str = "[community.members.school]\nmeters = [\"s1\", \"s2\"]\n";

fn named(buyer: Option<&str>, seller: Option<&str>) -> MatchesFilter {
    let text = |name: Option<&str>| name.map(str::to_owned);
    MatchesFilter { buyer_id: text(buyer), seller_id: text(seller), ..MatchesFilter::default() }
}

/// Trades as `sun > s1 0.3 Created`.
fn short(trades: Vec<MatchResponse>) -> Vec<String> {
    let state = |trade: &MatchResponse| {
        trade.transaction_state.map_or("–", |state| State::try_from(state).unwrap().as_str_name())
    };
    let line =
        |trade: MatchResponse| format!("{} > {} {} {}", trade.seller_id, trade.buyer_id, trade.energy, state(&trade));
    trades.into_iter().map(line).collect()
}

/// What is found between these parties.
async fn found(open: &mut MarketServiceClient<Channel>, buyer: Option<&str>, seller: Option<&str>) -> Vec<String> {
    short(open.get_matches(named(buyer, seller)).await.unwrap().into_inner().matches)
}

fn settled(service: &Service) {
    eventually("it settles", || service.mark().as_deref() == Some("2023-09-01T12:30:00Z"));
}

#[test]
fn the_platform_sees_the_wallet_and_the_books_the_member() {
    let meters = Meters::telling(&READINGS);
    let market = Market::serving(&meters, "", &format!("{SCHOOL}wallet = \"s1\""));
    let service = Service::start(&market);
    settled(&service);
    runtime().block_on(async {
        let mut open = plain(&service).await;
        let of_school = ["sun > s1 0.3 Created", "100 > s1 0.15 –", "sun > s1 0.1 Created"];
        assert_eq!(found(&mut open, Some("s1"), None).await, of_school);
        assert_eq!(found(&mut open, Some("s1"), Some("sun")).await, [of_school[0], of_school[2]]);
        assert_eq!(found(&mut open, Some("s1"), Some("100")).await, of_school[1..2]);
        // Whoever is found is called as was asked for: there is no school on the wire, and no second meter.
        for other in ["school", "s2"] {
            assert_eq!(found(&mut open, Some(other), None).await, [""; 0]);
        }
        assert_eq!(found(&mut open, None, None).await.len(), 4);

        let mut paying = tls(&market, &service).await;
        let claim = |buyer: &str| MatchesFilter { state: vec![0, 3], ..named(Some(buyer), None) };
        assert_eq!(paying.retrieve_matches(claim("school")).await.unwrap().into_inner().matches, []);
        let claimed = paying.retrieve_matches(claim("s1")).await.unwrap().into_inner().matches;
        assert_eq!(short(claimed.clone()), [of_school[0], of_school[2]]);
        assert_eq!(paying.retrieve_matches(claim("s1")).await.unwrap().into_inner().matches, []);
        // As Transactions goes on: by the trade's id, then with its payment.
        let id = claimed[0].id.clone();
        let sent = MatchesFilter { match_id: Some(id.clone()), state: vec![State::Sent.into()], ..named(None, None) };
        let sent = paying.retrieve_matches(sent).await.unwrap().into_inner().matches;
        assert_eq!(short(sent), ["sun > s1 0.3 Sent"]);
        let paid = UpdateMatch {
            match_id: id,
            state: State::Paid.into(),
            transaction_id: Some("0xa".to_owned()),
            message: None,
        };
        paying.update_match(ListUpdateMatch { matches: vec![paid] }).await.unwrap();
    });
    assert_eq!(
        market.trades(),
        [
            "12:00 sun > grid 200 at 30000",
            "12:00 sun > school 300 at 96200, Paid",
            "12:15 grid > school 150 at 162400",
            "12:15 sun > school 100 at 96200, Sent",
        ]
    );
    service.terminate().ends_with(0);
    market.run(&["audit"]).ends_with(0);
    // The same trades with the same ids, whatever the member is called on the wire.
    let ids = |market: &Market| {
        market.json(&["trades", "--json"]).iter().map(|trade| trade["id"].clone()).collect::<Vec<Value>>()
    };
    let without = Market::with(&meters, SCHOOL);
    without.books();
    assert_eq!(ids(&without), ids(&market));
}

#[test]
fn pushed_trades_name_the_wallet() {
    let meters = Meters::telling(&READINGS);
    let certificates = Market::serving(&meters, "", "");
    let payments = Payments::new(&certificates);
    let market = Market::serving(&meters, &payments.pushed(), &format!("{SCHOOL}wallet = \"s2\""));
    market.file("ca_crt.pem", certificates.text("ca_crt.pem"));
    let service = Service::start(&market);
    eventually("everything is paid for", || payments.ids().len() == 2);
    let ledger = payments.service.ledger();
    let parties: Vec<_> =
        ledger.entries().map(|entry| (entry.trade.seller.as_str(), entry.trade.buyer.as_str())).collect();
    assert_eq!(parties, [("sun", "s2"); 2]);
    drop(ledger);
    service.terminate().ends_with(0);
}

#[test]
fn a_member_that_no_device_may_pay_for_is_remarked_on() {
    let meters = Meters::silent();
    let check = |keys: &str| Market::with(&meters, keys).run(&["config", "check"]);
    let remarked = check(SCHOOL).ends_with(0).out;
    for text in [
        "\nremark: community aveiro: member school has another name than its meters (s1, s2)",
        "\"school\"",
        "add wallet = \"s1\"",
    ] {
        assert!(remarked.contains(text), "no {text:?} in {remarked}");
    }
    for right in ["", &format!("{SCHOOL}wallet = \"s2\""), "[community.members.s1]\nmeters = [\"s1\", \"s2\"]"] {
        let valid = check(right).ends_with(0).out;
        assert_eq!(valid.lines().count(), 1, "{valid}");
    }
    check(&format!("{SCHOOL}wallet = \"s3\""))
        .ends_with(2)
        .says("community.members.school.wallet is \"s3\", but one of its meters is expected (s1, s2)");
}
