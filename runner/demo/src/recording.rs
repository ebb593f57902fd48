//! Recorded readings from a CSV file with the columns `meter`, `timestamp`, `import_wh` and `export_wh`.
//!
//! Each line has both registers of a meter at one time. Lines and columns may be in any order; further columns are
//! ignored. Registers may fall, as they do when a meter is exchanged; the settlement handles that.

use std::collections::{BTreeMap, HashSet};
use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use csv::StringRecord;
use domain::MeterId;
use domain::member::InvalidName;
use domain::reading::REGISTER_WH_MAX;
use jiff::Timestamp;

use crate::meters::{InvalidRecorded, Recorded, RecordedMeter};

const COLUMNS: [&str; 4] = ["meter", "timestamp", "import_wh", "export_wh"];

/// Why a file of readings is refused.
#[derive(Debug, thiserror::Error)]
pub enum RecordedError {
    /// The file cannot be opened.
    #[error("cannot open {} (give the path of a CSV file with the columns meter,timestamp,import_wh,export_wh)", file.display())]
    Open {
        /// The file's path.
        file: PathBuf,
        /// The system's error.
        #[source]
        source: io::Error,
    },
    /// The file cannot be read to its end, or is not CSV in UTF-8.
    #[error("cannot read {} as CSV (save it as UTF-8 text, separated by commas)", file.display())]
    Read {
        /// The file's path.
        file: PathBuf,
        /// The parser's error, with its position.
        #[source]
        source: csv::Error,
    },
    /// A column is missing, or occurs twice.
    #[error(
        "{} has {found} columns named {column} (the first line must name meter,timestamp,import_wh,export_wh, each once)",
        file.display()
    )]
    Column {
        /// The file's path.
        file: PathBuf,
        /// The column's name.
        column: &'static str,
        /// How often the column occurs.
        found: usize,
    },
    /// A line has more or fewer values than the first line has columns.
    #[error("{}, line {line}: {found} values for {columns} columns (one value per column is expected; is the line cut off?)", file.display())]
    Length {
        /// The file's path.
        file: PathBuf,
        /// The line's number, from 1.
        line: u64,
        /// Number of values.
        found: usize,
        /// Number of columns.
        columns: usize,
    },
    /// A value violates the rule of its column.
    #[error("{}, line {line}: {column} {value:?} {rule}", file.display())]
    Value {
        /// The file's path.
        file: PathBuf,
        /// The line's number, from 1.
        line: u64,
        /// The column's name.
        column: &'static str,
        /// The value, truncated to 40 characters.
        value: String,
        /// The rule and the way out.
        rule: Rule,
    },
    /// Two lines have the same meter and time.
    #[error("{}, line {line}: meter {meter} at {at} is already in line {first} (remove one of them)", file.display())]
    Duplicate {
        /// The file's path.
        file: PathBuf,
        /// The number of the later line, from 1.
        line: u64,
        /// The number of the earlier line.
        first: u64,
        /// The meter of both lines.
        meter: MeterId,
        /// The time of both lines.
        at: Timestamp,
    },
    /// The file has no readings.
    #[error("{} has no readings (one line per meter and time is expected below the column names)", file.display())]
    Empty {
        /// The file's path.
        file: PathBuf,
    },
    /// The readings cannot be recorded.
    #[error("{} cannot be recorded", file.display())]
    Recorded {
        /// The file's path.
        file: PathBuf,
        /// The reason.
        #[source]
        source: InvalidRecorded,
    },
}

/// The rule that a value violates, and the way out.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Rule {
    /// The rule of `meter`.
    #[error("is not a valid meter id: {0}")]
    Meter(InvalidName),
    /// The rule of `timestamp`.
    #[error("is not an RFC 3339 time (such as 2023-09-01T12:15:00Z)")]
    Timestamp,
    /// The rule of the registers.
    #[error("is not a whole number of Wh from 0 to {REGISTER_WH_MAX} (registers are cumulative; multiply kWh by 1000)")]
    Register,
}

/// Reads a file of readings.
///
/// # Errors
/// If the file is missing, is not such a CSV file, has no readings, or has an invalid or duplicate line.
pub fn read(file: &Path) -> Result<Recorded, RecordedError> {
    let open = File::open(file).map_err(|source| RecordedError::Open { file: file.to_owned(), source })?;
    parse(file, open)
}

/// Parses the text of a file; `file` is only used in errors.
///
/// # Errors
/// As [`read`], except for a missing file.
pub fn parse(file: &Path, text: impl Read) -> Result<Recorded, RecordedError> {
    let mut lines = csv::ReaderBuilder::new().flexible(true).trim(csv::Trim::All).from_reader(text);
    let failed = |source| RecordedError::Read { file: file.to_owned(), source };
    let header = Header::find(file, lines.headers().map_err(failed)?)?;
    let mut meters: BTreeMap<MeterId, Vec<Row>> = BTreeMap::new();
    let mut record = StringRecord::new();
    while lines.read_record(&mut record).map_err(failed)? {
        let line = Line { file, header: &header, record: &record };
        meters.entry(line.meter()?).or_default().push(line.row()?);
    }
    if meters.is_empty() {
        return Err(RecordedError::Empty { file: file.to_owned() });
    }
    collect(file, meters)
}

/// One reading of a meter.
struct Row {
    at: Timestamp,
    import_wh: u64,
    export_wh: u64,
    line: u64,
}

/// The indexes of the columns.
struct Header {
    columns: usize,
    meter: usize,
    timestamp: usize,
    import: usize,
    export: usize,
}

impl Header {
    fn find(file: &Path, names: &StringRecord) -> Result<Header, RecordedError> {
        let index = |column: &'static str| {
            let mut found = names.iter().enumerate().filter(|(_, name)| *name == column).map(|(index, _)| index);
            match (found.next(), found.count()) {
                (Some(index), 0) => Ok(index),
                (first, more) => {
                    let found = usize::from(first.is_some()) + more;
                    Err(RecordedError::Column { file: file.to_owned(), column, found })
                }
            }
        };
        let [meter, timestamp, import, export] = COLUMNS;
        Ok(Header {
            columns: names.len(),
            meter: index(meter)?,
            timestamp: index(timestamp)?,
            import: index(import)?,
            export: index(export)?,
        })
    }
}

/// One line below the first.
struct Line<'a> {
    file: &'a Path,
    header: &'a Header,
    record: &'a StringRecord,
}

impl Line<'_> {
    fn meter(&self) -> Result<MeterId, RecordedError> {
        let [column, ..] = COLUMNS;
        let value = self.value(self.header.meter)?;
        value.parse().map_err(|invalid| self.invalid(column, value, Rule::Meter(invalid)))
    }

    fn row(&self) -> Result<Row, RecordedError> {
        let [_, column, import, export] = COLUMNS;
        let value = self.value(self.header.timestamp)?;
        Ok(Row {
            at: value.parse().map_err(|_| self.invalid(column, value, Rule::Timestamp))?,
            import_wh: self.register(import, self.header.import)?,
            export_wh: self.register(export, self.header.export)?,
            line: self.number(),
        })
    }

    fn register(&self, column: &'static str, index: usize) -> Result<u64, RecordedError> {
        let value = self.value(index)?;
        // Digits only: `str::parse` would also accept a sign.
        let digits = value.bytes().all(|byte| byte.is_ascii_digit());
        let wh = value.parse().ok().filter(|wh| digits && *wh <= REGISTER_WH_MAX);
        wh.ok_or_else(|| self.invalid(column, value, Rule::Register))
    }

    fn value(&self, index: usize) -> Result<&str, RecordedError> {
        let (found, columns) = (self.record.len(), self.header.columns);
        match self.record.get(index) {
            Some(value) if found == columns => Ok(value),
            _ => Err(RecordedError::Length { file: self.file.to_owned(), line: self.number(), found, columns }),
        }
    }

    fn invalid(&self, column: &'static str, value: &str, rule: Rule) -> RecordedError {
        let value = value.chars().take(40).collect();
        RecordedError::Value { file: self.file.to_owned(), line: self.number(), column, value, rule }
    }

    fn number(&self) -> u64 {
        self.record.position().map_or(0, csv::Position::line)
    }
}

fn collect(file: &Path, meters: BTreeMap<MeterId, Vec<Row>>) -> Result<Recorded, RecordedError> {
    let invalid = |source| RecordedError::Recorded { file: file.to_owned(), source };
    let mut shared: HashSet<Arc<[Timestamp]>> = HashSet::new();
    let mut recorded = Vec::new();
    for (meter, mut rows) in meters {
        rows.sort_by_key(|row| (row.at, row.line));
        if let Some(pair) = rows.windows(2).find(|pair| pair[0].at == pair[1].at) {
            let (first, line, at) = (pair[0].line, pair[1].line, pair[0].at);
            return Err(RecordedError::Duplicate { file: file.to_owned(), line, first, meter, at });
        }
        let times: Arc<[Timestamp]> = rows.iter().map(|row| row.at).collect();
        // Meters of one community are mostly read at the same times.
        let times = shared.get(&times).cloned().unwrap_or(times);
        shared.insert(times.clone());
        let import_wh: Vec<u64> = rows.iter().map(|row| row.import_wh).collect();
        let export_wh: Vec<u64> = rows.iter().map(|row| row.export_wh).collect();
        recorded.push(RecordedMeter::new(meter, times, &import_wh, &export_wh).map_err(invalid)?);
    }
    Recorded::new(recorded).map_err(invalid)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::error::Error as _;

    use domain::reading::Register;

    const HEADER: &str = "meter,timestamp,import_wh,export_wh\n";

    fn parse_text(text: &str) -> Result<Recorded, RecordedError> {
        parse(Path::new("readings.csv"), text.as_bytes())
    }

    fn refuse(lines: &str) -> String {
        parse_text(&format!("{HEADER}{lines}")).unwrap_err().to_string()
    }

    fn import_wh(recorded: &Recorded, meter: &str) -> Vec<u64> {
        let meter = recorded.meter(meter).unwrap();
        (0..).map_while(|row| meter.wh(Register::Import, row)).collect()
    }

    #[test]
    fn lines_and_columns_in_any_order_are_read() {
        let recorded = parse_text(
            "\u{feff}export_wh, note ,timestamp,meter,import_wh\r\n\
             7,x,2023-09-01T12:15:00Z,b,20\r\n\
             \r\n\
             8,,2023-09-01T12:00:00Z,b,10\r\n\
             9,\"a, b\",2023-09-01T14:00:00+02:00,a,5",
        )
        .unwrap();
        assert_eq!(import_wh(&recorded, "b"), [10, 20]);
        assert_eq!(recorded.meter("b").unwrap().wh(Register::Export, 1), Some(7));
        assert_eq!(import_wh(&recorded, "a"), [5]);
        assert_eq!(recorded.meter("a").unwrap().times()[0].to_string(), "2023-09-01T12:00:00Z");
    }

    #[test]
    fn a_register_may_fall() {
        let recorded = parse_text(&format!("{HEADER}m,2023-09-01T12:00:00Z,10,0\nm,2023-09-01T12:15:00Z,3,0")).unwrap();
        assert_eq!(import_wh(&recorded, "m"), [10, 3]);
    }

    #[test]
    fn invalid_values_are_reported_with_file_line_and_column() {
        assert_eq!(
            refuse("m,2023-09-01T12:00:00Z,1,0\nm,2023-09-01T12:15:00Z,-5,0"),
            "readings.csv, line 3: import_wh \"-5\" is not a whole number of Wh from 0 to 9223372036854775807 \
             (registers are cumulative; multiply kWh by 1000)"
        );
        for value in ["", "1.5", "+1", "1e3", "9223372036854775808", "99999999999999999999", "1 000"] {
            assert!(
                refuse(&format!("m,2023-09-01T12:00:00Z,1,{value}"))
                    .contains(&format!("line 2: export_wh {value:?} is")),
                "{value}"
            );
        }
        assert_eq!(
            refuse("m,01.09.2023 12:00,1,0"),
            "readings.csv, line 2: timestamp \"01.09.2023 12:00\" is not an RFC 3339 time (such as 2023-09-01T12:15:00Z)"
        );
        assert_eq!(
            refuse(",2023-09-01T12:00:00Z,1,0"),
            "readings.csv, line 2: meter \"\" is not a valid meter id: a name is empty"
        );
    }

    #[test]
    fn cut_off_and_overlong_lines_are_refused() {
        assert_eq!(
            refuse("m,2023-09-01T12:00:00Z,1"),
            "readings.csv, line 2: 3 values for 4 columns (one value per column is expected; is the line cut off?)"
        );
        assert_eq!(
            refuse("m,2023-09-01T12:00:00Z,1,0,7"),
            "readings.csv, line 2: 5 values for 4 columns (one value per column is expected; is the line cut off?)"
        );
    }

    #[test]
    fn the_same_meter_and_time_twice_is_refused_with_both_lines() {
        assert_eq!(
            refuse("m,2023-09-01T12:00:00Z,1,0\nn,2023-09-01T12:00:00Z,1,0\nm,2023-09-01T14:00:00+02:00,1,0"),
            "readings.csv, line 4: meter m at 2023-09-01T12:00:00Z is already in line 2 (remove one of them)"
        );
    }

    #[test]
    fn files_without_readings_or_columns_are_refused() {
        let message = |text: &str| parse_text(text).unwrap_err().to_string();
        assert_eq!(
            message(HEADER),
            "readings.csv has no readings (one line per meter and time is expected below the column names)"
        );
        let columns = "(the first line must name meter,timestamp,import_wh,export_wh, each once)";
        assert_eq!(message(""), format!("readings.csv has 0 columns named meter {columns}"));
        assert_eq!(
            message("meter,timestamp,import,export_wh\nm,2023-09-01T12:00:00Z,1,0"),
            format!("readings.csv has 0 columns named import_wh {columns}")
        );
        assert_eq!(
            message("meter,meter,timestamp,import_wh,export_wh\n"),
            format!("readings.csv has 2 columns named meter {columns}")
        );
    }

    #[test]
    fn files_that_are_missing_or_not_text_are_refused() {
        let directory = tempfile::tempdir().unwrap();
        let missing = directory.path().join("none.csv");
        let error = read(&missing).unwrap_err();
        assert!(matches!(&error, RecordedError::Open { .. }), "{error}");
        assert!(error.source().is_some());
        assert!(read(directory.path()).is_err());
        let binary = [HEADER.as_bytes(), b"m,\xff\xfe,1,0\n"].concat();
        let error = parse(Path::new("readings.csv"), binary.as_slice()).unwrap_err();
        assert_eq!(error.to_string(), "cannot read readings.csv as CSV (save it as UTF-8 text, separated by commas)");
    }

    #[test]
    fn meters_with_the_same_times_share_them() {
        let lines: String = ["a", "b"].map(|meter| format!("{meter},2023-09-01T12:00:00Z,1,0\n")).concat();
        let recorded = parse_text(&format!("{HEADER}{lines}")).unwrap();
        let [a, b] = recorded.meters() else { panic!("two meters") };
        assert!(std::ptr::eq(a.times(), b.times()));
    }
}
