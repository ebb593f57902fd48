//! Totals of each rule, month by month, and how evenly each shares.

use domain::Amount;
use figures::backtest::{Kind, WorseOff};
use figures::calendar::month_name;
use figures::text::{cents_per_kwh, eur, eur_difference, eur_of_change, index_of_ppm, kwh_of_sum, percent_of_ppm};
use figures::{Backtest, Variant};
use jiff::civil::Date;
use maud::{Markup, html};

/// The figures of a rule: its id, its name, and its formula.
const FORMULAS: [(&str, &str, &str); 13] = [
    (
        "shared",
        "Shared energy",
        "S: energy that members got from each other; what passes through the operator counts once",
    ),
    (
        "potential",
        "Of what is possible",
        "S / S_max, where S_max is the sum over intervals of the lower of all that was fed in and all that was needed",
    ),
    (
        "cover",
        "Cover",
        "S / all that was needed from outside. What a home uses of its own production within an interval does not pass its meter",
    ),
    ("use", "Use", "S / all that was fed in; not of production"),
    ("paid", "Paid", "amounts of everything bought − amounts of everything sold, with neighbours and with the grid"),
    ("saved", "Saved", "what the same energy would have cost with the grid alone, at each member's own tariff − paid"),
    ("beside", "Better than the baseline", "paid under the baseline − paid under this rule"),
    ("operator", "Operator", "what the community's own account took in − what it paid out"),
    ("worse", "Worse off", "how many members pay more than under the other, and the one that loses most"),
    (
        "gini",
        "Gini",
        "Σ(2k−n−1)x(k) / (n·Σx) of what members that traded here saved for each kWh that they traded here, x(1) the least; 0: all the same; none if any lost",
    ),
    ("jain", "Jain", "(Σx)² / (n·Σx²) of the same; 1: all the same"),
    ("range", "Lowest, highest", "of the same, in ct/kWh"),
    ("deviation", "Standard deviation", "√(n·Σx² − (Σx)²) / n of the same"),
];

pub(super) fn formulas() -> Markup {
    html! {
        section {
            h2 { "How the figures are computed" }
            dl class="formulas" {
                @for (id, name, formula) in FORMULAS {
                    dt id={ "f-" (id) } { (name) }
                    dd { (formula) }
                }
            }
            p class="note" { "All sums are exact integers in watt-hours and nano-euro; there is one division, at the end, which rounds down. Euro are shown in cents." }
        }
    }
}

/// A heading that leads to its formula.
fn heading(id: &str, text: &str) -> Markup {
    html! { th scope="col" { a href={ "#f-" (id) } { (text) } } }
}

pub(super) fn section(backtest: &Backtest) -> Markup {
    let Some(base) = backtest.base() else { return Markup::default() };
    let rate = |ppm: Option<u128>| percent_of_ppm(ppm.and_then(|ppm| i128::try_from(ppm).ok()));
    html! {
        section {
            h2 { "The rules beside each other" }
            div class="wide" tabindex="0" {
                table {
                    thead {
                        tr {
                            th scope="col" { "Rule" }
                            (heading("shared", "Shared kWh")) (heading("potential", "Of what is possible"))
                            (heading("cover", "Cover")) (heading("use", "Use")) (heading("paid", "Paid EUR"))
                            (heading("saved", "Saved EUR")) (heading("beside", "Better than baseline EUR"))
                            (heading("operator", "Operator EUR")) (heading("worse", "Worse off than baseline"))
                            (heading("worse", "Worse off than grid"))
                        }
                    }
                    tbody {
                        @for variant in &backtest.variants {
                            @let is_base = std::ptr::eq(variant, base);
                            @let beside = base.all().paid().checked_sub(variant.all().paid()).unwrap_or_default();
                            tr {
                                th scope="row" { (variant.named.label) @if is_base { " (baseline)" } }
                                td { (kwh_of_sum(variant.total().shared_wh)) }
                                td { (rate(variant.potential_ppm())) }
                                td { (rate(variant.cover_ppm())) }
                                td { (rate(variant.use_ppm())) }
                                td { (eur(variant.all().paid())) }
                                td { (eur(variant.all().saved())) }
                                @if is_base { td { "–" } } @else { td class=(colour(beside)) { (eur_difference(beside)) } }
                                td { (eur(variant.total().operator)) }
                                @if is_base { td { "–" } } @else { td { (worse(backtest, variant.worse_than(base))) } }
                                td { (worse(backtest, variant.worse_than_grid())) }
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

fn worse(backtest: &Backtest, worse: WorseOff) -> String {
    match worse.most.and_then(|(number, amount)| Some((backtest.members.get(number)?, amount))) {
        Some((member, amount)) => format!("{} ({member}: {} EUR)", worse.members, eur_of_change(amount)),
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

pub(super) fn months(backtest: &Backtest) -> Markup {
    let Some(base) = backtest.base() else { return Markup::default() };
    let months = backtest.months();
    let compared: Vec<&Variant> = compared(backtest).collect();
    let holds = |variant: &Variant| {
        let sign = |amount: Amount| amount.cmp(&Amount::ZERO);
        let each: Vec<Amount> = months.iter().map(|month| variant.all_beside_in(base, *month)).collect();
        let whole = base.all().paid().checked_sub(variant.all().paid()).unwrap_or_default();
        let same = each.iter().filter(|amount| sign(**amount) == sign(whole)).count();
        format!("{same} of {}", each.len())
    };
    html! {
        section {
            h2 { "Month by month" }
            p class="note" { "What all members together saved against the grid alone, and by how much they were better off than under the baseline, in EUR." }
            div class="wide" tabindex="0" {
                table {
                    thead {
                        tr {
                            th scope="col" { "Month" }
                            th scope="col" { (base.named.label) ": saved" }
                            @for variant in &compared {
                                th scope="col" { (variant.named.label) ": saved" }
                                th scope="col" { "better" }
                            }
                        }
                    }
                    tbody {
                        @for month in &months {
                            tr {
                                th scope="row" { (month_name(*month)) }
                                td { (saved_in(base, *month)) }
                                @for variant in &compared {
                                    @let beside = variant.all_beside_in(base, *month);
                                    td { (saved_in(variant, *month)) }
                                    td class=(colour(beside)) { (eur_difference(beside)) }
                                }
                            }
                        }
                    }
                    @if !compared.is_empty() {
                        tfoot {
                            tr {
                                th scope="row" { "months with the sign of the whole" }
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

fn saved_in(variant: &Variant, month: Date) -> String {
    let all = variant.months().get(&month).and_then(|sums| sums.all().ok());
    all.map_or_else(|| "–".to_owned(), |all| eur(all.saved()))
}

pub(super) fn fairness(backtest: &Backtest) -> Markup {
    // nEUR/kWh; a thousandth is µEUR/kWh.
    let cents = |nano: Option<i128>| cents_per_kwh(nano.map(|nano| nano.div_euclid(1000)));
    html! {
        section {
            h2 { "How evenly what is saved is shared" }
            p class="note" { "Four figures side by side, and no score: which of them matters is for members to decide. They are of what each member that traded here saved for each kWh that it traded here." }
            div class="wide" tabindex="0" {
                table {
                    thead {
                        tr {
                            th scope="col" { "Rule" }
                            (heading("gini", "Gini")) (heading("jain", "Jain")) (heading("range", "Lowest ct/kWh"))
                            (heading("range", "Highest ct/kWh")) (heading("deviation", "Standard deviation ct/kWh"))
                        }
                    }
                    tbody {
                        @for variant in communities(backtest) {
                            @let fairness = variant.fairness();
                            tr {
                                th scope="row" { (variant.named.label) }
                                td { (index_of_ppm(fairness.gini_ppm)) }
                                td { (index_of_ppm(fairness.jain_ppm)) }
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
