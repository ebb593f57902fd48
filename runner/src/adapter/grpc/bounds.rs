//! Bounds on what requests cost: how many there are, and the memory of their bodies and answers.
//!
//! Whatever a request holds, it holds in a room of `ports` until it is given back: its place among all requests until the answer is
//! sent, the bytes of its body until it is answered, and the bytes of its answer until they are sent or dropped. A caller that stands
//! still makes way for others that want the room.

mod answer;
mod message;
mod received;

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::{Extensions, Response};
use axum::middleware::{Next, from_fn_with_state};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tonic::Status;
use tonic::service::Routes;

use super::{ALGORITHM_SERVICE, ApiLimits};
use crate::ports::{Exchange, Place, Room, Size, Visit};
use answer::Answer;
use received::Received;

/// A watch of our health, which has no end.
const WATCH: &str = "/grpc.health.v1.Health/Watch";
/// Part of the bytes in all that one address may have.
const ADDRESS_PART: usize = 2;
/// A piece of a body or answer. A caller that takes or sends so much has moved.
const PIECE: usize = 16 << 10;

/// The place of a request among all, which every request has as an extension.
#[derive(Clone)]
struct RequestPlace(Arc<Place>);

/// The bounds that both ports share.
#[derive(Clone)]
pub(super) struct Bounds {
    limits: ApiLimits,
    requests: Arc<Room>,
    watches: Arc<Room>,
    received: Arc<Room>,
    answers: Arc<Room>,
    /// Large answers that are being built, each of which takes tens of megabytes meanwhile.
    building: Arc<Semaphore>,
}

/// A turn to build a large answer and have it in memory.
#[derive(Clone)]
pub(super) struct Turn(Arc<TurnParts>);

struct TurnParts {
    place: Arc<Place>,
    building: Mutex<Option<OwnedSemaphorePermit>>,
    _of_connection: OwnedSemaphorePermit,
}

impl Bounds {
    pub(super) fn new(limits: ApiLimits) -> Bounds {
        let size = |total: usize, of_connection: usize| Size {
            total,
            of_address: (total / ADDRESS_PART).max(of_connection),
            of_connection,
            reserve: 0,
            patience: limits.patience,
        };
        // The number of requests of a connection is HTTP/2's to limit.
        let count = |total: usize| Room::new(size(total, total / ADDRESS_PART));
        Bounds {
            limits,
            requests: count(limits.requests),
            watches: count(limits.watches),
            // A message that is packed, and what it becomes.
            received: Room::new(size(limits.receiving_bytes, 2 * limits.request_bytes)),
            answers: Room::new(size(limits.sending_bytes, 2 * limits.answer_bytes)),
            building: Arc::new(Semaphore::new(limits.lists.max(1))),
        }
    }

    /// A turn to build an answer as large as answers may be. Waits for others; its response must carry it as an extension.
    pub(super) async fn turn(&self, request: &Extensions) -> Result<Turn, Status> {
        let visit = request.get::<Arc<Visit>>().ok_or_else(outside)?;
        let exchange = Exchange::current().ok_or_else(outside)?;
        let RequestPlace(request_place) = request.get().ok_or_else(outside)?;
        let stopping = |_| Status::unavailable("the market is stopping");
        // While it waits, it may make way.
        request_place.moves();
        let of_connection = visit.large_answers().acquire_owned().await.map_err(stopping)?;
        let place = self.answers.wait(visit.holder(), self.limits.answer_bytes, exchange.dropped()).await;
        place.works();
        // Last, so that nobody has a turn to build who cannot.
        let building = Arc::clone(&self.building).acquire_owned().await.map_err(stopping)?;
        request_place.works();
        let building = Mutex::new(Some(building));
        Ok(Turn(Arc::new(TurnParts { place: Arc::new(place), building, _of_connection: of_connection })))
    }

    /// How long an answer to this path may take to be sent; none for as long as it takes.
    fn sending_max(&self, path: &str) -> Option<Duration> {
        if path == WATCH {
            return None;
        }
        let is_about_algorithms = super::service_of(path) == ALGORITHM_SERVICE;
        Some(if is_about_algorithms { self.limits.download } else { self.limits.sending })
    }

    /// Answers a request within the bounds.
    async fn answer(&self, request: Request, next: Next) -> Result<Response<Body>, Status> {
        let visit = Arc::clone(request.extensions().get::<Arc<Visit>>().ok_or_else(outside)?);
        let exchange = Exchange::current().ok_or_else(outside)?;
        let room = if request.uri().path() == WATCH { &self.watches } else { &self.requests };
        let place = room.take(visit.holder(), 1, exchange.dropped()).ok_or_else(|| {
            Status::resource_exhausted("the market serves as many requests as it can at the moment (try again later)")
        })?;
        let place = Arc::new(place);
        let sending_max = self.sending_max(request.uri().path());
        let received = Received::bytes(self, &visit, &exchange, &place);
        let mut request = request.map(|body| Body::new(Received::new(body, received.clone(), self.limits)));
        request.extensions_mut().insert(RequestPlace(Arc::clone(&place)));
        let mut response = next.run(request).await;
        drop(received);
        place.moves();
        exchange.send(self.limits.stall, sending_max);
        let turn = response.extensions_mut().remove::<Turn>();
        let answers = Arc::clone(&self.answers);
        Ok(response.map(|body| Body::new(Answer::new(body, answers, visit, exchange, place, turn, self.limits.stall))))
    }
}

impl Turn {
    /// The answer is built.
    fn built(&self) {
        self.0.building.lock().unwrap_or_else(PoisonError::into_inner).take();
    }
}

fn outside() -> Status {
    Status::internal("a request came by no connection (this is a mistake in the market)")
}

/// The same services within the bounds.
pub(super) fn bounded(routes: Routes, bounds: Bounds) -> Routes {
    Routes::from(routes.into_axum_router().layer(from_fn_with_state(bounds, pass)))
}

async fn pass(State(bounds): State<Bounds>, request: Request, next: Next) -> Response<Body> {
    bounds.answer(request, next).await.unwrap_or_else(Status::into_http)
}
