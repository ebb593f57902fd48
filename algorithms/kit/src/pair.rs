//! Pairing: which of the shared watt-hours goes from whom to whom, when nobody may trade with itself.

use alloc::{collections::BinaryHeap, vec::Vec};
use core::cmp::Reverse;

use crate::{Book, Party, split};

impl Book<'_> {
    /// Trades `gives[i]` Wh of every position's surplus against `takes[i]` Wh of every position's deficit at `price`
    /// (µEUR/kWh), so that nobody trades with itself and all that can be shared is shared.
    ///
    /// Both must have the same sum, and be within what the positions have. Where a member's own two sides are more than
    /// half of everything, they cannot be shared in full: the excess stays with it, and [`rest`](Book::rest) trades it with
    /// the grid. Takes time of order n log n.
    ///
    /// A plain greedy strands energy where members both give and take: the last one may have only itself left. So a
    /// member whose two sides are all that is left (it is *tight*) trades at once, and no trade makes one exceed that.
    ///
    /// ```
    /// use market_kit::{Book, testing};
    ///
    /// let round = testing::round([("anna", 10, 10), ("ben", 10, 10)]);
    /// let mut book = Book::new(&round);
    /// book.pair(vec![10, 10], vec![10, 10], 96_200);
    /// assert_eq!(testing::lines(&round, &book.rest()), ["ben > anna 10 Wh at 96200", "anna > ben 10 Wh at 96200"]);
    /// ```
    pub fn pair(&mut self, gives: Vec<u64>, takes: Vec<u64>, price: i64) {
        let mut pairing = Pairing::new(gives, takes);
        while let Some((seller, buyer, energy)) = pairing.next() {
            self.trade(Party::Member(seller), Party::Member(buyer), energy, price);
        }
    }
}

/// What is still to be paired.
struct Pairing {
    gives: Vec<u64>,
    takes: Vec<u64>,
    /// What is left on each side, in Wh.
    left: u128,
    /// Nobody before this position takes.
    buyer: usize,
    /// Nobody before this position gives.
    seller: usize,
    /// Nobody between `seller` and this position gives.
    second: usize,
    /// Members with both sides: the sum of the two, and the position; the greatest sum first, of equal ones the first
    /// position. Entries whose sum is no longer right are dropped when they come up.
    both: BinaryHeap<(u128, Reverse<usize>)>,
}

impl Pairing {
    fn new(mut gives: Vec<u64>, mut takes: Vec<u64>) -> Self {
        let mut left = split::sum(&gives);
        // At most one member has more than all that is left: two sides each are half of everything.
        for (give, take) in gives.iter_mut().zip(&mut takes) {
            let excess = (u128::from(*give) + u128::from(*take)).saturating_sub(left);
            if excess > 0 && *give > 0 && *take > 0 {
                // OK because the excess is at most either side: the other one is at most all that is left.
                let excess = u64::try_from(excess).unwrap_or(u64::MAX);
                (*give, *take, left) = (*give - excess, *take - excess, left - u128::from(excess));
                break;
            }
        }
        let mut pairing = Pairing { gives, takes, left, buyer: 0, seller: 0, second: 0, both: BinaryHeap::new() };
        let both: Vec<_> = (0..pairing.gives.len()).filter_map(|member| pairing.entry(member)).collect();
        pairing.both = BinaryHeap::from(both);
        pairing
    }

    /// Returns the next trade: seller, buyer, Wh.
    fn next(&mut self) -> Option<(u32, u32, u64)> {
        if self.left == 0 {
            return None;
        }
        self.buyer = from(self.buyer, &self.takes)?;
        self.seller = from(self.seller, &self.gives)?;
        let (buyer, mut seller) = (self.buyer, self.seller);
        if seller == buyer {
            self.second = from(self.second.max(seller + 1), &self.gives)?;
            seller = self.second;
        }
        // Nobody is tight where nobody has both sides, as on a net basis.
        let is_plain = self.both.is_empty();
        let (mut most, third) = if is_plain { (0, seller) } else { self.greatest_other(buyer, seller) };
        let tight = |pairing: &Self, member: usize| pairing.entry(member).is_some_and(|(sum, _)| sum == pairing.left);
        if most == self.left && !tight(self, buyer) && !tight(self, seller) {
            seller = third;
            (most, _) = self.greatest_other(buyer, seller);
        }
        let room = u64::try_from(self.left - most).unwrap_or(u64::MAX);
        let energy = self.gives[seller].min(self.takes[buyer]).min(room);
        self.gives[seller] -= energy;
        self.takes[buyer] -= energy;
        self.left -= u128::from(energy);
        if !is_plain {
            let entries = [seller, buyer].map(|member| self.entry(member));
            self.both.extend(entries.into_iter().flatten());
        }
        // OK because the interface indexes parties with 32 bits.
        Some((u32::try_from(seller).ok()?, u32::try_from(buyer).ok()?, energy))
    }

    /// Returns the greatest sum of both sides among the members that have both, except these two, and whose it is; 0 if
    /// there is no such member.
    fn greatest_other(&mut self, buyer: usize, seller: usize) -> (u128, usize) {
        let mut aside = [None, None];
        let mut greatest = (0, seller);
        while let Some(&top) = self.both.peek() {
            let (sum, Reverse(member)) = top;
            let current = self.entry(member) == Some(top);
            if current && member != buyer && member != seller {
                greatest = (sum, member);
                break;
            }
            self.both.pop();
            // An entry may be there twice: once is enough.
            if current {
                aside[usize::from(member == seller)] = Some(top);
            }
        }
        self.both.extend(aside.into_iter().flatten());
        greatest
    }

    /// Returns the heap's entry for a member, if it has both sides.
    fn entry(&self, member: usize) -> Option<(u128, Reverse<usize>)> {
        let (give, take) = (self.gives[member], self.takes[member]);
        (give > 0 && take > 0).then_some((u128::from(give) + u128::from(take), Reverse(member)))
    }
}

/// Returns the first position from `start` with energy.
fn from(start: usize, energies: &[u64]) -> Option<usize> {
    let found = energies.get(start..)?.iter().position(|&energy| energy > 0)?;
    Some(start + found)
}
