//! Sums by day: those that are kept, and where a day is not, those of its intervals.

use domain::Boundary;
use jiff::Timestamp;
use jiff::tz::TimeZone;

use super::days::Summing;
use super::fault::Fault;
use super::known::FullMark;
use super::link::Traded;
use super::read::Intervals;
use super::server::Server;
use super::stretches::{Stretch, Stretches};
use books::statement::Statement;
use books::{DaySums, Span, StoredInterval, day_of};

/// The sums of days, see [`books::Books::sums`].
pub(super) async fn list(
    server: &Server,
    community: &str,
    span: Span,
    after: Option<Boundary>,
    limit: usize,
) -> Result<Vec<DaySums>, Fault> {
    let mut found = Vec::new();
    let mut stretches = Stretches::new(server, community, span, after).await?;
    while found.len() < limit
        && let Some(stretch) = stretches.next().await?
    {
        match stretch {
            Stretch::Day(day) => match day.sums()? {
                Some(sums) => found.push(sums),
                None => of_intervals(server, community, day.span(), limit, &mut found).await?,
            },
            Stretch::Intervals(span) => of_intervals(server, community, span, limit, &mut found).await?,
        }
    }
    found.truncate(limit);
    Ok(found)
}

/// Sums up intervals by days of UTC, until there are enough.
async fn of_intervals(
    server: &Server,
    community: &str,
    span: Span,
    limit: usize,
    found: &mut Vec<DaySums>,
) -> Result<(), Fault> {
    let mut intervals = Intervals::new(server, community, span, None);
    let mut current: Option<(Timestamp, DaySums, Option<Statement>)> = None;
    let finished = |(_, sums, statement): (Timestamp, DaySums, Option<Statement>)| DaySums {
        members: statement.map(|statement| statement.members),
        ..sums
    };
    while let Some(interval) = intervals.next().await? {
        let day = day_of(interval.interval, &TimeZone::UTC);
        if let Some(over) = current.take_if(|(of, ..)| *of != day) {
            found.push(finished(over));
            if found.len() >= limit {
                return Ok(());
            }
        }
        add(current.get_or_insert_with(|| begin(day, &interval)), &interval);
    }
    found.extend(current.map(finished));
    Ok(())
}

fn begin(day: Timestamp, interval: &StoredInterval) -> (Timestamp, DaySums, Option<Statement>) {
    let (first, until) = (interval.interval.start(), interval.interval.end());
    let sums = DaySums { first, last: first, until, intervals: 0, trades: 0, members: None };
    (day, sums, Some(Statement::default()))
}

fn add((_, sums, statement): &mut (Timestamp, DaySums, Option<Statement>), interval: &StoredInterval) {
    (sums.last, sums.until) = (interval.interval.start(), interval.interval.end());
    sums.intervals += 1;
    sums.trades += interval.trades.len() as u64;
    let more = Statement::of(interval.round.as_ref(), &interval.gaps, &interval.trades);
    *statement = statement.take().zip(more).and_then(|(sum, more)| sum.checked_add(&more));
}

/// An interval as it is summed up.
pub(super) fn traded(interval: &StoredInterval, after: Option<Boundary>, day: Timestamp) -> Traded<'_> {
    Traded {
        interval: interval.interval,
        after,
        day,
        round: interval.round.as_ref(),
        gaps: &interval.gaps,
        trades: &interval.trades,
    }
}

/// Sums up the day that has not ended again, with additions up to that number of a link.
pub(super) async fn again(server: &Server, community: &str, before: &FullMark, number: u64) -> Result<Summing, Fault> {
    let Some(today) = &before.day.today else { return Summing::from(before) };
    let mut summed = Summing::new();
    let mut after = today.after();
    let mut intervals = Intervals::new(server, community, today.span(), Some(number));
    while let Some(interval) = intervals.next().await? {
        summed.add(&traded(&interval, after, today.day()))?;
        after = Some(interval.interval.end());
    }
    Ok(summed)
}
