//! The only wiring: makes the parts that a configuration asks for, runs them and stops them.
//!
//! `serve`, `settle` and the tests build from here, clock included.

mod common;
mod rights;
pub mod service;
pub mod web;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use base::Reference;
use books::{Store, StoreError};
use domain::Digest;
use domain::text::chain;
use sandbox::{Codegen, CompileLimits, Compiler, Options, Sandbox, SandboxError};
use store::{MongoStore, SqliteStore};
use tokio_util::sync::CancellationToken;
use wire::tls::{ClientTls, TlsError};

use crate::adapter::meters::MetersServices;
use crate::adapter::transactions::outbox::OutboxRelay;
use crate::adapter::transactions::push::PushClient;
use crate::algorithms::cache::AlgorithmCache;
use crate::clock::Clock;
use crate::config::{CommunityConfig, Config, ForwardMode, MetersSource, StoreConfig};
use crate::file::warn_if_exposed;
use crate::lease::LeaseOwner;
use crate::settlement::{Meters, Settler};
use crate::telemetry::metrics::Metrics;

pub use common::Common;

/// An unpaid trade is pushed again after the lease of a claim, but need not wait longer than this: a day is for devices that
/// fetch.
const RESEND_MAX: Duration = Duration::from_secs(15 * 60);

/// Opens the configured store; creates what is missing.
///
/// # Errors
/// If it cannot be opened or written.
pub async fn open_store(config: &StoreConfig) -> Result<Arc<dyn Store>, StoreError> {
    Ok(match config {
        StoreConfig::Sqlite(path) => {
            let store = SqliteStore::open(path)?;
            // What is beside it holds the newest of the books.
            let files = ["", "-wal", "-shm"].map(|beside| {
                let mut file = path.clone().into_os_string();
                file.push(beside);
                PathBuf::from(file)
            });
            warn_if_exposed("the books", files.iter().map(PathBuf::as_path));
            Arc::new(store)
        }
        StoreConfig::Mongo(address) => Arc::new(MongoStore::open(address).await?),
    })
}

/// Opens the configured store for reading.
///
/// # Errors
/// If it does not exist.
pub async fn open_store_to_read(config: &StoreConfig) -> Result<Arc<dyn Store>, StoreError> {
    Ok(match config {
        StoreConfig::Sqlite(path) => Arc::new(SqliteStore::open_to_read(path)?),
        StoreConfig::Mongo(address) => Arc::new(MongoStore::open_to_read(address).await?),
    })
}

/// A sandbox whose compiler is this program in a child process, with room for as many runs at once as there are cores.
///
/// # Errors
/// If the cache cannot be used, or the machine fails.
pub fn open_sandbox(cache: Option<PathBuf>) -> Result<Sandbox, SandboxError> {
    make_sandbox(Codegen::Usual, cache, None)
}

/// As [`open_sandbox`], for commands that only try or prove: nobody asked them for a cache, so without it things only take
/// longer.
///
/// # Errors
/// If the machine fails.
pub fn open_sandbox_with_any_cache(cache: Option<PathBuf>) -> Result<Sandbox, SandboxError> {
    with_any_cache(cache, open_sandbox)
}

fn with_any_cache(
    cache: Option<PathBuf>,
    open: impl Fn(Option<PathBuf>) -> Result<Sandbox, SandboxError>,
) -> Result<Sandbox, SandboxError> {
    let is_cached = cache.is_some();
    open(cache).or_else(|error| {
        if !is_cached {
            return Err(error);
        }
        tracing::warn!("continuing without a cache: {}", chain(&error));
        open(None)
    })
}

/// As [`open_sandbox_with_any_cache`], for an author who builds a file, tries it and builds it again: the functions of one version
/// are kept for the next. No other file gets them.
///
/// # Errors
/// If the machine fails.
pub fn open_sandbox_to_try(reference: &Reference, cache: Option<PathBuf>) -> Result<Sandbox, SandboxError> {
    with_any_cache(cache, |cache| {
        Sandbox::new(Options { history: history(reference), ..options(Codegen::Usual, cache, None)? })
    })
}

/// The sandbox that the gate compares with, beside one of [`open_sandbox_to_try`], which tells if there is no cache.
///
/// # Errors
/// If the machine fails.
pub fn open_checking_sandbox(reference: &Reference, cache: Option<PathBuf>) -> Result<Sandbox, SandboxError> {
    let open =
        |cache| Sandbox::new(Options { history: history(reference), ..options(Codegen::Checking, cache, None)? });
    open(cache).or_else(|_| open(None))
}

/// What the versions of an algorithm have in common: the place of their file.
fn history(reference: &Reference) -> Option<Digest> {
    let Reference::File(path) = reference else { return None };
    Some(Digest::of(std::fs::canonicalize(path).ok()?.as_os_str().as_encoded_bytes()))
}

/// The compiler's child process is this program.
#[derive(Debug, thiserror::Error)]
#[error("the path of this program is unknown")]
struct UnknownProgram(#[source] std::io::Error);

/// A sandbox with room for that many concurrent runs, or for as many as there are cores.
///
/// # Errors
/// If the cache cannot be used, or the machine fails.
pub fn make_sandbox(codegen: Codegen, cache: Option<PathBuf>, runs: Option<usize>) -> Result<Sandbox, SandboxError> {
    Sandbox::new(options(codegen, cache, runs)?)
}

/// A sandbox for a single run at a time, which gives up its runs and compilations at the shutdown: for work that nobody
/// waits for.
///
/// # Errors
/// If the cache cannot be used, or the machine fails.
pub fn make_sandbox_until(
    shutdown: &CancellationToken,
    codegen: Codegen,
    cache: Option<PathBuf>,
) -> Result<Sandbox, SandboxError> {
    let sandbox = make_sandbox(codegen, cache, Some(1))?;
    let (shutdown, stopped) = (shutdown.clone(), sandbox.clone());
    tokio::spawn(async move {
        shutdown.cancelled().await;
        stopped.stop();
    });
    Ok(sandbox)
}

fn options(codegen: Codegen, cache: Option<PathBuf>, runs: Option<usize>) -> Result<Options, SandboxError> {
    let unknown = |error| SandboxError::Engine(UnknownProgram(error).into());
    let program = std::env::current_exe().map_err(unknown)?;
    let mut arguments = vec!["compile-component".to_owned()];
    if codegen == Codegen::Checking {
        arguments.push("--checking".to_owned());
    }
    let compiler = Compiler::Child { program, arguments, limits: CompileLimits::default() };
    let usual = Options::default();
    Ok(Options { runs_max: runs.unwrap_or(usual.runs_max), cache, codegen, compiler, ..usual })
}

/// Everything that is needed to settle one community alone.
///
/// # Errors
/// As [`Common::settler`].
pub async fn settler(
    community: &CommunityConfig,
    cache: &Arc<AlgorithmCache>,
    store: &Arc<dyn Store>,
    clock: &Arc<dyn Clock>,
    metrics: &Metrics,
) -> anyhow::Result<Settler> {
    let common = Common::new(Arc::clone(cache), Arc::clone(store), Arc::clone(clock));
    common.settler(Arc::new(community.clone()), metrics).await
}

/// The Meters service of a community, to be read without settling.
///
/// # Errors
/// If its address is invalid, or it is the store and there is none.
pub fn meters(
    community: &CommunityConfig,
    store: Option<&Arc<dyn Store>>,
    clock: &Arc<dyn Clock>,
) -> anyhow::Result<Arc<dyn Meters>> {
    match (&community.meters, store) {
        (MetersSource::Store, Some(store)) => Ok(common::stored(store, community)),
        (MetersSource::Store, None) => {
            let name = &community.name;
            anyhow::bail!(
                "the readings of community {name} are in the store, which cannot be opened (see readings import)"
            )
        }
        (MetersSource::Service(address), _) => {
            let metrics = Metrics::new(Arc::clone(clock)).community(&community.name, community.grace);
            Ok(Arc::new(common::client(&MetersServices::default(), community, address, metrics)?))
        }
    }
}

/// The relay that pushes trades to Transactions, if the configuration says so.
///
/// # Errors
/// If the address of Transactions or a certificate authority cannot be used.
pub fn outbox_relay(
    config: &Config,
    store: &Arc<dyn Store>,
    clock: &Arc<dyn Clock>,
    owner: &LeaseOwner,
) -> Result<Option<OutboxRelay>, TlsError> {
    let ForwardMode::Push { to, ca } = &config.forward.mode else { return Ok(None) };
    let tls = ClientTls { ca: ca.clone(), identity: None };
    let client = PushClient::new(to, tls, PushClient::DEADLINE)?;
    let resend = config.forward.lease.min(RESEND_MAX);
    let (store, clock, owner) = (Arc::clone(store), Arc::clone(clock), owner.clone());
    let relay = OutboxRelay::new(store, clock, client, owner, resend, config.forward.since);
    Ok(Some(OutboxRelay { wallets: config.wallets(), ..relay }))
}
