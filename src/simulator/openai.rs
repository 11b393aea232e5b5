//! `/v1/…`: a provider of speech recognition and of understanding, as OpenAI's API has them.
//!
//! Invariants: it hears and reads only what it is sent, as any such provider · it knows the scripted calls by heart
//! and nothing else: what it does not know is silence to it.
//!
//! `recognise` finds a piece of audio in the scripted calls, by its `loudness`; `conversation` finds a transcript.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use axum::extract::{DefaultBodyLimit, Request, State};
use axum::http::{HeaderValue, StatusCode, header};
use axum::middleware::{Next, from_fn, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use axum::routing::{any, get, post};
use axum::{Json, Router};
use serde::{Deserialize, Serialize};
use serde_json::json;
use tokio::sync::watch;

use super::Exchange;
use super::delivery::{Ending, Manner};
use super::wire::Unread;

mod chat;
mod conversation;
mod loudness;
mod recognise;
mod transcriptions;

/// Of one file, as OpenAI has it.
const FILE_BYTES_MAX: usize = 25 * 1_024 * 1_024;
/// What stands around the file.
const FORM_BYTES_MAX: usize = FILE_BYTES_MAX + 64 * 1_024;
const MODEL: &str = "stand-in";

/// How every request to the provider fares while it is set.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ProviderOutage {
    /// The request is read and never answered.
    Hang,
    /// The request is read, and answered in earnest when there is no outage any more.
    Hold,
    /// OpenAI's error document under this status.
    Status {
        code: u16,
        #[serde(default)]
        retry_after: Option<String>,
    },
    /// 200 with a page of HTML.
    Nonsense,
}

/// How many requests were answered in earnest.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct ProviderCounters {
    pub transcriptions: u64,
    pub chats: u64,
}

#[derive(Debug, Default)]
pub(super) struct Provider {
    transcriptions: AtomicU64,
    chats: AtomicU64,
    held: AtomicU64,
    outage: watch::Sender<Option<ProviderOutage>>,
}

impl Provider {
    pub(super) fn counters(&self) -> ProviderCounters {
        ProviderCounters {
            transcriptions: self.transcriptions.load(Ordering::Relaxed),
            chats: self.chats.load(Ordering::Relaxed),
        }
    }

    pub(super) fn held(&self) -> u64 {
        self.held.load(Ordering::Relaxed)
    }

    pub(super) fn outage(&self) -> Option<ProviderOutage> {
        self.outage.borrow().clone()
    }

    pub(super) fn set_outage(&self, outage: Option<ProviderOutage>) {
        self.outage.send_replace(outage);
    }

    async fn hold(&self) {
        let mut outage = self.outage.subscribe();
        self.held.fetch_add(1, Ordering::Relaxed);
        outage.wait_for(Option::is_none).await.expect("we are the sender");
        self.held.fetch_sub(1, Ordering::Relaxed);
    }
}

pub(super) fn routes(provider: Arc<Provider>) -> Router<Exchange> {
    Router::new()
        .route("/v1/audio/transcriptions", post(transcriptions::create))
        .route("/v1/chat/completions", post(chat::create))
        .route("/v1/models", get(models))
        .route("/v1/{*unknown}", any(unknown))
        .method_not_allowed_fallback(unknown)
        .layer(DefaultBodyLimit::max(FORM_BYTES_MAX))
        .route_layer(from_fn(refuse_what_was_not_read))
        .route_layer(from_fn_with_state(provider, fail_in_an_outage))
}

async fn models() -> Response {
    let model = json!({ "id": MODEL, "object": "model", "created": 0, "owned_by": "simulator" });
    Json(json!({ "object": "list", "data": [model] })).into_response()
}

async fn unknown(request: Request) -> Refused {
    let (method, path) = (request.method(), request.uri().path());
    let message = format!("Invalid URL ({method} {path})");
    Refused { status: StatusCode::NOT_FOUND, ..Refused::invalid(message, None) }
}

async fn refuse_what_was_not_read(request: Request, next: Next) -> Response {
    match request.extensions().get::<Unread>() {
        Some(_) => Refused::too_large().into_response(),
        None => next.run(request).await,
    }
}

async fn fail_in_an_outage(
    State(provider): State<Arc<Provider>>,
    request: Request,
    next: Next,
) -> Response {
    match provider.outage() {
        None => next.run(request).await,
        Some(ProviderOutage::Hold) => {
            provider.hold().await;
            next.run(request).await
        }
        Some(ProviderOutage::Hang) => {
            let mut response = StatusCode::OK.into_response();
            let never = Manner { ending: Ending::NeverBegins, ..Manner::default() };
            response.extensions_mut().insert(never);
            response
        }
        Some(ProviderOutage::Status { code, retry_after }) => failed(code, retry_after.as_deref()),
        Some(ProviderOutage::Nonsense) => {
            let page = "<html><body>We will be back shortly</body></html>";
            ([(header::CONTENT_TYPE, "text/html")], page).into_response()
        }
    }
}

fn failed(code: u16, retry_after: Option<&str>) -> Response {
    let status = StatusCode::from_u16(code).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let kind = match status {
        StatusCode::TOO_MANY_REQUESTS => "rate_limit_exceeded",
        status if status.is_client_error() => "invalid_request_error",
        _ => "server_error",
    };
    let reason = status.canonical_reason().unwrap_or("Unknown");
    let refused = Refused { status, kind, ..Refused::invalid(reason, None) };
    let mut response = refused.into_response();
    if let Some(when) = retry_after.and_then(|when| HeaderValue::from_str(when).ok()) {
        response.headers_mut().insert(header::RETRY_AFTER, when);
    }
    response
}

/// OpenAI's error answers.
#[derive(Debug)]
pub(super) struct Refused {
    status: StatusCode,
    kind: &'static str,
    message: String,
    param: Option<&'static str>,
}

impl Refused {
    fn invalid(message: impl Into<String>, param: Option<&'static str>) -> Self {
        let (status, kind) = (StatusCode::BAD_REQUEST, "invalid_request_error");
        Self { status, kind, message: message.into(), param }
    }

    fn too_large() -> Self {
        let message = format!("Maximum content size limit ({FILE_BYTES_MAX}) exceeded");
        Self { status: StatusCode::PAYLOAD_TOO_LARGE, ..Self::invalid(message, Some("file")) }
    }
}

impl IntoResponse for Refused {
    fn into_response(self) -> Response {
        let Self { status, kind, message, param } = self;
        let error = json!({ "message": message, "type": kind, "param": param, "code": null });
        (status, Json(json!({ "error": error }))).into_response()
    }
}
