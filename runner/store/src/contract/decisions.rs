//! The contract for uploads, decisions and shadow totals.

use super::*;

fn at(millisecond: i64) -> Timestamp {
    Timestamp::from_millisecond(1_700_000_000_000 + millisecond).unwrap()
}

fn label(name: &str, version: &str, component: &[u8]) -> Label {
    Label { digest: Digest::of(component), name: name.to_owned(), version: version.to_owned() }
}

fn upload(name: &str, version: &str, component: &[u8], when: i64) -> Version {
    Version {
        label: label(name, version, component),
        summary: "fair".to_owned(),
        component_bytes: component.len() as u64,
        uploaded_at: at(when),
        uploaded_by: "ops".to_owned(),
        report: "{\"passed\":true}".to_owned(),
    }
}

fn change(community: Option<&str>, when: i64, action: Action) -> Change {
    Change { at: at(when), by: "öps \u{1f4a1}".to_owned(), community: community.map(str::to_owned), action }
}

fn settings() -> Option<Vec<(String, String)>> {
    Some(vec![("price".to_owned(), "1".to_owned()), ("a".to_owned(), String::new())])
}

/// One decision of each kind.
fn decisions() -> Vec<Action> {
    let (before, to) = (label("mid", "1", b"m"), label("own", "2@x", b"o"));
    vec![
        Action::Activate {
            before: before.clone(),
            to: to.clone(),
            start: boundary(3),
            settings: settings(),
            confirmed: None,
        },
        Action::StartShadow { candidate: to.clone(), since: boundary(1), settings: None },
        Action::EndShadow { candidate: to.clone() },
        Action::Activate {
            before: before.clone(),
            to: to.clone(),
            start: boundary(4),
            settings: None,
            confirmed: Some("a is worse off".to_owned()),
        },
        Action::RollBack { before: to.clone(), activation: 7, to: before.clone(), start: boundary(4), reason: None },
        Action::RollBack {
            before: to,
            activation: 1,
            to: before,
            start: boundary(4),
            reason: Some("it traps".to_owned()),
        },
    ]
}

/// The current state of a community.
async fn state(store: &impl Store, community: &str) -> ExpectedState {
    let decisions = store.decisions(community).await.unwrap();
    let decision = decisions.iter().filter_map(|kept| kept.number).max().unwrap_or(0);
    // For a community without settled intervals, a decision may take effect from the first one.
    let open = store.mark(community).await.unwrap().unwrap_or(boundary(0));
    ExpectedState { open: Some(open), decision }
}

async fn put_knowing(store: &impl Store, decision: u64, commit: Commit) {
    assert_eq!(put(store, Commit { decision, ..commit }).await.unwrap(), CommitOutcome::Committed);
}

async fn decide(store: &impl Store, community: &str, when: i64, action: Action) -> Option<u64> {
    let at = state(store, community).await;
    store.decide(community, &change(Some(community), when, action), at).await.unwrap()
}

pub(super) async fn an_upload_is_stored_with_its_component<S: Shelf>(shelf: S) {
    let store = shelf.open().await;
    assert_eq!(store.versions().await.unwrap(), []);
    let large: Arc<[u8]> = (0..20_000_000_u32).map(|number| number.to_le_bytes()[1]).collect();
    let (one, two) = (upload("own", "1", b"one", 5), upload("own", "2", &large, 2));
    assert_eq!(store.keep_version(&one, b"one".as_slice().into()).await.unwrap(), UploadOutcome::Stored);
    assert_eq!(store.keep_version(&two, Arc::clone(&large)).await.unwrap(), UploadOutcome::Stored);
    let again = shelf.open().await;
    assert_eq!(again.versions().await.unwrap(), [two, one]);
    assert_eq!(again.component(&Digest::of(b"one")).await.unwrap().as_deref(), Some(b"one".as_slice()));
    assert!(again.component(&Digest::of(&large)).await.unwrap().as_deref() == Some(&large[..]));
}

pub(super) async fn a_label_refers_to_one_digest_for_ever<S: Shelf>(shelf: S) {
    let store = shelf.open().await;
    let first = upload("own", "1", b"one", 1);
    store.keep_version(&first, b"one".as_slice().into()).await.unwrap();
    // The same component again, by another caller and later, gives the first upload.
    let again = Version { uploaded_by: "other".to_owned(), ..upload("own", "1", b"one", 9) };
    let kept = store.keep_version(&again, b"one".as_slice().into()).await.unwrap();
    assert_eq!(kept, UploadOutcome::AlreadyStored(first.clone()));
    let other = upload("own", "1", b"other", 9);
    let kept = store.keep_version(&other, b"other".as_slice().into()).await.unwrap();
    assert_eq!(kept, UploadOutcome::NameTaken(first.clone()));
    assert_eq!(store.versions().await.unwrap(), [first]);
    // Different labels with the same text are different.
    for (name, version) in [("own@1", "2"), ("own", "1@2")] {
        let component = format!("{name} {version}");
        let alike = upload(name, version, component.as_bytes(), 10);
        let kept = store.keep_version(&alike, component.as_bytes().into()).await.unwrap();
        assert_eq!(kept, UploadOutcome::Stored, "{name} {version}");
    }
}

pub(super) async fn only_one_of_concurrent_uploads_gets_the_label<S: Shelf>(shelf: S) {
    let stores = [shelf.open().await, shelf.open().await];
    let uploads = (0..8_usize).map(|number| {
        let store = stores[number % 2].clone();
        let component = number.to_le_bytes();
        tokio::spawn(async move {
            store.keep_version(&upload("own", "1", &component, 1), component.as_slice().into()).await.unwrap()
        })
    });
    let mut kept = Vec::new();
    for task in uploads.collect::<Vec<_>>() {
        kept.push(task.await.unwrap());
    }
    assert_eq!(kept.iter().filter(|kept| **kept == UploadOutcome::Stored).count(), 1, "{kept:?}");
    let versions = stores[0].versions().await.unwrap();
    assert_eq!(versions.len(), 1);
    assert!(stores[1].component(&versions[0].label.digest).await.unwrap().is_some());
}

pub(super) async fn a_name_stays_pinned_to_its_first_digest<S: Shelf>(shelf: S) {
    let (store, other) = (shelf.open().await, shelf.open().await);
    let (one, two) = (Digest::of(b"one"), Digest::of(b"two"));
    assert_eq!(store.pinned("a", "own").await.unwrap(), None);
    assert_eq!(store.pin("a", "own", one).await.unwrap(), one);
    assert_eq!(other.pin("a", "own", two).await.unwrap(), one);
    assert_eq!(other.pin("b", "own", two).await.unwrap(), two);
    assert_eq!(shelf.open().await.pinned("a", "own").await.unwrap(), Some(one));
    assert_eq!(store.pinned("a", "other").await.unwrap(), None);
}

pub(super) async fn decisions_are_listed_in_order<S: Shelf>(shelf: S) {
    let store = shelf.open().await;
    let mut expected = Vec::new();
    for (when, action) in (0..).zip(decisions()) {
        // The order does not depend on the clock.
        let when = -10 * when;
        let number = decide(&store, "aveiro", when, action.clone()).await.unwrap();
        expected.push(KeptChange { number: Some(number), change: change(Some("aveiro"), when, action) });
    }
    assert!(expected.is_sorted_by_key(|kept| kept.number));
    let again = shelf.open().await;
    assert_eq!(again.decisions("aveiro").await.unwrap(), expected);
    assert_eq!(again.decisions("beta").await.unwrap(), []);
    // Decisions do not count as intervals.
    let newest = expected.last().and_then(|kept| kept.number).unwrap();
    let progress = again.progress("aveiro").await.unwrap();
    assert_eq!(progress, Progress { decision: newest, ..Progress::default() });
    assert_eq!(all_intervals(&again, "aveiro").await, []);
    assert_eq!(again.examine().await.unwrap(), [""; 0]);
}

pub(super) async fn notes_decide_nothing<S: Shelf>(shelf: S) {
    let store = shelf.open().await;
    let own = label("own", "1", b"o");
    let number = decide(&store, "aveiro", 1, Action::EndShadow { candidate: own.clone() }).await.unwrap();
    let before = state(&store, "aveiro").await;
    let (algorithm, reason) = (own, "it traps".to_owned());
    let failed = change(Some("aveiro"), 2, Action::Fail { algorithm, activation: number, start: boundary(2), reason });
    let refused = Action::Refuse { digest: Digest::of(b"x"), reason: "no component".to_owned() };
    let refused = change(None, 3, refused);
    store.note(&failed).await.unwrap();
    store.note(&refused).await.unwrap();
    assert_eq!(state(&store, "aveiro").await, before);
    let decisions = store.decisions("aveiro").await.unwrap();
    assert_eq!(decisions[1..], [KeptChange { number: None, change: failed.clone() }]);
    let newest = |community, limit| store.changes(community, limit);
    let named = |kept: Vec<KeptChange>| kept.into_iter().map(|kept| kept.change.action.code()).collect::<Vec<_>>();
    assert_eq!(named(newest(None, 9).await.unwrap()), ["refused", "failed", "shadow-ended"]);
    assert_eq!(named(newest(None, 1).await.unwrap()), ["refused"]);
    assert_eq!(named(newest(None, 0).await.unwrap()), [""; 0]);
    assert_eq!(named(newest(Some("aveiro"), 9).await.unwrap()), ["failed", "shadow-ended"]);
    assert_eq!(newest(None, 1).await.unwrap()[0].change, refused);
}

pub(super) async fn a_decision_requires_the_expected_state<S: Shelf>(shelf: S) {
    let store = shelf.open().await;
    let end = || Action::EndShadow { candidate: label("own", "1", b"o") };
    let before = state(&store, "aveiro").await;
    assert_eq!(before, ExpectedState { open: Some(boundary(0)), decision: 0 });
    assert_eq!(store.progress("aveiro").await.unwrap().decision, 0);
    // Also before the first interval.
    let early = store.decide("porto", &change(Some("porto"), 1, end()), state(&store, "porto").await).await.unwrap();
    let progress = store.progress("porto").await.unwrap();
    assert_eq!((progress.mark, Some(progress.decision)), (None, early));
    put(&store, full("aveiro", 0)).await.unwrap();
    let late = store.decide("aveiro", &change(Some("aveiro"), 1, end()), before).await.unwrap();
    assert_eq!(late, None);
    assert_eq!(store.decisions("aveiro").await.unwrap(), []);
    let here = state(&store, "aveiro").await;
    let first = store.decide("aveiro", &change(Some("aveiro"), 1, end()), here).await.unwrap();
    assert!(first.is_some());
    assert_eq!(store.progress("aveiro").await.unwrap().decision, first.unwrap());
    // The same expected state a second time: another decision was made first.
    assert_eq!(store.decide("aveiro", &change(Some("aveiro"), 2, end()), here).await.unwrap(), None);
    assert_eq!(store.decisions("aveiro").await.unwrap().len(), 1);
    // An interval settled in the meantime matters only if the expected state says so.
    put_knowing(&store, first.unwrap(), full("aveiro", 1)).await;
    let settled = ExpectedState { decision: first.unwrap(), ..here };
    assert_eq!(store.decide("aveiro", &change(Some("aveiro"), 3, end()), settled).await.unwrap(), None);
    let anywhere = ExpectedState { open: None, ..settled };
    assert!(store.decide("aveiro", &change(Some("aveiro"), 3, end()), anywhere).await.unwrap() > first);
}

pub(super) async fn a_commit_that_misses_a_decision_is_overtaken<S: Shelf>(shelf: S) {
    let store = shelf.open().await;
    put(&store, full("aveiro", 0)).await.unwrap();
    let own = label("own", "1", b"o");
    let activate =
        Action::Activate { before: own.clone(), to: own, start: boundary(1), settings: None, confirmed: None };
    let number = decide(&store, "aveiro", 1, activate).await.unwrap();
    let next = |decision| Arc::new(Commit { decision, after: Some(boundary(1)), ..full("aveiro", 1) });
    assert_eq!(store.commit(next(0)).await.unwrap(), CommitOutcome::Overtaken);
    assert_eq!(store.commit(next(number + 1)).await.unwrap(), CommitOutcome::Overtaken);
    assert_eq!(all_intervals(&store, "aveiro").await.len(), 1);
    assert_eq!(store.commit(next(number)).await.unwrap(), CommitOutcome::Committed);
    assert_eq!(all_intervals(&shelf.open().await, "aveiro").await.len(), 2);
    // Other communities are not affected.
    assert_eq!(put(&store, full("beta", 0)).await.unwrap(), CommitOutcome::Committed);
    assert_eq!(store.examine().await.unwrap(), [""; 0]);
}

pub(super) async fn only_one_of_a_concurrent_commit_and_decision_succeeds<S: Shelf>(shelf: S) {
    let (settles, decides) = (shelf.open().await, shelf.open().await);
    put(&settles, full("aveiro", 0)).await.unwrap();
    for number in 1..6 {
        let at = state(&settles, "aveiro").await;
        let commit = Commit { decision: at.decision, after: at.open, ..full("aveiro", number) };
        let end = change(Some("aveiro"), 1, Action::EndShadow { candidate: label("own", "1", b"o") });
        let (settles, decides) = (settles.clone(), decides.clone());
        let committed = tokio::spawn(async move { settles.commit(Arc::new(commit)).await.unwrap() });
        let decided = tokio::spawn(async move { decides.decide("aveiro", &end, at).await.unwrap() });
        let (committed, decided) = (committed.await.unwrap(), decided.await.unwrap());
        assert_eq!(committed == CommitOutcome::Committed, decided.is_none(), "{committed:?} {decided:?}");
        if decided.is_some() {
            let store = shelf.open().await;
            let ExpectedState { open, decision } = state(&store, "aveiro").await;
            let commit = Commit { decision, after: open, ..full("aveiro", number) };
            assert_eq!(store.commit(Arc::new(commit)).await.unwrap(), CommitOutcome::Committed);
        }
    }
    assert_eq!(settles.examine().await.unwrap(), [""; 0]);
}

pub(super) async fn shadow_totals_are_replaced_only_from_the_expected_end<S: Shelf>(shelf: S) {
    let (store, other) = (shelf.open().await, shelf.open().await);
    let own = label("own", "1", b"o");
    let start = Action::StartShadow { candidate: own, since: boundary(1), settings: None };
    let number = decide(&store, "aveiro", 1, start).await.unwrap();
    let state = |until, intervals| ShadowState {
        until: boundary(until),
        totals: ShadowTotals { intervals, ..ShadowTotals::default() },
    };
    assert_eq!(store.shadow_totals("aveiro", number).await.unwrap(), None);
    let keep = |store: S::Store, after: Option<u64>, state: ShadowState| async move {
        store.keep_shadow_totals("aveiro", number, after.map(boundary), &state).await.unwrap()
    };
    assert!(keep(store.clone(), None, state(2, 1)).await);
    assert!(!keep(other.clone(), None, state(3, 7)).await);
    assert!(!keep(other.clone(), Some(1), state(3, 7)).await);
    assert!(keep(other.clone(), Some(2), state(3, 2)).await);
    assert!(!keep(store.clone(), Some(2), state(3, 9)).await);
    assert_eq!(shelf.open().await.shadow_totals("aveiro", number).await.unwrap(), Some(state(3, 2)));
}
