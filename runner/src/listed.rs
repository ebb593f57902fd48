//! Algorithms, decisions and candidates as they are listed: the same messages over gRPC, and the same JSON from the command line
//! and from the web.

pub mod json;

use jiff::Timestamp;

use crate::algorithms::registry::{Listed, ListedCommunity, Shadowed};
use books::ShadowTotals;
use books::shadow::Difference;
use books::{Action, Change, KeptChange, Label, Version};
use wire::rec_market_v1 as v1;

/// Settings as a message.
pub fn settings_message(settings: &[(String, String)]) -> v1::Settings {
    v1::Settings { settings: settings.iter().cloned().collect() }
}

/// An algorithm.
pub fn algorithm(label: &Label) -> v1::Algorithm {
    let Label { digest, name, version } = label;
    v1::Algorithm { sha256: digest.to_string(), name: name.clone(), version: version.clone() }
}

/// An algorithm and its use.
pub fn version(listed: Listed) -> v1::Version {
    let Listed { label, summary, component_bytes, uploaded, settles, shadows } = listed;
    v1::Version {
        algorithm: Some(algorithm(&label)),
        summary,
        component_bytes,
        is_base: uploaded.is_none(),
        uploaded_at: uploaded.as_ref().map(|uploaded| uploaded.uploaded_at.to_string()).unwrap_or_default(),
        uploaded_by: uploaded.map(|uploaded| uploaded.uploaded_by).unwrap_or_default(),
        settles,
        shadows,
    }
}

/// A community and the algorithms that settle it.
pub fn community(listed: ListedCommunity) -> v1::Community {
    let ListedCommunity { name, next, settles, is_configured, then, shadow, failures } = listed;
    v1::Community {
        name,
        next: next.map(|next| next.to_string()).unwrap_or_default(),
        settles: Some(algorithm(&settles)),
        is_configured,
        then: then.as_ref().map(|(_, label)| algorithm(label)),
        then_from: then.map(|(from, _)| from.to_string()).unwrap_or_default(),
        shadow: shadow.as_ref().map(algorithm),
        failures: u32::try_from(failures).unwrap_or(u32::MAX),
    }
}

/// Something that was done.
pub fn change(change: Change) -> v1::Change {
    let message = v1::Change {
        at: change.at.to_string(),
        by: change.by,
        action: change.action.code().to_owned(),
        community: change.community.unwrap_or_default(),
        ..v1::Change::default()
    };
    match change.action {
        Action::Refuse { digest, reason } => {
            let refused = v1::Algorithm { sha256: digest.to_string(), ..v1::Algorithm::default() };
            v1::Change { algorithm: Some(refused), reason, ..message }
        }
        Action::Activate { before, to, start, settings, confirmed } => v1::Change {
            before: Some(algorithm(&before)),
            algorithm: Some(algorithm(&to)),
            start: start.to_string(),
            settings: settings.as_deref().map(settings_message),
            reason: confirmed.unwrap_or_default(),
            ..message
        },
        Action::RollBack { before, to, start, reason, .. } => v1::Change {
            before: Some(algorithm(&before)),
            algorithm: Some(algorithm(&to)),
            start: start.to_string(),
            reason: reason.unwrap_or_default(),
            ..message
        },
        Action::StartShadow { candidate, since, settings } => v1::Change {
            algorithm: Some(algorithm(&candidate)),
            start: since.to_string(),
            settings: settings.as_deref().map(settings_message),
            ..message
        },
        Action::EndShadow { candidate } => v1::Change { algorithm: Some(algorithm(&candidate)), ..message },
        Action::Fail { algorithm: failed, start, reason, .. } => {
            v1::Change { algorithm: Some(algorithm(&failed)), start: start.to_string(), reason, ..message }
        }
        // The registry does not list these.
        Action::Meter { reason, .. } => v1::Change { reason: reason.unwrap_or_default(), ..message },
    }
}

/// Changes and uploads as one list, newest first.
pub fn changes(changes: Vec<KeptChange>, uploads: Vec<Version>, limit: usize) -> Vec<v1::Change> {
    let upload = |version: Version| {
        let message = v1::Change {
            at: version.uploaded_at.to_string(),
            by: version.uploaded_by,
            action: "uploaded".to_owned(),
            algorithm: Some(algorithm(&version.label)),
            ..v1::Change::default()
        };
        (version.uploaded_at, message)
    };
    let mut all: Vec<(Timestamp, v1::Change)> =
        changes.into_iter().map(|kept| (kept.change.at, change(kept.change))).collect();
    // After changes of the same instant.
    all.extend(uploads.into_iter().rev().map(upload));
    all.sort_by_key(|(at, _)| std::cmp::Reverse(*at));
    all.into_iter().take(limit).map(|(_, change)| change).collect()
}

/// How a candidate did.
pub fn shadow_report(community: &str, shadowed: Shadowed) -> v1::ShadowReport {
    let Shadowed { shadow, is_running, until, settled_until, totals } = shadowed;
    let ShadowTotals { intervals, failed, rejected, cost, .. } = totals;
    let difference = |member: &str, Difference { settled, candidate }: Difference| v1::MemberDifference {
        member: member.to_owned(),
        local_wh: settled.local_wh.to_string(),
        candidate_local_wh: candidate.local_wh.to_string(),
        balance_nano_eur: settled.balance.to_string(),
        candidate_balance_nano_eur: candidate.balance.to_string(),
    };
    let problem = |(start, reason): &(_, String)| v1::Problem { interval: boundary(start), reason: reason.clone() };
    v1::ShadowReport {
        community: community.to_owned(),
        candidate: Some(algorithm(&shadow.candidate)),
        is_running,
        since: shadow.since.to_string(),
        until: until.as_ref().map(boundary).unwrap_or_default(),
        settled_until: settled_until.as_ref().map(boundary).unwrap_or_default(),
        intervals,
        failed,
        rejected,
        cost: Some(v1::Cost {
            fuel: cost.fuel,
            fuel_max: cost.fuel_max,
            settled_fuel: cost.settled_fuel,
            peak_memory_bytes_max: cost.peak_memory_bytes_max,
            duration_us: cost.duration_us,
            duration_us_max: cost.duration_us_max,
        }),
        members: totals.members.iter().map(|(member, sums)| difference(member.as_str(), *sums)).collect(),
        total: Some(difference("", totals.total())),
        problems: totals.problems.iter().map(problem).collect(),
    }
}

fn boundary(boundary: &domain::Boundary) -> String {
    boundary.to_string()
}
