//! The contract for backtests.

use books::{BACKTEST_BYTES_MAX, BACKTESTS_MAX, BacktestHead, Backtests, KeptBacktest};

use super::*;

fn head(number: u64) -> BacktestHead {
    BacktestHead {
        at: Timestamp::from_millisecond(1_700_000_000_000 + i64::try_from(number).unwrap()).unwrap(),
        by: "öps \u{1f4a1}".to_owned(),
        span: Some((boundary(number), boundary(number + 1))),
        rules: vec!["uniform,a=1".to_owned(), "own@1".to_owned()],
    }
}

async fn keep(store: &impl Store, community: &str, number: u64, content: &[u8]) -> u64 {
    store.keep_backtest(community, &head(number), content.into()).await.unwrap()
}

pub(super) async fn a_backtest_is_kept_with_its_content<S: Shelf>(shelf: S) {
    let store = shelf.open().await;
    assert_eq!(store.backtests("aveiro").await.unwrap(), []);
    let first = keep(&store, "aveiro", 1, b"one").await;
    let other = keep(&store, "porto", 2, b"").await;
    let none = BacktestHead { span: None, rules: Vec::new(), ..head(3) };
    let second = store.keep_backtest("aveiro", &none, b"two".as_slice().into()).await.unwrap();
    assert!(first < second);
    let again = shelf.open().await;
    let kept = |number, head| KeptBacktest { number, head };
    assert_eq!(again.backtests("aveiro").await.unwrap(), [kept(second, none), kept(first, head(1))]);
    assert_eq!(again.backtests("porto").await.unwrap(), [kept(other, head(2))]);
    assert_eq!(again.backtest("aveiro", first).await.unwrap().as_deref(), Some(b"one".as_slice()));
    assert_eq!(again.backtest("aveiro", second).await.unwrap().as_deref(), Some(b"two".as_slice()));
    // Nobody finds one under another community, or one that is not there.
    assert_eq!(again.backtest("porto", first.max(other) + 7).await.unwrap(), None);
    assert_eq!(again.backtest("nowhere", first).await.unwrap(), None);
}

pub(super) async fn the_oldest_backtests_make_room<S: Shelf>(shelf: S) {
    let store = shelf.open().await;
    keep(&store, "porto", 0, b"other").await;
    let mut numbers = Vec::new();
    for number in 0..BACKTESTS_MAX as u64 + 3 {
        numbers.push(keep(&store, "aveiro", number, &number.to_le_bytes()).await);
    }
    assert!(numbers.is_sorted_by(|one, next| one < next));
    let newest: Vec<u64> = numbers.iter().rev().take(BACKTESTS_MAX).copied().collect();
    let listed =
        async || -> Vec<u64> { store.backtests("aveiro").await.unwrap().iter().map(|kept| kept.number).collect() };
    assert_eq!(listed().await, newest);
    assert_eq!(store.backtest("aveiro", numbers[0]).await.unwrap(), None);
    // As many large ones as fit, and no small one that is older than what made room.
    let large = vec![7; BACKTEST_BYTES_MAX];
    for number in 0..5 {
        keep(&store, "aveiro", 100 + number, &large).await;
    }
    assert_eq!(listed().await.len(), 4);
    assert_eq!(store.backtests("porto").await.unwrap().len(), 1);
}
