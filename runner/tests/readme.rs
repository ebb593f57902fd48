//! What the READMEs tell people to type works: every command is run or at least understood, every file is used as it
//! stands there, every output that is shown appears.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test that cannot go on has failed")]

use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use clap::Parser;
use clap::error::ErrorKind;
use rec_market::cli::Cli;
use rec_market::config::Config;
use sandbox::{Budget, COMPONENT_BYTES_MAX, Limits};
use tempfile::TempDir;
use testkit::{directory_with_wasmtime, program};

const README: &str = include_str!("../../README.md");
const ALGORITHMS: &str = include_str!("../../algorithms/README.md");
const AUTHORS: &str = include_str!("../../docs/authors.md");
const READINGS: &str = include_str!("../../docs/readings.md");
const SCALE: &str = include_str!("../../docs/scale.md");
const MAKEFILE: &str = include_str!("../../Makefile");

fn workspace() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..").canonicalize().unwrap()
}

/// A fenced block.
struct Block {
    language: String,
    text: String,
    /// The first file or folder that the line above it names in backticks.
    above: Option<String>,
}

/// The part of a document under a heading of the second level.
fn section<'d>(document: &'d str, title: &str) -> &'d str {
    let heading = format!("\n## {title}\n");
    let start = document.find(&heading).unwrap_or_else(|| panic!("there is no section {title:?}")) + heading.len();
    let rest = &document[start..];
    rest.find("\n## ").map_or(rest, |end| &rest[..end])
}

fn blocks(text: &str) -> Vec<Block> {
    let mut blocks = Vec::new();
    let mut above = "";
    let mut lines = text.lines();
    while let Some(line) = lines.next() {
        if let Some(language) = line.strip_prefix("```") {
            let text: Vec<&str> = lines.by_ref().take_while(|line| *line != "```").collect();
            let named = above.split('`').nth(1).map(str::to_owned);
            blocks.push(Block { language: language.to_owned(), text: text.join("\n") + "\n", above: named });
        } else if !line.trim().is_empty() {
            above = line;
        }
    }
    blocks
}

/// What is in backticks in running text.
fn spans(text: &str) -> Vec<&str> {
    let prose = text.split("```").step_by(2);
    prose.flat_map(|prose| prose.split('`').skip(1).step_by(2)).collect()
}

/// Every command of a document: the lines of its shell blocks, without comments, and what its text names.
fn commands(document: &str) -> Vec<String> {
    let shell = blocks(document).into_iter().filter(|block| block.language == "sh");
    let lines: Vec<String> =
        shell.flat_map(|block| block.text.lines().map(str::to_owned).collect::<Vec<_>>()).collect();
    let all = lines.iter().map(String::as_str).chain(spans(document));
    all.map(|line| line.split(" #").next().unwrap_or_default().trim().to_owned()).collect()
}

/// A person's shell that does what a section says, from top to bottom.
struct Shell {
    script: String,
    outputs: Vec<String>,
}

/// Separates the outputs of the blocks.
const MARK: &str = "\u{1e}";

impl Shell {
    /// Writes files, runs commands and expects outputs, in the order of the section.
    fn following(section: &str) -> Shell {
        let mut shell = Shell { script: "set -eu\n".to_owned(), outputs: Vec::new() };
        for Block { language, text, above } in blocks(section) {
            match language.as_str() {
                "sh" => shell.script += &format!("printf '{MARK}'\n{text}"),
                "text" => shell.outputs.push(text),
                _ => {
                    let file = above.unwrap_or_else(|| panic!("no file is named above {text}"));
                    shell.script += &format!("cat > {file} <<'END OF FILE'\n{text}END OF FILE\n");
                }
            }
        }
        shell
    }

    /// Runs everything in a folder, with these programs in front of the path.
    fn run(self, folder: &Path, programs: &[&Path]) {
        let path = programs.iter().map(|path| path.display().to_string()).collect::<Vec<_>>().join(":");
        let mut command = Command::new("/bin/sh");
        command.args(["-c", &self.script]).current_dir(folder).env("NO_COLOR", "1");
        cargo_environment(&mut command);
        let inherited = variable("PATH").unwrap_or_default();
        command.env("PATH", format!("{path}:{inherited}")).env("XDG_CACHE_HOME", folder.join("cache"));
        let output = command.output().unwrap();
        let (out, err) = (String::from_utf8(output.stdout).unwrap(), String::from_utf8_lossy(&output.stderr));
        assert!(output.status.success(), "{out}\n{err}");
        // The first part is before any command.
        let mut answers = out.split(MARK).skip(1);
        for shown in &self.outputs {
            assert!(answers.by_ref().any(|answer| shows(answer, shown)), "nothing printed this:\n{shown}\nbut:\n{out}");
        }
    }
}

/// Whether an output is what is shown; `…` stands for any lines.
fn shows(output: &str, shown: &str) -> bool {
    let mut lines = output.lines().map(str::trim_end).peekable();
    let mut anything = false;
    for expected in shown.lines() {
        if expected == "…" {
            anything = true;
        } else if anything {
            anything = false;
            if !lines.any(|line| line == expected) {
                return false;
            }
        } else if lines.next() != Some(expected) {
            return false;
        }
    }
    anything || lines.peek().is_none()
}

fn variable(name: &str) -> Option<String> {
    #[allow(clippy::disallowed_methods, reason = "a test's own variables are no configuration")]
    std::env::var(name).ok()
}

/// Cargo as a person calls it: without what the cargo around this test set. What it builds on the way is kept, so that
/// only the first run compiles the dependencies.
fn cargo_environment(command: &mut Command) {
    #[allow(clippy::disallowed_methods, reason = "a test's own variables are no configuration")]
    for (name, _) in std::env::vars() {
        let cargos = name.starts_with("CARGO") && !["CARGO_HOME", "CARGO_NET_OFFLINE"].contains(&name.as_str());
        if cargos || ["RUSTFLAGS", "RUSTC_WRAPPER", "LD_LIBRARY_PATH"].contains(&name.as_str()) {
            command.env_remove(name);
        }
    }
    command.env("CARGO_BUILD_BUILD_DIR", workspace().join("target/readme"));
    if works_offline() {
        command.env("CARGO_NET_OFFLINE", "true");
    }
}

/// Whether the kit's dependencies are on this machine already, as they are once the workspace is built.
fn works_offline() -> bool {
    let folder = tempfile::tempdir().unwrap();
    std::fs::create_dir(folder.path().join("src")).unwrap();
    std::fs::write(folder.path().join("src/lib.rs"), "").unwrap();
    let kit = workspace().join("algorithms/kit");
    let manifest = format!("[package]\nname = \"probe\"\n[dependencies]\nrec-market-kit = {{ path = {kit:?} }}\n");
    std::fs::write(folder.path().join("Cargo.toml"), manifest).unwrap();
    let mut fetch = Command::new("cargo");
    fetch.args(["fetch", "--offline", "--quiet"]).current_dir(folder.path());
    fetch.status().unwrap().success()
}

/// Puts the program that this test was built with into a directory.
fn with_program(directory: TempDir) -> TempDir {
    symlink(program(), directory.path().join("rec-market")).unwrap();
    directory
}

/// This repository as a checkout of its own: everything but what was built.
fn checkout(to: &Path) {
    std::fs::create_dir(to).unwrap();
    for entry in std::fs::read_dir(workspace()).unwrap() {
        let entry = entry.unwrap();
        if !["target", ".git"].contains(&&*entry.file_name().to_string_lossy()) {
            symlink(entry.path(), to.join(entry.file_name())).unwrap();
        }
    }
}

#[needs::wasmtime]
#[test]
fn an_author_comes_from_an_empty_folder_to_a_tested_component() {
    let folder = tempfile::tempdir().unwrap();
    let programs = with_program(directory_with_wasmtime());
    let repository = folder.path().join("rec-market");
    checkout(&repository);
    // Where `make build tools` leaves them: what the section puts in front of the path.
    std::fs::create_dir_all(repository.join("target/tools")).unwrap();
    symlink(programs.path(), repository.join("target/release")).unwrap();
    symlink(programs.path(), repository.join("target/tools/bin")).unwrap();
    Shell::following(section(README, "Write an algorithm")).run(folder.path(), &[]);
}

#[test]
fn a_folder_among_the_base_algorithms_becomes_one() {
    let folder = tempfile::tempdir().unwrap();
    let repository = folder.path().join("rec-market");
    checkout(&repository);
    // What cargo and the author write is the checkout's own.
    std::fs::remove_file(repository.join("Cargo.lock")).unwrap();
    std::fs::copy(workspace().join("Cargo.lock"), repository.join("Cargo.lock")).unwrap();
    std::fs::remove_file(repository.join("algorithms")).unwrap();
    std::fs::create_dir(repository.join("algorithms")).unwrap();
    for entry in std::fs::read_dir(workspace().join("algorithms")).unwrap() {
        let entry = entry.unwrap();
        symlink(entry.path(), repository.join("algorithms").join(entry.file_name())).unwrap();
    }
    let [manifest, source] = ["toml", "rust"]
        .map(|language| blocks(ALGORITHMS).into_iter().find(|block| block.language == language).unwrap().text);
    std::fs::create_dir_all(repository.join("algorithms/half-price/src")).unwrap();
    std::fs::write(repository.join("algorithms/half-price/Cargo.toml"), manifest).unwrap();
    std::fs::write(repository.join("algorithms/half-price/src/lib.rs"), source).unwrap();
    let shell = blocks(ALGORITHMS).into_iter().filter(|block| block.language == "sh");
    let script = shell.fold("set -eu\n".to_owned(), |script, block| script + &block.text);
    let programs = with_program(tempfile::tempdir().unwrap());
    Shell { script, outputs: Vec::new() }.run(&repository, &[programs.path()]);
}

#[test]
fn the_books_of_the_demo_can_be_looked_at() {
    let folder = tempfile::tempdir().unwrap();
    let programs = with_program(tempfile::tempdir().unwrap());
    Shell::following(section(README, "Look at books")).run(folder.path(), &[programs.path()]);
}

#[test]
fn the_configuration_that_is_shown_is_right() {
    let folder = tempfile::tempdir().unwrap();
    let shown = blocks(section(README, "Settle your community"));
    let members: Vec<usize> = shown
        .into_iter()
        .filter(|block| block.language == "toml")
        .map(|shown| {
            let file = folder.path().join("market.toml");
            std::fs::write(&file, shown.text).unwrap();
            let config = Config::load(&file).unwrap_or_else(|error| panic!("{error}"));
            let [aveiro] = config.communities.as_slice() else { panic!("one community is shown") };
            assert_eq!(aveiro.name, "aveiro");
            aveiro.members.len()
        })
        .collect();
    assert_eq!(members, [1, 2]);
}

#[test]
fn every_command_line_of_ours_is_understood() {
    let all = [README, ALGORITHMS, AUTHORS, READINGS].map(commands).concat();
    let ours: Vec<&String> = all.iter().filter(|line| line.starts_with("rec-market ")).collect();
    assert!(ours.len() > 10, "{ours:?}");
    // What the README gives a name because it is long.
    let service = all.iter().find_map(|line| line.strip_prefix("SERVICE=")).unwrap().trim_matches('"');
    for line in ours {
        let command = line.split(" | ").next().unwrap_or_default().replace("$SERVICE", service);
        match Cli::try_parse_from(command.split_whitespace()) {
            Ok(_) => {}
            Err(error) if error.kind() == ErrorKind::DisplayHelp => {}
            Err(error) => panic!("{line}: {error}"),
        }
    }
}

#[test]
fn every_make_target_exists() {
    let all = [README, ALGORITHMS, SCALE].map(commands).concat();
    let made: Vec<&str> =
        all.iter().filter_map(|line| line.strip_prefix("make ")).flat_map(str::split_whitespace).collect();
    for target in ["demo", "test", "build", "tools", "help"] {
        assert!(made.contains(&target), "{target} is not among {made:?}");
    }
    for target in made {
        assert!(MAKEFILE.contains(&format!("\n{target}:")), "the Makefile has no target {target}");
    }
}

#[test]
fn every_link_leads_somewhere() {
    let mut links = 0;
    let [algorithms, docs] = ["algorithms", "docs"].map(|folder| workspace().join(folder));
    for (document, folder) in
        [(README, workspace()), (ALGORITHMS, algorithms), (AUTHORS, docs.clone()), (READINGS, docs)]
    {
        let targets = document.split("](").skip(1).filter_map(|rest| rest.split(')').next());
        for target in targets.filter(|target| !target.contains("://")) {
            assert!(folder.join(target).exists(), "{target} does not exist");
            links += 1;
        }
    }
    assert!(links > 5, "{links} links were found");
}

#[test]
fn the_limits_are_those_of_the_program() {
    let section = section(README, "Exit codes and limits");
    let spaced = |number: u64| {
        let digits = number.to_string();
        let groups: Vec<&str> =
            digits.as_bytes().rchunks(3).rev().map(|group| str::from_utf8(group).unwrap()).collect();
        groups.join(" ")
    };
    let mebibytes = |bytes: u64| format!("{} MiB", bytes >> 20);
    let (none, one, all) = {
        let limits = Limits::default();
        (limits.budget(0), limits.budget(1), limits.budget(usize::MAX))
    };
    let own_time = |budget: &Budget| budget.time - Duration::from_nanos(budget.fuel);
    assert_eq!(own_time(&none), own_time(&one));
    for expected in [
        format!(
            "{} plus {} per position, at most {}",
            spaced(none.fuel),
            spaced(one.fuel - none.fuel),
            spaced(all.fuel)
        ),
        format!(
            "{} plus {} KiB per position, at most {} GiB",
            mebibytes(none.memory_bytes),
            (one.memory_bytes - none.memory_bytes) >> 10,
            all.memory_bytes >> 30
        ),
        format!("{} s plus 1 ns per unit of fuel", own_time(&none).as_secs()),
        format!("{}, and 4 trades", mebibytes(none.output_bytes)),
        format!("A component may have at most {}", mebibytes(COMPONENT_BYTES_MAX)),
    ] {
        assert!(section.contains(&expected), "README.md does not state {expected:?}");
    }
    assert_eq!(domain::settlement::trades_max_default(10), 4 * 10 + 1024);
}

#[test]
fn nothing_of_one_machine_is_told() {
    for text in [README, ALGORITHMS, AUTHORS] {
        for place in ["/work/", "/root/", "/home/", "/tmp/", "../../", "shared/", "localhost:", "http://127."] {
            assert!(!text.contains(place), "{place} is of one machine");
        }
    }
}

#[test]
fn an_output_is_compared_line_by_line() {
    assert!(shows("a\nb\nc\n", "a\n…\nc\n"));
    assert!(shows("a\nb  \nc\n", "…\nb\n…\n"));
    assert!(!shows("a\nb\nc\n", "a\nc\n"));
    assert!(!shows("a\nb\nc\n", "a\nb\n"));
    assert!(!shows("a\nb\n", "…\nc\n"));
}
