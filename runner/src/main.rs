//! The program: arguments, log, command, exit code.

use std::io::IsTerminal;
use std::process::ExitCode;

use clap::Parser;
use rec_market::cli::{Cli, Command};
use rec_market::commands::{self, Exit, Failed};
use rec_market::config;
use tracing_subscriber::EnvFilter;

#[allow(clippy::print_stderr, reason = "the last word of a command is for whoever typed it")]
fn main() -> ExitCode {
    // Clap ends with 2 for usage and 0 for help and version, as the contract has it.
    let cli = Cli::parse();
    if matches!(cli.command, Command::CompileComponent) {
        // Before a runtime and a log take memory that the limits are to leave to the compiler.
        return ExitCode::from(commands::compile_component());
    }
    let filter = EnvFilter::try_new(config::log_filter()).unwrap_or_else(|_| EnvFilter::new("warn"));
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_ansi(std::io::stderr().is_terminal())
        .with_writer(std::io::stderr)
        .with_target(false)
        .init();
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => {
            tracing::error!("cannot start: {error}");
            return ExitCode::from(Exit::Away as u8);
        }
    };
    match runtime.block_on(commands::run(cli.command)) {
        Ok(exit) => ExitCode::from(exit as u8),
        Err(Failed { exit, message }) => {
            if !message.is_empty() {
                eprintln!("error: {message}");
            }
            ExitCode::from(exit as u8)
        }
    }
}
