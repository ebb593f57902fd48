//! A scale of whole numbers with round ticks, and the unit in which they are written.

use words::Language;

/// From a lowest to a highest number.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Scale {
    low: i128,
    high: i128,
    ticks: Vec<i128>,
}

impl Scale {
    /// Makes a scale that holds 0 and all numbers up to and down to these, with about so many ticks at round numbers.
    pub fn holding(low: i128, high: i128, ticks: i128) -> Scale {
        // A quarter of the range is enough to be far from any overflow.
        let most = i128::MAX / 4;
        let (low, high) = (low.clamp(-most, 0), high.clamp(0, most).max(low + 1));
        let step = round_up((high - low) / ticks.max(1));
        let (first, last) = (low.div_euclid(step), (high - 1).div_euclid(step) + 1);
        let ticks: Vec<i128> = (first..=last).map(|number| number * step).collect();
        Scale { low: first * step, high: last * step, ticks }
    }

    /// Returns where a number is: 0 at the lowest, 1 at the highest.
    pub fn place(&self, value: i128) -> f64 {
        (value - self.low) as f64 / (self.high - self.low) as f64
    }

    /// Returns the ticks, rising, from the lowest to the highest number.
    pub fn ticks(&self) -> &[i128] {
        &self.ticks
    }
}

/// The next number of 1, 2 or 5 times a power of ten.
fn round_up(step: i128) -> i128 {
    let mut power = 1_i128;
    loop {
        for digit in [1, 2, 5] {
            match power.checked_mul(digit) {
                Some(round) if round < step => {}
                round => return round.unwrap_or(step).max(1),
            }
        }
        match power.checked_mul(10) {
            Some(next) => power = next,
            None => return step,
        }
    }
}

/// What the numbers of a plot are counted in, and how they are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Unit<'u> {
    /// Its name.
    pub name: &'u str,
    /// How many decimals the numbers have in it: 3 for Wh that are shown in kWh.
    pub decimals: u32,
    /// The language in which they are written.
    pub language: Language,
}

impl Unit<'_> {
    /// Writes a number with as few decimals as it needs.
    pub fn written(&self, value: i128) -> String {
        self.language.few_parts(value, self.decimals)
    }
}

impl<'u> From<(&'u str, u32, Language)> for Unit<'u> {
    fn from((name, decimals, language): (&'u str, u32, Language)) -> Unit<'u> {
        Unit { name, decimals, language }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ticks_are_round_and_hold_everything() {
        assert_eq!(Scale::holding(0, 9_300, 4).ticks(), [0, 5_000, 10_000]);
        assert_eq!(Scale::holding(0, 8_000, 4).ticks(), [0, 2_000, 4_000, 6_000, 8_000]);
        assert_eq!(Scale::holding(-7, 12, 4).ticks(), [-10, -5, 0, 5, 10, 15]);
        assert_eq!(Scale::holding(0, 0, 4).ticks(), [0, 1]);
        assert_eq!(Scale::holding(-3, -1, 4).ticks(), [-3, -2, -1, 0]);
        for (low, high) in [(i128::MIN, i128::MAX), (0, i128::MAX), (i128::MIN, 0)] {
            let scale = Scale::holding(low, high, 4);
            assert!(scale.ticks().len() < 12 && scale.place(0) >= 0.0 && scale.place(0) <= 1.0, "{scale:?}");
        }
        let scale = Scale::holding(-5, 5, 4);
        assert_eq!([-6, 0, 6].map(|value| (scale.place(value) * 100.0).round()), [0.0, 50.0, 100.0]);
    }

    #[test]
    fn numbers_have_as_few_decimals_as_they_need() {
        let kwh = Unit::from(("kWh", 3, Language::En));
        let written = [2_500, 2_000, 25, 0, -1_234_500].map(|wh| kwh.written(wh));
        assert_eq!(written, ["2.5", "2", "0.025", "0", "−1,234.5"]);
        assert_eq!(Unit::from(("h", 0, Language::En)).written(7), "7");
        assert_eq!(Unit::from(("kWh", 3, Language::De)).written(-1_234_500), "−1.234,5");
    }
}
