//! Makes a component of a core module that exports the world's functions by the canonical ABI: what compilers for Go, C,
//! C++, Zig or AssemblyScript write becomes an algorithm, without other tools.
//!
//! What the module imports of WASI preview 1 is answered inside the component by an inert one, `preview1/preview1.wat`: no
//! clock, no randomness, no files, so that the same round gives the same trades. Only what a module writes to stdout and
//! stderr leaves the component, for the sandbox's log.

mod core;
mod error;
mod world;

#[cfg(test)]
mod tests;

use wit_component::{ComponentEncoder, StringEncoding, embed_component_metadata};

use crate::core::CoreModule;
use crate::world::World;
pub use error::WrapError;

/// The module name under which preview 1 is imported.
const PREVIEW1: &str = "wasi_snapshot_preview1";
/// Our preview 1, with its metadata.
const INERT_PREVIEW1: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/preview1.wasm"));

/// How the module encodes strings in its memory.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Encoding {
    /// UTF-8: Go, C, Rust, Zig.
    #[default]
    Utf8,
    /// UTF-16: AssemblyScript.
    Utf16,
}

impl From<Encoding> for StringEncoding {
    fn from(encoding: Encoding) -> StringEncoding {
        match encoding {
            Encoding::Utf8 => StringEncoding::UTF8,
            Encoding::Utf16 => StringEncoding::UTF16,
        }
    }
}

/// Makes a component of a core module. The same module always becomes the same bytes.
///
/// The component may still be refused by the sandbox, for instance for the memory that it declares.
///
/// # Errors
/// What the file is instead, which exports are missing or of another type than the world's, and which imports nobody can
/// answer.
pub fn wrap(module: &[u8], encoding: Encoding) -> Result<Vec<u8>, WrapError> {
    core::examine(module)?;
    let core = CoreModule::read(module)?;
    let world = World::algorithm()?;
    world.check_exports(&core)?;
    world::check_imports(&core, &CoreModule::read(INERT_PREVIEW1)?)?;
    let mut module = core.without_metadata(module);
    encode(&mut module, &world, encoding).map_err(|error| WrapError::broken(format!("{error:#}")))
}

fn encode(module: &mut Vec<u8>, world: &World, encoding: Encoding) -> anyhow::Result<Vec<u8>> {
    embed_component_metadata(module, &world.resolve, world.id, encoding.into())?;
    let encoder = ComponentEncoder::default().validate(true).module(module)?;
    encoder.adapter(PREVIEW1, INERT_PREVIEW1)?.encode()
}
