//! One bad trade blocks no other, and a service that is not meant for this says so.

use std::time::{Duration, Instant};

use demo::transactions::service::{Fault, TransactionsService, Verdict};
use domain::trade::State;
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
    let error = forwarder.drain_once().await.unwrap_err().to_string();
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
    let error = forwarder.drain_once().await.unwrap_err().to_string();
    assert!(error.contains("Unauthenticated") && error.contains("client certificate"), "{error}");
    assert_eq!(service.script().requests.len(), 1, "not tried again at once");

    let started = Instant::now();
    let running = Working::start(|stop| async move { forwarder.run(stop).await });
    eventually_async("they are let in", async || world.count(State::Sent).await == 4).await;
    assert!(started.elapsed() >= Duration::from_millis(400), "the longest pause, not the first");
    running.stop().await;
}
