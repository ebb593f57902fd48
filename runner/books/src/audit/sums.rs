//! The proof of what a store has summed up: the sums of each day must be those of its intervals.

use std::collections::{BTreeMap, VecDeque};

use domain::{Boundary, Digest, MemberId};

use crate::interval::StoredInterval;
use crate::statement::{Account, DaySums, Statement};

const WAY_OUT: &str = "(rec-market statement rebuild makes the sums again)";

/// What a day's sums are, in few bytes: there may be years of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Expected {
    first: Boundary,
    last: Boundary,
    until: Boundary,
    intervals: u64,
    trades: u64,
    /// Of the accounts; `None` if there are none.
    digest: Option<Digest>,
}

/// The sums of days to come, and of the intervals of the first of them that were added so far.
#[derive(Debug, Default)]
pub(super) struct Sums {
    expected: VecDeque<Expected>,
    intervals: u64,
    trades: u64,
    /// `None` if a sum does not fit.
    statement: Option<Statement>,
}

impl Sums {
    pub(super) fn expect(&mut self, day: &DaySums) {
        let DaySums { first, last, until, intervals, trades, members } = day;
        let digest = members.as_ref().map(digest);
        let (first, last, until, intervals, trades) = (*first, *last, *until, *intervals, *trades);
        self.expected.push_back(Expected { first, last, until, intervals, trades, digest });
    }

    /// Adds an interval to its day; answers what is wrong with the day if that is over, or with the interval if it has none.
    pub(super) fn prove(&mut self, stored: &StoredInterval) -> Option<String> {
        let interval = stored.interval;
        let Some(day) = self.expected.front().copied().filter(|day| day.first <= interval.start()) else {
            return Some(format!("interval {interval} is in the sums of no day {WAY_OUT}"));
        };
        if interval.start() > day.last {
            let finding = self.take(day);
            return finding.or_else(|| self.prove(stored));
        }
        if self.intervals == 0 {
            self.statement = Some(Statement::default());
        }
        self.intervals += 1;
        self.trades += stored.trades.len() as u64;
        let more = Statement::of(stored.round.as_ref(), &stored.gaps, &stored.trades);
        self.statement = self.statement.take().zip(more).and_then(|(sum, more)| sum.checked_add(&more));
        if interval.end() == day.until { self.take(day) } else { None }
    }

    /// Compares a day that is over.
    fn take(&mut self, day: Expected) -> Option<String> {
        self.expected.pop_front();
        let digest = self.statement.take().map(|statement| digest(&statement.members));
        let found = (std::mem::take(&mut self.intervals), std::mem::take(&mut self.trades), digest);
        let is_same = found == (day.intervals, day.trades, day.digest);
        (!is_same)
            .then(|| format!("the sums of the day from {} on are not those of its intervals {WAY_OUT}", day.first))
    }

    /// What is wrong if days are left.
    pub(super) fn finish(&self) -> Option<String> {
        let day = self.expected.front()?;
        Some(format!("there are sums of a day from {} on, but not its intervals {WAY_OUT}", day.first))
    }
}

fn digest(accounts: &BTreeMap<MemberId, Account>) -> Digest {
    let mut bytes = Vec::with_capacity(accounts.len() * 160);
    for (member, account) in accounts {
        // No name has a zero byte.
        bytes.extend_from_slice(member.as_str().as_bytes());
        bytes.push(0);
        for flow in [account.sold_local, account.bought_local, account.sold_grid, account.bought_grid] {
            bytes.extend_from_slice(&flow.wh.to_be_bytes());
            bytes.extend_from_slice(&flow.amount.nano_eur().to_be_bytes());
        }
        bytes.extend_from_slice(&account.grid_alone.nano_eur().to_be_bytes());
    }
    Digest::of(&bytes)
}
