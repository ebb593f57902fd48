//! Leases: rights that one process has at a time. One document for each; every change names what it changes from.

use std::time::Duration;

use jiff::Timestamp;
use mongodb::bson::{Bson, DateTime, Document, doc};

use super::fault::{Fault, is_duplicate};
use super::field;
use super::server::Server;
use books::{Acquired, Lease, community_lease};

/// As [`books::Leases::acquire`].
pub(super) async fn acquire(
    server: &Server,
    name: &str,
    holder: &str,
    now: Timestamp,
    term: Duration,
) -> Result<Acquired, Fault> {
    server.check_writable()?;
    let until = now.checked_add(term).unwrap_or(Timestamp::MAX);
    loop {
        let found = server.leases.find_one(doc! { "_id": name }).await?;
        let token = match found.as_ref().map(read).transpose().map_err(|fault| fault.of(|| format!("lease {name}")))? {
            Some((Some(other), _, until)) if other != holder && until > now => {
                return Ok(Acquired::ByOther { owner: other, until });
            }
            Some((Some(other), token, _)) if other == holder => token,
            Some((_, token, _)) => token.saturating_add(1),
            None => 1,
        };
        let held =
            doc! { "holder": holder, "token": field::kept("a lease's token", token)?, "until": field::date(until) };
        if put(server, name, found, held).await? {
            return Ok(Acquired::Held(Lease { token, until }));
        }
    }
}

fn read(document: &Document) -> Result<(Option<String>, u64, Timestamp), Fault> {
    let holder = field::optional_text(document, "holder")?;
    Ok((holder, field::unsigned(document, "token")?, field::time(document, "until")?))
}

/// Writes a lease if it still is as it was found; answers whether it was.
async fn put(server: &Server, name: &str, found: Option<Document>, mut held: Document) -> Result<bool, Fault> {
    let Some(found) = found else {
        held.insert("_id", name);
        return match server.leases.insert_one(held).await {
            Err(error) if is_duplicate(&error) => Ok(false),
            inserted => Ok(inserted.map(|_| true)?),
        };
    };
    let changed = server.leases.find_one_and_update(found, doc! { "$set": held }).await?;
    Ok(changed.is_some())
}

/// As [`books::Leases::release`].
pub(super) async fn release(server: &Server, name: &str, holder: &str) -> Result<(), Fault> {
    server.check_writable()?;
    let free = doc! { "$set": { "holder": Bson::Null, "until": DateTime::from_millis(0) } };
    server.leases.find_one_and_update(doc! { "_id": name, "holder": holder }, free).await?;
    Ok(())
}

/// Whether somebody took the community's lease after the one with this token.
pub(super) async fn is_fenced(server: &Server, community: &str, fence: Option<u64>) -> Result<bool, Fault> {
    let Some(fence) = fence else { return Ok(false) };
    let name = community_lease(community);
    let Some(found) = server.leases.find_one(doc! { "_id": &name }).await? else { return Ok(false) };
    let (_, token, _) = read(&found).map_err(|fault| fault.of(|| format!("lease {name}")))?;
    Ok(token > fence)
}
