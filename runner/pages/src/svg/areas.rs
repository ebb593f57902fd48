//! Two areas on top of each other over time. A step without data is left open.

use maud::{Markup, html};

use super::path::Path;
use super::{About, CLASSES, LEFT, LINE, Label, RIGHT, Rows, Scale, Unit, labels_below, left_axis, legend, picture};

/// Plots areas over the hours of a day: for each step its two parts, `None` without data. Numbers are written in the unit.
pub fn areas<'u>(about: About<'_>, names: [&str; 2], steps: &[Option<[u64; 2]>], unit: impl Into<Unit<'u>>) -> Markup {
    let hour = |hour: u32| Label { place: f64::from(hour) / 24.0, text: format!("{hour}:00") };
    timeline(about, names, steps, unit, &[0, 6, 12, 18, 24].map(hour))
}

/// Plots areas over any time, with these labels below.
pub fn timeline<'u>(
    about: About<'_>,
    names: [&str; 2],
    steps: &[Option<[u64; 2]>],
    unit: impl Into<Unit<'u>>,
    labels: &[Label],
) -> Markup {
    const TOP: f64 = 38.0;
    const HEIGHT: f64 = 120.0;
    let sum = |[first, second]: [u64; 2]| i128::from(first) + i128::from(second);
    let scale = Scale::holding(0, steps.iter().flatten().map(|parts| sum(*parts)).max().unwrap_or(0), 4);
    let width = (RIGHT - LEFT) / steps.len().max(1) as f64;
    let y = |value: i128| TOP + HEIGHT * (1.0 - scale.place(value));
    let x = |place: usize| LEFT + width * place as f64;
    let mut paths = [Path::default(), Path::default()];
    // Runs of steps with data are one shape each.
    let mut from = 0;
    while from < steps.len() {
        let run: Vec<[u64; 2]> = steps[from..].iter().map_while(|step| *step).collect();
        let until = from + run.len();
        let lower =
            |number: usize| if number == 0 { vec![0; run.len()] } else { run.iter().map(|it| it[0].into()).collect() };
        for (number, path) in paths.iter_mut().enumerate().filter(|_| !run.is_empty()) {
            let (below, part): (Vec<i128>, Vec<i128>) =
                (lower(number), run.iter().map(|it| it[number].into()).collect());
            path.start((x(from), y(below[0])));
            path.to((x(from), y(below[0] + part[0])));
            for place in 1..run.len() {
                path.step((x(from + place), y(below[place] + part[place])));
            }
            path.step((x(until), y(below[run.len() - 1])));
            for place in (1..run.len()).rev() {
                path.step((x(from + place), y(below[place - 1])));
            }
            path.close();
        }
        from = until + 1;
    }
    let unit = unit.into();
    let content = html! {
        (legend(12.0, names))
        (left_axis(&scale, TOP, HEIGHT, unit.name, |value| unit.written(value)))
        @for (path, class) in paths.into_iter().zip(CLASSES) {
            @if !path.is_empty() { path class=(class) d=(path.finish()) {} }
        }
        (labels_below(labels, TOP + HEIGHT + LINE))
    };
    picture(about, TOP + HEIGHT + LINE + 6.0, Rows::across(steps.len()), &content)
}
