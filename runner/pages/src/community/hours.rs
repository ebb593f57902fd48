//! When energy was shared, in surplus, and needed: three heat maps, of which one is shown. The choice needs no script.

use std::cmp::Reverse;
use std::collections::BTreeMap;

use figures::Hour;
use figures::community::HourFlows;
use jiff::civil::Date;
use maud::{Markup, html};
use words::fill;

use super::Said;
use crate::chart::{self, Numbers};
use crate::svg::{About, Heat, heat};

/// From how many days on the table has months, since nobody reads thousands of numbers.
const DAYS_MAX: usize = 62;

/// What a map is of: the end of its id, and the energy of an hour.
type Map = (&'static str, fn(&HourFlows) -> u128);

const MAPS: [Map; 3] =
    [("shared", |flows| flows.shared), ("to-grid", |flows| flows.to_grid), ("from-grid", |flows| flows.from_grid)];

pub(super) fn section(said: Said<'_>) -> Markup {
    let c = &said.texts.community;
    let names = [c.heat_shared, c.heat_to_grid, c.heat_from_grid];
    let hours = &said.model.overview.hours;
    html! {
        section {
            h2 { (c.heat) }
            @if hours.is_empty() {
                p class="note" { (said.texts.frame.no_data) }
            } @else {
                p class="note" { (c.heat_note) }
                fieldset class="switch" {
                    legend { (c.heat_choice) }
                    @for (place, ((id, _), name)) in MAPS.into_iter().zip(names).enumerate() {
                        input type="radio" name="heat" id={ "heat-" (id) } checked[place == 0];
                        label for={ "heat-" (id) } { (name) }
                    }
                    @for ((id, energy), name) in MAPS.into_iter().zip(names) {
                        div class={ "choice heat-" (id) } {
                            (map(said, name, &hours.iter().map(|(hour, flows)| (*hour, energy(flows))).collect()))
                        }
                    }
                }
            }
        }
    }
}

fn map(said: Said<'_>, name: &str, hours: &BTreeMap<Hour, u128>) -> Markup {
    let c = &said.texts.community;
    let title = fill(c.heat_title, &[("what", &name)]);
    let most = hours.iter().max_by_key(|(hour, wh)| (**wh, Reverse(**hour)));
    let Some((hour, wh)) = most.filter(|(_, wh)| **wh > 0) else {
        return html! { figure { figcaption { (title) } p class="note" { (c.heat_zero) } } };
    };
    let description = fill(c.heat_most, &[("hour", hour), ("kwh", &said.kwh(*wh))]);
    let picture = heat(About { title: &title, description: &description }, &Heat { hours, language: said.language });
    chart::figure_in(said.language, &title, &picture, &numbers(said, hours))
}

/// A row for each day, or for each month of many days; a column for each hour of the clock.
fn numbers(said: Said<'_>, hours: &BTreeMap<Hour, u128>) -> Numbers {
    let c = &said.texts.community;
    let mut days: Vec<Date> = hours.keys().map(|hour| hour.day).collect();
    days.dedup();
    let by_month = days.len() > DAYS_MAX;
    let headings = std::iter::once(if by_month { c.month } else { c.day }.to_owned());
    let mut numbers = Numbers::new(headings.chain((0..24).map(|hour| format!("{hour}:00"))));
    let mut rows: BTreeMap<Date, [Vec<u128>; 24]> = BTreeMap::new();
    // Days between without data have a row, as they have a column in the map.
    if let (Some(first), Some(last), false) = (days.first(), days.last(), by_month) {
        let day: jiff::Span = jiff::ToSpan::day(1);
        rows.extend(first.series(day).take_while(|day| day <= last).map(|day| (day, Default::default())));
    }
    for (hour, wh) in hours {
        let row = rows.entry(if by_month { hour.day.first_of_month() } else { hour.day }).or_default();
        let cell = &mut row[usize::from(hour.clock.unsigned_abs()) % 24];
        match cell.last_mut() {
            Some(sum) if by_month => *sum += wh,
            _ => cell.push(*wh),
        }
    }
    let written = |cell: &Vec<u128>| match cell[..] {
        [] => "–".to_owned(),
        _ => cell.iter().map(|wh| said.kwh(*wh)).collect::<Vec<_>>().join(" / "),
    };
    numbers.rows = rows
        .iter()
        .map(|(date, cells)| {
            let name = match by_month {
                true => figures::calendar::month_name(*date),
                false => said.language.date(*date),
            };
            std::iter::once(name).chain(cells.iter().map(written)).collect()
        })
        .collect();
    numbers
}
