//! The metrics of one community.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use books::{Action, Notices, Provenance, StoredEvent, StoredTrade, event_codes};
use domain::netting::LastReads;
use domain::settlement::Violation;
use domain::{Boundary, TradeKind};
use jiff::Timestamp;
use prometheus::{Histogram, IntCounter, IntGaugeVec};
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
    /// What its series have as `community`: its name, or that of all together.
    label: Arc<str>,
    grace: Duration,
    mark: Mutex<Option<Boundary>>,
    /// The earliest reading that is known.
    first_reading: Mutex<Option<Timestamp>>,
    held: AtomicBool,
    disputed: AtomicU64,
    lease: AtomicBool,
    /// How many meters have each reception, in the order of the families.
    receptions: Mutex<Vec<u64>>,
    /// What is wrong with series of tariffs, in sentences.
    series_problems: Mutex<Vec<String>>,
    series: Arc<CommunitySeries>,
    families: Arc<Families>,
}

/// Series that are reported often, so that nobody has to look for them.
pub(super) struct CommunitySeries {
    fuel: IntCounter,
    seconds: Histogram,
    memory: Histogram,
    retries: IntCounter,
}

impl CommunitySeries {
    /// All series at zero, because Prometheus does not see the first increase of a series that starts at 1.
    pub(super) fn new(label: &str, families: &Families) -> CommunitySeries {
        for by in By::ALL {
            families.intervals.with_label_values(&[label, by.as_str()]);
        }
        for kind in TradeKind::ALL {
            families.trades.with_label_values(&[label, kind.as_str()]);
            families.energy.with_label_values(&[label, kind.as_str()]);
        }
        for outcome in PassOutcome::ALL {
            families.passes.with_label_values(&[label, outcome.as_str()]);
        }
        event_codes().for_each(|code| drop(families.events.with_label_values(&[label, code])));
        families.receptions.iter().for_each(|(_, family)| drop(family.with_label_values(&[label])));
        Violation::CODES.iter().for_each(|code| drop(families.violations.with_label_values(&[label, code])));
        let kinds = FailureKind::ALL.iter().map(|kind| kind.code()).chain([REJECTED, UNUSABLE]);
        kinds.for_each(|kind| drop(families.failures.with_label_values(&[label, kind])));
        Action::OF_COMMUNITIES.iter().for_each(|action| drop(families.changes.with_label_values(&[label, action])));
        ["usable", "bad"].iter().for_each(|outcome| drop(families.shadow.with_label_values(&[label, outcome])));
        [&families.held, &families.disputed, &families.lease, &families.faulty_series]
            .iter()
            .for_each(|family| drop(family.with_label_values(&[label])));
        let only = &[label];
        CommunitySeries {
            fuel: families.fuel.with_label_values(only),
            seconds: families.algorithm_seconds.with_label_values(only),
            memory: families.algorithm_memory.with_label_values(only),
            retries: families.meters_retries.with_label_values(only),
        }
    }
}

/// What gauges show of one community, or of several together.
#[derive(Debug, Default)]
pub(super) struct Gauges {
    held: u64,
    disputed: u64,
    leases: u64,
    faulty_series: u64,
    receptions: Vec<u64>,
    /// The earliest mark.
    mark: Option<u64>,
    /// The greatest lag.
    lag: Option<u64>,
}

impl Gauges {
    /// Adds those of another community.
    pub(super) fn add(&mut self, other: Gauges) {
        self.held += other.held;
        self.disputed = self.disputed.saturating_add(other.disputed);
        self.leases += other.leases;
        self.faulty_series += other.faulty_series;
        self.receptions.resize(self.receptions.len().max(other.receptions.len()), 0);
        self.receptions.iter_mut().zip(other.receptions).for_each(|(sum, count)| *sum = sum.saturating_add(count));
        self.mark = self.mark.into_iter().chain(other.mark).min();
        self.lag = self.lag.max(other.lag);
    }

    /// Shows them. Without a mark or a reading there is no lag, rather than one of fifty years.
    pub(super) fn show(&self, label: &str, families: &Families) {
        let set = |family: &IntGaugeVec, value: u64| {
            family.with_label_values(&[label]).set(i64::try_from(value).unwrap_or(i64::MAX));
        };
        set(&families.held, self.held);
        set(&families.disputed, self.disputed);
        set(&families.lease, self.leases);
        set(&families.faulty_series, self.faulty_series);
        families.receptions.iter().zip(&self.receptions).for_each(|((_, family), count)| set(family, *count));
        self.mark.iter().for_each(|mark| set(&families.settled_until, *mark));
        self.lag.iter().for_each(|lag| set(&families.lag, *lag));
    }
}

impl CommunityMetrics {
    pub(super) fn new(
        name: &str,
        label: Arc<str>,
        grace: Duration,
        series: Arc<CommunitySeries>,
        families: Arc<Families>,
    ) -> CommunityMetrics {
        CommunityMetrics {
            name: name.to_owned(),
            label,
            grace,
            mark: Mutex::default(),
            first_reading: Mutex::default(),
            held: AtomicBool::new(false),
            disputed: AtomicU64::new(0),
            lease: AtomicBool::new(false),
            receptions: Mutex::default(),
            series_problems: Mutex::default(),
            series,
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
        self.held.load(Ordering::Relaxed)
    }

    /// How many meters have readings that do not follow their last good ones.
    pub fn disputed(&self) -> u64 {
        self.disputed.load(Ordering::Relaxed)
    }

    /// Reports the state of the meters.
    pub fn set_disputed(&self, last_reads: &LastReads) {
        let disputed = last_reads.values().filter(|last| last.dispute.is_some()).count();
        self.disputed.store(disputed as u64, Ordering::Relaxed);
    }

    pub fn has_lease(&self) -> bool {
        self.lease.load(Ordering::Relaxed)
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
            self.families.intervals.with_label_values(&[&*self.label, by.as_str()]).inc();
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
            let labels = &[&*self.label, kind.as_str()];
            self.families.trades.with_label_values(labels).inc_by(count);
            self.families.energy.with_label_values(labels).inc_by(wh);
        }
        events.iter().for_each(|event| self.event(&event.code));
    }

    /// Reports how meters are read: what they were told of last.
    pub fn receptions(&self, notices: &Notices) {
        let count = |code: &str| notices.values().filter(|notice| notice.reception.code() == code).count() as u64;
        *lock(&self.receptions) = self.families.receptions.iter().map(|(code, _)| count(code)).collect();
    }

    /// Counts an event that people should know of.
    pub fn event(&self, code: &str) {
        self.families.events.with_label_values(&[&*self.label, code]).inc();
    }

    /// Reports a run of an algorithm, its own or the fallback.
    pub fn algorithm_run(&self, usage: &Usage, result: Result<(), &BadResult>) {
        self.series.fuel.inc_by(usage.fuel);
        self.series.seconds.observe(usage.duration.as_secs_f64());
        // Exact: memories are far below 2^53 bytes.
        #[allow(clippy::cast_precision_loss, reason = "a histogram takes nothing else")]
        self.series.memory.observe(usage.peak_memory_bytes as f64);
        let Err(bad) = result else { return };
        let (kind, violations) = match bad {
            BadResult::Failed(failure) => (failure.kind.code(), &[][..]),
            BadResult::Rejected(violations) => (REJECTED, &violations[..]),
        };
        self.families.failures.with_label_values(&[&*self.label, kind]).inc();
        for violation in violations {
            self.families.violations.with_label_values(&[&*self.label, violation.code()]).inc();
        }
    }

    /// Reports the end of a pass.
    pub fn passed(&self, outcome: PassOutcome) {
        self.families.passes.with_label_values(&[&*self.label, outcome.as_str()]).inc();
        match outcome {
            PassOutcome::Done => self.held.store(false, Ordering::Relaxed),
            PassOutcome::Held => self.held.store(true, Ordering::Relaxed),
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
        self.lease.store(held, Ordering::Relaxed);
    }

    /// Reports a request to the Meters service.
    pub fn meters_request(&self, outcome: MetersOutcome, took: Duration) {
        let labels = &[&*self.label, outcome.as_str()];
        self.families.meters_seconds.with_label_values(labels).observe(took.as_secs_f64());
    }

    /// Counts a retry of a request to the Meters service.
    pub fn meters_retry(&self) {
        self.series.retries.inc();
    }

    /// What its gauges show now.
    pub(super) fn gauges(&self, now: Timestamp) -> Gauges {
        Gauges {
            held: u64::from(self.is_held()),
            disputed: self.disputed(),
            leases: u64::from(self.has_lease()),
            faulty_series: lock(&self.series_problems).len() as u64,
            receptions: lock(&self.receptions).clone(),
            mark: self.mark().map(Boundary::seconds),
            lag: self.lag(now).map(|lag| lag.as_secs()),
        }
    }
}
