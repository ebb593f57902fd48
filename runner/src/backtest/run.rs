//! Gives pages of cases to workers, and puts together what they bring.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Mutex, PoisonError};
use std::thread;

use domain::{Boundary, MemberId};
use figures::backtest::{Coverage, Kind, Named, Runs};
use figures::{Backtest, Chain, Roster, Sums, TooLarge};

use super::job::Job;
use super::worker::{Part, SettledPart, Worker};
use super::{BacktestError, Case};

/// Takes pages of cases on their way to the workers. Waits while they have enough.
pub struct Feed<'f> {
    pages: SyncSender<Vec<Case>>,
    /// Whether a worker could not go on.
    stopped: &'f AtomicBool,
}

/// What a source tells of its span, besides its cases.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Told {
    /// The start of the first interval and the end of the last, with or without a round; `None` without any.
    pub span: Option<(Boundary, Boundary)>,
    /// How many intervals are between.
    pub intervals: u64,
    /// How many times a meter was read again after a gap.
    pub gaps: u64,
    /// Readings that are estimates, and all; `None` if nobody knows.
    pub estimated: Option<(u64, u64)>,
    /// Whether they are of books, where something settled them.
    pub settled: bool,
}

/// The workers take no more: one of them could not go on, or all are through.
#[derive(Debug, Clone, Copy, thiserror::Error)]
#[error("the backtest stopped")]
pub struct Stopped;

impl Feed<'_> {
    /// Hands in the next page.
    ///
    /// # Errors
    /// If no worker takes it; [`run`] says why.
    pub fn page(&self, cases: Vec<Case>) -> Result<(), Stopped> {
        match cases.is_empty() {
            _ if self.stopped.load(Ordering::Relaxed) => Err(Stopped),
            true => Ok(()),
            false => self.pages.send(cases).map_err(|_| Stopped),
        }
    }
}

/// Runs a job on the cases that `source` hands in, which is called in this thread. Blocks.
///
/// # Errors
/// If the source fails, or the machine, or a sum does not fit.
pub fn run(job: &Job<'_>, source: impl FnOnce(&Feed<'_>) -> anyhow::Result<Told>) -> anyhow::Result<Backtest> {
    let workers = job.workers.get();
    let (sender, receiver) = sync_channel(workers);
    let (pages, stopped) = (Mutex::new(receiver), AtomicBool::new(false));
    let (told, parts) = thread::scope(|scope| {
        let threads: Vec<_> = (0..workers).map(|_| scope.spawn(|| work(job, &pages, &stopped))).collect();
        let told = source(&Feed { pages: sender, stopped: &stopped });
        let parts: Vec<_> = threads
            .into_iter()
            .map(|thread| thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)))
            .collect();
        (told, parts)
    });
    // What stopped a worker comes first: the source only saw that nobody takes its pages.
    let parts = parts.into_iter().collect::<Result<Vec<Part>, BacktestError>>()?;
    Ok(together(job, told?, parts)?)
}

/// Works on pages until there are no more, or one cannot be done. Then it takes those that wait away, so that nobody waits.
fn work(job: &Job<'_>, pages: &Mutex<Receiver<Vec<Case>>>, stopped: &AtomicBool) -> Result<Part, BacktestError> {
    let mut worker = Worker::new(job);
    loop {
        let page = pages.lock().unwrap_or_else(PoisonError::into_inner).recv();
        let Ok(page) = page else { return Ok(worker.finish()) };
        for case in &page {
            if let Err(error) = worker.case(case) {
                stopped.store(true, Ordering::Relaxed);
                while pages.lock().unwrap_or_else(PoisonError::into_inner).recv().is_ok() {}
                return Err(error);
            }
        }
        (job.progress)(page.len() as u64);
    }
}

/// Everything that the workers brought.
struct Whole {
    members: Vec<MemberId>,
    alone: Sums,
    settled: Option<SettledPart>,
    variants: Vec<(Sums, Runs)>,
    counted: u64,
    uncleared: u64,
    chain: Chain,
}

fn whole(job: &Job<'_>, mut parts: Vec<Part>) -> Result<Whole, TooLarge> {
    let mut members: Vec<MemberId> = parts.iter().flat_map(|part| part.roster.members()).cloned().collect();
    members.sort();
    members.dedup();
    let mut roster = Roster::default();
    for member in &members {
        roster.number(member);
    }
    let mut lines = BTreeMap::new();
    parts.iter_mut().for_each(|part| lines.append(&mut part.lines));
    let mut chain = Chain::default();
    lines.values().for_each(|line| chain.add(line));
    let mut whole = Whole {
        alone: Sums::default(),
        settled: None,
        variants: job.variants.iter().map(|_| (Sums::default(), Runs::default())).collect(),
        counted: 0,
        uncleared: 0,
        chain,
        members,
    };
    for part in parts {
        let numbers: Vec<usize> = part.roster.members().iter().map(|member| roster.number(member)).collect();
        whole.alone.merge(&part.alone, &numbers)?;
        if let Some(settled) = part.settled {
            let whole = whole.settled.get_or_insert_default();
            whole.sums.merge(&settled.sums, &numbers)?;
            whole.fuel = whole.fuel.saturating_add(settled.fuel);
            whole.algorithms.extend(settled.algorithms);
        }
        for ((sums, runs), part) in whole.variants.iter_mut().zip(part.variants) {
            sums.merge(&part.sums, &numbers)?;
            runs.add(part.runs);
        }
        whole.counted += part.counted;
        whole.uncleared += part.uncleared;
    }
    Ok(whole)
}

fn together(job: &Job<'_>, told: Told, parts: Vec<Part>) -> Result<Backtest, TooLarge> {
    let whole = whole(job, parts)?;
    let members = whole.members.len();
    let plain = |kind, name: &str| Named {
        kind,
        label: name.to_owned(),
        name: name.to_owned(),
        version: None,
        digest: None,
        settings: Vec::new(),
    };
    let alone = plain(Kind::GridAlone, GRID_ALONE);
    let mut variants = vec![figures::Variant::new(alone, Runs::default(), whole.alone, members)?];
    if let Some(settled) = whole.settled.or(told.settled.then(SettledPart::default)) {
        let only = settled.algorithms.first().filter(|_| settled.algorithms.len() == 1);
        let named = Named {
            digest: only.map(|(digest, _)| *digest),
            version: only.map(|(_, (_, version))| version.clone()),
            ..plain(Kind::AsSettled, AS_SETTLED)
        };
        let runs = Runs { fuel: settled.fuel, ..Runs::default() };
        variants.push(figures::Variant::new(named, runs, settled.sums, members)?);
    }
    // What settled, or the first that was named; without any, the grid alone.
    let baseline = usize::from(variants.len() > 1 || !job.variants.is_empty());
    for (variant, (sums, runs)) in job.variants.iter().zip(whole.variants) {
        let description = &variant.ready.description;
        let named = Named {
            kind: Kind::Rule,
            label: variant.named.text.clone(),
            name: description.name.clone(),
            version: Some(description.version.clone()),
            digest: Some(variant.digest()),
            settings: variant.named.all(),
        };
        variants.push(figures::Variant::new(named, runs, sums, members)?);
    }
    Ok(Backtest {
        community: job.community.to_owned(),
        zone: job.zone.clone(),
        span: told.span,
        coverage: Coverage {
            intervals: told.intervals,
            counted: whole.counted,
            uncleared: whole.uncleared,
            gaps: told.gaps,
            estimated: told.estimated,
        },
        members: whole.members,
        variants,
        baseline,
        digest: whole.chain.digest(),
    })
}

/// The name of the variant without a community.
pub const GRID_ALONE: &str = "grid-alone";
/// The name of the variant that is in the books.
pub const AS_SETTLED: &str = "as-settled";
