//! The cache of algorithms that are ready to run: each is read from the store and compiled once.

use std::borrow::Cow;
use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use base::Reference;
use books::{Label, Store, StoreError};
use domain::Digest;
use sandbox::{Algorithm, Description, Failure, Limits, LoadError, Sandbox, SandboxError};

use crate::algorithms::catalogue::{self, UnusableAlgorithm};

/// Maximum number of algorithms in the cache. A community has two or three, and most communities have the same.
const READY_MAX: usize = 64;

/// An algorithm that is ready to run, with its bytes and its description.
#[derive(Clone, Debug)]
pub struct ReadyAlgorithm {
    pub algorithm: Algorithm,
    /// The bytes of the component, to be stored with the intervals that it settles.
    pub component: Arc<[u8]>,
    pub description: Description,
}

impl ReadyAlgorithm {
    pub fn label(&self) -> Label {
        let Description { name, version, .. } = &self.description;
        Label { digest: self.algorithm.digest(), name: name.clone(), version: version.clone() }
    }
}

/// An algorithm that cannot be loaded, and who is to blame.
#[derive(Debug, thiserror::Error)]
pub enum AlgorithmError {
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The machine.
    #[error(transparent)]
    Sandbox(#[from] SandboxError),
    /// The algorithm.
    #[error(transparent)]
    Unusable(UnusableAlgorithm),
}

impl From<UnusableAlgorithm> for AlgorithmError {
    fn from(error: UnusableAlgorithm) -> AlgorithmError {
        match error {
            UnusableAlgorithm::Load { source: LoadError::Sandbox(error), .. } => AlgorithmError::Sandbox(error),
            // The gate has seen it compile, on a machine with a faster processor or less to do.
            UnusableAlgorithm::Load { source: error @ LoadError::CompileTime(_), reference } => {
                AlgorithmError::Sandbox(SandboxError::Busy(format!("{reference}: {error}")))
            }
            error => AlgorithmError::Unusable(error),
        }
    }
}

pub struct AlgorithmCache {
    sandbox: Sandbox,
    store: Arc<dyn Store>,
    /// Those that were asked for, each with when that was last: the one whose turn is longest ago makes room.
    ready: Mutex<HashMap<Digest, (ReadyAlgorithm, u64)>>,
    turns: AtomicU64,
    /// The digests of files, as they were when they were first named: what settles does not change while this process lives.
    files: Mutex<HashMap<PathBuf, Digest>>,
    loads: AtomicU64,
    /// One is compiled at a time: several at once would take the processor from each other, until each is out of time.
    compiling: tokio::sync::Mutex<()>,
}

impl AlgorithmCache {
    pub fn new(sandbox: Sandbox, store: Arc<dyn Store>) -> AlgorithmCache {
        let (ready, files, compiling) = (Mutex::default(), Mutex::default(), tokio::sync::Mutex::default());
        AlgorithmCache { sandbox, store, ready, turns: AtomicU64::new(0), files, loads: AtomicU64::new(0), compiling }
    }

    /// How many algorithms were loaded so far.
    pub fn loads(&self) -> u64 {
        self.loads.load(Ordering::Relaxed)
    }

    /// An algorithm of the store or of this program.
    ///
    /// # Errors
    /// If there is none with this digest, or it does not load.
    pub async fn get(&self, digest: &Digest) -> Result<ReadyAlgorithm, AlgorithmError> {
        if let Some(ready) = self.kept(digest) {
            return Ok(ready);
        }
        let _one = self.compiling.lock().await;
        // Another community may have waited for the same one.
        if let Some(ready) = self.kept(digest) {
            return Ok(ready);
        }
        let reference = Reference::of(*digest);
        let stored = match reference {
            Reference::Base(_) => None,
            _ => self.store.component(digest).await?,
        };
        let component = catalogue::read(&reference, |_| stored)?;
        let ready = self.make(reference, component).await?;
        self.keep(*digest, &ready);
        Ok(ready)
    }

    fn kept(&self, digest: &Digest) -> Option<ReadyAlgorithm> {
        let mut kept = self.ready.lock().unwrap_or_else(PoisonError::into_inner);
        let (ready, asked) = kept.get_mut(digest)?;
        *asked = self.turns.fetch_add(1, Ordering::Relaxed);
        Some(ready.clone())
    }

    fn keep(&self, digest: Digest, ready: &ReadyAlgorithm) {
        let mut kept = self.ready.lock().unwrap_or_else(PoisonError::into_inner);
        if kept.len() >= READY_MAX {
            // It is loaded again when it is needed.
            let oldest = kept.iter().min_by_key(|(_, (_, asked))| *asked).map(|(digest, _)| *digest);
            oldest.and_then(|oldest| kept.remove(&oldest));
        }
        kept.insert(digest, (ready.clone(), self.turns.fetch_add(1, Ordering::Relaxed)));
    }

    /// An algorithm in a file, which is read and loaded once, however many communities name it.
    async fn file(&self, reference: &Reference, path: &Path) -> Result<ReadyAlgorithm, AlgorithmError> {
        let known = |path: &Path| self.files.lock().unwrap_or_else(PoisonError::into_inner).get(path).copied();
        if let Some(ready) = known(path).and_then(|digest| self.kept(&digest)) {
            return Ok(ready);
        }
        let _one = self.compiling.lock().await;
        if let Some(ready) = known(path).and_then(|digest| self.kept(&digest)) {
            return Ok(ready);
        }
        let component = catalogue::read(reference, |_| None)?;
        let ready = self.make(reference.clone(), component).await?;
        let digest = ready.algorithm.digest();
        self.files.lock().unwrap_or_else(PoisonError::into_inner).insert(path.to_owned(), digest);
        self.keep(digest, &ready);
        Ok(ready)
    }

    /// Compiles in a thread of its own: it may take minutes, in which leases are renewed.
    async fn make(
        &self,
        reference: Reference,
        component: Cow<'static, [u8]>,
    ) -> Result<ReadyAlgorithm, AlgorithmError> {
        self.loads.fetch_add(1, Ordering::Relaxed);
        let sandbox = self.sandbox.clone();
        match tokio::task::spawn_blocking(move || make_ready(&sandbox, &reference, component)).await {
            Ok(ready) => ready,
            Err(error) => match error.try_into_panic() {
                Ok(panic) => std::panic::resume_unwind(panic),
                Err(_) => Err(SandboxError::Stopped.into()),
            },
        }
    }

    /// The algorithm that a community's configuration names. A name without a version stands for the version that was newest
    /// when the community first used it, so an upload changes nothing by itself.
    ///
    /// # Errors
    /// If there is no such algorithm, or it does not load.
    pub async fn configured(&self, community: &str, reference: &Reference) -> Result<ReadyAlgorithm, AlgorithmError> {
        match reference {
            Reference::Base(base) => self.get(&base.digest()).await,
            Reference::File(path) => self.file(reference, path).await,
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

    /// The algorithm of the program or of the store that a reference names, without pinning anything; `None` if it names a
    /// file.
    ///
    /// # Errors
    /// If there is no such algorithm, or it does not load.
    pub async fn known(&self, reference: &Reference) -> Result<Option<ReadyAlgorithm>, AlgorithmError> {
        let digest = match reference {
            Reference::Base(base) => base.digest(),
            Reference::Digest(digest) => *digest,
            Reference::Uploaded { name, version } => self.find(name, version.as_deref()).await?.digest,
            Reference::File(_) => return Ok(None),
        };
        self.get(&digest).await.map(Some)
    }

    /// Resolves a name to a base algorithm, or to the newest or the given version of an uploaded one.
    ///
    /// # Errors
    /// If there is no such algorithm.
    pub async fn find(&self, name: &str, version: Option<&str>) -> Result<Label, AlgorithmError> {
        if let Some(base) = base::base(name) {
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

/// Loads an algorithm and calls `describe`. Blocks.
///
/// # Errors
/// If it does not load, or `describe` fails.
pub fn make_ready(
    sandbox: &Sandbox,
    reference: &Reference,
    component: Cow<'_, [u8]>,
) -> Result<ReadyAlgorithm, AlgorithmError> {
    let algorithm = catalogue::load(sandbox, reference, &component)?;
    let described = algorithm.describe(Limits::default().budget(0))?;
    if let Some(error) = described.as_ref().err().and_then(Failure::of_machine) {
        return Err(error.into());
    }
    let description =
        described.map_err(|source| UnusableAlgorithm::Describe { reference: reference.to_string(), source })?;
    Ok(ReadyAlgorithm { algorithm, component: component.as_ref().into(), description })
}

/// A setting that an algorithm does not know. It is an error because a misspelt setting would silently stay at its default.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("setting {key:?} is not known to {algorithm} ({})", known_text(.known))]
pub struct UnknownSetting {
    key: String,
    algorithm: String,
    known: Vec<String>,
}

fn known_text(known: &[String]) -> String {
    if known.is_empty() { "it has none".to_owned() } else { format!("it has: {}", known.join(", ")) }
}

/// Checks that an algorithm knows all these settings.
///
/// # Errors
/// For the first setting that it does not know.
pub fn check_settings<'s>(
    keys: impl IntoIterator<Item = &'s str>,
    description: &Description,
    algorithm: impl ToString,
) -> Result<(), UnknownSetting> {
    let known = || description.settings.iter().map(|setting| setting.key.clone());
    match keys.into_iter().find(|key| known().all(|known| known != **key)) {
        None => Ok(()),
        Some(key) => {
            Err(UnknownSetting { key: key.to_owned(), algorithm: algorithm.to_string(), known: known().collect() })
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn an_algorithm_is_loaded_once_for_all_communities() {
        let directory = tempfile::tempdir().unwrap();
        let store = Arc::new(store::SqliteStore::open(&directory.path().join("market.db")).unwrap());
        let sandbox = Sandbox::new(sandbox::Options { runs_max: 1, ..sandbox::Options::default() }).unwrap();
        let cache = AlgorithmCache::new(sandbox, store);
        let file = directory.path().join("own.wasm");
        std::fs::write(&file, base::base("static").unwrap().bytes).unwrap();
        let references = [Reference::Base(base::default_base()), Reference::File(file.clone())];
        for community in 0..100 {
            for reference in &references {
                cache.configured(&format!("c{community}"), reference).await.unwrap();
            }
            // Whatever becomes of the file: what settles does not change.
            std::fs::write(&file, "no component").unwrap();
        }
        assert_eq!(cache.loads(), 2);
    }

    #[test]
    fn a_machine_that_cannot_compile_an_algorithm_does_not_blame_it() {
        let failed = |source| UnusableAlgorithm::Load { reference: "a".to_owned(), source };
        let machine = failed(LoadError::Sandbox(SandboxError::Machine("no memory".into())));
        assert!(matches!(AlgorithmError::from(machine), AlgorithmError::Sandbox(SandboxError::Machine(_))));
        let slow = failed(LoadError::CompileTime(std::time::Duration::from_secs(120)));
        assert!(matches!(AlgorithmError::from(slow), AlgorithmError::Sandbox(SandboxError::Busy(_))));
        let algorithm = failed(LoadError::Empty);
        assert!(matches!(AlgorithmError::from(algorithm), AlgorithmError::Unusable(_)));
    }
}
