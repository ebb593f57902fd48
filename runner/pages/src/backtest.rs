//! The report of a backtest: what other rules would have meant, for an assembly to look at. A file of its own, or a part of a
//! page.

mod hours;
mod members;
mod prices;
mod rules;

use domain::text::printable;
use domain::{Amount, Boundary};
use figures::Backtest;
use maud::{Markup, html};
use words::{Language, fill, texts};

use crate::Repeat;
use crate::frame;

/// The whole page.
pub fn page(language: Language, backtest: &Backtest, repeat: &Repeat) -> Markup {
    let title = fill(said(language).title, &[("community", &printable(&backtest.community))]);
    let body = html! {
        header {
            h1 { (title) }
            p class="sub" { (span(language, backtest)) }
        }
        main { (sections(language, backtest)) }
        footer { (repeated(language, backtest, repeat)) }
    };
    frame::page_in(language, &title, &body)
}

/// What was tested: from when to when.
pub fn span(language: Language, backtest: &Backtest) -> String {
    let zone = backtest.zone.iana_name().unwrap_or("UTC");
    let local = |at: Boundary| language.moment(backtest.zone.to_datetime(at.timestamp()));
    match backtest.span {
        None => fill(said(language).no_span, &[("zone", &zone)]),
        Some((from, until)) => {
            fill(said(language).span, &[("from", &local(from)), ("until", &local(until)), ("zone", &zone)])
        }
    }
}

/// Everything about the result.
pub fn sections(language: Language, backtest: &Backtest) -> Markup {
    html! {
        (assumptions(language, backtest))
        (coverage(language, backtest))
        @if backtest.coverage.counted > 0 {
            (rules::section(language, backtest))
            (members::section(language, backtest))
            (rules::months(language, backtest))
            (hours::section(language, backtest))
            (prices::section(language, backtest))
            (rules::fairness(language, backtest))
            (rules::formulas(language))
        }
    }
}

fn said(language: Language) -> &'static texts::Backtest {
    &language.texts().backtest
}

/// A difference of money in a column of euro, with its sign.
pub(crate) fn difference(language: Language, amount: Amount) -> String {
    let sign = if amount.to_cents() > 0 { "+" } else { "" };
    format!("{sign}{}", language.eur_in_column(amount))
}

/// What somebody loses or gains in a column of euro, also where it is less than a cent.
fn change(language: Language, amount: Amount) -> String {
    /// A cent in nano-euro.
    const CENT: i128 = 10_000_000;
    let cent = match (amount.to_cents(), amount.nano_eur().signum()) {
        (0, sign @ (1 | -1)) => Amount::from_nano_eur(sign * CENT),
        _ => return difference(language, amount),
    };
    fill(said(language).under_a_cent, &[("amount", &difference(language, cent))])
}

fn assumptions(language: Language, backtest: &Backtest) -> Markup {
    let said = said(language);
    let base = backtest.base().map_or("–", |base| base.named.label.as_str());
    let all = [said.no_reaction, said.as_they_were, said.same_sandbox, said.gaps_left_out];
    html! {
        section {
            h2 { (said.assumed) }
            ul {
                @for text in all { li { (text) } }
                li { (fill(said.compared_with, &[("baseline", &printable(base))])) }
                li { (said.of_the_past) }
            }
        }
    }
}

fn coverage(language: Language, backtest: &Backtest) -> Markup {
    let (said, coverage) = (said(language), &backtest.coverage);
    let rows = [
        (said.first_to_last, coverage.intervals),
        (said.counted, coverage.counted),
        (said.unread, coverage.unread()),
        (said.uncleared, coverage.uncleared),
    ];
    let estimated = match coverage.estimated_ppm() {
        Some(ppm) => language.percent_of_ppm(i128::try_from(ppm).ok()),
        None => said.not_known.to_owned(),
    };
    let estimates = fill(said.estimates, &[("estimated", &estimated), ("gaps", &language.whole(coverage.gaps))]);
    html! {
        section {
            h2 { (said.coverage) }
            div class="wide" tabindex="0" {
                table {
                    thead { tr { th scope="col" { (said.intervals) } th scope="col" { (said.number) } th scope="col" { (said.of_all) } } }
                    tbody {
                        @for (what, count) in rows {
                            tr {
                                th scope="row" { (what) }
                                td { (language.whole(count)) }
                                td { (language.percent(count.into(), coverage.intervals.into())) }
                            }
                        }
                    }
                }
            }
            p class="note" { (estimates) }
        }
        @if backtest.is_bad() { (problems(language, backtest)) }
    }
}

/// Which rules failed or were rejected, where and why.
fn problems(language: Language, backtest: &Backtest) -> Markup {
    let said = said(language);
    html! {
        section {
            h2 { (said.problems) }
            @for variant in backtest.variants.iter().filter(|variant| variant.runs.bad() > 0) {
                @let (failed, rejected) = (language.whole(variant.runs.failed), language.whole(variant.runs.rejected));
                @let rule = printable(&variant.named.label);
                h3 { (fill(said.failed_on, &[("rule", &rule), ("failed", &failed), ("rejected", &rejected)])) }
                ul {
                    @for (start, problem) in &variant.runs.problems { li { code { (start) } ": " (printable(problem)) } }
                    @let more = variant.runs.bad().saturating_sub(variant.runs.problems.len() as u64);
                    @if more > 0 { li { (fill(said.and_more, &[("count", &language.whole(more))])) } }
                }
            }
        }
    }
}

/// How the result is made again, and by what it is known to be the same.
pub fn repeated(language: Language, backtest: &Backtest, repeat: &Repeat) -> Markup {
    let said = said(language);
    html! {
        h2 { (said.repeat) }
        p { code { (printable(&repeat.command)) } }
        div class="wide" tabindex="0" {
            table {
                thead {
                    tr {
                        th scope="col" { (said.rule) }
                        th scope="col" { (said.algorithm) }
                        th scope="col" { (said.component) }
                        th scope="col" { (said.fuel) }
                    }
                }
                tbody {
                    @for variant in &backtest.variants {
                        @let named = &variant.named;
                        tr {
                            th scope="row" { (printable(&named.label)) }
                            td { (printable(&named.name)) @if let Some(version) = &named.version { " " (printable(version)) } }
                            td class="text" {
                                @if let Some(digest) = named.digest { code { (digest) } } @else { "–" }
                            }
                            td { (language.whole(variant.runs.fuel)) }
                        }
                    }
                }
            }
        }
        p { (said.digest) " " code { (backtest.digest) } }
        p { (fill(said.same_digests, &[("program", &printable(&repeat.program))])) }
    }
}
