//! Who traded and who did not, and why; and the gaps, which no rule sees.

use books::StoredInterval;
use domain::text::printable;
use explain::{Line, Market, Role, Side};
use jiff::tz::TimeZone;
use maud::{Markup, html};

use super::{ROWS_MAX, cents, more};
use crate::look::Look;

/// Every member of the round.
pub(super) fn section(look: &Look, stored: &StoredInterval, market: &Market) -> Markup {
    let texts = &look.texts().interval;
    let positions = stored.round.iter().flat_map(|round| round.positions());
    let active = positions
        .zip(&market.members)
        .flat_map(|(position, line)| line.sides().map(move |side| (printable(position.member.as_str()), line, side)));
    let active: Vec<_> = active.collect();
    let is_key = market.members.iter().flat_map(Line::sides).any(|side| side.offered.is_some());
    let has_ranks = market.members.iter().any(|line| line.rank > 0);
    let has_shares = market.members.iter().any(|line| line.share > 0);
    html! {
        section {
            h2 { (texts.members) }
            div class="wide" tabindex="0" {
                table {
                    thead {
                        tr {
                            th scope="col" { (texts.member) }
                            th scope="col" class="text" { (texts.side) }
                            th scope="col" { (texts.limit) }
                            @if has_shares { th scope="col" { (texts.share) } }
                            @if has_ranks { th scope="col" { (texts.rank) } }
                            th scope="col" { (texts.had) }
                            @if is_key {
                                th scope="col" { (texts.offered) } th scope="col" { (texts.took) } th scope="col" { (texts.gave_back) }
                            } @else {
                                th scope="col" { (texts.inside) }
                            }
                            th scope="col" { (texts.with_grid) }
                            th scope="col" class="text" { (texts.why) }
                        }
                    }
                    tbody {
                        @for (name, line, side) in active.iter().take(ROWS_MAX) {
                            tr {
                                th scope="row" { (name) }
                                td class="text" { (role(look, side)) }
                                td { (cents(look.language, side.limit)) }
                                @if has_shares { td { (look.language.exact(line.share.into(), 4)) } }
                                @if has_ranks { td { (line.rank) } }
                                (cells(look, side, is_key))
                                td class="text" { (side.why(look.language)) }
                            }
                        }
                    }
                }
            }
            (more(look, active.len()))
        }
    }
}

/// What somebody does on a side.
pub(super) fn role(look: &Look, side: &Side) -> &'static str {
    let texts = &look.texts().interval;
    if side.role == Role::Sells { texts.sells } else { texts.buys }
}

/// The energies of a side.
fn cells(look: &Look, side: &Side, is_key: bool) -> Markup {
    let sum = |wh: Option<u128>| wh.map_or_else(|| "–".to_owned(), |wh| look.language.kwh_of_sum(wh));
    html! {
        td { (look.language.kwh(side.energy)) }
        @if is_key { td { (sum(side.offered)) } }
        td { (look.language.kwh(side.traded)) }
        @if is_key { td { (sum(side.gave_back())) } }
        td { (look.language.kwh(side.energy.saturating_sub(side.traded))) }
    }
}

/// The gaps that were settled with the interval.
pub(super) fn gaps(look: &Look, zone: &TimeZone, stored: &StoredInterval) -> Markup {
    let texts = &look.texts().interval;
    html! {
        @if !stored.gaps.is_empty() {
            section {
                h2 { (texts.gaps) }
                p class="note" { (texts.gaps_note) }
                div class="wide" tabindex="0" {
                    table {
                        thead {
                            tr {
                                th scope="col" { (texts.member) } th scope="col" { (texts.since) }
                                th scope="col" { (texts.to_grid) } th scope="col" { (texts.from_grid) }
                            }
                        }
                        tbody {
                            @for gap in stored.gaps.iter().take(ROWS_MAX) {
                                tr {
                                    th scope="row" { (printable(gap.member.as_str())) }
                                    td { (since(look, zone, gap.since)) }
                                    td { (look.language.kwh(gap.surplus.wh())) }
                                    td { (look.language.kwh(gap.deficit.wh())) }
                                }
                            }
                        }
                    }
                }
                (more(look, stored.gaps.len()))
            }
        }
    }
}

/// A boundary on the community's clocks.
pub(super) fn since(look: &Look, zone: &TimeZone, at: domain::Boundary) -> String {
    let local = zone.to_datetime(at.timestamp());
    format!("{} {}", look.language.date(local.date()), local.strftime("%H:%M"))
}
