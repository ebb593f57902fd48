//! From readings to cases: nets them boundary by boundary, as settlement does.

use std::sync::Arc;

use books::Span;
use domain::netting::LastReads;
use domain::reading::BoundaryReadings;
use domain::{Boundary, MeterId};

use super::run::{Feed, Told};
use super::{Case, PAGE};
use crate::settlement::clearing::Clearing;

/// Makes cases of readings.
pub struct Rounds<'c> {
    clearing: &'c Clearing,
    /// Only intervals that start in it.
    wanted: Span,
    last: LastReads,
    page: Vec<Case>,
    told: Told,
}

impl<'c> Rounds<'c> {
    /// Makes cases for a community: those of intervals that start in a span.
    pub fn new(clearing: &'c Clearing, wanted: Span) -> Rounds<'c> {
        let told = Told { estimated: Some((0, 0)), ..Told::default() };
        Rounds { clearing, wanted, last: LastReads::new(), page: Vec::new(), told }
    }

    /// Adds what was read at the next boundary. Meters in `anew` count from here: what they moved before is not known.
    ///
    /// # Errors
    /// If the readings do not make a round, or nobody takes the cases.
    pub fn boundary(
        &mut self,
        at: Boundary,
        readings: &BoundaryReadings,
        anew: &[MeterId],
        feed: &Feed<'_>,
    ) -> anyhow::Result<()> {
        let Some(interval) = at.interval(self.clearing.community().interval) else { return Ok(()) };
        for meter in anew {
            self.last.remove(meter);
        }
        let (netting, round) = self.clearing.prepare(interval, &self.last, readings)?;
        self.last.extend(netting.read);
        if !self.wants(at) && !self.wants(interval.start()) {
            return Ok(());
        }
        self.reach(at);
        if !self.wants(interval.start()) {
            return Ok(());
        }
        self.told.gaps += netting.gaps.len() as u64;
        self.page.extend(round.map(|round| Case { round: Arc::new(round), settled: None }));
        if self.page.len() >= PAGE {
            feed.page(std::mem::take(&mut self.page))?;
        }
        Ok(())
    }

    /// Counts readings, and how many of them are estimates.
    pub fn count(&mut self, estimated: u64, readings: u64) {
        let (before, all) = self.told.estimated.unwrap_or_default();
        self.told.estimated = Some((before + estimated, all + readings));
    }

    /// Whether an interval with this start is wanted.
    fn wants(&self, start: Boundary) -> bool {
        let seconds = start.seconds();
        self.wanted.from.is_none_or(|from| from <= seconds) && self.wanted.to.is_none_or(|to| seconds < to)
    }

    /// The span reaches from the first boundary that was read to this one.
    fn reach(&mut self, at: Boundary) {
        let (from, _) = self.told.span.unwrap_or((at, at));
        self.told.span = Some((from, at));
        let length = u64::from(self.clearing.community().interval.seconds());
        self.told.intervals = (at.seconds() - from.seconds()) / length;
    }

    /// Hands in the last cases.
    ///
    /// # Errors
    /// If nobody takes them.
    pub fn finish(self, feed: &Feed<'_>) -> anyhow::Result<Told> {
        feed.page(self.page)?;
        Ok(Told { span: self.told.span.filter(|(from, until)| from < until), ..self.told })
    }
}
