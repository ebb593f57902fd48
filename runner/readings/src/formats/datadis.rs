//! Datadis (Spain): hours, from its website and from its interface for programs.

use super::spain::{Hour, Hours};
use super::{Format, Layout, Opened, Wrong, is_estimated, kwh};
use crate::Options;
use crate::about::About;
use crate::local::date;
use crate::problem::Problem;
use crate::sink::{Direction, Sink};
use crate::source::{Head, Row, heading};

const MEASURED: [&str; 2] = ["R", "Real"];
const ESTIMATED: [&str; 3] = ["E", "Estimada", "Estimado"];

pub struct DatadisWeb;

pub struct DatadisApi;

/// What the interface for programs names its values.
pub(crate) const API: [&str; 6] = ["cups", "date", "time", "consumptionKWh", "obtainMethod", "surplusEnergyKWh"];

impl Format for DatadisWeb {
    fn about(&self) -> About {
        About {
            name: "datadis-web",
            title: "Datadis",
            known_by: "CUPS;Fecha;Hora;Consumo_kWh;Metodo_obtencion",
            unit: "kWh",
            stamp: "hour of the day, 1 to 24, local; 25 in October",
        }
    }

    fn open(&self, head: &Head, _: &Options) -> Option<Result<Opened, Problem>> {
        let (header, cells) = head.find_by(|cells| {
            let begins =
                cells.len() >= 4 && cells[..3].iter().zip(["cups", "fecha", "hora"]).all(|(have, want)| have == want);
            begins && column(cells, &["consumokwh", "consumo"]).is_some()
        })?;
        let names = Columns {
            import: column(&cells, &["consumokwh", "consumo"])?,
            method: column(&cells, &["metodoobtencion"]),
            export: column(&cells, &["energiavertidakwh"]),
        };
        Some(Ok(opened(header, names)))
    }
}

impl Format for DatadisApi {
    fn about(&self) -> About {
        About {
            name: "datadis-api",
            title: "Datadis, its interface for programs",
            known_by: "cups,date,time,consumptionKWh,obtainMethod,surplusEnergyKWh,…",
            unit: "kWh",
            stamp: "end of the hour, 01:00 to 24:00, local",
        }
    }

    fn open(&self, head: &Head, _: &Options) -> Option<Result<Opened, Problem>> {
        let (header, cells) = head.find(&["cups", "date", "time"])?;
        let names = Columns {
            import: column(&cells, &["consumptionkwh"])?,
            method: column(&cells, &["obtainmethod"]),
            export: column(&cells, &["surplusenergykwh"]),
        };
        Some(Ok(opened(header, names)))
    }
}

/// The column of a heading, whatever marks are between its words.
fn column(cells: &[String], names: &[&str]) -> Option<usize> {
    cells.iter().position(|cell| names.contains(&heading(cell).replace(' ', "").as_str()))
}

fn opened(header: u64, columns: Columns) -> Opened {
    let hours = Hours::new();
    let zone = hours.clock().zone().clone();
    Opened::new(header, Rows { columns, hours }, Some(&zone))
}

struct Columns {
    import: usize,
    method: Option<usize>,
    export: Option<usize>,
}

struct Rows {
    columns: Columns,
    hours: Hours,
}

impl Layout for Rows {
    fn row(&mut self, row: &Row<'_>, sink: &mut Sink) -> Result<(), String> {
        let Columns { import, method, export } = self.columns;
        let (day, number) = day_and_hour(row)?;
        let mut energies = vec![(Direction::Import, kwh(row, import)?)];
        if let Some(export) = export {
            energies.push((Direction::Export, kwh(row, export)?));
        }
        let estimated = is_estimated(method.map_or("", |method| row.text(method)), &MEASURED, &ESTIMATED)?;
        let meter = sink.meter(row.text(0))?;
        self.hours.add(meter, (row.number, row.shown()), Hour { day, number, energies, estimated }, sink)
    }

    fn finish(&mut self, sink: &mut Sink) -> Result<Vec<Wrong>, Problem> {
        Ok(self.hours.finish(sink))
    }
}

/// The date and the number of the hour in a row: `3`, or `03:00`.
pub(super) fn day_and_hour(row: &Row<'_>) -> Result<(jiff::civil::Date, u8), String> {
    let (text, hour) = (row.text(1), row.text(2));
    let day = date(text).ok_or_else(|| format!("{text:?} is no date (such as 28/11/2019)"))?;
    let number = hour.strip_suffix(":00").unwrap_or(hour);
    let is_number = (1..=2).contains(&number.len()) && number.bytes().all(|byte| byte.is_ascii_digit());
    let number = number.parse().ok().filter(|_| is_number);
    Ok((day, number.ok_or_else(|| format!("{hour:?} is no hour of a day (1 to 25)"))?))
}
