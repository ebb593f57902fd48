//! `rec-market algorithm export`: base algorithms as files, for other programs.

use std::fs;
use std::io::Write;
use std::path::PathBuf;

use anyhow::Context;
use base::{Base, Reference};
use clap::{ArgGroup, Args};

use crate::cli::exit::{Exit, ExitCode, usage};

/// Write base algorithms, which are part of this program, to NAME.wasm files
#[derive(Debug, Args)]
#[command(group = ArgGroup::new("which").required(true))]
pub struct ExportArgs {
    /// Name of a base algorithm
    #[arg(group = "which")]
    pub name: Option<String>,
    /// Write all base algorithms
    #[arg(long, group = "which")]
    pub all: bool,
    /// Directory to write to
    #[arg(long, value_name = "DIR", default_value = ".")]
    pub directory: PathBuf,
}

pub fn run(args: &ExportArgs, out: &mut impl Write) -> anyhow::Result<Exit> {
    let selection: Vec<&Base> = match &args.name {
        None => base::BASE.iter().collect(),
        Some(name) => match Reference::parse(name, &args.directory).exit_code(Exit::Usage)? {
            Reference::Base(base) => vec![base],
            _ => return Err(usage(format!("{name:?} is not a base algorithm (only those can be exported)"))),
        },
    };
    let directory = &args.directory;
    fs::create_dir_all(directory)
        .with_context(|| format!("cannot create {}", directory.display()))
        .exit_code(Exit::Usage)?;
    for base in selection {
        let file = directory.join(format!("{}.wasm", base.name));
        fs::write(&file, base.bytes)
            .with_context(|| format!("cannot write {}", file.display()))
            .exit_code(Exit::Usage)?;
        writeln!(out, "{}", file.display())?;
    }
    Ok(Exit::Done)
}
