//! Algorithms that are ready to run, by their digest: each is fetched from the store and compiled once.

use std::borrow::Cow;
use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use domain::Digest;
use sandbox::{Limits, Sandbox, SandboxError};

use crate::algorithms::{self, Reference, UnusableAlgorithm};
use crate::clearing::ReadyAlgorithm;
use crate::store::{Label, Store, StoreError};

/// Most algorithms that are kept ready: a community has two or three.
const READY_MAX: usize = 64;

/// An algorithm that cannot be made ready.
#[derive(Debug, thiserror::Error)]
pub enum StockError {
    /// The store is to blame.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The machine is to blame.
    #[error(transparent)]
    Sandbox(#[from] SandboxError),
    /// It itself is to blame.
    #[error(transparent)]
    Unusable(#[from] UnusableAlgorithm),
}

/// Where ready algorithms are.
pub struct Stock {
    sandbox: Sandbox,
    store: Arc<dyn Store>,
    ready: Mutex<HashMap<Digest, ReadyAlgorithm>>,
}

impl Stock {
    /// Algorithms of this store, made ready in this sandbox.
    pub fn new(sandbox: Sandbox, store: Arc<dyn Store>) -> Stock {
        Stock { sandbox, store, ready: Mutex::default() }
    }

    /// An algorithm of the store or of this program.
    ///
    /// # Errors
    /// If it is not there, or does not load.
    pub async fn get(&self, digest: &Digest) -> Result<ReadyAlgorithm, StockError> {
        let kept = self.ready.lock().unwrap_or_else(PoisonError::into_inner).get(digest).cloned();
        if let Some(ready) = kept {
            return Ok(ready);
        }
        let reference = Reference::of(*digest);
        let stored = match reference {
            Reference::Base(_) => None,
            _ => self.store.component(digest).await?,
        };
        let component = algorithms::read(&reference, |_| stored)?;
        let ready = tokio::task::block_in_place(|| make_ready(&self.sandbox, &reference, component))?;
        let mut kept = self.ready.lock().unwrap_or_else(PoisonError::into_inner);
        if kept.len() >= READY_MAX {
            // They are made ready again where they are needed.
            kept.clear();
        }
        kept.insert(*digest, ready.clone());
        Ok(ready)
    }
}

impl Stock {
    /// The algorithm that a community's configuration names. A name without a version means what it meant when the community
    /// first used it: an upload changes nothing by itself.
    ///
    /// # Errors
    /// If it is not there, or does not load.
    pub async fn configured(&self, community: &str, reference: &Reference) -> Result<ReadyAlgorithm, StockError> {
        match reference {
            Reference::Base(_) | Reference::File(_) => {
                let component = algorithms::read(reference, |_| None)?;
                tokio::task::block_in_place(|| make_ready(&self.sandbox, reference, component))
            }
            Reference::Digest(digest) => self.get(digest).await,
            Reference::Uploaded { name, version } => {
                let digest = match (version, self.store.pinned(community, name).await?) {
                    (None, Some(digest)) => digest,
                    (None, None) => {
                        let newest = self.find(name, None).await?.digest;
                        self.store.pin(community, name, newest).await?
                    }
                    (Some(version), _) => self.find(name, Some(version)).await?.digest,
                };
                self.get(&digest).await
            }
        }
    }

    /// What a label means: a base algorithm's name, an uploaded one's newest version, or exactly that version.
    ///
    /// # Errors
    /// If there is no such algorithm.
    pub async fn find(&self, name: &str, version: Option<&str>) -> Result<Label, StockError> {
        if let Some(base) = algorithms::base(name) {
            let label = self.get(&Digest::of(base.bytes)).await?.label();
            if version.is_none_or(|version| label.version == version) {
                return Ok(label);
            }
        }
        let versions = self.store.versions().await?;
        let is_meant = |label: &Label| label.name == name && version.is_none_or(|version| label.version == version);
        if let Some(found) = versions.iter().rev().find(|found| is_meant(&found.label)) {
            return Ok(found.label.clone());
        }
        let reference = Reference::Uploaded { name: name.to_owned(), version: version.map(str::to_owned) };
        let uploaded = versions.iter().map(|version| version.label.to_string()).collect();
        Err(UnusableAlgorithm::UnknownLabel { reference: reference.to_string(), uploaded }.into())
    }
}

/// Loads an algorithm and asks it what it is. Blocks.
///
/// # Errors
/// If it does not load or does not say what it is.
pub fn make_ready(
    sandbox: &Sandbox,
    reference: &Reference,
    component: Cow<'_, [u8]>,
) -> Result<ReadyAlgorithm, StockError> {
    let algorithm = algorithms::load(sandbox, reference, &component)?;
    let described = algorithm.describe(Limits::default().budget(0))?;
    let description =
        described.map_err(|failure| UnusableAlgorithm::Describe { reference: reference.to_string(), failure })?;
    Ok(ReadyAlgorithm { algorithm, component: component.as_ref().into(), description })
}
