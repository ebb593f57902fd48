//! Totals of each rule, month by month, and how evenly each shares.

use domain::Amount;
use domain::text::printable;
use figures::backtest::{Kind, WorseOff};
use figures::calendar::month_name;
use figures::{Backtest, Variant};
use jiff::civil::Date;
use maud::{Markup, html};
use words::{Language, fill, texts};

use super::{change, difference, said};

/// The figures of a rule: the id, the name and the formula of each.
fn all_formulas(said: &'static texts::Backtest) -> [(&'static str, &'static str, &'static str); 13] {
    [
        ("shared", said.shared, said.shared_is),
        ("potential", said.potential, said.potential_is),
        ("cover", said.cover, said.cover_is),
        ("use", said.used, said.used_is),
        ("paid", said.paid, said.paid_is),
        ("saved", said.saved, said.saved_is),
        ("beside", said.beside, said.beside_is),
        ("operator", said.operator, said.operator_is),
        ("worse", said.worse, said.worse_is),
        ("gini", said.gini, said.gini_is),
        ("jain", said.jain, said.jain_is),
        ("range", said.range, said.range_is),
        ("deviation", said.deviation, said.deviation_is),
    ]
}

pub(super) fn formulas(language: Language) -> Markup {
    let said = said(language);
    html! {
        section {
            h2 { (said.formulas) }
            dl class="formulas" {
                @for (id, name, formula) in all_formulas(said) {
                    dt id={ "f-" (id) } { (name) }
                    dd { (formula) }
                }
            }
            p class="note" { (said.exact) }
        }
    }
}

/// A heading that leads to its formula.
fn heading(id: &str, text: &str) -> Markup {
    html! { th scope="col" { a href={ "#f-" (id) } { (text) } } }
}

pub(super) fn section(language: Language, backtest: &Backtest) -> Markup {
    let Some(base) = backtest.base() else { return Markup::default() };
    let said = said(language);
    let rate = |ppm: Option<u128>| language.percent_of_ppm(ppm.and_then(|ppm| i128::try_from(ppm).ok()));
    html! {
        section {
            h2 { (said.beside_each_other) }
            div class="wide" tabindex="0" {
                table {
                    thead {
                        tr {
                            th scope="col" { (said.rule) }
                            (heading("shared", said.shared_kwh)) (heading("potential", said.potential))
                            (heading("cover", said.cover)) (heading("use", said.used)) (heading("paid", said.paid_eur))
                            (heading("saved", said.saved_eur)) (heading("beside", said.beside_eur))
                            (heading("operator", said.operator_eur)) (heading("worse", said.worse_than_baseline))
                            (heading("worse", said.worse_than_grid))
                        }
                    }
                    tbody {
                        @for variant in &backtest.variants {
                            @let is_base = std::ptr::eq(variant, base);
                            @let beside = base.all().paid().checked_sub(variant.all().paid()).unwrap_or_default();
                            tr {
                                th scope="row" {
                                    @let rule = printable(&variant.named.label);
                                    @if is_base { (fill(said.is_baseline, &[("rule", &rule)])) } @else { (rule) }
                                }
                                td { (language.kwh_of_sum(variant.total().shared_wh)) }
                                td { (rate(variant.potential_ppm())) }
                                td { (rate(variant.cover_ppm())) }
                                td { (rate(variant.use_ppm())) }
                                td { (language.eur_in_column(variant.all().paid())) }
                                td { (language.eur_in_column(variant.all().saved())) }
                                @if is_base { td { "–" } } @else { td class=(colour(beside)) { (difference(language, beside)) } }
                                td { (language.eur_in_column(variant.total().operator)) }
                                @if is_base { td { "–" } } @else { td class="wrap" { (worse(language, backtest, variant.worse_than(base))) } }
                                td class="wrap" { (worse(language, backtest, variant.worse_than_grid())) }
                            }
                        }
                    }
                }
            }
        }
    }
}

/// The class of a cell with a difference.
pub(super) fn colour(amount: Amount) -> &'static str {
    match amount.to_cents() {
        0 => "",
        cents if cents > 0 => "good",
        _ => "bad",
    }
}

fn worse(language: Language, backtest: &Backtest, worse: WorseOff) -> String {
    match worse.most.and_then(|(number, amount)| Some((backtest.members.get(number)?, amount))) {
        Some((member, amount)) => {
            format!("{} ({}: {} EUR)", worse.members, printable(member.as_str()), change(language, amount))
        }
        None => "0".to_owned(),
    }
}

/// The rules that are compared with the baseline.
pub(super) fn compared(backtest: &Backtest) -> impl Iterator<Item = &Variant> {
    let others = backtest.variants.iter().enumerate().filter(|(number, _)| *number != backtest.baseline);
    others.map(|(_, variant)| variant).filter(|variant| variant.named.kind != Kind::GridAlone)
}

/// The rules with a community.
pub(super) fn communities(backtest: &Backtest) -> impl Iterator<Item = &Variant> {
    backtest.variants.iter().filter(|variant| variant.named.kind != Kind::GridAlone)
}

pub(super) fn months(language: Language, backtest: &Backtest) -> Markup {
    let Some(base) = backtest.base() else { return Markup::default() };
    let said = said(language);
    let months = backtest.months();
    let compared: Vec<&Variant> = compared(backtest).collect();
    let holds = |variant: &Variant| {
        let sign = |amount: Amount| amount.cmp(&Amount::ZERO);
        let each: Vec<Amount> = months.iter().map(|month| variant.all_beside_in(base, *month)).collect();
        let whole = base.all().paid().checked_sub(variant.all().paid()).unwrap_or_default();
        let same = each.iter().filter(|amount| sign(**amount) == sign(whole)).count();
        fill(said.of, &[("part", &same), ("whole", &each.len())])
    };
    let saved_by = |variant: &Variant| fill(said.saved_by, &[("rule", &printable(&variant.named.label))]);
    html! {
        section {
            h2 { (said.months) }
            p class="note" { (said.months_note) }
            div class="wide" tabindex="0" {
                table {
                    thead {
                        tr {
                            th scope="col" { (said.month) }
                            th scope="col" { (saved_by(base)) }
                            @for variant in &compared {
                                th scope="col" { (saved_by(variant)) }
                                th scope="col" { (said.better) }
                            }
                        }
                    }
                    tbody {
                        @for month in &months {
                            tr {
                                th scope="row" { (month_name(*month)) }
                                td { (saved_in(language, base, *month)) }
                                @for variant in &compared {
                                    @let beside = variant.all_beside_in(base, *month);
                                    td { (saved_in(language, variant, *month)) }
                                    td class=(colour(beside)) { (difference(language, beside)) }
                                }
                            }
                        }
                    }
                    @if !compared.is_empty() {
                        tfoot {
                            tr {
                                th scope="row" { (said.sign_of_the_whole) }
                                td {}
                                @for variant in &compared { td {} td { (holds(variant)) } }
                            }
                        }
                    }
                }
            }
        }
    }
}

fn saved_in(language: Language, variant: &Variant, month: Date) -> String {
    let all = variant.months().get(&month).and_then(|sums| sums.all().ok());
    all.map_or_else(|| "–".to_owned(), |all| language.eur_in_column(all.saved()))
}

pub(super) fn fairness(language: Language, backtest: &Backtest) -> Markup {
    let said = said(language);
    // nEUR/kWh; a thousandth is µEUR/kWh.
    let cents = |nano: Option<i128>| language.cents_per_kwh(nano.map(|nano| nano.div_euclid(1000)));
    html! {
        section {
            h2 { (said.fairness) }
            p class="note" { (said.fairness_note) }
            div class="wide" tabindex="0" {
                table {
                    thead {
                        tr {
                            th scope="col" { (said.rule) }
                            (heading("gini", said.gini)) (heading("jain", said.jain)) (heading("range", said.lowest))
                            (heading("range", said.highest)) (heading("deviation", said.deviation_cents))
                        }
                    }
                    tbody {
                        @for variant in communities(backtest) {
                            @let fairness = variant.fairness();
                            tr {
                                th scope="row" { (printable(&variant.named.label)) }
                                td { (language.index_of_ppm(fairness.gini_ppm)) }
                                td { (language.index_of_ppm(fairness.jain_ppm)) }
                                td { (cents(fairness.lowest)) }
                                td { (cents(fairness.highest)) }
                                td { (cents(fairness.deviation.and_then(|nano| i128::try_from(nano).ok()))) }
                            }
                        }
                    }
                }
            }
        }
    }
}
