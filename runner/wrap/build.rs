//! Assembles the inert WASI preview 1, and tells the encoder in its metadata what it imports.

use std::error::Error;
use std::fs;
use std::path::{Path, PathBuf};

use wit_component::{StringEncoding, embed_component_metadata};
use wit_parser::Resolve;

fn main() -> Result<(), Box<dyn Error>> {
    println!("cargo::rerun-if-changed=preview1");
    let mut module = wat::parse_file("preview1/preview1.wat")?;
    let mut resolve = Resolve::default();
    let package = resolve.push_str("preview1/world.wit", &fs::read_to_string("preview1/world.wit")?)?;
    let world = resolve.select_world(&[package], Some("preview1"))?;
    embed_component_metadata(&mut module, &resolve, world, StringEncoding::UTF8)?;
    let out = std::env::var_os("OUT_DIR").map(PathBuf::from).ok_or("OUT_DIR is not set (build with cargo)")?;
    fs::write(Path::new(&out).join("preview1.wasm"), module)?;
    Ok(())
}
