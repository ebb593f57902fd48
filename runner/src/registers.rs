//! The registers of meters whose readings are in the store, as a Meters service lists them.
//!
//! They follow from what is kept: exact sums of energies, and registers that were read. Both the settlement of this program and
//! its Meters service read them here.

use books::readings::{DAY_SECONDS, day_of};
use books::{Readings, StoreError};
use domain::metering::{Base, Cumulative, Meter};
use domain::{Boundary, MeterId};
use jiff::Timestamp;

/// Quarter-hours in a day, by which it is guessed how many days hold some rows.
const ROWS_PER_DAY: usize = 96;

/// What is asked of the registers.
#[derive(Clone, Copy, Debug)]
pub struct Wanted<'m> {
    /// One meter, or all.
    pub meter: Option<&'m MeterId>,
    /// Only at or after this.
    pub from: Timestamp,
    /// Only at or before this; `None` for no end.
    pub until: Option<Timestamp>,
    /// How many of the oldest are left out,
    pub skip: usize,
    /// and how many are wanted at most, of each meter.
    pub limit: usize,
}

/// Lists the oldest registers of each meter from an instant on, in order of time.
///
/// # Errors
/// If the store fails.
pub async fn list<R: Readings + ?Sized>(
    store: &R,
    wanted: Wanted<'_>,
) -> Result<Vec<(MeterId, Vec<Cumulative>)>, StoreError> {
    let Wanted { meter, from, until, skip, limit } = wanted;
    let needed = skip.saturating_add(limit);
    let second = from.as_second().saturating_add(i64::from(from.subsec_nanosecond() > 0));
    // The day before tells whether what begins then follows something.
    let first = day_of(second) - 1;
    let span = i64::try_from(needed / ROWS_PER_DAY).unwrap_or(i64::MAX / DAY_SECONDS).min(i64::MAX / DAY_SECONDS) + 2;
    let end = first.saturating_add(span + 1);
    let mut days = store.meter_days(meter, first, end).await?;
    let bases = store.counted_before(meter, first).await?;
    let mut listed = Vec::new();
    for span_of in store.metered(meter).await?.into_iter().filter(|of| of.last >= first) {
        let name = span_of.meter;
        let mut content = Meter::default();
        let own = days.extract_if((name.clone(), i64::MIN)..=(name.clone(), i64::MAX), |_, _| true);
        own.for_each(|(_, day)| extend(&mut content, day.content));
        let (base, mut reached) = (bases.get(&name).copied().unwrap_or_default(), end);
        let mut readings = wanted_of(&content, base, second, until);
        while readings.len() < needed && reached <= span_of.last {
            let Some(next) = store.next_meter_day(&name, reached).await? else { break };
            reached = next.saturating_add(span);
            for (_, day) in store.meter_days(Some(&name), next, reached).await? {
                extend(&mut content, day.content);
            }
            readings = wanted_of(&content, base, second, until);
        }
        let readings: Vec<Cumulative> = readings.into_iter().skip(skip).take(limit).collect();
        if !readings.is_empty() {
            listed.push((name, readings));
        }
    }
    Ok(listed)
}

fn extend(content: &mut Meter, day: Meter) {
    content.slots.extend(day.slots);
    content.registers.extend(day.registers);
}

fn wanted_of(content: &Meter, base: Base, from: i64, until: Option<Timestamp>) -> Vec<Cumulative> {
    let is_wanted =
        |reading: &Cumulative| reading.at.as_second() >= from && until.is_none_or(|until| reading.at <= until);
    content.cumulative_from(base).into_iter().filter(is_wanted).collect()
}

/// What a meter whose energies are known had counted at its last reading at or before a boundary; `None` if it has none, or its
/// registers were read.
///
/// # Errors
/// If the store fails.
pub async fn counted_at<R: Readings + ?Sized>(
    store: &R,
    meter: &MeterId,
    last_day: i64,
    at: Boundary,
) -> Result<Option<Cumulative>, StoreError> {
    let end = i64::try_from(at.seconds()).unwrap_or(i64::MAX);
    let day = last_day.min(day_of(end));
    let days = store.meter_days(Some(meter), day - 1, day + 1).await?;
    let base = store.counted_before(Some(meter), day - 1).await?.remove(meter).unwrap_or_default();
    let mut content = Meter::default();
    days.into_values().for_each(|day| extend(&mut content, day.content));
    if !content.registers.is_empty() || base.read != Base::default().read {
        return Ok(None);
    }
    let readings = content.cumulative_from(base);
    Ok(readings.into_iter().rfind(|reading| reading.at.as_second() <= end))
}
