//! The contract for links of members, sessions, and visits.

use books::{Link, ListedVisit, Role, Session, Viewers, Visit, VisitFilter, VisitPlace, Who};

use super::*;

fn at(millisecond: i64) -> Timestamp {
    Timestamp::from_millisecond(1_700_000_000_000 + millisecond).unwrap()
}

fn link(token: &str, community: &str, member: &str, created_at: i64) -> Link {
    Link {
        digest: Digest::of(token.as_bytes()),
        community: community.to_owned(),
        member: super::member(member),
        created_at: at(created_at),
        created_by: "ana".to_owned(),
        expires_at: at(created_at + 86_400_000),
        revoked_at: None,
    }
}

pub(super) async fn a_link_is_kept_once_and_found_by_its_id<S: Shelf>(shelf: S) {
    let store = shelf.open().await;
    let kept = link("secret", "aveiro", "M\u{fc}hle 5", 1);
    assert_eq!(kept.id().len(), 12);
    assert!(store.keep_link(&kept).await.unwrap());
    // Another link that would have its name.
    let taken = Link { member: member("other"), ..kept.clone() };
    assert!(!store.keep_link(&taken).await.unwrap());
    let again = shelf.open().await;
    assert_eq!(again.link(&kept.id()).await.unwrap(), Some(kept.clone()));
    assert_eq!(again.link("").await.unwrap(), None);
    assert_eq!(again.link(&Digest::of(b"other").short()).await.unwrap(), None);
    assert!(kept.is_valid(at(0)) && kept.is_valid(at(86_400_000)) && !kept.is_valid(at(86_400_001)));
}

pub(super) async fn a_link_is_revoked_once<S: Shelf>(shelf: S) {
    let (store, other) = (shelf.open().await, shelf.open().await);
    let kept = link("secret", "aveiro", "a", 0);
    store.keep_link(&kept).await.unwrap();
    let revoked = Link { revoked_at: Some(at(7)), ..kept.clone() };
    assert_eq!(store.revoke_link(&kept.id(), at(7)).await.unwrap(), Some(revoked.clone()));
    assert!(!revoked.is_valid(at(7)));
    // Whoever is late changes nothing.
    assert_eq!(other.revoke_link(&kept.id(), at(9)).await.unwrap(), Some(revoked.clone()));
    assert_eq!(other.link(&kept.id()).await.unwrap(), Some(revoked));
    assert_eq!(other.revoke_link("0123456789ab", at(9)).await.unwrap(), None);
}

pub(super) async fn links_are_listed_as_they_were_made_and_paged<S: Shelf>(shelf: S) {
    let store = shelf.open().await;
    assert_eq!(store.links(None, None, None, 10).await.unwrap(), []);
    let mut made: Vec<Link> =
        [("1", "aveiro", "a", 5), ("2", "porto", "a", 3), ("3", "aveiro", "b", 5), ("4", "porto", "b", 5)]
            .map(|(token, community, member, at)| link(token, community, member, at))
            .to_vec();
    for link in &made {
        store.keep_link(link).await.unwrap();
    }
    made.sort_by_key(|link| (link.created_at, link.id()));
    let mut listed: Vec<Link> = Vec::new();
    loop {
        let page = store.links(None, None, listed.last(), 1).await.unwrap();
        if page.is_empty() {
            break;
        }
        listed.extend(page);
    }
    assert_eq!(listed, made);
    let of = |community: &'static str, member: Option<&'static str>| {
        let is_of =
            move |link: &&Link| link.community == community && member.is_none_or(|it| it == link.member.as_str());
        made.iter().filter(is_of).cloned().collect::<Vec<_>>()
    };
    assert_eq!(store.links(Some("aveiro"), None, None, 10).await.unwrap(), of("aveiro", None));
    assert_eq!(store.links(Some("porto"), Some(&member("b")), None, 10).await.unwrap(), of("porto", Some("b")));
    assert_eq!(store.links(Some("porto"), Some(&member("c")), None, 10).await.unwrap(), []);
    assert_eq!(store.links(None, Some(&member("a")), None, 10).await.unwrap().len(), 2);
}

fn session(secret: &str, who: Who, expires_at: i64) -> Session {
    let (digest, bound) = (Digest::of(secret.as_bytes()), Digest::of(b"bound"));
    Session { digest, who, bound, expires_at: at(expires_at) }
}

pub(super) async fn a_session_lasts_until_it_is_ended_and_ended_ones_are_forgotten<S: Shelf>(shelf: S) {
    let (store, other) = (shelf.open().await, shelf.open().await);
    let of_viewer = session("1", Who::Viewer("Ana".to_owned()), 100);
    let of_link = session("2", Who::Link("0123456789ab".to_owned()), 200);
    store.begin_session(&of_viewer, at(0)).await.unwrap();
    store.begin_session(&of_link, at(0)).await.unwrap();
    assert_eq!(other.session(&of_viewer.digest).await.unwrap(), Some(of_viewer.clone()));
    assert_eq!(other.session(&of_link.digest).await.unwrap(), Some(of_link.clone()));
    assert_eq!(other.session(&Digest::of(b"3")).await.unwrap(), None);
    // At its end it is forgotten with the next one that begins.
    let next = session("4", Who::Viewer("Ana".to_owned()), 300);
    other.begin_session(&next, at(100)).await.unwrap();
    assert_eq!(store.session(&of_viewer.digest).await.unwrap(), None);
    assert_eq!(store.session(&of_link.digest).await.unwrap(), Some(of_link.clone()));
    store.end_session(&of_link.digest).await.unwrap();
    store.end_session(&of_link.digest).await.unwrap();
    assert_eq!(other.session(&of_link.digest).await.unwrap(), None);
    assert_eq!(other.session(&next.digest).await.unwrap(), Some(next));
}

fn visit(millisecond: i64, viewer: &str, (community, member): (Option<&str>, Option<&str>)) -> Visit {
    Visit {
        at: at(millisecond),
        viewer: viewer.to_owned(),
        role: if member.is_some() { Role::Member } else { Role::Manager },
        page: "/c/a%20b?period=2024-05".to_owned(),
        community: community.map(str::to_owned),
        member: member.map(str::to_owned),
        status: if millisecond == 5 { 404 } else { 200 },
    }
}

fn seen(listed: Vec<ListedVisit>) -> Vec<Visit> {
    listed.into_iter().map(|listed| listed.visit).collect()
}

pub(super) async fn visits_are_listed_newest_first_and_paged<S: Shelf>(shelf: S) {
    let store = shelf.open().await;
    store.keep_visits(&[]).await.unwrap();
    assert_eq!(store.visits(&VisitFilter::default(), None, 10).await.unwrap(), []);
    let at_once = ["a", "b", "c"].map(|viewer| visit(5, viewer, (None, None)));
    let later = [visit(9, "d", (Some("a b"), Some("m"))), visit(2, "e", (Some("a b"), None))];
    store.keep_visits(&at_once).await.unwrap();
    store.keep_visits(&later).await.unwrap();
    let [a, b, c] = at_once;
    let [d, e] = later;
    let expected = [d, c, b, a, e];
    assert_eq!(seen(store.visits(&VisitFilter::default(), None, 10).await.unwrap()), expected);
    let mut paged = Vec::new();
    let mut before: Option<VisitPlace> = None;
    loop {
        let page = shelf.open().await.visits(&VisitFilter::default(), before.as_ref(), 2).await.unwrap();
        let Some(last) = page.last() else { break };
        before = Some(last.place.clone());
        paged.extend(seen(page));
    }
    assert_eq!(paged, expected);
}

pub(super) async fn visits_are_found_by_page_viewer_and_time<S: Shelf>(shelf: S) {
    let store = shelf.open().await;
    let of = |at, viewer, community, member| visit(at, viewer, (community, member));
    let all = [
        of(1, "Ana", Some("a"), Some("m")),
        of(2, "Ana", Some("b"), Some("m")),
        of(3, "link 1", Some("a"), Some("m")),
        of(4, "Ana", Some("a"), None),
    ];
    store.keep_visits(&all).await.unwrap();
    let found = async |filter: VisitFilter| -> Vec<i64> {
        let listed = store.visits(&filter, None, 10).await.unwrap();
        listed.iter().map(|listed| listed.visit.at.as_millisecond() - at(0).as_millisecond()).collect()
    };
    let some = |text: &str| Some(text.to_owned());
    assert_eq!(found(VisitFilter { community: some("a"), ..VisitFilter::default() }).await, [4, 3, 1]);
    assert_eq!(found(VisitFilter { member: some("m"), ..VisitFilter::default() }).await, [3, 2, 1]);
    let own = VisitFilter { community: some("a"), member: some("m"), viewer: some("Ana"), ..VisitFilter::default() };
    assert_eq!(found(own).await, [1]);
    assert_eq!(found(VisitFilter { viewer: some("nobody"), ..VisitFilter::default() }).await, [0; 0]);
    // From inclusive, to exclusive; what is between two milliseconds begins with the later one.
    let span = |from, to| VisitFilter { from: Some(from), to: Some(to), ..VisitFilter::default() };
    assert_eq!(found(span(at(2), at(4))).await, [3, 2]);
    let between = at(1) + Duration::from_nanos(1);
    assert_eq!(found(span(between, at(4) + Duration::from_nanos(1))).await, [4, 3, 2]);
}
