//! Energy in whole watt-hours.

use std::fmt;

/// An amount of energy in whole watt-hours (Wh); never negative.
///
/// ```
/// use domain::Energy;
/// assert_eq!(Energy::from_wh(1500).to_string(), "1500 Wh");
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Energy(u64);

impl Energy {
    /// No energy.
    pub const ZERO: Energy = Energy(0);

    /// Energy of that many watt-hours.
    pub const fn from_wh(wh: u64) -> Energy {
        Energy(wh)
    }

    /// The watt-hours.
    pub const fn wh(self) -> u64 {
        self.0
    }
}

impl fmt::Display for Energy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} Wh", self.0)
    }
}
