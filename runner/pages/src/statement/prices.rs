//! Effective prices beside those of the neighbours, and how good the data is.

use books::statement::Flow;
use figures::rate;
use figures::statement::{Common, MemberStatement, NEIGHBOURS_MIN, bought_at, sold_at};
use maud::{Markup, html};
use words::{Language, fill};

pub(crate) fn prices(language: Language, statement: &MemberStatement) -> Markup {
    let texts = &language.texts().statement;
    let account = &statement.account;
    let row = |what: &str, flow: Flow| {
        html! {
            tr {
                th scope="row" { (what) }
                td { (language.kwh_of_sum(flow.wh)) }
                td { (language.eur_in_column(flow.amount)) }
                td { (language.cents_per_kwh(rate::price(flow.amount.nano_eur(), flow.wh))) }
                td {}
            }
        }
    };
    let together = |what: &str, flows: [Flow; 2], price: Option<i128>, median: Option<i128>| {
        html! {
            tr {
                th scope="row" { (what) }
                td { (language.kwh_of_sum(flows[0].wh + flows[1].wh)) }
                td { (language.eur_in_column(flows[0].amount + flows[1].amount)) }
                td { (language.cents_per_kwh(price)) }
                td { (language.cents_per_kwh(median)) }
            }
        }
    };
    let neighbours = statement.neighbours;
    let (bought, sold) = ([account.bought_local, account.bought_grid], [account.sold_local, account.sold_grid]);
    html! {
        h2 { (texts.effective_prices) }
        div class="wide" tabindex="0" {
            table {
                thead {
                    tr {
                        td {} th scope="col" { "kWh" } th scope="col" { "EUR" } th scope="col" { "ct/kWh" }
                        th scope="col" { (texts.neighbours_median) }
                    }
                }
                tbody {
                    (row(texts.bought_from_neighbours, account.bought_local))
                    (row(texts.bought_from_grid, account.bought_grid))
                    (together(texts.bought, bought, bought_at(account), neighbours.and_then(|it| it.bought_at)))
                    (row(texts.sold_to_neighbours, account.sold_local))
                    (row(texts.sold_to_grid, account.sold_grid))
                    (together(texts.sold, sold, sold_at(account), neighbours.and_then(|it| it.sold_at)))
                }
            }
        }
        p class="note" { (neighbours_note(language, statement)) " " (texts.price_formula) }
    }
}

fn neighbours_note(language: Language, statement: &MemberStatement) -> String {
    let texts = &language.texts().statement;
    let rate = |ppm: Option<u128>| language.percent_of_ppm(ppm.and_then(|ppm| i128::try_from(ppm).ok()));
    let count = statement.neighbour_count;
    match statement.neighbours {
        Some(neighbours) => fill(
            texts.medians,
            &[("count", &count), ("cover", &rate(neighbours.cover_ppm)), ("use", &rate(neighbours.use_ppm))],
        ),
        None => fill(texts.medians_few, &[("least", &NEIGHBOURS_MIN), ("count", &count)]),
    }
}

/// In how many intervals the member was settled, and what gaps there were; nothing if nobody read the intervals.
pub(crate) fn quality(language: Language, common: &Common, statement: &MemberStatement) -> Markup {
    let texts = &language.texts().statement;
    let Some(detail) = &statement.detail else { return html! {} };
    let data = fill(
        texts.data,
        &[
            ("settled", &language.whole(detail.intervals)),
            ("all", &language.whole(common.intervals)),
            ("rate", &language.percent(detail.intervals.into(), common.intervals.into())),
        ],
    );
    let gaps = match detail.gaps {
        0 => texts.no_gaps.to_owned(),
        count => fill(
            language.counted(texts.gaps, count),
            &[("count", &language.whole(count)), ("energy", &language.kwh_of_sum(detail.gap_wh))],
        ),
    };
    html! { p class="note" { (data) " " (gaps) } }
}
