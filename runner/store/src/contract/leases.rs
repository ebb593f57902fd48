//! The contract for leases.

use super::*;

const TERM: Duration = Duration::from_secs(30);

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(1_700_000_000 + second).unwrap()
}

fn held(token: u64, until: i64) -> Acquired {
    Acquired::Held(Lease { token, until: at(until), replaced: None })
}

pub(super) async fn a_lease_has_one_owner<S: Shelf>(shelf: S) {
    let (one, other) = (shelf.open().await, shelf.open().await);
    assert_eq!(one.acquire("community a", "one", at(0), TERM).await.unwrap(), held(1, 30));
    let taken = Acquired::HeldByOther { owner: "one".to_owned(), until: at(30) };
    assert_eq!(other.acquire("community a", "other", at(0), TERM).await.unwrap(), taken);
    assert_eq!(other.acquire("community a", "other", at(29), TERM).await.unwrap(), taken);
    assert_eq!(other.acquire("community b", "other", at(0), TERM).await.unwrap(), held(1, 30));
    // The owner may renew its lease, even late, and keeps its fencing token.
    assert_eq!(one.acquire("community a", "one", at(20), TERM).await.unwrap(), held(1, 50));
    assert_eq!(one.acquire("community a", "one", at(60), TERM).await.unwrap(), held(1, 90));
}

pub(super) async fn an_expired_or_released_lease_gets_a_new_fencing_token<S: Shelf>(shelf: S) {
    let store = shelf.open().await;
    store.acquire("a", "one", at(0), TERM).await.unwrap();
    assert_eq!(store.acquire("a", "other", at(30), TERM).await.unwrap(), held(2, 60));
    store.release("a", "one").await.unwrap();
    let taken = Acquired::HeldByOther { owner: "other".to_owned(), until: at(60) };
    assert_eq!(store.acquire("a", "one", at(31), TERM).await.unwrap(), taken);
    store.release("a", "other").await.unwrap();
    store.release("a", "other").await.unwrap();
    store.release("never taken", "other").await.unwrap();
    assert_eq!(shelf.open().await.acquire("a", "other", at(32), TERM).await.unwrap(), held(3, 62));
}

pub(super) async fn a_lease_that_lasts_longer_than_any_can_is_held_by_nobody<S: Shelf>(shelf: S) {
    let store = shelf.open().await;
    let hour = i64::try_from(LEASE_TERM_MAX.as_secs()).unwrap();
    // The longest one holds, also for a process whose clock is as right as this one.
    store.acquire("a", "one", at(0), LEASE_TERM_MAX).await.unwrap();
    let taken = Acquired::HeldByOther { owner: "one".to_owned(), until: at(hour) };
    assert_eq!(store.acquire("a", "other", at(0), TERM).await.unwrap(), taken);
    // A clock that is 200 days ahead, once.
    let days = 200 * 86_400;
    assert_eq!(store.acquire("a", "one", at(days), TERM).await.unwrap(), held(1, days + 30));
    let replaced = Some(at(days + 30));
    let lease = Lease { token: 2, until: at(31), replaced };
    assert_eq!(shelf.open().await.acquire("a", "other", at(1), TERM).await.unwrap(), Acquired::Held(lease));
    // Told once: from now on it is an ordinary lease.
    assert_eq!(store.acquire("a", "other", at(2), TERM).await.unwrap(), held(2, 32));
    let taken = Acquired::HeldByOther { owner: "other".to_owned(), until: at(32) };
    assert_eq!(store.acquire("a", "one", at(3), TERM).await.unwrap(), taken);
    // Its owner itself just renews it.
    assert_eq!(store.acquire("a", "other", at(days), TERM).await.unwrap(), held(2, days + 30));
    assert_eq!(store.acquire("a", "other", at(4), TERM).await.unwrap(), held(2, 34));
}

pub(super) async fn only_one_of_concurrent_requests_gets_the_lease<S: Shelf>(shelf: S) {
    let stores = [shelf.open().await, shelf.open().await];
    for round in 0..3_i64 {
        let asking = (0..6).map(|number: usize| {
            let store = stores[number % 2].clone();
            tokio::spawn(
                async move { store.acquire("a", &format!("process {round}.{number}"), at(round * 60), TERM).await },
            )
        });
        let mut tokens = Vec::new();
        for task in asking.collect::<Vec<_>>() {
            if let Acquired::Held(lease) = task.await.unwrap().unwrap() {
                tokens.push(lease.token);
            }
        }
        assert_eq!(tokens, [u64::try_from(round).unwrap() + 1]);
    }
}

pub(super) async fn a_commit_under_a_lost_lease_is_fenced<S: Shelf>(shelf: S) {
    let store = shelf.open().await;
    let lease = community_lease("aveiro");
    let commit = |fence, number, after: Option<u64>| {
        let after = after.map(boundary);
        store.commit(Arc::new(Commit { fence: Some(fence), after, ..full("aveiro", number) }))
    };
    store.acquire(&lease, "one", at(0), TERM).await.unwrap();
    assert_eq!(commit(1, 0, None).await.unwrap(), CommitOutcome::Committed);
    store.acquire(&lease, "other", at(40), TERM).await.unwrap();
    let before = (all_intervals(&store, "aveiro").await, store.progress("aveiro").await.unwrap());
    assert_eq!(commit(1, 1, Some(1)).await.unwrap(), CommitOutcome::Fenced);
    assert_eq!((all_intervals(&store, "aveiro").await, store.progress("aveiro").await.unwrap()), before);
    assert_eq!(commit(2, 1, Some(1)).await.unwrap(), CommitOutcome::Committed);
    // A commit without a lease, as by the command `settle`, is not fenced; nor is one under the lease of another
    // community.
    assert_eq!(put(&store, full("aveiro", 2)).await.unwrap(), CommitOutcome::Committed);
    let beta = Commit { fence: Some(1), ..full("beta", 0) };
    assert_eq!(store.commit(Arc::new(beta)).await.unwrap(), CommitOutcome::Committed);
}
