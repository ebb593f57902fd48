//! `rec-market algorithm export`: base algorithms as files, for other programs.

use std::io::Write;

use crate::cli::args::ExportArgs;
use crate::cli::exit::{Exit, failed, usage};
use base::{Base, Reference};

/// Runs the command.
pub fn run(args: &ExportArgs, out: &mut impl Write) -> anyhow::Result<Exit> {
    let selection: Vec<&Base> = match &args.name {
        None => base::BASE.iter().collect(),
        Some(name) => match Reference::parse(name, &args.directory) {
            Ok(Reference::Base(base)) => vec![base],
            Ok(_) => return Err(usage(format!("{name:?} is no base algorithm (only those are exported)"))),
            Err(error) => return Err(failed(Exit::Usage, error)),
        },
    };
    let directory = &args.directory;
    std::fs::create_dir_all(directory)
        .map_err(|error| usage(format!("cannot make {}: {error}", directory.display())))?;
    for base in selection {
        let file = directory.join(format!("{}.wasm", base.name));
        std::fs::write(&file, base.bytes)
            .map_err(|error| usage(format!("cannot write {}: {error}", file.display())))?;
        writeln!(out, "{}", file.display())?;
    }
    Ok(Exit::Done)
}
