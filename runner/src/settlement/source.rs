//! Where a community's pages come from: its Meters service, what is known of its meters, and how far it may be asked.

use std::collections::{BTreeSet, HashSet};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use domain::{Boundary, IntervalLength, MeterId};
use jiff::Timestamp;

use super::meters::{Meters, MetersError, Rows};

/// Rows of a page over all series: some 3 MB on the wire.
const PAGE_ROWS: usize = 40_000;
/// Rows of each series of many meters. The last boundary of a full page is read again with the next one, so this is three
/// boundaries for four that are read; with the minimum every boundary would be read twice.
const MANY_METERS_LIMIT: usize = 4;
/// Rows of a page of many meters over all series: some 12 MB on the wire.
const LARGE_PAGE_ROWS: usize = 160_000;
/// Series that one meter has on the wire: two active and two reactive registers.
const SERIES_PER_METER: usize = 4;
/// Rows per series in the first page, when the number of meters is not known yet.
const FIRST_LIMIT: u32 = 4;
/// Minimum rows per series (with one row no boundary is ever complete) and maximum (the platform's own limit).
pub(super) const LIMIT_MIN: u32 = 2;
pub(super) const LIMIT_MAX: u32 = 10_000;

pub(super) struct Source {
    /// The community's name.
    pub(super) community: String,
    pub(super) meters: Arc<dyn Meters>,
    /// Meters that are known: at first from the books and the configuration, then from pages, too.
    pub(super) known: Mutex<HashSet<MeterId>>,
    pub(super) length: IntervalLength,
    pub(super) tolerance: Duration,
    /// The latest boundary that is due, or an instant before the next one.
    pub(super) latest: Timestamp,
}

impl Source {
    /// Asks for the `limit` oldest rows of each series, of one meter or of all. Rows of other meters are left out, because a
    /// service may not know how to tell of one alone.
    pub(super) async fn ask(&self, from: Timestamp, limit: u32, meter: Option<&MeterId>) -> Result<Rows, MetersError> {
        let rows = self.meters.page(from, limit, meter).await?;
        Ok(match meter {
            Some(meter) => rows.of(meter),
            None => rows,
        })
    }

    /// Every meter that is known.
    pub(super) fn known(&self) -> BTreeSet<MeterId> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner).iter().cloned().collect()
    }

    /// Remembers the meters of a page.
    pub(super) fn learn(&self, meters: &[MeterId]) {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        for meter in meters {
            if !known.contains(meter) {
                known.insert(meter.clone());
            }
        }
    }

    /// The first boundary whose readings are all at or after an instant.
    pub(super) fn first_boundary(&self, from: Timestamp) -> Option<Boundary> {
        Boundary::at_or_after(from.checked_add(self.tolerance).ok()?, self.length)
    }

    /// The instant of the first reading that may count for a boundary.
    pub(super) fn start_of(&self, boundary: Boundary) -> Timestamp {
        let start = boundary.timestamp().checked_sub(self.tolerance).unwrap_or(Timestamp::UNIX_EPOCH);
        start.max(Timestamp::UNIX_EPOCH)
    }

    /// The boundary that many intervals after another one.
    pub(super) fn after(&self, boundary: Boundary, intervals: u64) -> Option<Boundary> {
        let seconds = u64::from(self.length.seconds()).checked_mul(intervals)?;
        Boundary::from_seconds(boundary.seconds().checked_add(seconds)?)
    }

    /// The boundary before another one.
    pub(super) fn before(&self, boundary: Boundary) -> Boundary {
        let seconds = boundary.seconds().saturating_sub(self.length.seconds().into());
        Boundary::from_seconds(seconds).unwrap_or(Boundary::EPOCH)
    }

    /// How many boundaries after this one are due.
    pub(super) fn due_after(&self, boundary: Boundary) -> u64 {
        let seconds = u64::try_from(self.latest.as_second()).unwrap_or(0);
        seconds.saturating_sub(boundary.seconds()) / u64::from(self.length.seconds())
    }
}

/// Rows per series to ask for, with that many meters.
pub(super) fn limit_for(meters: usize) -> u32 {
    match meters {
        0 => FIRST_LIMIT,
        meters => {
            let series = meters.saturating_mul(SERIES_PER_METER);
            let rows = (PAGE_ROWS / series).max(MANY_METERS_LIMIT.min(LARGE_PAGE_ROWS / series));
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
        assert_eq!(limit_for(10_000), 4);
        assert_eq!(limit_for(10_001), 3);
        assert_eq!(limit_for(1_000_000), LIMIT_MIN);
    }
}
