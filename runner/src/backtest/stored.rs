//! Cases of the books: the rounds of a community as they were settled.

use std::sync::Arc;

use books::{ForeignTrade, Span, Store, StoreError, StoredInterval};
use tokio::runtime::Handle;

use super::run::{Feed, Told};
use super::{Case, PAGE, Settled};

/// Hands in the stored rounds of a community that start in a span. Blocks, in a thread where the runtime's other tasks go on.
///
/// # Errors
/// If the store cannot be read, is damaged, or nobody takes the cases.
pub fn feed(store: &dyn Store, community: &str, mut span: Span, feed: &Feed<'_>) -> anyhow::Result<Told> {
    let runtime = Handle::current();
    let mut told = Told { settled: true, ..Told::default() };
    loop {
        let page = runtime.block_on(store.intervals(community, span, PAGE))?;
        let full = page.len() == PAGE;
        span.from = page.last().map(|last| last.interval.start().seconds().saturating_add(1));
        page.iter().for_each(|stored| told.add(stored));
        let cases = page.into_iter().filter_map(|stored| case(stored).transpose());
        feed.page(cases.collect::<Result<_, _>>()?)?;
        if !full {
            return Ok(told);
        }
    }
}

/// About how many intervals of a community there are in a span: from the first that is stored to the mark.
///
/// # Errors
/// If the store cannot be read.
pub async fn count(store: &dyn Store, community: &str, span: Span) -> Result<u64, StoreError> {
    let first = store.intervals(community, span, 1).await?;
    let mark = store.mark(community).await?;
    let (Some(first), Some(mark)) = (first.first(), mark) else { return Ok(0) };
    let until = span.to.map_or(mark.seconds(), |to| to.min(mark.seconds()));
    let length = u64::from(first.interval.length().seconds());
    Ok(until.saturating_sub(first.interval.start().seconds()).div_ceil(length))
}

impl Told {
    /// Counts an interval, and those that are missing before it.
    fn add(&mut self, stored: &StoredInterval) {
        // The first interval of books only has the registers from which they begin.
        if self.span.is_none() && stored.round.is_none() {
            return;
        }
        let (start, end) = (stored.interval.start(), stored.interval.end());
        let (from, until) = self.span.unwrap_or((start, start));
        let missing = start.seconds().saturating_sub(until.seconds()) / u64::from(stored.interval.length().seconds());
        self.intervals += missing + 1;
        self.gaps += stored.gaps.len() as u64;
        self.span = Some((from, end));
    }
}

fn case(stored: StoredInterval) -> Result<Option<Case>, ForeignTrade> {
    let trades = stored.round_trades()?;
    let (Some(round), Some(provenance)) = (stored.round, stored.provenance) else { return Ok(None) };
    let settled = Settled {
        trades,
        round_digest: stored.round_digest,
        trades_digest: stored.trades_digest,
        algorithm: provenance.algorithm,
        label: (provenance.name, provenance.version),
        fuel: provenance.fuel,
    };
    Ok(Some(Case { round: Arc::new(round), settled: Some(settled) }))
}
