//! Sharing keys: how much of the community's surplus each buyer may take, and at what price.

use alloc::{
    format,
    string::{String, ToString},
    vec,
    vec::Vec,
};

use crate::{Book, Outcome, PriceLimits, Round, Setting, Value, mid, split, split_from};

/// Returns where the circle of positions begins in this round: the seed modulo the number of positions.
///
/// Building blocks that hand out single watt-hours start there, so that over a month nobody is favoured by its name.
#[must_use]
pub fn turn(round: &Round) -> usize {
    let positions = round.positions.len().max(1) as u64;
    // OK because the remainder is below a number of positions.
    usize::try_from(round.seed % positions).unwrap_or(0)
}

/// Splits `total` by weight among the positions, each of which takes at most its cap; what somebody cannot take is split
/// again among the others, until nothing is left or nobody who can take more has a weight.
///
/// Each pass is a [`split_from`] `first`. Passes are few: each but the last fills whoever weighs most.
///
/// ```
/// use market_kit::cascade;
///
/// assert_eq!(cascade(0, 100, &[2, 1, 1], &[20, 100, 30]), [20, 50, 30]);
/// assert_eq!(cascade(0, 100, &[1, 0], &[20, 100]), [20, 0]);
/// ```
#[must_use]
pub fn cascade(first: usize, total: u128, weights: &[u64], caps: &[u64]) -> Vec<u64> {
    let mut got = vec![0; weights.len()];
    let mut open = weights.to_vec();
    let mut left = total;
    while left > 0 {
        for ((weight, &got), &cap) in open.iter_mut().zip(&got).zip(caps) {
            if got >= cap {
                *weight = 0;
            }
        }
        let parts = split_from(first, left, &open);
        let before = left;
        for ((got, part), &cap) in got.iter_mut().zip(parts).zip(caps) {
            let taken = part.min(cap.saturating_sub(*got));
            *got += taken;
            left -= u128::from(taken);
        }
        if left == before {
            break;
        }
    }
    got
}

/// The price between members, as the setting `price` of every sharing key gives it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SharingPrice {
    /// Half-way between the round's retail and feed-in.
    Mid,
    /// The round's feed-in.
    FeedIn,
    /// The round's retail.
    Retail,
    /// A price in µEUR/kWh.
    Fixed(i64),
}

impl SharingPrice {
    /// The setting that gives it.
    pub const SETTING: Setting = Setting {
        key: "price",
        summary: "price between members: mid (of retail and feed-in), feed-in, retail, or a whole number of µEUR/kWh",
        default: "mid",
    };

    /// Reads the setting and returns the price in µEUR/kWh, within the community's limits.
    ///
    /// # Errors
    ///
    /// If the setting is none of these, or the price floor is above the ceiling.
    ///
    /// ```
    /// use market_kit::{SharingPrice, testing};
    ///
    /// let mut round = testing::round([]);
    /// assert_eq!(SharingPrice::of(&round), Ok(96_200));
    /// round.settings.push(("price".into(), "feed-in".into()));
    /// assert_eq!(SharingPrice::of(&round), Ok(30_000));
    /// ```
    pub fn of(round: &Round) -> Result<i64, String> {
        let price = match Self::SETTING.read(round)? {
            Self::Mid => mid(round.retail, round.feed_in),
            Self::FeedIn => round.feed_in,
            Self::Retail => round.retail,
            Self::Fixed(price) => price,
        };
        Ok(PriceLimits::of(round)?.clamp(price))
    }
}

impl Value for SharingPrice {
    fn parse(text: &str) -> Option<Self> {
        match text {
            "mid" => Some(Self::Mid),
            "feed-in" => Some(Self::FeedIn),
            "retail" => Some(Self::Retail),
            number => i64::parse(number).map(Self::Fixed),
        }
    }

    fn rule() -> String {
        "mid, feed-in, retail or a whole number of µEUR/kWh".to_string()
    }
}

/// Clears a round by a sharing key: `offers` tells from the book how many Wh each position may take of the community's
/// surplus, in the order of the positions and together at most the surplus. Each takes at most its deficit.
///
/// The energy is [handed out](Book::hand_out) at the [`SharingPrice`]; all other energy goes to the grid.
///
/// # Errors
///
/// If the setting `price` is wrong, the price floor is above the ceiling, or `offers` fails.
pub fn share(round: &Round, offers: impl FnOnce(&Book<'_>) -> Result<Vec<u64>, String>) -> Outcome {
    let price = SharingPrice::of(round)?;
    let mut book = Book::new(round);
    let mut takes = offers(&book)?;
    for (take, &deficit) in takes.iter_mut().zip(book.deficits()) {
        *take = deficit.min(*take);
    }
    book.hand_out(turn(round), takes, price);
    Ok(book.rest())
}

/// Adds up the shares of all positions, whether or not they buy in this interval, in parts per million.
///
/// # Errors
///
/// If they are more than the whole.
pub fn total_share(round: &Round) -> Result<u64, String> {
    const WHOLE: u64 = 1_000_000;
    let total = round.positions.iter().map(|position| u64::from(position.share)).sum();
    if total > WHOLE {
        return Err(format!("shares add up to {total} parts per million, above {WHOLE} (lower some)"));
    }
    Ok(total)
}

/// Returns the shares of all positions as weights.
#[must_use]
pub fn shares(round: &Round) -> Vec<u64> {
    round.positions.iter().map(|position| position.share.into()).collect()
}

impl Book<'_> {
    /// Returns the unsold surplus of every position, in Wh.
    #[must_use]
    pub fn surpluses(&self) -> &[u64] {
        &self.surplus
    }

    /// Returns the uncovered deficit of every position, in Wh.
    #[must_use]
    pub fn deficits(&self) -> &[u64] {
        &self.deficit
    }

    /// Returns the unsold surplus of all positions together, in Wh.
    #[must_use]
    pub fn total_surplus(&self) -> u128 {
        split::sum(&self.surplus)
    }

    /// Returns the uncovered deficit of all positions together, in Wh.
    #[must_use]
    pub fn total_deficit(&self) -> u128 {
        split::sum(&self.deficit)
    }

    /// Returns how many Wh each position takes of the community's surplus if it is split by the deficits, all of which it may
    /// cover. `first` is where the circle of positions begins ([`turn`]).
    #[must_use]
    pub fn by_deficit(&self, first: usize) -> Vec<u64> {
        split_from(first, self.total_surplus().min(self.total_deficit()), self.deficits())
    }

    /// Trades `takes[i]` Wh of every position's deficit at `price` (µEUR/kWh); the sellers part with that energy pro rata
    /// of their surplus.
    ///
    /// `takes` must not exceed the deficits, nor their sum the surplus. `first` is where the circle of positions begins
    /// ([`turn`]).
    ///
    /// ```
    /// use market_kit::{Book, testing};
    ///
    /// let round = testing::round([("anna", 300, 0), ("ben", 100, 0), ("carla", 0, 500)]);
    /// let mut book = Book::new(&round);
    /// book.hand_out(0, vec![0, 0, 200], 96_200);
    /// assert_eq!(book.surpluses(), [150, 50, 0]);
    /// ```
    pub fn hand_out(&mut self, first: usize, takes: Vec<u64>, price: i64) {
        let (total, supply) = (split::sum(&takes), split::sum(&self.surplus));
        let gives = if total == supply { self.surplus.clone() } else { split_from(first, total, &self.surplus) };
        self.pair(gives, takes, price);
    }
}
