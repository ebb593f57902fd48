//! The code map of ARCHITECTURE.md is true: every file is on it, uses only what its row allows, and no module uses itself
//! by way of others.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    missing_docs,
    reason = "a test says what broke by failing"
)]

mod circles;
mod map;
mod rules;
mod source;
mod stories;
mod tree;
mod workspace;

use std::path::Path;

use crate::map::Map;
use crate::rules::Rules;
use crate::tree::Tree;
use crate::workspace::Workspace;

/// Reads the whole workspace and asks it something.
fn ask<T>(question: impl FnOnce(&Rules<'_>, &Tree) -> T) -> T {
    let tree = Tree::read(&Path::new(env!("CARGO_MANIFEST_DIR")).join("..").canonicalize().unwrap()).unwrap();
    let (map, workspace) = (Map::parse(&tree), Workspace::read(&tree));
    question(&Rules::new(&map, &workspace), &tree)
}

/// Fails with all that was found, one a line.
#[track_caller]
fn none(found: &[String], what: &str, way_out: &str) {
    assert!(found.is_empty(), "{} {what}:\n\n{}\n\n{way_out}\n", found.len(), found.join("\n"));
}

#[test]
fn every_file_is_on_the_map_and_every_row_means_something() {
    let found = ask(|rules, tree| rules.mistakes(tree));
    none(&found, "mistakes in the code map", "The rules of the table are above it in ARCHITECTURE.md.");
}

#[test]
fn every_use_is_allowed_by_the_map() {
    let (found, uses) = ask(|rules, _| (rules.forbidden_uses(), rules.uses()));
    let way_out = "Move the code, or let its caller hand the thing in behind a trait or as a value; if the arrow is \
        right, name it in the row.";
    none(&found, "uses that the code map does not allow", &format!("{way_out}\n\nWhat the rows use now:\n{uses}"));
}

#[test]
fn every_dependency_in_a_manifest_is_allowed_by_the_map() {
    let found = ask(|rules, _| rules.forbidden_dependencies());
    none(
        &found,
        "dependencies that the code map does not allow",
        "Remove the dependency, or name it in the crate's row.",
    );
}

#[test]
fn no_module_uses_itself_by_way_of_others() {
    let tree = Tree::read(&Path::new(env!("CARGO_MANIFEST_DIR")).join("..").canonicalize().unwrap()).unwrap();
    let found = circles::circles(&Workspace::read(&tree));
    none(
        &found,
        "circles among modules",
        "Move what both need into a module below them, or turn one arrow by a trait.",
    );
}
