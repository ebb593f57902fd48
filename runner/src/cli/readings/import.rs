//! `rec-market readings import`: files of readings into the store.

use std::io::Write;
use std::sync::Arc;

use books::{KeepError, NewReadings, Notice, Reception, Store};
use clap::Args;
use domain::MeterId;
use jiff::Timestamp;
use readings::BadRow;
use serde::Serialize;

use super::files::{FileArgs, read_together, tell};
use crate::app;
use crate::cli::args::ConfigArg;
use crate::cli::exit::{Exit, ExitCode, usage};
use crate::cli::output;
use crate::clock::{Clock, SystemClock};
use crate::config::{Config, MetersSource};

/// Take files of readings into the store, for communities with meters = "store"
///
/// All files are taken, or none. The same file again changes nothing; a value that contradicts one that is there is refused with
/// both. It does not matter in which order files come: what fills a gap after its intervals were settled is traded with the grid.
#[derive(Debug, Args)]
pub struct ImportArgs {
    #[command(flatten)]
    pub files: FileArgs,
    #[command(flatten)]
    pub config: ConfigArg,
    /// Print one JSON object
    #[arg(long)]
    pub json: bool,
}

#[derive(Serialize)]
struct ImportJson {
    meters: usize,
    new: u64,
    same: u64,
    skipped: usize,
}

pub async fn run(args: &ImportArgs, out: &mut impl Write) -> anyhow::Result<Exit> {
    let config = Config::load(&args.config.config)?;
    let communities: Vec<&str> = config
        .communities
        .iter()
        .filter(|community| community.meters == MetersSource::Store)
        .map(|community| community.name.as_str())
        .collect();
    if communities.is_empty() {
        let way_out = "set meters = \"store\" in the community that they are for";
        return Err(usage(format!("no community takes its readings from the store ({way_out})")));
    }
    let readings = read_together(&args.files)?;
    let store = app::open_store(&config.store).await?;
    let now = SystemClock.now();
    let (meters, skipped) = (readings.meters.len(), readings.skipped.len());
    let new = NewReadings { meters: readings.meters, at: now, attempt: attempt() };
    let bar = output::progress(1, "keeping");
    let kept = store.keep_readings(Arc::new(new)).await;
    bar.finish_and_clear();
    let kept = match kept {
        Ok(kept) => kept,
        Err(KeepError::Contradicts(contradictions)) => return Err(contradictions).exit_code(Exit::Bad),
        Err(KeepError::Store(error)) => return Err(error.into()),
    };
    readings.notes.iter().for_each(tell);
    for community in &communities {
        tell_skipped(&*store, community, &readings.skipped, now).await?;
    }
    if args.json {
        output::json_line(&ImportJson { meters, new: kept.new, same: kept.same, skipped }, out)?;
    } else {
        let (new, same) = (output::grouped(kept.new), output::grouped(kept.same));
        writeln!(out, "{meters} meters: {new} new values, {same} were there already, {skipped} rows left out")?;
    }
    Ok(Exit::Done)
}

/// What tells this import from any other.
fn attempt() -> String {
    format!("{:016x}{:016x}", fastrand::u64(..), fastrand::u64(..))
}

/// Keeps an event for each row that was left out.
async fn tell_skipped(store: &dyn Store, community: &str, skipped: &[BadRow], now: Timestamp) -> anyhow::Result<()> {
    if skipped.is_empty() {
        return Ok(());
    }
    let told = store.notices(community).await?;
    let told_at = Timestamp::from_second(now.as_second())?;
    let mut notices: Vec<Notice> = Vec::new();
    for row in skipped {
        let subject = subject(&row.file)?;
        let before = notices.iter().filter(|notice| notice.meter == subject).count() as u64;
        let number = told.get(&subject).map_or(0, |told| told.number) + before + 1;
        let (reception, message) = (Reception::SkippedRow, format!("left out: {row}"));
        notices.push(Notice { meter: subject, number, start: None, told_at, reception, message });
    }
    store.tell(community, &notices).await?;
    Ok(())
}

/// The file as the subject of an event: its name, as far as that can be one.
fn subject(file: &str) -> anyhow::Result<MeterId> {
    let name = file.rsplit('/').next().unwrap_or(file);
    Ok(name.parse().or_else(|_| "file".parse::<MeterId>())?)
}
