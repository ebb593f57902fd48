//! Sums by day: those that are kept with the details of days that are over, then those of the intervals as they are.

use std::collections::VecDeque;

use domain::Boundary;
use jiff::tz::TimeZone;

use super::fault::Fault;
use super::server::Server;
use super::{days, read};
use books::statement::Statement;
use books::{DaySums, Span, StoredInterval, day_of};

/// Seconds of a day of UTC, at whose beginning a page begins.
pub(super) const DAY: u64 = 86_400;
/// Intervals that are held in memory at a time.
const PAGE: usize = 100;

/// The sums of days, see [`books::Books::sums`].
pub(super) async fn list(
    server: &Server,
    community: &str,
    span: Span,
    after: Option<Boundary>,
    limit: usize,
) -> Result<Vec<DaySums>, Fault> {
    let mut found = days::kept_sums(server, community, span, after, limit).await?;
    if found.len() >= limit {
        return Ok(found);
    }
    let kept = days::last(server, community).await?.map(Boundary::seconds);
    let from = span.from.map(|from| from / DAY * DAY).max(after.map(Boundary::seconds)).max(kept);
    // The last day is there as a whole.
    let to = span.to.map(|to| to.div_ceil(DAY).saturating_mul(DAY));
    let mut intervals = Intervals { server, community, span: Span { from, to }, page: VecDeque::new(), is_over: false };
    let mut current: Option<(DaySums, Option<Statement>)> = None;
    while let Some(interval) = intervals.next().await? {
        let day = |interval: &StoredInterval| day_of(interval.interval, &TimeZone::UTC);
        let is_other = |(sums, _): &(DaySums, Option<Statement>)| sums.first.timestamp() < day(&interval);
        if let Some(over) = current.take_if(|current| is_other(current)) {
            found.extend(finished(over, span));
            if found.len() >= limit {
                return Ok(found);
            }
        }
        add(current.get_or_insert_with(|| begin(&interval)), &interval);
    }
    found.extend(current.and_then(|last| finished(last, span)));
    found.truncate(limit);
    Ok(found)
}

fn begin(interval: &StoredInterval) -> (DaySums, Option<Statement>) {
    let (first, until) = (interval.interval.start(), interval.interval.end());
    let sums = DaySums { first, last: first, until, intervals: 0, trades: 0, members: None };
    (sums, Some(Statement::default()))
}

fn add((sums, statement): &mut (DaySums, Option<Statement>), interval: &StoredInterval) {
    (sums.last, sums.until) = (interval.interval.start(), interval.interval.end());
    sums.intervals += 1;
    sums.trades += interval.trades.len() as u64;
    let more = Statement::of(interval.round.as_ref(), &interval.gaps, &interval.trades);
    *statement = statement.take().zip(more).and_then(|(sum, more)| sum.checked_add(&more));
}

/// The sums of a day, if any of its intervals is in the span.
fn finished((sums, statement): (DaySums, Option<Statement>), span: Span) -> Option<DaySums> {
    let is_within =
        span.from.is_none_or(|from| from <= sums.last.seconds()) && span.to.is_none_or(|to| sums.first.seconds() < to);
    is_within.then(|| DaySums { members: statement.map(|statement| statement.members), ..sums })
}

/// A community's intervals, read page by page.
struct Intervals<'s> {
    server: &'s Server,
    community: &'s str,
    span: Span,
    page: VecDeque<StoredInterval>,
    is_over: bool,
}

impl Intervals<'_> {
    async fn next(&mut self) -> Result<Option<StoredInterval>, Fault> {
        if self.page.is_empty() && !self.is_over {
            self.page = read::intervals(self.server, self.community, self.span, PAGE).await?.into();
            self.is_over = self.page.len() < PAGE;
            let last = self.page.back().map(|last| last.interval.start().seconds().saturating_add(1));
            self.span.from = last.or(self.span.from);
        }
        Ok(self.page.pop_front())
    }
}
