//! Numbers and texts packed into few bytes: variable-length integers, columns of which most values are usual, and a check
//! of the whole.

use domain::Digest;

use super::InvalidRecord;

/// The checksum at the end of packed bytes: the first bytes of their SHA-256.
const SUM_BYTES: usize = 8;

fn checksum(bytes: &[u8]) -> [u8; SUM_BYTES] {
    Digest::of(bytes).as_bytes().first_chunk().copied().unwrap_or_default()
}

/// Writes packed values one after the other.
pub(super) struct Packer(Vec<u8>);

impl Packer {
    /// Begins with the version of what follows.
    pub(super) fn new(version: u8, capacity: usize) -> Packer {
        let mut bytes = Vec::with_capacity(capacity);
        bytes.push(version);
        Packer(bytes)
    }

    /// Ends with the checksum of everything before.
    pub(super) fn finish(mut self) -> Vec<u8> {
        let sum = checksum(&self.0);
        self.0.extend_from_slice(&sum);
        self.0
    }

    /// Seven bits a byte, the low ones first.
    #[allow(clippy::cast_possible_truncation, reason = "OK because only the low seven bits are taken")]
    pub(super) fn u128(&mut self, mut number: u128) {
        if let Ok(small) = u64::try_from(number) {
            return self.u64(small);
        }
        while number >= 0x80 {
            self.0.push(number as u8 | 0x80);
            number >>= 7;
        }
        self.0.push(number as u8);
    }

    #[allow(clippy::cast_possible_truncation, reason = "OK because only the low seven bits are taken")]
    pub(super) fn u64(&mut self, mut number: u64) {
        while number >= 0x80 {
            self.0.push(number as u8 | 0x80);
            number >>= 7;
        }
        self.0.push(number as u8);
    }

    pub(super) fn u32(&mut self, number: u32) {
        self.u64(number.into());
    }

    pub(super) fn len(&mut self, length: usize) {
        self.u64(length as u64);
    }

    /// Small numbers of either sign in few bytes.
    #[allow(clippy::cast_sign_loss, reason = "OK because the shifts move the sign to the lowest bit")]
    pub(super) fn i64(&mut self, number: i64) {
        self.u64((number << 1 ^ number >> 63) as u64);
    }

    #[allow(clippy::cast_sign_loss, reason = "OK because the shifts move the sign to the lowest bit")]
    pub(super) fn i128(&mut self, number: i128) {
        self.u128((number << 1 ^ number >> 127) as u128);
    }

    pub(super) fn bytes(&mut self, bytes: &[u8]) {
        self.len(bytes.len());
        self.0.extend_from_slice(bytes);
    }

    /// Writes bytes as they are.
    #[cfg(test)]
    pub(super) fn raw(&mut self, bytes: &[u8]) {
        self.0.extend_from_slice(bytes);
    }

    /// Writes those values of a column that are not the usual ones, each with its distance from the one before.
    pub(super) fn sparse<T>(
        &mut self,
        column: impl IntoIterator<Item = Option<T>>,
        mut write: impl FnMut(&mut Packer, T),
    ) {
        let unusual: Vec<(usize, T)> =
            column.into_iter().enumerate().filter_map(|(index, value)| Some((index, value?))).collect();
        self.len(unusual.len());
        let mut next = 0;
        for (index, value) in unusual {
            self.len(index - next);
            write(self, value);
            next = index + 1;
        }
    }
}

/// Reads packed values in the order in which they were written.
pub(super) struct Unpacker<'b>(&'b [u8]);

fn too_short() -> InvalidRecord {
    InvalidRecord::new("it ends too early")
}

impl<'b> Unpacker<'b> {
    /// Begins to read what was written with this version, and checks that nothing has changed since.
    ///
    /// # Errors
    /// If the bytes are of another version, or are not those that were written.
    pub(super) fn new(bytes: &'b [u8], version: u8) -> Result<Unpacker<'b>, InvalidRecord> {
        let (packed, sum) = bytes.split_last_chunk::<SUM_BYTES>().ok_or_else(too_short)?;
        let (found, rest) = packed.split_first().ok_or_else(too_short)?;
        if *found != version {
            let reason = format!("it has version {found}, but this program knows only {version}");
            return Err(InvalidRecord::new(reason));
        }
        if checksum(packed) != *sum {
            return Err(InvalidRecord::new("it is not what was written (its checksum differs)"));
        }
        Ok(Unpacker(rest))
    }

    /// Checks that nothing is left.
    pub(super) fn finish(self) -> Result<(), InvalidRecord> {
        if self.0.is_empty() { Ok(()) } else { Err(InvalidRecord::new("something is left at its end")) }
    }

    fn byte(&mut self) -> Result<u8, InvalidRecord> {
        let (byte, rest) = self.0.split_first().ok_or_else(too_short)?;
        self.0 = rest;
        Ok(*byte)
    }

    pub(super) fn u64(&mut self) -> Result<u64, InvalidRecord> {
        let first = self.byte()?;
        if first < 0x80 {
            return Ok(first.into());
        }
        let (mut number, mut shift) = (u64::from(first & 0x7f), 7);
        loop {
            let byte = self.byte()?;
            let part = u64::from(byte & 0x7f);
            if shift >= u64::BITS || part << shift >> shift != part {
                return Err(InvalidRecord::new("a number has more than 64 bits"));
            }
            number |= part << shift;
            if byte < 0x80 {
                return Ok(number);
            }
            shift += 7;
        }
    }

    pub(super) fn u128(&mut self) -> Result<u128, InvalidRecord> {
        // What nine bytes hold fits 64 bits.
        let (mut small, mut shift) = (0_u64, 0);
        while shift < 63 {
            let byte = self.byte()?;
            small |= u64::from(byte & 0x7f) << shift;
            if byte < 0x80 {
                return Ok(small.into());
            }
            shift += 7;
        }
        let mut number = u128::from(small);
        loop {
            let byte = self.byte()?;
            let part = u128::from(byte & 0x7f);
            if shift >= u128::BITS || part << shift >> shift != part {
                return Err(InvalidRecord::new("a number has more than 128 bits"));
            }
            number |= part << shift;
            if byte < 0x80 {
                return Ok(number);
            }
            shift += 7;
        }
    }

    pub(super) fn u32(&mut self) -> Result<u32, InvalidRecord> {
        u32::try_from(self.u64()?).map_err(|_| InvalidRecord::new("a number has more than 32 bits"))
    }

    #[allow(clippy::cast_possible_wrap, reason = "OK because the sign is the lowest bit")]
    pub(super) fn i64(&mut self) -> Result<i64, InvalidRecord> {
        let number = self.u64()?;
        Ok((number >> 1) as i64 ^ -((number & 1) as i64))
    }

    #[allow(clippy::cast_possible_wrap, reason = "OK because the sign is the lowest bit")]
    pub(super) fn i128(&mut self) -> Result<i128, InvalidRecord> {
        let number = self.u128()?;
        Ok((number >> 1) as i128 ^ -((number & 1) as i128))
    }

    /// A number of values, each of which has at least one byte: a wrong number takes no memory.
    pub(super) fn len(&mut self) -> Result<usize, InvalidRecord> {
        let length = usize::try_from(self.u64()?).ok().filter(|length| *length <= self.0.len());
        length.ok_or_else(too_short)
    }

    pub(super) fn bytes(&mut self) -> Result<&'b [u8], InvalidRecord> {
        let length = self.len()?;
        let (bytes, rest) = self.0.split_at_checked(length).ok_or_else(too_short)?;
        self.0 = rest;
        Ok(bytes)
    }

    pub(super) fn text(&mut self) -> Result<&'b str, InvalidRecord> {
        std::str::from_utf8(self.bytes()?).map_err(InvalidRecord::new)
    }

    /// Reads a column of so many values.
    pub(super) fn column<T>(
        &mut self,
        length: usize,
        read: impl FnMut(&mut Self) -> Result<T, InvalidRecord>,
    ) -> Result<Vec<T>, InvalidRecord> {
        let mut read = read;
        (0..length).map(|_| read(self)).collect()
    }

    /// Reads the values of a column that are not the usual ones, with their places in ascending order.
    pub(super) fn sparse<T>(
        &mut self,
        length: usize,
        mut read: impl FnMut(&mut Self) -> Result<T, InvalidRecord>,
    ) -> Result<Vec<(usize, T)>, InvalidRecord> {
        let mut next = 0_usize;
        let count = self.len()?;
        let mut one = || {
            let index = usize::try_from(self.u64()?).ok().and_then(|distance| next.checked_add(distance));
            let index = index.filter(|index| *index < length);
            let index = index.ok_or_else(|| InvalidRecord::new("a value belongs to no row"))?;
            next = index + 1;
            Ok((index, read(self)?))
        };
        (0..count).map(|_| one()).collect()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn numbers_are_read_as_written(
            small in any::<u64>(), large in any::<u128>(), signed in any::<i64>(), wide in any::<i128>(),
            column in prop::collection::vec(prop::option::of(any::<i64>()), 0..40), shift in 0_u32..64,
        ) {
            let mut packer = Packer::new(3, 0);
            packer.u64(small >> shift);
            packer.u128(large >> (2 * shift));
            packer.i64(signed >> shift);
            packer.i128(wide >> shift);
            packer.sparse(column.iter().copied(), Packer::i64);
            packer.bytes(b"end");
            let bytes = packer.finish();
            let mut unpacker = Unpacker::new(&bytes, 3).unwrap();
            prop_assert_eq!(unpacker.u64().unwrap(), small >> shift);
            prop_assert_eq!(unpacker.u128().unwrap(), large >> (2 * shift));
            prop_assert_eq!(unpacker.i64().unwrap(), signed >> shift);
            prop_assert_eq!(unpacker.i128().unwrap(), wide >> shift);
            let mut read = vec![None; column.len()];
            for (index, value) in unpacker.sparse(column.len(), Unpacker::i64).unwrap() {
                read[index] = Some(value);
            }
            prop_assert_eq!(read, column);
            prop_assert_eq!(unpacker.text().unwrap(), "end");
            unpacker.finish().unwrap();
        }

        #[test]
        fn no_bytes_make_it_panic(bytes in prop::collection::vec(any::<u8>(), 0..60)) {
            let mut unpacker = Unpacker(&bytes);
            let _ = unpacker.sparse(9, Unpacker::u128);
            let _ = unpacker.len().and_then(|length| unpacker.column(length, Unpacker::i64));
            let _ = unpacker.text().map(str::len);
        }
    }

    #[test]
    fn what_was_changed_is_refused() {
        let mut packer = Packer::new(1, 0);
        packer.bytes(b"some text");
        let bytes = packer.finish();
        assert!(Unpacker::new(&bytes, 1).is_ok());
        assert!(Unpacker::new(&bytes, 2).is_err());
        for index in 0..bytes.len() {
            let mut changed = bytes.clone();
            changed[index] ^= 4;
            assert!(Unpacker::new(&changed, 1).is_err(), "{index}");
            assert!(Unpacker::new(&bytes[..index], 1).is_err(), "{index}");
        }
        for numbers in [&[0xff; 20][..], &[0x80]] {
            assert!(Unpacker(numbers).u64().is_err() && Unpacker(numbers).u128().is_err());
        }
    }
}
