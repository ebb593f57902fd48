//! The choice of a period: a day, week, month or year, the one before and the one after.
//!
//! Every choice is a link or a form that is sent, so it works without script and with the keyboard. Dates decide, not hours: no
//! change of clocks makes a period follow itself. And the links go on where data ends, with one that leads back.

use books::{Calendar, Period};
use jiff::tz::TimeZone;
use jiff::{Span, Timestamp, ToSpan};
use maud::{Markup, html};

use crate::look::Look;
use crate::place::{Form, Place};
use crate::statement::period_name;

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

/// The choice.
pub fn picker(look: &Look, place: &Place, picked: Picked<'_>) -> Markup {
    let Picked { period, zone, .. } = picked;
    let texts = &look.texts().picker;
    let href = |period: &Period| look.href(place, &[("period", &period.to_string())]);
    let kinds = [
        (Calendar::Day, texts.day),
        (Calendar::Week, texts.week),
        (Calendar::Month, texts.month),
        (Calendar::Year, texts.year),
    ];
    // What browsers offer to choose from; those that know no such field show the name itself.
    let field = match period.calendar() {
        Calendar::Day => "date",
        Calendar::Week => "week",
        Calendar::Month => "month",
        Calendar::Year => "text",
    };
    html! {
        nav class="picker" aria-label=(texts.period) {
            ul {
                @for (calendar, name) in kinds {
                    li {
                        a href=(href(&beside(picked, calendar)))
                            aria-current=[(calendar == period.calendar()).then_some("true")] { (name) }
                    }
                }
            }
            p {
                @if let Some(earlier) = period.previous(zone).filter(|earlier| earlier.first().year() >= 0) { a rel="prev" href=(href(&earlier)) { "← " (texts.earlier) } " " }
                b { (period_name(look.language, period)) }
                @if let Some(later) = period.next(zone) { " " a rel="next" href=(href(&later)) { (texts.later) " →" } }
                @if let Some(latest) = latest(picked) { " " a href=(href(&latest)) { (texts.latest) } }
            }
            form method="get" action=(place.href(Form::Page)) {
                label { (texts.period) " " input type=(field) name="period" value=(period) size="10" maxlength="10"; }
                @if look.keeps_language { input type="hidden" name="lang" value=(look.language.code()); }
                button { (texts.show) }
            }
        }
    }
}

/// The last period of this kind with data, unless it is the one that is shown.
fn latest(Picked { period, zone, data }: Picked<'_>) -> Option<Period> {
    let latest = Period::containing(last(data?.1), period.calendar(), zone);
    (latest != *period).then_some(latest)
}

/// The last instant before an end.
fn last(until: Timestamp) -> Timestamp {
    let second: Span = 1.second();
    until.checked_sub(second).unwrap_or(Timestamp::MIN)
}

/// The period of another kind that goes with the one shown: the one around it, or the first in it that has data. There and back
/// again leads to the same one: a week belongs to the month and the year of its Thursday (ISO 8601), and the first week of a
/// month or a year is the one with its fourth day.
fn beside(Picked { period, zone, data }: Picked<'_>, calendar: Calendar) -> Period {
    if calendar == period.calendar() {
        return period.clone();
    }
    let days = match (period.calendar(), calendar) {
        (Calendar::Week, Calendar::Month | Calendar::Year) | (Calendar::Month | Calendar::Year, Calendar::Week) => 3,
        _ => 0,
    };
    let within = |at: &Timestamp| period.contains(*at);
    let day = period.first().checked_add(days.days()).unwrap_or(period.first());
    // The day has begun by noon, whatever its clock did at midnight.
    let noon = zone.to_timestamp(day.at(12, 0, 0, 0)).ok().filter(within).unwrap_or(period.from());
    let at = match data {
        Some((from, until)) => noon.max(from).min(last(until).max(from)),
        None => noon,
    };
    Period::containing(Some(at).filter(within).unwrap_or(noon), calendar, zone)
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn zone(name: &str) -> TimeZone {
        TimeZone::get(name).unwrap()
    }

    fn leads(period: &str, calendar: Calendar, zone_name: &str, data: Option<(&str, &str)>) -> String {
        let zone = zone(zone_name);
        let data = data.map(|(from, until)| (from.parse().unwrap(), until.parse().unwrap()));
        let period = Period::parse(period, &zone).unwrap();
        beside(Picked { period: &period, zone: &zone, data }, calendar).to_string()
    }

    #[test]
    fn other_kinds_are_around_the_period_or_begin_it() {
        use Calendar::{Day, Month, Week, Year};
        for (period, calendar, expected) in [
            ("2024-05-03", Week, "2024-W18"),
            ("2024-05-03", Month, "2024-05"),
            ("2024-05-03", Year, "2024"),
            // From Monday the 29th of April on, but most of it in May.
            ("2024-W18", Month, "2024-05"),
            ("2024-W18", Day, "2024-04-29"),
            ("2025-W01", Year, "2025"),
            ("2020-W53", Year, "2020"),
            ("2024-05", Week, "2024-W18"),
            ("2024-05", Day, "2024-05-01"),
            ("2024", Month, "2024-01"),
            ("2024", Week, "2024-W01"),
            ("2027", Week, "2027-W01"),
            ("2024", Day, "2024-01-01"),
        ] {
            assert_eq!(leads(period, calendar, "Europe/Brussels", None), expected, "{period} {calendar:?}");
        }
    }

    #[test]
    fn a_shorter_period_has_data_if_the_longer_one_has() {
        let data = Some(("2024-05-06T22:00:00Z", "2024-05-09T10:00:00Z"));
        for (period, calendar, expected) in [
            ("2024-05", Calendar::Day, "2024-05-07"),
            ("2024", Calendar::Month, "2024-05"),
            ("2024", Calendar::Week, "2024-W19"),
            ("2024-05", Calendar::Week, "2024-W19"),
            ("2024-06", Calendar::Day, "2024-06-01"),
            ("2024-04", Calendar::Day, "2024-04-01"),
        ] {
            assert_eq!(leads(period, calendar, "Europe/Brussels", data), expected, "{period} {calendar:?}");
        }
    }

    #[test]
    fn one_link_leads_back_to_the_data() {
        let zone = zone("Europe/Brussels");
        let data = Some(("2024-05-06T22:00:00Z".parse().unwrap(), "2024-05-31T22:00:00Z".parse().unwrap()));
        let latest = |name: &str| {
            let period = Period::parse(name, &zone).unwrap();
            latest(Picked { period: &period, zone: &zone, data }).map(|period| period.to_string())
        };
        assert_eq!(latest("2031-01").as_deref(), Some("2024-05"));
        assert_eq!(latest("2024-05-07").as_deref(), Some("2024-05-31"));
        assert_eq!([latest("2024-05"), latest("2024"), latest("2024-05-31")], [None, None, None]);
    }

    proptest! {
        #[test]
        fn prop_a_longer_period_and_back_leads_to_the_same_longer_period(
            day in 0_i64..30_000,
            zone_name in prop::sample::select(vec!["UTC", "Europe/Lisbon", "America/Sao_Paulo", "Pacific/Apia", "Asia/Beirut"]),
        ) {
            let zone = zone(zone_name);
            let at = Timestamp::from_second(day * 86_400 + 1).unwrap();
            for longer in Calendar::ALL {
                let period = Period::containing(at, longer, &zone);
                for shorter in Calendar::ALL {
                    let down = beside(Picked { period: &period, zone: &zone, data: None }, shorter);
                    let back = beside(Picked { period: &down, zone: &zone, data: None }, longer);
                    if shorter as usize <= longer as usize {
                        prop_assert_eq!(&back, &period, "{:?} by {:?}", longer, shorter);
                    }
                }
                let (next, previous) = (period.next(&zone).unwrap(), period.previous(&zone).unwrap());
                prop_assert_eq!(&next.previous(&zone).unwrap(), &period);
                prop_assert!(previous.first() < period.first() && period.first() < next.first());
            }
        }
    }
}
