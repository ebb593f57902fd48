//! Reads what a Meters service cannot give as a page: one meter at a time, so that none stops its community.
//!
//! A row may be larger than anything that can be received, and a meter may have more rows around one boundary than can be asked
//! for. Then each meter is asked for by itself. One that still cannot be read is left out at the boundaries concerned, with an
//! event. It loses no energy: registers only count up, so that its next reading tells what it did meanwhile, over a gap.
//!
//! How often the service is asked is bounded: a few times for each meter, and twice the logarithm of the boundaries that are due
//! for each one that cannot be read.

use std::collections::BTreeSet;

use domain::{Boundary, MeterId};
use jiff::Timestamp;

use super::meters::{MetersError, Rows};
use super::page::PageReader;
use super::source::{LIMIT_MAX, LIMIT_MIN, Source, limit_for};

/// How often a meter is asked for what it has around one boundary.
const CROWD_REQUESTS_MAX: usize = 8;

/// The code of a meter that is left out.
const SKIPPED: &str = "skipped";
/// The code of a meter that had to be asked for by itself because it has so many rows.
const CROWDED: &str = "crowded";

/// Reads a page from `from` on, meter by meter: even the smallest of all meters is too large.
pub(super) async fn read_page(source: &Source, from: Timestamp, first: Boundary) -> Result<PageReader, MetersError> {
    let (mut meters, hidden) = find_meters(source, from, first).await?;
    meters.extend(source.known());
    tracing::warn!(
        community = source.community, %from, meters = meters.len(),
        "even the smallest page is too large; asking for one meter at a time"
    );
    let mut reader = PageReader::new(source.length, source.tolerance).due(source.latest);
    let limit = limit_for(meters.len());
    let mut all_read = true;
    for meter in &meters {
        all_read &= read_meter(source, &mut reader, meter, (from, first), limit).await?;
    }
    if let Some(hidden) = hidden.filter(|_| all_read) {
        let message = format!(
            "a row around {hidden} is larger than can be received, and its meter is not known: what that one measures begins with its next reading"
        );
        reader.remark(hidden, SKIPPED, "unnamed".to_owned(), message);
    }
    Ok(reader)
}

/// The meters that the service names, as far as it can be asked; and the boundary around which it has a row that hides others.
async fn find_meters(
    source: &Source,
    from: Timestamp,
    first: Boundary,
) -> Result<(BTreeSet<MeterId>, Option<Boundary>), MetersError> {
    let (rows, hidden) = match source.ask(from, 1, None).await {
        Ok(rows) => (rows, None),
        Err(MetersError::TooLarge { .. }) => match next_readable(source, first, None).await? {
            Some((next, rows)) => (rows, Some(source.before(next))),
            None => (Rows::default(), Some(last_due(source, first))),
        },
        Err(error) => return Err(error),
    };
    Ok((rows.iter().filter_map(|row| row.device_id.parse().ok()).collect(), hidden))
}

fn last_due(source: &Source, first: Boundary) -> Boundary {
    source.after(first, source.due_after(first)).unwrap_or(first)
}

/// Adds what one meter has from the start on. Returns whether it could all be read.
async fn read_meter(
    source: &Source,
    reader: &mut PageReader,
    meter: &MeterId,
    (from, first): (Timestamp, Boundary),
    mut limit: u32,
) -> Result<bool, MetersError> {
    loop {
        match source.ask(from, limit, Some(meter)).await {
            Ok(rows) if limit > 1 => {
                reader.add(&rows, limit);
                return Ok(true);
            }
            Ok(rows) => {
                add_before_unreadable(source, reader, &rows, first);
                return Ok(false);
            }
            Err(MetersError::TooLarge { .. }) if limit > 1 => {
                limit = if limit > LIMIT_MIN { LIMIT_MIN } else { 1 };
            }
            Err(MetersError::TooLarge { bytes_max, .. }) => {
                // Its oldest row is the one that is too large, so that there is nothing of it before that one.
                let next = next_readable(source, first, Some(meter)).await?;
                let last = next.map_or_else(|| last_due(source, first), |(next, _)| source.before(next));
                skip(reader, meter, last, &too_large(bytes_max));
                reader.end_at(last);
                return Ok(false);
            }
            Err(MetersError::Refused { source: refusal, .. }) => {
                skip(reader, meter, first, &refusal.to_string());
                reader.end_at(first);
                return Ok(false);
            }
            Err(error) => return Err(error),
        }
    }
}

/// Adds the one row of each series of a meter whose next rows cannot be received. The page ends there.
fn add_before_unreadable(source: &Source, reader: &mut PageReader, rows: &Rows, first: Boundary) {
    let newest = reader.add_some(rows, 1).unwrap_or(Timestamp::UNIX_EPOCH);
    let near = newest.checked_sub(source.tolerance).ok().and_then(|at| Boundary::at_or_after(at, source.length));
    let last = near.map(|near| if newest < source.start_of(near) { source.before(near) } else { near });
    reader.end_at(last.map_or(first, |last| last.max(first)));
}

/// Completes a page that does not even have all of its first boundary, because some meters have more rows around it than can be
/// asked for. The page ends at this boundary.
pub(super) async fn read_crowd(
    source: &Source,
    reader: &mut PageReader,
    from: Timestamp,
    first: Boundary,
) -> Result<(), MetersError> {
    for (meter, newest) in reader.crowded(first) {
        // Times on the wire are whole seconds.
        if newest.as_second() < from.as_second() {
            let address = source.meters.address().to_owned();
            return Err(MetersError::NoProgress { address, from: from.to_string() });
        }
        match read_around(source, reader, &meter, (from, first)).await? {
            Ok(answers) if answers > 1 => {
                let message = format!(
                    "meter {meter} has more rows around {first} than one request can ask for; all were read, and the nearest counts"
                );
                reader.remark(first, CROWDED, meter.to_string(), message);
            }
            Ok(_) => {}
            Err(reason) => {
                reader.leave_out(&meter, first);
                skip(reader, &meter, first, &reason);
            }
        }
        reader.finish_meter(&meter);
    }
    reader.end_at(first);
    Ok(())
}

/// Adds everything that a meter has around a boundary. Returns the number of answers, or why it cannot be read.
async fn read_around(
    source: &Source,
    reader: &mut PageReader,
    meter: &MeterId,
    (mut from, boundary): (Timestamp, Boundary),
) -> Result<Result<usize, String>, MetersError> {
    let last = boundary.timestamp().checked_add(source.tolerance).unwrap_or(Timestamp::MAX);
    let (mut limit, mut answers) = (LIMIT_MAX, 0);
    for _ in 0..CROWD_REQUESTS_MAX {
        let rows = match source.ask(from, limit, Some(meter)).await {
            Ok(rows) => rows,
            Err(MetersError::TooLarge { .. }) if limit > LIMIT_MIN => {
                limit = (limit / 16).max(LIMIT_MIN);
                continue;
            }
            Err(MetersError::TooLarge { bytes_max, .. }) => {
                return Ok(Err(too_large(bytes_max)));
            }
            Err(MetersError::Refused { source: refusal, .. }) => return Ok(Err(refusal.to_string())),
            Err(error) => return Err(error),
        };
        answers += 1;
        match reader.add_some(&rows, limit) {
            Some(newest) if newest <= last => {
                // Rows of this second come again, and change nothing.
                let next = Timestamp::from_second(newest.as_second()).unwrap_or(newest);
                if next <= from {
                    return Ok(Err(format!("it has {limit} rows or more within one second, at {next}")));
                }
                from = next;
            }
            _ => return Ok(Ok(answers)),
        }
    }
    Ok(Err(format!("it has too many rows around it ({CROWD_REQUESTS_MAX} requests did not bring them all)")))
}

fn too_large(bytes_max: usize) -> String {
    format!("a row of it is larger than can be received ({bytes_max} bytes)")
}

/// Tells that a meter is left out at a boundary.
fn skip(reader: &mut PageReader, meter: &MeterId, boundary: Boundary, reason: &str) {
    let message = format!(
        "meter {meter} is left out at {boundary}: {reason}; what it measures meanwhile is settled over the gap when it is read again"
    );
    reader.remark(boundary, SKIPPED, meter.to_string(), message);
}

/// Finds the next boundary from which on a meter, or all of them, can be read again, with the oldest row of each series; `None`
/// if there is none that is due.
async fn next_readable(
    source: &Source,
    unreadable: Boundary,
    meter: Option<&MeterId>,
) -> Result<Option<(Boundary, Rows)>, MetersError> {
    let due = source.due_after(unreadable);
    let (mut below, mut step) = (0, 1);
    // First in steps that double, then by halves.
    let mut found = loop {
        if below >= due {
            return Ok(None);
        }
        let next = due.min(below + step);
        match read_from(source, unreadable, next, meter).await? {
            Some(found) => break (next, found),
            None => (below, step) = (next, step.saturating_mul(2)),
        }
    };
    while found.0 - below > 1 {
        let middle = below + (found.0 - below) / 2;
        match read_from(source, unreadable, middle, meter).await? {
            Some(earlier) => found = (middle, earlier),
            None => below = middle,
        }
    }
    Ok(Some(found.1))
}

/// The oldest row of each series from that many boundaries later on; `None` if one of them is too large.
async fn read_from(
    source: &Source,
    unreadable: Boundary,
    intervals: u64,
    meter: Option<&MeterId>,
) -> Result<Option<(Boundary, Rows)>, MetersError> {
    let Some(boundary) = source.after(unreadable, intervals) else { return Ok(None) };
    match source.ask(source.start_of(boundary), 1, meter).await {
        Ok(rows) => Ok(Some((boundary, rows))),
        Err(MetersError::TooLarge { .. }) => Ok(None),
        Err(error) => Err(error),
    }
}
