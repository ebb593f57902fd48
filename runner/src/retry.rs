//! How long to wait before the next attempt.

use std::time::Duration;

use backon::{BackoffBuilder, ExponentialBackoff, ExponentialBuilder};

/// For peers and the store: from a quarter of a second, doubling up to 30 s. Jitter makes each pause up to twice as long, so
/// that the clients of a service that comes back do not all ask at once.
pub const USUAL: ExponentialBuilder = ExponentialBuilder::new()
    .with_min_delay(Duration::from_millis(250))
    .with_max_delay(Duration::from_secs(30))
    .without_max_times()
    .with_jitter();

/// Consecutive failures of something that is tried for ever, and the pauses between the attempts.
#[derive(Debug)]
pub struct Failures {
    policy: ExponentialBuilder,
    pauses: ExponentialBackoff,
    count: u32,
}

impl Failures {
    pub fn new(policy: ExponentialBuilder) -> Failures {
        Failures { policy, pauses: policy.build(), count: 0 }
    }

    /// Counts a failure; returns how long to wait before the next attempt.
    pub fn add(&mut self) -> Duration {
        self.count = self.count.saturating_add(1);
        self.pauses.next().unwrap_or_default()
    }

    /// Starts anew after a success; returns how many failures there were.
    pub fn clear(&mut self) -> u32 {
        self.pauses = self.policy.build();
        std::mem::take(&mut self.count)
    }

    pub fn count(&self) -> u32 {
        self.count
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_double_up_to_a_limit_and_start_anew_after_a_success() {
        let mut failures = Failures::new(USUAL);
        for millis in [250, 500, 1000, 2000, 4000, 8000, 16_000, 30_000, 30_000] {
            let (least, pause) = (Duration::from_millis(millis), failures.add());
            assert!(least <= pause && pause <= 2 * least, "{pause:?} is not from {least:?} to its double");
        }
        assert_eq!(failures.clear(), 9);
        assert!(failures.add() <= Duration::from_millis(500));
    }
}
