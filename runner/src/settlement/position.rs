//! The state of a pass between two intervals.

use std::collections::{BTreeMap, HashSet};

use books::StoredEvent;
use domain::Boundary;
use domain::disputes::Exchanges;
use domain::netting::LastReads;
use jiff::Timestamp;

use super::active::ActiveAlgorithms;
use super::page::{self, Page};

/// Maximum number of invalid rows that are stored as events of one boundary; others are only counted.
const INVALID_EVENTS_MAX: usize = 1000;
/// Maximum number of invalid rows in memory until a commit stores them; others are only counted.
const INVALID_HELD_MAX: usize = 10_000;

pub(super) struct Position {
    pub(super) algorithms: ActiveAlgorithms,
    pub(super) mark: Option<Boundary>,
    pub(super) last_reads: LastReads,
    /// What decides whether readings count.
    pub(super) exchanges: Exchanges,
    /// Up to here the Python original has settled, and readings only update the registers.
    pub(super) settled_by_original: Option<Boundary>,
    /// Invalid rows without a time that were already reported.
    reported: HashSet<String>,
    /// Invalid rows that no commit has stored yet, by boundary and message.
    invalid: BTreeMap<(Option<Boundary>, String), StoredEvent>,
    /// Number of further invalid rows.
    invalid_more: usize,
    /// Events that are stored with the next commit, whatever its boundary.
    next: Vec<StoredEvent>,
}

impl Position {
    pub(super) fn new(
        algorithms: ActiveAlgorithms,
        mark: Option<Boundary>,
        last_reads: LastReads,
        exchanges: Exchanges,
        settled_by_original: Option<Boundary>,
    ) -> Position {
        let (reported, invalid) = (HashSet::new(), BTreeMap::new());
        Position {
            algorithms,
            mark,
            last_reads,
            exchanges,
            settled_by_original,
            reported,
            invalid,
            invalid_more: 0,
            next: Vec::new(),
        }
    }

    /// Adds events that are stored with the next commit.
    pub(super) fn add_next(&mut self, events: impl Iterator<Item = StoredEvent>) {
        self.next.extend(events);
    }

    /// Adds what a page has of events: how it was read, and its invalid rows. Rows of a boundary that is incomplete or not due come again with a later page; rows
    /// without a time are reported once per pass.
    pub(super) fn add_events(&mut self, page: &Page, latest: Timestamp) {
        for (boundary, event) in &page.remarks {
            if self.mark.is_none_or(|mark| *boundary > mark) && self.invalid.len() < INVALID_HELD_MAX {
                self.invalid.insert((Some(*boundary), event.message.clone()), event.clone());
            }
        }
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

    /// Removes and returns the events up to a boundary, and those without one, which are stored with the first commit.
    pub(super) fn take_events(&mut self, boundary: Boundary) -> Vec<StoredEvent> {
        let taken = self.invalid.extract_if(.., |(of, _), _| of.is_none_or(|of| of <= boundary));
        let mut taken: Vec<StoredEvent> = taken.map(|(_, event)| event).collect();
        let more = taken.len().saturating_sub(INVALID_EVENTS_MAX) + std::mem::take(&mut self.invalid_more);
        if more > 0 {
            taken.truncate(INVALID_EVENTS_MAX);
            let message = format!("{more} more rows are no readings");
            taken.push(StoredEvent { code: "unreadable".to_owned(), subject: "many".to_owned(), message });
        }
        taken.append(&mut self.next);
        taken
    }

    /// Events that no commit has stored. They are not lost, because the next pass sees their rows again.
    pub(super) fn left_events(&self) -> impl Iterator<Item = &StoredEvent> {
        self.invalid.values()
    }
}
