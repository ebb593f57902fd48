//! What settles a community and what did, what was decided and by whom, and what was uploaded.

use books::{Action, Activation, ActivationLog, KeptChange, StoredInterval, Version};
use domain::Boundary;
use domain::text::printable;
use pages::algorithms::{self as page, Algorithms, Cost, Upload};
use serde_json::{Value, json};
use words::fill;

use super::ask::{Ask, Refusal, Shown};
use super::compare::candidate;
use crate::algorithms::registry::{Shadowed, listed_community, shadowed};
use crate::listed;

/// Decisions that are shown.
const DECISIONS: usize = 100;
/// Uploads that are shown, newest first.
const UPLOADS: usize = 50;
/// Intervals whose costs are summed up: a day of quarter-hours.
const COSTS: usize = 96;
/// What the checks of a gate are called that are about a community's money.
const MONEY: &str = "money: ";

/// Makes the page.
///
/// # Errors
/// If the store cannot be read.
pub async fn look_up(ask: &Ask) -> Result<Shown, Refusal> {
    let (community, reader) = (ask.community()?, &ask.parts.reader);
    let name = &community.name;
    let all = reader.decisions(name).await?;
    let mark = reader.mark(name).await?;
    let log = ActivationLog::of(&all);
    let standing = listed_community(&ask.parts.algorithms, community, &log, mark).await?;
    let shadowed = shadowed(&**reader, name, &log).await?;
    let mut decisions: Vec<KeptChange> =
        all.iter().rev().filter(|kept| !matches!(kept.change.action, Action::Meter { .. })).cloned().collect();
    let more = (decisions.len() > DECISIONS).then_some(DECISIONS);
    decisions.truncate(DECISIONS);
    let versions: Vec<Version> = reader.versions().await?.into_iter().rev().take(UPLOADS).collect();
    let reports: Vec<Value> = versions.iter().map(|version| report(version, name)).collect();
    let uploads: Vec<Upload<'_>> =
        versions.iter().zip(&reports).map(|(version, report)| Upload { version, checks: checks(report) }).collect();
    let spans = spans(&log, &all);
    let costs = costs(ask, mark, shadowed.as_ref()).await?;
    let model = Algorithms {
        community: name,
        zone: &community.zone,
        settles: &standing.settles,
        is_configured: standing.is_configured,
        next: standing.next,
        then: standing.then.as_ref().map(|(from, then)| (*from, then)),
        failures: standing.failures,
        spans: &spans,
        decisions: &decisions,
        more,
        uploads: &uploads,
        candidate: shadowed.as_ref().map(candidate),
        costs: &costs,
    };
    let title = fill(ask.look.texts().algorithms.title, &[("community", &printable(name))]);
    let body = page::body(&ask.look, &model);
    let json = json!({
        "community": listed::json::community(&listed::community(standing.clone())),
        "spans": spans.iter().map(span_json).collect::<Vec<_>>(),
        "changes": listed::changes(decisions, Vec::new(), DECISIONS).iter().map(listed::json::change).collect::<Vec<_>>(),
        "uploads": versions.iter().zip(reports).map(|(version, report)| upload_json(version, report)).collect::<Vec<_>>(),
        "shadow": shadowed.map(|shadowed| listed::json::shadow(&listed::shadow_report(name, shadowed))),
        "costs": costs.iter().map(cost_json).collect::<Vec<_>>(),
    });
    Ok(Shown::new(title, body, json))
}

/// What settled from when on, newest first: as far as anything was decided, and before that what is configured.
fn spans<'l>(log: &'l ActivationLog, all: &'l [KeptChange]) -> Vec<page::Span<'l>> {
    let by = |start: Boundary| {
        let decided = all.iter().rev().find(|kept| match &kept.change.action {
            Action::Activate { start: from, .. } | Action::RollBack { start: from, .. } => *from == start,
            _ => false,
        });
        decided.map(|kept| kept.change.by.as_str())
    };
    let mut spans = vec![page::Span { from: None, until: None, activated: None, by: None }];
    for (from, activation) in log.steps() {
        if let Some(before) = spans.last_mut() {
            before.until = Some(from);
        }
        let activated = activation
            .map(|Activation { algorithm, settings, .. }| page::Activated { algorithm, settings: settings.as_deref() });
        spans.push(page::Span { from: Some(from), until: None, activated, by: by(from) });
    }
    spans.reverse();
    spans
}

/// The report of the gate, without what it says of the money of other communities.
fn report(version: &Version, community: &str) -> Value {
    let mut report: Value = serde_json::from_str(&version.report).unwrap_or_default();
    if let Some(checks) = report["checks"].as_array_mut() {
        checks.retain(|check| {
            let of = check["name"].as_str().and_then(|name| name.strip_prefix(MONEY));
            of.is_none_or(|of| of == community)
        });
    }
    report
}

fn checks(report: &Value) -> Vec<[String; 3]> {
    let text = |check: &Value, key: &str| check[key].as_str().unwrap_or_default().to_owned();
    let checks = report["checks"].as_array().map(Vec::as_slice).unwrap_or_default();
    checks.iter().map(|check| ["name", "verdict", "detail"].map(|key| text(check, key))).collect()
}

/// What the algorithms of the last settled intervals cost, and the candidate.
async fn costs(ask: &Ask, mark: Option<Boundary>, shadowed: Option<&Shadowed>) -> Result<Vec<Cost>, Refusal> {
    let community = ask.community()?;
    let mut costs: Vec<Cost> = Vec::new();
    if let Some(mark) = mark {
        let length = u64::from(community.interval.seconds());
        let from = mark.seconds().saturating_sub(length.saturating_mul(COSTS as u64));
        let span = books::Span { from: Some(from), to: Some(mark.seconds()) };
        for stored in ask.parts.reader.intervals(&community.name, span, COSTS).await? {
            add_cost(&mut costs, &stored);
        }
    }
    if let Some(Shadowed { shadow, totals, .. }) = shadowed.filter(|shadowed| shadowed.totals.intervals > 0) {
        costs.push(Cost {
            algorithm: shadow.candidate.to_string(),
            is_candidate: true,
            intervals: totals.intervals,
            fuel: totals.cost.fuel,
            fuel_max: totals.cost.fuel_max,
            duration_us: Some((totals.cost.duration_us, totals.cost.duration_us_max)),
            memory_bytes_max: Some(totals.cost.peak_memory_bytes_max),
        });
    }
    Ok(costs)
}

fn add_cost(costs: &mut Vec<Cost>, stored: &StoredInterval) {
    let Some(provenance) = &stored.provenance else { return };
    let algorithm = format!("{}@{}", provenance.name, provenance.version);
    let known = costs.iter().position(|cost| cost.algorithm == algorithm);
    let place = known.unwrap_or_else(|| {
        costs.push(Cost {
            algorithm,
            is_candidate: false,
            intervals: 0,
            fuel: 0,
            fuel_max: 0,
            duration_us: None,
            memory_bytes_max: None,
        });
        costs.len() - 1
    });
    if let Some(cost) = costs.get_mut(place) {
        cost.intervals += 1;
        cost.fuel = cost.fuel.saturating_add(provenance.fuel);
        cost.fuel_max = cost.fuel_max.max(provenance.fuel);
    }
}

fn span_json(span: &page::Span<'_>) -> Value {
    json!({
        "from": span.from.map(|from| from.to_string()),
        "until": span.until.map(|until| until.to_string()),
        "algorithm": span.activated.map(|activated| listed::json::algorithm(Some(&listed::algorithm(activated.algorithm)))),
        "settings": span.activated.and_then(|activated| activated.settings).map(|settings| {
            settings.iter().map(|(key, value)| (key.clone(), Value::from(value.as_str()))).collect::<serde_json::Map<_, _>>()
        }),
        "by": span.by,
    })
}

fn upload_json(version: &Version, report: Value) -> Value {
    json!({
        "algorithm": listed::json::algorithm(Some(&listed::algorithm(&version.label))),
        "summary": version.summary,
        "component_bytes": version.component_bytes,
        "uploaded_at": version.uploaded_at.to_string(),
        "uploaded_by": version.uploaded_by,
        "report": report,
    })
}

fn cost_json(cost: &Cost) -> Value {
    json!({
        "algorithm": cost.algorithm,
        "is_candidate": cost.is_candidate,
        "intervals": cost.intervals,
        "fuel": cost.fuel,
        "fuel_max": cost.fuel_max,
        "duration_us": cost.duration_us.map(|(all, _)| all),
        "duration_us_max": cost.duration_us.map(|(_, most)| most),
        "peak_memory_bytes_max": cost.memory_bytes_max,
    })
}

#[cfg(test)]
mod tests {
    use books::Label;
    use domain::Digest;
    use jiff::Timestamp;

    use super::*;

    #[test]
    fn what_a_gate_found_of_other_communities_is_not_shown() {
        let report = json!({ "checks": [
            { "name": "probe: ties", "verdict": "passed", "detail": "3 trades" },
            { "name": "money: aveiro", "verdict": "noted", "detail": "ann pays less" },
            { "name": "money: braga", "verdict": "noted", "detail": "ben pays more" },
        ] });
        let version = Version {
            label: Label { digest: Digest::of(b"own"), name: "own".to_owned(), version: "1.0.0".to_owned() },
            summary: String::new(),
            component_bytes: 3,
            uploaded_at: Timestamp::UNIX_EPOCH,
            uploaded_by: "ada".to_owned(),
            report: report.to_string(),
        };
        let names = |community| -> Vec<String> {
            checks(&super::report(&version, community)).into_iter().map(|[name, ..]| name).collect()
        };
        assert_eq!(names("aveiro"), ["probe: ties", "money: aveiro"]);
        assert_eq!(names("other"), ["probe: ties"]);
        assert_eq!(
            checks(&super::report(&Version { report: "no JSON".to_owned(), ..version }, "aveiro")),
            [[""; 3]; 0]
        );
    }
}
