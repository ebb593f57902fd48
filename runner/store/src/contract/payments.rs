//! The contract for trades on their way to payment.

use std::collections::BTreeSet;

use super::*;

/// The time of claims and reports, in seconds after a fixed instant.
fn at(second: i64) -> Timestamp {
    Timestamp::from_second(1_700_001_000 + second).unwrap()
}

const ALL: Window = Window { skip: 0, limit: usize::MAX };

fn id(number: u64, trade: u64) -> TradeId {
    TradeId::derive("aveiro", interval(number), trade)
}

/// Settles intervals with one trade from a to bob each, and three with the grid.
async fn settled<S: Shelf>(shelf: &S, intervals: u64) -> S::Store {
    let store = shelf.open().await;
    for number in 0..intervals {
        assert_eq!(put(&store, full("aveiro", number)).await.unwrap(), CommitOutcome::Committed);
    }
    store
}

fn claim_of(buyer: &str, now: i64, until: i64) -> Claim {
    Claim { buyer: buyer.into(), since: ALL_OFFERED, now: at(now), until: at(until) }
}

const ALL_OFFERED: OfferedSince = OfferedSince(None);

async fn depth(store: &impl Store, now: i64) -> OutboxDepth {
    store.outbox_depth(ALL_OFFERED, at(now)).await.unwrap()
}

/// The trades to push at an instant, of those that were not paid since another.
async fn outbox(store: &impl Store, again: i64, limit: usize, now: i64) -> Vec<Match> {
    store.outbox(Due { since: ALL_OFFERED, again: at(again), now: at(now) }, limit).await.unwrap()
}

/// Asks for a trade by its id in one state, as Transactions does before it reports.
async fn asked(store: &impl Store, id: TradeId, state: State, now: i64) -> Option<Match> {
    let filter = MatchFilter { id: Some(id), states: [state].into(), ..MatchFilter::default() };
    store.matches(&filter, ALL, at(now)).await.unwrap().pop()
}

fn report(id: TradeId, state: State) -> MatchUpdate {
    MatchUpdate { id, state, transaction_id: None, message: None }
}

async fn one(store: &impl Store, id: TradeId, now: i64) -> Match {
    let filter = MatchFilter { id: Some(id), ..MatchFilter::default() };
    store.matches(&filter, ALL, at(now)).await.unwrap().remove(0)
}

async fn state(store: &impl Store, id: TradeId, now: i64) -> Option<State> {
    one(store, id, now).await.state
}

fn ids(matches: &[Match]) -> Vec<TradeId> {
    matches.iter().map(|found| found.id).collect()
}

/// Reports on a waiting trade until it is in this state.
async fn bring(store: &impl Store, id: TradeId, state: State) {
    let path: &[State] = match state {
        State::Created => &[],
        State::Sent => &[State::Sent],
        other => &[State::Sent, other],
    };
    for state in path {
        store.update(&[report(id, *state)], at(0)).await.unwrap();
    }
}

pub(super) async fn a_trade_is_returned_with_all_fields<S: Shelf>(shelf: S) {
    let store = settled(&shelf, 2).await;
    let settled_at = Timestamp::from_second(1_700_000_000).unwrap();
    let found = one(&store, id(1, 0), 0).await;
    let expected = Match {
        id: id(1, 0),
        end: boundary(2).timestamp(),
        of: Some(("aveiro".to_owned(), interval(1))),
        seller: "a".to_owned(),
        buyer: "bob".to_owned(),
        quantity: Quantity::Exact { energy: Energy::from_wh(101), price: Price::from_micro_eur(96_200) },
        state: Some(State::Created),
        transaction_id: None,
        message: Some("settled with own instead: the other one failed".to_owned()),
        created_at: settled_at,
        updated_at: None,
    };
    assert_eq!(found, expected);
    let with_grid = one(&store, id(1, 3), 0).await;
    assert_eq!((with_grid.seller.as_str(), with_grid.buyer.as_str(), with_grid.state), ("100", "carla", None));
    assert_eq!(with_grid.message.as_deref(), Some("Start timestamp: 2023-09-01T12:00:00Z"));
}

pub(super) async fn filters_apply_alone_and_together<S: Shelf>(shelf: S) {
    let store = settled(&shelf, 3).await;
    bring(&store, id(1, 0), State::Paid).await;
    let all = MatchFilter::default();
    let name = |name: &str| Some(WireParty::from(name));
    // By the wallet of a member, or by a name whose member has a wallet somewhere.
    let wallet = |community: &str, name: &str| {
        let members = [(community.to_owned(), name.parse().unwrap())].into();
        Some(WireParty { members, ..WireParty::from("w") })
    };
    let but_in =
        |community: &str| Some(WireParty { elsewhere: [community.to_owned()].into(), ..WireParty::from("bob") });
    let end = |number: u64| Some(boundary(number).timestamp());
    let states = |states: &[State]| states.iter().copied().collect::<BTreeSet<State>>();
    let later = |at: Option<Timestamp>| at.map(|at| at + Duration::from_millis(500));
    // Each trade as interval.number; a sells 0 to bob and 1 to the grid, carla sells 2 to it and buys 3 from it.
    for (filter, expected) in [
        (all.clone(), "0.0 0.1 0.2 0.3 1.0 1.1 1.2 1.3 2.0 2.1 2.2 2.3"),
        (MatchFilter { buyer: name("bob"), ..all.clone() }, "0.0 1.0 2.0"),
        (MatchFilter { seller: name("a"), ..all.clone() }, "0.0 0.1 1.0 1.1 2.0 2.1"),
        (MatchFilter { buyer: name("100"), ..all.clone() }, "0.1 0.2 1.1 1.2 2.1 2.2"),
        (MatchFilter { seller: name("100"), ..all.clone() }, "0.3 1.3 2.3"),
        (MatchFilter { buyer: name("grid"), ..all.clone() }, ""),
        (MatchFilter { buyer: name("Bob"), ..all.clone() }, ""),
        (MatchFilter { seller: name("a"), buyer: name("100"), ..all.clone() }, "0.1 1.1 2.1"),
        (MatchFilter { buyer: wallet("aveiro", "bob"), ..all.clone() }, "0.0 1.0 2.0"),
        (MatchFilter { buyer: wallet("aveiro", "bob"), seller: name("100"), ..all.clone() }, ""),
        (MatchFilter { seller: wallet("aveiro", "carla"), ..all.clone() }, "0.2 1.2 2.2"),
        (MatchFilter { buyer: wallet("porto", "bob"), ..all.clone() }, ""),
        (MatchFilter { buyer: but_in("porto"), ..all.clone() }, "0.0 1.0 2.0"),
        (MatchFilter { buyer: but_in("aveiro"), ..all.clone() }, ""),
        (MatchFilter { states: states(&[State::Created]), ..all.clone() }, "0.0 2.0"),
        (MatchFilter { states: states(&[State::Paid]), ..all.clone() }, "1.0"),
        (MatchFilter { states: states(&[State::Paid, State::Created]), ..all.clone() }, "0.0 1.0 2.0"),
        (MatchFilter { states: states(&[State::Sent, State::Error]), ..all.clone() }, ""),
        (MatchFilter { states: states(&State::ALL), buyer: name("100"), ..all.clone() }, ""),
        (MatchFilter { from: end(2), ..all.clone() }, "1.0 1.1 1.2 1.3 2.0 2.1 2.2 2.3"),
        (MatchFilter { from: later(end(2)), ..all.clone() }, "2.0 2.1 2.2 2.3"),
        (MatchFilter { to: end(2), ..all.clone() }, "0.0 0.1 0.2 0.3"),
        (MatchFilter { to: later(end(1)), ..all.clone() }, "0.0 0.1 0.2 0.3"),
        (MatchFilter { from: end(2), to: end(2), ..all.clone() }, ""),
        (
            MatchFilter { from: Some(Timestamp::MIN), to: Some(Timestamp::MAX), seller: name("100"), ..all.clone() },
            "0.3 1.3 2.3",
        ),
        (MatchFilter { id: Some(id(1, 2)), ..all.clone() }, "1.2"),
        (MatchFilter { id: Some(id(1, 2)), buyer: name("bob"), ..all.clone() }, ""),
        (MatchFilter { id: Some(id(7, 2)), ..all.clone() }, ""),
        (
            MatchFilter {
                buyer: name("bob"),
                seller: name("a"),
                states: states(&[State::Created]),
                from: end(2),
                to: end(4),
                id: Some(id(2, 0)),
            },
            "2.0",
        ),
    ] {
        let found = store.matches(&filter, ALL, at(0)).await.unwrap();
        let places: Vec<String> = ids(&found)
            .iter()
            .flat_map(|found| (0..3).flat_map(move |number| (0..4).map(move |trade| (number, trade, *found))))
            .filter(|(number, trade, found)| id(*number, *trade) == *found)
            .map(|(number, trade, _)| format!("{number}.{trade}"))
            .collect();
        assert_eq!(places.join(" "), expected, "{filter:?}");
    }
}

pub(super) async fn matches_are_ordered_and_paged<S: Shelf>(shelf: S) {
    let store = settled(&shelf, 2).await;
    // A trade of another community, between the two in time.
    put(&store, full("beta", 0)).await.unwrap();
    let all = store.matches(&MatchFilter::default(), ALL, at(0)).await.unwrap();
    assert_eq!(all.len(), 12);
    assert!(all.is_sorted_by_key(|found| (found.end, found.id)));
    for (skip, limit, first, end) in
        [(0, 5, 0, 5), (5, 5, 5, 10), (10, 5, 10, 12), (12, 5, 12, 12), (u64::MAX, 5, 12, 12), (0, 0, 0, 0)]
    {
        let window = Window { skip, limit };
        let page = store.matches(&MatchFilter::default(), window, at(0)).await.unwrap();
        assert_eq!(page, all[first..end], "{window:?}");
    }
}

pub(super) async fn no_two_claims_get_the_same_trade<S: Shelf>(shelf: S) {
    settled(&shelf, 6).await;
    let stores = [shelf.open().await, shelf.open().await];
    let claiming = (0..8).map(|number: usize| {
        let store = stores[number % 2].clone();
        tokio::spawn(async move { store.claim(&claim_of("bob", 0, 900), Window::first(1)).await })
    });
    let mut claimed = Vec::new();
    for task in claiming.collect::<Vec<_>>() {
        claimed.extend(task.await.unwrap().unwrap());
    }
    // Eight claims for one trade each, of six trades.
    assert!(claimed.iter().all(|claimed| claimed.state == Some(State::Created)));
    let mut claimed = ids(&claimed);
    claimed.sort_unstable();
    assert_eq!(claimed, (0..6).map(|number| id(number, 0)).collect::<Vec<_>>());
    assert_eq!(stores[0].claim(&claim_of("bob", 1, 900), ALL).await.unwrap(), []);
}

pub(super) async fn a_claim_takes_its_buyers_waiting_trades<S: Shelf>(shelf: S) {
    let store = settled(&shelf, 4).await;
    for (number, state) in [(1, State::NotPaid), (2, State::Paid)] {
        bring(&store, id(number, 0), state).await;
    }
    for buyer in ["carla", "a", "100", "nobody"] {
        assert_eq!(store.claim(&claim_of(buyer, 1, 900), ALL).await.unwrap(), [], "{buyer}");
    }
    let second = store.claim(&claim_of("bob", 1, 900), Window { skip: 1, limit: 1 }).await.unwrap();
    assert_eq!((ids(&second), second[0].state), (vec![id(1, 0)], Some(State::NotPaid)));
    let others = store.claim(&claim_of("bob", 2, 900), ALL).await.unwrap();
    assert_eq!(ids(&others), [id(0, 0), id(3, 0)]);
    let found = one(&store, id(0, 0), 3).await;
    assert_eq!((found.state, found.updated_at), (Some(State::Sent), Some(at(2))));
    assert_eq!(found.created_at, others[0].created_at);
}

pub(super) async fn an_unreported_claim_lapses<S: Shelf>(shelf: S) {
    let store = settled(&shelf, 3).await;
    bring(&store, id(1, 0), State::NotPaid).await;
    store.claim(&claim_of("bob", 1, 60), ALL).await.unwrap();
    // One trade is paid, so it does not return. One is confirmed, which ends its claim too.
    store.update(&[report(id(2, 0), State::Paid)], at(2)).await.unwrap();
    for number in [0, 1] {
        assert_eq!(state(&store, id(number, 0), 59).await, Some(State::Sent));
    }
    let other = shelf.open().await;
    let returned = one(&other, id(0, 0), 60).await;
    assert_eq!((returned.state, returned.updated_at), (Some(State::Created), Some(at(60))));
    assert_eq!(state(&store, id(1, 0), 60).await, Some(State::NotPaid));
    assert_eq!(state(&store, id(2, 0), 60).await, Some(State::Paid));
    let again = store.claim(&claim_of("bob", 100, 200), ALL).await.unwrap();
    assert_eq!(ids(&again), [id(0, 0), id(1, 0)]);
    let confirmed = MatchUpdate { transaction_id: Some("tx".to_owned()), ..report(id(0, 0), State::Sent) };
    store.update(&[confirmed], at(150)).await.unwrap();
    assert_eq!(state(&store, id(0, 0), 10_000).await, Some(State::Sent));
    // The other claim lapsed long ago; its trade is claimed again without having been listed.
    let again = store.claim(&claim_of("bob", 10_000, 10_100), ALL).await.unwrap();
    assert_eq!((ids(&again), again[0].state), (vec![id(1, 0)], Some(State::NotPaid)));
}

pub(super) async fn a_lapsed_claim_is_found_by_id_and_reported_on<S: Shelf>(shelf: S) {
    let store = settled(&shelf, 5).await;
    bring(&store, id(1, 0), State::NotPaid).await;
    // What nobody has claimed was never sent.
    assert_eq!(asked(&store, id(0, 0), State::Sent, 0).await, None);
    assert_eq!(store.claim(&claim_of("bob", 1, 60), ALL).await.unwrap().len(), 5);
    for now in [59, 60, 10_000] {
        for number in [0, 1] {
            let found = asked(&store, id(number, 0), State::Sent, now).await.unwrap();
            assert_eq!((found.id, found.state), (id(number, 0), Some(State::Sent)), "{now}");
        }
    }
    // It waits again all the same, and only who asks for it by its id finds it as sent.
    assert_eq!(state(&store, id(0, 0), 10_000).await, Some(State::Created));
    assert_eq!(asked(&store, id(0, 0), State::Created, 10_000).await.unwrap().state, Some(State::Created));
    assert_eq!(asked(&store, id(0, 0), State::Paid, 10_000).await, None);
    let sent = MatchFilter { states: [State::Sent].into(), ..MatchFilter::default() };
    assert_eq!(store.matches(&sent, ALL, at(10_000)).await.unwrap(), []);
    let either = MatchFilter { id: Some(id(0, 0)), states: [State::Created, State::Sent].into(), ..sent };
    assert_eq!(store.matches(&either, ALL, at(10_000)).await.unwrap()[0].state, Some(State::Created));
    assert_eq!(depth(&store, 10_000).await.waiting, 5);
    // Whatever is reported of it, it is not offered again unless that says so.
    let paid = MatchUpdate { transaction_id: Some("tx".to_owned()), ..report(id(0, 0), State::Paid) };
    let reports = [paid.clone(), report(id(1, 0), State::NotPaid), report(id(2, 0), State::Sent)];
    store.update(&reports, at(20_000)).await.unwrap();
    store.update(&[paid], at(20_001)).await.unwrap();
    let unclaimed = report(id(3, 0), State::Created);
    let error = store.update(&[unclaimed], at(20_002)).await.unwrap_err();
    assert!(matches!(error, UpdateError::Transition { from: State::Sent, .. }), "{error}");
    let again = store.claim(&claim_of("bob", 20_003, 20_100), ALL).await.unwrap();
    assert_eq!(ids(&again), [id(1, 0), id(3, 0), id(4, 0)]);
    assert_eq!(asked(&store, id(0, 0), State::Sent, 20_004).await, None);
    assert_eq!(state(&store, id(2, 0), 99_999).await, Some(State::Sent));
    // A push takes it over as well.
    store.delivered(&[id(4, 0)], &[], at(30_000)).await.unwrap();
    assert_eq!(asked(&store, id(4, 0), State::Sent, 30_001).await.unwrap().updated_at, Some(at(30_000)));
    store.update(&[report(id(4, 0), State::NotPaid)], at(30_002)).await.unwrap();
    assert_eq!(asked(&shelf.open().await, id(4, 0), State::Sent, 30_003).await, None);
}

pub(super) async fn a_payment_by_an_earlier_claim_is_kept_and_a_second_one_refused<S: Shelf>(shelf: S) {
    let store = settled(&shelf, 2).await;
    store.claim(&claim_of("bob", 1, 60), ALL).await.unwrap();
    assert_eq!(store.claim(&claim_of("bob", 100, 160), ALL).await.unwrap().len(), 2);
    // The ledger has the payment, whoever holds the claim.
    let paid = |number, payment: &str| MatchUpdate {
        transaction_id: Some(payment.to_owned()),
        ..report(id(number, 0), State::Paid)
    };
    store.update(&[paid(0, "first")], at(110)).await.unwrap();
    assert_eq!(asked(&store, id(0, 0), State::Sent, 111).await, None);
    let error = store.update(&[paid(1, "other"), paid(0, "second")], at(112)).await.unwrap_err();
    let UpdateError::Contradiction { first, second, .. } = &error else { panic!("{error}") };
    assert_eq!((first.as_str(), second.as_str()), ("first", "second"));
    // A list is refused whole: the other report has to come again.
    assert_eq!(state(&store, id(1, 0), 113).await, Some(State::Sent));
    assert_eq!(one(&store, id(0, 0), 113).await.transaction_id.as_deref(), Some("first"));
}

pub(super) async fn only_what_is_offered_is_claimed_or_pushed<S: Shelf>(shelf: S) {
    let store = settled(&shelf, 4).await;
    let since = OfferedSince(Some(boundary(2).timestamp()));
    let due = Due { since, again: at(0), now: at(0) };
    assert_eq!(ids(&store.outbox(due, 10).await.unwrap()), [id(2, 0), id(3, 0)]);
    let offered = OutboxDepth { waiting: 2, oldest: Some(boundary(3).timestamp()) };
    assert_eq!(store.outbox_depth(since, at(0)).await.unwrap(), offered);
    assert_eq!(store.waiting("aveiro", since).await.unwrap(), offered.waiting);
    let claim = Claim { since, ..claim_of("bob", 1, 60) };
    assert_eq!(ids(&store.claim(&claim, ALL).await.unwrap()), [id(2, 0), id(3, 0)]);
    assert_eq!(store.outbox_depth(since, at(2)).await.unwrap(), OutboxDepth::default());
    assert_eq!(store.waiting("aveiro", since).await.unwrap(), 0);
    // What is not offered stays as it is, for whoever asks, and can be offered later.
    assert_eq!(state(&store, id(0, 0), 2).await, Some(State::Created));
    let never = OfferedSince(Some(Timestamp::MAX));
    assert_eq!(store.claim(&Claim { since: never, ..claim_of("bob", 3, 60) }, ALL).await.unwrap(), []);
    let within = OfferedSince(Some(boundary(2).timestamp() - Duration::from_secs(1)));
    assert_eq!(ids(&store.claim(&Claim { since: within, ..claim_of("bob", 3, 60) }, ALL).await.unwrap()), [id(1, 0)]);
    assert_eq!(ids(&store.claim(&claim_of("bob", 3, 60), ALL).await.unwrap()), [id(0, 0)]);
}

pub(super) async fn a_claim_that_lasts_longer_than_any_can_has_lapsed<S: Shelf>(shelf: S) {
    let store = settled(&shelf, 3).await;
    bring(&store, id(1, 0), State::NotPaid).await;
    // The longest one stands.
    let longest = i64::try_from(CLAIM_TERM_MAX.as_secs()).unwrap();
    store.claim(&claim_of("bob", 1, 1 + longest), Window::first(1)).await.unwrap();
    assert_eq!(state(&store, id(0, 0), 1).await, Some(State::Sent));
    // A clock that was 200 days ahead claims, and reports.
    let days = 200 * 86_400;
    assert_eq!(store.claim(&claim_of("bob", days, days + 900), ALL).await.unwrap().len(), 3);
    store.update(&[report(id(2, 0), State::NotPaid)], at(days)).await.unwrap();
    let other = shelf.open().await;
    let back = one(&other, id(0, 0), 2).await;
    assert_eq!((back.state, back.updated_at), (Some(State::Created), Some(at(2))));
    assert_eq!(state(&other, id(1, 0), 2).await, Some(State::NotPaid));
    // All of them are pushed: one waits, one was not paid long ago, and one in a future that never was.
    assert_eq!(ids(&outbox(&other, 2, 10, 3).await), [0, 1, 2].map(|number| id(number, 0)));
    assert_eq!(other.claim(&claim_of("bob", 4, 900), ALL).await.unwrap().len(), 3);
    assert_eq!(store.claim(&claim_of("bob", 5, 900), ALL).await.unwrap(), []);
}

pub(super) async fn reports_change_only_the_fields_they_set<S: Shelf>(shelf: S) {
    let store = settled(&shelf, 1).await;
    let before = one(&store, id(0, 0), 0).await;
    let sent = MatchUpdate { transaction_id: Some("tx 1".to_owned()), ..report(id(0, 0), State::Sent) };
    store.update(std::slice::from_ref(&sent), at(1)).await.unwrap();
    let failed = MatchUpdate { message: Some("no money".to_owned()), ..report(id(0, 0), State::NotPaid) };
    store.update(std::slice::from_ref(&failed), at(2)).await.unwrap();
    let expected = Match {
        state: Some(State::NotPaid),
        transaction_id: Some("tx 1".to_owned()),
        message: Some("no money".to_owned()),
        updated_at: Some(at(2)),
        ..before
    };
    assert_eq!(one(&store, id(0, 0), 3).await, expected);
    // The answer was lost, so the report is repeated.
    store.update(std::slice::from_ref(&failed), at(4)).await.unwrap();
    let again = one(&shelf.open().await, id(0, 0), 5).await;
    assert_eq!(Match { updated_at: expected.updated_at, ..again }, expected);
    store.update(&[], at(6)).await.unwrap();
}

pub(super) async fn invalid_transitions_are_refused<S: Shelf>(shelf: S) {
    let pairs: Vec<(State, State)> = State::ALL
        .into_iter()
        .flat_map(|from| State::ALL.map(|to| (from, to)))
        .filter(|(from, to)| from != to)
        .collect();
    let store = settled(&shelf, 5).await;
    for (number, from) in (0..).zip(State::ALL) {
        bring(&store, id(number, 0), from).await;
    }
    for (from, to) in pairs.into_iter().filter(|(from, to)| !from.may_become(*to)) {
        let trade = id(from as u64, 0);
        let error = store.update(&[report(trade, to)], at(1)).await.unwrap_err();
        let expected = format!("trade {trade} is {from} and cannot become {to} ");
        assert!(error.to_string().starts_with(&expected), "{error}");
        assert_eq!(state(&store, trade, 1).await, Some(from));
    }
    let error = store.update(&[report(id(0, 0), State::Created)], at(1)).await.unwrap_err();
    assert!(matches!(error, UpdateError::Transition { .. }), "{error}");
}

pub(super) async fn a_list_of_reports_is_applied_as_a_whole_or_not_at_all<S: Shelf>(shelf: S) {
    let store = settled(&shelf, 3).await;
    bring(&store, id(2, 0), State::Paid).await;
    let before = store.matches(&MatchFilter::default(), ALL, at(0)).await.unwrap();
    let good = || report(id(0, 0), State::Sent);
    let unknown = store.update(&[good(), report(id(9, 0), State::Sent)], at(1)).await.unwrap_err();
    assert!(matches!(unknown, UpdateError::Unknown(trade) if trade == id(9, 0)), "{unknown}");
    let stateless = store.update(&[good(), report(id(1, 1), State::Sent)], at(1)).await.unwrap_err();
    assert!(matches!(stateless, UpdateError::Stateless(trade) if trade == id(1, 1)), "{stateless}");
    let transition = store.update(&[good(), report(id(2, 0), State::Sent)], at(1)).await.unwrap_err();
    assert!(matches!(transition, UpdateError::Transition { .. }), "{transition}");
    // Each report is checked against the result of the earlier ones in its list.
    let paid_twice = [good(), report(id(0, 0), State::Paid), report(id(0, 0), State::NotPaid)];
    let twice = store.update(&paid_twice, at(1)).await.unwrap_err();
    assert!(matches!(twice, UpdateError::Transition { from: State::Paid, .. }), "{twice}");
    assert_eq!(store.matches(&MatchFilter::default(), ALL, at(0)).await.unwrap(), before);
    let named =
        |payment: &str, state| MatchUpdate { transaction_id: Some(payment.to_owned()), ..report(id(0, 0), state) };
    let two_payments = [named("a", State::Sent), named("b", State::Paid)];
    let contradicting = store.update(&two_payments, at(1)).await.unwrap_err();
    assert!(matches!(contradicting, UpdateError::Contradiction { .. }), "{contradicting}");
    assert_eq!(state(&store, id(0, 0), 1).await, Some(State::Created));
    // The same one may be there twice.
    let paid = || named("tx", State::Paid);
    let whole = [good(), report(id(1, 0), State::Sent), paid(), report(id(1, 0), State::Sent), paid()];
    store.update(&whole, at(2)).await.unwrap();
    assert_eq!(state(&store, id(0, 0), 3).await, Some(State::Paid));
    assert_eq!(state(&store, id(1, 0), 3).await, Some(State::Sent));
}

pub(super) async fn waiting_trades_are_pushed_in_order<S: Shelf>(shelf: S) {
    let store = settled(&shelf, 4).await;
    assert_eq!(outbox(&shelf.open().await, 0, 0, 0).await, []);
    for (number, state) in [(0, State::NotPaid), (2, State::Paid)] {
        bring(&store, id(number, 0), state).await;
    }
    // `NotPaid` since second 0, so it is due again from then on.
    assert_eq!(ids(&outbox(&store, -1, 10, 1).await), [id(1, 0), id(3, 0)]);
    let waiting = outbox(&store, 0, 10, 1).await;
    assert_eq!(ids(&waiting), [id(0, 0), id(1, 0), id(3, 0)]);
    assert_eq!(outbox(&store, 0, 2, 1).await, waiting[..2]);
    let expected = OutboxDepth { waiting: 3, oldest: Some(boundary(1).timestamp()) };
    assert_eq!(depth(&store, 1).await, expected);
    // A claimed trade does not wait until its claim expires.
    store.claim(&claim_of("bob", 1, 60), Window::first(2)).await.unwrap();
    let expected = OutboxDepth { waiting: 1, oldest: Some(boundary(4).timestamp()) };
    assert_eq!(depth(&store, 59).await, expected);
    assert_eq!(ids(&outbox(&store, 60, 10, 60).await), ids(&waiting));
    let expected = OutboxDepth { waiting: 3, oldest: Some(boundary(1).timestamp()) };
    assert_eq!(depth(&store, 60).await, expected);
}

pub(super) async fn a_push_changes_only_waiting_trades<S: Shelf>(shelf: S) {
    let store = settled(&shelf, 5).await;
    bring(&store, id(1, 0), State::NotPaid).await;
    // Paid while the push was in progress.
    bring(&store, id(2, 0), State::Paid).await;
    let sent = [id(0, 0), id(1, 0), id(2, 0), id(0, 1), id(9, 0)];
    let refused = [(id(3, 0), "who is bob?".to_owned()), (id(2, 0), "late".to_owned())];
    for second in [1, 5] {
        store.delivered(&sent, &refused, at(second)).await.unwrap();
        let states = [0, 1, 2, 3, 4].map(|number| id(number, 0));
        let mut found = Vec::new();
        for trade in states {
            found.push(state(&store, trade, second).await.unwrap());
        }
        assert_eq!(found, [State::Sent, State::Sent, State::Paid, State::Error, State::Created]);
        assert_eq!(one(&store, id(0, 0), second).await.updated_at, Some(at(1)));
        assert_eq!(one(&store, id(3, 0), second).await.message.as_deref(), Some("who is bob?"));
        assert_eq!(one(&store, id(0, 1), second).await.state, None);
    }
    assert_eq!(ids(&outbox(&store, 10, 10, 10).await), [id(4, 0)]);
    // After its claim expires, a trade waits again and can be delivered.
    store.claim(&claim_of("bob", 11, 20), ALL).await.unwrap();
    store.delivered(&[id(4, 0)], &[], at(15)).await.unwrap();
    assert_eq!(one(&store, id(4, 0), 16).await.updated_at, Some(at(11)));
    store.delivered(&[id(4, 0)], &[], at(30)).await.unwrap();
    assert_eq!(one(&store, id(4, 0), 10_000).await.updated_at, Some(at(30)));
}

fn reopening(trades: &[TradeId], second: i64) -> Reopening {
    let trades = trades.iter().copied().collect();
    Reopening { trades, at: at(second), by: "ada".to_owned(), why: "nobody has paid".to_owned() }
}

pub(super) async fn reopened_trades_are_offered_again_and_recorded<S: Shelf>(shelf: S) {
    let store = settled(&shelf, 4).await;
    let invented = Some("0xinvented".to_owned());
    bring(&store, id(0, 0), State::Sent).await;
    let paid = MatchUpdate { transaction_id: invented.clone(), ..report(id(0, 0), State::Paid) };
    store.update(&[paid], at(0)).await.unwrap();
    bring(&store, id(1, 0), State::Error).await;
    store.claim(&claim_of("bob", 1, 900), Window::first(1)).await.unwrap();
    let before = one(&store, id(3, 0), 2).await;
    let remark = one(&store, id(0, 0), 2).await.message;

    let chosen = [id(0, 0), id(1, 0), id(2, 0)];
    let records = store.reopen(&reopening(&chosen, 10)).await.unwrap();
    let record = |number, from, transaction_id| Reopened {
        trade: id(number, 0),
        at: at(10),
        by: "ada".to_owned(),
        why: "nobody has paid".to_owned(),
        from,
        transaction_id,
        message: remark.clone(),
    };
    let mut expected = [record(0, State::Paid, invented), record(1, State::Error, None), record(2, State::Sent, None)];
    expected.sort_by_key(|record| record.trade);
    assert_eq!(records, expected);
    expected.reverse();
    assert_eq!(shelf.open().await.reopened(10).await.unwrap(), expected);
    assert_eq!(store.reopened(2).await.unwrap(), expected[..2]);
    assert_eq!(store.reopened(0).await.unwrap(), []);

    for trade in chosen {
        let found = one(&shelf.open().await, trade, 10_000).await;
        assert_eq!((found.state, found.transaction_id, found.updated_at), (Some(State::Created), None, Some(at(10))));
        assert_eq!(found.message.as_deref(), Some("reopened by ada: nobody has paid"));
    }
    assert_eq!(one(&store, id(3, 0), 3).await, before);
    // They are claimed and paid as if nothing had been reported.
    let claimed = store.claim(&claim_of("bob", 20, 900), ALL).await.unwrap();
    assert_eq!(ids(&claimed), [id(0, 0), id(1, 0), id(2, 0), id(3, 0)]);
    let paid = MatchUpdate { transaction_id: Some("0xreal".to_owned()), ..report(id(0, 0), State::Paid) };
    store.update(&[paid], at(30)).await.unwrap();
    assert_eq!(one(&store, id(0, 0), 31).await.transaction_id.as_deref(), Some("0xreal"));
    // And again.
    store.reopen(&reopening(&[id(0, 0)], 40)).await.unwrap();
    let newest = store.reopened(1).await.unwrap().remove(0);
    assert_eq!((newest.from, newest.transaction_id.as_deref()), (State::Paid, Some("0xreal")));
    assert_eq!(newest.message.as_deref(), Some("reopened by ada: nobody has paid"));
    assert_eq!(store.reopened(10).await.unwrap().len(), 4);
    assert_eq!(store.examine().await.unwrap(), [""; 0]);
}

pub(super) async fn a_reopening_is_made_as_a_whole_or_not_at_all<S: Shelf>(shelf: S) {
    let store = settled(&shelf, 3).await;
    bring(&store, id(0, 0), State::Paid).await;
    bring(&store, id(1, 0), State::NotPaid).await;
    let before = store.matches(&MatchFilter::default(), ALL, at(1)).await.unwrap();
    for (other, says) in [
        (id(9, 0), "there is no trade"),
        (id(0, 1), "is with the grid and is never paid"),
        (id(1, 0), "is NotPaid and is offered for payment anyway"),
        (id(2, 0), "is Created and is offered for payment anyway"),
    ] {
        let error = store.reopen(&reopening(&[id(0, 0), other], 5)).await.unwrap_err().to_string();
        assert!(error.contains(says) && error.contains(&other.to_string()), "{error}");
    }
    assert_eq!(store.reopen(&reopening(&[], 5)).await.unwrap(), []);
    assert_eq!(store.matches(&MatchFilter::default(), ALL, at(6)).await.unwrap(), before);
    assert_eq!(store.reopened(10).await.unwrap(), []);
    let missing = store.reopen(&reopening(&[id(9, 0)], 5)).await.unwrap_err();
    assert!(matches!(missing, ReopenError::Unknown(trade) if trade == id(9, 0)), "{missing}");
}
