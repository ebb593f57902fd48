//! Prices, amounts and tariffs: integers with a fixed scale.
//!
//! Wh × µEUR/kWh = 10⁻³ kWh × 10⁻⁶ EUR/kWh = nEUR, so the amount of a trade is a whole number and needs no rounding.
//! Cents appear only in output for people: [`Amount::to_cents`].

use std::fmt;
use std::ops::{Add, Neg, Sub};

use crate::energy::Energy;

/// A price in micro-euro per kilowatt-hour (µEUR/kWh); may be negative. 0.1624 EUR/kWh is 162400. The default is 0.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Price(i64);

impl Price {
    /// Makes a price of `micro_eur` µEUR/kWh.
    pub const fn from_micro_eur(micro_eur: i64) -> Price {
        Price(micro_eur)
    }

    /// Returns the price in µEUR/kWh.
    pub const fn micro_eur(self) -> i64 {
        self.0
    }
}

impl fmt::Display for Price {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} µEUR/kWh", self.0)
    }
}

/// The grid's prices. Nothing requires `feed_in` to be below `retail`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Tariff {
    /// What the grid charges for energy drawn from it.
    pub retail: Price,
    /// What the grid pays for energy fed into it.
    pub feed_in: Price,
}

/// A sum of money in nano-euro (nEUR), signed.
///
/// The amount of one trade always fits: energy < 2⁶⁴ and |price| ≤ 2⁶³, so |amount| < 2¹²⁷. Sums of
/// what nobody has checked yet are made in more bits; the operators panic where a result does not fit.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Amount(i128);

impl Amount {
    /// 0 nEUR.
    pub const ZERO: Amount = Amount(0);

    /// Computes energy × price, exactly: Wh × µEUR/kWh = nEUR.
    pub const fn of(energy: Energy, price: Price) -> Amount {
        // OK because |energy × price| < 2⁶⁴ × 2⁶³ = 2¹²⁷.
        Amount(energy.wh() as i128 * price.micro_eur() as i128)
    }

    /// Makes an amount of `nano_eur` nano-euro.
    pub const fn from_nano_eur(nano_eur: i128) -> Amount {
        Amount(nano_eur)
    }

    /// Returns the amount in nano-euro.
    pub const fn nano_eur(self) -> i128 {
        self.0
    }

    /// Adds; `None` if the sum does not fit 128 bits.
    pub fn checked_add(self, other: Amount) -> Option<Amount> {
        self.0.checked_add(other.0).map(Amount)
    }

    /// Subtracts; `None` if the difference does not fit 128 bits.
    pub fn checked_sub(self, other: Amount) -> Option<Amount> {
        self.0.checked_sub(other.0).map(Amount)
    }

    /// Rounds to whole cents, halves to the even cent (ISO 80000-1, B.3, rule A).
    ///
    /// For display only: never compute with the result.
    pub fn to_cents(self) -> i128 {
        const NANO_PER_CENT: i128 = 10_000_000;
        let floor = self.0.div_euclid(NANO_PER_CENT);
        let rest = self.0.rem_euclid(NANO_PER_CENT);
        match (2 * rest).cmp(&NANO_PER_CENT) {
            std::cmp::Ordering::Less => floor,
            std::cmp::Ordering::Greater => floor + 1,
            std::cmp::Ordering::Equal => floor + floor.rem_euclid(2),
        }
    }
}

const TOO_LARGE: &str = "an amount that fits 128 bits";

/// Panics if the sum does not fit, since any other answer would be wrong money. For totals of checked amounts, such as the
/// columns of a statement.
#[allow(clippy::expect_used, reason = "a total that does not fit must not be taken for another")]
impl Add for Amount {
    type Output = Amount;
    fn add(self, other: Amount) -> Amount {
        Amount(self.0.checked_add(other.0).expect(TOO_LARGE))
    }
}

/// Panics, like [`Add`].
#[allow(clippy::expect_used, reason = "a total that does not fit must not be taken for another")]
impl Sub for Amount {
    type Output = Amount;
    fn sub(self, other: Amount) -> Amount {
        Amount(self.0.checked_sub(other.0).expect(TOO_LARGE))
    }
}

/// Panics, like [`Add`].
#[allow(clippy::expect_used, reason = "a total that does not fit must not be taken for another")]
impl Neg for Amount {
    type Output = Amount;
    fn neg(self) -> Amount {
        Amount(self.0.checked_neg().expect(TOO_LARGE))
    }
}

/// Prints euro with all nine decimals, so that no digit is lost: `-0.048720000 EUR`.
impl fmt::Display for Amount {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const NANO_PER_EUR: u128 = 1_000_000_000;
        let sign = if self.0 < 0 { "-" } else { "" };
        let size = self.0.unsigned_abs();
        write!(f, "{sign}{}.{:09} EUR", size / NANO_PER_EUR, size % NANO_PER_EUR)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_amount_is_exact_at_the_limits_of_both_ranges() {
        let most = Energy::from_wh(u64::MAX);
        assert_eq!(Amount::of(most, Price::from_micro_eur(i64::MIN)).nano_eur(), i128::MIN + (1_i128 << 63));
        assert_eq!(Amount::of(Energy::from_wh(1500), Price::from_micro_eur(162_400)).to_string(), "0.243600000 EUR");
    }

    #[test]
    #[should_panic(expected = "an amount that fits 128 bits")]
    fn a_sum_that_does_not_fit_is_no_sum() {
        let most = Amount::of(Energy::from_wh(u64::MAX), Price::from_micro_eur(i64::MAX));
        assert_eq!((most - most, most + -most), (Amount::ZERO, Amount::ZERO));
        let _ = most + most;
    }

    #[test]
    fn halves_of_cents_round_to_even_on_both_sides_of_zero() {
        let cents = |nano| Amount::from_nano_eur(nano).to_cents();
        assert_eq!([cents(5_000_000), cents(15_000_000), cents(25_000_000)], [0, 2, 2]);
        assert_eq!([cents(-5_000_000), cents(-15_000_000), cents(-5_000_001)], [0, -2, -1]);
        assert_eq!(cents(i128::MIN), i128::MIN / 10_000_000);
    }
}
