//! Where a pass stands between two intervals.

use std::collections::{BTreeMap, HashSet};

use books::StoredEvent;
use domain::Boundary;
use domain::netting::LastReads;
use jiff::Timestamp;

use super::active::ActiveAlgorithms;
use super::page::{self, Page};

/// Invalid rows that are kept as events of one boundary; more are only counted.
const INVALID_EVENTS_MAX: usize = 1000;
/// Invalid rows that are held until a boundary is committed that keeps them; more are only counted.
const INVALID_HELD_MAX: usize = 10_000;

/// Where a pass stands.
pub(super) struct Position {
    pub(super) algorithms: ActiveAlgorithms,
    /// The resume mark.
    pub(super) mark: Option<Boundary>,
    pub(super) last_reads: LastReads,
    /// Up to here the Python original has settled: readings only say where each meter stands.
    pub(super) settled_by_original: Option<Boundary>,
    /// Invalid rows without a time that were reported before.
    reported: HashSet<String>,
    /// Invalid rows that no commit has taken yet, by their boundary and message.
    invalid: BTreeMap<(Option<Boundary>, String), StoredEvent>,
    /// How many more there were than can be held.
    invalid_more: usize,
}

impl Position {
    pub(super) fn new(
        algorithms: ActiveAlgorithms,
        mark: Option<Boundary>,
        last_reads: LastReads,
        settled_by_original: Option<Boundary>,
    ) -> Position {
        let (reported, invalid) = (HashSet::new(), BTreeMap::new());
        Position { algorithms, mark, last_reads, settled_by_original, reported, invalid, invalid_more: 0 }
    }

    /// Takes note of a page's invalid rows. One of a boundary that is not complete or not due comes again; one without a
    /// time is reported once a pass.
    pub(super) fn add_invalid(&mut self, page: &Page, latest: Timestamp) {
        for (boundary, error) in &page.invalid {
            let message = error.to_string();
            let is_wanted = match *boundary {
                Some(boundary) => {
                    let is_due = page.is_complete(boundary) && boundary.timestamp() <= latest;
                    is_due && self.mark.is_none_or(|mark| boundary > mark)
                }
                None => self.reported.len() < INVALID_EVENTS_MAX && self.reported.insert(message.clone()),
            };
            if is_wanted && self.invalid.len() < INVALID_HELD_MAX {
                let (code, subject) = ("unreadable".to_owned(), page::subject(error));
                let event = StoredEvent { code, subject, message: message.clone() };
                self.invalid.insert((*boundary, message), event);
            } else if is_wanted {
                self.invalid_more += 1;
            }
        }
    }

    /// Takes the events up to a boundary, and those of none: they go with whatever is committed first.
    pub(super) fn take_events(&mut self, boundary: Boundary) -> Vec<StoredEvent> {
        let taken = self.invalid.extract_if(.., |(of, _), _| of.is_none_or(|of| of <= boundary));
        let mut taken: Vec<StoredEvent> = taken.map(|(_, event)| event).collect();
        let more = taken.len().saturating_sub(INVALID_EVENTS_MAX) + std::mem::take(&mut self.invalid_more);
        if more > 0 {
            taken.truncate(INVALID_EVENTS_MAX);
            let message = format!("{more} more rows are no readings");
            taken.push(StoredEvent { code: "unreadable".to_owned(), subject: "many".to_owned(), message });
        }
        taken
    }

    /// Events that no commit has taken. They are not lost: the next pass sees their rows again.
    pub(super) fn left_events(&self) -> impl Iterator<Item = &StoredEvent> {
        self.invalid.values()
    }
}
