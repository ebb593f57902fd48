use alloc::{format, string::String};

use crate::Round;

/// Returns the midpoint of two prices, rounded towards minus infinity.
///
/// ```
/// use market_kit::mid;
///
/// assert_eq!(mid(162_400, 30_000), 96_200);
/// assert_eq!(mid(-4, 1), -2);
/// assert_eq!(mid(i64::MAX, i64::MAX), i64::MAX);
/// ```
#[must_use]
pub const fn mid(a: i64, b: i64) -> i64 {
    // The common bits, plus half of the differing ones: this sum cannot overflow, and the right shift rounds down.
    (a & b) + ((a ^ b) >> 1)
}

/// Returns the price that lies so many millionths of the way from one price to another, rounded towards minus infinity.
///
/// ```
/// use market_kit::between;
///
/// assert_eq!(between(30_000, 162_400, 250_000), 63_100);
/// assert_eq!(between(0, -3, 500_000), -2);
/// assert_eq!(between(i64::MIN, i64::MAX, 1_000_000), i64::MAX);
/// ```
///
/// # Panics
///
/// If `millionths` is above 1,000,000, which is all of the way.
#[must_use]
pub fn between(from: i64, to: i64, millionths: u32) -> i64 {
    assert!(millionths <= 1_000_000, "{millionths} millionths of the way are more than all of it");
    let way = i128::from(to) - i128::from(from);
    let price = i128::from(from) + (way * i128::from(millionths)).div_euclid(1_000_000);
    // OK because the price lies between two that fit.
    i64::try_from(price).unwrap_or(to)
}

/// The limits on prices between members, in µEUR/kWh: the community's, or else those that the market gives an algorithm
/// that is not part of it, 0 or the lowest feed-in and the highest retail price of the members.
///
/// The host rejects a result with a price outside them as a whole, so pass every price between members through
/// [`clamp`](PriceLimits::clamp). The floor also applies where a member sells to the operator, the ceiling where a member
/// buys from it. The limits do not apply to trades with the grid.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PriceLimits {
    floor: i64,
    ceiling: i64,
}

impl PriceLimits {
    /// Reads the limits of a round; a missing limit allows every price.
    ///
    /// # Errors
    ///
    /// If the floor is above the ceiling, so that no price satisfies both.
    ///
    /// ```
    /// use market_kit::{PriceLimits, testing};
    ///
    /// let mut round = testing::round([]);
    /// round.price_ceiling = Some(90_000);
    /// assert_eq!(PriceLimits::of(&round).unwrap().clamp(96_200), 90_000);
    ///
    /// round.price_floor = Some(100_000);
    /// assert_eq!(
    ///     PriceLimits::of(&round).unwrap_err(),
    ///     "price floor 100000 is above price ceiling 90000 (lower the floor or raise the ceiling)",
    /// );
    /// ```
    pub fn of(round: &Round) -> Result<Self, String> {
        let floor = round.price_floor.unwrap_or(i64::MIN);
        let ceiling = round.price_ceiling.unwrap_or(i64::MAX);
        if floor > ceiling {
            return Err(format!(
                "price floor {floor} is above price ceiling {ceiling} (lower the floor or raise the ceiling)"
            ));
        }
        Ok(Self { floor, ceiling })
    }

    /// Returns the price within the limits that is nearest to `price`.
    #[must_use]
    pub fn clamp(&self, price: i64) -> i64 {
        // Not `Ord::clamp`, which includes code for a panic that cannot happen here.
        self.lower(self.raise(price))
    }

    /// Returns `price`, raised to the floor if it is below.
    #[must_use]
    pub fn raise(&self, price: i64) -> i64 {
        price.max(self.floor)
    }

    /// Returns `price`, lowered to the ceiling if it is above.
    #[must_use]
    pub fn lower(&self, price: i64) -> i64 {
        price.min(self.ceiling)
    }
}
