//! One bad trade blocks no other, a service that refuses everything voids none, and one that is not meant for this says so.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::{Duration, Instant};

use backon::ExponentialBuilder;
use demo::transactions::service::{Fault, TransactionsService, Verdict};
use domain::text::chain;
use domain::trade::State;
use rec_market::adapter::transactions::outbox::OutboxRelay;
use rec_market::clock::SystemClock;
use rec_market::telemetry::metrics::Metrics;
use rec_market::telemetry::status::{Listed, Status};
use testkit::{Port, eventually_async};
use tonic::Code;
use tonic::transport::server::TcpIncoming;
use tonic::transport::{Identity, Server, ServerTlsConfig};
use wire::transactions_service_server::TransactionsServiceServer;

use crate::world::{Working, World, ids_in};

/// The trade of that number is treated in that way.
async fn judge(world: &World, service: &TransactionsService, number: usize, verdict: Verdict) -> String {
    let bad = world.trades().await[number].id;
    service.script().judge = Some(Box::new(move |trade| if trade.id == bad { verdict.clone() } else { Verdict::Take }));
    bad.to_string()
}

/// Every trade but that one is in the ledger, in order, and `Sent`; that one is `Error` with the reason.
async fn assert_only_bad_is_refused(world: &World, service: &TransactionsService, bad: &str, reason: &str) {
    let (refused, sent): (Vec<_>, Vec<_>) =
        world.trades().await.into_iter().partition(|trade| trade.id.to_string() == bad);
    assert_eq!(refused[0].state, Some(State::Error));
    assert_eq!(refused[0].message.as_deref(), Some(reason));
    assert!(sent.iter().all(|trade| trade.state == Some(State::Sent)), "{sent:?}");
    let sent: Vec<String> = sent.iter().map(|trade| trade.id.to_string()).collect();
    assert_eq!(ids_in(service), sent);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refused_trade_is_kept_with_the_reason_and_not_sent_again() {
    let (world, port, service) = (World::with_intervals(3).await, Port::new(), TransactionsService::default());
    let _serving = world.serve(&service, &port);
    let bad = judge(&world, &service, 6, Verdict::Refuse("b2 has no account".to_owned())).await;
    let forwarder = world.forwarder(&port);
    let drained = forwarder.drain_once().await.unwrap();
    assert_eq!((drained.sent, drained.refused), (11, 1));
    assert_only_bad_is_refused(&world, &service, &bad, "b2 has no account").await;
    assert_eq!(forwarder.drain_once().await.unwrap(), rec_market::adapter::transactions::outbox::Drained::default());
    assert_eq!(service.script().requests, [5, 5, 2]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_trade_for_which_whole_requests_are_refused_is_found() {
    for number in [0, 4, 7, 11] {
        let (world, port, service) = (World::with_intervals(3).await, Port::new(), TransactionsService::default());
        let _serving = world.serve(&service, &port);
        let bad = judge(&world, &service, number, Verdict::RefuseRequest(Code::InvalidArgument)).await;
        let drained = world.forwarder(&port).drain_once().await.unwrap();
        assert_eq!((drained.sent, drained.refused), (11, 1));
        let reason = format!("InvalidArgument: trade {bad} is wrong");
        assert_only_bad_is_refused(&world, &service, &bad, &reason).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_service_that_has_too_much_to_do_refuses_no_trade() {
    let (world, port, service) = (World::with_intervals(3).await, Port::new(), TransactionsService::default());
    let _serving = world.serve(&service, &port);
    service.script().faults.extend([Fault::Fail(Code::ResourceExhausted), Fault::Fail(Code::ResourceExhausted)]);
    let drained = world.forwarder(&port).drain_once().await.unwrap();
    assert_eq!((drained.sent, drained.refused), (12, 0));
    // The same request again, not a smaller one.
    assert_eq!(service.script().requests, [5, 5, 5, 5, 2]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_that_is_too_large_becomes_smaller_ones() {
    let (world, port, service) = (World::with_intervals(0).await, Port::new(), TransactionsService::default());
    let _serving = world.serve(&service, &port);
    world.settle_with_reason(0, "x".repeat(40_000)).await;
    service.script().faults.extend([Fault::Fail(Code::OutOfRange), Fault::Fail(Code::ResourceExhausted)]);
    let drained = world.forwarder(&port).drain_once().await.unwrap();
    assert_eq!((drained.sent, drained.refused), (4, 0));
    assert_eq!(service.script().requests, [4, 2, 1, 1, 2]);
    // And nobody has to send more than it may.
    world.settle_with_reason(1, "x".repeat(400_000)).await;
    assert_eq!(world.forwarder(&port).drain_once().await.unwrap().sent, 4);
    assert_eq!(service.script().requests[5..], [2, 2]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_service_that_does_not_know_pushing_is_told_of_clearly() {
    let (world, port, service) = (World::with_intervals(1).await, Port::new(), TransactionsService::default());
    let issued = &world.certificates.client;
    let tls = ServerTlsConfig::new().identity(Identity::from_pem(&issued.certificate, &issued.key));
    let router = Server::builder().tls_config(tls).unwrap().add_service(TransactionsServiceServer::new(service));
    let serving = tokio::spawn(router.serve_with_incoming(TcpIncoming::from(port.listen())));
    let mut forwarder = world.forwarder(&port);
    // Nobody waits for what will be the same tomorrow.
    forwarder.lasting_pause = Duration::from_secs(3600);
    let error = chain(&forwarder.drain_once().await.unwrap_err());
    assert!(error.contains("Unimplemented") && error.contains("forward.mode = \"pull\""), "{error}");
    assert_eq!(world.count(State::Created).await, 4);
    serving.abort();
}

#[tokio::test(flavor = "multi_thread")]
async fn who_is_not_let_in_keeps_everything_and_tries_slowly() {
    let (world, port, service) = (World::with_intervals(1).await, Port::new(), TransactionsService::default());
    let _serving = world.serve(&service, &port);
    service.script().faults.extend([Fault::Fail(Code::Unauthenticated), Fault::Fail(Code::PermissionDenied)]);
    let mut forwarder = world.forwarder(&port);
    forwarder.lasting_pause = Duration::from_millis(400);
    let error = chain(&forwarder.drain_once().await.unwrap_err());
    assert!(error.contains("Unauthenticated") && error.contains("client certificate"), "{error}");
    assert_eq!(service.script().requests.len(), 1, "not tried again at once");

    let started = Instant::now();
    let running = Working::start(|stop| async move { forwarder.run(stop).await });
    eventually_async("they are let in", async || world.count(State::Sent).await == 4).await;
    assert!(started.elapsed() >= Duration::from_millis(400), "the longest pause, not the first");
    running.stop().await;
}

/// Transactions takes none of the trades with these numbers.
async fn refuse(
    world: &World,
    service: &TransactionsService,
    numbers: impl IntoIterator<Item = usize>,
    verdict: Verdict,
) {
    let trades = world.trades().await;
    let bad: BTreeSet<_> = numbers.into_iter().map(|number| trades[number].id).collect();
    let judge = move |id| if bad.contains(&id) { verdict.clone() } else { Verdict::Take };
    service.script().judge = Some(Box::new(move |trade| judge(trade.id)));
}

/// How Transactions may refuse a trade.
fn verdicts() -> [Verdict; 2] {
    [Verdict::Refuse("no account".to_owned()), Verdict::RefuseRequest(Code::InvalidArgument)]
}

#[tokio::test(flavor = "multi_thread")]
async fn a_service_that_refuses_everything_voids_no_trade() {
    for (verdict, requests) in verdicts().into_iter().zip([&[5, 1][..], &[5, 2, 1, 1, 3, 1, 1]]) {
        let (world, port, service) = (World::with_intervals(3).await, Port::new(), TransactionsService::default());
        let _serving = world.serve(&service, &port);
        service.script().judge = Some(Box::new(move |_| verdict.clone()));
        let mut forwarder = world.forwarder(&port);
        // Nobody waits for what will be the same tomorrow.
        forwarder.refused_pauses = ExponentialBuilder::new().with_min_delay(Duration::from_secs(3600));
        let error = forwarder.drain_once().await.unwrap_err();
        assert_eq!((error.attempts, error.drained.sent, error.drained.refused), (1, 0, 0));
        let told = chain(&error);
        assert!(told.contains("refuses every trade") && told.contains("forwarding pauses"), "{told}");
        assert_eq!(world.count(State::Created).await, 12);
        assert_eq!(service.script().requests, requests);
        service.script().judge = None;
        assert_eq!(forwarder.drain_once().await.unwrap().sent, 12);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_single_trade_shows_when_a_service_accepts_trades_again() {
    for verdict in verdicts() {
        let (world, port, service) = (World::with_intervals(3).await, Port::new(), TransactionsService::default());
        let _serving = world.serve(&service, &port);
        service.script().judge = Some(Box::new(move |_| verdict.clone()));
        let metrics = Arc::new(Metrics::new(Arc::new(SystemClock)));
        let status = Arc::new(Status::new(Arc::new(SystemClock), []));
        let forwarder = OutboxRelay {
            metrics: Some(Arc::clone(&metrics)),
            status: Some(Arc::clone(&status)),
            ..world.forwarder(&port)
        };
        // What the metrics and the status say.
        let paused = || {
            let text = metrics.render();
            let metric = text.lines().find_map(|line| line.strip_prefix("rec_market_forwarding_paused ")).unwrap();
            let status: serde_json::Value = serde_json::from_str(&status.to_json(&Listed::default()).unwrap()).unwrap();
            (metric.to_owned(), status["forwarding"]["reason"].as_str().map(str::to_owned))
        };
        assert_eq!(paused(), ("0".to_owned(), None));
        let running = Working::start(|stop| async move { forwarder.run(stop).await });
        eventually_async("it is tried a few times", async || service.script().requests.len() > 12).await;
        let (metric, reason) = paused();
        assert!(metric == "1" && reason.is_some_and(|reason| reason.contains("refuses every trade")));
        assert_eq!(world.count(State::Created).await, 12);
        // Once it is known, only with one trade at a time.
        let later = service.script().requests[8..].to_vec();
        assert!(later.iter().all(|trades| *trades == 1), "{later:?}");
        service.script().judge = None;
        world.until_sent(12).await;
        eventually_async("it says so", async || paused() == ("0".to_owned(), None)).await;
        running.stop().await;
        assert_eq!(service.ledger().totals().duplicates, 0);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn several_bad_trades_in_a_row_block_no_other() {
    for verdict in verdicts() {
        for numbers in [0..3, 0..5, 3..8, 7..12, 1..12] {
            let (world, port, service) = (World::with_intervals(3).await, Port::new(), TransactionsService::default());
            let _serving = world.serve(&service, &port);
            refuse(&world, &service, numbers.clone(), verdict.clone()).await;
            let result = world.forwarder(&port).drain_once().await;
            let states: Vec<State> = world.trades().await.iter().filter_map(|trade| trade.state).collect();
            let case = format!("{numbers:?} {verdict:?}: {states:?}");
            for (number, state) in states.iter().enumerate() {
                assert_eq!(*state == State::Sent, !numbers.contains(&number), "{case}");
            }
            // Where nothing else waits that would show it, they are not at fault yet.
            let open = states.iter().filter(|state| **state == State::Created).count();
            assert_eq!(result.is_err(), open > 0, "{case}");
            assert!(open == 0 || numbers.end == 12, "{case}");
            // As soon as another one is accepted they are.
            world.settle(3).await;
            assert_eq!(world.forwarder(&port).drain_once().await.unwrap().sent, 4, "{case}");
            assert_eq!(world.count(State::Error).await, numbers.len(), "{case}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn single_trades_that_come_one_by_one_are_not_voided_either() {
    let (world, port, service) = (World::with_intervals(0).await, Port::new(), TransactionsService::default());
    let _serving = world.serve(&service, &port);
    service.script().judge = Some(Box::new(|_| Verdict::Refuse("closed".to_owned())));
    for number in 0..5 {
        world.settle_one(number).await;
        // Each time another process, as from a crontab.
        world.forwarder(&port).drain_once().await.unwrap_err();
        assert_eq!(world.count(State::Created).await, usize::try_from(number).unwrap() + 1);
    }
    service.script().judge = None;
    assert_eq!(world.forwarder(&port).drain_once().await.unwrap().sent, 5);
}
