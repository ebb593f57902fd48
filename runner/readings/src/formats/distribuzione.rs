//! e-distribuzione (Italy): a row a day with a column for each quarter-hour, of one metering point that the file does not name.

use super::{Format, Layout, Opened, kwh, meter_of, value};
use crate::Options;
use crate::about::About;
use crate::local::{LocalClock, at, date, minutes};
use crate::problem::Problem;
use crate::sink::{Direction, Sink, When};
use crate::source::{Head, Row};

pub struct Distribuzione;

impl Format for Distribuzione {
    fn about(&self) -> About {
        About {
            name: "e-distribuzione",
            title: "e-distribuzione",
            known_by: "Giorno;00:00-00:15;…;23:45-00:00",
            unit: "kWh",
            stamp: "a column for each quarter-hour, local",
        }
    }

    fn open(&self, head: &Head, options: &Options) -> Option<Result<Opened, Problem>> {
        let is_header = |cells: &[String]| cells.first().is_some_and(|cell| cell.trim().eq_ignore_ascii_case("giorno"));
        let (header, cells) =
            head.rows().find(|(_, cells)| is_header(cells) && cells.get(1).is_some_and(|cell| span(cell).is_some()))?;
        let named = cells.iter().enumerate().skip(1).filter(|(_, cell)| !cell.trim().is_empty());
        let columns: Option<Vec<Column>> =
            named.map(|(index, cell)| span(cell).map(|(from, to)| Column { index, from, to })).collect();
        let Some(columns) = columns else {
            return Some(Err(Problem::Unusable(
                "one of its columns is no time of the day (such as 00:00-00:15)".to_owned(),
            )));
        };
        let meter = match meter_of(options, &self.about()) {
            Ok(meter) => meter.to_string(),
            Err(problem) => return Some(Err(problem)),
        };
        let direction = if options.export { Direction::Export } else { Direction::Import };
        let clock = LocalClock::of("Europe/Rome");
        let zone = clock.zone().clone();
        Some(Ok(Opened::new(header, Days { meter, direction, columns, clock }, Some(&zone))))
    }
}

/// The minutes of the day between which a column is; the last one ends at 24:00.
fn span(text: &str) -> Option<(u16, u16)> {
    let (from, to) = text.trim().split_once('-')?;
    let (from, to) = (minutes(from.trim())?, minutes(to.trim())?);
    Some((from, if to == 0 { 1440 } else { to }))
}

struct Column {
    index: usize,
    from: u16,
    to: u16,
}

struct Days {
    meter: String,
    direction: Direction,
    columns: Vec<Column>,
    clock: LocalClock,
}

impl Layout for Days {
    fn row(&mut self, row: &Row<'_>, sink: &mut Sink) -> Result<(), String> {
        let text = row.text(0);
        let day = date(text).ok_or_else(|| format!("{text:?} is no date (such as 01/09/2024)"))?;
        let hours = self.clock.hours(day)?;
        let meter = sink.meter(&self.meter)?;
        let series = sink.series(meter, self.direction, 0);
        for Column { index, from, to } in &self.columns {
            let grains = kwh(row, *index)?;
            let (Some(start), Some(end)) = (at(day, *from), at(day, *to)) else { continue };
            // On a day of 23 hours some columns are of no time, and empty or 0.
            if hours < 24 && grains.is_none_or(|grains| grains.get() == 0) {
                if let Ok((start, end)) = self.clock.interval(series.number(), start, end) {
                    sink.add(series, When::Between(start, end), value(grains, false))?;
                }
                continue;
            }
            let (start, end) = self.clock.interval(series.number(), start, end)?;
            sink.add(series, When::Between(start, end), value(grains, false))?;
        }
        if hours > 24 && self.columns.len() == 96 {
            sink.tell(format!(
                "{day} has 100 quarter-hours and the file 96: those of the second hour from 02:00 to 03:00 are missing"
            ));
        }
        Ok(())
    }
}
