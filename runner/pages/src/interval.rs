//! One interval: why this price. For a manager all of it, for a member its own part.
//!
//! [`whole`] shows offers and bids, the price, and of every member what it traded and why not more. [`own`] shows one member's
//! line and, where nobody can be read from it, the curve of the others; it is given nothing else of them.

mod check;
mod curves;
mod members;
mod own;
mod steps;

use books::StoredInterval;
use domain::text::printable;
use domain::{Boundary, Digest, Interval, MeterId};
use explain::{Explanation, MarketPrice, PriceOf};
use figures::interval::Totals;
use jiff::tz::TimeZone;
use maud::{Markup, html};
use words::{Language, fill};

use crate::Repeat;
use crate::look::Look;
use crate::place::{Part, Place};

pub use own::{Own, own};

/// The most rows of a table. The numbers for programs have all.
const ROWS_MAX: usize = 500;

/// Which interval, and where one goes from it.
#[derive(Clone, Debug)]
pub struct Heading<'h> {
    /// The community's name.
    pub community: &'h str,
    /// The interval.
    pub interval: Interval,
    /// Whose days and clocks count.
    pub zone: &'h TimeZone,
    /// The start of the interval before; `None` if there is none.
    pub earlier: Option<Boundary>,
    /// The start of the interval after; `None` if it is not settled.
    pub later: Option<Boundary>,
    /// The page that shows the interval's day; `None` if the viewer may open none.
    pub day: Option<Place>,
}

/// The rule that settled an interval.
#[derive(Clone, Debug)]
pub struct Rule<'r> {
    /// The name that it declares.
    pub name: &'r str,
    /// The version that it declares.
    pub version: &'r str,
    /// What it does, in one sentence; `None` if nobody knows.
    pub summary: Option<String>,
    /// The digest of its component.
    pub component: Digest,
    /// Why it was used instead of the community's own; `None` if it is that.
    pub fallback: Option<&'r str>,
}

/// A meter that is not in an interval, and is not yet settled for it otherwise.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Missing {
    /// The meter.
    pub meter: MeterId,
    /// The boundary of its last good reading.
    pub since: Boundary,
    /// Whether it was read, but does not count; otherwise it was not read.
    pub is_disputed: bool,
}

/// What is told of a round.
#[derive(Clone, Copy, Debug)]
pub struct Told<'t> {
    /// The rule.
    pub rule: &'t Rule<'t>,
    /// How it came to the trades.
    pub explanation: &'t Explanation,
    /// What the round comes to; `None` if a sum of money does not fit.
    pub totals: Option<&'t Totals>,
}

/// The page for those who see all of it; `told` is `None` where no rule ran.
pub fn whole(
    look: &Look,
    heading: &Heading<'_>,
    stored: &StoredInterval,
    missing: &[Missing],
    told: Option<Told<'_>>,
    repeat: &Repeat,
) -> Markup {
    let texts = &look.texts().interval;
    html! {
        (head(look, heading))
        @if let Some(told) = told {
            (rule(look, told.rule, true))
            @if let Some(totals) = told.totals { (tiles(look, totals)) }
            (curves::of_members(look, stored, told.explanation))
            (members::section(look, stored, &told.explanation.market))
            (steps::section(look, told.explanation))
        } @else {
            p { (texts.no_round) }
        }
        (members::gaps(look, heading.zone, stored))
        (check::missing(look, heading.zone, missing))
        (check::happened(look, stored))
        (check::section(look, stored, told.map(|told| told.rule), repeat))
    }
}

/// What stands above both views.
fn head(look: &Look, heading: &Heading<'_>) -> Markup {
    let (texts, language) = (&look.texts().interval, look.language);
    let local = |at: Boundary| heading.zone.to_datetime(at.timestamp());
    let (start, end) = (local(heading.interval.start()), local(heading.interval.end()));
    let clock = |at: jiff::civil::DateTime| at.strftime("%H:%M").to_string();
    let zone = heading.zone.iana_name().unwrap_or("UTC");
    let community = printable(heading.community);
    let of = fill(
        texts.of_interval,
        &[
            ("community", &community),
            ("date", &language.date(start.date())),
            ("from", &clock(start)),
            ("until", &clock(end)),
            ("zone", &zone),
        ],
    );
    let interval = |start: Boundary| look.href(&Place::of(heading.community, Part::Interval(start)), &[]);
    let day = start.date().to_string();
    html! {
        h1 { (texts.title) }
        p class="sub" { (of) }
        nav class="picker" aria-label=(texts.around) {
            p {
                @if let Some(earlier) = heading.earlier { a rel="prev" href=(interval(earlier)) { "← " (texts.earlier) } " " }
                @if let Some(place) = &heading.day { a href=(look.href(place, &[("period", &day)])) { (texts.the_day) } " " }
                @if let Some(later) = heading.later { a rel="next" href=(interval(later)) { (texts.later) " →" } }
            }
        }
    }
}

/// The rule, and why it was not the community's own.
fn rule(look: &Look, rule: &Rule<'_>, sees_reason: bool) -> Markup {
    let texts = &look.texts().interval;
    let name = printable(rule.name);
    html! {
        section {
            h2 { (texts.rule) }
            p { b { (name) " " (printable(rule.version)) } @if let Some(summary) = &rule.summary { ": " (printable(summary)) "." } }
            @if let Some(reason) = rule.fallback {
                p class="note" role="note" {
                    @if sees_reason {
                        (fill(texts.fallback, &[("name", &name), ("reason", &printable(reason))]))
                    } @else {
                        (fill(texts.fallback_own, &[("name", &name)]))
                    }
                }
            }
        }
    }
}

fn tiles(look: &Look, totals: &Totals) -> Markup {
    let (texts, language) = (&look.texts().interval, look.language);
    let price = match totals.prices {
        Some((lowest, highest)) if lowest == highest => format!("{} ct/kWh", cents(language, lowest)),
        Some((lowest, highest)) => format!("{}–{} ct/kWh", cents(language, lowest), cents(language, highest)),
        None => "–".to_owned(),
    };
    let energy = |wh: u128| format!("{} kWh", language.kwh_of_sum(wh));
    let rate = |text: &str, ppm: Option<u128>| {
        let percent = language.percent_of_ppm(ppm.and_then(|ppm| i128::try_from(ppm).ok()));
        fill(text, &[("percent", &percent)])
    };
    let tile = |what: &str, value: &str, more: &str, formula: &str| {
        html! {
            div class="tile" {
                div class="what" { (what) }
                div class="value" { (value) }
                div class="more" { (more) }
                details { summary { (look.texts().frame.formula) } (formula) }
            }
        }
    };
    let shared = energy(totals.shared.wh);
    let (fed_in, needed) = (energy(totals.fed_in_wh), energy(totals.needed_wh));
    html! {
        div class="tiles" {
            (tile(texts.price_title, &price, "", texts.price_formula))
            (tile(texts.shared_title, &shared, "", texts.shared_formula))
            (tile(texts.offered_title, &fed_in, &rate(texts.offered_more, totals.use_ppm()), texts.offered_formula))
            (tile(texts.wanted_title, &needed, &rate(texts.wanted_more, totals.cover_ppm()), texts.wanted_formula))
        }
    }
}

/// A price as ct/kWh, exact.
fn cents(language: Language, micro_eur: impl Into<i128>) -> String {
    language.exact(micro_eur.into(), 4)
}

/// The name of a price.
fn price_name(look: &Look, price: MarketPrice) -> &'static str {
    let texts = &look.texts().interval;
    match price.of {
        PriceOf::All => texts.price_all,
        PriceOf::Decides => texts.price_decides,
        PriceOf::Sellers => texts.price_sellers,
        PriceOf::Buyers => texts.price_buyers,
        PriceOf::HalfA => texts.price_half_a,
        PriceOf::HalfB => texts.price_half_b,
    }
}

/// How many more rows there are than are shown.
fn more(look: &Look, rows: usize) -> Markup {
    let more = rows.saturating_sub(ROWS_MAX);
    html! {
        @if more > 0 { p class="note" { (fill(look.texts().interval.more, &[("count", &more)])) } }
    }
}
