//! `rec-market replay`: recomputes stored intervals and says what differs.

use std::borrow::Cow;
use std::collections::HashMap;
use std::io::{self, Write};
use std::path::PathBuf;

use domain::{Boundary, Digest};
use jiff::Timestamp;
use sandbox::{Limits, LoadError, Sandbox, SandboxError};

use crate::algorithms::catalogue;
use crate::algorithms::catalogue::UnusableAlgorithm;
use crate::algorithms::replay::{self, KnownAlgorithm};
use crate::app;
use crate::app::open_sandbox_with_any_cache;
use crate::cli::args::ReplayArgs;
use crate::cli::exit::{Exit, failed, usage};
use crate::cli::{output, stored, wasmtime_cli};
use crate::config::Config;
use base::Reference;
use books::replay::Replay;
use books::{Span, Store, StoreError, StoredInterval};

use report::Report;

mod report;

/// How far back the interval that contains a time may start, in seconds: the usual lengths, then the longest. One after the
/// other, so that few others are read, of which one may be damaged.
const LENGTHS: [u64; 6] = [60, 300, 900, 1800, 3600, 86_400];

/// Runs the command.
pub async fn run(args: &ReplayArgs, out: &mut impl Write) -> anyhow::Result<Exit> {
    let config = Config::load(&args.config.config)?;
    let store = app::open_store_to_read(&config.store).await.map_err(unreadable)?;
    let stored = store.communities().await.map_err(unreadable)?;
    let names = stored::selection(&config, stored, args.community.as_deref())?;
    let selection = match args.interval {
        Some(at) => containing(&*store, names, at).await?,
        None => {
            let span = stored::span(&args.span)?;
            names.into_iter().map(|name| (name, span)).collect()
        }
    };
    let mut replayer = Replayer {
        store: &*store,
        sandbox: open_sandbox_with_any_cache(Some(config.cache.clone()))?,
        jobs: args.jobs.map_or_else(|| std::thread::available_parallelism().map_or(1, usize::from), usize::from),
        known: HashMap::new(),
    };
    if args.print_wasmtime {
        return print_wasmtime(&mut replayer, &config, &selection, args.component.as_ref(), out).await;
    }
    let mut exit = Exit::Done;
    for (name, span) in selection {
        let mut report = Report::new(&name, args.json);
        let damage = replayer
            .replay(&name, span, limits(&config, &name), |stored, replay| report.add(stored, &replay, &mut *out));
        if let Some(damage) = damage.await? {
            report.damage(&damage, &mut *out)?;
        }
        exit = exit.max(report.finish(&mut *out)?);
    }
    Ok(exit)
}

/// Books that cannot be read are bad books.
fn unreadable(error: StoreError) -> anyhow::Error {
    if stored::is_damage(&error) { failed(Exit::Bad, error) } else { error.into() }
}

/// What a community allows; the usual if it is configured no more.
fn limits(config: &Config, name: &str) -> Limits {
    let community = config.communities.iter().find(|community| community.name == name);
    community.map(|community| community.limits).unwrap_or_default()
}

/// The communities that have an interval around a time, and where it is.
async fn containing(store: &dyn Store, names: Vec<String>, at: Timestamp) -> anyhow::Result<Vec<(String, Span)>> {
    let mut found = Vec::new();
    let mut others = Vec::new();
    for name in names {
        match start(store, &name, at).await.map_err(unreadable)? {
            Some(start) => {
                let span = Span { from: Some(start.seconds()), to: Some(stored::after(start)) };
                found.push((name, span));
            }
            None => others.push(there(store, &name).await.map_err(unreadable)?),
        }
    }
    if found.is_empty() {
        return Err(usage(format!("no stored interval contains {at} ({})", others.join("; "))));
    }
    for other in others {
        tracing::warn!("{other}: none contains {at}");
    }
    Ok(found)
}

/// The start of the interval that contains a time.
async fn start(store: &dyn Store, community: &str, at: Timestamp) -> Result<Option<Boundary>, StoreError> {
    let Ok(second) = u64::try_from(at.as_second()) else { return Ok(None) };
    for length in LENGTHS {
        let span = Span { from: Some((second + 1).saturating_sub(length)), to: Some(second + 1) };
        let mut last = None;
        stored::each_interval(store, community, span, |stored| {
            last = Some(stored.interval);
            Ok::<(), StoreError>(())
        })
        .await?;
        if let Some(interval) = last {
            return Ok((second < interval.end().seconds()).then_some(interval.start()));
        }
    }
    Ok(None)
}

/// Which intervals a community has, in words.
async fn there(store: &dyn Store, community: &str) -> Result<String, StoreError> {
    let first = store.intervals(community, Span::default(), 1).await?;
    let mark = store.progress(community).await?.mark;
    Ok(match (first.first(), mark) {
        (Some(first), Some(mark)) => format!("{community} has intervals from {} to {mark}", first.interval.start()),
        _ => format!("{community} has no intervals"),
    })
}

/// Recomputes page by page, with the algorithms of the page.
struct Replayer<'s> {
    store: &'s dyn Store,
    sandbox: Sandbox,
    jobs: usize,
    known: HashMap<Digest, KnownAlgorithm>,
}

impl Replayer<'_> {
    /// Recomputes a community's intervals and tells them in order. Answers the damage that ended it, if the books cannot be
    /// read to their end.
    async fn replay(
        &mut self,
        community: &str,
        mut span: Span,
        limits: Limits,
        mut seen: impl FnMut(&StoredInterval, Replay) -> anyhow::Result<()>,
    ) -> anyhow::Result<Option<StoreError>> {
        let bar = output::progress(0, "recomputing");
        let mut size = stored::PAGE;
        loop {
            let page = match self.store.intervals(community, span, size).await {
                Ok(page) => page,
                // One by one, up to the one that cannot be read.
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
            self.know(&page).await?;
            let replays = tokio::task::block_in_place(|| self.recompute(community, &page, &limits))?;
            // What is told now may go to the same terminal.
            bar.suspend(|| page.iter().zip(replays).try_for_each(|(stored, replay)| seen(stored, replay)))?;
            bar.inc(page.len() as u64);
            match page.last() {
                Some(last) if page.len() == size => span.from = Some(stored::after(last.interval.start())),
                _ => break,
            }
        }
        bar.finish_and_clear();
        Ok(None)
    }

    /// Loads the algorithms that a page names, and forgets those that it does not: intervals in a row name the same ones.
    async fn know(&mut self, page: &[StoredInterval]) -> anyhow::Result<()> {
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

    /// Loads an algorithm by its digest, and its component: our own one of that digest, or the stored one. What is wrong
    /// with the stored one is told in any case.
    async fn load(&self, digest: Digest) -> anyhow::Result<(KnownAlgorithm, Cow<'static, [u8]>)> {
        let stored = stored::component(self.store, &digest).await.map_err(unreadable)?;
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
            Err(error) => Err(error.to_string()),
        };
        Ok((KnownAlgorithm { algorithm, damage }, component))
    }

    /// Recomputes a page, as many intervals at a time as there are jobs.
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

/// Prints what an outsider types to recompute an interval with nothing but the wasmtime CLI, and writes the component that
/// it needs.
async fn print_wasmtime(
    replayer: &mut Replayer<'_>,
    config: &Config,
    selection: &[(String, Span)],
    file: Option<&PathBuf>,
    out: &mut impl Write,
) -> anyhow::Result<Exit> {
    let [(name, span)] = selection else {
        let names: Vec<&str> = selection.iter().map(|(name, _)| name.as_str()).collect();
        return Err(usage(format!(
            "--print-wasmtime is about one interval: name one --community ({})",
            names.join(", ")
        )));
    };
    let page = replayer.store.intervals(name, *span, 1).await.map_err(unreadable)?;
    let Some((interval, round, provenance)) =
        page.first().and_then(|stored| Some((stored.interval, stored.round.as_ref()?, stored.provenance.as_ref()?)))
    else {
        return Err(usage(format!(
            "no algorithm ran for the interval of {name}: nobody was read at both ends (choose another one)"
        )));
    };
    let (known, component) = replayer.load(provenance.algorithm).await?;
    let failed = |problem: &str| failed(Exit::Bad, anyhow::anyhow!("interval {interval}: {problem}"));
    let (algorithm, _) = known.algorithm.map_err(|problem| failed(&problem))?;
    if let Some(damage) = known.damage {
        tracing::warn!("{damage} (this program has them)");
    }
    let usual = || PathBuf::from(wasmtime_cli::file_name(&provenance.name, &provenance.algorithm));
    let file = file.cloned().unwrap_or_else(usual);
    wasmtime_cli::write(&component, &file)?;
    // Not on stdout, which may lead into a shell.
    writeln!(
        io::stderr(),
        "the algorithm of interval {interval} is in {}, sha256 {}",
        file.display(),
        provenance.algorithm
    )?;
    let budget = replay::budget(&limits(config, name), round);
    writeln!(out, "{}", wasmtime_cli::command(&algorithm, &file, round, budget))?;
    Ok(Exit::Done)
}
