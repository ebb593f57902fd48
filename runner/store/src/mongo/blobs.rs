//! What may be too large for one document: parts in `chunks`, named by the digest of the whole.

use domain::Digest;
use mongodb::bson::doc;
use serde::{Deserialize, Serialize};

use super::document::{exists, insert_missing, one};
use super::fault::Fault;
use super::field::Bytes;
use super::server::{Server, Stored};

/// Bytes of one part: a document may have 16 MiB.
const PART: usize = 12 << 20;

/// A part.
#[derive(Serialize, Deserialize)]
pub(super) struct Chunk {
    #[serde(rename = "_id")]
    id: String,
    /// How many parts the whole has.
    parts: usize,
    bytes: Bytes,
}

impl Stored for Chunk {
    const COLLECTION: &'static str = "chunks";
}

fn part_id(digest: &Digest, part: usize) -> String {
    format!("{digest}/{part}")
}

/// Whether bytes fit into a document beside other fields.
pub(super) fn fits(bytes: &[u8]) -> bool {
    bytes.len() <= PART
}

/// Keeps bytes by their digest, if they are not there. The first part is written last: where it is, all are.
pub(super) async fn put(server: &Server, digest: Digest, bytes: &[u8]) -> Result<(), Fault> {
    if server.knows(&digest) {
        return Ok(());
    }
    if !exists(&server.of::<Chunk>(), doc! { "_id": part_id(&digest, 0) }).await? {
        let parts: Vec<&[u8]> = if bytes.is_empty() { vec![bytes] } else { bytes.chunks(PART).collect() };
        let count = parts.len();
        for (part, bytes) in parts.into_iter().enumerate().rev() {
            let chunk = Chunk { id: part_id(&digest, part), parts: count, bytes: Bytes(bytes.to_vec()) };
            insert_missing(&server.of::<Chunk>(), &[chunk]).await?;
        }
    }
    server.remember(digest);
    Ok(())
}

/// Reads bytes by their digest; none if they are not there.
pub(super) async fn get(server: &Server, digest: &Digest) -> Result<Option<Vec<u8>>, Fault> {
    let chunk = async |part| one("chunk", &server.of::<Chunk>(), doc! { "_id": part_id(digest, part) }).await;
    let Some(Chunk { parts, bytes: Bytes(mut bytes), .. }) = chunk(0).await? else { return Ok(None) };
    for part in 1..parts {
        let missing = || Fault::Record(format!("chunk {} of {parts} is missing", part_id(digest, part)).into());
        bytes.extend_from_slice(&chunk(part).await?.ok_or_else(missing)?.bytes.0);
    }
    verify(digest, &bytes)?;
    Ok(Some(bytes))
}

/// Checks that bytes have the digest that they are kept under.
pub(super) fn verify(digest: &Digest, bytes: &[u8]) -> Result<(), Fault> {
    let found = Digest::of(bytes);
    if found == *digest { Ok(()) } else { Err(Fault::Record(format!("bytes {digest} have the digest {found}").into())) }
}
