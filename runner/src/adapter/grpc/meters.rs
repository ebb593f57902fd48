//! `proto.MetersService` for communities whose readings are in the store: the platform's Gateway posts readings to it, and anybody
//! with the right reads registers from it, as from the platform's own.

use std::collections::BTreeMap;
use std::sync::Arc;

use books::{KeepError, NewReadings};
use domain::MeterId;
use domain::metering::{Cumulative, Meter};
use domain::reading::{Register, Registers};
use domain::text::chain;
use jiff::Timestamp;
use prost::Message;
use tonic::{Request, Response, Status};
use wire::meters_service_server::MetersService;
use wire::{MeasurementResponse, MeterEntry, MeterResponse, QueryMeters, QueryResponse};

use super::Api;
use super::bounds::Bounds;
use crate::registers::{self, Wanted};

/// Rows of a series where a request has no limit, and the most there are: those of the platform.
const ROWS_DEFAULT: usize = 100;
const ROWS_MAX: usize = 10_000;
/// What the platform's own service answers when it has stored a reading.
const STORED: i32 = 200;
/// What tells that an answer is too large, in words that clients know.
const TOO_LARGE: &str = "the answer is too large (ask for fewer rows with limit, or for one deviceId)";

#[derive(Clone)]
pub(super) struct StoredReadings {
    api: Arc<Api>,
    bounds: Bounds,
}

impl StoredReadings {
    pub(super) fn new(api: Arc<Api>, bounds: Bounds) -> StoredReadings {
        StoredReadings { api, bounds }
    }

    fn now(&self) -> Timestamp {
        self.api.clock.now()
    }
}

#[tonic::async_trait]
impl MetersService for StoredReadings {
    async fn add_measurement(&self, request: Request<MeterEntry>) -> Result<Response<MeterResponse>, Status> {
        let entry = request.into_inner();
        let (meter, at, registers) = reading(&entry, self.now())?;
        let content = Meter { registers: BTreeMap::from([(at.as_second(), registers)]), ..Meter::default() };
        let attempt = format!("{:016x}{:016x}", fastrand::u64(..), fastrand::u64(..));
        let new = NewReadings { meters: BTreeMap::from([(meter, content)]), at: self.now(), attempt };
        match self.api.store.keep_readings(Arc::new(new)).await {
            Ok(_) => Ok(Response::new(MeterResponse { status: STORED, payments: None, message: None })),
            Err(KeepError::Contradicts(contradictions)) => Err(Status::failed_precondition(contradictions.to_string())),
            Err(KeepError::Store(error)) => Err(store_failed(&error)),
        }
    }

    async fn retrieve_measurement(&self, request: Request<QueryMeters>) -> Result<Response<QueryResponse>, Status> {
        let (_, extensions, query) = request.into_parts();
        let now = self.now();
        let from = start(&query, now)?;
        let meter: Option<MeterId> = match query.device_id.as_deref() {
            None => None,
            Some(device) => match device.parse() {
                Ok(meter) => Some(meter),
                // Nothing is known of what cannot be a meter.
                Err(_) => return Ok(Response::new(QueryResponse::default())),
            },
        };
        let (skip, limit) = window(&query)?;
        let _turn = self.bounds.turn(&extensions).await?;
        let wanted = Wanted { meter: meter.as_ref(), from, until: Some(now), skip, limit };
        let listed = registers::list(&*self.api.store, wanted).await.map_err(|error| store_failed(&error))?;
        let (mut entries, mut bytes) = (Vec::new(), 0);
        for (meter, readings) in &listed {
            for entry in Register::ALL.into_iter().flat_map(|register| series(meter, register, readings)) {
                bytes += entry.encoded_len() + 4;
                if bytes > self.api.limits.answer_bytes {
                    return Err(Status::resource_exhausted(TOO_LARGE));
                }
                entries.push(entry);
            }
        }
        Ok(Response::new(QueryResponse { entries, status: None, error: None }))
    }
}

/// One register of a meter, newest first.
fn series(meter: &MeterId, register: Register, readings: &[Cumulative]) -> impl Iterator<Item = MeasurementResponse> {
    readings.iter().rev().map(move |reading| MeasurementResponse {
        device_id: meter.to_string(),
        field: register.field().to_owned(),
        value: reading.registers.of(register).to_string(),
        date: reading.at.to_string(),
    })
}

/// The reading that an entry is. As on the platform, what cannot be stored fails its precondition.
fn reading(entry: &MeterEntry, now: Timestamp) -> Result<(MeterId, Timestamp, Registers), Status> {
    let MeterEntry { device_id, active_import, active_export, timestamp, .. } = entry;
    let invalid = |message: String| Status::failed_precondition(message);
    let meter =
        device_id.parse().map_err(|error: domain::member::InvalidName| invalid(format!("deviceId: {error}")))?;
    let at: Timestamp = timestamp.parse().map_err(|_| {
        let cut: String = timestamp.chars().take(40).collect();
        invalid(format!("timestamp {cut:?} is not an RFC 3339 time (such as 2023-09-01T12:15:00Z)"))
    })?;
    if at > now || at < Timestamp::UNIX_EPOCH {
        return Err(invalid(format!(
            "timestamp {at} is not between 1970 and now, which is {now} (is the meter's clock right?)"
        )));
    }
    let register = |name: &str, wh: i32| {
        u64::try_from(wh).map_err(|_| invalid(format!("{name} {wh} is negative (a register counts Wh from 0)")))
    };
    let import_wh = register("activeImport", *active_import)?;
    Ok((meter, at, Registers { import_wh, export_wh: register("activeExport", *active_export)? }))
}

fn start(query: &QueryMeters, now: Timestamp) -> Result<Timestamp, Status> {
    let Some(text) = query.start_interval.as_deref() else { return Ok(Timestamp::UNIX_EPOCH) };
    let from: Timestamp = text.parse().map_err(|_| {
        let cut: String = text.chars().take(40).collect();
        let message = format!("startInterval {cut:?} is not an RFC 3339 time (such as 2023-09-01T12:15:00Z)");
        Status::failed_precondition(message)
    })?;
    if from > now {
        return Err(Status::aborted(format!("startInterval {from} is in the future, since it is {now} now")));
    }
    Ok(from.max(Timestamp::UNIX_EPOCH))
}

fn window(query: &QueryMeters) -> Result<(usize, usize), Status> {
    let skip = query.skip.unwrap_or(0);
    let skip = usize::try_from(skip);
    let skip = skip.map_err(|_| Status::failed_precondition("skip is negative (it must be at least 0)"))?;
    let Some(limit) = query.limit else { return Ok((skip, ROWS_DEFAULT)) };
    let rows = usize::try_from(limit).ok().filter(|rows| (1..=ROWS_MAX).contains(rows));
    let out_of_range = || Status::failed_precondition(format!("limit {limit} is out of range (1 to {ROWS_MAX})"));
    Ok((skip, rows.ok_or_else(out_of_range)?))
}

fn store_failed(error: &books::StoreError) -> Status {
    tracing::error!("cannot read or keep readings: {}", chain(error));
    Status::unavailable("the store is not available (try again)")
}
