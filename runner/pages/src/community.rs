//! The page of a community over a period: its figures beside the period before, what flowed when, what each member traded, and
//! who sold to whom.

mod figures_of;
mod hours;
mod members;
mod over_time;
mod sales;
#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]
mod tests;

use books::Period;
use domain::Boundary;
use domain::text::printable;
use figures::community::{Figures, Order, Overview, Step};
use jiff::tz::TimeZone;
use maud::{Markup, html};
use words::{Language, Texts, fill};

use crate::look::Look;
use crate::picker::{Picked, picker};
use crate::place::{Part, Place};

pub use figures_of::period_tiles;
pub use members::ROWS_MAX;
pub use sales::{Shown, shown};

/// What the page shows.
#[derive(Clone, Copy, Debug)]
pub struct Model<'m> {
    /// The community's name.
    pub community: &'m str,
    /// The period.
    pub period: &'m Period,
    /// Whose days they are.
    pub zone: &'m TimeZone,
    /// Where the books begin and end; `None` without any.
    pub books: Option<(Boundary, Boundary)>,
    /// What the period came to.
    pub overview: &'m Overview,
    /// How finely it is shown over time.
    pub step: Step,
    /// What the period before came to, if there is anything of it.
    pub before: Option<(&'m Period, &'m Figures)>,
    /// How many intervals of the period the books could have.
    pub expected: u64,
    /// In which order the members are.
    pub order: Order,
    /// Which part of the members is shown, from 0.
    pub part: usize,
    /// Whether the viewer may open the pages of members.
    pub opens_members: bool,
    /// Whether the viewer may open the pages of intervals, and each step is one.
    pub opens_steps: bool,
}

/// The figures in a language.
#[derive(Clone, Copy)]
struct Said<'s> {
    look: &'s Look,
    model: Model<'s>,
    language: Language,
    texts: &'static Texts,
}

/// The page.
pub fn page(look: &Look, model: Model<'_>) -> Markup {
    let texts = look.texts();
    let said = Said { look, model, language: look.language, texts };
    let place = said.place();
    let instant = |at: Boundary| at.timestamp();
    let data = model.books.map(|(from, until)| (instant(from), instant(until)));
    html! {
        h1 { (printable(model.community)) }
        p class="sub" { (said.period_line()) }
        (picker(look, &place, Picked { period: model.period, zone: model.zone, data }))
        @if model.overview.figures.is_empty() {
            p class="note" { (texts.community.empty) }
        } @else {
            (figures_of::tiles_of(said))
            (figures_of::notes(said))
            (over_time::sections(said))
            (hours::section(said))
            (members::section(said))
            (sales::section(said))
        }
    }
}

impl Said<'_> {
    fn place(&self) -> Place {
        Place::of(self.model.community, Part::Overview)
    }

    /// Day and time of an instant.
    fn moment(&self, at: Boundary) -> String {
        let local = self.model.zone.to_datetime(at.timestamp());
        self.language.moment(local)
    }

    fn period_line(&self) -> String {
        let Model { period, zone, books, .. } = self.model;
        let zone = zone.iana_name().unwrap_or("UTC");
        let mut line = fill(self.texts.community.days_of, &[("zone", &zone)]);
        if let Some((_, mark)) = books.filter(|(_, mark)| period.contains(mark.timestamp())) {
            line.push(' ');
            line.push_str(&fill(self.texts.community.so_far, &[("time", &self.moment(mark))]));
        }
        line
    }

    fn kwh(&self, wh: u128) -> String {
        self.language.kwh_of_sum(wh)
    }
}
