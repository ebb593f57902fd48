//! The command that runs an algorithm on a round with the plain wasmtime CLI, without this program.

use std::path::Path;

use domain::{Digest, Round};
use sandbox::{Algorithm, Budget};

use crate::cli::round_file;

/// Longest argument that Linux passes to a program, in bytes.
const WORD_BYTES_MAX: usize = 128 << 10;
/// Longest part of a file name that an algorithm can choose, in characters.
const NAME_CHARS_MAX: usize = 64;

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

/// The name of a component's file: the name that the algorithm gives itself, as far as it is safe, and the digest, because
/// different components may have the same name.
pub fn file_name(name: &str, digest: &Digest) -> String {
    let plain = |c: char| if c.is_ascii_alphanumeric() || "._-".contains(c) { c } else { '_' };
    let name: String = name.chars().take(NAME_CHARS_MAX).map(plain).collect();
    let name = match name.trim_start_matches(['.', '-']) {
        "" => "algorithm",
        name => name,
    };
    let digest = digest.to_string();
    format!("{name}-{}.wasm", digest.get(..12).unwrap_or_default())
}

/// Quotes a text so that a POSIX shell takes it as one word, unchanged.
fn shell_word(text: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "/._-+=:@%,".contains(c);
    if !text.is_empty() && text.chars().all(plain) {
        text.to_owned()
    } else {
        format!("'{}'", text.replace('\'', r"'\''"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_shell_takes_a_word_unchanged() {
        assert_eq!(shell_word("target/a-b.wasm"), "target/a-b.wasm");
        assert_eq!(shell_word("it's"), r"'it'\''s'");
        assert_eq!(shell_word(""), "''");
    }

    #[test]
    fn an_algorithm_chooses_a_name_and_no_place() {
        let digest = Digest::of(b"x");
        let named = |name: &str| file_name(name, &digest).strip_suffix("-2d711642b726.wasm").unwrap().to_owned();
        assert_eq!(named("mid-market-rate"), "mid-market-rate");
        assert_eq!(named("../../etc/passwd"), "_.._etc_passwd");
        assert_eq!(named("-rf *\n"), "rf___");
        assert_eq!(named("ünï"), "_n_");
        assert_eq!(named(".."), "algorithm");
        assert_eq!(named(&"x".repeat(1000)).len(), 64);
    }
}
