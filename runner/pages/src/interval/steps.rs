//! How the rule came to its trades, step by step.

use domain::text::printable;
use explain::{Agreement, Cell, Explanation, Step, Table, Unit};
use maud::{Markup, html};

use super::{ROWS_MAX, more};
use crate::look::Look;

/// All steps, and whether they lead to the component's trades.
pub(super) fn section(look: &Look, explanation: &Explanation) -> Markup {
    let texts = &look.texts().interval;
    html! {
        section {
            h2 { (texts.steps) }
            @for step in &explanation.steps { (one(look, step)) }
            @match &explanation.agreement {
                Agreement::Exact => p { (texts.exact) },
                Agreement::Unknown => p { (texts.foreign) },
                Agreement::Differs(differences) => {
                    p { (texts.differs) }
                    ul { @for difference in differences { li { (printable(difference)) } } }
                }
            }
        }
    }
}

fn one(look: &Look, Step { title, sentences, table }: &Step) -> Markup {
    html! {
        h3 { (capital(title)) }
        @for sentence in sentences { p { (printable(sentence)) } }
        @if let Some(table) = table.as_ref().filter(|table| !table.rows.is_empty()) { (shown(look, table)) }
    }
}

/// A title as it stands alone.
fn capital(title: &str) -> String {
    let mut chars = title.chars();
    chars.next().map(|first| first.to_uppercase().chain(chars).collect()).unwrap_or_default()
}

fn shown(look: &Look, table: &Table) -> Markup {
    html! {
        div class="wide" tabindex="0" {
            table {
                thead {
                    tr {
                        @for column in &table.columns {
                            th scope="col" class=[(column.unit == Unit::Text).then_some("text")] { (column.name) (unit(column.unit)) }
                        }
                    }
                }
                tbody {
                    @for row in table.rows.iter().take(ROWS_MAX) {
                        tr {
                            @for (number, (cell, column)) in row.iter().zip(&table.columns).enumerate() {
                                @if number == 0 {
                                    th scope="row" { (written(look, cell, column.unit)) }
                                } @else if column.unit == Unit::Text {
                                    td class="text" { (written(look, cell, column.unit)) }
                                } @else {
                                    td { (written(look, cell, column.unit)) }
                                }
                            }
                        }
                    }
                }
            }
        }
        (more(look, table.rows.len()))
    }
}

fn unit(unit: Unit) -> &'static str {
    match unit {
        Unit::Text | Unit::Number => "",
        Unit::Share => " ppm",
        Unit::Energy => " Wh",
        Unit::Price => " EUR/kWh",
        Unit::Money => " EUR",
    }
}

fn written(look: &Look, cell: &Cell, unit: Unit) -> String {
    match (cell, unit) {
        (Cell::Text(text), _) => printable(text).into_owned(),
        (Cell::Nothing, _) => "–".to_owned(),
        (Cell::Whole(number), Unit::Price) => look.language.exact(*number, 6),
        (Cell::Whole(number), Unit::Money) => look.language.exact(*number, 9),
        (Cell::Whole(number), _) => number.to_string(),
    }
}
