//! Merit orders: offers rising and bids falling over cumulated energy, and prices across.

use maud::{Markup, html};

use super::path::{Path, number};
use super::{About, LEFT, LINE, RIGHT, Rows, Scale, cut, left_axis, picture};

/// Longest name that has room, in characters.
const NAME_CHARS: usize = 44;
/// The classes of the two orders.
const ORDERS: [&str; 2] = ["s1", "s2"];
/// The classes of prices.
const PRICES: [&str; 4] = ["s0", "s3", "s4", "s5"];

/// One of the two orders.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Order<'o> {
    /// What it is.
    pub name: &'o str,
    /// Its steps: energy in Wh, and price in µEUR/kWh.
    pub steps: Vec<(u128, i64)>,
}

/// A price, as a line across.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Across<'o> {
    /// What it is.
    pub name: &'o str,
    /// The price, in µEUR/kWh.
    pub micro_eur: i64,
}

/// Plots both orders and at most four prices. `kwh` writes Wh as kWh, `cents` µEUR/kWh as ct/kWh.
pub fn merit(
    about: About<'_>,
    orders: &[Order<'_>; 2],
    prices: &[Across<'_>],
    kwh: impl Fn(i128) -> String,
    cents: impl Fn(i128) -> String,
) -> Markup {
    const HEIGHT: f64 = 150.0;
    let prices = &prices[..prices.len().min(PRICES.len())];
    let legend: Vec<(&str, &str)> = orders
        .iter()
        .zip(ORDERS)
        .filter(|(order, _)| !order.steps.is_empty())
        .map(|(order, class)| (class, order.name))
        .chain(prices.iter().zip(PRICES).map(|(price, class)| (class, price.name)))
        .collect();
    let top = 24.0 + LINE * legend.len() as f64;
    let heights = || {
        let steps = orders.iter().flat_map(|order| order.steps.iter().map(|step| step.1));
        steps.chain(prices.iter().map(|price| price.micro_eur)).map(i128::from)
    };
    let (across, up) = (
        Scale::holding(0, orders.iter().map(width).max().unwrap_or(0), 4),
        Scale::holding(heights().min().unwrap_or(0), heights().max().unwrap_or(0), 4),
    );
    let x = |wh: i128| LEFT + (RIGHT - LEFT) * across.place(wh);
    let y = |price: i64| top + HEIGHT * (1.0 - up.place(price.into()));
    let content = html! {
        @for ((class, name), place) in legend.iter().zip(0_u32..) {
            @let height = 11.0 + LINE * f64::from(place);
            path class={ "step " (class) } d={ "M" (number(LEFT)) " " (number(height - 4.0)) "h34" } {}
            text x=(number(LEFT + 40.0)) y=(number(height)) { (cut(name, NAME_CHARS)) }
        }
        (left_axis(&up, top, HEIGHT, "ct/kWh", &cents))
        @for (price, class) in prices.iter().zip(PRICES) {
            path class={ "step " (class) } d={ "M" (number(LEFT)) " " (number(y(price.micro_eur))) "H" (number(RIGHT)) } {}
        }
        @for (order, class) in orders.iter().zip(ORDERS).filter(|(order, _)| !order.steps.is_empty()) {
            path class={ "step " (class) } d=(path(order, x, y)) {}
        }
        @for (tick, place) in across.ticks().iter().zip(1..) {
            @let is_last = place == across.ticks().len();
            text class={ "tick " (if is_last { "end" } else { "middle" }) } x=(number(x(*tick))) y=(number(top + HEIGHT + LINE)) {
                (kwh(*tick)) @if is_last { " kWh" }
            }
        }
    };
    picture(about, top + HEIGHT + LINE + 6.0, Rows::default(), &content)
}

/// The energy of a whole order.
fn width(order: &Order<'_>) -> i128 {
    let sum = order.steps.iter().fold(0_u128, |sum, step| sum.saturating_add(step.0));
    i128::try_from(sum).unwrap_or(i128::MAX)
}

fn path(order: &Order<'_>, x: impl Fn(i128) -> f64, y: impl Fn(i64) -> f64) -> String {
    let mut path = Path::default();
    let mut together = 0_u128;
    for (place, &(energy, price)) in order.steps.iter().enumerate() {
        let at = (x(i128::try_from(together).unwrap_or(i128::MAX)), y(price));
        if place == 0 {
            path.start(at)
        } else {
            path.step(at)
        }
        together = together.saturating_add(energy);
    }
    if let Some(&(_, price)) = order.steps.last() {
        path.step((x(i128::try_from(together).unwrap_or(i128::MAX)), y(price)));
    }
    path.finish()
}
