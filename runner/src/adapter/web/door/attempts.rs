//! Slows down who guesses: after some failures from one address, each further attempt has to wait longer.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use jiff::Timestamp;

/// Failures after which an address need not wait: people mistype, and several may share an address.
const FREE: u32 = 5;
/// The first wait, which doubles with each failure after that.
const WAIT: Duration = Duration::from_secs(1);
/// The longest wait.
const WAIT_MAX: Duration = Duration::from_secs(900);
/// After so long without an attempt an address is forgotten.
const FORGOTTEN: Duration = Duration::from_secs(3600);
/// Addresses that are remembered at most; of more, the ones that tried longest ago are forgotten.
const ADDRESSES_MAX: usize = 4096;

/// Attempts of one address that may go on at once.
const AT_ONCE: u32 = 16;

/// Who tried to come in and failed.
#[derive(Debug, Default)]
pub(super) struct Attempts(Mutex<HashMap<IpAddr, Tried>>);

#[derive(Clone, Copy, Debug)]
struct Tried {
    failures: u32,
    /// Attempts of which nobody knows yet what comes of them.
    open: u32,
    last: Timestamp,
}

/// An attempt. It has failed, unless somebody says that it has [succeeded](Attempt::succeeded).
#[derive(Debug)]
pub(super) struct Attempt<'a> {
    attempts: &'a Attempts,
    address: IpAddr,
    begun: Timestamp,
    has_failed: bool,
}

impl Attempt<'_> {
    /// It counts no more. Those that failed before still do: who has one token and guesses another one wins nothing by showing the
    /// first in between.
    pub(super) fn succeeded(mut self) {
        self.has_failed = false;
    }
}

impl Drop for Attempt<'_> {
    fn drop(&mut self) {
        let mut tried = self.attempts.0.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(known) = tried.get_mut(&self.address) else { return };
        known.open = known.open.saturating_sub(1);
        if self.has_failed {
            known.failures = known.failures.saturating_add(1);
            known.last = known.last.max(self.begun);
        }
        if known.failures == 0 && known.open == 0 {
            tried.remove(&self.address);
        }
    }
}

impl Tried {
    /// Whether nobody remembers it any more. A time that has not come yet is of a clock that was wrong.
    fn is_over(&self, now: Timestamp) -> bool {
        now < self.last || since(self.last, now) >= FORGOTTEN
    }

    /// How long the next attempt has to wait from now on.
    fn wait(&self, now: Timestamp) -> Option<Duration> {
        let doubled = self.failures.checked_sub(FREE)?;
        let wait = WAIT.saturating_mul(2_u32.saturating_pow(doubled)).min(WAIT_MAX);
        wait.checked_sub(since(self.last, now)).filter(|wait| !wait.is_zero())
    }
}

fn since(earlier: Timestamp, now: Timestamp) -> Duration {
    Duration::try_from(now.duration_since(earlier)).unwrap_or_default()
}

/// Everybody who has an address of a network of IPv6 has all of it (RFC 6177).
fn network(address: IpAddr) -> IpAddr {
    match address {
        IpAddr::V4(_) => address,
        IpAddr::V6(six) => IpAddr::V6(Ipv6Addr::from(u128::from(six) & (u128::MAX << 64))),
    }
}

impl Attempts {
    /// Begins an attempt.
    ///
    /// # Errors
    /// How long it has to wait. What it would have shown does not matter then.
    pub(super) fn begin(&self, address: IpAddr, now: Timestamp) -> Result<Attempt<'_>, Duration> {
        let address = network(address);
        let mut tried = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if !tried.contains_key(&address) && tried.len() >= ADDRESSES_MAX {
            tried.retain(|_, other| !other.is_over(now));
            if tried.len() >= ADDRESSES_MAX
                && let Some(oldest) = tried.iter().min_by_key(|(_, other)| other.last).map(|(address, _)| *address)
            {
                tried.remove(&oldest);
            }
        }
        let known = tried.entry(address).or_insert(Tried { failures: 0, open: 0, last: now });
        if known.is_over(now) {
            *known = Tried { failures: 0, open: known.open, last: now };
        }
        if let Some(wait) = known.wait(now) {
            return Err(wait);
        }
        // Of many at once, no more go on than may fail.
        let at_once = if known.failures < FREE { AT_ONCE } else { 1 };
        if known.open >= at_once {
            return Err(WAIT);
        }
        known.open += 1;
        Ok(Attempt { attempts: self, address, begun: now, has_failed: true })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(1_700_000_000 + second).unwrap()
    }

    fn address(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    /// An attempt that fails.
    fn fail(attempts: &Attempts, from: &str, second: i64) -> Result<(), u64> {
        attempts.begin(address(from), at(second)).map(drop).map_err(|wait| wait.as_secs())
    }

    #[test]
    fn each_failure_after_some_doubles_the_wait_up_to_a_limit() {
        let attempts = Attempts::default();
        for _ in 0..5 {
            assert_eq!(fail(&attempts, "10.0.0.7", 0), Ok(()));
        }
        let mut now = 0;
        for wait in [1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 900, 900] {
            assert_eq!(fail(&attempts, "10.0.0.7", now), Err(wait));
            // Whoever comes too early waits no longer for that.
            assert_eq!(fail(&attempts, "10.0.0.7", now), Err(wait));
            // Nobody else waits.
            attempts.begin(address("10.0.0.8"), at(now)).unwrap().succeeded();
            now += i64::try_from(wait).unwrap();
            assert_eq!(fail(&attempts, "10.0.0.7", now), Ok(()));
        }
        assert_eq!(fail(&attempts, "10.0.0.7", now + 3599), Ok(()));
        assert_eq!(fail(&attempts, "10.0.0.7", now + 3599), Err(900));
        // An hour later it is forgotten.
        assert_eq!(fail(&attempts, "10.0.0.7", now + 3599 + 3600), Ok(()));
        assert_eq!(fail(&attempts, "10.0.0.7", now + 3599 + 3600), Ok(()));
    }

    #[test]
    fn who_comes_in_need_not_wait_and_takes_back_no_failure() {
        let attempts = Attempts::default();
        for _ in 0..100 {
            attempts.begin(address("10.0.0.7"), at(0)).unwrap().succeeded();
        }
        assert!(attempts.0.lock().unwrap().is_empty());
        for _ in 0..5 {
            assert_eq!(fail(&attempts, "10.0.0.7", 0), Ok(()));
            if let Ok(attempt) = attempts.begin(address("10.0.0.7"), at(0)) {
                attempt.succeeded();
            }
        }
        assert_eq!(fail(&attempts, "10.0.0.7", 0), Err(1));
    }

    #[test]
    fn of_many_attempts_at_once_some_wait() {
        let attempts = Attempts::default();
        let begin = |second| attempts.begin(address("10.0.0.7"), at(second));
        let mut open: Vec<Attempt<'_>> = (0..16).map(|_| begin(0).unwrap()).collect();
        assert_eq!(begin(0).map(drop), Err(WAIT));
        open.pop().unwrap().succeeded();
        open.push(begin(0).unwrap());
        drop(open);
        // All of them failed: the next one alone, and late.
        assert_eq!(begin(0).map(drop), Err(Duration::from_secs(900)));
        let next = begin(900).unwrap();
        assert_eq!(begin(900).map(drop), Err(WAIT));
        drop(next);
        assert_eq!(begin(900).map(drop), Err(Duration::from_secs(900)));
    }

    #[test]
    fn a_network_of_ipv6_is_one_address_and_a_clock_that_was_ahead_blocks_nobody() {
        let attempts = Attempts::default();
        for number in 0..5 {
            assert_eq!(fail(&attempts, &format!("fd00::{number}"), 0), Ok(()));
        }
        assert_eq!(fail(&attempts, "fd00::ffff:0:0:1", 0), Err(1));
        assert_eq!(fail(&attempts, "fd00:0:0:1::1", 0), Ok(()));
        assert_eq!(fail(&attempts, "fd00::1", -1), Ok(()));
    }

    #[test]
    fn memory_is_bounded_and_the_oldest_give_way() {
        let attempts = Attempts::default();
        for number in 0..5 {
            assert_eq!(fail(&attempts, "192.0.2.1", number), Ok(()));
        }
        for number in 0..20_000_u32 {
            let from = IpAddr::from((0x0a00_0000 + number).to_be_bytes());
            drop(attempts.begin(from, at(10 + i64::from(number / 100))).unwrap());
        }
        assert_eq!(attempts.0.lock().unwrap().len(), ADDRESSES_MAX);
        assert!(!attempts.0.lock().unwrap().contains_key(&address("192.0.2.1")));
    }
}
