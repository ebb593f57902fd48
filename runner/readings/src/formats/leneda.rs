//! Leneda (Luxembourg): JSON, a series of one metering point, mean power stamped with its start in UTC.

use serde::Deserialize;

use super::{Format, Layout, Opened, kw, kwh, value};
use crate::Options;
use crate::about::About;
use crate::local::instant;
use crate::problem::Problem;
use crate::sink::{Direction, Sink, When};
use crate::source::{Cell, Head, Row};

pub(crate) const ABOUT: About = About {
    name: "leneda",
    title: "Leneda",
    known_by: "JSON with meteringPointCode, obisCode, intervalLength, unit, items",
    unit: "mean kW",
    stamp: "start of the interval, UTC",
};

/// A document as Leneda gives it.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Document {
    metering_point_code: String,
    obis_code: String,
    interval_length: String,
    unit: String,
    pub(crate) items: Vec<Item>,
}

/// A value of it.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Item {
    value: Option<f64>,
    started_at: String,
    #[serde(rename = "type")]
    kind: Option<String>,
    #[serde(default)]
    calculated: bool,
}

impl Item {
    /// The item as a row.
    pub(crate) fn cells(&self) -> [Cell<'_>; 4] {
        [
            Cell::Text(&self.started_at),
            self.value.map_or(Cell::Empty, Cell::Number),
            self.kind.as_deref().map_or(Cell::Empty, Cell::Text),
            if self.calculated { Cell::Text("calculated") } else { Cell::Empty },
        ]
    }
}

/// Leneda's files are no tables: what they are is said beside their items.
pub(crate) struct Leneda;

impl Format for Leneda {
    fn about(&self) -> About {
        ABOUT
    }

    fn open(&self, _: &Head, _: &Options) -> Option<Result<Opened, Problem>> {
        None
    }
}

/// Opens documents; rows tell by their number of which one they are.
pub(crate) fn open(documents: &[Document]) -> Result<Opened, Problem> {
    let series = documents.iter().map(Curve::of).collect::<Result<Vec<_>, String>>().map_err(Problem::Unusable)?;
    Ok(Opened::new(0, Curves(series), Some(&jiff::tz::TimeZone::UTC)))
}

struct Curves(Vec<Curve>);

struct Curve {
    meter: String,
    direction: Direction,
    seconds: u32,
    is_power: bool,
    /// How many items there are.
    items: u64,
}

impl Curve {
    fn of(document: &Document) -> Result<Curve, String> {
        let Document { metering_point_code, obis_code, interval_length, unit, items } = document;
        let direction = match obis_code.as_str() {
            "1-1:1.29.0" => Direction::Import,
            "1-1:2.29.0" => Direction::Export,
            other => return Err(format!("its code {other:?} is neither 1-1:1.29.0 (import) nor 1-1:2.29.0 (export)")),
        };
        let seconds = match interval_length.as_str() {
            "PT15M" => 900,
            "PT30M" => 1800,
            "PT1H" | "PT60M" => 3600,
            other => return Err(format!("its interval length {other:?} is not PT15M, PT30M or PT1H")),
        };
        let is_power = match unit.as_str() {
            "kW" => true,
            "kWh" => false,
            other => return Err(format!("its unit {other:?} is neither kW nor kWh")),
        };
        Ok(Curve { meter: metering_point_code.clone(), direction, seconds, is_power, items: items.len() as u64 })
    }
}

impl Layout for Curves {
    fn row(&mut self, row: &Row<'_>, sink: &mut Sink) -> Result<(), String> {
        let mut before = 0;
        let of_row = self.0.iter().find(|curve| {
            before += curve.items;
            row.number <= before
        });
        let Curve { meter, direction, seconds, is_power, .. } = of_row.ok_or("it belongs to no series")?;
        let text = row.text(0);
        let start = instant(text).ok_or_else(|| format!("{text:?} is no time (such as 2024-05-01T00:15:00Z)"))?;
        let grains = if *is_power { kw(row, 1, *seconds)? } else { kwh(row, 1)? };
        let is_actual = matches!(row.text(2), "" | "Actual" | "actual");
        let estimated = !is_actual || row.text(3) == "calculated";
        let meter = sink.meter(meter)?;
        let series = sink.series(meter, *direction, 0);
        sink.add(series, When::From(start, *seconds), value(grains, estimated))
    }
}
