//! The end of each request: counted, and one line in the log: what was asked, by which business, and what became of it.
//!
//! Invariant: the route is logged as its template, and never the URL: it may hold a signed link or a phone number.

use std::pin::Pin;
use std::sync::{Arc, OnceLock};
use std::task::{Context, Poll, ready};

use actors::domain::{BusinessId, RecordingSid, Timestamp};
use axum::body::{Body, Bytes, HttpBody};
use axum::extract::{MatchedPath, Request, State};
use axum::http::{Extensions, HeaderValue, Method, StatusCode, header};
use axum::middleware::Next;
use axum::response::Response;
use http_body::{Frame, SizeHint};
use tokio::time::Instant;
use tracing::Instrument;
use tracing::level_filters::LevelFilter;

use super::Service;
use super::problem::Code;
use super::request_id::{self, REQUEST_ID};
use super::traffic::{NotYet, Outcome, Traffic, Whence};
use crate::telemetry::traces::{self, Fact, Kind, Span};

/// Asked every few seconds by whoever watches over the process.
const UNLOGGED: [&str; 3] = ["/livez", "/readyz", "/metrics"];

/// What becomes known of a request on its way inwards.
#[derive(Default)]
pub(super) struct Trail {
    route: OnceLock<MatchedPath>,
    business: OnceLock<BusinessId>,
}

/// Goes with an answer: which recording it is about.
#[derive(Debug, Clone, Copy)]
pub(super) struct About(pub RecordingSid);

/// Around everything else.
pub(super) async fn record(
    State(service): State<Service>,
    mut request: Request,
    next: Next,
) -> Response {
    if UNLOGGED.contains(&request.uri().path()) {
        return next.run(request).await;
    }
    let given = request_id::given(request.headers());
    let id = given.clone().unwrap_or_else(request_id::made_now);
    let trail = Arc::<Trail>::default();
    let asked = Asked::By(Arc::clone(&trail));
    let mut line = Line::begin(&service.traffic, Instant::now(), request.method(), asked);
    line.request_id = Some(id.clone());
    request.extensions_mut().insert(trail);
    let preflight = request.method() == Method::OPTIONS;
    let head_only = request.method() == Method::HEAD;
    // Whatever is logged meanwhile names the request.
    let named = tracing::info_span!("request", request.id = id.to_str().unwrap_or_default());
    let mut response = next.run(request).instrument(named).await;
    // Answers that must not differ (another business's call, no call) do not differ in this either.
    let alike = preflight || response.status().is_client_error();
    if given.is_some() || !alike {
        response.headers_mut().insert(REQUEST_ID, id);
    }
    watch(response, line, head_only)
}

/// Where nobody wants the line, or the span, there is no need to know whose it is.
pub(super) fn is_wanted() -> bool {
    LevelFilter::current() >= LevelFilter::INFO || traces::are_wanted()
}

/// Ends the line when the answer is sent, or when the client has hung up.
pub(super) fn watch(response: Response, mut line: Line, head_only: bool) -> Response {
    line.answered(&response);
    let length = response.headers().get(header::CONTENT_LENGTH);
    let length = length.and_then(|length| length.to_str().ok()?.parse().ok());
    line.complete = head_only || response.body().is_end_stream();
    if response.body().is_end_stream() {
        return response;
    }
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

/// Counted and written when it is dropped: with the body's end, or when the client has hung up.
pub(super) struct Line {
    traffic: Arc<Traffic>,
    /// Without it nothing is written.
    pub(super) request_id: Option<HeaderValue>,
    method: &'static str,
    /// None was sent where the client did not wait for it.
    status: Option<StatusCode>,
    started: Instant,
    asked: Asked,
    pub(super) recording: Option<RecordingSid>,
    /// Of audio whose first byte is still to be sent.
    pub(super) whence: Option<Whence>,
    sent_bytes: u64,
    complete: bool,
    /// The body ended in an error.
    failed: bool,
}

/// What was asked, by which business.
pub(super) enum Asked {
    /// What is found out on the way inwards.
    By(Arc<Trail>),
    /// Nobody had to look for it.
    At { route: &'static str, business: Option<BusinessId> },
}

impl Asked {
    fn route(&self) -> Option<&str> {
        match self {
            Self::By(trail) => trail.route.get().map(MatchedPath::as_str),
            Self::At { route, .. } => Some(route),
        }
    }

    fn business(&self) -> Option<&str> {
        match self {
            Self::By(trail) => trail.business.get().map(BusinessId::as_str),
            Self::At { business, .. } => business.as_ref().map(BusinessId::as_str),
        }
    }
}

impl Line {
    pub(super) fn begin(
        traffic: &Arc<Traffic>,
        started: Instant,
        method: &Method,
        asked: Asked,
    ) -> Self {
        Self {
            traffic: Arc::clone(traffic),
            request_id: None,
            method: name_of(method),
            status: None,
            started,
            asked,
            recording: None,
            whence: None,
            sent_bytes: 0,
            complete: false,
            failed: false,
        }
    }

    fn answered(&mut self, response: &Response) {
        self.status = Some(response.status());
        let extensions = response.extensions();
        if let Some(About(recording)) = extensions.get() {
            self.recording = Some(*recording);
        }
        self.whence = self.whence.or_else(|| extensions.get().copied());
        if let Some(Code(code)) = extensions.get() {
            self.traffic.problem(code);
        }
        if extensions.get::<NotYet>().is_some() {
            self.traffic.not_yet();
        }
    }

    fn sent(&mut self, bytes: usize) {
        self.sent_bytes += bytes as u64;
        if let Some(whence) = self.whence.take() {
            self.traffic.first_byte(whence, self.started.elapsed());
        }
    }

    fn outcome(&self) -> Outcome {
        match self.status {
            Some(_) if self.failed => Outcome::Cut,
            Some(status) if self.complete => Outcome::of(status),
            Some(_) | None => Outcome::HungUp,
        }
    }

    fn span(&self, began: Timestamp, ended: Timestamp) -> Span {
        let status = self.status.map(|status| status.as_u16());
        let texts = [
            ("http.request.method", Some(self.method)),
            ("http.route", self.asked.route()),
            ("business.id", self.asked.business()),
            ("request.id", self.request_id.as_ref().and_then(|id| id.to_str().ok())),
        ];
        let texts = texts.into_iter().filter_map(|(name, text)| Some((name, text?.into())));
        let mut facts: Vec<(&'static str, Fact)> = texts.collect();
        facts
            .extend(status.map(|status| ("http.response.status_code", Fact::Count(status.into()))));
        facts.extend(self.recording.map(|recording| ("recording.sid", recording.into())));
        facts.push(("http.response.body.size", Fact::Count(self.sent_bytes)));
        facts.push(("hearback.complete", Fact::Is(self.complete)));
        let failed = self.failed || status.is_some_and(|status| status >= 500);
        Span {
            name: format!("{} {}", self.method, self.asked.route().unwrap_or_default()),
            kind: Kind::Server,
            recording: self.recording,
            began,
            ended,
            facts,
            error: failed.then(|| self.outcome().as_str().to_owned()),
        }
    }
}

impl Drop for Line {
    fn drop(&mut self) {
        self.traffic.ended(self.asked.route(), self.method, self.outcome());
        let took = self.started.elapsed();
        traces::ended(took, self.recording, |began, ended| self.span(began, ended));
        let Some(request_id) = &self.request_id else { return };
        tracing::info!(
            request.id = request_id.to_str().unwrap_or_default(),
            http.method = self.method,
            http.route = self.asked.route(),
            http.status = self.status.map(|status| status.as_u16()),
            business.id = self.asked.business(),
            recording.sid = self.recording.map(tracing::field::display),
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
                self.line.sent(frame.data_ref().map_or(0, Bytes::len));
                let whole = self.length == Some(self.line.sent_bytes);
                self.line.complete = whole || self.body.is_end_stream();
            }
            Some(Err(_)) => (self.line.complete, self.line.failed) = (false, true),
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
