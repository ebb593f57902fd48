//! The contract for prices that members set.

use domain::SetPrice;

use super::*;

/// The bounds of a small store.
const FEW: PriceBounds = PriceBounds { per_meter: 4, waiting_meters: 3, per_waiting_meter: 2 };
const ALL: Window = Window { skip: 0, limit: usize::MAX };

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(1_693_569_600 + second).unwrap()
}

fn price(meter: &str, from: i64, bid: i64) -> MeterPrice {
    let own = OwnPrices { bid: Price::from_micro_eur(bid), offer: Price::from_micro_eur(bid / 2) };
    MeterPrice { own: Some(own), ..withdrawn(meter, from) }
}

fn withdrawn(meter: &str, from: i64) -> MeterPrice {
    MeterPrice { meter: meter.parse().unwrap(), from: at(from), own: None }
}

/// Sets prices at a second.
async fn set(store: &impl Store, now: i64, prices: &[MeterPrice]) -> PricesKept {
    store.set_prices(&new_prices(prices, at(now))).await.unwrap()
}

/// As [`set`], long after, in a store with few prices.
async fn set_few(store: &impl Store, configured: &[&str], prices: &[MeterPrice]) -> PricesKept {
    let configured = Arc::new(configured.iter().map(|meter| meter.parse().unwrap()).collect());
    let list = NewPrices { configured, bounds: FEW, ..new_prices(prices, at(1_000_000)) };
    store.set_prices(&list).await.unwrap()
}

async fn bids(store: &impl Store, meter: &str, from: Option<i64>, to: Option<i64>, window: Window) -> Vec<i64> {
    let prices = store.prices(meter, from.map(at), to.map(at), window).await.unwrap();
    prices.iter().map(|price| price.own.unwrap().bid.micro_eur()).collect()
}

/// The seconds at which a meter's prices take effect, newest first.
async fn starts(store: &impl Store, meter: &str) -> Vec<i64> {
    let prices = store.prices(meter, None, None, ALL).await.unwrap();
    prices.iter().map(|price| price.from.as_second() - 1_693_569_600).collect()
}

/// The bids of a meter that are in effect at these seconds.
async fn bids_at<const N: usize>(store: &impl Store, meter: &str, seconds: [i64; N]) -> [Option<i64>; N] {
    let meters = [meter.parse().unwrap()];
    let book = store.price_book(&meters.clone().into(), &seconds.map(at).into()).await.unwrap();
    let since = |meter| (meter, Timestamp::MIN);
    seconds.map(|second| book.at(meters.iter().map(since), at(second)).map(|own| own.bid.micro_eur()))
}

pub(super) async fn the_later_price_wins<S: Shelf>(shelf: S) {
    let store = shelf.open().await;
    set(&store, 0, &[]).await;
    assert_eq!(bids(&store, "a", None, None, ALL).await, [0; 0]);
    set(&store, 0, &[price("a", 0, 10), price("b", 0, 20), price("a", 0, 11)]).await;
    assert_eq!(bids(&store, "a", None, None, ALL).await, [11]);
    let again = price("a", 0, i64::MAX);
    set(&store, 1, std::slice::from_ref(&again)).await;
    let store = shelf.open().await;
    assert_eq!(store.prices("a", None, None, ALL).await.unwrap(), [again]);
    assert_eq!(bids(&store, "b", None, None, ALL).await, [20]);
    assert_eq!(bids(&store, "c", None, None, ALL).await, [0; 0]);
}

pub(super) async fn prices_are_listed_newest_first_and_paged<S: Shelf>(shelf: S) {
    let store = shelf.open().await;
    let prices: Vec<MeterPrice> = [2, 0, 4, 1, 3].map(|number| price("a", number * 900, number)).to_vec();
    set(&store, 0, &prices).await;
    set(&store, 0, &[price("b", 0, 99)]).await;
    for (from, to, window, expected) in [
        (None, None, ALL, &[4, 3, 2, 1, 0][..]),
        (Some(900), Some(2700), ALL, &[2, 1]),
        (Some(901), None, ALL, &[4, 3, 2]),
        (None, Some(901), ALL, &[1, 0]),
        (Some(1800), Some(1800), ALL, &[]),
        (None, None, Window { skip: 1, limit: 2 }, &[3, 2]),
        (None, None, Window { skip: 4, limit: 2 }, &[0]),
        (None, None, Window { skip: 9, limit: 2 }, &[]),
        (None, None, Window { skip: u64::MAX, limit: usize::MAX }, &[]),
        (None, None, Window::first(0), &[]),
    ] {
        assert_eq!(bids(&store, "a", from, to, window).await, expected, "{from:?} {to:?} {window:?}");
    }
}

pub(super) async fn a_price_book_has_every_price_in_effect<S: Shelf>(shelf: S) {
    let store = shelf.open().await;
    assert_eq!(bids_at(&store, "a", [0, 900]).await, [None, None]);
    let prices =
        [price("a", -1800, 1), price("a", -900, 2), price("a", 450, 3), price("a", 900, 4), price("a", 901, 5)];
    set(&store, 0, &prices).await;
    set(&store, 0, &[price("b", 0, 6), price("c", 5000, 7)]).await;
    assert_eq!(bids_at(&store, "a", [0, 449, 450, 899, 900]).await, [2, 2, 3, 3, 4].map(Some));
    assert_eq!(bids_at(&store, "a", [900]).await, [Some(4)]);
    assert_eq!(bids_at(&store, "a", [-9000, -1800, 9000]).await, [None, Some(1), Some(5)]);
    assert_eq!(bids_at(&store, "b", [0, 900]).await, [Some(6), Some(6)]);
    assert_eq!(bids_at(&store, "c", [900]).await, [None]);
    // Most meters have none.
    let meters = ["0", "a", "aa", "ab", "b", "bb", "c", "d"].map(|meter| meter.parse().unwrap());
    let book = store.price_book(&meters.into(), &[at(0)].into()).await.unwrap();
    let expected = [price("a", -900, 2), price("b", 0, 6)];
    assert_eq!(book, expected.map(|price| SetPrice { price, at: at(0) }).into_iter().collect());
}

pub(super) async fn a_price_book_has_only_what_is_asked_for<S: Shelf>(shelf: S) {
    let store = shelf.open().await;
    let second_by_second: Vec<MeterPrice> = (0..=1800).map(|second| price("a", second, second)).collect();
    let list = NewPrices {
        configured: Arc::new(["a".parse().unwrap()].into()),
        ..new_prices(&[&second_by_second[..], &[price("b", 0, 7)]].concat(), at(1800))
    };
    store.set_prices(&list).await.unwrap();
    let book = store.price_book(&["a".parse().unwrap()].into(), &[0, 900, 1800].map(at).into()).await.unwrap();
    let expected = [price("a", 0, 0), price("a", 900, 900), price("a", 1800, 1800)];
    assert_eq!(book, expected.map(|price| SetPrice { price, at: at(1800) }).into_iter().collect());
    assert!(store.price_book(&[].into(), &[at(0)].into()).await.unwrap().is_empty());
    assert!(store.price_book(&["a".parse().unwrap()].into(), &[].into()).await.unwrap().is_empty());
}

pub(super) async fn a_withdrawal_is_listed_and_in_effect_like_a_price<S: Shelf>(shelf: S) {
    let store = shelf.open().await;
    set(&store, 0, &[price("a", 0, 5), withdrawn("a", 900), price("a", 1800, 6)]).await;
    let listed = store.prices("a", None, None, ALL).await.unwrap();
    assert_eq!(listed, [price("a", 1800, 6), withdrawn("a", 900), price("a", 0, 5)]);
    assert_eq!(bids_at(&store, "a", [0, 899, 900, 1799, 1800]).await, [Some(5), Some(5), None, None, Some(6)]);
    // Either may take the place of the other.
    set(&store, 9000, &[withdrawn("a", 1800), price("a", 900, 7)]).await;
    assert_eq!(bids_at(&store, "a", [0, 900, 1800]).await, [Some(5), Some(7), None]);
}

pub(super) async fn a_price_for_now_voids_what_was_planned_before<S: Shelf>(shelf: S) {
    let store = shelf.open().await;
    let plan = [price("a", 0, 1), price("a", 900, 2), price("a", 1800, 3), price("b", 900, 4)];
    set(&store, 0, &plan).await;
    // A plan only adds to what is there, in any order.
    set(&store, 0, &[price("a", 3600, 6)]).await;
    set(&store, 0, &[price("a", 2700, 5), price("a", 900, 2)]).await;
    assert_eq!(starts(&store, "a").await, [3600, 2700, 1800, 900, 0]);
    // What has come already stays, and so does what the same list plans.
    set(&store, 1000, &[price("a", 950, 7), price("a", 3600, 8)]).await;
    assert_eq!(starts(&store, "a").await, [3600, 950, 900, 0]);
    assert_eq!(bids_at(&store, "a", [900, 1000, 1800, 3600]).await, [Some(2), Some(7), Some(7), Some(8)]);
    assert_eq!(bids(&store, "b", None, None, ALL).await, [4]);
    set(&store, 1000, &[withdrawn("a", 1000)]).await;
    assert_eq!(bids_at(&store, "a", [999, 1000, 3600]).await, [Some(7), None, None]);
    // A plan may be made anew.
    set(&store, 1000, &[price("a", 3600, 9), price("a", 1800, 10)]).await;
    let store = shelf.open().await;
    assert_eq!(bids_at(&store, "a", [1000, 1800, 3600]).await, [None, Some(10), Some(9)]);
}

pub(super) async fn the_newest_prices_of_a_meter_are_kept<S: Shelf>(shelf: S) {
    let store = shelf.open().await;
    for from in [3, 1, 5, 4, 2, 0] {
        set_few(&store, &["a"], &[price("a", from, from)]).await;
    }
    assert_eq!(bids(&store, "a", None, None, ALL).await, [5, 4, 3, 2]);
    let many: Vec<MeterPrice> = (0..10).map(|from| price("a", from, 10 + from)).collect();
    assert_eq!(set_few(&store, &["a"], &many).await, PricesKept::default());
    assert_eq!(bids(&store, "a", None, None, ALL).await, [19, 18, 17, 16]);
    // Somebody else's are not touched.
    set_few(&store, &["a", "b"], &[price("b", 1, 1), price("a", 20, 20)]).await;
    assert_eq!((starts(&store, "a").await, starts(&store, "b").await), (vec![20, 9, 8, 7], vec![1]));
}

pub(super) async fn prices_of_unknown_meters_wait_and_the_oldest_give_way<S: Shelf>(shelf: S) {
    let store = shelf.open().await;
    let waiting = |waiting_meters, dropped_meters| PricesKept { waiting_meters, dropped_meters };
    for (number, meter) in (1..).zip(["a", "b", "c"]) {
        let prices = [1, 2, 3].map(|from| price(meter, from, from));
        assert_eq!(set_few(&store, &[], &prices).await, waiting(number, 0));
        assert_eq!(starts(&store, meter).await, [3, 2]);
    }
    // Who is named again comes last again.
    assert_eq!(set_few(&store, &[], &[price("a", 4, 4)]).await, waiting(3, 0));
    assert_eq!(set_few(&store, &[], &[price("d", 1, 1)]).await, waiting(3, 1));
    let store = shelf.open().await;
    assert_eq!(starts(&store, "b").await, [0; 0]);
    assert_eq!((starts(&store, "a").await, starts(&store, "c").await), (vec![4, 3], vec![3, 2]));
    assert_eq!(set_few(&store, &[], &[price("e", 1, 1), price("f", 1, 1)]).await, waiting(3, 2));
    assert_eq!((starts(&store, "a").await.len(), starts(&store, "c").await.len()), (0, 0));
    assert_eq!(bids_at(&store, "d", [1]).await, [Some(1)]);
}

pub(super) async fn the_latest_of_too_many_unknown_meters_in_one_list_wait<S: Shelf>(shelf: S) {
    let store = shelf.open().await;
    let mut prices: Vec<MeterPrice> = (0..100).map(|number| price(&format!("m{number}"), 1, 1)).collect();
    prices.extend([price("known", 1, 1), price("m0", 2, 2)]);
    let kept = set_few(&store, &["known"], &prices).await;
    assert_eq!(kept, PricesKept { waiting_meters: 3, dropped_meters: 97 });
    for (meter, there) in [("known", 1), ("m0", 2), ("m97", 0), ("m98", 1), ("m99", 1)] {
        assert_eq!(starts(&store, meter).await.len(), there, "{meter}");
    }
}

pub(super) async fn a_meter_that_was_read_or_is_configured_does_not_wait<S: Shelf>(shelf: S) {
    let store = shelf.open().await;
    let many = |meter: &str| (1..=4).map(|from| price(meter, from, from)).collect::<Vec<_>>();
    let prices = [many("a"), many("b"), many("c")].concat();
    let kept = set_few(&store, &["b"], &prices).await;
    assert_eq!(kept, PricesKept { waiting_meters: 2, dropped_meters: 0 });
    // The first reading of `a`.
    put(&store, opening("aveiro", 0)).await.unwrap();
    // It is still on the list of those that wait, but nothing of it is dropped.
    let others = [price("d", 1, 1), price("e", 1, 1)];
    let kept = set_few(&store, &["b"], &others).await;
    assert_eq!(kept, PricesKept { waiting_meters: 3, dropped_meters: 0 });
    assert_eq!(starts(&store, "a").await, [4, 3]);
    let kept = set_few(&store, &["b"], &many("a")).await;
    assert_eq!(kept, PricesKept { waiting_meters: 3, dropped_meters: 0 });
    assert_eq!([starts(&store, "a").await, starts(&store, "b").await], [[4, 3, 2, 1], [4, 3, 2, 1]]);
    assert_eq!(starts(&store, "c").await, [4, 3]);
}
