//! Pages to look at and to print: the report of a backtest, and the statement of a member.
//!
//! A page is HTML with plots as SVG. It needs no script and nothing from elsewhere, follows a dark screen, prints as vectors,
//! and is readable at 360 px. Each plot is one path per class, has a title and a description, tells its classes apart by more
//! than colour, and has the same numbers as a table behind it. No attribute `style` is used anywhere, so that pages work under
//! the strictest content policy if their style sheet, [`STYLE`], is served as a file.
//!
//! Start at [`svg`] (the plots), then [`backtest`] and [`statement`]. Deliberately absent: computing anything but places.

pub mod algorithms;
pub mod backtest;
pub mod candidate;
pub mod chart;
pub mod community;
pub mod compare;
pub mod door;
pub mod events;
pub mod frame;
pub mod home;
pub mod interval;
pub mod look;
pub mod member;
pub mod picker;
pub mod place;
pub mod statement;
pub mod svg;
pub mod tiles;
pub mod web;

use domain::text::shell_word;

pub use frame::STYLE;

/// The script of all pages: what a plot shows under the pointer. Everything works without it.
pub const SCRIPT: &str = include_str!("script.js");
/// The picture of all pages in a browser's tab.
pub const ICON: &str = include_str!("icon.svg");

/// How a page's numbers are made again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Repeat {
    /// The command.
    pub command: String,
    /// The program and its engine, with their versions.
    pub program: String,
}

/// A command of this program, ready to be copied into a shell.
fn command(words: &[&str]) -> maud::Markup {
    let words: Vec<_> = words.iter().map(|word| shell_word(word)).collect();
    maud::html! { pre tabindex="0" { code { "rec-market " (words.join(" ")) } } }
}
