//! The checks find what they are for, in a small workspace.

use crate::map::Map;
use crate::rules::Rules;
use crate::tree::Tree;
use crate::workspace::Workspace;

const TABLE: &str = "
| where | what | may use |
|---|---|---|
| `wit/market.wit` | the interface of algorithms | – |
| `runner/domain` | the rules | std, jiff |
| `runner/src/clock.rs` | the time | – |
| `runner/src/store` | what is kept | domain, rusqlite |
| `runner/src/settle` | the use case | domain, store (to read), clock |
| `runner/src/main.rs`, `lib.rs` | puts it together | everything |
";

/// A workspace that keeps to its map.
const FILES: [(&str, &str); 11] = [
    ("ARCHITECTURE.md", TABLE),
    (
        "Cargo.toml",
        "[workspace.dependencies]\ndomain = { path = \"runner/domain\" }\njiff = \"1\"\nrusqlite = \"1\"\ntokio = \"1\"\n",
    ),
    ("wit/market.wit", ""),
    (
        "runner/Cargo.toml",
        "[package]\nname = \"r\"\n[dependencies]\ndomain.workspace = true\nrusqlite.workspace = true\ntokio.workspace = true\n",
    ),
    ("runner/src/lib.rs", "pub mod clock; pub mod settle; pub mod store;"),
    ("runner/src/main.rs", "fn main() { r::settle::settle() }"),
    ("runner/src/clock.rs", "pub fn now() {}"),
    ("runner/src/store.rs", "use domain::Energy; fn open() -> rusqlite::Connection { tokio::run() }"),
    ("runner/src/settle.rs", "use crate::{clock, store}; use domain::Energy;"),
    ("runner/domain/Cargo.toml", "[package]\nname = \"domain\"\n[dependencies]\njiff.workspace = true\n"),
    ("runner/domain/src/lib.rs", "pub struct Energy(jiff::Span);"),
];

/// The workspace with one file written anew.
fn with<'a>(path: &'a str, text: &'a str) -> Vec<(&'a str, &'a str)> {
    let others = FILES.into_iter().filter(|(other, _)| *other != path);
    others.chain([(path, text)]).collect()
}

/// All that the checks say of a workspace.
fn findings(files: &[(&str, &str)]) -> Vec<String> {
    let tree = Tree::of(files);
    let (map, workspace) = (Map::parse(&tree), Workspace::read(&tree));
    let rules = Rules::new(&map, &workspace);
    [rules.mistakes(&tree), rules.forbidden_uses(), rules.forbidden_dependencies()].concat()
}

#[test]
fn a_workspace_that_keeps_to_its_map_passes() {
    assert_eq!(findings(&FILES), [""; 0]);
}

#[test]
fn a_use_of_a_row_that_is_not_named_is_found() {
    let text = "use domain::Energy;\n\npub fn save() -> crate::clock::Time { crate::clock::now() }\n";
    assert_eq!(
        findings(&with("runner/src/store.rs", text)),
        ["runner/src/store.rs:3 uses clock (crate::clock::Time), which the row `runner/src/store` of ARCHITECTURE.md \
          does not allow (and 1 more)"]
    );
}

#[test]
fn a_use_inside_of_a_macro_or_through_a_module_above_is_found() {
    for text in ["fn f() { vec![crate::store::all()] }", "use r::store;", "use super::store as other;"] {
        let found = findings(&with("runner/src/clock.rs", text));
        assert_eq!(found.len(), 1, "{text}: {found:?}");
        assert!(found[0].starts_with("runner/src/clock.rs:1 uses store ("), "{}", found[0]);
    }
    let mut files = with("runner/src/lib.rs", "pub mod clock; pub mod settle; pub mod store; pub use store::Store;");
    files.retain(|(path, _)| *path != "runner/src/clock.rs");
    files.push(("runner/src/clock.rs", "use crate::Store;"));
    let found = findings(&files);
    assert_eq!(found.len(), 1, "{found:?}");
    assert!(found[0].starts_with("runner/src/clock.rs:1 uses store (crate::Store)"), "{}", found[0]);
}

#[test]
fn an_outside_crate_that_a_row_names_is_for_that_row_and_others_are_free() {
    assert_eq!(findings(&with("runner/src/clock.rs", "use tokio::time;")), [""; 0]);
    assert_eq!(
        findings(&with("runner/src/clock.rs", "use rusqlite::Connection;")),
        ["runner/src/clock.rs:1 uses rusqlite (rusqlite::Connection), which the row `runner/src/clock.rs` of \
          ARCHITECTURE.md does not allow"]
    );
}

#[test]
fn even_a_row_that_may_use_everything_names_its_outside_crates() {
    let found = findings(&with("runner/src/main.rs", "fn main() { rusqlite::open() }"));
    assert_eq!(found.len(), 1, "{found:?}");
}

#[test]
fn a_manifest_may_name_only_what_rows_of_its_crate_allow() {
    let manifest = "[package]\nname = \"domain\"\n[dependencies]\njiff.workspace = true\ntokio.workspace = true\n\
        [target.'cfg(unix)'.dependencies]\nrusqlite = \"1\"\n[dev-dependencies]\nr = { path = \"..\" }\n";
    let rest = "which the row `runner/domain` of ARCHITECTURE.md does not allow";
    assert_eq!(
        findings(&with("runner/domain/Cargo.toml", manifest)),
        [
            format!("runner/domain/Cargo.toml:5 depends on tokio, {rest}"),
            format!("runner/domain/Cargo.toml:7 depends on rusqlite, {rest}")
        ]
    );
    let manifest = "[package]\nname = \"domain\"\n[dependencies]\njiff = \"1\"\nr = { path = \"..\" }\n";
    assert_eq!(
        findings(&with("runner/domain/Cargo.toml", manifest)),
        [format!("runner/domain/Cargo.toml:5 depends on r, {rest}")]
    );
}

#[test]
fn a_file_that_no_row_has_is_found() {
    assert_eq!(
        findings(&with("runner/src/stray.rs", "")),
        ["runner/src/stray.rs belongs to no row of ARCHITECTURE.md (add it to one, or a new row)"]
    );
    // Tests and build scripts need none.
    for path in ["runner/tests/story.rs", "runner/benches/b.rs", "runner/build.rs", "runner/domain/tests/t.rs"] {
        assert_eq!(findings(&with(path, "use tokio::x;")), [""; 0]);
    }
}

#[test]
fn a_row_without_files_a_name_without_meaning_and_a_path_in_two_rows_are_found() {
    let table = format!("{TABLE}| `runner/src/gone.rs`, `wit/market.wit` | | domain, stroe, market |\n");
    assert_eq!(
        findings(&with("ARCHITECTURE.md", &table)),
        [
            "ARCHITECTURE.md:10: `stroe` is neither a row nor a dependency in any manifest",
            "ARCHITECTURE.md:10: `market` is neither a row nor a dependency in any manifest",
            "ARCHITECTURE.md:10: `runner/src/gone.rs` is no file, module or folder",
            "ARCHITECTURE.md:10: `wit/market.wit` is in line 4 already",
        ]
    );
    let found = findings(&with("ARCHITECTURE.md", "no table"));
    assert_eq!(found[0], "ARCHITECTURE.md has no table `| where | what | may use |`");
}

#[test]
fn a_name_of_two_rows_needs_more_of_the_path() {
    let table = format!("{TABLE}| `runner/src/old/clock.rs` | | clock |\n");
    let mut files = with("ARCHITECTURE.md", &table);
    files.push(("runner/src/old/clock.rs", ""));
    let found = findings(&files);
    assert!(found[0].starts_with("ARCHITECTURE.md:8: `clock` is the name of several rows"), "{found:?}");
}

#[test]
fn the_rows_say_what_they_use_now() {
    let tree = Tree::of(&FILES);
    let (map, workspace) = (Map::parse(&tree), Workspace::read(&tree));
    assert_eq!(
        Rules::new(&map, &workspace).uses(),
        "runner/domain: jiff\nrunner/src/store: domain, rusqlite\nrunner/src/settle: clock, domain, store\n\
         runner/src/main.rs, runner/src/lib.rs: settle"
    );
}
