//! Output for people and programs: numbers, tables, JSON lines, progress bars.

use std::fmt;
use std::io::{self, IsTerminal, Write};
use std::path::Path;

use anyhow::Context;
use comfy_table::{CellAlignment, LineStyle, TableStyle};
use domain::text::{printable, printable_json};
pub use figures::text::{cents_per_kwh, eur, eur_difference, grouped, is_whole_cents, kwh, kwh_of_sum, percent};
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use serde::Serialize;

use crate::cli::exit::{ExitCode, of_writing, usage};
use crate::file::{self, Access};

/// A number of things, such as `1 trade` and `2,000 trades`.
pub fn counted(count: u64, what: &str) -> String {
    let plural = if count == 1 { "" } else { "s" };
    format!("{} {what}{plural}", grouped(count))
}

/// Prints one JSON object on a line of its own, with escapes for characters that nobody sees.
pub fn json_line(value: &impl Serialize, out: &mut impl Write) -> anyhow::Result<()> {
    let json = serde_json::to_string(value)?;
    Ok(writeln!(out, "{}", printable_json(&json))?)
}

/// Writes a new file, unless it is there with this content already. `taken` says why any other file of that name stays, and
/// the way out.
pub fn new_file(path: &Path, bytes: &[u8], taken: &str) -> anyhow::Result<()> {
    match file::create(path, bytes, Access::Umask) {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
            Err(usage(format!("{} already exists {taken}", path.display())))
        }
        Ok(()) => Ok(()),
        Err(error) => {
            let exit = of_writing(&error);
            Err(error).with_context(|| format!("cannot write {}", path.display())).exit_code(exit)
        }
    }
}

/// Longest part of a file's name that an algorithm can choose, in characters.
const FILE_CHARS_MAX: usize = 64;

/// The name of a component's file: the name that the algorithm gives itself, as far as it is safe and leads to no other
/// directory, and what tells it from others of that name, such as its version or digest.
pub fn component_file(name: &str, distinct: &str) -> String {
    let plain = |c: char| if c.is_ascii_alphanumeric() || "._-+".contains(c) { c } else { '_' };
    let [name, distinct] =
        [name, distinct].map(|text| text.chars().take(FILE_CHARS_MAX).map(plain).collect::<String>());
    let name = match name.trim_start_matches(['.', '-']) {
        "" => "algorithm",
        name => name,
    };
    format!("{name}-{distinct}.wasm")
}

/// A table whose cells are printed on one line each, without characters that nobody sees.
pub struct Table {
    table: comfy_table::Table,
    has_total: bool,
}

impl Table {
    pub fn add_row(&mut self, cells: impl IntoIterator<Item = impl AsRef<str>>) {
        self.table.add_row(cells.into_iter().map(|cell| printable(cell.as_ref()).into_owned()));
    }

    /// Adds the last row, below a line of its own: whatever the rows above are called, none is taken for it.
    pub fn add_total(&mut self, cells: impl IntoIterator<Item = impl AsRef<str>>) {
        self.add_row(cells);
        self.has_total = true;
    }
}

impl fmt::Display for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if !self.has_total {
            return self.table.fmt(f);
        }
        let lines: Vec<String> = self.table.lines().collect();
        if let [above @ .., total, border] = lines.as_slice() {
            above.iter().try_for_each(|line| writeln!(f, "{line}"))?;
            write!(f, "{border}\n{total}\n{border}")?;
        }
        Ok(())
    }
}

/// A table with these headings; the first `text_columns` hold text, the rest numbers.
pub fn table(headings: &[&str], text_columns: usize) -> Table {
    let mut table = comfy_table::Table::new();
    let line = LineStyle::new('─', '─', '─', '─');
    table.load_style(TableStyle::new().top_border(line).header_separator(line).bottom_border(line));
    table.set_header(headings);
    for column in table.column_iter_mut().skip(text_columns) {
        column.set_cell_alignment(CellAlignment::Right);
    }
    Table { table, has_total: false }
}

/// A progress bar on stderr with that many steps; hidden if stderr is not a terminal.
pub fn progress(steps: u64, what: &'static str) -> ProgressBar {
    let bar = ProgressBar::with_draw_target(Some(steps), ProgressDrawTarget::stderr());
    let style = ProgressStyle::with_template("{msg} {wide_bar} {pos}/{len} {eta}");
    if let Ok(style) = style {
        bar.set_style(style);
    }
    bar.set_message(what);
    if !io::stderr().is_terminal() {
        bar.set_draw_target(ProgressDrawTarget::hidden());
    }
    bar
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_algorithm_chooses_a_name_and_no_place() {
        let named = |name: &str| component_file(name, "1.0.0+b").strip_suffix("-1.0.0+b.wasm").unwrap().to_owned();
        assert_eq!(named("mid-market-rate"), "mid-market-rate");
        assert_eq!(named("../../etc/passwd"), "_.._etc_passwd");
        assert_eq!(named("-rf *\n"), "rf___");
        assert_eq!(named("ünï"), "_n_");
        assert_eq!(named(".."), "algorithm");
        assert_eq!(named(&"x".repeat(1000)).len(), 64);
        assert_eq!(component_file("x", "/../1"), "x-_.._1.wasm");
    }

    #[test]
    fn a_table_has_no_character_that_nobody_sees() {
        let mut rows = table(&["member", "Wh"], 1);
        rows.add_row(["m\u{202e}1\u{1b}[31m\nx", "5"]);
        let text = rows.to_string();
        assert!(text.contains("m\\u{202e}1\\u{1b}[31m\\nx"), "{text}");
    }

    #[test]
    fn a_total_is_below_a_line_of_its_own() {
        let mut rows = table(&["member", "Wh"], 1);
        rows.add_row(["total", "5"]);
        rows.add_total(["total", "5"]);
        let text = rows.to_string();
        let lines: Vec<&str> = text.lines().map(str::trim).collect();
        assert_eq!(lines[3], lines[5], "{text}");
        assert!(lines.len() == 7 && lines[4].starts_with('─') && lines[6] == lines[4], "{text}");
    }

    #[test]
    fn json_means_the_same_without_characters_that_nobody_sees() {
        let value = serde_json::json!({"member": "m\u{202e}1\u{e0041}\u{7f}→\n"});
        let mut out = Vec::new();
        json_line(&value, &mut out).unwrap();
        let text = String::from_utf8(out).unwrap();
        assert_eq!(text, "{\"member\":\"m\\u202e1\\udb40\\udc41\\u007f→\\n\"}\n");
        assert_eq!(serde_json::from_str::<serde_json::Value>(&text).unwrap(), value);
    }
}
