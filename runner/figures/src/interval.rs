//! The figures of one interval.

use books::statement::Flow;
use domain::{Amount, Party, Round, Trade};

use crate::rate;
use crate::sums::{MonthSums, TooLarge};

/// What one round comes to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Totals {
    /// Energy that members had to sell, in Wh.
    pub fed_in_wh: u128,
    /// Energy that members had to buy, in Wh.
    pub needed_wh: u128,
    /// What members got from each other, and what they paid for it; what passes through the operator counts once.
    pub shared: Flow,
    /// What the operator took in, less what it paid out.
    pub operator: Amount,
    /// The lowest and the highest price between members, in µEUR/kWh; `None` if nothing was shared.
    pub prices: Option<(i64, i64)>,
}

impl Totals {
    /// Sums up a round and its trades.
    ///
    /// # Errors
    /// If a sum of money does not fit.
    pub fn of(round: &Round, trades: &[Trade]) -> Result<Totals, TooLarge> {
        let numbers: Vec<usize> = (0..round.positions().len()).collect();
        let mut sums = MonthSums::default();
        sums.add_positions(round, &numbers)?;
        let shared = sums.add_trades(&numbers, trades)?;
        let inside = trades.iter().filter(|trade| trade.seller != Party::Grid && trade.buyer != Party::Grid);
        let prices = || inside.clone().map(|trade| trade.price.micro_eur());
        Ok(Totals {
            fed_in_wh: sums.fed_in_wh,
            needed_wh: sums.needed_wh,
            shared,
            operator: sums.operator,
            prices: prices().min().zip(prices().max()),
        })
    }

    /// Returns which part of what was fed in was shared, in parts per million.
    pub fn use_ppm(&self) -> Option<u128> {
        rate::ppm(self.shared.wh, self.fed_in_wh)
    }

    /// Returns which part of what was needed was shared, in parts per million.
    pub fn cover_ppm(&self) -> Option<u128> {
        rate::ppm(self.shared.wh, self.needed_wh)
    }
}
