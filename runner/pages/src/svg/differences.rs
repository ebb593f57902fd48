//! Level bars to both sides of a zero line, one for each member: gains are full, losses are hatched.

use domain::Amount;
use maud::{Markup, html};
use words::Language;

use super::path::{Path, number};
use super::{About, Rows, Scale, cut, picture};

/// Decimals of an amount in euro.
const NANO: u32 = 9;
/// A cent in nano-euro.
const CENT: i128 = 10_000_000;
/// Longest name that has room, in characters.
const NAME_CHARS: usize = 15;

/// One bar.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Difference {
    /// Whose it is.
    pub name: String,
    /// How long it is.
    pub amount: Amount,
}

/// Plots differences in the order given, with numbers as this language writes them.
pub fn differences(language: Language, about: About<'_>, all: &[Difference]) -> Markup {
    const TOP: f64 = 20.0;
    const ROW: f64 = 18.0;
    // Names to the left, room for a number on both sides.
    const FROM: f64 = 164.0;
    const TO: f64 = 346.0;
    let amounts = || all.iter().map(|difference| difference.amount.nano_eur());
    let (lowest, highest) = (amounts().min().unwrap_or(0), amounts().max().unwrap_or(0));
    // Differences of less than a cent are not blown up.
    let highest = if lowest > -CENT { highest.max(CENT) } else { highest };
    let scale = Scale::holding(lowest, highest, 3);
    let x = |nano_eur: i128| FROM + (TO - FROM) * scale.place(nano_eur);
    let bottom = TOP + ROW * all.len() as f64;
    let (mut gains, mut losses, mut grid) = (Path::default(), Path::default(), Path::default());
    let row = |place: usize| TOP + ROW * place as f64;
    for (place, difference) in all.iter().enumerate() {
        let (zero, end) = (x(0), x(difference.amount.nano_eur()));
        let path = if end < zero { &mut losses } else { &mut gains };
        path.rectangle((zero.min(end), row(place) + 3.0), ((end - zero).abs(), ROW - 6.0));
    }
    scale.ticks().iter().for_each(|tick| grid.line((x(*tick), TOP), (x(*tick), bottom)));
    let mut axis = Path::default();
    axis.line((x(0), TOP - 4.0), (x(0), bottom + 2.0));
    let content = html! {
        path class="grid" d=(grid.finish()) {}
        @if !gains.is_empty() { path class="gain" d=(gains.finish()) {} }
        @if !losses.is_empty() { path class="lost" d=(losses.finish()) {} }
        path class="axis" d=(axis.finish()) {}
        text class="tick" x="0" y="11" { "EUR" }
        @for tick in scale.ticks() {
            text class="tick middle" x=(number(x(*tick))) y="11" { (language.few_parts(*tick, NANO)) }
        }
        @for (place, difference) in all.iter().enumerate() {
            text x="0" y=(number(row(place) + 13.0)) { (cut(&difference.name, NAME_CHARS)) }
            @let end = x(difference.amount.nano_eur());
            @if difference.amount < Amount::ZERO {
                text class="tick end" x=(number(end - 3.0)) y=(number(row(place) + 13.0)) { (language.eur_in_column(difference.amount)) }
            } @else {
                text class="tick" x=(number(end + 3.0)) y=(number(row(place) + 13.0)) { (gain(language, difference.amount)) }
            }
        }
    };
    let rows = Rows { count: all.len(), across: None, down: Some((TOP, bottom)) };
    picture(about, bottom + 6.0, rows, &content)
}

/// What somebody gains, with its sign.
fn gain(language: Language, amount: Amount) -> String {
    let sign = if amount.to_cents() > 0 { "+" } else { "" };
    format!("{sign}{}", language.eur_in_column(amount))
}
