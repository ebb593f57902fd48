//! `rec-market config`: whether a configuration is right, and what it comes to.

use std::io::Write;

use super::{Exit, Failed, open_sandbox, refuse_unknown};
use crate::algorithms::{self, Reference};
use crate::cli::{ConfigArg, ShowArgs};
use crate::config::{CommunityConfig, Config};
use crate::stock::make_ready;

/// Runs `config check`.
pub fn check(args: &ConfigArg, out: &mut impl Write) -> Result<Exit, Failed> {
    let config = Config::load(&args.config)?;
    // Compiles anew: to check a configuration makes no directories.
    let sandbox = open_sandbox(None)?;
    let unusable = |community: &CommunityConfig| {
        let reference = match &community.algorithm {
            // In the books, if anywhere, which may be away while a configuration is written.
            Reference::Digest(_) | Reference::Uploaded { .. } => return None,
            reference => reference,
        };
        let ready = algorithms::read(reference, |_| None).map_err(Failed::from);
        let ready = ready.and_then(|component| Ok(make_ready(&sandbox, reference, component)?));
        let keys = community.settings.iter().map(|(key, _)| key.as_str());
        let checked = ready.and_then(|ready| refuse_unknown(keys, &ready.description, reference));
        let failed = checked.err()?;
        Some((failed.exit, format!("\n  community {}: {}", community.name, failed.message)))
    };
    let file = args.config.display();
    let unusable: Vec<(Exit, String)> = config.communities.iter().filter_map(unusable).collect();
    if let Some(exit) = unusable.iter().map(|(exit, _)| *exit).max() {
        let told: String = unusable.into_iter().map(|(_, told)| told).collect();
        let exit = exit.max(Exit::Usage);
        return Err(Failed { exit, message: format!("{file} names algorithms that cannot be used:{told}") });
    }
    let names: Vec<&str> = config.communities.iter().map(|community| community.name.as_str()).collect();
    let noun = if names.len() == 1 { "community" } else { "communities" };
    writeln!(out, "{file} is right: {} {noun} ({})", names.len(), names.join(", "))?;
    Ok(Exit::Done)
}

/// Runs `config show`.
pub fn show(args: &ShowArgs, out: &mut impl Write) -> Result<Exit, Failed> {
    // By an absolute path, so that what is shown means the same wherever it is put.
    let file = std::path::absolute(&args.config.config)
        .map_err(|error| Failed::usage(format!("cannot find {}: {error}", args.config.config.display())))?;
    let shown = Config::load(&file)?.shown();
    if args.json {
        serde_json::to_writer(&mut *out, &shown).map_err(std::io::Error::from)?;
        writeln!(out)?;
    } else {
        let text = toml::to_string(&shown)
            .map_err(|error| Failed::usage(format!("{} cannot be written as TOML: {error}", file.display())))?;
        write!(out, "{text}")?;
    }
    Ok(Exit::Done)
}
