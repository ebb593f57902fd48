//! How far each community is: where its readers stop.

use mongodb::bson::doc;

use super::document::{all, encode, one};
use super::fault::Fault;
pub(super) use super::reach::Mark;
use super::server::{Server, Stored};

impl Stored for Mark {
    const COLLECTION: &'static str = "communities";
}

/// Where a community's readers stop.
pub(super) async fn find(server: &Server, community: &str) -> Result<Mark, Fault> {
    Ok(one("community", &server.of::<Mark>(), doc! { "_id": community }).await?.unwrap_or_default())
}

/// Every community with its mark, in order of names.
pub(super) async fn list(server: &Server) -> Result<Vec<Mark>, Fault> {
    all("community", server.of::<Mark>().find(doc! {}).sort(doc! { "_id": 1 })).await
}

/// Moves a mark forward, never back, whoever comes last.
pub(super) async fn advance(server: &Server, community: &str, mark: &Mark) -> Result<(), Fault> {
    let update = doc! { "q": { "_id": community }, "u": { "$max": encode(mark)? }, "upsert": true };
    server.update(&server.of::<Mark>(), &[update]).await
}
