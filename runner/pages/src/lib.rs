//! Pages to look at and to print: the report of a backtest, and the statement of a member.
//!
//! A page is HTML with plots as SVG. It needs no script and nothing from elsewhere, follows a dark screen, prints as vectors,
//! and is readable at 360 px. Each plot is one path per class, has a title and a description, tells its classes apart by more
//! than colour, and has the same numbers as a table behind it. No attribute `style` is used anywhere, so that pages work under
//! the strictest content policy if their style sheet, [`STYLE`], is served as a file.
//!
//! Start at [`svg`] (the plots), then [`backtest`] and [`statement`]. Deliberately absent: computing anything but places.

pub mod backtest;
pub mod chart;
pub mod community;
pub mod frame;
pub mod home;
pub mod look;
pub mod picker;
pub mod place;
pub mod statement;
pub mod svg;
pub mod tiles;
pub mod web;

pub use frame::STYLE;

/// The script of all pages: what a plot shows under the pointer. Everything works without it.
pub const SCRIPT: &str = include_str!("script.js");

/// How a page's numbers are made again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Repeat {
    /// The command.
    pub command: String,
    /// The program and its engine, with their versions.
    pub program: String,
}
