//! Energy that became known after its intervals were settled: found by comparing the registers that follow from what is kept
//! with those that the books have, and settled like a decision about the meter, with the grid alone.

use books::{
    Action, Change, ExpectedState, KeptChange, LateArrival, MeterSpan, Progress, SERVICE_ITSELF, Span, StoreError,
};
use domain::disputes::{MeterDecision, ReadAt};
use domain::netting::LastRead;
use domain::{Boundary, IntervalLength, MeterId};
use jiff::{Timestamp, Unit};

use super::decided::Settling;
use crate::registers;

/// Decides about everything that became known late. Returns whether anything was decided.
pub(super) async fn decide(
    settling: Settling<'_>,
    progress: &Progress,
    decisions: &[KeptChange],
) -> Result<bool, StoreError> {
    let community = settling.clearing.community();
    let Some(mark) = progress.mark else { return Ok(false) };
    let arrivals = settling.store.late_arrivals().await?;
    if arrivals.is_empty() {
        return Ok(false);
    }
    let spans = settling.store.metered(None).await?;
    let mut number = decisions.iter().filter_map(|decision| decision.number).max().unwrap_or(0);
    let search = Search { settling, mark, arrivals, decisions };
    let mut is_any = false;
    for span in &spans {
        let Some(arrived) = search.arrived(&span.meter) else { continue };
        let last = progress.last_reads.get(&span.meter);
        let Some(decision) = search.find(span, arrived, last).await? else { continue };
        let at = settling.now.round(Unit::Millisecond).unwrap_or(settling.now);
        let action = Action::Meter { meter: span.meter.clone(), decision, reason: None };
        let change = Change { at, by: SERVICE_ITSELF.to_owned(), community: Some(community.name.clone()), action };
        let expected = ExpectedState { open: Some(mark), decision: number };
        // If another process has decided or settled meanwhile, its pass or the next one finds the rest.
        let Some(decided) = settling.store.decide(&community.name, &change, expected).await? else { return Ok(true) };
        (number, is_any) = (decided, true);
    }
    Ok(is_any)
}

struct Search<'s> {
    settling: Settling<'s>,
    mark: Boundary,
    arrivals: Vec<LateArrival>,
    decisions: &'s [KeptChange],
}

impl Search<'_> {
    /// Since when a meter has energy that was late and was not decided about yet: none if nothing arrived since the last time.
    fn arrived(&self, meter: &MeterId) -> Option<i64> {
        let of_meter = |kept: &&KeptChange| match &kept.change.action {
            Action::Meter { meter: about, decision: MeterDecision::Late { .. }, .. } => about == meter,
            _ => false,
        };
        let decided = self.decisions.iter().filter(of_meter).map(|kept| kept.change.at).max();
        let is_new = |arrival: &&LateArrival| {
            arrival.meter == *meter && decided.is_none_or(|decided: Timestamp| decided <= arrival.at)
        };
        self.arrivals.iter().filter(is_new).map(|arrival| arrival.from).min()
    }

    /// What became known of a meter since `arrived`, if anything did that its member may be charged with.
    async fn find(
        &self,
        span: &MeterSpan,
        arrived: i64,
        last: Option<&LastRead>,
    ) -> Result<Option<MeterDecision>, StoreError> {
        let (store, meter) = (self.settling.store, &span.meter);
        let Some(begins) = self.begins().await? else { return Ok(None) };
        let Some(newest) = registers::counted_at(store, meter, span.last, self.mark).await? else { return Ok(None) };
        let now = match Boundary::at_or_after(newest.at, self.length()) {
            Some(boundary) if boundary.timestamp() == newest.at => ReadAt { boundary, registers: newest.registers },
            _ => return Ok(None),
        };
        let before = match last {
            Some(last) if last.dispute.is_some() => return Ok(None),
            Some(last) => last.read(),
            None => match self.first(span, begins).await? {
                Some(first) => first,
                None => return Ok(None),
            },
        };
        let is_more = now.registers.checked_sub(before.registers).is_some() && now.registers != before.registers;
        if !is_more || now.boundary < before.boundary {
            return Ok(None);
        }
        let since = self.boundary_before(arrived).unwrap_or(begins).max(begins).min(now.boundary);
        let Some(interval) = self.mark.interval(self.length()) else { return Ok(None) };
        let is_members = self.settling.clearing.member_of(meter, interval, since).is_some();
        Ok(is_members.then_some(MeterDecision::Late { since, before, now }))
    }

    /// The last boundary at or before a time in Unix seconds; none before 1970.
    fn boundary_before(&self, seconds: i64) -> Option<Boundary> {
        let length = u64::from(self.length().seconds());
        u64::try_from(seconds).ok().and_then(|seconds| Boundary::from_seconds(seconds / length * length))
    }

    /// From where a meter counts that was never read in the books: its first reading within them.
    async fn first(&self, span: &MeterSpan, begins: Boundary) -> Result<Option<ReadAt>, StoreError> {
        let store = self.settling.store;
        let wanted = registers::Wanted {
            meter: Some(&span.meter),
            from: begins.timestamp(),
            until: Some(self.mark.timestamp()),
            skip: 0,
            limit: 1,
        };
        let mut listed = registers::list(store, wanted).await?;
        let first = listed.pop().and_then(|(_, readings)| readings.into_iter().next());
        Ok(first.and_then(|first| {
            let boundary = Boundary::at_or_after(first.at, self.length())?;
            (boundary.timestamp() == first.at).then_some(ReadAt { boundary, registers: first.registers })
        }))
    }

    /// Where the books begin.
    async fn begins(&self) -> Result<Option<Boundary>, StoreError> {
        let name = &self.settling.clearing.community().name;
        let first = self.settling.store.intervals(name, Span::default(), 1).await?;
        Ok(first.first().map(|first| first.interval.start()))
    }

    fn length(&self) -> IntervalLength {
        self.settling.clearing.community().interval
    }
}
