//! Fetches the next page of readings while the current one is settled.

#[cfg(test)]
mod tests;

use std::sync::Arc;

use domain::Boundary;
use jiff::Timestamp;
use tokio::task::JoinHandle;
use tracing::{Instrument, info_span};

use super::by_meter;
use super::meters::MetersError;
use super::page::{Page, PageReader};
use super::source::{LIMIT_MAX, LIMIT_MIN, Source};

/// A page that is being fetched. Dropping it aborts the request.
pub(super) struct Fetch(JoinHandle<Result<Fetched, MetersError>>);

/// A page that has arrived.
pub(super) struct Fetched {
    pub(super) page: Page,
    /// The instant from which on it was asked for.
    pub(super) from: Timestamp,
    /// Rows per series that were asked for.
    pub(super) limit: u32,
    /// Whether a larger page was too large.
    pub(super) reduced: bool,
}

impl Fetch {
    /// Starts to fetch the page from an instant on. It has at least one boundary whole that it begins with, if that one is due.
    pub(super) fn start(source: Arc<Source>, from: Timestamp, limit: u32) -> Fetch {
        let span = info_span!("fetch page", %from, limit);
        let fetch = async move { fetch(&source, from, limit).await };
        Fetch(tokio::spawn(fetch.instrument(span)))
    }

    pub(super) async fn finish(mut self) -> Result<Fetched, MetersError> {
        match (&mut self.0).await {
            Ok(fetched) => fetched,
            // Only dropping aborts the task, and then nobody waits for it: this is a panic.
            Err(error) => std::panic::resume_unwind(error.into_panic()),
        }
    }
}

impl Drop for Fetch {
    fn drop(&mut self) {
        self.0.abort();
    }
}

async fn fetch(source: &Source, from: Timestamp, mut limit: u32) -> Result<Fetched, MetersError> {
    let first = source.first_boundary(from).filter(|first| first.timestamp() <= source.latest);
    let mut reduced = false;
    loop {
        let mut reader = PageReader::new(source.length, source.tolerance).due(source.latest);
        match source.ask(from, limit, None).await {
            Ok(rows) => reader.add(&rows, limit),
            Err(MetersError::TooLarge { .. }) if limit > LIMIT_MIN => {
                (limit, reduced) = ((limit / 4).max(LIMIT_MIN), true);
                tracing::warn!(community = source.community, limit, "the page is too large; asking for fewer rows");
                continue;
            }
            Err(MetersError::TooLarge { .. }) => {
                reduced = true;
                // Until the boundary is due, its readings may stay unread.
                if let Some(first) = first {
                    reader = by_meter::read_page(source, from, first).await?;
                }
            }
            Err(error) => return Err(error),
        }
        if let Some(first) = first.filter(|first| stops_at(&reader, from, *first)) {
            // So many readings around one boundary that the page has nothing else: ask for more at once, if there can be.
            if limit < LIMIT_MAX && !reduced {
                limit = limit.saturating_mul(2).min(LIMIT_MAX);
                continue;
            }
            by_meter::read_crowd(source, &mut reader, from, first).await?;
        }
        source.learn(reader.meters());
        return Ok(Fetched { page: reader.finish(), from, limit, reduced });
    }
}

/// Whether a page from an instant on does not even have its first boundary whole.
fn stops_at(reader: &PageReader, from: Timestamp, first: Boundary) -> bool {
    reader.next().is_some_and(|next| next <= from) && !reader.crowded(first).is_empty()
}
