//! An author's project, and what an author types in it.

use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;
use testkit::{Folder, Ran, program};

/// A project in a folder of its own.
pub struct Project {
    pub language: String,
    name: &'static str,
    folder: Folder,
}

fn tools() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../target/tools/bin")
}

/// What is built on the way, kept for the next run.
fn built() -> PathBuf {
    let built = tools().join("../../kits");
    std::fs::create_dir_all(&built).unwrap();
    built.canonicalize().unwrap()
}

fn variable(name: &str) -> String {
    #[allow(clippy::disallowed_methods, reason = "a test's own variables are no configuration")]
    std::env::var(name).unwrap_or_default()
}

impl Project {
    /// What `algorithm new` writes for an algorithm with this name.
    pub fn new(name: &'static str, language: &str) -> Project {
        // What `make check` compiled is not compiled again to run it.
        let folder = Folder::with_cache(&built().join("cache"));
        folder.run(&["algorithm", "new", name, "--language", language]).done();
        let project = Project { language: language.to_owned(), name, folder };
        if matches!(language, "javascript" | "typescript") {
            // As `npm ci` would leave them; TypeScript's are those of JavaScript and more.
            let modules = tools().join("quickjs").canonicalize().unwrap();
            std::os::unix::fs::symlink(modules, project.path("node_modules")).unwrap();
        }
        project
    }

    /// A file of the project.
    pub fn path(&self, file: &str) -> PathBuf {
        self.folder.path(self.name).join(file)
    }

    /// What `make` builds.
    pub fn component(&self) -> String {
        format!("{}.wasm", self.name)
    }

    /// Where the author writes the algorithm.
    pub fn source(&self) -> &'static str {
        match self.language.as_str() {
            "rust" => "src/lib.rs",
            "python" => "algorithm.py",
            "javascript" => "algorithm.js",
            "typescript" => "algorithm.ts",
            "go" => "algorithm.go",
            "c" => "algorithm.c",
            other => panic!("no kit for {other}"),
        }
    }

    /// Replaces the algorithm by that of the workshop beside this file.
    pub fn becomes_the_workshop(&self) {
        let extension = Path::new(self.source()).extension().unwrap().to_str().unwrap();
        let workshop = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/algorithm/kits/workshop");
        std::fs::copy(workshop.with_extension(extension), self.path(self.source())).unwrap();
    }

    /// Runs `make` as the author does, with tools that are there already.
    pub fn make(&self, target: &str) -> Ran {
        let tools = tools().canonicalize().unwrap();
        let mut command = Command::new("make");
        command.arg(target).arg(format!("REC_MARKET={}", program().display())).arg("NPM=true");
        command.arg(format!("COMPONENTIZE={}", tools.join("componentize-py").display()));
        command.current_dir(self.path(""));
        #[allow(clippy::disallowed_methods, reason = "a test's own variables are no configuration")]
        for (name, _) in std::env::vars() {
            // What the make and the cargo around this test set; and pip's, npm's and Go's ways stay.
            let around = name.starts_with("CARGO") && !["CARGO_HOME", "CARGO_NET_OFFLINE"].contains(&name.as_str());
            if around || ["MAKEFLAGS", "MAKELEVEL", "MFLAGS", "RUSTFLAGS", "LD_LIBRARY_PATH"].contains(&name.as_str()) {
                command.env_remove(name);
            }
        }
        let built = built();
        command.env("PATH", format!("{}:{}", tools.display(), variable("PATH"))).env("NO_COLOR", "1");
        command.env("XDG_CACHE_HOME", built.join("cache")).env("ZIG_GLOBAL_CACHE_DIR", built.join("zig"));
        // What Rust builds on the way is kept for the next run: of each project by itself, since their components have one name.
        command.env("CARGO_BUILD_BUILD_DIR", built.join("rust").join(self.name));
        Ran::of(command).ends_with(0)
    }

    /// Runs the component on rounds.
    pub fn run(&self, rounds: &[Value]) -> Vec<Value> {
        let lines: String = rounds.iter().map(|round| format!("{round}\n")).collect();
        let component = format!("{}/{}", self.name, self.component());
        let ran = self.folder.pipe(&["algorithm", "run", &component, "--rounds", "-", "--json"], lines);
        assert!(ran.code <= 1, "{ran:?}");
        ran.objects()
    }
}
