//! The standard services: health and reflection.

use std::net::SocketAddr;
use std::time::Duration;

use tonic::server::NamedService;
use tonic::transport::Endpoint;
use tonic_health::ServingStatus;
use tonic_health::pb::HealthCheckRequest;
use tonic_health::pb::health_check_response::ServingStatus as Answer;
use tonic_health::pb::health_client::HealthClient;
use tonic_health::pb::health_server::HealthServer;
use tonic_health::server::{HealthReporter, HealthService};
use tonic_reflection::server::{v1, v1alpha};

use wire::status::CallError;

/// The state that `grpc.health.v1.Health` reports on both ports.
#[derive(Clone, Debug)]
pub struct Health {
    reporter: HealthReporter,
    /// The names of all services; the empty name stands for all together.
    names: Vec<&'static str>,
}

impl Health {
    /// Starts as `SERVING`.
    pub(super) async fn of(services: &[&'static str]) -> Health {
        let names = [&[""], services].concat();
        let health = Health { reporter: HealthReporter::new(), names };
        health.set(true).await;
        health
    }

    /// Sets `SERVING` or `NOT_SERVING`.
    pub async fn set(&self, serving: bool) {
        let status = if serving { ServingStatus::Serving } else { ServingStatus::NotServing };
        for name in &self.names {
            self.reporter.set_service_status(name, status).await;
        }
    }

    /// Sets `NOT_SERVING` and ends all watches, which would otherwise keep the server from stopping.
    pub(super) async fn end(mut self) {
        self.set(false).await;
        for name in &self.names {
            self.reporter.clear_service_status(name).await;
        }
    }

    pub(super) fn server(&self) -> HealthServer<HealthService> {
        HealthServer::new(HealthService::from_health_reporter(self.reporter.clone()))
    }
}

/// Asks the service at a plaintext address for its health.
///
/// # Errors
/// If it does not answer within the deadline, or says that it is not serving.
pub async fn ask(address: SocketAddr, deadline: Duration) -> Result<(), Unwell> {
    let asked = async {
        let endpoint = Endpoint::from_shared(format!("http://{address}")).map_err(CallError::Connection)?;
        let channel = endpoint.connect().await.map_err(CallError::Connection)?;
        let request = HealthCheckRequest { service: String::new() };
        HealthClient::new(channel).check(request).await.map_err(CallError::from)
    };
    let answer = tokio::time::timeout(deadline, asked).await.map_err(|_| CallError::NoAnswer(deadline))??;
    match answer.into_inner().status() {
        Answer::Serving => Ok(()),
        other => Err(Unwell::NotServing(other.as_str_name())),
    }
}

/// Why a service is not well.
#[derive(Debug, thiserror::Error)]
pub enum Unwell {
    #[error(transparent)]
    Call(#[from] CallError),
    #[error("it says {0}")]
    NotServing(&'static str),
}

/// Reflection of these services, in both versions that clients use.
pub(super) fn reflection(
    services: &[&'static str],
) -> Result<
    (
        v1::ServerReflectionServer<impl v1::ServerReflection>,
        v1alpha::ServerReflectionServer<impl v1alpha::ServerReflection>,
    ),
    tonic_reflection::server::Error,
> {
    let builder = || {
        let mut builder = tonic_reflection::server::Builder::configure()
            .register_encoded_file_descriptor_set(wire::DESCRIPTORS)
            .register_encoded_file_descriptor_set(tonic_health::pb::FILE_DESCRIPTOR_SET)
            .with_service_name(<HealthServer<HealthService> as NamedService>::NAME);
        for service in services {
            builder = builder.with_service_name(*service);
        }
        builder
    };
    let v1 = builder().with_service_name("grpc.reflection.v1.ServerReflection").build_v1()?;
    let v1alpha = builder().with_service_name("grpc.reflection.v1alpha.ServerReflection").build_v1alpha()?;
    Ok((v1, v1alpha))
}
