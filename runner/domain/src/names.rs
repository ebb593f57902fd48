//! The different names among many, in order, each known by its place.
//!
//! Everything of an interval is sums and columns by name, and most names come again and again as the same text in memory. Such
//! names are told from each other by where they are, without reading them, and each text is compared with others only once.

use std::borrow::Borrow;
use std::collections::hash_map::Entry;
use std::collections::{BTreeMap, HashMap};
use std::hash::{BuildHasherDefault, Hasher};

/// Different names in byte order.
#[derive(Debug, Default)]
pub struct SortedNames<'n> {
    names: Vec<&'n str>,
    /// The place of each name by where its text is. Texts cannot move or end while they are borrowed.
    places: HashMap<Address, usize, BuildHasherDefault<AddressHasher>>,
}

/// Where a text is, and its length.
type Address = (usize, usize);

fn address(name: &str) -> Address {
    (name.as_ptr().addr(), name.len())
}

impl<'n> SortedNames<'n> {
    /// Takes names, in any order and as often as they come. It is fastest if most come in order at first.
    pub fn of(names: impl Iterator<Item = &'n str>) -> SortedNames<'n> {
        let mut sorted = SortedNames::default();
        for name in names {
            if let Entry::Vacant(new) = sorted.places.entry(address(name)) {
                new.insert(sorted.names.len());
                sorted.names.push(name);
            }
        }
        let mut order: Vec<(&str, usize)> = sorted.names.drain(..).zip(0..).collect();
        // Stable, because that sort finds what is in order already.
        order.sort_by_key(|(name, _)| *name);
        let mut places = vec![0; order.len()];
        for (name, number) in order {
            if sorted.names.last() != Some(&name) {
                sorted.names.push(name);
            }
            places[number] = sorted.names.len() - 1;
        }
        sorted.places.values_mut().for_each(|place| *place = places[*place]);
        sorted
    }

    /// Returns the place of a name, from 0; `None` if it is not among them.
    pub fn place(&self, name: &str) -> Option<usize> {
        match self.places.get(&address(name)) {
            Some(place) => Some(*place),
            None => self.names.binary_search(&name).ok(),
        }
    }

    /// Returns the names in order.
    pub fn as_slice(&self) -> &[&'n str] {
        &self.names
    }
}

/// Changes values of a map by names that come in ascending order, in one walk along the map. A name that is new gets the default
/// value first.
pub fn change_in_order<'c, K, N, V, C>(
    map: &mut BTreeMap<K, V>,
    changes: impl Iterator<Item = (&'c N, C)>,
    mut change: impl FnMut(&mut V, C),
) where
    K: Ord + Borrow<N>,
    N: Ord + ToOwned<Owned = K> + ?Sized + 'c,
    V: Default,
{
    let mut new = Vec::new();
    let mut kept = map.iter_mut().peekable();
    for (name, by) in changes {
        while kept.next_if(|(known, _)| (*known).borrow() < name).is_some() {}
        if let Some((_, value)) = kept.next_if(|(known, _)| (*known).borrow() == name) {
            change(value, by);
        } else {
            let mut value = V::default();
            change(&mut value, by);
            new.push((name.to_owned(), value));
        }
    }
    if !new.is_empty() {
        map.append(&mut new.into_iter().collect());
    }
}

/// Hashes addresses: they come from the allocator and not from outside, so that nobody chooses them to collide.
#[derive(Default)]
struct AddressHasher(u64);

impl Hasher for AddressHasher {
    fn write(&mut self, bytes: &[u8]) {
        bytes.iter().for_each(|byte| self.write_usize(usize::from(*byte)));
    }

    fn write_usize(&mut self, number: usize) {
        // An odd number without a pattern: 2⁶⁴ over the golden ratio.
        self.0 = (self.0.rotate_left(32) ^ number as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    }

    fn finish(&self) -> u64 {
        // The upper bits depend on all others, and tables look at the lower ones.
        self.0 ^ self.0 >> 32
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn names_are_the_same_wherever_their_text_is(
            texts in prop::collection::vec("[a-cäö€]{0,4}", 0..30),
            again in prop::collection::vec(any::<prop::sample::Index>(), 0..60),
        ) {
            let copies: Vec<String> = texts.clone();
            let again = again.iter().filter(|_| !texts.is_empty()).map(|index| index.get(&texts).as_str());
            let names = SortedNames::of(again.chain(copies.iter().map(String::as_str)));
            let mut expected: Vec<&str> = texts.iter().map(String::as_str).collect();
            expected.sort_unstable();
            expected.dedup();
            prop_assert_eq!(names.as_slice(), &expected[..]);
            for text in texts.iter().chain(&copies) {
                prop_assert_eq!(names.place(text), expected.iter().position(|name| name == text));
            }
            prop_assert_eq!(names.place("nobody"), None);
        }
    }

    proptest! {
        #[test]
        fn changes_in_order_are_those_one_by_one(
            kept in prop::collection::btree_map("[a-d]{0,2}", any::<u8>(), 0..12),
            changes in prop::collection::btree_map("[a-d]{0,2}", any::<u8>(), 0..12),
        ) {
            let (mut at_once, mut one_by_one) = (kept.clone(), kept);
            let add = |value: &mut u8, by: u8| *value = value.wrapping_add(by);
            change_in_order(&mut at_once, changes.iter().map(|(name, by)| (name.as_str(), *by)), add);
            changes.into_iter().for_each(|(name, by)| add(one_by_one.entry(name).or_default(), by));
            prop_assert_eq!(at_once, one_by_one);
        }
    }

    #[test]
    fn a_part_of_a_name_is_another_name() {
        let whole = "member-1";
        let names = SortedNames::of([whole, &whole[..6], &whole[..0], &whole[3..]].into_iter());
        assert_eq!(names.as_slice(), ["", "ber-1", "member", "member-1"]);
        assert_eq!(names.place(&whole[..6]), Some(2));
    }
}
