//! What one member traded, interval by interval: what a statement adds up.

use books::statement::{Account, Flow, Statement};
use books::{GapTrade, StoredInterval};
use domain::{Boundary, MemberId};

use crate::sums::TooLarge;

/// What a member traded in one interval, or of what time a gap was settled.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Step {
    /// The start of the interval, or of the gap: when a meter was read last before.
    pub from: Boundary,
    /// Its end.
    pub until: Boundary,
    /// Whether it is what meters counted that were read again after a gap, which is settled with the grid.
    pub is_gap: bool,
    /// What was traded. The sum over all intervals is the member's account in its statement.
    pub account: Account,
}

/// Returns what a member traded in an interval: nothing if it was not settled, two steps if it was and a gap ended here.
///
/// # Errors
/// If a sum does not fit 128 bits.
pub fn steps(stored: &StoredInterval, member: &MemberId) -> Result<Vec<Step>, TooLarge> {
    let gaps: Vec<&GapTrade> = stored.gaps.iter().filter(|gap| gap.member == *member).collect();
    let is_settled = stored.round.iter().flat_map(|round| round.positions()).any(|position| position.member == *member);
    let account = |gaps: &[GapTrade], trades: usize| {
        let trades = stored.trades.get(..trades).unwrap_or_default();
        Statement::of_member(member, stored.round.as_ref(), gaps, trades).ok_or(TooLarge)
    };
    // Trades of gaps come last.
    let of_gaps = stored.gaps.iter().flat_map(GapTrade::trades).count();
    let settled = account(&[], stored.trades.len().saturating_sub(of_gaps))?;
    let (from, until) = (stored.interval.start(), stored.interval.end());
    let mut steps = Vec::new();
    if is_settled {
        steps.push(Step { from, until, is_gap: false, account: settled });
    }
    if let Some(since) = gaps.iter().map(|gap| gap.since).min() {
        let all = account(&stored.gaps, stored.trades.len())?;
        let account = less(&all, &settled).ok_or(TooLarge)?;
        steps.push(Step { from: since, until, is_gap: true, account });
    }
    Ok(steps)
}

/// What is in one account and not in another, which is a part of it.
fn less(all: &Account, part: &Account) -> Option<Account> {
    let flow = |all: Flow, part: Flow| {
        Some(Flow { wh: all.wh.checked_sub(part.wh)?, amount: all.amount.checked_sub(part.amount)? })
    };
    Some(Account {
        sold_local: flow(all.sold_local, part.sold_local)?,
        bought_local: flow(all.bought_local, part.bought_local)?,
        sold_grid: flow(all.sold_grid, part.sold_grid)?,
        bought_grid: flow(all.bought_grid, part.bought_grid)?,
        grid_alone: all.grid_alone.checked_sub(part.grid_alone)?,
    })
}
