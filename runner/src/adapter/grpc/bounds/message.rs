//! Follows the bytes of a request: where its messages begin and end, how many entries they have, and how large they are unpacked.
//!
//! An entry takes two bytes on the wire and a hundred in memory, and a packed message a thousandth of what it becomes, so that the
//! size of a message does not bound what it costs.

use std::io::{self, Write};

use flate2::write::GzDecoder;

/// The flag and the length before a message.
const PREFIX_BYTES: u8 = 5;

/// What the bytes that were read are about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Event {
    /// A message of that length begins.
    Begins(u32),
    /// A message is complete; unpacked, it has so many bytes more.
    Ends(usize),
}

/// What no message may be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Excess {
    /// It has more entries than it may.
    Entries,
    /// Unpacked, it is longer than it may be.
    Bytes,
}

/// What a message may be at most.
#[derive(Clone, Copy, Debug)]
pub(super) struct Most {
    pub(super) entries: usize,
    pub(super) bytes: usize,
}

/// Reads one body.
pub(super) struct Messages {
    most: Most,
    state: State,
}

enum State {
    Prefix { bytes: u8, packed: bool, length: u32 },
    Message { left: u32, content: Content },
}

enum Content {
    Plain(Fields),
    Packed(Box<GzDecoder<Unpacked>>),
    /// It cannot be unpacked, as whoever decodes it will find too.
    Broken,
}

const NEXT: State = State::Prefix { bytes: 0, packed: false, length: 0 };

impl Messages {
    pub(super) fn new(most: Most) -> Messages {
        Messages { most, state: NEXT }
    }

    /// Reads up to the next event; answers how many bytes that were. All of them, if there is no event.
    pub(super) fn read(&mut self, bytes: &[u8]) -> Result<(usize, Option<Event>), Excess> {
        for (at, byte) in bytes.iter().enumerate() {
            let State::Prefix { bytes: have, packed, length } = &mut self.state else {
                let (read, event) = self.content(bytes.get(at..).unwrap_or_default())?;
                return Ok((at + read, event));
            };
            match *have {
                0 => *packed = *byte != 0,
                _ => *length = *length << 8 | u32::from(*byte),
            }
            *have += 1;
            if *have == PREFIX_BYTES {
                let (packed, length) = (*packed, *length);
                self.state = match length {
                    0 => NEXT,
                    left => State::Message { left, content: Content::new(packed, self.most) },
                };
                return Ok((at + 1, Some(Event::Begins(length))));
            }
        }
        Ok((bytes.len(), None))
    }

    fn content(&mut self, bytes: &[u8]) -> Result<(usize, Option<Event>), Excess> {
        let State::Message { left, content } = &mut self.state else { return Ok((0, None)) };
        let length = bytes.len().min(usize::try_from(*left).unwrap_or(usize::MAX));
        content.read(bytes.get(..length).unwrap_or_default())?;
        *left = left.saturating_sub(u32::try_from(length).unwrap_or(u32::MAX));
        if *left > 0 {
            return Ok((length, None));
        }
        let unpacked = content.unpacked();
        self.state = NEXT;
        Ok((length, Some(Event::Ends(unpacked))))
    }
}

impl Content {
    fn new(packed: bool, most: Most) -> Content {
        let fields = Fields { most: most.entries, entries: 0, state: KEY };
        if packed {
            let unpacked = Unpacked { fields, most: most.bytes, bytes: 0, excess: None };
            Content::Packed(Box::new(GzDecoder::new(unpacked)))
        } else {
            Content::Plain(fields)
        }
    }

    fn read(&mut self, bytes: &[u8]) -> Result<(), Excess> {
        match self {
            Content::Plain(fields) => fields.read(bytes),
            Content::Packed(decoder) => {
                // What is unpacked is counted and dropped.
                let read = decoder.write_all(bytes).and_then(|()| decoder.flush());
                match (decoder.get_ref().excess, read) {
                    (Some(excess), _) => return Err(excess),
                    (None, Err(_)) => *self = Content::Broken,
                    (None, Ok(())) => {}
                }
                Ok(())
            }
            Content::Broken => Ok(()),
        }
    }

    fn unpacked(&self) -> usize {
        match self {
            Content::Packed(decoder) => decoder.get_ref().bytes,
            Content::Plain(_) | Content::Broken => 0,
        }
    }
}

/// Counts what a packed message becomes.
struct Unpacked {
    fields: Fields,
    most: usize,
    bytes: usize,
    excess: Option<Excess>,
}

impl Write for Unpacked {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.bytes += bytes.len();
        let read = self.fields.read(bytes);
        self.excess = if self.bytes > self.most { Some(Excess::Bytes) } else { read.err() };
        match self.excess {
            Some(_) => Err(io::Error::other("too much")),
            None => Ok(bytes.len()),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Counts the fields of a message.
struct Fields {
    most: usize,
    entries: usize,
    state: Field,
}

#[derive(Clone, Copy)]
enum Field {
    /// The key of a field: its number and kind.
    Key(Varint),
    /// The value of a field that is a number.
    Number,
    /// The length of a field that has one.
    Length(Varint),
    /// The rest of a field.
    Skip(u64),
}

#[derive(Clone, Copy)]
struct Varint {
    value: u64,
    bits: u32,
}

const ZERO: Varint = Varint { value: 0, bits: 0 };
const KEY: Field = Field::Key(ZERO);

impl Varint {
    /// The value, if this byte is its last.
    fn read(&mut self, byte: u8) -> Option<u64> {
        // One that is too long is for the decoder to refuse.
        self.value |= u64::from(byte & 0x7f).checked_shl(self.bits).unwrap_or_default();
        self.bits = self.bits.saturating_add(7);
        (byte & 0x80 == 0).then_some(self.value)
    }
}

impl Fields {
    fn read(&mut self, bytes: &[u8]) -> Result<(), Excess> {
        let mut rest = bytes;
        while let Some((&byte, after)) = rest.split_first() {
            if let Field::Skip(skip) = self.state {
                let skipped = rest.len().min(usize::try_from(skip).unwrap_or(usize::MAX));
                rest = rest.get(skipped..).unwrap_or_default();
                self.state = match skip.saturating_sub(u64::try_from(skipped).unwrap_or(u64::MAX)) {
                    0 => KEY,
                    left => Field::Skip(left),
                };
                continue;
            }
            self.state = self.after(byte)?;
            rest = after;
        }
        Ok(())
    }

    fn after(&mut self, byte: u8) -> Result<Field, Excess> {
        Ok(match self.state {
            Field::Key(mut varint) => match varint.read(byte) {
                None => Field::Key(varint),
                Some(key) => {
                    self.entries += 1;
                    if self.entries > self.most {
                        return Err(Excess::Entries);
                    }
                    // The kind is in the lowest three bits (protobuf's encoding, "Message Structure").
                    match key & 7 {
                        0 => Field::Number,
                        1 => Field::Skip(8),
                        2 => Field::Length(ZERO),
                        5 => Field::Skip(4),
                        _ => KEY,
                    }
                }
            },
            Field::Number if byte & 0x80 == 0 => KEY,
            Field::Length(mut varint) => match varint.read(byte) {
                None => Field::Length(varint),
                Some(0) => KEY,
                Some(length) => Field::Skip(length),
            },
            Field::Number | Field::Skip(_) => self.state,
        })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use prost::Message;
    use wire::{ListPricesUpdate, PriceUpdate};

    use super::*;

    fn prefixed(message: &[u8]) -> Vec<u8> {
        [&[0][..], &u32::try_from(message.len()).unwrap().to_be_bytes(), message].concat()
    }

    fn prices(number: usize) -> Vec<u8> {
        let entry =
            |number: usize| PriceUpdate { meter_id: "m".repeat(number % 200), buy_price: 0.2, ..Default::default() };
        prefixed(&ListPricesUpdate { prices: (0..number).map(entry).collect() }.encode_to_vec())
    }

    /// All events of bytes that come in pieces.
    fn events(entries: usize, bytes: &[u8], piece: usize) -> Result<Vec<Event>, Excess> {
        let most = Most { entries, bytes: 10_000 };
        let (mut messages, mut events) = (Messages::new(most), Vec::new());
        for mut piece in bytes.chunks(piece) {
            while !piece.is_empty() {
                let (read, event) = messages.read(piece)?;
                events.extend(event);
                piece = &piece[read..];
            }
        }
        Ok(events)
    }

    #[test]
    fn messages_are_followed_and_their_entries_counted_in_whatever_pieces_they_come() {
        let bytes = [prices(40), prefixed(&[]), prices(3)].concat();
        let length = |number| u32::try_from(prices(number).len() - 5).unwrap();
        let expected =
            [Event::Begins(length(40)), Event::Ends(0), Event::Begins(0), Event::Begins(length(3)), Event::Ends(0)];
        for piece in [1, 2, 3, 7, 100, 100_000] {
            assert_eq!(events(40, &bytes, piece).unwrap(), expected, "{piece}");
            assert_eq!(events(39, &bytes, piece), Err(Excess::Entries), "{piece}");
        }
        // Entries without content are entries too.
        assert_eq!(events(1000, &prefixed(&[0x0a, 0].repeat(1001)), 64), Err(Excess::Entries));
    }

    /// A message as a caller sends it that packs it.
    fn packed(message: &[u8]) -> Vec<u8> {
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
        encoder.write_all(message).unwrap();
        let mut packed = prefixed(&encoder.finish().unwrap());
        packed[0] = 1;
        packed
    }

    #[test]
    fn what_is_packed_is_counted_as_what_it_becomes() {
        let message = prices(40)[5..].to_vec();
        let bytes = packed(&message);
        let length = u32::try_from(bytes.len() - 5).unwrap();
        for piece in [1, 7, 100_000] {
            let expected = [Event::Begins(length), Event::Ends(message.len())];
            assert_eq!(events(40, &bytes, piece).unwrap(), expected, "{piece}");
            assert_eq!(events(39, &bytes, piece), Err(Excess::Entries), "{piece}");
            // One entry that is longer than a message may be.
            let long = [&[0x0a, 0x90, 0x4e][..], &[b'x'; 10_000]].concat();
            assert_eq!(events(40, &packed(&long), piece), Err(Excess::Bytes), "{piece}");
        }
        // Whoever decodes it says what is wrong with it.
        let broken = [&[1][..], &prefixed(b"no such format")[1..]].concat();
        assert_eq!(events(40, &broken, 3).unwrap(), [Event::Begins(14), Event::Ends(0)]);
    }

    proptest! {
        #[test]
        fn whatever_a_message_is_it_ends_where_it_says(noise in prop::collection::vec(any::<u8>(), 1..300), piece in 1_usize..50) {
            let bytes = [prefixed(&noise), prefixed(&noise)].concat();
            let length = u32::try_from(noise.len()).unwrap();
            let each = [Event::Begins(length), Event::Ends(0)];
            prop_assert_eq!(events(usize::MAX, &bytes, piece).unwrap(), [each, each].concat());
        }
    }
}
