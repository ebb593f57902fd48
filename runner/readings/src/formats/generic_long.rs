//! A generic list: a row for each meter and interval, with columns by name in any order.

use super::{AnyTimes, Format, Layout, Opened, is_estimated, value};
use crate::Options;
use crate::about::About;
use crate::amount::{Decimal, from_kwh};
use crate::problem::Problem;
use crate::sink::{Direction, Sink, When};
use crate::source::{Head, Row};
use domain::metering::Grains;

pub struct GenericLong;

impl Format for GenericLong {
    fn about(&self) -> About {
        About {
            name: "generic-long",
            title: "a generic list",
            known_by: "meter,start,end?,import_kwh?,export_kwh? or import_wh, export_wh, and quality?",
            unit: "kWh or Wh, as the columns are named",
            stamp: "start of the interval, RFC 3339, or local with --zone",
        }
    }

    fn open(&self, head: &Head, options: &Options) -> Option<Result<Opened, Problem>> {
        let has = |cells: &[String], names: &[&str]| cells.iter().any(|cell| names.contains(&cell.as_str()));
        let (header, cells) =
            head.find_by(|cells| has(cells, &["meter"]) && has(cells, &["start"]) && has(cells, &ENERGIES))?;
        let column = |name: &str| cells.iter().position(|cell| cell == name);
        let energy = |direction, [kwh, wh]: [&str; 2]| {
            let kwh = column(kwh).map(|column| Energy { direction, column, is_wh: false });
            kwh.into_iter().chain(column(wh).map(|column| Energy { direction, column, is_wh: true }))
        };
        let energies: Vec<Energy> = energy(Direction::Import, ["import kwh", "import wh"])
            .chain(energy(Direction::Export, ["export kwh", "export wh"]))
            .collect();
        let twice = energies.windows(2).any(|pair| pair[0].direction == pair[1].direction);
        if twice {
            return Some(Err(Problem::Unusable(
                "it has the same energy in kWh and in Wh (leave one of them out)".to_owned(),
            )));
        }
        let times = AnyTimes::new(options);
        let zone = times.zone().cloned();
        let layout = Long {
            meter: column("meter")?,
            start: column("start")?,
            end: column("end"),
            quality: column("quality"),
            energies,
            times,
        };
        Some(Ok(Opened::new(header, layout, zone.as_ref())))
    }
}

const ENERGIES: [&str; 4] = ["import kwh", "export kwh", "import wh", "export wh"];

struct Energy {
    direction: Direction,
    column: usize,
    is_wh: bool,
}

struct Long {
    meter: usize,
    start: usize,
    end: Option<usize>,
    quality: Option<usize>,
    energies: Vec<Energy>,
    times: AnyTimes,
}

impl Layout for Long {
    fn row(&mut self, row: &Row<'_>, sink: &mut Sink) -> Result<(), String> {
        let estimated = match self.quality.map_or("", |quality| row.text(quality)) {
            "" => false,
            word => is_estimated(word, &["measured"], &["estimated"])?,
        };
        let meter = sink.meter(row.text(self.meter))?;
        let energies = self.energies.iter().map(|energy| read(row, energy)).collect::<Result<Vec<_>, String>>()?;
        let series = sink.series(meter, Direction::Import, 0);
        let start = row.text(self.start);
        let when = match self.end {
            Some(end) => {
                let (from, to) = self.times.between(series, start, row.text(end))?;
                When::Between(from, to)
            }
            None => When::Starting(self.times.instant(series, start)?),
        };
        for (energy, grains) in self.energies.iter().zip(energies) {
            let series = sink.series(meter, energy.direction, 0);
            sink.add(series, when, value(grains, estimated))?;
        }
        Ok(())
    }
}

fn read(row: &Row<'_>, energy: &Energy) -> Result<Option<Grains>, String> {
    let kwh = |number: Decimal| if energy.is_wh { number.thousandth() } else { number };
    let number = row.number(energy.column).map_err(|error| super::wrong(row, energy.column, error))?;
    number.map(|number| from_kwh(kwh(number))).transpose().map_err(|error| super::wrong(row, energy.column, error))
}
