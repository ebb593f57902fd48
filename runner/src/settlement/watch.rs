//! Watches how meters are read during a pass, and finds what people should be told: [`Watch::notices`].
//!
//! What was told is in the store, in the last notice of each meter, so that nobody is told twice, whichever process settles. A
//! meter is silent once it missed two boundaries in a row that were settled, because others were read there: one missing
//! reading is a gap and nothing else.

#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use books::{Notice, Notices, Reception};
use domain::member::InOrder;
use domain::netting::{LastRead, LastReads};
use domain::ownership::{Ownership, Standing, Unlisted};
use domain::reading::{BoundaryReadings, Register};
use domain::{Boundary, IntervalLength, MeterId};
use jiff::{SignedDuration, Timestamp};

use super::page::Page;
use super::strays::{Stray, Strays};
use crate::config::CommunityConfig;

/// What a pass has seen of how meters are read.
#[derive(Debug, Default)]
pub(super) struct Watch {
    /// The last boundary that was settled, before the pass or in it.
    last: Option<Boundary>,
    /// The one before that, if it is known.
    before_last: Option<Boundary>,
    /// Whether the pass has settled any.
    has_settled: bool,
    /// Where meters were read as they should be that settle nothing all the same.
    unsettled: BTreeMap<MeterId, Boundary>,
    /// The newest boundary at which only one register was read, and that register.
    halves: BTreeMap<MeterId, (Boundary, Register)>,
    strays: Strays,
    /// Whether there was any reading.
    has_read: bool,
}

/// What the pass has seen of one meter.
#[derive(Clone, Copy, Debug, Default)]
struct Seen {
    /// Where both registers were read last.
    whole: Option<Boundary>,
    /// Where only one was, after that.
    half: Option<(Boundary, Register)>,
    /// What was read at no boundary, after that.
    stray: Option<Stray>,
    /// Whether the meter missed the last two boundaries that were settled.
    has_missed: bool,
}

impl Watch {
    /// Begins a pass over a community that is settled up to a mark.
    pub(super) fn from(mark: Option<Boundary>) -> Watch {
        Watch { last: mark, ..Watch::default() }
    }

    /// Notes what is on a page.
    pub(super) fn add(&mut self, page: &Page) {
        self.has_read |= page.first.is_some();
        self.strays.extend(&page.strays);
        for (boundary, meter, register) in &page.halves {
            self.halves.insert(meter.clone(), (*boundary, *register));
        }
    }

    /// Notes that a boundary is settled, with what was read there and what of it counts.
    pub(super) fn settled(&mut self, boundary: Boundary, readings: &BoundaryReadings, counted: &LastReads) {
        (self.before_last, self.last, self.has_settled) = (self.last, Some(boundary), true);
        if counted.len() < readings.len() {
            let unsettled = readings.keys().filter(|meter| !counted.contains_key(*meter));
            self.unsettled.extend(unsettled.map(|meter| (meter.clone(), boundary)));
        }
    }

    /// What people should be told now, once the pass has seen everything that is due; `told` is what they were told last.
    pub(super) fn notices(
        &self,
        community: &CommunityConfig,
        ownership: &Ownership,
        last_reads: &LastReads,
        told: &Notices,
        now: Timestamp,
    ) -> Vec<Notice> {
        let start = self.last.and_then(|last| last.interval(community.interval)).map(|interval| interval.start());
        let told_at = Timestamp::from_second(now.as_second().max(0)).unwrap_or(Timestamp::UNIX_EPOCH);
        let notice = |(meter, reception, message): (MeterId, Reception, String)| {
            let number = told.get(&meter).map_or(1, |told| told.number.saturating_add(1));
            Notice { meter, number, start, told_at, reception, message }
        };
        self.changes(community, ownership, last_reads, told).map(notice).collect()
    }

    /// Every meter whose reception has changed, with the message for people.
    fn changes<'w>(
        &'w self,
        community: &'w CommunityConfig,
        ownership: &'w Ownership,
        last_reads: &'w LastReads,
        told: &'w Notices,
    ) -> impl Iterator<Item = (MeterId, Reception, String)> + 'w {
        let interval = self.last.and_then(|last| last.interval(community.interval));
        let is_members = move |meter: &MeterId, is_configured| match interval {
            Some(interval) => matches!(ownership.of(meter, interval), Standing::Of(_)),
            None => community.unlisted == Unlisted::Join || is_configured,
        };
        let configured = community.configured_meters();
        let read = last_reads.keys().chain(self.unsettled.keys()).chain(self.halves.keys()).chain(self.strays.meters());
        let of_meters = told.iter().filter(|(_, told)| told.reception != Reception::SkippedRow).map(|(meter, _)| meter);
        let meters: BTreeSet<MeterId> = read.chain(of_meters).chain(&configured).cloned().collect();
        let mut last_reads = InOrder::of(last_reads);
        meters.into_iter().filter_map(move |meter| {
            let seen = self.seen(&meter, last_reads.find(&meter));
            let before = told.get(&meter).map(|told| told.reception).filter(|told| *told != Reception::SkippedRow);
            let before = before.unwrap_or(Reception::Good);
            let is_configured = configured.contains(&meter);
            if !is_members(&meter, is_configured) {
                let nobodys = || "belongs to no member now, so that nobody waits for it".to_owned();
                return (before != Reception::Good).then(|| (meter, Reception::Good, nobodys()));
            }
            let now = self.judge(seen, community.interval, is_configured, before);
            let message = || seen.message(now, before, community.tolerance, community.interval);
            now.differs_from(before).then(|| (meter.clone(), now, message()))
        })
    }

    fn seen(&self, meter: &MeterId, last: Option<&LastRead>) -> Seen {
        let counted = last.map(|read| read.latest().boundary);
        let whole = counted.max(self.unsettled.get(meter).copied());
        let is_later = |boundary: Boundary| whole.is_none_or(|whole| boundary > whole);
        let missed = |before_last: Boundary| self.has_settled && whole.is_some_and(|whole| whole < before_last);
        Seen {
            whole,
            half: self.halves.get(meter).copied().filter(|(boundary, _)| is_later(*boundary)),
            stray: self.strays.get(meter).filter(|stray| is_later(stray.boundary)),
            has_missed: self.before_last.is_some_and(missed),
        }
    }

    /// How a meter is read, as far as the pass can tell; otherwise as it was before.
    fn judge(&self, seen: Seen, length: IntervalLength, is_configured: bool, before: Reception) -> Reception {
        let half = seen.half.map(|(boundary, _)| boundary);
        let stray = seen.stray.filter(|stray| half.is_none_or(|half| stray.boundary > half));
        let newest = half.max(stray.map(|stray| stray.boundary));
        let is_later = |whole| newest.is_some_and(|newest| is_two_later(newest, whole, length));
        let is_overdue = seen.whole.is_none_or(|whole| seen.has_missed || is_later(whole));
        let has_others = self.has_read || self.last.is_some();
        match (stray, half, seen.whole) {
            // Nothing new is known of a meter whose last reading is from before the pass.
            _ if !is_overdue && !self.has_settled => before,
            _ if !is_overdue => Reception::Good,
            (Some(stray), ..) => Reception::Off { seconds: stray.seconds() },
            (None, Some(_), _) => Reception::Half,
            (None, None, Some(_)) => Reception::Silent,
            (None, None, None) if matches!(before, Reception::Half | Reception::Off { .. }) => before,
            (None, None, None) if is_configured && (has_others || before == Reception::Never) => Reception::Never,
            (None, None, None) => Reception::Good,
        }
    }

    /// What people should know of a pass that has settled nothing, although there are readings.
    pub(super) fn remark(&self, community: &CommunityConfig) -> Option<String> {
        // After a mark the next boundary may only be late.
        let newest =
            self.strays.iter().map(|stray| stray.boundary).chain(self.halves.values().map(|half| half.0)).max();
        let is_late = |mark| newest.is_some_and(|newest| is_two_later(newest, mark, community.interval));
        if self.has_settled || !self.last.is_none_or(is_late) {
            return None;
        }
        if let Some((boundary, _)) = self.halves.values().max_by_key(|(boundary, _)| *boundary) {
            return Some(format!(
                "there are readings, but of no meter both registers near a boundary, the last at {boundary}"
            ));
        }
        let nearest = self.strays.iter().min_by_key(|stray| stray.distance)?;
        let furthest = self.strays.iter().max_by_key(|stray| stray.distance)?;
        let mut off = duration(nearest.distance);
        if furthest.seconds() != nearest.seconds() {
            off = format!("{off} to {}", duration(furthest.distance));
        }
        let (tolerance, way_out) = (duration(community.tolerance), way_out(*furthest, community.interval));
        let at = self.strays.iter().map(|stray| stray.at).max()?;
        Some(format!(
            "there are readings, the newest at {at}, but none is near a boundary: they are {off} off, and tolerance is \
             {tolerance} ({way_out})"
        ))
    }
}

impl Seen {
    /// A change for people.
    fn message(self, now: Reception, before: Reception, tolerance: Duration, length: IntervalLength) -> String {
        let Seen { whole, half, stray, .. } = self;
        match (now, whole, half, stray) {
            (Reception::Off { .. }, _, _, Some(stray)) => format!(
                "its readings are {} from the nearest boundary, the last at {}, further than the tolerance of {}: none \
                 counts ({})",
                duration(stray.distance),
                stray.at,
                duration(tolerance),
                way_out(stray, length),
            ),
            (Reception::Half, _, Some((boundary, register)), _) => format!(
                "only {} is read near boundaries, the last time at {boundary}: a meter counts only where both registers \
                 are read",
                register.field(),
            ),
            (Reception::Silent, Some(whole), ..) => format!(
                "not read since {whole}, although others are; what it measures meanwhile is settled with the grid over \
                 the gap when it is read again"
            ),
            (Reception::Good, Some(whole), ..) if before == Reception::Never => {
                format!("read for the first time, at {whole}")
            }
            (Reception::Good, Some(whole), ..) => format!("read as it should be again, at {whole}"),
            (Reception::Good, None, ..) => "no longer configured, so that nobody waits for it".to_owned(),
            _ => "configured, but never read (is its id right, and does the Meters service know it?)".to_owned(),
        }
    }
}

/// Whether a boundary is two intervals or more after another.
fn is_two_later(boundary: Boundary, than: Boundary, length: IntervalLength) -> bool {
    than.next(length).and_then(|next| next.next(length)).is_some_and(|two_later| boundary >= two_later)
}

/// What to do about readings that are off.
fn way_out(stray: Stray, length: IntervalLength) -> String {
    let (needed, length) = (Duration::from_secs(stray.seconds()), Duration::from_secs(length.seconds().into()));
    if needed * 2 < length {
        format!("set tolerance to {} or more, or have meters read nearer to the boundaries", duration(needed))
    } else {
        "have meters read nearer to the boundaries: a tolerance must be less than half the interval".to_owned()
    }
}

/// A length of time as the configuration writes it: `6m 5s`.
fn duration(duration: Duration) -> String {
    format!("{:#}", SignedDuration::try_from(duration).unwrap_or(SignedDuration::MAX))
}
