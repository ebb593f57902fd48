//! Several rules beside each other on the same intervals: what each would have meant for each member.

use std::cmp::Ordering;
use std::collections::BTreeMap;

use books::statement::Account;
use domain::{Amount, Boundary, Digest, MemberId};
use jiff::civil::Date;
use jiff::tz::TimeZone;

use crate::calendar::Hour;
use crate::fairness::Fairness;
use crate::rate;
use crate::sums::{MonthSums, Sums, TooLarge, paid};

/// The result of a backtest.
#[derive(Clone, Debug)]
pub struct Backtest {
    /// The community's name.
    pub community: String,
    /// Whose days and months they are.
    pub zone: TimeZone,
    /// The start of the first interval and the end of the last; `None` without any.
    pub span: Option<(Boundary, Boundary)>,
    /// How much of the span counts.
    pub coverage: Coverage,
    /// The members by the number of their accounts, sorted.
    pub members: Vec<MemberId>,
    /// The rules: first the grid alone, then what settled, if anything did, then the others as they were named.
    pub variants: Vec<Variant>,
    /// The variant that the others are compared with.
    pub baseline: usize,
    /// Digest of the rounds, in order of time, and of what settled them.
    pub digest: Digest,
}

/// How much of a span counts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Coverage {
    /// Intervals from the first to the last.
    pub intervals: u64,
    /// Those that count: there is a round, and every rule has cleared it.
    pub counted: u64,
    /// Those that some rule could not clear.
    pub uncleared: u64,
    /// How many times a meter was read again after a gap: that energy is settled with the grid, whatever the rule.
    pub gaps: u64,
    /// Readings that are estimates, and all; `None` if nobody knows.
    pub estimated: Option<(u64, u64)>,
}

impl Coverage {
    /// Returns the number of intervals that do not count.
    pub fn skipped(&self) -> u64 {
        self.intervals.saturating_sub(self.counted)
    }

    /// Returns the number of intervals without a round: no member was read at both ends.
    pub fn unread(&self) -> u64 {
        self.skipped().saturating_sub(self.uncleared)
    }

    /// Returns the part of the readings that is estimated, in parts per million.
    pub fn estimated_ppm(&self) -> Option<u128> {
        let (estimated, readings) = self.estimated?;
        rate::ppm(estimated.into(), readings.into()).or(Some(0))
    }
}

/// What a variant is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Everybody with its own tariff and no community.
    GridAlone,
    /// What is in the books.
    AsSettled,
    /// Another rule.
    Rule,
}

/// What a variant is called, and how it ran.
#[derive(Clone, Debug)]
pub struct Named {
    /// What it is.
    pub kind: Kind,
    /// What tells it from the others, for people.
    pub label: String,
    /// The name that the algorithm gives itself.
    pub name: String,
    /// Its version; `None` where several settled, or none.
    pub version: Option<String>,
    /// SHA-256 digest of its component; `None` as the version.
    pub digest: Option<Digest>,
    /// The settings that were given for it, sorted by key.
    pub settings: Vec<(String, String)>,
}

/// How the runs of a variant went.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Runs {
    /// On how many intervals it failed.
    pub failed: u64,
    /// On how many its result was rejected.
    pub rejected: u64,
    /// The fuel of all runs.
    pub fuel: u64,
    /// The first intervals on which it failed or was rejected, and why.
    pub problems: BTreeMap<Boundary, String>,
}

/// Most problems of a variant that are kept one by one. All are counted.
pub const PROBLEMS_MAX: usize = 20;

impl Runs {
    /// Adds other runs. Of the problems the earliest are kept.
    pub fn add(&mut self, other: Runs) {
        self.failed += other.failed;
        self.rejected += other.rejected;
        self.fuel = self.fuel.saturating_add(other.fuel);
        self.problems.extend(other.problems);
        while self.problems.len() > PROBLEMS_MAX {
            self.problems.pop_last();
        }
    }

    /// Returns on how many intervals it brought nothing.
    pub fn bad(&self) -> u64 {
        self.failed + self.rejected
    }
}

/// One rule's result.
#[derive(Clone, Debug)]
pub struct Variant {
    /// What it is called.
    pub named: Named,
    /// How its runs went.
    pub runs: Runs,
    sums: Sums,
    total: MonthSums,
    all: Account,
}

/// The members that are worse off than beside something.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct WorseOff {
    /// How many.
    pub members: usize,
    /// The number of the one that loses most, and what it loses as a negative amount; `None` if nobody does.
    pub most: Option<(usize, Amount)>,
}

impl Variant {
    /// Makes a result.
    ///
    /// # Errors
    /// If a sum of money does not fit.
    pub fn new(named: Named, runs: Runs, sums: Sums, members: usize) -> Result<Variant, TooLarge> {
        let mut total = sums.total()?;
        // Members that were in no interval that counts.
        total.accounts.resize(members, Account::default());
        total.accounts.iter().try_for_each(|account| paid(account).map(drop))?;
        for month in sums.months.values() {
            month.all()?;
            month.accounts.iter().try_for_each(|account| paid(account).map(drop))?;
        }
        let all = total.all()?;
        Ok(Variant { named, runs, sums, total, all })
    }

    /// Returns the sums of all months.
    pub fn total(&self) -> &MonthSums {
        &self.total
    }

    /// Returns the account of all members together.
    pub fn all(&self) -> &Account {
        &self.all
    }

    /// Returns the account of each member, by number.
    pub fn accounts(&self) -> &[Account] {
        &self.total.accounts
    }

    /// Returns the sums of each month, by its first day.
    pub fn months(&self) -> &BTreeMap<Date, MonthSums> {
        &self.sums.months
    }

    /// Returns the energy shared in each hour, in Wh.
    pub fn hours(&self) -> &BTreeMap<Hour, u128> {
        &self.sums.hours
    }

    /// Returns the energy shared at each price, in Wh by µEUR/kWh.
    pub fn prices(&self) -> &BTreeMap<i64, u128> {
        &self.sums.prices
    }

    /// Shared energy of what was needed from outside, S / Σw.
    pub fn cover_ppm(&self) -> Option<u128> {
        rate::ppm(self.total.shared_wh, self.total.needed_wh)
    }

    /// Shared energy of what was fed in, S / Σe.
    pub fn use_ppm(&self) -> Option<u128> {
        rate::ppm(self.total.shared_wh, self.total.fed_in_wh)
    }

    /// Shared energy of what could be shared at most, S / S_max.
    pub fn potential_ppm(&self) -> Option<u128> {
        rate::ppm(self.total.shared_wh, self.total.potential_wh)
    }

    /// How evenly what is saved is shared: of each member that traded here, what it saved for each kWh that it traded here.
    pub fn fairness(&self) -> Fairness {
        Fairness::of_accounts(self.accounts())
    }

    /// Who pays more than with the grid alone.
    pub fn worse_than_grid(&self) -> WorseOff {
        worse_off(self.accounts().iter().map(Account::saved))
    }

    /// Who pays more than with another variant.
    pub fn worse_than(&self, baseline: &Variant) -> WorseOff {
        worse_off((0..self.accounts().len()).map(|number| self.beside(baseline, number)))
    }

    /// By how much a member is better off than with another variant: what it pays there, less what it pays here.
    pub fn beside(&self, baseline: &Variant, number: usize) -> Amount {
        difference(baseline.accounts().get(number), self.accounts().get(number))
    }

    /// The same for one month.
    pub fn beside_in(&self, baseline: &Variant, number: usize, month: Date) -> Amount {
        let account =
            |variant: &Variant| variant.sums.months.get(&month).and_then(|it| it.accounts.get(number)).copied();
        difference(account(baseline).as_ref(), account(self).as_ref())
    }

    /// By how much all members together are better off than with another variant in a month.
    pub fn all_beside_in(&self, baseline: &Variant, month: Date) -> Amount {
        let all = |variant: &Variant| variant.sums.months.get(&month).and_then(|sums| sums.all().ok());
        difference(all(baseline).as_ref(), all(self).as_ref())
    }

    /// In how many months a member's difference has the sign that it has over all, and in how many it has any.
    pub fn sign_holds(&self, baseline: &Variant, number: usize) -> (usize, usize) {
        let sign = |amount: Amount| amount.cmp(&Amount::ZERO);
        let whole = sign(self.beside(baseline, number));
        let signs = self.sums.months.keys().map(|month| sign(self.beside_in(baseline, number, *month)));
        let signs: Vec<Ordering> = signs.filter(|sign| *sign != Ordering::Equal).collect();
        (signs.iter().filter(|sign| **sign == whole).count(), signs.len())
    }
}

fn difference(before: Option<&Account>, now: Option<&Account>) -> Amount {
    let paid = |account: Option<&Account>| account.map_or(Amount::ZERO, Account::paid);
    // Each fits, and so the difference may only at the very end of the range miss by one bit.
    paid(before).checked_sub(paid(now)).unwrap_or_default()
}

/// Who loses, of these differences by number.
pub(crate) fn worse_off(differences: impl Iterator<Item = Amount>) -> WorseOff {
    let worse: Vec<(usize, Amount)> = differences.enumerate().filter(|(_, amount)| *amount < Amount::ZERO).collect();
    WorseOff { members: worse.len(), most: worse.into_iter().min_by_key(|(number, amount)| (*amount, *number)) }
}

impl Backtest {
    /// Returns the variant that the others are compared with.
    pub fn base(&self) -> Option<&Variant> {
        self.variants.get(self.baseline)
    }

    /// Returns every month in which anything counts.
    pub fn months(&self) -> Vec<Date> {
        self.variants.first().map(|variant| variant.months().keys().copied().collect()).unwrap_or_default()
    }

    /// Returns whether any rule failed or was rejected anywhere.
    pub fn is_bad(&self) -> bool {
        self.variants.iter().any(|variant| variant.runs.bad() > 0)
    }
}
