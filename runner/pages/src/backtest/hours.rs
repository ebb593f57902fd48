//! When energy is shared: hour by day.

use std::collections::BTreeMap;

use figures::calendar::month_name;
use figures::text::kwh_of_sum;
use figures::{Backtest, Hour, Variant};
use jiff::civil::Date;
use maud::{Markup, html};

use super::rules::communities;
use crate::chart::{self, Numbers};
use crate::svg::{About, Heat, heat};

/// From how many days on the table has months, since nobody reads thousands of numbers.
const DAYS_MAX: usize = 62;

pub(super) fn section(backtest: &Backtest) -> Markup {
    // Rules that share the same energy have the same map.
    let mut maps: Vec<(&Variant, Vec<&str>)> = Vec::new();
    for variant in communities(backtest) {
        let label = variant.named.label.as_str();
        match maps.iter_mut().find(|(known, _)| known.hours() == variant.hours()) {
            Some((_, labels)) => labels.push(label),
            None => maps.push((variant, vec![label])),
        }
    }
    html! {
        section {
            h2 { "When energy is shared" }
            p class="note" { "Shared energy by day, and by hour on the clock. A day on which the clock is put back has an hour that is in two; one on which it is put forward has an hour less. Where there is no colour at all, there is no data." }
            div class="plots" {
                @for (variant, labels) in &maps { (map(&labels.join(", "), variant.hours())) }
            }
        }
    }
}

fn map(labels: &str, hours: &BTreeMap<Hour, u128>) -> Markup {
    if hours.is_empty() {
        return chart::nothing(labels);
    }
    let title = format!("{labels}: kWh in each hour");
    let most = hours.iter().max_by_key(|(hour, wh)| (**wh, std::cmp::Reverse(**hour)));
    let description = match most {
        Some((hour, wh)) if *wh > 0 => format!("Most was shared in the hour of {hour}: {} kWh.", kwh_of_sum(*wh)),
        _ => "Nothing was shared.".to_owned(),
    };
    let picture = heat(About { title: &title, description: &description }, &Heat { hours });
    chart::figure(&title, &picture, &numbers(hours))
}

/// A row for each day, or for each month of many days; a column for each hour of the clock.
fn numbers(hours: &BTreeMap<Hour, u128>) -> Numbers {
    let mut days: Vec<Date> = hours.keys().map(|hour| hour.day).collect();
    days.dedup();
    let by_month = days.len() > DAYS_MAX;
    let headings = std::iter::once(if by_month { "Month" } else { "Day" }.to_owned());
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
                parts => parts.iter().map(|wh| kwh_of_sum(*wh)).collect::<Vec<_>>().join(" and "),
            };
            let name = if by_month { month_name(day) } else { day.to_string() };
            std::iter::once(name).chain(cells.map(cell)).collect()
        })
        .collect();
    numbers
}
