//! The days of a community and what is between them: a day that is not there shows, and its intervals are read instead.

use std::collections::VecDeque;

use domain::Boundary;
use mongodb::bson::{Document, doc};

use super::days::DayDocument;
use super::document::all;
use super::fault::Fault;
use super::field::boundary_date;
use super::known::{FullMark, RunningDay};
use super::mark;
use super::server::Server;
use books::Span;

/// Days that are read at once.
const PAGE: i64 = 32;

/// A part of a community's books, by the starts of its intervals.
pub(super) enum Stretch {
    /// A day.
    Day(RunningDay),
    /// Intervals of which no day is there.
    Intervals(Span),
}

/// The days of a community with intervals that start within a span, and what is between them, in order.
pub(super) struct Stretches<'s> {
    server: &'s Server,
    community: String,
    span: Span,
    /// Whether what parties have traded is left out.
    is_brief: bool,
    /// Where the stretch before ended.
    until: Option<Boundary>,
    /// The end of the last day that was read, and whether there may be more.
    read: Option<Boundary>,
    has_more: bool,
    days: VecDeque<RunningDay>,
    /// The day that has not ended.
    today: Option<RunningDay>,
    /// The end of the last interval.
    end: Option<Boundary>,
    /// A day that comes after what is before it.
    next: Option<RunningDay>,
    is_over: bool,
}

impl<'s> Stretches<'s> {
    /// From the beginning of a span, or from the end of a day on.
    pub(super) async fn new(
        server: &'s Server,
        community: &str,
        span: Span,
        after: Option<Boundary>,
    ) -> Result<Stretches<'s>, Fault> {
        let FullMark { mark, day } = mark::full(server, community).await?;
        Ok(Stretches {
            server,
            community: community.to_owned(),
            span,
            is_brief: false,
            until: after,
            read: after,
            has_more: true,
            days: VecDeque::new(),
            today: day.today,
            end: mark.end(),
            next: None,
            is_over: mark.end().is_none(),
        })
    }

    /// Without what parties have traded.
    pub(super) fn brief(self) -> Stretches<'s> {
        Stretches { is_brief: true, ..self }
    }

    /// Without the day that has not ended.
    pub(super) fn over(self) -> Stretches<'s> {
        Stretches { today: None, ..self }
    }

    pub(super) async fn next(&mut self) -> Result<Option<Stretch>, Fault> {
        if let Some(day) = self.next.take() {
            return Ok(Some(self.take(day)));
        }
        while !self.is_over {
            let Some(day) = self.next_day().await? else {
                self.is_over = true;
                let rest = Span { from: self.until.map(Boundary::seconds).max(self.span.from), to: self.span.to };
                let is_rest = self.until < self.end && rest.to.is_none_or(|to| rest.from.unwrap_or(0) < to);
                return Ok(is_rest.then_some(Stretch::Intervals(rest)));
            };
            // Left by somebody who died while everything was summed up again.
            if self.until.is_some_and(|until| day.first.0 < until) {
                continue;
            }
            let after = day.after.map(|after| after.0);
            let from = self.until.map(Boundary::seconds).max(self.span.from);
            let follows = match self.until {
                Some(until) => after == Some(until),
                None => after.is_none_or(|after| Some(after.seconds()) <= self.span.from),
            };
            if follows {
                return Ok(Some(self.take(day)));
            }
            let between = Span { from, to: Some(day.first.0.seconds()) };
            self.next = Some(day);
            return Ok(Some(Stretch::Intervals(between)));
        }
        Ok(None)
    }

    fn take(&mut self, day: RunningDay) -> Stretch {
        self.until = Some(day.until.0);
        Stretch::Day(day)
    }

    /// The next day with intervals that start within the span.
    async fn next_day(&mut self) -> Result<Option<RunningDay>, Fault> {
        let Span { from, to } = self.span;
        loop {
            if self.days.is_empty() && self.has_more {
                self.days = self.read_days().await?;
            }
            let day = match self.days.pop_front() {
                Some(day) => day,
                None => match self.today.take() {
                    Some(today) => today,
                    None => return Ok(None),
                },
            };
            let is_within = from.is_none_or(|from| from <= day.last.0.seconds())
                && to.is_none_or(|to| day.first.0.seconds() < to)
                && self.until.is_none_or(|until| until < day.until.0);
            if is_within {
                return Ok(Some(day));
            }
        }
    }

    async fn read_days(&mut self) -> Result<VecDeque<RunningDay>, Fault> {
        self.has_more = false;
        let Some(filter) = self.filter() else { return Ok(VecDeque::new()) };
        let projection = self.is_brief.then(|| doc! { "sums.parties": 0 });
        let days = self.server.of::<DayDocument>();
        let find = days.find(filter).sort(doc! { "sums.until": 1 }).limit(PAGE);
        let find = if let Some(projection) = projection { find.projection(projection) } else { find };
        let found = all("day", find).await?;
        self.has_more = i64::try_from(found.len()).is_ok_and(|found| found == PAGE);
        self.read = found.last().map(|last| last.sums.until.0);
        Ok(found.into_iter().map(|found| found.sums).collect())
    }

    /// The condition on the days that come next; `None` if none can.
    fn filter(&self) -> Option<Document> {
        let from = self.span.from.map_or(Some(Boundary::EPOCH), Boundary::from_seconds)?;
        let mut filter = doc! { "community": &self.community };
        filter.insert("sums.until", doc! { "$gt": boundary_date(self.read.map_or(from, |read| read.max(from))) });
        // An end beyond all times is none.
        let to = self.span.to.and_then(Boundary::from_seconds);
        filter.extend(to.map(|to| ("sums.first".to_owned(), doc! { "$lt": boundary_date(to) }.into())));
        Some(filter)
    }
}
