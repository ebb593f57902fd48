//! The page of all communities: for each whether all is well, and its figures beside those of the period before.

use std::time::Duration;

use books::Period;
use domain::text::printable;
use domain::{Boundary, Digest};
use figures::community::Figures;
use jiff::Timestamp;
use jiff::tz::TimeZone;
use maud::{Markup, html};
use words::{Language, fill};

use crate::community::period_tiles;
use crate::look::Look;
use crate::picker::{Picked, picker};
use crate::place::{Part, Place};
use crate::tiles::tiles;

/// Most communities of one page.
pub const COMMUNITIES_MAX: usize = 20;

/// How a community is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct State {
    /// Until when it is settled; `None` before the first interval.
    pub mark: Option<Boundary>,
    /// How far it is behind; `None` if it is not, or nobody knows.
    pub behind: Option<Duration>,
    /// Why its next interval is on hold, if it is.
    pub held: Option<String>,
    /// Why the last attempt failed, if it did.
    pub failed: Option<String>,
    /// How many meters have disputed readings.
    pub disputed: u64,
    /// How many meters tell nothing any more.
    pub silent: usize,
    /// How many meters are not read as they should be.
    pub unread: usize,
    /// How many trades wait for payment; `None` if nobody knows.
    pub waiting: Option<u64>,
    /// From when on something else settles, and what: its name, version and digest, or `None` for what is configured.
    pub next: Option<(Boundary, Option<(String, String, Digest)>)>,
}

impl State {
    /// Whether somebody should look at it.
    pub fn is_troubled(&self) -> bool {
        let meters = self.disputed > 0 || self.silent > 0 || self.unread > 0;
        self.behind.is_some() || self.held.is_some() || self.failed.is_some() || meters
    }
}

/// A community on the page.
#[derive(Clone, Debug)]
pub struct Community {
    /// Its name.
    pub name: String,
    /// Whose days and months it has.
    pub zone: TimeZone,
    /// How it is.
    pub state: State,
    /// The period that is shown.
    pub period: Period,
    /// What that period came to.
    pub figures: Figures,
    /// What the period before came to; `None` if there is none.
    pub before: Option<(Period, Figures)>,
}

/// What the page shows.
#[derive(Clone, Debug)]
pub struct Model {
    /// The communities.
    pub communities: Vec<Community>,
    /// How many there are before them.
    pub from: usize,
    /// How many there are.
    pub all: usize,
    /// The period that is chosen.
    pub period: Period,
    /// Between which instants there is anything.
    pub data: Option<(Timestamp, Timestamp)>,
    /// Why no trades are pushed for payment, if they are not although they should.
    pub paused: Option<String>,
}

/// The page.
pub fn page(look: &Look, model: &Model) -> Markup {
    let (texts, utc) = (look.texts(), TimeZone::UTC);
    let h = &texts.home;
    let picked = Picked { period: &model.period, zone: &utc, data: model.data };
    html! {
        h1 { (h.title) }
        @if let Some(reason) = &model.paused {
            p class="trouble" { (fill(h.paused, &[("reason", &printable(reason))])) }
        }
        (picker(look, &Place::Home, picked))
        @if model.communities.is_empty() { p class="note" { (h.none) } }
        @if model.all > model.communities.len() { (parts(look, model)) }
        @for community in &model.communities { (section(look, community)) }
    }
}

fn section(look: &Look, community: &Community) -> Markup {
    let place = Place::of(&community.name, Part::Overview);
    let period = community.period.to_string();
    let before = community.before.as_ref().map(|(period, figures)| (period, figures));
    html! {
        section {
            h2 { a href=(look.href(&place, &[("period", &period)])) { (printable(&community.name)) } }
            (state(look, &community.zone, &community.state))
            @if community.figures.is_empty() {
                p class="note" { (look.texts().community.empty) }
            } @else {
                (tiles(look.texts(), &period_tiles(look.language, &community.figures, before)))
            }
        }
    }
}

/// How settlement goes in each of these communities, as far as the process knows without its store.
pub fn away(look: &Look, communities: &[(&str, &TimeZone, State)]) -> Markup {
    html! {
        @for (name, zone, known) in communities {
            section {
                h2 { (printable(name)) }
                (state(look, zone, known))
            }
        }
    }
}

fn state(look: &Look, zone: &TimeZone, state: &State) -> Markup {
    let (h, language) = (&look.texts().home, look.language);
    let moment = |at: Boundary| language.moment(zone.to_datetime(at.timestamp()));
    let settled = match state.mark {
        Some(mark) => fill(h.settled_until, &[("time", &moment(mark))]),
        None => h.nothing_settled.to_owned(),
    };
    let count = |text: &str, count: u64| (count > 0).then(|| fill(text, &[("count", &language.whole(count))]));
    let reason = |text: &str, reason: &Option<String>| {
        reason.as_ref().map(|reason| fill(text, &[("reason", &printable(reason))]))
    };
    let troubles = [
        state.behind.map(|behind| fill(h.behind, &[("time", &duration(language, behind))])),
        reason(h.held, &state.held),
        reason(h.failed, &state.failed),
        count(h.disputed, state.disputed),
        count(h.silent, state.silent as u64),
        count(h.unread, state.unread as u64),
    ];
    let next = state.next.as_ref().map(|(at, algorithm)| match algorithm {
        Some((name, version, _)) => fill(
            h.next_activation,
            &[("time", &moment(*at)), ("name", &printable(name)), ("version", &printable(version))],
        ),
        None => fill(h.next_configured, &[("time", &moment(*at))]),
    });
    html! {
        ul class="state" {
            li { b class=(if state.is_troubled() { "trouble" } else { "well" }) {
                @if state.is_troubled() { "! " (h.look) } @else { "✓ " (h.well) }
            } }
            li { (settled) }
            @for trouble in troubles.into_iter().flatten() { li class="trouble" { (trouble) } }
            @if let Some(waiting) = state.waiting { li { (fill(h.waiting, &[("count", &language.whole(waiting))])) } }
            @if let Some(next) = next { li { (next) } }
        }
    }
}

/// How long something lasts: hours and minutes, or days and hours.
fn duration(language: Language, lasts: Duration) -> String {
    let h = &language.texts().home;
    let minutes = lasts.as_secs() / 60;
    let (hours, days) = (minutes / 60, minutes / 60 / 24);
    if days == 0 {
        fill(h.hours, &[("hours", &hours), ("minutes", &(minutes % 60))])
    } else {
        fill(h.days, &[("days", &language.whole(days)), ("hours", &(hours % 24))])
    }
}

/// Which of the communities are shown, and where the others are.
fn parts(look: &Look, model: &Model) -> Markup {
    let (h, c) = (&look.texts().home, &look.texts().community);
    let whole = |number: usize| look.language.whole(i128::try_from(number).unwrap_or(i128::MAX));
    let until = model.from + model.communities.len();
    let line = fill(
        h.part,
        &[
            ("first", &whole(model.from + usize::from(until > model.from))),
            ("last", &whole(until)),
            ("all", &whole(model.all)),
        ],
    );
    let period = model.period.to_string();
    let href = |part: usize| look.href(&Place::Home, &[("period", &period), ("part", &part.to_string())]);
    let part = model.from / COMMUNITIES_MAX;
    html! {
        nav class="parts" aria-label=(h.title) {
            (line) " "
            @if part > 0 { a rel="prev" href=(href(part - 1)) { "← " (c.members_before) } " " }
            @if until < model.all { a rel="next" href=(href(part + 1)) { (c.members_after) " →" } }
        }
    }
}
