//! EDC (Czechia): a whole group, with a column for each metering point before sharing (`IN`) and after it (`OUT`).
//!
//! What was measured counts; what is left after sharing is kept to compare. Consumption is negative.

use super::{Format, Layout, Opened, value, wrong};
use crate::Options;
use crate::about::About;
use crate::amount::from_kwh;
use crate::local::{LocalClock, at, date, minutes};
use crate::problem::Problem;
use crate::sink::{Direction, Sink, When};
use crate::source::{Head, Row};
use domain::metering::Grains;

pub struct Edc;

impl Format for Edc {
    fn about(&self) -> About {
        About {
            name: "edc",
            title: "EDC",
            known_by: "Datum;Cas od;Cas do;IN-{EAN}-D;OUT-{EAN}-D;…",
            unit: "kWh, consumption negative",
            stamp: "start and end, local",
        }
    }

    fn open(&self, head: &Head, _: &Options) -> Option<Result<Opened, Problem>> {
        let (header, _) = head.find(&["datum", "cas od", "cas do"])?;
        let (_, cells) = head.rows().find(|(row, _)| *row == header)?;
        let named = cells.iter().enumerate().skip(3).filter(|(_, cell)| !cell.is_empty());
        let columns: Option<Vec<Column>> = named.map(|(index, cell)| column(index, cell)).collect();
        let Some(columns) = columns.filter(|columns| !columns.is_empty()) else {
            return Some(Err(Problem::Unusable("one of its columns is neither IN-{EAN}-D nor OUT-{EAN}-D".to_owned())));
        };
        let clock = LocalClock::of("Europe/Prague");
        let zone = clock.zone().clone();
        Some(Ok(Opened::new(header, Group { columns, clock }, Some(&zone))))
    }
}

/// A column `IN-859182400123456789-D`: of a producer, or of a consumer with `O`.
fn column(index: usize, name: &str) -> Option<Column> {
    let mut parts = name.split('-');
    let (side, ean, kind) = (parts.next()?.to_ascii_uppercase(), parts.next()?, parts.next()?.to_ascii_uppercase());
    let is_known = matches!(side.as_str(), "IN" | "OUT") && matches!(kind.as_str(), "D" | "O") && !ean.is_empty();
    (is_known && parts.next().is_none()).then(|| Column { index, ean: ean.to_owned(), is_measured: side == "IN" })
}

struct Column {
    index: usize,
    ean: String,
    is_measured: bool,
}

struct Group {
    columns: Vec<Column>,
    clock: LocalClock,
}

impl Layout for Group {
    fn row(&mut self, row: &Row<'_>, sink: &mut Sink) -> Result<(), String> {
        let label = |column: usize| {
            let minutes =
                minutes(row.text(column)).map(|minutes| if column == 2 && minutes == 0 { 1440 } else { minutes });
            let label = date(row.text(0)).zip(minutes).and_then(|(day, minutes)| at(day, minutes));
            label.ok_or_else(|| {
                format!("{:?} {:?} is no time (such as 01.09.2024 00:15)", row.text(0), row.text(column))
            })
        };
        let (from, to) = (label(1)?, label(2)?);
        let Some(first) = self.columns.first() else { return Ok(()) };
        let meter = sink.meter(&first.ean)?;
        let clock = sink.series(meter, Direction::Import, 0);
        let (start, end) = self.clock.interval(clock.number(), from, to)?;
        for Column { index, ean, is_measured } in &self.columns {
            let number = row.number(*index).map_err(|error| wrong(row, *index, error))?;
            let grains = number.map(|number| from_kwh(number.abs())).transpose();
            let grains = grains.map_err(|error| wrong(row, *index, error))?;
            if !is_measured {
                sink.compare(ean, "left after sharing", grains.unwrap_or_default());
                continue;
            }
            let is_import = number.is_some_and(|number| number.is_negative());
            let meter = sink.meter(ean)?;
            for direction in [Direction::Import, Direction::Export] {
                let is_this = is_import == (direction == Direction::Import);
                let energy = grains.map(|grains| if is_this { grains } else { Grains::ZERO });
                let series = sink.series(meter, direction, 0);
                sink.add(series, When::Between(start, end), value(energy, false))?;
            }
        }
        Ok(())
    }
}
