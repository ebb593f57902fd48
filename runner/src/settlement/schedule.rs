//! When an interval is due, how long to wait, and whose turn it is.
//!
//! An interval is due `grace` after its end. The wall clock decides, and it may be changed, so nothing here remembers an
//! earlier time, and waiting looks at the clock regularly.

use std::collections::BTreeSet;
use std::time::Duration;

use backon::ExponentialBuilder;
use domain::{Digest, IntervalLength};
use jiff::{SignedDuration, Timestamp};

/// Longest sleep without looking at the clock, and so the longest delay after the clock is changed.
pub(super) const CLOCK_CHECK: Duration = Duration::from_secs(20);
/// Pause before looking again for readings that are missing.
const READINGS_PAUSE: Duration = Duration::from_secs(15);
/// Within which time all communities are due after the end of their intervals, and how long it is for each of few.
const SPREAD_MAX: Duration = Duration::from_secs(5);
const SPREAD_OF_EACH: Duration = Duration::from_millis(5);
/// Pauses after failures of a pass: at first up to a second, later up to two minutes.
pub const FAILURE: ExponentialBuilder = ExponentialBuilder::new()
    .with_min_delay(Duration::from_millis(500))
    .with_max_delay(Duration::from_secs(60))
    .without_max_times()
    .with_jitter();

#[derive(Clone, Copy, Debug)]
pub struct Schedule {
    interval: SignedDuration,
    grace: SignedDuration,
}

/// What to wait for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wait {
    /// The next interval.
    Due,
    /// Readings of an interval that is due: another look after this pause.
    Readings(Duration),
    /// The next attempt after a failure, after this pause.
    Retry(Duration),
    /// The end of another process's lease, after this time at most.
    Lease(Duration),
}

impl Schedule {
    pub fn new(interval: IntervalLength, grace: Duration) -> Schedule {
        let grace = SignedDuration::try_from(grace).unwrap_or(SignedDuration::MAX);
        Schedule { interval: SignedDuration::from_secs(i64::from(interval.seconds())), grace }
    }

    /// The end of the last interval that is due.
    pub fn last_due(&self, now: Timestamp) -> Timestamp {
        let settled = now.checked_sub(self.grace).unwrap_or(Timestamp::MIN).as_second();
        let end = settled - settled.rem_euclid(self.interval.as_secs());
        Timestamp::from_second(end).unwrap_or(Timestamp::MIN)
    }

    /// How long until the next interval is due: above zero, and at most an interval.
    pub fn until_due(&self, now: Timestamp) -> Duration {
        let due = self.last_due(now).checked_add(self.interval).and_then(|end| end.checked_add(self.grace));
        let left = due.map_or(self.interval, |due| due.duration_since(now));
        Duration::try_from(left.clamp(SignedDuration::from_millis(1), self.interval)).unwrap_or(CLOCK_CHECK)
    }

    /// The same, but everything is due later by this.
    pub fn delayed(self, by: Duration) -> Schedule {
        let by = SignedDuration::try_from(by).unwrap_or(SignedDuration::MAX);
        Schedule { grace: self.grace.saturating_add(by), ..self }
    }

    /// How long to wait: never beyond the next interval.
    fn pause(&self, wait: Wait, now: Timestamp) -> Duration {
        let pause = match wait {
            Wait::Due => Duration::MAX,
            Wait::Readings(pause) | Wait::Retry(pause) => pause,
            Wait::Lease(left) => left.max(Duration::from_millis(100)),
        };
        pause.min(self.until_due(now))
    }
}

/// When it is whose turn: one timer for all communities. A community that waits costs a look every [`CLOCK_CHECK`], and no task.
#[derive(Debug, Default)]
pub(super) struct Timetable {
    entries: Vec<Entry>,
    /// Who waits, in the order of their instants.
    queue: BTreeSet<(Timestamp, usize)>,
}

#[derive(Debug)]
struct Entry {
    schedule: Schedule,
    /// None while it has its turn.
    waiting: Option<Waiting>,
    /// The end of the last interval that was due when its turn began.
    looked_at: Timestamp,
}

#[derive(Clone, Copy, Debug)]
struct Waiting {
    at: Timestamp,
    wait: Wait,
    /// The end of the last interval that was due when it began to wait.
    last_due: Timestamp,
}

impl Timetable {
    /// A table of communities that wait for their next intervals.
    pub(super) fn new(schedules: impl IntoIterator<Item = Schedule>, now: Timestamp) -> Timetable {
        let entry = |schedule: Schedule| Entry { schedule, waiting: None, looked_at: schedule.last_due(now) };
        let entries = schedules.into_iter().map(entry).collect();
        let mut table = Timetable { entries, queue: BTreeSet::new() };
        (0..table.entries.len()).for_each(|number| table.wait(number, Wait::Due, now));
        table
    }

    /// When a community is due.
    pub(super) fn schedule(&self, number: usize) -> Schedule {
        self.entries[number].schedule
    }

    /// Whose turn it is, if it is anybody's; it has it until [`Timetable::wait`].
    pub(super) fn take(&mut self, now: Timestamp) -> Option<usize> {
        let (_, number) = self.queue.first().copied().filter(|(at, _)| *at <= now)?;
        self.queue.pop_first();
        let entry = &mut self.entries[number];
        (entry.waiting, entry.looked_at) = (None, entry.schedule.last_due(now));
        Some(number)
    }

    /// A community's turn is over, and it waits, unless another interval has become due meanwhile.
    pub(super) fn wait(&mut self, number: usize, wait: Wait, now: Timestamp) {
        let Entry { schedule, looked_at, .. } = self.entries[number];
        let is_due = schedule.last_due(now) != looked_at;
        let at = if is_due { now } else { after(now, schedule.pause(wait, now)) };
        self.set(number, at, wait, now);
    }

    /// Gives a community another schedule; if it waits, it waits by that.
    pub(super) fn reschedule(&mut self, number: usize, schedule: Schedule, now: Timestamp) {
        (self.entries[number].schedule, self.entries[number].looked_at) = (schedule, schedule.last_due(now));
        if self.entries[number].waiting.is_some() {
            self.wait(number, Wait::Due, now);
        }
    }

    /// Gives a community its turn now; if it has it, another one after that.
    pub(super) fn call(&mut self, number: usize, now: Timestamp) {
        match &mut self.entries[number] {
            Entry { waiting: Some(_), .. } => self.set(number, now, Wait::Due, now),
            // As if it had looked at another interval.
            Entry { looked_at, .. } => *looked_at = Timestamp::MIN,
        }
    }

    /// How long nobody has a turn, as far as the clock is not changed.
    pub(super) fn pause(&self, now: Timestamp) -> Duration {
        let left = self.queue.first().map(|(at, _)| Duration::try_from(at.duration_since(now)).unwrap_or_default());
        left.map_or(CLOCK_CHECK, |left| left.min(CLOCK_CHECK))
    }

    /// Looks at the clock, which may have been changed: whoever waited for another time has its turn now.
    pub(super) fn check_clock(&mut self, now: Timestamp) {
        for number in 0..self.entries.len() {
            let Entry { schedule, waiting: Some(Waiting { at, wait, last_due }), .. } = self.entries[number] else {
                continue;
            };
            let changed = schedule.last_due(now) != last_due;
            let latest = if changed { now } else { after(now, schedule.pause(wait, now)) };
            if latest < at {
                self.queue.remove(&(at, number));
                self.queue.insert((latest, number));
                self.entries[number].waiting = Some(Waiting { at: latest, wait, last_due });
            }
        }
    }

    fn set(&mut self, number: usize, at: Timestamp, wait: Wait, now: Timestamp) {
        let entry = &mut self.entries[number];
        let last_due = entry.schedule.last_due(now);
        if let Some(before) = entry.waiting.replace(Waiting { at, wait, last_due }) {
            self.queue.remove(&(before.at, number));
        }
        self.queue.insert((at, number));
    }
}

fn after(now: Timestamp, pause: Duration) -> Timestamp {
    now.checked_add(pause).unwrap_or(Timestamp::MAX)
}

/// When a community is due after its interval and its grace, so that not all are at one instant: within a few seconds, and always
/// the same for one name.
pub(super) fn spread(community: &str, communities: usize) -> Duration {
    let all = SPREAD_OF_EACH.saturating_mul(u32::try_from(communities.saturating_sub(1)).unwrap_or(u32::MAX));
    let digest = Digest::of(format!("spread {community}").as_bytes());
    let share = digest.as_bytes().first_chunk().map_or(0, |bytes| u16::from_be_bytes(*bytes));
    all.min(SPREAD_MAX) * u32::from(share) / u32::from(u16::MAX)
}

/// How long communities that miss readings wait before they look again: so many that together they ask some hundred times a second at
/// most.
pub(super) fn readings_pause(communities: usize) -> Duration {
    READINGS_PAUSE.max(SPREAD_OF_EACH.saturating_mul(u32::try_from(communities).unwrap_or(u32::MAX)))
}

#[cfg(test)]
mod tests {
    use super::*;

    const QUARTER: u64 = 900;

    fn schedule() -> Schedule {
        Schedule::new(IntervalLength::QUARTER_HOUR, Duration::from_secs(300))
    }

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    #[test]
    fn an_interval_is_due_a_grace_after_its_end() {
        let cases = [
            ("2023-09-01T12:19:59Z", "2023-09-01T12:00:00Z", 1),
            ("2023-09-01T12:20:00Z", "2023-09-01T12:15:00Z", QUARTER),
            ("2023-09-01T12:20:01Z", "2023-09-01T12:15:00Z", QUARTER - 1),
            ("2023-09-01T12:34:59.5Z", "2023-09-01T12:15:00Z", 0),
            ("1970-01-01T00:00:00Z", "1969-12-31T23:45:00Z", 300),
        ];
        for (now, last, left) in cases {
            assert_eq!(schedule().last_due(at(now)), at(last), "{now}");
            assert_eq!(schedule().until_due(at(now)).as_secs(), left, "{now}");
        }
        for now in [Timestamp::MIN, Timestamp::MAX] {
            assert!(schedule().until_due(now) <= Duration::from_secs(QUARTER), "{now}");
            assert!(schedule().delayed(Duration::MAX).until_due(now) <= Duration::from_secs(QUARTER), "{now}");
        }
        assert_eq!(
            schedule().delayed(Duration::from_secs(7)).last_due(at("2023-09-01T12:20:06Z")),
            at("2023-09-01T12:00:00Z")
        );
    }

    /// A table of one community that has waited since then for this.
    fn waiting(since: &str, wait: Wait) -> Timetable {
        let mut table = Timetable::new([schedule()], at(since));
        table.call(0, at(since));
        assert_eq!(table.take(at(since)), Some(0));
        table.wait(0, wait, at(since));
        table
    }

    /// When it has its turn, if nobody changes the clock.
    fn turn(table: &mut Timetable) -> Timestamp {
        let (at, _) = *table.queue.first().unwrap();
        assert_eq!(table.take(at - Duration::from_millis(1)), None);
        assert_eq!((table.take(at), table.take(at)), (Some(0), None));
        at
    }

    #[test]
    fn waiting_ends_when_the_next_interval_is_due() {
        let pauses = [Wait::Readings, Wait::Retry, Wait::Lease].map(|wait| wait(Duration::from_secs(9999)));
        for wait in pauses.into_iter().chain([Wait::Due]) {
            assert_eq!(turn(&mut waiting("2023-09-01T12:20:00Z", wait)), at("2023-09-01T12:35:00Z"), "{wait:?}");
        }
        let mut table = waiting("2023-09-01T12:20:00Z", Wait::Retry(Duration::from_secs(30)));
        assert_eq!(table.pause(at("2023-09-01T12:20:00Z")), CLOCK_CHECK);
        assert_eq!(table.pause(at("2023-09-01T12:20:25Z")), Duration::from_secs(5));
        assert_eq!(turn(&mut table), at("2023-09-01T12:20:30Z"));
        assert_eq!(table.pause(Timestamp::MAX), CLOCK_CHECK);
    }

    #[test]
    fn an_interval_that_becomes_due_during_a_turn_is_not_missed() {
        let mut table = Timetable::new([schedule()], at("2023-09-01T12:19:00Z"));
        table.call(0, at("2023-09-01T12:19:58Z"));
        assert_eq!(table.take(at("2023-09-01T12:19:58Z")), Some(0));
        table.wait(0, Wait::Due, at("2023-09-01T12:20:01Z"));
        assert_eq!(table.take(at("2023-09-01T12:20:01Z")), Some(0));
        table.wait(0, Wait::Due, at("2023-09-01T12:20:02Z"));
        assert_eq!(turn(&mut table), at("2023-09-01T12:35:00Z"));
    }

    #[test]
    fn a_changed_clock_is_noticed() {
        for to in ["2023-09-01T18:00:00Z", "2023-09-01T06:00:00Z", "0001-01-01T00:00:00Z", "9999-12-30T00:00:00Z"] {
            let mut table = waiting("2023-09-01T12:20:00Z", Wait::Due);
            table.check_clock(at(to));
            assert_eq!(table.take(at(to)), Some(0), "{to}");
        }
        // By less than an interval: it is due when the clock says so, and a pause is no longer than it was.
        for wait in [Wait::Due, Wait::Retry(Duration::from_secs(5))] {
            let mut table = waiting("2023-09-01T12:30:00Z", wait);
            table.check_clock(at("2023-09-01T12:20:20Z"));
            let expected = if wait == Wait::Due { "2023-09-01T12:35:00Z" } else { "2023-09-01T12:20:25Z" };
            assert_eq!(turn(&mut table), at(expected));
        }
        // Nobody has two turns.
        let mut table = Timetable::new([schedule()], at("2023-09-01T12:20:00Z"));
        assert_eq!(table.take(at("2023-09-01T12:35:00Z")), Some(0));
        table.check_clock(at("2023-09-01T18:00:00Z"));
        table.reschedule(0, schedule(), at("2023-09-01T18:00:00Z"));
        table.call(0, at("2023-09-01T18:00:00Z"));
        assert_eq!(table.take(Timestamp::MAX), None);
        // But one after the other, if it was called meanwhile.
        table.wait(0, Wait::Due, at("2023-09-01T18:00:01Z"));
        assert_eq!(turn(&mut table), at("2023-09-01T18:00:01Z"));
        table.wait(0, Wait::Due, at("2023-09-01T18:00:02Z"));
        assert_eq!(turn(&mut table), at("2023-09-01T18:05:00Z"));
    }

    #[test]
    fn many_wait_in_the_order_of_their_instants() {
        let start = at("2023-09-01T12:20:00Z");
        let mut table = Timetable::new([schedule(); 1000], start);
        (0..1000).for_each(|number| table.call(number, start));
        for number in 0..1000 {
            assert_eq!(table.take(start), Some(number));
        }
        for number in 0..1000_u64 {
            table.wait(usize::try_from(number).unwrap(), Wait::Retry(Duration::from_secs(number * 7 % 500 + 1)), start);
        }
        let mut instants = Vec::new();
        while let Some((at, number)) = table.queue.first().copied() {
            assert_eq!(table.take(at), Some(number));
            instants.push(at);
        }
        assert!(instants.is_sorted() && instants.len() == 1000);
    }

    #[test]
    fn due_instants_are_spread_and_always_the_same() {
        assert_eq!(spread("aveiro", 1), Duration::ZERO);
        let of = |communities| (0..1000).map(move |number| spread(&format!("c{number}"), communities));
        assert!(of(1000).eq(of(1000)) && of(10_000).all(|spread| spread <= SPREAD_MAX));
        // No tenth of the time has more than a sixth of them.
        let mut tenths = [0; 11];
        of(1_000_000)
            .for_each(|spread| tenths[usize::try_from(spread.as_millis() * 10 / SPREAD_MAX.as_millis()).unwrap()] += 1);
        assert!(tenths.iter().all(|count| *count < 1000 / 6), "{tenths:?}");
        assert_eq!(readings_pause(1), READINGS_PAUSE);
        assert_eq!(readings_pause(10_000), Duration::from_secs(50));
    }
}
