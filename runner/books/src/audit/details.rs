//! The proof of details: those of each day for which a store keeps them must be those of its intervals.

use std::collections::VecDeque;

use domain::{Boundary, Digest};

use crate::details::{DayDetails, Making};
use crate::interval::StoredInterval;

/// What a day's details are, in few bytes: there may be years of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Expected {
    first: Boundary,
    until: Boundary,
    digest: Digest,
}

/// The details of days to come, and those of the first of them as far as its intervals were added.
#[derive(Debug, Default)]
pub(super) struct KeptDetails {
    expected: VecDeque<Expected>,
    making: Making,
}

impl KeptDetails {
    pub(super) fn expect(&mut self, day: &DayDetails) {
        self.expected.push_back(Expected { first: day.first, until: day.until, digest: day.digest() });
    }

    /// Adds an interval to its day, if that has details; answers what is wrong with a day that is over.
    pub(super) fn prove(&mut self, stored: &StoredInterval) -> Option<String> {
        let day = self.expected.front().copied()?;
        if day.until <= stored.interval.start() {
            let finding = self.take();
            return finding.or_else(|| self.prove(stored));
        }
        if day.first <= stored.interval.start() {
            self.making.add(stored);
            if stored.interval.end() == day.until {
                return self.take();
            }
        }
        None
    }

    /// Compares the first day.
    fn take(&mut self) -> Option<String> {
        let day = self.expected.pop_front()?;
        let made = std::mem::take(&mut self.making).finish();
        let is_same = made.is_some_and(|made| made.digest() == day.digest);
        (!is_same).then(|| {
            format!(
                "the details of the day from {} on are not those of its intervals (rec-market statement rebuild makes \
                 them again)",
                day.first
            )
        })
    }

    /// What is wrong if days are left.
    pub(super) fn finish(&mut self) -> Option<String> {
        self.take()
    }
}
