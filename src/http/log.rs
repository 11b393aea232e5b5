//! One line in the log for each finished request: what was asked, by which business, and what became of it.
//!
//! Invariant: the route is logged as its template, and never the URL: it may hold a signed link or a phone number.

use std::pin::Pin;
use std::sync::{Arc, OnceLock};
use std::task::{Context, Poll, ready};

use actors::domain::BusinessId;
use axum::body::{Body, Bytes, HttpBody};
use axum::extract::{MatchedPath, Request};
use axum::http::{Extensions, HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header};
use axum::middleware::Next;
use axum::response::Response;
use http_body::{Frame, SizeHint};
use tokio::time::Instant;
use uuid::Uuid;

const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
const REQUEST_ID_LENGTH_MAX: usize = 64;
/// Asked every few seconds by whoever watches over the process.
const UNLOGGED: [&str; 2] = ["/livez", "/readyz"];

/// What becomes known of a request on its way inwards.
#[derive(Default)]
struct Trail {
    route: OnceLock<MatchedPath>,
    business: OnceLock<BusinessId>,
}

/// Around everything else.
pub(super) async fn record(mut request: Request, next: Next) -> Response {
    if UNLOGGED.contains(&request.uri().path()) {
        return next.run(request).await;
    }
    let given = given_id(request.headers());
    let mut line = Line {
        request_id: given.clone().unwrap_or_else(made_id),
        method: name_of(request.method()),
        status: None,
        started: Instant::now(),
        trail: Arc::default(),
        sent_bytes: 0,
        complete: false,
    };
    request.extensions_mut().insert(Arc::clone(&line.trail));
    let preflight = request.method() == Method::OPTIONS;
    let head_only = request.method() == Method::HEAD;
    let mut response = next.run(request).await;
    line.status = Some(response.status());
    // Answers that must not differ (another business's call, no call) do not differ in this either.
    let alike = preflight || response.status().is_client_error();
    if given.is_some() || !alike {
        response.headers_mut().insert(REQUEST_ID, line.request_id.clone());
    }
    let length = response.headers().get(header::CONTENT_LENGTH);
    let length = length.and_then(|length| length.to_str().ok()?.parse().ok());
    line.complete = head_only || response.body().is_end_stream();
    response.map(|body| Body::new(Watched { body, length, line }))
}

/// Where the route is known by then.
pub(super) async fn note_route(request: Request, next: Next) -> Response {
    let extensions = request.extensions();
    if let (Some(trail), Some(route)) =
        (extensions.get::<Arc<Trail>>(), extensions.get::<MatchedPath>())
    {
        let _ = trail.route.set(route.clone());
    }
    next.run(request).await
}

/// For whoever has found out who is asking.
pub(super) fn note_business(extensions: &Extensions, business: &BusinessId) {
    if let Some(trail) = extensions.get::<Arc<Trail>>() {
        let _ = trail.business.set(business.clone());
    }
}

/// The client's own, if it can stand in a log.
fn given_id(headers: &HeaderMap) -> Option<HeaderValue> {
    let given = headers.get(REQUEST_ID)?;
    let may_stand = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.');
    let length = given.len();
    let good =
        (1..=REQUEST_ID_LENGTH_MAX).contains(&length) && given.as_bytes().iter().all(may_stand);
    good.then(|| given.clone())
}

fn made_id() -> HeaderValue {
    let id = Uuid::now_v7().simple().to_string();
    HeaderValue::from_str(&id).expect("hex digits")
}

/// A client may make up a method; what it is called does not stand in the log.
fn name_of(method: &Method) -> &'static str {
    match method.as_str() {
        "GET" => "GET",
        "HEAD" => "HEAD",
        "POST" => "POST",
        "PUT" => "PUT",
        "PATCH" => "PATCH",
        "DELETE" => "DELETE",
        "OPTIONS" => "OPTIONS",
        "TRACE" => "TRACE",
        "CONNECT" => "CONNECT",
        _ => "other",
    }
}

/// Written when it is dropped: with the body's end, or when the client has hung up.
struct Line {
    request_id: HeaderValue,
    method: &'static str,
    /// None was sent where the client did not wait for it.
    status: Option<StatusCode>,
    started: Instant,
    trail: Arc<Trail>,
    sent_bytes: u64,
    complete: bool,
}

impl Drop for Line {
    fn drop(&mut self) {
        tracing::info!(
            request.id = self.request_id.to_str().unwrap_or_default(),
            http.method = self.method,
            http.route = self.trail.route.get().map(MatchedPath::as_str),
            http.status = self.status.map(|status| status.as_u16()),
            business.id = self.trail.business.get().map(BusinessId::as_str),
            duration_ms = u64::try_from(self.started.elapsed().as_millis()).unwrap_or(u64::MAX),
            sent_bytes = self.sent_bytes,
            complete = self.complete,
            "request"
        );
    }
}

/// A body that is watched to its end.
struct Watched {
    body: Body,
    /// As the head says it: with so many bytes it is complete, although nobody asks it for its end.
    length: Option<u64>,
    line: Line,
}

impl HttpBody for Watched {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        let polled = ready!(Pin::new(&mut self.body).poll_frame(context));
        match &polled {
            Some(Ok(frame)) => {
                let bytes = frame.data_ref().map_or(0, Bytes::len);
                self.line.sent_bytes += bytes as u64;
                let whole = self.length == Some(self.line.sent_bytes);
                self.line.complete = whole || self.body.is_end_stream();
            }
            Some(Err(_)) => self.line.complete = false,
            None => self.line.complete = true,
        }
        Poll::Ready(polled)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn given(value: &[u8]) -> Option<String> {
        let value = HeaderValue::from_bytes(value).expect("a header value");
        let headers = HeaderMap::from_iter([(REQUEST_ID, value)]);
        given_id(&headers).map(|id| id.to_str().expect("text").to_owned())
    }

    #[test]
    fn a_clients_id_is_taken_only_if_it_can_stand_in_a_log() {
        assert_eq!(given(b"0193-ab_C.9").as_deref(), Some("0193-ab_C.9"));
        assert_eq!(given(&[b'a'; 64]).map(|id| id.len()), Some(64));
        for bad in [b"".as_slice(), &[b'a'; 65], b"a b", b"a\tb", b"+15550100", b"\xff", b"a=1"] {
            assert_eq!(given(bad), None, "{}", bad.escape_ascii());
        }
        assert_ne!(made_id(), made_id());
    }
}
