//! A connection's bytes, and the patience with whoever is at its other end.
//!
//! * A connection may wait for a request for `idle_timeout`, and the request's head must be complete within
//!   `header_timeout` of its first bytes. hyper's own time-out would be a timer made and thrown away at each request.
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
use tokio::time::{Instant, Sleep, sleep_until};

use super::talk::{Stage, Talk};

/// How long, and how much, a client may go on sending to a connection that is closing.
const LINGER: Duration = Duration::from_millis(500);
const LINGER_BYTES_MAX: usize = 1 << 20;
const LINGER_BUFFER_BYTES: usize = 16 * 1024;
/// A head and a small body are sent as one.
const TOGETHER_BYTES_MAX: usize = 2 * 1024;

#[derive(Debug, Clone, Copy)]
pub(super) struct Patience {
    pub(super) idle_timeout: Duration,
    pub(super) header_timeout: Duration,
    pub(super) slow_reader_period: Duration,
    pub(super) slow_reader_bytes: usize,
}

pub(super) struct Wire {
    stream: TcpStream,
    talk: Arc<Talk>,
    patience: Patience,
    idle: Alarm,
    head: Alarm,
    /// Set while the socket does not take what we have.
    behind: Alarm,
    taken_bytes: usize,
    linger: Alarm,
    lingered_bytes: usize,
}

impl Wire {
    pub(super) fn new(stream: TcpStream, talk: Arc<Talk>, patience: Patience) -> Self {
        let mut idle = Alarm::default();
        idle.set(Instant::now() + patience.idle_timeout);
        Self {
            stream,
            talk,
            patience,
            idle,
            head: Alarm::default(),
            behind: Alarm::default(),
            taken_bytes: 0,
            linger: Alarm::default(),
            lingered_bytes: 0,
        }
    }

    /// For as long as a client may let us wait.
    fn wait(&mut self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.talk.stage() {
            Stage::Silent | Stage::Idle => {
                ready!(self.idle.poll(context));
                Poll::Ready(Err(timed_out("no request comes")))
            }
            Stage::Head => {
                // Most heads come whole, and need no alarm.
                if !self.head.is_set() {
                    self.head.set(Instant::now() + self.patience.header_timeout);
                }
                ready!(self.head.poll(context));
                Poll::Ready(Err(timed_out("the request's head does not end")))
            }
            Stage::Answering | Stage::Sending | Stage::Flushing | Stage::Closing => Poll::Pending,
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
                    self.behind.set(Instant::now() + self.patience.slow_reader_period);
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
                    wire.head.clear();
                }
                Poll::Ready(Ok(()))
            }
            Poll::Ready(Err(error)) => Poll::Ready(Err(error)),
            Poll::Pending => wire.wait(context),
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
        let stream = Pin::new(&mut wire.stream);
        let bytes = slices.iter().fold(0_usize, |sum, slice| sum.saturating_add(slice.len()));
        let written = match slices {
            [slice] => stream.poll_write(context, slice),
            // Less is copied here than the system would look at for a list.
            _ if bytes <= TOGETHER_BYTES_MAX => {
                let (mut together, mut end) = ([0; TOGETHER_BYTES_MAX], 0);
                for slice in slices {
                    together[end..end + slice.len()].copy_from_slice(slice);
                    end += slice.len();
                }
                stream.poll_write(context, &together[..end])
            }
            _ => stream.poll_write_vectored(context, slices),
        };
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
            let now = Instant::now();
            wire.talk.rest(now);
            wire.idle.set(now + wire.patience.idle_timeout);
        }
        Pin::new(&mut wire.stream).poll_flush(context)
    }

    fn poll_shutdown(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let wire = self.get_mut();
        if !wire.linger.is_set() {
            wire.talk.enter(Stage::Closing);
            ready!(Pin::new(&mut wire.stream).poll_shutdown(context))?;
            wire.linger.set(Instant::now() + LINGER);
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

/// A timer that is often set and seldom rings: setting it costs nothing, and it is looked at when it may ring.
///
/// For one task: whoever polls it first is woken.
#[derive(Default)]
struct Alarm {
    rings_at: Option<Instant>,
    /// Of some earlier setting, perhaps.
    sleep: Option<Pin<Box<Sleep>>>,
    /// Whether whoever waits would be woken by it.
    watched: bool,
}

impl Alarm {
    const fn set(&mut self, rings_at: Instant) {
        self.rings_at = Some(rings_at);
    }

    const fn is_set(&self) -> bool {
        self.rings_at.is_some()
    }

    const fn clear(&mut self) {
        self.rings_at = None;
    }

    /// Never ready while it is not set.
    fn poll(&mut self, context: &mut Context<'_>) -> Poll<()> {
        let Some(rings_at) = self.rings_at else { return Poll::Pending };
        let sleep = self.sleep.get_or_insert_with(|| Box::pin(sleep_until(rings_at)));
        if sleep.deadline() > rings_at {
            sleep.as_mut().reset(rings_at);
            self.watched = false;
        }
        if self.watched && !sleep.is_elapsed() {
            return Poll::Pending;
        }
        while sleep.as_mut().poll(context).is_ready() {
            if sleep.deadline() >= rings_at {
                self.watched = false;
                return Poll::Ready(());
            }
            sleep.as_mut().reset(rings_at);
        }
        self.watched = true;
        Poll::Pending
    }
}

fn timed_out(what: &'static str) -> io::Error {
    io::Error::new(io::ErrorKind::TimedOut, what)
}
