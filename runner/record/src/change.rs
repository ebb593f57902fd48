//! The stored form of changes about algorithms and meters.

use domain::disputes::MeterDecision;
use domain::{Boundary, Digest, MeterId};
use jiff::Timestamp;
use prost::Message;

use super::meters::MeterDecisionRecord;
use super::{InvalidRecord, SettingRecord, decode_boundary};
use books::{Action, Change, Label};

#[derive(Clone, PartialEq, Message)]
struct ChangeRecord {
    #[prost(sint64, tag = "1")]
    at_ms: i64,
    #[prost(string, tag = "2")]
    by: String,
    #[prost(string, optional, tag = "3")]
    community: Option<String>,
    /// The action's code.
    #[prost(string, tag = "4")]
    action: String,
    #[prost(message, optional, tag = "5")]
    before: Option<LabelRecord>,
    #[prost(message, optional, tag = "6")]
    subject: Option<LabelRecord>,
    #[prost(uint64, optional, tag = "7")]
    start: Option<u64>,
    #[prost(message, optional, tag = "8")]
    settings: Option<SettingsRecord>,
    #[prost(string, optional, tag = "9")]
    reason: Option<String>,
    #[prost(uint64, tag = "10")]
    activation: u64,
    #[prost(message, optional, tag = "11")]
    meter: Option<MeterDecisionRecord>,
}

#[derive(Clone, PartialEq, Message)]
struct LabelRecord {
    #[prost(bytes = "vec", tag = "1")]
    digest: Vec<u8>,
    #[prost(string, tag = "2")]
    name: String,
    #[prost(string, tag = "3")]
    version: String,
}

#[derive(Clone, PartialEq, Message)]
struct SettingsRecord {
    #[prost(message, repeated, tag = "1")]
    settings: Vec<SettingRecord>,
}

/// The fields that actions have in common.
#[derive(Default)]
struct Parts<'a> {
    before: Option<&'a Label>,
    subject: Option<&'a Label>,
    start: Option<Boundary>,
    settings: Option<&'a [(String, String)]>,
    reason: Option<&'a str>,
    activation: u64,
    meter: Option<(&'a MeterId, &'a MeterDecision)>,
}

fn parts(action: &Action) -> Parts<'_> {
    let none = Parts::default();
    match action {
        Action::Refuse { reason, .. } => Parts { reason: Some(reason), ..none },
        Action::Activate { before, to, start, settings, confirmed } => Parts {
            before: Some(before),
            subject: Some(to),
            start: Some(*start),
            settings: settings.as_deref(),
            reason: confirmed.as_deref(),
            ..none
        },
        Action::RollBack { before, activation, to, start, reason } => Parts {
            before: Some(before),
            subject: Some(to),
            start: Some(*start),
            reason: reason.as_deref(),
            activation: *activation,
            ..none
        },
        Action::StartShadow { candidate, since, settings } => {
            Parts { subject: Some(candidate), start: Some(*since), settings: settings.as_deref(), ..none }
        }
        Action::EndShadow { candidate } => Parts { subject: Some(candidate), ..none },
        Action::Fail { algorithm, activation, start, reason } => Parts {
            subject: Some(algorithm),
            start: Some(*start),
            reason: Some(reason),
            activation: *activation,
            ..none
        },
        Action::Meter { meter, decision, reason } => {
            Parts { meter: Some((meter, decision)), reason: reason.as_deref(), ..none }
        }
    }
}

/// Packs a change.
pub fn encode_change(change: &Change) -> Vec<u8> {
    let Parts { before, subject, start, settings, reason, activation, meter } = parts(&change.action);
    let label = |label: &Label| LabelRecord {
        digest: label.digest.as_bytes().to_vec(),
        name: label.name.clone(),
        version: label.version.clone(),
    };
    let setting = |(key, value): &(String, String)| SettingRecord { key: key.clone(), value: value.clone() };
    // A refused upload has no name and version, only a digest.
    let refused = match &change.action {
        Action::Refuse { digest, .. } => {
            Some(LabelRecord { digest: digest.as_bytes().to_vec(), ..LabelRecord::default() })
        }
        _ => None,
    };
    let record = ChangeRecord {
        at_ms: change.at.as_millisecond(),
        by: change.by.clone(),
        community: change.community.clone(),
        action: change.action.code().to_owned(),
        before: before.map(label),
        subject: subject.map(label).or(refused),
        start: start.map(Boundary::seconds),
        settings: settings.map(|settings| SettingsRecord { settings: settings.iter().map(setting).collect() }),
        reason: reason.map(str::to_owned),
        activation,
        meter: meter.map(|(meter, decision)| MeterDecisionRecord::new(meter, decision)),
    };
    record.encode_to_vec()
}

/// Decodes a change.
///
/// # Errors
/// If the bytes are not a valid change.
pub fn decode_change(bytes: &[u8]) -> Result<Change, InvalidRecord> {
    let record = ChangeRecord::decode(bytes).map_err(InvalidRecord::new)?;
    let at = Timestamp::from_millisecond(record.at_ms).map_err(InvalidRecord::new)?;
    let (by, community) = (record.by.clone(), record.community.clone());
    Ok(Change { at, by, community, action: decode_action(record)? })
}

fn decode_action(record: ChangeRecord) -> Result<Action, InvalidRecord> {
    let ChangeRecord { action, before, subject, start, settings, reason, activation, meter, .. } = record;
    let missing = |what: &str| InvalidRecord::new(format!("a change that is {action:?} has no {what}"));
    let before = || before.clone().ok_or_else(|| missing("algorithm before")).and_then(label);
    let subject = || subject.clone().ok_or_else(|| missing("algorithm")).and_then(label);
    let start = || start.ok_or_else(|| missing("interval")).and_then(decode_boundary);
    let settings = settings
        .map(|settings| settings.settings.into_iter().map(|setting| (setting.key, setting.value)).collect::<Vec<_>>());
    Ok(match action.as_str() {
        "refused" => Action::Refuse { digest: subject()?.digest, reason: reason.unwrap_or_default() },
        "activated" => {
            let (before, to, start) = (before()?, subject()?, start()?);
            Action::Activate { before, to, start, settings, confirmed: reason }
        }
        "rolled-back" => Action::RollBack { before: before()?, activation, to: subject()?, start: start()?, reason },
        "shadow-started" => Action::StartShadow { candidate: subject()?, since: start()?, settings },
        "shadow-ended" => Action::EndShadow { candidate: subject()? },
        "failed" => {
            let (algorithm, start) = (subject()?, start()?);
            Action::Fail { algorithm, activation, start, reason: reason.unwrap_or_default() }
        }
        "meter-accepted" | "meter-restarted" | "meter-exchanged" | "meter-late" => {
            let (meter, decision) = meter.ok_or_else(|| missing("meter"))?.decoded(&action)?;
            Action::Meter { meter, decision, reason }
        }
        other => return Err(InvalidRecord::new(format!("a change has the unknown action {other:?}"))),
    })
}

fn label(record: LabelRecord) -> Result<Label, InvalidRecord> {
    let digest: [u8; 32] =
        record.digest.try_into().map_err(|_| InvalidRecord::new("an algorithm's digest does not have 32 bytes"))?;
    Ok(Label { digest: Digest::from_bytes(digest), name: record.name, version: record.version })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn invalid_changes_are_refused() {
        for record in [
            ChangeRecord { action: "forgot".to_owned(), ..ChangeRecord::default() },
            ChangeRecord { action: "activated".to_owned(), ..ChangeRecord::default() },
            ChangeRecord { action: "meter-accepted".to_owned(), ..ChangeRecord::default() },
            ChangeRecord { at_ms: i64::MAX, action: "refused".to_owned(), ..ChangeRecord::default() },
            ChangeRecord {
                action: "shadow-ended".to_owned(),
                subject: Some(LabelRecord { digest: vec![1], ..LabelRecord::default() }),
                ..ChangeRecord::default()
            },
        ] {
            assert!(decode_change(&record.encode_to_vec()).is_err(), "{record:?}");
        }
        assert!(decode_change(b"\xff").is_err());
    }
}
