//! Numbers drawn from a seed: the same on every machine, and no sign of the seed in any of them.

use domain::Digest;

/// How many bits of a seed are drawn, so that every JSON reader keeps all its digits.
const SEED_BITS: u32 = 53;

/// A seed for the probes of one examination.
pub fn draw_seed() -> u64 {
    fastrand::u64(..1 << SEED_BITS)
}

/// A stream of numbers. Each is part of a SHA-256 digest of the seed, the purpose and a count: a component that looks at a
/// probe cannot work out that it was drawn.
pub(super) struct Draw {
    stream: String,
    count: u64,
    ready: Vec<u64>,
}

impl Draw {
    /// Each purpose has a stream of its own, so that a new probe changes none of the others.
    pub(super) fn new(seed: u64, purpose: &str) -> Draw {
        Draw { stream: format!("rec-market probe 1\n{seed}\n{purpose}"), count: 0, ready: Vec::new() }
    }

    fn next(&mut self) -> u64 {
        if self.ready.is_empty() {
            self.count += 1;
            let digest = Digest::of(format!("{}\n{}", self.stream, self.count).as_bytes());
            let (parts, _) = digest.as_bytes().as_chunks::<8>();
            self.ready.extend(parts.iter().map(|part| u64::from_be_bytes(*part)));
        }
        self.ready.pop().unwrap_or(0)
    }

    /// A number from `low` to `high`, both included.
    pub(super) fn between(&mut self, low: u64, high: u64) -> u64 {
        let many = high.saturating_sub(low).saturating_add(1);
        low.saturating_add(self.next() % many)
    }

    /// A price from `low` to `high` µEUR/kWh, both included.
    pub(super) fn price(&mut self, low: i64, high: i64) -> i64 {
        let range = u64::try_from(high.saturating_sub(low)).unwrap_or(0);
        low.saturating_add(i64::try_from(self.between(0, range)).unwrap_or(0))
    }

    /// Whether something happens that happens once in so many times.
    pub(super) fn once_in(&mut self, times: u64) -> bool {
        self.between(1, times) == 1
    }

    /// One of these.
    pub(super) fn pick<T: Copy, const N: usize>(&mut self, from: [T; N]) -> T {
        const { assert!(N > 0, "nothing to pick from") };
        let index = self.between(0, N as u64 - 1);
        from[usize::try_from(index).unwrap_or(0)]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stream_is_the_same_for_everybody() {
        let numbers = |seed, purpose| {
            let mut draw = Draw::new(seed, purpose);
            [(); 6].map(|()| draw.next())
        };
        // Literals, because a seed in a report must mean the same on every machine and in every later version.
        assert_eq!(numbers(7, "ties")[..2], [12_808_922_787_061_546_645, 3_020_141_635_360_326_622]);
        assert_eq!(numbers(7, "ties"), numbers(7, "ties"));
        let others = [numbers(8, "ties"), numbers(7, "zeros"), numbers(7, "")];
        assert!(others.iter().all(|other| *other != numbers(7, "ties")));
    }

    #[test]
    fn numbers_stay_within_their_bounds_and_reach_them() {
        let mut draw = Draw::new(1, "bounds");
        let drawn: std::collections::BTreeSet<u64> = (0..200).map(|_| draw.between(3, 6)).collect();
        assert_eq!(drawn.into_iter().collect::<Vec<_>>(), [3, 4, 5, 6]);
        assert!((0..200).map(|_| draw.price(-5, 5)).all(|price| (-5..=5).contains(&price)));
        assert_eq!((draw.between(9, 9), draw.price(-7, -7), draw.between(4, 3)), (9, -7, 4));
        assert!((0..200).any(|_| draw.once_in(9)) && (0..200).any(|_| !draw.once_in(9)));
        assert!((0..200).map(|_| draw_seed()).all(|seed| seed < 1 << SEED_BITS));
    }
}
