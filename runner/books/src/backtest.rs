//! Backtests that are kept, so that people can look at them again: newest first, and only so many of each community.
//!
//! They are derived from the books, so nothing is lost with one that makes room. Deliberately absent: running one, and what is
//! in one, which the store takes as bytes.

use domain::Boundary;
use jiff::Timestamp;

/// How many backtests of a community are kept at most. The oldest make room.
pub const BACKTESTS_MAX: usize = 10;
/// How many bytes all kept backtests of a community have at most. The oldest make room.
pub const BACKTESTS_BYTES_MAX: usize = 32 << 20;
/// How many bytes one backtest has at most.
pub const BACKTEST_BYTES_MAX: usize = 8 << 20;

/// What is told of a backtest in a list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BacktestHead {
    /// When it was finished, to the millisecond.
    pub at: Timestamp,
    /// Who started it.
    pub by: String,
    /// The start of its first interval and the end of its last; `None` without any.
    pub span: Option<(Boundary, Boundary)>,
    /// The rules that it tried, as they were named.
    pub rules: Vec<String>,
}

/// A backtest that is kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeptBacktest {
    /// Its number among all of the community, which rises and is never given again.
    pub number: u64,
    /// What is told of it.
    pub head: BacktestHead,
}

/// How many of the newest backtests are kept, of which each has so many bytes: as many as fit, and always the first.
pub fn backtests_kept(newest_first: impl IntoIterator<Item = usize>) -> usize {
    let mut bytes = 0_usize;
    let fits = newest_first.into_iter().take(BACKTESTS_MAX).take_while(|size| {
        bytes = bytes.saturating_add(*size);
        bytes <= BACKTESTS_BYTES_MAX
    });
    fits.count().max(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_newest_are_kept_as_far_as_they_fit() {
        assert_eq!(backtests_kept([1; 3]), 3);
        assert_eq!(backtests_kept([1; 99]), BACKTESTS_MAX);
        assert_eq!(backtests_kept([BACKTEST_BYTES_MAX; 9]), 4);
        assert_eq!(backtests_kept([usize::MAX, usize::MAX]), 1);
    }
}
