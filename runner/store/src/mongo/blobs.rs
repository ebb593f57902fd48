//! What is too large for one document: parts in `chunks`, named by the digest of the whole.

use domain::Digest;
use mongodb::bson::spec::BinarySubtype;
use mongodb::bson::{Binary, Bson, doc};

use super::fault::Fault;
use super::field;
use super::server::Server;

/// Bytes of one part: a document may have 16 MiB.
const PART: usize = 12 << 20;

/// Bytes as a field.
pub(super) fn binary(bytes: &[u8]) -> Bson {
    Bson::Binary(Binary { subtype: BinarySubtype::Generic, bytes: bytes.to_vec() })
}

fn part_id(digest: &Digest, part: usize) -> String {
    format!("{digest}/{part}")
}

/// Whether bytes fit into a document beside other fields.
pub(super) fn fits(bytes: &[u8]) -> bool {
    bytes.len() <= PART
}

/// Keeps bytes by their digest, if they are not there. The first part comes last, so that what has it has all.
pub(super) async fn put(server: &Server, digest: Digest, bytes: &[u8]) -> Result<(), Fault> {
    if server.knows(&digest) {
        return Ok(());
    }
    let first = doc! { "_id": part_id(&digest, 0) };
    if server.chunks.find_one(first).projection(doc! { "parts": 1 }).await?.is_none() {
        let parts: Vec<&[u8]> = if bytes.is_empty() { vec![bytes] } else { bytes.chunks(PART).collect() };
        let count = field::kept("the number of parts", parts.len() as u64)?;
        for (part, bytes) in parts.into_iter().enumerate().rev() {
            let document = doc! { "_id": part_id(&digest, part), "parts": count, "bytes": binary(bytes) };
            server.insert_derived(&server.chunks, &[document]).await?;
        }
    }
    server.remember(digest);
    Ok(())
}

/// Reads bytes by their digest; none if they are not there.
pub(super) async fn get(server: &Server, digest: &Digest) -> Result<Option<Vec<u8>>, Fault> {
    let Some(first) = server.chunks.find_one(doc! { "_id": part_id(digest, 0) }).await? else { return Ok(None) };
    let mut bytes = field::bytes(&first, "bytes")?.to_vec();
    let parts = usize::try_from(field::unsigned(&first, "parts")?).unwrap_or(usize::MAX);
    for part in 1..parts {
        let id = part_id(digest, part);
        let Some(next) = server.chunks.find_one(doc! { "_id": &id }).await? else {
            return Err(Fault::Record(format!("chunk {id} of {parts} is missing")));
        };
        bytes.extend_from_slice(field::bytes(&next, "bytes")?);
    }
    verify(digest, &bytes)?;
    Ok(Some(bytes))
}

/// Whether bytes are what they are called.
pub(super) fn verify(digest: &Digest, bytes: &[u8]) -> Result<(), Fault> {
    let found = Digest::of(bytes);
    if found == *digest { Ok(()) } else { Err(Fault::Record(format!("bytes {digest} have the digest {found}"))) }
}
