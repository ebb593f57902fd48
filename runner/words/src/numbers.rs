//! How numbers and money are written in a language, and which form a text has beside a number.

use domain::Amount;

use crate::Language;

/// What stands where there is no number.
pub const NONE: &str = "–";
/// Before a number below zero: the sign itself (U+2212), at which no line ends and which is read out as minus.
const MINUS: &str = "−";

impl Language {
    /// Writes a whole number, with thousands apart.
    pub fn whole(self, number: impl Into<i128>) -> String {
        self.parts(number.into(), 0)
    }

    /// Writes a number that is counted in parts of a unit, with so many decimals, at most 38: 1234 with 3 is 1.234.
    pub fn parts(self, number: i128, decimals: u32) -> String {
        format!("{}{}", sign(number), self.size(number, decimals))
    }

    /// As [`Language::parts`], with as few decimals as it needs: 2500 with 3 is 2.5. For the scale of a plot.
    pub fn few_parts(self, number: i128, decimals: u32) -> String {
        let (mut number, mut decimals) = (number, decimals);
        while decimals > 0 && number % 10 == 0 {
            (number, decimals) = (number / 10, decimals - 1);
        }
        self.parts(number, decimals)
    }

    /// The size of a number that is counted in parts of a unit.
    fn size(self, number: i128, decimals: u32) -> String {
        let unit = 10_u128.checked_pow(decimals).unwrap_or(u128::MAX);
        let (whole, rest) = (number.unsigned_abs() / unit, number.unsigned_abs() % unit);
        let width = decimals as usize;
        match decimals {
            0 => self.grouped(whole),
            _ => format!("{}{}{rest:0width$}", self.grouped(whole), self.forms().decimal),
        }
    }

    fn grouped(self, number: u128) -> String {
        let (forms, digits) = (self.forms(), number.to_string());
        if digits.len() < forms.grouped_from {
            return digits;
        }
        let mut text = String::new();
        for (index, digit) in digits.chars().enumerate() {
            if index > 0 && (digits.len() - index).is_multiple_of(3) {
                text.push(forms.group);
            }
            text.push(digit);
        }
        text
    }

    /// Writes a number that is counted in parts of a unit with all decimals that it needs, at least two, and no thousands apart:
    /// exact, for sentences about one figure.
    pub fn exact(self, number: i128, decimals: usize) -> String {
        const KEPT: usize = 2;
        let sign = if number < 0 { "-" } else { "" };
        let digits = format!("{:0>width$}", number.unsigned_abs(), width = decimals + 1);
        let (whole, rest) = digits.split_at(digits.len() - decimals);
        let shown = rest.trim_end_matches('0').len().max(KEPT);
        format!("{sign}{whole}{}{}", self.forms().decimal, &rest[..shown.min(rest.len())])
    }

    /// Writes a price in µEUR/kWh as EUR/kWh, exact: 0.0962 EUR/kWh.
    pub fn exact_price(self, micro_eur: i64) -> String {
        format!("{} EUR/kWh", self.exact(micro_eur.into(), 6))
    }

    /// Writes energy in kWh with all three decimals, so that nothing is rounded. Without the unit.
    pub fn kwh(self, wh: impl Into<i128>) -> String {
        self.parts(wh.into(), 3)
    }

    /// Writes energy of a sum in kWh, as [`Language::kwh`].
    pub fn kwh_of_sum(self, wh: u128) -> String {
        self.kwh(i128::try_from(wh).unwrap_or(i128::MAX))
    }

    /// Writes money in euro and cents, rounded as money is, with its sign for euro.
    pub fn eur(self, amount: Amount) -> String {
        let cents = amount.to_cents();
        self.forms().euro.replace("{sign}", sign(cents)).replace("{}", &self.size(cents, 2))
    }

    /// Writes money as [`Language::eur`], without the sign for euro: for a column that has it in its heading.
    pub fn eur_in_column(self, amount: Amount) -> String {
        self.parts(amount.to_cents(), 2)
    }

    /// Writes a difference of money as [`Language::eur`], with a plus if it is more than nothing.
    pub fn eur_difference(self, amount: Amount) -> String {
        let cents = amount.to_cents();
        let sign = if cents > 0 { "+" } else { sign(cents) };
        self.forms().euro.replace("{sign}", sign).replace("{}", &self.size(cents, 2))
    }

    /// Writes a price in µEUR/kWh as ct/kWh with two decimals, rounded down; a dash if there is none. Without the unit.
    pub fn cents_per_kwh(self, micro_eur: Option<i128>) -> String {
        micro_eur.map_or_else(|| NONE.to_owned(), |micro_eur| self.parts(micro_eur.div_euclid(100), 2))
    }

    /// Writes a rate in parts per million as percent with one decimal, rounded down, or a dash if there is none.
    pub fn percent_of_ppm(self, ppm: Option<i128>) -> String {
        let Some(ppm) = ppm else { return NONE.to_owned() };
        self.forms().percent.replace("{}", &self.parts(ppm.div_euclid(1000), 1))
    }

    /// Writes a share in percent with one decimal, rounded down, or a dash if the whole is 0.
    pub fn percent(self, part: u128, whole: u128) -> String {
        let ppm = part.saturating_mul(1_000_000).checked_div(whole);
        self.percent_of_ppm(ppm.map(|ppm| i128::try_from(ppm).unwrap_or(i128::MAX)))
    }

    /// Writes a number between 0 and 1 in parts per million, with three decimals, rounded down, or a dash if there is none.
    pub fn index_of_ppm(self, ppm: Option<u128>) -> String {
        let thousandths = ppm.map(|ppm| i128::try_from(ppm / 1000).unwrap_or(i128::MAX));
        thousandths.map_or_else(|| NONE.to_owned(), |thousandths| self.parts(thousandths, 3))
    }

    /// Chooses the form of a text that goes with a number. A text with two forms has them apart by `|`, first the one for one
    /// thing; in French, that is also the one for nothing.
    ///
    /// ```
    /// use words::Language;
    /// assert_eq!(Language::En.counted("{count} day|{count} days", 0), "{count} days");
    /// assert_eq!(Language::Fr.counted("{count} jour|{count} jours", 0), "{count} jour");
    /// ```
    pub fn counted(self, text: &str, count: u64) -> &str {
        let Some((one, other)) = text.split_once('|') else { return text };
        let is_one = count == 1 || (count == 0 && self == Language::Fr);
        if is_one { one } else { other }
    }
}

fn sign(number: i128) -> &'static str {
    if number < 0 { MINUS } else { "" }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What each language writes, in the order of [`Language::ALL`]. A space that does not break is `_`, a narrow one `'`.
    #[track_caller]
    fn check(write: impl Fn(Language) -> String, expected: [&str; 6]) {
        let written = Language::ALL.map(|it| write(it).replace('\u{a0}', "_").replace('\u{202f}', "'"));
        assert_eq!(written, expected);
    }

    #[test]
    fn thousands_are_apart_as_each_language_has_them() {
        check(|it| it.whole(999), ["999"; 6]);
        check(|it| it.whole(1234), ["1,234", "1234", "1.234", "1'234", "1.234", "1234"]);
        check(
            |it| it.whole(-1_234_567),
            ["−1,234,567", "−1_234_567", "−1.234.567", "−1'234'567", "−1.234.567", "−1.234.567"],
        );
    }

    #[test]
    fn energy_has_all_its_decimals() {
        check(
            |it| it.kwh(12_345_678),
            ["12,345.678", "12_345,678", "12.345,678", "12'345,678", "12.345,678", "12.345,678"],
        );
        check(|it| it.kwh(-5), ["−0.005", "−0,005", "−0,005", "−0,005", "−0,005", "−0,005"]);
        check(|it| it.few_parts(-2_500, 3), ["−2.5", "−2,5", "−2,5", "−2,5", "−2,5", "−2,5"]);
        check(|it| it.few_parts(2_000, 3), ["2"; 6]);
        check(|it| it.few_parts(0, 3), ["0"; 6]);
    }

    #[test]
    fn money_has_its_sign_where_each_language_has_it() {
        let amount = |cents: i128| Amount::from_nano_eur(cents * 10_000_000);
        check(
            |it| it.eur(amount(123_456)),
            ["€1,234.56", "1234,56_€", "1.234,56_€", "1'234,56_€", "€_1.234,56", "1234,56_€"],
        );
        check(|it| it.eur(amount(-5)), ["−€0.05", "−0,05_€", "−0,05_€", "−0,05_€", "€_−0,05", "−0,05_€"]);
        check(|it| it.eur_difference(amount(5)), ["+€0.05", "+0,05_€", "+0,05_€", "+0,05_€", "€_+0,05", "+0,05_€"]);
        check(|it| it.eur_difference(amount(0)), ["€0.00", "0,00_€", "0,00_€", "0,00_€", "€_0,00", "0,00_€"]);
        check(|it| it.eur_in_column(amount(-150)), ["−1.50", "−1,50", "−1,50", "−1,50", "−1,50", "−1,50"]);
        // Less than half a cent has no sign.
        check(
            |it| it.eur_in_column(Amount::from_nano_eur(-4_999_999)),
            ["0.00", "0,00", "0,00", "0,00", "0,00", "0,00"],
        );
    }

    #[test]
    fn rates_and_prices_are_rounded_down() {
        check(|it| it.percent_of_ppm(Some(123_999)), ["12.3%", "12,3%", "12,3_%", "12,3'%", "12,3%", "12,3_%"]);
        check(|it| it.percent_of_ppm(Some(-1)), ["−0.1%", "−0,1%", "−0,1_%", "−0,1'%", "−0,1%", "−0,1_%"]);
        check(|it| it.percent(1, 3), ["33.3%", "33,3%", "33,3_%", "33,3'%", "33,3%", "33,3_%"]);
        check(|it| it.percent(0, 0), [NONE; 6]);
        check(|it| it.cents_per_kwh(Some(162_499)), ["16.24", "16,24", "16,24", "16,24", "16,24", "16,24"]);
        check(|it| it.cents_per_kwh(Some(-1)), ["−0.01", "−0,01", "−0,01", "−0,01", "−0,01", "−0,01"]);
        check(|it| it.index_of_ppm(Some(222_999)), ["0.222", "0,222", "0,222", "0,222", "0,222", "0,222"]);
        check(|it| it.percent_of_ppm(None) + &it.cents_per_kwh(None) + &it.index_of_ppm(None), ["–––"; 6]);
    }

    #[test]
    fn the_largest_numbers_are_written_too() {
        for language in Language::ALL {
            for number in [i128::MIN, i128::MAX] {
                let digits = |text: String| text.chars().filter(char::is_ascii_digit).collect::<String>();
                for text in [language.parts(number, 0), language.parts(number, 3), language.few_parts(number, 38)] {
                    assert_eq!(digits(text), number.unsigned_abs().to_string());
                }
            }
        }
    }

    #[test]
    fn a_text_has_the_form_that_goes_with_the_number() {
        for (count, forms) in [(0, "bbbabb"), (1, "aaaaaa"), (2, "bbbbbb"), (1_000_000, "bbbbbb")] {
            let chosen: String = Language::ALL.map(|it| it.counted("a|b", count)).concat();
            assert_eq!(chosen, forms, "{count}");
        }
        assert_eq!(Language::De.counted("alone", 7), "alone");
    }

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
            assert_eq!(Language::En.exact_price(micro_eur), format!("{expected} EUR/kWh"));
            assert_eq!(Language::De.exact_price(micro_eur), format!("{} EUR/kWh", expected.replace('.', ",")));
        }
    }
}
