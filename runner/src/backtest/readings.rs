//! Readings that are at hand, meter by meter, such as those of files; and the boundaries to which they belong.

use std::collections::BTreeMap;

use domain::reading::{Collector, MeterList, Reading, Register, Registers};
use domain::{Boundary, IntervalLength, MeterId};
use jiff::Timestamp;

use super::rounds::Rounds;
use super::run::{Feed, Told};
use crate::config::CommunityConfig;

/// Boundaries that are held in memory at a time.
const WINDOW: u64 = 96;

/// The registers of one meter, in order of time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MeterReadings {
    /// The meter.
    pub meter: MeterId,
    /// What it showed.
    pub rows: Vec<RowRead>,
}

/// What a meter showed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RowRead {
    /// When.
    pub at: Timestamp,
    /// Both registers.
    pub registers: Registers,
    /// Whether the energy since the row before is an estimate.
    pub estimated: bool,
    /// Whether nothing is known of the energy since the row before, so that the meter counts from here.
    pub anew: bool,
}

/// Hands in the cases of these readings.
///
/// # Errors
/// If the readings do not make a round, or nobody takes the cases.
pub fn feed(
    meters: &[MeterReadings],
    mut rounds: Rounds<'_>,
    community: &CommunityConfig,
    feed: &Feed<'_>,
) -> anyhow::Result<Told> {
    let (length, tolerance) = (community.interval, community.tolerance);
    let mut places = vec![0; meters.len()];
    let mut names = MeterList::default();
    while let Some(last) = end_of_window(meters, &places, length) {
        let mut collector = Collector::new(length, tolerance);
        let mut anew: BTreeMap<Boundary, Vec<MeterId>> = BTreeMap::new();
        let (mut estimated, mut count) = (0, 0);
        for (MeterReadings { meter, rows }, place) in meters.iter().zip(&mut places) {
            let rest = rows.get(*place..).unwrap_or_default();
            let number = names.number_of(meter.as_str())?;
            let here = rest.iter().take_while(|row| row.at <= last).inspect(|_| *place += 1);
            for RowRead { at, registers, estimated: is_estimated, anew: counts_anew } in here {
                count += 1;
                estimated += u64::from(*is_estimated);
                if let Some((boundary, _)) = collector.boundary_of(*at).filter(|_| *counts_anew) {
                    anew.entry(boundary).or_default().push(meter.clone());
                }
                for register in Register::ALL {
                    collector.add(Reading { meter: number, register, at: *at, wh: registers.of(register) });
                }
            }
        }
        rounds.count(estimated, count);
        for (boundary, readings) in collector.boundaries(&names) {
            let anew = anew.remove(&boundary).unwrap_or_default();
            rounds.boundary(boundary, &readings, &anew, feed)?;
        }
    }
    rounds.finish(feed)
}

/// The last instant that is nearer to a boundary of the next window than to one behind it; `None` if there are no more rows.
fn end_of_window(meters: &[MeterReadings], places: &[usize], length: IntervalLength) -> Option<Timestamp> {
    let next = meters.iter().zip(places).filter_map(|(meter, place)| meter.rows.get(*place));
    let first = next.map(|row| row.at).min()?;
    let seconds = i64::from(length.seconds());
    let window = i64::try_from(WINDOW).unwrap_or(i64::MAX).saturating_mul(seconds);
    // Rows before 1970 and after 9999 belong to no boundary, and are taken with their neighbours.
    let start = first.as_second().div_euclid(seconds) * seconds;
    let end = Timestamp::from_second(start.saturating_add(window)).ok();
    let half = jiff::SignedDuration::from_millis(seconds.saturating_mul(500));
    Some(end.and_then(|end| end.checked_add(half).ok()).unwrap_or(Timestamp::MAX))
}
