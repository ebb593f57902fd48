//! The report: one HTML file.

use std::path::Path;

use anyhow::Context;
use domain::text::shell_word;
use figures::Backtest;
use pages::Repeat;
use sandbox::Sandbox;
use words::Language;

use crate::cli::exit::{ExitCode, of_writing};
use crate::file::{self, Access};

/// Writes the report of a backtest, in place of the file that may be there.
pub fn write(file: &Path, language: Language, backtest: &Backtest) -> anyhow::Result<()> {
    let written = file::replace(file, page(language, backtest, command()).as_bytes(), Access::Umask);
    let exit = written.as_ref().err().map(of_writing);
    let written = written.with_context(|| format!("cannot write {}", file.display()));
    match exit {
        Some(exit) => written.exit_code(exit),
        None => written,
    }
}

/// The report as text; `command` is what makes it again.
pub fn page(language: Language, backtest: &Backtest, command: String) -> String {
    let program = format!("rec-market {}, {}", env!("CARGO_PKG_VERSION"), Sandbox::engine_version());
    pages::backtest::page(language, backtest, &Repeat { command, program }).into_string()
}

/// The command as it was typed, so that it can be pasted into a shell.
fn command() -> String {
    let words = std::env::args_os().skip(1).map(|word| shell_word(&word.to_string_lossy()));
    std::iter::once("rec-market".to_owned()).chain(words).collect::<Vec<_>>().join(" ")
}
