//! The files of the workspace, or of a small one that a test writes down.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::Path;

/// Every file by its path from the root of the workspace. Only what the checks read has its text.
#[derive(Debug, Default)]
pub struct Tree(BTreeMap<String, String>);

impl Tree {
    /// Reads a workspace, without what was built, downloaded or hidden.
    pub fn read(root: &Path) -> io::Result<Self> {
        let mut files = BTreeMap::new();
        let mut folders = vec![root.to_owned()];
        while let Some(folder) = folders.pop() {
            for entry in fs::read_dir(&folder)? {
                let path = entry?.path();
                let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
                if path.is_dir() {
                    if name != "target" && !name.starts_with('.') {
                        folders.push(path);
                    }
                    continue;
                }
                let is_read = name.ends_with(".rs") || name == "Cargo.toml" || name == "ARCHITECTURE.md";
                let text = if is_read { fs::read_to_string(&path)? } else { String::new() };
                let relative = path.strip_prefix(root).map_err(io::Error::other)?;
                files.insert(relative.to_string_lossy().replace('\\', "/"), text);
            }
        }
        Ok(Self(files))
    }

    /// The files that a test writes down, as path and text.
    pub fn of(files: &[(&str, &str)]) -> Self {
        Self(files.iter().map(|(path, text)| ((*path).to_owned(), (*text).to_owned())).collect())
    }

    /// The text of a file; a missing file is empty.
    pub fn text(&self, path: &str) -> &str {
        self.0.get(path).map_or("", String::as_str)
    }

    pub fn paths(&self) -> impl Iterator<Item = &str> {
        self.0.keys().map(String::as_str)
    }
}
