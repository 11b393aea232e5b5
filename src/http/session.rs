//! The session cookie, for what can send no header: media elements, and pages.

use axum::Json;
use axum::extract::State;
use axum::extract::rejection::JsonRejection;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Deserialize;
use serde_json::json;

use super::caller::SESSION_COOKIE;
use super::problem::Problem;
use super::{Service, rfc3339};
use crate::auth::Caller;

#[derive(Deserialize)]
pub(super) struct SignIn {
    token: String,
}

pub(super) async fn sign_in(
    State(service): State<Service>,
    body: Result<Json<SignIn>, JsonRejection>,
) -> Result<Response, Problem> {
    let Json(SignIn { token }) =
        body.map_err(|_| Problem::Malformed("the body is {\"token\": \"…\"}"))?;
    let caller = service.authority.check(&token).ok_or(Problem::NoCredentials)?;
    service.rate_limit.admit(&caller.reader())?;
    let left = caller.expires_at.since(service.clock.now()).as_secs();
    Ok(with_cookie(&service, &token, left))
}

/// Who is signed in, for pages that cannot read the cookie that they send.
pub(super) async fn show(caller: Caller) -> Response {
    let session = json!({
        "business_id": caller.business.as_str(),
        "role": caller.role,
        "expires_at": rfc3339(caller.expires_at),
    });
    ([(header::CACHE_CONTROL, HeaderValue::from_static("no-store"))], Json(session)).into_response()
}

pub(super) async fn sign_out(State(service): State<Service>) -> Response {
    with_cookie(&service, "", 0)
}

fn with_cookie(service: &Service, token: &str, max_age_s: u64) -> Response {
    let secure = if service.public_url.starts_with("https:") { "; Secure" } else { "" };
    // Two services of one host, each under a prefix of its own, have a cookie each.
    let path = if service.path_prefix.is_empty() { "/" } else { &service.path_prefix };
    let cookie = format!(
        "{SESSION_COOKIE}={token}; HttpOnly; SameSite=Lax; Path={path}; Max-Age={max_age_s}{secure}"
    );
    let cookie = HeaderValue::from_str(&cookie).expect("a token that was good is ASCII");
    let headers = [
        (header::SET_COOKIE, cookie),
        (header::CACHE_CONTROL, HeaderValue::from_static("no-store")),
    ];
    (StatusCode::NO_CONTENT, headers).into_response()
}
