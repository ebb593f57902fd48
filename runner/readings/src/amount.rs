//! Numbers as files have them, exactly, and the energy that they are.

use domain::metering::Grains;

/// Grains in 10⁻⁶ kWh.
const PER_MICRO_KWH: i128 = 60;
/// Grains in a kilowatt-hour.
const PER_KWH: i128 = 60_000_000;
/// Digits and decimals that are read. A spreadsheet's numbers have 17 digits.
const DIGITS_MAX: u32 = 20;
const DECIMALS_MAX: u32 = 24;

/// The energy that a number of kWh is.
///
/// # Errors
/// If it is negative, too large, or finer than 10⁻⁶ kWh by more than a spreadsheet's floating point leaves.
pub fn from_kwh(kwh: Decimal) -> Result<Grains, InvalidAmount> {
    let (number, unit) = kwh.over(PER_KWH / PER_MICRO_KWH, 1)?;
    // What floating point leaves is below 10⁻⁹ kWh, a thousandth of what is counted here.
    let whole = rounded(number, unit, 1000).ok_or(InvalidAmount::TooFine)?;
    checked(whole * PER_MICRO_KWH)
}

/// The energy that a mean power in kW is over some seconds.
///
/// # Errors
/// As [`from_kwh`]; what is exact in grains may be finer than 10⁻⁶ kWh.
pub fn from_kw(kw: Decimal, seconds: u32) -> Result<Grains, InvalidAmount> {
    let (number, unit) = kw.over(PER_KWH * i128::from(seconds), 3600)?;
    checked(rounded(number, unit, 16).ok_or(InvalidAmount::TooFine)?)
}

fn checked(grains: i128) -> Result<Grains, InvalidAmount> {
    if grains < 0 {
        return Err(InvalidAmount::Negative);
    }
    u64::try_from(grains).ok().and_then(Grains::new).ok_or(InvalidAmount::TooLarge)
}

/// The whole number nearest to number/unit; `None` if it is further away than a part of 1.
fn rounded(number: i128, unit: i128, part: i128) -> Option<i128> {
    let whole = (number + (unit / 2) * number.signum()) / unit;
    let rest = (number - whole * unit).abs();
    (rest.checked_mul(part)? <= unit).then_some(whole)
}

/// Why a value is no energy.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidAmount {
    /// It is below 0.
    #[error("it is negative")]
    Negative,
    /// It is larger than anything a meter measures.
    #[error("it is larger than any meter measures")]
    TooLarge,
    /// It has more decimals than energy is counted with.
    #[error("it is finer than 0.000001 kWh, the grain that is added up")]
    TooFine,
    /// It is not a number.
    #[error("it is no number")]
    NoNumber,
}

/// A decimal number, exactly as it is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Decimal {
    digits: i128,
    decimals: u32,
}

impl Decimal {
    /// Reads a number with a decimal comma or point, and no separators of thousands. An exponent is allowed, as programs write
    /// small numbers.
    ///
    /// # Errors
    /// If it is none.
    pub fn parse(text: &str) -> Result<Decimal, InvalidAmount> {
        let text = text.trim();
        let (mantissa, exponent) = match text.find(['e', 'E']) {
            Some(at) => (&text[..at], text[at + 1..].parse::<i32>().map_err(|_| InvalidAmount::NoNumber)?),
            None => (text, 0),
        };
        let (is_negative, unsigned) = match mantissa.as_bytes().first() {
            Some(b'-') => (true, &mantissa[1..]),
            Some(b'+') => (false, &mantissa[1..]),
            _ => (false, mantissa),
        };
        let (mut digits, mut decimals, mut count, mut point) = (0_i128, 0_i32, 0_u32, false);
        for byte in unsigned.bytes() {
            match byte {
                b'0'..=b'9' => {
                    digits = digits * 10 + i128::from(byte - b'0');
                    count += u32::from(digits > 0);
                    decimals += i32::from(point);
                }
                b',' | b'.' if !point => point = true,
                _ => return Err(InvalidAmount::NoNumber),
            }
            if count > DIGITS_MAX || decimals > 100 {
                return Err(InvalidAmount::NoNumber);
            }
        }
        if !unsigned.bytes().any(|byte| byte.is_ascii_digit()) {
            return Err(InvalidAmount::NoNumber);
        }
        let digits = if is_negative { -digits } else { digits };
        Decimal { digits, decimals: 0 }.shifted(i64::from(decimals) - i64::from(exponent))
    }

    /// A number of a spreadsheet: the shortest one that is this floating point number.
    ///
    /// # Errors
    /// If it is not a number.
    pub fn from_float(float: f64) -> Result<Decimal, InvalidAmount> {
        if float.is_finite() { Decimal::parse(&format!("{float:e}")) } else { Err(InvalidAmount::NoNumber) }
    }

    fn shifted(mut self, mut decimals: i64) -> Result<Decimal, InvalidAmount> {
        while decimals > 0 && self.digits % 10 == 0 {
            if self.digits == 0 {
                return Ok(self);
            }
            (self.digits, decimals) = (self.digits / 10, decimals - 1);
        }
        if decimals < 0 {
            let factor = u32::try_from(-decimals).ok().and_then(|places| 10_i128.checked_pow(places));
            let digits = factor.and_then(|factor| self.digits.checked_mul(factor));
            let digits = digits.filter(|digits| *digits < 10_i128.pow(DIGITS_MAX + 1));
            return digits.map(|digits| Decimal { digits, decimals: 0 }).ok_or(InvalidAmount::TooLarge);
        }
        match u32::try_from(decimals) {
            Ok(decimals) if decimals <= DECIMALS_MAX => Ok(Decimal { digits: self.digits, decimals }),
            _ => Err(InvalidAmount::TooFine),
        }
    }

    /// A thousandth of it: kWh from Wh, kW from W.
    pub fn thousandth(self) -> Decimal {
        Decimal { decimals: self.decimals + 3, ..self }
    }

    /// Without its sign.
    pub fn abs(self) -> Decimal {
        Decimal { digits: self.digits.abs(), ..self }
    }

    /// Whether it is below 0.
    pub fn is_negative(self) -> bool {
        self.digits < 0
    }

    /// The number times a fraction, as a fraction.
    fn over(self, factor: i128, divisor: i128) -> Result<(i128, i128), InvalidAmount> {
        let number = self.digits.checked_mul(factor).ok_or(InvalidAmount::TooLarge)?;
        let unit = 10_i128.checked_pow(self.decimals).and_then(|unit| unit.checked_mul(divisor));
        Ok((number, unit.ok_or(InvalidAmount::TooFine)?))
    }

    /// The number in parts per million; `None` if it is finer.
    pub fn ppm(self) -> Option<i128> {
        let (number, unit) = self.over(1_000_000, 1).ok()?;
        (number % unit == 0).then_some(number / unit)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kwh(text: &str) -> Result<u64, InvalidAmount> {
        from_kwh(Decimal::parse(text)?).map(Grains::get)
    }

    #[test]
    fn numbers_are_read_exactly_with_comma_or_point() {
        for (text, grains) in [
            ("0,173", 10_380_000),
            ("0.173", 10_380_000),
            ("1", 60_000_000),
            ("0,000001", 60),
            ("-0.0", 0),
            ("0", 0),
            (",5", 30_000_000),
            ("1e-3", 60_000),
            ("2.5E2", 15_000_000_000),
            ("0,081714", 4_902_840),
        ] {
            assert_eq!(kwh(text), Ok(grains), "{text}");
        }
        for text in ["", "-", "1.234,5", "1,2,3", "one", "0x1", "1e", "٣", "1 2", "NaN", "inf", &"9".repeat(40)] {
            assert_eq!(kwh(text), Err(InvalidAmount::NoNumber), "{text}");
        }
        assert_eq!(kwh("-0,1"), Err(InvalidAmount::Negative));
        assert_eq!(kwh("1e12"), Err(InvalidAmount::TooLarge));
        assert_eq!(kwh("1e400"), Err(InvalidAmount::TooLarge));
        assert_eq!(kwh("1e-400"), Err(InvalidAmount::TooFine));
    }

    #[test]
    fn what_a_spreadsheet_leaves_is_rounded_and_a_larger_residue_is_refused() {
        assert_eq!(kwh("2.2919999999999998"), kwh("2.292"));
        assert_eq!(kwh("0.32400000000000001"), kwh("0.324"));
        let float = Decimal::from_float("2.2919999999999998".parse().unwrap()).unwrap();
        assert_eq!(from_kwh(float).map(Grains::get), kwh("2.292"));
        assert_eq!(from_kwh(Decimal::from_float(-0.0).unwrap()), Ok(Grains::ZERO));
        assert_eq!(Decimal::from_float(f64::NAN), Err(InvalidAmount::NoNumber));
        for text in ["0.1234567", "0,0000001", "1.0000005"] {
            assert_eq!(kwh(text), Err(InvalidAmount::TooFine), "{text}");
        }
    }

    #[test]
    fn mean_power_over_whole_minutes_is_exact() {
        let of = |kw: &str, seconds| from_kw(Decimal::parse(kw).unwrap(), seconds).map(Grains::get);
        // 0.324 kW over a quarter-hour are 81 Wh.
        assert_eq!(of("0.324", 900), Ok(81 * 60_000));
        // 265 W over 10 min are 44.1666… Wh.
        let ten = from_kw(Decimal::parse("265").unwrap().thousandth(), 600).unwrap();
        assert_eq!(ten.get(), 2_650_000);
        assert_eq!(std::iter::repeat_n(ten, 6).sum::<Grains>().wh(), 265);
        assert_eq!(of("0.0000001", 60), Err(InvalidAmount::TooFine));
        assert_eq!(of("-1", 900), Err(InvalidAmount::Negative));
    }
}
