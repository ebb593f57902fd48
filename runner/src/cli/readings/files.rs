//! Files of readings as arguments, and how they are read.

use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};

use anyhow::Context;
use clap::Args;
use domain::MeterId;
use jiff::tz::TimeZone;
use readings::{FILE_BYTES_MAX, Input, Note, Options, Refused};

use crate::cli::args::zone;
use crate::cli::exit::{Exit, ExitCode};
use crate::cli::output;
use crate::config::parse_duration;

#[derive(Clone, Debug, Args)]
pub struct FileArgs {
    /// Files of any known format; of a meter, several may follow each other or overlap
    #[arg(required = true, value_name = "FILE")]
    pub files: Vec<PathBuf>,
    #[command(flatten)]
    pub options: OptionArgs,
}

/// What decides where a file leaves something open.
#[derive(Clone, Debug, Args)]
pub struct OptionArgs {
    /// Time zone of local times, where the format does not fix it, such as Europe/Lisbon
    #[arg(long, value_name = "ZONE", value_parser = zone)]
    pub zone: Option<TimeZone>,
    /// The metering point of a file that names none
    #[arg(long, value_name = "ID", value_parser = meter)]
    pub meter: Option<MeterId>,
    /// How long intervals are, where the file does not say, such as 15m
    #[arg(long, value_name = "LENGTH", value_parser = step)]
    pub step: Option<u32>,
    /// What a file of one direction that does not say which holds was fed in, not drawn
    #[arg(long)]
    pub export: bool,
    /// Leave out rows that are wrong, instead of refusing their file; each is told
    #[arg(long)]
    pub skip_bad: bool,
}

fn meter(text: &str) -> Result<MeterId, String> {
    text.parse().map_err(|error: domain::member::InvalidName| error.to_string())
}

fn step(text: &str) -> Result<u32, String> {
    let seconds = parse_duration(text).filter(|length| length.subsec_nanos() == 0).map(|length| length.as_secs());
    let seconds = seconds.filter(|seconds| (60..=86_400).contains(seconds)).and_then(|seconds| seconds.try_into().ok());
    seconds.ok_or_else(|| "expected a length of time from 1m to 24h, such as 15m".to_owned())
}

impl OptionArgs {
    /// The same for the reader.
    pub fn options(&self) -> Options {
        let OptionArgs { zone, meter, step, export, skip_bad } = self.clone();
        Options { zone, meter, step, export, skip_bad }
    }
}

impl FileArgs {
    /// The same for the reader.
    pub fn options(&self) -> Options {
        self.options.options()
    }
}

/// Reads files into memory, each as far as one may be large.
///
/// # Errors
/// If one cannot be read.
pub fn read_inputs(paths: &[PathBuf]) -> anyhow::Result<Vec<Input>> {
    paths.iter().map(|path| read_input(path)).collect()
}

/// Reads one file into memory. Of one that is too large only as much as tells that it is.
pub fn read_input(path: &Path) -> anyhow::Result<Input> {
    let read = || -> std::io::Result<Vec<u8>> {
        let mut bytes = Vec::new();
        File::open(path)?.take(FILE_BYTES_MAX as u64 + 1).read_to_end(&mut bytes)?;
        Ok(bytes)
    };
    let bytes = read().with_context(|| format!("cannot read {}", path.display())).exit_code(Exit::Usage)?;
    Ok(Input { name: path.display().to_string(), bytes })
}

/// Reads files and puts them together, with a progress bar.
///
/// # Errors
/// If any of them cannot be used.
pub fn read_together(args: &FileArgs) -> anyhow::Result<readings::Readings> {
    let options = args.options();
    let bytes = |path: &PathBuf| std::fs::metadata(path).map_or(1, |file| file.len());
    let bar = output::progress(args.files.iter().map(bytes).sum(), "reading");
    let (mut files, mut refused) = (Vec::new(), Vec::new());
    for path in &args.files {
        match readings::read_file(&read_input(path)?, &options) {
            Ok(file) => files.push(file),
            Err(error) => refused.push(error),
        }
        bar.inc(bytes(path));
    }
    bar.finish_and_clear();
    let together = if refused.is_empty() { readings::together(files) } else { Err(refused) };
    together.map_err(|refused| unusable(&refused)).exit_code(Exit::Bad)
}

/// Tells what does not keep a file from being used.
pub fn tell(Note { file, text }: &Note) {
    if file.is_empty() {
        tracing::warn!("{text}");
    } else {
        tracing::warn!(file, "{text}");
    }
}

/// All files that cannot be used.
fn unusable(refused: &[Refused]) -> anyhow::Error {
    let lines: Vec<String> = refused.iter().map(ToString::to_string).collect();
    anyhow::Error::msg(lines.join("\n"))
}
