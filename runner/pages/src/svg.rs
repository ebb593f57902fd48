//! Plots as SVG: axes, stacked bars and areas, differences, a heat map, step lines, merit orders, ranges, and what flows from whom
//! to whom.
//!
//! All plots are 400 units wide with text of 12 units, so that on a screen of 360 px it is still 10 px. A plot is one path for
//! each class, however many values it has.

mod areas;
mod band;
mod bars;
mod differences;
mod heat;
mod merit;
mod path;
mod ribbons;
mod scale;
mod steps;
#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::float_cmp, reason = "a test that cannot go on has failed")]
mod tests;

use domain::text::printable;
use maud::{Markup, html};

pub use areas::{areas, timeline};
pub use band::{Range, band};
pub use bars::{Bar, bars};
pub use differences::{Difference, differences};
pub use heat::{Heat, heat};
pub use merit::{Across, Order, merit};
pub use ribbons::{Ribbon, ribbons};
pub use scale::{Scale, Unit};
pub use steps::{Line, steps};

/// The width of every plot.
pub const WIDTH: f64 = 400.0;
/// Where the area of a plot with an axis on its left begins.
const LEFT: f64 = 44.0;
/// Where it ends.
const RIGHT: f64 = 394.0;
/// The height of a line of text.
const LINE: f64 = 14.0;

/// What a plot says of itself to those who do not see it.
#[derive(Clone, Copy, Debug)]
pub struct About<'t> {
    /// What it shows.
    pub title: &'t str,
    /// What there is to see.
    pub description: &'t str,
}

/// A label below a plot.
#[derive(Clone, Debug, PartialEq)]
pub struct Label {
    /// Where it is, from 0 at the left to 1 at the right.
    pub place: f64,
    /// What it says.
    pub text: String,
}

/// Where the rows of a plot's table are in the plot, all equally long: for the script that reads them out.
#[derive(Clone, Copy, Debug, Default)]
struct Rows {
    /// How many there are.
    count: usize,
    /// From where to where they lie side by side.
    across: Option<(f64, f64)>,
    /// From where to where they lie one below the other; with `across`, where the cells of each do.
    down: Option<(f64, f64)>,
}

impl Rows {
    /// So many side by side, as wide as a plot with an axis on its left.
    fn across(count: usize) -> Rows {
        Rows { count, across: Some((LEFT, RIGHT)), down: None }
    }
}

/// A whole picture of this height.
fn picture(about: About<'_>, height: f64, rows: Rows, content: &Markup) -> Markup {
    let range = |range: Option<(f64, f64)>| {
        range.map(|(from, until)| format!("{} {}", path::number(from), path::number(until)))
    };
    html! {
        svg class="plot" viewBox={ "0 0 " (path::number(WIDTH)) " " (path::number(height)) }
            data-steps=[(rows.count > 0).then_some(rows.count)] data-across=[range(rows.across)] data-down=[range(rows.down)]
            role="img" {
            title { (about.title) }
            desc { (about.description) }
            (content)
        }
    }
}

/// A name, cut where it is longer than there is room for.
fn cut(name: &str, chars_max: usize) -> String {
    let name = printable(name);
    if name.chars().count() <= chars_max {
        return name.into_owned();
    }
    let cut: String = name.chars().take(chars_max - 1).collect();
    format!("{cut}…")
}

/// One of two classes, in a legend or among bars: the first is full, the second is hatched.
const CLASSES: [&str; 2] = ["first", "hatched"];

/// A legend of two classes at this height.
fn legend(y: f64, names: [&str; 2]) -> Markup {
    let place = |number: usize| if number == 0 { LEFT } else { (LEFT + RIGHT) / 2.0 };
    html! {
        @for (number, name) in names.into_iter().enumerate() {
            rect class=(CLASSES[number]) x=(path::number(place(number))) y=(path::number(y - 9.0)) width="12" height="10" {}
            text x=(path::number(place(number) + 17.0)) y=(path::number(y)) { (name) }
        }
    }
}

/// Labels below a plot, at this height: those at the ends within its width.
fn labels_below(labels: &[Label], y: f64) -> Markup {
    let anchor = |place: f64| match place {
        place if place > 0.97 => "end",
        place if place < 0.03 => "begin",
        _ => "middle",
    };
    html! {
        @for Label { place, text } in labels {
            text class={ "tick " (anchor(*place)) } x=(path::number(LEFT + (RIGHT - LEFT) * place)) y=(path::number(y)) { (text) }
        }
    }
}

/// The lines and labels of a scale on the left, in an area of this height below `top`.
fn left_axis(scale: &Scale, top: f64, height: f64, unit: &str, label: impl Fn(i128) -> String) -> Markup {
    let y = |value: i128| top + height * (1.0 - scale.place(value));
    let mut grid = path::Path::default();
    scale.ticks().iter().for_each(|tick| grid.line((LEFT, y(*tick)), (RIGHT, y(*tick))));
    html! {
        path class="grid" d=(grid.finish()) {}
        @for tick in scale.ticks() {
            text class="tick end" x=(path::number(LEFT - 4.0)) y=(path::number(y(*tick) + 4.0)) { (label(*tick)) }
        }
        text class="tick end" x=(path::number(LEFT - 4.0)) y=(path::number(top - 7.0)) { (unit) }
    }
}
