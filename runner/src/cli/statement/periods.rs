//! Periods of a statement, one after the other.

use books::statement::Statement;
use books::{Calendar, Period, StoredInterval};
use figures::statement::Statements;
use jiff::tz::TimeZone;

use super::PeriodArg;

/// What intervals of one period are summed up in.
pub trait Sum {
    /// Without any interval yet.
    fn empty(zone: &TimeZone) -> Self;

    /// Adds the next interval.
    fn add(&mut self, interval: &StoredInterval);
}

impl Sum for Statement {
    fn empty(_: &TimeZone) -> Statement {
        Statement::default()
    }

    fn add(&mut self, interval: &StoredInterval) {
        Statement::add(self, interval);
    }
}

impl Sum for Statements {
    fn empty(zone: &TimeZone) -> Statements {
        Statements::new(zone.clone())
    }

    fn add(&mut self, interval: &StoredInterval) {
        Statements::add(self, interval);
    }
}

/// Sums up one period after the other, so that only one is held in memory.
pub struct Periods<'z, S> {
    calendar: Option<Calendar>,
    zone: &'z TimeZone,
    current: Option<(Option<Period>, S)>,
}

impl<'z, S: Sum> Periods<'z, S> {
    pub fn new(by: PeriodArg, zone: &'z TimeZone) -> Periods<'z, S> {
        let calendar = match by {
            PeriodArg::Total => None,
            PeriodArg::Month => Some(Calendar::Month),
            PeriodArg::Day => Some(Calendar::Day),
        };
        Periods { calendar, zone, current: None }
    }

    /// Adds the next interval; returns the period before it, if that is over.
    pub fn add(&mut self, interval: &StoredInterval) -> Option<(String, S)> {
        let start = interval.interval.start().timestamp();
        let goes_on = |(period, _): &(Option<Period>, _)| period.as_ref().is_none_or(|period| period.contains(start));
        if let Some((_, sum)) = self.current.as_mut().filter(|current| goes_on(current)) {
            sum.add(interval);
            return None;
        }
        let over = self.finish();
        let period = self.calendar.map(|calendar| Period::containing(start, calendar, self.zone));
        let mut sum = S::empty(self.zone);
        sum.add(interval);
        self.current = Some((period, sum));
        over
    }

    pub fn finish(&mut self) -> Option<(String, S)> {
        let (period, sum) = self.current.take()?;
        Some((period.map_or_else(|| "total".to_owned(), |period| period.to_string()), sum))
    }
}
