//! Values in the forms of the file.

use domain::trade::State;
use jiff::Timestamp;
use rusqlite::Row;

use super::fault::Fault;
use books::{Span, Window};

/// Reads a number that was stored from an unsigned one.
pub(super) fn unsigned(row: &Row<'_>, column: usize) -> rusqlite::Result<u64> {
    row.get(column)
}

/// A span as bounds of a query, in SQLite's signed integers.
pub(super) fn bounds(span: Span) -> (i64, i64) {
    let signed = |second: u64| i64::try_from(second).unwrap_or(i64::MAX);
    (span.from.map_or(0, signed), span.to.map_or(i64::MAX, signed))
}

/// The first whole second at or after an instant.
pub(super) fn second_from(at: Timestamp) -> i64 {
    at.as_second() + i64::from(at.subsec_nanosecond() > 0)
}

/// A window's `skip` and `limit` as SQLite's signed integers.
pub(super) fn signed(window: Window) -> (i64, i64) {
    (i64::try_from(window.skip).unwrap_or(i64::MAX), i64::try_from(window.limit).unwrap_or(i64::MAX))
}

/// Decodes a stored time.
pub(super) fn time(second: i64) -> Result<Timestamp, Fault> {
    Timestamp::from_second(second).map_err(|_| Fault::Record(format!("Unix second {second} is out of range").into()))
}

/// Decodes a stored state.
pub(super) fn state(number: i64) -> Result<State, Fault> {
    State::from_number(number).ok_or_else(|| Fault::Record(format!("it has the unknown state {number}").into()))
}
