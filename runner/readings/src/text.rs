//! Text files: their characters, the sign between their cells, and their rows.

use std::borrow::Cow;

use csv::{ReaderBuilder, StringRecord};

use crate::limits::{COLUMNS_MAX, ROWS_MAX};
use crate::problem::Problem;
use crate::source::{Cell, Each, Row, Rows};

/// Characters 128 to 159 of Windows-1252, in which older programs write.
const WINDOWS: [char; 32] = [
    '€', '\u{81}', '‚', 'ƒ', '„', '…', '†', '‡', 'ˆ', '‰', 'Š', '‹', 'Œ', '\u{8d}', 'Ž', '\u{8f}', '\u{90}', '‘', '’',
    '“', '”', '•', '–', '—', '˜', '™', 'š', '›', 'œ', '\u{9d}', 'ž', 'Ÿ',
];

/// The characters of a text file: UTF-8, UTF-16 with its mark, or else Windows-1252.
pub fn decode(bytes: &[u8]) -> Result<Cow<'_, str>, Problem> {
    let utf_16 = |pair: fn([u8; 2]) -> u16| {
        let units: Vec<u16> = bytes[2..].chunks_exact(2).map(|two| pair([two[0], two[1]])).collect();
        String::from_utf16(&units).map(Cow::Owned).map_err(|error| Problem::Damaged(error.to_string()))
    };
    let text = match bytes {
        [0xff, 0xfe, ..] => utf_16(u16::from_le_bytes)?,
        [0xfe, 0xff, ..] => utf_16(u16::from_be_bytes)?,
        [0xef, 0xbb, 0xbf, rest @ ..] => decode(rest)?,
        _ if bytes.contains(&0) => return Err(Problem::Kind("it is neither text nor a spreadsheet (xlsx)")),
        _ => match std::str::from_utf8(bytes) {
            Ok(text) => Cow::Borrowed(text),
            Err(_) => Cow::Owned(bytes.iter().map(|byte| of_windows(*byte)).collect()),
        },
    };
    Ok(text)
}

fn of_windows(byte: u8) -> char {
    match byte {
        0x80..=0x9f => WINDOWS[usize::from(byte - 0x80)],
        _ => char::from(byte),
    }
}

/// A text whose lines are rows.
pub struct Table<'t> {
    text: &'t str,
    delimiter: u8,
}

impl<'t> Table<'t> {
    /// Finds the sign between cells: the one that the first line has, `;` before a tabulator before a comma, which may be in
    /// numbers.
    pub fn new(text: &'t str) -> Table<'t> {
        let first = text.lines().find(|line| !line.trim().is_empty()).unwrap_or_default();
        let delimiter = *[b';', b'\t'].iter().find(|sign| first.as_bytes().contains(sign)).unwrap_or(&b',');
        Table { text, delimiter }
    }
}

/// Counts lines. That of a record as its reader knows it is the one before, where lines end with two characters.
struct Lines<'t> {
    text: &'t [u8],
    at: usize,
    line: u64,
}

impl Lines<'_> {
    /// The line of the record that begins there, or behind the ends of lines there; never before an earlier one.
    fn of(&mut self, byte: u64) -> u64 {
        let start = usize::try_from(byte).unwrap_or(usize::MAX).clamp(self.at, self.text.len());
        let ends = self.text[start..].iter().take_while(|byte| matches!(byte, b'\r' | b'\n')).count();
        let begins = start + ends;
        self.line += self.text[self.at..begins].iter().filter(|byte| **byte == b'\n').count() as u64;
        self.at = begins;
        self.line
    }
}

impl Rows for Table<'_> {
    fn each(&mut self, limit: Option<usize>, each: Each<'_>) -> Result<(), Problem> {
        let mut reader = ReaderBuilder::new()
            .has_headers(false)
            .flexible(true)
            .delimiter(self.delimiter)
            .from_reader(self.text.as_bytes());
        let (mut record, mut count) = (StringRecord::new(), 0_u64);
        let mut lines = Lines { text: self.text.as_bytes(), at: 0, line: 1 };
        while limit.is_none_or(|limit| count < limit as u64) {
            let more = reader.read_record(&mut record).map_err(|error| Problem::Damaged(error.to_string()))?;
            if !more {
                break;
            }
            count += 1;
            if count > ROWS_MAX {
                return Err(Problem::TooManyRows);
            }
            if record.len() > COLUMNS_MAX {
                return Err(Problem::Damaged(format!("its row {count} has {} cells", record.len())));
            }
            let cells: Vec<Cell<'_>> = record.iter().map(Cell::Text).collect();
            let number = lines.of(record.position().map_or(0, csv::Position::byte));
            each(Row { number, cells: &cells })?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rows(text: &str) -> Vec<(u64, String)> {
        let mut rows = Vec::new();
        let mut table = Table::new(text);
        table
            .each(None, &mut |row| {
                rows.push((row.number, row.shown()));
                Ok(())
            })
            .unwrap();
        rows
    }

    #[test]
    fn characters_are_those_of_any_program() {
        for bytes in [
            &b"\xef\xbb\xbfQualit\xc3\xa4t"[..],
            b"Qualit\xe4t",
            b"\xff\xfeQ\0u\0a\0l\0i\0t\0\xe4\0t\0",
            b"\xfe\xff\0Q\0u\0a\0l\0i\0t\0\xe4\0t",
        ] {
            assert_eq!(decode(bytes).unwrap(), "Qualität");
        }
        assert_eq!(decode(b"\x80").unwrap(), "€");
        assert!(matches!(decode(b"PNG\0\x01"), Err(Problem::Kind(_))));
        assert!(matches!(decode(b"\xff\xfe\x00\xd8"), Err(Problem::Damaged(_))));
    }

    #[test]
    fn rows_have_the_numbers_of_their_lines() {
        let expected = [(1, "a;b".to_owned()), (3, "1,5;2".to_owned()), (4, "x;y;".to_owned())];
        assert_eq!(rows("a;b\r\n\r\n1,5;\"2\"\r\nx;y;\r\n"), expected);
        assert_eq!(rows("a\tb\n1,5\t2\n")[1].1, "1,5;2");
        assert_eq!(rows("a,b\n1.5,2")[1].1, "1.5;2");
        assert_eq!(rows(""), []);
    }
}
