//! Links of members, sessions, and the record of visits: a document each.

use async_trait::async_trait;
use domain::{Digest, MemberId};
use jiff::Timestamp;
use mongodb::bson::oid::ObjectId;
use mongodb::bson::{Bson, Document, doc};
use serde::{Deserialize, Serialize};

use super::MongoStore;
use super::document::{all, insert, insert_missing, one};
use super::fault::Fault;
use super::field::{Date, HexDigest, date, date_from};
use super::server::{Server, Stored};
use books::{Link, ListedVisit, Role, Session, StoreError, Viewers, Visit, VisitFilter, VisitPlace, Who};

#[derive(Clone, PartialEq, Serialize, Deserialize)]
struct LinkDocument {
    #[serde(rename = "_id")]
    id: String,
    digest: HexDigest,
    community: String,
    member: String,
    created_at: Date,
    created_by: String,
    expires_at: Date,
    revoked_at: Option<Date>,
}

#[derive(Clone, PartialEq, Serialize, Deserialize)]
struct SessionDocument {
    #[serde(rename = "_id")]
    digest: HexDigest,
    /// Whose it is: the viewer's, or the link's.
    viewer: Option<String>,
    link: Option<String>,
    bound: HexDigest,
    expires_at: Date,
}

#[derive(Clone, Serialize, Deserialize)]
struct VisitDocument {
    #[serde(rename = "_id")]
    id: ObjectId,
    at: Date,
    viewer: String,
    role: String,
    page: String,
    community: Option<String>,
    member: Option<String>,
    status: u16,
}

impl Stored for LinkDocument {
    const COLLECTION: &'static str = "links";
}

impl Stored for SessionDocument {
    const COLLECTION: &'static str = "sessions";
}

impl Stored for VisitDocument {
    const COLLECTION: &'static str = "visits";
}

#[async_trait]
impl Viewers for MongoStore {
    async fn keep_link(&self, link: &Link) -> Result<bool, StoreError> {
        let document = LinkDocument::new(link);
        self.retry(|| keep_link(&self.server, &document)).await
    }

    async fn link(&self, id: &str) -> Result<Option<Link>, StoreError> {
        self.retry(|| link(&self.server, id)).await
    }

    async fn links(
        &self,
        community: Option<&str>,
        member: Option<&MemberId>,
        after: Option<&Link>,
        limit: usize,
    ) -> Result<Vec<Link>, StoreError> {
        self.retry(|| links(&self.server, community, member, after, limit)).await
    }

    async fn revoke_link(&self, id: &str, at: Timestamp) -> Result<Option<Link>, StoreError> {
        self.retry(|| revoke_link(&self.server, id, at)).await
    }

    async fn begin_session(&self, session: &Session, now: Timestamp) -> Result<(), StoreError> {
        self.retry(|| begin_session(&self.server, session, now)).await
    }

    async fn session(&self, digest: &Digest) -> Result<Option<Session>, StoreError> {
        self.retry(|| session(&self.server, digest)).await
    }

    async fn end_session(&self, digest: &Digest) -> Result<(), StoreError> {
        let end = || async {
            self.server.check_writable()?;
            self.server.of::<SessionDocument>().delete_one(doc! { "_id": digest.to_string() }).await?;
            Ok(())
        };
        self.retry(end).await
    }

    async fn keep_visits(&self, visits: &[Visit]) -> Result<(), StoreError> {
        // With their ids before the first try, so that another one adds nothing again.
        let documents: Vec<VisitDocument> = visits.iter().map(VisitDocument::new).collect();
        let keep = || async {
            self.server.check_writable()?;
            insert_missing(&self.server.of::<VisitDocument>(), &documents).await?;
            Ok(())
        };
        self.retry(keep).await
    }

    async fn visits(
        &self,
        filter: &VisitFilter,
        before: Option<&VisitPlace>,
        limit: usize,
    ) -> Result<Vec<ListedVisit>, StoreError> {
        self.retry(|| visits(&self.server, filter, before, limit)).await
    }
}

impl LinkDocument {
    fn new(link: &Link) -> LinkDocument {
        LinkDocument {
            id: link.id(),
            digest: HexDigest(link.digest),
            community: link.community.clone(),
            member: link.member.to_string(),
            created_at: Date(link.created_at),
            created_by: link.created_by.clone(),
            expires_at: Date(link.expires_at),
            revoked_at: link.revoked_at.map(Date),
        }
    }

    fn read(self) -> Result<Link, Fault> {
        Ok(Link {
            digest: self.digest.0,
            community: self.community,
            member: MemberId::from_stored(&self.member).map_err(|error| Fault::Record(error.into()))?,
            created_at: self.created_at.0,
            created_by: self.created_by,
            expires_at: self.expires_at.0,
            revoked_at: self.revoked_at.map(|at| at.0),
        })
    }
}

async fn keep_link(server: &Server, document: &LinkDocument) -> Result<bool, Fault> {
    server.check_writable()?;
    let links = server.of::<LinkDocument>();
    if insert(&links, document).await? {
        return Ok(true);
    }
    // An earlier try may have kept it, without its answer having arrived.
    Ok(one("link", &links, doc! { "_id": &document.id }).await?.as_ref() == Some(document))
}

async fn link(server: &Server, id: &str) -> Result<Option<Link>, Fault> {
    one("link", &server.of::<LinkDocument>(), doc! { "_id": id }).await?.map(LinkDocument::read).transpose()
}

async fn links(
    server: &Server,
    community: Option<&str>,
    member: Option<&MemberId>,
    after: Option<&Link>,
    limit: usize,
) -> Result<Vec<Link>, Fault> {
    let mut filter = Document::new();
    if let Some(community) = community {
        filter.insert("community", community);
    }
    if let Some(member) = member {
        filter.insert("member", member.as_str());
    }
    if let Some(after) = after {
        let at = date(after.created_at);
        let later = [doc! { "created_at": { "$gt": at } }, doc! { "created_at": at, "_id": { "$gt": after.id() } }];
        filter.insert("$or", later.to_vec());
    }
    let limit = i64::try_from(limit).unwrap_or(i64::MAX);
    let find = server.of::<LinkDocument>();
    let find = find.find(filter).sort(doc! { "created_at": 1, "_id": 1 }).limit(limit);
    all("link", find).await?.into_iter().map(LinkDocument::read).collect()
}

async fn revoke_link(server: &Server, id: &str, at: Timestamp) -> Result<Option<Link>, Fault> {
    server.check_writable()?;
    let revoke = doc! { "q": { "_id": id, "revoked_at": Bson::Null }, "u": { "$set": { "revoked_at": date(at) } } };
    server.update(&server.of::<LinkDocument>(), &[revoke]).await?;
    link(server, id).await
}

async fn begin_session(server: &Server, session: &Session, now: Timestamp) -> Result<(), Fault> {
    server.check_writable()?;
    let sessions = server.of::<SessionDocument>();
    sessions.delete_many(doc! { "expires_at": { "$lte": date(now) } }).await?;
    let (viewer, link) = match &session.who {
        Who::Viewer(name) => (Some(name.clone()), None),
        Who::Link(id) => (None, Some(id.clone())),
    };
    let (digest, bound) = (HexDigest(session.digest), HexDigest(session.bound));
    let document = SessionDocument { digest, viewer, link, bound, expires_at: Date(session.expires_at) };
    // One that is there already is this one, from an earlier try: nobody makes the same secret twice.
    insert(&sessions, &document).await?;
    Ok(())
}

async fn session(server: &Server, digest: &Digest) -> Result<Option<Session>, Fault> {
    let found = one("session", &server.of::<SessionDocument>(), doc! { "_id": digest.to_string() }).await?;
    let Some(SessionDocument { digest, viewer, link, bound, expires_at }) = found else { return Ok(None) };
    let who = match (viewer, link) {
        (Some(name), None) => Who::Viewer(name),
        (None, Some(id)) => Who::Link(id),
        _ => return Err(Fault::Record("a session is neither of a viewer nor of a link".into())),
    };
    Ok(Some(Session { digest: digest.0, who, bound: bound.0, expires_at: expires_at.0 }))
}

impl VisitDocument {
    fn new(visit: &Visit) -> VisitDocument {
        let Visit { at, viewer, role, page, community, member, status } = visit.clone();
        let (id, role) = (ObjectId::new(), role.as_str().to_owned());
        VisitDocument { id, at: Date(at), viewer, role, page, community, member, status }
    }

    fn read(self) -> Result<ListedVisit, Fault> {
        let VisitDocument { id, at: Date(at), viewer, role, page, community, member, status } = self;
        let unknown = || Fault::Record(format!("visit {id} has the unknown role {role:?}").into());
        let role = Role::of_name(&role).ok_or_else(unknown)?;
        let place = VisitPlace { at, number: id.to_hex() };
        Ok(ListedVisit { place, visit: Visit { at, viewer, role, page, community, member, status } })
    }
}

async fn visits(
    server: &Server,
    filter: &VisitFilter,
    before: Option<&VisitPlace>,
    limit: usize,
) -> Result<Vec<ListedVisit>, Fault> {
    let mut conditions = Vec::new();
    for (field, value) in [("community", &filter.community), ("member", &filter.member), ("viewer", &filter.viewer)] {
        conditions.extend(value.as_ref().map(|value| doc! { field: value }));
    }
    conditions.extend(filter.from.map(|from| doc! { "at": { "$gte": date_from(from) } }));
    conditions.extend(filter.to.map(|to| doc! { "at": { "$lt": date_from(to) } }));
    if let Some(before) = before {
        let at = date(before.at);
        let number = ObjectId::parse_str(&before.number).map_err(|error| Fault::Refused(error.into()))?;
        let earlier = [doc! { "at": { "$lt": at } }, doc! { "at": at, "_id": { "$lt": number } }];
        conditions.push(doc! { "$or": earlier.to_vec() });
    }
    let filter = if conditions.is_empty() {
        Document::new()
    } else {
        doc! { "$and": conditions }
    };
    let limit = i64::try_from(limit).unwrap_or(i64::MAX);
    let find = server.of::<VisitDocument>();
    let find = find.find(filter).sort(doc! { "at": -1, "_id": -1 }).limit(limit);
    all("visit", find).await?.into_iter().map(VisitDocument::read).collect()
}
