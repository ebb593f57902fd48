//! How much a backtest may be that somebody starts in a browser: whoever settles goes first, and memory and time are the
//! service's.

/// Rules that one backtest tries at most.
pub const RULES_MAX: usize = 8;
/// Bytes of a rule's text.
pub const RULE_BYTES_MAX: usize = 500;
/// Days of the period: three years, with one to spare.
pub const DAYS_MAX: u64 = 3 * 366;
/// Members × intervals × rules: a year of quarter-hours of 100 members with 8 rules is 28 million.
pub const RUNS_MAX: u64 = 60_000_000;
/// Members × months × rules: what is held in memory, about 150 bytes each.
pub const ACCOUNTS_MAX: u64 = 250_000;

/// Seconds of a day.
const DAY: u64 = 24 * 60 * 60;
/// Days of the shortest month.
const MONTH_DAYS: u64 = 28;

/// How much a backtest would be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Size {
    /// Members of the community.
    pub members: u64,
    /// Intervals of the period.
    pub intervals: u64,
    /// Length of an interval, in seconds.
    pub interval_seconds: u64,
    /// Rules to try.
    pub rules: u64,
}

/// A backtest that is too much.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TooMuch {
    #[error("the period has {0} days, and one backtest has at most {DAYS_MAX} (take a shorter period)")]
    Days(u64),
    #[error(
        "{members} members × {intervals} intervals × {rules} rules are {runs}, and one backtest has at most {RUNS_MAX} (take a \
         shorter period or fewer rules)"
    )]
    Runs { members: u64, intervals: u64, rules: u64, runs: u64 },
    #[error(
        "{members} members × {months} months × {rules} rules take more memory than one backtest may have (take a shorter \
         period or fewer rules)"
    )]
    Accounts { members: u64, months: u64, rules: u64 },
}

impl Size {
    /// Checks that a backtest is within the bounds.
    ///
    /// # Errors
    /// If it is too much.
    pub fn check(self) -> Result<(), TooMuch> {
        let Size { members, intervals, interval_seconds, rules } = self;
        let days = intervals.saturating_mul(interval_seconds).div_ceil(DAY);
        if days > DAYS_MAX {
            return Err(TooMuch::Days(days));
        }
        let runs = members.saturating_mul(intervals).saturating_mul(rules);
        if runs > RUNS_MAX {
            return Err(TooMuch::Runs { members, intervals, rules, runs });
        }
        // The grid alone and what settled are summed up, too.
        let (months, sums) = (days / MONTH_DAYS + 2, rules.saturating_add(2));
        if members.saturating_mul(months).saturating_mul(sums) > ACCOUNTS_MAX {
            return Err(TooMuch::Accounts { members, months, rules });
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_year_of_a_hundred_members_with_every_rule_fits_and_what_is_too_much_says_why() {
        let year = Size { members: 100, intervals: 35_136, interval_seconds: 900, rules: RULES_MAX as u64 };
        assert_eq!(year.check(), Ok(()));
        assert_eq!(Size { intervals: 3 * 35_136, rules: 1, ..year }.check(), Ok(()));
        assert_eq!(Size { intervals: 0, members: 0, ..year }.check(), Ok(()));
        let says = |size: Size| size.check().unwrap_err().to_string();
        assert!(says(Size { intervals: 4 * 35_136, ..year }).contains("the period has 1464 days"));
        assert!(says(Size { members: 300, ..year }).contains("300 members × 35136 intervals × 8 rules are 84326400"));
        let daily = Size { members: 50_000, intervals: 366, interval_seconds: 86_400, rules: 1 };
        assert!(says(daily).contains("take more memory"));
        let huge = Size { members: u64::MAX, intervals: u64::MAX, interval_seconds: u64::MAX, rules: u64::MAX };
        assert!(says(huge).contains("days"));
    }
}
