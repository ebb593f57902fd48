//! The way back: trades are claimed from the market's real servers, paid, and reported over TLS.

use std::sync::Arc;
use std::time::Duration;

use books::{MatchFilter, Window};
use demo::transactions::ledger::{Paying, Totals};
use demo::transactions::market::{MarketClient, MarketError};
use demo::transactions::service::{Fault, TransactionsService};
use demo::transactions::trade::Payable;
use demo::transactions::worker::Source;
use domain::trade::State;
use domain::{Amount, Energy};
use rec_market::clock::{Clock, SystemClock};
use testkit::{HandClock, Port, eventually_async};
use tonic::Code;
use wire::transactions_service_client::TransactionsServiceClient;
use wire::{DeviceInfo, IssuerId, JsonReceipt, ListReceipts};

use crate::world::{PAIRS, Working, World, ids_in};

#[tokio::test(flavor = "multi_thread")]
async fn what_is_pulled_is_paid_once_and_reported() {
    let (world, service) = (World::with_intervals(3).await, TransactionsService::default());
    let market = world.market(Arc::new(SystemClock), false).await;
    let worker = world.worker(&service, &market, Source::PulledForAll);
    worker.round().await.unwrap();
    worker.round().await.unwrap();
    let expected = world.all_paid(0).await;
    assert_eq!(service.ledger().totals(), expected);
    for trade in world.trades().await {
        assert_eq!(trade.state, Some(State::Paid));
        assert_eq!(trade.transaction_id, Some(format!("tx-{}", trade.id)));
    }
    let of_grid = MatchFilter { buyer: Some("100".into()), ..MatchFilter::default() };
    let of_grid = world.store.matches(&of_grid, Window::first(100), SystemClock.now()).await.unwrap();
    assert_eq!(of_grid.len(), 3 * PAIRS);
    assert!(of_grid.iter().all(|trade| trade.state.is_none() && trade.transaction_id.is_none()), "{of_grid:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn only_the_buyers_that_were_named_pay() {
    let (world, service) = (World::with_intervals(3).await, TransactionsService::default());
    let market = world.market(Arc::new(SystemClock), false).await;
    let buyers = ["b1", "nobody"].map(ToOwned::to_owned).into();
    world.worker(&service, &market, Source::Pulled(buyers)).round().await.unwrap();
    for trade in world.trades().await {
        let expected = if trade.buyer == "b1" { State::Paid } else { State::Created };
        assert_eq!(trade.state, Some(expected), "{trade:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_not_paid_is_claimed_and_paid_next_time() {
    let (world, service) = (World::with_intervals(3).await, TransactionsService::new(Paying::AtSecondAttempt));
    let market = world.market(Arc::new(SystemClock), false).await;
    let worker = world.worker(&service, &market, Source::PulledForAll);
    worker.round().await.unwrap();
    let trades = world.trades().await;
    assert!(trades.iter().all(|trade| trade.state == Some(State::NotPaid)), "{trades:?}");
    assert_eq!(trades[0].message.as_deref(), Some("attempt 1 to pay failed"));
    worker.round().await.unwrap();
    assert_eq!(world.count(State::Paid).await, 12);
    let expected = world.all_paid(12).await;
    assert_eq!(service.ledger().totals(), expected);
}

#[tokio::test(flavor = "multi_thread")]
async fn two_services_that_pull_at_once_never_pay_the_same_trade() {
    let world = World::with_intervals(20).await;
    let market = world.market(Arc::new(SystemClock), false).await;
    let services = [TransactionsService::default(), TransactionsService::default()];
    let workers = services.each_ref().map(|service| world.worker(service, &market, Source::PulledForAll));
    let [one, other] = workers.each_ref().map(|worker| worker.round());
    let (one, other) = tokio::join!(one, other);
    one.unwrap();
    other.unwrap();
    let [one, other] = services.map(|service| service.ledger().totals());
    let all = world.all_paid(0).await;
    assert_eq!((one.trades + other.trades, one.amount + other.amount), (all.trades, all.amount));
    assert_eq!((one.duplicates, other.duplicates), (0, 0));
    assert_eq!(world.count(State::Paid).await, 80);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_claim_that_ran_out_comes_again() {
    let (world, service) = (World::with_intervals(1).await, TransactionsService::new(Paying::ByReceipt));
    let clock = HandClock::right();
    let market = world.market(Arc::new(clock.clone()), false).await;
    let worker = world.worker(&service, &market, Source::PulledForAll);
    worker.round().await.unwrap();
    worker.round().await.unwrap();
    assert_eq!(service.ledger().totals().duplicates, 0, "claimed is claimed");
    clock.advance(Duration::from_secs(900));
    worker.round().await.unwrap();
    let totals = Totals { trades: 4, paid: 0, amount: Amount::ZERO, duplicates: 4 };
    assert_eq!(service.ledger().totals(), totals);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_receipt_pays_what_is_open_and_nothing_else() {
    let (world, port) = (World::with_intervals(1).await, Port::new());
    let service = TransactionsService::new(Paying::ByReceipt);
    let _serving = world.serve(&service, &port);
    let market = world.market(Arc::new(SystemClock), false).await;
    let worker = world.worker(&service, &market, Source::PulledForAll);
    worker.round().await.unwrap();
    let channel = world.tls(false).endpoint(&port.url()).unwrap().connect_lazy();
    let mut client = TransactionsServiceClient::new(channel);
    let open = client.get_payments(IssuerId { id: "b2".to_owned() }).await.unwrap().into_inner().json;
    let [open] = &open[..] else { panic!("{open:?}") };
    assert_eq!((open.buyer_id.as_str(), open.energy, open.price), ("b2", 0.102, 0.0962));
    let receipt = |payment_id: &str, tx_id: &str| {
        let receipts = vec![JsonReceipt { payment_id: payment_id.to_owned(), tx_id: tx_id.to_owned() }];
        ListReceipts { receipts }
    };
    client.add_tx_receipt(receipt(&open.id, "0xabc")).await.unwrap();
    worker.round().await.unwrap();
    let trade = world.trades().await[2].clone();
    assert_eq!((trade.state, trade.transaction_id.as_deref()), (Some(State::Paid), Some("0xabc")));
    assert!(client.get_payments(IssuerId { id: "b2".to_owned() }).await.unwrap().into_inner().json.is_empty());

    let refused = [
        (receipt(&open.id, "0xdef"), Code::FailedPrecondition),
        (receipt("000000000000000000000000", "0xdef"), Code::NotFound),
        (receipt("seven", "0xdef"), Code::InvalidArgument),
        (receipt(&open.id, ""), Code::InvalidArgument),
    ];
    for (receipt, code) in refused {
        assert_eq!(client.add_tx_receipt(receipt).await.unwrap_err().code(), code);
    }
    let account = |pubkey: &str| DeviceInfo { pubkey: pubkey.to_owned(), device_id: "b2".to_owned() };
    client.add_account(account("0x1")).await.unwrap();
    assert_eq!(client.add_account(account("")).await.unwrap_err().code(), Code::InvalidArgument);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_trade_that_is_not_what_it_was_is_an_error_for_people() {
    let (world, service) = (World::with_intervals(1).await, TransactionsService::default());
    let market = world.market(Arc::new(SystemClock), false).await;
    let trade = world.trades().await[1].clone();
    let other = Payable {
        id: trade.id,
        end: trade.end,
        seller: trade.seller,
        buyer: trade.buyer,
        energy: Energy::from_wh(7),
        price: domain::Price::from_micro_eur(7),
    };
    service.ledger().take(other).unwrap();
    world.worker(&service, &market, Source::PulledForAll).round().await.unwrap();
    let trades = world.trades().await;
    assert_eq!(trades[1].state, Some(State::Error));
    let message = trades[1].message.clone().unwrap();
    assert!(message.ends_with("was taken before with other contents"), "{message}");
    assert_eq!(world.count(State::Paid).await, 3);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_market_that_knows_its_callers_lets_in_who_shows_a_certificate() {
    let world = World::with_intervals(1).await;
    let market = world.market(Arc::new(SystemClock), true).await;
    let address = format!("https://{}", market.tls_address());
    let stranger = MarketClient::new(&address, &world.tls(false), None).unwrap();
    let error = stranger.claim("b1").await.unwrap_err();
    assert!(matches!(&error, MarketError::NotPermitted(reason) if reason.contains("\"settle\"")), "{error}");
    let known = MarketClient::new(&address, &world.tls(true), None).unwrap();
    assert_eq!(known.claim("b1").await.unwrap().len(), 1);
    assert!(matches!(known.buyers().await, Err(MarketError::NoBuyers)));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_report_that_comes_before_its_acknowledgement_comes_again() {
    let (world, port, service) = (World::with_intervals(1).await, Port::new(), TransactionsService::default());
    let _serving = world.serve(&service, &port);
    let market = world.market(Arc::new(SystemClock), false).await;
    let worker = world.worker(&service, &market, Source::Pushed);
    // A little after the market lost the answer: Transactions has paid, the market knows of nothing.
    let forwarder = world.forwarder(&port);
    service.script().faults.push_back(Fault::LoseAnswer);
    let wire: Vec<_> = world.trades().await.iter().map(rec_market::adapter::transactions::to_wire).collect();
    forwarder.client.deliver(&wire).await.unwrap_err();
    worker.round().await.unwrap();
    assert_eq!(world.count(State::Created).await, 4);
    assert_eq!(service.ledger().unreported(None, 10).len(), 4);

    assert_eq!(forwarder.drain_once().await.unwrap().sent, 4);
    worker.round().await.unwrap();
    assert_eq!(world.count(State::Paid).await, 4);
    let expected = world.all_paid(4).await;
    assert_eq!(service.ledger().totals(), expected);
    assert_eq!(service.ledger().unreported(None, 10), []);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_pushed_is_paid_at_the_second_attempt_too() {
    let (world, port) = (World::with_intervals(3).await, Port::new());
    let service = TransactionsService::new(Paying::AtSecondAttempt);
    let _serving = world.serve(&service, &port);
    let clock = HandClock::right();
    let market = world.market(Arc::new(clock.clone()), false).await;
    let worker = world.worker(&service, &market, Source::Pushed);
    let forwarder = world.forwarder_called("us", &port, Arc::new(clock.clone()));
    let pushing = Working::start(|stop| async move { forwarder.run(stop).await });
    let paying = Working::start(|stop| async move { worker.run(stop).await });
    eventually_async("nothing is paid", async || world.count(State::NotPaid).await == 12).await;
    clock.advance(Duration::from_secs(900));
    eventually_async("everything is paid", async || world.count(State::Paid).await == 12).await;
    pushing.stop().await;
    paying.stop().await;
    let expected = world.all_paid(12).await;
    assert_eq!(service.ledger().totals(), expected);
    assert_eq!(ids_in(&service).len(), 12);
}
