//! Responses of a service as JSON, for programs: from the command line and from the web.

use serde_json::{Value, json};

use wire::rec_market_v1 as v1;

pub fn algorithm(algorithm: Option<&v1::Algorithm>) -> Value {
    algorithm.map_or(
        Value::Null,
        |v1::Algorithm { sha256, name, version }| json!({ "name": name, "version": version, "sha256": sha256 }),
    )
}

/// Null for an empty text.
fn text(text: &str) -> Value {
    if text.is_empty() { Value::Null } else { text.into() }
}

/// A number, or a text if it needs more than 64 bits.
fn number(text: &str) -> Value {
    text.parse::<i64>().map_or_else(|_| text.into(), Value::from)
}

fn settings(settings: Option<&v1::Settings>) -> Value {
    settings.map_or(Value::Null, |settings| json!(std::collections::BTreeMap::from_iter(&settings.settings)))
}

fn report(text: &str) -> Value {
    serde_json::from_str(text).unwrap_or_default()
}

pub fn upload(uploaded: &v1::UploadResponse) -> Value {
    json!({
        "accepted": uploaded.accepted,
        "was_there": uploaded.was_there,
        "algorithm": algorithm(uploaded.algorithm.as_ref()),
        "report": report(&uploaded.report),
    })
}

fn version(version: &v1::Version) -> Value {
    json!({
        "algorithm": algorithm(version.algorithm.as_ref()),
        "summary": version.summary,
        "component_bytes": version.component_bytes,
        "is_base": version.is_base,
        "uploaded_at": text(&version.uploaded_at),
        "uploaded_by": text(&version.uploaded_by),
        "settles": version.settles,
        "shadows": version.shadows,
    })
}

pub fn community(community: &v1::Community) -> Value {
    json!({
        "name": community.name,
        "next": text(&community.next),
        "settles": algorithm(community.settles.as_ref()),
        "is_configured": community.is_configured,
        "then": algorithm(community.then.as_ref()),
        "then_from": text(&community.then_from),
        "shadow": algorithm(community.shadow.as_ref()),
        "failures": community.failures,
    })
}

pub fn list(listed: &v1::ListAlgorithmsResponse) -> Value {
    json!({
        "algorithms": listed.versions.iter().map(version).collect::<Vec<_>>(),
        "communities": listed.communities.iter().map(community).collect::<Vec<_>>(),
    })
}

pub fn show(found: &v1::ShowAlgorithmResponse) -> Value {
    let setting =
        |setting: &v1::Setting| json!({ "key": setting.key, "summary": setting.summary, "default": setting.default });
    let mut json = found.version.as_ref().map(version).unwrap_or_default();
    json["settings"] = found.settings.iter().map(setting).collect();
    json["report"] = report(&found.report);
    json
}

pub fn change(change: &v1::Change) -> Value {
    json!({
        "at": change.at,
        "by": change.by,
        "action": change.action,
        "community": text(&change.community),
        "before": algorithm(change.before.as_ref()),
        "algorithm": algorithm(change.algorithm.as_ref()),
        "start": text(&change.start),
        "settings": settings(change.settings.as_ref()),
        "reason": text(&change.reason),
    })
}

pub fn shadow(report: &v1::ShadowReport) -> Value {
    let cost = report.cost.unwrap_or_default();
    let member = |member: &v1::MemberDifference| {
        json!({
            "member": text(&member.member),
            "local_wh": number(&member.local_wh),
            "candidate_local_wh": number(&member.candidate_local_wh),
            "balance_nano_eur": number(&member.balance_nano_eur),
            "candidate_balance_nano_eur": number(&member.candidate_balance_nano_eur),
        })
    };
    let problem = |problem: &v1::Problem| json!({ "interval": problem.interval, "reason": problem.reason });
    json!({
        "community": report.community,
        "candidate": algorithm(report.candidate.as_ref()),
        "is_running": report.is_running,
        "since": text(&report.since),
        "until": text(&report.until),
        "settled_until": text(&report.settled_until),
        "intervals": report.intervals,
        "failed": report.failed,
        "rejected": report.rejected,
        "cost": {
            "fuel": cost.fuel,
            "fuel_max": cost.fuel_max,
            "settled_fuel": cost.settled_fuel,
            "peak_memory_bytes_max": cost.peak_memory_bytes_max,
            "duration_us": cost.duration_us,
            "duration_us_max": cost.duration_us_max,
        },
        "members": report.members.iter().map(member).collect::<Vec<_>>(),
        "total": report.total.as_ref().map(member),
        "problems": report.problems.iter().map(problem).collect::<Vec<_>>(),
    })
}
