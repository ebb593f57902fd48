//! Tiles: one figure each, with what it was before and its formula one click away.

use maud::{Markup, html};
use words::Texts;

/// One figure.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tile<'t> {
    /// What it is.
    pub what: &'t str,
    /// The figure with its unit.
    pub value: String,
    /// What there is to say besides, one line each.
    pub more: Vec<String>,
    /// How it is computed.
    pub formula: &'t str,
}

impl Tile<'_> {
    /// Shows it.
    pub fn shown(&self, texts: &Texts) -> Markup {
        html! {
            div class="tile" {
                div class="what" { (self.what) }
                div class="value" { (self.value) }
                @for line in &self.more { div class="more" { (line) } }
                details { summary { (texts.frame.formula) } (self.formula) }
            }
        }
    }
}

/// Shows tiles beside each other.
pub fn tiles(texts: &Texts, all: &[Tile<'_>]) -> Markup {
    html! {
        div class="tiles" {
            @for tile in all { (tile.shown(texts)) }
        }
    }
}
