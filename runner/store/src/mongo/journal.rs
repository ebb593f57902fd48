//! Changes of several documents as one: they are published whole before the first of them is made.
//!
//! The journal of trades and that of prices are one document each, with the number and the changes of the newest entry. Who
//! wants to change something completes the newest entry, reads, decides, and publishes what it decided as the next number;
//! the server refuses that if somebody else has published meanwhile, and then it begins again. So nothing comes between
//! what was read and what is decided, and there is no lock that a dead process could keep. Changes say which revision of a
//! document they are for and leave it with the number of their entry, so whoever makes them again, however late, changes
//! nothing that came after.

use mongodb::bson::oid::ObjectId;
use mongodb::bson::{Bson, Document, doc};

use super::blobs;
use super::fault::{Fault, is_duplicate};
use super::field;
use super::server::Server;

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
pub(super) struct Entry {
    /// 0 if there is none.
    pub(super) number: i64,
    /// What is to be done, if it is not known to be done.
    pub(super) changes: Option<Vec<u8>>,
}

impl Journal {
    fn id(self) -> &'static str {
        match self {
            Journal::Trades => "trades",
            Journal::Prices => "prices",
        }
    }

    /// The newest entry.
    pub(super) async fn newest(self, server: &Server) -> Result<Entry, Fault> {
        let Some(found) = server.journal.find_one(doc! { "_id": self.id() }).await? else {
            return Ok(Entry { number: 0, changes: None });
        };
        self.read(&found).map_err(|fault| fault.of(|| format!("the journal of {}", self.id())))
    }

    fn read(self, document: &Document) -> Result<Entry, Fault> {
        let changes = match document.get("changes") {
            None | Some(Bson::Null) => None,
            Some(_) => Some(field::bytes(document, "changes")?.to_vec()),
        };
        Ok(Entry { number: field::integer(document, "number")?, changes })
    }

    /// Publishes changes after a finished entry; answers whether that still was the newest one.
    pub(super) async fn publish(self, server: &Server, after: i64, changes: &[u8]) -> Result<bool, Fault> {
        if changes.len() > ENTRY_BYTES_MAX {
            let rule = format!("at most {ENTRY_BYTES_MAX} can be made as one (split the list)");
            return Err(Fault::Refused(format!("the changes have {} bytes, {rule}", changes.len())));
        }
        let entry = doc! { "number": after + 1, "changes": blobs::binary(changes), "by": ObjectId::new() };
        if after == 0 {
            let mut first = entry;
            first.insert("_id", self.id());
            return match server.journal.insert_one(first).await {
                Err(error) if is_duplicate(&error) => Ok(false),
                inserted => Ok(inserted.map(|_| true)?),
            };
        }
        let finished = doc! { "_id": self.id(), "number": after, "changes": Bson::Null };
        let published = server.journal.find_one_and_update(finished, doc! { "$set": entry }).await?;
        Ok(published.is_some())
    }

    /// Marks an entry as done.
    pub(super) async fn finish(self, server: &Server, number: i64) -> Result<(), Fault> {
        let entry = doc! { "_id": self.id(), "number": number };
        server.journal.update_one(entry, doc! { "$unset": { "changes": "" } }).await?;
        Ok(())
    }
}
