//! Comma-separated values that a spreadsheet shows as they are.

use std::io::Write;

use csv::{Writer, WriterBuilder};
use domain::text::printable;

/// Characters that make a spreadsheet compute a cell that begins with them.
const COMPUTED: [char; 6] = ['=', '+', '-', '@', '\t', '\r'];

/// A cell: text from wherever, or a number, which is written digit by digit as it is.
pub enum Cell {
    Text(String),
    Number(String),
}

impl From<&str> for Cell {
    fn from(text: &str) -> Cell {
        Cell::Text(text.to_owned())
    }
}

impl From<String> for Cell {
    fn from(text: String) -> Cell {
        Cell::Text(text)
    }
}

/// Nothing is an empty cell.
impl<T: Into<Cell>> From<Option<T>> for Cell {
    fn from(cell: Option<T>) -> Cell {
        cell.map_or_else(|| Cell::Text(String::new()), Into::into)
    }
}

macro_rules! numbers {
    ($($type:ty),+) => {
        $(impl From<$type> for Cell {
            fn from(number: $type) -> Cell {
                Cell::Number(number.to_string())
            }
        })+
    };
}

numbers!(u64, i64, u128, i128);

impl Cell {
    /// The cell as it is written. Text that a spreadsheet would compute begins with an apostrophe, which keeps it text.
    fn written(&self) -> String {
        match self {
            Cell::Text(text) if text.starts_with(COMPUTED) => format!("'{}", printable(text)),
            Cell::Text(text) => printable(text).into_owned(),
            Cell::Number(number) => number.clone(),
        }
    }
}

/// Writes rows below a line of headings.
pub struct Csv<W: Write>(Writer<W>);

impl<W: Write> Csv<W> {
    pub fn new(headings: &[&str], to: W) -> csv::Result<Csv<W>> {
        let mut writer = WriterBuilder::new().has_headers(false).from_writer(to);
        writer.write_record(headings)?;
        Ok(Csv(writer))
    }

    pub fn row(&mut self, cells: impl IntoIterator<Item = Cell>) -> csv::Result<()> {
        self.0.write_record(cells.into_iter().map(|cell| cell.written()))
    }

    /// Writes what is left, and returns where it was written to.
    pub fn finish(self) -> std::io::Result<W> {
        self.0.into_inner().map_err(csv::IntoInnerError::into_error)
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
