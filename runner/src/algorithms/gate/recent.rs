//! The rounds that a community settled last, for the gate to try and to compare.

use std::collections::VecDeque;

use crate::config::CommunityConfig;
use books::{Books, Span, StoreError, StoredInterval};

/// Number of recent rounds: a day of quarter-hours, with its noon and its night.
const RECENT_ROUNDS: usize = 96;
/// How many positions they may have together, beyond the last [`RECENT_LEAST`] rounds: a large community has fewer rounds.
const RECENT_POSITIONS: usize = 100_000;
const RECENT_LEAST: usize = 16;
/// Factor by which each look back is longer than the one before. With 4, all earlier looks together read a third of the last.
const LOOK_BACK_GROWTH: u64 = 4;
/// Number of intervals that are read at a time.
const PAGE: usize = 100;

/// The intervals with a round that a community settled last, the oldest first.
///
/// # Errors
/// If the store cannot be read.
pub async fn recent(
    store: &(impl Books + ?Sized),
    community: &CommunityConfig,
) -> Result<Vec<StoredInterval>, StoreError> {
    let Some(mark) = store.mark(&community.name).await? else { return Ok(Vec::new()) };
    let mut back = u64::from(community.interval.seconds()).saturating_mul(RECENT_ROUNDS as u64);
    loop {
        let from = mark.seconds().saturating_sub(back);
        let mut rounds = Rounds::default();
        let mut span = Span { from: Some(from), to: None };
        loop {
            let page = store.intervals(&community.name, span, PAGE).await?;
            let last = page.last().map(|last| last.interval.start().seconds());
            let is_whole = page.len() == PAGE;
            page.into_iter().for_each(|stored| rounds.push(stored));
            match last {
                Some(last) if is_whole => span.from = Some(last + 1),
                _ => break,
            }
        }
        if rounds.is_full || from == 0 {
            return Ok(rounds.last.into());
        }
        // Some of these intervals have no round, because no meter was read.
        back = back.saturating_mul(LOOK_BACK_GROWTH);
    }
}

/// The last intervals of those that were pushed.
#[derive(Default)]
struct Rounds {
    last: VecDeque<StoredInterval>,
    positions: usize,
    /// Whether there were more than these.
    is_full: bool,
}

impl Rounds {
    fn push(&mut self, stored: StoredInterval) {
        let Some(round) = &stored.round else { return };
        self.positions += round.positions().len();
        self.last.push_back(stored);
        while self.last.len() > RECENT_ROUNDS || (self.last.len() > RECENT_LEAST && self.positions > RECENT_POSITIONS) {
            let first = self.last.pop_front().and_then(|first| first.round);
            self.positions -= first.map_or(0, |round| round.positions().len());
            self.is_full = true;
        }
        self.is_full |= self.last.len() == RECENT_ROUNDS;
    }
}
