//! Reads the files that people have of their meters.
//!
//! A file is bytes here, and a format is known by its content, never by the file's name. Most files hold the energy of
//! intervals: it is added up exactly ([`Grains`]), and only the sum is rounded to whole watt-hours ([`Meter::cumulative`]).
//! Nothing is guessed: what a format leaves open is refused with the option that decides it, and a row that is wrong with its
//! number and its text.
//!
//! Suggested order of reading: [`file`](mod@file) (one file), `formats` (one small file for each format, and how to add one),
//! `sink` (what formats write into), [`together`](mod@together) (several files). Deliberately absent: file
//! systems, clocks and stores.

pub mod about;
pub mod amount;
pub mod file;
mod formats;
mod json;
mod limits;
mod local;
pub mod problem;
pub mod shares;
mod sheet;
mod sink;
mod source;
mod text;
pub mod together;

use domain::MeterId;
use jiff::tz::TimeZone;

pub use about::About;
pub use domain::metering::{Cumulative, Grains, Meter, Slot, Value};
pub use file::{Content, Example, FileReadings, read_file};
pub use limits::FILE_BYTES_MAX;
pub use problem::{BadRow, Note, Problem, Refused};
pub use together::{Readings, read, together};

/// A file: its name, for messages only, and its bytes.
#[derive(Clone, Debug)]
pub struct Input {
    /// The file's name.
    pub name: String,
    /// What it holds.
    pub bytes: Vec<u8>,
}

/// What people decide where a format leaves it open.
#[derive(Clone, Debug, Default)]
pub struct Options {
    /// The zone of local times, where the format does not fix one.
    pub zone: Option<TimeZone>,
    /// The meter of a file that names none.
    pub meter: Option<MeterId>,
    /// How long intervals are, in seconds, where the file does not say.
    pub step: Option<u32>,
    /// Whether a file with one direction that does not say which holds what was fed in.
    pub export: bool,
    /// Whether rows that are wrong are left out, instead of the whole file.
    pub skip_bad: bool,
}
