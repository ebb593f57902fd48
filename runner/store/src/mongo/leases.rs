//! Leases: rights that one process has at a time. One document for each; every change names what it changes from.

use std::time::Duration;

use jiff::Timestamp;
use mongodb::bson::{Bson, DateTime, doc};
use serde::{Deserialize, Serialize};

use super::document::{encode, insert, one};
use super::fault::Fault;
use super::field::Date;
use super::server::{Server, Stored};
use books::{Acquired, LEASE_TERM_MAX, Lease, Standing, community_lease};

#[derive(Serialize, Deserialize)]
pub(super) struct LeaseDocument {
    #[serde(rename = "_id")]
    name: String,
    /// None if it was released.
    holder: Option<String>,
    token: u64,
    until: Date,
}

impl Stored for LeaseDocument {
    const COLLECTION: &'static str = "leases";
}

async fn find(server: &Server, name: &str) -> Result<Option<LeaseDocument>, Fault> {
    one("lease", &server.of::<LeaseDocument>(), doc! { "_id": name }).await
}

/// Takes a lease that nobody else holds, or extends it.
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
        let found = find(server, name).await?;
        let (token, replaced) = match &found {
            Some(LeaseDocument { holder: Some(other), token, until: Date(until), .. }) if other != holder => {
                match Standing::of(*until, now, LEASE_TERM_MAX) {
                    Standing::Valid => return Ok(Acquired::HeldByOther { owner: other.clone(), until: *until }),
                    standing => (token.saturating_add(1), (standing == Standing::TooFar).then_some(*until)),
                }
            }
            Some(LeaseDocument { holder: Some(_), token, .. }) => (*token, None),
            Some(released) => (released.token.saturating_add(1), None),
            None => (1, None),
        };
        let (name, holder) = (name.to_owned(), Some(holder.to_owned()));
        let held = LeaseDocument { name, holder, token, until: Date(until) };
        let taken = match found {
            None => insert(&server.of::<LeaseDocument>(), &held).await?,
            // Only if it still is as it was found.
            Some(found) => server.of::<LeaseDocument>().find_one_and_replace(encode(&found)?, &held).await?.is_some(),
        };
        if taken {
            return Ok(Acquired::Held(Lease { token, until, replaced }));
        }
    }
}

/// Releases a lease if this holder has it.
pub(super) async fn release(server: &Server, name: &str, holder: &str) -> Result<(), Fault> {
    server.check_writable()?;
    let free = doc! { "$set": { "holder": Bson::Null, "until": DateTime::from_millis(0) } };
    server.of::<LeaseDocument>().find_one_and_update(doc! { "_id": name, "holder": holder }, free).await?;
    Ok(())
}

/// Whether somebody took the community's lease after the one with this token.
pub(super) async fn is_fenced(server: &Server, community: &str, fence: Option<u64>) -> Result<bool, Fault> {
    let Some(fence) = fence else { return Ok(false) };
    let lease = find(server, &community_lease(community)).await?;
    Ok(lease.is_some_and(|lease| lease.token > fence))
}
