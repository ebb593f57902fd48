//! Two replicas on one store push each trade once in practice, and a dead one is replaced.

use std::sync::Arc;
use std::time::{Duration, Instant};

use books::Acquired;
use demo::transactions::service::{Fault, TransactionsService};
use domain::trade::State;
use rec_market::clock::{Clock, SystemClock};
use testkit::{HandClock, Port, eventually_async};

use crate::world::{Working, World, ids, ids_in};

#[tokio::test(flavor = "multi_thread")]
async fn two_forwarders_on_one_store_send_each_trade_once() {
    let (world, port, service) = (World::with_intervals(10).await, Port::new(), TransactionsService::default());
    let _serving = world.serve(&service, &port);
    let running = ["one", "other"].map(|name| {
        let mut forwarder = world.forwarder_called(name, &port, Arc::new(SystemClock));
        forwarder.store = world.open_again();
        forwarder.poll = Duration::from_millis(1);
        Working::start(|stop| async move { forwarder.run(stop).await })
    });
    for number in 10..20 {
        world.settle(number).await;
    }
    world.until_sent(80).await;
    for forwarder in running {
        forwarder.stop().await;
    }
    assert_eq!(ids_in(&service), ids(&world.trades().await));
    assert_eq!(service.ledger().totals().duplicates, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn who_finds_another_at_work_leaves_it_to_it_until_it_is_dead() {
    let (world, port, service) = (World::with_intervals(1).await, Port::new(), TransactionsService::default());
    let _serving = world.serve(&service, &port);
    let clock = HandClock::right();
    let taken = world.store.acquire("forward", "other", clock.now(), Duration::from_secs(45)).await.unwrap();
    assert!(matches!(taken, Acquired::Held(_)));
    let forwarder = world.forwarder_called("us", &port, Arc::new(clock.clone()));
    let drained = forwarder.drain_once().await.unwrap();
    assert_eq!((drained.sent, drained.left_to.as_deref()), (0, Some("other")));
    assert!(service.script().requests.is_empty());

    clock.advance(Duration::from_secs(46));
    assert_eq!(forwarder.drain_once().await.unwrap().sent, 4);
    // And what is done is given back.
    let taken = world.store.acquire("forward", "third", clock.now(), Duration::from_secs(45)).await.unwrap();
    assert!(matches!(taken, Acquired::Held(_)), "{taken:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn who_is_stopped_gives_up_soon_and_leaves_the_rest_to_the_next() {
    let (world, port, service) = (World::with_intervals(3).await, Port::new(), TransactionsService::default());
    let _serving = world.serve(&service, &port);
    service.script().faults.push_back(Fault::Hang);
    let forwarder = world.forwarder(&port);
    let running = Working::start(|stop| async move { forwarder.run(stop).await });
    eventually_async("the first request is taken", async || service.ledger().totals().trades == 5).await;
    let stopped = Instant::now();
    running.stop().await;
    assert!(stopped.elapsed() < Duration::from_secs(8), "{:?}", stopped.elapsed());

    let next = world.forwarder_called("next", &port, Arc::new(SystemClock));
    assert_eq!(next.drain_once().await.unwrap().sent, 12);
    assert_eq!(world.count(State::Sent).await, 12);
    assert_eq!(service.ledger().totals().trades, 12);
}
