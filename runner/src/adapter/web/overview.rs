//! What a community came to over a period: sums and details of days as they are kept, and what is part of a day, or is not kept
//! yet, of its intervals, within bounds.

use std::collections::BTreeMap;

use books::details::Making as DayMaking;
use books::statement::Statement;
use books::{DayDetails, DaySums, Period, Span, Store, StoreError};
use domain::{Boundary, IntervalLength};
use figures::community::{Figures, Making, Overview, Step, Steps, span_of};
use figures::sums::TooLarge;
use jiff::tz::TimeZone;

use super::ask::Refusal;

/// Days that are held in memory at a time.
const DAYS: usize = 32;
/// Intervals that are held in memory at a time.
const PAGE: usize = 100;
/// Most intervals that are read for days of which there are no details: those of a week and a day.
const INTERVALS_MAX: u64 = 8 * 96;

/// The books of a community.
pub struct Books<'b> {
    pub store: &'b dyn Store,
    pub community: &'b str,
    pub zone: &'b TimeZone,
    pub length: IntervalLength,
    /// Where they begin and end; `None` without any interval.
    pub span: Option<(Boundary, Boundary)>,
}

impl From<TooLarge> for Refusal {
    fn from(error: TooLarge) -> Refusal {
        Refusal::Store(StoreError::Failed { store: "books".to_owned(), source: error.into() })
    }
}

impl<'b> Books<'b> {
    /// Looks where the books of a community begin and end.
    ///
    /// # Errors
    /// If the store cannot be read.
    pub async fn of(
        store: &'b dyn Store,
        community: &'b str,
        zone: &'b TimeZone,
        length: IntervalLength,
    ) -> Result<Books<'b>, Refusal> {
        let mark = store.mark(community).await?;
        let first = match mark {
            Some(_) => {
                store.intervals(community, Span::default(), 1).await?.first().map(|first| first.interval.start())
            }
            None => None,
        };
        Ok(Books { store, community, zone, length, span: first.zip(mark) })
    }

    /// How many intervals of a period there could be.
    pub fn expected(&self, period: &Period) -> u64 {
        let (Some((first, end)), span) = (self.span, span_of(period)) else { return 0 };
        let from = span.from.unwrap_or(0).max(first.seconds());
        let until = span.to.unwrap_or(u64::MAX).min(end.seconds());
        until.saturating_sub(from) / u64::from(self.length.seconds())
    }

    /// Everything that a period came to, and how finely it is shown over time.
    ///
    /// # Errors
    /// If the store cannot be read.
    pub async fn overview(&self, period: &Period) -> Result<(Overview, Step), Refusal> {
        let end = self.span.map_or(Boundary::EPOCH, |(_, end)| end);
        let steps = Steps::of(period, end, self.length, self.zone);
        let step = steps.step();
        let mut making = Making::new(span_of(period), steps, self.zone.clone());
        self.add_days(span_of(period), &mut making, true).await?;
        Ok((making.finish()?, step))
    }

    /// The figures of a period that need no details.
    ///
    /// # Errors
    /// If the store cannot be read.
    pub async fn figures(&self, period: &Period) -> Result<Figures, Refusal> {
        let steps = Steps::of(period, Boundary::EPOCH, self.length, self.zone);
        let mut making = Making::new(span_of(period), steps, self.zone.clone());
        self.add_days(span_of(period), &mut making, false).await?;
        Ok(making.finish()?.figures)
    }

    async fn add_days(&self, span: Span, making: &mut Making, with_details: bool) -> Result<(), Refusal> {
        let (mut after, mut budget) = (None, INTERVALS_MAX);
        loop {
            let days = self.store.sums(self.community, span, after, DAYS).await?;
            let mut details = match with_details {
                true => self.details(span, after, days.len()).await?,
                false => BTreeMap::new(),
            };
            for day in &days {
                if !making.has_whole(day) {
                    self.add_part(span, day, making).await?;
                    continue;
                }
                making.add_accounts(day.members.as_ref().ok_or(TooLarge)?, day.intervals)?;
                let kept = details.remove(&day.until).filter(|details| details.is_of(day));
                match kept {
                    Some(details) => making.add_details(&details)?,
                    None if with_details && day.intervals <= budget => {
                        budget -= day.intervals;
                        let span = Span { from: Some(day.first.seconds()), to: Some(day.until.seconds()) };
                        self.add_intervals(span, making, false).await?;
                    }
                    None => making.lacks_details(),
                }
            }
            match days.last() {
                Some(last) if days.len() == DAYS => after = Some(last.until),
                _ => return Ok(()),
            }
        }
    }

    async fn details(
        &self,
        span: Span,
        after: Option<Boundary>,
        limit: usize,
    ) -> Result<BTreeMap<Boundary, DayDetails>, StoreError> {
        let details = self.store.details(self.community, span, after, limit).await?;
        Ok(details.into_iter().map(|details| (details.until, details)).collect())
    }

    /// Adds what of a day is in the span: at most two days of a period are cut, so that these are always read.
    async fn add_part(&self, span: Span, day: &DaySums, making: &mut Making) -> Result<(), Refusal> {
        let part = Span {
            from: span.from.max(Some(day.first.seconds())),
            to: Some(span.to.unwrap_or(u64::MAX).min(day.until.seconds())),
        };
        self.add_intervals(part, making, true).await
    }

    /// Adds the details of intervals, which are of one day, and their accounts unless those are there already.
    async fn add_intervals(&self, span: Span, making: &mut Making, with_accounts: bool) -> Result<(), Refusal> {
        let (mut rest, mut day) = (span, DayMaking::default());
        loop {
            let page = self.store.intervals(self.community, rest, PAGE).await?;
            let mut statement = Statement::default();
            for stored in &page {
                day.add(stored);
                if with_accounts {
                    let more = Statement::of(stored.round.as_ref(), &stored.gaps, &stored.trades);
                    statement = more.and_then(|more| statement.checked_add(&more)).ok_or(TooLarge)?;
                }
            }
            if with_accounts {
                making.add_accounts(&statement.members, page.len() as u64)?;
            }
            match page.last() {
                Some(last) if page.len() == PAGE => rest.from = Some(last.interval.start().seconds().saturating_add(1)),
                _ => break,
            }
        }
        if let Some(details) = day.finish() {
            making.add_details(&details)?;
        }
        Ok(())
    }
}
