//! The program: arguments, log, command, exit code.

use std::process::ExitCode;

use clap::Parser;
use rec_market::cli::Cli;
use rec_market::cli::args::Command;
use rec_market::cli::exit::{self, Exit};
use rec_market::telemetry::log::{LogOptions, Telemetry};
use rec_market::{cli, config};
use tracing::level_filters::LevelFilter;

#[allow(clippy::print_stderr, reason = "the last word of a command is for whoever typed it")]
fn main() -> ExitCode {
    // Clap ends with 2 for usage and 0 for help and version, as the contract has it.
    let cli = Cli::parse();
    if let Command::CompileComponent { checking } = cli.command {
        // Before a runtime and a log take memory that the limits are to leave to the compiler.
        return ExitCode::from(cli::compile_component(checking));
    }
    give_memory_back();
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => {
            eprintln!("error: cannot start: {error}");
            return ExitCode::from(Exit::Away as u8);
        }
    };
    let filter = config::log_filter();
    // A command says on stdout what it does; the service has only its log.
    let usual = if matches!(cli.command, Command::Serve(_)) { LevelFilter::INFO } else { LevelFilter::WARN };
    let log = LogOptions { filter: filter.as_deref(), usual, format: cli.log_format };
    let telemetry = {
        let _inside = runtime.enter();
        Telemetry::start(&log, config::wants_traces())
    };
    let ended = runtime.block_on(cli::run(cli.command));
    telemetry.finish();
    ExitCode::from(ended.unwrap_or_else(|error| exit::report(&error)) as u8)
}

/// Makes the allocator give memory back that a backfill needed, rather than keep it for years.
///
/// Usually glibc gives every thread an arena of its own, each as large as the most that was ever in it, and keeps for good
/// what it once served from large blocks. With that, the service held 150 MB after a year's backfill of 16 meters instead
/// of 40 MB, and was no faster.
#[cfg(all(target_os = "linux", target_env = "gnu"))]
#[allow(unsafe_code, reason = "there is no other way to tell glibc; see SAFETY")]
fn give_memory_back() {
    use std::ffi::c_int;
    unsafe extern "C" {
        fn mallopt(parameter: c_int, value: c_int) -> c_int;
    }
    /// From malloc.h.
    const M_TRIM_THRESHOLD: c_int = -1;
    const M_MMAP_THRESHOLD: c_int = -3;
    const M_ARENA_MAX: c_int = -8;
    for (parameter, value) in [(M_ARENA_MAX, 1), (M_MMAP_THRESHOLD, 128 << 10), (M_TRIM_THRESHOLD, 128 << 10)] {
        // SAFETY: it takes two integers and keeps no pointer, it has this signature in every glibc, and there is no other
        // thread yet. A parameter that is unknown changes nothing.
        unsafe { mallopt(parameter, value) };
    }
}

/// Other allocators do as they see fit.
#[cfg(not(all(target_os = "linux", target_env = "gnu")))]
fn give_memory_back() {}
