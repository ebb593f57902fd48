//! The algorithms of a community: what settles, what did, what was decided and by whom, what was uploaded, and what it costs.
//! Read-only: beside each thing stands the command that decides it.

use books::{Action, KeptChange, Label, SERVICE_ITSELF, Version};
use domain::Boundary;
use domain::text::printable;
use jiff::Timestamp;
use jiff::tz::TimeZone;
use maud::{Markup, html};
use words::{Language, fill, texts};

use crate::candidate::{self, Candidate};
use crate::command;
use crate::look::Look;

/// What the page shows.
#[derive(Clone, Copy, Debug)]
pub struct Algorithms<'m> {
    /// The community's name.
    pub community: &'m str,
    /// Whose days they are.
    pub zone: &'m TimeZone,
    /// What settles the next interval.
    pub settles: &'m Label,
    /// Whether the configuration selects it.
    pub is_configured: bool,
    /// Start of the next interval; `None` if nothing is settled yet.
    pub next: Option<Boundary>,
    /// The next change, and from when on.
    pub then: Option<(Boundary, &'m Label)>,
    /// How often the activated algorithm failed within the last day.
    pub failures: usize,
    /// What settled from when on, newest first.
    pub spans: &'m [Span<'m>],
    /// What was decided, newest first.
    pub decisions: &'m [KeptChange],
    /// How many decisions are listed at most, if there are more.
    pub more: Option<usize>,
    /// What was uploaded, newest first.
    pub uploads: &'m [Upload<'m>],
    /// The candidate, if there ever was one.
    pub candidate: Option<Candidate<'m>>,
    /// What runs cost.
    pub costs: &'m [Cost],
}

/// What settles between two instants, as far as was decided.
#[derive(Clone, Debug)]
pub struct Span<'m> {
    /// Its first instant; `None` from the beginning on.
    pub from: Option<Boundary>,
    /// Its end; `None` until something else is decided.
    pub until: Option<Boundary>,
    /// What was activated; `None` for what is configured.
    pub activated: Option<Activated<'m>>,
    /// Who decided it.
    pub by: Option<&'m str>,
}

/// An algorithm that was activated.
#[derive(Clone, Copy, Debug)]
pub struct Activated<'m> {
    /// Which one.
    pub algorithm: &'m Label,
    /// Its settings; `None` for the configured ones.
    pub settings: Option<&'m [(String, String)]>,
}

/// An upload with what the gate found.
#[derive(Clone, Debug)]
pub struct Upload<'m> {
    /// The upload.
    pub version: &'m Version,
    /// Each check: its name, its verdict, what was found.
    pub checks: Vec<[String; 3]>,
}

/// What the runs of an algorithm cost.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cost {
    /// Which algorithm.
    pub algorithm: String,
    /// Whether it ran beside what settles.
    pub is_candidate: bool,
    /// On how many intervals.
    pub intervals: u64,
    /// The fuel of all.
    pub fuel: u64,
    /// The fuel of the run that used most.
    pub fuel_max: u64,
    /// The time of all, and of the longest, in µs; `None` if it is not kept.
    pub duration_us: Option<(u64, u64)>,
    /// The memory of the run that used most, in bytes; `None` if it is not kept.
    pub memory_bytes_max: Option<u64>,
}

/// The page.
pub fn body(look: &Look, model: &Algorithms<'_>) -> Markup {
    let said = &look.texts().algorithms;
    html! {
        header {
            h1 { (fill(said.title, &[("community", &printable(model.community))])) }
            p class="sub" { (said.intro) }
        }
        (settles(look.language, model))
        (spans(look.language, model))
        (candidate::section(look.language, model.community, model.zone, model.candidate.as_ref()))
        (candidate_commands(said, model))
        (decisions(look.language, model))
        (uploads(look.language, model))
        (costs(look.language, model))
    }
}

/// A place for what a person names.
const ALGORITHM: &str = "NAME@VERSION";
const SERVER: [&str; 2] = ["--server", "URL"];

fn decide(words: &[&str]) -> Markup {
    command(&[&["algorithm"], words, &SERVER].concat())
}

fn local(language: Language, zone: &TimeZone, at: Timestamp) -> String {
    language.moment(zone.to_datetime(at))
}

fn settles(language: Language, model: &Algorithms<'_>) -> Markup {
    let said = &language.texts().algorithms;
    let moment = |at: Boundary| local(language, model.zone, at.timestamp());
    let label = model.settles.to_string();
    let sentence = if model.is_configured { said.as_configured } else { said.as_activated };
    html! {
        section {
            h2 { (said.settles_title) }
            p {
                b { (fill(sentence, &[("algorithm", &printable(&label))])) } " "
                @match model.next {
                    Some(next) => (fill(said.next_interval, &[("time", &moment(next))])),
                    None => (said.nothing_settled),
                }
            }
            @if let Some((from, then)) = model.then {
                p { (fill(said.then, &[("time", &moment(from)), ("algorithm", &printable(&then.to_string()))])) }
            }
            @if model.failures > 0 { p class="bad" { (fill(said.failures, &[("count", &model.failures)])) } }
            p { (said.to_activate) }
            (decide(&["activate", model.community, ALGORITHM]))
            @if !model.is_configured || model.then.is_some() {
                p { (said.to_roll_back) }
                (decide(&["rollback", model.community]))
            }
        }
    }
}

fn spans(language: Language, model: &Algorithms<'_>) -> Markup {
    let said = &language.texts().algorithms;
    let moment = |at: Option<Boundary>, open: &str| {
        at.map_or_else(|| open.to_owned(), |at| local(language, model.zone, at.timestamp()))
    };
    html! {
        section {
            h2 { (said.spans_title) }
            div class="wide" tabindex="0" {
                table {
                    thead {
                        tr {
                            @for heading in [said.from, said.until, said.algorithm, said.settings, said.decided_by] {
                                th scope="col" { (heading) }
                            }
                        }
                    }
                    tbody {
                        @for span in model.spans {
                            tr {
                                th scope="row" { (moment(span.from, said.beginning)) }
                                td class="text" { (moment(span.until, said.open)) }
                                td class="text" {
                                    @match span.activated {
                                        Some(Activated { algorithm, .. }) => {
                                            (printable(&algorithm.to_string())) " " code { (algorithm.digest.short()) }
                                        }
                                        None => (said.configured),
                                    }
                                }
                                td class="text" {
                                    @match span.activated.and_then(|activated| activated.settings) {
                                        Some(settings) => (settings_text(settings)),
                                        None => (said.configured_settings),
                                    }
                                }
                                td class="text" { (span.by.map_or_else(|| "–".to_owned(), |by| who(said, by))) }
                            }
                        }
                    }
                }
            }
        }
    }
}

fn settings_text(settings: &[(String, String)]) -> String {
    let all: Vec<String> = settings.iter().map(|(key, value)| format!("{key}={value}")).collect();
    if all.is_empty() { "–".to_owned() } else { printable(&all.join(", ")).into_owned() }
}

/// Who decided: a caller, or the service itself.
fn who(said: &texts::Algorithms, by: &str) -> String {
    if by == SERVICE_ITSELF { said.service_itself.to_owned() } else { printable(by).into_owned() }
}

fn candidate_commands(said: &texts::Algorithms, model: &Algorithms<'_>) -> Markup {
    html! {
        section {
            p { (said.to_shadow) }
            (decide(&["shadow", model.community, ALGORITHM]))
            @if model.candidate.is_some_and(|candidate| candidate.is_running) {
                p { (said.to_end_shadow) }
                (decide(&["shadow", model.community, "--off"]))
            }
        }
    }
}

/// What a decision says: what it was, of which algorithm, what was before, from which interval on, and why.
struct Told<'c> {
    what: &'static str,
    algorithm: String,
    before: String,
    start: Option<Boundary>,
    reason: &'c str,
}

fn told<'c>(said: &texts::Algorithms, action: &'c Action) -> Told<'c> {
    let empty = Told { what: "", algorithm: String::new(), before: String::new(), start: None, reason: "" };
    match action {
        Action::Refuse { digest, reason } => {
            Told { what: said.refused, algorithm: format!("sha256:{}…", digest.short()), reason, ..empty }
        }
        Action::Activate { before, to, start, confirmed, .. } => Told {
            what: said.activated,
            algorithm: to.to_string(),
            before: before.to_string(),
            start: Some(*start),
            reason: confirmed.as_deref().unwrap_or_default(),
        },
        Action::RollBack { before, to, start, reason, .. } => Told {
            what: said.rolled_back,
            algorithm: to.to_string(),
            before: before.to_string(),
            start: Some(*start),
            reason: reason.as_deref().unwrap_or_default(),
        },
        Action::StartShadow { candidate, since, .. } => {
            Told { what: said.shadow_started, algorithm: candidate.to_string(), start: Some(*since), ..empty }
        }
        Action::EndShadow { candidate } => Told { what: said.shadow_ended, algorithm: candidate.to_string(), ..empty },
        Action::Fail { algorithm, start, reason, .. } => {
            Told { what: said.failed_code, algorithm: algorithm.to_string(), start: Some(*start), reason, ..empty }
        }
        // Decisions about meters are none about algorithms, and nobody lists them here.
        Action::Meter { reason, .. } => Told { reason: reason.as_deref().unwrap_or_default(), ..empty },
    }
}

fn decisions(language: Language, model: &Algorithms<'_>) -> Markup {
    let said = &language.texts().algorithms;
    let moment = |at: Timestamp| local(language, model.zone, at);
    let headings = [said.time, said.by, said.what, said.algorithm, said.before, said.from_interval, said.reason];
    html! {
        section {
            h2 { (said.decisions_title) }
            @if model.decisions.is_empty() {
                p { (said.none_decided) }
            } @else {
                div class="wide" tabindex="0" {
                    table {
                        thead { tr { @for heading in headings { th scope="col" { (heading) } } } }
                        tbody {
                            @for KeptChange { change, .. } in model.decisions {
                                @let told = told(said, &change.action);
                                tr {
                                    th scope="row" { (moment(change.at)) }
                                    td class="text" { (who(said, &change.by)) }
                                    td class="text" { (told.what) }
                                    td class="text" { (printable(&told.algorithm)) }
                                    td class="text" { (printable(&told.before)) }
                                    td class="text" { (told.start.map_or_else(String::new, |start| moment(start.timestamp()))) }
                                    td class="text" lang="en" { (printable(told.reason)) }
                                }
                            }
                        }
                    }
                }
                @if let Some(count) = model.more {
                    p class="note" { (fill(said.more_decisions, &[("count", &count)])) }
                    (decide(&["changes", "--community", model.community, "--limit", "1000"]))
                }
            }
        }
    }
}

fn uploads(language: Language, model: &Algorithms<'_>) -> Markup {
    let said = &language.texts().algorithms;
    html! {
        section {
            h2 { (said.uploads_title) }
            @if model.uploads.is_empty() { p { (said.no_uploads) } }
            @for upload in model.uploads { (uploaded(language, model, upload)) }
            p { (said.to_upload) }
            (decide(&["upload", "FILE.wasm"]))
        }
    }
}

fn uploaded(language: Language, model: &Algorithms<'_>, Upload { version, checks }: &Upload<'_>) -> Markup {
    let said = &language.texts().algorithms;
    let label = version.label.to_string();
    let (time, by) = (local(language, model.zone, version.uploaded_at), printable(&version.uploaded_by));
    let bytes = language.whole(version.component_bytes);
    let verdict = |code: &str| match code {
        "passed" => said.passed,
        "noted" => said.noted,
        _ => said.failed,
    };
    html! {
        h3 { (printable(&label)) }
        p { (printable(&version.summary)) }
        p class="note" {
            (fill(said.uploaded, &[("time", &time), ("name", &by), ("bytes", &bytes)])) " SHA-256: " code { (version.label.digest) }
        }
        details {
            summary { (said.gate) }
            div class="wide" tabindex="0" {
                table {
                    thead { tr { @for heading in [said.check, said.verdict, said.found] { th scope="col" { (heading) } } } }
                    tbody lang="en" {
                        @for [name, code, detail] in checks {
                            tr {
                                th scope="row" { (printable(name)) }
                                td class="text" lang=(language.code()) { (verdict(code)) }
                                td class="text" { (printable(detail)) }
                            }
                        }
                    }
                }
            }
            p { (said.to_check) }
            (decide(&["show", &label]))
        }
    }
}

fn costs(language: Language, model: &Algorithms<'_>) -> Markup {
    let said = &language.texts().algorithms;
    if model.costs.is_empty() {
        return Markup::default();
    }
    let whole = |number: Option<u64>| number.map_or_else(|| "–".to_owned(), |number| language.whole(number));
    let headings = [
        said.algorithm,
        said.intervals,
        said.fuel_mean,
        said.fuel_most,
        said.time_mean,
        said.time_most,
        said.memory_most,
    ];
    html! {
        section {
            h2 { (said.costs_title) }
            p class="note" { (said.costs_note) }
            div class="wide" tabindex="0" {
                table {
                    thead { tr { @for heading in headings { th scope="col" { (heading) } } } }
                    tbody {
                        @for cost in model.costs {
                            tr {
                                th scope="row" {
                                    (printable(&cost.algorithm)) " "
                                    @if cost.is_candidate { (said.as_candidate) } @else {
                                        (fill(said.last_intervals, &[("count", &language.whole(cost.intervals))]))
                                    }
                                }
                                td { (language.whole(cost.intervals)) }
                                td { (whole(cost.fuel.checked_div(cost.intervals))) }
                                td { (language.whole(cost.fuel_max)) }
                                td { (whole(cost.duration_us.and_then(|(all, _)| all.checked_div(cost.intervals)))) }
                                td { (whole(cost.duration_us.map(|(_, most)| most))) }
                                td { (whole(cost.memory_bytes_max)) }
                            }
                        }
                    }
                }
            }
        }
    }
}
