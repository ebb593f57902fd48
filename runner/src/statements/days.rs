//! What every member traded on each day of some time.

use std::collections::BTreeMap;

use books::statement::{Account, Statement};
use books::{Calendar, DaySums, Period, Span, Store, StoreError, StoredInterval};
use domain::MemberId;
use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;

use super::periods::{AddUp, Over, Periods, Sum};

/// What was settled on one day, or on several.
#[derive(Debug, Default)]
pub struct Day {
    /// The account of each member that was in any of its intervals.
    pub statement: Statement,
    /// Number of trades of all members.
    pub trades: u64,
    /// Of how many days it is.
    pub days: u64,
}

impl Day {
    /// Adds another day.
    pub fn add(&mut self, other: &Day) {
        self.statement.add_accounts(&other.statement.members);
        self.trades = self.trades.saturating_add(other.trades);
        self.days = self.days.saturating_add(other.days);
    }
}

impl Sum for Day {
    fn empty(_: &TimeZone) -> Day {
        Day { days: 1, ..Day::default() }
    }
}

impl AddUp for Day {
    fn add_day(&mut self, sums: &DaySums, accounts: &BTreeMap<MemberId, Account>) {
        self.statement.add_accounts(accounts);
        self.trades = self.trades.saturating_add(sums.trades);
    }

    fn add_interval(&mut self, interval: &StoredInterval) {
        self.statement.add(interval);
        self.trades = self.trades.saturating_add(interval.trades.len() as u64);
    }
}

/// Sums up each day on which a community has settled anything within a span.
///
/// # Errors
/// If the store cannot be read.
pub async fn days(
    store: &dyn Store,
    community: &str,
    zone: &TimeZone,
    span: Span,
) -> Result<BTreeMap<Date, Day>, StoreError> {
    let mut days = BTreeMap::new();
    let mut periods: Periods<'_, Day> = Periods::new(Some(Calendar::Day), zone);
    let mut over = |(period, day): Over<Day>| {
        if let Some(period) = period {
            days.insert(period.first(), day);
        }
        Ok::<(), StoreError>(())
    };
    periods.add_all(store, community, span, &mut over).await?;
    periods.finish().map_or(Ok(()), over)?;
    Ok(days)
}

/// The intervals that start within a period.
pub fn span(period: &Period) -> Span {
    let second = |at: Timestamp| {
        let whole = at.as_second() + i64::from(at.subsec_nanosecond() > 0);
        u64::try_from(whole).unwrap_or(0)
    };
    Span { from: Some(second(period.from())), to: period.until().map(second) }
}

/// Days whose sums are looked through at a time.
const PAGE: usize = 50;

/// Whether a member was ever in any interval of a community.
///
/// # Errors
/// If the store cannot be read.
pub async fn knows(store: &dyn Store, community: &str, member: &MemberId) -> Result<bool, StoreError> {
    let mut after = None;
    loop {
        let days = store.sums(community, Span::default(), after, PAGE).await?;
        // A day whose sums do not fit may have had anybody.
        if days.iter().any(|day| day.members.as_ref().is_none_or(|members| members.contains_key(member))) {
            return Ok(true);
        }
        match days.last() {
            Some(last) if days.len() == PAGE => after = Some(last.until),
            _ => return Ok(false),
        }
    }
}
