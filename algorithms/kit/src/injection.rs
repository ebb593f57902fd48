//! Sharing keys that distribute what each injector feeds in by itself, as the grid operator of Flanders (Fluvius) does.

use alloc::{collections::BTreeMap, vec, vec::Vec};
use core::mem;

use crate::{Book, Outcome, Round, SharingPrice, cascade, shares, split::sum, split_from, total_share, turn};

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
        let mut left = Left::new(first, surpluses, deficits, shares);
        left.pass(offer);
        left.injection(surpluses, deficits)
    }

    /// Distributes by [`Offer::Relative`] again and again what is left on both sides, without the shares of those whose
    /// deficit is covered, until a pass brings nothing. Returns the sum of all passes, and how many brought something.
    #[must_use]
    pub fn repeated(first: usize, surpluses: &[u64], deficits: &[u64], shares: &[u64]) -> (Self, usize) {
        let mut left = Left::new(first, surpluses, deficits, shares);
        let mut passes = 0;
        left.drop_covered();
        while left.pass(Offer::Relative) {
            left.drop_covered();
            passes += 1;
        }
        (left.injection(surpluses, deficits), passes)
    }
}

/// Clears a round by a key that distributes what each injector feeds in by itself: `injection` is given the book, where the
/// circle of positions begins, the shares, and their sum in parts per million.
///
/// What is parted with and taken is paired at the [`SharingPrice`]; all other energy goes to the grid.
///
/// # Errors
///
/// If the setting `price` is wrong, the price floor is above the ceiling, or the shares are more than the whole.
pub fn inject(round: &Round, injection: impl FnOnce(&Book<'_>, usize, &[u64], u64) -> Injection) -> Outcome {
    let price = SharingPrice::of(round)?;
    let total = total_share(round)?;
    let mut book = Book::new(round);
    let Injection { gives, takes } = injection(&book, turn(round), &shares(round), total);
    book.pair(gives, takes, price);
    Ok(book.rest())
}

/// What is left to distribute.
struct Left {
    first: usize,
    surpluses: Vec<u64>,
    deficits: Vec<u64>,
    holders: Holders,
}

impl Left {
    fn new(first: usize, surpluses: &[u64], deficits: &[u64], shares: &[u64]) -> Self {
        let holders = Holders::new(first, shares);
        Self { first, surpluses: surpluses.to_vec(), deficits: deficits.to_vec(), holders }
    }

    /// Distributes once; returns whether anybody took anything.
    fn pass(&mut self, offer: Offer) -> bool {
        let mut offered = vec![0; self.surpluses.len()];
        for (injector, &surplus) in self.surpluses.iter().enumerate().filter(|&(_, &surplus)| surplus > 0) {
            offered[injector] = self.holders.offer(injector, surplus, offer);
        }
        let taken = self.holders.take(&mut self.deficits);
        let left = sum(&offered) - taken;
        let back = match offer {
            Offer::Fixed(_) => cascade(self.first, left, &self.surpluses, &offered),
            // Whoever offered anything offered all that it has: nobody's part of the rest is more than that.
            Offer::Relative => split_from(self.first, left, &offered),
        };
        for ((surplus, offered), back) in self.surpluses.iter_mut().zip(&offered).zip(back) {
            *surplus -= offered - back;
        }
        taken > 0
    }

    fn drop_covered(&mut self) {
        self.holders.retain(|position| self.deficits[position] > 0);
    }

    /// What is no longer left of these was given and taken.
    fn injection(mut self, surpluses: &[u64], deficits: &[u64]) -> Injection {
        for (left, all) in [(&mut self.surpluses, surpluses), (&mut self.deficits, deficits)] {
            for (left, all) in left.iter_mut().zip(all) {
                *left = all - *left;
            }
        }
        Injection { gives: self.surpluses, takes: self.deficits }
    }
}

/// Those who have the same share, which every injector offers the same, but for single watt-hours.
struct Group {
    share: u64,
    /// Where its members are on the circle, in that order.
    places: Vec<usize>,
    /// What each member has been offered in this pass, in Wh.
    each: u128,
    /// At `n`: how often the first `n` members got one watt-hour more.
    firsts: Vec<u64>,
}

/// Those who have a share, and what they have been offered in this pass.
struct Holders {
    first: usize,
    groups: Vec<Group>,
    /// The group of each position and its rank there; none without a share.
    seats: Vec<Seat>,
    /// The sum of all shares.
    total: u128,
    /// What its group was offered by each position itself, and it was not.
    own: Vec<u64>,
    /// Remainders of a split with their groups, kept between injectors for their memory.
    remainders: Vec<(u128, usize)>,
}

impl Holders {
    fn new(first: usize, shares: &[u64]) -> Self {
        let first = if first < shares.len() { first } else { 0 };
        let circle = (first..shares.len()).chain(0..first);
        let mut places: BTreeMap<u64, Vec<usize>> = BTreeMap::new();
        for (place, position) in circle.enumerate().filter(|&(_, position)| shares[position] > 0) {
            places.entry(shares[position]).or_default().push(place);
        }
        let group = |(share, places): (u64, Vec<usize>)| {
            let firsts = vec![0; places.len() + 1];
            Group { share, places, each: 0, firsts }
        };
        let groups = places.into_iter().map(group).collect();
        let (seats, own, remainders) = (vec![None; shares.len()], vec![0; shares.len()], Vec::new());
        let mut holders = Self { first, groups, seats, total: sum(shares), own, remainders };
        holders.seat();
        holders
    }

    /// Gives every member of a group its seat.
    fn seat(&mut self) {
        for (number, group) in self.groups.iter().enumerate() {
            for (rank, &place) in group.places.iter().enumerate() {
                self.seats[position(place, self.first, self.own.len())] = Some((number, rank));
            }
        }
    }

    /// Takes their shares from all but some positions.
    fn retain(&mut self, is_kept: impl Fn(usize) -> bool) {
        let (first, positions) = (self.first, self.own.len());
        for group in &mut self.groups {
            let (before, seats) = (group.places.len(), &mut self.seats);
            group.places.retain(|&place| {
                let position = position(place, first, positions);
                let is_kept = is_kept(position);
                if !is_kept {
                    seats[position] = None;
                }
                is_kept
            });
            let gone = before - group.places.len();
            group.firsts.truncate(group.places.len() + 1);
            self.total -= u128::from(group.share) * gone as u128;
        }
        self.groups.retain(|group| !group.places.is_empty());
        self.seat();
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
        self.own[injector] = own;
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
            // The first place that gets nothing any more; one group needs none, because its members are in order.
            let end = match alike {
                [_] => None,
                _ if left >= members => Some(usize::MAX),
                _ => Some(end_of(&self.groups, alike, left, left_out)),
            };
            for &(_, number) in alike {
                let group = &mut self.groups[number];
                let count = match end {
                    Some(end) => group.places.partition_point(|&place| place < end),
                    None if left >= members => group.places.len(),
                    None => left + usize::from(left_out.is_some_and(|(own, rank)| own == number && rank < left)),
                };
                group.firsts[count] += 1;
                is_own |= seat.is_some_and(|(own, rank)| own == number && rank < count);
            }
            left = left.saturating_sub(members);
        }
        is_own
    }

    /// Lets each holder take what it has been offered, at most its deficit, which is lowered by that; returns the sum. A new
    /// pass begins.
    fn take(&mut self, deficits: &mut [u64]) -> u128 {
        let mut taken = 0;
        for group in &mut self.groups {
            let each = mem::take(&mut group.each);
            // Whoever is among the first `n` is among the first `n + 1`.
            let mut firsts = 0;
            for (&place, count) in group.places.iter().zip(&mut group.firsts[1..]).rev() {
                firsts += mem::take(count);
                let position = position(place, self.first, deficits.len());
                let wanted = each + u128::from(firsts) - u128::from(mem::take(&mut self.own[position]));
                let take = u64::try_from(wanted).unwrap_or(u64::MAX).min(deficits[position]);
                deficits[position] -= take;
                taken += u128::from(take);
            }
        }
        taken
    }
}

/// Returns which position is at a place of the circle.
fn position(place: usize, first: usize, positions: usize) -> usize {
    let turned = place + first;
    if turned < positions { turned } else { turned - positions }
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
        // A remainder would be a division of its own.
        let part = product / shares;
        return (part, (product - part * shares).into());
    }
    let product = u128::from(offered) * u128::from(share);
    // OK because a share is part of the sum, so that the part is at most the whole.
    (u64::try_from(product / shares).unwrap_or(u64::MAX), product % shares)
}
