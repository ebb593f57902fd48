//! What flowed over time, and at which prices: two plots of areas, one of prices, and one table for each.

use figures::community::{Slot, Step, price_of};
use jiff::civil::Date;
use maud::{Markup, html};
use words::fill;

use super::Said;
use crate::chart::{self, Numbers};
use crate::place::{Part, Place};
use crate::svg::{About, Label, Range, band, timeline};

pub(super) fn sections(said: Said<'_>) -> Markup {
    let c = &said.texts.community;
    let slots = &said.model.overview.slots;
    html! {
        section {
            h2 { (c.flows) }
            p class="note" { (c.flows_note) }
            div class="plots" {
                (areas(said, c.given, [c.to_neighbours, c.to_grid], |slot| {
                    let flows = slot.flowed?.flows;
                    Some([flows.to_neighbours, flows.to_grid])
                }))
                (areas(said, c.taken, [c.from_neighbours, c.from_grid], |slot| {
                    let flows = slot.flowed?.flows;
                    Some([flows.from_neighbours, flows.from_grid])
                }))
            }
        }
        section {
            h2 { (c.prices) }
            @if slots.iter().any(|slot| range(slot).is_some()) { (prices(said)) } @else { p class="note" { (c.no_trades) } }
        }
    }
}

fn areas(said: Said<'_>, what: &str, names: [&'static str; 2], parts: fn(&Slot) -> Option<[u128; 2]>) -> Markup {
    let c = &said.texts.community;
    let slots = &said.model.overview.slots;
    let steps: Vec<Option<[u128; 2]>> = slots.iter().map(parts).collect();
    let title = fill(c.each_step, &[("what", &what), ("step", &step(said))]);
    if steps.iter().all(Option::is_none) {
        return chart::nothing_in(said.language, &title);
    }
    let with = steps.iter().flatten().count();
    let whole = |number: usize| said.language.whole(i128::try_from(number).unwrap_or(i128::MAX));
    let description = fill(c.steps_with_data, &[("with", &whole(with)), ("steps", &whole(steps.len()))]);
    let mut numbers = Numbers::new([c.time, names[0], names[1]]);
    numbers.rows = slots
        .iter()
        .zip(&steps)
        .map(|(slot, parts)| {
            let cells = parts.map(|parts| parts.map(|wh| said.kwh(wh)));
            let [first, second] = cells.unwrap_or_else(|| [NONE, NONE].map(str::to_owned));
            vec![said.time(slot), first, second]
        })
        .collect();
    // OK because no step of any real community comes near 2⁶⁴ Wh.
    let narrow = |wh: u128| u64::try_from(wh).unwrap_or(u64::MAX);
    let steps: Vec<Option<[u64; 2]>> = steps.iter().map(|parts| parts.map(|parts| parts.map(narrow))).collect();
    let about = About { title: &title, description: &description };
    let plot = timeline(about, names, &steps, ("kWh", 3, said.language), &labels(said));
    chart::figure_in(said.language, &title, &plot, &numbers)
}

/// What stands where there is no number.
const NONE: &str = "–";

/// How long a step is.
fn step(said: Said<'_>) -> String {
    let c = &said.texts.community;
    match said.model.step {
        Step::Day => c.step_day.to_owned(),
        Step::Hour => c.step_hour.to_owned(),
        Step::Interval => {
            let first = said.model.overview.slots.first();
            let seconds = first.map_or(0, |slot| slot.until.seconds() - slot.from.seconds());
            fill(c.step_minutes, &[("minutes", &(seconds / 60))])
        }
    }
}

fn range(slot: &Slot) -> Option<Range> {
    let flowed = slot.flowed?;
    let (lowest, highest) = flowed.prices?;
    Some(Range {
        lowest: lowest.micro_eur().into(),
        mean: price_of(flowed.shared)?,
        highest: highest.micro_eur().into(),
    })
}

fn prices(said: Said<'_>) -> Markup {
    let c = &said.texts.community;
    let slots = &said.model.overview.slots;
    let ranges: Vec<Option<Range>> = slots.iter().map(range).collect();
    let cents = |micro: i128| said.language.cents_per_kwh(Some(micro));
    let title = fill(c.each_step, &[("what", &c.prices_of_trades), ("step", &step(said))]);
    let lowest = ranges.iter().flatten().map(|range| range.lowest).min().unwrap_or(0);
    let highest = ranges.iter().flatten().map(|range| range.highest).max().unwrap_or(0);
    let description = fill(c.from_to, &[("lowest", &cents(lowest)), ("highest", &cents(highest))]);
    let mut numbers = Numbers::new([c.time, c.lowest, c.mean, c.highest]);
    numbers.rows = slots
        .iter()
        .zip(&ranges)
        .map(|(slot, range)| {
            let cells = range.map(|range| [range.lowest, range.mean, range.highest].map(cents));
            let mut row = vec![said.time(slot)];
            row.extend(cells.unwrap_or_else(|| [NONE; 3].map(str::to_owned)));
            row
        })
        .collect();
    if said.model.opens_steps {
        let place = |slot: &Slot| Place::of(said.model.community, Part::Interval(slot.from));
        numbers.links = slots.iter().map(|slot| said.look.href(&place(slot), &[])).collect();
    }
    let about = About { title: &title, description: &description };
    let plot = band(about, [c.lowest_to_highest, c.mean], &ranges, ("ct/kWh", 4, said.language), &labels(said));
    chart::figure_in(said.language, &title, &plot, &numbers)
}

impl Said<'_> {
    /// When a step begins: as finely as steps are.
    fn time(&self, slot: &Slot) -> String {
        let zone = self.model.zone;
        let at = slot.from.timestamp();
        let local = zone.to_datetime(at);
        match self.model.step {
            Step::Day => self.language.date(local.date()),
            // With its offset where the clock shows this time twice.
            _ if zone.to_ambiguous_timestamp(local).is_ambiguous() => {
                format!("{} {}", self.moment(slot.from), zone.to_offset(at))
            }
            _ => self.moment(slot.from),
        }
    }
}

/// Labels of the days or months of the steps, as many as have room; of a single day its hours.
fn labels(said: Said<'_>) -> Vec<Label> {
    let slots = &said.model.overview.slots;
    let local = |slot: &Slot| said.model.zone.to_datetime(slot.from.timestamp());
    let begins = |place: usize, slot: &Slot| -> (bool, String) {
        let now = local(slot);
        let before = place.checked_sub(1).and_then(|before| slots.get(before)).map(local);
        let is_new = |of: fn(Date) -> Date| before.is_none_or(|before| of(before.date()) != of(now.date()));
        match (said.model.step, single_day(said)) {
            (Step::Day, _) => (is_new(Date::first_of_month), said.language.short_month(now.date()).to_owned()),
            (_, true) => (now.minute() == 0 && now.second() == 0, said.language.time(now.time())),
            (_, false) => (is_new(|date| date), said.language.day(now.date())),
        }
    };
    let all: Vec<(usize, String)> = slots
        .iter()
        .enumerate()
        .filter_map(|(place, slot)| {
            let (is_one, text) = begins(place, slot);
            is_one.then_some((place, text))
        })
        .collect();
    let apart = all.len().div_ceil(6).max(1);
    let place = |place: usize| place as f64 / slots.len().max(1) as f64;
    all.into_iter().step_by(apart).map(|(at, text)| Label { place: place(at), text }).collect()
}

fn single_day(said: Said<'_>) -> bool {
    said.model.period.calendar() == books::Calendar::Day
}
