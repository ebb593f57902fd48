//! The report of a backtest: what other rules would have meant, for an assembly to look at.

mod hours;
mod members;
mod prices;
mod rules;

use figures::Backtest;
use figures::text::{grouped, percent_of_ppm};
use maud::{Markup, html};

use crate::Repeat;
use crate::frame;

/// The whole page.
pub fn page(backtest: &Backtest, repeat: &Repeat) -> Markup {
    let title = format!("Other rules for {}", backtest.community);
    let has_data = backtest.coverage.counted > 0;
    let body = html! {
        header {
            h1 { (title) }
            p class="sub" { (span(backtest)) }
        }
        main {
            (assumptions(backtest))
            (coverage(backtest))
            @if has_data {
                (rules::section(backtest))
                (members::section(backtest))
                (rules::months(backtest))
                (hours::section(backtest))
                (prices::section(backtest))
                (rules::fairness(backtest))
                (rules::formulas())
            }
        }
        (repeat_section(backtest, repeat))
    };
    frame::page(&title, &body)
}

fn span(backtest: &Backtest) -> String {
    let zone = backtest.zone.iana_name().unwrap_or("UTC");
    match backtest.span {
        None => format!("There are no intervals in this time ({zone})."),
        Some((from, until)) => {
            let local =
                |at: domain::Boundary| backtest.zone.to_datetime(at.timestamp()).strftime("%Y-%m-%d %H:%M").to_string();
            format!("{} to {} ({zone}), what each rule would have meant for each member", local(from), local(until))
        }
    }
}

fn assumptions(backtest: &Backtest) -> Markup {
    let base = backtest.base().map_or("nothing", |base| base.named.label.as_str());
    html! {
        section {
            h2 { "What is assumed" }
            ul {
                li { "Members do not react to prices: everybody uses and produces what it did." }
                li { "Members, their tariffs and their own prices are as they were, unless a rule says otherwise." }
                li { "Every rule ran in the same sandbox and passed the same balance check as in settlement; an interval that any of them could not clear counts for none." }
                li { "Gaps of single meters are settled with the grid whatever the rule, and are left out." }
                li { "The rules are compared with " b { (base) } ". “Saved” is what members paid less than with the grid alone, at their own tariffs." }
                li { "These are figures of the past. A rule that was chosen because it does best on them will do less well on others." }
            }
        }
    }
}

fn coverage(backtest: &Backtest) -> Markup {
    let coverage = &backtest.coverage;
    let row = |what: &str, count: u64| {
        html! {
            tr {
                th scope="row" { (what) }
                td { (grouped(count)) }
                td { (figures::text::percent(count.into(), coverage.intervals.into())) }
            }
        }
    };
    let estimated = match coverage.estimated_ppm() {
        Some(ppm) => percent_of_ppm(i128::try_from(ppm).ok()),
        None => "not known".to_owned(),
    };
    html! {
        section {
            h2 { "How much of the data counts" }
            div class="wide" tabindex="0" {
                table {
                    thead { tr { th scope="col" { "Intervals" } th scope="col" { "number" } th scope="col" { "of all" } } }
                    tbody {
                        (row("from first to last", coverage.intervals))
                        (row("counted", coverage.counted))
                        (row("without readings at both ends", coverage.unread()))
                        (row("not cleared by every rule", coverage.uncleared))
                    }
                }
            }
            p class="note" {
                "Readings that are estimates: " (estimated) ". Gaps of single meters, left out: " (grouped(coverage.gaps)) "."
            }
        }
        @if backtest.is_bad() { (problems(backtest)) }
    }
}

/// Which rules failed or were rejected, where and why.
fn problems(backtest: &Backtest) -> Markup {
    html! {
        section {
            h2 { "Where rules failed" }
            @for variant in backtest.variants.iter().filter(|variant| variant.runs.bad() > 0) {
                h3 { (variant.named.label) ": failed on " (grouped(variant.runs.failed)) ", rejected on " (grouped(variant.runs.rejected)) " intervals" }
                ul {
                    @for (start, problem) in &variant.runs.problems { li { code { (start) } ": " (problem) } }
                    @let more = variant.runs.bad().saturating_sub(variant.runs.problems.len() as u64);
                    @if more > 0 { li { "and " (grouped(more)) " more" } }
                }
            }
        }
    }
}

fn repeat_section(backtest: &Backtest, repeat: &Repeat) -> Markup {
    html! {
        footer {
            h2 { "How to repeat this" }
            p { code { (repeat.command) } }
            div class="wide" tabindex="0" {
                table {
                    thead { tr { th scope="col" { "Rule" } th scope="col" { "algorithm" } th scope="col" { "SHA-256 of its component" } th scope="col" { "fuel" } } }
                    tbody {
                        @for variant in &backtest.variants {
                            @let named = &variant.named;
                            tr {
                                th scope="row" { (named.label) }
                                td { (named.name) @if let Some(version) = &named.version { " " (version) } }
                                td class="text" {
                                    @if let Some(digest) = named.digest { code { (digest) } } @else { "–" }
                                }
                                td { (grouped(variant.runs.fuel)) }
                            }
                        }
                    }
                }
            }
            p { "Digest of the rounds and of what settled them, in order: " code { (backtest.digest) } }
            p { "Whoever has the same digests and the same program has the same numbers: " (repeat.program) "." }
        }
    }
}
