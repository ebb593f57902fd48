//! `rec-market config check`.

use std::io::Write;

use base::Reference;
use clap::Args;
use sandbox::Sandbox;

use crate::algorithms::cache::{check_settings, make_ready};
use crate::algorithms::catalogue;
use crate::app::open_sandbox;
use crate::cli::args::ConfigArg;
use crate::cli::exit::{Exit, ExitCode, exit_of};
use crate::clock::{Clock, SystemClock};
use crate::config::{CommunityConfig, Config};

/// Report every mistake in a configuration, with its line
///
/// Takes the REC_MARKET_… variables into account, and checks the files that the configuration names and the settings of its
/// algorithms. Starts nothing. Exits with 2 if anything is wrong. Remarks on what is probably not meant, such as prices in
/// another unit, or retail below feed-in; those are no mistakes.
#[derive(Debug, Args)]
pub struct CheckArgs {
    #[command(flatten)]
    pub config: ConfigArg,
}

pub fn run(args: &CheckArgs, out: &mut impl Write) -> anyhow::Result<Exit> {
    let file = &args.config.config;
    let config = Config::load(file)?;
    check_algorithms(&config, &file.display().to_string())?;
    let names: Vec<&str> = config.communities.iter().map(|community| community.name.as_str()).collect();
    let noun = if names.len() == 1 { "community" } else { "communities" };
    writeln!(out, "{} is valid: {} {noun} ({})", file.display(), names.len(), names.join(", "))?;
    for remark in config.remarks(SystemClock.now()) {
        writeln!(out, "remark: {remark}")?;
    }
    Ok(Exit::Done)
}

/// Checks the algorithms of all communities, so that one error reports all that cannot be used.
fn check_algorithms(config: &Config, file: &str) -> anyhow::Result<()> {
    // Without a cache: checking a configuration creates no directories.
    let sandbox = open_sandbox(None)?;
    let mut exit = Exit::Usage;
    let mut problems = String::new();
    for community in &config.communities {
        if let Err(error) = check_algorithm(&sandbox, community) {
            exit = exit.max(exit_of(&error));
            problems.push_str(&format!("\n  community {}: {error:#}", community.name));
        }
    }
    if problems.is_empty() {
        return Ok(());
    }
    Err(anyhow::anyhow!("{file} names algorithms that cannot be used:{problems}")).exit_code(exit)
}

/// Whether a community's algorithm loads and knows its settings.
fn check_algorithm(sandbox: &Sandbox, community: &CommunityConfig) -> anyhow::Result<()> {
    let reference = &community.algorithm;
    if let Reference::Digest(_) | Reference::Uploaded { .. } = reference {
        // Only the store has it, and that may not be available where a configuration is written.
        return Ok(());
    }
    let component = catalogue::read(reference, |_| None)?;
    let ready = make_ready(sandbox, reference, component)?;
    Ok(check_settings(community.settings_keys(), &ready.description, reference)?)
}
