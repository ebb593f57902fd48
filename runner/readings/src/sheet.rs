//! Spreadsheets: never trusted. What one unpacks to is counted before anything of it is held.

use std::io::{Cursor, Read};
use std::panic::{AssertUnwindSafe, catch_unwind};

use calamine::{DataRef, Reader, Xlsx, XlsxCellReader, XlsxError};
use zip::ZipArchive;

use crate::limits::{COLUMNS_MAX, ELEMENTS_MAX, ROWS_MAX, SHEETS_MAX, TEXT_ELEMENTS_MAX, UNPACKED_BYTES_MAX};
use crate::problem::Problem;
use crate::source::{Cell, Each, Row, Rows};

/// How compressed archives begin, and the binary files of old or encrypted spreadsheets.
const ZIP: &[u8] = b"PK\x03\x04";
const OLD: &[u8] = &[0xd0, 0xcf, 0x11, 0xe0];

/// Whether bytes are a spreadsheet, or want to be.
pub fn is_sheet(bytes: &[u8]) -> bool {
    bytes.starts_with(ZIP) || bytes.starts_with(OLD)
}

/// A spreadsheet whose content was counted.
pub struct Workbook<'b> {
    xlsx: Xlsx<Cursor<&'b [u8]>>,
}

impl<'b> Workbook<'b> {
    /// Opens a spreadsheet.
    ///
    /// # Errors
    /// If it is too large unpacked, computes, or is none.
    pub fn open(bytes: &'b [u8]) -> Result<Workbook<'b>, Problem> {
        if bytes.starts_with(OLD) {
            return Err(Problem::Kind("it is an old or an encrypted spreadsheet (save it as xlsx without a password)"));
        }
        count(bytes)?;
        let opened = guarded(|| Xlsx::new(Cursor::new(bytes)))?;
        opened.map(|xlsx| Workbook { xlsx }).map_err(damaged)
    }

    /// The names of its sheets.
    pub fn sheets(&self) -> Vec<String> {
        self.xlsx.sheet_names().into_iter().take(SHEETS_MAX).collect()
    }

    /// The rows of a sheet.
    pub fn sheet(&mut self, name: String) -> Sheet<'_, 'b> {
        Sheet { workbook: self, name }
    }
}

/// One sheet.
pub struct Sheet<'w, 'b> {
    workbook: &'w mut Workbook<'b>,
    name: String,
}

impl Rows for Sheet<'_, '_> {
    fn each(&mut self, limit: Option<usize>, each: Each<'_>) -> Result<(), Problem> {
        let (name, xlsx) = (&self.name, &mut self.workbook.xlsx);
        guarded(|| {
            let mut cells = xlsx.worksheet_cells_reader(name).map_err(damaged)?;
            by_row(&mut cells, limit, each)
        })?
    }
}

/// Puts the cells of a sheet together to rows, one at a time: only the row at hand is held, wherever its cells are.
fn by_row(cells: &mut XlsxCellReader<'_, Cursor<&[u8]>>, limit: Option<usize>, each: Each<'_>) -> Result<(), Problem> {
    let (mut row, mut at, mut count): (Vec<DataRef<'_>>, u32, u64) = (Vec::new(), 0, 0);
    let mut give = |row: &mut Vec<DataRef<'_>>, at: u32| -> Result<bool, Problem> {
        if !row.is_empty() {
            let cells: Vec<Cell<'_>> = row.iter().map(cell).collect();
            each(Row { number: u64::from(at) + 1, cells: &cells })?;
            row.clear();
            count += 1;
        }
        if count >= ROWS_MAX {
            return Err(Problem::TooManyRows);
        }
        Ok(limit.is_none_or(|limit| count < limit as u64))
    };
    while let Some(next) = cells.next_cell().map_err(damaged)? {
        let (line, column) = next.get_position();
        if line < at || column as usize >= COLUMNS_MAX {
            return Err(Problem::Damaged(format!("a cell of row {} is out of place", u64::from(line) + 1)));
        }
        if line > at && !give(&mut row, at)? {
            return Ok(());
        }
        at = line;
        let value = next.get_value();
        if *value == DataRef::Empty {
            continue;
        }
        let column = column as usize;
        if row.len() <= column {
            row.resize(column + 1, DataRef::Empty);
        }
        row[column] = value.clone();
    }
    give(&mut row, at).map(drop)
}

fn cell<'r>(value: &'r DataRef<'_>) -> Cell<'r> {
    match value {
        DataRef::Empty => Cell::Empty,
        #[allow(clippy::cast_precision_loss, reason = "a time or an energy has fewer digits than that")]
        DataRef::Int(number) => Cell::Number(*number as f64),
        DataRef::Float(number) => Cell::Number(*number),
        DataRef::DateTime(time) => Cell::Number(time.as_f64()),
        DataRef::String(text) | DataRef::DateTimeIso(text) | DataRef::DurationIso(text) => Cell::Text(text),
        DataRef::SharedString(text) => Cell::Text(text),
        DataRef::Bool(true) => Cell::Text("TRUE"),
        DataRef::Bool(false) => Cell::Text("FALSE"),
        DataRef::Error(_) => Cell::Text("#ERROR"),
    }
}

fn damaged(error: XlsxError) -> Problem {
    Problem::Damaged(error.to_string())
}

/// Runs what reads somebody else's file: a mistake in it must not end the program.
fn guarded<T>(read: impl FnOnce() -> T) -> Result<T, Problem> {
    catch_unwind(AssertUnwindSafe(read)).map_err(|_| Problem::Damaged("it cannot be read as a spreadsheet".to_owned()))
}

/// Unpacks everything once, holding nothing, to know how much there is, and that nothing of it computes.
fn count(bytes: &[u8]) -> Result<(), Problem> {
    let damaged = |error: zip::result::ZipError| Problem::Damaged(error.to_string());
    let mut archive = ZipArchive::new(Cursor::new(bytes)).map_err(damaged)?;
    let mut left = Budget { bytes: UNPACKED_BYTES_MAX, elements: ELEMENTS_MAX };
    let mut is_workbook = false;
    for index in 0..archive.len() {
        let mut entry = archive.by_index(index).map_err(damaged)?;
        let name = entry.name().map_err(damaged)?.to_ascii_lowercase();
        if name.ends_with("vbaproject.bin") || name.contains("macrosheets/") {
            return Err(Problem::Computes("macros"));
        }
        is_workbook |= name.ends_with("xl/workbook.xml") || name == "xl/workbook.xml";
        left.spend(&mut entry, &name)?;
    }
    if is_workbook {
        Ok(())
    } else {
        Err(Problem::Kind("it is a compressed file, but no spreadsheet (unpack it, or save it as xlsx)"))
    }
}

/// How much may still be unpacked.
struct Budget {
    bytes: u64,
    elements: u64,
}

impl Budget {
    fn spend(&mut self, entry: &mut impl Read, name: &str) -> Result<(), Problem> {
        let (is_sheet, is_texts) = (name.contains("worksheets/"), name.ends_with("sharedstrings.xml"));
        let mut texts = TEXT_ELEMENTS_MAX;
        let (mut buffer, mut tail) = ([0_u8; 1 << 16], Vec::new());
        loop {
            let read = entry.read(&mut buffer).map_err(|error| Problem::Damaged(error.to_string()))?;
            if read == 0 {
                return Ok(());
            }
            let piece = &buffer[..read];
            let elements = piece.iter().filter(|byte| **byte == b'<').count() as u64;
            let spent = self.bytes.checked_sub(read as u64).zip(self.elements.checked_sub(elements));
            (self.bytes, self.elements) = spent.ok_or(Problem::Bomb)?;
            if is_texts {
                texts = texts.checked_sub(elements).ok_or(Problem::Bomb)?;
            }
            if is_sheet {
                // With the end of the piece before, in which a name may have begun.
                tail.extend_from_slice(piece);
                if has_formula(&tail) {
                    return Err(Problem::Computes("formulas"));
                }
                tail.drain(..tail.len().saturating_sub(NAME_BYTES + 1));
            }
        }
    }
}

/// The longest name of an element that is looked at where one piece ends and the next begins.
const NAME_BYTES: usize = 32;

/// Whether there is an element `f`, with or without a prefix.
fn has_formula(xml: &[u8]) -> bool {
    let elements = xml.iter().enumerate().filter(|(_, byte)| **byte == b'<');
    elements.map(|(at, _)| &xml[at + 1..]).any(|element| {
        let end =
            element.iter().take(NAME_BYTES).position(|byte| !byte.is_ascii_alphanumeric() && !b":_-.".contains(byte));
        let name = end.map_or(&[][..], |end| &element[..end]);
        name == b"f" || name.ends_with(b":f")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn formulas_are_found_with_and_without_prefix_and_nothing_else_is_one() {
        for xml in ["<c><f>1</f></c>", "<x:f t=\"shared\"/>", "<f/>", "<c><v>1</v><f\n>"] {
            assert!(has_formula(xml.as_bytes()), "{xml}");
        }
        for xml in ["<c><v>f</v></c>", "<font/>", "text:f >", "<c r=\"F1\">", "<f", ""] {
            assert!(!has_formula(xml.as_bytes()), "{xml}");
        }
    }
}
