//! How numbers are written for people. Nothing is computed with the results.

use domain::Amount;

/// Energy in kWh with all three decimals, so that nothing is rounded.
pub fn kwh(wh: impl Into<i128>) -> String {
    let wh: i128 = wh.into();
    let sign = if wh < 0 { "-" } else { "" };
    let size = wh.unsigned_abs();
    format!("{sign}{}.{:03}", grouped(size / 1000), size % 1000)
}

/// Energy of a sum in kWh, as [`kwh`].
pub fn kwh_of_sum(wh: u128) -> String {
    kwh(i128::try_from(wh).unwrap_or(i128::MAX))
}

/// Money in euro and cents. This is the only place that rounds it.
pub fn eur(amount: Amount) -> String {
    let cents = amount.to_cents();
    let sign = if cents < 0 { "-" } else { "" };
    let size = cents.unsigned_abs();
    format!("{sign}{}.{:02}", grouped(size / 100), size % 100)
}

/// A difference of money in euro and cents, with its sign.
pub fn eur_difference(amount: Amount) -> String {
    if amount.to_cents() > 0 { format!("+{}", eur(amount)) } else { eur(amount) }
}

/// What somebody loses or gains in euro and cents, also where it is less than a cent.
pub fn eur_of_change(amount: Amount) -> String {
    match (amount.to_cents(), amount.cmp(&Amount::ZERO)) {
        (0, std::cmp::Ordering::Less) => "less than -0.01".to_owned(),
        (0, std::cmp::Ordering::Greater) => "less than +0.01".to_owned(),
        _ => eur_difference(amount),
    }
}

/// Whether [`eur`] shows all of an amount, so that nothing is rounded.
pub fn is_whole_cents(amount: Amount) -> bool {
    amount.nano_eur() % 10_000_000 == 0
}

/// A price in µEUR/kWh as ct/kWh with two decimals, rounded down; a dash if there is none.
pub fn cents_per_kwh(micro_eur: Option<i128>) -> String {
    let Some(micro_eur) = micro_eur else { return NONE.to_owned() };
    let hundredths = micro_eur.div_euclid(100);
    let sign = if hundredths < 0 { "-" } else { "" };
    let size = hundredths.unsigned_abs();
    format!("{sign}{}.{:02}", grouped(size / 100), size % 100)
}

/// A whole number with narrow spaces between thousands.
pub fn grouped(number: impl Into<u128>) -> String {
    let digits = number.into().to_string();
    let mut text = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(' ');
        }
        text.push(digit);
    }
    text
}

/// What stands where there is no number.
pub const NONE: &str = "–";

/// A share in percent with one decimal, or a dash if the whole is 0.
pub fn percent(part: u128, whole: u128) -> String {
    match part.saturating_mul(1000).checked_div(whole) {
        Some(tenths) => format!("{}.{} %", tenths / 10, tenths % 10),
        None => NONE.to_owned(),
    }
}

/// A rate in parts per million as percent with one decimal, rounded down, or a dash if there is none.
pub fn percent_of_ppm(ppm: Option<i128>) -> String {
    let Some(ppm) = ppm else { return NONE.to_owned() };
    let tenths = ppm.div_euclid(1000);
    let sign = if tenths < 0 { "-" } else { "" };
    format!("{sign}{}.{} %", tenths.unsigned_abs() / 10, tenths.unsigned_abs() % 10)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_exact_and_readable() {
        assert_eq!(kwh(1_234_567_i64), "1 234.567");
        assert_eq!(kwh(-5_i64), "-0.005");
        assert_eq!(eur(Amount::from_nano_eur(-1_234_005_000_000)), "-1 234.00");
        assert_eq!(eur(Amount::from_nano_eur(15_000_000)), "0.02");
        assert_eq!([15_000_000, -20_000_000].map(|nano| is_whole_cents(Amount::from_nano_eur(nano))), [false, true]);
        assert_eq!(
            [5, 15_000_000, -15_000_000].map(|nano| eur_difference(Amount::from_nano_eur(nano))),
            ["0.00", "+0.02", "-0.02"]
        );
        assert_eq!(percent(1, 3), "33.3 %");
        assert_eq!(percent(0, 0), "–");
        assert_eq!([Some(123_456), Some(-1), None].map(percent_of_ppm), ["12.3 %", "-0.1 %", "–"]);
        assert_eq!([Some(162_400), Some(-1), None].map(cents_per_kwh), ["16.24", "-0.01", "–"]);
        assert_eq!(grouped(1_000_000_u64), "1 000 000");
    }
}
