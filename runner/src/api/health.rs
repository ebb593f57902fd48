//! Health and reflection: what other programs may ask of the servers themselves.

use tonic::server::NamedService;
use tonic_health::ServingStatus;
use tonic_health::pb::health_server::HealthServer;
use tonic_health::server::{HealthReporter, HealthService};
use tonic_reflection::server::{v1, v1alpha};

use crate::proto;

/// Says to whoever asks `grpc.health.v1.Health`, on both ports, whether the service does its work.
#[derive(Clone, Debug)]
pub struct Health {
    reporter: HealthReporter,
    /// Every name that may be asked for; the empty one is the whole.
    names: Vec<&'static str>,
}

impl Health {
    /// A service that does its work.
    pub(super) async fn of(services: &[&'static str]) -> Health {
        let names = [&[""], services].concat();
        let health = Health { reporter: HealthReporter::new(), names };
        health.set(true).await;
        health
    }

    /// From now on it is `SERVING`, or `NOT_SERVING`.
    pub async fn set(&self, serving: bool) {
        let status = if serving { ServingStatus::Serving } else { ServingStatus::NotServing };
        for name in &self.names {
            self.reporter.set_service_status(name, status).await;
        }
    }

    /// Ends what watches, after a last word: who waits for news would never let the server stop.
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

/// Reflection of these services, in both versions that clients ask.
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
            .register_encoded_file_descriptor_set(proto::DESCRIPTORS)
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
