//! What can be wrong with a file, in words.

use std::fmt;

use domain::text::printable;

use crate::limits::{ELEMENTS_MAX, FILE_BYTES_MAX, ROWS_MAX, UNPACKED_BYTES_MAX};

/// How many rows that are wrong a message shows.
const ROWS_SHOWN: usize = 5;

/// Why a file cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Problem {
    /// It is too large.
    #[error("it has {0} bytes, at most {FILE_BYTES_MAX} are read (export fewer meters or months at a time)")]
    TooLarge(usize),
    /// It has too many rows.
    #[error("it has more than {ROWS_MAX} rows (export fewer meters or months at a time)")]
    TooManyRows,
    /// It unpacks to too much.
    #[error(
        "it unpacks to more than {UNPACKED_BYTES_MAX} bytes, or more than {ELEMENTS_MAX} elements: no such file of readings exists"
    )]
    Bomb,
    /// It is a spreadsheet with something that computes.
    #[error("it has {0}: only values are read (save it as values, or export CSV)")]
    Computes(&'static str),
    /// It is of a kind that is not read.
    #[error("{0}")]
    Kind(&'static str),
    /// It is damaged.
    #[error("it is damaged: {0}")]
    Damaged(String),
    /// It has nothing.
    #[error("it is empty")]
    Empty,
    /// Its format is not known.
    #[error("its format is not known; its first lines are {seen}. Known are {known}")]
    Unknown {
        /// The first lines, as they are.
        seen: String,
        /// What was looked for.
        known: String,
    },
    /// Something that the file does not say, with the option that decides it.
    #[error("{0}")]
    Undecided(String),
    /// Something that the file says and that is not read.
    #[error("{0}")]
    Unusable(String),
    /// Rows that are wrong.
    #[error("{}", rows(.0, *.1))]
    Rows(Vec<BadRow>, usize),
}

/// A row that is wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BadRow {
    /// The file's name.
    pub file: String,
    /// Its line in a text, its row in a spreadsheet, its place in a list; from 1.
    pub row: u64,
    /// Its text.
    pub text: String,
    /// What is wrong with it.
    pub why: String,
}

impl fmt::Display for BadRow {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "row {} ({}): {}", self.row, printable(&self.text), printable(&self.why))
    }
}

fn rows(bad: &[BadRow], total: usize) -> String {
    let shown: Vec<String> = bad.iter().take(ROWS_SHOWN).map(ToString::to_string).collect();
    let more = match total.saturating_sub(shown.len()) {
        0 => String::new(),
        more => format!("; and {more} more"),
    };
    format!("{}{more} (nothing of the file is used; --skip-bad leaves such rows out)", shown.join("; "))
}

/// A file that is not used, and why.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{}: {problem}", printable(.file))]
pub struct Refused {
    /// The file's name.
    pub file: String,
    /// The format, as far as it was recognised.
    pub format: Option<&'static str>,
    /// Why.
    pub problem: Problem,
}

/// Something about a file that people should know of, and that does not keep it from being used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Note {
    /// The file's name; empty if it is about several.
    pub file: String,
    /// What.
    pub text: String,
}
