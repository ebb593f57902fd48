//! The names of members and meters of one record, each once: the others refer to them by their place.

use domain::names::SortedNames;

use super::InvalidRecord;
use super::pack::{Packer, Unpacker};

/// Names while a record is written.
pub(super) struct NameTable<'n>(SortedNames<'n>);

impl<'n> NameTable<'n> {
    /// Takes names as [`SortedNames::of`] does.
    pub(super) fn of(names: impl Iterator<Item = &'n str>) -> NameTable<'n> {
        NameTable(SortedNames::of(names))
    }

    /// The place of a name; 0 for one that was not given, which none is.
    pub(super) fn place(&self, name: &str) -> u32 {
        self.0.place(name).and_then(|place| u32::try_from(place).ok()).unwrap_or(0)
    }

    pub(super) fn len(&self) -> usize {
        self.0.as_slice().len()
    }

    /// Writes the names in order, each without what it shares with the one before.
    pub(super) fn write(&self, packer: &mut Packer) {
        packer.len(self.len());
        let mut before: &[u8] = &[];
        for name in self.0.as_slice() {
            let name = name.as_bytes();
            let shared = before.iter().zip(name).take_while(|(a, b)| a == b).count();
            packer.len(shared);
            packer.bytes(name.get(shared..).unwrap_or_default());
            before = name;
        }
    }
}

/// The names of a record that is read, in order.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Names {
    text: String,
    /// Where each name ends in the text.
    ends: Vec<usize>,
}

impl Names {
    pub(super) fn read(unpacker: &mut Unpacker<'_>) -> Result<Names, InvalidRecord> {
        let count = unpacker.len()?;
        let mut names = Names { text: String::with_capacity(count * 8), ends: Vec::with_capacity(count) };
        let mut name: Vec<u8> = Vec::new();
        for _ in 0..count {
            let shared = usize::try_from(unpacker.u64()?).ok().filter(|shared| *shared <= name.len());
            name.truncate(shared.ok_or_else(|| InvalidRecord::new("a name begins as none before it"))?);
            name.extend_from_slice(unpacker.bytes()?);
            names.text.push_str(std::str::from_utf8(&name).map_err(InvalidRecord::new)?);
            names.ends.push(names.text.len());
        }
        Ok(names)
    }

    pub(super) fn len(&self) -> usize {
        self.ends.len()
    }

    pub(super) fn memory_bytes(&self) -> usize {
        self.text.len() + self.ends.len() * size_of::<usize>()
    }

    /// Each name, in order.
    pub fn iter(&self) -> impl Iterator<Item = &str> {
        (0..self.len()).filter_map(|place| self.get(place))
    }

    /// The name at a place, from 0.
    pub fn get(&self, place: usize) -> Option<&str> {
        let start = match place.checked_sub(1) {
            Some(before) => *self.ends.get(before)?,
            None => 0,
        };
        self.text.get(start..*self.ends.get(place)?)
    }

    /// Where a name is, if it is among them.
    pub fn place(&self, name: &str) -> Option<usize> {
        let (mut low, mut high) = (0, self.len());
        while low < high {
            let middle = usize::midpoint(low, high);
            match self.get(middle)?.cmp(name) {
                std::cmp::Ordering::Less => low = middle + 1,
                std::cmp::Ordering::Greater => high = middle,
                std::cmp::Ordering::Equal => return Some(middle),
            }
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn names_are_read_as_written(texts in prop::collection::vec("[a-cäö€]{0,6}", 0..30)) {
            let table = NameTable::of(texts.iter().map(String::as_str));
            let mut packer = Packer::new(0, 0);
            table.write(&mut packer);
            let bytes = packer.finish();
            let mut unpacker = Unpacker::new(&bytes, 0).unwrap();
            let names = Names::read(&mut unpacker).unwrap();
            unpacker.finish().unwrap();
            prop_assert!(names.iter().is_sorted());
            for text in &texts {
                let place = names.place(text).unwrap();
                prop_assert_eq!(names.get(place), Some(text.as_str()));
                prop_assert_eq!(table.place(text), u32::try_from(place).unwrap());
            }
            prop_assert_eq!(names.place("nobody"), None);
            prop_assert_eq!(names.get(names.len()), None);
        }
    }
}
