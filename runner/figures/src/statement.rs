//! What a member's statement shows beside its account: days, a typical day, its neighbours, and how good the data is.

use std::collections::BTreeMap;

use books::StoredInterval;
use books::statement::{Account, Statement};
use domain::{Boundary, Digest, MemberId, NamedParty};
use jiff::civil::Date;
use jiff::tz::TimeZone;

use crate::calendar::Calendar;
use crate::chain::Chain;
use crate::rate;

/// Hours on a clock.
const CLOCK: usize = 24;
/// From how many neighbours on a median tells nothing of any one of them.
pub const NEIGHBOURS_MIN: usize = 5;

/// What flowed between a member, its neighbours and the grid, in Wh.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Flows {
    /// Bought from neighbours.
    pub from_neighbours: u64,
    /// Bought from the grid.
    pub from_grid: u64,
    /// Sold to neighbours.
    pub to_neighbours: u64,
    /// Sold to the grid.
    pub to_grid: u64,
}

impl Flows {
    fn add(&mut self, other: Flows) {
        self.from_neighbours = self.from_neighbours.saturating_add(other.from_neighbours);
        self.from_grid = self.from_grid.saturating_add(other.from_grid);
        self.to_neighbours = self.to_neighbours.saturating_add(other.to_neighbours);
        self.to_grid = self.to_grid.saturating_add(other.to_grid);
    }

    /// The mean power in W of energy that flowed in so many seconds.
    fn over(self, seconds: u64) -> Option<Flows> {
        let mean = |wh: u64| {
            let watts = (u128::from(wh) * 3600).checked_div(seconds.into())?;
            u64::try_from(watts).ok()
        };
        Some(Flows {
            from_neighbours: mean(self.from_neighbours)?,
            from_grid: mean(self.from_grid)?,
            to_neighbours: mean(self.to_neighbours)?,
            to_grid: mean(self.to_grid)?,
        })
    }
}

/// What is added up for one member.
#[derive(Clone, Debug, Default)]
struct Household {
    days: BTreeMap<Date, Flows>,
    clock: [(Flows, u64); CLOCK],
    intervals: u64,
    gaps: u64,
    gap_wh: u128,
}

/// The statements of all members over some time.
#[derive(Debug)]
pub struct Statements {
    calendar: Calendar,
    accounts: Statement,
    households: BTreeMap<MemberId, Household>,
    intervals: u64,
    span: Option<(Boundary, Boundary)>,
    digest: Chain,
}

/// One member's statement.
#[derive(Clone, Debug)]
pub struct MemberStatement {
    /// The member.
    pub member: MemberId,
    /// Its account: the same sums as the command `statement` prints.
    pub account: Account,
    /// What can be told from its intervals, and not from the sums of days.
    pub detail: Option<Detail>,
    /// Medians of its neighbours; `None` if they are too few.
    pub neighbours: Option<Neighbours>,
    /// How many neighbours there are.
    pub neighbour_count: usize,
}

/// What the intervals of a member tell beside its account.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Detail {
    /// What flowed on each day with an interval of this member.
    pub days: BTreeMap<Date, Flows>,
    /// The mean power in W at each hour of the clock; `None` where there is no data.
    pub clock: [Option<Flows>; CLOCK],
    /// In how many intervals the member was settled.
    pub intervals: u64,
    /// How many times a meter of it was read again after a gap.
    pub gaps: u64,
    /// The energy of those gaps, in Wh.
    pub gap_wh: u128,
}

/// Medians of a member's neighbours, each of those that have such a figure.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Neighbours {
    /// Of cover, in parts per million.
    pub cover_ppm: Option<u128>,
    /// Of use, in parts per million.
    pub use_ppm: Option<u128>,
    /// Of the effective price at which they buy, in µEUR/kWh.
    pub bought_at: Option<i128>,
    /// Of the effective price at which they sell, in µEUR/kWh.
    pub sold_at: Option<i128>,
}

/// What the statements of a community have in common.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Common {
    /// Intervals that are stored.
    pub intervals: u64,
    /// The start of the first and the end of the last; `None` without any.
    pub span: Option<(Boundary, Boundary)>,
    /// Digest of what is in the books for them.
    pub digest: Digest,
}

/// Bought here of all that was bought, in parts per million.
pub fn cover_ppm(account: &Account) -> Option<u128> {
    rate::ppm(account.bought_local.wh, account.bought_local.wh + account.bought_grid.wh)
}

/// Sold here of all that was sold, in parts per million.
pub fn use_ppm(account: &Account) -> Option<u128> {
    rate::ppm(account.sold_local.wh, account.sold_local.wh + account.sold_grid.wh)
}

/// The effective price of all that was bought, in µEUR/kWh.
pub fn bought_at(account: &Account) -> Option<i128> {
    let amount = account.bought_local.amount.checked_add(account.bought_grid.amount)?;
    rate::price(amount.nano_eur(), account.bought_local.wh + account.bought_grid.wh)
}

/// The effective price of all that was sold, in µEUR/kWh.
pub fn sold_at(account: &Account) -> Option<i128> {
    let amount = account.sold_local.amount.checked_add(account.sold_grid.amount)?;
    rate::price(amount.nano_eur(), account.sold_local.wh + account.sold_grid.wh)
}

impl Statements {
    /// Makes statements without any interval yet.
    pub fn new(zone: TimeZone) -> Statements {
        Statements {
            calendar: Calendar::new(zone),
            accounts: Statement::default(),
            households: BTreeMap::new(),
            intervals: 0,
            span: None,
            digest: Chain::default(),
        }
    }

    /// Adds the next interval.
    pub fn add(&mut self, stored: &StoredInterval) {
        let interval = stored.interval;
        self.accounts.add(stored);
        // The first interval of books only has the registers from which they begin.
        if self.span.is_some() || stored.round.is_some() || !stored.trades.is_empty() {
            self.intervals += 1;
            self.span = Some((self.span.map_or(interval.start(), |(from, _)| from), interval.end()));
        }
        self.hash(stored);
        let hour = self.calendar.place(interval.start()).hour;
        let clock = usize::from(hour.clock.unsigned_abs()) % CLOCK;
        let seconds = u64::from(interval.length().seconds());
        for position in stored.round.iter().flat_map(|round| round.positions()) {
            let household = self.households.entry(position.member.clone()).or_default();
            household.intervals += 1;
            household.days.entry(hour.day).or_default();
            household.clock[clock].1 += seconds;
        }
        for gap in &stored.gaps {
            let household = self.households.entry(gap.member.clone()).or_default();
            household.gaps += 1;
            household.gap_wh += u128::from(gap.surplus.wh()) + u128::from(gap.deficit.wh());
        }
        // Trades of gaps come last. Their energy is of other days and hours.
        let gaps = stored.gaps.iter().flat_map(books::GapTrade::trades).count();
        for trade in stored.trades.iter().take(stored.trades.len().saturating_sub(gaps)) {
            let wh = trade.energy.wh();
            let with_grid = trade.kind().is_with_grid();
            if let NamedParty::Member(member) = &trade.buyer {
                let (from_grid, from_neighbours) = if with_grid { (wh, 0) } else { (0, wh) };
                self.flow(member, hour.day, clock, Flows { from_grid, from_neighbours, ..Flows::default() });
            }
            if let NamedParty::Member(member) = &trade.seller {
                let (to_grid, to_neighbours) = if with_grid { (wh, 0) } else { (0, wh) };
                self.flow(member, hour.day, clock, Flows { to_grid, to_neighbours, ..Flows::default() });
            }
        }
    }

    fn flow(&mut self, member: &MemberId, day: Date, clock: usize, flows: Flows) {
        // Every member that trades has a position.
        let Some(household) = self.households.get_mut(member) else { return };
        household.days.entry(day).or_default().add(flows);
        household.clock[clock].0.add(flows);
    }

    /// What of an interval is in the digest: what the algorithm could see, what came of it, and the gaps.
    fn hash(&mut self, stored: &StoredInterval) {
        let digest = |digest: Option<Digest>| digest.map_or_else(|| "none".to_owned(), |digest| digest.to_string());
        let [round, trades] = [stored.round_digest, stored.trades_digest].map(digest);
        self.digest.add(&format!("{} {round} {trades}", stored.interval));
        for gap in &stored.gaps {
            let (energy, tariff) = ((gap.surplus.wh(), gap.deficit.wh()), gap.tariff);
            let prices = (tariff.retail.micro_eur(), tariff.feed_in.micro_eur());
            self.digest.add(&format!("gap {} {energy:?} {prices:?} {}", gap.since, gap.member));
        }
    }

    /// Returns the statement of each member, sorted, and what they have in common.
    pub fn finish(mut self) -> (Common, Vec<MemberStatement>) {
        let accounts = &self.accounts.members;
        let statements = accounts.iter().map(|(member, account)| {
            let household = self.households.remove(member).unwrap_or_default();
            let detail = Detail {
                days: household.days,
                clock: household.clock.map(|(flows, seconds)| flows.over(seconds)),
                intervals: household.intervals,
                gaps: household.gaps,
                gap_wh: household.gap_wh,
            };
            MemberStatement { detail: Some(detail), ..MemberStatement::of(member, account, accounts) }
        });
        let statements = statements.collect();
        (Common { intervals: self.intervals, span: self.span, digest: self.digest.digest() }, statements)
    }
}

impl MemberStatement {
    /// Makes the statement of a member of its account and those of all members over the same time, without any detail.
    pub fn of(member: &MemberId, account: &Account, accounts: &BTreeMap<MemberId, Account>) -> MemberStatement {
        let others = accounts.iter().filter(|(other, account)| *other != member && is_active(account));
        let others: Vec<&Account> = others.map(|(_, account)| account).collect();
        MemberStatement {
            member: member.clone(),
            account: *account,
            detail: None,
            neighbour_count: others.len(),
            neighbours: (others.len() >= NEIGHBOURS_MIN).then(|| Neighbours::of(&others)),
        }
    }
}

/// Whether a member bought or sold anything.
pub(crate) fn is_active(account: &Account) -> bool {
    [account.sold_local, account.bought_local, account.sold_grid, account.bought_grid].iter().any(|flow| flow.wh > 0)
}

impl Neighbours {
    fn of(accounts: &[&Account]) -> Neighbours {
        fn median<T: Ord + Copy>(accounts: &[&Account], figure: impl Fn(&Account) -> Option<T>) -> Option<T> {
            rate::median(accounts.iter().filter_map(|account| figure(account)).collect())
        }
        Neighbours {
            cover_ppm: median(accounts, cover_ppm),
            use_ppm: median(accounts, use_ppm),
            bought_at: median(accounts, bought_at),
            sold_at: median(accounts, sold_at),
        }
    }
}
