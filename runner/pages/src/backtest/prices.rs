//! At which prices energy is shared: duration curves.

use std::collections::BTreeMap;

use domain::text::printable;
use figures::{Backtest, Variant};
use maud::{Markup, html};
use words::{Language, fill};

use super::rules::communities;
use super::said;
use crate::chart::{self, Numbers};
use crate::svg::{About, Line, steps};

/// In how many equal parts the energy is shown.
const PARTS: u128 = 100;
/// Lines that can be told apart in one plot.
const LINES_MAX: usize = 6;

pub(super) fn section(language: Language, backtest: &Backtest) -> Markup {
    let said = said(language);
    let variants: Vec<(&Variant, Vec<i128>)> =
        communities(backtest).filter_map(|variant| Some((variant, duration(variant.prices())?))).collect();
    html! {
        section {
            h2 { (said.prices) }
            p class="note" { (said.prices_note) }
            @if variants.is_empty() { p { (said.nothing_shared) } }
            div class="plots" {
                @for some in variants.chunks(LINES_MAX) { (plot(language, some)) }
            }
        }
    }
}

fn plot(language: Language, variants: &[(&Variant, Vec<i128>)]) -> Markup {
    let said = said(language);
    let lines: Vec<Line> = variants
        .iter()
        .map(|(variant, parts)| Line { name: printable(&variant.named.label).into_owned(), parts: parts.clone() })
        .collect();
    let price = |part: Option<&i128>| language.cents_per_kwh(part.copied());
    let falls = |line: &Line| {
        let (high, low) = (price(line.parts.first()), price(line.parts.last()));
        fill(said.falls, &[("rule", &line.name), ("high", &high), ("low", &low)])
    };
    let described: Vec<String> = lines.iter().map(falls).collect();
    let description = format!("{} ct/kWh.", described.join("; "));
    let mut numbers =
        Numbers::new(std::iter::once(said.of_the_energy).chain(lines.iter().map(|line| line.name.as_str())));
    numbers.rows = (0..=10)
        .map(|tenth: usize| {
            let at = |line: &Line| line.parts.get((tenth * 10).min(line.parts.len().saturating_sub(1))).copied();
            let cells = lines.iter().map(|line| language.cents_per_kwh(at(line)));
            std::iter::once(format!("{} %", tenth * 10)).chain(cells).collect()
        })
        .collect();
    let picture = steps(About { title: said.duration, description: &description }, &lines, ("ct/kWh", 4, language));
    chart::figure_in(language, said.duration, &picture, &numbers)
}

/// The price of each part of the shared energy, falling; `None` if none is shared.
fn duration(prices: &BTreeMap<i64, u128>) -> Option<Vec<i128>> {
    let whole: u128 = prices.values().sum();
    let mut falling = prices.iter().rev();
    let (mut price, mut reached) = falling.next().map(|(price, wh)| (*price, *wh))?;
    let parts = (0..PARTS).map(|part| {
        // The energy that is dearer than this part's first watt-hour.
        let before = whole / PARTS * part + whole % PARTS * part / PARTS;
        while reached <= before {
            let Some((next, wh)) = falling.next() else { break };
            price = *next;
            reached += wh;
        }
        i128::from(price)
    });
    Some(parts.collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_duration_falls_over_equal_parts_of_the_energy() {
        let parts = duration(&BTreeMap::from([(300, 30), (100, 50), (200, 20)])).unwrap();
        assert_eq!(parts.len(), 100);
        assert_eq!([parts[0], parts[29], parts[30], parts[49], parts[50], parts[99]], [300, 300, 200, 200, 100, 100]);
        assert_eq!(duration(&BTreeMap::new()), None);
        assert_eq!(duration(&BTreeMap::from([(7, 1)])).unwrap(), [7; 100]);
    }
}
