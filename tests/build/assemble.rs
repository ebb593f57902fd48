//! Assembles the text of a guest into a component.

use std::fs;
use std::path::{Path, PathBuf};

use wit_component::{ComponentEncoder, StringEncoding, embed_component_metadata};
use wit_parser::{PackageId, Resolve};

/// Marks a line of a guest that includes a file of `guests/include`.
const INCLUDE: &str = ";;@include ";
/// Marks a line of a guest that names its world in `guests/wit`.
const WORLD: &str = ";;@world ";

pub struct Assembler {
    resolve: Resolve,
    package: PackageId,
    include: PathBuf,
}

impl Assembler {
    pub fn new(wit: &Path, guests: &Path) -> Result<Assembler, String> {
        let mut resolve = Resolve::default();
        let mut push = |path: &Path| {
            resolve.push_dir(path).map(|(package, _)| package).map_err(|error| format!("{}: {error:#}", path.display()))
        };
        push(wit)?;
        let package = push(&guests.join("wit"))?;
        Ok(Assembler { resolve, package, include: guests.join("include") })
    }

    /// Assembles a guest. A `(module …)` is encoded as a component for its world; a `(component …)` is kept as it is,
    /// valid or not.
    pub fn assemble(&self, text: &str) -> Result<Vec<u8>, String> {
        let whole = self.expand(text)?;
        let binary = wat::parse_str(&whole).map_err(|error| error.to_string())?;
        if text.lines().any(|line| line.starts_with("(component")) {
            return Ok(binary);
        }
        let world = text.lines().find_map(|line| line.strip_prefix(WORLD)).unwrap_or("guest");
        self.encode(binary, world.trim()).map_err(|error| format!("as a component of world {world}: {error}"))
    }

    /// Replaces `@include` lines by the files that they name.
    fn expand(&self, text: &str) -> Result<String, String> {
        let mut whole = String::new();
        for line in text.lines() {
            match line.trim_start().strip_prefix(INCLUDE) {
                Some(name) => {
                    let path = self.include.join(format!("{}.wat", name.trim()));
                    let included = fs::read_to_string(&path).map_err(|error| format!("{}: {error}", path.display()))?;
                    whole.push_str(&self.expand(&included)?);
                }
                None => whole.extend([line, "\n"]),
            }
        }
        Ok(whole)
    }

    fn encode(&self, mut module: Vec<u8>, world: &str) -> Result<Vec<u8>, String> {
        let world = self.resolve.select_world(&[self.package], Some(world)).map_err(|error| format!("{error:#}"))?;
        embed_component_metadata(&mut module, &self.resolve, world, StringEncoding::UTF8)
            .map_err(|error| format!("{error:#}"))?;
        // No validation: invalid guests are meant for the engine to refuse.
        let encoder = ComponentEncoder::default().validate(false).module(&module);
        encoder.and_then(|mut encoder| encoder.encode()).map_err(|error| format!("{error:#}"))
    }
}
