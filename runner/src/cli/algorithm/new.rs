//! `rec-market algorithm new`: a project to start from.

use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use anyhow::Context;
use clap::Args;
use clap::builder::{PossibleValuesParser, TypedValueParser};
use kits::{LANGUAGES, Language};

use crate::cli::exit::{Exit, ExitCode, usage};
use crate::cli::output;

/// Start an algorithm: write a project with everything it takes
///
/// The folder needs nothing but this program and the language's own tools: it has a small real algorithm with a setting and
/// tests, the kit's sources, the interface, a round to try, a README, and a Makefile: `make test` tests natively, `make` builds
/// NAME.wasm, `make check` puts it through the same gate as an upload. Nothing that exists is ever overwritten.
#[derive(Debug, Args)]
pub struct NewArgs {
    /// Name of the algorithm, such as half-price
    pub name: String,
    /// Language to write it in
    #[arg(long, short, value_parser = PossibleValuesParser::new(LANGUAGES.map(|language| language.name)).map(found))]
    pub language: Language,
    /// Folder to write to: a new or an empty one [default: NAME]
    #[arg(long, value_name = "DIR")]
    pub directory: Option<PathBuf>,
}

/// The language that the parser has let through.
fn found(name: String) -> Language {
    Language::find(&name).unwrap_or(LANGUAGES[0])
}

pub fn run(args: &NewArgs, out: &mut impl Write) -> anyhow::Result<Exit> {
    let NewArgs { name, language, .. } = args;
    if !base::is_name(name) {
        return Err(usage(format!("{name:?} is not a name for an algorithm ({})", base::NAME_RULE)));
    }
    if base::base(name).is_some() {
        return Err(usage(format!("{name:?} is part of this program already (choose another name)")));
    }
    let folder = args.directory.clone().unwrap_or_else(|| PathBuf::from(name));
    check_is_free(&folder)?;
    for kits::File { path, bytes } in language.project(name) {
        let file = folder.join(path);
        let parent = file.parent().unwrap_or(&folder);
        fs::create_dir_all(parent)
            .with_context(|| format!("cannot create {}", parent.display()))
            .exit_code(Exit::Usage)?;
        output::new_file(&file, &bytes, "(name another --directory)")?;
    }
    let (title, shown) = (language.title, folder.display());
    writeln!(out, "{name}: an algorithm in {title}, in the folder {shown}; start with its README.md\n")?;
    writeln!(out, "  cd {shown}")?;
    writeln!(out, "  make test     # tests it natively")?;
    writeln!(out, "  make          # builds {name}.wasm")?;
    writeln!(out, "  make check    # puts it through the same gate as an upload\n")?;
    writeln!(out, "You need {}.", language.needs)?;
    Ok(Exit::Done)
}

/// Refuses a folder with anything in it.
fn check_is_free(folder: &Path) -> anyhow::Result<()> {
    let way_out = "name a new or an empty folder with --directory";
    match fs::read_dir(folder).map(|mut entries| entries.next().is_none()) {
        Ok(true) => Ok(()),
        Ok(false) => Err(usage(format!("the folder {} is not empty ({way_out})", folder.display()))),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        Err(error) if error.kind() == io::ErrorKind::NotADirectory => {
            Err(usage(format!("{} is not a folder ({way_out})", folder.display())))
        }
        Err(error) => Err(error)
            .with_context(|| format!("cannot read the folder {} ({way_out})", folder.display()))
            .exit_code(Exit::Usage),
    }
}
