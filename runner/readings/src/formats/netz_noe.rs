//! Netz NÖ (Lower Austria): one metering point, which the file does not name, stamped with the end of quarter-hours.

use super::{Format, Layout, Opened, is_estimated, kwh, meter_of, value};
use crate::Options;
use crate::about::About;
use crate::local::{LocalClock, date_time};
use crate::problem::Problem;
use crate::sink::{Direction, Sink, When};
use crate::source::{Head, Row};

const QUARTER: u32 = 900;
const MEASURED: [&str; 1] = ["L1"];
const ESTIMATED: [&str; 2] = ["L2", "L3"];

pub struct NetzNoe;

impl Format for NetzNoe {
    fn about(&self) -> About {
        About {
            name: "netz-noe",
            title: "Netz NÖ",
            known_by: "Messzeitpunkt;Verbrauch (kWh);Qualität;…",
            unit: "kWh",
            stamp: "end of the quarter-hour, local",
        }
    }

    fn open(&self, head: &Head, options: &Options) -> Option<Result<Opened, Problem>> {
        let (header, cells) = head.find_by(|cells| {
            cells.first().is_some_and(|cell| cell == "messzeitpunkt")
                && cells.get(1).is_some_and(|cell| way(cell).is_some())
        })?;
        let direction = way(cells.get(1)?)?;
        let quality = cells.iter().position(|cell| cell == "qualitat");
        let meter = match meter_of(options, &self.about()) {
            Ok(meter) => meter.to_string(),
            Err(problem) => return Some(Err(problem)),
        };
        let clock = LocalClock::of("Europe/Vienna");
        let zone = clock.zone().clone();
        Some(Ok(Opened::new(header, Quarters { meter, direction, quality, clock }, Some(&zone))))
    }
}

fn way(heading: &str) -> Option<Direction> {
    match heading {
        "verbrauch kwh" => Some(Direction::Import),
        "einspeisung kwh" | "erzeugung kwh" => Some(Direction::Export),
        _ => None,
    }
}

struct Quarters {
    meter: String,
    direction: Direction,
    quality: Option<usize>,
    clock: LocalClock,
}

impl Layout for Quarters {
    fn row(&mut self, row: &Row<'_>, sink: &mut Sink) -> Result<(), String> {
        let text = row.text(0);
        let label = date_time(text).ok_or_else(|| format!("{text:?} is no time (such as 01.01.2025 00:15)"))?;
        let meter = sink.meter(&self.meter)?;
        let series = sink.series(meter, self.direction, 0);
        let end = self.clock.end(series.number(), label)?;
        let start =
            end.checked_sub(jiff::SignedDuration::from_secs(QUARTER.into())).map_err(|error| error.to_string())?;
        let grains = kwh(row, 1)?;
        let estimated = match self.quality {
            Some(quality) => is_estimated(row.text(quality), &MEASURED, &ESTIMATED)?,
            None => false,
        };
        sink.add(series, When::From(start, QUARTER), value(grains, estimated))
    }
}
