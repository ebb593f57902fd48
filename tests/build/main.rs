//! Builds the hostile guests: every file under `guests/`, and those that are too repetitive to write by hand.
//!
//! Each becomes a component in `OUT_DIR`, a constant with its bytes, and an entry in a macro through which the compiler
//! requires an expected outcome for each.

#![allow(clippy::print_stdout, reason = "this is how a build script talks to cargo")]

mod assemble;
mod generated;

use std::error::Error;
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};

use assemble::Assembler;

/// A guest before it is assembled.
struct Source {
    name: String,
    /// WebAssembly text; the comment in its first line says what the guest does.
    text: String,
}

fn main() {
    // Directories are watched recursively. A path that does not exist would cause a rebuild every time.
    println!("cargo::rerun-if-changed=build");
    println!("cargo::rerun-if-changed=guests");
    println!("cargo::rerun-if-changed=../wit");
    if let Err(error) = build() {
        println!("cargo::error={}", error.to_string().replace('\n', "\ncargo::error="));
        std::process::exit(1);
    }
}

fn build() -> Result<(), Box<dyn Error>> {
    let out = PathBuf::from(std::env::var_os("OUT_DIR").ok_or("OUT_DIR is not set (cargo sets it)")?);
    let assembler = Assembler::new(Path::new("../wit"), Path::new("guests"))?;
    let mut guests = read(Path::new("guests/modules"))?;
    guests.extend(read(Path::new("guests/components"))?);
    guests.extend(generated::guests());
    let list = write(&assembler, "guest", guests, &out)?;
    let bombs = write(&assembler, "bomb", generated::bombs(), &out)?;
    fs::write(out.join("guests.rs"), list + &bombs)?;
    Ok(())
}

/// Reads every `.wat` file of a directory.
fn read(directory: &Path) -> Result<Vec<Source>, Box<dyn Error>> {
    let at = |error: std::io::Error| format!("{}: {error}", directory.display());
    let mut sources = Vec::new();
    for entry in fs::read_dir(directory).map_err(at)? {
        let path = entry.map_err(at)?.path();
        let name = path.file_stem().and_then(|name| name.to_str()).unwrap_or_default().to_owned();
        if path.extension().is_none_or(|extension| extension != "wat") || name.is_empty() {
            return Err(format!("{} is not a guest (guests are files called NAME.wat)", path.display()).into());
        }
        sources.push(Source { name, text: fs::read_to_string(&path).map_err(at)? });
    }
    Ok(sources)
}

/// Assembles guests; returns the source of their constants and of the macro that lists them.
fn write(assembler: &Assembler, kind: &str, mut sources: Vec<Source>, out: &Path) -> Result<String, Box<dyn Error>> {
    sources.sort_by(|a, b| a.name.cmp(&b.name));
    if let Some(pair) = sources.windows(2).find(|pair| pair[0].name == pair[1].name) {
        return Err(format!("two guests are named {}", pair[0].name).into());
    }
    let (mut constants, mut entries) = (String::new(), String::new());
    for Source { name, text } in &sources {
        let component = assembler.assemble(text).map_err(|error| format!("guest {name}: {error}"))?;
        let path = out.join(format!("{name}.wasm"));
        fs::write(&path, component)?;
        let constant = name.to_uppercase();
        let doc = text.lines().next().unwrap_or_default().trim_start_matches([';', ' ']);
        writeln!(constants, "/// {doc}\npub const {constant}: &[u8] = include_bytes!({path:?});")?;
        write!(entries, " {name} {constant}")?;
    }
    Ok(format!(
        "{constants}\n/// Hands every {kind} to a macro, as `name CONSTANT` pairs.\n#[macro_export]\n\
         macro_rules! for_each_{kind} {{ ($then:ident) => {{ $then! {{{entries} }} }} }}\n"
    ))
}
