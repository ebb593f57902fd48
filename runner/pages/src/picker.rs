//! The choice of a period: a day, week, month or year, the one before and the one after.

use books::{Calendar, Period};
use jiff::Timestamp;
use jiff::tz::TimeZone;
use maud::{Markup, html};

use crate::look::Look;
use crate::place::Place;

/// A period, and between which instants there is anything.
#[derive(Clone, Copy, Debug)]
pub struct Picked<'p> {
    /// The period that is shown.
    pub period: &'p Period,
    /// Whose days they are.
    pub zone: &'p TimeZone,
    /// The start of the first interval with data and the end of the last; `None` without any.
    pub data: Option<(Timestamp, Timestamp)>,
}

/// The choice. The other kinds of periods are those around the first instant of this one that has data.
pub fn picker(look: &Look, place: &Place, Picked { period, zone, data }: Picked<'_>) -> Markup {
    let texts = &look.texts().picker;
    let href = |period: &Period| look.href(place, &[("period", &period.to_string())]);
    let inside = data.map_or(period.from(), |(from, _)| period.from().max(from));
    let kinds = [
        (Calendar::Day, texts.day),
        (Calendar::Week, texts.week),
        (Calendar::Month, texts.month),
        (Calendar::Year, texts.year),
    ];
    html! {
        nav class="picker" aria-label=(texts.period) {
            ul {
                @for (calendar, name) in kinds {
                    li {
                        a href=(href(&Period::containing(inside, calendar, zone)))
                            aria-current=[(calendar == period.calendar()).then_some("true")] { (name) }
                    }
                }
            }
            p {
                @if let Some(earlier) = period.previous(zone) { a rel="prev" href=(href(&earlier)) { "← " (texts.earlier) } }
                b { (period) }
                @if let Some(later) = period.next(zone) { a rel="next" href=(href(&later)) { (texts.later) " →" } }
            }
            form method="get" action=(place.href(crate::place::Form::Page)) {
                label { (texts.period) " " input name="period" value=(period) size="10" maxlength="10" pattern="[0-9]{4}(-W?[0-9]{2}(-[0-9]{2})?)?"; }
                @if look.keeps_language { input type="hidden" name="lang" value=(look.language.code()); }
                button { (texts.show) }
            }
        }
    }
}
