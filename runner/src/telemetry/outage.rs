//! Outages in the log: a line when one begins and a line when it ends, however often somebody tries meanwhile.

use std::time::{Duration, Instant};

/// An outage of one thing, from its first failure to its next success.
///
/// Failures are of kinds, so that another one is told again.
#[derive(Debug, Default)]
pub struct Outage(Option<Begun>);

#[derive(Debug)]
struct Begun {
    kind: String,
    at: Instant,
    failures: u32,
}

/// An outage that has ended, for its line in the log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ended {
    pub failures: u32,
    /// In whole seconds.
    pub lasted: Duration,
}

impl Outage {
    /// Counts a failure; returns whether nobody was told of one of its kind yet.
    pub fn failed(&mut self, kind: &str) -> bool {
        match &mut self.0 {
            Some(begun) => {
                begun.failures = begun.failures.saturating_add(1);
                let is_new = begun.kind != kind;
                kind.clone_into(&mut begun.kind);
                is_new
            }
            None => {
                self.0 = Some(Begun { kind: kind.to_owned(), at: Instant::now(), failures: 1 });
                true
            }
        }
    }

    /// Ends the outage at a success, if there was one.
    pub fn ended(&mut self) -> Option<Ended> {
        let begun = self.0.take()?;
        Some(Ended { failures: begun.failures, lasted: Duration::from_secs(begun.at.elapsed().as_secs()) })
    }

    /// As [`Outage::ended`], if the success is one that ends it.
    pub fn ended_if(&mut self, is_over: bool) -> Option<Ended> {
        if is_over { self.ended() } else { None }
    }

    /// The kind of the last failure; none if there is no outage.
    pub fn kind(&self) -> Option<&str> {
        self.0.as_ref().map(|begun| begun.kind.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_kind_of_failure_is_told_once_until_it_works_again() {
        let mut outage = Outage::default();
        assert_eq!(outage.ended(), None);
        let told = ["meters", "meters", "store", "store", "meters"].map(|kind| outage.failed(kind));
        assert_eq!(told, [true, false, true, false, true]);
        assert_eq!(outage.ended().map(|ended| ended.failures), Some(5));
        assert_eq!((outage.ended(), outage.kind()), (None, None));
        assert!(outage.failed("meters"));
    }
}
