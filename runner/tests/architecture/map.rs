//! The code map: the table `| where | what | may use |` of ARCHITECTURE.md.

use crate::tree::Tree;

/// The rows of the table, from top to bottom.
#[derive(Debug)]
pub struct Map {
    pub rows: Vec<Row>,
}

#[derive(Debug)]
pub struct Row {
    /// The line in ARCHITECTURE.md.
    pub line: usize,
    /// Crate folders, module paths and files, from the root of the workspace.
    pub paths: Vec<String>,
    /// Rows and outside crates, as they are written.
    pub may_use: Vec<String>,
}

impl Map {
    pub fn parse(tree: &Tree) -> Self {
        let mut rows = Vec::new();
        let mut in_table = false;
        for (index, line) in tree.text("ARCHITECTURE.md").lines().enumerate() {
            let Some(inner) = line.trim().strip_prefix('|').and_then(|line| line.strip_suffix('|')) else {
                in_table = false;
                continue;
            };
            let cells: Vec<&str> = inner.split('|').map(str::trim).collect();
            if cells == ["where", "what", "may use"] {
                in_table = true;
            } else if let ([place, _, may_use], true) = (&cells[..], in_table && !inner.starts_with("--")) {
                rows.push(Row { line: index + 1, paths: paths(place, tree), may_use: list(may_use) });
            }
        }
        Self { rows }
    }

    /// The row that a file belongs to, and the path that says so: of several the longest.
    pub fn owner(&self, file: &str) -> Option<Owner<'_>> {
        let paths =
            self.rows.iter().enumerate().flat_map(|(row, entry)| entry.paths.iter().map(move |path| (row, path)));
        paths
            .filter(|(_, path)| covers(path, file))
            .max_by_key(|(_, path)| path.len())
            .map(|(row, path)| Owner { row, path })
    }

    /// The rows that have a path which ends in this name: `books`, or `adapter/meters` where one part is not enough.
    pub fn named(&self, name: &str) -> Vec<usize> {
        let ends_in_name = |path: &String| {
            let path = path.strip_suffix(".rs").unwrap_or(path);
            path == name || path.strip_suffix(name).is_some_and(|before| before.ends_with('/'))
        };
        (0..self.rows.len()).filter(|row| self.rows[*row].paths.iter().any(ends_in_name)).collect()
    }

    /// The end of a path by which its row is named: its last part, or as many as tell it from other rows.
    pub fn name_of<'a>(&self, path: &'a str) -> &'a str {
        let path = path.strip_suffix(".rs").unwrap_or(path);
        let starts = path.rmatch_indices('/').map(|(slash, _)| slash + 1);
        let mut names = starts.map(|start| &path[start..]);
        names.find(|name| self.named(name).len() == 1).unwrap_or(path)
    }
}

/// Where a file belongs.
#[derive(Debug, Clone, Copy)]
pub struct Owner<'a> {
    pub row: usize,
    pub path: &'a str,
}

/// Whether a path of the map stands for a file: `a.rs` for itself, `a/*` for all that is in the folder, and `a` for the
/// crate or module `a`, which is a folder, `a.rs`, or both.
pub fn covers(path: &str, file: &str) -> bool {
    let Some(rest) = file.strip_prefix(path.strip_suffix("/*").unwrap_or(path)) else { return false };
    rest.is_empty() || rest.starts_with('/') || (rest == ".rs" && !path.ends_with("/*"))
}

/// The paths of a cell. One that is not there from the root of the workspace is a neighbour of the first.
fn paths(cell: &str, tree: &Tree) -> Vec<String> {
    let mut found: Vec<String> = Vec::new();
    for path in list(cell) {
        let path = path.trim_end_matches('/');
        let neighbours = found.first().and_then(|first| first.rsplit_once('/')).map(|(folder, _)| folder.to_owned());
        let is_there = tree.paths().any(|file| covers(path, file));
        match neighbours {
            Some(folder) if !is_there => found.push(format!("{folder}/{path}")),
            _ => found.push(path.to_owned()),
        }
    }
    found
}

/// The entries of a cell, without backticks and what is in parentheses; a dash stands for none.
fn list(cell: &str) -> Vec<String> {
    let mut text = String::new();
    let mut depth = 0;
    for character in cell.chars() {
        match character {
            '(' => depth += 1,
            ')' => depth -= 1,
            '`' => {}
            _ if depth == 0 => text.push(character),
            _ => {}
        }
    }
    let entries = text.split(',').map(str::trim).filter(|entry| !["", "-", "–", "—"].contains(entry));
    entries.map(str::to_owned).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn map(rows: &str) -> Map {
        let table =
            format!("# Map\n\n| where | what | may use |\n|---|---|---|\n{rows}\n\n| `other` | table | here |\n");
        let files =
            ["runner/src/a.rs", "runner/src/a/b.rs", "runner/src/c.rs", "runner/domain/src/lib.rs", "wit/x.wit"];
        let mut tree = vec![("ARCHITECTURE.md", table.as_str())];
        tree.extend(files.map(|file| (file, "")));
        Map::parse(&Tree::of(&tree))
    }

    #[test]
    fn a_row_lists_paths_and_what_they_may_use() {
        let map = map("| `runner/src/a.rs`, `a/`, `wit/x.wit` | some, things | domain, `tonic` (to read), c |");
        let [row] = &map.rows[..] else { panic!("{map:?}") };
        assert_eq!(row.line, 5);
        assert_eq!(row.paths, ["runner/src/a.rs", "runner/src/a", "wit/x.wit"]);
        assert_eq!(row.may_use, ["domain", "tonic", "c"]);
    }

    #[test]
    fn a_dash_allows_nothing() {
        for dash in ["–", "-", "—", ""] {
            assert_eq!(map(&format!("| runner/domain (crate `domain`) | rules | {dash} |")).rows[0].may_use, [""; 0]);
        }
    }

    #[test]
    fn the_longest_path_owns_a_file() {
        let map = map("| `runner/src/a` | | – |\n| `runner/src/a/b.rs`, `c.rs` | | – |");
        let owner = |file| map.owner(file).map(|owner| (owner.row, owner.path));
        assert_eq!(owner("runner/src/a.rs"), Some((0, "runner/src/a")));
        assert_eq!(owner("runner/src/a/z.rs"), Some((0, "runner/src/a")));
        assert_eq!(owner("runner/src/a/b.rs"), Some((1, "runner/src/a/b.rs")));
        assert_eq!(owner("runner/src/ab.rs"), None);
        assert_eq!(map.rows[1].paths[1], "runner/src/a/c.rs", "a neighbour of b.rs");
    }

    #[test]
    fn the_end_of_a_path_names_its_row() {
        let map = map("| `runner/src/a/b` | | – |\n| `runner/src/c/b` | | – |\n| `runner/src/clock.rs` | | – |");
        assert_eq!(map.named("b"), [0, 1]);
        assert_eq!(map.named("c/b"), [1]);
        assert_eq!(map.named("clock"), [2]);
        assert_eq!(map.named("lock"), [0; 0]);
        assert_eq!(["runner/src/a/b", "runner/src/clock.rs"].map(|path| map.name_of(path)), ["a/b", "clock"]);
    }
}
