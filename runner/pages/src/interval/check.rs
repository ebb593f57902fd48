//! What happened to meters, and how everything is checked again.

use books::StoredInterval;
use domain::text::printable;
use jiff::tz::TimeZone;
use maud::{Markup, html};

use super::members::since;
use super::{Missing, ROWS_MAX, Rule, more};
use crate::Repeat;
use crate::look::Look;

/// The meters that are not in the interval.
pub(super) fn missing(look: &Look, zone: &TimeZone, missing: &[Missing]) -> Markup {
    let texts = &look.texts().interval;
    html! {
        @if !missing.is_empty() {
            section {
                h2 { (texts.missing) }
                p class="note" { (texts.missing_note) }
                div class="wide" tabindex="0" {
                    table {
                        thead {
                            tr {
                                th scope="col" { (texts.about) } th scope="col" class="text" { (texts.state) } th scope="col" { (texts.last_good) }
                            }
                        }
                        tbody {
                            @for meter in missing.iter().take(ROWS_MAX) {
                                tr {
                                    th scope="row" { (printable(meter.meter.as_str())) }
                                    td class="text" { @if meter.is_disputed { (texts.disputed) } @else { (texts.silent) } }
                                    td { (since(look, zone, meter.since)) }
                                }
                            }
                        }
                    }
                }
                (more(look, missing.len()))
            }
        }
    }
}

/// What people should know of, by meter.
pub(super) fn happened(look: &Look, stored: &StoredInterval) -> Markup {
    let texts = &look.texts().interval;
    html! {
        @if !stored.events.is_empty() {
            section {
                h2 { (texts.happened) }
                div class="wide" tabindex="0" {
                    table {
                        thead {
                            tr {
                                th scope="col" { (texts.about) } th scope="col" class="text" { (texts.code) } th scope="col" class="text" { (texts.message) }
                            }
                        }
                        tbody {
                            @for event in stored.events.iter().take(ROWS_MAX) {
                                tr {
                                    th scope="row" { (printable(&event.subject)) }
                                    td class="text" { (printable(&event.code)) }
                                    td class="text" { (printable(&event.message)) }
                                }
                            }
                        }
                    }
                }
                (more(look, stored.events.len()))
            }
        }
    }
}

/// The digests, and the command that runs everything again.
pub(super) fn section(look: &Look, stored: &StoredInterval, rule: Option<&Rule<'_>>, repeat: &Repeat) -> Markup {
    let texts = &look.texts().interval;
    html! {
        section {
            h2 { (texts.check) }
            dl class="formulas" {
                @if let Some(digest) = &stored.round_digest { dt { (texts.round_digest) } dd { code { (digest) } } }
                @if let Some(digest) = &stored.trades_digest { dt { (texts.trades_digest) } dd { code { (digest) } } }
                @if let Some(rule) = rule { dt { (texts.component_digest) } dd { code { (rule.component) } } }
                @if let Some(provenance) = &stored.provenance {
                    dt { (texts.engine) } dd { (printable(&provenance.engine)) }
                    dt { (texts.fuel) } dd { (look.language.whole(provenance.fuel)) }
                }
            }
            p class="note" { (texts.replay) }
            p { code { (repeat.command) } " (" (repeat.program) ")" }
        }
    }
}
