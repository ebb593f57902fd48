//! What one rule comes to: everything that is added up, interval by interval. The order of the intervals makes no difference,
//! so parts can be added up at the same time and put together.

use std::collections::{BTreeMap, HashMap};

use books::statement::{Account, Flow};
use domain::{Amount, Energy, MemberId, Party, Round, Trade};
use jiff::civil::Date;

use crate::calendar::{Hour, Place};

/// How finely prices are told apart, in µEUR/kWh: a hundredth of a cent.
pub const PRICE_STEP: i64 = 100;

/// Energy or money that does not fit 128 bits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a sum of money does not fit 128 bits (are prices in µEUR/kWh, and energy in Wh?)")]
pub struct TooLarge;

/// The members by number, in the order in which they were met.
#[derive(Clone, Debug, Default)]
pub struct Roster {
    numbers: HashMap<MemberId, usize>,
    members: Vec<MemberId>,
}

impl Roster {
    /// Returns the number of a member, which is new if the member is.
    pub fn number(&mut self, member: &MemberId) -> usize {
        if let Some(number) = self.numbers.get(member) {
            return *number;
        }
        let number = self.members.len();
        self.numbers.insert(member.clone(), number);
        self.members.push(member.clone());
        number
    }

    /// Returns the members in the order of their numbers.
    pub fn members(&self) -> &[MemberId] {
        &self.members
    }

    /// Returns the number of the member of each position of a round.
    pub fn of_round(&mut self, round: &Round) -> Vec<usize> {
        round.positions().iter().map(|position| self.number(&position.member)).collect()
    }
}

/// The sums of one rule.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Sums {
    /// By month, each by its first day.
    pub months: BTreeMap<Date, MonthSums>,
    /// Energy shared in each hour with an interval, in Wh.
    pub hours: BTreeMap<Hour, u128>,
    /// Energy shared at each price, in Wh: the mean price of an interval, cut to [`PRICE_STEP`], in µEUR/kWh.
    pub prices: BTreeMap<i64, u128>,
}

/// The sums of one month, or of all.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct MonthSums {
    /// Energy that members got from each other, in Wh; what passes through the operator counts once.
    pub shared_wh: u128,
    /// Energy that members had to sell, in Wh.
    pub fed_in_wh: u128,
    /// Energy that members had to buy, in Wh.
    pub needed_wh: u128,
    /// What any rule could share at most, in Wh: in each interval the lower of the two above.
    pub potential_wh: u128,
    /// What the operator took in, less what it paid out.
    pub operator: Amount,
    /// The accounts of members by their number.
    pub accounts: Vec<Account>,
}

impl Sums {
    /// Adds the trades of a round, whose positions have members with these numbers.
    ///
    /// # Errors
    /// If a sum of money does not fit.
    pub fn add(&mut self, place: Place, round: &Round, members: &[usize], trades: &[Trade]) -> Result<(), TooLarge> {
        let month = self.months.entry(place.month).or_default();
        month.add_positions(round, members)?;
        let shared = month.add_trades(members, trades)?;
        *self.hours.entry(place.hour).or_default() += shared.wh;
        if let Some(price) = crate::rate::price(shared.amount.nano_eur(), shared.wh) {
            let step = i128::from(PRICE_STEP);
            // OK because a mean of prices is a price.
            let price = i64::try_from(price.div_euclid(step) * step).unwrap_or(i64::MIN);
            *self.prices.entry(price).or_default() += shared.wh;
        }
        Ok(())
    }

    /// Adds the sums of other intervals, whose members have these numbers here.
    ///
    /// # Errors
    /// If a sum of money does not fit.
    pub fn merge(&mut self, other: &Sums, numbers: &[usize]) -> Result<(), TooLarge> {
        for (month, sums) in &other.months {
            self.months.entry(*month).or_default().merge(sums, numbers)?;
        }
        for (hour, wh) in &other.hours {
            *self.hours.entry(*hour).or_default() += wh;
        }
        for (price, wh) in &other.prices {
            *self.prices.entry(*price).or_default() += wh;
        }
        Ok(())
    }

    /// Returns the sums of all months.
    ///
    /// # Errors
    /// If a sum of money does not fit.
    pub fn total(&self) -> Result<MonthSums, TooLarge> {
        let mut total = MonthSums::default();
        for month in self.months.values() {
            let numbers: Vec<usize> = (0..month.accounts.len()).collect();
            total.merge(month, &numbers)?;
        }
        Ok(total)
    }
}

/// Returns the trades of a round with the grid alone, at each member's own tariff.
pub fn grid_alone(round: &Round) -> Vec<Trade> {
    let trades = round.positions().iter().zip(0_u32..).flat_map(|(position, index)| {
        let (member, tariff) = (Party::Member(index), position.tariff);
        let sale = Trade { seller: member, buyer: Party::Grid, energy: position.surplus, price: tariff.feed_in };
        let purchase = Trade { seller: Party::Grid, buyer: member, energy: position.deficit, price: tariff.retail };
        [sale, purchase]
    });
    trades.filter(|trade| trade.energy > Energy::ZERO).collect()
}

impl MonthSums {
    fn account(&mut self, number: usize) -> &mut Account {
        if self.accounts.len() <= number {
            self.accounts.resize(number + 1, Account::default());
        }
        &mut self.accounts[number]
    }

    pub(crate) fn add_positions(&mut self, round: &Round, members: &[usize]) -> Result<(), TooLarge> {
        let (mut fed_in, mut needed) = (0, 0);
        for (position, number) in round.positions().iter().zip(members) {
            fed_in += u128::from(position.surplus.wh());
            needed += u128::from(position.deficit.wh());
            let paid = Amount::of(position.deficit, position.tariff.retail);
            let received = Amount::of(position.surplus, position.tariff.feed_in);
            let account = self.account(*number);
            account.grid_alone = plus(account.grid_alone, paid.checked_sub(received).ok_or(TooLarge)?)?;
        }
        self.fed_in_wh += fed_in;
        self.needed_wh += needed;
        self.potential_wh += fed_in.min(needed);
        Ok(())
    }

    /// Adds trades; returns what was shared, and what was paid for it.
    pub(crate) fn add_trades(&mut self, members: &[usize], trades: &[Trade]) -> Result<Flow, TooLarge> {
        let mut shared = Flow::default();
        for trade in trades {
            let flow = Flow { wh: trade.energy.wh().into(), amount: trade.amount() };
            let number = |index: u32| members.get(index as usize).copied();
            if let Party::Member(index) = trade.seller
                && let Some(number) = number(index)
            {
                let account = self.account(number);
                let with_grid = trade.buyer == Party::Grid;
                add(if with_grid { &mut account.sold_grid } else { &mut account.sold_local }, flow)?;
            }
            if let Party::Member(index) = trade.buyer
                && let Some(number) = number(index)
            {
                let account = self.account(number);
                let with_grid = trade.seller == Party::Grid;
                add(if with_grid { &mut account.bought_grid } else { &mut account.bought_local }, flow)?;
                if !with_grid {
                    add(&mut shared, flow)?;
                }
            }
            if trade.seller == Party::Operator {
                self.operator = plus(self.operator, flow.amount)?;
            }
            if trade.buyer == Party::Operator {
                self.operator = self.operator.checked_sub(flow.amount).ok_or(TooLarge)?;
            }
        }
        self.shared_wh += shared.wh;
        Ok(shared)
    }

    fn merge(&mut self, other: &MonthSums, numbers: &[usize]) -> Result<(), TooLarge> {
        self.shared_wh += other.shared_wh;
        self.fed_in_wh += other.fed_in_wh;
        self.needed_wh += other.needed_wh;
        self.potential_wh += other.potential_wh;
        self.operator = plus(self.operator, other.operator)?;
        for (account, number) in other.accounts.iter().zip(numbers) {
            add_account(self.account(*number), account)?;
        }
        Ok(())
    }

    /// Returns the account of all members together.
    ///
    /// # Errors
    /// If a sum of money does not fit.
    pub fn all(&self) -> Result<Account, TooLarge> {
        let mut all = Account::default();
        self.accounts.iter().try_for_each(|account| add_account(&mut all, account))?;
        paid(&all)?;
        Ok(all)
    }
}

/// Returns what an account paid, as [`Account::paid`].
///
/// # Errors
/// If it, or what it saved, does not fit.
pub fn paid(account: &Account) -> Result<Amount, TooLarge> {
    let bought = account.bought_local.amount.checked_add(account.bought_grid.amount);
    // In the order of `Account::paid`, so that it does not overflow on its way either.
    let paid = bought
        .and_then(|bought| bought.checked_sub(account.sold_local.amount))
        .and_then(|paid| paid.checked_sub(account.sold_grid.amount))
        .ok_or(TooLarge)?;
    account.grid_alone.checked_sub(paid).map(|_| paid).ok_or(TooLarge)
}

/// Adds an account to another one, as [`Account::add`].
///
/// # Errors
/// If a sum of money does not fit.
pub fn add_account(account: &mut Account, other: &Account) -> Result<(), TooLarge> {
    add(&mut account.sold_local, other.sold_local)?;
    add(&mut account.bought_local, other.bought_local)?;
    add(&mut account.sold_grid, other.sold_grid)?;
    add(&mut account.bought_grid, other.bought_grid)?;
    account.grid_alone = plus(account.grid_alone, other.grid_alone)?;
    Ok(())
}

fn add(flow: &mut Flow, other: Flow) -> Result<(), TooLarge> {
    flow.wh += other.wh;
    flow.amount = plus(flow.amount, other.amount)?;
    Ok(())
}

fn plus(sum: Amount, amount: Amount) -> Result<Amount, TooLarge> {
    sum.checked_add(amount).ok_or(TooLarge)
}

#[cfg(test)]
mod tests {
    use domain::round::{PriceLimits, Terms};
    use domain::{Boundary, Interval, IntervalLength, Position, Price, Tariff};
    use jiff::tz::TimeZone;

    use super::*;
    use crate::calendar::Calendar;

    /// A round of `(surplus, deficit)` by member, at the platform's tariff.
    fn round(start: u64, each: &[(&str, u64, u64)]) -> Round {
        let interval = Boundary::from_seconds(start + 900).unwrap().interval(IntervalLength::QUARTER_HOUR).unwrap();
        let tariff = Tariff::PLATFORM;
        let terms = Terms {
            community: "aveiro".to_owned(),
            interval,
            tariff,
            limits: PriceLimits::default(),
            seed: 0,
            settings: Vec::new(),
        };
        let position = |(member, surplus, deficit): &(&str, u64, u64)| Position {
            member: member.parse().unwrap(),
            surplus: Energy::from_wh(*surplus),
            deficit: Energy::from_wh(*deficit),
            offer: tariff.feed_in,
            bid: tariff.retail,
            tariff,
            share: 0,
            rank: 0,
        };
        Round::new(terms, each.iter().map(position).collect()).unwrap()
    }

    fn trade(seller: Party, buyer: Party, wh: u64, price: i64) -> Trade {
        Trade { seller, buyer, energy: Energy::from_wh(wh), price: Price::from_micro_eur(price) }
    }

    fn place(interval: Interval) -> Place {
        Calendar::new(TimeZone::UTC).place(interval.start())
    }

    fn sums(roster: &mut Roster, rounds: &[(Round, Vec<Trade>)]) -> Sums {
        let mut sums = Sums::default();
        for (round, trades) in rounds {
            let members = roster.of_round(round);
            sums.add(place(round.terms().interval), round, &members, trades).unwrap();
        }
        sums
    }

    #[test]
    fn what_passes_through_the_operator_counts_once_and_it_keeps_the_spread() {
        let round = round(0, &[("a", 1000, 0), ("b", 0, 1500)]);
        let [a, b] = [Party::Member(0), Party::Member(1)];
        let trades = vec![
            trade(a, Party::Operator, 1000, 80_000),
            trade(Party::Operator, b, 1000, 100_000),
            trade(Party::Grid, b, 500, 162_400),
        ];
        let total = sums(&mut Roster::default(), &[(round, trades)]).total().unwrap();
        assert_eq!((total.shared_wh, total.potential_wh), (1000, 1000));
        assert_eq!((total.fed_in_wh, total.needed_wh), (1000, 1500));
        assert_eq!(total.operator.nano_eur(), 1000 * 20_000);
        let all = total.all().unwrap();
        assert_eq!(all.paid().nano_eur(), 1000 * 20_000 + 500 * 162_400);
        assert_eq!(all.grid_alone.nano_eur(), 1500 * 162_400 - 1000 * 30_000);
        assert_eq!(total.accounts[0].saved().nano_eur(), 1000 * 50_000);
    }

    #[test]
    fn the_grid_alone_saves_nothing() {
        let round = round(0, &[("a", 1000, 7), ("b", 0, 1500), ("c", 0, 0)]);
        let alone = grid_alone(&round);
        let total = sums(&mut Roster::default(), &[(round, alone)]).total().unwrap();
        assert_eq!(total.accounts.len(), 3);
        assert!(total.accounts.iter().all(|account| account.saved() == Amount::ZERO));
        assert_eq!(total.shared_wh, 0);
    }

    #[test]
    fn parts_put_together_in_any_order_are_the_whole() {
        let rounds: Vec<(Round, Vec<Trade>)> = (0..40_u64)
            .map(|number| {
                // Members come and go.
                let who = [("a", 0, 300), ("b", 100 * number, 0), ("c", 0, 50), ("d", 9, 9)];
                let first = usize::try_from(number % 3).unwrap();
                let round = round(number * 86_400, &who[first..]);
                let trades = grid_alone(&round);
                (round, trades)
            })
            .collect();
        let mut roster = Roster::default();
        let whole = sums(&mut roster, &rounds);
        let mut backwards = Sums::default();
        for part in rounds.chunks(7).rev() {
            let mut own = Roster::default();
            let part = sums(&mut own, part);
            let numbers: Vec<usize> = own.members().iter().map(|member| roster.number(member)).collect();
            backwards.merge(&part, &numbers).unwrap();
        }
        assert_eq!(whole.months.len(), 2);
        assert_eq!(backwards.total().unwrap(), whole.total().unwrap());
        assert_eq!((backwards.hours, backwards.prices), (whole.hours, whole.prices));
    }

    #[test]
    fn what_does_not_fit_is_an_error() {
        let round = round(0, &[("a", 0, u64::MAX), ("b", u64::MAX, 0)]);
        let trades = vec![trade(Party::Member(1), Party::Member(0), u64::MAX, i64::MAX)];
        let (mut sums, members) = (Sums::default(), Roster::default().of_round(&round));
        let at = place(round.terms().interval);
        assert_eq!(sums.add(at, &round, &members, &trades), Ok(()));
        assert_eq!(sums.add(at, &round, &members, &trades), Err(TooLarge));
    }
}
