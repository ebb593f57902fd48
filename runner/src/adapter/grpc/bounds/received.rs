//! The body of a request: it comes in time, and there is room for it.

use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, ready};

use axum::body::{Body, Bytes};
use hyper::body::{Frame, SizeHint};
use tokio::time::{Sleep, sleep};
use tonic::Status;

use super::message::{Event, Excess, Messages, Most};
use super::{Bounds, PIECE};
use crate::adapter::grpc::ApiLimits;
use crate::ports::{Exchange, Holder, Place, Room, Visit};

/// Least weight of a message: what keeping it costs in addition.
const WEIGHT_MIN: usize = 1 << 10;

type Waiting<T> = Pin<Box<dyn Future<Output = T> + Send>>;

/// The room of a request's bytes. They are given back when the request is answered and its body is dropped.
#[derive(Clone)]
pub(super) struct Held(Arc<HeldParts>);

struct HeldParts {
    room: Arc<Room>,
    holder: Holder,
    exchange: Exchange,
    visit: Arc<Visit>,
    request: Arc<Place>,
    message: Mutex<Vec<Place>>,
}

/// A body that is being received.
pub(super) struct Received {
    body: Body,
    held: Held,
    limits: ApiLimits,
    messages: Messages,
    /// What has arrived and may not be passed on yet, and how much of it was looked at.
    arrived: Bytes,
    seen: usize,
    /// Waits for room for the message that begins there.
    room: Option<Waiting<Place>>,
    /// Whether the message that was looked at last is complete.
    complete: bool,
    /// When the next bytes must have come.
    late: Option<Pin<Box<Sleep>>>,
    /// Bytes since the caller was last said to move.
    moved: usize,
}

impl Held {
    fn places(&self) -> MutexGuard<'_, Vec<Place>> {
        self.0.message.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn each(&self, tell: impl Fn(&Place)) {
        tell(&self.0.request);
        self.places().iter().for_each(tell);
    }
}

impl Received {
    /// Room for the bytes of a request.
    pub(super) fn bytes(bounds: &Bounds, visit: &Arc<Visit>, exchange: &Exchange, request: &Arc<Place>) -> Held {
        Held(Arc::new(HeldParts {
            room: Arc::clone(&bounds.received),
            holder: visit.holder(),
            exchange: exchange.clone(),
            visit: Arc::clone(visit),
            request: Arc::clone(request),
            message: Mutex::default(),
        }))
    }

    pub(super) fn new(body: Body, held: Held, limits: ApiLimits) -> Received {
        let messages = Messages::new(Most { entries: limits.entries, bytes: limits.request_bytes });
        let (arrived, seen, complete, moved) = (Bytes::new(), 0, false, 0);
        Received { body, held, limits, messages, arrived, seen, room: None, complete, late: None, moved }
    }

    /// Looks at what has arrived, and waits for the room that it takes.
    fn poll_room(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Status>> {
        loop {
            if let Some(room) = &mut self.room {
                let place = ready!(room.as_mut().poll(cx));
                self.room = None;
                self.held.places().push(place);
                self.works();
            }
            let Some(unseen) = self.arrived.get(self.seen..).filter(|unseen| !unseen.is_empty()) else {
                return Poll::Ready(Ok(()));
            };
            let (read, event) = self.messages.read(unseen).map_err(|excess| self.refusal(excess))?;
            self.seen += read;
            self.complete = matches!(event, Some(Event::Ends(_)));
            match event {
                Some(Event::Begins(length)) => {
                    self.held.places().clear();
                    // What is longer is refused where it is decoded.
                    let length = usize::try_from(length).unwrap_or(usize::MAX);
                    self.room = Some(self.wait(length.min(self.limits.request_bytes)));
                }
                Some(Event::Ends(0)) | None => self.works(),
                Some(Event::Ends(unpacked)) => self.room = Some(self.wait(unpacked)),
            }
        }
    }

    /// Once a message is complete, the next step is ours.
    fn works(&self) {
        if self.complete {
            self.held.each(Place::works);
        }
    }

    fn refusal(&self, excess: Excess) -> Status {
        let ApiLimits { entries, request_bytes, .. } = self.limits;
        match excess {
            Excess::Entries => {
                Status::invalid_argument(format!("a message has more than {entries} entries (send them in several)"))
            }
            Excess::Bytes => Status::resource_exhausted(format!(
                "unpacked, a message has more than {request_bytes} bytes (send less at a time)"
            )),
        }
    }

    fn wait(&self, weight: usize) -> Waiting<Place> {
        let held = Arc::clone(&self.held.0);
        let weight = weight.max(WEIGHT_MIN);
        Box::pin(async move { held.room.wait(held.holder, weight, held.exchange.dropped()).await })
    }

    fn moves(&mut self, bytes: usize) {
        self.moved += bytes;
        if self.moved >= PIECE {
            self.moved = 0;
            self.held.0.visit.moves();
            self.held.each(Place::moves);
        }
    }

    /// Fails if the caller does not go on. Once it is answered, it may take its time: that has its own limits.
    fn poll_late(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Status>> {
        if self.held.0.exchange.is_sending() {
            self.late = None;
            return Poll::Pending;
        }
        let stall = self.limits.stall;
        ready!(self.late.get_or_insert_with(|| Box::pin(sleep(stall))).as_mut().poll(cx));
        let message = format!("nothing more of the request came within {stall:?} (send it without a pause)");
        Poll::Ready(Err(Status::deadline_exceeded(message)))
    }
}

impl hyper::body::Body for Received {
    type Data = Bytes;
    type Error = Status;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Status>>> {
        let this = &mut *self;
        loop {
            if !this.arrived.is_empty() {
                ready!(this.poll_room(cx))?;
                this.seen = 0;
                return Poll::Ready(Some(Ok(Frame::data(std::mem::take(&mut this.arrived)))));
            }
            let frame = match Pin::new(&mut this.body).poll_frame(cx) {
                Poll::Ready(Some(Ok(frame))) => frame,
                Poll::Ready(Some(Err(error))) => return Poll::Ready(Some(Err(Status::from_error(error.into())))),
                Poll::Ready(None) => return Poll::Ready(None),
                Poll::Pending => {
                    ready!(this.poll_late(cx))?;
                    return Poll::Pending;
                }
            };
            this.late = None;
            match frame.into_data() {
                Ok(data) => {
                    this.moves(data.len());
                    this.arrived = data;
                }
                Err(frame) => return Poll::Ready(Some(Ok(frame))),
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        self.arrived.is_empty() && self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
