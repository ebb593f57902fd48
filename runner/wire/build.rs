//! Compiles proto/ to Rust without protoc.

use std::error::Error;
use std::fs;
use std::path::{Path, PathBuf};

use protox::Compiler;

/// The files of package `proto`, which the platform already speaks.
const PLATFORM: [&str; 3] = ["market.proto", "transactions.proto", "meters.proto"];
/// Files of other packages, which may use the platform's messages.
const OTHERS: [&str; 3] = ["meters_microservice.proto", "rec_market_trade.proto", "rec_market_algorithm.proto"];

/// Writes a module for each package, and a descriptor set of all files for server reflection.
fn main() -> Result<(), Box<dyn Error>> {
    let protos = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../proto");
    println!("cargo::rerun-if-changed={}", protos.display());

    tonic_prost_build::configure().compile_fds(compiler(&protos, &PLATFORM)?.file_descriptor_set())?;
    // Compiled separately, so that the platform's messages are generated only once, in the crate's root.
    tonic_prost_build::configure()
        .extern_path(".proto", "crate")
        .compile_fds(compiler(&protos, &OTHERS)?.file_descriptor_set())?;

    let out_dir = PathBuf::from(std::env::var_os("OUT_DIR").ok_or("OUT_DIR is not set (build with cargo)")?);
    let mut all = compiler(&protos, &[PLATFORM.as_slice(), OTHERS.as_slice()].concat())?;
    let descriptors = all.include_imports(true).encode_file_descriptor_set();
    fs::write(out_dir.join("descriptors.bin"), descriptors)?;
    Ok(())
}

/// Parses the files. Comments are kept, because they become the documentation of the Rust types.
fn compiler(protos: &Path, files: &[&str]) -> Result<Compiler, protox::Error> {
    let mut compiler = Compiler::new([protos])?;
    compiler.include_source_info(true).open_files(files)?;
    Ok(compiler)
}
