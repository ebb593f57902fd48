//! Notices: what people are told of how a meter is read, whenever that changes.
//!
//! The last notice of a meter is also the memory of what was told, so that nobody is told the same thing twice, whichever
//! process tells it.

use std::collections::BTreeMap;

use domain::{Boundary, MeterId};
use jiff::Timestamp;

use crate::interval::StoredEvent;

/// How the readings of a meter arrive.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reception {
    /// Both registers are read near boundaries, or nobody waits for the meter any more.
    Good,
    /// It is configured, and was never read.
    Never,
    /// Only one of its registers is read near boundaries.
    Half,
    /// It is read, but never near a boundary.
    Off {
        /// How far its newest reading is from the nearest boundary, in whole seconds, rounded up.
        seconds: u64,
    },
    /// It was read, and is not any more, while others are.
    Silent,
    /// No meter's: a row of a file was wrong and was left out. The notice is about the file.
    SkippedRow,
}

impl Reception {
    /// The code of every variant.
    pub const CODES: [&str; 6] = ["recovered", "never-read", "half-read", "off-boundary", "silent", "skipped-row"];

    /// The code of every variant that is not good, with what it says.
    pub const BAD_CODES: [(&str, &str); 4] = [
        ("never-read", "it is configured and was never read"),
        ("half-read", "only one of its registers is read near boundaries"),
        ("off-boundary", "it is read further from boundaries than is tolerated"),
        ("silent", "it is not read any more, while others are"),
    ];

    /// Returns the code of its notices.
    pub fn code(self) -> &'static str {
        match self {
            Reception::Good => "recovered",
            Reception::Never => "never-read",
            Reception::Half => "half-read",
            Reception::Off { .. } => "off-boundary",
            Reception::Silent => "silent",
            Reception::SkippedRow => "skipped-row",
        }
    }

    /// Returns how far off readings are, in seconds, if they are.
    pub fn off_seconds(self) -> Option<u64> {
        match self {
            Reception::Off { seconds } => Some(seconds),
            _ => None,
        }
    }

    /// Finds a variant by its code and its seconds; `None` if there is none.
    pub fn from_code(code: &str, off_seconds: Option<u64>) -> Option<Reception> {
        let off = off_seconds.map(|seconds| Reception::Off { seconds });
        let all = [Reception::Good, Reception::Never, Reception::Half, Reception::Silent, Reception::SkippedRow];
        let all = all.into_iter().map(Some).chain([off]);
        all.flatten().find(|reception| reception.code() == code)
    }

    /// Whether people who know of the other one should be told of this one: another kind, or readings that are more than
    /// twice as far off or less than half as far.
    pub fn differs_from(self, told: Reception) -> bool {
        match (self, told) {
            (Reception::Off { seconds }, Reception::Off { seconds: told }) => {
                seconds > told.saturating_mul(2) || told > seconds.saturating_mul(2)
            }
            (now, told) => now != told,
        }
    }
}

/// A notice of one meter. It is never changed or removed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Notice {
    /// The meter.
    pub meter: MeterId,
    /// Its number among the notices of the meter, from 1.
    pub number: u64,
    /// The start of the interval that was settled last when it was told; `None` if none was.
    pub start: Option<Boundary>,
    /// When it was told, to the second, from 1970 on.
    pub told_at: Timestamp,
    /// How the meter is read from now on.
    pub reception: Reception,
    /// The same for people.
    pub message: String,
}

/// The last notice of each meter of a community.
pub type Notices = BTreeMap<MeterId, Notice>;

impl Notice {
    /// Returns its time among events: that of its interval, or when it was told, in seconds since the Unix epoch.
    pub fn at(&self) -> u64 {
        self.start.map_or_else(|| u64::try_from(self.told_at.as_second()).unwrap_or(0), Boundary::seconds)
    }

    /// Returns it as an event about its meter.
    pub fn into_event(self) -> StoredEvent {
        let Notice { meter, reception, message, .. } = self;
        StoredEvent { code: reception.code().to_owned(), subject: meter.to_string(), message }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ALL: [Reception; 6] = [
        Reception::Good,
        Reception::Never,
        Reception::Half,
        Reception::Off { seconds: 360 },
        Reception::Silent,
        Reception::SkippedRow,
    ];

    #[test]
    fn every_reception_is_found_by_its_code() {
        assert_eq!(ALL.map(Reception::code), Reception::CODES);
        assert_eq!(Reception::BAD_CODES.map(|(code, _)| code), Reception::CODES[1..5]);
        for reception in ALL {
            assert_eq!(Reception::from_code(reception.code(), reception.off_seconds()), Some(reception));
        }
        assert_eq!(Reception::from_code("off-boundary", None), None);
        assert_eq!(Reception::from_code("gap", None), None);
    }

    #[test]
    fn people_are_told_of_another_kind_and_of_readings_much_further_off_or_nearer() {
        for (now, told) in ALL.iter().flat_map(|now| ALL.iter().map(move |told| (*now, *told))) {
            assert_eq!(now.differs_from(told), now != told, "{now:?} after {told:?}");
        }
        let off = |seconds| Reception::Off { seconds };
        for (now, differs) in [(360, false), (361, false), (180, false), (720, false), (179, true), (721, true)] {
            assert_eq!(off(now).differs_from(off(360)), differs, "{now}");
        }
    }
}
