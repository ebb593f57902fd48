//! A file as rows of cells, whatever it is made of.

use std::fmt::Write as _;

use jiff::civil::{Date, DateTime};

use crate::amount::{Decimal, InvalidAmount};
use crate::problem::Problem;

/// How many characters of a row messages show.
const TEXT_CHARS_MAX: usize = 160;

/// A cell.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Cell<'r> {
    /// Nothing.
    Empty,
    /// A text.
    Text(&'r str),
    /// A number: of a spreadsheet, maybe a time counted in days.
    Number(f64),
}

/// A row of a table.
#[derive(Clone, Copy, Debug)]
pub struct Row<'r> {
    /// Its line in a text, its row in a spreadsheet, its place in a list; from 1.
    pub number: u64,
    /// Its cells.
    pub cells: &'r [Cell<'r>],
}

/// What a row is read with; the error says why it is wrong.
pub type Each<'f> = &'f mut dyn FnMut(Row<'_>) -> Result<(), Problem>;

/// Rows that can be read more than once.
pub trait Rows {
    /// Reads the first `limit` rows, or all of them.
    fn each(&mut self, limit: Option<usize>, each: Each<'_>) -> Result<(), Problem>;
}

impl<'r> Row<'r> {
    /// A cell; one that is not there is empty.
    pub fn cell(&self, column: usize) -> Cell<'r> {
        match self.cells.get(column).copied().unwrap_or(Cell::Empty) {
            Cell::Text(text) => match plain(text) {
                "" => Cell::Empty,
                text => Cell::Text(text),
            },
            other => other,
        }
    }

    /// A text; empty if there is none. A number is no text: a meter's id that a spreadsheet counts has lost digits.
    pub fn text(&self, column: usize) -> &'r str {
        match self.cell(column) {
            Cell::Text(text) => text,
            Cell::Empty | Cell::Number(_) => "",
        }
    }

    /// Whether a cell is empty.
    pub fn is_empty(&self, column: usize) -> bool {
        self.cell(column) == Cell::Empty
    }

    /// A number; `None` if the cell is empty.
    ///
    /// # Errors
    /// If it is something else.
    pub fn number(&self, column: usize) -> Result<Option<Decimal>, InvalidAmount> {
        match self.cell(column) {
            Cell::Empty => Ok(None),
            Cell::Text(text) => Decimal::parse(text).map(Some),
            Cell::Number(number) => Decimal::from_float(number).map(Some),
        }
    }

    /// The whole row, for messages.
    pub fn shown(&self) -> String {
        let mut shown = String::new();
        for (column, cell) in self.cells.iter().enumerate() {
            shown.push_str(if column > 0 { ";" } else { "" });
            match cell {
                Cell::Empty => {}
                Cell::Text(text) => shown.push_str(text),
                // OK because writing to a string does not fail.
                Cell::Number(number) => drop(write!(shown, "{number}")),
            }
            if shown.len() > 4 * TEXT_CHARS_MAX {
                break;
            }
        }
        match shown.char_indices().nth(TEXT_CHARS_MAX) {
            Some((end, _)) => format!("{}…", &shown[..end]),
            None => shown,
        }
    }
}

/// A text without what spreadsheets put around one that they shall not count: `="0123"`.
fn plain(text: &str) -> &str {
    let text = text.trim();
    let quoted = text.strip_prefix("=\"").and_then(|text| text.strip_suffix('"'));
    quoted.unwrap_or(text).trim()
}

/// The time that a spreadsheet counts in days since 1899-12-30, to the second.
pub fn serial_time(days: f64) -> Option<DateTime> {
    // From 1900 to 2200. Below, a date would be one day off.
    if !(61.0..110_000.0).contains(&days) {
        return None;
    }
    let seconds = jiff::SignedDuration::try_from_secs_f64((days * 86_400.0).round()).ok()?;
    Date::constant(1899, 12, 30).at(0, 0, 0, 0).checked_add(seconds).ok()
}

/// A heading as it is compared: in lower case, without marks, accents of letters and doubled space.
pub fn heading(text: &str) -> String {
    let mut plain = String::with_capacity(text.len());
    for character in text.trim().trim_matches('\u{feff}').chars().flat_map(char::to_lowercase) {
        match character {
            'á' | 'à' | 'â' | 'ã' | 'ä' => plain.push('a'),
            'é' | 'è' | 'ê' | 'ě' => plain.push('e'),
            'í' | 'ì' => plain.push('i'),
            'ó' | 'ò' | 'ô' | 'õ' | 'ö' => plain.push('o'),
            'ú' | 'ù' | 'ü' => plain.push('u'),
            'ç' | 'č' => plain.push('c'),
            'ñ' => plain.push('n'),
            letter if letter.is_alphanumeric() => plain.push(letter),
            _ if plain.ends_with(' ') || plain.is_empty() => {}
            _ => plain.push(' '),
        }
    }
    plain.trim_end().to_owned()
}

/// The first rows of a file, by which its format is known.
#[derive(Debug, Default)]
pub struct Head {
    rows: Vec<(u64, Vec<String>)>,
}

impl Head {
    /// Reads the first rows.
    pub fn read(rows: &mut dyn Rows) -> Result<Head, Problem> {
        let mut head = Head::default();
        rows.each(Some(crate::limits::HEAD_ROWS), &mut |row| {
            let text = |cell: &Cell<'_>| match cell {
                Cell::Empty => String::new(),
                Cell::Text(text) => plain(text).to_owned(),
                Cell::Number(number) => number.to_string(),
            };
            head.rows.push((row.number, row.cells.iter().map(text).collect()));
            Ok(())
        })?;
        Ok(head)
    }

    /// The rows with their numbers.
    pub fn rows(&self) -> impl Iterator<Item = (u64, &[String])> {
        self.rows.iter().map(|(number, cells)| (*number, cells.as_slice()))
    }

    /// Finds a row that begins with these headings, given as [`heading`] makes them.
    pub fn find(&self, headings: &[&str]) -> Option<(u64, Vec<String>)> {
        self.find_by(|cells| {
            headings.len() <= cells.len() && headings.iter().zip(cells).all(|(want, have)| want == have)
        })
    }

    /// Finds a row whose headings are as wanted.
    pub fn find_by(&self, wanted: impl Fn(&[String]) -> bool) -> Option<(u64, Vec<String>)> {
        self.rows.iter().find_map(|(number, cells)| {
            let cells: Vec<String> = cells.iter().map(|cell| heading(cell)).collect();
            wanted(&cells).then_some((*number, cells))
        })
    }

    /// The first lines as they are, for messages.
    pub fn shown(&self) -> String {
        let line = |cells: &[String]| {
            let cells: Vec<Cell<'_>> = cells.iter().map(|cell| Cell::Text(cell)).collect();
            format!("{:?}", Row { number: 0, cells: &cells }.shown())
        };
        self.rows.iter().take(3).map(|(_, cells)| line(cells)).collect::<Vec<_>>().join(", ")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn headings_are_compared_without_case_accents_and_marks() {
        for (text, plain) in [
            ("\u{feff}Van (datum)", "van datum"),
            ("EAN-code", "ean code"),
            ("Injeção na rede medida na IC, Ativa (kW)", "injecao na rede medida na ic ativa kw"),
            ("  Čas   od ", "cas od"),
            ("Consumo_kWh", "consumo kwh"),
            ("", ""),
        ] {
            assert_eq!(heading(text), plain);
        }
    }

    #[test]
    fn times_of_spreadsheets_are_rounded_to_the_second() {
        let text = |days: f64| serial_time(days).map(|time| time.to_string());
        assert_eq!(text(44_864.072_916_666_664).as_deref(), Some("2022-10-30T01:45:00"));
        assert_eq!(text(44_864.989_583_333_3).as_deref(), Some("2022-10-30T23:45:00"));
        for days in [f64::NAN, -1.0, 0.0, 1e300, f64::INFINITY] {
            assert_eq!(text(days), None);
        }
    }

    #[test]
    fn a_cell_is_what_it_says_without_quotes_of_spreadsheets() {
        let row = Row { number: 1, cells: &[Cell::Text("=\"0123\""), Cell::Text("  "), Cell::Number(5.0)] };
        assert_eq!(row.text(0), "0123");
        assert!(row.is_empty(1) && row.is_empty(7));
        assert_eq!(row.text(2), "");
        assert_eq!(row.shown(), "=\"0123\";  ;5");
    }
}
