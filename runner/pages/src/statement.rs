//! The statement of one member: one page of A4.

use books::statement::Flow;
use domain::Amount;
use figures::statement::{Common, Flows, MemberStatement, NEIGHBOURS_MIN, bought_at, cover_ppm, sold_at, use_ppm};
use figures::text::{cents_per_kwh, eur, grouped, kwh_of_sum, percent, percent_of_ppm};
use figures::{calendar, rate};
use jiff::civil::Date;
use jiff::tz::TimeZone;
use jiff::{Span, ToSpan};
use maud::{Markup, html};

use crate::chart::{self, Numbers};
use crate::svg::{About, Bar, areas, bars};
use crate::{Repeat, frame};

/// Whose statement it is, and of what time.
#[derive(Clone, Copy, Debug)]
pub struct Heading<'h> {
    /// The community's name.
    pub community: &'h str,
    /// The name of the period: `2024-10`, or `total`.
    pub period: &'h str,
    /// Whose days they are.
    pub zone: &'h TimeZone,
}

/// The whole page.
pub fn page(heading: Heading<'_>, common: &Common, statement: &MemberStatement, repeat: &Repeat) -> Markup {
    let Heading { community, zone, .. } = heading;
    let title = format!("{}, {community}", statement.member);
    let body = html! {
        header {
            h1 { (statement.member) }
            p class="sub" {
                "Member of " (community) ", " (span(heading, common)) ". "
                b { "Statement, not an invoice." }
            }
        }
        main {
            (tiles(statement))
            (days(statement, heading.zone))
            (prices(statement))
            (quality(common, statement))
        }
        footer {
            p {
                "Days are those of " (zone.iana_name().unwrap_or("UTC")) ". Digest of the books for this time: " code { (common.digest) } ". "
                "These numbers again: " code { (repeat.command) } " (" (repeat.program) ")."
            }
        }
    };
    frame::page(&title, &body)
}

fn span(Heading { period, zone, .. }: Heading<'_>, common: &Common) -> String {
    let local = |at: domain::Boundary| zone.to_datetime(at.timestamp()).strftime("%Y-%m-%d %H:%M").to_string();
    match common.span {
        Some((from, until)) if period == "total" => format!("{} to {}", local(from), local(until)),
        Some((from, until)) => format!("{period} ({} to {})", local(from), local(until)),
        None => period.to_owned(),
    }
}

fn tile(what: &str, value: &str, more: &str, formula: &str) -> Markup {
    html! {
        div class="tile" {
            div class="what" { (what) }
            div class="value" { (value) }
            div class="more" { (more) }
            details { summary { "formula" } (formula) }
        }
    }
}

fn tiles(statement: &MemberStatement) -> Markup {
    let account = &statement.account;
    let rate = |ppm: Option<u128>| percent_of_ppm(ppm.and_then(|ppm| i128::try_from(ppm).ok()));
    let of = |part: u128, whole: u128| format!("{} of {} kWh", kwh_of_sum(part), kwh_of_sum(whole));
    let (saved, alone) = (account.saved(), account.grid_alone);
    let saved_more = match rate::saved_ppm(saved.nano_eur(), alone.nano_eur()) {
        Some(ppm) if saved < Amount::ZERO => {
            format!("{} of the grid alone: the community cost more", percent_of_ppm(Some(ppm)))
        }
        Some(ppm) => format!("{} of the grid alone", percent_of_ppm(Some(ppm))),
        None if saved < Amount::ZERO => "the community cost more than the grid alone".to_owned(),
        None => "against the grid alone".to_owned(),
    };
    let (bought, sold) =
        (account.bought_local.wh + account.bought_grid.wh, account.sold_local.wh + account.sold_grid.wh);
    html! {
        div class="tiles" {
            (tile("Taken from neighbours", &rate(cover_ppm(account)), &of(account.bought_local.wh, bought),
                "bought here / (bought here + from the grid)"))
            (tile("Given to neighbours", &rate(use_ppm(account)), &of(account.sold_local.wh, sold),
                "sold here / (sold here + to the grid); of what was fed in, not of production"))
            (tile("Paid", &format!("{} EUR", eur(account.paid())), &format!("{} EUR with the grid alone", eur(alone)),
                "amounts of everything bought − amounts of everything sold; with the grid alone: the same energy at your own tariff"))
            (tile("Saved", &format!("{} EUR", eur(saved)), &saved_more, "with the grid alone − paid"))
        }
    }
}

/// From the first to the last day with data, also those without any between.
fn all_days(statement: &MemberStatement) -> Vec<(Date, Option<Flows>)> {
    let days = &statement.days;
    let Some(((first, _), (last, _))) = days.first_key_value().zip(days.last_key_value()) else { return Vec::new() };
    let day: Span = 1.day();
    first.series(day).take_while(|day| day <= last).map(|day| (day, days.get(&day).copied())).collect()
}

/// One direction of what flowed.
struct Direction {
    what: &'static str,
    names: [&'static str; 2],
    parts: fn(Flows) -> [u64; 2],
}

const DIRECTIONS: [Direction; 2] = [
    Direction {
        what: "Taken",
        names: ["from neighbours", "from the grid"],
        parts: |flows| [flows.from_neighbours, flows.from_grid],
    },
    Direction {
        what: "Given",
        names: ["to neighbours", "to the grid"],
        parts: |flows| [flows.to_neighbours, flows.to_grid],
    },
];

fn days(statement: &MemberStatement, zone: &TimeZone) -> Markup {
    let days = all_days(statement);
    if days.is_empty() {
        return chart::nothing("Day by day");
    }
    let flowed = |direction: &&Direction| {
        days.iter().filter_map(|(_, flows)| *flows).any(|flows| (direction.parts)(flows) != [0, 0])
    };
    html! {
        div class="plots" {
            @for direction in DIRECTIONS.iter().filter(flowed) {
                (day_plot(direction, &days))
                (clock_plot(direction, statement, zone))
            }
        }
    }
}

fn day_plot(direction: &Direction, days: &[(Date, Option<Flows>)]) -> Markup {
    let apart = days.len().div_ceil(6).max(1);
    let label = |place: usize, day: Date| match days.len() {
        0..=92 => (place % apart == 0).then(|| day.strftime("%m-%d").to_string()),
        _ => (day.day() == 1 && (day.month() % 2 == 1 || days.len() < 200)).then(|| calendar::month_name(day)),
    };
    let parts = |flows: Flows| (direction.parts)(flows).map(u128::from);
    let shown: Vec<Bar> = days
        .iter()
        .enumerate()
        .map(|(place, (day, flows))| Bar { label: label(place, *day), parts: flows.map(parts) })
        .collect();
    let title = format!("{} each day, kWh", direction.what);
    let missing = days.iter().filter(|(_, flows)| flows.is_none()).count();
    let with = days.len() - missing;
    let description = format!("{with} days have data, {missing} have none and no bar.");
    let mut numbers = Numbers::new(["Day", direction.names[0], direction.names[1]]);
    numbers.rows = days
        .iter()
        .map(|(day, flows)| {
            let cells = flows.map(|flows| parts(flows).map(kwh_of_sum));
            let [first, second] = cells.unwrap_or_else(|| ["–".to_owned(), "–".to_owned()]);
            vec![day.to_string(), first, second]
        })
        .collect();
    let plot = bars(About { title: &title, description: &description }, direction.names, &shown, ("kWh", 3));
    chart::figure(&title, &plot, &numbers)
}

fn clock_plot(direction: &Direction, statement: &MemberStatement, zone: &TimeZone) -> Markup {
    let hours: Vec<Option<[u64; 2]>> = statement.clock.iter().map(|flows| flows.map(direction.parts)).collect();
    let title = format!("{} on a typical day, kW", direction.what);
    let sum = |parts: &[u64; 2]| parts[0].saturating_add(parts[1]);
    let most = hours.iter().enumerate().filter_map(|(hour, parts)| Some((sum(parts.as_ref()?), hour))).max();
    let zone = zone.iana_name().unwrap_or("UTC");
    let description = match most {
        Some((watts, hour)) if watts > 0 => {
            format!(
                "The mean of all days at each hour of the clock of {zone}; most at {hour}:00, {} kW.",
                kwh_of_sum(watts.into())
            )
        }
        _ => format!("The mean of all days at each hour of the clock of {zone}."),
    };
    let mut numbers = Numbers::new(["Hour", direction.names[0], direction.names[1]]);
    numbers.rows = hours
        .iter()
        .enumerate()
        .map(|(hour, parts)| {
            let cells = parts.map(|parts| parts.map(|watts| kwh_of_sum(watts.into())));
            let [first, second] = cells.unwrap_or_else(|| ["–".to_owned(), "–".to_owned()]);
            vec![format!("{hour}:00"), first, second]
        })
        .collect();
    let plot = areas(About { title: &title, description: &description }, direction.names, &hours, ("kW", 3));
    chart::figure(&title, &plot, &numbers)
}

fn prices(statement: &MemberStatement) -> Markup {
    let account = &statement.account;
    let row = |what: &str, flow: Flow| {
        html! {
            tr {
                th scope="row" { (what) }
                td { (kwh_of_sum(flow.wh)) }
                td { (eur(flow.amount)) }
                td { (cents_per_kwh(rate::price(flow.amount.nano_eur(), flow.wh))) }
                td {}
            }
        }
    };
    let together = |what: &str, flows: [Flow; 2], price: Option<i128>, median: Option<i128>| {
        html! {
            tr {
                th scope="row" { (what) }
                td { (kwh_of_sum(flows[0].wh + flows[1].wh)) }
                td { (eur(flows[0].amount + flows[1].amount)) }
                td { (cents_per_kwh(price)) }
                td { (cents_per_kwh(median)) }
            }
        }
    };
    let neighbours = statement.neighbours;
    html! {
        h2 { "Effective prices" }
        div class="wide" tabindex="0" {
            table {
                thead {
                    tr {
                        th scope="col" { "" } th scope="col" { "kWh" } th scope="col" { "EUR" } th scope="col" { "ct/kWh" }
                        th scope="col" { "neighbours' median ct/kWh" }
                    }
                }
                tbody {
                    (row("Bought from neighbours", account.bought_local))
                    (row("Bought from the grid", account.bought_grid))
                    (together("Bought", [account.bought_local, account.bought_grid], bought_at(account), neighbours.and_then(|it| it.bought_at)))
                    (row("Sold to neighbours", account.sold_local))
                    (row("Sold to the grid", account.sold_grid))
                    (together("Sold", [account.sold_local, account.sold_grid], sold_at(account), neighbours.and_then(|it| it.sold_at)))
                }
            }
        }
        p class="note" { (neighbours_note(statement)) }
    }
}

fn neighbours_note(statement: &MemberStatement) -> String {
    let rate = |ppm: Option<u128>| percent_of_ppm(ppm.and_then(|ppm| i128::try_from(ppm).ok()));
    let count = statement.neighbour_count;
    match statement.neighbours {
        Some(neighbours) => format!(
            "Median of {count} neighbours: {} taken from neighbours, {} given to neighbours. Price: amount / energy.",
            rate(neighbours.cover_ppm),
            rate(neighbours.use_ppm),
        ),
        None => format!(
            "Price: amount / energy. Medians of neighbours are shown from {NEIGHBOURS_MIN} active neighbours on; here are {count}."
        ),
    }
}

fn quality(common: &Common, statement: &MemberStatement) -> Markup {
    html! {
        p class="note" {
            "Data: settled in " (grouped(statement.intervals)) " of " (grouped(common.intervals)) " intervals ("
            (percent(statement.intervals.into(), common.intervals.into())) ")"
            @if statement.gaps == 0 {
                ", no gaps."
            } @else {
                "; " (grouped(statement.gaps)) " gaps with " (kwh_of_sum(statement.gap_wh))
                " kWh were settled with the grid. They are in the sums, and not in the plots."
            }
        }
    }
}
