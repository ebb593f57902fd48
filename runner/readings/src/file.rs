//! One file: its format found by its content, and everything that it holds.

use std::collections::BTreeMap;

use domain::MeterId;
use jiff::tz::TimeZone;

use crate::about::About;
use crate::formats::{self, Format, Opened};
use crate::json;
use crate::limits::{FILE_BYTES_MAX, ROWS_MAX};
use crate::problem::{BadRow, Note, Problem, Refused};
use crate::shares::{Coefficients, coefficients};
use crate::sheet::{Workbook, is_sheet};
use crate::sink::Sink;
use crate::source::{Head, Row, Rows};
use crate::text::{Table, decode};
use crate::{Input, Options};
use domain::metering::Meter;

/// How many rows are shown beside what they become.
const EXAMPLES: usize = 3;

/// A row beside what it becomes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Example {
    /// Its number.
    pub row: u64,
    /// Its text.
    pub text: String,
    /// What becomes of it.
    pub becomes: String,
}

/// What a file is good for.
#[derive(Clone, Debug)]
pub enum Content {
    /// Readings of meters.
    Meters(BTreeMap<MeterId, Meter>),
    /// Sharing coefficients.
    Shares(Coefficients),
}

/// A file that was read.
#[derive(Clone, Debug)]
pub struct FileReadings {
    /// The file's name.
    pub file: String,
    /// Its format.
    pub about: About,
    /// The zone of its times; `None` if they have offsets.
    pub zone: Option<TimeZone>,
    /// What it holds.
    pub content: Content,
    /// What people should know of it.
    pub notes: Vec<Note>,
    /// Rows that were left out because they are wrong.
    pub skipped: Vec<BadRow>,
    /// All rows that were left out, kept or not.
    pub skipped_total: usize,
    /// The first rows, beside what they become.
    pub examples: Vec<Example>,
}

impl FileReadings {
    /// Its meters; none if it holds something else.
    pub fn meters(&self) -> impl Iterator<Item = (&MeterId, &Meter)> {
        match &self.content {
            Content::Meters(meters) => Some(meters),
            Content::Shares(_) => None,
        }
        .into_iter()
        .flatten()
    }
}

/// Reads one file.
///
/// # Errors
/// If it cannot be used, and why.
pub fn read_file(input: &Input, options: &Options) -> Result<FileReadings, Refused> {
    let mut format = None;
    read(input, options, &mut format).map_err(|problem| Refused { file: input.name.clone(), format, problem })
}

fn read(input: &Input, options: &Options, format: &mut Option<&'static str>) -> Result<FileReadings, Problem> {
    let Input { name, bytes } = input;
    if bytes.len() > FILE_BYTES_MAX {
        return Err(Problem::TooLarge(bytes.len()));
    }
    if is_sheet(bytes) {
        let mut workbook = Workbook::open(bytes)?;
        let mut seen = Head::default();
        for (index, sheet) in workbook.sheets().into_iter().enumerate() {
            let mut rows = workbook.sheet(sheet);
            let head = Head::read(&mut rows)?;
            if let Some((known, opened)) = formats::recognise(&head, options) {
                *format = Some(known.about().name);
                return Reading::new(name, known, opened?).rows(&mut rows, options);
            }
            if index == 0 {
                seen = head;
            }
        }
        return Err(formats::unknown(&seen));
    }
    let text = decode(bytes)?;
    if text.trim().is_empty() {
        return Err(Problem::Empty);
    }
    if text.trim_start().starts_with(['{', '[']) {
        let (known, opened, mut rows) = json::open(&text, options)?;
        *format = Some(known.about().name);
        return Reading::new(name, known, opened).rows(&mut rows, options);
    }
    let mut rows = Table::new(&text);
    let head = Head::read(&mut rows)?;
    if let Some((known, opened)) = formats::recognise(&head, options) {
        *format = Some(known.about().name);
        return Reading::new(name, known, opened?).rows(&mut rows, options);
    }
    match coefficients(&head, &mut rows)? {
        Some(shares) => {
            *format = Some(Coefficients::ABOUT.name);
            Ok(of_shares(name, shares))
        }
        None => Err(formats::unknown(&head)),
    }
}

fn of_shares(name: &str, shares: Coefficients) -> FileReadings {
    FileReadings {
        file: name.to_owned(),
        about: Coefficients::ABOUT,
        zone: None,
        content: Content::Shares(shares),
        notes: Vec::new(),
        skipped: Vec::new(),
        skipped_total: 0,
        examples: Vec::new(),
    }
}

/// A file that is being read.
struct Reading<'n> {
    name: &'n str,
    about: About,
    opened: Opened,
    sink: Sink,
    /// The first rows with anything.
    first: Vec<(u64, String)>,
}

impl<'n> Reading<'n> {
    fn new(name: &'n str, known: &'static dyn Format, opened: Opened) -> Reading<'n> {
        Reading { name, about: known.about(), opened, sink: Sink::default(), first: Vec::new() }
    }

    fn rows(mut self, rows: &mut dyn Rows, options: &Options) -> Result<FileReadings, Problem> {
        let mut count = 0_u64;
        rows.each(None, &mut |row| {
            if row.number > self.opened.header {
                count += 1;
                self.row(row);
            }
            if count > ROWS_MAX { Err(Problem::TooManyRows) } else { Ok(()) }
        })?;
        let wrong = self.opened.layout.finish(&mut self.sink)?;
        wrong.into_iter().for_each(|(row, text, why)| self.sink.bad(row, text, why));
        let examples: Vec<u64> = self.first.iter().map(|(row, _)| *row).collect();
        let mut collected = self.sink.finish(options.step, &examples).map_err(Problem::Undecided)?;
        let (bad, total) = (self.sink.take_bad(self.name), self.sink.bad_total);
        if total > 0 && !options.skip_bad {
            return Err(Problem::Rows(bad, total));
        }
        if collected.meters.is_empty() {
            return Err(Problem::Unusable("it has no readings".to_owned()));
        }
        let note = |text| Note { file: self.name.to_owned(), text };
        let example =
            |(row, text): (u64, String)| Some(Example { row, text, becomes: collected.becomes.remove(&row)? });
        Ok(FileReadings {
            file: self.name.to_owned(),
            about: self.about,
            zone: self.opened.zone,
            examples: self.first.into_iter().filter_map(example).take(EXAMPLES).collect(),
            content: Content::Meters(collected.meters),
            notes: collected.notes.into_iter().map(note).collect(),
            skipped: bad,
            skipped_total: total,
        })
    }

    fn row(&mut self, row: Row<'_>) {
        if row.cells.iter().enumerate().all(|(column, _)| row.is_empty(column)) {
            return;
        }
        // A few more than are shown: some may be about something else.
        if self.first.len() < 4 * EXAMPLES {
            self.first.push((row.number, row.shown()));
        }
        self.sink.begin(row.number);
        if let Err(why) = self.opened.layout.row(&row, &mut self.sink) {
            self.sink.bad(row.number, row.shown(), why);
        }
    }
}
