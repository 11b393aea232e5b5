//! The route table, and what its handlers may touch.
//!
//! Invariant: handlers know handles and ports, never an adapter: none can write SQL or call Twilio.

mod appointments;
mod audio;
mod bodies;
mod caller;
mod calls;
mod cors;
mod debug;
mod events;
mod filename;
mod health;
mod heard;
mod hot;
mod links;
mod log;
mod metrics;
mod openapi;
mod play;
mod problem;
mod rate;
mod recordings;
mod representation;
mod request_id;
mod session;
mod stages;
mod streams;
mod target;
mod traffic;
mod transcripts;
mod waiting;
mod waveform;
mod web;
mod webhooks;

use std::sync::Arc;
use std::time::Duration;

use actors::domain::{AudioKey, CallKey, JobRecord, Timestamp};
use actors::ports::{CallRecord, Catalog, Clock, Findings, JobStore, Vault};
use actors::{Board, InboxHandle, JobsHandle, RecordingsHandle};
use axum::Router;
use axum::http::{HeaderValue, Request, header};
use axum::response::{IntoResponse, Response};
use axum::routing::{delete, get, patch, post};
use tokio_util::sync::CancellationToken;
use tower_http::catch_panic::CatchPanicLayer;
use tower_http::compression::CompressionLayer;
use tower_http::set_header::SetResponseHeaderLayer;

use crate::auth::Authority;
use crate::auth::links::Links;
use crate::tenants::Tenants;
use problem::Problem;
pub(crate) use rate::RateLimit;
pub(crate) use streams::Streams;
pub(crate) use traffic::{Connections, Traffic};
pub(crate) use waiting::Waits;

/// What handlers may touch. Cheap to clone.
#[derive(Clone)]
pub(crate) struct Service(Arc<ServiceParts>);

pub(crate) struct ServiceParts {
    pub recordings: RecordingsHandle,
    pub inbox: InboxHandle,
    pub jobs: JobsHandle,
    pub board: Arc<Board>,
    pub catalog: Arc<dyn Catalog>,
    pub job_store: Arc<dyn JobStore>,
    pub findings: Arc<dyn Findings>,
    pub vault: Arc<dyn Vault>,
    pub clock: Arc<dyn Clock>,
    pub tenants: Arc<Tenants>,
    pub authority: Authority,
    pub links: Links,
    /// Without a trailing slash.
    pub public_url: String,
    /// The path of the public URL, in front of every path that we hand out.
    pub path_prefix: String,
    pub cors_origins: Vec<HeaderValue>,
    pub waits: Waits,
    pub rate_limit: RateLimit,
    /// How long a request's body may take.
    pub body_timeout: Duration,
    pub cache_control: HeaderValue,
    /// A sentence for the console's head, such as "this is a demo".
    pub notice: Option<&'static str>,
    pub streams: Streams,
    pub traffic: Arc<Traffic>,
    /// Cancelled when the process has been asked to stop.
    pub stopping: CancellationToken,
    /// Cancelled when a successor may be waiting for us to be done; ends what would not end by itself soon.
    pub closing: CancellationToken,
}

impl std::ops::Deref for Service {
    type Target = ServiceParts;

    fn deref(&self) -> &ServiceParts {
        &self.0
    }
}

impl Service {
    /// A call with its recordings, found by any of its legs.
    async fn record(&self, key: &CallKey) -> Result<CallRecord, Problem> {
        let parent = match self.catalog.find_call(key).await? {
            None if self.recordings.find(key).await? => self.catalog.find_call(key).await?,
            parent => parent,
        };
        let parent = parent.ok_or(Problem::NoSuchCall)?;
        self.catalog.load_call(&parent).await?.ok_or(Problem::NoSuchCall)
    }

    async fn jobs_of(&self, audio: &AudioKey) -> Result<Vec<JobRecord>, Problem> {
        Ok(self.job_store.jobs_of(audio).await?)
    }
}

pub(crate) fn service(parts: ServiceParts) -> Service {
    Service(Arc::new(parts))
}

impl Service {
    /// What can be answered without waiting for anything is; `None` leaves it to the router.
    pub(crate) fn answer_at_once<B>(&self, request: &Request<B>) -> Option<Response> {
        hot::answer(self, request)
    }
}

/// Every route there is.
fn table() -> Router<Service> {
    Router::new()
        .route(hot::PLAY, get(play::play))
        .route(hot::STREAM, get(play::play))
        .route("/api/recordings/{call_sid}/prepare", post(recordings::prepare))
        .route("/api/recordings/{call_sid}/link", post(links::sign))
        .route("/api/recordings/{call_sid}/status", get(recordings::status))
        .route("/api/recordings/{call_sid}/events", get(events::events))
        .route("/api/recordings/{call_sid}/waveform", get(waveform::waveform))
        .route("/api/calls", get(calls::list))
        .route("/api/calls/{call_sid}", get(calls::show))
        .route("/api/calls/{call_sid}/download", get(play::download))
        .route("/api/calls/{call_sid}/transcript", get(transcripts::read).put(transcripts::correct))
        .route("/api/calls/{call_sid}/transcript.json", get(transcripts::read))
        .route("/api/calls/{call_sid}/transcript.vtt", get(transcripts::read))
        .route("/api/calls/{call_sid}/transcript.srt", get(transcripts::read))
        .route("/api/calls/{call_sid}/transcript.txt", get(transcripts::read))
        .route("/api/appointments", get(appointments::list))
        .route("/api/appointments/{id}", patch(appointments::change))
        .route("/api/calendars", get(appointments::calendars).post(appointments::add_calendar))
        .route("/api/calendars/{id}", delete(appointments::remove_calendar))
        .route("/api/session", get(session::show).post(session::sign_in).delete(session::sign_out))
        .route("/webhooks/twilio/recording-status", post(webhooks::receive))
        .route("/webhooks/twilio/call-status", post(webhooks::receive))
        .route("/debug/actors", get(debug::actors))
        .route("/debug/actors/{call_sid}", get(debug::call::show))
        .route("/debug/actors/{call_sid}/retry", post(debug::call::retry))
        .route("/debug/actors/{call_sid}/evict", post(debug::call::evict))
        .route("/debug/events", get(debug::events::events))
        .route("/debug/jobs", get(debug::jobs::list))
        .route("/debug/jobs/{id}", get(debug::jobs::show))
        .route("/debug/jobs/{id}/retry", post(debug::jobs::retry))
        .route("/debug/jobs/{id}/cancel", post(debug::jobs::cancel))
        .route("/livez", get(health::live))
        .route("/readyz", get(health::ready))
        .route("/metrics", get(metrics::scrape))
        .merge(pages())
}

pub(crate) fn router(service: Service) -> Router {
    let routes = table()
        .route_layer(axum::middleware::from_fn_with_state(service.clone(), bodies::gather))
        .fallback(async || Problem::NoSuchPage)
        .method_not_allowed_fallback(async || Problem::MethodNotAllowed)
        .layer(CatchPanicLayer::custom(|_| Problem::Internal.into_response()))
        .layer(no_referrer())
        .layer(axum::middleware::from_fn(log::note_route))
        .with_state(service.clone());
    // Outside of the routes: within, the refusal of a method does not say yet which ones there are.
    Router::new()
        .fallback_service(routes)
        .layer(axum::middleware::from_fn_with_state(service.clone(), cors::share))
        .layer(axum::middleware::from_fn_with_state(service, log::record))
}

/// What browsers load once, compressed.
fn pages() -> Router<Service> {
    Router::new()
        .route("/", get(web::page))
        .route("/web/{asset}", get(web::asset))
        .route("/openapi.json", get(openapi::document))
        .route("/docs", get(openapi::docs))
        .layer(CompressionLayer::new())
}

/// What somebody hears for whom there is no connection.
pub(crate) fn refusal() -> Response {
    Problem::Overloaded.into_response()
}

/// Where a page goes from here is not told the URL it was on, which may hold a signed link.
const NO_REFERRER: HeaderValue = HeaderValue::from_static("no-referrer");

fn no_referrer() -> SetResponseHeaderLayer<HeaderValue> {
    SetResponseHeaderLayer::overriding(header::REFERRER_POLICY, NO_REFERRER)
}

/// How every time leaves this service.
fn rfc3339(at: Timestamp) -> String {
    jiff::Timestamp::from_millisecond(at.as_millis()).map(|at| at.to_string()).unwrap_or_default()
}

/// How every time comes in: as they leave, or with any other offset.
fn time(text: &str) -> Option<Timestamp> {
    let at: jiff::Timestamp = text.parse().ok()?;
    Some(Timestamp::from_millis(at.as_millisecond()))
}
