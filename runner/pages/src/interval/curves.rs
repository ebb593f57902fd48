//! Offers and bids as merit orders: of every member, or of others in steps that hide them.

use books::StoredInterval;
use domain::text::printable;
use explain::{Block, Explanation, MarketPrice, Side};
use figures::crowd::{Curves, OTHERS_MIN};
use maud::{Markup, html};
use words::fill;

use super::{ROWS_MAX, cents, more, price_name};
use crate::chart::{self, Numbers};
use crate::look::Look;
use crate::svg::{About, Across, Order, merit};

/// The merit orders of all members.
pub(super) fn of_members(look: &Look, stored: &StoredInterval, explanation: &Explanation) -> Markup {
    let (texts, market) = (&look.texts().interval, &explanation.market);
    let steps = |blocks: &[Block]| blocks.iter().map(|block| (block.energy.into(), block.price)).collect();
    let orders = [
        Order { name: texts.offers, steps: steps(&market.offers) },
        Order { name: texts.bids, steps: steps(&market.bids) },
    ];
    let headings = [texts.side, texts.member, texts.limit, texts.had, texts.together, texts.inside];
    let mut numbers = Numbers::new(headings);
    let name = |member: u32| {
        let position = stored.round.as_ref().and_then(|round| round.position(member));
        position.map(|position| printable(position.member.as_str()).into_owned()).unwrap_or_default()
    };
    for (order, blocks) in [(texts.offers, &market.offers), (texts.bids, &market.bids)] {
        let mut together = 0_u128;
        for block in blocks {
            together += u128::from(block.energy);
            numbers.rows.push(vec![
                order.to_owned(),
                name(block.member),
                cents(look.language, block.price),
                look.language.kwh(block.energy),
                look.language.kwh_of_sum(together),
                look.language.kwh(block.traded),
            ]);
        }
    }
    let rows = numbers.rows.len();
    numbers.rows.truncate(ROWS_MAX);
    html! {
        section {
            h2 { (texts.curves) }
            (plot(look, &orders, &market.prices, None, &numbers))
            (more(look, rows))
            @if !orders.iter().all(|order| order.steps.is_empty()) { p class="note" { (texts.by_member) } }
            (by_limits(look, market.looks_at_limits))
        }
    }
}

/// The merit orders of others, or why they are not shown.
pub(super) fn of_others(
    look: &Look,
    curves: Option<&Curves>,
    prices: &[MarketPrice],
    line: &explain::Line,
    looks_at_limits: bool,
) -> Markup {
    let texts = &look.texts().interval;
    let Some(curves) = curves else {
        return html! { section { h2 { (texts.curves) } p class="note" { (fill(texts.hidden, &[("least", &OTHERS_MIN)])) } } };
    };
    let steps = |steps: &[figures::crowd::Step]| steps.iter().map(|step| (step.energy, step.price)).collect();
    let orders = [
        Order { name: texts.offers, steps: steps(&curves.offers) },
        Order { name: texts.bids, steps: steps(&curves.bids) },
    ];
    let mut numbers = Numbers::new([texts.side, texts.price_title, texts.had, texts.together]);
    for order in &orders {
        let mut together = 0_u128;
        for (energy, price) in &order.steps {
            together = together.saturating_add(*energy);
            numbers.rows.push(vec![
                order.name.to_owned(),
                cents(look.language, *price),
                look.language.kwh_of_sum(*energy),
                look.language.kwh_of_sum(together),
            ]);
        }
    }
    html! {
        section {
            h2 { (texts.curves) }
            (plot(look, &orders, prices, Some(line), &numbers))
            p class="note" { (fill(texts.by_neighbours, &[("least", &OTHERS_MIN)])) }
            (by_limits(look, looks_at_limits))
        }
    }
}

fn by_limits(look: &Look, looks_at_limits: bool) -> Markup {
    html! { @if !looks_at_limits { p class="note" { (look.texts().interval.not_by_limits) } } }
}

fn plot(
    look: &Look,
    orders: &[Order<'_>; 2],
    prices: &[MarketPrice],
    own: Option<&explain::Line>,
    numbers: &Numbers,
) -> Markup {
    let (texts, language) = (&look.texts().interval, look.language);
    if orders.iter().all(|order| order.steps.is_empty()) {
        return chart::nothing_in(language, texts.curves_caption);
    }
    let across = prices.iter().map(|price| Across { name: price_name(look, *price), micro_eur: price.micro_eur });
    let limit = |side: Option<Side>, name| side.map(|side| Across { name, micro_eur: side.limit });
    let own = own.into_iter().flat_map(|line| [limit(line.sells, texts.your_offer), limit(line.buys, texts.your_bid)]);
    let across: Vec<Across<'_>> = across.chain(own.flatten()).collect();
    let described: Vec<String> = orders
        .iter()
        .zip([texts.described_offers, texts.described_bids])
        .filter_map(|(order, text)| {
            let energy = order.steps.iter().fold(0_u128, |sum, step| sum.saturating_add(step.0));
            let (low, high) =
                order.steps.iter().map(|step| step.1).fold(None, |range: Option<(i64, i64)>, price| {
                    let (low, high) = range.unwrap_or((price, price));
                    Some((low.min(price), high.max(price)))
                })?;
            let (low, high) = (cents(language, low), cents(language, high));
            Some(fill(text, &[("energy", &language.kwh_of_sum(energy)), ("low", &low), ("high", &high)]))
        })
        .chain(across.iter().map(|across| {
            fill(texts.described_price, &[("name", &across.name), ("price", &cents(language, across.micro_eur))])
        }))
        .collect();
    let about = About { title: texts.curves, description: &described.join(" ") };
    let picture = merit(about, orders, &across, |wh| language.few_parts(wh, 3), |price| language.few_parts(price, 4));
    chart::figure_in(language, texts.curves_caption, &picture, numbers)
}
