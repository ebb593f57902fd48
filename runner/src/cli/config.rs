//! `rec-market config`: whether a configuration is right, and what it comes to.

use std::io::Write;

use crate::algorithms::cache::check_settings;
use crate::algorithms::cache::make_ready;
use crate::algorithms::catalogue;
use crate::app::open_sandbox;
use crate::cli::args::{ConfigArg, ShowArgs};
use crate::cli::exit::{Exit, exit_of, failed, usage};
use crate::config::{CommunityConfig, Config};
use base::Reference;
use sandbox::Sandbox;

/// Runs `config check`.
pub fn check(args: &ConfigArg, out: &mut impl Write) -> anyhow::Result<Exit> {
    let config = Config::load(&args.config)?;
    // Compiles anew: to check a configuration makes no directories.
    let sandbox = open_sandbox(None)?;
    let unusable = |community: &CommunityConfig| {
        let reference = match &community.algorithm {
            // In the books, if anywhere, which may be away while a configuration is written.
            Reference::Digest(_) | Reference::Uploaded { .. } => return None,
            reference => reference,
        };
        let error = check_algorithm(&sandbox, community, reference).err()?;
        Some((exit_of(&error), format!("\n  community {}: {error:#}", community.name)))
    };
    let file = args.config.display();
    let unusable: Vec<(Exit, String)> = config.communities.iter().filter_map(unusable).collect();
    if let Some(exit) = unusable.iter().map(|(exit, _)| *exit).max() {
        let errors: String = unusable.into_iter().map(|(_, error)| error).collect();
        let message = format!("{file} names algorithms that cannot be used:{errors}");
        return Err(failed(exit.max(Exit::Usage), anyhow::Error::msg(message)));
    }
    let names: Vec<&str> = config.communities.iter().map(|community| community.name.as_str()).collect();
    let noun = if names.len() == 1 { "community" } else { "communities" };
    writeln!(out, "{file} is right: {} {noun} ({})", names.len(), names.join(", "))?;
    Ok(Exit::Done)
}

/// Whether a community's algorithm loads and knows its settings.
fn check_algorithm(sandbox: &Sandbox, community: &CommunityConfig, reference: &Reference) -> anyhow::Result<()> {
    let component = catalogue::read(reference, |_| None)?;
    let ready = make_ready(sandbox, reference, component)?;
    let keys = community.settings.iter().map(|(key, _)| key.as_str());
    Ok(check_settings(keys, &ready.description, reference)?)
}

/// Runs `config show`.
pub fn show(args: &ShowArgs, out: &mut impl Write) -> anyhow::Result<Exit> {
    // By an absolute path, so that what is shown means the same wherever it is put.
    let file = std::path::absolute(&args.config.config)
        .map_err(|error| usage(format!("cannot find {}: {error}", args.config.config.display())))?;
    let shown = Config::load(&file)?.shown();
    if args.json {
        serde_json::to_writer(&mut *out, &shown).map_err(std::io::Error::from)?;
        writeln!(out)?;
    } else {
        let text = toml::to_string(&shown)
            .map_err(|error| usage(format!("{} cannot be written as TOML: {error}", file.display())))?;
        write!(out, "{text}")?;
    }
    Ok(Exit::Done)
}
