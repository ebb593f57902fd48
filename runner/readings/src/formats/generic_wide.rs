//! A generic table: a row for each interval, and a column for each meter and direction.

use super::{AnyTimes, Format, Layout, Opened, kwh, value};
use crate::Options;
use crate::about::About;
use crate::problem::Problem;
use crate::sink::{Direction, Sink, When};
use crate::source::{Head, Row, heading};

pub struct GenericWide;

impl Format for GenericWide {
    fn about(&self) -> About {
        About {
            name: "generic-wide",
            title: "a generic table",
            known_by: "time, then METER:import, METER:export",
            unit: "kWh",
            stamp: "start of the interval, RFC 3339, or local with --zone",
        }
    }

    fn open(&self, head: &Head, options: &Options) -> Option<Result<Opened, Problem>> {
        let (header, cells) = head.rows().find(|(_, cells)| is_header(cells))?;
        let columns = cells.iter().enumerate().skip(1).filter(|(_, cell)| !cell.is_empty());
        let columns: Option<Vec<Column>> = columns.map(|(index, cell)| column(index, cell)).collect();
        let Some(columns) = columns else {
            let what = "one of its columns is neither METER:import nor METER:export";
            return Some(Err(Problem::Unusable(what.to_owned())));
        };
        let times = AnyTimes::new(options);
        let zone = times.zone().cloned();
        Some(Ok(Opened::new(header, Wide { columns, times }, zone.as_ref())))
    }
}

fn is_header(cells: &[String]) -> bool {
    let is_time = cells.first().is_some_and(|cell| heading(cell) == "time");
    is_time && cells.iter().skip(1).any(|cell| column(0, cell).is_some())
}

fn column(index: usize, cell: &str) -> Option<Column> {
    let (meter, direction) = cell.rsplit_once(':')?;
    let direction = match direction.trim().to_ascii_lowercase().as_str() {
        "import" => Direction::Import,
        "export" => Direction::Export,
        _ => return None,
    };
    Some(Column { index, meter: meter.trim().to_owned(), direction })
}

struct Column {
    index: usize,
    meter: String,
    direction: Direction,
}

struct Wide {
    columns: Vec<Column>,
    times: AnyTimes,
}

impl Layout for Wide {
    fn row(&mut self, row: &Row<'_>, sink: &mut Sink) -> Result<(), String> {
        let Some(first) = self.columns.first() else { return Ok(()) };
        let meter = sink.meter(&first.meter)?;
        // The times are those of the row, so one series tells which of a repeated hour it is.
        let clock = sink.series(meter, first.direction, 0);
        let at = self.times.instant(clock, row.text(0))?;
        for Column { index, meter, direction } in &self.columns {
            let grains = kwh(row, *index)?;
            let meter = sink.meter(meter)?;
            let series = sink.series(meter, *direction, 0);
            sink.add(series, When::Starting(at), value(grains, false))?;
        }
        Ok(())
    }
}
