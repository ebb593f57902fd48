//! What all pages have in common: head, style sheet, patterns.

use maud::{DOCTYPE, Markup, PreEscaped, html};
use words::Language;

/// The style sheet of all pages.
pub const STYLE: &str = include_str!("style.css");

/// The name by which a page of this program is known.
pub const GENERATOR: &str = "<meta name=\"generator\" content=\"rec-market\">";

/// As [`page_in`], in English.
pub fn page(title: &str, body: &Markup) -> Markup {
    page_in(Language::En, title, body)
}

/// A whole page that needs nothing else.
pub fn page_in(language: Language, title: &str, body: &Markup) -> Markup {
    html! {
        (DOCTYPE)
        html lang=(language.code()) {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta name="color-scheme" content="light dark";
                (PreEscaped(GENERATOR))
                title { (title) }
                style { (PreEscaped(STYLE)) }
            }
            body {
                (patterns())
                (body)
            }
        }
    }
}

/// The patterns that tell classes apart without colour. On each page once, before its plots.
pub fn patterns() -> Markup {
    html! {
        svg class="patterns" aria-hidden="true" {
            defs {
                pattern id="hatch" width="5" height="5" patternUnits="userSpaceOnUse" patternTransform="rotate(45)" {
                    rect class="hatch-ground" width="5" height="5" {}
                    rect class="hatch-line" width="2.2" height="5" {}
                }
                pattern id="loss" width="4" height="4" patternUnits="userSpaceOnUse" patternTransform="rotate(-45)" {
                    rect class="loss-ground" width="4" height="4" {}
                    rect class="loss-line" width="2" height="4" {}
                }
            }
        }
    }
}
