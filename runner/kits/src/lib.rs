//! What authors start from: a project in each language, with the kit's sources, a small real algorithm and its tests.
//!
//! The files are those of `algorithms/kits`, where the algorithm has the name `my-algorithm`. Nothing here touches the disk.

include!(concat!(env!("OUT_DIR"), "/files.rs"));

/// A language in which algorithms can be written, with a kit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Language {
    /// The name in commands, such as `go`.
    pub name: &'static str,
    /// What people call it, such as `Go`.
    pub title: &'static str,
    /// What an author needs to have installed.
    pub needs: &'static str,
}

/// All languages that have a kit.
pub const LANGUAGES: [Language; 6] = [
    Language {
        name: "rust",
        title: "Rust",
        needs: "Rust 1.95 or later with the target wasm32-wasip2 (rustup target add wasm32-wasip2)",
    },
    Language { name: "python", title: "Python", needs: "Python 3.11 or later" },
    Language { name: "javascript", title: "JavaScript", needs: "Node 20 or later" },
    Language { name: "typescript", title: "TypeScript", needs: "Node 20 or later" },
    Language { name: "go", title: "Go", needs: "Go 1.24 or later" },
    Language {
        name: "c",
        title: "C",
        needs: "a C compiler, and Zig or clang for WebAssembly (README.md says how to get them)",
    },
];

/// The algorithm's name in the kits' files.
const NAME: &str = "my-algorithm";

/// One file of a project.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct File {
    /// Its path in the project's folder, with `/` between folders.
    pub path: String,
    /// Its contents.
    pub bytes: Vec<u8>,
}

impl Language {
    /// Finds a language by its name in commands.
    pub fn find(name: &str) -> Option<Language> {
        LANGUAGES.into_iter().find(|language| language.name == name)
    }

    /// Returns the files of a new project for an algorithm with this name.
    pub fn project(&self, name: &str) -> Vec<File> {
        let ours = FILES.iter().filter(|(language, _, _)| language.is_empty() || *language == self.name);
        ours.map(|(_, path, bytes)| file(path, bytes, name)).collect()
    }
}

fn file(path: &str, bytes: &[u8], name: &str) -> File {
    // In the repository they have other names, because they must not be in force there.
    let path = if path == "gitignore" { ".gitignore".to_owned() } else { path.replace("manifest.toml", "Cargo.toml") };
    // What is no text, such as the encoded interface, does not know the algorithm's name.
    let bytes = str::from_utf8(bytes).map_or_else(|_| bytes.to_owned(), |text| text.replace(NAME, name).into_bytes());
    File { path, bytes }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_project_has_what_each_needs() {
        for language in LANGUAGES {
            let files = language.project("half-price");
            for path in ["Makefile", "README.md", "round.json", "wit/market.wit", ".gitignore"] {
                assert_eq!(files.iter().filter(|file| file.path == path).count(), 1, "{}: {path}", language.name);
            }
            for File { path, bytes } in files {
                let text = String::from_utf8_lossy(&bytes);
                assert!(!text.contains(NAME) && !text.contains("../../"), "{}: {path}", language.name);
            }
        }
    }
}
