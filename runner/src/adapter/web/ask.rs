//! A request for a page, with all that answering it takes.

use std::collections::BTreeMap;
use std::sync::Arc;

use books::{Period, Store};
use domain::{Boundary, MemberId};
use jiff::{SignedDuration, Timestamp};
use maud::Markup;
use pages::look::Look;
use pages::place::{Form, Place};

use super::answers::{Answers, Key, Stays};
use super::guard::Sight;
use super::kept::Kept;
use super::overview::Overviews;
use super::query::Query;
pub use super::refusal::Refusal;
use super::viewer::Viewer;
use crate::algorithms::cache::AlgorithmCache;
use crate::backtest::background::Backtests;
use crate::clock::Clock;
use crate::config::CommunityConfig;
use crate::telemetry::status::Status;

/// What all pages are made from.
pub struct Parts {
    /// The communities of the configuration.
    pub communities: BTreeMap<String, Arc<CommunityConfig>>,
    /// The books, to be read on connections of their own.
    pub reader: Arc<dyn Store>,
    /// The store in which is kept who looked at what.
    pub store: Arc<dyn Store>,
    pub clock: Arc<dyn Clock>,
    /// The algorithms that settle.
    pub algorithms: Arc<AlgorithmCache>,
    /// What people try.
    pub backtests: Arc<Backtests>,
    pub status: Arc<Status>,
    /// What statements were made from.
    pub kept: Kept,
    /// Overviews that were made for pages.
    pub overviews: Overviews,
    /// Whole answers that were made.
    pub answers: Answers,
    /// The program and its engine, with their versions.
    pub program: String,
    /// Only trades of intervals that end after this instant are offered for payment; all if `None`.
    pub offered_since: Option<Timestamp>,
    /// How commands name the configuration.
    pub config_path: String,
}

/// A request for a page that its viewer may see.
pub struct Ask {
    pub parts: Arc<Parts>,
    pub viewer: Viewer,
    pub place: Place,
    /// What is wanted of it: who only wants the one need not make the other.
    pub form: Form,
    /// How much of it the viewer sees.
    pub sight: Sight,
    pub query: Query,
    pub look: Look,
    pub now: Timestamp,
}

/// What is shown.
pub struct Shown {
    pub title: String,
    pub body: Markup,
    /// The same numbers for programs.
    pub json: serde_json::Value,
    /// After how many seconds there may be more to see.
    pub refresh: Option<u32>,
    /// A file to keep instead of a page: its kind and name.
    pub file: Option<File>,
    /// How long this serves the next ones; `None` if it is always made anew.
    pub stays: Option<Stays>,
}

/// So old may be what a page tells beside the books, as which meters were not read.
const BESIDE: SignedDuration = SignedDuration::from_secs(60);
/// So old may be a page of which parts are being made.
const UNFINISHED: SignedDuration = SignedDuration::from_secs(5);

/// A file that is downloaded.
pub struct File {
    pub kind: &'static str,
    pub name: String,
    pub content: Vec<u8>,
}

impl Shown {
    /// A page and its numbers.
    pub fn new(title: impl Into<String>, body: Markup, json: serde_json::Value) -> Shown {
        Shown { title: title.into(), body, json, refresh: None, file: None, stays: None }
    }

    /// As it is until another interval is settled; only for some seconds if parts of it are still being made.
    pub fn until_after(self, mark: Option<Boundary>, is_finished: bool) -> Shown {
        let age_max = if is_finished { BESIDE } else { UNFINISHED };
        Shown { stays: mark.map(|mark| Stays { mark, age_max }), ..self }
    }
}

impl Ask {
    /// The community that the page is about.
    ///
    /// # Errors
    /// If it is not configured.
    pub fn community(&self) -> Result<&Arc<CommunityConfig>, Refusal> {
        let name = self.place.community().ok_or(Refusal::NotFound)?;
        self.parts.communities.get(name).ok_or(Refusal::NotFound)
    }

    /// The period that the address names; `None` if it names none.
    ///
    /// # Errors
    /// If it names one that does not exist.
    pub fn period(&self) -> Result<Option<Period>, Refusal> {
        let Some(name) = self.query.get("period") else { return Ok(None) };
        Period::parse(name, &self.community()?.zone).map(Some).ok_or(Refusal::NotFound)
    }

    /// What an answer to this depends on beside what is settled.
    pub fn key(&self) -> Key {
        let Ask { place, form, query, look, viewer, .. } = self;
        Key { place: place.clone(), form: *form, query: query.clone(), language: look.language, viewer: viewer.clone() }
    }

    /// The only member whose data the viewer sees; `None` for all of them.
    pub fn only(&self) -> Option<&MemberId> {
        match &self.sight {
            Sight::Whole => None,
            Sight::Own(member) => Some(member),
        }
    }
}
