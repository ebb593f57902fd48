//! Lists the files of the kits, so that they become part of the program.

use std::error::Error;
use std::fmt::Write;
use std::fs;
use std::path::{Path, PathBuf};

/// Languages, and the folders whose files make a project: from the repository's root, to the project's.
const FOLDERS: [(&str, &[(&str, &str)]); 3] = [
    ("", &[("algorithms/kits/every", ""), ("wit", "wit")]),
    ("c", &[("algorithms/kits/c", "")]),
    ("go", &[("algorithms/kits/go", "")]),
];

/// What a trial build in a kit's folder leaves.
const BUILT: [&str; 5] = ["build", "target", "node_modules", ".venv", "__pycache__"];

fn main() -> Result<(), Box<dyn Error>> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").canonicalize()?;
    let mut files = String::new();
    for (language, folders) in FOLDERS {
        for (folder, to) in folders {
            let folder = root.join(folder);
            println!("cargo::rerun-if-changed={}", folder.display());
            for file in list(&folder)? {
                let path = Path::new(to).join(file.strip_prefix(&folder)?);
                writeln!(files, "({language:?}, {:?}, include_bytes!({:?})),", path.display(), file.display())?;
            }
        }
    }
    let out = std::env::var_os("OUT_DIR").map(PathBuf::from).ok_or("OUT_DIR is not set (build with cargo)")?;
    fs::write(out.join("files.rs"), format!("const FILES: &[(&str, &str, &[u8])] = &[\n{files}];\n"))?;
    Ok(())
}

/// Every file below a folder, in order of its path.
fn list(folder: &Path) -> Result<Vec<PathBuf>, Box<dyn Error>> {
    let mut entries = fs::read_dir(folder)?.collect::<Result<Vec<_>, _>>()?;
    entries.sort_by_key(fs::DirEntry::path);
    let mut files = Vec::new();
    for entry in entries {
        let name = entry.file_name().to_string_lossy().into_owned();
        if BUILT.contains(&name.as_str()) || name.ends_with(".wasm") {
            continue;
        }
        if entry.path().is_dir() {
            files.extend(list(&entry.path())?);
        } else {
            files.push(entry.path());
        }
    }
    Ok(files)
}
