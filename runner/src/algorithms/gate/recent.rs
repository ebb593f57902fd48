//! The rounds that a community settled last, for the gate to try.

use std::collections::VecDeque;

use domain::Round;

use crate::config::CommunityConfig;
use books::{Books, Span, StoreError};

/// Number of recent rounds to try: four hours of quarter-hours.
const RECENT_ROUNDS: usize = 16;
/// Factor by which each look back is longer than the one before. With 4, all earlier looks together read a third of the last.
const LOOK_BACK_GROWTH: u64 = 4;
/// Number of intervals that are read at a time.
const PAGE: usize = 100;

/// The rounds that a community settled last, the oldest first.
///
/// # Errors
/// If the store cannot be read.
pub async fn recent(store: &(impl Books + ?Sized), community: &CommunityConfig) -> Result<Vec<Round>, StoreError> {
    let Some(mark) = store.mark(&community.name).await? else { return Ok(Vec::new()) };
    let mut back = u64::from(community.interval.seconds()).saturating_mul(RECENT_ROUNDS as u64);
    loop {
        let from = mark.seconds().saturating_sub(back);
        let mut rounds = VecDeque::new();
        let mut span = Span { from: Some(from), to: None };
        loop {
            let page = store.intervals(&community.name, span, PAGE).await?;
            let last = page.last().map(|last| last.interval.start().seconds());
            let is_whole = page.len() == PAGE;
            rounds.extend(page.into_iter().filter_map(|interval| interval.round));
            rounds.drain(..rounds.len().saturating_sub(RECENT_ROUNDS));
            match last {
                Some(last) if is_whole => span.from = Some(last + 1),
                _ => break,
            }
        }
        if rounds.len() == RECENT_ROUNDS || from == 0 {
            return Ok(rounds.into());
        }
        // Some of these intervals have no round, because no meter was read.
        back = back.saturating_mul(LOOK_BACK_GROWTH);
    }
}
