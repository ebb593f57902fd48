//! The mark of a community: how far its chain may be seen.

use domain::Boundary;
use mongodb::bson::{Document, doc};
use serde::{Deserialize, Serialize};

use super::field::{BoundaryDate, boundary_date};
use books::Span;

/// How far a community is, in `communities`. Numbers only rise; what is none is 0.
#[derive(Clone, Default, Serialize, Deserialize)]
pub(super) struct Mark {
    #[serde(rename = "_id", skip_serializing)]
    pub(super) community: String,
    /// The number of the last link that may be seen.
    pub(super) number: u64,
    /// The number of the last one that is an interval. Marks from before there were decisions have none: there every link
    /// is an interval.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) interval: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    mark: Option<BoundaryDate>,
    /// The number of the last one that is a decision.
    #[serde(skip_serializing_if = "Option::is_none")]
    course: Option<u64>,
    /// The number of the last one that is an addition to an interval.
    #[serde(skip_serializing_if = "Option::is_none")]
    addition: Option<u64>,
}

impl Mark {
    /// The end of the last interval.
    pub(super) fn end(&self) -> Option<Boundary> {
        self.mark.map(|mark| mark.0)
    }

    pub(super) fn decision(&self) -> u64 {
        self.course.unwrap_or(0)
    }

    /// The number up to which decisions have taken effect: whoever writes an interval or an addition knows all before.
    pub(super) fn taken(&self) -> u64 {
        self.interval.max(self.addition).unwrap_or(0)
    }

    /// Whether there are decisions that have not taken effect.
    pub(super) fn has_pending(&self) -> bool {
        self.decision() > self.taken()
    }

    /// Whether something was added after the link with this number.
    pub(super) fn addition_after(&self, number: u64) -> bool {
        self.addition.is_some_and(|addition| addition > number)
    }

    /// The number of the last interval.
    pub(super) fn last_interval(&self) -> u64 {
        self.interval.unwrap_or(self.number)
    }

    /// What this mark becomes by an advance.
    pub(super) fn after(&self, advance: &Mark) -> Mark {
        Mark {
            community: self.community.clone(),
            number: self.number.max(advance.number),
            interval: self.interval.max(advance.interval),
            mark: advance.mark.or(self.mark),
            course: self.course.max(advance.course),
            addition: self.addition.max(advance.addition),
        }
    }

    /// Of a community of which there is nothing yet.
    pub(super) fn none(community: &str) -> Mark {
        Mark { community: community.to_owned(), ..Mark::default() }
    }

    pub(super) fn of_interval(number: u64, end: Boundary) -> Mark {
        Mark { number, interval: Some(number), mark: Some(BoundaryDate(end)), ..Mark::default() }
    }

    /// After an addition to an interval with this number.
    pub(super) fn of_addition(number: u64, interval: u64) -> Mark {
        Mark { number, interval: Some(interval), addition: Some(number), ..Mark::default() }
    }

    pub(super) fn of_decision(number: u64) -> Mark {
        Mark { number, course: Some(number), ..Mark::default() }
    }
}

/// Documents that start within a span, up to the mark.
pub(super) fn within(community: &str, span: Span, mark: Boundary) -> Document {
    let end = span.to.map_or(mark.seconds(), |to| to.min(mark.seconds()));
    let at = |second: u64| boundary_date(Boundary::from_seconds(second).unwrap_or(mark));
    // A span that starts beyond the mark starts at the mark.
    let from = at(span.from.unwrap_or(0).min(mark.seconds()));
    doc! { "community": community, "start": { "$gte": from, "$lt": at(end) } }
}
