//! Hours as Spanish files number them: 1 to 24, the number of the hour that ends; 25 in October.
//!
//! On a day that clocks change, the numbers are those of the hours as they pass, or those of the clock on the wall: what else
//! the file has of that day tells. So such days are read when all rows are known.

use std::collections::BTreeMap;

use jiff::Timestamp;
use jiff::civil::Date;

use super::{Wrong, value};
use crate::local::{LocalClock, at};
use crate::sink::{Direction, Sink, When};
use domain::metering::Grains;

const HOUR: u32 = 3600;

/// The energies of an hour.
#[derive(Clone, Debug)]
pub(super) struct Hour {
    pub(super) day: Date,
    pub(super) number: u8,
    pub(super) energies: Vec<(Direction, Option<Grains>)>,
    pub(super) estimated: bool,
}

/// The hours of a file.
pub(super) struct Hours {
    clock: LocalClock,
    /// Rows of days that clocks change, by meter and day.
    waiting: BTreeMap<(u32, Date), Vec<Waiting>>,
}

/// A row that waits for the others of its day: its number, its text, and what it says.
type Waiting = (u64, String, Hour);

impl Hours {
    pub(super) fn new() -> Hours {
        Hours { clock: LocalClock::of("Europe/Madrid"), waiting: BTreeMap::new() }
    }

    pub(super) fn clock(&self) -> &LocalClock {
        &self.clock
    }

    /// Adds a row of a meter.
    pub(super) fn add(&mut self, meter: u32, row: (u64, String), hour: Hour, sink: &mut Sink) -> Result<(), String> {
        if self.clock.hours(hour.day)? == 24 {
            let start = self.clock.hour_of_day(hour.day, hour.number)?;
            return put(meter, start, &hour, sink);
        }
        if hour.number == 0 || hour.number > 25 {
            return Err(format!("there is no hour {} of a day", hour.number));
        }
        self.waiting.entry((meter, hour.day)).or_default().push((row.0, row.1, hour));
        Ok(())
    }

    /// Reads the days that clocks change.
    pub(super) fn finish(&mut self, sink: &mut Sink) -> Vec<Wrong> {
        let mut wrong = Vec::new();
        for ((meter, day), rows) in std::mem::take(&mut self.waiting) {
            let by_wall = self.is_by_wall(day, &rows);
            for (row, text, hour) in rows {
                sink.begin(row);
                let start = if by_wall { self.by_wall(meter, &hour) } else { self.clock.hour_of_day(day, hour.number) };
                if let Err(why) = start.and_then(|start| put(meter, start, &hour, sink)) {
                    wrong.push((row, text, why));
                }
            }
        }
        wrong
    }

    /// Whether the numbers of a day are those of the clock on the wall: in March, the day then ends with 24 instead of 23; in
    /// October, one comes twice and there is no 25.
    fn is_by_wall(&self, day: Date, rows: &[Waiting]) -> bool {
        let count = |number: u8| rows.iter().filter(|(_, _, hour)| hour.number == number).count();
        match self.clock.hours(day) {
            Ok(23) => count(24) > 0,
            _ => count(25) == 0 && count(3) > 1,
        }
    }

    fn by_wall(&mut self, meter: u32, hour: &Hour) -> Result<Timestamp, String> {
        let start = u16::from(hour.number) - 1;
        let label = at(hour.day, start * 60).ok_or_else(|| format!("there is no hour {} of a day", hour.number))?;
        self.clock.instant(meter.into(), label)
    }
}

fn put(meter: u32, start: Timestamp, hour: &Hour, sink: &mut Sink) -> Result<(), String> {
    for (direction, grains) in &hour.energies {
        let series = sink.series(meter, *direction, 0);
        sink.add(series, When::From(start, HOUR), value(*grains, hour.estimated))?;
    }
    Ok(())
}
