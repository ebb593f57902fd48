//! Which replicas live: one document for each, which only it changes.

use books::{LEASE_TERM_MAX, Replica, Standing};
use jiff::Timestamp;
use mongodb::bson::{DateTime, doc};
use serde::{Deserialize, Serialize};

use super::document::all;
use super::fault::Fault;
use super::field::Date;
use super::server::{Server, Stored};

#[derive(Serialize, Deserialize)]
struct ReplicaDocument {
    #[serde(rename = "_id")]
    name: String,
    until: Date,
}

impl Stored for ReplicaDocument {
    const COLLECTION: &'static str = "replicas";
}

pub(super) async fn live(server: &Server, replica: &Replica, now: Timestamp) -> Result<Vec<Replica>, Fault> {
    server.check_writable()?;
    let replicas = server.of::<ReplicaDocument>();
    let until = DateTime::from_millis(replica.until.as_millisecond());
    let update = doc! { "q": { "_id": &replica.name }, "u": { "$set": { "until": until } }, "upsert": true };
    server.update(&replicas, &[update]).await?;
    let found = all("replica", replicas.find(doc! {}).sort(doc! { "_id": 1 })).await?;
    // What is over for longer than any can last is of processes that ended, whatever clocks say.
    let forgotten = now.checked_sub(LEASE_TERM_MAX).unwrap_or(Timestamp::MIN);
    if found.iter().any(|replica| replica.until.0 < forgotten) {
        let forgotten = DateTime::from_millis(forgotten.as_millisecond());
        replicas.delete_many(doc! { "until": { "$lt": forgotten } }).await?;
    }
    let living = found.into_iter().map(|ReplicaDocument { name, until: Date(until) }| Replica { name, until });
    Ok(living.filter(|replica| Standing::of(replica.until, now, LEASE_TERM_MAX) == Standing::Valid).collect())
}

pub(super) async fn leave(server: &Server, name: &str) -> Result<(), Fault> {
    server.check_writable()?;
    server.of::<ReplicaDocument>().delete_one(doc! { "_id": name }).await?;
    Ok(())
}
