//! Sums up one period after the other, so that only one is held in memory.

use std::collections::BTreeMap;

use books::statement::{Account, Statement};
use books::{Calendar, DaySums, Period, Span, Store, StoreError, StoredInterval};
use domain::{Boundary, MemberId};
use figures::statement::Statements;
use jiff::tz::TimeZone;

use super::{after, each_interval};

/// Days whose sums are held in memory at a time.
const DAYS: usize = 50;

/// What is summed up in a period.
pub trait Sum {
    /// Without any interval yet.
    fn empty(zone: &TimeZone) -> Self;
}

/// What can be summed up by whole days.
pub trait AddUp: Sum {
    /// Adds a whole day: its sums, and its accounts.
    fn add_day(&mut self, sums: &DaySums, accounts: &BTreeMap<MemberId, Account>);

    /// Adds an interval.
    fn add_interval(&mut self, interval: &StoredInterval);
}

impl Sum for Statement {
    fn empty(_: &TimeZone) -> Statement {
        Statement::default()
    }
}

impl AddUp for Statement {
    fn add_day(&mut self, _: &DaySums, accounts: &BTreeMap<MemberId, Account>) {
        self.add_accounts(accounts);
    }

    fn add_interval(&mut self, interval: &StoredInterval) {
        self.add(interval);
    }
}

impl Sum for Statements {
    fn empty(zone: &TimeZone) -> Statements {
        Statements::new(zone.clone())
    }
}

/// A period that is over, with its sums; no period if it is all of the time.
pub type Over<S> = (Option<Period>, S);

/// The name of a period, for programs.
pub fn name(period: Option<&Period>) -> String {
    period.map_or_else(|| "total".to_owned(), Period::to_string)
}

pub struct Periods<'z, S> {
    calendar: Option<Calendar>,
    zone: &'z TimeZone,
    current: Option<(Option<Period>, S)>,
}

impl<'z, S: Sum> Periods<'z, S> {
    /// Sums up by these parts of the calendar; all of the time at once without one.
    pub fn new(calendar: Option<Calendar>, zone: &'z TimeZone) -> Periods<'z, S> {
        Periods { calendar, zone, current: None }
    }

    /// Goes to the period of an instant; returns the one before it, if that is over.
    pub fn at(&mut self, start: Boundary) -> Option<Over<S>> {
        let start = start.timestamp();
        let goes_on = |(period, _): &(Option<Period>, _)| period.as_ref().is_none_or(|period| period.contains(start));
        if self.current.as_ref().is_some_and(goes_on) {
            return None;
        }
        let over = self.finish();
        let period = self.calendar.map(|calendar| Period::containing(start, calendar, self.zone));
        self.current = Some((period, S::empty(self.zone)));
        over
    }

    /// The sums of the period that it has gone to.
    pub fn sums(&mut self) -> &mut S {
        let (_, sums) = self.current.get_or_insert_with(|| (None, S::empty(self.zone)));
        sums
    }

    pub fn finish(&mut self) -> Option<Over<S>> {
        self.current.take()
    }
}

impl<S: AddUp> Periods<'_, S> {
    /// Adds everything that a community has settled in a span: whole days by their sums, and what is part of a day, or of a
    /// day that is another one in this time zone, interval by interval.
    ///
    /// # Errors
    /// If the store cannot be read, or `over` fails.
    pub async fn add_all<E: From<StoreError>>(
        &mut self,
        store: &dyn Store,
        community: &str,
        span: Span,
        mut over: impl FnMut(Over<S>) -> Result<(), E>,
    ) -> Result<(), E> {
        let mut read = None;
        loop {
            let days = store.sums(community, span, read, DAYS).await?;
            for day in &days {
                match day.members.as_ref().filter(|_| self.has_whole(day, span)) {
                    Some(accounts) => {
                        self.at(day.first).map_or(Ok(()), &mut over)?;
                        self.sums().add_day(day, accounts);
                    }
                    None => {
                        let part = Span {
                            from: span.from.max(Some(day.first.seconds())),
                            to: Some(span.to.unwrap_or(u64::MAX).min(after(day.last))),
                        };
                        each_interval(store, community, part, |interval| {
                            self.at(interval.interval.start()).map_or(Ok(()), &mut over)?;
                            self.sums().add_interval(interval);
                            Ok::<(), E>(())
                        })
                        .await?;
                    }
                }
            }
            match days.last() {
                Some(last) if days.len() == DAYS => read = Some(last.until),
                _ => return Ok(()),
            }
        }
    }

    /// Whether all of a day is in the span and in one period.
    fn has_whole(&self, day: &DaySums, span: Span) -> bool {
        let within = span.from.is_none_or(|from| from <= day.first.seconds())
            && span.to.is_none_or(|to| day.last.seconds() < to);
        let period = |calendar| Period::containing(day.first.timestamp(), calendar, self.zone);
        within && self.calendar.is_none_or(|calendar| period(calendar).contains(day.last.timestamp()))
    }
}
