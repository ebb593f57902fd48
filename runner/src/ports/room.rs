//! Something limited that many want a part of: connections, requests, or bytes in memory.

use std::cmp::Reverse;
use std::collections::{BTreeMap, HashMap};
use std::net::{IpAddr, Ipv6Addr};
use std::pin::pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::Notify;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

/// Shortest pause between two looks for room.
const PAUSE_MIN: Duration = Duration::from_millis(10);

/// Who has a part: an address, and one of its connections.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Holder {
    peer: IpAddr,
    connection: u64,
}

impl Holder {
    /// A connection from this address. One network of IPv6 counts as one address, because a machine can have all that are in it.
    pub fn new(address: IpAddr, connection: u64) -> Holder {
        let peer = match address.to_canonical() {
            IpAddr::V6(address) if !address.is_loopback() => {
                IpAddr::V6(Ipv6Addr::from_bits(address.to_bits() & !u128::from(u64::MAX)))
            }
            address => address,
        };
        Holder { peer, connection }
    }
}

/// How much there is, and how much of it one holder may have.
#[derive(Clone, Copy, Debug)]
pub struct Size {
    pub total: usize,
    pub of_address: usize,
    pub of_connection: usize,
    /// What callers from this machine may have beyond the total as long as they have less than this: for health checks.
    pub reserve: usize,
    /// How long a part may stand still while others want it.
    pub patience: Duration,
}

/// Limited room. When it is full, a newcomer gets the part that has stood still longest of whoever has most.
#[derive(Debug)]
pub struct Room {
    size: Size,
    held: Mutex<Held>,
    changed: Notify,
}

#[derive(Debug, Default)]
struct Held {
    parts: BTreeMap<u64, Part>,
    next: u64,
    total: usize,
    of_address: HashMap<IpAddr, usize>,
    of_connection: HashMap<u64, usize>,
    /// How many wait from each address.
    waiting: HashMap<IpAddr, usize>,
}

/// Somebody who waits, until this is dropped.
struct Waiter<'r> {
    room: &'r Room,
    peer: IpAddr,
}

#[derive(Debug)]
struct Part {
    holder: Holder,
    weight: usize,
    activity: Activity,
    since: Instant,
    /// How long it may stand still while others want it.
    patience: Duration,
    /// Cancelled when the part is taken away.
    out: CancellationToken,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Activity {
    /// Of no use at the moment: goes at once when others want it.
    Rests,
    /// Depends on the caller, who has to go on.
    Moves,
    /// Depends on us: stays.
    Works,
}

/// A part of a room, until it is dropped. It may be taken away before; then the token that it was taken with is cancelled.
#[derive(Debug)]
pub struct Place {
    room: Arc<Room>,
    id: u64,
}

impl Room {
    pub fn new(size: Size) -> Arc<Room> {
        Arc::new(Room { size, held: Mutex::default(), changed: Notify::new() })
    }

    /// A part for this holder, if there is room or can be made.
    pub fn take(self: &Arc<Room>, holder: Holder, weight: usize, out: CancellationToken) -> Option<Place> {
        let weight = weight.min(self.size.of_connection);
        let mut held = self.held();
        for id in held.making_way(&self.size, holder, weight)? {
            if let Some(part) = held.remove(id) {
                part.out.cancel();
            }
        }
        let (since, patience) = (Instant::now(), self.size.patience);
        let part = Part { holder, weight, activity: Activity::Moves, since, patience, out };
        let id = held.insert(part);
        drop(held);
        Some(Place { room: Arc::clone(self), id })
    }

    /// As [`Room::take`]; waits for as long as there is no room.
    pub async fn wait(self: &Arc<Room>, holder: Holder, weight: usize, out: CancellationToken) -> Place {
        if let Some(place) = self.take(holder, weight, out.clone()) {
            return place;
        }
        let _waiter = Waiter::new(self, holder.peer);
        loop {
            let mut changed = pin!(self.changed.notified());
            changed.as_mut().enable();
            if let Some(place) = self.take(holder, weight, out.clone()) {
                return place;
            }
            // Also without a change, because others may have stood still for long enough.
            let _ = tokio::time::timeout(self.size.patience.max(PAUSE_MIN), changed).await;
        }
    }

    fn held(&self) -> MutexGuard<'_, Held> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Held {
    /// The parts that make way for this weight: none if it fits. `None` if it does not fit, whoever goes.
    fn making_way(&self, size: &Size, holder: Holder, weight: usize) -> Option<Vec<u64>> {
        let of_address = self.of_address.get(&holder.peer).copied().unwrap_or_default();
        let of_connection = self.of_connection.get(&holder.connection).copied().unwrap_or_default();
        let reserve = if holder.peer.is_loopback() && of_address < size.reserve { size.reserve } else { 0 };
        if self.total + 2 * weight > size.total && self.waits_with_less_than(of_address, holder.peer) {
            // The last room is theirs, so that many who wait do not keep a few from it.
            return None;
        }
        let over_total = (self.total + weight).saturating_sub(size.total + reserve);
        let over_address = (of_address + weight).saturating_sub(size.of_address);
        let over_connection = (of_connection + weight).saturating_sub(size.of_connection);
        if over_total.max(over_address).max(over_connection) == 0 {
            return Some(Vec::new());
        }
        // What is freed within a connection is freed within its address too, and in all.
        let mut way = Way { still: self.standing_still(), ids: Vec::new(), freed: 0 };
        way.free(over_connection, |part| part.holder == holder)?;
        way.free(over_address, |part| part.holder.peer == holder.peer)?;
        // Whoever has more never takes from whoever has less, however slow that one is: a machine under attack makes all slow.
        let has = |peer: &IpAddr| self.of_address.get(peer).copied().unwrap_or_default();
        way.free(over_total, |part| part.activity == Activity::Rests || has(&part.holder.peer) >= of_address)?;
        Some(way.ids)
    }

    fn waits_with_less_than(&self, weight: usize, peer: IpAddr) -> bool {
        let has = |address| self.of_address.get(address).copied().unwrap_or_default();
        self.waiting.keys().any(|address| *address != peer && has(address) < weight)
    }

    /// The parts that may be taken away: first those of whoever has most, of these the longest still.
    fn standing_still(&self) -> Vec<(u64, &Part)> {
        let now = Instant::now();
        let is_still = |part: &Part| match part.activity {
            Activity::Rests => true,
            Activity::Moves => now.duration_since(part.since) >= part.patience,
            Activity::Works => false,
        };
        let mut still: Vec<_> =
            self.parts.iter().filter(|(_, part)| is_still(part)).map(|(id, part)| (*id, part)).collect();
        still.sort_by_key(|(_, part)| {
            let of_address = self.of_address.get(&part.holder.peer).copied().unwrap_or_default();
            (Reverse(of_address), part.activity != Activity::Rests, part.since)
        });
        still
    }

    fn insert(&mut self, part: Part) -> u64 {
        let id = self.next;
        self.next += 1;
        self.total += part.weight;
        *self.of_address.entry(part.holder.peer).or_default() += part.weight;
        *self.of_connection.entry(part.holder.connection).or_default() += part.weight;
        self.parts.insert(id, part);
        id
    }

    fn remove(&mut self, id: u64) -> Option<Part> {
        let part = self.parts.remove(&id)?;
        self.lighten(part.holder, part.weight);
        Some(part)
    }

    fn lighten(&mut self, holder: Holder, weight: usize) {
        self.total = self.total.saturating_sub(weight);
        lighten(&mut self.of_address, holder.peer, weight);
        lighten(&mut self.of_connection, holder.connection, weight);
    }
}

impl Waiter<'_> {
    fn new(room: &Room, peer: IpAddr) -> Waiter<'_> {
        *room.held().waiting.entry(peer).or_default() += 1;
        Waiter { room, peer }
    }
}

impl Drop for Waiter<'_> {
    fn drop(&mut self) {
        lighten(&mut self.room.held().waiting, self.peer, 1);
        self.room.changed.notify_waiters();
    }
}

/// Parts that make way.
struct Way<'h> {
    /// Those that can, in order.
    still: Vec<(u64, &'h Part)>,
    ids: Vec<u64>,
    freed: usize,
}

impl Way<'_> {
    /// Frees so much, of such parts. `None` if there is not enough.
    fn free(&mut self, weight: usize, of: impl Fn(&Part) -> bool) -> Option<()> {
        while self.freed < weight {
            let (id, part) = self.still.remove(self.still.iter().position(|(_, part)| of(part))?);
            self.freed += part.weight;
            self.ids.push(id);
        }
        Some(())
    }
}

fn lighten<K: Eq + std::hash::Hash>(weights: &mut HashMap<K, usize>, key: K, weight: usize) {
    if let std::collections::hash_map::Entry::Occupied(mut entry) = weights.entry(key) {
        let left = entry.get().saturating_sub(weight);
        if left == 0 {
            entry.remove();
        } else {
            *entry.get_mut() = left;
        }
    }
}

impl Place {
    /// The caller has gone on.
    pub fn moves(&self) {
        self.set(Activity::Moves);
    }

    /// It is of no use until further notice.
    pub fn rests(&self) {
        self.set(Activity::Rests);
    }

    /// The next step is ours.
    pub fn works(&self) {
        self.set(Activity::Works);
    }

    fn set(&self, activity: Activity) {
        if let Some(part) = self.room.held().parts.get_mut(&self.id) {
            (part.activity, part.since) = (activity, Instant::now());
        }
    }

    /// Since when it rests, if it does.
    pub fn resting_since(&self) -> Option<Instant> {
        let held = self.room.held();
        held.parts.get(&self.id).filter(|part| part.activity == Activity::Rests).map(|part| part.since)
    }

    /// Gives back all but this weight.
    pub fn shrink(&self, weight: usize) {
        let mut held = self.room.held();
        let Some(part) = held.parts.get_mut(&self.id) else { return };
        let (holder, given_back) = (part.holder, part.weight.saturating_sub(weight));
        part.weight -= given_back;
        held.lighten(holder, given_back);
        drop(held);
        self.room.changed.notify_waiters();
    }

    /// From now on, this token is cancelled when the place is taken away, after so long.
    pub fn hand_over(&self, out: CancellationToken, patience: Duration) {
        if let Some(part) = self.room.held().parts.get_mut(&self.id) {
            (part.out, part.patience) = (out, patience);
        }
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.room.held().remove(self.id);
        self.room.changed.notify_waiters();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LONG: Duration = Duration::from_secs(3600);

    fn room(total: usize, of_address: usize, of_connection: usize, patience: Duration) -> Arc<Room> {
        Room::new(Size { total, of_address, of_connection, reserve: 0, patience })
    }

    fn holder(address: u8, connection: u64) -> Holder {
        Holder::new(IpAddr::from([10, 0, 0, address]), connection)
    }

    /// A part that tells whether it was taken away.
    fn part(room: &Arc<Room>, holder: Holder, weight: usize) -> Option<(Place, CancellationToken)> {
        let out = CancellationToken::new();
        room.take(holder, weight, out.clone()).map(|place| (place, out))
    }

    #[test]
    fn nobody_has_more_than_a_part_and_what_is_given_back_is_there_again() {
        let room = room(10, 6, 4, LONG);
        let first = part(&room, holder(1, 1), 4).unwrap();
        assert!(part(&room, holder(1, 1), 1).is_none(), "its connection has all it may");
        let second = part(&room, holder(1, 2), 2).unwrap();
        assert!(part(&room, holder(1, 3), 1).is_none(), "its address has all it may");
        let _third = part(&room, holder(2, 4), 4).unwrap();
        assert!(part(&room, holder(3, 5), 1).is_none(), "there is no more");
        first.0.shrink(3);
        let _fourth = part(&room, holder(3, 5), 1).unwrap();
        drop(second);
        assert!(part(&room, holder(1, 1), 1).is_some());
        assert!(!first.1.is_cancelled());
    }

    #[test]
    fn who_wants_more_than_anybody_may_have_gets_that_much() {
        assert!(part(&room(4, 4, 4, LONG), holder(1, 1), 99).is_some());
    }

    #[test]
    fn of_who_has_most_the_longest_still_makes_way_but_never_what_works() {
        let room = room(4, 4, 4, Duration::ZERO);
        let parts: Vec<_> = [1, 2, 2, 2].map(|peer| part(&room, holder(peer, peer.into()), 1).unwrap()).into();
        parts[1].0.works();
        let gone = || parts.iter().map(|(_, out)| out.is_cancelled()).collect::<Vec<_>>();
        let _new = part(&room, holder(3, 9), 1).unwrap();
        assert_eq!(gone(), [false, false, true, false]);
        parts.iter().for_each(|(place, _)| place.works());
        assert!(part(&room, holder(3, 9), 2).is_none());
        assert_eq!(gone(), [false, false, true, false]);
    }

    #[test]
    fn what_moves_stays_and_what_rests_goes_at_once() {
        let room = room(2, 2, 2, LONG);
        let (moving, resting) = (part(&room, holder(1, 1), 1).unwrap(), part(&room, holder(2, 2), 1).unwrap());
        assert!(part(&room, holder(3, 3), 1).is_none());
        resting.0.rests();
        assert!(resting.0.resting_since().is_some());
        let _new = part(&room, holder(3, 3), 1).unwrap();
        assert_eq!((moving.1.is_cancelled(), resting.1.is_cancelled()), (false, true));
        // It has no part any more, whatever it says.
        resting.0.moves();
        assert_eq!(resting.0.resting_since(), None);
    }

    #[test]
    fn a_newcomer_takes_from_its_own_address_what_its_address_has_too_much() {
        let room = room(10, 2, 2, Duration::ZERO);
        let (other, own) = (part(&room, holder(1, 1), 2).unwrap(), part(&room, holder(2, 2), 2).unwrap());
        let _new = part(&room, holder(2, 3), 1).unwrap();
        assert_eq!((other.1.is_cancelled(), own.1.is_cancelled()), (false, true));
    }

    #[test]
    fn the_last_room_is_for_an_address_that_waits_and_has_less() {
        let room = room(4, 4, 4, LONG);
        let _parts = [1, 1, 1].map(|connection| part(&room, holder(1, connection), 1).unwrap());
        let waiter = Waiter::new(&room, holder(2, 9).peer);
        assert!(part(&room, holder(1, 1), 1).is_none());
        let other = part(&room, holder(2, 9), 1).unwrap();
        drop((waiter, other));
        assert!(part(&room, holder(1, 1), 1).is_some());
    }

    #[test]
    fn a_few_more_places_are_for_this_machine() {
        let room = Room::new(Size { total: 1, of_address: 10, of_connection: 10, reserve: 2, patience: LONG });
        let _first = part(&room, holder(1, 1), 1).unwrap();
        let local = |connection| Holder::new(IpAddr::from([127, 0, 0, 1]), connection);
        let _parts = [2, 3].map(|connection| part(&room, local(connection), 1).unwrap());
        assert!(part(&room, local(4), 1).is_none());
        assert!(part(&room, holder(2, 5), 1).is_none());
    }

    #[test]
    fn addresses_that_one_machine_may_have_count_as_one() {
        let same =
            |one: &str, other: &str| Holder::new(one.parse().unwrap(), 1) == Holder::new(other.parse().unwrap(), 1);
        assert!(same("2001:db8::1", "2001:db8::2:3"));
        assert!(!same("2001:db8::1", "2001:db8:0:1::1"));
        assert!(same("::ffff:10.0.0.1", "10.0.0.1"));
        assert!(!same("10.0.0.1", "10.0.0.2"));
    }
}
