//! What administrators do with the algorithms of a running service: upload, list, activate, roll back, run as shadows.
//!
//! Requests are checked here and decided in the store, so that all replicas know the same. Not here: who may do it
//! (`adapter::grpc`), and what follows from a decision (`settlement`).

mod decide;
mod listing;
mod upload;

use std::sync::Arc;

use domain::text::chain;
use domain::{Boundary, Digest};
use jiff::Timestamp;
use sandbox::{Codegen, Sandbox, SandboxError};
use tokio::sync::{Mutex, OnceCell};

use crate::algorithms::cache::ReadyAlgorithm;
use crate::algorithms::cache::{AlgorithmCache, AlgorithmError};
use crate::algorithms::shadow::ShadowQueue;
use crate::clock::Clock;
use crate::config::CommunityConfig;
use base::{NAME_RULE, Reference, VERSION_RULE};
use books::{Action, Change, Store, StoreError};

pub use decide::{Preview, Wanted};
pub use listing::{Listed, ListedCommunity, Shadowed, listed_community, shadowed};
pub use upload::Uploaded;

/// Names of communities that a message lists at most.
const NAMES_MAX: usize = 100;

/// Settings of an algorithm, sorted by key.
pub type Settings = Vec<(String, String)>;

/// Makes sandboxes whose compiler is a child process.
pub type MakeSandbox = dyn Fn(Codegen) -> Result<Sandbox, SandboxError> + Send + Sync;

/// A request that is not carried out.
#[derive(Debug, thiserror::Error)]
pub enum RegistryError {
    #[error("{0}")]
    NotFound(String),
    /// The request is wrong, whatever the state.
    #[error("{0}")]
    Invalid(String),
    /// The state does not allow it.
    #[error("{0}")]
    Refused(String),
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error(transparent)]
    Sandbox(#[from] SandboxError),
}

impl From<AlgorithmError> for RegistryError {
    fn from(error: AlgorithmError) -> RegistryError {
        match error {
            AlgorithmError::Store(error) => error.into(),
            AlgorithmError::Sandbox(error) => error.into(),
            AlgorithmError::Unusable(error) => RegistryError::NotFound(chain(&error)),
        }
    }
}

pub struct Registry {
    store: Arc<dyn Store>,
    clock: Arc<dyn Clock>,
    communities: Vec<Arc<CommunityConfig>>,
    cache: Arc<AlgorithmCache>,
    make_sandbox: Box<MakeSandbox>,
    /// Told of candidates.
    shadows: Arc<ShadowQueue>,
    /// Sandboxes of the gate, made when they are first needed, so that uploads take no capacity from settlement.
    sandboxes: OnceCell<(Sandbox, Sandbox)>,
    /// Only one candidate is examined at a time.
    examining: Mutex<()>,
}

impl Registry {
    pub fn new(
        store: Arc<dyn Store>,
        clock: Arc<dyn Clock>,
        communities: Vec<Arc<CommunityConfig>>,
        cache: Arc<AlgorithmCache>,
        make_sandbox: Box<MakeSandbox>,
        shadows: Arc<ShadowQueue>,
    ) -> Registry {
        let (sandboxes, examining) = (OnceCell::new(), Mutex::new(()));
        Registry { store, clock, communities, cache, make_sandbox, shadows, sandboxes, examining }
    }

    async fn sandboxes(&self) -> Result<&(Sandbox, Sandbox), SandboxError> {
        let make = || async { Ok(((self.make_sandbox)(Codegen::Usual)?, (self.make_sandbox)(Codegen::Checking)?)) };
        self.sandboxes.get_or_try_init(make).await
    }

    fn community(&self, name: &str) -> Result<&CommunityConfig, RegistryError> {
        let found = self.communities.iter().find(|community| community.name == name);
        found.map(Arc::as_ref).ok_or_else(|| {
            let names: Vec<&str> =
                self.communities.iter().map(|community| community.name.as_str()).take(NAMES_MAX).collect();
            let more = if self.communities.len() > names.len() { ", …" } else { "" };
            let names = names.join(", ");
            RegistryError::NotFound(format!("there is no community {name:?} here (there are: {names}{more})"))
        })
    }

    /// The algorithm that a caller names: NAME for its newest version, NAME@VERSION, or sha256:DIGEST.
    async fn named(&self, text: &str) -> Result<ReadyAlgorithm, RegistryError> {
        // Never a file: a caller must not name files of this machine.
        let reference = match text.contains('/') {
            true => None,
            false => Reference::parse_stored(text, std::path::Path::new("")).ok(),
        };
        let digest = match reference {
            Some(Reference::Base(base)) => Digest::of(base.bytes),
            Some(Reference::Digest(digest)) => {
                let is_known = Reference::of(digest) != Reference::Digest(digest);
                if !is_known && self.store.versions().await?.iter().all(|version| version.label.digest != digest) {
                    let way_out = "upload it; what was refused is not kept";
                    return Err(RegistryError::NotFound(format!("no algorithm {text} is here ({way_out})")));
                }
                digest
            }
            Some(Reference::Uploaded { name, version }) => self.cache.find(&name, version.as_deref()).await?.digest,
            Some(Reference::File(_)) | None => {
                let forms = format!("NAME, NAME@VERSION or sha256:DIGEST; {NAME_RULE}, and {VERSION_RULE}");
                return Err(RegistryError::Invalid(format!("{text:?} names no algorithm of a service ({forms})")));
            }
        };
        Ok(self.cache.get(&digest).await?)
    }

    fn change(&self, by: &str, community: Option<&str>, action: Action) -> Change {
        Change { at: now(&*self.clock), by: by.to_owned(), community: community.map(str::to_owned), action }
    }
}

/// The time in the precision of the store.
fn now(clock: &dyn Clock) -> Timestamp {
    Timestamp::from_millisecond(clock.now().as_millisecond()).unwrap_or(Timestamp::UNIX_EPOCH)
}

/// The start of the next interval to settle; before the first one, the earliest possible start.
fn next(community: &CommunityConfig, mark: Option<Boundary>) -> Boundary {
    let mark = mark.map(Boundary::timestamp).or(community.from).unwrap_or(Timestamp::UNIX_EPOCH);
    Boundary::at_or_after(mark, community.interval).unwrap_or(Boundary::EPOCH)
}
