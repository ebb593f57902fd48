//! Upright bars of two parts, one for each day or month. One without data has no bar, not a zero.

use maud::{Markup, html};

use super::path::{Path, number};
use super::{About, CLASSES, LEFT, LINE, RIGHT, Rows, Scale, Unit, left_axis, legend, picture};

/// One bar.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Bar {
    /// What stands below it, if anything does.
    pub label: Option<String>,
    /// Its two parts; `None` without data.
    pub parts: Option<[u128; 2]>,
}

/// Plots bars. Numbers are written in the unit.
pub fn bars<'u>(about: About<'_>, names: [&str; 2], bars: &[Bar], unit: impl Into<Unit<'u>>) -> Markup {
    const TOP: f64 = 38.0;
    const HEIGHT: f64 = 120.0;
    const LABEL_HALF: f64 = 18.0;
    let whole = |value: u128| i128::try_from(value).unwrap_or(i128::MAX);
    let most = bars.iter().filter_map(|bar| bar.parts).map(|[first, second]| whole(first.saturating_add(second))).max();
    let scale = Scale::holding(0, most.unwrap_or(0), 4);
    let step = (RIGHT - LEFT) / bars.len().max(1) as f64;
    let gap = if step > 5.0 { step * 0.2 } else { step * 0.1 };
    let y = |value: u128| TOP + HEIGHT * (1.0 - scale.place(whole(value)));
    let mut paths = [Path::default(), Path::default()];
    for (place, bar) in bars.iter().enumerate() {
        let Some([first, second]) = bar.parts else { continue };
        let (x, width) = (LEFT + step * place as f64 + gap / 2.0, step - gap);
        let (middle, top) = (y(first), y(first.saturating_add(second)));
        paths[0].rectangle((x, middle), (width, y(0) - middle));
        paths[1].rectangle((x, top), (width, middle - top));
    }
    let labels = bars.iter().enumerate().filter_map(|(place, bar)| Some((place, bar.label.as_ref()?)));
    let unit = unit.into();
    let content = html! {
        (legend(12.0, names))
        (left_axis(&scale, TOP, HEIGHT, unit.name, |value| unit.written(value)))
        @for (path, class) in paths.into_iter().zip(CLASSES) {
            @if !path.is_empty() { path class=(class) d=(path.finish()) {} }
        }
        @for (place, label) in labels {
            @let x = LEFT + step * (place as f64 + 0.5);
            // One in the middle of the last bars would reach over the edge.
            @let (anchor, x) = if x > RIGHT - LABEL_HALF { ("end", RIGHT) } else { ("middle", x) };
            text class={ "tick " (anchor) } x=(number(x)) y=(number(TOP + HEIGHT + LINE)) { (label) }
        }
    };
    picture(about, TOP + HEIGHT + LINE + 6.0, Rows::across(bars.len()), &content)
}
