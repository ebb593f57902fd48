//! Who decides something, and why, for the record.

use std::os::unix::fs::MetadataExt;

use clap::Args;

use crate::cli::exit::usage;
use crate::config;

/// Longest name and longest reason, in characters.
const BY_MAX: usize = 64;
const WHY_MAX: usize = 500;

#[derive(Debug, Args)]
pub struct ByArg {
    /// Who you are, for the record [default: the name of the system's user]
    #[arg(long = "by", value_name = "NAME")]
    given: Option<String>,
}

impl ByArg {
    /// Who decides: whom `--by` names, or the system's user.
    pub fn name(&self) -> anyhow::Result<String> {
        let Some(by) = self.known() else {
            return Err(usage("the system does not know who you are (say so: --by NAME)"));
        };
        text("--by", &by, BY_MAX)
    }

    /// As [`ByArg::name`], where the number that the system has for its user is enough.
    pub fn name_or_number(&self) -> anyhow::Result<String> {
        let number = || std::fs::metadata("/proc/self").ok().map(|process| format!("uid {}", process.uid()));
        match self.known() {
            Some(_) => self.name(),
            None => number().map_or_else(|| self.name(), Ok),
        }
    }

    fn known(&self) -> Option<String> {
        self.given.clone().or_else(config::user)
    }
}

/// Why, as `--why` says.
pub fn why(given: &str) -> anyhow::Result<String> {
    text("--why", given, WHY_MAX)
}

fn text(name: &str, text: &str, chars_max: usize) -> anyhow::Result<String> {
    let text = text.trim();
    if text.is_empty() || text.chars().count() > chars_max || text.chars().any(char::is_control) {
        let rule = format!("a text of 1 to {chars_max} characters without control characters is expected");
        return Err(usage(format!("{name} is {text:?}, but {rule}")));
    }
    Ok(text.to_owned())
}
