//! When an interval is due, and how long to wait.
//!
//! An interval is due `grace` after its end. The wall clock decides, and it may be changed, so nothing here remembers an
//! earlier time, and waiting looks at the clock regularly.

use std::time::Duration;

use backon::ExponentialBuilder;
use domain::IntervalLength;
use jiff::{SignedDuration, Timestamp};
use tokio_util::sync::CancellationToken;

use crate::clock::Clock;

/// Longest sleep without looking at the clock, and so the longest delay after the clock is changed.
const CLOCK_CHECK: Duration = Duration::from_secs(20);
/// Pause before looking again for readings that are missing.
const READINGS_PAUSE: Duration = Duration::from_secs(15);
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
    /// Readings of an interval that is due.
    Readings,
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

    fn pause(&self, wait: Wait, now: Timestamp) -> Duration {
        match wait {
            Wait::Due => self.until_due(now),
            Wait::Readings => READINGS_PAUSE.min(self.until_due(now)),
            Wait::Retry(pause) => pause,
            Wait::Lease(left) => left.max(Duration::from_millis(100)),
        }
    }

    /// Waits, at most until `shutdown`.
    pub async fn wait(&self, wait: Wait, clock: &dyn Clock, shutdown: &CancellationToken) {
        let last_due = self.last_due(clock.now());
        let mut left = self.pause(wait, clock.now());
        while !left.is_zero() {
            let pause = left.min(CLOCK_CHECK);
            if shutdown.run_until_cancelled(clock.sleep(pause)).await.is_none() {
                return;
            }
            left -= pause;
            let now = clock.now();
            // Another interval is due, or the clock was set back: in both cases look at everything again.
            if self.last_due(now) != last_due {
                return;
            }
            if wait == Wait::Due {
                left = self.until_due(now);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

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
        }
    }

    /// A clock on which sleeping takes no real time, and which can be changed during a sleep.
    struct Leaping {
        now: Mutex<Timestamp>,
        slept: Mutex<Duration>,
        /// The time to which it is set during the first sleep.
        set: Mutex<Option<Timestamp>>,
        shutdown: CancellationToken,
    }

    impl Leaping {
        fn from(now: &str) -> Leaping {
            let shutdown = CancellationToken::new();
            Leaping { now: Mutex::new(at(now)), slept: Mutex::default(), set: Mutex::default(), shutdown }
        }

        /// Waits, and returns how long that was.
        async fn wait(&self, wait: Wait) -> Duration {
            *self.slept.lock().unwrap() = Duration::ZERO;
            schedule().wait(wait, self, &self.shutdown).await;
            *self.slept.lock().unwrap()
        }
    }

    #[async_trait::async_trait]
    impl Clock for Leaping {
        fn now(&self) -> Timestamp {
            *self.now.lock().unwrap()
        }

        async fn sleep(&self, duration: Duration) {
            *self.slept.lock().unwrap() += duration;
            let mut now = self.now.lock().unwrap();
            *now = self.set.lock().unwrap().take().unwrap_or(*now + duration);
        }
    }

    #[tokio::test]
    async fn waiting_ends_when_the_next_interval_is_due() {
        let clock = Leaping::from("2023-09-01T12:20:00Z");
        assert_eq!(clock.wait(Wait::Due).await.as_secs(), QUARTER);
        assert_eq!(clock.now(), at("2023-09-01T12:35:00Z"));
        // Neither missing readings nor failures delay the next interval.
        for wait in [Wait::Readings, Wait::Retry(Duration::from_secs(120)), Wait::Lease(Duration::from_secs(9999))] {
            let clock = Leaping::from("2023-09-01T12:34:59Z");
            assert!(clock.wait(wait).await <= CLOCK_CHECK, "{wait:?}");
            assert!(clock.now() >= at("2023-09-01T12:35:00Z") || wait == Wait::Readings, "{wait:?}");
        }
    }

    #[tokio::test]
    async fn a_changed_clock_is_noticed() {
        for to in ["2023-09-01T18:00:00Z", "2023-09-01T06:00:00Z", "0001-01-01T00:00:00Z", "9999-12-30T00:00:00Z"] {
            let clock = Leaping::from("2023-09-01T12:20:00Z");
            *clock.set.lock().unwrap() = Some(at(to));
            assert_eq!(clock.wait(Wait::Due).await, CLOCK_CHECK, "{to}");
        }
        // By less than an interval: it is due when the clock says so.
        let clock = Leaping::from("2023-09-01T12:20:00Z");
        *clock.set.lock().unwrap() = Some(at("2023-09-01T12:30:00Z"));
        assert_eq!(clock.wait(Wait::Due).await, CLOCK_CHECK + Duration::from_secs(300));
    }

    #[tokio::test]
    async fn a_shutdown_ends_every_wait() {
        for wait in
            [Wait::Due, Wait::Readings, Wait::Retry(Duration::from_secs(120)), Wait::Lease(Duration::from_secs(9999))]
        {
            let clock = Leaping::from("2023-09-01T12:20:00Z");
            clock.shutdown.cancel();
            assert_eq!(clock.wait(wait).await, Duration::ZERO, "{wait:?}");
        }
    }

    #[tokio::test]
    async fn an_attempt_after_a_failure_waits_for_its_pause() {
        let clock = Leaping::from("2023-09-01T12:20:00Z");
        for pause in [1, 30, 120].map(Duration::from_secs) {
            assert_eq!(clock.wait(Wait::Retry(pause)).await, pause);
        }
    }
}
