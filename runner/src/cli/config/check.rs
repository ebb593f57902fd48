//! `rec-market config check`.

use std::io::Write;

use anyhow::Context;
use base::Reference;
use clap::Args;
use sandbox::{Description, Sandbox};

use crate::algorithms::cache::{check_settings, make_ready};
use crate::algorithms::catalogue;
use crate::app::open_sandbox;
use crate::cli::args::ConfigArg;
use crate::cli::exit::{Exit, ExitCode, exit_of};
use crate::clock::{Clock, SystemClock};
use crate::config::{CommunityConfig, Config};

/// Names of communities that are listed at most.
const NAMES_MAX: usize = 10;

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
    let count = config.communities.len();
    let noun = if count == 1 { "community" } else { "communities" };
    let mut names: Vec<&str> = config.communities.iter().map(|community| &*community.name).take(NAMES_MAX).collect();
    let more = format!("and {} more", count.saturating_sub(NAMES_MAX));
    names.extend((count > NAMES_MAX).then_some(&*more));
    writeln!(out, "{} is valid: {count} {noun} ({})", file.display(), names.join(", "))?;
    for remark in config.remarks(SystemClock.now()) {
        writeln!(out, "remark: {remark}")?;
    }
    Ok(Exit::Done)
}

/// Checks the algorithms of all communities, so that one error reports all that cannot be used.
fn check_algorithms(config: &Config, file: &str) -> anyhow::Result<()> {
    let mut algorithms = Algorithms::default();
    let mut exit = Exit::Usage;
    let mut problems = String::new();
    for community in &config.communities {
        if let Err(error) = algorithms.check(community) {
            exit = exit.max(exit_of(&error));
            problems.push_str(&format!("\n  community {}: {error:#}", community.name));
        }
    }
    if problems.is_empty() {
        return Ok(());
    }
    Err(anyhow::anyhow!("{file} names algorithms that cannot be used:{problems}")).exit_code(exit)
}

/// What an algorithm says of itself, or why it cannot be used.
type Described = Result<Description, (Exit, String)>;

/// What algorithms say of themselves: each is loaded once, however many communities have it, and only if any has settings for it
/// or it is a file.
#[derive(Default)]
struct Algorithms {
    sandbox: Option<Sandbox>,
    described: Vec<(Reference, Described)>,
}

impl Algorithms {
    /// Whether a community's algorithm loads and knows its settings.
    fn check(&mut self, community: &CommunityConfig) -> anyhow::Result<()> {
        let reference = &community.algorithm;
        match reference {
            // Only the store has it, and that may not be available where a configuration is written.
            Reference::Digest(_) | Reference::Uploaded { .. } => return Ok(()),
            // It is part of this program and loads.
            Reference::Base(_) if community.settings_keys().next().is_none() => return Ok(()),
            Reference::Base(_) | Reference::File(_) => {}
        }
        match self.described(reference) {
            Ok(description) => Ok(check_settings(community.settings_keys(), description, reference)?),
            Err((exit, problem)) => Err(anyhow::Error::msg(problem.clone())).exit_code(*exit),
        }
    }

    fn described(&mut self, reference: &Reference) -> &Described {
        let known = self.described.iter().position(|(known, _)| known == reference);
        let number = known.unwrap_or_else(|| {
            let described = self.describe(reference).map_err(|error| (exit_of(&error), format!("{error:#}")));
            self.described.push((reference.clone(), described));
            self.described.len() - 1
        });
        &self.described[number].1
    }

    fn describe(&mut self, reference: &Reference) -> anyhow::Result<Description> {
        let component = catalogue::read(reference, |_| None)?;
        if self.sandbox.is_none() {
            // Without a cache: checking a configuration creates no directories.
            self.sandbox = Some(open_sandbox(None)?);
        }
        let sandbox = self.sandbox.as_ref().context("there is no sandbox")?;
        Ok(make_ready(sandbox, reference, component)?.description)
    }
}
