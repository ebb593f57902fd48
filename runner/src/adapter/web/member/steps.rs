//! The steps of a period: intervals of a day, days of a week or a month, months of a year. All that the calendar has, also
//! those without data.

use std::collections::BTreeMap;

use books::statement::Account;
use books::{Calendar, Period, Store};
use domain::{Boundary, Interval, MemberId};
use figures::own;
use jiff::tz::TimeZone;
use pages::member::{Step, When};

use super::{Settled, too_large};
use crate::adapter::web::ask::Refusal;
use crate::config::CommunityConfig;
use crate::statements::{days, each_interval};

/// Most steps of a period, whatever its calendar: a day of 25 hours has 1500 minutes.
const STEPS_MAX: usize = 2000;

/// The intervals of a day: as they were settled, and between them as long as they are now. Gaps follow the interval with which
/// they were settled.
pub(super) async fn of_intervals(
    store: &dyn Store,
    community: &CommunityConfig,
    period: &Period,
    member: &MemberId,
) -> Result<Vec<Step>, Refusal> {
    let mut settled: BTreeMap<Boundary, (Interval, Vec<own::Step>)> = BTreeMap::new();
    each_interval(store, &community.name, days::span(period), |stored| {
        let own = own::steps(stored, member).map_err(too_large)?;
        settled.insert(stored.interval.start(), (stored.interval, own));
        Ok::<(), Refusal>(())
    })
    .await?;
    let mut steps = Vec::new();
    let mut at = Boundary::at_or_after(period.from(), community.interval);
    let end = period.until().and_then(|until| Boundary::at_or_after(until, community.interval));
    let is_before_end = |start: &Boundary| end.is_none_or(|end| *start < end);
    while let Some(start) = at.filter(is_before_end)
        && steps.len() < STEPS_MAX
    {
        // One of another length may have begun before.
        let next = start.next(community.interval);
        let found = settled.range(start..).next().filter(|(found, _)| next.is_none_or(|next| **found < next));
        let Some((_, (interval, own))) = found else {
            steps.push(Step { when: When::Interval(start), account: None });
            at = next;
            continue;
        };
        let account = own.iter().find(|step| !step.is_gap).map(|step| step.account);
        steps.push(Step { when: When::Interval(interval.start()), account });
        let gaps = own.iter().filter(|step| step.is_gap);
        steps.extend(gaps.map(|gap| Step { when: When::Gap(gap.from), account: Some(gap.account) }));
        at = Some(interval.end());
    }
    Ok(steps)
}

/// The days of a week or a month.
pub(super) fn of_days(settled: &Settled, zone: &TimeZone, period: &Period, member: &MemberId) -> Vec<Step> {
    of_periods(Calendar::Day, zone, period, |day| {
        settled.days.get(&day.first()).and_then(|day| day.statement.members.get(member)).copied()
    })
}

/// The months of a year.
pub(super) fn of_months(settled: &Settled, zone: &TimeZone, period: &Period, member: &MemberId) -> Vec<Step> {
    of_periods(Calendar::Month, zone, period, |month| {
        let within = settled.days.iter().filter(|(day, _)| day.first_of_month() == month.first());
        let mut own = within.filter_map(|(_, day)| day.statement.members.get(member)).copied();
        let first = own.next()?;
        Some(own.fold(first, |mut sum, account| {
            sum.add(&account);
            sum
        }))
    })
}

fn of_periods(
    calendar: Calendar,
    zone: &TimeZone,
    period: &Period,
    account: impl Fn(&Period) -> Option<Account>,
) -> Vec<Step> {
    let mut steps = Vec::new();
    let end = period.next(zone).map(|next| next.first());
    let mut at = Some(Period::containing(period.from(), calendar, zone));
    while let Some(step) = at.filter(|step| end.is_none_or(|end| step.first() < end))
        && steps.len() < STEPS_MAX
    {
        at = step.next(zone);
        steps.push(Step { account: account(&step), when: When::Period(step) });
    }
    steps
}
