//! The program: arguments, log, command, exit code.

use std::process::ExitCode;

use clap::Parser;
use rec_market::cli::{Cli, Command};
use rec_market::commands::{self, Exit, Failed};
use rec_market::config;
use rec_market::telemetry::{LogOptions, Telemetry};
use tracing::level_filters::LevelFilter;

#[allow(clippy::print_stderr, reason = "the last word of a command is for whoever typed it")]
fn main() -> ExitCode {
    // Clap ends with 2 for usage and 0 for help and version, as the contract has it.
    let cli = Cli::parse();
    if matches!(cli.command, Command::CompileComponent) {
        // Before a runtime and a log take memory that the limits are to leave to the compiler.
        return ExitCode::from(commands::compile_component());
    }
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => {
            eprintln!("error: cannot start: {error}");
            return ExitCode::from(Exit::Away as u8);
        }
    };
    let filter = config::log_filter();
    let log = LogOptions { filter: filter.as_deref(), usual: LevelFilter::WARN, format: cli.log_format };
    let telemetry = {
        let _inside = runtime.enter();
        Telemetry::start(&log, config::wants_traces())
    };
    let ended = runtime.block_on(commands::run(cli.command));
    telemetry.finish();
    match ended {
        Ok(exit) => ExitCode::from(exit as u8),
        Err(Failed { exit, message }) => {
            if !message.is_empty() {
                eprintln!("error: {message}");
            }
            ExitCode::from(exit as u8)
        }
    }
}
