//! One member's own part of an interval.

use books::GapTrade;
use books::statement::{Account, Flow};
use explain::{Line, MarketPrice, Role, Side};
use figures::crowd::Curves;
use figures::rate;
use maud::{Markup, html};
use words::fill;

use super::{Heading, Rule, cents, curves, head, members, price_name, rule};
use crate::look::Look;

/// What one member sees: nothing here says anything of another one, but [`Own::curves`], which hide everybody, and the prices, at
/// which all trade.
#[derive(Clone, Debug)]
pub struct Own<'o> {
    /// The rule; `None` where none ran.
    pub rule: Option<&'o Rule<'o>>,
    /// Its line in the round; `None` if it is not in it.
    pub line: Option<&'o Line>,
    /// Its account of this interval, gaps included; `None` if it traded nothing.
    pub account: Option<&'o Account>,
    /// The prices that the rule found.
    pub prices: &'o [MarketPrice],
    /// Whether the rule looks at offers and bids.
    pub looks_at_limits: bool,
    /// The curves of the others; `None` if somebody could be read from them.
    pub curves: Option<&'o Curves>,
    /// Its own gaps.
    pub gaps: Vec<&'o GapTrade>,
}

/// The page.
pub fn own(look: &Look, heading: &Heading<'_>, own: &Own<'_>) -> Markup {
    let texts = &look.texts().interval;
    let active = own.line.filter(|line| line.sides().next().is_some());
    html! {
        (head(look, heading))
        @if let Some(rule) = own.rule { (self::rule(look, rule, false)) } @else { p { (texts.no_round) } }
        section {
            h2 { (texts.yours) }
            @if let Some(line) = active {
                @for side in line.sides() { (side_of(look, line, side, own.curves.is_some())) }
                @if !own.prices.is_empty() {
                    dl class="formulas" {
                        @for price in own.prices { dt { (price_name(look, *price)) } dd { (cents(look.language, price.micro_eur)) " ct/kWh" } }
                    }
                }
            } @else {
                p { (texts.nothing_yours) }
            }
        }
        @if let Some(account) = own.account { (flows(look, account)) }
        @if let Some(line) = active { (curves::of_others(look, own.curves, own.prices, line, own.looks_at_limits)) }
        (gaps(look, heading, &own.gaps))
        @if let Some(rule) = own.rule {
            section { dl class="formulas" { dt { (texts.component_digest) } dd { code { (rule.component) } } } }
        }
    }
}

/// One side in sentences. What a key offered is a part of what all have, so it is told only where all may be seen.
fn side_of(look: &Look, line: &Line, side: &Side, sees_offered: bool) -> Markup {
    let (texts, language) = (&look.texts().interval, look.language);
    let (had, limit) = match side.role {
        Role::Sells => (texts.yours_sells, texts.yours_limit_sells),
        Role::Buys => (texts.yours_buys, texts.yours_limit_buys),
    };
    let told =
        [fill(had, &[("energy", &language.kwh(side.energy))]), fill(limit, &[("price", &cents(language, side.limit))])];
    let share = format!("{}\u{a0}%", language.exact(line.share.into(), 4));
    let offered = side.offered.filter(|_| sees_offered).zip(side.gave_back());
    html! {
        p {
            (told.join(" "))
            @if line.share > 0 { " " (fill(texts.yours_share, &[("percent", &share)])) }
            @if line.rank > 0 { " " (fill(texts.yours_rank, &[("rank", &line.rank)])) }
        }
        p { b { (side.why(language)) } }
        dl class="formulas" {
            @if let Some((offered, _)) = offered { dt { (texts.offered) } dd { (language.kwh_of_sum(offered)) } }
            dt { @if offered.is_some() { (texts.took) } @else { (texts.inside) } } dd { (language.kwh(side.traded)) }
            @if let Some((_, back)) = offered { dt { (texts.gave_back) } dd { (language.kwh_of_sum(back)) } }
            dt { (texts.with_grid) } dd { (language.kwh(side.energy.saturating_sub(side.traded))) }
        }
    }
}

/// What was traded, with neighbours and with the grid.
fn flows(look: &Look, account: &Account) -> Markup {
    let (texts, language) = (&look.texts().interval, look.language);
    let rows: Vec<(&str, Flow)> = [
        (texts.bought_neighbours, account.bought_local),
        (texts.bought_grid, account.bought_grid),
        (texts.sold_neighbours, account.sold_local),
        (texts.sold_grid, account.sold_grid),
    ]
    .into_iter()
    .filter(|(_, flow)| flow.wh > 0)
    .collect();
    let money = [(texts.paid, account.paid()), (texts.grid_alone, account.grid_alone), (texts.saved, account.saved())];
    html! {
        section {
            h2 { (texts.with_whom) }
            div class="wide" tabindex="0" {
                table {
                    thead {
                        tr { th scope="col" { (texts.with_whom) } th scope="col" { "kWh" } th scope="col" { "EUR" } th scope="col" { "ct/kWh" } }
                    }
                    tbody {
                        @for (what, flow) in rows {
                            tr {
                                th scope="row" { (what) }
                                td { (language.kwh_of_sum(flow.wh)) }
                                td { (language.exact(flow.amount.nano_eur(), 9)) }
                                td { (language.cents_per_kwh(rate::price(flow.amount.nano_eur(), flow.wh))) }
                            }
                        }
                    }
                    tfoot {
                        @for (what, amount) in money {
                            tr { th scope="row" { (what) } td {} td { (language.exact(amount.nano_eur(), 9)) } td {} }
                        }
                    }
                }
            }
            p class="note" { (texts.saved_note) }
        }
    }
}

fn gaps(look: &Look, heading: &Heading<'_>, gaps: &[&GapTrade]) -> Markup {
    let texts = &look.texts().interval;
    html! {
        @if !gaps.is_empty() {
            section {
                h2 { (texts.gaps) }
                p class="note" { (texts.gaps_note) }
                @for gap in gaps {
                    dl class="formulas" {
                        dt { (texts.since) } dd { (members::since(look, heading.zone, gap.since)) }
                        dt { (texts.to_grid) } dd { (look.language.kwh(gap.surplus.wh())) }
                        dt { (texts.from_grid) } dd { (look.language.kwh(gap.deficit.wh())) }
                    }
                }
            }
        }
    }
}
