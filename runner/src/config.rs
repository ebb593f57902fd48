//! The configuration: one file, defaults with their reasons, and every mistake told at once before anything starts.
//!
//! A pure parser over the file's text, the environment, and the files it names: whether they are there, a series of
//! tariffs, the password of a database.

mod callers;
mod community;
mod dated;
mod holidays;
mod listing;
mod member;
mod meters;
mod monitoring;
mod overrides;
mod problems;
mod read;
mod remarks;
mod rights;
mod schema;
mod series;
mod service;
mod shares;
mod show;
mod store;
mod tariff;
mod terms;
#[cfg(test)]
mod tests;
mod viewers;
mod wallet;
mod web;
mod wire_names;

use std::collections::HashSet;
use std::fmt;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use books::OfferedSince;
use toml::de::{DeTable, DeValue};

use crate::file::create_private_directory;
pub use community::CommunityConfig;
use community::Placed;
pub use dated::{Change, Dated};
pub use holidays::HolidaysConfig;
pub use member::{MemberConfig, MemberTerms};
pub use meters::MetersSource;
pub use monitoring::SeriesOf;
use overrides::PREFIX;
pub use problems::Problem;
use problems::Problems;
use read::Field;
pub use rights::{CallerConfig, Right, usual_callers};
use schema::{Community, File};
pub use schema::{parse_bytes, parse_duration};
pub use series::read as read_series;
pub use tariff::{CurrentSeries, TariffConfig};
pub use terms::Terms;
pub use viewers::ViewerConfig;
pub use web::{GROUPS_HEADER, ProxyConfig, USER_HEADER, WebConfig};
use wire_names::WireNames;

pub use ::store::{MongoAddress, Secret};
pub use books::Role;

/// Where compiled components are kept when nothing is named.
const CACHE: &str = "cache";

/// Everything a command needs to know.
#[derive(Clone, Debug, PartialEq)]
pub struct Config {
    /// The file that it was read from.
    pub path: PathBuf,
    /// Where settled intervals are kept.
    pub store: StoreConfig,
    /// Directory of compiled components.
    pub cache: PathBuf,
    /// Where the service's servers listen.
    pub listen: Listen,
    /// The service's certificate.
    pub tls: TlsConfig,
    /// How the pages for people are served.
    pub web: WebConfig,
    /// Who may look at them.
    pub viewers: Vec<ViewerConfig>,
    /// Who may do what, with what holds by default: who is not here may do nothing.
    pub callers: Vec<CallerConfig>,
    /// How trades are forwarded.
    pub forward: ForwardConfig,
    /// How several processes share the communities.
    pub replicas: ReplicasConfig,
    /// Whose series `/metrics` has.
    pub metrics: SeriesOf,
    /// The communities, in the order of the file; at least one, each with a name of its own.
    pub communities: Vec<CommunityConfig>,
}

/// Where settled intervals are kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum StoreConfig {
    /// A file of the embedded store.
    Sqlite(PathBuf),
    /// A MongoDB database.
    Mongo(MongoAddress),
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
    /// The port of the pages for people; none if there are none.
    pub web: Option<SocketAddr>,
}

/// The certificate and key that the service shows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TlsConfig {
    /// A PEM file with the certificate and those above it.
    pub certificate: PathBuf,
    /// A PEM file with its key.
    pub key: PathBuf,
    /// A PEM file with the authorities of clients: a certificate that a client shows must be of one of them.
    pub client_ca: Option<PathBuf>,
}

/// How trades reach Transactions.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ForwardConfig {
    /// Who calls whom.
    pub mode: ForwardMode,
    /// When trades may be claimed again that nobody has reported on.
    pub lease: Duration,
    /// Which trades are offered for payment.
    pub since: OfferedSince,
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

/// How several processes share the communities.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReplicasConfig {
    /// How long one keeps a community that it does not renew: after that another one may take it.
    pub lease: Duration,
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
        let config = parse(&text, directory, &variables.collect::<Vec<_>>()).map_err(invalid)?;
        Ok(Config { path: path.to_owned(), ..config })
    }

    /// Checks a text that the program made up, without the environment; `path` names it in messages.
    ///
    /// # Errors
    /// Every mistake in it.
    pub fn of_text(text: &str, path: &Path) -> Result<Config, InvalidConfig> {
        match parse(text, Path::new(""), &[]) {
            Ok(config) => Ok(Config { path: path.to_owned(), ..config }),
            Err(problems) => Err(InvalidConfig { path: path.to_owned(), problems }),
        }
    }

    /// Whether anything says that there shall be pages: an address other than the usual one, or who may look at them, and how.
    pub fn asks_for_pages(&self) -> bool {
        let is_usual = self.listen.web == Some(service::LISTEN_WEB.into());
        !is_usual || !self.viewers.is_empty() || self.web != WebConfig::default()
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
    create_private_directory(&path).ok()?;
    let writable = !std::fs::metadata(&path).ok()?.permissions().readonly();
    writable.then_some(path)
}

/// What to log, from the environment.
pub fn log_filter() -> Option<String> {
    variable("REC_MARKET_LOG")
}

/// Who uses this program, as the system calls them; behind sudo, whoever called that.
pub fn user() -> Option<String> {
    ["SUDO_USER", "USER", "LOGNAME"].into_iter().find_map(variable)
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

/// Checks a configuration's text; paths in it are relative to `directory`.
fn parse(text: &str, directory: &Path, variables: &[(String, String)]) -> Result<Config, Vec<Problem>> {
    let problems = Problems::new(text, directory, variables);
    let (document, errors) = DeTable::parse_recoverable(text);
    for error in errors {
        problems.at(error.span().map_or(0, |span| span.start), error.message());
    }
    if problems.count() > 0 {
        return Err(problems.into_sorted());
    }
    let mut document = document.into_inner();
    overrides::apply(&mut document, &problems);
    overrides::warn_of_unknown(variables);
    let config = check(read::read(&DeValue::Table(document), &problems).unwrap_or_default(), &problems);
    match config {
        Some(config) if problems.count() == 0 => Ok(config),
        _ => Err(problems.into_sorted()),
    }
}

/// Checks what the file says together; `None` if there is no store.
fn check(file: File, problems: &Problems<'_>) -> Option<Config> {
    let tls = service::tls(file.tls.value.unwrap_or_default(), problems);
    let web_at = file.listen_web.at;
    let listen = service::listen(file.listen, file.listen_tls, file.listen_metrics, file.listen_web, problems);
    let has_proxy = file.web.value.as_ref().is_some_and(|web| web.proxy.at.is_some());
    let told = problems.count();
    let communities = communities(file.community, problems);
    let are_right = (problems.count() == told).then_some(&*communities);
    let store = store::check(file.store, file.mongodb.value.unwrap_or_default(), problems);
    Some(Config {
        path: PathBuf::new(),
        cache: problems.path(&file.cache.value.unwrap_or_else(|| CACHE.to_owned())),
        web: web::check(file.web.value.unwrap_or_default(), (listen.web, web_at), problems),
        viewers: viewers::check(file.viewer, are_right, has_proxy, problems),
        listen,
        callers: callers::check(file.caller, tls.client_ca.is_some(), problems),
        tls,
        forward: service::forward(file.forward.value.unwrap_or_default(), problems),
        replicas: service::replicas(file.replicas.value.unwrap_or_default()),
        metrics: file.metrics.value.unwrap_or_default().communities.get().unwrap_or_default(),
        communities,
        store: store?,
    })
}

fn communities(tables: Field<Vec<Field<Community>>>, problems: &Problems<'_>) -> Vec<CommunityConfig> {
    let mut communities: Vec<Placed> = Vec::new();
    let mut names = HashSet::new();
    let mut wire_names = WireNames::default();
    if tables.value.as_ref().map_or(tables.at.is_none(), Vec::is_empty) {
        problems.add("no community is configured (add [[community]] with a name)");
    }
    for (table, at) in tables.value.unwrap_or_default().into_iter().filter_map(Field::placed) {
        let Some(placed) = community::check(table, at, problems) else { continue };
        let name = &placed.community.name;
        if !names.insert(name.clone()) {
            problems.at(at, format!("two communities are called {name:?} (each needs a name of its own)"));
            continue;
        }
        wire_names.add(&placed.community, at, problems);
        communities.push(placed);
    }
    listing::settle(communities, problems)
}
