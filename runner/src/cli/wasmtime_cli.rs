//! The command that runs an algorithm on a round with the plain wasmtime CLI, without this program.

use std::path::Path;

use domain::Round;
use domain::text::shell_word;
use sandbox::{Algorithm, Budget};

use crate::cli::round_file;

/// Longest argument that Linux passes to a program, in bytes.
const WORD_BYTES_MAX: usize = 128 << 10;

/// The command, on one line.
pub fn command(algorithm: &Algorithm, file: &Path, round: &Round, budget: Budget) -> String {
    let Budget { fuel, memory_bytes, time, .. } = budget;
    let wasi = if algorithm.imports_wasi() { "" } else { " -S cli=n" };
    let call = format!("clear({})", round_file::to_wave(round));
    if call.len() >= WORD_BYTES_MAX {
        tracing::warn!(
            bytes = call.len(),
            "the command is too long for a shell, which limits an argument to 128 KiB (try a smaller round)"
        );
    }
    format!(
        "wasmtime run -W fuel={fuel},max-memory-size={memory_bytes},timeout={}ms,nan-canonicalization=y,relaxed-simd=n{wasi} --invoke {} {}",
        time.as_millis().max(1),
        shell_word(&call),
        shell_word(&file.display().to_string()),
    )
}
