//! `rec-market config show`.

use std::io::Write;

use anyhow::Context;
use clap::Args;

use crate::cli::args::ConfigArg;
use crate::cli::exit::{Exit, ExitCode};
use crate::cli::output;
use crate::config::Config;

/// Print the configuration in effect, with all defaults and overrides, as a configuration file
///
/// Passwords are masked.
#[derive(Debug, Args)]
pub struct ShowArgs {
    #[command(flatten)]
    pub config: ConfigArg,
    /// Print one JSON object of the same form
    #[arg(long)]
    pub json: bool,
}

pub fn run(args: &ShowArgs, out: &mut impl Write) -> anyhow::Result<Exit> {
    let file = &args.config.config;
    // Absolute, so that the paths in the output are too and mean the same anywhere.
    let absolute =
        std::path::absolute(file).with_context(|| format!("cannot find {}", file.display())).exit_code(Exit::Usage)?;
    let shown = Config::load(&absolute)?.shown();
    if args.json {
        output::json_line(&shown, out)?;
    } else {
        let text = toml::to_string(&shown)
            .with_context(|| format!("cannot write {} as TOML", absolute.display()))
            .exit_code(Exit::Usage)?;
        write!(out, "{text}")?;
    }
    Ok(Exit::Done)
}
