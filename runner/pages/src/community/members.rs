//! The members as a table with the colours of heat and sums at its foot. Links sort it.

use books::statement::Account;
use domain::text::printable;
use domain::{Amount, MemberId};
use figures::community::{Column, Order};
use maud::{Markup, html};
use words::fill;

use super::Said;
use crate::place::{Part, Place};

/// Most members of one page.
pub const ROWS_MAX: usize = 200;
/// One million: rates are in parts per million.
const MILLION: i128 = 1_000_000;

pub(super) fn section(said: Said<'_>) -> Markup {
    let (overview, c) = (said.model.overview, &said.texts.community);
    let mut members: Vec<&(MemberId, Account)> = overview.members.iter().collect();
    said.model.order.sort(&mut members);
    let from = said.model.part.saturating_mul(ROWS_MAX).min(members.len());
    let shown = &members[from..(from + ROWS_MAX).min(members.len())];
    html! {
        section id="members" {
            h2 { (c.members) }
            @if members.len() > ROWS_MAX { (parts(said, from, shown.len())) }
            div class="wide" tabindex="0" role="region" aria-label=(c.members) {
                table class="heat" {
                    thead { tr { @for column in Column::ALL { (heading(said, column)) } } }
                    tbody {
                        @for (member, account) in shown {
                            tr {
                                th scope="row" { (name(said, member)) }
                                @for column in Column::ALL.into_iter().skip(1) {
                                    td class=[level(said, column, account)] { (written(said, column, account)) }
                                }
                            }
                        }
                    }
                    tfoot {
                        tr {
                            th scope="row" { (c.all_members) }
                            @for column in Column::ALL.into_iter().skip(1) {
                                td { (written(said, column, &overview.figures.total)) }
                            }
                        }
                    }
                }
            }
            p class="note" { (c.members_note) }
        }
    }
}

fn name(said: Said<'_>, member: &MemberId) -> Markup {
    if !said.model.opens_members {
        return html! { (printable(member.as_str())) };
    }
    let place = Place::of(said.model.community, Part::Member(member.clone()));
    let period = said.model.period.to_string();
    html! { a href=(said.look.href(&place, &[("period", &period)])) { (printable(member.as_str())) } }
}

fn href(said: Said<'_>, order: Order, part: usize) -> String {
    let sort = format!("{}{}", if order.is_reversed { "-" } else { "" }, order.column.name());
    let (period, part) = (said.model.period.to_string(), part.to_string());
    said.look.href(&said.place(), &[("period", &period), ("sort", &sort), ("part", &part)]) + "#members"
}

fn heading(said: Said<'_>, column: Column) -> Markup {
    let c = &said.texts.community;
    let Order { column: by, is_reversed } = said.model.order;
    let is_sorted = by == column;
    let text = match column {
        Column::Member => c.member,
        Column::BoughtHere => c.bought_here,
        Column::FromGrid => c.bought_grid,
        Column::Cover => c.cover,
        Column::BoughtAt => c.bought_at,
        Column::SoldHere => c.sold_here,
        Column::ToGrid => c.sold_grid,
        Column::Use => c.use_rate,
        Column::SoldAt => c.sold_at,
        Column::Paid => c.paid_eur,
        Column::GridAlone => c.grid_alone_eur,
        Column::Saved => c.saved_eur,
        Column::SavedPart => c.saved_part,
    };
    // Names rise unless reversed, numbers fall.
    let rises = (column == Column::Member) != is_reversed;
    let sorted = if rises { "ascending" } else { "descending" };
    let next = Order { column, is_reversed: is_sorted && !is_reversed };
    html! {
        th scope="col" aria-sort=[is_sorted.then_some(sorted)] {
            a href=(href(said, next, 0)) { (text) @if is_sorted { @if rises { " ↑" } @else { " ↓" } } }
        }
    }
}

fn written(said: Said<'_>, column: Column, account: &Account) -> String {
    let value = column.of(account);
    let kwh = |value: Option<i128>| value.map(|wh| said.language.kwh(wh)).unwrap_or_default();
    match column {
        Column::Member => String::new(),
        Column::BoughtHere | Column::FromGrid | Column::SoldHere | Column::ToGrid => kwh(value),
        Column::Cover | Column::Use | Column::SavedPart => said.language.percent_of_ppm(value),
        Column::BoughtAt | Column::SoldAt => said.language.cents_per_kwh(value),
        Column::Paid | Column::GridAlone | Column::Saved => {
            value.map(|nano| said.language.eur_in_column(Amount::from_nano_eur(nano))).unwrap_or_default()
        }
    }
}

/// The colour of a cell: how much it is of a whole, or of the most that any member has.
fn level(said: Said<'_>, column: Column, account: &Account) -> Option<&'static str> {
    const LEVELS: [&str; 6] = ["l0", "l1", "l2", "l3", "l4", "l5"];
    let value = column.of(account)?;
    let whole = match column {
        Column::Cover | Column::Use => MILLION,
        Column::BoughtHere | Column::FromGrid | Column::SoldHere | Column::ToGrid => {
            said.model.overview.members.iter().filter_map(|(_, account)| column.of(account)).max()?
        }
        Column::Saved | Column::SavedPart if value < 0 => return Some("bad"),
        Column::Saved => said.model.overview.members.iter().filter_map(|(_, account)| column.of(account)).max()?,
        _ => return None,
    };
    let level = value.max(0).saturating_mul(5).checked_add(whole - 1)?.checked_div(whole)?;
    LEVELS.get(usize::try_from(level).ok()?.min(LEVELS.len() - 1)).copied()
}

/// Which of the members are shown, and where the others are.
fn parts(said: Said<'_>, from: usize, shown: usize) -> Markup {
    let c = &said.texts.community;
    let all = said.model.overview.members.len();
    let whole = |number: usize| said.language.whole(i128::try_from(number).unwrap_or(i128::MAX));
    let part = said.model.part;
    let line = fill(
        c.members_part,
        &[("first", &whole(from + usize::from(shown > 0))), ("last", &whole(from + shown)), ("all", &whole(all))],
    );
    html! {
        nav class="parts" aria-label=(c.members) {
            (line) " "
            @if part > 0 { a rel="prev" href=(href(said, said.model.order, part - 1)) { "← " (c.members_before) } " " }
            @if from + shown < all { a rel="next" href=(href(said, said.model.order, part + 1)) { (c.members_after) " →" } }
        }
    }
}
