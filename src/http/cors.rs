//! Which other origins' pages may call us (Fetch standard, CORS protocol).
//!
//! Invariant: an origin is answered only if it is configured; none is echoed because it asked.

use axum::extract::{Request, State};
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};

use super::Service;

const ALLOW_HEADERS: HeaderValue =
    HeaderValue::from_static("Authorization, Range, If-Range, Prefer, Content-Type");
const ALLOW_METHODS: HeaderValue = HeaderValue::from_static("GET, HEAD, POST, DELETE, OPTIONS");
const EXPOSE_HEADERS: HeaderValue = HeaderValue::from_static(
    "Content-Range, Accept-Ranges, Content-Length, ETag, Retry-After, Cache-Status, Repr-Digest, \
     Preference-Applied",
);
const MAX_AGE_S: u64 = 600;

/// Around every route: answers `OPTIONS`, and adds what a browser asks for.
pub(super) async fn share(
    State(service): State<Service>,
    request: Request,
    next: Next,
) -> Response {
    let origin = request.headers().get(header::ORIGIN).cloned();
    let allowed = origin.filter(|origin| service.cors_origins.contains(origin));
    let preflight = request.method() == Method::OPTIONS;
    let mut response = next.run(request).await;
    if preflight && response.headers().contains_key(header::ALLOW) {
        response = options(response.headers());
    }
    let headers = response.headers_mut();
    if !service.cors_origins.is_empty() {
        headers.append(header::VARY, HeaderValue::from_static("Origin"));
    }
    if let Some(origin) = allowed {
        headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, origin);
        headers.insert(header::ACCESS_CONTROL_ALLOW_CREDENTIALS, HeaderValue::from_static("true"));
        headers.insert(header::ACCESS_CONTROL_EXPOSE_HEADERS, EXPOSE_HEADERS);
        if preflight {
            headers.insert(header::ACCESS_CONTROL_ALLOW_METHODS, ALLOW_METHODS);
            headers.insert(header::ACCESS_CONTROL_ALLOW_HEADERS, ALLOW_HEADERS);
            headers.insert(header::ACCESS_CONTROL_MAX_AGE, MAX_AGE_S.into());
        }
    }
    response
}

/// The router knows which methods a route has; its refusal says so in `Allow`.
fn options(refusal: &HeaderMap) -> Response {
    let known = refusal.get(header::ALLOW).and_then(|allow| allow.to_str().ok()).unwrap_or("");
    let allow = if known.is_empty() { "OPTIONS".to_owned() } else { format!("{known},OPTIONS") };
    let allow = HeaderValue::from_str(&allow).expect("method names");
    (StatusCode::NO_CONTENT, [(header::ALLOW, allow)]).into_response()
}
