//! Lists the files of the kits, so that they become part of the program.

use std::error::Error;
use std::fmt::Write;
use std::fs;
use std::path::{Path, PathBuf};

/// Languages, and what makes a project in each: from a file or folder of the repository, to a place in the project. The first is
/// for all languages.
const SOURCES: [(&str, &[(&str, &str)]); 7] = [
    ("", &[("algorithms/kits/every", ""), ("wit", "wit")]),
    ("rust", &[("algorithms/kits/rust", ""), ("algorithms/kit/src", "market/src")]),
    ("python", &[("algorithms/kits/python", "")]),
    ("javascript", &[("algorithms/kits/javascript", "")]),
    (
        "typescript",
        &[
            ("algorithms/kits/typescript", ""),
            ("algorithms/kits/javascript/market", "market"),
            ("algorithms/kits/javascript/build.js", "build.js"),
            ("algorithms/kits/javascript/module.js", "module.js"),
        ],
    ),
    ("go", &[("algorithms/kits/go", "")]),
    ("c", &[("algorithms/kits/c", "")]),
];

/// What a trial build in a kit's folder leaves.
const BUILT: [&str; 7] = ["build", "target", "node_modules", ".venv", "__pycache__", "Cargo.lock", "my-algorithm.wasm"];

#[allow(clippy::print_stdout, reason = "this is how a build script talks to cargo")]
fn main() -> Result<(), Box<dyn Error>> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").canonicalize()?;
    let mut files = String::new();
    for (language, sources) in SOURCES {
        for (from, to) in sources {
            let from = root.join(from);
            println!("cargo::rerun-if-changed={}", from.display());
            for file in list(&from)? {
                let below = file.strip_prefix(&from)?;
                let path = if below.as_os_str().is_empty() { PathBuf::from(to) } else { Path::new(to).join(below) };
                writeln!(
                    files,
                    "({language:?}, {:?}, include_bytes!({:?})),",
                    path.to_string_lossy(),
                    file.to_string_lossy()
                )?;
            }
        }
    }
    let out = std::env::var_os("OUT_DIR").map(PathBuf::from).ok_or("OUT_DIR is not set (build with cargo)")?;
    fs::write(out.join("files.rs"), format!("const FILES: &[(&str, &str, &[u8])] = &[\n{files}];\n"))?;
    Ok(())
}

/// A file, or every file below a folder, in order of its path.
fn list(from: &Path) -> Result<Vec<PathBuf>, Box<dyn Error>> {
    if from.is_file() {
        return Ok(vec![from.to_owned()]);
    }
    let mut entries = fs::read_dir(from)?.collect::<Result<Vec<_>, _>>()?;
    entries.sort_by_key(fs::DirEntry::path);
    let mut files = Vec::new();
    for entry in entries {
        let name = entry.file_name().to_string_lossy().into_owned();
        if !BUILT.contains(&name.as_str()) {
            files.extend(list(&entry.path())?);
        }
    }
    Ok(files)
}
