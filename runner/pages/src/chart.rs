//! A plot with its caption, and its numbers as a table.

use maud::{Markup, html};
use words::Language;

/// A table: headings, and rows of which the first cell is a heading, too.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Numbers {
    /// The headings of the columns.
    pub headings: Vec<String>,
    /// The rows.
    pub rows: Vec<Vec<String>>,
    /// Where the heading of each row leads; empty if none leads anywhere.
    pub links: Vec<String>,
}

impl Numbers {
    /// Makes an empty table.
    pub fn new(headings: impl IntoIterator<Item = impl Into<String>>) -> Numbers {
        Numbers { headings: headings.into_iter().map(Into::into).collect(), rows: Vec::new(), links: Vec::new() }
    }

    /// Shows the table.
    pub fn table(&self) -> Markup {
        html! {
            div class="wide" tabindex="0" {
                table {
                    thead { tr { @for heading in &self.headings { th scope="col" { (heading) } } } }
                    tbody {
                        @for (place, row) in self.rows.iter().enumerate() {
                            tr {
                                @for (number, cell) in row.iter().enumerate() {
                                    @match (number, self.links.get(place)) {
                                        (0, Some(link)) => th scope="row" { a href=(link) { (cell) } },
                                        (0, None) => th scope="row" { (cell) },
                                        _ => td { (cell) },
                                    }
                                }
                            }
                        }
                    }
                }
            }
        }
    }
}

/// Shows a plot with its caption and its numbers.
pub fn figure_in(language: Language, caption: &str, plot: &Markup, numbers: &Numbers) -> Markup {
    html! {
        figure {
            figcaption { (caption) }
            (plot)
            details {
                summary { (language.texts().frame.the_numbers) }
                (numbers.table())
            }
        }
    }
}

/// Shows what stands in place of a plot without data.
pub fn nothing_in(language: Language, caption: &str) -> Markup {
    html! {
        figure {
            figcaption { (caption) }
            p class="note" { (language.texts().frame.no_data) }
        }
    }
}
