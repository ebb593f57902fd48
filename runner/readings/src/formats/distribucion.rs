//! e-distribución (Spain): the load curve (CCH) of hours, in both directions.

use super::datadis::day_and_hour;
use super::spain::{Hour, Hours};
use super::{Format, Layout, Opened, Wrong, is_estimated, kwh};
use crate::Options;
use crate::about::About;
use crate::problem::Problem;
use crate::sink::{Direction, Sink};
use crate::source::{Head, Row};

const MEASURED: [&str; 2] = ["R", "Real"];
const ESTIMATED: [&str; 3] = ["E", "Estimado", "Estimada"];

pub struct Distribucion;

impl Format for Distribucion {
    fn about(&self) -> About {
        About {
            name: "e-distribucion-cch",
            title: "e-distribución CCH",
            known_by: "CUPS;Fecha;Hora;AE_kWh;AS_KWh;AE_AUTOCONS_kWh;REAL/ESTIMADO",
            unit: "kWh",
            stamp: "hour of the day, 1 to 24, local; 25 in October",
        }
    }

    fn open(&self, head: &Head, _: &Options) -> Option<Result<Opened, Problem>> {
        let (header, cells) = head.find(&["cups", "fecha", "hora", "ae kwh"])?;
        let column = |name: &str| cells.iter().position(|cell| cell == name);
        let (export, method) = (column("as kwh"), column("real estimado"));
        let hours = Hours::new();
        let zone = hours.clock().zone().clone();
        Some(Ok(Opened::new(header, Curve { export, method, hours }, Some(&zone))))
    }
}

struct Curve {
    export: Option<usize>,
    method: Option<usize>,
    hours: Hours,
}

impl Layout for Curve {
    fn row(&mut self, row: &Row<'_>, sink: &mut Sink) -> Result<(), String> {
        let (day, number) = day_and_hour(row)?;
        let mut energies = vec![(Direction::Import, kwh(row, 3)?)];
        if let Some(export) = self.export {
            energies.push((Direction::Export, kwh(row, export)?));
        }
        let estimated = is_estimated(self.method.map_or("", |method| row.text(method)), &MEASURED, &ESTIMATED)?;
        let meter = sink.meter(row.text(0))?;
        self.hours.add(meter, (row.number, row.shown()), Hour { day, number, energies, estimated }, sink)
    }

    fn finish(&mut self, sink: &mut Sink) -> Result<Vec<Wrong>, Problem> {
        Ok(self.hours.finish(sink))
    }
}
