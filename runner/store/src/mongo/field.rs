//! How values are kept in the fields of our documents. What a field cannot be is refused as it is read.

use domain::netting::Basis;
use domain::text::chain;
use domain::trade::State;
use domain::{Boundary, Digest, Interval, IntervalLength, NamedParty, PLATFORM_GRID, TradeId};
use jiff::Timestamp;
use mongodb::bson::oid::ObjectId;
use mongodb::bson::spec::BinarySubtype;
use mongodb::bson::{Binary, Bson, DateTime};
use serde::{Deserialize, Serialize};

use books::{Change, platform_name};

/// The grid in the original's documents, where it is a number.
pub(super) const GRID: i32 = 100;

/// Declares the type of a field: what value it has, how that is read, and how it is written.
macro_rules! field {
    ($(#[$doc:meta])* $name:ident($value:ty), $read:expr, $write:expr $(, $copy:ident)?) => {
        $(#[$doc])*
        #[derive(Clone, $($copy,)? Debug, PartialEq, Eq, Serialize, Deserialize)]
        #[serde(try_from = "Bson", into = "Bson")]
        pub(super) struct $name(pub(super) $value);

        impl TryFrom<Bson> for $name {
            type Error = String;

            fn try_from(value: Bson) -> Result<$name, String> {
                let read: fn(Bson) -> Result<$value, String> = $read;
                read(value).map($name)
            }
        }

        impl From<$name> for Bson {
            fn from($name(value): $name) -> Bson {
                let write: fn($value) -> Bson = $write;
                write(value)
            }
        }
    };
}

field!(
    /// An instant, in whole milliseconds.
    Date(Timestamp),
    read_date,
    |at| date(at).into(),
    Copy
);

field!(
    /// A boundary, as a date.
    BoundaryDate(Boundary),
    |value| {
        let second = u64::try_from(read_date(value)?.as_second()).map_err(|_| "a date from 1970 on is expected")?;
        record::decode_boundary(second).map_err(|error| chain(&*error.0))
    },
    |boundary| boundary_date(boundary).into(),
    Copy
);

field!(
    /// A digest, in hexadecimal digits.
    HexDigest(Digest),
    |value| match value {
        Bson::String(text) => text.parse().map_err(|_| format!("{text:?} is no digest")),
        _ => Err("a digest is expected".to_owned()),
    },
    |digest| digest.to_string().into(),
    Copy
);

field!(
    /// Bytes.
    Bytes(Vec<u8>),
    read_bytes,
    binary
);

field!(
    /// A basis by its name.
    BasisName(Basis),
    |value| match value {
        Bson::String(name) => name.parse().map_err(|_| format!("{name:?} is no basis")),
        _ => Err("the name of a basis is expected".to_owned()),
    },
    |basis| basis.as_str().into(),
    Copy
);

field!(
    /// A change as a record.
    ChangeRecord(Change),
    |value| record::decode_change(&read_bytes(value)?).map_err(|error| chain(&*error.0)),
    |change| binary(record::encode_change(&change))
);

field!(
    /// The id of a trade of ours.
    Id(TradeId),
    |value| match value {
        Bson::ObjectId(id) => Ok(TradeId::from_bytes(id.bytes())),
        _ => Err("an ObjectId is expected".to_owned()),
    },
    |id| object_id(&id).into(),
    Copy
);

field!(
    /// A state of a trade, by its number.
    StateNumber(State),
    |value| {
        let number = value.as_i64().or(value.as_i32().map(i64::from)).ok_or("a whole number is expected")?;
        State::from_number(number).ok_or_else(|| format!("{number} is no state"))
    },
    |state| Bson::Int32(state as i32),
    Copy
);

field!(
    /// A party of a trade as the original names it: the grid by a number, everybody else by a text.
    PartyName(NamedParty),
    |value| match value {
        Bson::Int32(GRID) => Ok(NamedParty::Grid),
        Bson::Int64(number) if number == i64::from(GRID) => Ok(NamedParty::Grid),
        Bson::String(name) if name == "grid" || name == PLATFORM_GRID => {
            Err(format!("{name:?} is no name of a member"))
        }
        Bson::String(name) => record::decode_party(&name).map_err(|error| chain(&*error.0)),
        _ => Err(format!("a name or {GRID} is expected")),
    },
    |party| match party {
        NamedParty::Grid => Bson::Int32(GRID),
        other => platform_name(&other).into(),
    }
);

impl PartyName {
    /// The party with this name on the platform's wire; none if nobody can have it.
    pub(super) fn of_platform(name: &str) -> Option<PartyName> {
        record::decode_party(record::stored_name(name)?).ok().map(PartyName)
    }
}

fn read_date(value: Bson) -> Result<Timestamp, String> {
    let Bson::DateTime(date) = value else { return Err("a date is expected".to_owned()) };
    timestamp(date).ok_or_else(|| "a date before the year 10000 is expected".to_owned())
}

fn read_bytes(value: Bson) -> Result<Vec<u8>, String> {
    match value {
        Bson::Binary(Binary { subtype: BinarySubtype::Generic, bytes }) => Ok(bytes),
        _ => Err("bytes are expected".to_owned()),
    }
}

fn binary(bytes: Vec<u8>) -> Bson {
    Bson::Binary(Binary { subtype: BinarySubtype::Generic, bytes })
}

/// An instant as queries name it.
pub(super) fn date(at: Timestamp) -> DateTime {
    DateTime::from_millis(at.as_millisecond())
}

/// The first instant that the database can keep at or after this one.
pub(super) fn date_from(at: Timestamp) -> DateTime {
    let rest = at.as_nanosecond().rem_euclid(1_000_000);
    DateTime::from_millis(at.as_millisecond() + i64::from(rest > 0 && at.as_nanosecond() > 0))
}

/// An instant from the database; none if it is out of range.
pub(super) fn timestamp(date: DateTime) -> Option<Timestamp> {
    Timestamp::from_millisecond(date.timestamp_millis()).ok()
}

/// A boundary as queries name it.
pub(super) fn boundary_date(boundary: Boundary) -> DateTime {
    date(boundary.timestamp())
}

/// A trade's id as queries name it.
pub(super) fn object_id(id: &TradeId) -> ObjectId {
    ObjectId::from_bytes(*id.as_bytes())
}

/// The interval between two boundaries.
pub(super) fn interval_between(start: Boundary, end: Boundary) -> Result<Interval, String> {
    let length = end.seconds().checked_sub(start.seconds()).and_then(|length| u32::try_from(length).ok());
    let length = length.and_then(|length| IntervalLength::from_seconds(length).ok());
    let interval = length.and_then(|length| Interval::starting(start, length));
    interval.ok_or_else(|| format!("no interval goes from {start} to {end}"))
}
