//! The client of a Meters service: fetches readings page by page, with deadlines, retries and a fallback for the package.

mod services;
mod shared;

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use async_trait::async_trait;
use backon::{ExponentialBuilder, Retryable};
use domain::MeterId;
use jiff::Timestamp;
use tonic::client::Grpc;
use tonic::codegen::http::uri::PathAndQuery;
use tonic::{Code, Request, Status};
use wire::QueryMeters;
use wire::measurements::{Answer, Measurement, MeasurementsCodec};
use wire::status::{CallError, innermost, status_text};

use crate::retry;
use crate::settlement::{Meters, MetersError, Row, Rows};
use crate::telemetry::metrics::{CommunityMetrics, MetersOutcome};
use services::Service;

pub use services::{InvalidMeters, MetersServices};
pub use shared::{SharedMeters, SharedPages};

/// The method in the platform's package, and in the package that the Meters repository itself serves, with the same messages.
const PATHS: [&str; 2] =
    ["/proto.MetersService/RetrieveMeasurement", "/meters_microservice.MetersService/RetrieveMeasurement"];
/// Largest response, in bytes. 10,000 meters × 2 readings are 5 MB, above gRPC's default of 4 MiB.
const RESPONSE_BYTES_MAX: usize = 64 << 20;

/// The deadline of a request, and how it is retried.
#[derive(Clone, Copy, Debug)]
pub struct RetryPolicy {
    /// Deadline of one attempt.
    pub deadline: Duration,
    pub pauses: ExponentialBuilder,
}

impl Default for RetryPolicy {
    /// Bridges an outage of some ten seconds. The next run continues where this one stopped.
    fn default() -> RetryPolicy {
        RetryPolicy { deadline: Duration::from_secs(30), pauses: retry::USUAL.with_max_times(4) }
    }
}

/// A client of one Meters service for one community. The service's communities share its connection, which is made when it is
/// first used.
pub struct MetersClient {
    address: String,
    service: Arc<Service>,
    policy: RetryPolicy,
    metrics: Arc<CommunityMetrics>,
}

impl MetersClient {
    /// A client of the service at an `http://` or `https://` address, which `services` knows by this name.
    ///
    /// # Errors
    /// If the address is invalid, or the file with the authorities that it trusts contains no certificate.
    pub fn new(
        services: &MetersServices,
        (name, address): (&str, &str),
        ca: Option<&Path>,
        policy: RetryPolicy,
        metrics: Arc<CommunityMetrics>,
    ) -> Result<MetersClient, InvalidMeters> {
        let service = services.service(name, address, ca)?;
        Ok(MetersClient { address: address.to_owned(), service, policy, metrics })
    }

    async fn request(&self, request: QueryMeters) -> Result<Rows, Status> {
        let started = Instant::now();
        let response = self.call_either(request).await.and_then(|answer| match answer.error {
            Some(error) if !error.is_empty() => Err(Status::aborted(error)),
            _ => Ok(answer.entries),
        });
        let outcome = response.as_ref().err().map_or(MetersOutcome::Ok, outcome);
        self.metrics.meters_request(outcome, started.elapsed());
        response
    }

    /// Calls the package that worked last, and the other one if it is not implemented.
    async fn call_either(&self, request: QueryMeters) -> Result<Answer<Rows>, Status> {
        let fallback = self.service.speaks_own();
        let answer = self.call(PATHS[usize::from(fallback)], request.clone()).await;
        if answer.as_ref().is_err_and(|status| status.code() == Code::Unimplemented) {
            let other = self.call(PATHS[usize::from(!fallback)], request).await;
            if other.as_ref().err().is_none_or(|status| status.code() != Code::Unimplemented) {
                self.service.set_speaks_own(!fallback);
                return other;
            }
        }
        answer
    }

    async fn call(&self, path: &'static str, request: QueryMeters) -> Result<Answer<Rows>, Status> {
        let connection = self.service.connection().await;
        let mut grpc = Grpc::new(connection.channel.clone()).max_decoding_message_size(RESPONSE_BYTES_MAX);
        grpc.ready().await.map_err(|error| Status::unavailable(innermost(&error)))?;
        let mut request = Request::new(request);
        request.set_timeout(self.policy.deadline);
        let path = PathAndQuery::from_static(path);
        let add = |rows: &mut Rows, Measurement { device_id, field, value, date }: Measurement<'_>| {
            rows.push_known(Row { device_id, field, value, date });
        };
        let answer = grpc.unary(request, path, MeasurementsCodec::new(add));
        Ok(answer.await?.into_inner())
    }
}

#[async_trait]
impl Meters for MetersClient {
    fn address(&self) -> &str {
        &self.address
    }

    async fn page(&self, from: Timestamp, limit: u32, meter: Option<&MeterId>) -> Result<Rows, MetersError> {
        // Times on the wire are whole seconds; rounding down at most fetches a row again.
        let from = from.strftime("%Y-%m-%dT%H:%M:%SZ").to_string();
        let request = QueryMeters {
            start_interval: Some(from.clone()),
            device_id: meter.map(MeterId::to_string),
            limit: i32::try_from(limit).ok(),
            ..QueryMeters::default()
        };
        let mut attempts = 1;
        let answer = (|| self.request(request.clone()))
            .retry(self.policy.pauses)
            .when(|status| outcome(status) == MetersOutcome::Failed)
            .notify(|status, pause| {
                let (community, meters, error) = (self.metrics.name(), &self.address, status_text(status));
                tracing::debug!(
                    community,
                    meters,
                    attempt = attempts,
                    error,
                    ?pause,
                    "the Meters service failed; asking again"
                );
                self.metrics.meters_retry();
                attempts += 1;
            })
            .await;
        let status = match answer {
            Ok(rows) => return Ok(rows),
            Err(status) => status,
        };
        let address = self.address.clone();
        Err(match outcome(&status) {
            MetersOutcome::TooLarge => MetersError::TooLarge { address, bytes_max: RESPONSE_BYTES_MAX },
            MetersOutcome::Refused => MetersError::Refused { address, from, source: CallError::from(status).into() },
            _ => MetersError::Unavailable { address, attempts, source: CallError::from(status).into() },
        })
    }
}

fn outcome(status: &Status) -> MetersOutcome {
    match status.code() {
        // In the words of this library, and of the one for Go, in which a proxy may be written.
        Code::OutOfRange | Code::ResourceExhausted
            if ["too large", "larger than max"].iter().any(|words| status.message().contains(words)) =>
        {
            MetersOutcome::TooLarge
        }
        Code::InvalidArgument | Code::Unimplemented | Code::PermissionDenied | Code::Unauthenticated => {
            MetersOutcome::Refused
        }
        _ => MetersOutcome::Failed,
    }
}
