//! The session cookie, for what can send no header: media elements, and pages.

use axum::Json;
use axum::extract::State;
use axum::extract::rejection::JsonRejection;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::caller::SESSION_COOKIE;
use super::openapi::{refusals, words};
use super::problem::Problem;
use super::{Service, rfc3339};
use crate::auth::{Caller, Role};

#[derive(Deserialize, ToSchema)]
pub(super) struct SignIn {
    /// A JWT that would do as a bearer token.
    token: String,
}

/// Who is signed in.
#[derive(Serialize, ToSchema)]
#[schema(as = Session)]
pub(super) struct SessionJson {
    business_id: String,
    #[schema(value_type = words::RoleName)]
    role: Role,
    #[schema(value_type = words::Time)]
    expires_at: String,
}

/// Sets the session cookie, for what can send no header.
#[utoipa::path(
    post, path = "/api/session", tag = "session", request_body = SignIn,
    responses(
        (status = 204, description = "The cookie is set, until the token expires.",
            headers(("Set-Cookie" = String, description = "`hearback_session`, HttpOnly, SameSite=Lax."))),
        refusals::ToSignIn,
    ),
    security(()),
)]
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
#[utoipa::path(
    get, path = "/api/session", tag = "session",
    responses((status = 200, description = "Whose token or cookie it is.", body = SessionJson), refusals::ToCaller),
)]
pub(super) async fn show(caller: Caller) -> Response {
    let session = SessionJson {
        business_id: caller.business.to_string(),
        role: caller.role,
        expires_at: rfc3339(caller.expires_at),
    };
    ([(header::CACHE_CONTROL, HeaderValue::from_static("no-store"))], Json(session)).into_response()
}

/// Takes the session cookie back.
#[utoipa::path(
    delete, path = "/api/session", tag = "session",
    responses(
        (status = 204, description = "The cookie is gone, if there was one.",
            headers(("Set-Cookie" = String, description = "Empty, and expired."))),
        refusals::ToSignOut,
    ),
    security(()),
)]
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
