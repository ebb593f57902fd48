//! What each rule would have meant for each member: differences, sorted, with a zero line.

use domain::Amount;
use figures::statement::{bought_at, sold_at};
use figures::text::{cents_per_kwh, eur, eur_difference, eur_of_change, kwh_of_sum};
use figures::{Backtest, Variant};
use maud::{Markup, html};

use super::rules::{colour, compared};
use crate::chart::{self, Numbers};
use crate::svg::{About, Difference, differences};

pub(super) fn section(backtest: &Backtest) -> Markup {
    let Some(base) = backtest.base() else { return Markup::default() };
    let compared: Vec<&Variant> = compared(backtest).collect();
    html! {
        section {
            h2 { "What it means for each member" }
            @if compared.is_empty() {
                p { "There is no other rule to compare with." }
            } @else {
                p class="note" { "By how much each member would have been better off than under the baseline, " (base.named.label) ", over the whole time. Bars to the right of the line: better; to the left, hatched: worse." }
                div class="plots" {
                    @for variant in &compared { (plot(backtest, base, variant)) }
                }
            }
            (table(backtest, base, &compared))
        }
    }
}

fn plot(backtest: &Backtest, base: &Variant, variant: &Variant) -> Markup {
    let mut all: Vec<(usize, Amount)> =
        (0..backtest.members.len()).map(|number| (number, variant.beside(base, number))).collect();
    all.sort_by_key(|(number, amount)| (std::cmp::Reverse(*amount), *number));
    let name = |number: usize| backtest.members.get(number).map(ToString::to_string).unwrap_or_default();
    let worse = all.iter().filter(|(_, amount)| *amount < Amount::ZERO).count();
    let better = all.iter().filter(|(_, amount)| *amount > Amount::ZERO).count();
    let description = format!(
        "{better} members are better off, {worse} are worse off, {} are as before.",
        all.len() - better - worse
    );
    let title = format!("{} beside {}, EUR", variant.named.label, base.named.label);
    let shown: Vec<Difference> =
        all.iter().map(|(number, amount)| Difference { name: name(*number), amount: *amount }).collect();
    let mut numbers = Numbers::new([
        "Member",
        "better by EUR",
        "months with this sign",
        "traded here kWh",
        "paid EUR",
        "buys at ct/kWh",
        "sells at ct/kWh",
    ]);
    numbers.rows = all
        .iter()
        .map(|(number, amount)| {
            let (same, months) = variant.sign_holds(base, *number);
            let account = variant.accounts().get(*number).copied().unwrap_or_default();
            vec![
                name(*number),
                eur_of_change(*amount),
                format!("{same} of {months}"),
                kwh_of_sum(account.sold_local.wh + account.bought_local.wh),
                eur(account.paid()),
                cents_per_kwh(bought_at(&account)),
                cents_per_kwh(sold_at(&account)),
            ]
        })
        .collect();
    let picture = differences(About { title: &title, description: &description }, &shown);
    html! {
        div {
            (chart::figure(&title, &picture, &numbers))
            p class="note" { (description) }
        }
    }
}

/// What members pay under the baseline, and beside it under each other rule.
fn table(backtest: &Backtest, base: &Variant, compared: &[&Variant]) -> Markup {
    html! {
        h3 { "All members under " (base.named.label) ", and how much better under the others" }
        div class="wide" tabindex="0" {
            table {
                thead {
                    tr {
                        th scope="col" { "Member" }
                        @for heading in ["grid alone EUR", "traded here kWh", "paid EUR", "saved EUR", "buys at ct/kWh", "sells at ct/kWh"] {
                            th scope="col" { (heading) }
                        }
                        @for variant in compared { th scope="col" { (variant.named.label) ": better EUR" } }
                    }
                }
                tbody {
                    @for (number, (member, account)) in backtest.members.iter().zip(base.accounts()).enumerate() {
                        tr {
                            th scope="row" { (member) }
                            td { (eur(account.grid_alone)) }
                            td { (kwh_of_sum(account.sold_local.wh + account.bought_local.wh)) }
                            td { (eur(account.paid())) }
                            td { (eur(account.saved())) }
                            td { (cents_per_kwh(bought_at(account))) }
                            td { (cents_per_kwh(sold_at(account))) }
                            @for variant in compared {
                                @let beside = variant.beside(base, number);
                                td class=(colour(beside)) { (eur_difference(beside)) }
                            }
                        }
                    }
                }
            }
        }
    }
}
