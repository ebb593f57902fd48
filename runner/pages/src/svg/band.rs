//! A range over time with a line in it: from the lowest to the highest, and the mean. A step without data is left open.

use maud::{Markup, html};

use super::path::{Path, number};
use super::{About, LEFT, LINE, Label, RIGHT, Rows, Scale, Unit, labels_below, left_axis, picture};

/// What there was in one step.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Range {
    /// The lowest.
    pub lowest: i128,
    /// The mean.
    pub mean: i128,
    /// The highest.
    pub highest: i128,
}

/// Plots ranges. `names` are those of the range and of the line.
pub fn band<'u>(
    about: About<'_>,
    names: [&str; 2],
    steps: &[Option<Range>],
    unit: impl Into<Unit<'u>>,
    labels: &[Label],
) -> Markup {
    const TOP: f64 = 38.0;
    const HEIGHT: f64 = 120.0;
    let ranges = || steps.iter().flatten();
    let lowest = ranges().map(|range| range.lowest).min().unwrap_or(0);
    let highest = ranges().map(|range| range.highest).max().unwrap_or(0);
    let scale = Scale::holding(lowest, highest, 4);
    let width = (RIGHT - LEFT) / steps.len().max(1) as f64;
    let y = |value: i128| TOP + HEIGHT * (1.0 - scale.place(value));
    let x = |place: usize| LEFT + width * place as f64;
    let (mut area, mut line) = (Path::default(), Path::default());
    let mut from = 0;
    while from < steps.len() {
        let run: Vec<Range> = steps[from..].iter().map_while(|step| *step).collect();
        let until = from + run.len();
        if let (Some(first), Some(last)) = (run.first(), run.last()) {
            area.start((x(from), y(first.lowest)));
            area.to((x(from), y(first.highest)));
            line.start((x(from), y(first.mean)));
            for (place, range) in (from..).zip(&run).skip(1) {
                area.step((x(place), y(range.highest)));
                line.step((x(place), y(range.mean)));
            }
            area.step((x(until), y(last.lowest)));
            line.step((x(until), y(last.mean)));
            for place in (1..run.len()).rev() {
                area.step((x(from + place), y(run[place - 1].lowest)));
            }
            area.close();
        }
        from = until + 1;
    }
    let unit = unit.into();
    let middle = (LEFT + RIGHT) / 2.0;
    let content = html! {
        rect class="band" x=(number(LEFT)) y="3" width="12" height="10" {}
        text x=(number(LEFT + 17.0)) y="12" { (names[0]) }
        path class="step s0" d={ "M" (number(middle)) " 8h12" } {}
        text x=(number(middle + 17.0)) y="12" { (names[1]) }
        (left_axis(&scale, TOP, HEIGHT, unit.name, |value| unit.written(value)))
        @if !area.is_empty() { path class="band" d=(area.finish()) {} }
        @if !line.is_empty() { path class="step s0" d=(line.finish()) {} }
        (labels_below(labels, TOP + HEIGHT + LINE))
    };
    picture(about, TOP + HEIGHT + LINE + 6.0, Rows::across(steps.len()), &content)
}
