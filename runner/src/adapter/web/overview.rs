//! What a community came to over a period: sums and details of days as they are kept, and what is part of a day, or is not kept
//! yet, of its intervals, within bounds.

use std::collections::BTreeMap;
use std::sync::Arc;

use books::details::Making as DayMaking;
use books::statement::Statement;
use books::{DayDetails, DaySums, Period, Span, Store, StoreError};
use domain::{Boundary, IntervalLength};
use figures::community::{Figures, Making, Overview, Step, Steps, span_of};
use figures::sums::TooLarge;
use jiff::tz::TimeZone;

use super::recent::Recent;
use crate::statements::each_interval;

/// Days that are held in memory at a time.
const DAYS: usize = 32;
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

/// Why there is no overview.
#[derive(Debug, thiserror::Error)]
pub enum OverviewError {
    /// The store cannot be read.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// What is in it cannot be added up.
    #[error(transparent)]
    TooLarge(#[from] TooLarge),
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
    ) -> Result<Books<'b>, OverviewError> {
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

    /// What tells whether anything was added to a period: the newest day; `None` if the period is over.
    async fn newest(&self, period: &Period) -> Result<Option<(Boundary, u64, u64)>, OverviewError> {
        let Some((_, end)) = self.span.filter(|(_, end)| period.until().is_none_or(|until| end.timestamp() <= until))
        else {
            return Ok(None);
        };
        // The newest interval begins less than a day before its end.
        let from = end.seconds().saturating_sub(u64::from(self.length.seconds()));
        let days = self.store.sums(self.community, Span { from: Some(from), to: None }, None, 2).await?;
        Ok(days.last().map(|day| (day.until, day.intervals, day.trades)))
    }

    /// Everything that a period came to, and how finely it is shown over time.
    async fn overview(&self, period: &Period) -> Result<(Overview, Step), OverviewError> {
        let end = self.span.map_or(Boundary::EPOCH, |(_, end)| end);
        let steps = Steps::of(period, end, self.length, self.zone);
        let step = steps.step();
        let mut making = Making::new(span_of(period), steps, self.zone.clone());
        self.add_days(span_of(period), &mut making, true).await?;
        Ok((making.finish()?, step))
    }

    /// The figures of a period that need no details.
    async fn figures(&self, period: &Period) -> Result<Figures, OverviewError> {
        let steps = Steps::of(period, Boundary::EPOCH, self.length, self.zone);
        let mut making = Making::new(span_of(period), steps, self.zone.clone());
        self.add_days(span_of(period), &mut making, false).await?;
        Ok(making.finish()?.figures)
    }

    async fn add_days(&self, span: Span, making: &mut Making, with_details: bool) -> Result<(), OverviewError> {
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
    async fn add_part(&self, span: Span, day: &DaySums, making: &mut Making) -> Result<(), OverviewError> {
        let part = Span {
            from: span.from.max(Some(day.first.seconds())),
            to: Some(span.to.unwrap_or(u64::MAX).min(day.until.seconds())),
        };
        self.add_intervals(part, making, true).await
    }

    /// Adds the details of intervals, which are of one day, and their accounts unless those are there already.
    async fn add_intervals(&self, span: Span, making: &mut Making, with_accounts: bool) -> Result<(), OverviewError> {
        let (mut day, mut statement, mut count) = (DayMaking::default(), Statement::default(), 0);
        each_interval(self.store, self.community, span, |stored| {
            day.add(stored);
            count += 1;
            if with_accounts {
                let more = Statement::of(stored.round.as_ref(), &stored.gaps, &stored.trades);
                let sum = more.and_then(|more| std::mem::take(&mut statement).checked_add(&more));
                statement = sum.ok_or(TooLarge)?;
            }
            Ok::<(), OverviewError>(())
        })
        .await?;
        if with_accounts {
            making.add_accounts(&statement.members, count)?;
        }
        if let Some(details) = day.finish() {
            making.add_details(&details)?;
        }
        Ok(())
    }
}

/// Most overviews that are kept: each has the hours of a year at most, and who sold to whom.
const OVERVIEWS_MAX: usize = 24;
/// Most periods whose figures are kept. They are a few hundred bytes each.
const FIGURES_MAX: usize = 2_000;

/// An overview, and how finely it is shown over time.
pub type Made = (Overview, Step);

/// Which intervals something is of.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Key {
    community: String,
    period: Period,
    /// The end of the newest day and its numbers of intervals and trades; `None` if the period is over.
    newest: Option<(Boundary, u64, u64)>,
}

impl Key {
    async fn of(books: &Books<'_>, period: &Period) -> Result<Key, OverviewError> {
        let newest = books.newest(period).await?;
        Ok(Key { community: books.community.to_owned(), period: period.clone(), newest })
    }

    fn replaces(&self, other: &Key) -> bool {
        self != other && (&self.community, &self.period) == (&other.community, &other.period)
    }
}

/// Overviews and figures that were made. What one page has added up, the next ones need not.
#[derive(Debug, Default)]
pub struct Overviews {
    made: Recent<Key, Arc<Made>>,
    figures: Recent<Key, Figures>,
}

impl Overviews {
    /// The overview of a period.
    ///
    /// # Errors
    /// If the store cannot be read.
    pub async fn of(&self, books: &Books<'_>, period: &Period) -> Result<Arc<Made>, OverviewError> {
        let key = Key::of(books, period).await?;
        if let Some(made) = self.made.find(&key) {
            return Ok(made);
        }
        let made = Arc::new(books.overview(period).await?);
        // What lacks details is soon another one.
        if made.0.days_without_details == 0 {
            self.made.keep(key, Arc::clone(&made), Key::replaces);
            self.made.trim(OVERVIEWS_MAX, |_, _| 1);
        }
        Ok(made)
    }

    /// The figures of a period that need no details.
    ///
    /// # Errors
    /// If the store cannot be read.
    pub async fn figures(&self, books: &Books<'_>, period: &Period) -> Result<Figures, OverviewError> {
        let key = Key::of(books, period).await?;
        if let Some(figures) = self.figures.find(&key) {
            return Ok(figures);
        }
        let figures = books.figures(period).await?;
        self.figures.keep(key, figures.clone(), Key::replaces);
        self.figures.trim(FIGURES_MAX, |_, _| 1);
        Ok(figures)
    }
}
