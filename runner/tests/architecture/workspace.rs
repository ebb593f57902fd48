//! The crates under the map: their manifests, their modules, and which file a path leads to.

use std::collections::{BTreeMap, BTreeSet};

use toml::Table;

use crate::source::{Import, OUTSIDE, Source, Written};
use crate::tree::Tree;

/// The folders whose crates the map describes.
const ROOTS: [&str; 2] = ["runner", "algorithms"];
/// What is beside a crate's own sources: tests may use what they like, and a build script is not part of the program.
const BESIDE: [&str; 4] = ["tests", "benches", "examples", "build.rs"];
/// Imports of imports of imports: nobody goes further, and circles of them end here.
const HOPS_MAX: usize = 8;

#[derive(Debug, Default)]
pub struct Workspace {
    pub crates: Vec<Crate>,
    /// Files that the map has to cover.
    pub files: Vec<String>,
    /// Every outside crate that a manifest names.
    pub outside: BTreeSet<String>,
    /// What could not be read.
    pub mistakes: Vec<String>,
}

#[derive(Debug)]
pub struct Crate {
    pub folder: String,
    /// The name of its package, and the name that paths begin with.
    pub names: [String; 2],
    pub dependencies: Vec<Dependency>,
    /// The file of each module; that of the root is src/lib.rs, or src/main.rs if there is no library.
    modules: BTreeMap<Vec<String>, String>,
    sources: BTreeMap<Vec<String>, Source>,
    tests: Vec<Vec<String>>,
}

/// An entry of `[dependencies]`, for every target or for one.
#[derive(Debug)]
pub struct Dependency {
    pub line: usize,
    pub name: String,
    /// The folder of a crate of this workspace.
    pub folder: Option<String>,
}

/// Something that a file uses.
#[derive(Debug)]
pub struct Edge<'a> {
    /// The crate and the module that use it.
    pub user: (usize, &'a [String]),
    pub file: &'a str,
    pub written: &'a Written,
    /// Where the path leads to: the module that it names, then, if that only imports it, where it comes from.
    pub stops: Vec<Stop<'a>>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stop<'a> {
    Module { number: usize, module: &'a [String], file: &'a str },
    Outside(&'a str),
}

impl Workspace {
    pub fn read(tree: &Tree) -> Self {
        let mut workspace = Self::default();
        let shared = table(tree, "Cargo.toml", &mut workspace.mistakes);
        let shared =
            shared.get("workspace").and_then(|table| table.get("dependencies")).and_then(|entry| entry.as_table());
        let shared = shared.cloned().unwrap_or_default();
        let is_in_root = |path: &&str| ROOTS.iter().any(|root| path.split('/').next() == Some(root));
        let manifests = tree.paths().filter(is_in_root).filter_map(|path| path.strip_suffix("/Cargo.toml"));
        let folders: Vec<&str> = manifests.collect();
        for folder in &folders {
            workspace.read_crate(folder, &shared, tree);
        }
        let is_beside = |path: &&str| {
            let owner =
                folders.iter().filter(|folder| path.starts_with(&format!("{folder}/"))).max_by_key(|name| name.len());
            let inside = owner.map(|owner| &path[owner.len() + 1..]);
            inside.is_some_and(|path| BESIDE.contains(&path.split('/').next().unwrap_or(path)))
        };
        let sources = tree.paths().filter(is_in_root).filter(|path| path.ends_with(".rs") && !is_beside(path));
        let tests: BTreeSet<&String> = workspace.crates.iter().flat_map(Crate::test_files).collect();
        let files = sources.map(str::to_owned).filter(|file| !tests.contains(file));
        workspace.files = files.collect();
        workspace
    }

    fn read_crate(&mut self, folder: &str, shared: &Table, tree: &Tree) {
        let path = format!("{folder}/Cargo.toml");
        let manifest = table(tree, &path, &mut self.mistakes);
        let name_in =
            |section| manifest.get(section).and_then(|table| table.get("name")).and_then(|name| name.as_str());
        let package = name_in("package").unwrap_or(folder).to_owned();
        let in_code = name_in("lib").map_or_else(|| package.replace('-', "_"), str::to_owned);
        let mut dependencies = Vec::new();
        let targets = manifest.get("target").and_then(|targets| targets.as_table());
        let tables = targets.into_iter().flat_map(|targets| targets.values()).filter_map(|target| target.as_table());
        for table in [&manifest].into_iter().chain(tables) {
            let Some(entries) = table.get("dependencies").and_then(|entries| entries.as_table()) else { continue };
            for (name, entry) in entries {
                let is_shared = entry.get("workspace").is_some();
                let path = if is_shared { shared.get(name) } else { Some(entry) }
                    .and_then(|entry| entry.get("path")?.as_str());
                let base = if is_shared { "" } else { folder };
                let found = path.map(|path| join(base, path));
                if found.is_none() {
                    self.outside.insert(name.clone());
                }
                let starts =
                    |line: &str| line.strip_prefix(name.as_str()).is_some_and(|rest| rest.starts_with([' ', '.', '=']));
                let line =
                    tree.text(&format!("{folder}/Cargo.toml")).lines().position(starts).map_or(1, |index| index + 1);
                dependencies.push(Dependency { line, name: name.clone(), folder: found });
            }
        }
        let mut found = Crate {
            folder: folder.to_owned(),
            names: [package, in_code],
            dependencies,
            modules: BTreeMap::new(),
            sources: BTreeMap::new(),
            tests: Vec::new(),
        };
        found.read_modules(tree, &mut self.mistakes);
        self.crates.push(found);
    }

    /// All that the files of the program use of one another and of outside crates, without what only tests compile.
    pub fn edges(&self) -> Vec<Edge<'_>> {
        let mut edges = Vec::new();
        for (number, owner) in self.crates.iter().enumerate() {
            for (module, source) in owner.sources.iter().filter(|(module, _)| !owner.is_test(module)) {
                for written in &source.paths {
                    let mut stops = Vec::new();
                    self.follow(number, &written.module, &written.path, HOPS_MAX, &mut stops);
                    stops.retain(|stop| !matches!(stop, Stop::Module { file, .. } if *file == owner.modules[module]));
                    if !stops.is_empty() {
                        edges.push(Edge { user: (number, module), file: &owner.modules[module], written, stops });
                    }
                }
            }
        }
        edges
    }

    /// Follows a path that is written in a module.
    fn follow<'a>(&'a self, number: usize, from: &[String], path: &[String], hops: usize, stops: &mut Vec<Stop<'a>>) {
        let (Some(first), true) = (path.first(), hops > 0) else { return };
        let owner = &self.crates[number];
        let rest = &path[1..];
        match first.as_str() {
            "crate" => self.walk(number, &[], rest, hops, stops),
            "self" => self.walk(number, from, rest, hops, stops),
            "super" => {
                let ups = path.iter().take_while(|part| *part == "super").count();
                self.walk(number, &from[..from.len().saturating_sub(ups)], &path[ups..], hops, stops);
            }
            OUTSIDE => self.follow_outside(number, rest, hops, stops),
            _ if owner.has_module(from, first) => self.walk(number, from, path, hops, stops),
            _ => {
                let imports: Vec<&Import> = owner.imports(from, first).collect();
                for import in &imports {
                    let path: Vec<String> = import.path.iter().chain(rest).cloned().collect();
                    self.follow(number, from, &path, hops - 1, stops);
                }
                if imports.is_empty() {
                    self.follow_outside(number, path, hops, stops);
                }
            }
        }
    }

    /// Follows a path that begins with the name of a crate.
    fn follow_outside<'a>(&'a self, number: usize, path: &[String], hops: usize, stops: &mut Vec<Stop<'a>>) {
        let Some((first, rest)) = path.split_first() else { return };
        let owner = &self.crates[number];
        if *first == owner.names[1] {
            return self.walk(number, &[], rest, hops, stops);
        }
        for dependency in &owner.dependencies {
            let other =
                dependency.folder.as_ref().map(|folder| self.crates.iter().position(|other| other.folder == *folder));
            match other {
                None if dependency.name.replace('-', "_") == *first => push(stops, Stop::Outside(&dependency.name)),
                Some(Some(other)) if self.crates[other].is_called(first, &dependency.name) => {
                    self.walk(other, &[], rest, hops, stops);
                }
                _ => {}
            }
        }
    }

    /// Walks from a module as far as a path names modules below it, and on to where an imported name comes from.
    fn walk<'a>(&'a self, number: usize, from: &[String], path: &[String], hops: usize, stops: &mut Vec<Stop<'a>>) {
        let owner = &self.crates[number];
        let mut module = from.to_vec();
        let mut names = path;
        while let Some((name, rest)) = names.split_first().filter(|(name, _)| owner.has_module(&module, name)) {
            module.push(name.clone());
            names = rest;
        }
        if let Some((file_module, file)) = owner.file_of(&module)
            && !owner.is_test(file_module)
        {
            push(stops, Stop::Module { number, module: file_module, file });
        }
        let Some((name, rest)) = names.split_first() else { return };
        for import in owner.imports(&module, name) {
            let path: Vec<String> = import.path.iter().chain(rest).cloned().collect();
            if hops > 0 {
                self.follow(number, &module, &path, hops - 1, stops);
            }
        }
    }
}

impl Crate {
    fn read_modules(&mut self, tree: &Tree, mistakes: &mut Vec<String>) {
        let sources = format!("{}/src/", self.folder);
        let has_library = !tree.text(&format!("{sources}lib.rs")).is_empty();
        for file in tree.paths() {
            let Some(path) = file.strip_prefix(&sources).and_then(|path| path.strip_suffix(".rs")) else { continue };
            let mut module: Vec<String> = path.split('/').map(str::to_owned).collect();
            let is_root = path == "lib" || (path == "main" && !has_library);
            if is_root || module.last().is_some_and(|name| name == "mod") {
                module.pop();
            }
            match Source::parse(tree.text(file), &module) {
                Ok(mut source) => {
                    self.tests.append(&mut source.test_modules);
                    self.modules.insert(module.clone(), file.to_owned());
                    self.sources.insert(module, source);
                }
                Err(error) => mistakes.push(format!("{file}:{error}")),
            }
        }
    }

    /// Whether paths begin with this name, where a manifest names the crate so: by its package, or by a name of its own.
    fn is_called(&self, name: &str, dependency: &str) -> bool {
        let [package, in_code] = &self.names;
        if dependency == package { name == in_code } else { name == dependency.replace('-', "_") }
    }

    fn test_files(&self) -> impl Iterator<Item = &String> {
        self.modules.iter().filter(|(module, _)| self.is_test(module)).map(|(_, file)| file)
    }

    fn is_test(&self, module: &[String]) -> bool {
        self.tests.iter().any(|test| module.starts_with(test))
    }

    fn has_module(&self, parent: &[String], name: &str) -> bool {
        let module: Vec<String> = parent.iter().map(String::as_str).chain([name]).map(str::to_owned).collect();
        self.modules.contains_key(&module)
            || self.file_of(parent).is_some_and(|(file, _)| self.sources[file].inline.contains(&module))
    }

    /// The file that a module is written in, and the module of that file.
    fn file_of(&self, module: &[String]) -> Option<(&[String], &str)> {
        let above = (0..=module.len()).rev().filter_map(|length| self.modules.get_key_value(&module[..length]));
        above.map(|(module, file)| (module.as_slice(), file.as_str())).next()
    }

    fn imports<'a>(&'a self, module: &'a [String], name: &'a str) -> impl Iterator<Item = &'a Import> {
        let source = self.file_of(module).map(|(file, _)| &self.sources[file]);
        let imports = source.into_iter().flat_map(|source| &source.imports);
        // `use tonic;` brings in the crate of that name, not itself.
        imports.filter(move |import| import.module == module && import.name == name && import.path[0] != name)
    }
}

fn push<'a>(stops: &mut Vec<Stop<'a>>, stop: Stop<'a>) {
    if !stops.contains(&stop) {
        stops.push(stop);
    }
}

fn table(tree: &Tree, path: &str, mistakes: &mut Vec<String>) -> Table {
    tree.text(path).parse().unwrap_or_else(|error| {
        mistakes.push(format!("{path}: {error}"));
        Table::new()
    })
}

/// A path that may begin with `..`, from the root of the workspace.
fn join(folder: &str, path: &str) -> String {
    let mut parts: Vec<&str> = folder.split('/').filter(|part| !part.is_empty()).collect();
    for part in path.split('/') {
        match part {
            ".." => drop(parts.pop()),
            "." | "" => {}
            name => parts.push(name),
        }
    }
    parts.join("/")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn workspace() -> Workspace {
        Workspace::read(&Tree::of(&[
            ("Cargo.toml", "[workspace.dependencies]\ndomain = { path = \"runner/domain\" }\ntonic = \"1\"\n"),
            (
                "runner/Cargo.toml",
                "[package]\nname = \"big-one\"\n[dependencies]\ndomain.workspace = true\ntonic.workspace = true\n",
            ),
            ("runner/build.rs", "use tonic::build;"),
            ("runner/tests/story.rs", "use big_one::a;"),
            ("runner/src/lib.rs", "pub mod a; mod b; pub use b::Thing;"),
            ("runner/src/main.rs", "fn main() { big_one::a::run() }"),
            (
                "runner/src/a.rs",
                "mod inner; use crate::Thing; use tonic::Status as Code; fn run() -> Code { Code::new() }",
            ),
            ("runner/src/a/inner.rs", "use super::Thing; fn f(energy: domain::Energy) {}"),
            ("runner/src/b.rs", "pub struct Thing; #[cfg(test)] mod tests;"),
            ("runner/src/b/tests.rs", "use crate::a;"),
            (
                "runner/domain/Cargo.toml",
                "[package]\nname = \"rec-domain\"\n[lib]\nname = \"domain\"\n[dependencies]\n",
            ),
            ("runner/domain/src/lib.rs", "mod energy; pub use energy::Energy;"),
            ("runner/domain/src/energy.rs", "pub struct Energy(u64);"),
        ]))
    }

    /// Where the paths of a file lead to.
    fn uses(file: &str) -> Vec<String> {
        let workspace = workspace();
        let edges = workspace.edges();
        let edges = edges.iter().filter(|edge| edge.file == file);
        let shown = edges.map(|edge| {
            let stops = edge.stops.iter().map(|stop| match stop {
                Stop::Module { file, .. } => *file,
                Stop::Outside(name) => *name,
            });
            format!("{}: {}", edge.written.path.join("::"), stops.collect::<Vec<_>>().join(", "))
        });
        shown.collect()
    }

    #[test]
    fn a_path_leads_through_imports_to_where_a_name_comes_from() {
        assert_eq!(
            uses("runner/src/a.rs"),
            ["crate::Thing: runner/src/lib.rs, runner/src/b.rs", "tonic::Status: tonic", "Code::new: tonic"]
        );
        assert_eq!(
            uses("runner/src/a/inner.rs"),
            [
                "super::Thing: runner/src/a.rs, runner/src/lib.rs, runner/src/b.rs",
                "domain::Energy: runner/domain/src/lib.rs, runner/domain/src/energy.rs"
            ]
        );
        assert_eq!(uses("runner/src/main.rs"), ["big_one::a::run: runner/src/a.rs"]);
    }

    #[test]
    fn a_crate_is_called_by_its_library_or_as_the_manifest_renames_it() {
        let kit = [
            ("algorithms/kit/Cargo.toml", "[package]\nname = \"the-kit\"\n[lib]\nname = \"kit\"\n"),
            ("algorithms/kit/src/lib.rs", "pub struct Round;"),
        ];
        let by_package = [
            (
                "algorithms/one/Cargo.toml",
                "[package]\nname = \"one\"\n[dependencies]\nthe-kit = { path = \"../kit\" }\n",
            ),
            ("algorithms/one/src/lib.rs", "use kit::Round; use the_kit::Round as Unknown;"),
        ];
        let renamed = [
            ("algorithms/two/Cargo.toml", "[package]\nname = \"two\"\n[dependencies]\nbox = { path = \"../kit\" }\n"),
            ("algorithms/two/src/lib.rs", "use r#box::Round; use kit::Round as Unknown;"),
        ];
        let workspace = Workspace::read(&Tree::of(&[kit, by_package, renamed].concat()));
        let used: Vec<String> = workspace.edges().iter().map(|edge| edge.written.path.join("::")).collect();
        assert_eq!(used, ["kit::Round", "box::Round"]);
    }

    #[test]
    fn tests_may_use_what_they_like() {
        assert_eq!(uses("runner/src/b/tests.rs"), [""; 0]);
        let files = workspace().files;
        assert_eq!(files.len(), 7, "{files:?}");
        assert!(files.iter().all(|file| file.contains("/src/") && !file.ends_with("tests.rs")), "{files:?}");
    }

    #[test]
    fn a_dependency_is_found_in_the_workspace_beside_the_crate_or_outside() {
        let workspace = workspace();
        let dependencies = &workspace.crates[0].dependencies;
        let shown: Vec<_> =
            dependencies.iter().map(|entry| (entry.line, entry.name.as_str(), entry.folder.as_deref())).collect();
        assert_eq!(shown, [(4, "domain", Some("runner/domain")), (5, "tonic", None)]);
        assert_eq!(join("runner/store", "../domain"), "runner/domain");
    }

    #[test]
    fn what_cannot_be_read_is_told() {
        let files = [("runner/Cargo.toml", "[package"), ("runner/src/lib.rs", "fn {")];
        let mistakes = Workspace::read(&Tree::of(&files)).mistakes;
        assert_eq!(mistakes.len(), 2, "{mistakes:?}");
        assert!(mistakes[0].starts_with("runner/Cargo.toml: "));
        assert!(mistakes[1].starts_with("runner/src/lib.rs:1: "));
    }
}
