//! Links of members, sessions, and the record of visits.

use async_trait::async_trait;
use domain::{Digest, MemberId};
use jiff::Timestamp;
use rusqlite::{Connection, OptionalExtension, Row, Transaction, params};

use super::SqliteStore;
use super::fault::Fault;
use books::{Link, ListedVisit, Role, Session, StoreError, Viewers, Visit, VisitFilter, VisitPlace, Who};

const LINK: &str = "SELECT id, digest, community, member, created_at, created_by, expires_at, revoked_at FROM link";

#[async_trait]
impl Viewers for SqliteStore {
    async fn keep_link(&self, link: &Link) -> Result<bool, StoreError> {
        let link = link.clone();
        self.write_for_caller(move |transaction| keep_link(transaction, &link)).await
    }

    async fn link(&self, id: &str) -> Result<Option<Link>, StoreError> {
        let id = id.to_owned();
        self.read_list(move |connection| link(connection, &id)).await
    }

    async fn links(
        &self,
        community: Option<&str>,
        member: Option<&MemberId>,
        after: Option<&Link>,
        limit: usize,
    ) -> Result<Vec<Link>, StoreError> {
        let (community, member) = (community.map(str::to_owned), member.map(ToString::to_string));
        let after = after.map(|after| (after.created_at.as_millisecond(), after.id()));
        self.read_list(move |connection| links(connection, community, member, after, limit)).await
    }

    async fn revoke_link(&self, id: &str, at: Timestamp) -> Result<Option<Link>, StoreError> {
        let id = id.to_owned();
        self.write_for_caller(move |transaction| {
            transaction
                .prepare_cached("UPDATE link SET revoked_at = ?2 WHERE id = ?1 AND revoked_at IS NULL")?
                .execute(params![id, at.as_millisecond()])?;
            link(transaction, &id)
        })
        .await
    }

    async fn begin_session(&self, session: &Session, now: Timestamp) -> Result<(), StoreError> {
        let session = session.clone();
        self.write_for_caller(move |transaction| begin_session(transaction, &session, now)).await
    }

    async fn session(&self, digest: &Digest) -> Result<Option<Session>, StoreError> {
        let digest = *digest;
        self.read_list(move |connection| session(connection, &digest)).await
    }

    async fn end_session(&self, digest: &Digest) -> Result<(), StoreError> {
        let digest = *digest.as_bytes();
        self.write_for_caller(move |transaction| {
            transaction.prepare_cached("DELETE FROM session WHERE digest = ?1")?.execute([digest])?;
            Ok(())
        })
        .await
    }

    async fn keep_visits(&self, visits: &[Visit]) -> Result<(), StoreError> {
        let visits = visits.to_vec();
        self.write_for_caller(move |transaction| keep_visits(transaction, &visits)).await
    }

    async fn visits(
        &self,
        filter: &VisitFilter,
        before: Option<&VisitPlace>,
        limit: usize,
    ) -> Result<Vec<ListedVisit>, StoreError> {
        let (filter, before) = (filter.clone(), before.cloned());
        self.read_list(move |connection| visits_before(connection, &filter, before.as_ref(), limit)).await
    }
}

fn at(millisecond: i64) -> Result<Timestamp, Fault> {
    let wrong = |_| Fault::Record(format!("Unix millisecond {millisecond} is out of range").into());
    Timestamp::from_millisecond(millisecond).map_err(wrong)
}

fn keep_link(transaction: &Transaction<'_>, link: &Link) -> Result<bool, Fault> {
    let inserted = transaction
        .prepare_cached(
            "INSERT INTO link (id, digest, community, member, created_at, created_by, expires_at, revoked_at)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8) ON CONFLICT DO NOTHING",
        )?
        .execute(params![
            link.id(),
            link.digest.as_bytes(),
            link.community,
            link.member.as_str(),
            link.created_at.as_millisecond(),
            link.created_by,
            link.expires_at.as_millisecond(),
            link.revoked_at.map(Timestamp::as_millisecond),
        ])?;
    Ok(inserted > 0)
}

fn link(connection: &Connection, id: &str) -> Result<Option<Link>, Fault> {
    let mut select = connection.prepare_cached(&format!("{LINK} WHERE id = ?1"))?;
    let mut rows = select.query([id])?;
    rows.next()?.map(read_link).transpose()
}

fn links(
    connection: &Connection,
    community: Option<String>,
    member: Option<String>,
    after: Option<(i64, String)>,
    limit: usize,
) -> Result<Vec<Link>, Fault> {
    let (at, id) = after.unwrap_or((i64::MIN, String::new()));
    let limit = i64::try_from(limit).unwrap_or(i64::MAX);
    let mut select = connection.prepare_cached(&format!(
        "{LINK} WHERE (created_at, id) > (?1, ?2)
           AND (?3 IS NULL OR community = ?3) AND (?4 IS NULL OR member = ?4)
         ORDER BY created_at, id LIMIT ?5"
    ))?;
    let mut rows = select.query(params![at, id, community, member, limit])?;
    let mut links = Vec::new();
    while let Some(row) = rows.next()? {
        links.push(read_link(row)?);
    }
    Ok(links)
}

fn read_link(row: &Row<'_>) -> Result<Link, Fault> {
    let id: String = row.get(0)?;
    read_link_of(row).map_err(|fault| fault.of(|| format!("link {id}")))
}

fn read_link_of(row: &Row<'_>) -> Result<Link, Fault> {
    let (member, revoked_at): (String, Option<i64>) = (row.get(3)?, row.get(7)?);
    Ok(Link {
        digest: Digest::from_bytes(row.get(1)?),
        community: row.get(2)?,
        member: MemberId::from_stored(&member).map_err(|error| Fault::Record(error.into()))?,
        created_at: at(row.get(4)?)?,
        created_by: row.get(5)?,
        expires_at: at(row.get(6)?)?,
        revoked_at: revoked_at.map(at).transpose()?,
    })
}

fn begin_session(transaction: &Transaction<'_>, session: &Session, now: Timestamp) -> Result<(), Fault> {
    transaction.prepare_cached("DELETE FROM session WHERE expires_at <= ?1")?.execute([now.as_millisecond()])?;
    let (viewer, link) = match &session.who {
        Who::Viewer(name) => (Some(name), None),
        Who::Link(id) => (None, Some(id)),
    };
    let (digest, bound) = (session.digest.as_bytes(), session.bound.as_bytes());
    transaction
        .prepare_cached("INSERT INTO session (digest, viewer, link, bound, expires_at) VALUES (?1, ?2, ?3, ?4, ?5)")?
        .execute(params![digest, viewer, link, bound, session.expires_at.as_millisecond()])?;
    Ok(())
}

fn session(connection: &Connection, digest: &Digest) -> Result<Option<Session>, Fault> {
    let found = connection
        .prepare_cached("SELECT viewer, link, bound, expires_at FROM session WHERE digest = ?1")?
        .query_row([digest.as_bytes()], |row| {
            Ok((row.get::<_, Option<String>>(0)?, row.get::<_, Option<String>>(1)?, row.get(2)?, row.get(3)?))
        })
        .optional()?;
    let Some((viewer, link, bound, expires_at)) = found else { return Ok(None) };
    let who = match (viewer, link) {
        (Some(name), None) => Who::Viewer(name),
        (None, Some(id)) => Who::Link(id),
        _ => return Err(Fault::Record("a session is neither of a viewer nor of a link".into())),
    };
    Ok(Some(Session { digest: *digest, who, bound: Digest::from_bytes(bound), expires_at: at(expires_at)? }))
}

fn keep_visits(transaction: &Transaction<'_>, visits: &[Visit]) -> Result<(), Fault> {
    let mut insert = transaction.prepare_cached(
        "INSERT INTO visit (at, viewer, role, page, community, member, status) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
    )?;
    for Visit { at, viewer, role, page, community, member, status } in visits {
        insert.execute(params![at.as_millisecond(), viewer, role.as_str(), page, community, member, status])?;
    }
    Ok(())
}

fn visits_before(
    connection: &Connection,
    filter: &VisitFilter,
    before: Option<&VisitPlace>,
    limit: usize,
) -> Result<Vec<ListedVisit>, Fault> {
    let mut select = connection.prepare_cached(
        "SELECT number, at, viewer, role, page, community, member, status FROM visit
         WHERE at >= ?1 AND at < ?2 AND at <= ?3 AND (at, number) < (?3, ?4)
           AND (?5 IS NULL OR community = ?5) AND (?6 IS NULL OR member = ?6) AND (?7 IS NULL OR viewer = ?7)
         ORDER BY at DESC, number DESC LIMIT ?8",
    )?;
    let (from, to) = (filter.from.map_or(i64::MIN, first_from), filter.to.map_or(i64::MAX, first_from));
    let (at, number) = before
        .map_or((i64::MAX, i64::MAX), |before| (before.at.as_millisecond(), before.number.parse().unwrap_or(i64::MAX)));
    let VisitFilter { community, member, viewer, .. } = filter;
    let limit = i64::try_from(limit).unwrap_or(i64::MAX);
    let mut rows = select.query(params![from, to, at, number, community, member, viewer, limit])?;
    let mut visits = Vec::new();
    while let Some(row) = rows.next()? {
        let number: i64 = row.get(0)?;
        let visit = read_visit(row).map_err(|fault| fault.of(|| format!("visit {number}")))?;
        visits.push(ListedVisit { place: VisitPlace { at: visit.at, number: number.to_string() }, visit });
    }
    Ok(visits)
}

/// The first whole millisecond at or after an instant.
fn first_from(at: Timestamp) -> i64 {
    let is_between = at.as_nanosecond().rem_euclid(1_000_000) > 0;
    at.as_millisecond() + i64::from(is_between && at.as_nanosecond() > 0)
}

fn read_visit(row: &Row<'_>) -> Result<Visit, Fault> {
    let role: String = row.get(3)?;
    Ok(Visit {
        at: at(row.get(1)?)?,
        viewer: row.get(2)?,
        role: Role::of_name(&role).ok_or_else(|| Fault::Record(format!("it has the unknown role {role:?}").into()))?,
        page: row.get(4)?,
        community: row.get(5)?,
        member: row.get(6)?,
        status: row.get(7)?,
    })
}
