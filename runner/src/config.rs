//! The configuration: one file, defaults with their reasons, and every mistake told at once before anything starts.
//!
//! A pure parser over the file's text and the environment; looks at the disk only to tell files that are missing.

mod community;
mod reader;
#[cfg(test)]
mod tests;

use std::fmt;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};

use toml::de::DeTable;

pub use community::{CommunityConfig, MemberConfig};
pub use reader::{Problem, parse_bytes, parse_duration};
use reader::{Problems, Table};

/// The store used when none is named: a file beside the configuration.
const STORE: &str = "sqlite:market.db";
/// Where compiled components are kept when nothing is named.
const CACHE: &str = "cache";
/// Where the platform's stack mounts certificate and key. Only the service needs them: elsewhere they may be missing.
const TLS_CERTIFICATE: &str = "/run/secrets/market_crt.pem";
const TLS_KEY: &str = "/run/secrets/market_key.pem";
/// Variables that override keys: `REC_MARKET_STORE` stands above `store`.
const PREFIX: &str = "REC_MARKET_";
/// Variables with our prefix that are for others to read.
const NOT_OURS: [&str; 2] = ["REC_MARKET_LOG", "REC_MARKET_TEST_"];

/// Everything a command needs to know.
#[derive(Clone, Debug, PartialEq)]
pub struct Config {
    /// Where settled intervals are kept.
    pub store: StoreConfig,
    /// Directory of compiled components.
    pub cache: PathBuf,
    /// The communities, in the order of the file; at least one, each with a name of its own.
    pub communities: Vec<CommunityConfig>,
}

/// Where settled intervals are kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum StoreConfig {
    /// A file of the embedded store.
    Sqlite(PathBuf),
}

/// A configuration with mistakes: all of them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InvalidConfig {
    /// The file.
    pub path: PathBuf,
    /// What is wrong with it.
    pub problems: Vec<Problem>,
}

impl std::error::Error for InvalidConfig {}

impl fmt::Display for InvalidConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let count = self.problems.len();
        let noun = if count == 1 { "mistake" } else { "mistakes" };
        write!(f, "{} has {count} {noun}:", self.path.display())?;
        self.problems.iter().try_for_each(|problem| write!(f, "\n  {problem}"))
    }
}

impl Config {
    /// Reads and checks a file, with the process's environment above it.
    ///
    /// # Errors
    /// Every mistake in it.
    pub fn load(path: &Path) -> Result<Config, InvalidConfig> {
        let invalid = |problems| InvalidConfig { path: path.to_owned(), problems };
        let text = std::fs::read_to_string(path).map_err(|error| {
            let message = format!("cannot be read: {error} (name the file with --config)");
            invalid(vec![Problem { line: None, message }])
        })?;
        #[allow(clippy::disallowed_methods, reason = "this is the one place that reads the environment")]
        let variables = std::env::vars_os()
            .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)))
            .filter(|(name, _)| name.starts_with(PREFIX));
        let directory = path.parent().unwrap_or(Path::new(""));
        parse(&text, directory, &variables.collect::<Vec<_>>()).map_err(invalid)
    }

    /// The community of that name.
    pub fn community(&self, name: &str) -> Option<&CommunityConfig> {
        self.communities.iter().find(|community| community.name == name)
    }
}

/// Where compiled components are kept for commands that have no configuration: the user's own cache, if there is one.
pub fn user_cache() -> Option<PathBuf> {
    #[allow(clippy::disallowed_methods, reason = "this is the one place that reads the environment")]
    let directory = |name| std::env::var_os(name).map(PathBuf::from).filter(|path| path.is_absolute());
    let base = directory("XDG_CACHE_HOME").or_else(|| directory("HOME").map(|home| home.join(".cache")))?;
    let path = base.join("rec-market");
    // Private whatever the user's umask says, or the sandbox would not trust it. A read-only home is no reason not to run.
    std::fs::DirBuilder::new().recursive(true).mode(0o700).create(&path).ok()?;
    let writable = !std::fs::metadata(&path).ok()?.permissions().readonly();
    writable.then_some(path)
}

/// The level of the log, from the environment.
pub fn log_filter() -> String {
    #[allow(clippy::disallowed_methods, reason = "this is the one place that reads the environment")]
    std::env::var("REC_MARKET_LOG").unwrap_or_else(|_| "warn".to_owned())
}

/// The keys that a variable of the environment may override.
struct Overrides<'v> {
    variables: &'v [(String, String)],
    used: Vec<&'static str>,
}

impl<'v> Overrides<'v> {
    fn get(&mut self, name: &'static str) -> Option<&'v str> {
        self.used.push(name);
        let variable = self.variables.iter().find(|(variable, _)| variable.strip_prefix(PREFIX) == Some(name));
        variable.map(|(_, value)| value.as_str())
    }

    /// Warns of variables that override nothing. They are no mistake of the file: others may use our prefix.
    fn finish(self) {
        for (name, _) in self.variables {
            let used = name.strip_prefix(PREFIX).is_some_and(|key| self.used.contains(&key));
            if !used && !NOT_OURS.iter().any(|prefix| name.starts_with(prefix)) {
                tracing::warn!("{name} overrides no key ({PREFIX}{})", self.used.join(&format!(", {PREFIX}")));
            }
        }
    }
}

/// Checks a configuration's text; paths in it are relative to `directory`.
fn parse(text: &str, directory: &Path, variables: &[(String, String)]) -> Result<Config, Vec<Problem>> {
    let mut problems = Problems::new(text);
    let (document, errors) = DeTable::parse_recoverable(text);
    for error in errors {
        problems.at(error.span().map_or(0, |span| span.start), error.message().to_owned());
    }
    if !problems.found.is_empty() {
        return Err(problems.found);
    }
    let mut root = Table::new("", Some(document.get_ref()), 0);
    let mut overrides = Overrides { variables, used: Vec::new() };

    let store = root.string("store", &mut problems);
    let store_at = store.as_ref().map(|found| found.at);
    let store = overrides.get("STORE").or(store.map(|found| found.value)).unwrap_or(STORE);
    let store = parse_store(store, store_at, directory, &mut problems);
    let cache = root.string("cache", &mut problems).map(|found| found.value);
    let cache = directory.join(overrides.get("CACHE").or(cache).unwrap_or(CACHE));
    service(&mut root, &mut overrides, directory, &mut problems);

    let mut communities: Vec<CommunityConfig> = Vec::new();
    let tables = root.tables("community", &mut problems);
    if tables.is_empty() && problems.found.is_empty() {
        problems.add("no community is configured (add [[community]] with a name)".to_owned());
    }
    for table in tables {
        let at = table.at();
        let Some(community) = community::read(table, directory, &mut problems) else { continue };
        if communities.iter().any(|other| other.name == community.name) {
            problems.at(at, format!("two communities are called {:?} (each needs a name of its own)", community.name));
        }
        communities.push(community);
    }
    root.finish(&mut problems);
    overrides.finish();
    problems.found.sort_by_key(|problem| problem.line);
    match store {
        Some(store) if problems.found.is_empty() => Ok(Config { store, cache, communities }),
        _ => Err(problems.found),
    }
}

fn parse_store(text: &str, at: Option<usize>, directory: &Path, problems: &mut Problems<'_>) -> Option<StoreConfig> {
    match text.split_once(':') {
        Some(("sqlite", file)) if !file.is_empty() => Some(StoreConfig::Sqlite(directory.join(file))),
        _ => {
            let message = if text.starts_with("mongodb") {
                format!("store {text:?}: MongoDB is not part of this version (use \"sqlite:FILE\")")
            } else {
                format!("store is {text:?}, but \"sqlite:FILE\" is expected")
            };
            match at {
                Some(at) => problems.at(at, message),
                None => problems.add(message),
            }
            None
        }
    }
}

/// The keys of the long-running service. They are checked here, so that a file is right or wrong for every command.
fn service(root: &mut Table<'_, '_>, overrides: &mut Overrides<'_>, directory: &Path, problems: &mut Problems<'_>) {
    let address = |text: &str| text.parse::<std::net::SocketAddr>().ok();
    for (key, variable) in [("listen", "LISTEN"), ("listen_tls", "LISTEN_TLS"), ("listen_metrics", "LISTEN_METRICS")] {
        root.parsed(key, "an address (such as \"0.0.0.0:50050\")", problems, address);
        if let Some(text) = overrides.get(variable).filter(|text| address(text).is_none()) {
            problems.add(format!("{PREFIX}{variable} is {text:?}, but an address is expected (such as 0.0.0.0:50050)"));
        }
    }
    let mut tls = root.table("tls", problems);
    for (key, variable, usual) in [
        ("certificate", "TLS_CERTIFICATE", Some(TLS_CERTIFICATE)),
        ("key", "TLS_KEY", Some(TLS_KEY)),
        ("client_ca", "TLS_CLIENT_CA", None),
    ] {
        let given = tls.string(key, problems).map(|found| (found.value, Some(found.at)));
        let given = overrides.get(variable).map(|path| (path, None)).or(given);
        if let Some((path, at)) = given.filter(|(path, _)| Some(*path) != usual) {
            missing_file(&format!("tls.{key}"), path, at, directory, problems);
        }
    }
    tls.finish(problems);
    let mut forward = root.table("forward", problems);
    let mode = forward
        .value("mode", "\"pull\"", problems, |value| value.as_str().filter(|mode| matches!(*mode, "pull" | "push")));
    if let Some(found) = mode.filter(|found| found.value == "push") {
        problems.at(found.at, "forward.mode: \"push\" is not part of this version (use \"pull\")".to_owned());
    }
    forward.string("to", problems);
    if let Some(found) = forward.string("ca", problems) {
        missing_file("forward.ca", found.value, Some(found.at), directory, problems);
    }
    forward.duration("lease", problems);
    forward.finish(problems);
}

fn missing_file(key: &str, path: &str, at: Option<usize>, directory: &Path, problems: &mut Problems<'_>) {
    if !directory.join(path).is_file() {
        let message = format!("{key}: there is no file {path:?} (`make certs` makes development certificates)");
        match at {
            Some(at) => problems.at(at, message),
            None => problems.add(message),
        }
    }
}
