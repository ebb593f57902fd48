//! The plain wasmtime CLI: what an outsider types to run an algorithm on a round with nothing of ours.

use std::io;
use std::path::Path;

use domain::{Digest, Round};
use sandbox::{Algorithm, Budget};

use crate::cli::exit::usage;
use crate::cli::round_file;
use crate::file::{self, Access};

/// Longest single word that a shell passes on, in bytes.
const WORD_BYTES_MAX: usize = 128 << 10;
/// Longest part of a file's name that an algorithm chooses, in bytes.
const NAME_BYTES_MAX: usize = 64;

/// The command, on one line.
pub fn command(algorithm: &Algorithm, file: &Path, round: &Round, budget: Budget) -> String {
    let Budget { fuel, memory_bytes, time, .. } = budget;
    let wasi = if algorithm.imports_wasi() { "" } else { " -S cli=n" };
    let call = format!("clear({})", round_file::to_wave(round));
    if call.len() >= WORD_BYTES_MAX {
        tracing::warn!(
            bytes = call.len(),
            "one shell word is limited to 128 KiB: this command is too long for a shell (try a smaller round)"
        );
    }
    format!(
        "wasmtime run -W fuel={fuel},max-memory-size={memory_bytes},timeout={}ms,nan-canonicalization=y,relaxed-simd=n{wasi} --invoke {} {}",
        time.as_millis().max(1),
        shell_word(&call),
        shell_word(&file.display().to_string()),
    )
}

/// How a component's file is named: after what it says of itself, as far as that is a name, and its digest, because
/// another component of that name is another file.
pub fn file_name(name: &str, digest: &Digest) -> String {
    let plain = |c: char| if c.is_ascii_alphanumeric() || "._-".contains(c) { c } else { '_' };
    let name: String = name.chars().take(NAME_BYTES_MAX).map(plain).collect();
    let name = match name.trim_start_matches(['.', '-']) {
        "" => "algorithm",
        name => name,
    };
    let digest = digest.to_string();
    format!("{name}-{}.wasm", digest.get(..12).unwrap_or_default())
}

/// Writes a component to a file that is not there, or holds the same already.
///
/// # Errors
/// If the file holds something else, or cannot be written.
pub fn write(component: &[u8], path: &Path) -> anyhow::Result<()> {
    file::create(path, component, Access::Umask).map_err(|error| match error.kind() {
        io::ErrorKind::AlreadyExists => usage(format!(
            "{} is there and is another file than the algorithm (name another with --component)",
            path.display()
        )),
        _ => usage(format!("cannot write {}: {error}", path.display())),
    })
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
