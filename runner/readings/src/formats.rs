//! The formats: one small file each, with its test.
//!
//! A new one is a file with a type that is a [`Format`], and a line in [`ALL`]. A format recognises the first rows of a file and
//! opens a [`Layout`], which is given one row after the other. What all formats need is not in them: the layout writes values
//! into a [`Sink`], which finds duplicates, contradictions, holes and intervals off the grid.

mod datadis;
mod distribucion;
mod distribuzione;
mod e_redes;
mod eda;
mod edc;
mod enedis;
mod fluvius;
mod generic_long;
mod generic_wide;
pub(crate) mod leneda;
mod native;
mod netz_noe;
#[cfg(test)]
mod sheets;
mod spain;
#[cfg(test)]
mod tests;

use domain::MeterId;
use domain::metering::{Grains, Value};
use jiff::Timestamp;
use jiff::tz::TimeZone;

use crate::Options;
use crate::about::About;
use crate::amount::{InvalidAmount, from_kw, from_kwh};
use crate::local::{LocalClock, date_time, instant};
use crate::problem::Problem;
use crate::shares::Coefficients;
use crate::sink::{Series, Sink};
use crate::source::{Head, Row};

pub(crate) use datadis::{API as DATADIS_API, DatadisApi};

/// Every format of readings, in the order in which they are tried. No two take the same file.
pub static ALL: [&dyn Format; 14] = [
    &native::Native,
    &generic_long::GenericLong,
    &generic_wide::GenericWide,
    &e_redes::FiveColumns,
    &e_redes::TenColumns,
    &fluvius::Fluvius,
    &eda::Eda,
    &netz_noe::NetzNoe,
    &datadis::DatadisWeb,
    &DatadisApi,
    &distribucion::Distribucion,
    &enedis::Enedis,
    &distribuzione::Distribuzione,
    &edc::Edc,
];

/// How a kind of file is recognised and read.
pub trait Format: Sync {
    /// What it is, for people.
    fn about(&self) -> About;

    /// Opens a file by its first rows; `None` if it is of another format.
    fn open(&self, head: &Head, options: &Options) -> Option<Result<Opened, Problem>>;
}

/// A row that is wrong: its number, its text, and why.
pub type Wrong = (u64, String, String);

/// Reads the rows of one file.
pub trait Layout {
    /// Reads a row below the headings; the error says what is wrong with it.
    fn row(&mut self, row: &Row<'_>, sink: &mut Sink) -> Result<(), String>;

    /// Reads what could not be read row by row; returns the rows that are wrong.
    ///
    /// # Errors
    /// If the file does not say what it must.
    fn finish(&mut self, _: &mut Sink) -> Result<Vec<Wrong>, Problem> {
        Ok(Vec::new())
    }
}

/// A file that was recognised.
pub struct Opened {
    /// The row of its headings, below which its values begin; 0 if there is none.
    pub header: u64,
    /// What reads its rows.
    pub layout: Box<dyn Layout>,
    /// The zone of its times; `None` if they have offsets.
    pub zone: Option<TimeZone>,
}

impl Opened {
    fn new(header: u64, layout: impl Layout + 'static, zone: Option<&TimeZone>) -> Opened {
        Opened { header, layout: Box::new(layout), zone: zone.cloned() }
    }
}

/// The format of a file with these first rows.
pub fn recognise(head: &Head, options: &Options) -> Option<(&'static dyn Format, Result<Opened, Problem>)> {
    ALL.iter().find_map(|format| Some((*format, format.open(head, options)?)))
}

/// A file whose format is not known.
pub fn unknown(head: &Head) -> Problem {
    let about = ALL.iter().map(|format| format.about()).chain([leneda::ABOUT, Coefficients::ABOUT]);
    let known: Vec<String> = about.map(|about| format!("{} ({})", about.title, about.known_by)).collect();
    Problem::Unknown { seen: head.shown(), known: known.join("; ") }
}

/// The meter of a file that names none.
fn meter_of(options: &Options, about: &About) -> Result<MeterId, Problem> {
    let undecided = || Problem::Undecided(format!("a file of {} names no meter: give --meter METER", about.title));
    options.meter.clone().ok_or_else(undecided)
}

/// The energy in a column, in kWh; `None` if the cell is empty.
fn kwh(row: &Row<'_>, column: usize) -> Result<Option<Grains>, String> {
    let number = row.number(column).map_err(|error| wrong(row, column, error))?;
    number.map(from_kwh).transpose().map_err(|error| wrong(row, column, error))
}

/// The energy of a mean power in a column, in kW over a time; `None` if the cell is empty.
fn kw(row: &Row<'_>, column: usize, seconds: u32) -> Result<Option<Grains>, String> {
    let number = row.number(column).map_err(|error| wrong(row, column, error))?;
    number.map(|kw| from_kw(kw, seconds)).transpose().map_err(|error| wrong(row, column, error))
}

fn wrong(row: &Row<'_>, column: usize, error: InvalidAmount) -> String {
    format!("its value {:?}: {error}", Row { number: 0, cells: &[row.cell(column)] }.shown())
}

/// A value that is measured or estimated; none if it is missing.
fn value(grains: Option<Grains>, estimated: bool) -> Option<Value> {
    grains.map(|grains| Value { grains, estimated })
}

/// Whether a word says that a value is estimated.
///
/// # Errors
/// If it is neither of the words.
fn is_estimated(word: &str, measured: &[&str], estimated: &[&str]) -> Result<bool, String> {
    let is = |known: &&str| known.eq_ignore_ascii_case(word) || known.to_lowercase() == word.to_lowercase();
    if word.is_empty() || measured.iter().any(is) {
        Ok(false)
    } else if estimated.iter().any(is) {
        Ok(true)
    } else {
        Err(format!("{word:?} says neither that its value is measured nor that it is estimated"))
    }
}

/// Times of generic files: with an offset, or local ones of the zone that somebody gives.
#[derive(Debug)]
struct AnyTimes {
    local: Option<LocalClock>,
}

impl AnyTimes {
    fn new(options: &Options) -> AnyTimes {
        AnyTimes { local: options.zone.clone().map(LocalClock::new) }
    }

    fn zone(&self) -> Option<&TimeZone> {
        self.local.as_ref().map(LocalClock::zone)
    }

    fn instant(&mut self, series: Series, text: &str) -> Result<Timestamp, String> {
        if let Some(at) = instant(text) {
            return Ok(at);
        }
        let Some(label) = date_time(text) else {
            return Err(format!("{text:?} is no time (such as 2024-05-01T00:15:00Z)"));
        };
        let undecided = || format!("{text:?} has no offset: give --zone, such as --zone Europe/Lisbon");
        self.local.as_mut().ok_or_else(undecided)?.instant(series.number(), label)
    }

    fn between(&mut self, series: Series, from: &str, to: &str) -> Result<(Timestamp, Timestamp), String> {
        match (date_time(from), date_time(to), &mut self.local) {
            (Some(start), Some(end), Some(clock)) if instant(from).is_none() => {
                clock.interval(series.number(), start, end)
            }
            _ => Ok((self.instant(series, from)?, self.instant(series, to)?)),
        }
    }
}
