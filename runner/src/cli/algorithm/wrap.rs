//! `rec-market algorithm wrap`: a component of what a compiler wrote for a core module.

use std::fs::File;
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};

use anyhow::Context;
use clap::{Args, ValueEnum};
use sandbox::{COMPONENT_BYTES_MAX, LoadError};
use wrap::wrap;

use crate::cli::exit::{Exit, ExitCode, usage};
use crate::cli::output;
use crate::file::{self, Access};

/// Make a component of a core module that exports the functions of the world by the canonical ABI
///
/// For compilers that write no components: Go (GOOS=wasip1 GOARCH=wasm, -buildmode=c-shared), C, C++ and Zig
/// (wasm32-wasip1, as a reactor), AssemblyScript (with --encoding utf16). The module exports describe, clear, cabi_realloc and
/// its memory. What it imports of WASI preview 1 is answered inside the component, always in the same way: there are no
/// files, the clock and random numbers begin alike in every run, and what it prints goes to the log.
///
/// A component of the same name is replaced, as by any build; other files are not.
#[derive(Debug, Args)]
pub struct WrapArgs {
    /// Core module, as the compiler wrote it
    #[arg(value_name = "CORE.wasm")]
    pub module: PathBuf,
    /// Component to write
    #[arg(short, long, value_name = "FILE.wasm")]
    pub output: PathBuf,
    /// How the module encodes strings
    #[arg(long, value_enum, value_name = "ENCODING", default_value_t)]
    pub encoding: Encoding,
    /// Replace any file of that name
    #[arg(long)]
    pub force: bool,
}

#[derive(Clone, Copy, Debug, Default, ValueEnum)]
pub enum Encoding {
    /// UTF-8: Go, C, C++, Zig, Rust
    #[default]
    Utf8,
    /// UTF-16: AssemblyScript
    Utf16,
}

pub fn run(args: &WrapArgs, out: &mut impl Write) -> anyhow::Result<Exit> {
    let encoding = match args.encoding {
        Encoding::Utf8 => wrap::Encoding::Utf8,
        Encoding::Utf16 => wrap::Encoding::Utf16,
    };
    let named = args.module.display();
    let module = read(&args.module).with_context(|| format!("cannot read {named} (name a core module)"));
    let module = module.exit_code(Exit::Usage)?;
    if module.len() as u64 > COMPONENT_BYTES_MAX {
        let bytes = args.module.metadata().map_or(0, |metadata| metadata.len()).max(module.len() as u64);
        let error = LoadError::TooLarge { bytes, bytes_max: COMPONENT_BYTES_MAX };
        return Err(usage(format!("{named}: {error}")));
    }
    let component = wrap(&module, encoding).with_context(|| named.to_string()).exit_code(Exit::Usage)?;
    write(args, &component)?;
    let (output, size) = (args.output.display(), output::grouped(component.len() as u64));
    writeln!(out, "{output}: {size} bytes (rec-market algorithm check {output} tells whether it is an algorithm)")?;
    Ok(Exit::Done)
}

/// Reads a file, or a byte more of it than is allowed: a device has no end.
fn read(path: &Path) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    File::open(path)?.take(COMPONENT_BYTES_MAX + 1).read_to_end(&mut bytes)?;
    Ok(bytes)
}

fn write(args: &WrapArgs, component: &[u8]) -> anyhow::Result<()> {
    let path = &args.output;
    if args.force || is_component(path) {
        let written = file::replace(path, component, Access::Umask);
        return written.with_context(|| format!("cannot write {}", path.display())).exit_code(Exit::Usage);
    }
    output::new_file(path, component, "and is no component (name another, or replace it with --force)")
}

/// Whether a file is a component, which another build has left.
fn is_component(path: &Path) -> bool {
    let mut header = [0; 8];
    let mut read = || File::open(path).and_then(|mut file| file.read_exact(&mut header));
    path.is_file() && read().is_ok() && header == *b"\0asm\x0d\0\x01\0"
}
