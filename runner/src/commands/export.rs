//! `rec-market algorithm export`: base algorithms as files, for other programs.

use std::io::Write;

use super::{Exit, Failed};
use crate::algorithms::{self, Base, Reference};
use crate::cli::ExportArgs;

/// Runs the command.
pub fn run(args: &ExportArgs, out: &mut impl Write) -> Result<Exit, Failed> {
    let chosen: Vec<&Base> = match &args.name {
        None => algorithms::BASE.iter().collect(),
        Some(name) => match Reference::parse(name, &args.directory) {
            Ok(Reference::Base(base)) => vec![base],
            Ok(_) => return Err(Failed::usage(format!("{name:?} is no base algorithm (only those are exported)"))),
            Err(error) => return Err(Failed::new(Exit::Usage, error)),
        },
    };
    let directory = &args.directory;
    std::fs::create_dir_all(directory)
        .map_err(|error| Failed::usage(format!("cannot make {}: {error}", directory.display())))?;
    for base in chosen {
        let file = directory.join(format!("{}.wasm", base.name));
        std::fs::write(&file, base.bytes)
            .map_err(|error| Failed::usage(format!("cannot write {}: {error}", file.display())))?;
        writeln!(out, "{}", file.display())?;
    }
    Ok(Exit::Done)
}
