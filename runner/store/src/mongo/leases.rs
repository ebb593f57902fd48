//! Leases: rights that one process has at a time. One document for each; every change names what it changes from.

use std::time::{Duration, Instant};

use jiff::Timestamp;
use mongodb::bson::{Bson, doc};

use super::document::{encode, insert, one};
use super::fault::Fault;
use super::field::Date;
use super::known::{KnownLease, LeaseDocument};
use super::server::{Server, Stored};
use books::{Acquired, LEASE_TERM_MAX, Lease, Standing, community_lease};

impl Stored for LeaseDocument {
    const COLLECTION: &'static str = "leases";
}

impl KnownLease {
    /// Whether it was acquired with this token and nobody else can have it yet: for the first half of its term, since the clocks of
    /// others may be ahead.
    fn is_certain(&self, token: u64) -> bool {
        let is_held = self.document.holder.is_some() && self.document.token == token;
        is_held && self.since.elapsed() < self.term / 2
    }
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
    // Before the server is asked: whoever comes next counts from then at the earliest.
    let asked = Instant::now();
    // Mostly it still is as this process left it, which the change itself finds out.
    let mut known = server.leases().get(name).map(|known| known.document.clone());
    loop {
        let found = match known.take() {
            Some(known) => Some(known),
            None => find(server, name).await?,
        };
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
            let name = held.name.clone();
            server.leases().insert(name, KnownLease { document: held, since: asked, term });
            return Ok(Acquired::Held(Lease { token, until, replaced }));
        }
    }
}

/// Releases a lease if this holder has it.
pub(super) async fn release(server: &Server, name: &str, holder: &str) -> Result<(), Fault> {
    server.check_writable()?;
    let until = Date(Timestamp::UNIX_EPOCH);
    let free = doc! { "$set": { "holder": Bson::Null, "until": until } };
    let leases = server.of::<LeaseDocument>();
    let before = leases.find_one_and_update(doc! { "_id": name, "holder": holder }, free).await?;
    if let (Some(before), Some(known)) = (before, server.leases().get_mut(name)) {
        known.document = LeaseDocument { holder: None, until, ..before };
    }
    Ok(())
}

/// Whether somebody took the community's lease after the one with this token. Whoever has just acquired it knows without asking:
/// a commit has no command of its own for its lease. Should a clock be so wrong that another has it already, the chain still
/// takes only one of their commits.
pub(super) async fn is_fenced(server: &Server, community: &str, fence: Option<u64>) -> Result<bool, Fault> {
    let Some(fence) = fence else { return Ok(false) };
    let name = community_lease(community);
    if server.leases().get(&name).is_some_and(|known| known.is_certain(fence)) {
        return Ok(false);
    }
    let lease = find(server, &name).await?;
    Ok(lease.is_some_and(|lease| lease.token > fence))
}
