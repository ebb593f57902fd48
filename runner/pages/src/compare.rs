//! Differences between rules: backtests that are started here, and the candidate that runs beside what settles.

use books::{BACKTESTS_MAX, KeptBacktest};
use domain::text::printable;
use domain::{Boundary, Digest};
use figures::Backtest;
use jiff::Timestamp;
use jiff::tz::TimeZone;
use maud::{Markup, html};
use words::fill;

use crate::Repeat;
use crate::backtest;
use crate::candidate::{self, Candidate};
use crate::look::Look;
use crate::place::{Part, Place};

/// The name of the parameter with the number of the backtest that is shown.
pub const RESULT: &str = "result";
/// The name of the parameter with what it is compared with.
pub const BASELINE: &str = "baseline";
/// The field of a form that says what is to be done: [`START`] or [`CANCEL`].
pub const DO: &str = "do";
/// Starts a backtest.
pub const START: &str = "start";
/// Cancels the one that runs.
pub const CANCEL: &str = "cancel";
/// The field of the rules that are chosen, any number.
pub const WITH: &str = "with";
/// The field of rules with settings, one a line.
pub const MORE: &str = "more";

/// What the page shows.
#[derive(Clone, Copy, Debug)]
pub struct Compare<'m> {
    /// The community's name.
    pub community: &'m str,
    /// Whose days they are.
    pub zone: &'m TimeZone,
    /// The algorithms that can be tried.
    pub choices: &'m [Choice],
    /// The names of what everything can be compared with, for the form.
    pub baselines: [&'m str; 2],
    /// What goes on.
    pub now: &'m Now,
    /// What became of the last backtest, if it has no result.
    pub notice: Option<&'m str>,
    /// The finished ones, newest first.
    pub kept: &'m [KeptBacktest],
    /// The one that is shown.
    pub shown: Option<Result<Shown<'m>, &'m KeptBacktest>>,
    /// The candidate, if there ever was one.
    pub candidate: Option<Candidate<'m>>,
}

/// An algorithm that can be tried.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Choice {
    /// How it is named.
    pub name: String,
    /// What it does, in a sentence.
    pub summary: String,
    /// The digest, if it was uploaded.
    pub uploaded: Option<Digest>,
}

/// Whether a backtest runs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Now {
    /// None does, and one can be started.
    Nothing,
    /// One of this community does.
    Here {
        /// Who started it.
        by: String,
        /// When.
        since: Timestamp,
        /// Its rules.
        rules: Vec<String>,
        /// How many intervals are done.
        done: u64,
        /// About how many there are.
        of: u64,
        /// Whether the viewer may cancel it.
        may_cancel: bool,
    },
    /// One of another community does.
    Elsewhere,
}

/// The result that is shown.
#[derive(Clone, Copy, Debug)]
pub struct Shown<'m> {
    /// Which one.
    pub kept: &'m KeptBacktest,
    /// What it comes to.
    pub backtest: &'m Backtest,
    /// How it is made again.
    pub repeat: &'m Repeat,
}

/// The page.
pub fn body(look: &Look, model: &Compare<'_>) -> Markup {
    let said = &look.texts().compare;
    html! {
        header {
            h1 { (fill(said.title, &[("community", &printable(model.community))])) }
            p class="sub" { (said.intro) }
        }
        @if let Some(notice) = model.notice { p class="note" role="status" { (notice) } }
        (now(look, model))
        (finished(look, model))
        @match &model.shown {
            None => {}
            Some(Err(_)) => section id="result" { h2 { (said.result_title) } p { (said.damaged) } },
            Some(Ok(shown)) => (result(look, model, shown)),
        }
        (candidate::section(look.language, model.community, model.zone, model.candidate.as_ref()))
    }
}

fn place(model: &Compare<'_>) -> Place {
    Place::of(model.community, Part::Compare)
}

fn moment(look: &Look, zone: &TimeZone, at: Timestamp) -> String {
    look.language.moment(zone.to_datetime(at))
}

/// The backtest that runs, or the form that starts one.
fn now(look: &Look, model: &Compare<'_>) -> Markup {
    let said = &look.texts().compare;
    html! {
        section {
            @match model.now {
                Now::Nothing => {
                    h2 { (said.start_title) }
                    (form(look, model))
                }
                Now::Elsewhere => {
                    h2 { (said.start_title) }
                    p { (said.elsewhere) " " (said.one_at_a_time) }
                }
                Now::Here { by, since, rules, done, of, may_cancel } => {
                    h2 { (said.running_title) }
                    @let rules = rules.iter().map(|rule| printable(rule)).collect::<Vec<_>>().join("; ");
                    p { (fill(said.running, &[("name", &printable(by)), ("time", &moment(look, model.zone, *since)), ("rules", &rules)])) }
                    @let counts = [*done, *of].map(|count| look.language.whole(count));
                    @let progress = fill(said.progress, &[("done", &counts[0]), ("all", &counts[1])]);
                    p role="status" {
                        progress max=((*of).max(1)) value=((*done).min(*of)) aria-label=(progress) {}
                        " " (progress)
                    }
                    p class="note" { (said.refreshes) " " (said.one_at_a_time) }
                    @if *may_cancel {
                        form method="post" action=(look.href(&place(model), &[])) {
                            button name=(DO) value=(CANCEL) { (said.cancel) }
                        }
                    }
                }
            }
        }
    }
}

fn form(look: &Look, model: &Compare<'_>) -> Markup {
    let said = &look.texts().compare;
    let names = [said.as_settled, said.grid_alone];
    let example = "k-double-auction,k=250000";
    html! {
        form class="start" method="post" action=(look.href(&place(model), &[])) {
            fieldset {
                legend { (said.rules) }
                ul class="choices" {
                    @for choice in model.choices {
                        li {
                            label {
                                input type="checkbox" name=(WITH) value=(choice.name);
                                " " b { (printable(&choice.name)) }
                                @if choice.uploaded.is_some() { " (" (said.uploaded) ")" }
                                " " span class="note" { (printable(&choice.summary)) }
                            }
                        }
                    }
                }
            }
            p {
                label for="more" { (said.more_rules) }
                textarea id="more" name=(MORE) rows="3" maxlength="4000" spellcheck="false" aria-describedby="more-hint" {}
                span id="more-hint" class="note" { (fill(said.more_rules_hint, &[("example", &example)])) }
            }
            p {
                label { (said.period) " " input name="period" size="10" maxlength="10" aria-describedby="period-hint"; }
                " " label { (said.from) " " input type="date" name="from"; }
                " " label { (said.to) " " input type="date" name="to"; }
                span id="period-hint" class="note" { (said.period_hint) }
            }
            p {
                label {
                    (said.baseline) " "
                    select name=(BASELINE) {
                        @for (value, name) in model.baselines.iter().zip(names) { option value=(value) { (name) } }
                        @for choice in model.choices { option value=(choice.name) { (printable(&choice.name)) } }
                    }
                }
                " " button name=(DO) value=(START) { (said.start) }
            }
        }
    }
}

fn finished(look: &Look, model: &Compare<'_>) -> Markup {
    let said = &look.texts().compare;
    let local = |at: Boundary| moment(look, model.zone, at.timestamp());
    html! {
        section {
            h2 { (said.finished_title) }
            @if model.kept.is_empty() {
                p { (said.none_finished) }
            } @else {
                div class="wide" tabindex="0" {
                    table {
                        thead {
                            tr {
                                @for heading in [said.finished, said.by, said.span, said.rules] { th scope="col" { (heading) } }
                            }
                        }
                        tbody {
                            @for kept in model.kept {
                                tr {
                                    th scope="row" {
                                        a href=(look.href(&place(model), &[(RESULT, &kept.number.to_string())])) {
                                            (moment(look, model.zone, kept.head.at))
                                        }
                                    }
                                    td class="text" { (printable(&kept.head.by)) }
                                    td class="text" {
                                        @match kept.head.span {
                                            Some((from, until)) => { (local(from)) " – " (local(until)) }
                                            None => "–",
                                        }
                                    }
                                    td class="text" { (kept.head.rules.iter().map(|rule| printable(rule)).collect::<Vec<_>>().join("; ")) }
                                }
                            }
                        }
                    }
                }
                p class="note" { (fill(said.kept_note, &[("count", &BACKTESTS_MAX)])) }
            }
        }
    }
}

fn result(look: &Look, model: &Compare<'_>, Shown { kept, backtest, repeat }: &Shown<'_>) -> Markup {
    let said = &look.texts().compare;
    let number = kept.number.to_string();
    let by = printable(&kept.head.by);
    let other = |label: &str| look.href(&place(model), &[(RESULT, &number), (BASELINE, label)]);
    html! {
        section id="result" {
            h2 { (said.result_title) }
            p { (backtest::span(look.language, backtest)) }
            p class="note" {
                (fill(said.result_by, &[("name", &by), ("time", &moment(look, model.zone, kept.head.at))]))
            }
            nav class="picker" aria-label=(said.other_baseline) {
                p { (said.other_baseline) }
                ul {
                    @for (place, variant) in backtest.variants.iter().enumerate() {
                        li {
                            a href=(other(&variant.named.label)) aria-current=[(place == backtest.baseline).then_some("true")] {
                                (printable(&variant.named.label))
                            }
                        }
                    }
                }
            }
        }
        (backtest::sections(look.language, backtest))
        section { (backtest::repeated(look.language, backtest, repeat)) }
    }
}
