//! Sharing keys that distribute what each injector feeds in by itself, as the grid operator of Flanders (Fluvius) does.

use alloc::{collections::BTreeMap, vec, vec::Vec};

use crate::{cascade, split::sum};

/// What an injector offers to the others.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Offer {
    /// The part of its surplus that all shares together are of the whole; its own part stays with it. It holds the sum of
    /// all shares, in parts per million and at most 1,000,000.
    Fixed(u64),
    /// All of its surplus, by the shares of the others.
    Relative,
}

/// One distribution of surpluses: what each position parts with and takes, in Wh.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Injection {
    /// What each position parts with.
    pub gives: Vec<u64>,
    /// What each position takes; the sums are equal.
    pub takes: Vec<u64>,
}

impl Injection {
    /// Offers the surplus of every injector to the holders of `shares`, one injector after the other. Each holder takes at
    /// most its deficit of all that it is offered. What nobody could take goes back to the injectors in proportion to
    /// their surplus, to none more than it offered.
    ///
    /// All slices have one value for each position, in the round's order; `first` is where the circle begins
    /// ([`turn`](crate::turn)). Takes time of order injectors × different shares, of which there are at most 1413: as many
    /// different whole numbers add up to a million.
    #[must_use]
    pub fn of(first: usize, surpluses: &[u64], deficits: &[u64], shares: &[u64], offer: Offer) -> Self {
        let mut holders = Holders::new(first, shares);
        let mut offered = vec![0; surpluses.len()];
        for (injector, &surplus) in surpluses.iter().enumerate().filter(|&(_, &surplus)| surplus > 0) {
            offered[injector] = holders.offer(injector, surplus, offer);
        }
        let takes: Vec<u64> = holders
            .wanted()
            .iter()
            .zip(deficits)
            .map(|(&wanted, &deficit)| u64::try_from(wanted).unwrap_or(u64::MAX).min(deficit))
            .collect();
        let mut gives = offered;
        let back = cascade(first, sum(&gives) - sum(&takes), surpluses, &gives);
        for (give, back) in gives.iter_mut().zip(back) {
            *give -= back;
        }
        Self { gives, takes }
    }
}

/// Those who have the same share, which every injector offers the same, but for single watt-hours.
struct Group {
    share: u64,
    /// Where its members are on the circle, in that order.
    places: Vec<usize>,
    /// What each member has been offered, in Wh.
    each: u128,
    /// At `n`: how often the first `n` members got one watt-hour more.
    firsts: Vec<u64>,
}

/// Those who have a share, and what they have been offered.
struct Holders {
    groups: Vec<Group>,
    /// The group of each position and its rank there; none without a share.
    seats: Vec<Option<(usize, usize)>>,
    total: u128,
    /// What its group was offered by each position itself, and it was not.
    own: Vec<u128>,
    /// Remainders of a split with their groups, kept between injectors for their memory.
    remainders: Vec<(u128, usize)>,
}

impl Holders {
    fn new(first: usize, shares: &[u64]) -> Self {
        let circle = (first..shares.len()).chain(0..first.min(shares.len()));
        let mut places: BTreeMap<u64, Vec<usize>> = BTreeMap::new();
        let mut seats = vec![None; shares.len()];
        for (place, position) in circle.enumerate().filter(|&(_, position)| shares[position] > 0) {
            let group = places.entry(shares[position]).or_default();
            // The number of the group comes below, once all are known.
            seats[position] = Some((0, group.len()));
            group.push(place);
        }
        let group = |(share, places): (u64, Vec<usize>)| {
            let firsts = vec![0; places.len() + 1];
            Group { share, places, each: 0, firsts }
        };
        let groups: Vec<Group> = places.into_iter().map(group).collect();
        for (seat, share) in seats.iter_mut().zip(shares) {
            if let Some((group, _)) = seat {
                *group = groups.partition_point(|group| group.share < *share);
            }
        }
        Self { groups, seats, total: sum(shares), own: vec![0; shares.len()], remainders: Vec::new() }
    }

    /// Offers an injector's surplus to the others; returns how much that is.
    fn offer(&mut self, injector: usize, surplus: u64, offer: Offer) -> u64 {
        let seat = self.seats[injector];
        let own_share = seat.map_or(0, |(group, _)| self.groups[group].share);
        // In the relative key the injector has no share; in the fixed one it has, and keeps what it would get.
        let (offered, shares, left_out) = match offer {
            Offer::Fixed(total_share) => {
                let part = u128::from(surplus) * u128::from(total_share) / 1_000_000;
                (u64::try_from(part).unwrap_or(surplus), self.total, None)
            }
            Offer::Relative => (surplus, self.total - u128::from(own_share), seat),
        };
        if shares == 0 {
            return 0;
        }
        let (left, mut own) = self.offer_alike(offered, shares, seat, left_out);
        own += u64::from(self.hand_out(left, seat, left_out));
        self.own[injector] += u128::from(own);
        if left_out.is_some() { offered } else { offered - own }
    }

    /// Offers every holder its part, rounded down, and keeps the remainders; returns what is left over, and what the injector's
    /// own group was offered.
    fn offer_alike(&mut self, offered: u64, shares: u128, seat: Seat, left_out: Seat) -> (usize, u64) {
        self.remainders.clear();
        let (mut left, mut own) = (offered, 0);
        for (number, group) in self.groups.iter_mut().enumerate() {
            let members = group.places.len() - usize::from(is_in(left_out, number));
            if members == 0 {
                continue;
            }
            let (part, remainder) = divide(offered, group.share, shares);
            group.each += u128::from(part);
            left -= part * members as u64;
            if remainder > 0 {
                self.remainders.push((remainder, number));
            }
            if is_in(seat, number) {
                own = part;
            }
        }
        // OK because each part is rounded down by less than 1, so fewer units are left over than there are holders.
        (usize::try_from(left).unwrap_or(usize::MAX), own)
    }

    /// Hands out single watt-hours to the largest remainders, of equal ones to those who come first on the circle; returns
    /// whether the injector is among them.
    fn hand_out(&mut self, mut left: usize, seat: Seat, left_out: Seat) -> bool {
        self.remainders.sort_unstable_by(|a, b| b.cmp(a));
        let mut is_own = false;
        for alike in self.remainders.chunk_by(|a, b| a.0 == b.0) {
            if left == 0 {
                break;
            }
            let members: usize = alike.iter().map(|&(_, group)| self.groups[group].places.len()).sum();
            let members = members - usize::from(alike.iter().any(|&(_, group)| is_in(left_out, group)));
            // The first place that gets nothing any more.
            let end = if left >= members { usize::MAX } else { end_of(&self.groups, alike, left, left_out) };
            for &(_, number) in alike {
                let group = &mut self.groups[number];
                let count = group.places.partition_point(|&place| place < end);
                group.firsts[count] += 1;
                is_own |= seat.is_some_and(|(own, rank)| own == number && rank < count);
            }
            left = left.saturating_sub(members);
        }
        is_own
    }

    /// Returns what each position has been offered, in Wh.
    fn wanted(mut self) -> Vec<u128> {
        for group in &mut self.groups {
            // Whoever is among the first `n` is among the first `n + 1`.
            for count in (0..group.places.len()).rev() {
                group.firsts[count] += group.firsts[count + 1];
            }
        }
        let offered = |seat: &Seat| {
            seat.map_or(0, |(group, rank)| {
                let group = &self.groups[group];
                group.each + u128::from(group.firsts[rank + 1])
            })
        };
        self.seats.iter().zip(&self.own).map(|(seat, own)| offered(seat) - own).collect()
    }
}

/// A holder's group and rank in it.
type Seat = Option<(usize, usize)>;

fn is_in(seat: Seat, group: usize) -> bool {
    seat.is_some_and(|(own, _)| own == group)
}

/// Returns the place on the circle before which as many members of these groups are as are to be served.
fn end_of(groups: &[Group], alike: &[(u128, usize)], served: usize, left_out: Seat) -> usize {
    let before = |end: usize| -> usize {
        let count = |&(_, number): &(u128, usize)| {
            let count = groups[number].places.partition_point(|&place| place < end);
            count - usize::from(left_out.is_some_and(|(own, rank)| own == number && rank < count))
        };
        alike.iter().map(count).sum()
    };
    let last = alike.iter().filter_map(|&(_, number)| groups[number].places.last()).max().map_or(0, |&place| place + 1);
    let (mut low, mut high) = (0, last);
    while low < high {
        let middle = low + (high - low) / 2;
        if before(middle) < served { low = middle + 1 } else { high = middle }
    }
    low
}

/// Returns ⌊offered · share / shares⌋ and the remainder.
fn divide(offered: u64, share: u64, shares: u128) -> (u64, u128) {
    // A division of 128 bits takes about ten times as long.
    if let (Some(product), Ok(shares)) = (offered.checked_mul(share), u64::try_from(shares)) {
        return (product / shares, (product % shares).into());
    }
    let product = u128::from(offered) * u128::from(share);
    // OK because a share is part of the sum, so that the part is at most the whole.
    (u64::try_from(product / shares).unwrap_or(u64::MAX), product % shares)
}
