//! How long to wait before asking a service again that failed.

use std::time::Duration;

/// Pauses that double with each failure, up to a longest one. The upper half of each is drawn by lot, so that many
/// clients of a service that comes back do not all ask at once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Backoff {
    /// The pause after the first failure.
    pub first: Duration,
    /// The longest pause.
    pub longest: Duration,
}

impl Backoff {
    /// From half a second to a minute.
    pub const USUAL: Backoff = Backoff { first: Duration::from_millis(500), longest: Duration::from_secs(60) };

    /// The pause after so many failures in a row, from 1.
    pub fn pause(self, failures: u32) -> Duration {
        let doubled = self.first.saturating_mul(2_u32.saturating_pow(failures.saturating_sub(1)));
        let half = doubled.min(self.longest) / 2;
        half + half.mul_f64(fastrand::f64())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_double_up_to_the_longest() {
        let full = [(1, 500), (2, 1000), (3, 2000), (7, 32_000), (8, 60_000), (40, 60_000), (u32::MAX, 60_000)];
        for (failures, millis) in full {
            let full = Duration::from_millis(millis);
            let drawn: Vec<Duration> = (0..50).map(|_| Backoff::USUAL.pause(failures)).collect();
            assert!(drawn.iter().all(|pause| full / 2 <= *pause && *pause <= full), "{failures}: {drawn:?}");
            assert!(drawn.iter().any(|pause| *pause != drawn[0]), "drawn by lot");
        }
    }
}
