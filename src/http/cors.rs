//! Which other origins' pages may call us (Fetch standard, CORS protocol).
//!
//! Invariant: an origin is answered only if it is configured; none is echoed because it asked.

use axum::extract::{Request, State};
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};

use super::Service;

const ALLOW_HEADERS: HeaderValue = HeaderValue::from_static(
    "Authorization, Range, If-Range, If-Match, If-None-Match, Prefer, Content-Type, Last-Event-ID, \
     X-Request-Id",
);
const ALLOW_METHODS: HeaderValue =
    HeaderValue::from_static("GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS");
const EXPOSE_HEADERS: HeaderValue = HeaderValue::from_static(
    "Content-Range, Accept-Ranges, Content-Length, ETag, Retry-After, Cache-Status, Repr-Digest, \
     Preference-Applied, X-Request-Id",
);
const MAX_AGE_S: u64 = 600;

/// Around the whole router: answers `OPTIONS`, and adds what a browser asks for.
pub(super) async fn share(
    State(service): State<Service>,
    request: Request,
    next: Next,
) -> Response {
    let allowed = allowed(&service, request.headers());
    let preflight = request.method() == Method::OPTIONS;
    let mut response = next.run(request).await;
    // Only the refusal of a method has it.
    if let Some(allow) = response.headers().get(header::ALLOW) {
        let allow = with_options(allow);
        if preflight {
            response = StatusCode::NO_CONTENT.into_response();
        }
        response.headers_mut().insert(header::ALLOW, allow);
    }
    let headers = response.headers_mut();
    vary(&service, headers);
    if let Some(origin) = allowed {
        allow(headers, origin);
        if preflight {
            headers.insert(header::ACCESS_CONTROL_ALLOW_METHODS, ALLOW_METHODS);
            headers.insert(header::ACCESS_CONTROL_ALLOW_HEADERS, ALLOW_HEADERS);
            headers.insert(header::ACCESS_CONTROL_MAX_AGE, MAX_AGE_S.into());
        }
    }
    response
}

/// The origin that asks, if it is configured.
pub(super) fn allowed(service: &Service, headers: &HeaderMap) -> Option<HeaderValue> {
    headers.get(header::ORIGIN).filter(|origin| service.cors_origins.contains(origin)).cloned()
}

/// Also on answers to those who name no origin.
pub(super) fn vary(service: &Service, headers: &mut HeaderMap) {
    if !service.cors_origins.is_empty() {
        headers.append(header::VARY, HeaderValue::from_static("Origin"));
    }
}

pub(super) fn allow(headers: &mut HeaderMap, origin: HeaderValue) {
    headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, origin);
    headers.insert(header::ACCESS_CONTROL_ALLOW_CREDENTIALS, HeaderValue::from_static("true"));
    headers.insert(header::ACCESS_CONTROL_EXPOSE_HEADERS, EXPOSE_HEADERS);
}

/// The router knows which methods a route has; `OPTIONS`, which is answered here, is one more.
fn with_options(known: &HeaderValue) -> HeaderValue {
    let known = known.to_str().unwrap_or("");
    let allow = if known.is_empty() { "OPTIONS".to_owned() } else { format!("{known},OPTIONS") };
    HeaderValue::from_str(&allow).expect("method names")
}
