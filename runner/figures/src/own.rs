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

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]
mod tests {
    use std::sync::Arc;

    use books::trade::trades_of;
    use domain::netting::Basis;
    use domain::round::{PriceLimits, Terms};
    use domain::{Amount, Energy, Interval, IntervalLength, Party, Position, Price, Round, Settlement, Tariff, Trade};

    use super::*;

    fn tariff(retail: i64, feed_in: i64) -> Tariff {
        Tariff { retail: Price::from_micro_eur(retail), feed_in: Price::from_micro_eur(feed_in) }
    }

    /// A quarter-hour in which `a` sells 600 Wh to `b` and 400 Wh to the grid, and these gaps end.
    fn stored(gaps: Vec<GapTrade>) -> StoredInterval {
        let start = Boundary::from_seconds(1_693_569_600).unwrap();
        let interval = Interval::starting(start, IntervalLength::QUARTER_HOUR).unwrap();
        let terms = Terms {
            community: "aveiro".to_owned(),
            interval,
            tariff: Tariff::PLATFORM,
            limits: PriceLimits::default(),
            seed: 7,
            settings: Vec::new(),
        };
        let position = |(member, surplus, deficit): (&str, u64, u64)| Position {
            member: member.parse().unwrap(),
            surplus: Energy::from_wh(surplus),
            deficit: Energy::from_wh(deficit),
            offer: Price::from_micro_eur(30_000),
            bid: Price::from_micro_eur(160_000),
            tariff: tariff(160_000, 30_000),
            share: 0,
            rank: 0,
        };
        let round = Arc::new(Round::new(terms, [("a", 1000, 0), ("b", 0, 600)].map(position).to_vec()).unwrap());
        let trade = |buyer, wh, price| Trade {
            seller: Party::Member(0),
            buyer,
            energy: Energy::from_wh(wh),
            price: Price::from_micro_eur(price),
        };
        let trades = vec![trade(Party::Member(1), 600, 90_000), trade(Party::Grid, 400, 30_000)];
        let settlement = Settlement::check(Arc::clone(&round), trades, 99).unwrap();
        StoredInterval {
            round: Some(Round::clone(&round)),
            trades: trades_of("aveiro", interval, Some((&settlement, None)), &gaps),
            gaps,
            ..StoredInterval::empty(interval, Basis::Net)
        }
    }

    fn gap(member: &str, since: u64, surplus: u64, deficit: u64) -> GapTrade {
        GapTrade {
            member: member.parse().unwrap(),
            since: Boundary::from_seconds(since).unwrap(),
            surplus: Energy::from_wh(surplus),
            deficit: Energy::from_wh(deficit),
            tariff: tariff(200_000, 50_000),
        }
    }

    #[test]
    fn the_steps_of_an_interval_add_up_to_its_statement() {
        let early = 1_693_500_300;
        let stored = stored(vec![
            gap("a", early + 900, 5, 0),
            gap("b", early, 0, 7),
            gap("a", early, 0, 3),
            gap("c", early, 2, 2),
        ]);
        let all = Statement::of(stored.round.as_ref(), &stored.gaps, &stored.trades).unwrap();
        for (name, expected) in [("a", vec![false, true]), ("b", vec![false, true]), ("c", vec![true])] {
            let member: MemberId = name.parse().unwrap();
            let steps = steps(&stored, &member).unwrap();
            assert_eq!(steps.iter().map(|step| step.is_gap).collect::<Vec<_>>(), expected, "{name}");
            let mut sum = Account::default();
            steps.iter().for_each(|step| sum.add(&step.account));
            assert_eq!(sum, all.members[&member], "{name}");
            let last = steps.last().unwrap();
            assert_eq!((last.from.seconds(), last.until), (early, stored.interval.end()), "{name}");
        }
        let own = steps(&stored, &"b".parse().unwrap()).unwrap();
        assert_eq!(own[0].account.bought_local, Flow { wh: 600, amount: Amount::from_nano_eur(600 * 90_000) });
        assert_eq!((own[0].account.bought_grid.wh, own[1].account.bought_grid.wh), (0, 7));
        assert_eq!(steps(&stored, &"nobody".parse().unwrap()).unwrap(), []);
    }
}
