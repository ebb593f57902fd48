//! Sharing keys that distribute what each injector feeds in by itself, as the grid operator of Flanders (Fluvius) does.

use alloc::{vec, vec::Vec};
use core::mem;

use crate::{
    Book, Outcome, Round, SharingPrice, cascade, shares,
    split::{self, sum},
    total_share, turn,
};

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
        left.injection(surpluses, deficits, shares)
    }

    /// Distributes by [`Offer::Relative`] again and again what is left on both sides, without the shares of those whose
    /// deficit is covered, until a pass brings nothing. Returns the sum of all passes, and how many brought something.
    #[must_use]
    pub fn repeated(first: usize, surpluses: &[u64], deficits: &[u64], shares: &[u64]) -> (Self, usize) {
        let wanting: Vec<u64> =
            shares.iter().zip(deficits).map(|(&share, &deficit)| if deficit > 0 { share } else { 0 }).collect();
        let mut left = Left::new(first, surpluses, deficits, &wanting);
        let mut passes = 0;
        while left.pass(Offer::Relative) {
            left.drop_covered();
            passes += 1;
        }
        (left.injection(surpluses, deficits, shares), passes)
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
    /// Who has a surplus, in the order of the circle.
    injectors: Vec<usize>,
    /// What each injector has left, in Wh.
    surpluses: Vec<u64>,
    holders: Holders,
    /// Whether any injector may have a share, which is then left out of what it offers.
    is_any_seated: bool,
}

impl Left {
    fn new(first: usize, surpluses: &[u64], deficits: &[u64], shares: &[u64]) -> Self {
        let first = if first < shares.len() { first } else { 0 };
        let circle = (0..surpluses.len()).map(|place| position(place, first, surpluses.len()));
        let injectors: Vec<usize> = circle.filter(|&position| surpluses[position] > 0).collect();
        let surpluses = injectors.iter().map(|&injector| surpluses[injector]).collect();
        let mut left =
            Self { injectors, surpluses, holders: Holders::new(first, deficits, shares), is_any_seated: true };
        left.seat();
        left
    }

    /// Distributes once; returns whether anybody took anything.
    fn pass(&mut self, offer: Offer) -> bool {
        let offered = self.offer(offer);
        let taken = self.holders.take();
        let all = sum(&offered);
        let back = match offer {
            Offer::Fixed(_) => cascade(0, all - taken, &self.surpluses, &offered),
            // Whoever offered anything offered all that it has: nobody's part of the rest is more than that.
            Offer::Relative => split::parts(0, all - taken, &offered, all),
        };
        for ((surplus, offered), back) in self.surpluses.iter_mut().zip(&offered).zip(back) {
            *surplus -= offered - back;
        }
        taken > 0
    }

    /// Offers every surplus; returns how much of each.
    fn offer(&mut self, offer: Offer) -> Vec<u64> {
        if let ([group], Offer::Relative, false) = (self.holders.groups.as_mut_slice(), offer, self.is_any_seated) {
            group.offer_all(&self.surpluses);
            return self.surpluses.clone();
        }
        let offers = self.injectors.iter().zip(&self.surpluses);
        offers.map(|(&injector, &surplus)| self.holders.offer(injector, surplus, offer)).collect()
    }

    /// Takes the shares of those whose deficit is covered.
    fn drop_covered(&mut self) {
        self.holders.drop_covered();
        self.seat();
    }

    /// Gives every holder its seat, unless no pass asks for it: where nobody who has a share gives.
    fn seat(&mut self) {
        if self.is_any_seated {
            self.holders.seat();
            self.is_any_seated = self.injectors.iter().any(|&injector| self.holders.seats[injector].is_some());
        }
    }

    /// What is no longer left of these was given and taken.
    fn injection(self, surpluses: &[u64], deficits: &[u64], shares: &[u64]) -> Injection {
        let mut gives = vec![0; surpluses.len()];
        for (&injector, left) in self.injectors.iter().zip(self.surpluses) {
            gives[injector] = surpluses[injector] - left;
        }
        // Who has a share no longer is covered.
        let all = deficits.iter().zip(shares).map(|(&deficit, &share)| if share > 0 { deficit } else { 0 });
        let mut takes: Vec<u64> = all.collect();
        for holder in self.holders.groups.iter().flat_map(|group| &group.holders) {
            takes[holder.position] -= holder.deficit;
        }
        Injection { gives, takes }
    }
}

/// One that has a share.
struct Holder {
    /// Where it is on the circle.
    place: usize,
    position: usize,
    /// What it has left to take, in Wh.
    deficit: u64,
}

/// Those who have the same share, which every injector offers the same, but for single watt-hours.
struct Group {
    share: u64,
    /// In the order of the circle.
    holders: Vec<Holder>,
    /// What each holder has been offered in this pass, in Wh.
    each: u128,
    /// At `n`: how often the first `n` holders got one watt-hour more.
    firsts: Vec<u64>,
}

impl Group {
    /// Offers surpluses to the holders of this group, the only one, to which none of the injectors belongs: each gets the same of
    /// every surplus, and those who come first on the circle one watt-hour more.
    fn offer_all(&mut self, surpluses: &[u64]) {
        let holders = self.holders.len() as u64;
        for &surplus in surpluses {
            let part = surplus / holders;
            self.each += u128::from(part);
            // OK because the remainder is below a number of positions.
            let left = usize::try_from(surplus - part * holders).unwrap_or(usize::MAX);
            self.firsts[left] += 1;
        }
        // What leaves nothing over has no first one.
        self.firsts[0] = 0;
    }

    /// Lets each holder take what it has been offered but for its `own`, at most its deficit; returns the sum.
    fn take(&mut self, own: &mut [u64]) -> u128 {
        let each = mem::take(&mut self.each);
        // Sums of 128 bits take several times as long. There are fewer first ones than 2⁶³.
        let small = u64::try_from(each).ok().filter(|&each| each < 1 << 63);
        // Whoever is among the first `n` is among the first `n + 1`.
        let (mut firsts, mut taken) = (0, 0);
        for (holder, count) in self.holders.iter_mut().zip(&mut self.firsts[1..]).rev() {
            firsts += mem::take(count);
            let own = mem::take(&mut own[holder.position]);
            let wanted = match small {
                Some(each) => each + firsts - own,
                None => u64::try_from(each + u128::from(firsts) - u128::from(own)).unwrap_or(u64::MAX),
            };
            let take = wanted.min(holder.deficit);
            holder.deficit -= take;
            taken += u128::from(take);
        }
        taken
    }
}

/// Those who have a share, and what they have been offered in this pass.
struct Holders {
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
    fn new(first: usize, deficits: &[u64], shares: &[u64]) -> Self {
        let places = (0..shares.len()).map(|place| (shares[position(place, first, shares.len())], place));
        let mut places: Vec<(u64, usize)> = places.filter(|&(share, _)| share > 0).collect();
        places.sort_unstable();
        let holder = |&(_, place): &(u64, usize)| {
            let position = position(place, first, shares.len());
            Holder { place, position, deficit: deficits[position] }
        };
        let alike = places.chunk_by(|one, other| one.0 == other.0);
        let groups = alike.map(|places| Group {
            share: places[0].0,
            holders: places.iter().map(holder).collect(),
            each: 0,
            firsts: vec![0; places.len() + 1],
        });
        let groups = groups.collect();
        let (seats, own, remainders) = (vec![None; shares.len()], vec![0; shares.len()], Vec::new());
        Self { groups, seats, total: sum(shares), own, remainders }
    }

    /// Gives every holder its seat.
    fn seat(&mut self) {
        for (number, group) in self.groups.iter().enumerate() {
            for (rank, holder) in group.holders.iter().enumerate() {
                self.seats[holder.position] = Some((number, rank));
            }
        }
    }

    /// Takes the shares of those whose deficit is covered. Those that keep theirs need another seat.
    fn drop_covered(&mut self) {
        for group in &mut self.groups {
            let (before, seats) = (group.holders.len(), &mut self.seats);
            group.holders.retain(|holder| {
                let is_kept = holder.deficit > 0;
                if !is_kept {
                    seats[holder.position] = None;
                }
                is_kept
            });
            let gone = before - group.holders.len();
            group.firsts.truncate(group.holders.len() + 1);
            self.total -= u128::from(group.share) * gone as u128;
        }
        self.groups.retain(|group| !group.holders.is_empty());
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
            let members = group.holders.len() - usize::from(is_in(left_out, number));
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
            let members: usize = alike.iter().map(|&(_, group)| self.groups[group].holders.len()).sum();
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
                    Some(end) => group.holders.partition_point(|holder| holder.place < end),
                    None if left >= members => group.holders.len(),
                    None => left + usize::from(left_out.is_some_and(|(own, rank)| own == number && rank < left)),
                };
                group.firsts[count] += 1;
                is_own |= seat.is_some_and(|(own, rank)| own == number && rank < count);
            }
            left = left.saturating_sub(members);
        }
        is_own
    }

    /// Lets all holders take what they have been offered; returns the sum. A new pass begins.
    fn take(&mut self) -> u128 {
        self.groups.iter_mut().map(|group| group.take(&mut self.own)).sum()
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
            let count = groups[number].holders.partition_point(|holder| holder.place < end);
            count - usize::from(left_out.is_some_and(|(own, rank)| own == number && rank < count))
        };
        alike.iter().map(count).sum()
    };
    let last = alike
        .iter()
        .filter_map(|&(_, number)| groups[number].holders.last())
        .map(|holder| holder.place + 1)
        .max()
        .unwrap_or(0);
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
