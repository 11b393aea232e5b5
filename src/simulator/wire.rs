//! HTTP/1.1 by hand, because a decent server cannot be made to lie: it reads requests, has the router answer them,
//! and writes the answers as their `Manner` says.
//!
//! One request at a time per connection; bodies are in memory. Every wait has a bound.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::extract::Request;
use axum::http::{HeaderName, HeaderValue, Method, header};
use axum::response::Response;
use bytes::{Buf, Bytes, BytesMut};
use tokio::io::AsyncReadExt;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::{sleep, timeout};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tower::ServiceExt;

use super::delivery::{Sent, deliver};

const CONNECTIONS_MAX: usize = 1_024;
const REQUEST_HEAD_BYTES_MAX: usize = 16 * 1_024;
/// What OpenAI takes, and a little more.
const REQUEST_BODY_BYTES_MAX: usize = 26 * 1_024 * 1_024;
/// What is more than that and not more than this is taken from the client, so that it hears the answer.
const REQUEST_BYTES_DROPPED_MAX: usize = 256 * 1_024 * 1_024;
const RESPONSE_BYTES_MAX: usize = 256 * 1_024 * 1_024;
const IDLE_MAX: Duration = Duration::from_mins(1);
/// Out of sockets or the like: do not spin.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

/// Travels with a request whose body was too long to be kept.
#[derive(Debug, Clone)]
pub(super) struct Unread;

/// Serves until told to stop; then every connection ends at once.
pub(super) async fn serve(listener: TcpListener, router: Router, stop: CancellationToken) {
    let connections = TaskTracker::new();
    let places = Arc::new(Semaphore::new(CONNECTIONS_MAX));
    loop {
        let accepted = tokio::select! {
            accepted = accept(&listener, &places) => accepted,
            () = stop.cancelled() => break,
        };
        let Ok((stream, place)) = accepted else {
            sleep(ACCEPT_PAUSE).await;
            continue;
        };
        let (router, stop) = (router.clone(), stop.clone());
        connections.spawn(async move {
            tokio::select! {
                // A client that leaves or talks nonsense concerns nobody else.
                _ = converse(stream, router) => {}
                () = stop.cancelled() => {}
            }
            drop(place);
        });
    }
    connections.close();
    connections.wait().await;
}

/// The next connection, once there is a place for it.
async fn accept(
    listener: &TcpListener,
    places: &Arc<Semaphore>,
) -> io::Result<(TcpStream, OwnedSemaphorePermit)> {
    let place = Arc::clone(places).acquire_owned().await.map_err(io::Error::other)?;
    let (stream, _) = listener.accept().await?;
    Ok((stream, place))
}

async fn converse(mut stream: TcpStream, router: Router) -> io::Result<()> {
    stream.set_nodelay(true)?;
    let mut arrived = BytesMut::new();
    loop {
        let read = timeout(IDLE_MAX, read_request(&mut stream, &mut arrived)).await??;
        let Some(request) = read else { return Ok(()) };
        let is_head = request.method() == Method::HEAD;
        let asked_to_close = request
            .headers()
            .get(header::CONNECTION)
            .is_some_and(|value| value.as_bytes().eq_ignore_ascii_case(b"close"));
        let answered: Response = match router.clone().oneshot(request).await {
            Ok(response) => response,
            Err(never) => match never {},
        };
        let (head, body) = answered.into_parts();
        let body = to_bytes(body, RESPONSE_BYTES_MAX).await.map_err(io::Error::other)?;
        match deliver(&mut stream, head, body, is_head).await? {
            Sent::Whole if !asked_to_close => {}
            Sent::Whole | Sent::AndClosed => return Ok(()),
        }
    }
}

/// `None`: the client left between requests.
async fn read_request(
    stream: &mut TcpStream,
    arrived: &mut BytesMut,
) -> io::Result<Option<Request>> {
    let head_length = loop {
        if let Some(at) = arrived.windows(4).position(|four| four == b"\r\n\r\n") {
            break at;
        }
        if arrived.len() > REQUEST_HEAD_BYTES_MAX {
            return Err(malformed("the request's head is too long"));
        }
        if stream.read_buf(arrived).await? == 0 {
            return Ok(None);
        }
    };
    let head = arrived.split_to(head_length);
    arrived.advance(4);
    let mut request = parse_head(&head)?;
    let mut length = body_length(&request)?;
    let is_kept = length <= REQUEST_BODY_BYTES_MAX;
    if !is_kept {
        request.extensions_mut().insert(Unread);
    }
    while arrived.len() < length {
        if !is_kept {
            length -= arrived.len();
            arrived.clear();
        }
        if stream.read_buf(arrived).await? == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
    }
    let body = arrived.split_to(length).freeze();
    *request.body_mut() = Body::from(if is_kept { body } else { Bytes::new() });
    Ok(Some(request))
}

fn parse_head(head: &[u8]) -> io::Result<Request> {
    let head = std::str::from_utf8(head).map_err(io::Error::other)?;
    let mut lines = head.split("\r\n");
    let mut words = lines.next().unwrap_or_default().split(' ');
    let (Some(method), Some(target), Some("HTTP/1.1" | "HTTP/1.0")) =
        (words.next(), words.next(), words.next())
    else {
        return Err(malformed("not an HTTP/1 request line"));
    };
    let mut request = Request::new(Body::empty());
    *request.method_mut() = method.parse().map_err(io::Error::other)?;
    *request.uri_mut() = target.parse().map_err(io::Error::other)?;
    for line in lines {
        let (name, value) = line.split_once(':').ok_or_else(|| malformed("not a header line"))?;
        let name = HeaderName::from_bytes(name.as_bytes()).map_err(io::Error::other)?;
        let value = HeaderValue::from_str(value.trim()).map_err(io::Error::other)?;
        request.headers_mut().append(name, value);
    }
    Ok(request)
}

fn body_length(request: &Request) -> io::Result<usize> {
    if request.headers().contains_key(header::TRANSFER_ENCODING) {
        return Err(malformed("send a Content-Length"));
    }
    let Some(length) = request.headers().get(header::CONTENT_LENGTH) else { return Ok(0) };
    let length = length.to_str().ok().and_then(|text| text.parse().ok());
    length
        .filter(|length| *length <= REQUEST_BYTES_DROPPED_MAX)
        .ok_or_else(|| malformed("the request's body has no sensible length"))
}

fn malformed(why: &'static str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, why)
}
