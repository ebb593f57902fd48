//! Output for people and programs: numbers, tables, JSON lines, progress bars.

use std::io::{self, IsTerminal, Write};
use std::path::Path;

use anyhow::Context;
use comfy_table::{CellAlignment, LineStyle, Table, TableStyle};
use domain::Amount;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use serde::Serialize;

use crate::cli::exit::{Exit, ExitCode, usage};
use crate::file::{self, Access};

/// Prints one JSON object on a line of its own.
pub fn json_line(value: &impl Serialize, out: &mut impl Write) -> anyhow::Result<()> {
    serde_json::to_writer(&mut *out, value)?;
    Ok(out.write_all(b"\n")?)
}

/// Writes a new file, unless it is there with this content already. `taken` says why any other file of that name stays, and
/// the way out.
pub fn new_file(path: &Path, bytes: &[u8], taken: &str) -> anyhow::Result<()> {
    match file::create(path, bytes, Access::Umask) {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
            Err(usage(format!("{} already exists {taken}", path.display())))
        }
        written => written.with_context(|| format!("cannot write {}", path.display())).exit_code(Exit::Usage),
    }
}

/// A table with these headings; the first `text_columns` hold text, the rest numbers.
pub fn table(headings: &[&str], text_columns: usize) -> Table {
    let mut table = Table::new();
    let line = LineStyle::new('─', '─', '─', '─');
    table.load_style(TableStyle::new().top_border(line).header_separator(line).bottom_border(line));
    table.set_header(headings);
    for column in table.column_iter_mut().skip(text_columns) {
        column.set_cell_alignment(CellAlignment::Right);
    }
    table
}

/// Energy in kWh with all three decimals, so that nothing is rounded.
pub fn kwh(wh: impl Into<i128>) -> String {
    let wh: i128 = wh.into();
    let sign = if wh < 0 { "-" } else { "" };
    let size = wh.unsigned_abs();
    format!("{sign}{}.{:03}", grouped(size / 1000), size % 1000)
}

/// Money in euro and cents. This is the only place that rounds it.
pub fn eur(amount: Amount) -> String {
    let cents = amount.to_cents();
    let sign = if cents < 0 { "-" } else { "" };
    let size = cents.unsigned_abs();
    format!("{sign}{}.{:02}", grouped(size / 100), size % 100)
}

/// A whole number with narrow spaces between thousands.
pub fn grouped(number: impl Into<u128>) -> String {
    let digits = number.into().to_string();
    let mut text = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(' ');
        }
        text.push(digit);
    }
    text
}

/// A share in percent with one decimal, or a dash if the whole is 0.
pub fn percent(part: u128, whole: u128) -> String {
    match part.saturating_mul(1000).checked_div(whole) {
        Some(tenths) => format!("{}.{} %", tenths / 10, tenths % 10),
        None => "–".to_owned(),
    }
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
    fn numbers_are_exact_and_readable() {
        assert_eq!(kwh(1_234_567_i64), "1 234.567");
        assert_eq!(kwh(-5_i64), "-0.005");
        assert_eq!(eur(Amount::from_nano_eur(-1_234_005_000_000)), "-1 234.00");
        assert_eq!(eur(Amount::from_nano_eur(15_000_000)), "0.02");
        assert_eq!(percent(1, 3), "33.3 %");
        assert_eq!(percent(0, 0), "–");
        assert_eq!(grouped(1_000_000_u64), "1 000 000");
    }
}
