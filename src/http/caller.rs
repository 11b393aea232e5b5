//! Who is asking: a bearer token, or the session cookie that holds one.

use std::borrow::Cow;

use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use axum::http::{HeaderMap, header};
use axum_extra::extract::CookieJar;

use super::Service;
use super::log::note_business;
use super::problem::Problem;
use crate::auth::{Authority, Caller, Role};

pub(super) const SESSION_COOKIE: &str = "hearback_session";

/// A bearer token counts before a cookie; a bad one is not made good by the other.
pub(super) fn token(headers: &HeaderMap) -> Option<Cow<'_, str>> {
    if let Some(value) = headers.get(header::AUTHORIZATION) {
        let (scheme, token) = value.to_str().ok()?.split_once(' ')?;
        return scheme.eq_ignore_ascii_case("bearer").then(|| token.trim().into());
    }
    let cookies = CookieJar::from_headers(headers);
    cookies.get(SESSION_COOKIE).map(|cookie| cookie.value().to_owned().into())
}

fn caller(headers: &HeaderMap, authority: &Authority) -> Result<Caller, Problem> {
    token(headers).and_then(|token| authority.check(&token)).ok_or(Problem::NoCredentials)
}

impl FromRequestParts<Service> for Caller {
    type Rejection = Problem;

    /// Unless they ask too often.
    async fn from_request_parts(parts: &mut Parts, service: &Service) -> Result<Self, Problem> {
        let caller = caller(&parts.headers, &service.authority)?;
        note_business(&parts.extensions, &caller.business);
        service.rate_limit.admit(&caller.reader())?;
        Ok(caller)
    }
}

/// Somebody who may see every business's actors.
pub(super) struct Operator(pub(super) Caller);

impl FromRequestParts<Service> for Operator {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, service: &Service) -> Result<Self, Problem> {
        let caller = Caller::from_request_parts(parts, service).await?;
        match caller.role {
            Role::Operator => Ok(Self(caller)),
            Role::Agent | Role::Owner => Err(Problem::NotForThisRole),
        }
    }
}
