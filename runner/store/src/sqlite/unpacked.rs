//! Trades of intervals that were unpacked lately: who asks for a list mostly asks for the same one again, or for its next page.

use std::sync::{Arc, Mutex, PoisonError};

use domain::{Interval, TradeIds};
use hashlink::LruCache;
use jiff::Timestamp;
use record::Trades;

/// Bytes that are kept at most: a million trades between a hundred members.
const BYTES_MAX: usize = 32 << 20;

/// Which trades of an interval: its block changes only where trades are added.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct Place {
    pub(super) community: i64,
    pub(super) start: u64,
    /// Number of its trades.
    pub(super) trades: u64,
}

/// What does not change of an interval, but where trades are added: those, unpacked, and what they have in common.
pub(super) struct Unpacked {
    /// The community's name.
    pub(super) name: String,
    pub(super) interval: Interval,
    pub(super) ids: TradeIds,
    pub(super) settled_at: Timestamp,
    pub(super) trades: Trades,
}

impl Unpacked {
    /// About how many bytes of memory it takes.
    fn memory_bytes(&self) -> usize {
        size_of::<Unpacked>() + self.name.len() + self.trades.memory_bytes()
    }
}

/// Unpacked intervals by their place, the latest used ones. What is not committed must not get in here.
#[derive(Clone)]
pub(super) struct UnpackedCache(Arc<Mutex<Kept>>);

struct Kept {
    intervals: LruCache<Place, Arc<Unpacked>>,
    bytes: usize,
    bytes_max: usize,
}

impl Default for UnpackedCache {
    fn default() -> UnpackedCache {
        UnpackedCache::of_bytes(BYTES_MAX)
    }
}

impl UnpackedCache {
    fn of_bytes(bytes_max: usize) -> UnpackedCache {
        UnpackedCache(Arc::new(Mutex::new(Kept { intervals: LruCache::new_unbounded(), bytes: 0, bytes_max })))
    }

    pub(super) fn get(&self, place: &Place) -> Option<Arc<Unpacked>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).intervals.get(place).cloned()
    }

    /// Keeps an interval, and forgets those that were not used for longest if they are too many.
    pub(super) fn keep(&self, place: Place, unpacked: &Arc<Unpacked>) {
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        kept.bytes += unpacked.memory_bytes();
        if let Some(before) = kept.intervals.insert(place, Arc::clone(unpacked)) {
            kept.bytes -= before.memory_bytes();
        }
        while kept.bytes > kept.bytes_max
            && let Some((_, oldest)) = kept.intervals.remove_lru()
        {
            kept.bytes -= oldest.memory_bytes();
        }
    }
}

#[cfg(test)]
mod tests {
    use domain::CommunityCode;
    use record::{Block, decode_trades};

    use super::*;
    use crate::contract::interval;

    #[test]
    fn the_latest_used_are_kept_as_far_as_there_is_room() {
        let empty = Block::default().encode("aveiro", interval(1));
        let unpacked = Arc::new(Unpacked {
            name: "aveiro".to_owned(),
            interval: interval(1),
            ids: CommunityCode::of("aveiro").ids(interval(1)),
            settled_at: interval(1).end().timestamp(),
            trades: decode_trades(&empty).unwrap(),
        });
        let kept = UnpackedCache::of_bytes(3 * unpacked.memory_bytes());
        let place = |start| Place { community: 1, start, trades: 4 };
        let has = |starts: &[u64]| -> Vec<bool> {
            let kept = kept.0.lock().unwrap();
            starts.iter().map(|start| kept.intervals.peek(&place(*start)).is_some()).collect()
        };
        (0..3).for_each(|start| kept.keep(place(start), &unpacked));
        kept.keep(place(2), &unpacked);
        assert_eq!(has(&[0, 1, 2]), [true, true, true]);
        assert!(kept.get(&place(0)).is_some() && kept.get(&Place { trades: 5, ..place(0) }).is_none());
        kept.keep(place(3), &unpacked);
        assert_eq!(has(&[0, 1, 2, 3]), [true, false, true, true]);
        // One that is larger than all of the room is not kept.
        let small = UnpackedCache::of_bytes(1);
        small.keep(place(0), &unpacked);
        assert!(small.get(&place(0)).is_none() && small.0.lock().unwrap().bytes == 0);
    }
}
