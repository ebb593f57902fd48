//! The language of the stories: a folder with files, the program run in it, and what it answered.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use base::BASE;
use serde_json::{Value, json};
use tempfile::TempDir;

/// A folder of its own, in which the program is run.
pub struct Bench {
    folder: TempDir,
    environment: Vec<(&'static str, PathBuf)>,
}

/// What the program answered.
#[derive(Debug)]
pub struct Answer {
    /// Its exit code.
    pub code: i32,
    /// What it wrote to stdout.
    pub out: String,
    /// What it wrote to stderr.
    pub err: String,
}

/// The names of the nine.
pub fn base_names() -> [&'static str; 9] {
    BASE.each_ref().map(|base| base.name)
}

/// The component file of a base algorithm.
pub fn base_component(name: &str) -> &'static [u8] {
    base::base(name).unwrap().bytes
}

impl Bench {
    /// An empty folder. All benches share a cache, as a person's commands do.
    pub fn new() -> Bench {
        Bench::with_cache(Path::new(env!("CARGO_TARGET_TMPDIR")).join("algorithm-bench"))
    }

    /// An empty folder, and a user whose cache is below this directory.
    pub fn with_cache(directory: PathBuf) -> Bench {
        Bench::with_environment(vec![("XDG_CACHE_HOME", directory)])
    }

    /// An empty folder, and an environment with nothing but these variables.
    pub fn with_environment(environment: Vec<(&'static str, PathBuf)>) -> Bench {
        Bench { folder: tempfile::tempdir().unwrap(), environment }
    }

    /// The place of a file in the folder.
    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Writes a file into the folder; answers its name, as a command names it.
    pub fn file<'n>(&self, name: &'n str, content: impl AsRef<[u8]>) -> &'n str {
        std::fs::write(self.path(name), content).unwrap();
        name
    }

    /// The program with these arguments, ready to start.
    pub fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_rec-market"));
        command.args(arguments).current_dir(self.folder.path()).env_clear().env("NO_COLOR", "1");
        command.envs(self.environment.iter().map(|(name, value)| (name, value)));
        command
    }

    /// Runs the program with these arguments.
    pub fn run(&self, arguments: &[&str]) -> Answer {
        finish(self.command(arguments), &[])
    }

    /// Runs the program with these arguments and this on stdin.
    pub fn pipe(&self, arguments: &[&str], stdin: impl AsRef<[u8]>) -> Answer {
        finish(self.command(arguments), stdin.as_ref())
    }

    /// Tries an algorithm on a round; `more` are further arguments.
    pub fn try_on(&self, algorithm: &str, round: &Value, more: &[&str]) -> Answer {
        let arguments = [&["algorithm", "run", algorithm, "--round", "-"], more].concat();
        self.pipe(&arguments, round.to_string())
    }

    /// As [`Bench::try_on`] with `--json`: the object that it prints.
    pub fn json_of(&self, algorithm: &str, round: &Value, more: &[&str]) -> Value {
        self.try_on(algorithm, round, &[&["--json"], more].concat()).json()
    }
}

/// Runs a command to its end.
pub fn finish(mut command: Command, stdin: &[u8]) -> Answer {
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let mut input = child.stdin.take().unwrap();
    let output = std::thread::scope(|scope| {
        // A program that refuses its arguments never reads.
        scope.spawn(move || drop(input.write_all(stdin)));
        child.wait_with_output().unwrap()
    });
    let text = |bytes| String::from_utf8(bytes).unwrap();
    Answer { code: output.status.code().unwrap(), out: text(output.stdout), err: text(output.stderr) }
}

impl Answer {
    /// It did what was asked, with nothing to remark.
    #[track_caller]
    pub fn done(self) -> Answer {
        assert_eq!((self.code, self.err.as_str()), (0, ""), "{}", self.out);
        self
    }

    /// The one object that it printed, whatever the exit code.
    #[track_caller]
    pub fn json(&self) -> Value {
        let objects = self.objects();
        let [object] = objects.as_slice() else { panic!("one object is expected, not {self:?}") };
        object.clone()
    }

    /// The objects that it printed, one a line.
    #[track_caller]
    pub fn objects(&self) -> Vec<Value> {
        let object = |line| serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {self:?}"));
        self.out.lines().map(object).collect()
    }

    /// It refused with this code, printed nothing, and told why in one line that says all of this.
    #[track_caller]
    pub fn refused(&self, code: i32, says: &[&str]) {
        assert_eq!((self.code, self.out.as_str()), (code, ""), "{}", self.err);
        assert_eq!(self.err.lines().count(), 1, "one line tells why: {}", self.err);
        assert!(self.err.contains("error: ") && self.err.len() < 2000, "{}", self.err);
        self.says(says);
    }

    /// As [`Answer::refused`] where the command line itself is wrong, which takes more than a line.
    #[track_caller]
    pub fn misused(&self, says: &[&str]) {
        assert_eq!((self.code, self.out.as_str()), (2, ""), "{}", self.err);
        assert!(self.err.starts_with("error: "), "{}", self.err);
        self.says(says);
    }

    #[track_caller]
    fn says(&self, parts: &[&str]) {
        for part in parts {
            assert!(self.err.contains(part), "{part:?} is not said in: {}", self.err);
        }
    }
}

/// A round of `(member, surplus, deficit)`; everything else is left out.
pub fn round(members: &[(&str, u64, u64)]) -> Value {
    let position = |(member, surplus, deficit): &(&str, u64, u64)| json!({"member": member, "surplus": surplus, "deficit": deficit});
    let positions: Vec<Value> = members.iter().map(position).collect();
    json!({"community": "aveiro", "start": "2023-09-01T12:00:00Z", "positions": positions})
}

/// The round of the README: one sells, two buy more than there is.
pub fn three_members() -> Value {
    round(&[("anna", 1500, 0), ("ben", 0, 700), ("carla", 0, 1000)])
}

/// The round that the hostile guests are written for.
pub fn guests_round() -> Value {
    let mut round = round(&[("anna", 1200, 0), ("bert", 0, 900), ("cleo", 0, 500)]);
    round["price_floor"] = json!(50_000);
    round["price_ceiling"] = json!(150_000);
    round
}

/// The object without what is never the same twice.
pub fn timeless(mut object: Value) -> Value {
    assert!(object["duration_us"].is_u64(), "{object}");
    object["duration_us"] = Value::Null;
    object
}
