//! Reads what a Meters service answers without a message for each row: there are thousands in every interval, and each would
//! be four strings.

use std::marker::PhantomData;
use std::str::{self, Utf8Error};
use std::sync::Arc;

use prost::DecodeError;
use prost::bytes::Buf;
use prost::encoding::{DecodeContext, WireType, check_wire_type, decode_key, decode_varint, skip_field};
use tonic::Status;
use tonic::codec::{Codec, DecodeBuf, Decoder};
use tonic_prost::ProstEncoder;

use crate::QueryMeters;

/// A [`MeasurementResponse`](crate::MeasurementResponse) within the message that it came with.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Measurement<'m> {
    pub device_id: &'m str,
    pub field: &'m str,
    pub value: &'m str,
    pub date: &'m str,
}

/// Bytes that are no [`QueryResponse`](crate::QueryResponse).
#[derive(Debug, thiserror::Error)]
pub enum InvalidResponse {
    #[error("the response is malformed")]
    Malformed(#[from] DecodeError),
    #[error("the response ends within a field of {0} bytes")]
    Cut(u64),
    #[error("a text of the response is not UTF-8")]
    Text(#[from] Utf8Error),
}

/// Reads an encoded [`QueryResponse`](crate::QueryResponse): hands over each of its entries, and returns its error for people.
///
/// # Errors
/// If the bytes are no such message; entries before that were handed over.
pub fn read<'m>(
    mut message: &'m [u8],
    entry: &mut dyn FnMut(Measurement<'m>),
) -> Result<Option<&'m str>, InvalidResponse> {
    let mut error = None;
    while !message.is_empty() {
        match decode_key(&mut message)? {
            (1, wire_type) => entry(measurement(field(&mut message, wire_type)?)?),
            (3, wire_type) => error = Some(text(&mut message, wire_type)?),
            // The status, which says nothing beside that of the call.
            (2, wire_type) => {
                check_wire_type(WireType::Varint, wire_type)?;
                decode_varint(&mut message)?;
            }
            (tag, wire_type) => skip_field(wire_type, tag, &mut message, DecodeContext::default())?,
        }
    }
    Ok(error)
}

fn measurement(mut message: &[u8]) -> Result<Measurement<'_>, InvalidResponse> {
    let mut read = Measurement::default();
    while !message.is_empty() {
        let (tag, wire_type) = decode_key(&mut message)?;
        let value = match tag {
            1 => &mut read.device_id,
            2 => &mut read.field,
            3 => &mut read.value,
            4 => &mut read.date,
            _ => {
                skip_field(wire_type, tag, &mut message, DecodeContext::default())?;
                continue;
            }
        };
        *value = text(&mut message, wire_type)?;
    }
    Ok(read)
}

fn text<'m>(message: &mut &'m [u8], wire_type: WireType) -> Result<&'m str, InvalidResponse> {
    Ok(str::from_utf8(field(message, wire_type)?)?)
}

/// Takes the bytes of a field from the front of a message.
fn field<'m>(message: &mut &'m [u8], wire_type: WireType) -> Result<&'m [u8], InvalidResponse> {
    check_wire_type(WireType::LengthDelimited, wire_type)?;
    let length = decode_varint(message)?;
    let split = usize::try_from(length).ok().and_then(|length| message.split_at_checked(length));
    let (field, rest) = split.ok_or(InvalidResponse::Cut(length))?;
    *message = rest;
    Ok(field)
}

/// A response: what became of its entries, and its error for people.
#[derive(Debug, Default)]
pub struct Answer<R> {
    pub entries: R,
    pub error: Option<String>,
}

/// The codec of `RetrieveMeasurement`, which adds each entry of a response to an `R` as it is read.
pub struct MeasurementsCodec<R> {
    add: fn(&mut R, Measurement<'_>),
    entries: PhantomData<fn() -> R>,
}

impl<R> MeasurementsCodec<R> {
    pub fn new(add: fn(&mut R, Measurement<'_>)) -> MeasurementsCodec<R> {
        MeasurementsCodec { add, entries: PhantomData }
    }
}

impl<R: Default + Send + 'static> Codec for MeasurementsCodec<R> {
    type Encode = QueryMeters;
    type Decode = Answer<R>;
    type Encoder = ProstEncoder<QueryMeters>;
    type Decoder = MeasurementsCodec<R>;

    fn encoder(&mut self) -> ProstEncoder<QueryMeters> {
        ProstEncoder::default()
    }

    fn decoder(&mut self) -> MeasurementsCodec<R> {
        MeasurementsCodec::new(self.add)
    }
}

impl<R: Default> Decoder for MeasurementsCodec<R> {
    type Item = Answer<R>;
    type Error = Status;

    fn decode(&mut self, buffer: &mut DecodeBuf<'_>) -> Result<Option<Answer<R>>, Status> {
        // Moves no bytes: the buffer is one piece.
        let message = buffer.copy_to_bytes(buffer.remaining());
        let mut entries = R::default();
        match read(&message, &mut |entry| (self.add)(&mut entries, entry)) {
            Ok(error) => Ok(Some(Answer { entries, error: error.map(str::to_owned) })),
            Err(invalid) => {
                let mut status = Status::internal(invalid.to_string());
                status.set_source(Arc::new(invalid));
                Err(status)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use prost::Message as _;

    use super::*;
    use crate::{MeasurementResponse, QueryResponse};

    fn response() -> QueryResponse {
        let entry = |device_id: &str, field: &str, value: &str, date: &str| MeasurementResponse {
            device_id: device_id.to_owned(),
            field: field.to_owned(),
            value: value.to_owned(),
            date: date.to_owned(),
        };
        let entries = vec![
            entry("m01", "Active import", "7120", "2023-09-01T12:14:58Z"),
            entry("", "", "", ""),
            entry("João", &"long ".repeat(100), "太陽", ""),
        ];
        QueryResponse { entries, status: Some(-1), error: Some("ill".to_owned()) }
    }

    /// What is read of a message, as prost's own type.
    fn read_all(message: &[u8]) -> Option<(Vec<MeasurementResponse>, Option<String>)> {
        let mut entries = Vec::new();
        let mut add = |Measurement { device_id, field, value, date }: Measurement<'_>| {
            let [device_id, field, value, date] = [device_id, field, value, date].map(str::to_owned);
            entries.push(MeasurementResponse { device_id, field, value, date });
        };
        let error = read(message, &mut add).ok()?.map(str::to_owned);
        Some((entries, error))
    }

    #[test]
    fn a_response_is_read_as_prost_reads_it_wherever_it_is_cut() {
        let message = response().encode_to_vec();
        for end in 0..=message.len() {
            let expected = QueryResponse::decode(&message[..end]).ok();
            assert_eq!(read_all(&message[..end]), expected.map(|read| (read.entries, read.error)), "{end}");
        }
    }

    #[test]
    fn a_response_is_read_as_prost_reads_it_whatever_byte_is_another() {
        let message = response().encode_to_vec();
        for place in 0..message.len() {
            for byte in [0, 1, 0x0a, 0x0b, 0x12, 0x7f, 0x80, 0xc3, 0xff] {
                let mut changed = message.clone();
                changed[place] = byte;
                let expected = QueryResponse::decode(&changed[..]).ok();
                assert_eq!(read_all(&changed), expected.map(|read| (read.entries, read.error)), "{byte} at {place}");
            }
        }
    }

    #[test]
    fn fields_of_later_versions_are_passed_over() {
        let mut message = response().encode_to_vec();
        // A number, eight bytes, a text, a group and four bytes.
        message.extend_from_slice(b"\x20\x07\x29\0\0\0\0\0\0\0\0\x32\x02hi\x3b\x08\x01\x3c\x45\0\0\0\0");
        assert_eq!(read_all(&message).map(|(entries, _)| entries), Some(response().entries));
    }
}
