//! The four figures of a statement, each with its formula.

use domain::Amount;
use figures::rate;
use figures::statement::{MemberStatement, cover_ppm, use_ppm};
use maud::{Markup, html};
use words::{Language, fill};

use crate::tiles::Tile;

/// One figure: what it is, the number, what stands below it, and its formula.
pub(crate) fn tile(language: Language, what: &str, value: &str, more: &str, formula: &str) -> Markup {
    Tile { what, value: value.to_owned(), more: vec![more.to_owned()], formula }.shown(language.texts())
}

pub(crate) fn tiles(language: Language, statement: &MemberStatement) -> Markup {
    let texts = &language.texts().statement;
    let account = &statement.account;
    let rate = |ppm: Option<u128>| language.percent_of_ppm(ppm.and_then(|ppm| i128::try_from(ppm).ok()));
    let of = |part: u128, whole: u128| {
        fill(texts.part_of, &[("part", &language.kwh_of_sum(part)), ("whole", &language.kwh_of_sum(whole))])
    };
    let (saved, alone) = (account.saved(), account.grid_alone);
    let is_loss = saved < Amount::ZERO;
    let saved_more = match rate::saved_ppm(saved.nano_eur(), alone.nano_eur()) {
        Some(ppm) => {
            let text = if is_loss { texts.of_grid_alone_lost } else { texts.of_grid_alone };
            fill(text, &[("rate", &language.percent_of_ppm(Some(ppm)))])
        }
        None if is_loss => texts.lost.to_owned(),
        None => texts.against_grid_alone.to_owned(),
    };
    let (bought, sold) =
        (account.bought_local.wh + account.bought_grid.wh, account.sold_local.wh + account.sold_grid.wh);
    let with_grid_alone = fill(texts.with_grid_alone, &[("amount", &language.eur(alone))]);
    let tile = |what, value: &str, more: &str, formula| tile(language, what, value, more, formula);
    html! {
        div class="tiles" {
            (tile(texts.from_neighbours_tile, &rate(cover_ppm(account)), &of(account.bought_local.wh, bought), texts.cover_formula))
            (tile(texts.to_neighbours_tile, &rate(use_ppm(account)), &of(account.sold_local.wh, sold), texts.use_formula))
            (tile(texts.paid, &language.eur(account.paid()), &with_grid_alone, texts.paid_formula))
            (tile(texts.saved, &language.eur(saved), &saved_more, texts.saved_formula))
        }
    }
}
