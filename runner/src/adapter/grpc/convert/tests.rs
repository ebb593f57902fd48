use domain::Energy;

use super::*;

fn refused<T: fmt::Debug>(result: Result<T, Invalid>) -> String {
    result.unwrap_err().to_string()
}

fn price(buy: f32) -> Result<i64, String> {
    let entry = wire::PriceUpdate {
        timestamp: "2023-09-01T12:00:00Z".to_owned(),
        meter_id: "m".to_owned(),
        buy_price: buy,
        sell_price: 0.03,
        withdraw: false,
    };
    let read = meter_prices(&wire::ListPricesUpdate { prices: vec![entry] });
    read.map(|prices| prices[0].own.unwrap().bid.micro_eur()).map_err(|error| error.to_string())
}

#[test]
fn a_withdrawal_has_no_prices_and_zero_is_one() {
    let set = |buy_price, sell_price, withdraw| {
        let timestamp = "2023-09-01T12:00:00Z".to_owned();
        let entry = wire::PriceUpdate { timestamp, meter_id: "m".to_owned(), buy_price, sell_price, withdraw };
        meter_prices(&wire::ListPricesUpdate { prices: vec![entry] }).map(|mut prices| prices.remove(0))
    };
    let shown = |price: MeterPrice| {
        let shown = price_response(&price);
        (shown.buy_price, shown.sell_price, shown.withdrawn)
    };
    assert_eq!(set(0.0, 0.0, false).map(shown), Ok((0.0, 0.0, false)));
    assert_eq!(set(0.0, 0.0, true).map(shown), Ok((0.0, 0.0, true)));
    let but = "but prices[0].withdraw is true (leave both prices out to withdraw them)";
    assert_eq!(refused(set(0.2, 0.0, true)), format!("prices[0].buyPrice is 0.2, {but}"));
    assert_eq!(refused(set(0.0, 0.1, true)), format!("prices[0].sellPrice is 0.1, {but}"));
}

#[test]
fn a_list_of_prices_is_not_endless() {
    let entry = wire::PriceUpdate {
        timestamp: "2023-09-01T12:00:00Z".to_owned(),
        meter_id: "m".to_owned(),
        ..Default::default()
    };
    let list = |length| meter_prices(&wire::ListPricesUpdate { prices: vec![entry.clone(); length] });
    assert_eq!(list(20_000).map(|prices| prices.len()), Ok(20_000));
    assert_eq!(refused(list(20_001)), "prices is 20001 entries long, but 20000 are taken at once (split the list)");
}

#[test]
fn a_price_is_converted_once_to_the_nearest_micro_euro() {
    let cases = [
        (0.0, 0),
        (-0.0, 0),
        (0.1624, 162_400),
        (0.03, 30_000),
        (0.000_000_4, 0),
        (0.000_000_6, 1),
        (1.0 / 3.0, 333_333),
        (16.777_216, 16_777_216),
        (f32::MIN_POSITIVE, 0),
        // The last of 32 bit below 2⁶³ µEUR.
        (9_223_371e6, 9_223_370_964_992_000_000),
    ];
    for (eur, micro) in cases {
        assert_eq!(price(eur), Ok(micro), "{eur}");
    }
}

#[test]
fn a_price_that_is_none_is_refused_by_entry_and_field() {
    for eur in [f32::NAN, f32::INFINITY, f32::NEG_INFINITY, -1.0, -f32::MIN_POSITIVE, 9_223_373e6, f32::MAX] {
        let expected =
            format!("prices[0].buyPrice is {eur}, but a number of EUR/kWh from 0 to below 9223372036854 is expected");
        assert_eq!(price(eur), Err(expected));
    }
}

#[test]
fn every_micro_euro_up_to_a_euro_comes_back_as_it_went() {
    for micro in 0..=1_000_000 {
        assert_eq!(price(eur(Price::from_micro_eur(micro))), Ok(micro));
    }
}

#[test]
fn a_time_of_a_price_is_a_whole_second_that_can_be_kept() {
    let set = |timestamp: &str| {
        let entry =
            wire::PriceUpdate { timestamp: timestamp.to_owned(), meter_id: "m".to_owned(), ..Default::default() };
        meter_prices(&wire::ListPricesUpdate { prices: vec![entry] }).map(|prices| time(prices[0].from))
    };
    assert_eq!(set("2023-09-01T14:00:00.000+02:00").as_deref(), Ok("2023-09-01T12:00:00Z"));
    assert_eq!(set("0001-01-01T00:00:00Z").as_deref(), Ok("0001-01-01T00:00:00Z"));
    assert_eq!(
        refused(set("2023-09-01T12:00:00.5Z")),
        "prices[0].timestamp is \"2023-09-01T12:00:00.5Z\", but a whole second is expected"
    );
    assert_eq!(
        refused(set("9999-12-31T23:59:59Z")),
        "prices[0].timestamp is \"9999-12-31T23:59:59Z\", but it must not be after 9999-12-30T22:00:00Z (the latest \
         that can be kept)"
    );
    assert_eq!(refused(set("")), format!("prices[0].timestamp is \"\", but {A_TIME}"));
}

#[test]
fn exactly_a_buyer_and_both_waiting_states_claim() {
    let claim = |state: &[i32]| wire::MatchesFilter {
        buyer_id: Some("b".to_owned()),
        state: state.to_vec(),
        ..Default::default()
    };
    for states in [&[0, 3][..], &[3, 0], &[3, 0, 0, 3]] {
        assert_eq!(claimed_buyer(&claim(states)), Some("b"), "{states:?}");
        let paged = wire::MatchesFilter { skip: Some(1), limit: Some(2), ..claim(states) };
        assert_eq!(claimed_buyer(&paged), Some("b"), "{states:?}");
    }
    for states in [&[][..], &[0], &[3], &[0, 1, 3], &[0, 3, 9]] {
        assert_eq!(claimed_buyer(&claim(states)), None, "{states:?}");
    }
    let text = || Some("2023-09-01T12:00:00Z".to_owned());
    let narrowed = [
        wire::MatchesFilter { buyer_id: None, ..claim(&[0, 3]) },
        wire::MatchesFilter { seller_id: text(), ..claim(&[0, 3]) },
        wire::MatchesFilter { match_id: text(), ..claim(&[0, 3]) },
        wire::MatchesFilter { start_timestamp: text(), ..claim(&[0, 3]) },
        wire::MatchesFilter { end_timestamp: text(), ..claim(&[0, 3]) },
    ];
    for filter in narrowed {
        assert_eq!(claimed_buyer(&filter), None, "{filter:?}");
    }
}

#[test]
fn filters_beyond_all_that_can_be_kept_are_no_mistake() {
    let filter = |start: Option<&str>, end: Option<&str>| {
        let text = |time: Option<&str>| time.map(str::to_owned);
        let filter =
            wire::MatchesFilter { start_timestamp: text(start), end_timestamp: text(end), ..Default::default() };
        match_filter(&filter, &Wallets::default())
            .map(|filter| filter.map(|filter| (filter.from.map(time), filter.to.map(time))))
    };
    let year_1 = "0001-01-01T00:00:00Z";
    let year_9999 = "9999-12-31T23:59:59Z";
    assert_eq!(filter(Some(year_1), Some(year_9999)), Ok(Some((Some(year_1.to_owned()), None))));
    assert_eq!(filter(Some(year_9999), None), Ok(None));
    assert_eq!(filter(Some(year_9999), Some(year_9999)), Ok(None));
    assert_eq!(
        refused(filter(Some(year_9999), Some(year_1))),
        format!("startTimestamp is {year_9999:?}, but endTimestamp is earlier (it may not be before the start)")
    );
}

#[test]
fn a_wrong_value_is_repeated_only_in_part() {
    let update = wire::UpdateMatch { match_id: "é".repeat(100_000), ..Default::default() };
    let message = refused(updates(&wire::ListUpdateMatch { matches: vec![update] }));
    assert_eq!(
        message,
        format!("matches[0].matchID is \"{}…\", but 24 hexadecimal digits are expected", "é".repeat(64))
    );
}

#[test]
fn texts_of_a_report_are_as_long_as_a_page_can_show() {
    let update = |transaction: usize, message: usize| {
        let update = wire::UpdateMatch {
            match_id: "0".repeat(24),
            transaction_id: Some("t".repeat(transaction)),
            state: 2,
            message: Some("m".repeat(message)),
        };
        updates(&wire::ListUpdateMatch { matches: vec![update] })
    };
    assert_eq!(update(256, 4096).unwrap().len(), 1);
    assert_eq!(refused(update(257, 0)), "matches[0].transactionID is 257 bytes long, but 256 are allowed (shorten it)");
    assert_eq!(refused(update(0, 4097)), "matches[0].message is 4097 bytes long, but 4096 are allowed (shorten it)");
}

#[test]
fn a_trade_shows_its_end_and_only_what_it_has() {
    let trade = Match {
        id: "01aeb270c49f028600000007".parse().unwrap(),
        end: Timestamp::from_second(1_693_570_500).unwrap(),
        of: None,
        seller: "s".to_owned(),
        buyer: "100".to_owned(),
        quantity: Quantity::Exact { energy: Energy::from_wh(1), price: Price::from_micro_eur(-30_000) },
        state: None,
        transaction_id: None,
        message: None,
        created_at: Timestamp::from_millisecond(1_693_570_800_900).unwrap(),
        updated_at: None,
    };
    let shown = match_response(trade.clone());
    let expected = wire::MatchResponse {
        timestamp: "2023-09-01T12:15:00Z".to_owned(),
        buyer_id: "100".to_owned(),
        seller_id: "s".to_owned(),
        energy: 0.001,
        price: -0.03,
        id: "01aeb270c49f028600000007".to_owned(),
        created_at: "2023-09-01T12:20:00Z".to_owned(),
        ..Default::default()
    };
    assert_eq!(shown, expected);
    let quantity = Quantity::Original { kwh: 1e-17, eur_per_kwh: 0.1624 };
    let shown = match_response(Match { quantity, state: Some(State::NotPaid), ..trade });
    assert_eq!((shown.energy, shown.price, shown.transaction_state), (1e-17, 0.1624, Some(3)));
}
