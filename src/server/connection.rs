//! One connection, from its first byte to its last.

use std::convert::Infallible;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use axum::body::Body;
use axum::http::{HeaderValue, Request, Response, StatusCode, header};
use bytes::Bytes;
use hyper::body::{Frame, Incoming, SizeHint};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;
use tokio::time::timeout;
use tower::ServiceExt;

use super::crowd::Place;
use super::seldom::Seldom;
use super::talk::{Stage, Talk};
use super::wire::Wire;
use super::{Limits, Shared};

/// How long a connection that is open when the door closes may still bring a request: one that is on its way is
/// answered, and nobody else holds up the successor.
const LAST_REQUEST_GRACE: Duration = Duration::from_millis(100);
/// How long somebody for whom there is no room may take to ask, and to hear so.
const REFUSAL_TIMEOUT: Duration = Duration::from_secs(2);

/// Ends when the client, the time-outs, the crowd or the closing door end the connection.
pub(super) async fn serve(stream: TcpStream, place: Place, shared: Arc<Shared>) {
    let talk = Arc::clone(&place.talk);
    let wire = Wire::new(stream, Arc::clone(&talk), shared.limits.patience());
    let stopping = AtomicBool::new(false);
    let answer =
        service_fn(|request: Request<Incoming>| answer(request, &talk, &shared, &stopping));
    let mut connection =
        pin!(protocol(&shared.limits).serve_connection(TokioIo::new(wire), answer));
    let mut asked_to_stop = Seldom::new(shared.stopping.cancelled());
    let mut leaving = false;
    let mut summons = Seldom::new(summons(&talk, &shared, leaving));
    loop {
        tokio::select! {
            biased;
            // First, so that whoever asks after that hears of it.
            () = &mut asked_to_stop, if !stopping.load(Ordering::Relaxed) => {
                stopping.store(true, Ordering::Relaxed);
            }
            ended = connection.as_mut() => {
                if let Err(error) = ended {
                    tracing::debug!(%error, "a connection ended early");
                }
                break;
            }
            summoned = &mut summons => {
                if summoned == Summons::Cut || talk.stage().may_leave() {
                    break;
                }
                match summoned {
                    Summons::Cut => break,
                    Summons::MakeRoom => talk.stay(),
                    Summons::DoorClosed => {
                        leaving = true;
                        connection.as_mut().graceful_shutdown();
                    }
                }
                summons = Seldom::new(self::summons(&talk, &shared, leaving));
            }
        }
    }
}

/// Why a connection should end, whatever its client wants.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Summons {
    Cut,
    MakeRoom,
    DoorClosed,
}

async fn summons(talk: &Talk, shared: &Shared, leaving: bool) -> Summons {
    let door_closed = async {
        shared.closing.cancelled().await;
        if talk.stage().may_leave() {
            tokio::time::sleep(LAST_REQUEST_GRACE).await;
        }
    };
    tokio::select! {
        biased;
        () = shared.cut.cancelled() => Summons::Cut,
        () = talk.asked_to_leave() => Summons::MakeRoom,
        () = door_closed, if !leaving => Summons::DoorClosed,
    }
}

/// For somebody for whom there is no room.
pub(super) async fn refuse(stream: TcpStream, shared: Arc<Shared>) {
    let talk = Arc::new(Talk::new());
    let wire = Wire::new(stream, talk, shared.limits.patience());
    let answer = service_fn(|_: Request<Incoming>| {
        let mut response = (shared.refusal)();
        response.headers_mut().insert(header::CONNECTION, CLOSE);
        async { Ok::<_, Infallible>(response) }
    });
    let connection = protocol(&shared.limits).serve_connection(TokioIo::new(wire), answer);
    let _ = timeout(REFUSAL_TIMEOUT, connection).await;
}

fn protocol(limits: &Limits) -> http1::Builder {
    let mut protocol = http1::Builder::new();
    // The wire keeps time.
    protocol
        .header_read_timeout(None)
        .max_header_size(limits.header_bytes_max)
        .max_buf_size(limits.header_bytes_max);
    protocol
}

const CLOSE: HeaderValue = HeaderValue::from_static("close");

async fn answer(
    request: Request<Incoming>,
    talk: &Arc<Talk>,
    shared: &Shared,
    stopping: &AtomicBool,
) -> Result<Response<Sent>, Infallible> {
    talk.enter(Stage::Answering);
    let mut response = match (shared.at_once)(&request) {
        Some(response) => response,
        None => route(request, shared).await,
    };
    // A client that leaves by itself is not surprised by a connection that ends while it asks.
    if stopping.load(Ordering::Relaxed) {
        response.headers_mut().insert(header::CONNECTION, CLOSE);
    }
    talk.enter(Stage::Sending);
    Ok(response.map(|body| Sent { body, talk: Arc::clone(talk) }))
}

async fn route(request: Request<Incoming>, shared: &Shared) -> Response<Body> {
    let response = shared.router.clone().oneshot(request.map(Body::new)).await;
    let mut response = response.unwrap_or_else(|never| match never {});
    // The router counts the body, which is none; the header speaks of what the client has (RFC 9110 §8.6).
    if response.status() == StatusCode::NOT_MODIFIED {
        response.headers_mut().remove(header::CONTENT_LENGTH);
    }
    response
}

/// An answer's body, which says when there is no more of it.
struct Sent {
    body: Body,
    talk: Arc<Talk>,
}

impl hyper::body::Body for Sent {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        Pin::new(&mut self.body).poll_frame(context)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

impl Drop for Sent {
    fn drop(&mut self) {
        self.talk.enter(Stage::Flushing);
    }
}
