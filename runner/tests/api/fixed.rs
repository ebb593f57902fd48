//! What was wrong in the original and is fixed on purpose, as far as the wire shows it: a test for each row of that
//! table, named after its subject.

use std::collections::BTreeSet;

use books::OfferedSince;
use tonic::Code;
use wire::{ListPricesUpdate, ListUpdateMatch, MatchesFilter, PriceFilter, PriceUpdate, State, UpdateMatch};

use crate::setting::*;

fn update(id: &str, state: State) -> UpdateMatch {
    UpdateMatch { match_id: id.to_owned(), transaction_id: None, state: state.into(), message: None }
}

fn list(updates: &[UpdateMatch]) -> ListUpdateMatch {
    ListUpdateMatch { matches: updates.to_vec() }
}

fn waiting(buyer: &str) -> MatchesFilter {
    MatchesFilter {
        buyer_id: Some(buyer.to_owned()),
        state: vec![State::NotPaid.into(), State::Created.into()],
        ..Default::default()
    }
}

fn price(meter: &str, time: &str, buy: f32, sell: f32) -> PriceUpdate {
    let (timestamp, meter_id) = (time.to_owned(), meter.to_owned());
    PriceUpdate { timestamp, meter_id, buy_price: buy, sell_price: sell, withdraw: false }
}

#[tokio::test(flavor = "multi_thread")]
async fn grid_party_shows_as_100_without_a_state_and_filters_find_it() {
    let setting = Setting::new();
    setting.settle(0, &["a > b 500 96200", "a > grid 1 30000", "grid > c 7 162400"]).await;
    let open = setting.open().await;
    let party = |buyer: Option<&str>, seller: Option<&str>| MatchesFilter {
        buyer_id: buyer.map(str::to_owned),
        seller_id: seller.map(str::to_owned),
        ..Default::default()
    };
    let (sold, bought) = ("12:15 a > 100 0.001 kWh at 0.03", "12:15 100 > c 0.007 kWh at 0.1624");
    assert_eq!(open.matches(party(Some("100"), None)).await, [sold]);
    assert_eq!(open.matches(party(None, Some("100"))).await, [bought]);
    assert_eq!(open.matches(party(Some("grid"), None)).await, [""; 0]);
    assert_eq!(open.matches(party(None, None)).await, ["12:15 a > b 0.5 kWh at 0.0962 Created", sold, bought]);
    // Never forwarded: nobody can claim it or report of it.
    let mut tls = open.tls().await;
    assert_eq!(tls.retrieve_matches(waiting("100")).await.unwrap().into_inner().matches, []);
    let trade = open.plain().await.get_matches(party(Some("100"), None)).await.unwrap().into_inner().matches;
    let refused = tls.update_match(list(&[update(&trade[0].id, State::Paid)])).await.unwrap_err();
    assert_eq!(refused.code(), Code::FailedPrecondition);
    assert!(refused.message().contains("is with the grid and has no state"), "{refused}");
}

#[tokio::test(flavor = "multi_thread")]
async fn trade_states_change_only_along_real_transitions() {
    use State::{Created, Error, NotPaid, Paid, Sent};
    let possible = [(Created, Sent), (Sent, Paid), (Sent, NotPaid), (Sent, Error), (NotPaid, Sent)];
    let states = [Created, Sent, Paid, NotPaid, Error];
    let setting = Setting::new();
    let trades = vec!["a > b 1 96200"; states.len() * states.len()];
    let ids = setting.settle(0, &trades).await;
    let open = setting.open().await;
    let mut tls = open.tls().await;
    let pairs = states.into_iter().flat_map(|from| states.map(|to| (from, to)));
    for (id, (from, to)) in ids.iter().zip(pairs) {
        let way: &[State] = match from {
            Created => &[],
            Sent => &[Sent],
            other => &[Sent, other],
        };
        for state in way {
            tls.update_match(list(&[update(id, *state)])).await.unwrap();
        }
        let answer = tls.update_match(list(&[update(id, to)])).await;
        // The same report again changes nothing; what is Created was never reported.
        if possible.contains(&(from, to)) || (from == to && from != Created) {
            assert!(answer.is_ok(), "{from:?} → {to:?}: {answer:?}");
        } else {
            let status = answer.unwrap_err();
            assert_eq!(status.code(), Code::FailedPrecondition, "{from:?} → {to:?}: {status}");
            assert!(status.message().contains(&format!("is {from:?} and cannot become {to:?}")), "{status}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn trade_states_come_in_lists_that_are_validated_whole_then_applied_whole() {
    let setting = Setting::new();
    let ids = setting.settle(0, &["a > b 1 96200", "a > c 2 96200", "a > grid 1 30000"]).await;
    let open = setting.open().await;
    let mut tls = open.tls().await;
    let good = UpdateMatch { transaction_id: Some("0xa".to_owned()), ..update(&ids[0], State::Sent) };
    let paid_by =
        |id: &str, payment: &str| UpdateMatch { transaction_id: Some(payment.to_owned()), ..update(id, State::Paid) };
    let unknown = update(&"f".repeat(24), State::Sent);
    let no_state = UpdateMatch { state: 9, ..update(&ids[1], State::Sent) };
    let cases = [
        (unknown, Code::NotFound, "there is no trade ffffffffffffffffffffffff"),
        (no_state, Code::InvalidArgument, "matches[1].state is 9"),
        (update("xyz", State::Sent), Code::InvalidArgument, "matches[1].matchID is \"xyz\", but 24 hexadecimal"),
        (update("", State::Sent), Code::InvalidArgument, "matches[1].matchID is \"\""),
        (paid_by(&ids[0].to_uppercase(), "0xb"), Code::FailedPrecondition, "names \"0xb\" as well"),
        (update(&ids[0], State::Created), Code::FailedPrecondition, "is Sent and cannot become Created"),
        (update(&ids[1], State::Paid), Code::FailedPrecondition, "is Created and cannot become Paid"),
        (update(&ids[2], State::Sent), Code::FailedPrecondition, "is with the grid"),
    ];
    for (bad, code, message) in cases {
        for updates in [[good.clone(), bad.clone()]] {
            let status = tls.update_match(list(&updates)).await.unwrap_err();
            assert_eq!(status.code(), code, "{status}");
            assert!(status.message().contains(message), "{status}");
        }
        let sent = MatchesFilter { state: vec![State::Sent.into()], ..Default::default() };
        assert_eq!(open.matches(sent).await, [""; 0], "{message}");
    }
    tls.update_match(list(&[])).await.unwrap();
    tls.update_match(list(&[good, update(&ids[1], State::Sent)])).await.unwrap();
    let all = open.matches(MatchesFilter::default()).await;
    assert_eq!(all[..2], ["12:15 a > b 0.001 kWh at 0.0962 Sent", "12:15 a > c 0.002 kWh at 0.0962 Sent"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn trade_states_take_the_same_report_twice_in_one_list() {
    let setting = Setting::new();
    let ids = setting.settle(0, &["a > b 1 96200", "a > b 2 96200"]).await;
    let open = setting.open().await;
    let mut tls = open.tls().await;
    tls.retrieve_matches(waiting("b")).await.unwrap();
    let paid =
        |id: &str, payment: &str| UpdateMatch { transaction_id: Some(payment.to_owned()), ..update(id, State::Paid) };
    // A device's receipts come twice in one POST.
    let once = [paid(&ids[0], "0xa"), paid(&ids[1], "0xb")];
    tls.update_match(list(&[once.clone(), once.clone()].concat())).await.unwrap();
    tls.update_match(list(&once)).await.unwrap();
    let other = tls.update_match(list(&[paid(&ids[0], "0xa"), paid(&ids[1], "0xc")])).await.unwrap_err();
    assert_eq!(other.code(), Code::FailedPrecondition);
    assert!(other.message().contains("has the payment \"0xb\", and a report names \"0xc\" as well"), "{other}");
    let answer = open.plain().await.get_matches(MatchesFilter::default()).await.unwrap().into_inner().matches;
    let payments: Vec<_> = answer.iter().map(|trade| (trade.transaction_state, trade.transaction_id.clone())).collect();
    let paid = |payment: &str| (Some(State::Paid.into()), Some(payment.to_owned()));
    assert_eq!(payments, [paid("0xa"), paid("0xb")]);
}

#[tokio::test(flavor = "multi_thread")]
async fn retrieve_matches_finds_a_lapsed_claim_by_its_id_as_sent() {
    let setting = Setting::new();
    let ids = setting.settle(0, &["a > b 1 96200", "d > b 2 96200"]).await;
    let open = setting.open().await;
    let mut tls = open.tls().await;
    let sent = |id: &str| MatchesFilter {
        match_id: Some(id.to_owned()),
        state: vec![State::Sent.into()],
        ..MatchesFilter::default()
    };
    // What Transactions asks when a receipt comes, and then reports.
    assert_eq!(tls.retrieve_matches(sent(&ids[0])).await.unwrap().into_inner().matches, []);
    assert_eq!(tls.retrieve_matches(waiting("b")).await.unwrap().into_inner().matches.len(), 2);
    open.setting.clock.set("2023-09-01T14:00:00Z");
    for _ in 0..2 {
        let found = tls.retrieve_matches(sent(&ids[0])).await.unwrap().into_inner().matches;
        assert_eq!(found.iter().map(match_text).collect::<Vec<_>>(), ["12:15 a > b 0.001 kWh at 0.0962 Sent"]);
    }
    let payment = UpdateMatch { transaction_id: Some("0xa".to_owned()), ..update(&ids[0], State::Paid) };
    tls.update_match(list(&[payment])).await.unwrap();
    // It is not offered again; the other one is.
    let again = tls.retrieve_matches(waiting("b")).await.unwrap().into_inner().matches;
    assert_eq!(again.iter().map(|trade| &trade.id).collect::<Vec<_>>(), [&ids[1]]);
    assert_eq!(open.matches(MatchesFilter::default()).await[0], "12:15 a > b 0.001 kWh at 0.0962 Paid");
}

#[tokio::test(flavor = "multi_thread")]
async fn retrieve_matches_offers_nothing_from_before_since() {
    let mut setting = Setting::new();
    setting.since = OfferedSince(Some("2023-09-01T12:30:00Z".parse().unwrap()));
    for number in 0..3 {
        setting.settle(number, &["a > b 1 96200"]).await;
    }
    let open = setting.open().await;
    let offered = open.tls().await.retrieve_matches(waiting("b")).await.unwrap().into_inner().matches;
    assert_eq!(offered.iter().map(match_text).collect::<Vec<_>>(), ["12:45 a > b 0.001 kWh at 0.0962 Created"]);
    let states = open.matches(MatchesFilter::default()).await;
    assert_eq!(states[0], "12:15 a > b 0.001 kWh at 0.0962 Created");
    assert_eq!(states[2], "12:45 a > b 0.001 kWh at 0.0962 Sent");
}

#[tokio::test(flavor = "multi_thread")]
async fn retrieve_matches_marks_sent_and_shows_the_states_before() {
    let setting = Setting::new();
    let ids = setting.settle(0, &["a > b 1 96200", "a > c 2 96200", "d > b 3 96200", "grid > b 9 162400"]).await;
    let open = setting.open().await;
    let mut tls = open.tls().await;
    tls.update_match(list(&[update(&ids[2], State::Sent)])).await.unwrap();
    tls.update_match(list(&[update(&ids[2], State::NotPaid)])).await.unwrap();
    let answer = tls.retrieve_matches(waiting("b")).await.unwrap();
    assert!(answer.metadata().get(rec_market::adapter::grpc::MORE).is_none());
    let claimed: Vec<_> = answer.get_ref().matches.iter().map(match_text).collect();
    assert_eq!(claimed, ["12:15 a > b 0.001 kWh at 0.0962 Created", "12:15 d > b 0.003 kWh at 0.0962 NotPaid"]);
    assert_eq!(
        open.matches(MatchesFilter::default()).await,
        [
            "12:15 a > b 0.001 kWh at 0.0962 Sent",
            "12:15 a > c 0.002 kWh at 0.0962 Created",
            "12:15 d > b 0.003 kWh at 0.0962 Sent",
            "12:15 100 > b 0.009 kWh at 0.1624",
        ]
    );
    assert_eq!(tls.retrieve_matches(waiting("b")).await.unwrap().into_inner().matches, []);
}

#[tokio::test(flavor = "multi_thread")]
async fn retrieve_matches_only_lists_whatever_is_not_exactly_a_claim() {
    let setting = Setting::new();
    let ids = setting.settle(0, &["a > b 1 96200"]).await;
    let open = setting.open().await;
    let mut tls = open.tls().await;
    let text = |text: &str| Some(text.to_owned());
    let filters = [
        MatchesFilter { buyer_id: None, ..waiting("b") },
        MatchesFilter { state: vec![State::Created.into()], ..waiting("b") },
        MatchesFilter { state: vec![], ..waiting("b") },
        MatchesFilter { state: vec![0, 1, 3], ..waiting("b") },
        MatchesFilter { seller_id: text("a"), ..waiting("b") },
        MatchesFilter { match_id: text(&ids[0]), ..waiting("b") },
        // These crashed.
        MatchesFilter { start_timestamp: text("2023-09-01T12:15:00Z"), ..waiting("b") },
        MatchesFilter { end_timestamp: text("2023-09-01T12:15:01Z"), ..waiting("b") },
        MatchesFilter::default(),
    ];
    for filter in filters {
        let listed = tls.retrieve_matches(filter.clone()).await.unwrap().into_inner().matches;
        let listed: Vec<_> = listed.iter().map(match_text).collect();
        assert_eq!(listed, ["12:15 a > b 0.001 kWh at 0.0962 Created"], "{filter:?}");
    }
    let twice = MatchesFilter { state: vec![0, 3, 3, 0], ..waiting("b") };
    assert_eq!(tls.retrieve_matches(twice).await.unwrap().into_inner().matches.len(), 1);
    assert_eq!(tls.retrieve_matches(waiting("b")).await.unwrap().into_inner().matches.len(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn retrieve_matches_never_gives_two_callers_the_same_trade() {
    let setting = Setting::new();
    let mut expected = BTreeSet::new();
    for number in 0..10 {
        expected.extend(setting.settle(number, &["a > b 1 96200"; 50]).await);
    }
    let open = setting.open().await;
    let mut callers = tokio::task::JoinSet::new();
    for caller in 0..4 {
        let mut tls = open.tls().await;
        callers.spawn(async move {
            let mut got = Vec::new();
            loop {
                let filter = MatchesFilter { limit: Some(7 + caller), ..waiting("b") };
                let claimed = tls.retrieve_matches(filter).await.unwrap().into_inner().matches;
                if claimed.is_empty() {
                    return got;
                }
                got.extend(claimed.into_iter().map(|trade| trade.id));
            }
        });
    }
    let got = callers.join_all().await.concat();
    assert_eq!(got.len(), expected.len());
    assert_eq!(got.into_iter().collect::<BTreeSet<_>>(), expected);
}

#[tokio::test(flavor = "multi_thread")]
async fn retrieve_matches_returns_a_claim_that_nobody_reports_of() {
    let setting = Setting::new();
    let ids = setting.settle(0, &["a > b 1 96200", "d > b 2 96200"]).await;
    let open = setting.open().await;
    let mut tls = open.tls().await;
    assert_eq!(tls.retrieve_matches(waiting("b")).await.unwrap().into_inner().matches.len(), 2);
    tls.update_match(list(&[update(&ids[1], State::Sent)])).await.unwrap();
    open.setting.clock.set("2023-09-01T13:14:59Z");
    assert_eq!(tls.retrieve_matches(waiting("b")).await.unwrap().into_inner().matches, []);
    open.setting.clock.set("2023-09-01T13:15:00Z");
    let states = ["12:15 a > b 0.001 kWh at 0.0962 Created", "12:15 d > b 0.002 kWh at 0.0962 Sent"];
    assert_eq!(open.matches(MatchesFilter::default()).await, states);
    let again = tls.retrieve_matches(waiting("b")).await.unwrap().into_inner().matches;
    assert_eq!(again.iter().map(match_text).collect::<Vec<_>>(), states[..1]);
    // A report that comes in time is applied, and the lease is over.
    tls.update_match(list(&[update(&ids[0], State::Paid)])).await.unwrap();
    open.setting.clock.set("2024-01-01T00:00:00Z");
    assert_eq!(open.matches(MatchesFilter::default()).await[0], "12:15 a > b 0.001 kWh at 0.0962 Paid");
}

#[tokio::test(flavor = "multi_thread")]
async fn get_matches_is_sorted_by_timestamp_then_id_and_start_is_inclusive_end_exclusive() {
    let setting = Setting::new();
    for number in 0..4 {
        setting.settle(number, &["a > b 1 96200", "a > grid 2 30000"]).await;
    }
    let open = setting.open().await;
    let mut plain = open.plain().await;
    let all = plain.get_matches(MatchesFilter::default()).await.unwrap().into_inner().matches;
    assert_eq!(all.len(), 8);
    assert!(all.is_sorted_by_key(|trade| (trade.timestamp.clone(), trade.id.clone())));
    let times = |start: Option<&str>, end: Option<&str>| MatchesFilter {
        start_timestamp: start.map(str::to_owned),
        end_timestamp: end.map(str::to_owned),
        ..Default::default()
    };
    let cases = [
        (times(Some("2023-09-01T12:30:00Z"), Some("2023-09-01T13:00:00Z")), 2..6),
        (times(Some("2023-09-01T13:30:00+01:00"), Some("2023-09-01T12:30:01Z")), 2..4),
        (times(Some("2023-09-01T12:30:00.5Z"), None), 4..8),
        (times(None, Some("2023-09-01T12:30:00Z")), 0..2),
        (times(Some("2023-09-01T12:30:00Z"), Some("2023-09-01T12:30:00Z")), 0..0),
        (times(Some("0001-01-01T00:00:00Z"), Some("9999-12-31T23:59:59Z")), 0..8),
        (times(Some("9999-12-31T23:59:59Z"), None), 0..0),
        (MatchesFilter { skip: Some(3), limit: Some(2), ..Default::default() }, 3..5),
        (MatchesFilter { skip: Some(6), limit: Some(0), ..Default::default() }, 6..8),
        (MatchesFilter { skip: Some(i32::MAX), limit: Some(i32::MAX), ..Default::default() }, 0..0),
        (MatchesFilter { match_id: Some(all[3].id.clone()), ..Default::default() }, 3..4),
        (MatchesFilter { match_id: Some(all[3].id.to_uppercase()), ..Default::default() }, 3..4),
        (MatchesFilter { match_id: Some("0".repeat(24)), ..Default::default() }, 0..0),
        (MatchesFilter { match_id: Some(all[3].id.clone()), seller_id: Some("b".into()), ..Default::default() }, 0..0),
        (MatchesFilter { buyer_id: Some(String::new()), ..Default::default() }, 0..0),
        (MatchesFilter { state: vec![2, 4], ..Default::default() }, 0..0),
    ];
    for (filter, expected) in cases {
        let answer = plain.get_matches(filter.clone()).await.unwrap().into_inner().matches;
        assert_eq!(answer, all[expected], "{filter:?}");
    }
    let created = MatchesFilter { state: vec![0, 0, 1], seller_id: Some("a".into()), ..Default::default() };
    assert_eq!(plain.get_matches(created).await.unwrap().into_inner().matches.len(), 4);
}

#[tokio::test(flavor = "multi_thread")]
async fn created_at_stays_and_updated_at_carries_the_last_change() {
    let setting = Setting::new();
    let ids = setting.settle(0, &["a > b 1 96200"]).await;
    let open = setting.open().await;
    let mut plain = open.plain().await;
    let mut tls = open.tls().await;
    let born = plain.get_matches(MatchesFilter::default()).await.unwrap().into_inner().matches.remove(0);
    assert_eq!((born.created_at.as_str(), born.updated_at.as_deref()), ("2023-09-01T12:16:00Z", None));
    assert_eq!((born.transaction_id.as_deref(), born.message.as_deref()), (None, None));
    tls.update_match(list(&[update(&ids[0], State::Sent)])).await.unwrap();
    open.setting.clock.set("2023-09-01T13:30:00Z");
    let paid = UpdateMatch {
        transaction_id: Some("0xabc".to_owned()),
        message: Some("thanks".to_owned()),
        ..update(&ids[0], State::Paid)
    };
    tls.update_match(list(&[paid])).await.unwrap();
    let changed = plain.get_matches(MatchesFilter::default()).await.unwrap().into_inner().matches.remove(0);
    assert_eq!(changed.created_at, "2023-09-01T12:16:00Z");
    assert_eq!(changed.updated_at.as_deref(), Some("2023-09-01T13:30:00Z"));
    assert_eq!((changed.transaction_id.as_deref(), changed.message.as_deref()), (Some("0xabc"), Some("thanks")));
}

#[tokio::test(flavor = "multi_thread")]
async fn update_prices_works_and_the_later_call_wins() {
    let open = Setting::new().open().await;
    let mut plain = open.plain().await;
    let noon = "2023-09-01T12:00:00Z";
    plain.update_prices(ListPricesUpdate { prices: vec![] }).await.unwrap();
    let first = [price("m", noon, 0.15, 0.05), price("n", noon, 0.1, 0.1)];
    plain.update_prices(ListPricesUpdate { prices: first.to_vec() }).await.unwrap();
    let later = [price("m", noon, 0.9, 0.9), price("m", "2023-09-01T14:00:00+02:00", 0.16, 0.06)];
    plain.update_prices(ListPricesUpdate { prices: later.to_vec() }).await.unwrap();
    let of = |meter: &str| PriceFilter { meter_id: meter.to_owned(), ..Default::default() };
    let mine = plain.get_prices(of("m")).await.unwrap().into_inner().prices;
    assert_eq!(mine.len(), 1);
    assert_eq!((mine[0].timestamp.as_str(), mine[0].buy_price, mine[0].sell_price), (noon, 0.16, 0.06));
    assert_eq!(plain.get_prices(of("n")).await.unwrap().into_inner().prices.len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn update_prices_refuses_what_is_no_price_and_applies_the_list_whole() {
    let open = Setting::new().open().await;
    let mut plain = open.plain().await;
    let noon = "2023-09-01T12:00:00Z";
    let bad = [
        (price("m", noon, f32::NAN, 0.1), "prices[1].buyPrice is NaN"),
        (price("m", noon, 0.1, f32::INFINITY), "prices[1].sellPrice is inf"),
        (price("m", noon, f32::NEG_INFINITY, 0.1), "prices[1].buyPrice is -inf"),
        (price("m", noon, 0.1, -0.01), "prices[1].sellPrice is -0.01"),
        (price("m", noon, 1e13, 0.1), "prices[1].buyPrice is 1"),
        (price("", noon, 0.1, 0.1), "prices[1].meterID is \"\""),
        (price("m\u{202e}1", noon, 0.1, 0.1), "prices[1].meterID is \"m\\u{202e}1\", but a meter's name is expected: "),
        (price("m ", noon, 0.1, 0.1), "prices[1].meterID is \"m \", but a meter's name is expected: "),
        (price(&"m".repeat(200), noon, 0.1, 0.1), "prices[1].meterID is"),
        (price("m", "noon", 0.1, 0.1), "prices[1].timestamp is \"noon\", but YYYY-MM-DDTHH:MM:SSZ is expected"),
        (price("m", "0000-01-01T00:00:00Z", 0.1, 0.1), "prices[1].timestamp is \"0000-01-01T00:00:00Z\""),
    ];
    for (entry, message) in bad {
        let prices = vec![price("m", noon, 0.1, 0.1), entry];
        let status = plain.update_prices(ListPricesUpdate { prices }).await.unwrap_err();
        assert_eq!(status.code(), Code::InvalidArgument);
        assert!(status.message().starts_with(message), "{status}");
    }
    let of = PriceFilter { meter_id: "m".to_owned(), ..Default::default() };
    assert_eq!(plain.get_prices(of).await.unwrap().into_inner().prices, []);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_price_for_now_ends_what_was_planned_and_a_withdrawal_ends_that() {
    // It is 13:00.
    let open = Setting::new().open().await;
    let mut plain = open.plain().await;
    let at = |time: &str| format!("2023-09-01T{time}:00Z");
    // Somebody plans for every quarter-hour to come, and for ever.
    let times = ["13:15", "13:30", "13:45", "14:00"].map(at);
    let plan = times.iter().map(String::as_str).chain(["9999-12-30T22:00:00Z"]);
    let plan = plan.map(|time| price("m", time, 9000.0, 9000.0)).collect();
    plain.update_prices(ListPricesUpdate { prices: plan }).await.unwrap();
    let mut listed = async || {
        let of = PriceFilter { meter_id: "m".to_owned(), ..Default::default() };
        let prices = plain.get_prices(of).await.unwrap().into_inner().prices;
        let text = |price: &wire::PriceResponse| {
            let time = price.timestamp.get(11..16).unwrap();
            let price = if price.withdrawn { "none".to_owned() } else { price.sell_price.to_string() };
            format!("{time} {price}")
        };
        prices.iter().map(text).collect::<Vec<_>>()
    };
    assert_eq!(listed().await.len(), 5);
    let mut owner = open.plain().await;
    let mut now = [price("m", &at("13:00"), 0.2, 0.05), price("m", &at("13:30"), 0.2, 0.06)];
    owner.update_prices(ListPricesUpdate { prices: now.to_vec() }).await.unwrap();
    assert_eq!(listed().await, ["13:30 0.06", "13:00 0.05"]);
    now[0] = PriceUpdate { withdraw: true, ..price("m", &at("13:00"), 0.0, 0.0) };
    owner.update_prices(ListPricesUpdate { prices: now[..1].to_vec() }).await.unwrap();
    assert_eq!(listed().await, ["13:00 none"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn get_prices_lists_one_meter_newest_first() {
    let open = Setting::new().open().await;
    let mut plain = open.plain().await;
    let times = ["0001-01-01T00:00:00Z", "2023-09-01T12:00:00Z", "2023-09-01T12:15:00Z", "9999-12-30T22:00:00Z"];
    let prices = times.map(|time| price("m", time, 0.2, 0.1)).to_vec();
    plain.update_prices(ListPricesUpdate { prices }).await.unwrap();
    let of = |start: Option<&str>, end: Option<&str>| PriceFilter {
        meter_id: "m".to_owned(),
        start_timestamp: start.map(str::to_owned),
        end_timestamp: end.map(str::to_owned),
        ..Default::default()
    };
    let newest_first = [times[3], times[2], times[1], times[0]];
    let cases = [
        (of(None, None), &newest_first[..]),
        (of(Some(times[1]), Some(times[2])), &newest_first[2..3]),
        (of(Some(times[1]), None), &newest_first[..3]),
        (of(None, Some("9999-12-31T23:59:59Z")), &newest_first[..]),
        (of(Some("9999-12-31T23:59:59Z"), None), &[]),
        (PriceFilter { skip: Some(1), limit: Some(2), ..of(None, None) }, &newest_first[1..3]),
        (PriceFilter { meter_id: "n".to_owned(), ..of(None, None) }, &[]),
    ];
    for (filter, expected) in cases {
        let listed = plain.get_prices(filter.clone()).await.unwrap().into_inner().prices;
        let listed: Vec<_> = listed.iter().map(|price| price.timestamp.as_str()).collect();
        assert_eq!(listed, expected, "{filter:?}");
    }
}
