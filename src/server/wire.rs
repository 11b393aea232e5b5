//! A connection's bytes, and the patience with whoever is at its other end.
//!
//! * A request's head must be complete within `header_timeout` of its first byte. hyper's own time-out begins when
//!   the previous answer ends, so it is the one of idle connections.
//! * While there is something to send, the reader takes at least `slow_reader_bytes` in every `slow_reader_period`.
//!   A paused player falls behind that too, and asks for the rest when it goes on.
//! * What a client still sends after our last word is read and thrown away for a moment: closed before it is read,
//!   the connection would be reset, and our last word lost with it.

use std::io::{self, IoSlice};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio::time::{Instant, Sleep, sleep};

use super::talk::{Stage, Talk};

/// How long, and how much, a client may go on sending to a connection that is closing.
const LINGER: Duration = Duration::from_millis(500);
const LINGER_BYTES_MAX: usize = 1 << 20;
const LINGER_BUFFER_BYTES: usize = 16 * 1024;

#[derive(Debug, Clone, Copy)]
pub(super) struct Patience {
    pub(super) header_timeout: Duration,
    pub(super) slow_reader_period: Duration,
    pub(super) slow_reader_bytes: usize,
}

pub(super) struct Wire {
    stream: TcpStream,
    talk: Arc<Talk>,
    patience: Patience,
    head: Alarm,
    /// Set while the socket does not take what we have.
    behind: Alarm,
    taken_bytes: usize,
    linger: Alarm,
    lingered_bytes: usize,
}

impl Wire {
    pub(super) fn new(stream: TcpStream, talk: Arc<Talk>, patience: Patience) -> Self {
        Self {
            stream,
            talk,
            patience,
            head: Alarm::default(),
            behind: Alarm::default(),
            taken_bytes: 0,
            linger: Alarm::default(),
            lingered_bytes: 0,
        }
    }

    /// Judges the pace of the reader at each attempt to write.
    fn paced(
        &mut self,
        context: &mut Context<'_>,
        written: Poll<io::Result<usize>>,
    ) -> Poll<io::Result<usize>> {
        match written {
            Poll::Ready(Ok(bytes)) => {
                self.taken_bytes = self.taken_bytes.saturating_add(bytes);
                if self.taken_bytes >= self.patience.slow_reader_bytes {
                    self.behind.clear();
                }
                Poll::Ready(Ok(bytes))
            }
            Poll::Ready(Err(error)) => Poll::Ready(Err(error)),
            Poll::Pending => {
                if !self.behind.is_set() {
                    self.taken_bytes = 0;
                    self.behind.set(self.patience.slow_reader_period);
                }
                ready!(self.behind.poll(context));
                tracing::debug!(taken_bytes = self.taken_bytes, "a slow reader is cut");
                Poll::Ready(Err(timed_out("the reader is too slow")))
            }
        }
    }
}

impl AsyncRead for Wire {
    fn poll_read(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let wire = self.get_mut();
        let before = buffer.filled().len();
        match Pin::new(&mut wire.stream).poll_read(context, buffer) {
            Poll::Ready(Ok(())) => {
                let came = buffer.filled().len() > before;
                if came && matches!(wire.talk.stage(), Stage::Silent | Stage::Idle) {
                    wire.talk.enter(Stage::Head);
                    wire.head.set(wire.patience.header_timeout);
                }
                Poll::Ready(Ok(()))
            }
            Poll::Ready(Err(error)) => Poll::Ready(Err(error)),
            Poll::Pending => {
                if wire.talk.stage() != Stage::Head {
                    return Poll::Pending;
                }
                ready!(wire.head.poll(context));
                Poll::Ready(Err(timed_out("the request's head does not end")))
            }
        }
    }
}

impl AsyncWrite for Wire {
    fn poll_write(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let wire = self.get_mut();
        let written = Pin::new(&mut wire.stream).poll_write(context, bytes);
        wire.paced(context, written)
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let wire = self.get_mut();
        let written = Pin::new(&mut wire.stream).poll_write_vectored(context, slices);
        wire.paced(context, written)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    /// Asked for only when the socket has taken all there was.
    fn poll_flush(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let wire = self.get_mut();
        wire.behind.clear();
        if wire.talk.stage() == Stage::Flushing {
            wire.talk.enter(Stage::Idle);
        }
        Pin::new(&mut wire.stream).poll_flush(context)
    }

    fn poll_shutdown(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let wire = self.get_mut();
        if !wire.linger.is_set() {
            wire.talk.enter(Stage::Closing);
            ready!(Pin::new(&mut wire.stream).poll_shutdown(context))?;
            wire.linger.set(LINGER);
        }
        let mut rest = [0; LINGER_BUFFER_BYTES];
        while wire.lingered_bytes < LINGER_BYTES_MAX {
            let mut buffer = ReadBuf::new(&mut rest);
            match Pin::new(&mut wire.stream).poll_read(context, &mut buffer) {
                Poll::Ready(Ok(())) if !buffer.filled().is_empty() => {
                    wire.lingered_bytes += buffer.filled().len();
                }
                Poll::Ready(Ok(()) | Err(_)) => return Poll::Ready(Ok(())),
                Poll::Pending => {
                    ready!(wire.linger.poll(context));
                    return Poll::Ready(Ok(()));
                }
            }
        }
        Poll::Ready(Ok(()))
    }
}

/// A timer that is often set and seldom rings.
#[derive(Default)]
struct Alarm {
    sleep: Option<Pin<Box<Sleep>>>,
    set: bool,
}

impl Alarm {
    fn set(&mut self, after: Duration) {
        match &mut self.sleep {
            Some(sleep) => sleep.as_mut().reset(Instant::now() + after),
            None => self.sleep = Some(Box::pin(sleep(after))),
        }
        self.set = true;
    }

    const fn is_set(&self) -> bool {
        self.set
    }

    const fn clear(&mut self) {
        self.set = false;
    }

    /// Never ready while it is not set.
    fn poll(&mut self, context: &mut Context<'_>) -> Poll<()> {
        match &mut self.sleep {
            Some(sleep) if self.set => sleep.as_mut().poll(context),
            Some(_) | None => Poll::Pending,
        }
    }
}

fn timed_out(what: &'static str) -> io::Error {
    io::Error::new(io::ErrorKind::TimedOut, what)
}
