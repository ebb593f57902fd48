//! What a member may see of its community: totals from which nobody else's figures can be told.
//!
//! Totals of months are for every member. A day's or a week's is shown only if nobody stands out in it ([`of`]), and only if
//! it does not give away, beside the total of its month, what is not shown ([`by_day`]).

use std::collections::BTreeMap;

use books::Calendar;
use books::statement::Account;
use domain::MemberId;
use jiff::civil::Date;

use crate::rate;
use crate::statement::{NEIGHBOURS_MIN, is_active};
use crate::sums::TooLarge;

/// The accounts of a community's members over some time.
pub type Accounts = BTreeMap<MemberId, Account>;

/// What a community had together over some time, in Wh.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Together {
    /// What members got from each other; what passes through the operator counts once.
    pub shared_wh: u128,
    /// What members bought, here and from the grid.
    pub bought_wh: u128,
    /// What members sold, here and to the grid.
    pub sold_wh: u128,
}

impl Together {
    /// Adds up accounts.
    ///
    /// # Errors
    /// If a sum does not fit 128 bits.
    pub fn of<'a>(accounts: impl IntoIterator<Item = &'a Account>) -> Result<Together, TooLarge> {
        let each = accounts.into_iter().map(|account| {
            Some(Together {
                shared_wh: account.bought_local.wh,
                bought_wh: account.bought_local.wh.checked_add(account.bought_grid.wh)?,
                sold_wh: account.sold_local.wh.checked_add(account.sold_grid.wh)?,
            })
        });
        Together::sum(each).ok_or(TooLarge)
    }

    fn sum(each: impl IntoIterator<Item = Option<Together>>) -> Option<Together> {
        each.into_iter().try_fold(Together::default(), |sum, next| {
            let next = next?;
            Some(Together {
                shared_wh: sum.shared_wh.checked_add(next.shared_wh)?,
                bought_wh: sum.bought_wh.checked_add(next.bought_wh)?,
                sold_wh: sum.sold_wh.checked_add(next.sold_wh)?,
            })
        })
    }

    /// Shared of all that was bought, in parts per million.
    pub fn cover_ppm(&self) -> Option<u128> {
        rate::ppm(self.shared_wh, self.bought_wh)
    }

    /// Shared of all that was sold, in parts per million.
    pub fn use_ppm(&self) -> Option<u128> {
        rate::ppm(self.shared_wh, self.sold_wh)
    }
}

/// Why a member does not see a total.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Withheld {
    /// Too few others were active: so many.
    Few(usize),
    /// One of the others has more than half of what they sold or bought together.
    Dominated,
    /// With it and the total of its month, a member could work out a total that is withheld.
    GivesAway,
}

/// What a member sees of a total.
pub type Seen = Result<Together, Withheld>;

/// The total of some accounts, as far as one member may see it: if [`NEIGHBOURS_MIN`] others were active, and none of them has
/// more than half of what the others have together. A member knows its own part of every total, so what counts is the rest of
/// it; and energy that was shared has two sides, of which neither may be mostly one member's.
///
/// # Errors
/// If a sum does not fit 128 bits.
pub fn of(accounts: &Accounts, viewer: &MemberId) -> Result<Seen, TooLarge> {
    let total = Together::of(accounts.values())?;
    let others = || accounts.iter().filter(|(member, _)| *member != viewer).map(|(_, account)| account);
    let active = others().filter(|account| is_active(account)).count();
    if active < NEIGHBOURS_MIN {
        return Ok(Err(Withheld::Few(active)));
    }
    // What is at most a total that fits does fit.
    let parts: [fn(&Account) -> u128; 4] = [
        |account| account.bought_local.wh,
        |account| account.sold_local.wh,
        |account| account.bought_local.wh.saturating_add(account.bought_grid.wh),
        |account| account.sold_local.wh.saturating_add(account.sold_grid.wh),
    ];
    let stands_out = |part: &fn(&Account) -> u128| {
        let (most, all) =
            others().map(part).fold((0, 0_u128), |(most, all), wh| (wh.max(most), all.saturating_add(wh)));
        most > all - most
    };
    Ok(if parts.iter().any(stands_out) { Err(Withheld::Dominated) } else { Ok(total) })
}

/// What a member sees of each day of one month, of which it sees the total anyway. What is left of the month if the days that
/// are shown are taken from it must be a total that may be shown, too; otherwise no day is.
///
/// # Errors
/// If a sum does not fit 128 bits.
pub fn by_day(month: &BTreeMap<Date, Accounts>, viewer: &MemberId) -> Result<BTreeMap<Date, Seen>, TooLarge> {
    let mut seen = BTreeMap::new();
    let mut left: Option<Accounts> = None;
    for (day, accounts) in month {
        let total = of(accounts, viewer)?;
        if total.is_err() {
            add(left.get_or_insert_default(), accounts)?;
        }
        seen.insert(*day, total);
    }
    if let Some(left) = left
        && of(&left, viewer)?.is_err()
    {
        seen.values_mut().filter(|total| total.is_ok()).for_each(|total| *total = Err(Withheld::GivesAway));
    }
    Ok(seen)
}

fn add(sum: &mut Accounts, accounts: &Accounts) -> Result<(), TooLarge> {
    for (member, account) in accounts {
        let known = sum.entry(member.clone()).or_default();
        *known = known.checked_add(account).ok_or(TooLarge)?;
    }
    Ok(())
}

/// What a member sees of a period, of the days of all months that it touches. Months and years are shown; a day as far as
/// [`by_day`] says, and a week if each of its days is, so that it tells nothing new.
///
/// # Errors
/// If a sum does not fit 128 bits.
pub fn of_period(
    calendar: Calendar,
    is_within: impl Fn(Date) -> bool,
    days: &BTreeMap<Date, Accounts>,
    viewer: &MemberId,
) -> Result<Seen, TooLarge> {
    if matches!(calendar, Calendar::Month | Calendar::Year) {
        let within = days.iter().filter(|(day, _)| is_within(**day));
        return Together::of(within.flat_map(|(_, accounts)| accounts.values())).map(Ok);
    }
    let mut months: BTreeMap<Date, BTreeMap<Date, Accounts>> = BTreeMap::new();
    for (day, accounts) in days {
        months.entry(day.first_of_month()).or_default().insert(*day, accounts.clone());
    }
    let mut total = Together::default();
    for month in months.values() {
        for (_, seen) in by_day(month, viewer)?.into_iter().filter(|(day, _)| is_within(*day)) {
            match seen {
                Ok(day) => total = Together::sum([Some(total), Some(day)]).ok_or(TooLarge)?,
                Err(why) => return Ok(Err(why)),
            }
        }
    }
    Ok(Ok(total))
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]
mod tests {
    use books::statement::Flow;
    use domain::Amount;
    use proptest::prelude::*;

    use super::*;

    fn member(name: &str) -> MemberId {
        name.parse().unwrap()
    }

    fn account([bought_local, bought_grid, sold_local, sold_grid]: [u128; 4]) -> Account {
        let flow = |wh| Flow { wh, amount: Amount::ZERO };
        Account {
            bought_local: flow(bought_local),
            bought_grid: flow(bought_grid),
            sold_local: flow(sold_local),
            sold_grid: flow(sold_grid),
            grid_alone: Amount::ZERO,
        }
    }

    /// Members a, b, c, … with what each bought here and from the grid, and sold here and to the grid.
    fn accounts(rows: &[[u128; 4]]) -> Accounts {
        ('a'..).zip(rows).map(|(name, row)| (member(&name.to_string()), account(*row))).collect()
    }

    fn seen(rows: &[[u128; 4]]) -> Seen {
        of(&accounts(rows), &member("a")).unwrap()
    }

    const EVEN: [u128; 4] = [10, 20, 10, 5];

    #[test]
    fn five_others_of_whom_none_stands_out_are_shown_together() {
        let total = seen(&[EVEN; 6]).unwrap();
        assert_eq!(total, Together { shared_wh: 60, bought_wh: 180, sold_wh: 90 });
        assert_eq!((total.cover_ppm(), total.use_ppm()), (Some(333_333), Some(666_666)));
    }

    #[test]
    fn too_few_others_are_not_shown() {
        assert_eq!(seen(&[EVEN; 5]), Err(Withheld::Few(4)));
        // A member without any trade is not active.
        assert_eq!(seen(&[EVEN, EVEN, EVEN, EVEN, EVEN, [0; 4]]), Err(Withheld::Few(4)));
        assert_eq!(seen(&[]), Err(Withheld::Few(0)));
        // A manager's view of somebody who was not there: all are others.
        assert!(of(&accounts(&[EVEN; 5]), &member("z")).unwrap().is_ok());
    }

    #[test]
    fn nobody_else_has_more_than_half_of_any_side() {
        let others = |last: [u128; 4]| [EVEN, EVEN, EVEN, EVEN, EVEN, last];
        for (last, is_shown) in [
            ([40, 20, 10, 5], true),
            ([41, 20, 10, 5], false),
            ([10, 20, 40, 5], true),
            ([10, 20, 41, 0], false),
            ([10, 110, 10, 5], true),
            ([10, 111, 10, 5], false),
            ([10, 20, 10, 50], true),
            ([10, 20, 10, 51], false),
        ] {
            assert_eq!(seen(&others(last)).is_ok(), is_shown, "{last:?}");
        }
        // The only seller is told by what all bought, unless it is oneself.
        let buyer = [10, 20, 0, 0];
        assert_eq!(seen(&[buyer, buyer, buyer, buyer, buyer, [0, 0, 50, 0]]), Err(Withheld::Dominated));
        assert!(seen(&[[0, 0, 50, 0], buyer, buyer, buyer, buyer, buyer]).is_ok());
        // Much of one's own hides nobody.
        assert_eq!(seen(&[[900; 4], EVEN, [1; 4], [1; 4], [1; 4], [1; 4]]), Err(Withheld::Dominated));
    }

    fn date(day: i8) -> Date {
        jiff::civil::date(2024, 5, day)
    }

    fn shown(days: &[&[[u128; 4]]]) -> Vec<Seen> {
        let month = (1..).zip(days).map(|(day, rows)| (date(day), accounts(rows))).collect();
        by_day(&month, &member("a")).unwrap().into_values().collect()
    }

    #[test]
    fn no_day_is_shown_with_which_the_month_gives_another_away() {
        let alone = [[10, 0, 0, 0], [0, 0, 10, 0]];
        // The month less the first day would be the second.
        assert_eq!(shown(&[&[EVEN; 6], &alone]), [Err(Withheld::GivesAway), Err(Withheld::Few(1))]);
        // Two days that are withheld hide each other, if together nobody stands out in them.
        let [mut first, mut second] = [[EVEN; 6]; 2];
        (first[1], second[2]) = ([60, 20, 60, 5], [60, 20, 60, 5]);
        let days = shown(&[&[EVEN; 6], &first, &second]);
        assert_eq!(days[1..], [Err(Withheld::Dominated), Err(Withheld::Dominated)]);
        assert!(days[0].is_ok());
        assert!(shown(&[&[EVEN; 6], &[EVEN; 6]]).iter().all(Result::is_ok));
    }

    #[test]
    fn a_week_is_shown_if_each_of_its_days_is_and_a_month_always() {
        let few = accounts(&[EVEN; 2]);
        let mut days: BTreeMap<Date, Accounts> =
            [date(6), date(7)].map(|day| (day, accounts(&[EVEN; 6]))).into_iter().collect();
        let total = |calendar, days: &_| of_period(calendar, |day| day >= date(6), days, &member("a")).unwrap();
        assert_eq!(total(Calendar::Week, &days).unwrap().shared_wh, 120);
        days.insert(date(8), few.clone());
        assert_eq!(total(Calendar::Week, &days), Err(Withheld::GivesAway));
        assert_eq!(total(Calendar::Month, &days).unwrap().shared_wh, 140);
        assert_eq!(total(Calendar::Year, &days).unwrap().shared_wh, 140);
        // A day of the same month outside of the week counts, too.
        days.insert(date(1), few);
        assert!(total(Calendar::Week, &days).is_err());
    }

    proptest! {
        /// Whatever can be worked out of what is shown, the month and one's own part: each shown day, and the rest of the month.
        #[test]
        fn prop_nobody_stands_out_in_anything_that_can_be_worked_out(
            days in prop::collection::vec(prop::collection::vec(prop::array::uniform4(0_u128..40), 2..9), 1..5),
        ) {
            let month: BTreeMap<Date, Accounts> = (1..).zip(&days).map(|(day, rows)| (date(day), accounts(rows))).collect();
            let viewer = member("a");
            let seen = by_day(&month, &viewer).unwrap();
            let mut rest = Accounts::new();
            let mut are_all_shown = true;
            for (day, accounts) in &month {
                if seen[day].is_ok() {
                    prop_assert!(hides_everybody(accounts));
                } else {
                    are_all_shown = false;
                    add(&mut rest, accounts).unwrap();
                }
            }
            let is_any_shown = seen.values().any(Result::is_ok);
            prop_assert!(are_all_shown || !is_any_shown || hides_everybody(&rest));
        }
    }

    /// The rule, said another way: without oneself there are five, and each has at most half of every side.
    fn hides_everybody(accounts: &Accounts) -> bool {
        let others: Vec<&Account> = accounts.iter().filter(|(name, _)| name.as_str() != "a").map(|it| it.1).collect();
        let sides = |account: &Account| {
            let [bought, sold] = [account.bought_local.wh, account.sold_local.wh];
            [bought, sold, bought + account.bought_grid.wh, sold + account.sold_grid.wh]
        };
        let active = others.iter().filter(|account| sides(account).iter().any(|wh| *wh > 0)).count();
        let half = |side: usize| {
            let all: u128 = others.iter().map(|account| sides(account)[side]).sum();
            others.iter().all(|account| 2 * sides(account)[side] <= all)
        };
        active >= 5 && (0..4).all(half)
    }
}
