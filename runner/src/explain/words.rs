//! Figures in sentences.

/// A price in EUR/kWh, exact, without the zeros at its end: `0.0962 EUR/kWh`.
pub fn price(micro_eur: i64) -> String {
    format!("{} EUR/kWh", decimal(micro_eur.into(), 6))
}

/// Energy in Wh.
pub fn wh(energy: impl Into<u128>) -> String {
    format!("{} Wh", energy.into())
}

/// A whole number of millionths or billionths as a decimal number, exact, with at least two decimals.
pub fn decimal(number: i128, decimals: usize) -> String {
    const KEPT: usize = 2;
    let sign = if number < 0 { "-" } else { "" };
    let digits = format!("{:0>width$}", number.unsigned_abs(), width = decimals + 1);
    let (whole, rest) = digits.split_at(digits.len() - decimals);
    let shown = rest.trim_end_matches('0').len().max(KEPT);
    format!("{sign}{whole}.{}", &rest[..shown.min(rest.len())])
}

/// `1 member`, `2 members`.
pub fn count(number: usize, what: &str) -> String {
    if number == 1 { format!("1 {what}") } else { format!("{number} {what}s") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prices_are_exact_and_short() {
        for (micro_eur, expected) in [
            (162_400, "0.1624"),
            (96_200, "0.0962"),
            (30_000, "0.03"),
            (1_000_000, "1.00"),
            (0, "0.00"),
            (-5, "-0.000005"),
            (i64::MIN, "-9223372036854.775808"),
        ] {
            assert_eq!(price(micro_eur), format!("{expected} EUR/kWh"));
        }
        assert_eq!((count(1, "member"), count(0, "member")), ("1 member".to_owned(), "0 members".to_owned()));
    }
}
