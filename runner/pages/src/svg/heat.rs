//! A heat map of days and hours of the clock. Where the clock shows an hour twice, its cell is in two; where it leaves one out,
//! there is none.

use std::collections::BTreeMap;

use figures::Hour;
use jiff::civil::Date;
use jiff::{Span, ToSpan};
use maud::{Markup, html};
use words::Language;

use super::path::{Path, number};
use super::{About, LEFT, LINE, RIGHT, Rows, picture};

/// Levels above zero.
const LEVELS: u128 = 5;
/// The classes of the levels, from zero on.
const CLASSES: [&str; 6] = ["h0", "h1", "h2", "h3", "h4", "h5"];
/// The height of an hour.
const ROW: f64 = 6.5;
const TOP: f64 = 6.0;

/// What is mapped: energy in Wh by hour.
#[derive(Clone, Copy, Debug)]
pub struct Heat<'h> {
    /// The energy in each hour with data.
    pub hours: &'h BTreeMap<Hour, u128>,
    /// The language of dates and numbers.
    pub language: Language,
}

/// A cell of a map.
struct Cell {
    column: usize,
    row: i8,
    /// Which part of the cell it is, of how many.
    part: (usize, usize),
    level: usize,
}

impl Heat<'_> {
    /// The days from the first to the last with data, also those between without any.
    fn days(&self) -> Vec<Date> {
        let Some(((first, _), (last, _))) = self.hours.first_key_value().zip(self.hours.last_key_value()) else {
            return Vec::new();
        };
        let day: Span = 1.day();
        first.day.series(day).take_while(|day| *day <= last.day).collect()
    }

    fn most(&self) -> u128 {
        self.hours.values().copied().max().unwrap_or(0)
    }

    fn cells(&self, days: &[Date]) -> Vec<Cell> {
        let (most, mut cells) = (self.most(), Vec::new());
        let mut column = 0;
        let hours: Vec<(&Hour, &u128)> = self.hours.iter().collect();
        for same in hours.chunk_by(|a, b| (a.0.day, a.0.clock) == (b.0.day, b.0.clock)) {
            for (part, (hour, wh)) in same.iter().enumerate() {
                while days.get(column).is_some_and(|day| *day < hour.day) {
                    column += 1;
                }
                let level = usize::try_from((**wh * LEVELS).div_ceil(most.max(1))).unwrap_or(0).min(CLASSES.len() - 1);
                cells.push(Cell { column, row: hour.clock, part: (part, same.len()), level });
            }
        }
        cells
    }
}

/// Plots a heat map.
pub fn heat(about: About<'_>, map: &Heat<'_>) -> Markup {
    let days = map.days();
    let width = (RIGHT - LEFT) / days.len().max(1) as f64;
    let mut cells = map.cells(&days);
    // Runs of one level in one row are one rectangle.
    cells.sort_by_key(|cell| (cell.row, cell.column, cell.part));
    let mut paths = [const { None::<Path> }; CLASSES.len()];
    let whole = |cell: &Cell| cell.part == (0, 1);
    let runs =
        cells.chunk_by(|a, b| whole(a) && whole(b) && (a.row, a.level) == (b.row, b.level) && a.column + 1 == b.column);
    for run in runs {
        let Some(first) = run.first() else { continue };
        let (part, of) = first.part;
        let height = ROW / of as f64;
        let y = TOP + ROW * f64::from(first.row) + height * part as f64;
        let path = paths[first.level].get_or_insert_default();
        path.rectangle((LEFT + width * first.column as f64, y), (width * run.len() as f64, height));
    }
    let bottom = TOP + ROW * 24.0;
    let content = html! {
        @for (path, class) in paths.into_iter().zip(CLASSES) {
            @if let Some(path) = path { path class=(class) d=(path.finish()) {} }
        }
        @for hour in [0, 6, 12, 18] {
            text class="tick end" x=(number(LEFT - 4.0)) y=(number(TOP + ROW * f64::from(hour) + 8.0)) { (hour) ":00" }
        }
        @for (column, label) in labels(&days, map.language) {
            text class="tick" x=(number(LEFT + width * column as f64)) y=(number(bottom + LINE)) { (label) }
        }
        (legend(map, bottom + 2.0 * LINE + 4.0))
    };
    let rows = Rows { count: days.len(), across: Some((LEFT, RIGHT)), down: Some((TOP, bottom)) };
    picture(about, bottom + 2.0 * LINE + 10.0, rows, &content)
}

/// Labels of days or months, as many as have room.
fn labels(days: &[Date], language: Language) -> Vec<(usize, String)> {
    let month = |day: &Date| format!("{} {}", language.short_month(*day), day.year());
    let months: Vec<(usize, String)> =
        days.iter().enumerate().filter(|(_, day)| day.day() == 1).map(|(place, day)| (place, month(day))).collect();
    if days.len() > 92 {
        let apart = months.len().div_ceil(6).max(1);
        return months.into_iter().step_by(apart).collect();
    }
    let apart = days.len().div_ceil(5).max(1);
    days.iter().enumerate().step_by(apart).map(|(place, day)| (place, language.day(*day))).collect()
}

/// The levels with the most that each means.
fn legend(map: &Heat<'_>, y: f64) -> Markup {
    const STEP: f64 = 22.0;
    html! {
        text class="tick" x=(number(LEFT)) y=(number(y)) { "0" }
        @for (place, class) in CLASSES.into_iter().enumerate() {
            rect class=(class) x=(number(LEFT + 12.0 + STEP * place as f64)) y=(number(y - 9.0)) width=(number(STEP)) height="10" {}
        }
        text class="tick" x=(number(LEFT + 18.0 + STEP * CLASSES.len() as f64)) y=(number(y)) {
            (map.language.kwh_of_sum(map.most())) " kWh"
        }
    }
}
