//! The guard of every request: its caller must have the right that its method takes.
//!
//! It decides from the headers, before any of the body is read, and for all services in one place. A method that is not in
//! its table cannot be called.

use std::sync::Arc;

use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::Response;
use axum::http::request::Parts;
use axum::middleware::{Next, from_fn_with_state};
use tonic::Status;
use tonic::service::Routes;

use super::callers::{Caller, Callers, Shown};
use super::{ALGORITHM_SERVICE, METERS_SERVICE, PLAIN_SERVICE, TLS_SERVICE};
use crate::config::Right;

/// Services that anybody may ask: whether we are well, and what there is.
const OPEN: [&str; 3] =
    ["grpc.health.v1.Health", "grpc.reflection.v1.ServerReflection", "grpc.reflection.v1alpha.ServerReflection"];

/// The right that a method takes; none if there is no such method.
fn right(service: &str, method: &str) -> Option<Right> {
    Some(match (service, method) {
        (PLAIN_SERVICE, "GetMatches" | "GetPrices") | (METERS_SERVICE, "RetrieveMeasurement") => Right::Read,
        (PLAIN_SERVICE, "UpdatePrices") | (METERS_SERVICE, "AddMeasurement") => Right::Prices,
        (TLS_SERVICE, "RetrieveMatches" | "UpdateMatch") => Right::Settle,
        (
            ALGORITHM_SERVICE,
            "ListAlgorithms" | "ShowAlgorithm" | "Download" | "ReportShadow" | "ListChanges" | "ShowLimits",
        ) => Right::Inspect,
        (ALGORITHM_SERVICE, "Upload" | "PreviewActivation" | "Activate" | "RollBack" | "StartShadow" | "EndShadow") => {
            Right::Administer
        }
        _ => return None,
    })
}

#[derive(Clone)]
struct Guard {
    /// What the port serves.
    services: Arc<[&'static str]>,
    callers: Callers,
}

/// The same routes, for callers who have the rights. The request has its [`Caller`] as an extension.
pub(super) fn guarded(routes: Routes, services: &[&'static str], callers: &Callers) -> Routes {
    let guard = Guard { services: services.into(), callers: callers.clone() };
    Routes::from(routes.into_axum_router().layer(from_fn_with_state(guard, pass)))
}

async fn pass(State(guard): State<Guard>, request: Request, next: Next) -> Response<Body> {
    let (mut head, body) = request.into_parts();
    match guard.check(&head).await {
        Ok(caller) => {
            if let Some(caller) = caller {
                head.extensions.insert(caller);
            }
            next.run(Request::from_parts(head, body)).await
        }
        Err(status) => {
            tracing::debug!(method = head.uri.path(), "refused a request: {}", status.message());
            status.into_http()
        }
    }
}

impl Guard {
    /// The caller of a request, if the right to make it takes one.
    async fn check(&self, head: &Parts) -> Result<Option<Caller>, Status> {
        let (service, method) = head.uri.path().trim_start_matches('/').split_once('/').unwrap_or_default();
        if OPEN.contains(&service) {
            return Ok(None);
        }
        let right = right(service, method).filter(|_| self.services.contains(&service));
        // What there is instead is said where all such answers are made.
        let right = right.ok_or_else(|| Status::unimplemented(""))?;
        let shown = Shown::by(&head.headers, &head.extensions);
        self.callers.permit(right, method, shown).await.map(Some)
    }
}

#[cfg(test)]
mod tests {
    use prost::Message;
    use prost_types::FileDescriptorSet;

    use super::*;

    #[test]
    fn every_method_of_every_service_takes_a_right() {
        let served = [PLAIN_SERVICE, TLS_SERVICE, ALGORITHM_SERVICE, METERS_SERVICE];
        let mut methods = 0;
        for file in FileDescriptorSet::decode(wire::DESCRIPTORS).unwrap().file {
            for service in &file.service {
                let name = format!("{}.{}", file.package(), service.name());
                for method in service.method.iter().filter(|_| served.contains(&name.as_str())) {
                    assert!(right(&name, method.name()).is_some(), "{name}/{} takes no right", method.name());
                    methods += 1;
                }
            }
        }
        assert!(methods > 15, "only {methods} methods were found");
        assert_eq!(right(PLAIN_SERVICE, "getmatches"), None);
    }
}
