//! Every trade arrives once, in order, whatever becomes of the connection or the service.

use std::sync::Arc;
use std::time::Duration;

use books::MatchUpdate;
use demo::transactions::ledger::{Paying, Totals};
use demo::transactions::service::{Fault, TransactionsService};
use domain::Amount;
use domain::text::chain;
use domain::trade::State;
use rec_market::adapter::transactions::outbox::OutboxRelay;
use rec_market::clock::{Clock, SystemClock};
use rec_market::telemetry::metrics::Metrics;
use testkit::{HandClock, Port, eventually_async};
use tokio::io::AsyncWriteExt;

use crate::world::{PAIRS, Working, World, ids, ids_in};

/// What a ledger is that had every trade of three intervals, and some of them more than once.
fn all_of_three(duplicates: u64) -> Totals {
    let amount = Amount::from_nano_eur(3 * (100 + 101 + 102 + 103) * 96_200);
    Totals { trades: 12, paid: 12, amount, duplicates }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_trade_between_members_arrives_once_and_in_order() {
    let (world, port, service) = (World::with_intervals(3).await, Port::new(), TransactionsService::default());
    let _serving = world.serve(&service, &port);
    let forwarder = world.forwarder(&port);
    let drained = forwarder.drain_once().await.unwrap();
    assert_eq!((drained.sent, drained.refused, drained.left_to), (12, 0, None));
    let trades = world.trades().await;
    assert_eq!(ids_in(&service), ids(&trades));
    assert!(trades.iter().all(|trade| trade.state == Some(State::Sent)), "{trades:?}");
    assert_eq!(service.ledger().totals(), all_of_three(0));
    let first = service.ledger().entries().next().unwrap().trade.clone();
    let contents = (first.seller.as_str(), first.buyer.as_str(), first.energy.wh(), first.price.micro_eur());
    assert_eq!(contents, ("s0", "b0", 100, 96_200));
    assert_eq!(first.end.to_string(), "2023-09-01T12:15:00Z");
    // At most five at once; then there is nothing left.
    assert_eq!(service.script().requests, [5, 5, 2]);
    assert_eq!(forwarder.drain_once().await.unwrap().sent, 0);
    assert_eq!(service.script().requests.len(), 3);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_service_that_is_away_is_told_of_and_waited_for() {
    let (world, port, service) = (World::with_intervals(3).await, Port::new(), TransactionsService::default());
    let metrics = Arc::new(Metrics::new(Arc::new(SystemClock)));
    let forwarder = OutboxRelay { metrics: Some(Arc::clone(&metrics)), ..world.forwarder(&port) };
    let requests = |outcome: &str, count: usize| {
        let line = format!("rec_market_push_request_seconds_count{{outcome=\"{outcome}\"}} {count}");
        let text = metrics.render();
        assert!(text.lines().any(|found| found == line), "no {line} in:\n{text}");
    };
    let error = chain(&forwarder.drain_once().await.unwrap_err());
    let expected =
        "cannot forward trades (attempt 5 of 5, 0 were sent; the rest waits and is not lost): Transactions at";
    assert!(error.starts_with(&format!("{expected} {} does not answer: ", port.url())), "{error}");
    assert!(error.contains("refused"), "{error}");
    assert_eq!(world.count(State::Created).await, 12);
    requests("away", 5);

    let running = Working::start(|stop| async move { forwarder.run(stop).await });
    let _serving = world.serve(&service, &port);
    world.until_sent(12).await;
    running.stop().await;
    assert_eq!(service.ledger().totals(), all_of_three(0));
    requests("ok", 3);
}

#[tokio::test(flavor = "multi_thread")]
async fn trades_whose_acknowledgement_dies_with_the_service_come_again_and_count_once() {
    let (world, port, service) = (World::with_intervals(3).await, Port::new(), TransactionsService::default());
    service.script().faults.push_back(Fault::Hang);
    let serving = world.serve(&service, &port);
    let forwarder = world.forwarder(&port);
    let running = Working::start(|stop| async move { forwarder.run(stop).await });
    eventually_async("the first request is taken", async || service.ledger().totals().trades == 5).await;
    assert_eq!(world.count(State::Created).await, 12, "nothing is acknowledged");
    serving.kill().await;
    let _serving = world.serve(&service, &port);
    world.until_sent(12).await;
    running.stop().await;
    assert_eq!(service.ledger().totals(), all_of_three(5));
    assert_eq!(ids_in(&service), ids(&world.trades().await));
}

#[tokio::test(flavor = "multi_thread")]
async fn lost_answers_errors_and_answers_that_make_no_sense_lose_nothing() {
    let (world, port, service) = (World::with_intervals(3).await, Port::new(), TransactionsService::default());
    let codes = [tonic::Code::Internal, tonic::Code::Unavailable, tonic::Code::Aborted, tonic::Code::Unknown];
    let forwarder = world.forwarder(&port);
    let _serving = world.serve(&service, &port);
    service.script().faults.extend(codes.map(Fault::Fail));
    assert_eq!(forwarder.drain_once().await.unwrap().sent, 12);
    assert_eq!(service.ledger().totals(), all_of_three(0));

    for (number, fault) in [(3, Fault::LoseAnswer), (4, Fault::Garble)] {
        world.settle(number).await;
        service.script().faults.push_back(fault);
        let drained = forwarder.drain_once().await.unwrap();
        assert_eq!((drained.sent, drained.refused), (4, 0));
    }
    assert_eq!(service.ledger().totals().duplicates, 8);
    assert_eq!(ids_in(&service), ids(&world.trades().await));
    assert_eq!(world.count(State::Sent).await, 20);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_slow_service_is_given_up_and_asked_again() {
    let (world, port, service) = (World::with_intervals(3).await, Port::new(), TransactionsService::default());
    service.script().faults.push_back(Fault::Wait(Duration::from_secs(3600)));
    let _serving = world.serve(&service, &port);
    let mut forwarder = world.forwarder(&port);
    forwarder.client = world.client(&port, Duration::from_millis(500));
    assert_eq!(forwarder.drain_once().await.unwrap().sent, 12);
    assert_eq!(service.ledger().totals(), all_of_three(0));
    assert_eq!(service.script().requests, [5, 5, 5, 2]);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_answers_without_tls_is_not_transactions() {
    let (world, port) = (World::with_intervals(1).await, Port::new());
    let listener = port.listen();
    let talker = tokio::spawn(async move {
        loop {
            let (mut connection, _) = listener.accept().await.unwrap();
            // Who is not listened to any more need not be heard.
            let _ = connection.write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n").await;
        }
    });
    let error = chain(&world.forwarder(&port).drain_once().await.unwrap_err());
    assert!(error.contains("does not answer"), "{error}");
    assert_eq!(world.count(State::Created).await, PAIRS);
    talker.abort();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stranger_with_another_certificate_gets_nothing() {
    let (world, other) = (World::with_intervals(1).await, World::with_intervals(0).await);
    let (port, service) = (Port::new(), TransactionsService::default());
    let _serving = other.serve(&service, &port);
    let error = chain(&world.forwarder(&port).drain_once().await.unwrap_err());
    assert!(error.contains("certificate"), "{error}");
    assert_eq!(service.ledger().totals(), Totals::default());
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_not_paid_comes_again_after_a_while() {
    let (world, port) = (World::with_intervals(3).await, Port::new());
    let service = TransactionsService::new(Paying::AtSecondAttempt);
    let _serving = world.serve(&service, &port);
    let clock = HandClock::right();
    let forwarder = world.forwarder_called("us", &port, Arc::new(clock.clone()));
    assert_eq!(forwarder.drain_once().await.unwrap().sent, 12);
    assert_eq!(service.ledger().totals().paid, 0);
    let not_paid = world.trades().await[7].id;
    let message = Some("the account is empty".to_owned());
    let update = MatchUpdate { id: not_paid, state: State::NotPaid, transaction_id: None, message };
    world.store.update(&[update], clock.now()).await.unwrap();

    clock.advance(Duration::from_secs(899));
    assert_eq!(forwarder.drain_once().await.unwrap().sent, 0);
    clock.advance(Duration::from_secs(1));
    assert_eq!(forwarder.drain_once().await.unwrap().sent, 1);
    assert_eq!(service.ledger().totals().paid, 1);
    let paid = service.ledger().entries().nth(7).unwrap().clone();
    assert_eq!((paid.trade.id, paid.attempts), (not_paid, 2));
    assert_eq!(world.count(State::Sent).await, 12);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_forwarder_that_is_told_looks_at_once() {
    let (world, port, service) = (World::with_intervals(0).await, Port::new(), TransactionsService::default());
    let _serving = world.serve(&service, &port);
    let mut forwarder = world.forwarder(&port);
    forwarder.poll = Duration::from_secs(3600);
    let wake = Arc::clone(&forwarder.wake);
    let running = Working::start(|stop| async move { forwarder.run(stop).await });
    for number in 0..3 {
        world.settle(number).await;
        wake.notify_one();
        world.until_sent(PAIRS * (usize::try_from(number).unwrap() + 1)).await;
    }
    running.stop().await;
}
