//! What was added to an interval when people had decided about meters: a link of its own in the chain, because links never change,
//! and a copy that is found by its interval.

use domain::Boundary;
use mongodb::bson::{Bson, Document, doc};

use super::document::{all, insert_missing, one};
use super::fault::Fault;
use super::field::boundary_date;
use super::link::{AdditionDocument, AdditionLink};
use super::server::{Server, Stored};
use books::Span;

impl Stored for AdditionDocument {
    const COLLECTION: &'static str = "additions";
}

/// Whether the copy of an addition is there, and the same.
pub(super) async fn is_kept(server: &Server, link: &AdditionLink) -> Result<bool, Fault> {
    let copy = one("addition", &server.of::<AdditionDocument>(), doc! { "_id": &link.document.id }).await?;
    Ok(copy.is_some_and(|copy| copy.added == link.document.added && copy.addition_to == link.document.addition_to))
}

/// Keeps the copy of an addition, and notes at its interval that there is one.
pub(super) async fn keep(server: &Server, link: &AdditionLink) -> Result<(), Fault> {
    insert_missing(&server.of::<AdditionDocument>(), std::slice::from_ref(&link.document)).await?;
    let AdditionDocument { community, addition_to, .. } = &link.document;
    let interval = doc! { "community": community, "start": Bson::from(*addition_to) };
    let note = doc! { "q": interval, "u": { "$set": { "added": true } } };
    server.update(&server.intervals, &[note]).await.map(drop)
}

/// The additions of a community to intervals that start within a span, in the order of the chain; those beyond the mark may
/// not be whole yet.
pub(super) async fn list(server: &Server, community: &str, span: Span) -> Result<Vec<AdditionLink>, Fault> {
    let bound = |second: u64| Boundary::from_seconds(second).map(|at| Bson::from(boundary_date(at)));
    let bounds = [("$gte", span.from.and_then(bound)), ("$lt", span.to.and_then(bound))];
    let starts: Document = bounds.into_iter().filter_map(|(name, at)| Some((name.to_owned(), at?))).collect();
    let mut filter = doc! { "community": community };
    if !starts.is_empty() {
        filter.insert("addition_to", starts);
    }
    let find = all("addition", server.of::<AdditionDocument>().find(filter).sort(doc! { "number": 1 })).await?;
    find.into_iter().map(AdditionLink::read).collect()
}
