//! Fields of documents of ours: what is there and of the right kind, or a fault that names the field.

use jiff::Timestamp;
use mongodb::bson::oid::ObjectId;
use mongodb::bson::{Bson, DateTime, Document};

use super::fault::Fault;
use crate::record;
use domain::{Boundary, Interval, IntervalLength};

/// An instant as the database keeps it: in milliseconds.
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

/// A boundary as the database keeps it.
pub(super) fn boundary_date(boundary: Boundary) -> DateTime {
    date(boundary.timestamp())
}

fn wrong(name: &str, expected: &str, found: Option<&Bson>) -> Fault {
    let found = found.map_or("nothing".to_owned(), |value| format!("{:?}", value.element_type()));
    Fault::Record(format!("field {name} has {found} where {expected} is expected"))
}

pub(super) fn text<'d>(document: &'d Document, name: &str) -> Result<&'d str, Fault> {
    document.get_str(name).map_err(|_| wrong(name, "a string", document.get(name)))
}

pub(super) fn optional_text(document: &Document, name: &str) -> Result<Option<String>, Fault> {
    match document.get(name) {
        None | Some(Bson::Null) => Ok(None),
        Some(Bson::String(text)) => Ok(Some(text.clone())),
        other => Err(wrong(name, "a string", other)),
    }
}

pub(super) fn integer(document: &Document, name: &str) -> Result<i64, Fault> {
    match document.get(name) {
        Some(Bson::Int64(number)) => Ok(*number),
        Some(Bson::Int32(number)) => Ok(i64::from(*number)),
        other => Err(wrong(name, "a whole number", other)),
    }
}

pub(super) fn unsigned(document: &Document, name: &str) -> Result<u64, Fault> {
    u64::try_from(integer(document, name)?).map_err(|_| wrong(name, "a number from 0 on", document.get(name)))
}

pub(super) fn bytes<'d>(document: &'d Document, name: &str) -> Result<&'d [u8], Fault> {
    let bytes = document.get_binary_generic(name).map_err(|_| wrong(name, "bytes", document.get(name)))?;
    Ok(bytes)
}

pub(super) fn object_id(document: &Document, name: &str) -> Result<ObjectId, Fault> {
    document.get_object_id(name).map_err(|_| wrong(name, "an ObjectId", document.get(name)))
}

pub(super) fn time(document: &Document, name: &str) -> Result<Timestamp, Fault> {
    let found = document.get(name);
    match found {
        Some(Bson::DateTime(at)) => timestamp(*at).ok_or_else(|| wrong(name, "a date before the year 10000", found)),
        other => Err(wrong(name, "a date", other)),
    }
}

pub(super) fn optional_time(document: &Document, name: &str) -> Result<Option<Timestamp>, Fault> {
    match document.get(name) {
        None | Some(Bson::Null) => Ok(None),
        Some(_) => time(document, name).map(Some),
    }
}

pub(super) fn boundary(document: &Document, name: &str) -> Result<Boundary, Fault> {
    let second = u64::try_from(time(document, name)?.as_second());
    let second = second.map_err(|_| wrong(name, "a date from 1970 on", document.get(name)))?;
    Ok(record::decode_boundary(second)?)
}

/// The interval of a document with `start` and `length`.
pub(super) fn interval(document: &Document) -> Result<Interval, Fault> {
    let length = u32::try_from(unsigned(document, "length")?);
    let length = length.map_err(|_| wrong("length", "an interval's length", document.get("length")))?;
    Ok(record::decode_interval(boundary(document, "start")?.seconds(), length)?)
}

/// The interval of a document with `start` and `end`.
pub(super) fn interval_to(document: &Document, end: &str) -> Result<Interval, Fault> {
    let (start, end) = (boundary(document, "start")?, boundary(document, end)?);
    let length = end.seconds().checked_sub(start.seconds()).and_then(|length| u32::try_from(length).ok());
    let length = length.and_then(|length| IntervalLength::from_seconds(length).ok());
    let interval = length.and_then(|length| Interval::starting(start, length));
    interval.ok_or_else(|| Fault::Record(format!("no interval goes from {start} to {end}")))
}

/// An unsigned number as the database keeps it.
pub(super) fn kept(what: &str, number: u64) -> Result<i64, Fault> {
    i64::try_from(number).map_err(|_| Fault::Refused(format!("{what} is {number}, at most {} can be kept", i64::MAX)))
}
