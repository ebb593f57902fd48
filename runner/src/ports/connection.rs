//! The bytes of a connection, with limits on how long nothing moves.

use std::io;
use std::pin::Pin;
use std::sync::{Arc, OnceLock};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::{Sleep, sleep};

/// Whether the first bytes of a connection came in time; nothing as long as that may be.
pub(super) type Beginning = Arc<OnceLock<Began>>;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Began {
    InTime,
    Late,
}

/// An open connection.
pub(super) struct Connection<IO> {
    io: IO,
    beginning: Beginning,
    /// The deadline of the first bytes, until they have arrived.
    opening: Option<Pin<Box<Sleep>>>,
    first_bytes: usize,
    /// How long the other side may read nothing.
    stall: Duration,
    stalled: Option<Pin<Box<Sleep>>>,
}

impl<IO> Connection<IO> {
    /// A connection that must begin with so many bytes in time.
    pub(super) fn new(io: IO, first_bytes: usize, opening: Duration, stall: Duration) -> Connection<IO> {
        let (opening, beginning) = (Some(Box::pin(sleep(opening))), Beginning::default());
        Connection { io, beginning, opening, first_bytes, stall, stalled: None }
    }

    /// How it begins, also when it is over.
    pub(super) fn beginning(&self) -> Beginning {
        Arc::clone(&self.beginning)
    }

    /// Fails if the first bytes are late.
    fn poll_late(&mut self, cx: &mut Context<'_>) -> io::Result<()> {
        match self.opening.as_mut().map(|opening| opening.as_mut().poll(cx)) {
            Some(Poll::Ready(())) => {
                self.beginning.get_or_init(|| Began::Late);
                Err(io::Error::new(io::ErrorKind::TimedOut, "the caller sends nothing"))
            }
            Some(Poll::Pending) | None => Ok(()),
        }
    }

    /// Fails if nothing was written for too long.
    fn in_time<T>(&mut self, cx: &mut Context<'_>, written: Poll<io::Result<T>>) -> Poll<io::Result<T>> {
        if written.is_ready() {
            self.stalled = None;
            return written;
        }
        let stall = self.stall;
        ready!(self.stalled.get_or_insert_with(|| Box::pin(sleep(stall))).as_mut().poll(cx));
        Poll::Ready(Err(io::Error::new(io::ErrorKind::TimedOut, "the caller reads nothing")))
    }
}

impl<IO: AsyncRead + Unpin> AsyncRead for Connection<IO> {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        self.poll_late(cx)?;
        let before = buffer.filled().len();
        ready!(Pin::new(&mut self.io).poll_read(cx, buffer))?;
        if self.opening.is_some() {
            self.first_bytes = self.first_bytes.saturating_sub(buffer.filled().len() - before);
            if self.first_bytes == 0 {
                self.opening = None;
                self.beginning.get_or_init(|| Began::InTime);
            }
        }
        Poll::Ready(Ok(()))
    }
}

impl<IO: AsyncWrite + Unpin> AsyncWrite for Connection<IO> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.io).poll_write(cx, bytes);
        self.in_time(cx, written)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.io).poll_write_vectored(cx, slices);
        self.in_time(cx, written)
    }

    fn is_write_vectored(&self) -> bool {
        self.io.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let flushed = Pin::new(&mut self.io).poll_flush(cx);
        self.in_time(cx, flushed)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let ended = Pin::new(&mut self.io).poll_shutdown(cx);
        self.in_time(cx, ended)
    }
}
