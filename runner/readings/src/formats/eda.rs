//! EDA (Austria): a whole community in one spreadsheet, with several columns for each metering point.
//!
//! Above the values, a row for each property of the columns. What was measured in total counts; what was allocated is kept to
//! compare.

use jiff::civil::DateTime;

use super::{Format, Layout, Opened, is_estimated, kwh, value};
use crate::Options;
use crate::about::About;
use crate::local::{LocalClock, date_time};
use crate::problem::Problem;
use crate::sink::{Direction, Sink, When};
use crate::source::{Cell, Head, Row, heading, serial_time};

const QUARTER: u32 = 900;
const MEASURED: [&str; 1] = ["L1"];
/// Substitute values, better and worse.
const ESTIMATED: [&str; 2] = ["L2", "L3"];

pub struct Eda;

impl Format for Eda {
    fn about(&self) -> About {
        About {
            name: "eda",
            title: "EDA Energiedaten",
            known_by: "MeteringpointID, Name, Energy direction, …, Metercode in its first column",
            unit: "kWh",
            stamp: "start of the quarter-hour, local",
        }
    }

    fn open(&self, head: &Head, _: &Options) -> Option<Result<Opened, Problem>> {
        let named = |name: &str| head.rows().find(|(_, cells)| cells.first().is_some_and(|cell| heading(cell) == name));
        let (_, points) = named("meteringpointid")?;
        let (_, directions) = named("energy direction")?;
        let (codes_row, codes) = named("metercode")?;
        if let Some((_, intervals)) = named("metering interval") {
            let other = intervals.iter().skip(1).find(|cell| !cell.is_empty() && !is_quarter(cell));
            if let Some(other) = other {
                return Some(Err(Problem::Unusable(format!("its metering interval is {other:?}, not a quarter-hour"))));
            }
        }
        let total = named("spaltensumme minimale qualitat").map(|(row, _)| row);
        let at = |cells: &[String], index: usize| cells.get(index).cloned().unwrap_or_default();
        let columns: Vec<Column> = (1..points.len())
            .filter(|index| !at(codes, *index).is_empty() && !at(points, *index).is_empty())
            .map(|index| {
                let code = at(codes, index);
                let direction = counted(&code, &at(directions, index));
                Column { index, meter: at(points, index), code, direction }
            })
            .collect();
        if let Some(column) = columns.iter().find(|column| !column.code.to_lowercase().contains("[kwh]")) {
            return Some(Err(Problem::Unusable(format!("the unit of {:?} is not [KWH]", column.code))));
        }
        let clock = LocalClock::of("Europe/Vienna");
        let zone = clock.zone().clone();
        let header = codes_row.max(total.unwrap_or(0));
        Some(Ok(Opened::new(header, Community { columns, clock }, Some(&zone))))
    }
}

fn is_quarter(interval: &str) -> bool {
    let interval = interval.to_lowercase();
    interval.starts_with("qh") || interval.contains("viertelst")
}

/// The direction of a code that counts; none of one that is an allocation.
fn counted(code: &str, direction: &str) -> Option<Direction> {
    let code = heading(code);
    let is_total = |names: [&str; 2]| names.iter().any(|name| code.contains(name));
    match heading(direction).as_str() {
        "consumption" if is_total(["gesamtverbrauch", "1 9 0 g 01"]) => Some(Direction::Import),
        "generation" if is_total(["gesamte gemeinschaftliche erzeugung", "2 9 0 g 01"]) => Some(Direction::Export),
        _ => None,
    }
}

struct Column {
    index: usize,
    meter: String,
    code: String,
    direction: Option<Direction>,
}

struct Community {
    columns: Vec<Column>,
    clock: LocalClock,
}

impl Layout for Community {
    fn row(&mut self, row: &Row<'_>, sink: &mut Sink) -> Result<(), String> {
        let label = label(row.cell(0)).ok_or("its first cell is no time (such as 30.10.2022 01:30:00)")?;
        let Some(first) = self.columns.first() else { return Ok(()) };
        let meter = sink.meter(&first.meter)?;
        let clock = sink.series(meter, Direction::Import, 0);
        let start = self.clock.instant(clock.number(), label)?;
        for Column { index, meter: name, code, direction } in &self.columns {
            let Some(direction) = direction else {
                // Allocations can be a little below 0, where an operator has corrected them.
                if let Ok(Some(grains)) = kwh(row, *index) {
                    sink.compare(name, code, grains);
                }
                continue;
            };
            let estimated = is_estimated(row.text(index + 1), &MEASURED, &ESTIMATED)?;
            let grains = kwh(row, *index)?;
            let meter = sink.meter(name)?;
            let series = sink.series(meter, *direction, 0);
            sink.add(series, When::From(start, QUARTER), value(grains, estimated))?;
        }
        Ok(())
    }
}

fn label(cell: Cell<'_>) -> Option<DateTime> {
    match cell {
        Cell::Number(days) => serial_time(days),
        Cell::Text(text) => date_time(text),
        Cell::Empty => None,
    }
}
