//! Sums up one period after the other, so that only one is held in memory.

use books::statement::Statement;
use books::{Calendar, DaySums, Period, Span, Store};
use domain::Boundary;
use jiff::tz::TimeZone;

use super::PeriodArg;
use crate::cli::stored;

/// Days whose sums are held in memory at a time.
const DAYS: usize = 50;

/// A period that is over, with its sums.
pub type Over = (String, Statement);

pub struct Periods<'z> {
    calendar: Option<Calendar>,
    zone: &'z TimeZone,
    current: Option<(Option<Period>, Statement)>,
}

impl<'z> Periods<'z> {
    pub fn new(by: PeriodArg, zone: &'z TimeZone) -> Periods<'z> {
        let calendar = match by {
            PeriodArg::Total => None,
            PeriodArg::Month => Some(Calendar::Month),
            PeriodArg::Day => Some(Calendar::Day),
        };
        Periods { calendar, zone, current: None }
    }

    /// Adds everything that a community has settled in a span: whole days by their sums, and what is part of a day, or of a
    /// day that is another one in this time zone, interval by interval.
    pub async fn add_all(
        &mut self,
        store: &dyn Store,
        community: &str,
        span: Span,
        mut over: impl FnMut(Over) -> anyhow::Result<()>,
    ) -> anyhow::Result<()> {
        let mut after = None;
        loop {
            let days = store.sums(community, span, after, DAYS).await?;
            for day in &days {
                match day.members.as_ref().filter(|_| self.has_whole(day, span)) {
                    Some(accounts) => {
                        self.at(day.first).map_or(Ok(()), &mut over)?;
                        self.statement().add_accounts(accounts);
                    }
                    None => {
                        let part = Span {
                            from: span.from.max(Some(day.first.seconds())),
                            to: Some(span.to.unwrap_or(u64::MAX).min(stored::after(day.last))),
                        };
                        stored::each_interval(store, community, part, |interval| {
                            self.at(interval.interval.start()).map_or(Ok(()), &mut over)?;
                            self.statement().add(interval);
                            Ok::<(), anyhow::Error>(())
                        })
                        .await?;
                    }
                }
            }
            match days.last() {
                Some(last) if days.len() == DAYS => after = Some(last.until),
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

    /// Goes to the period of an instant; returns the one before it, if that is over.
    fn at(&mut self, start: Boundary) -> Option<Over> {
        let start = start.timestamp();
        let goes_on = |(period, _): &(Option<Period>, _)| period.as_ref().is_none_or(|period| period.contains(start));
        if self.current.as_ref().is_some_and(goes_on) {
            return None;
        }
        let over = self.finish();
        let period = self.calendar.map(|calendar| Period::containing(start, calendar, self.zone));
        self.current = Some((period, Statement::default()));
        over
    }

    /// The sums of the period that it has gone to.
    fn statement(&mut self) -> &mut Statement {
        let (_, statement) = self.current.get_or_insert_default();
        statement
    }

    pub fn finish(&mut self) -> Option<Over> {
        let (period, statement) = self.current.take()?;
        Some((period.map_or_else(|| "total".to_owned(), |period| period.to_string()), statement))
    }
}
