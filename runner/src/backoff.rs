//! How long to wait before trying again.

use std::time::Duration;

/// The pause after the `attempt`th failure in a row, from 1: doubles from `first` on up to `most`; the upper half is drawn
/// by lot, so that many clients do not come back at once.
pub fn backoff(first: Duration, most: Duration, attempt: u32) -> Duration {
    let full = first.saturating_mul(2_u32.saturating_pow(attempt.saturating_sub(1))).min(most);
    let half = full / 2;
    half + half.mul_f64(fastrand::f64())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_double_up_to_the_most() {
        let seconds = Duration::from_secs;
        for (attempt, full) in [(0, 1), (1, 1), (2, 2), (3, 4), (7, 60), (u32::MAX, 60)] {
            for _ in 0..100 {
                let pause = backoff(seconds(1), seconds(60), attempt);
                assert!(pause >= seconds(full) / 2 && pause <= seconds(full), "{attempt}: {pause:?}");
            }
        }
    }
}
