//! The statement of one member: one page of A4, in any language.
//!
//! [`page`] is a page by itself; in a browser, [`crate::member`] shows the same parts.

mod plots;
mod prices;
mod tiles;

use books::Period;
use domain::Boundary;
use domain::text::printable;
use figures::statement::{Common, MemberStatement};
use jiff::tz::TimeZone;
use maud::{Markup, html};
use words::{Language, fill};

use crate::{Repeat, frame};

pub(crate) use plots::{Bars, Span, bars, days, typical_day};
pub(crate) use prices::{prices, quality};
pub(crate) use tiles::{tile, tiles};

/// Whose statement it is, of what time, and in which language.
#[derive(Clone, Copy, Debug)]
pub struct Heading<'h> {
    /// The community's name.
    pub community: &'h str,
    /// The period; `None` for all there is.
    pub period: Option<&'h Period>,
    /// Whose days they are.
    pub zone: &'h TimeZone,
    /// The language.
    pub language: Language,
}

impl Heading<'_> {
    /// The name of the time zone.
    pub(crate) fn zone_name(&self) -> &str {
        self.zone.iana_name().unwrap_or("UTC")
    }

    /// Writes an instant.
    pub(crate) fn moment(&self, at: Boundary) -> String {
        self.language.moment(self.zone.to_datetime(at.timestamp()))
    }
}

/// The whole page.
pub fn page(heading: Heading<'_>, common: &Common, statement: &MemberStatement, repeat: &Repeat) -> Markup {
    let Heading { community, language, .. } = heading;
    let texts = &language.texts().statement;
    let title = printable(&format!("{}, {community}", statement.member)).into_owned();
    let body = html! {
        header {
            h1 { (printable(statement.member.as_str())) }
            (subtitle(heading, common.span))
        }
        main {
            (tiles(language, statement))
            div class="plots" {
                (days(heading, statement))
                (typical_day(heading, statement))
            }
            (prices(language, statement))
            (quality(language, common, statement))
        }
        footer {
            p {
                (fill(texts.zone, &[("zone", &heading.zone_name())])) " " (texts.digest) " " code { (common.digest) } ". "
                (texts.again) " " code { (printable(&repeat.command)) } " (" (repeat.program) ")."
            }
        }
    };
    frame::page_in(language, &title, &body)
}

/// Whose statement it is, of what time, and that it is not an invoice.
pub(crate) fn subtitle(heading: Heading<'_>, span: Option<(Boundary, Boundary)>) -> Markup {
    let texts = &heading.language.texts().statement;
    let from_until = span.map(|(from, until)| {
        fill(texts.from_until, &[("from", &heading.moment(from)), ("until", &heading.moment(until))])
    });
    let period = heading.period.map(|period| period_name(heading.language, period));
    let span = match (period, from_until) {
        (Some(period), Some(span)) => format!("{period} ({span})"),
        (Some(only), None) | (None, Some(only)) => only,
        (None, None) => String::new(),
    };
    html! {
        p class="sub" {
            (fill(texts.member_of, &[("community", &printable(heading.community)), ("span", &span)])) " "
            b { (texts.not_an_invoice) }
        }
    }
}

/// The name of a period for people: `Fri, 3 May 2024`, `Week 18, 2024`, `May 2024`, `2024`.
pub fn period_name(language: Language, period: &Period) -> String {
    let first = period.first();
    match period.calendar() {
        books::Calendar::Day => format!("{}, {}", language.weekday(first), language.long_date(first)),
        books::Calendar::Week => language.week(first.iso_week_date()),
        books::Calendar::Month => language.month(first),
        books::Calendar::Year => format!("{:04}", first.year()),
    }
}
