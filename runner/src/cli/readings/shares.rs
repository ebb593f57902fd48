//! `rec-market readings shares`: sharing coefficients as lines of a configuration.

use std::io::Write;
use std::path::PathBuf;

use anyhow::Context;
use clap::Args;
use readings::{Content, Options};

use super::files::read_input;
use crate::cli::exit::{Exit, ExitCode};

/// Print a file of sharing coefficients as members of a configuration
///
/// The file has a line CUPS;0,333333 for each metering point, with shares that add up to 1. Paste what is printed below a
/// community, or let it read the file itself: shares = "FILE".
#[derive(Debug, Args)]
pub struct SharesArgs {
    /// The file
    #[arg(value_name = "FILE")]
    pub file: PathBuf,
}

pub fn run(args: &SharesArgs, out: &mut impl Write) -> anyhow::Result<Exit> {
    let read = readings::read_file(&read_input(&args.file)?, &Options::default()).exit_code(Exit::Bad)?;
    let Content::Shares(shares) = read.content else {
        let message = format!("it holds readings ({}), no sharing coefficients", read.about.title);
        return Err(anyhow::Error::msg(message)).context(args.file.display().to_string()).exit_code(Exit::Bad);
    };
    for (number, (meter, share)) in shares.0.iter().enumerate() {
        let separator = if number > 0 { "\n" } else { "" };
        writeln!(out, "{separator}[community.members.{meter}]\nmeters = [\"{meter}\"]\nshare = {share}")?;
    }
    Ok(Exit::Done)
}
