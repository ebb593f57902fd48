//! The contract for prices that members set.

use super::*;

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(1_693_569_600 + second).unwrap()
}

fn price(meter: &str, from: i64, bid: i64) -> MeterPrice {
    let (bid, offer) = (Price::from_micro_eur(bid), Price::from_micro_eur(bid / 2));
    MeterPrice { meter: meter.parse().unwrap(), from: at(from), bid, offer }
}

async fn bids(store: &impl Store, meter: &str, from: Option<i64>, to: Option<i64>, window: Window) -> Vec<i64> {
    let prices = store.prices(meter, from.map(at), to.map(at), window).await.unwrap();
    prices.iter().map(|price| price.bid.micro_eur()).collect()
}

pub(super) async fn the_later_price_wins<S: Shelf>(shelf: S) {
    let store = shelf.open().await;
    let all = Window::first(usize::MAX);
    store.set_prices(&[], at(0)).await.unwrap();
    assert_eq!(bids(&store, "a", None, None, all).await, [0; 0]);
    store.set_prices(&[price("a", 0, 10), price("b", 0, 20), price("a", 0, 11)], at(0)).await.unwrap();
    assert_eq!(bids(&store, "a", None, None, all).await, [11]);
    let again = price("a", 0, i64::MAX);
    store.set_prices(std::slice::from_ref(&again), at(1)).await.unwrap();
    let store = shelf.open().await;
    assert_eq!(store.prices("a", None, None, all).await.unwrap(), [again]);
    assert_eq!(bids(&store, "b", None, None, all).await, [20]);
    assert_eq!(bids(&store, "c", None, None, all).await, [0; 0]);
}

pub(super) async fn prices_are_listed_newest_first_and_paged<S: Shelf>(shelf: S) {
    let store = shelf.open().await;
    let prices: Vec<MeterPrice> = [2, 0, 4, 1, 3].map(|number| price("a", number * 900, number)).to_vec();
    store.set_prices(&prices, at(0)).await.unwrap();
    store.set_prices(&[price("b", 0, 99)], at(0)).await.unwrap();
    let all = Window::first(usize::MAX);
    for (from, to, window, expected) in [
        (None, None, all, &[4, 3, 2, 1, 0][..]),
        (Some(900), Some(2700), all, &[2, 1]),
        (Some(901), None, all, &[4, 3, 2]),
        (None, Some(901), all, &[1, 0]),
        (Some(1800), Some(1800), all, &[]),
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
    assert!(store.price_book(at(0), at(900)).await.unwrap().is_empty());
    let prices =
        [price("a", -1800, 1), price("a", -900, 2), price("a", 450, 3), price("a", 900, 4), price("a", 901, 5)];
    store.set_prices(&prices, at(0)).await.unwrap();
    store.set_prices(&[price("b", 0, 6), price("c", 5000, 7)], at(0)).await.unwrap();
    let book = store.price_book(at(0), at(900)).await.unwrap();
    let bid = |meter: &str, second: i64| {
        let found = book.at(&[meter.parse().unwrap()], at(second));
        found.map(|found| found.bid.micro_eur())
    };
    assert_eq!([0, 449, 450, 899, 900].map(|second| bid("a", second)), [2, 2, 3, 3, 4].map(Some));
    assert_eq!((bid("b", 0), bid("b", 900), bid("c", 900)), (Some(6), Some(6), None));
}
