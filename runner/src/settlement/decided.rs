//! What people have decided about meters, settled as an addition to the newest interval.
//!
//! A decision may come long after the readings that it is about, and no further one may ever come. So what it settles, with the
//! grid alone, is added to the newest interval. A pass does that before anything else.

use books::{
    Addition, CommitOutcome, Decided, GapTrade, KeptChange, MeterLog, NumberedDecision, Progress, Span, Store,
    StoreError, StoredEvent, StoredInterval, StoredTrade,
};
use domain::disputes::{Effect, Finding, MeterDecision, decide};
use domain::netting::{EventKind, Gap, LastReads, gap_balance};
use domain::{Boundary, Interval};
use jiff::Timestamp;

use super::clearing::Clearing;
use super::log;
use super::summary::PassSummary;
use crate::config::CurrentSeries;
use crate::telemetry::metrics::CommunityMetrics;

/// The code of events about energy that became known late.
pub const LATE: &str = "late";
/// The longest interval, in seconds.
const DAY: u64 = 86_400;

/// What decisions are settled with.
#[derive(Clone, Copy)]
pub(super) struct Settling<'s> {
    pub(super) clearing: &'s Clearing,
    pub(super) store: &'s dyn Store,
    pub(super) metrics: &'s CommunityMetrics,
    pub(super) now: Timestamp,
    pub(super) fence: Option<u64>,
}

/// Settles what decisions come to that have not taken effect yet; none if there is nothing.
pub(super) async fn take_in(
    settling: Settling<'_>,
    progress: &Progress,
    decisions: &[KeptChange],
    series: &CurrentSeries,
    summary: &mut PassSummary,
) -> Result<Option<CommitOutcome>, StoreError> {
    let name = &settling.clearing.community().name;
    let Some(mark) = progress.mark else { return Ok(None) };
    let log = MeterLog::of(decisions);
    if log.after(progress.taken).next().is_none() {
        return Ok(None);
    }
    let Some(newest) = newest(settling, mark).await? else { return Ok(None) };
    let mut taken = Taken::new(settling, &newest, series);
    for decision in log.after(progress.taken) {
        taken.add(decision, &log, &progress.last_reads);
    }
    if taken.decided.is_empty() {
        return Ok(None);
    }
    let decision = decisions.iter().filter_map(|decision| decision.number).max().unwrap_or(0);
    let addition = taken.addition(decision);
    let committed = settling.store.add(&addition).await?;
    if committed == CommitOutcome::Committed {
        for event in &addition.events {
            log::event(name, Some(newest.interval), event);
        }
        settling.metrics.traded(&addition.trades, &addition.events);
        summary.add_trades(&addition.trades, &addition.events);
    }
    Ok(Some(committed))
}

/// The interval that ends at the mark.
async fn newest(settling: Settling<'_>, mark: Boundary) -> Result<Option<StoredInterval>, StoreError> {
    let community = settling.clearing.community();
    // Its length may have been another one.
    for length in [community.interval.seconds().into(), DAY] {
        let span = Span { from: Some(mark.seconds().saturating_sub(length)), to: Some(mark.seconds()) };
        let found = settling.store.intervals(&community.name, span, usize::MAX).await?;
        if let Some(newest) = found.into_iter().rev().find(|stored| stored.interval.end() == mark) {
            return Ok(Some(newest));
        }
    }
    Ok(None)
}

/// What decisions come to.
struct Taken<'s> {
    settling: Settling<'s>,
    newest: &'s StoredInterval,
    series: &'s CurrentSeries,
    decided: Vec<Decided>,
    gaps: Vec<GapTrade>,
    events: Vec<StoredEvent>,
    states: LastReads,
}

impl Taken<'_> {
    fn new<'s>(settling: Settling<'s>, newest: &'s StoredInterval, series: &'s CurrentSeries) -> Taken<'s> {
        let (decided, gaps, events) = (Vec::new(), Vec::new(), Vec::new());
        Taken { settling, newest, series, decided, gaps, events, states: LastReads::new() }
    }

    /// Adds what a decision comes to, if it comes to anything.
    fn add(&mut self, decision: &NumberedDecision, log: &MeterLog, last_reads: &LastReads) {
        let NumberedDecision { number, meter, .. } = decision;
        let exchanges = log.exchanges(*number).remove(meter).unwrap_or_default();
        let last = self.states.get(meter).or_else(|| last_reads.get(meter));
        let Some(effect) = decide(last, &decision.decision, &exchanges) else { return };
        // Whoever has the meter only since then has nothing of it; with its next reading it counts anew.
        let member = self.settling.clearing.member_of(meter, self.newest.interval, effect.since);
        let Some(member) = member else { return };
        self.events.push(event(decision, &effect));
        match gap_balance(self.newest.basis, effect.rise) {
            Some(balance) => {
                let gap = Gap { meter: meter.clone(), member: member.clone(), since: effect.since, balance };
                self.gaps.push(self.settling.clearing.gap(&gap, self.newest.interval, self.series));
            }
            None => self.events.push(StoredEvent {
                code: EventKind::TooLarge.code().to_owned(),
                subject: meter.to_string(),
                message: EventKind::TooLarge.to_string(),
            }),
        }
        self.states.insert(meter.clone(), effect.last);
        self.decided.push(Decided { decision: *number, meter: meter.clone(), member });
    }

    fn addition(self, decision: u64) -> Addition {
        let (community, interval) = (self.settling.clearing.community().name.clone(), self.newest.interval);
        Addition {
            trades: trades(&community, interval, self.newest.trades.len() as u64, &self.gaps),
            community,
            interval,
            decision,
            fence: self.settling.fence,
            settled_at: self.settling.now,
            decided: self.decided,
            gaps: self.gaps,
            events: self.events,
            states: self.states,
        }
    }
}

/// The trades of gaps, numbered from `first` on.
fn trades(community: &str, interval: Interval, first: u64, gaps: &[GapTrade]) -> Vec<StoredTrade> {
    let trades = gaps.iter().flat_map(|gap| gap.trades().map(|trade| (trade, Some(gap.message()))));
    let numbered = trades.zip(first..);
    numbered.map(|((trade, message), number)| StoredTrade::new(community, interval, number, trade, message)).collect()
}

fn event(NumberedDecision { meter, decision, by, reason, .. }: &NumberedDecision, effect: &Effect) -> StoredEvent {
    let Effect { since, rise, .. } = effect;
    if let MeterDecision::Late { .. } = decision {
        let message = format!("what was missing since {since} became known: {rise} settled with the grid");
        return StoredEvent { code: LATE.to_owned(), subject: meter.to_string(), message };
    }
    let (code, what) = match decision {
        MeterDecision::Accept { .. } => ("accepted", "what it jumped by was energy".to_owned()),
        MeterDecision::Restart { first } => ("restarted", format!("it counts from what it showed at {first}")),
        // Told above.
        MeterDecision::Late { .. } => (LATE, String::new()),
        MeterDecision::Exchange { exchange, .. } => {
            let exchanged = Finding::Exchanged { exchange: *exchange };
            (exchanged.code(), exchanged.to_string())
        }
    };
    let reason = reason.as_ref().map(|reason| format!(" ({reason})")).unwrap_or_default();
    let message = format!("{by} decided{reason}: {what}; {rise} since {since} settled with the grid");
    StoredEvent { code: code.to_owned(), subject: meter.to_string(), message }
}
