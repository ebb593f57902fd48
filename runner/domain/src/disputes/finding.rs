//! What people are told of a meter whose registers make no sense. Each message has both numbers and the way out.

use std::fmt;

use super::{Exchange, ReadAt};
use crate::interval::Boundary;
use crate::power::Power;
use crate::reading::Register;

/// A register that did not rise as it can.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Oddity {
    /// The register.
    pub register: Register,
    /// Whether it fell; otherwise it rose by too much.
    pub fell: bool,
    /// What it showed before, in Wh; across an exchange, what the new device began with.
    pub from_wh: u64,
    /// What it shows, in Wh.
    pub to_wh: u64,
}

/// Something about a meter's registers. The `Display` form is the event's message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Finding {
    /// A register fell: the reading is disputed.
    Fell {
        /// The registers that do not follow, at least one of which fell.
        odd: Vec<Oddity>,
    },
    /// A register rose by more than is possible: the reading is disputed.
    Jumped {
        /// The registers that jumped.
        odd: Vec<Oddity>,
        /// The boundary of the last good reading.
        since: Boundary,
        /// The most energy that was possible since, in Wh.
        most_wh: u128,
        /// The most power that the meter has.
        power_max: Power,
    },
    /// A disputed reading was wrong.
    Glitch {
        /// The reading.
        read: ReadAt,
        /// The reading before it, from which the meter counts on.
        on: ReadAt,
    },
    /// A meter whose register fell counts from the disputed reading.
    Restarted {
        /// The disputed reading.
        from: ReadAt,
        /// The last good reading before.
        before: ReadAt,
    },
    /// The meter is another device since a declared exchange.
    Exchanged {
        /// The exchange.
        exchange: Exchange,
    },
}

codes! {
    Finding:
    Fell => "fell",
    Jumped => "jumped",
    Glitch => "glitch",
    Restarted => "restarted",
    Exchanged => "exchanged",
}

impl fmt::Display for Oddity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let verb = if self.fell { "fell" } else { "jumped" };
        write!(f, "{} {verb} from {} Wh to {} Wh", self.register.field(), self.from_wh, self.to_wh)
    }
}

fn list(odd: &[Oddity], f: &mut fmt::Formatter<'_>) -> fmt::Result {
    for (number, odd) in odd.iter().enumerate() {
        f.write_str(if number > 0 { " and " } else { "" })?;
        fmt::Display::fmt(odd, f)?;
    }
    Ok(())
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Finding::Fell { odd } => {
                list(odd, f)?;
                f.write_str(
                    "; nothing is settled until its next reading decides (if the meter was exchanged: rec-market meter exchange)",
                )
            }
            Finding::Jumped { odd, since, most_wh, power_max } => {
                list(odd, f)?;
                write!(
                    f,
                    ", at most {most_wh} Wh more are possible since {since} with power_max {power_max}; nothing is settled until \
                     it is decided (rec-market meter accept, restart or exchange)"
                )
            }
            Finding::Glitch { read, on } => write!(
                f,
                "what it showed at {} was wrong ({}); it counts on from {} at {}",
                read.boundary, read.registers, on.registers, on.boundary
            ),
            Finding::Restarted { from, before } => write!(
                f,
                "it counts from {} at {}, after {} at {}; nothing is settled between (if the meter was exchanged: rec-market \
                 meter exchange)",
                from.registers, from.boundary, before.registers, before.boundary
            ),
            Finding::Exchanged { exchange: Exchange { at, last, first } } => {
                write!(f, "exchanged at {at}: the old meter ended at {last}, the new one began at {first}")
            }
        }
    }
}
