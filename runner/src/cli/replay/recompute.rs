//! Recomputes stored intervals page by page, several at a time.

use std::borrow::Cow;
use std::collections::HashMap;

use base::Reference;
use books::replay::Replay;
use books::{Span, Store, StoreError, StoredInterval};
use domain::Digest;
use domain::text::chain;
use sandbox::{Limits, LoadError, Sandbox, SandboxError};

use super::expect_damage;
use crate::algorithms::catalogue::{self, UnusableAlgorithm};
use crate::algorithms::replay::{self, KnownAlgorithm};
use crate::cli::{output, stored};

pub(super) struct Replayer<'s> {
    pub(super) store: &'s dyn Store,
    sandbox: Sandbox,
    /// How many intervals are recomputed at the same time.
    jobs: usize,
    /// The algorithms of the current page.
    known: HashMap<Digest, KnownAlgorithm>,
}

impl Replayer<'_> {
    pub(super) fn new(store: &dyn Store, sandbox: Sandbox, jobs: usize) -> Replayer<'_> {
        Replayer { store, sandbox, jobs, known: HashMap::new() }
    }

    /// Recomputes a community's intervals and reports them in order. Returns the damage at which it had to stop, if the
    /// store cannot be read to the end.
    pub(super) async fn replay(
        &mut self,
        community: &str,
        mut span: Span,
        limits: Limits,
        mut visit: impl FnMut(&StoredInterval, Replay) -> anyhow::Result<()>,
    ) -> anyhow::Result<Option<StoreError>> {
        let bar = output::progress(0, "recomputing");
        let mut size = stored::PAGE;
        loop {
            let page = match self.store.intervals(community, span, size).await {
                Ok(page) => page,
                // One by one, up to the interval that cannot be read.
                Err(error) if stored::is_damage(&error) && size > 1 => {
                    size = 1;
                    continue;
                }
                Err(error) if stored::is_damage(&error) => {
                    bar.finish_and_clear();
                    return Ok(Some(error));
                }
                Err(error) => return Err(error.into()),
            };
            bar.inc_length(page.len() as u64);
            self.load_for(&page).await?;
            let replays = tokio::task::block_in_place(|| self.recompute(community, &page, &limits))?;
            // What is printed may go to the same terminal as the bar.
            bar.suspend(|| page.iter().zip(replays).try_for_each(|(stored, replay)| visit(stored, replay)))?;
            bar.inc(page.len() as u64);
            match page.last() {
                Some(last) if page.len() == size => span.from = Some(stored::after(last.interval.start())),
                _ => break,
            }
        }
        bar.finish_and_clear();
        Ok(None)
    }

    /// Loads the algorithms of a page and drops all others: successive pages have mostly the same ones.
    async fn load_for(&mut self, page: &[StoredInterval]) -> anyhow::Result<()> {
        let named: Vec<Digest> = page.iter().filter_map(algorithm).collect();
        self.known.retain(|digest, _| named.contains(digest));
        for digest in named {
            if !self.known.contains_key(&digest) {
                let (known, _) = self.load(digest).await?;
                self.known.insert(digest, known);
            }
        }
        Ok(())
    }

    /// Loads an algorithm by its digest, and its component: the base algorithm with that digest, or the stored one. Damage
    /// of the stored one is reported in both cases.
    pub(super) async fn load(&self, digest: Digest) -> anyhow::Result<(KnownAlgorithm, Cow<'static, [u8]>)> {
        let stored = expect_damage(stored::component(self.store, &digest).await)?;
        let (reference, component, damage) = match (base::base_by_digest(&digest), stored) {
            (Some(base), stored) => (Reference::Base(base), Cow::Borrowed(base.bytes), stored.err()),
            (None, Ok(bytes)) => (Reference::Digest(digest), Cow::Owned(bytes), None),
            (None, Err(problem)) => {
                return Ok((KnownAlgorithm { algorithm: Err(problem), damage: None }, Cow::default()));
            }
        };
        let algorithm = match catalogue::load(&self.sandbox, &reference, &component) {
            Ok(algorithm) => {
                let described = algorithm.describe(Limits::default().budget(0))?;
                Ok((algorithm, described))
            }
            Err(UnusableAlgorithm::Load { source: LoadError::Sandbox(error), .. }) => return Err(error.into()),
            Err(error) => Err(chain(&error)),
        };
        Ok((KnownAlgorithm { algorithm, damage }, component))
    }

    /// Recomputes a page in as many threads as there are jobs.
    fn recompute(
        &self,
        community: &str,
        page: &[StoredInterval],
        limits: &Limits,
    ) -> Result<Vec<Replay>, SandboxError> {
        let recompute = |part: &[StoredInterval]| -> Result<Vec<Replay>, SandboxError> {
            let known = |stored| algorithm(stored).and_then(|digest| self.known.get(&digest));
            part.iter().map(|stored| replay::replay(community, stored, known(stored), limits)).collect()
        };
        let part = page.len().div_ceil(self.jobs).max(1);
        std::thread::scope(|scope| {
            let threads: Vec<_> = page.chunks(part).map(|part| scope.spawn(move || recompute(part))).collect();
            let mut replays = Vec::with_capacity(page.len());
            for thread in threads {
                match thread.join() {
                    Ok(part) => replays.extend(part?),
                    Err(panic) => std::panic::resume_unwind(panic),
                }
            }
            Ok(replays)
        })
    }
}

fn algorithm(stored: &StoredInterval) -> Option<Digest> {
    stored.provenance.as_ref().map(|provenance| provenance.algorithm)
}
