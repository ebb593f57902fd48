//! E-REDES (Portugal): mean power of quarter-hours, stamped with their end.
//!
//! The metering point (CPE) is above the headings. `Contador` is the device, which changes.

use super::{Format, Layout, Opened, is_estimated, kw, value};
use crate::Options;
use crate::about::About;
use crate::local::{LocalClock, at, date, minutes};
use crate::problem::Problem;
use crate::sink::{Direction, Sink, When};
use crate::source::{Cell, Head, Row, heading, serial_time};

const QUARTER: u32 = 900;
const ZONE: &str = "Europe/Lisbon";
const STAMP: &str = "end of the quarter-hour, local";
const MEASURED: [&str; 1] = ["Real"];
const ESTIMATED: [&str; 2] = ["Estimada", "Estimado"];

pub struct FiveColumns;

pub struct TenColumns;

const FIVE: [&str; 5] = ["contador", "data", "hora", "consumo registado ativa kw", "estado"];
const TEN: [&str; 10] = [
    "data",
    "hora",
    "consumo medido na ic ativa kw",
    "estado",
    "injecao na rede medida na ic ativa kw",
    "estado",
    "consumo registado kw",
    "estado",
    "injecao registada kw",
    "estado",
];

impl Format for FiveColumns {
    fn about(&self) -> About {
        About {
            name: "e-redes-5",
            title: "E-REDES, 5 columns",
            known_by: "Contador, Data, Hora, Consumo registado, Ativa (kW), Estado",
            unit: "mean kW",
            stamp: STAMP,
        }
    }

    fn open(&self, head: &Head, options: &Options) -> Option<Result<Opened, Problem>> {
        let (header, _) = head.find(&FIVE)?;
        let series = vec![Column { direction: Direction::Import, power: 3, state: 4 }];
        Some(open(head, options, &self.about(), header, 1, series))
    }
}

impl Format for TenColumns {
    fn about(&self) -> About {
        About {
            name: "e-redes-10",
            title: "E-REDES, 10 columns",
            known_by: "Data, Hora, Consumo medido na IC, Ativa (kW), Estado, Injeção na rede medida na IC, Ativa (kW), …",
            unit: "mean kW",
            stamp: STAMP,
        }
    }

    fn open(&self, head: &Head, options: &Options) -> Option<Result<Opened, Problem>> {
        let (header, _) = head.find(&TEN)?;
        let import = Column { direction: Direction::Import, power: 2, state: 3 };
        let export = Column { direction: Direction::Export, power: 4, state: 5 };
        Some(open(head, options, &self.about(), header, 0, vec![import, export]))
    }
}

fn open(
    head: &Head,
    options: &Options,
    about: &About,
    header: u64,
    date: usize,
    columns: Vec<Column>,
) -> Result<Opened, Problem> {
    let above = || head.rows().take_while(move |(row, _)| *row < header).map(|(_, cells)| cells);
    let length = above().find(|cells| cells.first().is_some_and(|cell| heading(cell) == "intervalo"));
    if let Some(length) =
        length.and_then(|cells| cells.get(1)).filter(|cell| !cell.replace(' ', "").eq_ignore_ascii_case("15min"))
    {
        return Err(Problem::Unusable(format!("its intervals are of {length:?}, not of 15 min")));
    }
    let meter = match above().flatten().find(|cell| is_cpe(cell)) {
        Some(cpe) => cpe.clone(),
        None => super::meter_of(options, about)?.to_string(),
    };
    let clock = LocalClock::of(ZONE);
    let zone = clock.zone().clone();
    Ok(Opened::new(header, Quarters { meter, date, columns, clock }, Some(&zone)))
}

/// Whether a text is the code of a metering point: `PT`, 16 digits, 2 letters.
fn is_cpe(text: &str) -> bool {
    let (bytes, is_letter) = (text.as_bytes(), |byte: &u8| byte.is_ascii_uppercase());
    bytes.len() == 20
        && bytes.starts_with(b"PT")
        && bytes[2..18].iter().all(u8::is_ascii_digit)
        && bytes[18..].iter().all(is_letter)
}

struct Column {
    direction: Direction,
    power: usize,
    state: usize,
}

struct Quarters {
    meter: String,
    date: usize,
    columns: Vec<Column>,
    clock: LocalClock,
}

impl Layout for Quarters {
    fn row(&mut self, row: &Row<'_>, sink: &mut Sink) -> Result<(), String> {
        let (day, time) = (row.cell(self.date), row.cell(self.date + 1));
        let label =
            label(day, time).ok_or_else(|| "its date and time are none (such as 2024/09/13 and 00:15)".to_owned())?;
        let meter = sink.meter(&self.meter)?;
        // The columns of a row have the same time.
        let first = sink.series(meter, Direction::Import, 0);
        let end = self.clock.end(first.number(), label)?;
        let start =
            end.checked_sub(jiff::SignedDuration::from_secs(QUARTER.into())).map_err(|error| error.to_string())?;
        for Column { direction, power, state } in &self.columns {
            let grains = kw(row, *power, QUARTER)?;
            let estimated = is_estimated(row.text(*state), &MEASURED, &ESTIMATED)?;
            let series = sink.series(meter, *direction, 0);
            sink.add(series, When::From(start, QUARTER), value(grains, estimated))?;
        }
        Ok(())
    }
}

/// The label of a row: texts, or a date and a part of a day as spreadsheets count them.
fn label(day: Cell<'_>, time: Cell<'_>) -> Option<jiff::civil::DateTime> {
    let day = match day {
        Cell::Text(text) => date(text)?,
        Cell::Number(days) => serial_time(days)?.date(),
        Cell::Empty => return None,
    };
    let minutes = match time {
        Cell::Text(text) => minutes(text)?,
        #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "between 0 and 1440")]
        Cell::Number(part) if (0.0..=1.0).contains(&part) => (part * 1440.0).round() as u16,
        _ => return None,
    };
    at(day, minutes)
}
