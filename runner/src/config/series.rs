//! A series of tariffs as CSV: `start,retail,feed_in`, one row for each change.

use std::io;
use std::path::Path;

use domain::Price;
use domain::tariff::{PartialTariff, Series};
use jiff::Timestamp;

const HEADER: [&str; 3] = ["start", "retail", "feed_in"];
/// Largest file, in bytes: a price for every quarter-hour of 40 years.
const BYTES_MAX: u64 = 64 << 20;
/// Rows with mistakes that are reported; more are only counted.
const MISTAKES_MAX: usize = 10;

/// Reads a file into a series; before its first row there is no price.
///
/// # Errors
/// What is wrong with it, each with file and line.
pub fn read(path: &Path) -> Result<Series<PartialTariff>, Vec<String>> {
    let shown = path.display();
    let unreadable = |error: io::Error| vec![format!("{shown} cannot be read: {error}")];
    let data = std::fs::metadata(path).map_err(unreadable)?;
    if !data.is_file() {
        return Err(vec![format!("{shown} is no file (name a CSV file with {})", HEADER.join(","))]);
    }
    if data.len() > BYTES_MAX {
        return Err(vec![format!("{shown} has {} bytes (at most {BYTES_MAX} are read)", data.len())]);
    }
    let text = std::fs::read_to_string(path).map_err(unreadable)?;
    let lines = (1..).zip(text.strip_prefix('\u{feff}').unwrap_or(&text).lines());
    let mut lines = lines.map(|(line, text): (usize, _)| (line, cells(text))).filter(|(_, cells)| !cells.is_empty());
    match lines.next() {
        Some((_, header)) if header == HEADER => {}
        Some((line, _)) => {
            return Err(vec![format!("{shown}:{line}: the first line must be {}", HEADER.join(","))]);
        }
        None => return Err(vec![format!("{shown} is empty ({} and a row are expected)", HEADER.join(","))]),
    }
    let (mut rows, mut mistakes, mut more) = (Vec::new(), Vec::new(), 0_usize);
    for (line, cells) in lines {
        match row(&cells, rows.last().map(|(start, _)| *start)) {
            Ok(row) => rows.push(row),
            Err(reason) if mistakes.len() < MISTAKES_MAX => mistakes.push(format!("{shown}:{line}: {reason}")),
            Err(_) => more += 1,
        }
    }
    if more > 0 {
        mistakes.push(format!("{shown}: {more} more rows are wrong"));
    }
    if rows.is_empty() && mistakes.is_empty() {
        mistakes.push(format!("{shown} has no row (leave the series out for a tariff that never changes)"));
    }
    if !mistakes.is_empty() {
        return Err(mistakes);
    }
    Series::new(PartialTariff::default(), rows).map_err(|error| vec![format!("{shown}: {error}")])
}

/// The cells of a line, without what spreadsheets put around them; none of an empty line.
fn cells(line: &str) -> Vec<&str> {
    let cells = line.split(',').map(|cell| cell.trim().trim_matches('"'));
    if line.trim().is_empty() { Vec::new() } else { cells.collect() }
}

fn row(cells: &[&str], before: Option<Timestamp>) -> Result<(Timestamp, PartialTariff), String> {
    let [start, retail, feed_in] = cells[..] else {
        return Err(format!("the row has {} cells ({} are expected)", cells.len(), HEADER.join(",")));
    };
    let price = |key: &str, cell: &str| {
        let number = cell.parse().map(Price::from_micro_eur);
        let expected = "a whole number of µEUR/kWh is expected (0.1624 EUR/kWh is 162400)";
        number.map(Some).map_err(|_| format!("{key} is {cell:?}, but {expected}"))
    };
    let time: Timestamp = start
        .parse()
        .map_err(|_| format!("start is {start:?}, but a time is expected (RFC 3339, such as 2024-01-01T00:00:00Z)"))?;
    if let Some(before) = before.filter(|before| *before >= time) {
        return Err(format!("start {start} is not after {before} (every row starts after the one before it)"));
    }
    Ok((time, PartialTariff { retail: price("retail", retail)?, feed_in: price("feed_in", feed_in)? }))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read_text(text: impl AsRef<[u8]>) -> Result<Vec<(String, i64, i64)>, Vec<String>> {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("t.csv");
        std::fs::write(&path, text).unwrap();
        let folder = format!("{}/", directory.path().display());
        let rows = read(&path)
            .map_err(|mistakes| mistakes.iter().map(|reported| reported.replace(&folder, "")).collect::<Vec<_>>())?;
        let numbers = |tariff: PartialTariff| (tariff.retail.unwrap().micro_eur(), tariff.feed_in.unwrap().micro_eur());
        Ok(rows
            .rows()
            .iter()
            .map(|(start, tariff)| (start.to_string(), numbers(*tariff).0, numbers(*tariff).1))
            .collect())
    }

    #[test]
    fn rows_are_a_time_and_two_prices() {
        let rows = [("2024-01-01T00:00:00Z".to_owned(), 5, -6), ("2024-01-01T00:30:00Z".to_owned(), 7, 8)];
        let text = "start,retail,feed_in\n2024-01-01T00:00:00Z,5,-6\n2024-01-01T01:30:00+01:00,7,8\n";
        assert_eq!(read_text(text).unwrap(), rows);
        // As spreadsheets write it: a mark, Windows line ends, spaces, no last line end.
        let text = format!("\u{feff}{}", text.trim_end().replace('\n', "\r\n").replace(",7,", ", \"7\" ,"));
        assert_eq!(read_text(text).unwrap(), rows);
    }

    #[test]
    fn every_wrong_row_is_told_with_its_line() {
        let text = "start,retail,feed_in\n2024-01-01T00:00:00Z,5,6\n2024-01-01T00:00:00Z,5,6\n\nsoon,5,6\n\
                    2024-01-02T00:00:00Z,0.5,6\n2024-01-03T00:00:00Z,5\n2024-01-04T00:00:00Z,5,9223372036854775808\n\
                    2024-01-04,5,6\n";
        let reported = read_text(text).unwrap_err();
        let starts = [
            "t.csv:3: start 2024-01-01T00:00:00Z is not after 2024-01-01T00:00:00Z",
            "t.csv:5: start is \"soon\"",
            "t.csv:6: retail is \"0.5\", but a whole number",
            "t.csv:7: the row has 2 cells",
            "t.csv:8: feed_in is \"9223372036854775808\"",
            "t.csv:9: start is \"2024-01-04\"",
        ];
        assert_eq!(reported.len(), starts.len(), "{reported:#?}");
        for (reported, start) in reported.iter().zip(starts) {
            assert!(reported.starts_with(start), "{reported}");
        }
    }

    #[test]
    fn a_file_of_nothing_but_mistakes_tells_some_and_counts_the_rest() {
        let text = format!("start,retail,feed_in\n{}", "x,y,z\n".repeat(25));
        let reported = read_text(text).unwrap_err();
        assert_eq!((reported.len(), reported[10].as_str()), (11, "t.csv: 15 more rows are wrong"));
    }

    #[test]
    fn files_that_are_no_series_are_told() {
        for (text, says) in [
            ("", "t.csv is empty"),
            ("start,retail,feed_in\n", "t.csv has no row"),
            ("start;retail;feed_in\n", "t.csv:1: the first line must be start,retail,feed_in"),
            ("2024-01-01T00:00:00Z,5,6\n", "t.csv:1: the first line must be"),
        ] {
            let reported = read_text(text).unwrap_err();
            assert!(reported.len() == 1 && reported[0].starts_with(says), "{reported:#?}");
        }
        assert!(read_text(b"start,retail,feed_in\n\xff\xff,5,6\n").unwrap_err()[0].contains("UTF-8"));
        let directory = tempfile::tempdir().unwrap();
        assert!(read(directory.path()).unwrap_err()[0].contains("is no file"));
        assert!(read(&directory.path().join("no.csv")).unwrap_err()[0].contains("cannot be read: No such file"));
    }
}
