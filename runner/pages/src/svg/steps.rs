//! Step lines over the parts of a whole, from 0 to 100 %. Each line has its own dashes, and its name in the legend.

use maud::{Markup, html};

use super::path::{Path, number};
use super::{About, LEFT, LINE, RIGHT, Rows, Scale, Unit, cut, left_axis, picture};

/// The classes of lines. There are no more lines than can be told apart.
const CLASSES: [&str; 6] = ["s0", "s1", "s2", "s3", "s4", "s5"];

/// Longest name that has room, in characters.
const NAME_CHARS: usize = 44;

/// One line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Line {
    /// Its name.
    pub name: String,
    /// Its height in each part of the whole; all parts are equal.
    pub parts: Vec<i128>,
}

/// Plots lines, at most six. Numbers are written in the unit.
pub fn steps<'u>(about: About<'_>, lines: &[Line], unit: impl Into<Unit<'u>>) -> Markup {
    const HEIGHT: f64 = 130.0;
    let lines = &lines[..lines.len().min(CLASSES.len())];
    let top = 24.0 + LINE * lines.len() as f64;
    let values = || lines.iter().flat_map(|line| line.parts.iter().copied());
    let scale = Scale::holding(values().min().unwrap_or(0), values().max().unwrap_or(0), 4);
    let y = |value: i128| top + HEIGHT * (1.0 - scale.place(value));
    let path = |line: &Line| {
        let (mut path, count) = (Path::default(), line.parts.len().max(1) as f64);
        let x = |place: usize| LEFT + (RIGHT - LEFT) * place as f64 / count;
        path.start((LEFT, y(line.parts.first().copied().unwrap_or(0))));
        // Level runs are one step.
        for (place, pair) in line.parts.windows(2).enumerate().filter(|(_, pair)| pair[0] != pair[1]) {
            path.step((x(place + 1), y(pair[1])));
        }
        path.step((RIGHT, y(line.parts.last().copied().unwrap_or(0))));
        path.finish()
    };
    let unit = unit.into();
    let content = html! {
        @for ((line, class), place) in lines.iter().zip(CLASSES).zip(0_u32..) {
            @let height = 11.0 + LINE * f64::from(place);
            path class={ "step " (class) } d={ "M" (number(LEFT)) " " (number(height - 4.0)) "h34" } {}
            text x=(number(LEFT + 40.0)) y=(number(height)) { (cut(&line.name, NAME_CHARS)) }
        }
        (left_axis(&scale, top, HEIGHT, unit.name, |value| unit.written(value)))
        @for (line, class) in lines.iter().zip(CLASSES) {
            path class={ "step " (class) } d=(path(line)) {}
        }
        @for percent in [0, 25, 50, 75, 100] {
            text class={ "tick " (if percent == 100 { "end" } else { "middle" }) }
                x=(number(LEFT + (RIGHT - LEFT) * f64::from(percent) / 100.0)) y=(number(top + HEIGHT + LINE)) { (percent) " %" }
        }
    };
    // Its table has fewer rows than it has steps.
    picture(about, top + HEIGHT + LINE + 6.0, Rows::default(), &content)
}
