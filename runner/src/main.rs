//! The program: arguments, log, command, exit code.

use std::process::ExitCode;

use clap::Parser;
use rec_market::cli::exit::{self, Exit};
use rec_market::cli::{Cli, Command};
use rec_market::telemetry::log::{LogOptions, Telemetry};
use rec_market::{cli, config};
use tracing::level_filters::LevelFilter;

#[allow(clippy::print_stderr, reason = "the last line of a command goes to whoever typed it")]
fn main() -> ExitCode {
    // On its own, clap exits with 2 for wrong usage and with 0 for help and version.
    let cli = Cli::parse();
    if let Command::CompileComponent { checking, keeping } = cli.command {
        // Before a runtime and a log use memory that its limits reserve for the compiler.
        return ExitCode::from(cli::compile_component(checking, keeping));
    }
    return_memory();
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => {
            eprintln!("error: cannot start: {error}");
            return ExitCode::from(Exit::Unavailable as u8);
        }
    };
    let filter = config::log_filter();
    // Commands report on stdout; the service has only its log.
    let usual = if matches!(cli.command, Command::Serve(_)) { LevelFilter::INFO } else { LevelFilter::WARN };
    let log = LogOptions { filter: filter.as_deref(), usual, format: cli.log_format };
    let telemetry = {
        let _guard = runtime.enter();
        fail_at_large_files();
        Telemetry::start(&log, config::wants_traces())
    };
    let result = runtime.block_on(cli::run(cli.command));
    telemetry.finish();
    ExitCode::from(result.unwrap_or_else(|error| exit::report(&error)) as u8)
}

/// Makes writing beyond the allowed size of files fail, as on a full disk, rather than end the program.
fn fail_at_large_files() {
    // SIGXFSZ on Linux, the BSDs and macOS. Once it is handled, the system only tells whoever writes; the handler stays.
    const FILE_SIZE_EXCEEDED: i32 = 25;
    drop(tokio::signal::unix::signal(tokio::signal::unix::SignalKind::from_raw(FILE_SIZE_EXCEEDED)));
}

/// Makes the allocator return memory after a backfill, rather than keep it for years.
///
/// By default glibc has an arena for each thread, which stays as large as it ever was, and keeps what it once allocated in
/// large blocks. With that, the service held 150 MB instead of 40 MB after a year's backfill of 16 meters, and was no faster.
#[cfg(all(target_os = "linux", target_env = "gnu"))]
#[allow(unsafe_code, reason = "there is no other way to tell glibc; see SAFETY")]
fn return_memory() {
    use std::ffi::c_int;
    unsafe extern "C" {
        fn mallopt(parameter: c_int, value: c_int) -> c_int;
    }
    // From malloc.h.
    const M_TRIM_THRESHOLD: c_int = -1;
    const M_MMAP_THRESHOLD: c_int = -3;
    const M_ARENA_MAX: c_int = -8;
    for (parameter, value) in [(M_ARENA_MAX, 1), (M_MMAP_THRESHOLD, 128 << 10), (M_TRIM_THRESHOLD, 128 << 10)] {
        // SAFETY: it takes two integers and keeps no pointer, it has this signature in every glibc, and there is no other
        // thread yet. Unknown parameters change nothing.
        unsafe { mallopt(parameter, value) };
    }
}

/// Other allocators keep their defaults.
#[cfg(not(all(target_os = "linux", target_env = "gnu")))]
fn return_memory() {}
