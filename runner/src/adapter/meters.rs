//! Fetches readings from a Meters service over gRPC: one page at a time, with deadlines, retries and the fallback package.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use async_trait::async_trait;
use backon::{ExponentialBuilder, Retryable};
use jiff::Timestamp;
use tokio_rustls::rustls::pki_types::CertificateDer;
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tonic::client::Grpc;
use tonic::codegen::http::uri::PathAndQuery;
use tonic::transport::{Certificate, Channel, ClientTlsConfig, Endpoint};
use tonic::{Code, Request, Status};
use wire::status::{innermost, status_text};
use wire::{MeasurementResponse, QueryMeters, QueryResponse};

use crate::retry;
use crate::settlement::{Meters, MetersError, Row};
use crate::telemetry::metrics::{CommunityMetrics, MetersOutcome};

/// The platform's package, and the one that the Meters repository itself serves, with the same messages.
const PATHS: [&str; 2] =
    ["/proto.MetersService/RetrieveMeasurement", "/meters_microservice.MetersService/RetrieveMeasurement"];
/// Largest answer, in bytes. 10,000 meters × 2 readings are 5 MB, above gRPC's usual 4 MiB.
const ANSWER_BYTES_MAX: usize = 64 << 20;
/// How long a connection may take.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);

/// When a request is given up, and how often it is tried again.
#[derive(Clone, Copy, Debug)]
pub struct RetryPolicy {
    /// How long one request may take.
    pub deadline: Duration,
    /// The pauses between attempts, and how many there are.
    pub pauses: ExponentialBuilder,
}

impl Default for RetryPolicy {
    /// Gives up after some ten seconds of a service that is away: the next run continues where this one stopped.
    fn default() -> RetryPolicy {
        RetryPolicy { deadline: Duration::from_secs(30), pauses: retry::USUAL.with_max_times(4) }
    }
}

/// A client that cannot be made.
#[derive(Debug, thiserror::Error)]
pub enum InvalidMeters {
    /// The address is none.
    #[error("{address:?} is not the address of a Meters service")]
    Address {
        /// The text.
        address: String,
        /// Why not.
        source: tonic::transport::Error,
    },
    /// The file of certificate authorities cannot be used.
    #[error("cannot use the certificate authorities in {}: {reason}", path.display())]
    Authorities {
        /// The file.
        path: PathBuf,
        /// Why not.
        reason: String,
    },
}

/// A client of one Meters service. Connects when first used.
pub struct MetersClient {
    address: String,
    channel: Channel,
    policy: RetryPolicy,
    /// Whether the service was found to speak only the second package.
    fallback: AtomicBool,
    /// Told of every request, for the community that it is made for.
    metrics: Arc<CommunityMetrics>,
}

impl MetersClient {
    /// A client of the service at that `http://` or `https://` address.
    ///
    /// # Errors
    /// If it is no address.
    pub fn new(
        address: &str,
        policy: RetryPolicy,
        metrics: Arc<CommunityMetrics>,
    ) -> Result<MetersClient, InvalidMeters> {
        MetersClient::trusting(address, policy, None, metrics)
    }

    /// As [`MetersClient::new`]; over TLS it believes only the authorities in a PEM file, if there is one, instead of
    /// those of the machine.
    ///
    /// # Errors
    /// If it is no address, or the file has no certificate.
    pub fn trusting(
        address: &str,
        policy: RetryPolicy,
        ca: Option<&Path>,
        metrics: Arc<CommunityMetrics>,
    ) -> Result<MetersClient, InvalidMeters> {
        let invalid = |source| InvalidMeters::Address { address: address.to_owned(), source };
        let mut endpoint = Endpoint::from_shared(address.to_owned())
            .map_err(invalid)?
            .connect_timeout(CONNECT_TIMEOUT)
            .timeout(policy.deadline);
        if address.starts_with("https:") {
            let tls = match ca {
                None => ClientTlsConfig::new().with_enabled_roots(),
                Some(path) => ClientTlsConfig::new().ca_certificate(authorities(path)?),
            };
            endpoint = endpoint.tls_config(tls).map_err(invalid)?;
        }
        let channel = endpoint.connect_lazy();
        Ok(MetersClient { address: address.to_owned(), channel, policy, fallback: AtomicBool::new(false), metrics })
    }

    async fn measured(&self, request: QueryMeters) -> Result<Vec<MeasurementResponse>, Status> {
        let asked = Instant::now();
        let answer = self.ask(request).await.and_then(|answer| match answer.error {
            Some(error) if !error.is_empty() => Err(Status::aborted(error)),
            _ => Ok(answer.entries),
        });
        let outcome = answer.as_ref().err().map_or(MetersOutcome::Ok, outcome);
        self.metrics.meters_request(outcome, asked.elapsed());
        answer
    }

    /// Asks under the package that is known to work, and under the other one if it does not.
    async fn ask(&self, request: QueryMeters) -> Result<QueryResponse, Status> {
        let fallback = self.fallback.load(Ordering::Relaxed);
        let answer = self.call(PATHS[usize::from(fallback)], request.clone()).await;
        if answer.as_ref().is_err_and(|status| status.code() == Code::Unimplemented) {
            let other = self.call(PATHS[usize::from(!fallback)], request).await;
            if other.as_ref().err().is_none_or(|status| status.code() != Code::Unimplemented) {
                self.fallback.store(!fallback, Ordering::Relaxed);
                return other;
            }
        }
        answer
    }

    async fn call(&self, path: &'static str, request: QueryMeters) -> Result<QueryResponse, Status> {
        let mut grpc = Grpc::new(self.channel.clone()).max_decoding_message_size(ANSWER_BYTES_MAX);
        grpc.ready().await.map_err(|error| Status::unavailable(innermost(&error)))?;
        let mut request = Request::new(request);
        request.set_timeout(self.policy.deadline);
        let path = PathAndQuery::from_static(path);
        let answer = grpc.unary(request, path, tonic_prost::ProstCodec::<QueryMeters, QueryResponse>::default());
        Ok(answer.await?.into_inner())
    }
}

#[async_trait]
impl Meters for MetersClient {
    fn address(&self) -> &str {
        &self.address
    }

    async fn page(&self, from: Timestamp, limit: u32) -> Result<Vec<Row>, MetersError> {
        // The wire's form has whole seconds; rounding down only fetches a row again.
        let from = from.strftime("%Y-%m-%dT%H:%M:%SZ").to_string();
        let request = QueryMeters {
            start_interval: Some(from.clone()),
            limit: i32::try_from(limit).ok(),
            ..QueryMeters::default()
        };
        let mut attempts = 1;
        let answer = (|| self.measured(request.clone()))
            .retry(self.policy.pauses)
            .when(|status| outcome(status) == MetersOutcome::Failed)
            .notify(|status, pause| {
                let (community, meters, error) = (self.metrics.name(), &self.address, status_text(status));
                tracing::warn!(community, meters, attempt = attempts, error, ?pause, "asking again");
                self.metrics.meters_retry();
                attempts += 1;
            })
            .await;
        let row = |MeasurementResponse { device_id, field, value, date }| Row { device_id, field, value, date };
        let status = match answer {
            Ok(entries) => return Ok(entries.into_iter().map(row).collect()),
            Err(status) => status,
        };
        let address = self.address.clone();
        Err(match outcome(&status) {
            MetersOutcome::TooLarge => MetersError::TooLarge { address, bytes_max: ANSWER_BYTES_MAX },
            MetersOutcome::Refused => MetersError::Refused { address, from, reason: status_text(&status) },
            _ => MetersError::Away { address, reason: status_text(&status), attempts },
        })
    }
}

/// What an error means for the next attempt.
fn outcome(status: &Status) -> MetersOutcome {
    match status.code() {
        Code::OutOfRange | Code::ResourceExhausted if status.message().contains("too large") => MetersOutcome::TooLarge,
        Code::InvalidArgument | Code::Unimplemented | Code::PermissionDenied | Code::Unauthenticated => {
            MetersOutcome::Refused
        }
        _ => MetersOutcome::Failed,
    }
}

/// Reads a PEM file with at least one certificate: with none, no server could be trusted.
fn authorities(path: &Path) -> Result<Certificate, InvalidMeters> {
    let refused = |reason: String| InvalidMeters::Authorities { path: path.to_owned(), reason };
    let pem = std::fs::read(path).map_err(|error| refused(error.to_string()))?;
    let certificates: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&pem).collect();
    if certificates.map_err(|error| refused(error.to_string()))?.is_empty() {
        return Err(refused("it contains no certificate (PEM is expected)".to_owned()));
    }
    Ok(Certificate::from_pem(pem))
}
