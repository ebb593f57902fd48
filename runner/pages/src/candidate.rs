//! The candidate that runs beside what settles: what would have been different for each member.

use books::{Shadow, ShadowTotals};
use domain::text::printable;
use domain::{Amount, Boundary};
use jiff::tz::TimeZone;
use maud::{Markup, html};
use words::{Language, fill};

use crate::backtest::difference;
use crate::chart::{Numbers, figure_in};
use crate::command;
use crate::svg::{About, Difference, differences};

/// A candidate, running or not, and its totals.
#[derive(Clone, Copy, Debug)]
pub struct Candidate<'c> {
    /// What started it.
    pub shadow: &'c Shadow,
    /// Whether it still runs.
    pub is_running: bool,
    /// End of the last interval on which it ran.
    pub until: Option<Boundary>,
    /// End of the last settled interval.
    pub settled_until: Option<Boundary>,
    /// The totals up to `until`.
    pub totals: &'c ShadowTotals,
}

/// The candidate of a community, or how to start one.
pub fn section(language: Language, community: &str, zone: &TimeZone, candidate: Option<&Candidate<'_>>) -> Markup {
    let said = &language.texts().compare;
    html! {
        section {
            h2 { (said.candidate_title) }
            @match candidate {
                None => {
                    p { (fill(said.no_candidate, &[("community", &printable(community))])) }
                    (command(&["algorithm", "shadow", community, "ALGORITHM", "--server", "URL"]))
                }
                Some(candidate) => (report(language, zone, candidate)),
            }
        }
    }
}

fn report(language: Language, zone: &TimeZone, candidate: &Candidate<'_>) -> Markup {
    let said = &language.texts().compare;
    let Candidate { shadow, is_running, until, settled_until, totals } = candidate;
    let local = |at: Boundary| language.moment(zone.to_datetime(at.timestamp()));
    let algorithm = shadow.candidate.to_string();
    let reached = until.map_or_else(|| said.no_interval_yet.to_owned(), local);
    let sentence = if *is_running { said.candidate_runs } else { said.candidate_ran };
    let values: [(&str, &dyn std::fmt::Display); 3] =
        [("algorithm", &printable(&algorithm)), ("since", &local(shadow.since)), ("until", &reached)];
    let counts = [totals.intervals, totals.failed, totals.rejected].map(|count| language.whole(count));
    let counts =
        fill(said.candidate_counts, &[("intervals", &counts[0]), ("failed", &counts[1]), ("rejected", &counts[2])]);
    html! {
        p { (fill(sentence, &values)) " " (counts) }
        @if let Some(settled) = settled_until.filter(|settled| until.is_none_or(|until| until < *settled)) {
            p class="note" { (fill(said.behind, &[("time", &local(settled))])) }
        }
        @if !totals.problems.is_empty() {
            ul {
                @for (start, problem) in &totals.problems { li { code { (start) } ": " (printable(problem)) } }
            }
        }
        @if !totals.members.is_empty() { (plot(language, &algorithm, totals)) }
    }
}

fn plot(language: Language, algorithm: &str, totals: &ShadowTotals) -> Markup {
    let (said, report) = (&language.texts().compare, &language.texts().backtest);
    let more = |beside: &books::shadow::Difference| {
        Amount::from_nano_eur(beside.candidate.balance.saturating_sub(beside.settled.balance))
    };
    let mut all: Vec<_> = totals.members.iter().collect();
    all.sort_by_key(|(member, beside)| (std::cmp::Reverse(more(beside)), *member));
    let better = all.iter().filter(|(_, beside)| more(beside) > Amount::ZERO).count();
    let worse = all.iter().filter(|(_, beside)| more(beside) < Amount::ZERO).count();
    let same = all.len() - better - worse;
    let description = fill(report.how_many, &[("better", &better), ("worse", &worse), ("same", &same)]);
    let title = fill(said.candidate_beside, &[("algorithm", &printable(algorithm))]);
    let name = |member: &domain::MemberId| printable(member.as_str()).into_owned();
    let bars: Vec<Difference> =
        all.iter().map(|(member, beside)| Difference { name: name(member), amount: more(beside) }).collect();
    let mut numbers = Numbers::new([
        report.member,
        said.local_settled,
        said.local_candidate,
        said.balance_settled,
        said.balance_candidate,
        said.difference,
    ]);
    let row = |name: String, beside: &books::shadow::Difference| {
        let money = |nano_eur| language.eur_in_column(Amount::from_nano_eur(nano_eur));
        vec![
            name,
            language.kwh(beside.settled.local_wh),
            language.kwh(beside.candidate.local_wh),
            money(beside.settled.balance),
            money(beside.candidate.balance),
            difference(language, more(beside)),
        ]
    };
    numbers.rows = all.iter().map(|(member, beside)| row(name(member), beside)).collect();
    numbers.rows.push(row(said.all.to_owned(), &totals.total()));
    let picture = differences(language, About { title: &title, description: &description }, &bars);
    html! {
        (figure_in(language, &title, &picture, &numbers))
        p class="note" { (description) }
    }
}
