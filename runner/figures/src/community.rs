//! What a community came to over a period: its figures, what flowed step by step and hour by hour, what each member traded,
//! and who sold to whom.
//!
//! Accounts are those of a statement, to the last digit: with the energy of gaps, which is settled with the grid when a meter is
//! read again. What is shown over time is without it, since it is of other hours.

mod columns;
mod sales;
mod slots;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;

use books::statement::{Account, Flow};
use books::{DayDetails, DaySums, IntervalSums, Period, Span};
use domain::{Amount, MemberId};
use jiff::tz::TimeZone;

use crate::backtest::{WorseOff, worse_off};
use crate::calendar::{self, Hour};
use crate::fairness::Fairness;
use crate::rate;
use crate::statement::{cover_ppm, use_ppm};
use crate::sums::{Roster, TooLarge, add_account, paid};

pub use columns::{Column, Order};
pub use sales::{Sale, Sales};
pub use slots::{Flowed, Flows, Slot, Step, Steps};

/// The figures of a period.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Figures {
    /// The account of all members together.
    pub total: Account,
    /// Who pays more than with the grid alone, by the place among the members.
    pub worse_off: WorseOff,
    /// How evenly what is saved is shared.
    pub fairness: Fairness,
    /// What any rule could share at most, in Wh; `None` if some day has no details.
    pub potential_wh: Option<u128>,
    /// Intervals that are settled, and those of them with a round; that only if every day has details.
    pub intervals: u64,
    /// Those of them with a round; `None` if some day has no details.
    pub cleared: Option<u64>,
    /// How many times a meter was read again after a gap; `None` if some day has no details.
    pub gaps: Option<u64>,
}

impl Figures {
    /// Energy that members got from each other, in Wh; what passes through the operator counts once.
    pub fn shared_wh(&self) -> u128 {
        self.total.bought_local.wh
    }

    /// Energy that members fed in, in Wh.
    pub fn fed_in_wh(&self) -> u128 {
        self.total.sold_local.wh + self.total.sold_grid.wh
    }

    /// Energy that members needed from outside, in Wh.
    pub fn needed_wh(&self) -> u128 {
        self.total.bought_local.wh + self.total.bought_grid.wh
    }

    /// Shared energy of what was needed from outside, in parts per million; `None` of nothing.
    pub fn cover_ppm(&self) -> Option<u128> {
        cover_ppm(&self.total)
    }

    /// Shared energy of what was fed in, in parts per million; `None` of nothing.
    pub fn use_ppm(&self) -> Option<u128> {
        use_ppm(&self.total)
    }

    /// Shared energy of what could be shared at most, in parts per million.
    pub fn potential_ppm(&self) -> Option<u128> {
        rate::ppm(self.shared_wh(), self.potential_wh?)
    }

    /// What was saved as a part of what the grid alone would have cost, in parts per million.
    pub fn saved_ppm(&self) -> Option<i128> {
        rate::saved_ppm(self.total.saved().nano_eur(), self.total.grid_alone.nano_eur())
    }

    /// What the operator took in, less what it paid out.
    pub fn operator(&self) -> Amount {
        // OK because both are sums of the accounts, of which the difference is part of what was paid, which fits.
        self.total.bought_local.amount.checked_sub(self.total.sold_local.amount).unwrap_or_default()
    }

    /// Whether there is nothing to compare with: nothing is settled, or only intervals that moved no energy, as the one up to the
    /// first readings, and no round is known of.
    pub fn is_empty(&self) -> bool {
        self.intervals == 0 || (self.cleared.unwrap_or(0) == 0 && self.total == Account::default())
    }
}

/// What was traded with neighbours and the grid in an hour, in Wh.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct HourFlows {
    /// Shared within the community.
    pub shared: u128,
    /// Surplus that went to the grid.
    pub to_grid: u128,
    /// Need that was met from the grid.
    pub from_grid: u128,
}

/// A community over a period.
#[derive(Clone, Debug, Default)]
pub struct Overview {
    /// The figures.
    pub figures: Figures,
    /// The account of each member that was in any interval, sorted by name.
    pub members: Vec<(MemberId, Account)>,
    /// What flowed, step by step, in order of time.
    pub slots: Vec<Slot>,
    /// What flowed in each hour with data.
    pub hours: BTreeMap<Hour, HourFlows>,
    /// Who sold to whom; `None` if nobody can tell for some day.
    pub sales: Option<Sales>,
    /// Days of which the details are not made yet: nothing of them is in what is shown over time.
    pub days_without_details: u64,
}

/// An overview while it is added up.
#[derive(Debug)]
pub struct Making {
    span: Span,
    calendar: calendar::Calendar,
    roster: Roster,
    accounts: Vec<Account>,
    steps: Steps,
    hours: BTreeMap<Hour, HourFlows>,
    sales: Option<Sales>,
    potential_wh: u128,
    intervals: u64,
    cleared: u64,
    gaps: u64,
    days_without_details: u64,
}

/// The intervals of a period: those that start in it.
pub fn span_of(period: &Period) -> Span {
    Span { from: Some(slots::second(period.from())), to: period.until().map(slots::second) }
}

impl Making {
    /// Starts an overview of the intervals that start within a span, in these steps.
    pub fn new(span: Span, steps: Steps, zone: TimeZone) -> Making {
        Making {
            span,
            calendar: calendar::Calendar::new(zone),
            roster: Roster::default(),
            accounts: Vec::new(),
            steps,
            hours: BTreeMap::new(),
            sales: Some(Sales::default()),
            potential_wh: 0,
            intervals: 0,
            cleared: 0,
            gaps: 0,
            days_without_details: 0,
        }
    }

    /// Whether all of a day is in the span, so that its sums count as they are.
    pub fn has_whole(&self, sums: &DaySums) -> bool {
        is_within(self.span, sums.first.seconds()) && is_within(self.span, sums.last.seconds())
    }

    /// Adds accounts of members over so many intervals.
    ///
    /// # Errors
    /// If a sum of money does not fit.
    pub fn add_accounts(&mut self, accounts: &BTreeMap<MemberId, Account>, intervals: u64) -> Result<(), TooLarge> {
        self.intervals += intervals;
        for (member, account) in accounts {
            let number = self.roster.number(member);
            if self.accounts.len() <= number {
                self.accounts.resize(number + 1, Account::default());
            }
            add_account(&mut self.accounts[number], account)?;
        }
        Ok(())
    }

    /// Adds details: of their intervals those within the span. Who sold to whom must be of these intervals alone.
    ///
    /// # Errors
    /// If a sum of money does not fit.
    pub fn add_details(&mut self, details: &DayDetails) -> Result<(), TooLarge> {
        let told = details.told.as_ref().ok_or(TooLarge)?;
        let span = self.span;
        for sums in told.intervals.iter().filter(|sums| is_within(span, sums.interval.start().seconds())) {
            self.add_interval(sums)?;
        }
        match (&mut self.sales, &told.sales) {
            (Some(all), Some(sales)) => all.add(sales)?,
            _ => self.sales = None,
        }
        Ok(())
    }

    fn add_interval(&mut self, sums: &IntervalSums) -> Result<(), TooLarge> {
        self.gaps += sums.gaps;
        let Some(cleared) = &sums.cleared else { return Ok(()) };
        self.cleared += 1;
        self.potential_wh += cleared.potential_wh();
        let hour = self.calendar.place(sums.interval.start()).hour;
        self.steps.add(sums.interval, cleared)?;
        let flows = Flows::of(cleared);
        let sum = self.hours.entry(hour).or_default();
        sum.shared += flows.from_neighbours;
        sum.to_grid += flows.to_grid;
        sum.from_grid += flows.from_grid;
        Ok(())
    }

    /// Notes a day of which there are no details.
    pub fn lacks_details(&mut self) {
        self.days_without_details += 1;
    }

    /// Returns the overview.
    ///
    /// # Errors
    /// If a sum of money does not fit.
    pub fn finish(self) -> Result<Overview, TooLarge> {
        let mut total = Account::default();
        for account in &self.accounts {
            add_account(&mut total, account)?;
            paid(account)?;
        }
        paid(&total)?;
        let mut members: Vec<(MemberId, Account)> = self.roster.members().iter().cloned().zip(self.accounts).collect();
        members.sort_unstable_by(|a, b| a.0.cmp(&b.0));
        let is_told = self.days_without_details == 0;
        let figures = Figures {
            total,
            worse_off: worse_off(members.iter().map(|(_, account)| account.saved())),
            fairness: Fairness::of_accounts(members.iter().map(|(_, account)| account)),
            potential_wh: is_told.then_some(self.potential_wh),
            intervals: self.intervals,
            cleared: is_told.then_some(self.cleared),
            gaps: is_told.then_some(self.gaps),
        };
        Ok(Overview {
            figures,
            members,
            slots: self.steps.finish(),
            hours: self.hours,
            sales: self.sales.filter(|_| is_told),
            days_without_details: self.days_without_details,
        })
    }
}

fn is_within(span: Span, second: u64) -> bool {
    span.from.is_none_or(|from| from <= second) && span.to.is_none_or(|to| second < to)
}

/// The price that a flow comes to, in µEUR/kWh.
pub fn price_of(flow: Flow) -> Option<i128> {
    rate::price(flow.amount.nano_eur(), flow.wh)
}
