//! Statements, read from the books: what each member traded, by period, and as rows for programs.
//!
//! Commands and pages read here, so that their numbers are the same. Sums of days come from what the store has summed up;
//! whatever is finer, from the intervals.

pub mod days;
pub mod interval;
pub mod periods;
pub mod row;

use books::{Span, Store, StoreError, StoredInterval};
use domain::Boundary;

/// Intervals that are held in memory at a time.
pub const PAGE: usize = 100;

/// Reads intervals page by page, in order of time; the next page is read while one is visited.
pub async fn each_interval<E: From<StoreError>>(
    store: &dyn Store,
    community: &str,
    span: Span,
    mut visit: impl FnMut(&StoredInterval) -> Result<(), E>,
) -> Result<(), E> {
    let mut span = span;
    let mut page = store.intervals(community, span, PAGE).await?;
    loop {
        let last = page.last().filter(|_| page.len() == PAGE).map(|last| last.interval.start());
        span.from = last.map(after).or(span.from);
        let next = async {
            match last {
                Some(_) => store.intervals(community, span, PAGE).await,
                None => Ok(Vec::new()),
            }
        };
        // The store has begun to read when it is asked first, and goes on meanwhile.
        let (next, visited) = tokio::join!(next, async { page.iter().try_for_each(&mut visit) });
        visited?;
        page = next?;
        if page.is_empty() {
            return Ok(());
        }
    }
}

/// The first second after the start of an interval: from there on, the store finds the ones after it.
pub fn after(start: Boundary) -> u64 {
    start.seconds().saturating_add(1)
}
