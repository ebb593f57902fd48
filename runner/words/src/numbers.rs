//! How numbers, money and dates are written in a language.

use domain::Amount;
use jiff::civil::Date;

use crate::Language;

/// What stands where there is no number.
const NONE: &str = "–";
/// Between thousands: a narrow space that does not break (ISO 80000-1, 7.3.1).
const GROUP: char = '\u{202f}';
/// Between a number and its unit.
const SPACE: char = '\u{a0}';

impl Language {
    /// What stands between whole and decimals.
    fn decimal(self) -> char {
        match self {
            Language::En => '.',
            Language::Pt | Language::De | Language::Fr | Language::Nl | Language::Es => ',',
        }
    }

    /// Writes a whole number, with thousands apart.
    pub fn whole(self, number: impl Into<i128>) -> String {
        let number = number.into();
        let digits = number.unsigned_abs().to_string();
        let mut text = if number < 0 { "−".to_owned() } else { String::new() };
        for (index, digit) in digits.chars().enumerate() {
            if index > 0 && (digits.len() - index).is_multiple_of(3) {
                text.push(GROUP);
            }
            text.push(digit);
        }
        text
    }

    /// Writes a number that is counted in parts of a unit, with so many decimals: 1234 with 3 is 1.234.
    fn parts(self, number: i128, decimals: u32) -> String {
        let unit = 10_u128.pow(decimals);
        let sign = if number < 0 { "−" } else { "" };
        let whole = self.whole(i128::try_from(number.unsigned_abs() / unit).unwrap_or(i128::MAX));
        let rest = number.unsigned_abs() % unit;
        let width = decimals as usize;
        match decimals {
            0 => format!("{sign}{whole}"),
            _ => format!("{sign}{whole}{}{rest:0width$}", self.decimal()),
        }
    }

    /// Writes a number that is counted in parts of a unit, as [`Language::parts`], with as few decimals as it needs: for axes.
    pub fn short(self, number: i128, decimals: u32) -> String {
        let (mut number, mut decimals) = (number, decimals);
        while decimals > 0 && number % 10 == 0 {
            (number, decimals) = (number / 10, decimals - 1);
        }
        self.parts(number, decimals)
    }

    /// Writes a number between 0 and 1 in parts per million, with three decimals, rounded down, or a dash if there is none.
    pub fn index_of_ppm(self, ppm: Option<u128>) -> String {
        let thousandths = ppm.and_then(|ppm| i128::try_from(ppm / 1000).ok());
        thousandths.map_or_else(|| NONE.to_owned(), |thousandths| self.parts(thousandths, 3))
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
        format!("{}{SPACE}€", self.parts(amount.to_cents(), 2))
    }

    /// Writes a price in µEUR/kWh as ct/kWh with two decimals, rounded down; a dash if there is none. Without the unit.
    pub fn cents_per_kwh(self, micro_eur: Option<i128>) -> String {
        micro_eur.map_or_else(|| NONE.to_owned(), |micro_eur| self.parts(micro_eur.div_euclid(100), 2))
    }

    /// Writes a rate in parts per million as percent with one decimal, rounded down, or a dash if there is none.
    pub fn percent_of_ppm(self, ppm: Option<i128>) -> String {
        ppm.map_or_else(|| NONE.to_owned(), |ppm| format!("{}{SPACE}%", self.parts(ppm.div_euclid(1000), 1)))
    }

    /// Writes a date with its month as a number.
    pub fn date(self, date: Date) -> String {
        match self {
            Language::En => date.strftime("%Y-%m-%d").to_string(),
            Language::De => date.strftime("%d.%m.%Y").to_string(),
            Language::Nl => date.strftime("%d-%m-%Y").to_string(),
            Language::Pt | Language::Fr | Language::Es => date.strftime("%d/%m/%Y").to_string(),
        }
    }
}
