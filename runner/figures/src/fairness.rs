//! How evenly a rule shares what it saves: four figures side by side, and deliberately no score.
//!
//! They are of what each member saved for each kilowatt-hour that it traded within the community, in nEUR/kWh, of members
//! that traded. Gini = Σ(2k−n−1)x₍ₖ₎ / (n·Σx), from 0 where all have the same (Gini 1912); Jain = (Σx)² / (n·Σx²), to 1 where
//! all have the same (Jain, Chiu, Hawe 1984). All sums are exact integers until the one division at the end.

use books::statement::Account;

use crate::rate;

/// How evenly something is shared.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Fairness {
    /// The Gini coefficient in parts per million, rounded down; `None` if any is negative, or nobody has anything.
    pub gini_ppm: Option<u128>,
    /// Jain's index in parts per million, rounded down; `None` as Gini's.
    pub jain_ppm: Option<u128>,
    /// The lowest; `None` of nobody.
    pub lowest: Option<i128>,
    /// The highest; `None` of nobody.
    pub highest: Option<i128>,
    /// The standard deviation, rounded down; `None` of nobody.
    pub deviation: Option<u128>,
}

impl Fairness {
    /// Computes the figures of these members' accounts: of each that traded here, what it saved for each kWh that it traded here.
    pub fn of_accounts<'a>(accounts: impl IntoIterator<Item = &'a Account>) -> Fairness {
        let each = accounts.into_iter().filter_map(|account| {
            rate::per_kwh(account.saved().nano_eur(), account.sold_local.wh + account.bought_local.wh)
        });
        Fairness::of(each.collect())
    }

    /// Computes the figures of what each of them has.
    pub fn of(mut each: Vec<i128>) -> Fairness {
        each.sort_unstable();
        let (Some(&lowest), Some(&highest)) = (each.first(), each.last()) else { return Fairness::default() };
        let shift = shift(&each);
        let registers = Registers::of(each.iter().map(|x| x >> shift));
        let (gini_ppm, jain_ppm) = if lowest < 0 { (None, None) } else { registers.indexes() };
        Fairness {
            gini_ppm,
            jain_ppm,
            lowest: Some(lowest),
            highest: Some(highest),
            deviation: Some(registers.deviation() << shift),
        }
    }
}

/// By how many bits numbers are cut so that no sum below overflows. None below 2⁴⁰ of a thousand members, and that is a
/// thousand euro for each kWh.
fn shift(each: &[i128]) -> u32 {
    // (n·x)² × 10⁶ < 2¹²⁷ with n < 2^members and x < 2^bits.
    let members = usize::BITS - each.len().leading_zeros();
    let bits = each.iter().map(|x| 128 - x.unsigned_abs().leading_zeros()).max().unwrap_or(0);
    bits.saturating_sub(53_u32.saturating_sub(members))
}

/// The registers of the statistics: number, sum, sum of squares, and sum weighted by rank.
#[derive(Default)]
struct Registers {
    count: i128,
    sum: i128,
    squares: i128,
    ranked: i128,
}

impl Registers {
    /// Adds up rising numbers.
    fn of(rising: impl ExactSizeIterator<Item = i128>) -> Registers {
        let count = i128::try_from(rising.len()).unwrap_or(i128::MAX);
        let mut registers = Registers { count, ..Registers::default() };
        for (rank, x) in (1..).zip(rising) {
            registers.sum += x;
            registers.squares += x * x;
            registers.ranked += (2 * rank - count - 1) * x;
        }
        registers
    }

    /// Gini and Jain, of numbers that are not negative.
    fn indexes(&self) -> (Option<u128>, Option<u128>) {
        let ppm = |part: i128, whole: i128| {
            let (part, whole) = (u128::try_from(part).ok()?, u128::try_from(whole).ok()?);
            (part * 1_000_000).checked_div(whole)
        };
        (ppm(self.ranked, self.count * self.sum), ppm(self.sum * self.sum, self.count * self.squares))
    }

    /// √(n·Σx² − (Σx)²) / n.
    fn deviation(&self) -> u128 {
        let spread = (self.count * self.squares - self.sum * self.sum).unsigned_abs();
        spread.isqrt().checked_div(self.count.unsigned_abs()).unwrap_or(0)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn known_answers() {
        let of = |each: &[i128]| Fairness::of(each.to_vec());
        let all = |gini, jain, lowest, highest, deviation| Fairness {
            gini_ppm: gini,
            jain_ppm: jain,
            lowest: Some(lowest),
            highest: Some(highest),
            deviation: Some(deviation),
        };
        assert_eq!(of(&[7, 7, 7]), all(Some(0), Some(1_000_000), 7, 7, 0));
        // One of four has all: Gini (n−1)/n, Jain 1/n.
        assert_eq!(of(&[0, 8, 0, 0]), all(Some(750_000), Some(250_000), 0, 8, 3));
        assert_eq!(of(&[3, 1, 2]), all(Some(222_222), Some(857_142), 1, 3, 0));
        assert_eq!(of(&[-1, 5]), all(None, None, -1, 5, 3));
        assert_eq!(of(&[0, 0]), all(None, None, 0, 0, 0));
        assert_eq!(of(&[]), Fairness::default());
    }

    #[test]
    fn the_largest_numbers_do_not_overflow() {
        let most = Fairness::of(vec![i128::MAX; 1000]);
        assert_eq!((most.gini_ppm, most.jain_ppm), (Some(0), Some(1_000_000)));
        assert_eq!(Fairness::of(vec![i128::MIN, i128::MAX]).lowest, Some(i128::MIN));
    }

    proptest! {
        #[test]
        fn prop_order_does_not_matter_and_indexes_are_in_range(each in prop::collection::vec(0_i128..1 << 40, 1..60)) {
            let fairness = Fairness::of(each.clone());
            let mut backwards = each.clone();
            backwards.reverse();
            prop_assert_eq!(Fairness::of(backwards), fairness);
            let count = each.len() as u128;
            if each.iter().any(|x| *x > 0) {
                prop_assert!(fairness.gini_ppm.unwrap() <= 1_000_000 * (count - 1) / count);
                prop_assert!((1_000_000 / count..=1_000_000).contains(&fairness.jain_ppm.unwrap()));
            }
        }
    }
}
