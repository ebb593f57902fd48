//! Everything that people should know of, as it is listed: events of settled intervals, and notices of how meters are read.

use domain::disputes::Finding;
use domain::netting::EventKind;
use domain::{Boundary, MeterId};

use crate::interval::{Span, StoredEvent};
use crate::notice::{Notice, Reception};

/// The codes of events of settled intervals besides those of netting.
const OF_SETTLING: [&str; 8] =
    ["unreadable", "fallback", "skipped", "crowded", "accepted", "late", "series-wrong", "series-ended"];

/// Returns the code of every kind of event.
pub fn event_codes() -> impl Iterator<Item = &'static str> {
    EventKind::CODES.into_iter().chain(Finding::CODES).chain(OF_SETTLING).chain(Reception::CODES)
}

/// A filter for events. An event must satisfy every condition that is set.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct EventFilter {
    /// By the start of the interval; of an event without one, by when it was told.
    pub span: Span,
    /// The event has this code.
    pub code: Option<String>,
    /// The event is about this meter or other subject.
    pub subject: Option<String>,
}

/// An event with its place in the list of its community.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ListedEvent {
    /// Its place.
    pub place: EventPlace,
    /// The start of the interval concerned; `None` if there is none.
    pub start: Option<Boundary>,
    /// What happened.
    pub event: StoredEvent,
}

/// The place of an event in the list of its community: by time, then events of the interval in their order, then notices by
/// meter.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct EventPlace {
    /// The start of the interval, or when the event was told if there is none, in seconds since the Unix epoch.
    pub at: u64,
    /// The meter of a notice; `None` for an event of an interval.
    pub meter: Option<MeterId>,
    /// The number within the interval, or among the notices of the meter.
    pub number: u64,
}

impl EventPlace {
    /// Returns after which start and number the events of intervals follow that come after this place.
    pub fn of_events(&self) -> (u64, u64) {
        (self.at, if self.meter.is_some() { u64::MAX } else { self.number })
    }

    /// Returns after which time, meter and number the notices follow that come after this place.
    pub fn of_notices(&self) -> (u64, &str, u64) {
        // No meter has an empty name.
        self.meter.as_ref().map_or((self.at, "", 0), |meter| (self.at, meter.as_str(), self.number))
    }
}

impl From<Notice> for ListedEvent {
    fn from(notice: Notice) -> ListedEvent {
        let place = EventPlace { at: notice.at(), meter: Some(notice.meter.clone()), number: notice.number };
        ListedEvent { place, start: notice.start, event: notice.into_event() }
    }
}

/// Returns the first `limit` of events of intervals and notices together, each of which are in order.
pub fn merge(events: Vec<ListedEvent>, notices: Vec<ListedEvent>, limit: usize) -> Vec<ListedEvent> {
    let mut merged = [events, notices].concat();
    merged.sort_by(|a, b| a.place.cmp(&b.place));
    merged.truncate(limit);
    merged
}
