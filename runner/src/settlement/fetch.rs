//! Fetches the next page of readings while the current one is settled.

use std::sync::Arc;

use jiff::Timestamp;
use tokio::task::JoinHandle;
use tracing::{Instrument, info_span};

use super::meters::{Meters, MetersError, Row};

/// Rows of a page over all series: some 10 MB of memory.
const PAGE_ROWS: usize = 40_000;
/// Series that one meter has on the wire: two active and two reactive registers.
const SERIES_PER_METER: usize = 4;
/// Rows per series in the first page, when the number of meters is not known yet.
const FIRST_LIMIT: u32 = 4;
/// Minimum rows per series (with one row no boundary is ever complete) and maximum (the platform's own limit).
const LIMIT_MIN: u32 = 2;
pub(super) const LIMIT_MAX: u32 = 10_000;

/// A page that is being fetched. Dropping it aborts the request.
pub(super) struct Fetch(JoinHandle<Result<Fetched, MetersError>>);

/// A page that has arrived, and its request.
pub(super) struct Fetched {
    pub(super) rows: Vec<Row>,
    pub(super) from: Timestamp,
    pub(super) limit: u32,
    /// Whether a larger page was too large.
    pub(super) reduced: bool,
}

impl Fetch {
    pub(super) fn start(community: String, meters: Arc<dyn Meters>, from: Timestamp, limit: u32) -> Fetch {
        let span = info_span!("fetch page", %from, limit);
        let fetch = async move {
            let (mut limit, mut reduced) = (limit, false);
            loop {
                match meters.page(from, limit).await {
                    Ok(rows) => return Ok(Fetched { rows, from, limit, reduced }),
                    Err(MetersError::TooLarge { .. }) if limit > LIMIT_MIN => {
                        (limit, reduced) = ((limit / 4).max(LIMIT_MIN), true);
                        tracing::warn!(community, limit, "the page is too large; asking for fewer rows");
                    }
                    Err(error) => return Err(error),
                }
            }
        };
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

/// Rows per series to ask for, with that many meters.
pub(super) fn limit_for(meters: usize) -> u32 {
    match meters {
        0 => FIRST_LIMIT,
        meters => {
            let rows = PAGE_ROWS / meters.saturating_mul(SERIES_PER_METER);
            u32::try_from(rows).unwrap_or(LIMIT_MAX).clamp(LIMIT_MIN, LIMIT_MAX)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pages_are_of_bounded_size() {
        assert_eq!(limit_for(0), FIRST_LIMIT);
        assert_eq!(limit_for(1), LIMIT_MAX);
        assert_eq!(limit_for(1000), 10);
        assert_eq!(limit_for(1_000_000), LIMIT_MIN);
    }
}
