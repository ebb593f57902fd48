//! What flows from whom to whom: a ribbon for each pair, as wide as what flows, from the left to the right.

use maud::{Markup, html};

use super::path::{Path, number};
use super::{About, LINE, Rows, WIDTH, cut, picture};

/// The classes of ribbons, by where they begin. More than these repeat, and names tell them apart.
const CLASSES: [&str; 6] = ["r0", "r1", "r2", "r3", "r4", "r5"];
/// Longest name that has room, in characters.
const NAME_CHARS: usize = 14;

/// What flows from one to another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ribbon {
    /// Where it begins, by its place among the names.
    pub from: usize,
    /// Where it ends.
    pub to: usize,
    /// How much.
    pub wide: u128,
}

/// One side of the plot: how much there is at each name, and where it is.
struct Side {
    sums: Vec<u128>,
    /// Where the next ribbon begins, for each name with any.
    next: Vec<f64>,
    /// The top and the height of each.
    blocks: Vec<(f64, f64)>,
}

const TOP: f64 = 20.0;
/// Between two names.
const GAP: f64 = 8.0;
/// Room for a name, however little there is of it.
const ROW: f64 = 15.0;

impl Side {
    fn of(sums: Vec<u128>, height: f64) -> Side {
        let shown = sums.iter().filter(|sum| **sum > 0).count().max(1) as f64;
        let total = sums.iter().sum::<u128>().max(1) as f64;
        // Each has room for its name, and the rest is shared out.
        let free = height - shown * ROW - (shown - 1.0) * GAP;
        let mut y = TOP;
        let mut blocks = Vec::with_capacity(sums.len());
        for sum in &sums {
            let tall = if *sum == 0 { 0.0 } else { ROW + free * (*sum as f64 / total) };
            blocks.push((y, tall));
            y += if *sum == 0 { 0.0 } else { tall + GAP };
        }
        Side { next: blocks.iter().map(|(y, _)| *y).collect(), sums, blocks }
    }

    /// Takes the part of a name's block that a ribbon has: its top and its height.
    fn take(&mut self, place: usize, wide: u128) -> (f64, f64) {
        let tall = self.blocks[place].1 * (wide as f64 / self.sums[place].max(1) as f64);
        let y = self.next[place];
        self.next[place] += tall;
        (y, tall)
    }
}

/// Plots ribbons between names; `heads` stand above the left and the right side. Ribbons must be sorted by where they begin, then
/// by where they end, and name places that there are.
pub fn ribbons(about: About<'_>, heads: [&str; 2], names: &[String], all: &[Ribbon]) -> Markup {
    const FROM: f64 = 104.0;
    const TO: f64 = WIDTH - 104.0;
    const BLOCK: f64 = 6.0;
    let mut sums = [vec![0_u128; names.len()], vec![0_u128; names.len()]];
    for ribbon in all {
        sums[0][ribbon.from] += ribbon.wide;
        sums[1][ribbon.to] += ribbon.wide;
    }
    let most = sums.iter().map(|sums| sums.iter().filter(|sum| **sum > 0).count()).max().unwrap_or(0).max(4);
    let height = most as f64 * (ROW + GAP) * 1.5;
    let [mut left, mut right] = sums.map(|sums| Side::of(sums, height));
    let mut paths = [const { None::<Path> }; CLASSES.len()];
    for ribbon in all.iter().filter(|ribbon| ribbon.wide > 0) {
        let (begin, tall) = left.take(ribbon.from, ribbon.wide);
        let (end, short) = right.take(ribbon.to, ribbon.wide);
        let path = paths[ribbon.from % CLASSES.len()].get_or_insert_default();
        path.start((FROM + BLOCK, begin));
        path.curve((FROM + BLOCK, begin), (TO - BLOCK, end));
        path.to((TO - BLOCK, end + short));
        path.curve((TO - BLOCK, end + short), (FROM + BLOCK, begin + tall));
        path.close();
    }
    let mut blocks = Path::default();
    for (side, x) in [(&left, FROM), (&right, TO - BLOCK)] {
        side.blocks.iter().for_each(|(y, tall)| blocks.rectangle((x, *y), (BLOCK, *tall)));
    }
    let shown = |side: &Side| -> Vec<(usize, f64)> {
        let places = side.blocks.iter().enumerate().filter(|(_, (_, tall))| *tall > 0.0);
        places.map(|(place, (y, tall))| (place, y + tall / 2.0 + 4.0)).collect()
    };
    let content = html! {
        text class="tick end" x=(number(FROM - 4.0)) y="11" { (heads[0]) }
        text class="tick" x=(number(TO + 4.0)) y="11" { (heads[1]) }
        @for (path, class) in paths.into_iter().zip(CLASSES) {
            @if let Some(path) = path { path class={ "ribbon " (class) } d=(path.finish()) {} }
        }
        path class="block" d=(blocks.finish()) {}
        @for (place, y) in shown(&left) {
            text class="end" x=(number(FROM - 4.0)) y=(number(y)) { (cut(&names[place], NAME_CHARS)) }
        }
        @for (place, y) in shown(&right) {
            text x=(number(TO + 4.0)) y=(number(y)) { (cut(&names[place], NAME_CHARS)) }
        }
    };
    picture(about, TOP + height + LINE, Rows::default(), &content)
}
