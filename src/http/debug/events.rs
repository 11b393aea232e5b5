//! What happens among the actors, as server-sent events: state transitions, failures, crashes, restarts, the pool, and
//! how far everything is that is under way.

use std::convert::Infallible;
use std::future::pending;

use actors::{FetcherView, Happening, What};
use axum::extract::State;
use axum::response::Response;
use axum::response::sse::Event;
use futures_util::stream;
use serde_json::{Value, json};
use tokio::sync::broadcast::Receiver;
use tokio::sync::broadcast::error::RecvError;
use tokio::sync::watch;
use tokio::time::{Instant, sleep_until};

use super::moving::Moving;
use super::{fetcher, recording};
use crate::http::caller::Operator;
use crate::http::openapi::{refusals, words};
use crate::http::problem::Problem;
use crate::http::streams::{PACE, Place, end_of_life, respond};
use crate::http::{Service, rfc3339};

/// What happens among the actors, as server-sent events.
///
/// `state`, `stage`, `crash`, `ended` and `restarted` tell of one thing each, `pool` and `progress` how things stand,
/// and `lagged` how many were missed. The stream ends when the token expires, and after ten minutes at most.
#[utoipa::path(
    get, path = "/debug/events", tag = "debug",
    responses(
        (status = 200, description = "Events as they happen.", body = words::ActorsEvent, content_type = "text/event-stream"),
        refusals::ToWatcher,
    ),
)]
pub(in crate::http) async fn events(
    State(service): State<Service>,
    Operator(operator): Operator,
) -> Result<Response, Problem> {
    let mut pool = service.board.fetcher.clone();
    pool.mark_changed();
    let watching = Watching {
        place: service.streams.enter(format!("operator/{}", operator.subject))?,
        ends_at: end_of_life(&service, operator.expires_at),
        happenings: service.board.happenings(),
        pool_shown_at: None,
        pool: Some(pool),
        moving: Moving::default(),
        service,
    };
    Ok(respond(stream::unfold(watching, |mut watching| async move {
        let event = watching.next().await?;
        Some((Ok::<_, Infallible>(event), watching))
    })))
}

/// One operator who watches.
struct Watching {
    service: Service,
    happenings: Receiver<Happening>,
    pool: Option<watch::Receiver<FetcherView>>,
    pool_shown_at: Option<Instant>,
    moving: Moving,
    ends_at: Instant,
    #[expect(dead_code, reason = "held as long as the stream is open")]
    place: Place,
}

impl Watching {
    async fn next(&mut self) -> Option<Event> {
        let closing = self.service.closing.clone();
        tokio::select! {
            () = closing.cancelled() => None,
            () = sleep_until(self.ends_at) => None,
            happening = self.happenings.recv() => match happening {
                Ok(happening) => {
                    let (name, told) = told(&happening);
                    Event::default().event(name).json_data(told).ok()
                }
                Err(RecvError::Lagged(missed)) => {
                    Event::default().event("lagged").json_data(json!({ "missed": missed })).ok()
                }
                Err(RecvError::Closed) => None,
            },
            view = changed(&mut self.pool, self.pool_shown_at) => {
                self.pool_shown_at = Some(Instant::now());
                Event::default().event("pool").json_data(fetcher(&view)).ok()
            }
            moved = self.moving.changed(&self.service.board) => {
                Event::default().event("progress").json_data(moved).ok()
            }
        }
    }
}

/// The pool, when it has changed, at the streams' pace. Never, once it is not there any more.
async fn changed(
    pool: &mut Option<watch::Receiver<FetcherView>>,
    shown_at: Option<Instant>,
) -> FetcherView {
    if let Some(at) = shown_at {
        sleep_until(at + PACE).await;
    }
    if let Some(watched) = pool {
        if watched.changed().await.is_ok() {
            return watched.borrow_and_update().clone();
        }
        *pool = None;
    }
    pending().await
}

/// By its event's name.
pub(super) fn told(Happening { at, what }: &Happening) -> (&'static str, Value) {
    let (name, mut told) = match what {
        What::Changed { call, from, now } => (
            "state",
            json!({
                "business": call.business.as_str(),
                "call_sid": call.call.to_string(),
                "from": from.as_str(),
                "recording": recording(now, *at),
            }),
        ),
        What::Stage { call, recording, job, stage, state, attempt, error } => (
            "stage",
            json!({
                "business": call.business.as_str(),
                "call_sid": call.call.to_string(),
                "recording_sid": recording.to_string(),
                "job": job.0,
                "stage": stage.as_str(),
                "state": state,
                "attempt": attempt,
                "error": error,
            }),
        ),
        What::Crashed { call, count, error } => (
            "crash",
            json!({
                "business": call.business.as_str(),
                "call_sid": call.call.to_string(),
                "count": count,
                "error": error,
                "next": "started again when somebody asks",
            }),
        ),
        What::Ended { child, restarts, error } => (
            "ended",
            json!({ "actor": child, "restarts": restarts, "error": error, "next": "started again" }),
        ),
        What::Restarted { child } => ("restarted", json!({ "actor": child })),
    };
    told["at"] = Value::from(rfc3339(*at));
    (name, told)
}
