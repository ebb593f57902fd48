//! Changes several documents as one: the changes are published as a whole before the first of them is made.
//!
//! The journal of trades and that of prices are one document each, with the number and the changes of the newest entry. To
//! change something, a process completes the newest entry, reads, decides, and publishes what it decided as the next
//! number. The server refuses that if somebody else has published meanwhile; then the process begins again. So nothing
//! comes between what was read and what is decided, and there is no lock that a dead process could keep. Each change names
//! the revision of the document that it is for and leaves the number of its entry as the next revision, so making it again,
//! however late, undoes nothing that came after.

use mongodb::bson::oid::ObjectId;
use mongodb::bson::{Bson, doc};
use prost::{DecodeError, Message};
use serde::{Deserialize, Serialize};

use super::document::{insert, one};
use super::fault::Fault;
use super::field::Bytes;
use super::server::{Server, Stored};
use crate::cause::about;

/// The largest entry in bytes: a document may have 16 MiB.
const ENTRY_BYTES_MAX: usize = 12 << 20;

/// Which documents a journal is about.
#[derive(Clone, Copy, Debug)]
pub(super) enum Journal {
    /// What becomes of trades.
    Trades,
    /// What members say.
    Prices,
}

/// The newest entry of a journal.
#[derive(Serialize, Deserialize)]
pub(super) struct Entry {
    #[serde(rename = "_id")]
    journal: String,
    pub(super) number: i64,
    /// What is to be done; none if it is known to be done.
    #[serde(skip_serializing_if = "Option::is_none")]
    changes: Option<Bytes>,
    by: ObjectId,
}

impl Stored for Entry {
    const COLLECTION: &'static str = "journal";
}

impl Journal {
    fn id(self) -> &'static str {
        match self {
            Journal::Trades => "trades",
            Journal::Prices => "prices",
        }
    }

    /// The number of the newest entry, 0 if there is none, and what is to be done if it is not known to be done.
    pub(super) async fn newest<M: Message + Default>(self, server: &Server) -> Result<(i64, Option<M>), Fault> {
        let found = one("the journal of", &server.of::<Entry>(), doc! { "_id": self.id() }).await?;
        let Some(Entry { number, changes, .. }) = found else { return Ok((0, None)) };
        let unreadable =
            |error: DecodeError| Fault::Record(about(format!("the journal of {} cannot be read", self.id()), error));
        Ok((number, changes.map(|Bytes(bytes)| M::decode(&bytes[..]).map_err(unreadable)).transpose()?))
    }

    /// The number of the newest entry, 0 if there is none; none while it is not known to be done.
    pub(super) async fn finished(self, server: &Server) -> Result<Option<i64>, Fault> {
        let found = one("the journal of", &server.of::<Entry>(), doc! { "_id": self.id() }).await?;
        Ok(found.map_or(Some(0), |entry| entry.changes.is_none().then_some(entry.number)))
    }

    /// Publishes changes after a finished entry; answers whether that entry still was the newest one.
    pub(super) async fn publish(self, server: &Server, after: i64, changes: &[u8]) -> Result<bool, Fault> {
        if changes.len() > ENTRY_BYTES_MAX {
            let rule = format!("at most {ENTRY_BYTES_MAX} can be made as one (split the list)");
            return Err(Fault::Refused(format!("the changes have {} bytes, {rule}", changes.len()).into()));
        }
        let changes = Some(Bytes(changes.to_vec()));
        let entry = Entry { journal: self.id().to_owned(), number: after + 1, changes, by: ObjectId::new() };
        if after == 0 {
            return insert(&server.of::<Entry>(), &entry).await;
        }
        let finished = doc! { "_id": self.id(), "number": after, "changes": Bson::Null };
        Ok(server.of::<Entry>().find_one_and_replace(finished, &entry).await?.is_some())
    }

    /// Marks an entry as done.
    pub(super) async fn finish(self, server: &Server, number: i64) -> Result<(), Fault> {
        let entry = doc! { "_id": self.id(), "number": number };
        server.of::<Entry>().update_one(entry, doc! { "$unset": { "changes": "" } }).await?;
        Ok(())
    }
}
