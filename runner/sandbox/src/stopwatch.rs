//! How long a run takes: its thread's processor time says what the algorithm did, the clock what the machine did.

use std::time::{Duration, Instant};

/// How many times longer than its limit a run may last by the clock. Who waits nine tenths of that time for a processor is on a
/// machine that has none to give.
const PATIENCE: u32 = 10;

/// Measures one run, in the thread that runs it.
#[derive(Clone, Copy)]
pub(crate) struct Stopwatch {
    started: Instant,
    /// The thread's processor time when it started; `None` if the kernel does not tell.
    processor: Option<Duration>,
}

/// Whether a run goes on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Pace {
    /// It has time left.
    InTime,
    /// It has had its time.
    Over,
    /// It has not had its time, because the machine kept it waiting too long.
    Starved,
}

impl Stopwatch {
    pub(crate) fn start() -> Stopwatch {
        Stopwatch { started: Instant::now(), processor: thread_time() }
    }

    /// The time since the start, by the clock.
    pub(crate) fn elapsed(&self) -> Duration {
        self.started.elapsed()
    }

    /// Whether a run may go on that may take so much time. Must be called in the thread that started it.
    pub(crate) fn pace(&self, limit: Duration) -> Pace {
        let elapsed = self.elapsed();
        let used = self.processor.zip(thread_time()).map(|(before, now)| now.saturating_sub(before));
        pace(used.unwrap_or(elapsed), elapsed, limit)
    }
}

fn pace(used: Duration, elapsed: Duration, limit: Duration) -> Pace {
    if used > limit {
        Pace::Over
    } else if elapsed > limit.saturating_mul(PATIENCE) {
        Pace::Starved
    } else {
        Pace::InTime
    }
}

/// The processor time of this thread; `None` if the kernel does not tell.
#[allow(unsafe_code, reason = "the kernel writes to a place that it is given; see SAFETY")]
fn thread_time() -> Option<Duration> {
    let mut time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: the place is valid for the call, and belongs to nobody else.
    let told = unsafe { libc::clock_gettime(libc::CLOCK_THREAD_CPUTIME_ID, &raw mut time) };
    let (seconds, nanoseconds) = (u64::try_from(time.tv_sec).ok()?, u32::try_from(time.tv_nsec).ok()?);
    (told == 0).then(|| Duration::new(seconds, nanoseconds))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_processor_decides_and_the_clock_is_patient() {
        let [limit, little] = [Duration::from_secs(10), Duration::from_secs(3)];
        let more = limit + Duration::from_millis(1);
        assert_eq!(pace(limit, limit, limit), Pace::InTime);
        assert_eq!(pace(more, more, limit), Pace::Over);
        // A quarter of a processor.
        assert_eq!(pace(limit, limit * 4, limit), Pace::InTime);
        assert_eq!(pace(little, limit * 10, limit), Pace::InTime);
        assert_eq!(pace(little, limit * 10 + little, limit), Pace::Starved);
        // Who had its time had it, however long that took.
        assert_eq!(pace(more, limit * 20, limit), Pace::Over);
        assert_eq!(pace(limit, Duration::MAX, Duration::MAX), Pace::InTime);
    }

    #[test]
    fn who_sleeps_uses_no_processor_time() {
        let watch = Stopwatch::start();
        std::thread::sleep(Duration::from_millis(60));
        assert_eq!(watch.pace(Duration::from_millis(50)), Pace::InTime);
        assert_eq!(watch.pace(Duration::from_millis(5)), Pace::Starved);
        let mut sum = 0_u64;
        while watch.pace(Duration::from_millis(50)) == Pace::InTime {
            sum = std::hint::black_box(sum.wrapping_add(1));
        }
        assert_eq!(watch.pace(Duration::from_millis(50)), Pace::Over);
    }
}
