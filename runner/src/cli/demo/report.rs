//! What other rules would have meant, as a page to look at.

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use books::Store;
use domain::text::{chain, shell_word};
use pages::frame::GENERATOR;
use sandbox::Sandbox;
use words::Language;

use super::directory::Directory;
use crate::cli::backtest::{self, report};
use crate::cli::exit::{Exit, ExitCode};
use crate::config::CommunityConfig;
use crate::file::{self, Access};

/// The report's name.
const FILE: &str = "report.html";
/// The rules that are tried: two keys and two auctions.
const RULES: [&str; 4] = ["proportional-shares", "supply-demand-ratio", "uniform", "muda"];

/// Where the report is, or why there is none.
pub(super) struct Report(Result<PathBuf, String>);

/// Runs a backtest of other rules on everything that was settled, and writes its report.
pub(super) async fn write(
    community: &CommunityConfig,
    store: &Arc<dyn Store>,
    sandbox: &Sandbox,
    directory: &Directory,
) -> anyhow::Result<Report> {
    let backtest = backtest::of_books(store, community, &RULES, sandbox).await.exit_code(Exit::Unavailable)?;
    let path = directory.kept().unwrap_or(Path::new("")).join(FILE);
    let keep = directory.kept().map_or("my-demo".into(), |kept| kept.display().to_string());
    let command = format!(
        "rec-market backtest --config {} --with {}",
        shell_word(&format!("{keep}/market.toml")),
        RULES.join(" ")
    );
    let command = match directory.kept() {
        Some(_) => command,
        None => format!("rec-market demo --keep {keep} && {command}"),
    };
    Ok(Report(keep_or_replace(&path, &report::page(Language::En, &backtest, command)).map(|()| path)))
}

/// Writes the page, but not in place of a file of somebody else's. Without it, the demo is as good.
fn keep_or_replace(path: &Path, page: &str) -> Result<(), String> {
    match fs::read_to_string(path) {
        Ok(text) if !text.contains(GENERATOR) => {
            return Err(format!("{} is another file, which stays as it is", path.display()));
        }
        Err(error) if error.kind() == std::io::ErrorKind::InvalidData => {
            return Err(format!("{} is another file, which stays as it is", path.display()));
        }
        _ => {}
    }
    let written = file::replace(path, page.as_bytes(), Access::Umask);
    written.map_err(|error| format!("{} cannot be written: {}", path.display(), chain(&error)))
}

impl Report {
    pub(super) fn path(&self) -> Option<String> {
        self.0.as_ref().ok().map(|path| path.display().to_string())
    }

    pub(super) fn print(&self, out: &mut impl Write) -> anyhow::Result<()> {
        match &self.0 {
            Ok(path) => writeln!(
                out,
                "\nWhat {} would have meant for each member is in {}: open it in a browser, or print it.",
                RULES.join(", "),
                path.display()
            )?,
            Err(reason) => writeln!(out, "\nThere is no report of other rules: {reason}.")?,
        }
        Ok(())
    }
}
