//! Power in whole watts: the most that a meter takes or gives on average.

use std::fmt;
use std::str::FromStr;

/// A power in whole watts, from 1 W to 2⁶⁴ − 1 W. The text forms are `20kW`, `1.5kW`, `1MW` and `750W`.
///
/// ```
/// use domain::Power;
/// let power: Power = "20kW".parse().unwrap();
/// assert_eq!((power.watts(), power.energy_in(900)), (20_000, 5_000));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Power(u64);

/// The error for text that is no power.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is no power in whole watts above 0 (such as \"20kW\" or \"1MW\")")]
pub struct InvalidPower(String);

/// Each unit and its watts, the largest first.
const UNITS: [(&str, u64); 3] = [("MW", 1_000_000), ("kW", 1_000), ("W", 1)];

impl Power {
    /// 1 MW: more than any member of a community has.
    pub const USUAL: Power = Power(1_000_000);

    /// Makes a power of so many watts; `None` for 0.
    pub fn from_watts(watts: u64) -> Option<Power> {
        (watts > 0).then_some(Power(watts))
    }

    /// Returns the number of watts.
    pub fn watts(self) -> u64 {
        self.0
    }

    /// Returns the energy of this power over so many seconds, in Wh, rounded up: registers count whole Wh.
    pub fn energy_in(self, seconds: u64) -> u128 {
        (u128::from(self.0) * u128::from(seconds)).div_ceil(3600)
    }
}

impl fmt::Display for Power {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let unit = UNITS.into_iter().find(|(_, watts)| self.0.is_multiple_of(*watts));
        // OK because every number of watts is a multiple of one.
        let (unit, watts) = unit.unwrap_or(("W", 1));
        write!(f, "{}{unit}", self.0 / watts)
    }
}

impl FromStr for Power {
    type Err = InvalidPower;

    fn from_str(text: &str) -> Result<Power, InvalidPower> {
        parse(text).and_then(Power::from_watts).ok_or_else(|| InvalidPower(text.chars().take(40).collect()))
    }
}

/// Reads digits, a fraction if the unit makes it whole watts, and the unit.
fn parse(text: &str) -> Option<u64> {
    let (number, unit) = text.split_at(text.find(|character: char| character.is_ascii_alphabetic())?);
    let (_, watts) = UNITS.into_iter().find(|(name, _)| *name == unit)?;
    let number = number.strip_suffix(' ').unwrap_or(number);
    let (whole, fraction) = number.split_once('.').map_or((number, None), |(whole, fraction)| (whole, Some(fraction)));
    let digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    if !digits(whole) || !fraction.is_none_or(digits) {
        return None;
    }
    let mut sum = whole.parse::<u64>().ok()?.checked_mul(watts)?;
    let mut worth = watts;
    for digit in fraction.unwrap_or_default().bytes().map(|byte| u64::from(byte - b'0')) {
        // Beyond the last whole watt only zeros are exact.
        worth = if worth.is_multiple_of(10) { worth / 10 } else { 0 };
        if worth == 0 && digit > 0 {
            return None;
        }
        sum = sum.checked_add(digit * worth)?;
    }
    Some(sum)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_power_is_whole_watts_in_one_of_three_units() {
        for (text, watts, shown) in [
            ("1W", 1, "1W"),
            ("750W", 750, "750W"),
            ("20kW", 20_000, "20kW"),
            ("20 kW", 20_000, "20kW"),
            ("1.5kW", 1_500, "1500W"),
            ("1.500000kW", 1_500, "1500W"),
            ("0.000001MW", 1, "1W"),
            ("1MW", 1_000_000, "1MW"),
            ("2.0W", 2, "2W"),
            ("18446744073709551615W", u64::MAX, "18446744073709551615W"),
        ] {
            let power: Power = text.parse().unwrap();
            assert_eq!((power.watts(), power.to_string().as_str()), (watts, shown), "{text}");
            assert_eq!(power.to_string().parse(), Ok(power));
        }
        for text in [
            "",
            "W",
            "kW",
            "20",
            "0W",
            "0kW",
            "-1kW",
            "+1kW",
            "1.5W",
            "0.0001kW",
            "1kw",
            "1KW",
            "1GW",
            "1 000W",
            ".5kW",
            "1.kW",
            "1e3W",
            "20kWh",
            " 20kW",
            "20kW ",
            "18446744073709551616W",
            "18446744073710MW",
            "ümW",
        ] {
            assert_eq!(text.parse::<Power>(), Err(InvalidPower(text.to_owned())), "{text:?}");
        }
        let message = "25".parse::<Power>().unwrap_err().to_string();
        assert_eq!(message, "\"25\" is no power in whole watts above 0 (such as \"20kW\" or \"1MW\")");
    }

    #[test]
    fn energy_is_rounded_up() {
        let energy = |watts, seconds| Power::from_watts(watts).unwrap().energy_in(seconds);
        assert_eq!([energy(1, 900), energy(4, 900), energy(5, 900), energy(20_000, 900)], [1, 1, 2, 5000]);
        assert_eq!(energy(u64::MAX, u64::MAX), (u128::from(u64::MAX) * u128::from(u64::MAX)).div_ceil(3600));
    }
}
