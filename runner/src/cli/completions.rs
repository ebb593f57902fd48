//! `rec-market completions`: completion scripts for shells.

use std::io::Write;

use clap::{Args, CommandFactory};

use super::Cli;
use super::exit::Exit;

/// Print a completion script for a shell
///
/// For bash: `rec-market completions bash > ~/.local/share/bash-completion/completions/rec-market`
#[derive(Debug, Args)]
pub struct CompletionsArgs {
    pub shell: clap_complete::Shell,
}

pub fn run(args: &CompletionsArgs, out: &mut impl Write) -> anyhow::Result<Exit> {
    // Not directly to the output: the generator panics if nobody reads it.
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut Cli::command(), "rec-market", &mut script);
    out.write_all(&script)?;
    Ok(Exit::Done)
}
