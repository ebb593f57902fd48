//! Conversions between gRPC messages and the registry's types.

use domain::Price;
use jiff::Timestamp;
use tonic::Status;

use crate::algorithms::registry::{Preview, Settings, Uploaded};
use crate::config::Terms;
use crate::listed::{algorithm, settings_message};
use wire::rec_market_v1 as v1;

/// An optional time.
pub(super) fn time(field: &str, text: &str) -> Result<Option<Timestamp>, Status> {
    if text.is_empty() {
        return Ok(None);
    }
    let expected = "a time such as 2023-09-01T12:15:00Z is expected";
    let wrong = |_| Status::invalid_argument(format!("{field} is {text:?}, but {expected}"));
    text.parse().map(Some).map_err(wrong)
}

/// Settings sorted by key, as the sandbox takes them.
pub(super) fn settings(settings: v1::Settings) -> Settings {
    let mut settings: Settings = settings.settings.into_iter().collect();
    settings.sort_unstable();
    settings
}

pub(super) fn uploaded(uploaded: Uploaded) -> v1::UploadResponse {
    let Uploaded { accepted, was_there, label, report } = uploaded;
    v1::UploadResponse { accepted, was_there, algorithm: label.as_ref().map(algorithm), report }
}

pub(super) fn preview(preview: &Preview) -> v1::ActivationPreview {
    let Preview { algorithm: label, community, report } = preview;
    v1::ActivationPreview {
        algorithm: Some(algorithm(label)),
        report: report.json(&label.to_string(), None, Some(community.as_str())).to_string(),
        worse_than_grid: report.worse_than_grid().unwrap_or_default(),
    }
}

/// The default limits, replaced by those of a community's terms.
pub(super) fn limits(terms: &Terms, usual: v1::ShowLimitsResponse) -> v1::ShowLimitsResponse {
    let limits = terms.limits();
    v1::ShowLimitsResponse {
        fuel: limits.fuel,
        memory_bytes: limits.memory_bytes,
        time_us: limits.time.map(|time| u64::try_from(time.as_micros()).unwrap_or(u64::MAX)),
        output_bytes: limits.output_bytes,
        settings: Some(settings_message(terms.settings())),
        price_floor: terms.price_limits().floor().map(Price::micro_eur),
        price_ceiling: terms.price_limits().ceiling().map(Price::micro_eur),
        ..usual
    }
}
