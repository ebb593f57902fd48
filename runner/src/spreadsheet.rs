//! Comma-separated values that a spreadsheet shows as they are.

use std::borrow::Cow;
use std::io::Write;

use csv::{Writer, WriterBuilder};
use domain::text::printable;

/// Characters that make a spreadsheet compute a cell that begins with them.
const COMPUTED: [char; 6] = ['=', '+', '-', '@', '\t', '\r'];

/// A cell: text from wherever, or a number, which is written digit by digit as it is.
pub enum Cell<'c> {
    Text(Cow<'c, str>),
    Whole(i128),
    Natural(u128),
}

impl<'c> From<&'c str> for Cell<'c> {
    fn from(text: &'c str) -> Cell<'c> {
        Cell::Text(Cow::Borrowed(text))
    }
}

impl From<String> for Cell<'_> {
    fn from(text: String) -> Self {
        Cell::Text(Cow::Owned(text))
    }
}

/// Nothing is an empty cell.
impl<'c, T: Into<Cell<'c>>> From<Option<T>> for Cell<'c> {
    fn from(cell: Option<T>) -> Cell<'c> {
        cell.map_or(Cell::Text(Cow::Borrowed("")), Into::into)
    }
}

macro_rules! numbers {
    ($($type:ty),+) => {
        $(impl From<$type> for Cell<'_> {
            fn from(number: $type) -> Self {
                Cell::Whole(number.into())
            }
        })+
    };
}

numbers!(u64, i64, i128);

impl From<u128> for Cell<'_> {
    fn from(number: u128) -> Self {
        Cell::Natural(number)
    }
}

/// Writes rows below a line of headings.
pub struct Csv<W: Write> {
    writer: Writer<W>,
    /// What a cell becomes, in memory that is used again.
    digits: Vec<u8>,
}

impl<W: Write> Csv<W> {
    pub fn new(headings: &[&str], to: W) -> csv::Result<Csv<W>> {
        let mut writer = WriterBuilder::new().has_headers(false).from_writer(to);
        writer.write_record(headings)?;
        Ok(Csv { writer, digits: Vec::new() })
    }

    pub fn row<'c>(&mut self, cells: impl IntoIterator<Item = Cell<'c>>) -> csv::Result<()> {
        cells.into_iter().try_for_each(|cell| self.cell(&cell))?;
        self.writer.write_record(None::<&[u8]>)
    }

    /// Writes a cell. Text that a spreadsheet would compute begins with an apostrophe, which keeps it text.
    fn cell(&mut self, cell: &Cell<'_>) -> csv::Result<()> {
        self.digits.clear();
        match cell {
            Cell::Text(text) if !text.starts_with(COMPUTED) => {
                return self.writer.write_field(printable(text).as_bytes());
            }
            Cell::Text(text) => write!(self.digits, "'{}", printable(text))?,
            // Short numbers, which nearly all are, take less time.
            Cell::Whole(number) => match i64::try_from(*number) {
                Ok(short) => write!(self.digits, "{short}")?,
                Err(_) => write!(self.digits, "{number}")?,
            },
            Cell::Natural(number) => write!(self.digits, "{number}")?,
        }
        self.writer.write_field(&self.digits)
    }

    /// Writes what is left, and returns where it was written to.
    pub fn finish(self) -> std::io::Result<W> {
        self.writer.into_inner().map_err(csv::IntoInnerError::into_error)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_spreadsheet_computes_nothing_and_numbers_stay_numbers() {
        let mut csv = Csv::new(&["member", "wh", "note"], Vec::new()).unwrap();
        for name in ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1", "a=b", "'=1", "m\u{202e}1", "a,\"b\"", ""] {
            csv.row([name.into(), (-5_i64).into(), None::<String>.into()]).unwrap();
        }
        csv.row(["most".into(), i128::MIN.into(), u64::MAX.into()]).unwrap();
        let text = String::from_utf8(csv.finish().unwrap()).unwrap();
        let expected = "\
member,wh,note
'=1+1,-5,
'+1,-5,
'-1,-5,
'@SUM(A1),-5,
'\\t=1,-5,
'\\r=1,-5,
a=b,-5,
'=1,-5,
m\\u{202e}1,-5,
\"a,\"\"b\"\"\",-5,
,-5,
most,-170141183460469231731687303715884105728,18446744073709551615
";
        assert_eq!(text, expected);
    }
}
