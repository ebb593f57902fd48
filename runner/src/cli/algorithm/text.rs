//! Responses of a service as tables and sentences, for people.

use std::fmt::Write as _;

use domain::{Amount, Digest};

use crate::cli::output::{self, Table, eur, grouped, kwh};
use wire::rec_market_v1 as v1;

/// `NAME@VERSION`, or the start of the digest if there is no name.
pub fn label(algorithm: &v1::Algorithm) -> String {
    let v1::Algorithm { sha256, name, version } = algorithm;
    if name.is_empty() { format!("sha256:{}…", short(sha256)) } else { format!("{name}@{version}") }
}

fn label_or_empty(algorithm: Option<&v1::Algorithm>) -> String {
    algorithm.map(label).unwrap_or_default()
}

/// A digest cut for people, or what the service sent instead.
fn short(sha256: &str) -> String {
    sha256.parse().map_or_else(|_| sha256.to_owned(), |digest: Digest| digest.short())
}

pub fn versions(versions: &[v1::Version]) -> Table {
    let mut table = output::table(&["algorithm", "sha256", "uploaded", "by", "settles", "shadow of", "bytes"], 6);
    for version in versions {
        let algorithm = version.algorithm.clone().unwrap_or_default();
        let (uploaded, by) = match version.is_base {
            true => ("part of the program", "–"),
            false => (version.uploaded_at.as_str(), version.uploaded_by.as_str()),
        };
        table.add_row([
            label(&algorithm),
            short(&algorithm.sha256),
            uploaded.to_owned(),
            by.to_owned(),
            version.settles.join(", "),
            version.shadows.join(", "),
            grouped(version.component_bytes),
        ]);
    }
    table
}

pub fn communities(communities: &[v1::Community]) -> Table {
    let mut table =
        output::table(&["community", "next interval", "settled with", "source", "later", "shadow", "failures"], 6);
    for community in communities {
        let then = match &community.then {
            Some(then) => format!("{} from {}", label(then), community.then_from),
            None => String::new(),
        };
        table.add_row([
            community.name.clone(),
            if community.next.is_empty() { "the first".to_owned() } else { community.next.clone() },
            label_or_empty(community.settles.as_ref()),
            if community.is_configured { "configured" } else { "activated" }.to_owned(),
            then,
            label_or_empty(community.shadow.as_ref()),
            community.failures.to_string(),
        ]);
    }
    table
}

/// With what a community is settled now and later.
pub fn community_sentence(community: &v1::Community) -> String {
    let because = if community.is_configured { "as configured" } else { "as activated" };
    let mut sentence =
        format!("{} is settled with {}, {because}", community.name, label_or_empty(community.settles.as_ref()));
    if let Some(then) = &community.then {
        let _ = write!(sentence, "; from {} on with {}", community.then_from, label(then));
    }
    sentence
}

pub fn algorithm(found: &v1::ShowAlgorithmResponse) -> String {
    let version = found.version.clone().unwrap_or_default();
    let algorithm = version.algorithm.unwrap_or_default();
    let uploaded = match version.is_base {
        true => "part of the program".to_owned(),
        false => format!("{} by {}", version.uploaded_at, version.uploaded_by),
    };
    let mut text = format!(
        "{}\n  {}\n  sha256    {}\n  bytes     {}\n  uploaded  {uploaded}\n",
        label(&algorithm),
        version.summary,
        algorithm.sha256,
        grouped(version.component_bytes),
    );
    for (what, names) in [("settles ", &version.settles), ("shadow of", &version.shadows)] {
        if !names.is_empty() {
            let _ = writeln!(text, "  {what:<9} {}", names.join(", "));
        }
    }
    for setting in &found.settings {
        let _ = writeln!(text, "  setting   {} ({}; default {:?})", setting.key, setting.summary, setting.default);
    }
    text
}

/// A change as a sentence.
pub fn change(change: &v1::Change) -> String {
    let (community, start) = (&change.community, &change.start);
    let (before, algorithm) = (label_or_empty(change.before.as_ref()), label_or_empty(change.algorithm.as_ref()));
    match change.action.as_str() {
        "activated" => {
            let confirmed = if change.reason.is_empty() { String::new() } else { format!("; {}", change.reason) };
            format!("{community}: settled with {algorithm} from {start} on (before: {before}){confirmed}")
        }
        "rolled-back" => format!("{community}: {before} was withdrawn; settled with {algorithm} from {start} on"),
        "shadow-started" => format!("{community}: {algorithm} runs in the shadow from {start} on"),
        "shadow-ended" => format!("{community}: {algorithm} no longer runs in the shadow"),
        action => format!("{community}: {action} {algorithm}"),
    }
}

pub fn changes(changes: &[v1::Change]) -> Table {
    let mut table =
        output::table(&["time", "by", "change", "community", "before", "algorithm", "interval", "reason"], 8);
    for change in changes {
        table.add_row([
            change.at.clone(),
            change.by.clone(),
            change.action.clone(),
            change.community.clone(),
            label_or_empty(change.before.as_ref()),
            label_or_empty(change.algorithm.as_ref()),
            change.start.clone(),
            change.reason.clone(),
        ]);
    }
    table
}

/// How a candidate did.
pub fn shadow(report: &v1::ShadowReport) -> String {
    let v1::ShadowReport { community, intervals, failed, rejected, .. } = report;
    let cost = report.cost.unwrap_or_default();
    let runs = if report.is_running { "runs" } else { "ran" };
    let until = if report.until.is_empty() { "no interval yet" } else { &report.until };
    let mut text = format!(
        "{} {runs} in the shadow of {community}, from {} to {until}\n\
         {} intervals run, {failed} failed, {rejected} rejected\n\
         fuel: {} in total, {} at most (settling used {})\n\
         time: {} µs in total, {} µs at most\n\
         memory: {} bytes at most\n",
        label_or_empty(report.candidate.as_ref()),
        report.since,
        grouped(*intervals),
        grouped(cost.fuel),
        grouped(cost.fuel_max),
        grouped(cost.settled_fuel),
        grouped(cost.duration_us),
        grouped(cost.duration_us_max),
        grouped(cost.peak_memory_bytes_max),
    );
    if report.until < report.settled_until {
        let _ = writeln!(text, "not run yet on what is settled until {}", report.settled_until);
    }
    for problem in &report.problems {
        let _ = writeln!(text, "  {}: {}", problem.interval, problem.reason);
    }
    if !report.members.is_empty() {
        let _ = write!(text, "{}", members(report));
    }
    text
}

fn members(report: &v1::ShadowReport) -> Table {
    let headings =
        ["member", "local kWh, settled", "candidate", "difference", "balance EUR, settled", "candidate", "difference"];
    let mut table = output::table(&headings, 1);
    for member in report.members.iter().chain(&report.total) {
        let name = if member.member.is_empty() { "total" } else { &member.member };
        let [local, candidate_local, local_more] = compare(&member.local_wh, &member.candidate_local_wh, kwh);
        let money = |nano| eur(Amount::from_nano_eur(nano));
        let [balance, candidate, more] = compare(&member.balance_nano_eur, &member.candidate_balance_nano_eur, money);
        table.add_row([name, &local, &candidate_local, &local_more, &balance, &candidate, &more]);
    }
    table
}

/// Two whole numbers and the second less the first; `?` for what is not a number.
fn compare(settled: &str, candidate: &str, format: impl Fn(i128) -> String) -> [String; 3] {
    let (settled, candidate) = (settled.parse::<i128>().ok(), candidate.parse::<i128>().ok());
    let more = settled.zip(candidate).and_then(|(settled, candidate)| candidate.checked_sub(settled));
    [settled, candidate, more].map(|number| number.map_or_else(|| "?".to_owned(), &format))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn own() -> v1::Algorithm {
        v1::Algorithm { sha256: "ab".repeat(32), name: "own".to_owned(), version: "1.0".to_owned() }
    }

    #[test]
    fn a_report_says_what_would_be_different() {
        let member = |member: &str, numbers: [&str; 4]| {
            let [local_wh, candidate_local_wh, balance_nano_eur, candidate_balance_nano_eur] =
                numbers.map(str::to_owned);
            v1::MemberDifference {
                member: member.to_owned(),
                local_wh,
                candidate_local_wh,
                balance_nano_eur,
                candidate_balance_nano_eur,
            }
        };
        let report = v1::ShadowReport {
            community: "aveiro".to_owned(),
            candidate: Some(own()),
            is_running: true,
            since: "2023-09-01T00:00:00Z".to_owned(),
            until: "2023-09-02T00:00:00Z".to_owned(),
            settled_until: "2023-09-03T00:00:00Z".to_owned(),
            intervals: 96,
            failed: 1,
            members: vec![member("m01", ["1500", "1400", "-2000000000", "-2100000000"])],
            total: Some(member("", ["1500", "1400", "-2000000000", "-2100000000"])),
            problems: vec![v1::Problem { interval: "2023-09-01T12:00:00Z".to_owned(), reason: "trap".to_owned() }],
            ..v1::ShadowReport::default()
        };
        let text = shadow(&report);
        for part in [
            "own@1.0 runs in the shadow of aveiro, from 2023-09-01T00:00:00Z to 2023-09-02T00:00:00Z",
            "96 intervals run, 1 failed, 0 rejected",
            "not run yet on what is settled until 2023-09-03T00:00:00Z",
            "2023-09-01T12:00:00Z: trap",
            "-0.100",
            "-0.10",
            " total ",
        ] {
            assert!(text.contains(part), "no {part:?} in\n{text}");
        }
    }

    #[test]
    fn what_is_not_a_number_is_printed_as_a_question_mark() {
        let texts = |settled, candidate| compare(settled, candidate, |number| number.to_string());
        assert_eq!(texts("3", "5"), ["3", "5", "2"]);
        assert_eq!(texts("3", "many"), ["3", "?", "?"]);
        assert_eq!(texts("", "5"), ["?", "5", "?"]);
    }

    #[test]
    fn a_community_is_described_with_what_settles_later() {
        let community = v1::Community {
            name: "aveiro".to_owned(),
            settles: Some(own()),
            is_configured: true,
            then: Some(v1::Algorithm { version: "2.0".to_owned(), ..own() }),
            then_from: "2023-09-01T12:00:00Z".to_owned(),
            ..v1::Community::default()
        };
        let expected = "aveiro is settled with own@1.0, as configured; from 2023-09-01T12:00:00Z on with own@2.0";
        assert_eq!(community_sentence(&community), expected);
        assert_eq!(
            label(&v1::Algorithm { sha256: "ab".repeat(32), ..v1::Algorithm::default() }),
            "sha256:abababababab…"
        );
    }
}
