//! Log messages of a pass, each with its community and interval. A long backlog is summarised.

use books::{ClearedInterval, Label, OfferedSince, Reception, StoredEvent};
use domain::text::chain;
use domain::{Boundary, Interval, TradeKind};
use sandbox::BadResult;

use super::clearing::{ClearingError, RunReport};
use super::error::PassError;

/// Violations of one result that get a line each; a bad algorithm can break a rule with every trade.
const VIOLATIONS_MAX: usize = 20;

/// An event that people should see; `interval` is none if no commit has stored it yet.
pub(super) fn event(community: &str, interval: Option<Interval>, event: &StoredEvent) {
    let interval = interval.map(tracing::field::display);
    let StoredEvent { code, subject, message } = event;
    tracing::warn!(community, interval, code, subject, "{message}");
}

/// A series of tariffs is wrong, or has ended.
pub(super) fn series(community: &str, problem: &str) {
    tracing::error!(community, code = "series", "{problem}");
}

/// The reception of a meter has changed.
pub(super) fn notice(community: &str, reception: Reception, StoredEvent { code, subject, message }: &StoredEvent) {
    match reception {
        Reception::Good => tracing::info!(community, code, subject, "{message}"),
        _ => tracing::warn!(community, code, subject, "{message}"),
    }
}

/// The books of a community begin with these intervals. What was settled and paid long ago elsewhere would be paid again, so
/// this is a warning unless somebody has decided what is offered.
pub(super) fn begins(community: &str, intervals: u64, from: Boundary, since: OfferedSince) {
    match since.0 {
        _ if intervals == 0 => {}
        Some(since) => tracing::info!(
            community, intervals, since = %from, offered_since = %since,
            "nothing is settled yet: about to settle up to {intervals} intervals since {from}; of their trades, those of \
             intervals that end after {since} will be offered for payment (forward.since)"
        ),
        None => tracing::warn!(
            community, intervals, since = %from,
            "nothing is settled yet: about to settle up to {intervals} intervals since {from}; trades since then will be \
             offered for payment (if they were paid elsewhere, set [forward] since = TIME: older ones are not offered)"
        ),
    }
}

/// An interval was committed. In a backlog this is only a debug message, and the interval is returned for [`backlog`].
pub(super) fn settled(community: &str, cleared: &ClearedInterval, live: bool) -> Option<Interval> {
    let ClearedInterval { interval, events, trades, .. } = cleared;
    for one in events {
        event(community, Some(*interval), one);
    }
    let of = |kind| {
        let of_kind = trades.iter().filter(|trade| trade.kind() == kind);
        of_kind.fold(0_u64, |wh, trade| wh.saturating_add(trade.energy.wh()))
    };
    let (local_wh, from_grid_wh, to_grid_wh) = (of(TradeKind::Local), of(TradeKind::FromGrid), of(TradeKind::ToGrid));
    let trades = trades.len();
    if live {
        tracing::info!(community, %interval, trades, local_wh, from_grid_wh, to_grid_wh, "settled");
        return None;
    }
    tracing::debug!(community, %interval, trades, local_wh, from_grid_wh, to_grid_wh, "settled");
    Some(*interval)
}

/// Summarises the intervals of a page that belong to a backlog.
pub(super) fn backlog(community: &str, settled: &[Interval]) {
    if let [first, .., last] | [first @ last] = settled {
        let (intervals, from, until) = (settled.len(), first.start(), last.end());
        tracing::info!(community, intervals, %from, %until, "settled a part of the backlog");
    }
}

/// A run of an algorithm; a bad result gets a line for each reason.
pub(super) fn run(community: &str, interval: Interval, run: &RunReport<'_>) {
    let RunReport { algorithm: subject, usage, verdict } = run;
    tracing::debug!(community, %interval, subject, "an algorithm ran: {usage}");
    match verdict {
        Ok(()) => {}
        Err(BadResult::Failed(failure)) => {
            let code = failure.kind.code();
            tracing::warn!(community, %interval, code, subject, "the algorithm failed: {failure}");
        }
        Err(BadResult::Rejected(violations)) => {
            for violation in violations.iter().take(VIOLATIONS_MAX) {
                let code = violation.code();
                tracing::warn!(community, %interval, code, subject, "the result is rejected: {violation}");
            }
            let more = violations.len().saturating_sub(VIOLATIONS_MAX);
            if more > 0 {
                tracing::warn!(community, %interval, code = "rejected", subject, "{more} more violations");
            }
        }
    }
}

/// An activated algorithm returned no usable result.
pub(super) fn activation_failed(community: &str, interval: Interval, algorithm: &Label, failures: usize, limit: u32) {
    tracing::warn!(
        community, %interval, code = "activation-failed", subject = %algorithm, failures,
        "an activated algorithm failed; after {limit} failures within a day it is rolled back"
    );
}

/// An activated algorithm was rolled back.
pub(super) fn rolled_back(community: &str, start: Boundary, before: &Label, to: &Label, reason: &str) {
    tracing::error!(
        community, %start, code = "rolled-back", subject = %before,
        "rolled back: {reason}; from here on {to} settles"
    );
}

/// A pass failed.
pub fn stopped(community: &str, failed: &PassError) {
    let error = chain(failed);
    match failed {
        PassError::Meters(_) => tracing::error!(community, code = "meters", "{error}"),
        PassError::Store(_) => tracing::error!(community, code = "store", "{error}"),
        PassError::Clearing(of) => match &**of {
            ClearingError::Held { interval, algorithm, .. } => {
                tracing::error!(community, %interval, code = "held", subject = algorithm, "{error}");
            }
            ClearingError::Round { interval, .. } => tracing::error!(community, %interval, code = "round", "{error}"),
            ClearingError::Sandbox(_) | ClearingError::NotReady(_) => {
                tracing::error!(community, code = "machine", "{error}");
            }
        },
        PassError::Sandbox(_) => tracing::error!(community, code = "machine", "{error}"),
        PassError::Fenced(_) => tracing::warn!(community, code = "fenced", "{error}"),
        PassError::Ahead { .. } => tracing::error!(community, code = "clock", "{error}"),
    }
}
