//! Sharing keys that distribute what each injector feeds in by itself, as the grid operator of Flanders (Fluvius) does.

use alloc::{vec, vec::Vec};
use core::mem;

use crate::{
    cascade,
    split::{parts, sum},
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
    /// ([`turn`](crate::turn)). Takes time of order injectors × holders.
    #[must_use]
    pub fn of(first: usize, surpluses: &[u64], deficits: &[u64], shares: &[u64], offer: Offer) -> Self {
        let mut holders = Holders::new(first, shares);
        let mut offered = vec![0; surpluses.len()];
        let mut wanted = vec![0_u128; deficits.len()];
        for (injector, &surplus) in surpluses.iter().enumerate().filter(|&(_, &surplus)| surplus > 0) {
            let parts = holders.parts(injector, surplus, offer);
            for (&holder, part) in holders.order.iter().zip(parts) {
                if holder != injector {
                    wanted[holder] += u128::from(part);
                    offered[injector] += part;
                }
            }
        }
        let takes: Vec<u64> = wanted
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

/// Those who have a share, in the order of the circle.
struct Holders {
    order: Vec<usize>,
    weights: Vec<u64>,
    total: u128,
    /// The place of each position in the order.
    place: Vec<Option<usize>>,
}

impl Holders {
    fn new(first: usize, shares: &[u64]) -> Self {
        let circle = (first..shares.len()).chain(0..first.min(shares.len()));
        let order: Vec<usize> = circle.filter(|&position| shares[position] > 0).collect();
        let weights: Vec<u64> = order.iter().map(|&position| shares[position]).collect();
        let mut place = vec![None; shares.len()];
        for (index, &position) in order.iter().enumerate() {
            place[position] = Some(index);
        }
        Self { total: sum(&weights), order, weights, place }
    }

    /// Splits what an injector offers, its own part included where the rule gives it one.
    fn parts(&mut self, injector: usize, surplus: u64, offer: Offer) -> Vec<u64> {
        match (offer, self.place[injector]) {
            (Offer::Fixed(total_share), _) => {
                parts(u128::from(surplus) * u128::from(total_share) / 1_000_000, &self.weights, self.total)
            }
            (Offer::Relative, None) => parts(surplus.into(), &self.weights, self.total),
            (Offer::Relative, Some(own)) => {
                let share = mem::take(&mut self.weights[own]);
                let parts = parts(surplus.into(), &self.weights, self.total - u128::from(share));
                self.weights[own] = share;
                parts
            }
        }
    }
}
