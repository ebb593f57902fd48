//! What a member took and gave: bars of days or of other steps, and a typical day.

use books::statement::Account;
use figures::statement::{Flows, MemberStatement};
use jiff::ToSpan;
use jiff::civil::Date;
use maud::{Markup, html};
use words::texts::Statement;
use words::{Language, NONE, fill};

use super::Heading;
use crate::chart::{self, Numbers};
use crate::svg::{self, About, Bar, areas};

/// One direction of what flowed.
struct Direction {
    title: fn(&'static Statement, Span) -> &'static str,
    clock: fn(&'static Statement) -> &'static str,
    names: fn(&'static Statement) -> [&'static str; 2],
    of_flows: fn(&Flows) -> [u64; 2],
    of_account: fn(&Account) -> [u128; 2],
}

/// How long the time of a bar is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Span {
    Interval,
    Day,
    Month,
}

const DIRECTIONS: [Direction; 2] = [
    Direction {
        title: |texts, span| match span {
            Span::Interval => texts.taken_steps,
            Span::Day => texts.taken_days,
            Span::Month => texts.taken_months,
        },
        clock: |texts| texts.taken_clock,
        names: |texts| [texts.from_neighbours, texts.from_grid],
        of_flows: |flows| [flows.from_neighbours, flows.from_grid],
        of_account: |account| [account.bought_local.wh, account.bought_grid.wh],
    },
    Direction {
        title: |texts, span| match span {
            Span::Interval => texts.given_steps,
            Span::Day => texts.given_days,
            Span::Month => texts.given_months,
        },
        clock: |texts| texts.given_clock,
        names: |texts| [texts.to_neighbours, texts.to_grid],
        of_flows: |flows| [flows.to_neighbours, flows.to_grid],
        of_account: |account| [account.sold_local.wh, account.sold_grid.wh],
    },
];

/// What is plotted as bars: of each step its name, what stands below it, and what was traded, if there is data.
pub(crate) struct Bars {
    pub(crate) span: Span,
    pub(crate) steps: Vec<(String, Option<String>, Option<Account>)>,
}

/// Bars of both directions, as far as anything flowed.
pub(crate) fn bars(language: Language, bars: &Bars) -> Markup {
    let texts = &language.texts().statement;
    let shown = |direction: &Direction| -> Vec<Step> {
        let step = |(name, label, account): &(String, Option<String>, Option<Account>)| Step {
            name: name.clone(),
            label: label.clone(),
            parts: account.as_ref().map(direction.of_account),
        };
        bars.steps.iter().map(step).collect()
    };
    let plots: Vec<Markup> = DIRECTIONS
        .iter()
        .map(|direction| (direction, shown(direction)))
        .filter(|(_, steps)| steps.iter().filter_map(|step| step.parts).any(|parts| parts != [0, 0]))
        .map(|(direction, steps)| bar_plot(language, direction, bars.span, &steps))
        .collect();
    html! {
        @for plot in &plots { (plot) }
        @if plots.is_empty() { (chart::nothing_in(language, (DIRECTIONS[0].title)(texts, bars.span))) }
    }
}

/// Bars of the days of a statement; nothing if nobody read the intervals.
pub(crate) fn days(heading: Heading<'_>, statement: &MemberStatement) -> Markup {
    let language = heading.language;
    let days = all_days(statement);
    if days.is_empty() {
        return chart::nothing_in(language, language.texts().statement.taken_days);
    }
    let apart = days.len().div_ceil(6).max(1);
    let label = |place: usize, day: Date| match days.len() {
        0..=92 => place.is_multiple_of(apart).then(|| language.day(day)),
        _ => {
            (day.day() == 1 && (day.month() % 2 == 1 || days.len() < 200)).then(|| language.short_month(day).to_owned())
        }
    };
    let steps = |direction: &Direction| -> Vec<Step> {
        let step = |(place, (day, flows)): (usize, &(Date, Option<Flows>))| Step {
            name: language.date(*day),
            label: label(place, *day),
            parts: flows.as_ref().map(|flows| (direction.of_flows)(flows).map(u128::from)),
        };
        days.iter().enumerate().map(step).collect()
    };
    let flowed = |direction: &&Direction| {
        days.iter().filter_map(|(_, flows)| flows.as_ref()).any(|flows| (direction.of_flows)(flows) != [0, 0])
    };
    html! {
        @for direction in DIRECTIONS.iter().filter(flowed) {
            (bar_plot(language, direction, Span::Day, &steps(direction)))
        }
    }
}

/// From the first to the last day with data, also those without any between.
fn all_days(statement: &MemberStatement) -> Vec<(Date, Option<Flows>)> {
    let Some(days) = statement.detail.as_ref().map(|detail| &detail.days) else { return Vec::new() };
    let Some(((first, _), (last, _))) = days.first_key_value().zip(days.last_key_value()) else { return Vec::new() };
    let day: jiff::Span = 1.day();
    first.series(day).take_while(|day| day <= last).map(|day| (day, days.get(&day).copied())).collect()
}

/// One bar: its name, what stands below it, and its two parts in Wh.
struct Step {
    name: String,
    label: Option<String>,
    parts: Option<[u128; 2]>,
}

fn bar_plot(language: Language, direction: &Direction, span: Span, steps: &[Step]) -> Markup {
    let texts = &language.texts().statement;
    let (title, names) = ((direction.title)(texts, span), (direction.names)(texts));
    let without = steps.iter().filter(|step| step.parts.is_none()).count();
    let (told, head) = match span {
        Span::Interval => (texts.steps_told, texts.interval),
        Span::Day => (texts.days_told, texts.day),
        Span::Month => (texts.months_told, texts.month),
    };
    let description = fill(told, &[("with", &(steps.len() - without)), ("without", &without)]);
    let mut numbers = Numbers::new([head, names[0], names[1]]);
    numbers.rows = steps
        .iter()
        .map(|step| {
            let cells = step.parts.map(|parts| parts.map(|wh| language.kwh_of_sum(wh)));
            let [first, second] = cells.unwrap_or_else(|| [NONE, NONE].map(str::to_owned));
            vec![step.name.clone(), first, second]
        })
        .collect();
    let shown: Vec<Bar> = steps.iter().map(|step| Bar { label: step.label.clone(), parts: step.parts }).collect();
    let plot = svg::bars(About { title, description: &description }, names, &shown, ("kWh", 3, language));
    chart::figure_in(language, title, &plot, &numbers)
}

/// The mean of all days at each hour of the clock; nothing if nobody read the intervals.
pub(crate) fn typical_day(heading: Heading<'_>, statement: &MemberStatement) -> Markup {
    let Some(detail) = &statement.detail else { return html! {} };
    let flowed =
        |direction: &&Direction| detail.clock.iter().flatten().any(|flows| (direction.of_flows)(flows) != [0, 0]);
    html! {
        @for direction in DIRECTIONS.iter().filter(flowed) { (clock_plot(heading, direction, &detail.clock)) }
    }
}

fn clock_plot(heading: Heading<'_>, direction: &Direction, clock: &[Option<Flows>]) -> Markup {
    let language = heading.language;
    let texts = &language.texts().statement;
    let (title, names) = ((direction.clock)(texts), (direction.names)(texts));
    let hours: Vec<Option<[u64; 2]>> = clock.iter().map(|flows| flows.as_ref().map(direction.of_flows)).collect();
    let sum = |parts: &[u64; 2]| parts[0].saturating_add(parts[1]);
    let most = hours.iter().enumerate().filter_map(|(hour, parts)| Some((sum(parts.as_ref()?), hour))).max();
    let zone = heading.zone_name();
    let description = match most {
        Some((watts, hour)) if watts > 0 => {
            let (hour, power) = (format!("{hour}:00"), language.kwh_of_sum(watts.into()));
            fill(texts.clock_most_told, &[("zone", &zone), ("hour", &hour), ("power", &power)])
        }
        _ => fill(texts.clock_told, &[("zone", &zone)]),
    };
    let mut numbers = Numbers::new([texts.hour, names[0], names[1]]);
    numbers.rows = hours
        .iter()
        .enumerate()
        .map(|(hour, parts)| {
            let cells = parts.map(|parts| parts.map(|watts| language.kwh_of_sum(watts.into())));
            let [first, second] = cells.unwrap_or_else(|| [NONE, NONE].map(str::to_owned));
            vec![format!("{hour}:00"), first, second]
        })
        .collect();
    let plot = areas(About { title, description: &description }, names, &hours, ("kW", 3, language));
    chart::figure_in(language, title, &plot, &numbers)
}
