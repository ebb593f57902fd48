//! Energy in whole watt-hours.

use std::fmt;

/// An amount of energy in whole watt-hours (Wh), from 0 to 2⁶⁴ − 1.
///
/// ```
/// use domain::Energy;
/// assert_eq!(Energy::from_wh(1500).to_string(), "1500 Wh");
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Energy(u64);

impl Energy {
    /// 0 Wh.
    pub const ZERO: Energy = Energy(0);

    /// Makes an energy of `wh` watt-hours.
    pub const fn from_wh(wh: u64) -> Energy {
        Energy(wh)
    }

    /// Returns the number of watt-hours.
    pub const fn wh(self) -> u64 {
        self.0
    }
}

impl fmt::Display for Energy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} Wh", self.0)
    }
}
