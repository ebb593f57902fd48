//! What the map says against what files and manifests use.
//!
//! The rules are those above the table in ARCHITECTURE.md.

use std::collections::{BTreeMap, BTreeSet};

use crate::map::{Map, Owner, Row, covers};
use crate::tree::Tree;
use crate::workspace::{Edge, Stop, Workspace};

/// A row that names this says all that it uses.
const STD: &str = "std";

#[derive(Debug)]
pub struct Rules<'a> {
    map: &'a Map,
    workspace: &'a Workspace,
    allowed: Vec<Allowed>,
    /// Outside crates that only the rows which name them may use.
    kept: BTreeSet<String>,
    /// Entries of the table that mean nothing.
    mistakes: Vec<String>,
}

/// What a row may use.
#[derive(Debug, Default)]
struct Allowed {
    rows: BTreeSet<usize>,
    outside: BTreeSet<String>,
    is_complete: bool,
}

impl<'a> Rules<'a> {
    pub fn new(map: &'a Map, workspace: &'a Workspace) -> Self {
        let mut rules = Self { map, workspace, allowed: Vec::new(), kept: BTreeSet::new(), mistakes: Vec::new() };
        for (number, row) in map.rows.iter().enumerate() {
            let allowed = rules.allowed_to(number, row);
            if !allowed.is_complete {
                rules.kept.extend(allowed.outside.iter().cloned());
            }
            rules.allowed.push(allowed);
        }
        rules
    }

    fn allowed_to(&mut self, number: usize, row: &Row) -> Allowed {
        let mut allowed = Allowed { rows: BTreeSet::from([number]), ..Allowed::default() };
        for name in &row.may_use {
            match name.as_str() {
                "everything" => allowed.rows.extend(0..self.map.rows.len()),
                "everything above" => allowed.rows.extend(0..number),
                "everything below" => allowed.rows.extend(number + 1..self.map.rows.len()),
                STD => allowed.is_complete = true,
                name => match self.rows_named(name)[..] {
                    [found] => drop(allowed.rows.insert(found)),
                    [] if self.workspace.outside.contains(name) => drop(allowed.outside.insert(name.to_owned())),
                    [] => self.mistakes.push(format!(
                        "ARCHITECTURE.md:{}: `{name}` is neither a row nor a dependency in any manifest",
                        row.line
                    )),
                    _ => self.mistakes.push(format!(
                        "ARCHITECTURE.md:{}: `{name}` is the name of several rows (write more of the path)",
                        row.line
                    )),
                },
            }
        }
        allowed
    }

    /// The rows of this name: the end of a path, or a crate's name.
    fn rows_named(&self, name: &str) -> Vec<usize> {
        let mut rows = self.map.named(name);
        let crates = self.workspace.crates.iter().filter(|found| found.names.iter().any(|other| other == name));
        rows.extend(crates.flat_map(|found| self.map.named(&found.folder)));
        rows.sort_unstable();
        rows.dedup();
        rows
    }

    /// Rows, paths and names that mean nothing or two things, and files that no row has.
    pub fn mistakes(&self, tree: &Tree) -> Vec<String> {
        let mut found = self.workspace.mistakes.clone();
        if self.map.rows.is_empty() {
            found.push("ARCHITECTURE.md has no table `| where | what | may use |`".to_owned());
        }
        found.extend(self.mistakes.iter().cloned());
        let mut seen = BTreeMap::new();
        for (row, path) in self.map.rows.iter().flat_map(|row| row.paths.iter().map(move |path| (row, path))) {
            if !tree.paths().any(|file| covers(path, file)) {
                found.push(format!("ARCHITECTURE.md:{}: `{path}` is no file, module or folder", row.line));
            }
            if let Some(line) = seen.insert(path, row.line) {
                found.push(format!("ARCHITECTURE.md:{}: `{path}` is in line {line} already", row.line));
            }
        }
        let files = self.workspace.files.iter().filter(|file| self.map.owner(file).is_none());
        found.extend(
            files.map(|file| format!("{file} belongs to no row of ARCHITECTURE.md (add it to one, or a new row)")),
        );
        found
    }

    /// Uses that the row of the user does not allow.
    pub fn forbidden_uses(&self) -> Vec<String> {
        // One line for each file and what it may not use; the first place is enough to find the others.
        let mut found: BTreeMap<(&str, &str), (String, usize)> = BTreeMap::new();
        let edges = self.workspace.edges();
        for edge in &edges {
            let Some(user) = self.map.owner(edge.file) else { continue };
            let Some(used) = self.used(edge, user) else { continue };
            if !self.allows(user.row, &used) {
                let text = format!(
                    "{}:{} uses {} ({}), which the row `{}` of ARCHITECTURE.md does not allow",
                    edge.file,
                    edge.written.line,
                    used.name,
                    edge.written.path.join("::"),
                    user.path
                );
                found.entry((edge.file, used.name)).or_insert((text, 0)).1 += 1;
            }
        }
        let shown = found.into_values().map(|(text, places)| match places {
            1 => text,
            _ => format!("{text} (and {} more)", places - 1),
        });
        shown.collect()
    }

    /// Dependencies in a manifest that no row of its crate allows.
    pub fn forbidden_dependencies(&self) -> Vec<String> {
        let mut found = Vec::new();
        for owner in &self.workspace.crates {
            let sources = format!("{}/", owner.folder);
            let files = self.workspace.files.iter().filter(|file| file.starts_with(&sources));
            // A crate in a folder of this one has rows of its own.
            let is_inner = |file: &str| {
                let mut crates = self.workspace.crates.iter();
                crates.any(|inner| inner.folder.len() > owner.folder.len() && covers(&inner.folder, file))
            };
            let owners: Vec<Owner<'_>> =
                files.filter(|file| !is_inner(file)).filter_map(|file| self.map.owner(file)).collect();
            let rows: BTreeSet<usize> = owners.iter().map(|owner| owner.row).collect();
            for dependency in &owner.dependencies {
                let used = match &dependency.folder {
                    None => Used { name: &dependency.name, row: None },
                    Some(folder) => match self.map.owner(&format!("{folder}/src/lib.rs")) {
                        Some(used) => Used { name: &dependency.name, row: Some(used.row) },
                        None => {
                            let place = format!("{}/Cargo.toml:{}", owner.folder, dependency.line);
                            found.push(format!(
                                "{place} depends on {}, which is on no row of ARCHITECTURE.md",
                                dependency.name
                            ));
                            continue;
                        }
                    },
                };
                if !rows.iter().any(|row| self.allows(*row, &used)) {
                    let paths: BTreeSet<String> = owners.iter().map(|owner| format!("`{}`", owner.path)).collect();
                    let (word, verb) = if paths.len() == 1 { ("row", "does") } else { ("rows", "do") };
                    found.push(format!(
                        "{}/Cargo.toml:{} depends on {}, which the {word} {} of ARCHITECTURE.md {verb} not allow",
                        owner.folder,
                        dependency.line,
                        used.name,
                        paths.into_iter().collect::<Vec<_>>().join(", ")
                    ));
                }
            }
        }
        found
    }

    /// What each row uses of others and of the outside crates that the map names: its column "may use", as the code has it.
    pub fn uses(&self) -> String {
        let mut uses: Vec<BTreeSet<&str>> = self.map.rows.iter().map(|_| BTreeSet::new()).collect();
        let edges = self.workspace.edges();
        for edge in &edges {
            if let Some(user) = self.map.owner(edge.file)
                && let Some(used) = self.used(edge, user)
                && (used.row.is_some() || self.kept.contains(used.name) || self.allowed[user.row].is_complete)
            {
                uses[user.row].insert(used.name);
            }
        }
        let lines = self.map.rows.iter().zip(&uses).filter(|(_, uses)| !uses.is_empty()).map(|(row, uses)| {
            format!("{}: {}", row.paths.join(", "), uses.iter().copied().collect::<Vec<_>>().join(", "))
        });
        lines.collect::<Vec<_>>().join("\n")
    }

    /// What a path uses: the first module on its way that is of another row. A module above the user does not count if it
    /// only hands on what it imports.
    fn used<'b>(&self, edge: &Edge<'b>, user: Owner<'_>) -> Option<Used<'b>>
    where
        'a: 'b,
    {
        let (number, module) = edge.user;
        for (index, stop) in edge.stops.iter().enumerate() {
            match *stop {
                Stop::Outside(name) => return Some(Used { name, row: None }),
                Stop::Module { number: other, module: used, file } => {
                    let hands_on = other == number && module.starts_with(used) && index + 1 < edge.stops.len();
                    let owner = self.map.owner(file).filter(|owner| owner.row != user.row && !hands_on);
                    if let Some(owner) = owner {
                        return Some(Used { name: self.map.name_of(owner.path), row: Some(owner.row) });
                    }
                }
            }
        }
        None
    }

    fn allows(&self, row: usize, used: &Used<'_>) -> bool {
        let allowed = &self.allowed[row];
        match used.row {
            Some(other) => allowed.rows.contains(&other),
            None if allowed.is_complete || self.kept.contains(used.name) => allowed.outside.contains(used.name),
            None => true,
        }
    }
}

/// A row, or a crate from outside.
struct Used<'a> {
    name: &'a str,
    row: Option<usize>,
}
