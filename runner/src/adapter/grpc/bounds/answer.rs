//! The body of an answer: in pieces, so that it is known how much its receiver has taken, and in memory for only so long.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use axum::body::{Body, Bytes};
use hyper::body::{Body as _, Frame};

use super::{PIECE, Turn};
use crate::ports::{Exchange, Place, Room, Visit};

/// Least weight of a chunk: what keeping it costs in addition.
const CHUNK_MIN: usize = 1 << 10;
/// Weight of a chunk whose last piece is handed over.
const LEFT: usize = 2 * PIECE;

/// An answer that is being sent.
pub(super) struct Answer {
    body: Body,
    room: Arc<Room>,
    visit: Arc<Visit>,
    exchange: Exchange,
    request: Arc<Place>,
    /// A turn that was taken to build the answer. It lasts until the answer is sent.
    turn: Option<Turn>,
    /// How long the connection may take for what is left of the answer in its buffer.
    stall: Duration,
    /// The room of that turn, until there is a chunk.
    reserved: Option<Arc<Place>>,
    chunk: Chunk,
    /// What comes after the chunk, if that is known.
    next: Option<Frame<Bytes>>,
    /// The room of the chunk whose pieces were handed over last.
    handed_over: Option<Arc<Place>>,
}

enum Chunk {
    None,
    /// There is no room for it yet.
    Waiting(Bytes, Pin<Box<dyn Future<Output = Place> + Send>>),
    Sending(Bytes, Arc<Place>),
}

/// A piece on its way. Its chunk's room is given back when the last piece is written or dropped.
struct Piece {
    bytes: Vec<u8>,
    _place: Arc<Place>,
}

impl AsRef<[u8]> for Piece {
    fn as_ref(&self) -> &[u8] {
        &self.bytes
    }
}

impl Answer {
    pub(super) fn new(
        body: Body,
        room: Arc<Room>,
        visit: Arc<Visit>,
        exchange: Exchange,
        request: Arc<Place>,
        turn: Option<Turn>,
        stall: Duration,
    ) -> Answer {
        let reserved = turn.as_ref().map(|turn| Arc::clone(&turn.0.place));
        let (chunk, next, handed_over) = (Chunk::None, None, None);
        Answer { body, room, visit, exchange, request, turn, stall, reserved, chunk, next, handed_over }
    }

    /// The next piece of the chunk. It is copied, because a part of a chunk would keep all of it in memory.
    fn piece(&mut self, mut chunk: Bytes, place: Arc<Place>) -> Frame<Bytes> {
        let piece = chunk.split_to(chunk.len().min(PIECE));
        let frame = Frame::data(Bytes::from_owner(Piece { bytes: piece.to_vec(), _place: Arc::clone(&place) }));
        place.moves();
        self.request.moves();
        self.visit.moves();
        self.exchange.hands_over();
        if chunk.is_empty() {
            place.shrink(LEFT);
            self.handed_over = Some(place);
        } else {
            self.chunk = Chunk::Sending(chunk, place);
        }
        frame
    }

    /// Puts a chunk where there is room for it.
    fn hold(&mut self, chunk: Bytes, cx: &mut Context<'_>) -> Chunk {
        if let Some(place) = self.reserved.take() {
            let chunk = self.alone(chunk, cx);
            place.shrink(chunk.len().max(CHUNK_MIN));
            return Chunk::Sending(chunk, place);
        }
        let (weight, holder) = (chunk.len().max(CHUNK_MIN), self.visit.holder());
        let (room, dropped) = (Arc::clone(&self.room), self.exchange.dropped());
        Chunk::Waiting(chunk, Box::pin(async move { room.wait(holder, weight, dropped).await }))
    }

    /// The chunk without the buffer that it was encoded in, which is larger, if it is the whole answer.
    fn alone(&mut self, chunk: Bytes, cx: &mut Context<'_>) -> Bytes {
        if let Some(turn) = &self.turn {
            turn.built();
        }
        let Poll::Ready(Some(Ok(next))) = Pin::new(&mut self.body).poll_frame(cx) else { return chunk };
        let is_whole = next.is_trailers();
        self.next = Some(next);
        if !is_whole {
            return chunk;
        }
        self.body = Body::empty();
        Bytes::copy_from_slice(&chunk)
    }

    fn poll_next(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        match self.next.take() {
            Some(next) => Poll::Ready(Some(Ok(next))),
            None => Pin::new(&mut self.body).poll_frame(cx),
        }
    }
}

impl Drop for Answer {
    /// What is left lies in the connection's buffer, where only the end of the connection takes it away.
    fn drop(&mut self) {
        if let Some(place) = &self.handed_over {
            place.hand_over(self.visit.out().clone(), self.stall);
        }
    }
}

impl hyper::body::Body for Answer {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        let this = &mut *self;
        loop {
            match std::mem::replace(&mut this.chunk, Chunk::None) {
                Chunk::Sending(chunk, place) => return Poll::Ready(Some(Ok(this.piece(chunk, place)))),
                Chunk::Waiting(chunk, mut room) => match room.as_mut().poll(cx) {
                    Poll::Ready(place) => this.chunk = Chunk::Sending(chunk, Arc::new(place)),
                    Poll::Pending => {
                        this.chunk = Chunk::Waiting(chunk, room);
                        this.exchange.has_nothing_to_send();
                        return Poll::Pending;
                    }
                },
                Chunk::None => {
                    let Poll::Ready(frame) = this.poll_next(cx) else {
                        this.exchange.has_nothing_to_send();
                        return Poll::Pending;
                    };
                    match frame.transpose()?.map(Frame::into_data) {
                        None => return Poll::Ready(None),
                        Some(Ok(data)) if data.is_empty() => {}
                        Some(Ok(data)) => this.chunk = this.hold(data, cx),
                        Some(Err(trailers)) => return Poll::Ready(Some(Ok(trailers))),
                    }
                }
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        matches!(self.chunk, Chunk::None) && self.next.is_none() && self.body.is_end_stream()
    }
}
