//! Holidays: a list of dates, or a file with a date a line.

use std::path::{Path, PathBuf};

use domain::tariff::Holidays;
use jiff::civil::Date;

use super::problems::Problems;
use super::read::Field;
use super::schema::{DateSource, HolidayDates, Is};

/// Largest file, in bytes: a millennium of holidays.
const BYTES_MAX: u64 = 1 << 20;

/// The holidays of a community.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HolidaysConfig {
    /// The dates.
    pub dates: Holidays,
    /// The file that has them, if one has.
    pub file: Option<PathBuf>,
}

/// The key `holidays` of a community; none if it is not there.
pub(super) fn check(key: Field<Is<HolidayDates>>, problems: &Problems<'_>) -> Option<HolidaysConfig> {
    let (Is(source), at) = key.placed()?;
    match source {
        DateSource::Dates(dates) => {
            Some(HolidaysConfig { dates: Holidays::new(dates.into_iter().collect()), file: None })
        }
        DateSource::File(file) => {
            let path = problems.path(&file);
            let (dates, mistakes) = read(&path);
            mistakes.into_iter().for_each(|mistake| problems.at(at, format!("community.holidays: {mistake}")));
            Some(HolidaysConfig { dates: Holidays::new(dates.into_iter().collect()), file: Some(path) })
        }
    }
}

/// The dates of a file, and what is wrong with it.
fn read(path: &Path) -> (Vec<Date>, Vec<String>) {
    let shown = path.display();
    let text = match std::fs::metadata(path) {
        Ok(data) if data.is_file() && data.len() > BYTES_MAX => {
            return (Vec::new(), vec![format!("{shown} has {} bytes (at most {BYTES_MAX} are read)", data.len())]);
        }
        Ok(data) if !data.is_file() => {
            return (Vec::new(), vec![format!("{shown} is no file (name one with a date a line)")]);
        }
        Ok(_) => std::fs::read_to_string(path),
        Err(error) => Err(error),
    };
    let text = match text {
        Ok(text) => text,
        Err(error) => return (Vec::new(), vec![format!("{shown} cannot be read: {error}")]),
    };
    let (mut dates, mut mistakes) = (Vec::new(), Vec::new());
    for (line, text) in (1..).zip(text.strip_prefix('\u{feff}').unwrap_or(&text).lines()) {
        // What is behind a # is for people.
        let date = text.split('#').next().unwrap_or_default().trim();
        match date.parse::<Date>() {
            _ if date.is_empty() => {}
            Ok(day) if day.to_string() == date => dates.push(day),
            _ => {
                let line: usize = line;
                let expected = "but a date (such as 2026-12-25) is expected, with or without a # and a name behind it";
                mistakes.push(format!("{shown}:{line} is {date:?}, {expected}"));
            }
        }
    }
    (dates, mistakes)
}
