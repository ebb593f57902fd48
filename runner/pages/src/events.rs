//! What people should know of: events of settled intervals, and of how meters are read.

use books::{ListedEvent, event_codes};
use domain::Boundary;
use domain::text::printable;
use jiff::tz::TimeZone;
use maud::{Markup, html};
use words::{fill, texts};

use crate::command;
use crate::look::Look;
use crate::place::{Part, Place};

/// Events on one page.
pub const PAGE: usize = 100;
/// The latest days that a link leads to.
pub const DAYS: [u32; 2] = [7, 30];

/// What the page shows.
#[derive(Clone, Copy, Debug)]
pub struct Events<'m> {
    /// The community's name.
    pub community: &'m str,
    /// Whose days they are.
    pub zone: &'m TimeZone,
    /// What is asked for.
    pub filter: &'m Filter,
    /// The dates from which on the events of the latest [`DAYS`] are.
    pub latest: [&'m str; 2],
    /// The events, oldest first, at most [`PAGE`].
    pub events: &'m [ListedEvent],
    /// After which event the next page follows; `None` if this is the last.
    pub next: Option<&'m str>,
}

/// What is asked for, as it was sent.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Filter {
    /// Only events with this code.
    pub code: Option<String>,
    /// Only events about this meter or other subject.
    pub meter: Option<String>,
    /// Only from this date on.
    pub from: Option<String>,
    /// Only before this date.
    pub to: Option<String>,
    /// Only after this event.
    pub after: Option<String>,
}

/// What somebody does about an event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum ToDo {
    Nothing,
    Readings,
    Decide,
    Unit,
    Members,
    Service,
    Series,
    Algorithm,
    Connection,
    Clock,
}

impl ToDo {
    fn text(self, said: &texts::Events) -> &'static str {
        match self {
            ToDo::Nothing => said.do_nothing,
            ToDo::Readings => said.do_readings,
            ToDo::Decide => said.do_decide,
            ToDo::Unit => said.do_unit,
            ToDo::Members => said.do_members,
            ToDo::Service => said.do_service,
            ToDo::Series => said.do_series,
            ToDo::Algorithm => said.do_algorithm,
            ToDo::Connection => said.do_connection,
            ToDo::Clock => said.do_clock,
        }
    }

    /// The commands that do it.
    fn commands(self, community: &str) -> Markup {
        let decide = |verb| command(&["meter", verb, "METER", "--community", community]);
        match self {
            ToDo::Decide => html! { (decide("accept")) (decide("restart")) (decide("exchange")) },
            ToDo::Algorithm => command(&["algorithm", "rollback", community, "--server", "URL"]),
            _ => Markup::default(),
        }
    }
}

/// What a code means, and what to do; `None` if it is none.
fn meaning(said: &texts::Events, code: &str) -> Option<(&'static str, ToDo)> {
    Some(match code {
        "gap" => (said.gap, ToDo::Nothing),
        "missing" => (said.missing, ToDo::Readings),
        "late" => (said.late, ToDo::Nothing),
        "fell" => (said.fell, ToDo::Decide),
        "jumped" => (said.jumped, ToDo::Decide),
        "glitch" => (said.glitch, ToDo::Nothing),
        "restarted" => (said.restarted, ToDo::Nothing),
        "exchanged" => (said.exchanged, ToDo::Nothing),
        "accepted" => (said.accepted, ToDo::Nothing),
        "too-large" => (said.too_large, ToDo::Unit),
        "no-member" => (said.no_member, ToDo::Members),
        "changed-hands" => (said.changed_hands, ToDo::Nothing),
        "stranger" => (said.stranger, ToDo::Members),
        "outside" => (said.outside, ToDo::Members),
        "unreadable" => (said.unreadable, ToDo::Service),
        "skipped" => (said.skipped, ToDo::Service),
        "crowded" => (said.crowded, ToDo::Service),
        "series-wrong" => (said.series_wrong, ToDo::Series),
        "series-ended" => (said.series_ended, ToDo::Series),
        "fallback" => (said.fallback, ToDo::Algorithm),
        "never-read" => (said.never_read, ToDo::Connection),
        "half-read" => (said.half_read, ToDo::Connection),
        "off-boundary" => (said.off_boundary, ToDo::Clock),
        "silent" => (said.silent, ToDo::Connection),
        "recovered" => (said.recovered, ToDo::Nothing),
        "skipped-row" => (said.skipped_row, ToDo::Readings),
        _ => return None,
    })
}

/// The page.
pub fn body(look: &Look, model: &Events<'_>) -> Markup {
    let said = &look.texts().events;
    html! {
        header {
            h1 { (fill(said.title, &[("community", &printable(model.community))])) }
            p class="sub" { (said.intro) }
        }
        (choice(look, model))
        (list(look, model))
        (codes(look, model.community))
    }
}

fn place(model: &Events<'_>) -> Place {
    Place::of(model.community, Part::Events)
}

/// The form that chooses which ones, and links to the latest.
fn choice(look: &Look, model: &Events<'_>) -> Markup {
    let (said, filter) = (&look.texts().events, model.filter);
    html! {
        section aria-label=(said.filter) {
            form method="get" action=(place(model).href(crate::place::Form::Page)) {
                label {
                    (said.code) " "
                    select name="code" {
                        option value="" { (said.any_code) }
                        @for code in event_codes() {
                            option value=(code) selected[filter.code.as_deref() == Some(code)] { (code) }
                        }
                    }
                }
                " " label { (said.subject) " " input name="meter" maxlength="200" value=[filter.meter.as_deref()]; }
                " " label { (said.from) " " input type="date" name="from" value=[filter.from.as_deref()]; }
                " " label { (said.to) " " input type="date" name="to" value=[filter.to.as_deref()]; }
                @if look.keeps_language { input type="hidden" name="lang" value=(look.language.code()); }
                " " button { (said.show) }
            }
            nav class="picker" aria-label=(said.filter) {
                ul {
                    li { a href=(look.href(&place(model), &[])) { (said.all) } }
                    @for (days, from) in DAYS.into_iter().zip(model.latest) {
                        li { a href=(look.href(&place(model), &[("from", from)])) { (fill(said.last_days, &[("count", &days)])) } }
                    }
                }
            }
        }
    }
}

fn list(look: &Look, model: &Events<'_>) -> Markup {
    let said = &look.texts().events;
    html! {
        section {
            @if model.events.is_empty() {
                p { (said.none) }
            } @else {
                div class="wide" tabindex="0" {
                    table {
                        thead {
                            tr {
                                @for heading in [said.time, said.code, said.subject, said.message, said.meaning] {
                                    th scope="col" { (heading) }
                                }
                            }
                        }
                        tbody { @for listed in model.events { (row(look, model, listed)) } }
                    }
                }
            }
            (turn(look, model))
        }
    }
}

fn row(look: &Look, model: &Events<'_>, ListedEvent { place, start, event }: &ListedEvent) -> Markup {
    let said = &look.texts().events;
    let local = |at: Boundary| look.language.moment(model.zone.to_datetime(at.timestamp()));
    let time = start.or(Boundary::from_seconds(place.at)).map_or_else(|| "–".to_owned(), local);
    let only = look.href(&self::place(model), &[("meter", &event.subject)]);
    html! {
        tr {
            th scope="row" {
                @match start {
                    Some(start) if look.opens(&Part::Algorithms) => {
                        a href=(look.href(&Place::of(model.community, Part::Interval(*start)), &[])) { (time) }
                    }
                    _ => (time),
                }
            }
            td class="text" { a href={ "#code-" (event.code) } { code { (printable(&event.code)) } } }
            td class="text" { a href=(only) { (printable(&event.subject)) } }
            td class="text" lang="en" { (printable(&event.message)) }
            td class="text" { (meaning(said, &event.code).map_or("", |(meaning, _)| meaning)) }
        }
    }
}

/// Links to the next page and back to the first.
fn turn(look: &Look, model: &Events<'_>) -> Markup {
    let (said, filter) = (&look.texts().events, model.filter);
    let kept = [("code", &filter.code), ("meter", &filter.meter), ("from", &filter.from), ("to", &filter.to)];
    let kept: Vec<(&str, &str)> = kept.into_iter().filter_map(|(key, value)| Some((key, value.as_deref()?))).collect();
    let next = |after| [kept.as_slice(), &[("after", after)]].concat();
    let name = fill(said.next, &[("count", &PAGE)]);
    if filter.after.is_none() && model.next.is_none() {
        return Markup::default();
    }
    html! {
        nav class="picker" aria-label=(name) {
            p {
                @if filter.after.is_some() { a rel="first" href=(look.href(&place(model), &kept)) { (said.first) } " " }
                @if let Some(after) = model.next {
                    a rel="next" href=(look.href(&place(model), &next(after))) { (name) " →" }
                }
            }
        }
    }
}

/// What every code means, and what to do.
fn codes(look: &Look, community: &str) -> Markup {
    let said = &look.texts().events;
    html! {
        section {
            h2 { (said.codes_title) }
            div class="wide" tabindex="0" {
                table {
                    thead {
                        tr { @for heading in [said.code, said.meaning, said.what_to_do] { th scope="col" { (heading) } } }
                    }
                    tbody {
                        @for code in event_codes() {
                            @if let Some((meaning, to_do)) = meaning(said, code) {
                                tr id={ "code-" (code) } {
                                    th scope="row" { code { (code) } }
                                    td class="text" { (meaning) }
                                    td class="text" { (to_do.text(said)) (to_do.commands(community)) }
                                }
                            }
                        }
                    }
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use words::Language;

    use super::*;

    #[test]
    fn every_code_has_a_meaning_and_something_to_do() {
        for language in Language::ALL {
            let said = &language.texts().events;
            for code in event_codes() {
                let (meaning, to_do) = meaning(said, code).unwrap();
                assert!(!meaning.is_empty() && !to_do.text(said).is_empty(), "{code}");
            }
        }
        assert_eq!(meaning(&Language::En.texts().events, "other"), None);
    }
}
