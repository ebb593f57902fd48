//! When energy is shared: hour by day.

use std::borrow::Cow;
use std::collections::BTreeMap;

use domain::text::printable;
use figures::calendar::month_name;
use figures::{Backtest, Hour, Variant};
use jiff::civil::Date;
use maud::{Markup, html};
use words::{Language, fill};

use super::rules::communities;
use super::said;
use crate::chart::{self, Numbers};
use crate::svg::{About, Heat, heat};

/// From how many days on the table has months, since nobody reads thousands of numbers.
const DAYS_MAX: usize = 62;

pub(super) fn section(language: Language, backtest: &Backtest) -> Markup {
    let said = said(language);
    // Rules that share the same energy have the same map.
    let mut maps: Vec<(&Variant, Vec<Cow<'_, str>>)> = Vec::new();
    for variant in communities(backtest) {
        let label = printable(&variant.named.label);
        match maps.iter_mut().find(|(known, _)| known.hours() == variant.hours()) {
            Some((_, labels)) => labels.push(label),
            None => maps.push((variant, vec![label])),
        }
    }
    html! {
        section {
            h2 { (said.hours) }
            p class="note" { (said.hours_note) }
            div class="plots" {
                @for (variant, labels) in &maps { (map(language, &labels.join(", "), variant.hours())) }
            }
        }
    }
}

fn map(language: Language, labels: &str, hours: &BTreeMap<Hour, u128>) -> Markup {
    let said = said(language);
    if hours.is_empty() {
        return chart::nothing_in(language, labels);
    }
    let most = hours.iter().max_by_key(|(hour, wh)| (**wh, std::cmp::Reverse(**hour)));
    let Some((hour, wh)) = most.filter(|(_, wh)| **wh > 0) else {
        return html! { figure { figcaption { (labels) } p class="note" { (said.nothing_shared) } } };
    };
    let title = fill(said.each_hour, &[("rules", &labels)]);
    let description = fill(said.most_shared, &[("hour", hour), ("energy", &language.kwh_of_sum(*wh))]);
    let picture = heat(About { title: &title, description: &description }, &Heat { hours, language });
    chart::figure_in(language, &title, &picture, &numbers(language, hours))
}

/// A row for each day, or for each month of many days; a column for each hour of the clock.
fn numbers(language: Language, hours: &BTreeMap<Hour, u128>) -> Numbers {
    let said = said(language);
    let mut days: Vec<Date> = hours.keys().map(|hour| hour.day).collect();
    days.dedup();
    let by_month = days.len() > DAYS_MAX;
    let headings = std::iter::once(if by_month { said.month } else { said.day }.to_owned());
    let mut numbers = Numbers::new(headings.chain((0..24).map(|hour| format!("{hour}:00"))));
    let mut rows: BTreeMap<Date, [Vec<u128>; 24]> = BTreeMap::new();
    for (hour, wh) in hours {
        let row = rows.entry(if by_month { hour.day.first_of_month() } else { hour.day }).or_default();
        let cell = &mut row[usize::from(hour.clock.unsigned_abs()) % 24];
        match cell.last_mut() {
            Some(sum) if by_month => *sum += wh,
            _ => cell.push(*wh),
        }
    }
    numbers.rows = rows
        .into_iter()
        .map(|(day, cells)| {
            let cell = |parts: Vec<u128>| match parts.as_slice() {
                [] => "–".to_owned(),
                [first, second] => {
                    let both = [first, second].map(|wh| language.kwh_of_sum(*wh));
                    fill(said.both, &[("first", &both[0]), ("second", &both[1])])
                }
                parts => parts.iter().map(|wh| language.kwh_of_sum(*wh)).collect::<Vec<_>>().join(", "),
            };
            let name = if by_month { month_name(day) } else { day.to_string() };
            std::iter::once(name).chain(cells.map(cell)).collect()
        })
        .collect();
    numbers
}
