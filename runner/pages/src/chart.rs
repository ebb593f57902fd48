//! A plot with its caption, and its numbers as a table.

use maud::{Markup, html};
use words::Texts;

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
pub fn figure(caption: &str, plot: &Markup, numbers: &Numbers) -> Markup {
    described("The numbers", caption, plot, numbers)
}

/// As [`figure`], in the language of these texts.
pub fn figure_in(texts: &Texts, caption: &str, plot: &Markup, numbers: &Numbers) -> Markup {
    described(texts.frame.the_numbers, caption, plot, numbers)
}

fn described(summary: &str, caption: &str, plot: &Markup, numbers: &Numbers) -> Markup {
    html! {
        figure {
            figcaption { (caption) }
            (plot)
            details {
                summary { (summary) }
                (numbers.table())
            }
        }
    }
}

/// Shows what stands in place of a plot without data.
pub fn nothing(caption: &str) -> Markup {
    empty("There is no data for this.", caption)
}

/// As [`nothing`], in the language of these texts.
pub fn nothing_in(texts: &Texts, caption: &str) -> Markup {
    empty(texts.frame.no_data, caption)
}

fn empty(text: &str, caption: &str) -> Markup {
    html! {
        figure {
            figcaption { (caption) }
            p class="note" { (text) }
        }
    }
}
