//! Answers that would not fit one message are cut, say so, and go on where they were cut.

use rec_market::adapter::grpc::MORE;
use tonic::Response;
use wire::{
    ListPricesUpdate, ListUpdateMatch, MatchResponse, MatchesFilter, PriceFilter, PriceUpdate, State, UpdateMatch,
};

use crate::setting::*;

fn is_cut<T>(answer: &Response<T>) -> bool {
    answer.metadata().get(MORE).is_some_and(|more| more == "true")
}

fn claim(skip: i32, limit: i32) -> MatchesFilter {
    MatchesFilter {
        buyer_id: Some("b".to_owned()),
        state: vec![0, 3],
        skip: Some(skip),
        limit: Some(limit),
        ..Default::default()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn more_trades_than_a_message_holds_come_in_pages_that_every_client_takes() {
    let setting = Setting::new();
    let mut expected = Vec::new();
    for number in 0..5 {
        expected.extend(setting.settle(number, &vec!["a > b 1 96200"; 20_000]).await);
    }
    let open = setting.open().await;
    // The usual limit of 4 MiB.
    let mut plain = open.plain().await;
    let mut got: Vec<String> = Vec::new();
    let mut pages = 0;
    loop {
        let skip = i32::try_from(got.len()).unwrap();
        let answer = plain.get_matches(MatchesFilter { skip: Some(skip), ..Default::default() }).await.unwrap();
        let more = is_cut(&answer);
        got.extend(answer.into_inner().matches.into_iter().map(|trade| trade.id));
        pages += 1;
        if !more {
            break;
        }
    }
    assert_eq!(got, expected);
    assert_eq!(pages, 3);
    // Who asked without a limit is told of; whoever skips knows.
    let cut = open.setting.cut.lock().unwrap().clone();
    assert!(cut.len() == 1 && cut[0].starts_with("GetMatches for 127.0.0.1 after "), "{cut:?}");
    // What was asked for and fits is not cut, though there is more.
    let limited = MatchesFilter { limit: Some(1000), ..Default::default() };
    let answer = plain.get_matches(limited).await.unwrap();
    assert_eq!((answer.get_ref().matches.len(), is_cut(&answer)), (1000, false));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_claim_marks_only_what_its_answer_carries() {
    let mut setting = Setting::new();
    setting.limits.answer_bytes = 2000;
    let ids = setting.settle(0, &["a > b 1 96200"; 100]).await;
    let open = setting.open().await;
    let mut tls = open.tls().await;
    // One with much to say takes the place of many.
    let say = |state: State| UpdateMatch {
        match_id: ids[0].clone(),
        state: state.into(),
        message: Some("x".repeat(1900)),
        ..Default::default()
    };
    tls.update_match(ListUpdateMatch { matches: vec![say(State::Sent)] }).await.unwrap();
    tls.update_match(ListUpdateMatch { matches: vec![say(State::NotPaid)] }).await.unwrap();
    let mut claimed: Vec<String> = Vec::new();
    let mut sizes = Vec::new();
    loop {
        let answer = tls.retrieve_matches(claim(0, 0)).await.unwrap();
        let more = is_cut(&answer);
        let got: Vec<MatchResponse> = answer.into_inner().matches;
        sizes.push(got.len());
        claimed.extend(got.into_iter().map(|trade| trade.id));
        let sent = MatchesFilter { state: vec![State::Sent.into()], limit: Some(1), ..claim(0, 0) };
        let sent = MatchesFilter { skip: i32::try_from(claimed.len()).ok(), ..sent };
        assert_eq!(open.matches(sent).await, [""; 0], "more is sent than was told");
        if !more {
            break;
        }
    }
    assert_eq!(claimed, ids);
    assert_eq!(sizes.first(), Some(&1), "{sizes:?}");
    assert!(sizes[1..sizes.len() - 1].iter().all(|size| (15..25).contains(size)), "{sizes:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn skip_and_limit_are_pages_of_a_claim() {
    let setting = Setting::new();
    let ids = setting.settle(0, &["a > b 1 96200"; 10]).await;
    let open = setting.open().await;
    let mut tls = open.tls().await;
    let mut got = async |skip, limit| -> Vec<String> {
        let answer = tls.retrieve_matches(claim(skip, limit)).await.unwrap();
        assert!(!is_cut(&answer));
        answer.into_inner().matches.into_iter().map(|trade| trade.id).collect()
    };
    assert_eq!(got(2, 3).await, ids[2..5]);
    assert_eq!(got(0, 1).await, ids[..1]);
    assert_eq!(got(9, 9).await, [""; 0]);
    assert_eq!(got(0, 0).await, [&ids[1..2], &ids[5..]].concat());
    assert_eq!(got(0, 0).await, [""; 0]);
}

#[tokio::test(flavor = "multi_thread")]
async fn prices_come_in_pages_too() {
    let mut setting = Setting::new();
    setting.limits.answer_bytes = 1000;
    let open = setting.open().await;
    let mut plain = open.plain().await;
    let prices = (0..50).map(|minute| PriceUpdate {
        timestamp: format!("2023-09-01T12:{minute:02}:00Z"),
        meter_id: "m".to_owned(),
        ..Default::default()
    });
    plain.update_prices(ListPricesUpdate { prices: prices.collect() }).await.unwrap();
    let of = |skip: i32| PriceFilter { meter_id: "m".to_owned(), skip: Some(skip), ..Default::default() };
    let first = plain.get_prices(of(0)).await.unwrap();
    assert!(is_cut(&first));
    let first = first.into_inner().prices;
    let rest = plain.get_prices(of(i32::try_from(first.len()).unwrap())).await.unwrap();
    assert!(!is_cut(&rest));
    let all: Vec<_> = first.into_iter().chain(rest.into_inner().prices).map(|price| price.timestamp).collect();
    assert_eq!(all.len(), 50);
    assert!(all.is_sorted_by(|a, b| a > b));
}
