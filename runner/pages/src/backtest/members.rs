//! What each rule would have meant for each member: differences, sorted, with a zero line.

use domain::Amount;
use domain::text::printable;
use figures::statement::{bought_at, sold_at};
use figures::{Backtest, Variant};
use maud::{Markup, html};
use words::{Language, fill};

use super::rules::{colour, compared};
use super::{change, difference, said};
use crate::chart::{self, Numbers};
use crate::svg::{About, Difference, differences};

pub(super) fn section(language: Language, backtest: &Backtest) -> Markup {
    let Some(base) = backtest.base() else { return Markup::default() };
    let said = said(language);
    let compared: Vec<&Variant> = compared(backtest).collect();
    html! {
        section {
            h2 { (said.for_members) }
            @if compared.is_empty() {
                p { (said.no_other) }
            } @else {
                p class="note" { (fill(said.members_note, &[("baseline", &printable(&base.named.label))])) }
                div class="plots" {
                    @for variant in &compared { (plot(language, backtest, base, variant)) }
                }
            }
            (table(language, backtest, base, &compared))
        }
    }
}

fn plot(language: Language, backtest: &Backtest, base: &Variant, variant: &Variant) -> Markup {
    let said = said(language);
    let mut all: Vec<(usize, Amount)> =
        (0..backtest.members.len()).map(|number| (number, variant.beside(base, number))).collect();
    all.sort_by_key(|(number, amount)| (std::cmp::Reverse(*amount), *number));
    let name = |number: usize| {
        let member = backtest.members.get(number);
        member.map(|member| printable(member.as_str()).into_owned()).unwrap_or_default()
    };
    let worse = all.iter().filter(|(_, amount)| *amount < Amount::ZERO).count();
    let better = all.iter().filter(|(_, amount)| *amount > Amount::ZERO).count();
    let same = all.len() - better - worse;
    let description = fill(said.how_many, &[("better", &better), ("worse", &worse), ("same", &same)]);
    let names = [&variant.named.label, &base.named.label].map(|label| printable(label));
    let title = fill(said.beside_title, &[("rule", &names[0]), ("baseline", &names[1])]);
    let shown: Vec<Difference> =
        all.iter().map(|(number, amount)| Difference { name: name(*number), amount: *amount }).collect();
    let mut numbers = Numbers::new([
        said.member,
        said.better_by,
        said.same_sign,
        said.traded_kwh,
        said.paid_column,
        said.buys_at,
        said.sells_at,
    ]);
    numbers.rows = all
        .iter()
        .map(|(number, amount)| {
            let (same, months) = variant.sign_holds(base, *number);
            let account = variant.accounts().get(*number).copied().unwrap_or_default();
            vec![
                name(*number),
                change(language, *amount),
                fill(said.of, &[("part", &same), ("whole", &months)]),
                language.kwh_of_sum(account.sold_local.wh + account.bought_local.wh),
                language.eur_in_column(account.paid()),
                language.cents_per_kwh(bought_at(&account)),
                language.cents_per_kwh(sold_at(&account)),
            ]
        })
        .collect();
    let picture = differences(language, About { title: &title, description: &description }, &shown);
    html! {
        div {
            (chart::figure_in(language, &title, &picture, &numbers))
            p class="note" { (description) }
        }
    }
}

/// What members pay under the baseline, and beside it under each other rule.
fn table(language: Language, backtest: &Backtest, base: &Variant, compared: &[&Variant]) -> Markup {
    let said = said(language);
    let headings = [
        said.member,
        said.grid_alone_column,
        said.traded_kwh,
        said.paid_column,
        said.saved_column,
        said.buys_at,
        said.sells_at,
    ];
    html! {
        h3 { (fill(said.all_members, &[("baseline", &printable(&base.named.label))])) }
        div class="wide" tabindex="0" {
            table {
                thead {
                    tr {
                        @for heading in headings { th scope="col" { (heading) } }
                        @for variant in compared {
                            th scope="col" { (fill(said.better_column, &[("rule", &printable(&variant.named.label))])) }
                        }
                    }
                }
                tbody {
                    @for (number, (member, account)) in backtest.members.iter().zip(base.accounts()).enumerate() {
                        tr {
                            th scope="row" { (printable(member.as_str())) }
                            td { (language.eur_in_column(account.grid_alone)) }
                            td { (language.kwh_of_sum(account.sold_local.wh + account.bought_local.wh)) }
                            td { (language.eur_in_column(account.paid())) }
                            td { (language.eur_in_column(account.saved())) }
                            td { (language.cents_per_kwh(bought_at(account))) }
                            td { (language.cents_per_kwh(sold_at(account))) }
                            @for variant in compared {
                                @let beside = variant.beside(base, number);
                                td class=(colour(beside)) { (difference(language, beside)) }
                            }
                        }
                    }
                }
            }
        }
    }
}
