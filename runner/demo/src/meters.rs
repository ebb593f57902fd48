//! A development Meters service over recorded registers, from which `demo` and the tests settle.
//!
//! It answers `RetrieveMeasurement` as the platform's service does, under either of its two names. Deliberately absent:
//! a database, and storing new readings. [`query`] finds the rows; [`serve`] serves them over gRPC.

pub mod query;
pub mod recorded;

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;

use jiff::Timestamp;
use tokio::net::TcpListener;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;
use tonic::transport::Server;
use tonic::transport::server::TcpIncoming;
use tonic::{Request, Response, Status};

use wire::meters_microservice::meters_service_server as own;
use wire::meters_service_server as platform;

use query::{InvalidQuery, Query};
pub use recorded::{InvalidRecorded, Recorded, RecordedMeter};

/// The package under which the service is served. Calls to the other one get `UNIMPLEMENTED`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Package {
    /// `proto.MetersService`, as the platform's clients expect.
    Platform,
    /// `meters_microservice.MetersService`, as the Meters repository's own service.
    Own,
}

/// The service: recorded registers and a clock.
#[derive(Clone)]
pub struct MetersService {
    recorded: Arc<Recorded>,
    now: Arc<dyn Fn() -> Timestamp + Send + Sync>,
}

impl MetersService {
    /// Makes a service that lists every row up to `now`, which is called on each request. As it rises, readings arrive.
    pub fn new(
        recorded: impl Into<Arc<Recorded>>,
        now: impl Fn() -> Timestamp + Send + Sync + 'static,
    ) -> MetersService {
        MetersService { recorded: recorded.into(), now: Arc::new(now) }
    }

    fn retrieve(&self, filter: &wire::QueryMeters) -> Result<Response<wire::QueryResponse>, Status> {
        let query = Query::parse(filter, (self.now)())?;
        Ok(Response::new(query.answer(&self.recorded)))
    }
}

/// Uses the platform's codes: `ABORTED` if its database would refuse, `FAILED_PRECONDITION` if the request is invalid.
impl From<InvalidQuery> for Status {
    fn from(invalid: InvalidQuery) -> Status {
        match &invalid {
            InvalidQuery::Future { .. } => Status::aborted(invalid.to_string()),
            InvalidQuery::Start(_) | InvalidQuery::Skip(_) | InvalidQuery::Limit(_) => {
                Status::failed_precondition(invalid.to_string())
            }
        }
    }
}

#[tonic::async_trait]
impl platform::MetersService for MetersService {
    async fn retrieve_measurement(
        &self,
        request: Request<wire::QueryMeters>,
    ) -> Result<Response<wire::QueryResponse>, Status> {
        self.retrieve(request.get_ref())
    }

    async fn add_measurement(&self, _: Request<wire::MeterEntry>) -> Result<Response<wire::MeterResponse>, Status> {
        Err(Status::unimplemented("this Meters service only serves recorded readings"))
    }
}

#[tonic::async_trait]
impl own::MetersService for MetersService {
    async fn retrieve_measurement(
        &self,
        request: Request<wire::QueryMeters>,
    ) -> Result<Response<wire::QueryResponse>, Status> {
        self.retrieve(request.get_ref())
    }
}

/// A running service. It stops when this is dropped.
#[derive(Debug)]
pub struct Serving {
    address: SocketAddr,
    stop: oneshot::Sender<()>,
    server: JoinHandle<Result<(), tonic::transport::Error>>,
}

/// Why a service ended unexpectedly.
#[derive(Debug, thiserror::Error)]
pub enum ServingError {
    /// The transport failed.
    #[error("the Meters service failed")]
    Transport(#[from] tonic::transport::Error),
    /// The service's task panicked or was cancelled.
    #[error("the Meters service ended early")]
    Task(#[from] tokio::task::JoinError),
}

/// Serves on a listener, in plaintext, until the result is stopped or dropped. Must be called within a tokio runtime.
///
/// # Errors
/// If the listener has no local address.
pub fn serve(service: MetersService, package: Package, listener: TcpListener) -> io::Result<Serving> {
    let address = listener.local_addr()?;
    let incoming = TcpIncoming::from(listener).with_nodelay(Some(true));
    let (stop, stopped) = oneshot::channel::<()>();
    let mut server = Server::builder();
    let router = match package {
        Package::Platform => server.add_service(platform::MetersServiceServer::new(service)),
        Package::Own => server.add_service(own::MetersServiceServer::new(service)),
    };
    let server = tokio::spawn(router.serve_with_incoming_shutdown(incoming, async {
        // Stop if told to, and also if the sender is dropped.
        let _ = stopped.await;
    }));
    Ok(Serving { address, stop, server })
}

impl Serving {
    /// Returns the address on which the service listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Finishes the requests in progress, then stops.
    ///
    /// # Errors
    /// If the service failed in the meantime.
    pub async fn stop(self) -> Result<(), ServingError> {
        drop(self.stop);
        Ok(self.server.await??)
    }
}

#[cfg(test)]
mod tests;
