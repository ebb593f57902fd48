//! Fetches readings from a Meters service: one page at a time, with deadlines, retries and the fallback package.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use jiff::Timestamp;
use tokio_rustls::rustls::pki_types::CertificateDer;
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tonic::client::Grpc;
use tonic::codegen::http::uri::PathAndQuery;
use tonic::transport::{Certificate, Channel, ClientTlsConfig, Endpoint};
use tonic::{Code, Request, Status};

use crate::backoff::Backoff;
use crate::metrics::{CommunityMetrics, MetersOutcome};
use crate::proto::status::{innermost, told};
use crate::proto::{MeasurementResponse, QueryMeters, QueryResponse};

/// The platform's package, and the one that the Meters repository itself serves, with the same messages.
const PATHS: [&str; 2] =
    ["/proto.MetersService/RetrieveMeasurement", "/meters_microservice.MetersService/RetrieveMeasurement"];
/// Largest answer, in bytes. 10,000 meters × 2 readings are 5 MB, above gRPC's usual 4 MiB.
const ANSWER_BYTES_MAX: usize = 64 << 20;
/// How long a connection may take.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);

/// When a request is given up, and how often it is tried again.
#[derive(Clone, Copy, Debug)]
pub struct Patience {
    /// How long one request may take.
    pub deadline: Duration,
    /// How often it is tried in all.
    pub attempts: u32,
    /// The pauses between them.
    pub backoff: Backoff,
}

impl Default for Patience {
    /// Gives up after some ten seconds of a service that is away: the next run continues where this one stopped.
    fn default() -> Patience {
        Patience { deadline: Duration::from_secs(30), attempts: 5, backoff: Backoff::USUAL }
    }
}

/// A Meters service that does not answer, or not as it should.
#[derive(Debug, thiserror::Error)]
pub enum MetersError {
    /// The address is none.
    #[error("{address:?} is no address of a Meters service: {reason}")]
    Address {
        /// The text.
        address: String,
        /// Why not.
        reason: String,
    },
    /// The file with those whom to believe is none.
    #[error("cannot trust the authorities in {}: {reason}", path.display())]
    Authorities {
        /// The file.
        path: PathBuf,
        /// Why not.
        reason: String,
    },
    /// It is away or keeps failing.
    #[error(
        "the Meters service at {address} does not answer: {reason} (tried {attempts} times; is it running, and is the address right?)"
    )]
    Away {
        /// Its address.
        address: String,
        /// What it said last.
        reason: String,
        /// How often it was asked.
        attempts: u32,
    },
    /// It refuses the request.
    #[error("the Meters service at {address} refuses the request for readings from {from}: {reason}")]
    Refused {
        /// Its address.
        address: String,
        /// What was asked.
        from: String,
        /// What it said.
        reason: String,
    },
    /// Its answer is larger than any page should be.
    #[error("the Meters service at {address} answers with more than {ANSWER_BYTES_MAX} bytes")]
    TooLarge {
        /// Its address.
        address: String,
    },
    /// It gives the same rows again and again.
    #[error("the Meters service at {address} gives no new readings after {from} although it says there are more")]
    NoProgress {
        /// Its address.
        address: String,
        /// Where it stopped.
        from: String,
    },
}

/// A client of one Meters service. Connects when first used.
#[derive(Debug)]
pub struct MetersClient {
    address: String,
    channel: Channel,
    patience: Patience,
    /// Whether the service was found to speak only the second package.
    fallback: AtomicBool,
}

impl MetersClient {
    /// A client of the service at that `http://` or `https://` address.
    ///
    /// # Errors
    /// If it is no address.
    pub fn new(address: &str, patience: Patience) -> Result<MetersClient, MetersError> {
        MetersClient::trusting(address, patience, None)
    }

    /// As [`MetersClient::new`]; over TLS it believes only the authorities in a PEM file, if there is one, instead of
    /// those of the machine.
    ///
    /// # Errors
    /// If it is no address, or the file has no certificate.
    pub fn trusting(address: &str, patience: Patience, ca: Option<&Path>) -> Result<MetersClient, MetersError> {
        let invalid = |error: tonic::transport::Error| MetersError::Address {
            address: address.to_owned(),
            reason: error.to_string(),
        };
        let mut endpoint = Endpoint::from_shared(address.to_owned())
            .map_err(invalid)?
            .connect_timeout(CONNECT_TIMEOUT)
            .timeout(patience.deadline);
        if address.starts_with("https:") {
            let tls = match ca {
                None => ClientTlsConfig::new().with_enabled_roots(),
                Some(path) => ClientTlsConfig::new().ca_certificate(authorities(path)?),
            };
            endpoint = endpoint.tls_config(tls).map_err(invalid)?;
        }
        let channel = endpoint.connect_lazy();
        Ok(MetersClient { address: address.to_owned(), channel, patience, fallback: AtomicBool::new(false) })
    }

    /// Its address.
    pub fn address(&self) -> &str {
        &self.address
    }

    /// The `limit` oldest rows of every series at or after an instant, for the community that is counted there.
    ///
    /// # Errors
    /// After the last attempt, or at once where another attempt cannot help.
    pub async fn page(
        &self,
        from: Timestamp,
        limit: u32,
        metrics: &CommunityMetrics,
    ) -> Result<Vec<MeasurementResponse>, MetersError> {
        // The wire's form has whole seconds; rounding down only fetches a row again.
        let from = from.strftime("%Y-%m-%dT%H:%M:%SZ").to_string();
        let request = QueryMeters {
            start_interval: Some(from.clone()),
            limit: i32::try_from(limit).ok(),
            ..QueryMeters::default()
        };
        let mut attempt = 1;
        loop {
            let asked = Instant::now();
            let answer = self.ask(request.clone()).await.and_then(|answer| match answer.error {
                Some(error) if !error.is_empty() => Err(Status::aborted(error)),
                _ => Ok(answer.entries),
            });
            metrics.meters_request(answer.as_ref().err().map_or(MetersOutcome::Ok, outcome), asked.elapsed());
            let status = match answer {
                Ok(rows) => return Ok(rows),
                Err(status) => status,
            };
            let address = || self.address.clone();
            match outcome(&status) {
                MetersOutcome::TooLarge => return Err(MetersError::TooLarge { address: address() }),
                MetersOutcome::Refused => {
                    return Err(MetersError::Refused { address: address(), from, reason: told(&status) });
                }
                _ if attempt >= self.patience.attempts => {
                    let (address, reason) = (address(), told(&status));
                    return Err(MetersError::Away { address, reason, attempts: attempt });
                }
                _ => {}
            }
            let pause = self.patience.backoff.pause(attempt);
            let (community, meters, error) = (metrics.name(), &self.address, told(&status));
            tracing::warn!(community, meters, attempt, error, ?pause, "asking again");
            metrics.meters_retry();
            tokio::time::sleep(pause).await;
            attempt += 1;
        }
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
        request.set_timeout(self.patience.deadline);
        let path = PathAndQuery::from_static(path);
        let answer = grpc.unary(request, path, tonic_prost::ProstCodec::<QueryMeters, QueryResponse>::default());
        Ok(answer.await?.into_inner())
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

/// A PEM file with certificates: at least one, or nobody would be believed.
fn authorities(path: &Path) -> Result<Certificate, MetersError> {
    let refused = |reason: String| MetersError::Authorities { path: path.to_owned(), reason };
    let pem = std::fs::read(path).map_err(|error| refused(error.to_string()))?;
    let certificates: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&pem).collect();
    if certificates.map_err(|error| refused(error.to_string()))?.is_empty() {
        return Err(refused("there is no certificate in it (PEM is expected)".to_owned()));
    }
    Ok(Certificate::from_pem(pem))
}
