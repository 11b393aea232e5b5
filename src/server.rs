//! Connections: who is let in, how long they may take, and how they are let go.
//!
//! HTTP/1.1 only. Browsers speak HTTP/2 with TLS alone, and that ends at the proxy in front of us, which speaks 1.1 to
//! what is behind it: HTTP/2 here would serve nobody, and bring its own ways to be flooded.
//!
//! Invariant: everything a client can do without credentials has a bound: connections, the size and the time of a
//! request's head, idleness, and the pace of a reader. Past the bound of connections, idle ones make room; where none
//! is idle, the newcomer is answered 503, since one that waits in the backlog could not tell us from a dead service.

mod connection;
mod crowd;
mod descriptors;
mod listening;
mod seldom;
mod service_manager;
mod talk;
mod wire;

use std::future::pending;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::http::Request;
use axum::response::Response;
use futures_util::FutureExt;
use hyper::body::Incoming;
use tokio::net::TcpStream;
use tokio::sync::Semaphore;
use tokio::time::sleep;
use tokio_util::sync::{CancellationToken, DropGuard};
use tokio_util::task::{AbortOnDropHandle, TaskTracker};

pub use crowd::Counts;
use crowd::Crowd;
pub use listening::{Inherited, Listening};
pub use service_manager::{News, tell};
use wire::Patience;

/// After an error that is ours: there are no descriptors, or there is no memory.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);
/// Those for whom there is no room and who are being told so; more are hung up on.
const REFUSALS_MAX: usize = 64;
const QUIET_PAUSE: Duration = Duration::from_millis(5);

/// The bounds, as configured.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    pub connections_max: usize,
    pub header_bytes_max: usize,
    pub header_timeout: Duration,
    pub idle_timeout: Duration,
    pub slow_reader_period: Duration,
    pub slow_reader_bytes: usize,
}

/// Answers what can be answered without waiting for anything. `None` has done nothing, and leaves it to the router.
pub type AtOnce = Box<dyn Fn(&Request<Incoming>) -> Option<Response> + Send + Sync>;

/// What is served, and to whom it says so.
pub struct Offer {
    pub router: Router,
    /// Tried before it.
    pub at_once: AtOnce,
    /// What somebody hears for whom there is no room.
    pub refusal: fn() -> Response,
    /// Where it is counted who comes.
    pub counts: Arc<Counts>,
    /// Cancelled when this process has been asked to stop: from then on clients are told to come on another
    /// connection next time.
    pub stopping: CancellationToken,
    /// Cancelled to accept nobody any more.
    pub closing: CancellationToken,
}

pub struct Server {
    crowd: Arc<Crowd>,
    accepting: AbortOnDropHandle<()>,
    connections: TaskTracker,
    closing: CancellationToken,
    _cut: DropGuard,
}

struct Shared {
    router: Router,
    at_once: AtOnce,
    refusal: fn() -> Response,
    stopping: CancellationToken,
    closing: CancellationToken,
    /// Cancelled to end every connection, whatever it is doing.
    cut: CancellationToken,
    limits: Limits,
}

impl Server {
    pub fn start(listening: Listening, offer: Offer, limits: Limits) -> Self {
        let Offer { router, at_once, refusal, counts, stopping, closing } = offer;
        let crowd = Crowd::of_at_most(descriptors::provide_for(limits.connections_max), counts);
        let cut = CancellationToken::new();
        let shared = Shared {
            router,
            at_once,
            refusal,
            stopping,
            closing: closing.clone(),
            cut: cut.clone(),
            limits,
        };
        let connections = TaskTracker::new();
        let door = Door {
            crowd: Arc::clone(&crowd),
            connections: connections.clone(),
            shared: Arc::new(shared),
            refusals: Arc::new(Semaphore::new(REFUSALS_MAX)),
        };
        let accepting = AbortOnDropHandle::new(tokio::spawn(door.accept(listening)));
        Self { crowd, accepting, connections, closing, _cut: cut.drop_guard() }
    }

    /// Accepts nobody any more. Whoever had connected by now is still served.
    pub async fn close(&mut self) {
        self.closing.cancel();
        if let Err(error) = (&mut self.accepting).await {
            tracing::error!(%error, "accepting ended badly");
        }
        self.connections.close();
    }

    /// Returns when no request is being handled, and none will be; answers may still be on their way.
    pub async fn quiet(&self) {
        while !self.crowd.is_quiet() {
            sleep(QUIET_PAUSE).await;
        }
    }

    /// Returns when everybody has left.
    pub async fn empty(&self) {
        self.connections.wait().await;
    }

    pub fn connected(&self) -> usize {
        self.crowd.len()
    }

    /// Returns when nobody can connect any more, though nobody closed the door.
    pub async fn failed(&mut self) -> tokio::task::JoinError {
        match (&mut self.accepting).await {
            Err(error) => error,
            Ok(()) => pending().await,
        }
    }
}

impl Limits {
    const fn patience(&self) -> Patience {
        Patience {
            idle_timeout: self.idle_timeout,
            header_timeout: self.header_timeout,
            slow_reader_period: self.slow_reader_period,
            slow_reader_bytes: self.slow_reader_bytes,
        }
    }
}

struct Door {
    crowd: Arc<Crowd>,
    connections: TaskTracker,
    shared: Arc<Shared>,
    refusals: Arc<Semaphore>,
}

impl Door {
    async fn accept(self, listening: Listening) {
        let socket = listening.socket;
        loop {
            let accepted = tokio::select! {
                biased;
                () = self.shared.closing.cancelled() => break,
                accepted = socket.accept() => accepted,
            };
            if let Err(error) = self.let_in(accepted) {
                tracing::warn!(%error, connected = self.crowd.len(), "nobody can be accepted just now");
                self.crowd.make_room();
                sleep(ACCEPT_PAUSE).await;
            }
        }
        // Those who wait at a socket that goes with us are lost otherwise; at an inherited one a successor finds them.
        while listening.is_ours
            && let Some(accepted) = socket.accept().now_or_never()
        {
            if self.let_in(accepted).is_err() {
                break;
            }
        }
    }

    /// Fails where the fault is ours, not the client's.
    fn let_in(&self, accepted: io::Result<(TcpStream, SocketAddr)>) -> io::Result<()> {
        let stream = match accepted {
            Ok((stream, _)) => stream,
            Err(error) if is_of_the_client(&error) => return Ok(()),
            Err(error) => return Err(error),
        };
        if let Err(error) = stream.set_nodelay(true) {
            tracing::debug!(%error, "a connection stays with Nagle's algorithm");
        }
        let shared = Arc::clone(&self.shared);
        if let Some(place) = self.crowd.enter() {
            self.connections.spawn(connection::serve(stream, place, shared));
        } else if let Ok(permit) = Arc::clone(&self.refusals).try_acquire_owned() {
            self.connections.spawn(async move {
                connection::refuse(stream, shared).await;
                drop(permit);
            });
        }
        Ok(())
    }
}

/// It went away before it was accepted.
fn is_of_the_client(error: &io::Error) -> bool {
    use io::ErrorKind::{ConnectionAborted, ConnectionRefused, ConnectionReset};
    matches!(error.kind(), ConnectionAborted | ConnectionRefused | ConnectionReset)
}
