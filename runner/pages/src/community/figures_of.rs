//! The figures of a period as tiles, beside the period before.

use books::Period;
use domain::Amount;
use domain::text::printable;
use figures::community::Figures;
use maud::{Markup, html};
use words::{Language, fill};

use super::Said;
use crate::statement::period_name;
use crate::tiles::{Tile, tiles};

/// What the period before came to.
type Before<'b> = Option<(&'b Period, &'b Figures)>;

/// The four tiles that every community has: shared, cover, use, saved, each beside what it was before.
pub fn period_tiles(language: Language, figures: &Figures, before: Before<'_>) -> [Tile<'static>; 4] {
    let c = &language.texts().community;
    let kwh = |wh: u128| language.kwh_of_sum(wh);
    let percent = |ppm: Option<u128>| language.percent_of_ppm(ppm.and_then(|ppm| i128::try_from(ppm).ok()));
    let of = |part: u128, whole: u128| fill(c.of_kwh, &[("part", &kwh(part)), ("whole", &kwh(whole))]);
    let tile = |what, value: &dyn Fn(&Figures) -> String, mut more: Vec<String>, formula| {
        more.push(before_line(language, before, value));
        Tile { what, value: value(figures), more, formula }
    };
    let shared = figures.shared_wh();
    let potential = figures
        .potential_wh
        .map(|most| fill(c.of_potential, &[("share", &percent(figures.potential_ppm())), ("most", &kwh(most))]));
    let saved = figures.total.saved();
    let part = figures.saved_ppm().map(|ppm| fill(c.of_grid_alone, &[("share", &language.percent_of_ppm(Some(ppm)))]));
    let costs = (saved < Amount::ZERO).then(|| c.costs_more.to_owned());
    [
        tile(
            c.shared,
            &|figures| format!("{} kWh", kwh(figures.shared_wh())),
            potential.into_iter().collect(),
            c.shared_formula,
        ),
        tile(c.cover, &|figures| percent(figures.cover_ppm()), vec![of(shared, figures.needed_wh())], c.cover_formula),
        tile(c.use_rate, &|figures| percent(figures.use_ppm()), vec![of(shared, figures.fed_in_wh())], c.use_formula),
        tile(
            c.saved,
            &|figures| language.eur(figures.total.saved()),
            part.into_iter().chain(costs).collect(),
            c.saved_formula,
        ),
    ]
}

/// What a figure was in the period before.
fn before_line(language: Language, before: Before<'_>, value: &dyn Fn(&Figures) -> String) -> String {
    let c = &language.texts().community;
    match before {
        Some((period, figures)) if !figures.is_empty() => {
            fill(c.before, &[("value", &value(figures)), ("period", &period_name(language, period))])
        }
        _ => c.before_none.to_owned(),
    }
}

pub(super) fn tiles_of(said: Said<'_>) -> Markup {
    let (figures, c) = (&said.model.overview.figures, &said.texts.community);
    let before = said.model.before;
    let mut all: Vec<Tile<'_>> = period_tiles(said.language, figures, before).into();
    let eur = |amount| said.language.eur(amount);
    let alone = fill(c.with_grid_alone, &[("amount", &eur(figures.total.grid_alone))]);
    let money = |figures: &Figures| eur(figures.total.paid());
    let paid = vec![alone, before_line(said.language, before, &money)];
    all.push(Tile { what: c.paid, value: money(figures), more: paid, formula: c.paid_formula });
    all.push(worse_off(said));
    all.push(Tile { what: c.operator, value: eur(figures.operator()), more: Vec::new(), formula: c.operator_formula });
    all.push(fairness(said));
    tiles(said.texts, &all)
}

fn worse_off(said: Said<'_>) -> Tile<'static> {
    let (overview, c) = (said.model.overview, &said.texts.community);
    let worse = &overview.figures.worse_off;
    let of = fill(c.of_members, &[("count", &said.language.whole(count(overview.members.len())))]);
    let most = worse.most.and_then(|(place, amount)| {
        let (member, _) = overview.members.get(place)?;
        Some(fill(c.worst, &[("member", &printable(member.as_str())), ("amount", &said.language.eur(amount))]))
    });
    let value = said.language.whole(count(worse.members));
    Tile { what: c.worse_off, value, more: std::iter::once(of).chain(most).collect(), formula: c.worse_off_formula }
}

fn count(number: usize) -> i128 {
    i128::try_from(number).unwrap_or(i128::MAX)
}

fn fairness(said: Said<'_>) -> Tile<'static> {
    let (fairness, c) = (&said.model.overview.figures.fairness, &said.texts.community);
    let index = |ppm: Option<u128>| said.language.index_of_ppm(ppm);
    // nEUR/kWh are thousandths of µEUR/kWh.
    let cents = |nano: Option<i128>| said.language.cents_per_kwh(nano.map(|nano| nano.div_euclid(1000)));
    let deviation = fairness.deviation.and_then(|deviation| i128::try_from(deviation).ok());
    let range = fill(c.from_to, &[("lowest", &cents(fairness.lowest)), ("highest", &cents(fairness.highest))]);
    let deviation = fill(c.deviation, &[("deviation", &cents(deviation))]);
    let value = fill(c.gini_jain, &[("gini", &index(fairness.gini_ppm)), ("jain", &index(fairness.jain_ppm))]);
    Tile { what: c.fairness, value, more: vec![range, deviation], formula: c.fairness_formula }
}

/// What there is to know of the data.
pub(super) fn notes(said: Said<'_>) -> Markup {
    let (overview, c) = (said.model.overview, &said.texts.community);
    let figures = &overview.figures;
    let whole = |number: u64| said.language.whole(number);
    let settled = fill(
        c.data,
        &[
            ("settled", &whole(figures.intervals)),
            ("expected", &whole(said.model.expected)),
            ("missing", &whole(said.model.expected.saturating_sub(figures.intervals))),
        ],
    );
    let lacking = overview.days_without_details;
    html! {
        p class="note" {
            (settled)
            @if let Some(gaps) = figures.gaps.filter(|gaps| *gaps > 0) {
                " " (fill(c.gaps, &[("gaps", &whole(gaps))]))
            }
        }
        @if lacking > 0 {
            p class="note" role="status" { (fill(c.not_summed, &[("days", &whole(lacking))])) }
        }
    }
}
