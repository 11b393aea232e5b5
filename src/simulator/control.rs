//! `/simulator/…`: the simulator's own routes, so that it can be driven with curl. Unguarded: for one's own machine.

use std::collections::BTreeMap;

use actors::domain::{CallSid, RecordingSid};
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post, put};
use axum::{Json, Router};
use serde::Deserialize;
use serde_json::{Value, json};

use super::fault::{Behaviour, FaultPlan};
use super::openai::ProviderOutage;
use super::plan::{Announcement, PlanError, PlannedCall};
use super::speech::{self, Script};
use super::switchboard::{PlacedCall, Switchboard};
use super::webhooks::Delivered;
use super::{Exchange, rest};

pub(super) fn routes() -> Router<Exchange> {
    Router::new()
        .route("/simulator", get(overview))
        .route("/simulator/calls", post(place))
        .route("/simulator/calls/{call}/announcements", post(announce))
        .route("/simulator/recordings/{recording}/behaviour", put(set_behaviour))
        .route("/simulator/outage", put(set_outage))
        .route("/simulator/provider-outage", put(set_provider_outage))
}

/// A scripted call by name, or one's own.
#[derive(Deserialize)]
#[serde(untagged)]
enum Wish {
    Scripted { script: String },
    Custom(Box<PlannedCall>),
}

async fn overview(State(exchange): State<Exchange>) -> Json<Value> {
    let board = &exchange.board;
    let known = board.known();
    let calls = known.calls.values().map(|call| {
        let mut shown = rest::call_json(call);
        shown["lookups"] = call.lookups.into();
        shown
    });
    let recordings = known.recordings.values().map(|recording| {
        let mut shown = rest::recording_json(recording, &board.url);
        shown["counters"] = json!(recording.tally.counters());
        shown["requests"] = json!(recording.tally.requests());
        shown
    });
    let scripts: BTreeMap<&str, Value> = speech::scripts().iter().map(described).collect();
    Json(json!({
        "url": board.url,
        "accounts": board.accounts.iter().map(|it| it.sid.to_string()).collect::<Vec<_>>(),
        "calls": calls.collect::<Vec<_>>(),
        "recordings": recordings.collect::<Vec<_>>(),
        "totals": board.totals.counters(),
        "outage": known.outage,
        "provider": exchange.provider.counters(),
        "provider_outage": exchange.provider.outage(),
        "scripts": scripts,
    }))
}

fn described(script: &Script) -> (&str, Value) {
    (&script.name, json!({ "language": script.language, "turns": script.turns() }))
}

async fn place(
    State(exchange): State<Exchange>,
    Json(wish): Json<Wish>,
) -> Result<Response, PlanError> {
    let plan = match wish {
        Wish::Scripted { script } => {
            let script = speech::script(&script).ok_or(PlanError::UnknownScript(script))?;
            PlannedCall::scripted(script)
        }
        Wish::Custom(plan) => *plan,
    };
    let placed = exchange.place(&plan).await?;
    let delivered = exchange.announce(placed.call, &plan.announcements()).await;
    Ok((StatusCode::CREATED, Json(placed_json(&placed, &delivered))).into_response())
}

async fn announce(
    State(exchange): State<Exchange>,
    Path(call): Path<String>,
    Json(announcements): Json<Vec<Announcement>>,
) -> Response {
    let Some(call) = known_call(&exchange.board, &call) else { return not_found() };
    let delivered = exchange.announce(call, &announcements).await;
    Json(delivered_json(&delivered)).into_response()
}

async fn set_behaviour(
    State(exchange): State<Exchange>,
    Path(recording): Path<String>,
    Json(script): Json<Vec<Behaviour>>,
) -> Response {
    let mut known = exchange.board.known();
    let sid = recording.parse::<RecordingSid>().ok();
    match sid.and_then(|sid| known.recordings.get_mut(&sid)) {
        Some(recording) => {
            recording.plan = FaultPlan::new(script);
            StatusCode::NO_CONTENT.into_response()
        }
        None => not_found(),
    }
}

async fn set_outage(
    State(exchange): State<Exchange>,
    Json(outage): Json<Option<Behaviour>>,
) -> StatusCode {
    exchange.board.known().outage = outage;
    StatusCode::NO_CONTENT
}

async fn set_provider_outage(
    State(exchange): State<Exchange>,
    Json(outage): Json<Option<ProviderOutage>>,
) -> StatusCode {
    exchange.provider.set_outage(outage);
    StatusCode::NO_CONTENT
}

fn known_call(board: &Switchboard, text: &str) -> Option<CallSid> {
    let call = text.parse().ok()?;
    board.known().calls.contains_key(&call).then_some(call)
}

fn placed_json(placed: &PlacedCall, delivered: &[Delivered]) -> Value {
    json!({
        "call": placed.call.to_string(),
        "child_leg": placed.child_leg.map(|sid| sid.to_string()),
        "recordings": placed.recordings.iter().map(ToString::to_string).collect::<Vec<_>>(),
        "webhooks": delivered_json(delivered),
    })
}

fn delivered_json(delivered: &[Delivered]) -> Value {
    let one =
        |it: &Delivered| json!({ "url": it.url, "attempts": it.attempts, "status": it.status });
    delivered.iter().map(one).collect()
}

fn not_found() -> Response {
    (StatusCode::NOT_FOUND, Json(json!({ "error": "the simulator knows no such thing" })))
        .into_response()
}

impl IntoResponse for PlanError {
    fn into_response(self) -> Response {
        let status = match self {
            Self::CallExists(_) | Self::RecordingExists(_) => StatusCode::CONFLICT,
            Self::Full => StatusCode::INSUFFICIENT_STORAGE,
            Self::UnknownScript(_)
            | Self::UnknownAccount(_)
            | Self::UnknownCall(_)
            | Self::Channels(_)
            | Self::TooLarge(_)
            | Self::TooLong(_) => StatusCode::UNPROCESSABLE_ENTITY,
        };
        (status, Json(json!({ "error": self.to_string() }))).into_response()
    }
}
