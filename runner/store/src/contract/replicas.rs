//! The contract for replicas, and for whoever watches many communities.

use super::*;

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(1_700_000_000 + second).unwrap()
}

fn replica(name: &str, until: i64) -> Replica {
    Replica { name: name.to_owned(), until: at(until) }
}

pub(super) async fn a_replica_lives_until_its_time_is_over_or_it_leaves<S: Shelf>(shelf: S) {
    let (one, other) = (shelf.open().await, shelf.open().await);
    assert_eq!(one.live(&replica("b", 30), at(0)).await.unwrap(), [replica("b", 30)]);
    assert_eq!(other.live(&replica("a", 40), at(10)).await.unwrap(), [replica("a", 40), replica("b", 30)]);
    assert_eq!(one.live(&replica("b", 50), at(20)).await.unwrap(), [replica("a", 40), replica("b", 50)]);
    assert_eq!(one.live(&replica("b", 70), at(40)).await.unwrap(), [replica("b", 70)]);
    // Late, but alive.
    assert_eq!(other.live(&replica("a", 75), at(45)).await.unwrap(), [replica("a", 75), replica("b", 70)]);
    other.leave("a").await.unwrap();
    other.leave("never there").await.unwrap();
    assert_eq!(shelf.open().await.live(&replica("b", 80), at(50)).await.unwrap(), [replica("b", 80)]);
}

pub(super) async fn replicas_that_ended_long_ago_are_forgotten<S: Shelf>(shelf: S) {
    let store = shelf.open().await;
    let hour = i64::try_from(LEASE_TERM_MAX.as_secs()).unwrap();
    store.live(&replica("old", 30), at(0)).await.unwrap();
    // A clock that is far ahead gives nobody a life that nobody can end.
    store.live(&replica("ahead", 9 * hour), at(8 * hour)).await.unwrap();
    assert_eq!(store.live(&replica("now", 60), at(30)).await.unwrap(), [replica("now", 60)]);
    assert_eq!(store.live(&replica("now", 2 * hour), at(2 * hour - 30)).await.unwrap(), [replica("now", 2 * hour)]);
}

pub(super) async fn the_marks_of_all_communities_are_known<S: Shelf>(shelf: S) {
    let store = shelf.open().await;
    assert_eq!(store.marks().await.unwrap(), []);
    for (name, numbers) in [("porto", 0..1), ("aveiro", 0..3)] {
        for number in numbers {
            put(&store, full(name, number)).await.unwrap();
        }
    }
    let expected = [("aveiro".to_owned(), boundary(3)), ("porto".to_owned(), boundary(1))];
    assert_eq!(shelf.open().await.marks().await.unwrap(), expected);
}
