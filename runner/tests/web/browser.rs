//! A real browser that looks at pages, and tells what is wrong with them.

use std::io::Write;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

/// A page to look at.
#[derive(Clone, Debug)]
pub struct Sight {
    /// Its address, from the first slash on.
    pub path: String,
    /// Its name in the names of pictures.
    pub name: &'static str,
    /// How many sheets of A4 it may take, where that is said.
    pub sheets: Option<u32>,
    /// The status with which it comes.
    pub status: u16,
}

impl Sight {
    /// A page that is there.
    pub fn new(name: &'static str, path: impl Into<String>) -> Sight {
        Sight { path: path.into(), name, sheets: None, status: 200 }
    }
}

/// What the browser saw.
#[derive(Debug)]
pub struct Looked {
    /// What is wrong: the name of the check, the page, and what it is.
    pub findings: Vec<String>,
    /// What checks found out, by page and by check.
    pub seen: Value,
    /// How long that took.
    pub took: Duration,
}

impl Looked {
    /// Asserts that nothing is wrong.
    #[track_caller]
    pub fn is_good(&self) {
        assert!(self.findings.is_empty(), "{} findings:\n{}", self.findings.len(), self.findings.join("\n"));
    }
}

/// A file of this repository.
pub fn repository(file: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(file)
}

/// The browser's program.
fn program() -> PathBuf {
    #[allow(clippy::disallowed_methods, reason = "the environment may name another browser")]
    let named = std::env::var_os("REC_MARKET_TEST_BROWSER").filter(|name| !name.is_empty());
    named.map_or_else(
        || repository("target/tools/bin/chromium").canonicalize().expect("`make tools` as root"),
        PathBuf::from,
    )
}

/// Where pictures of all pages go, for people who want to look at them: the variable names an existing folder.
fn pictures() -> Option<String> {
    #[allow(clippy::disallowed_methods, reason = "the environment says where pictures go")]
    std::env::var("REC_MARKET_TEST_PICTURES").ok().filter(|folder| !folder.is_empty())
}

/// Looks at these pages with these checks, which are files in `tests/node/browser`; `more` is what single checks want to know.
pub fn look(to: SocketAddr, checks: &[&str], sights: &[Sight], more: &Value) -> Looked {
    let pages: Vec<Value> = sights
        .iter()
        .map(|Sight { path, name, sheets, status }| {
            json!({"path": path, "name": name, "sheets": sheets, "status": status})
        })
        .collect();
    let mut job = json!({
        "program": program(),
        "base": format!("http://{to}"),
        "checks": checks,
        "pages": pages,
        "pictures": pictures(),
    });
    for (key, value) in more.as_object().into_iter().flatten() {
        job[key] = value.clone();
    }
    let started = Instant::now();
    let mut command = Command::new("node");
    command.arg(repository("tests/node/browser.cjs"));
    command.env("NODE_PATH", repository("target/tools/bin/node_modules"));
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    child.stdin.take().unwrap().write_all(job.to_string().as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let result: Value = serde_json::from_slice(&output.stdout).unwrap();
    let findings: Vec<String> = serde_json::from_value(result["findings"].clone()).unwrap();
    Looked { findings, seen: result["seen"].clone(), took: started.elapsed() }
}
