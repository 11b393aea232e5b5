//! Who is asking: a bearer token, or the session cookie that holds one.

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
fn caller(headers: &HeaderMap, authority: &Authority) -> Result<Caller, Problem> {
    let bearer = headers.get(header::AUTHORIZATION).map(|value| {
        value.to_str().ok().and_then(|text| text.split_once(' ')).and_then(|(scheme, token)| {
            scheme.eq_ignore_ascii_case("bearer").then(|| token.trim().to_owned())
        })
    });
    let token = match bearer {
        Some(token) => token,
        None => CookieJar::from_headers(headers)
            .get(SESSION_COOKIE)
            .map(|cookie| cookie.value().to_owned()),
    };
    token.and_then(|token| authority.check(&token)).ok_or(Problem::NoCredentials)
}

/// Tells readers apart.
pub(super) fn reader(caller: &Caller) -> String {
    format!("{}/{}", caller.business, caller.subject)
}

impl FromRequestParts<Service> for Caller {
    type Rejection = Problem;

    /// Unless they ask too often.
    async fn from_request_parts(parts: &mut Parts, service: &Service) -> Result<Self, Problem> {
        let caller = caller(&parts.headers, &service.authority)?;
        note_business(&parts.extensions, &caller.business);
        service.rate_limit.admit(&reader(&caller))?;
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
