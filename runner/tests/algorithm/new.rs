//! `algorithm new`: what it writes, what it refuses, and that it overwrites nothing.

use kits::LANGUAGES;
use testkit::Folder;

fn new_in(folder: &Folder, name: &str, more: &[&str]) -> testkit::Ran {
    folder.run(&[&["algorithm", "new", name], more].concat())
}

#[test]
fn every_language_has_a_project_that_says_what_to_type_next() {
    let folder = Folder::new();
    for language in LANGUAGES {
        let name = format!("in-{}", language.name);
        let ran = new_in(&folder, &name, &["--language", language.name]).done();
        ran.shows(&[
            &format!("  cd {name}\n"),
            "  make test ",
            &format!("builds {name}.wasm"),
            "  make check ",
            "You need ",
        ]);
        for file in ["Makefile", "README.md", "round.json", "wit/market.wit", ".gitignore"] {
            assert!(folder.path(&name).join(file).is_file(), "{name}/{file}");
        }
        assert!(folder.text(&format!("{name}/Makefile")).contains(&format!("NAME := {name}\n")));
    }
}

#[test]
fn the_folder_may_be_another_and_may_be_there_empty() {
    let folder = Folder::new();
    std::fs::create_dir(folder.path("here")).unwrap();
    new_in(&folder, "half-price", &["--language", "c", "--directory", "here"]).done().shows(&["  cd here\n"]);
    new_in(&folder, "half-price", &["--language", "c", "--directory", "a/b"]).done();
    assert_eq!(folder.text("here/algorithm.c"), folder.text("a/b/algorithm.c"));
    assert!(folder.text("here/algorithm.c").contains(".name = \"half-price\""));
}

#[test]
fn nothing_that_exists_is_overwritten() {
    let folder = Folder::new();
    std::fs::create_dir(folder.path("mine")).unwrap();
    folder.file("mine/algorithm.c", "my own");
    new_in(&folder, "mine", &["--language", "c"])
        .refused(2, &["the folder mine is not empty", "name a new or an empty folder with --directory"]);
    assert_eq!(folder.text("mine/algorithm.c"), "my own");
    assert_eq!(std::fs::read_dir(folder.path("mine")).unwrap().count(), 1);
    folder.file("taken", "a file");
    new_in(&folder, "taken", &["--language", "go"]).refused(2, &["taken is not a folder"]);
    new_in(&folder, "other", &["--language", "go", "--directory", "taken/inside"]).refused(2, &["taken/inside"]);
    assert_eq!(folder.text("taken"), "a file");
}

#[test]
fn a_name_that_is_none_is_refused() {
    let folder = Folder::new();
    for name in ["", "Half", "half price", "../half", "-half", "half_price", "hälfte", &"x".repeat(65)] {
        let ran = folder.run(&["algorithm", "new", "--language", "c", "--", name]);
        ran.refused(2, &["is not a name for an algorithm", "a-z, 0-9"]);
    }
    new_in(&folder, "uniform", &["--language", "c"]).refused(2, &["\"uniform\" is part of this program already"]);
    assert_eq!(std::fs::read_dir(folder.path("")).unwrap().count(), 0);
}

#[test]
fn an_unknown_language_is_told_with_those_that_are_known() {
    let folder = Folder::new();
    let known = ["rust", "python", "javascript", "typescript", "go", "c"];
    new_in(&folder, "mine", &["--language", "java"]).misused(&[&["'java'"], known.as_slice()].concat());
    new_in(&folder, "mine", &[]).misused(&["--language"]);
    assert_eq!(std::fs::read_dir(folder.path("")).unwrap().count(), 0);
}
