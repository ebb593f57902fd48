//! What was made for one page and serves the next ones: within a bound, those that nobody asked for the longest go first.

use std::sync::{Mutex, PoisonError};

/// Values by key, those that were asked for last at the end.
#[derive(Debug)]
pub struct Recent<K, V>(Mutex<Vec<(K, V)>>);

impl<K, V> Default for Recent<K, V> {
    fn default() -> Recent<K, V> {
        Recent(Mutex::new(Vec::new()))
    }
}

impl<K: PartialEq, V: Clone> Recent<K, V> {
    /// Returns what is kept under a key.
    pub fn find(&self, key: &K) -> Option<V> {
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let place = kept.iter().position(|(known, _)| known == key)?;
        let found = kept.remove(place);
        let value = found.1.clone();
        kept.push(found);
        Some(value)
    }

    /// Returns what is kept under a key, or keeps what is made now. What the key replaces is let go.
    pub fn find_or_keep(&self, key: K, make: impl FnOnce() -> V, replaces: impl Fn(&K, &K) -> bool) -> V {
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let known = kept.iter().position(|(known, _)| *known == key).map(|place| kept.remove(place).1);
        kept.retain(|(known, _)| !replaces(&key, known));
        let value = known.unwrap_or_else(make);
        kept.push((key, value.clone()));
        value
    }

    /// Keeps a value. What the key replaces is let go.
    pub fn keep(&self, key: K, value: V, replaces: impl Fn(&K, &K) -> bool) {
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        kept.retain(|(known, _)| *known != key && !replaces(&key, known));
        kept.push((key, value));
    }

    /// Lets go of the oldest, as far as all together weigh more than this.
    pub fn trim(&self, most: usize, weight: impl Fn(&K, &V) -> usize) {
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let (mut sum, mut from) = (0_usize, kept.len());
        for (place, (key, value)) in kept.iter().enumerate().rev() {
            sum = sum.saturating_add(weight(key, value));
            if sum > most {
                break;
            }
            from = place;
        }
        kept.drain(..from);
    }

    /// The keys, those that were asked for last at the end.
    #[cfg(test)]
    pub fn keys(&self) -> Vec<K>
    where
        K: Clone,
    {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).iter().map(|(key, _)| key.clone()).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn never(_: &u32, _: &u32) -> bool {
        false
    }

    #[test]
    fn those_that_nobody_asked_for_the_longest_go_first() {
        let kept = Recent::default();
        for key in 1..=4 {
            kept.keep(key, key * 10, never);
        }
        assert_eq!((kept.find(&1), kept.find(&9)), (Some(10), None));
        assert_eq!(kept.find_or_keep(2, || 0, never), 20);
        kept.trim(60, |_, value| *value as usize);
        assert_eq!(kept.keys(), [4, 1, 2][1..]);
        kept.trim(19, |_, value| *value as usize);
        assert_eq!(kept.keys(), [] as [u32; 0]);
    }

    #[test]
    fn what_is_newer_replaces_what_was_kept() {
        let kept = Recent::default();
        let same_tens = |a: &u32, b: &u32| a != b && a / 10 == b / 10;
        kept.keep(11, "a", same_tens);
        kept.keep(21, "b", same_tens);
        kept.keep(11, "c", same_tens);
        assert_eq!((kept.keys(), kept.find(&11)), (vec![21, 11], Some("c")));
        assert_eq!(kept.find_or_keep(12, || "d", same_tens), "d");
        assert_eq!(kept.keys(), [21, 12]);
        kept.keep(22, "e", same_tens);
        assert_eq!(kept.keys(), [12, 22]);
    }
}
