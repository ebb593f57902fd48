//! Rates and prices: the last division, and the only one.
//!
//! The words are those of European community law: cover is collective self-sufficiency (DE Autarkie, FR taux
//! d'autoproduction), use is collective self-consumption (FR taux d'autoconsommation), the potential is what Italian law
//! calls energia condivisa.

/// One million: rates are in parts per million.
const MILLION: u128 = 1_000_000;

/// Returns a part of a whole in parts per million, rounded down; `None` of nothing.
///
/// ```
/// assert_eq!(figures::rate::ppm(1, 3), Some(333_333));
/// assert_eq!(figures::rate::ppm(0, 0), None);
/// ```
pub fn ppm(part: u128, whole: u128) -> Option<u128> {
    match part.checked_mul(MILLION) {
        Some(product) => product.checked_div(whole),
        // More than 2¹⁰⁸: what is left out of the whole is far below a millionth of it.
        None => part.checked_div(whole / MILLION),
    }
}

/// Returns what was saved as a part of what the grid alone would have cost, in parts per million, rounded down; `None` where
/// the grid alone would have cost nothing or paid.
pub fn saved_ppm(saved_nano_eur: i128, grid_alone_nano_eur: i128) -> Option<i128> {
    let alone = Some(grid_alone_nano_eur).filter(|alone| *alone > 0)?;
    Some(saved_nano_eur.checked_mul(1_000_000)?.div_euclid(alone))
}

/// Returns the price that an amount for some energy comes to, in µEUR/kWh, rounded down; `None` without energy.
///
/// nEUR / Wh = µEUR/kWh.
pub fn price(nano_eur: i128, wh: u128) -> Option<i128> {
    let wh = i128::try_from(wh).ok().filter(|wh| *wh > 0)?;
    Some(nano_eur.div_euclid(wh))
}

/// Returns an amount for each kilowatt-hour, in nEUR/kWh, rounded down; `None` without energy, or beyond 2¹²⁷.
pub fn per_kwh(nano_eur: i128, wh: u128) -> Option<i128> {
    let wh = i128::try_from(wh).ok().filter(|wh| *wh > 0)?;
    Some(nano_eur.checked_mul(1000)?.div_euclid(wh))
}

/// Returns the middle of some numbers, the lower of two; `None` of none.
pub fn median<T: Ord + Copy>(mut numbers: Vec<T>) -> Option<T> {
    numbers.sort_unstable();
    numbers.get(numbers.len().checked_sub(1)? / 2).copied()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rates_round_down_and_do_not_overflow() {
        assert_eq!([ppm(2, 3), ppm(5, 4), ppm(1, 0)], [Some(666_666), Some(1_250_000), None]);
        assert_eq!(ppm(u128::MAX / 2, u128::MAX), Some(500_000));
        assert_eq!(ppm(u128::MAX, 3), Some(u128::MAX));
    }

    #[test]
    fn what_is_lost_rounds_down_too() {
        assert_eq!(
            [saved_ppm(1, 3), saved_ppm(-1, 3), saved_ppm(1, 0), saved_ppm(1, -3)],
            [Some(333_333), Some(-333_334), None, None]
        );
        assert_eq!([price(-1, 2), price(7, 2), price(7, 0)], [Some(-1), Some(3), None]);
        assert_eq!([per_kwh(96_200, 1), per_kwh(-1, 3), per_kwh(i128::MAX, 1)], [Some(96_200_000), Some(-334), None]);
    }

    #[test]
    fn a_median_is_one_of_the_numbers() {
        assert_eq!([median(vec![3, 1, 2]), median(vec![4, 1]), median(Vec::new())], [Some(2), Some(1), None]);
    }
}
