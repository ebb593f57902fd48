//! The metrics of one community.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use books::{Action, Notices, Provenance, StoredEvent, StoredTrade, event_codes};
use domain::netting::LastReads;
use domain::settlement::Violation;
use domain::{Boundary, TradeKind};
use jiff::Timestamp;
use prometheus::{Histogram, IntCounter, IntGauge};
use sandbox::{BadResult, FailureKind, Usage};

use super::labels::{By, MetersOutcome, PassOutcome};
use super::{Families, lock};

/// The kind of failure of a rejected result.
const REJECTED: &str = "rejected";
/// The kind of failure of an algorithm that cannot be run at all. Nothing counts it, since nothing ran; the series stays,
/// because dashboards may ask for it.
const UNUSABLE: &str = "unusable";

impl By {
    pub fn of(provenance: &Provenance) -> By {
        if provenance.fallback_reason.is_some() { By::Fallback } else { By::Algorithm }
    }
}

pub struct CommunityMetrics {
    name: String,
    grace: Duration,
    mark: Mutex<Option<Boundary>>,
    /// The earliest reading that is known.
    first_reading: Mutex<Option<Timestamp>>,
    held: IntGauge,
    disputed: IntGauge,
    lease: IntGauge,
    fuel: IntCounter,
    seconds: Histogram,
    memory: Histogram,
    retries: IntCounter,
    faulty_series: IntGauge,
    /// What is wrong with series of tariffs, in sentences.
    series_problems: Mutex<Vec<String>>,
    families: Arc<Families>,
}

impl CommunityMetrics {
    /// All series at zero, because Prometheus does not see the first increase of a series that starts at 1.
    pub(super) fn new(name: &str, grace: Duration, families: Arc<Families>) -> CommunityMetrics {
        for by in By::ALL {
            families.intervals.with_label_values(&[name, by.as_str()]);
        }
        for kind in TradeKind::ALL {
            families.trades.with_label_values(&[name, kind.as_str()]);
            families.energy.with_label_values(&[name, kind.as_str()]);
        }
        for outcome in PassOutcome::ALL {
            families.passes.with_label_values(&[name, outcome.as_str()]);
        }
        event_codes().for_each(|code| drop(families.events.with_label_values(&[name, code])));
        families.receptions.iter().for_each(|(_, family)| drop(family.with_label_values(&[name])));
        Violation::CODES.iter().for_each(|code| drop(families.violations.with_label_values(&[name, code])));
        let kinds = FailureKind::ALL.iter().map(|kind| kind.code()).chain([REJECTED, UNUSABLE]);
        kinds.for_each(|kind| drop(families.failures.with_label_values(&[name, kind])));
        Action::OF_COMMUNITIES.iter().for_each(|action| drop(families.changes.with_label_values(&[name, action])));
        ["usable", "bad"].iter().for_each(|outcome| drop(families.shadow.with_label_values(&[name, outcome])));
        let only = &[name];
        CommunityMetrics {
            name: name.to_owned(),
            grace,
            mark: Mutex::default(),
            first_reading: Mutex::default(),
            held: families.held.with_label_values(only),
            disputed: families.disputed.with_label_values(only),
            lease: families.lease.with_label_values(only),
            fuel: families.fuel.with_label_values(only),
            seconds: families.algorithm_seconds.with_label_values(only),
            memory: families.algorithm_memory.with_label_values(only),
            retries: families.meters_retries.with_label_values(only),
            faulty_series: families.faulty_series.with_label_values(only),
            series_problems: Mutex::default(),
            families,
        }
    }

    pub fn name(&self) -> &str {
        &self.name
    }

    /// End of the last settled interval, if it is known.
    pub fn mark(&self) -> Option<Boundary> {
        *lock(&self.mark)
    }

    /// The lag: now minus grace minus mark, at least 0. While nothing is settled, the earliest reading stands for the mark; none
    /// before there are readings.
    pub fn lag(&self, now: Timestamp) -> Option<Duration> {
        let due = now.checked_sub(self.grace).unwrap_or(Timestamp::MIN);
        let since = self.mark().map(Boundary::timestamp).or_else(|| *lock(&self.first_reading))?;
        Some(Duration::try_from(due.duration_since(since)).unwrap_or_default())
    }

    pub fn is_held(&self) -> bool {
        self.held.get() != 0
    }

    /// How many meters have readings that do not follow their last good ones.
    pub fn disputed(&self) -> u64 {
        u64::try_from(self.disputed.get()).unwrap_or(0)
    }

    /// Reports the state of the meters.
    pub fn set_disputed(&self, last_reads: &LastReads) {
        let disputed = last_reads.values().filter(|last| last.dispute.is_some()).count();
        self.disputed.set(i64::try_from(disputed).unwrap_or(i64::MAX));
    }

    pub fn has_lease(&self) -> bool {
        self.lease.get() != 0
    }

    /// Reports the mark.
    pub fn set_mark(&self, mark: Boundary) {
        *lock(&self.mark) = Some(mark);
    }

    /// What is wrong with the community's series of tariffs.
    pub fn series_problems(&self) -> Vec<String> {
        lock(&self.series_problems).clone()
    }

    /// Reports what is wrong with series of tariffs, if anything is; returns what was not reported the last time.
    pub fn set_series_problems(&self, problems: Vec<String>) -> Vec<String> {
        self.faulty_series.set(i64::try_from(problems.len()).unwrap_or(i64::MAX));
        let mut known = lock(&self.series_problems);
        let news = problems.iter().filter(|problem| !known.contains(problem)).cloned().collect();
        *known = problems;
        news
    }

    /// Reports that there are readings from an instant on.
    pub fn read_since(&self, first: Timestamp) {
        let mut known = lock(&self.first_reading);
        *known = Some(known.map_or(first, |known| known.min(first)));
    }

    /// Reports a committed interval; `settled` is none if it had no round.
    pub fn committed(&self, mark: Boundary, settled: Option<By>, trades: &[StoredTrade], events: &[StoredEvent]) {
        self.set_mark(mark);
        if let Some(by) = settled {
            self.families.intervals.with_label_values(&[self.name.as_str(), by.as_str()]).inc();
        }
        self.traded(trades, events);
    }

    /// Reports trades that were made, and events.
    pub fn traded(&self, trades: &[StoredTrade], events: &[StoredEvent]) {
        let mut sums = [(0_u64, 0_u64); TradeKind::ALL.len()];
        for trade in trades {
            let (count, wh) = &mut sums[trade.kind() as usize];
            (*count, *wh) = (*count + 1, wh.saturating_add(trade.energy.wh()));
        }
        for (kind, (count, wh)) in TradeKind::ALL.iter().zip(sums).filter(|(_, (count, _))| *count > 0) {
            let labels = &[self.name.as_str(), kind.as_str()];
            self.families.trades.with_label_values(labels).inc_by(count);
            self.families.energy.with_label_values(labels).inc_by(wh);
        }
        events.iter().for_each(|event| self.event(&event.code));
    }

    /// Reports how meters are read: what they were told of last.
    pub fn receptions(&self, notices: &Notices) {
        for (code, family) in &self.families.receptions {
            let meters = notices.values().filter(|notice| notice.reception.code() == *code).count();
            family.with_label_values(&[self.name.as_str()]).set(i64::try_from(meters).unwrap_or(i64::MAX));
        }
    }

    /// Counts an event that people should know of.
    pub fn event(&self, code: &str) {
        self.families.events.with_label_values(&[self.name.as_str(), code]).inc();
    }

    /// Reports a run of an algorithm, its own or the fallback.
    pub fn algorithm_run(&self, usage: &Usage, result: Result<(), &BadResult>) {
        self.fuel.inc_by(usage.fuel);
        self.seconds.observe(usage.duration.as_secs_f64());
        // Exact: memories are far below 2^53 bytes.
        #[allow(clippy::cast_precision_loss, reason = "a histogram takes nothing else")]
        self.memory.observe(usage.peak_memory_bytes as f64);
        let Err(bad) = result else { return };
        let (kind, violations) = match bad {
            BadResult::Failed(failure) => (failure.kind.code(), &[][..]),
            BadResult::Rejected(violations) => (REJECTED, &violations[..]),
        };
        self.families.failures.with_label_values(&[self.name.as_str(), kind]).inc();
        for violation in violations {
            self.families.violations.with_label_values(&[self.name.as_str(), violation.code()]).inc();
        }
    }

    /// Reports the end of a pass.
    pub fn passed(&self, outcome: PassOutcome) {
        self.families.passes.with_label_values(&[self.name.as_str(), outcome.as_str()]).inc();
        match outcome {
            PassOutcome::Done => self.held.set(0),
            PassOutcome::Held => self.held.set(1),
            // These say nothing about an interval on hold.
            PassOutcome::Meters
            | PassOutcome::Store
            | PassOutcome::Failed
            | PassOutcome::Fenced
            | PassOutcome::Ahead => {}
        }
    }

    /// Reports whether this process has the lease of the community.
    pub fn lease(&self, held: bool) {
        self.lease.set(i64::from(held));
    }

    /// Reports a request to the Meters service.
    pub fn meters_request(&self, outcome: MetersOutcome, took: Duration) {
        let labels = &[self.name.as_str(), outcome.as_str()];
        self.families.meters_seconds.with_label_values(labels).observe(took.as_secs_f64());
    }

    /// Counts a retry of a request to the Meters service.
    pub fn meters_retry(&self) {
        self.retries.inc();
    }

    /// Updates the values that depend on the time. Without a mark or a reading there is no lag, rather than one of fifty years.
    pub(super) fn refresh(&self, now: Timestamp) {
        let set = |family: &prometheus::IntGaugeVec, seconds: u64| {
            family.with_label_values(&[self.name.as_str()]).set(i64::try_from(seconds).unwrap_or(i64::MAX));
        };
        self.mark().iter().for_each(|mark| set(&self.families.settled_until, mark.seconds()));
        self.lag(now).iter().for_each(|lag| set(&self.families.lag, lag.as_secs()));
    }
}
