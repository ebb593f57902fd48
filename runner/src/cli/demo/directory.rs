//! The directory with the demo's configuration and books: kept, or removed at the end.

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};

use anyhow::Context;

use super::COMMUNITY;
use crate::cli::exit::{Exit, ExitCode, usage};
use crate::config::Config;

pub(super) enum Directory {
    Kept(PathBuf),
    Temporary(tempfile::TempDir),
}

impl Directory {
    pub(super) fn new(keep: Option<&Path>) -> anyhow::Result<Directory> {
        let Some(path) = keep else {
            return Ok(Directory::Temporary(tempfile::tempdir()?));
        };
        if path.join("market.db").exists() {
            return Err(usage(format!("{} already has books (name an empty directory)", path.display())));
        }
        fs::create_dir_all(path).with_context(|| format!("cannot create {}", path.display())).exit_code(Exit::Usage)?;
        Ok(Directory::Kept(path.to_owned()))
    }

    fn path(&self) -> &Path {
        match self {
            Directory::Kept(path) => path,
            Directory::Temporary(directory) => directory.path(),
        }
    }

    /// Writes the configuration that an administrator would write, with a page that is open to everybody on this machine if it
    /// `is_open`, and reads it as `settle` would.
    pub(super) fn write_config(&self, algorithm: &str, meters: &str, is_open: bool) -> anyhow::Result<Config> {
        let algorithm = match base::base(algorithm) {
            Some(base) => base.name.to_owned(),
            // Relative to where the command runs, not to the directory of the demo.
            None => std::path::absolute(algorithm)?.display().to_string(),
        };
        let file = self.path().join("market.toml");
        let web = if is_open { "[web]\nopen = true\n\n" } else { "" };
        let text = format!(
            "store = \"sqlite:market.db\"\n\n{web}[[community]]\nname = \"{COMMUNITY}\"\nmeters = \"{meters}\" # stops with the demo\nalgorithm = {algorithm:?}\ntariff = {{ retail = 162400, feed_in = 30000 }}\n"
        );
        fs::write(&file, text).with_context(|| format!("cannot write {}", file.display())).exit_code(Exit::Usage)?;
        Ok(Config::load(&file)?)
    }

    /// The directory, if it is kept.
    pub(super) fn kept(&self) -> Option<&Path> {
        match self {
            Directory::Kept(path) => Some(path),
            Directory::Temporary(_) => None,
        }
    }

    /// Says what to do next; without what the demo does itself if it `is_open` in a browser.
    pub(super) fn print_hint(&self, is_open: bool, out: &mut impl Write) -> anyhow::Result<()> {
        writeln!(out)?;
        if !is_open {
            writeln!(out, "To look at this in a browser: rec-market demo --serve")?;
        }
        match self {
            Directory::Kept(path) => {
                let config = path.join("market.toml");
                writeln!(out, "Next: rec-market trades --config {0} (or statement, audit)", config.display())?;
            }
            Directory::Temporary(_) => {
                writeln!(out, "To keep the books and look at them: rec-market demo --keep my-demo")?;
            }
        }
        Ok(())
    }
}
