//! The configuration: one file, defaults with their reasons, and every mistake told at once before anything starts.
//!
//! A pure parser over the file's text and the environment; looks at the disk only to tell files that are missing.

mod community;
mod reader;
#[cfg(test)]
mod tests;

use std::fmt;
use std::net::SocketAddr;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use toml::de::DeTable;

use crate::meters::client::MetersClient;

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
/// The platform's ports, and one for metrics that only this machine reaches.
const LISTEN: &str = "0.0.0.0:50050";
const LISTEN_TLS: &str = "0.0.0.0:50051";
const LISTEN_METRICS: &str = "127.0.0.1:9464";
/// When a claim returns that nobody reports of: a ledger confirms within minutes.
const CLAIM_LEASE: Duration = Duration::from_secs(15 * 60);
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
    /// Where the service's servers listen.
    pub listen: Listen,
    /// The service's certificate.
    pub tls: TlsConfig,
    /// How trades are forwarded.
    pub forward: ForwardConfig,
    /// The communities, in the order of the file; at least one, each with a name of its own.
    pub communities: Vec<CommunityConfig>,
}

/// Where settled intervals are kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum StoreConfig {
    /// A file of the embedded store.
    Sqlite(PathBuf),
    /// A MongoDB database.
    Mongo(MongoConfig),
}

/// A MongoDB database, and who we are there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MongoConfig {
    /// A `mongodb://` or `mongodb+srv://` address without credentials, with the database's name as its path.
    pub address: String,
    /// Who we are.
    pub username: Option<String>,
    /// The password.
    pub password: Option<Secret>,
}

/// A text that is never shown.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    /// Keeps a text from being shown.
    pub fn new(text: String) -> Secret {
        Secret(text)
    }

    /// The text, for the one who needs it.
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(…)")
    }
}

/// Where the service's servers listen; port 0 lets the system choose.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listen {
    /// The plaintext port, inside the stack's network.
    pub plain: SocketAddr,
    /// The TLS port.
    pub tls: SocketAddr,
    /// The port of metrics and health.
    pub metrics: SocketAddr,
}

/// The certificate and key that the service shows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TlsConfig {
    /// A PEM file with the certificate and those above it.
    pub certificate: PathBuf,
    /// A PEM file with its key.
    pub key: PathBuf,
    /// A PEM file with the authorities of clients; where it is set, clients must show a certificate of theirs.
    pub client_ca: Option<PathBuf>,
}

/// How trades reach Transactions.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ForwardConfig {
    /// Who calls whom.
    pub mode: ForwardMode,
    /// When a claim returns that nobody reports of; and when a trade that was not paid is pushed again.
    pub lease: Duration,
}

/// Who calls whom.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ForwardMode {
    /// Transactions fetches and reports, as the original's does.
    Pull,
    /// We send trades as they are settled.
    Push {
        /// The `https://` address of Transactions.
        to: String,
        /// A PEM file with the authorities of its certificate; none for the machine's own.
        ca: Option<PathBuf>,
    },
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

/// What to log, from the environment.
pub fn log_filter() -> Option<String> {
    variable("REC_MARKET_LOG")
}

/// Whether the environment names a collector for traces, in OpenTelemetry's own variables.
pub fn wants_traces() -> bool {
    let disabled = variable("OTEL_SDK_DISABLED").is_some_and(|value| value.eq_ignore_ascii_case("true"));
    let endpoints = ["OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT"];
    !disabled && endpoints.into_iter().any(|name| variable(name).is_some())
}

/// A variable that is set, and to something.
fn variable(name: &str) -> Option<String> {
    #[allow(clippy::disallowed_methods, reason = "this is the one place that reads the environment")]
    std::env::var(name).ok().filter(|value| !value.is_empty())
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
    let (listen, tls, forward) = service(&mut root, &mut overrides, directory, &mut problems);

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
        Some(store) if problems.found.is_empty() => Ok(Config { store, cache, listen, tls, forward, communities }),
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
fn service(
    root: &mut Table<'_, '_>,
    overrides: &mut Overrides<'_>,
    directory: &Path,
    problems: &mut Problems<'_>,
) -> (Listen, TlsConfig, ForwardConfig) {
    let mut address = |key, variable, usual: &str| {
        let parse = |text: &str| text.parse::<SocketAddr>().ok();
        let found = root.parsed(key, "an address (such as \"0.0.0.0:50050\")", problems, parse);
        let overriding = overrides.get(variable).and_then(|text| {
            let parsed = parse(text);
            if parsed.is_none() {
                let expected = "an address is expected (such as 0.0.0.0:50050)";
                problems.add(format!("{PREFIX}{variable} is {text:?}, but {expected}"));
            }
            parsed
        });
        let usual = || parse(usual).unwrap_or_else(|| SocketAddr::from(([127, 0, 0, 1], 0)));
        overriding.or(found.map(|found| found.value)).unwrap_or_else(usual)
    };
    let listen = Listen {
        plain: address("listen", "LISTEN", LISTEN),
        tls: address("listen_tls", "LISTEN_TLS", LISTEN_TLS),
        metrics: address("listen_metrics", "LISTEN_METRICS", LISTEN_METRICS),
    };
    let mut tls = root.table("tls", problems);
    let mut file = |key, variable, usual: Option<&str>| {
        let given = tls.string(key, problems).map(|found| (found.value, Some(found.at)));
        let given = overrides.get(variable).map(|path| (path, None)).or(given);
        if let Some((path, at)) = given.filter(|(path, _)| Some(*path) != usual) {
            missing_file(&format!("tls.{key}"), path, at, directory, problems);
        }
        given.map(|(path, _)| path).or(usual).map(|path| directory.join(path))
    };
    let tls_config = TlsConfig {
        certificate: file("certificate", "TLS_CERTIFICATE", Some(TLS_CERTIFICATE)).unwrap_or_default(),
        key: file("key", "TLS_KEY", Some(TLS_KEY)).unwrap_or_default(),
        client_ca: file("client_ca", "TLS_CLIENT_CA", None),
    };
    tls.finish(problems);
    (listen, tls_config, forward(root, directory, problems))
}

fn forward(root: &mut Table<'_, '_>, directory: &Path, problems: &mut Problems<'_>) -> ForwardConfig {
    let mut forward = root.table("forward", problems);
    let mode = forward.value("mode", "\"pull\" or \"push\"", problems, |value| {
        value.as_str().filter(|mode| matches!(*mode, "pull" | "push"))
    });
    let to = forward.parsed("to", "an https:// address (such as \"https://transactions:5055\")", problems, |text| {
        (MetersClient::is_address(text) && text.starts_with("https:")).then(|| text.to_owned())
    });
    let ca = forward.string("ca", problems);
    if let Some(found) = &ca {
        missing_file("forward.ca", found.value, Some(found.at), directory, problems);
    }
    let lease = forward.duration("lease", problems).map_or(CLAIM_LEASE, |found| found.value);
    let mode = match (mode, to) {
        (Some(mode), None) if mode.value == "push" => {
            problems.at(
                mode.at,
                "forward.mode is \"push\", but forward.to is missing (name Transactions' https:// address)".to_owned(),
            );
            ForwardMode::Pull
        }
        (Some(mode), Some(to)) if mode.value == "push" => {
            ForwardMode::Push { to: to.value, ca: ca.map(|found| directory.join(found.value)) }
        }
        _ => ForwardMode::Pull,
    };
    forward.finish(problems);
    ForwardConfig { mode, lease }
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
