//! An event as JSON: the same from the command line and from the web.

use books::ListedEvent;
use serde::Serialize;

/// One event. The names are the command line's contract.
#[derive(Serialize)]
pub struct EventJson<'a> {
    pub community: &'a str,
    pub start: Option<String>,
    pub code: &'a str,
    pub subject: &'a str,
    pub message: &'a str,
}

impl<'a> EventJson<'a> {
    pub fn new(community: &'a str, listed: &'a ListedEvent) -> EventJson<'a> {
        let ListedEvent { start, event, .. } = listed;
        EventJson {
            community,
            start: start.map(|start| start.to_string()),
            code: &event.code,
            subject: &event.subject,
            message: &event.message,
        }
    }
}
