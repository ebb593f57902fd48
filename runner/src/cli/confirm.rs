//! Asks a person before something is changed.

use std::io::{self, BufRead, IsTerminal, Write};

use crate::cli::exit::Exit;

/// Whether a person can be asked. A program that calls this one knows what it does.
pub fn is_interactive() -> bool {
    io::stdin().is_terminal() && io::stderr().is_terminal()
}

/// Asks, and returns whether the answer is yes; the end of the input is a no.
#[allow(clippy::print_stderr, reason = "a question goes to whoever typed the command")]
pub fn confirm(what: &str) -> anyhow::Result<bool> {
    eprint!("{what}. Continue? [y/N] ");
    let mut answer = String::new();
    io::stdin().lock().read_line(&mut answer)?;
    Ok(matches!(answer.trim().to_lowercase().as_str(), "y" | "yes"))
}

pub fn print_unchanged(out: &mut impl Write) -> anyhow::Result<Exit> {
    writeln!(out, "nothing was changed")?;
    Ok(Exit::Bad)
}
