//! Fluvius (Flanders): energies with start and end, a row for each register. Registers of day and night add up.

use super::{Format, Layout, Opened, is_estimated, kwh, value};
use crate::Options;
use crate::about::About;
use crate::local::{LocalClock, at, date, minutes};
use crate::problem::Problem;
use crate::sink::{Direction, Sink, When};
use crate::source::{Head, Row, heading};

const MEASURED: [&str; 4] = ["Uitgelezen", "Gevalideerd", "Read", "Validated"];
const ESTIMATED: [&str; 2] = ["Geschat", "Estimated"];
const MISSING: [&str; 2] = ["geen verbruik", "no consumption"];

/// The headings in each of the languages, of which some have several.
const HEADINGS: [&[&str]; 11] = [
    &["van datum", "from date"],
    &["van tijdstip", "from time"],
    &["tot datum", "until date", "to date"],
    &["tot tijdstip", "until time", "to time"],
    &["ean", "ean code"],
    &["meter"],
    &["metertype", "meter type"],
    &["register"],
    &["volume"],
    &["eenheid", "unit"],
    &["validatiestatus", "validation status"],
];

pub struct Fluvius;

impl Format for Fluvius {
    fn about(&self) -> About {
        About {
            name: "fluvius",
            title: "Fluvius",
            known_by: "Van datum;Van tijdstip;Tot datum;Tot tijdstip;EAN;…;Validatiestatus, or From (date);From (time);…",
            unit: "kWh",
            stamp: "start and end, local",
        }
    }

    fn open(&self, head: &Head, _: &Options) -> Option<Result<Opened, Problem>> {
        let is_header = |cells: &[String]| {
            let pairs = HEADINGS.iter().zip(cells);
            cells.len() >= HEADINGS.len() && pairs.into_iter().all(|(names, cell)| names.contains(&cell.as_str()))
        };
        let (header, _) = head.find_by(is_header)?;
        let clock = LocalClock::of("Europe/Brussels");
        let zone = clock.zone().clone();
        Some(Ok(Opened::new(header, Registers { clock }, Some(&zone))))
    }
}

struct Registers {
    clock: LocalClock,
}

impl Layout for Registers {
    fn row(&mut self, row: &Row<'_>, sink: &mut Sink) -> Result<(), String> {
        let label = |column: usize| {
            let (day, time) = (row.text(column), row.text(column + 1));
            let label = date(day).zip(minutes(time)).and_then(|(day, minutes)| at(day, minutes));
            label.ok_or_else(|| format!("{day:?} {time:?} is no time (such as 29-10-2023 02:15:00)"))
        };
        let (from, to) = (label(0)?, label(2)?);
        let unit = row.text(9);
        if unit.to_ascii_lowercase().contains("var") {
            sink.tell("rows of reactive energy, not counted");
            return Ok(());
        }
        if !unit.eq_ignore_ascii_case("kwh") {
            return Err(format!("its unit is {unit:?}, not kWh"));
        }
        let (direction, register) = register(row.text(7))?;
        let ean = row.text(4);
        if ean.is_empty() {
            return Err("it has no EAN as text (a spreadsheet has made a number of it; export it anew)".to_owned());
        }
        let meter = sink.meter(ean)?;
        let series = sink.series(meter, direction, register);
        let (start, end) = self.clock.interval(series.number(), from, to)?;
        let (grains, status) = (kwh(row, 8)?, row.text(10));
        let is_missing = MISSING.contains(&status.to_lowercase().as_str());
        let estimated = match grains {
            Some(_) if !is_missing => is_estimated(status, &MEASURED, &ESTIMATED)?,
            _ => false,
        };
        sink.add(series, When::Between(start, end), value(grains, estimated))
    }
}

/// The direction of a register, and a number that tells it from the others of that direction.
fn register(name: &str) -> Result<(Direction, u8), String> {
    let plain = heading(name);
    let (first, rest) = plain.split_once(' ').unwrap_or((&plain, ""));
    let direction = match first {
        "afname" | "offtake" => Direction::Import,
        "injectie" | "injection" => Direction::Export,
        _ => return Err(format!("its register {name:?} is neither of offtake nor of injection")),
    };
    let number = match rest {
        "dag" | "day" => 1,
        "nacht" | "night" => 2,
        _ => 0,
    };
    Ok((direction, number))
}
