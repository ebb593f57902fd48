//! What was told already, so that what is true of every interval for a while is told only once.

use std::collections::BTreeSet;

use books::StoredEvent;
use domain::netting::EventKind;

use super::series::{SERIES_ENDED, SERIES_WRONG};

/// The codes of events that are told once, however long they are true. With another message they are told again.
pub(super) fn codes() -> Vec<&'static str> {
    let lasting = [EventKind::Stranger, EventKind::Outside { since: None, until: None, unread: None }];
    lasting.iter().map(EventKind::code).chain([SERIES_ENDED, SERIES_WRONG]).collect()
}

/// Events that the books have, or that wait to be committed.
#[derive(Clone, Debug, Default)]
pub struct Told(BTreeSet<StoredEvent>);

impl Told {
    pub(super) fn new(told: BTreeSet<StoredEvent>) -> Told {
        Told(told)
    }

    /// Leaves out what was told, of events that are to be told once; the others come with `false`.
    pub(super) fn only_news(
        &self,
        events: impl Iterator<Item = (StoredEvent, bool)>,
    ) -> impl Iterator<Item = StoredEvent> {
        events.filter(|(event, once)| !(*once && self.0.contains(event))).map(|(event, _)| event)
    }

    /// Remembers what is told now.
    pub(super) fn add<'e>(&mut self, events: impl IntoIterator<Item = &'e StoredEvent>) {
        let codes = codes();
        self.0.extend(events.into_iter().filter(|event| codes.contains(&event.code.as_str())).cloned());
    }
}
