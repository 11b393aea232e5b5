//! Signed links: for media elements, which can send no header, and for pages that hold no token.

use std::time::Duration;

use actors::domain::primary;
use axum::Json;
use axum::body::{Body, to_bytes};
use axum::extract::State;
use axum::http::{HeaderValue, header};
use axum::response::{IntoResponse, Response};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::openapi::parameters::OfCall;
use super::openapi::{refusals, words};
use super::problem::Problem;
use super::target::{LINK, Target};
use super::{Service, rfc3339};
use crate::auth::links::Grant;

const TTL_DEFAULT_S: u64 = 15 * 60;
const TTL_MAX_S: u64 = 24 * 60 * 60;
const BODY_BYTES_MAX: usize = 1_024;

/// How long a link is to be good.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = LinkWish)]
pub(super) struct Wish {
    #[serde(default = "ttl_default_s")]
    #[schema(minimum = 1, maximum = 86400, default = 900)]
    ttl_seconds: u64,
}

const fn ttl_default_s() -> u64 {
    TTL_DEFAULT_S
}

/// A capability to read one recording of one call.
#[derive(Serialize, ToSchema)]
#[schema(as = SignedLink)]
pub(super) struct LinkJson {
    /// Plays for whoever has it; with the same query behind their paths, `/status`, `/events`, `/waveform` and the
    /// transcript open, too.
    #[schema(format = "uri")]
    url: String,
    #[schema(value_type = words::Time)]
    expires_at: String,
}

/// Signs a URL for one recording of a call that the caller may see.
#[utoipa::path(
    post, path = "/api/recordings/{call_sid}/link", tag = "recordings", params(OfCall),
    request_body(content = Option<Wish>, description = "Without a body the link is good for 15 minutes."),
    responses((status = 200, description = "The link.", body = LinkJson), refusals::ToLink),
)]
pub(super) async fn sign(
    State(service): State<Service>,
    Target { key, recording }: Target,
    body: Body,
) -> Result<Response, Problem> {
    let ttl = ttl(body).await?;
    let record = service.record(&key).await?;
    let known = || record.recordings.iter().map(|found| &found.recording);
    let recording = match recording {
        Some(named) => known().any(|recording| recording.sid == named).then_some(named),
        None => primary(known()),
    };
    let recording = recording.ok_or(Problem::NoRecording)?;
    // What is signed counts whole seconds.
    let now_ms = service.clock.now().as_millis();
    let from = actors::domain::Timestamp::from_millis(now_ms - now_ms.rem_euclid(1_000));
    let call = record.call.sid;
    let grant = Grant { business: key.business, call, recording, expires_at: from.plus(ttl) };
    let link = service.links.sign(&grant);
    let base = &service.public_url;
    let body = LinkJson {
        url: format!("{base}/api/recordings/file/{call}?recording={recording}&{LINK}={link}"),
        expires_at: rfc3339(grant.expires_at),
    };
    Ok(([(header::CACHE_CONTROL, HeaderValue::from_static("no-store"))], Json(body))
        .into_response())
}

async fn ttl(body: Body) -> Result<Duration, Problem> {
    let body = to_bytes(body, BODY_BYTES_MAX).await.map_err(|_| Problem::TooLarge)?;
    let wish = if body.is_empty() {
        Wish { ttl_seconds: TTL_DEFAULT_S }
    } else {
        // Read as an object first: an array, too, would do for the fields in their order.
        serde_json::from_slice(&body)
            .and_then(|object: serde_json::Map<_, _>| serde_json::from_value(object.into()))
            .map_err(|_| Problem::Malformed("the body is {\"ttl_seconds\": …}, or nothing"))?
    };
    if !(1..=TTL_MAX_S).contains(&wish.ttl_seconds) {
        return Err(Problem::Malformed("ttl_seconds is a number from 1 to 86400"));
    }
    Ok(Duration::from_secs(wish.ttl_seconds))
}
