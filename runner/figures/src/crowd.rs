//! What one member may see of the others: figures of so many that nobody's own can be read from them.
//!
//! A figure hides those who are in it if they are at least [`OTHERS_MIN`], and none has more than half of it. Whoever looks is
//! never in it, since it knows its own part and could take it off.

use std::cmp::Reverse;

/// In how many others nobody is seen.
pub const OTHERS_MIN: usize = crate::statement::NEIGHBOURS_MIN;

/// Returns whether the sum of these energies, each of another member, hides every one of them. Those of 0 do not count.
///
/// ```
/// use figures::crowd::hides;
///
/// assert!(hides([1, 1, 1, 1, 4]));
/// assert!(!hides([1, 1, 1, 1, 5])); // one has more than half
/// assert!(!hides([1, 1, 1, 1, 0])); // four are too few
/// ```
pub fn hides(energies: impl IntoIterator<Item = u64>) -> bool {
    let mut crowd = Crowd::default();
    energies.into_iter().for_each(|energy| crowd.add(energy));
    crowd.hides()
}

/// Others whose energies are added up.
#[derive(Clone, Copy, Debug, Default)]
struct Crowd {
    members: usize,
    sum: u128,
    most: u64,
}

impl Crowd {
    fn add(&mut self, energy: u64) {
        if energy > 0 {
            self.members += 1;
            self.sum += u128::from(energy);
            self.most = self.most.max(energy);
        }
    }

    fn hides(self) -> bool {
        self.members >= OTHERS_MIN && u128::from(self.most) * 2 <= self.sum
    }
}

/// What another member offers or bids.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Other {
    /// The lowest price at which it sells, or the highest at which it buys, in µEUR/kWh.
    pub price: i64,
    /// How much, in Wh.
    pub energy: u64,
}

/// Several others together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Step {
    /// Their mean price by energy, in µEUR/kWh, rounded down.
    pub price: i64,
    /// What they have together, in Wh.
    pub energy: u128,
}

/// The merit orders of the others in steps that hide everybody.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Curves {
    /// What they offer, the cheapest first.
    pub offers: Vec<Step>,
    /// What they want, the highest bid first.
    pub bids: Vec<Step>,
}

impl Curves {
    /// Makes the curves of all others; `None` if one side does not hide those who are in it. Then neither may be seen: from the
    /// sum of the one side and its own trades, whoever looks could work out the other.
    ///
    /// The result does not depend on which of the others has which offer or bid.
    pub fn of(mut offers: Vec<Other>, mut bids: Vec<Other>) -> Option<Curves> {
        for others in [&mut offers, &mut bids] {
            others.retain(|other| other.energy > 0);
        }
        // By price, then by energy, so that equal prices do not come in an order that tells who is who.
        offers.sort_unstable_by_key(|other| (other.price, other.energy));
        bids.sort_unstable_by_key(|other| (Reverse(other.price), other.energy));
        Some(Curves { offers: steps(&offers)?, bids: steps(&bids)? })
    }
}

/// Joins others, in order, into as many steps as hide everybody; `None` if not even one does.
fn steps(others: &[Other]) -> Option<Vec<Step>> {
    let mut groups: Vec<&[Other]> = Vec::new();
    let hides = |group: &[Other]| hides(group.iter().map(|other| other.energy));
    let mut from = 0;
    for until in 1..=others.len() {
        let group = others.get(from..until)?;
        if hides(group) {
            groups.push(group);
            from = until;
        }
    }
    // Who is left over joins those before, as many as it takes.
    while from < others.len() {
        from -= groups.pop()?.len();
        let group = others.get(from..)?;
        if hides(group) {
            groups.push(group);
            from = others.len();
        }
    }
    groups.into_iter().map(Step::of).collect::<Option<Vec<Step>>>().filter(|steps| !steps.is_empty())
}

impl Step {
    fn of(others: &[Other]) -> Option<Step> {
        let energy: u128 = others.iter().map(|other| u128::from(other.energy)).sum();
        let mut worth = 0_i128;
        for other in others {
            worth = worth.checked_add(i128::from(other.price).checked_mul(other.energy.into())?)?;
        }
        let price = worth.checked_div_euclid(i128::try_from(energy).ok()?)?;
        Some(Step { price: i64::try_from(price).ok()?, energy })
    }
}

#[cfg(test)]
mod tests {
    use proptest::collection::vec;
    use proptest::prelude::*;

    use super::*;

    fn others(numbers: &[(i64, u64)]) -> Vec<Other> {
        numbers.iter().map(|&(price, energy)| Other { price, energy }).collect()
    }

    #[test]
    fn a_step_joins_as_few_as_hide_each_other() {
        let ten: Vec<(i64, u64)> = (0..10).map(|price| (price, 100)).collect();
        let curves = Curves::of(others(&ten), others(&ten)).unwrap();
        assert_eq!(curves.offers, [Step { price: 2, energy: 500 }, Step { price: 7, energy: 500 }]);
        assert_eq!(curves.bids, [Step { price: 7, energy: 500 }, Step { price: 2, energy: 500 }]);
        // The eleventh joins the five before it.
        let eleven = [ten.as_slice(), &[(20, 100)]].concat();
        assert_eq!(Curves::of(others(&eleven), others(&ten)).unwrap().offers[1], Step { price: 9, energy: 600 });
        // One that is too large joins as many as it takes.
        let large = [ten.as_slice(), &[(20, 900)]].concat();
        assert_eq!(Curves::of(others(&large), others(&ten)).unwrap().offers, [Step { price: 11, energy: 1900 }]);
    }

    #[test]
    fn too_few_or_one_above_half_show_nothing_of_either_side() {
        let five: Vec<(i64, u64)> = (0..5).map(|price| (price, 100)).collect();
        assert!(Curves::of(others(&five), others(&five)).is_some());
        assert_eq!(Curves::of(others(&five), others(&five[..4])), None);
        assert_eq!(Curves::of(others(&[&five[..4], &[(9, 401)]].concat()), others(&five)), None);
        assert_eq!(Curves::of(Vec::new(), others(&five)), None);
        assert_eq!(Curves::of(others(&[(i64::MAX, u64::MAX); 9]), others(&five)), None);
    }

    proptest! {
        #[test]
        fn prop_every_step_hides_all_who_are_in_it(
            mut sellers in vec((0..9_i64, 0..2_000_u64), 0..40),
            buyers in vec((0..9_i64, 0..2_000_u64), 5..40),
            turn in 0..40_usize,
        ) {
            let curves = Curves::of(others(&sellers), others(&buyers));
            // Whoever has which offer, the page is the same.
            let len = sellers.len().max(1);
            sellers.rotate_left(turn % len);
            prop_assert_eq!(&Curves::of(others(&sellers), others(&buyers)), &curves);
            sellers.retain(|&(_, energy)| energy > 0);
            sellers.sort_unstable();
            let all = hides(sellers.iter().map(|it| it.1)) && hides(buyers.iter().map(|it| it.1));
            prop_assert_eq!(curves.is_some(), all);
            let mut left = sellers.as_slice();
            for step in curves.iter().flat_map(|curves| &curves.offers) {
                // Of those in the step, the sum is exactly the step's.
                let mut sum = 0;
                let count = left.iter().take_while(|it| { sum += u128::from(it.1); sum <= step.energy }).count();
                let (inside, rest) = left.split_at(count);
                prop_assert_eq!(inside.iter().map(|it| u128::from(it.1)).sum::<u128>(), step.energy);
                prop_assert!(hides(inside.iter().map(|it| it.1)));
                prop_assert!(inside[0].0 <= step.price && step.price <= inside[count - 1].0);
                left = rest;
            }
            prop_assert!(curves.is_none() || left.is_empty());
        }

        #[test]
        fn prop_a_watt_hour_more_here_and_less_there_changes_nothing_at_one_price(
            energies in vec(10..20_u64, 6..30), from in 0..6_usize, to in 0..6_usize,
        ) {
            // All in one step, as long as there are fewer than ten.
            let energies = &energies[..energies.len().min(9)];
            let mut moved = energies.to_vec();
            moved[from] -= 1;
            moved[to] += 1;
            let at_one = |energies: &[u64]| energies.iter().map(|&energy| Other { price: 7, energy }).collect::<Vec<_>>();
            let curves = |energies: &[u64]| Curves::of(at_one(energies), at_one(energies));
            prop_assert!(curves(energies).is_some());
            prop_assert_eq!(curves(energies), curves(&moved));
        }
    }
}
